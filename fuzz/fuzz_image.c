/* Bytes as a picture: decoded, resized, converted, put into a tensor. */
#include "base/base.h"
#include "fuzz.h"
#include "ir/ir.h"
#include "linnet/io.h"

enum { SIDE = 9 };

static void use(const ln_image *image, ln_type type) {
  ln_error err = {LN_OK, ""};
  ln_image other = {0};
  float storage[SIDE * SIDE * 3];
  ln_tensor tensor = {.name = "picture", .type = type, .quant = &ln_quant_none, .data = storage};
  tensor.shape = tensor.signature = ln_shape_make(4, (const int32_t[]){1, SIDE, SIDE, 3});
  tensor.storage = LN_STORAGE_EXTERNAL;
  fuzz_check(ln_image_resize(image, 7, 5, &err, &other), &err);
  ln_image_free(&other);
  fuzz_check(ln_image_convert(image, image->channels == 1 ? 3 : 1, &err, &other), &err);
  ln_image_free(&other);
  if (ln_tensor_size(type, &tensor.shape, &tensor.bytes))
    fuzz_check(ln_image_to_tensor(image, NULL, &tensor, &err), &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const ln_type types[] = {LN_FLOAT32, LN_UINT8, LN_INT8};
  ln_error err = {LN_OK, ""};
  ln_image image = {0};
  const ln_status status = ln_image_decode(data, size, &err, &image);
  fuzz_check(status, &err);
  if (status == LN_OK && image.width < 2048 && image.height < 2048) use(&image, types[size % LN_COUNT(types)]);
  ln_image_free(&image);
  return 0;
}

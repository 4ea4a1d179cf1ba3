/* Pictures: each format decodes to the pixels that went in, cut files are refused, resizing and tensors are exact. */
#include <stdlib.h>

#include "ir/ir.h"
#include "linnet/io.h"
#include "support/unit.h"

#define DATA LN_TESTS_DIR "/io/data/"

static void put16(uint8_t *at, uint32_t value) {
  at[0] = (uint8_t)value;
  at[1] = (uint8_t)(value >> 8);
}

static void put32(uint8_t *at, uint32_t value) {
  put16(at, value & 0xffff);
  put16(at + 2, value >> 16);
}

/* A BMP of 3 x 2 pixels; a negative height says that rows go from the top. Pixel bytes count up from 0. */
static size_t make_bmp(int bits, int32_t height, uint8_t *out) {
  const uint32_t palette = bits == 8 ? 256 : 0, row = ((uint32_t)bits * 3 / 8 + 3) / 4 * 4;
  const uint32_t start = 54 + 4 * palette, size = start + 2 * row;
  memset(out, 0, size);
  memcpy(out, "BM", 2);
  put32(out + 2, size);
  put32(out + 10, start);
  put32(out + 14, 40);
  put32(out + 18, 3);
  put32(out + 22, (uint32_t)height);
  put16(out + 26, 1);
  put16(out + 28, (uint32_t)bits);
  for (uint32_t i = 0; i < palette; i++) put32(out + 54 + 4 * i, bits == 8 ? i * 0x010101 : 0);
  for (uint32_t i = 0; i < 2 * row; i++) out[start + i] = (uint8_t)i;
  return size;
}

static void reads_bmp(void **state) {
  (void)state;
  static const int bits[] = {8, 24, 32};
  for (int k = 0; k < 6; k++) {
    uint8_t file[2048];
    const int depth = bits[k / 2];
    const bool top_down = k % 2;
    const int row = (depth * 3 / 8 + 3) / 4 * 4;
    ln_image image;
    assert_int_equal(ln_image_decode(file, make_bmp(depth, top_down ? -2 : 2, file), NULL, &image), LN_OK);
    assert_int_equal(image.width, 3);
    assert_int_equal(image.height, 2);
    assert_int_equal(image.channels, depth == 8 ? 1 : 3);
    const int first = top_down ? 0 : row; /* byte of the upper left pixel */
    assert_int_equal(image.pixels[0], depth == 8 ? first : first + 2);
    if (depth > 8) assert_int_equal(image.pixels[2], first);
    ln_image_free(&image);
  }
}

static void refuses_broken_bmp(void **state) {
  (void)state;
  uint8_t file[2048];
  ln_image image;
  const size_t size = make_bmp(24, 2, file);
  for (size_t cut = 0; cut + 3 < size; cut++) { /* the last row's padding may be missing */
    uint8_t *copy = malloc(cut + 1);
    memcpy(copy, file, cut);
    assert_int_not_equal(ln_image_decode(copy, cut, NULL, &image), LN_OK);
    free(copy);
  }
  static const struct {
    int at;
    uint32_t value;
  } changes[] = {{18, 0}, {18, 0xffffffff}, {18, 0x7fffffff}, {22, 0x80000000},
                 {28, 4}, {30, 1},          {10, 0xffffffff}, {14, 12}};
  for (size_t i = 0; i < sizeof changes / sizeof changes[0]; i++) {
    make_bmp(24, 2, file);
    put32(file + changes[i].at, changes[i].value);
    assert_int_not_equal(ln_image_decode(file, size, NULL, &image), LN_OK);
  }
}

static bool built_with(const char *library) {
  for (int32_t i = 0; ln_io_library(i); i++) {
    if (strncmp(ln_io_library(i), library, strlen(library)) == 0) return true;
  }
  return false;
}

/* Skips to the next test unless the build can read the file; then its status must say so. */
static bool readable(const char *path, const char *library, ln_image *image) {
  const ln_status status = ln_image_read(path, NULL, image);
  if (!built_with(library)) assert_int_equal(status, LN_ERR_FEATURE);
  else assert_int_equal(status, LN_OK);
  return status == LN_OK;
}

static void reads_png(void **state) {
  (void)state;
  ln_image image;
  if (!readable(DATA "good-rgb.png", "libpng", &image)) return;
  assert_int_equal(image.width, 5);
  assert_int_equal(image.height, 4);
  assert_int_equal(image.channels, 3);
  for (int i = 0; i < 60; i++) assert_int_equal(image.pixels[i], 4 * i);
  ln_image_free(&image);
  assert_true(readable(DATA "good-gray.png", "libpng", &image));
  assert_int_equal(image.channels, 1);
  for (int i = 0; i < 20; i++) assert_int_equal(image.pixels[i], 12 * i);
  ln_image_free(&image);
  assert_true(readable(DATA "good-palette.png", "libpng", &image));
  assert_int_equal(image.channels, 3);
  ln_image_free(&image);
}

static void reads_jpeg(void **state) {
  (void)state;
  ln_image image;
  if (!readable(DATA "good-flat.jpg", "libjpeg", &image)) return;
  assert_int_equal(image.width, 24);
  assert_int_equal(image.height, 16);
  assert_in_range(image.pixels[0], 198, 203);
  assert_in_range(image.pixels[1], 38, 42);
  assert_in_range(image.pixels[2], 88, 92);
  ln_image_free(&image);
  assert_true(readable(DATA "good-gray.jpg", "libjpeg", &image));
  assert_int_equal(image.channels, 1);
  ln_image_free(&image);
}

static void survives_cut_files(void **state) {
  (void)state;
  static const char *const paths[] = {DATA "good-rgb.png", DATA "good-palette.png", DATA "good-flat.jpg"};
  for (int k = 0; k < 3; k++) {
    char *file;
    size_t size;
    assert_int_equal(ln_io_read(paths[k], NULL, &file, &size), LN_OK);
    for (size_t cut = 0; cut < size; cut += 3) {
      ln_image image;
      if (ln_image_decode(file, cut, NULL, &image) == LN_OK) ln_image_free(&image); /* JPEG fills what is missing */
    }
    ln_io_free(file);
  }
}

static void resizes_between_pixel_centres(void **state) {
  (void)state;
  uint8_t pixels[4] = {0, 100, 200, 40};
  const ln_image image = {2, 2, 1, pixels};
  ln_image out;
  assert_int_equal(ln_image_resize(&image, 4, 2, NULL, &out), LN_OK);
  assert_memory_equal(out.pixels, ((const uint8_t[]){0, 25, 75, 100, 200, 160, 80, 40}), 8);
  ln_image_free(&out);
  assert_int_equal(ln_image_resize(&image, 1, 1, NULL, &out), LN_OK);
  assert_int_equal(out.pixels[0], 85);
  ln_image_free(&out);
  assert_int_equal(ln_image_resize(&image, 2, 2, NULL, &out), LN_OK);
  assert_memory_equal(out.pixels, pixels, 4);
  ln_image_free(&out);
  assert_int_not_equal(ln_image_resize(&image, 0, 2, NULL, &out), LN_OK);
  assert_int_not_equal(ln_image_resize(&image, 1 << 20, 1, NULL, &out), LN_OK);
}

static void finds_layouts(void **state) {
  (void)state;
  ln_image_layout out;
  assert_int_equal(ln_image_layout_of((int32_t[]){1, 5, 7, 3}, 4, NULL, &out), LN_OK);
  assert_true(out.height == 5 && out.width == 7 && out.channels == 3 && !out.channels_first);
  assert_int_equal(ln_image_layout_of((int32_t[]){1, 3, 5, 7}, 4, NULL, &out), LN_OK);
  assert_true(out.height == 5 && out.width == 7 && out.channels == 3 && out.channels_first);
  assert_int_equal(ln_image_layout_of((int32_t[]){1, 28, 28}, 3, NULL, &out), LN_OK);
  assert_true(out.height == 28 && out.channels == 1);
  assert_int_equal(ln_image_layout_of((int32_t[]){-1, -1, -1, 3}, 4, NULL, &out), LN_OK);
  assert_true(out.height == 0 && out.width == 0 && out.channels == 3);
  assert_int_not_equal(ln_image_layout_of((int32_t[]){2, 5, 7, 3}, 4, NULL, &out), LN_OK);
  assert_int_not_equal(ln_image_layout_of((int32_t[]){1, 10}, 2, NULL, &out), LN_OK);
  assert_int_not_equal(ln_image_layout_of(NULL, 0, NULL, &out), LN_OK);
}

static void fills_tensors(void **state) {
  (void)state;
  uint8_t pixels[6] = {0, 128, 255, 10, 20, 30};
  const ln_image image = {2, 1, 3, pixels};
  float reals[6];
  int8_t bytes[6];
  ln_tensor tensor = {.name = "t", .type = LN_FLOAT32, .data = reals, .bytes = sizeof reals, .quant = &ln_quant_none};
  tensor.storage = LN_STORAGE_ARENA;
  tensor.shape = ln_shape_make(4, (int32_t[]){1, 1, 2, 3});
  assert_int_equal(ln_image_to_tensor(&image, NULL, &tensor, NULL), LN_OK);
  assert_true(reals[0] == -1.0f && reals[2] == 1.0f);
  const float mean = 0, std = 255;
  const ln_tensor_info info = {.size = sizeof info, .mean = &mean, .std = &std, .mean_count = 1, .std_count = 1};
  assert_int_equal(ln_image_to_tensor(&image, &info, &tensor, NULL), LN_OK);
  assert_true(reals[0] == 0.0f && reals[2] == 1.0f);
  tensor.shape = ln_shape_make(4, (int32_t[]){1, 3, 1, 2}); /* channels first */
  assert_int_equal(ln_image_to_tensor(&image, &info, &tensor, NULL), LN_OK);
  assert_true(reals[4] == 1.0f && reals[1] == 10.0f / 255.0f);

  tensor = (ln_tensor){.name = "t", .type = LN_INT8, .data = bytes, .bytes = 6, .quant = &ln_quant_none};
  tensor.storage = LN_STORAGE_ARENA;
  tensor.shape = ln_shape_make(4, (int32_t[]){1, 1, 2, 3});
  assert_int_equal(ln_image_to_tensor(&image, NULL, &tensor, NULL), LN_OK);
  assert_memory_equal(bytes, ((const int8_t[]){-128, 0, 127, -118, -108, -98}), 6);
  tensor.type = LN_INT32;
  assert_int_equal(ln_image_to_tensor(&image, NULL, &tensor, NULL), LN_ERR_TYPE);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(reads_bmp),          cmocka_unit_test(refuses_broken_bmp),
      cmocka_unit_test(reads_png),          cmocka_unit_test(reads_jpeg),
      cmocka_unit_test(survives_cut_files), cmocka_unit_test(resizes_between_pixel_centres),
      cmocka_unit_test(finds_layouts),      cmocka_unit_test(fills_tensors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

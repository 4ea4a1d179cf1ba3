/* Bytes as the options of a Select-TF operator: the vector, the NodeDef in it, every accessor, and the printed form. */
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "ir/nodedef.h"

static void check_within(const uint8_t *data, size_t size, const char *text, size_t length) {
  const uint8_t *start = (const uint8_t *)text;
  if (start < data || start > data + size || length > size - (size_t)(start - data)) abort();
}

static void read_lists(const ln_nodedef *def, const char *key) {
  int64_t ints[4];
  float floats[4];
  ln_type types[4];
  ln_shape shapes[4];
  bool ranked[4];
  int32_t count = 0;
  if (ln_nodedef_ints(def, key, ints, 4, &count) && count < 0) abort();
  if (ln_nodedef_floats(def, key, floats, 4, &count) && count < 0) abort();
  if (ln_nodedef_types(def, key, types, 4, &count) && count < 0) abort();
  if (!ln_nodedef_shapes(def, key, shapes, ranked, 4, &count)) return;
  for (int32_t i = 0; i < count && i < 4; ++i) {
    if (shapes[i].rank > LN_MAX_RANK) abort();
  }
}

static void read_tensor(const ln_nodedef *def, const char *key, const uint8_t *data, size_t size) {
  ln_nodedef_tensor tensor;
  const char *text;
  size_t bytes, length;
  if (!ln_nodedef_get_tensor(def, key, &tensor)) return;
  if (ln_nodedef_tensor_string(&tensor, 3, &text, &length)) check_within(data, size, text, length);
  if (!ln_tensor_size(tensor.type, &tensor.shape, &bytes) || bytes > 1 << 16) return;
  void *numbers = malloc(bytes + 1);
  if (numbers != NULL) ln_nodedef_tensor_numbers(&tensor, numbers, bytes);
  free(numbers);
}

static void read_key(const ln_nodedef *def, const char *key, const uint8_t *data, size_t size) {
  int64_t integer;
  float real;
  bool truth;
  ln_type type;
  ln_shape shape;
  const char *text;
  size_t length;
  int32_t count;
  ln_nodedef_int(def, key, &integer);
  ln_nodedef_float(def, key, &real);
  ln_nodedef_bool(def, key, &truth);
  if (ln_nodedef_type(def, key, &type) && (int)type >= LN_TYPE_COUNT) abort();
  if (ln_nodedef_shape(def, key, &shape, &truth) && shape.rank > LN_MAX_RANK) abort();
  if (ln_nodedef_string(def, key, &text, &length)) check_within(data, size, text, length);
  if (ln_nodedef_func(def, key, &text, &length)) check_within(data, size, text, length);
  if (ln_nodedef_strings(def, key, &count) && count > 0) {
    if (!ln_nodedef_string_at(def, key, count - 1, &text, &length)) abort();
    check_within(data, size, text, length);
  }
  read_lists(def, key);
  read_tensor(def, key, data, size);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const char *const keys[] = {"",          "T",      "n",      "strides", "padding", "shape",
                                     "any_shape", "shapes", "dtype",  "body",    "value",   "words",
                                     "names",     "dtypes", "scales", "cond",    "fill"};
  ln_nodedef def;
  char small[16], large[1024];
  if (!ln_nodedef_open(data, size, &def)) return 0;
  check_within(data, size, def.op, def.op_length);
  for (size_t i = 0; i < LN_COUNT(keys); ++i) read_key(&def, keys[i], data, size);
  const size_t length = ln_nodedef_format(&def, small, sizeof small);
  if (memchr(small, 0, sizeof small) == NULL || ln_nodedef_format(&def, large, sizeof large) != length) abort();
  return 0;
}

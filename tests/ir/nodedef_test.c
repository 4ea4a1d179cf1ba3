/* NodeDef: what TensorFlow's converter wrote is read back, and no damage to it is believed. */
#include "ir/nodedef.h"
#include "support/unit.h"

/* Made with TensorFlow's own message classes: an attribute of each kind, its values those that the tests ask for. */
static const uint8_t bytes[] = {
    0x06, 0x53, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x00, 0x9a, 0x01, 0x0a, 0x08, 0x61, 0x2f, 0x73, 0x61, 0x6d, 0x70, 0x6c,
    0x65, 0x12, 0x06, 0x53, 0x61, 0x6d, 0x70, 0x6c, 0x65, 0x1a, 0x03, 0x78, 0x3a, 0x30, 0x2a, 0x07, 0x0a, 0x01, 0x54,
    0x12, 0x02, 0x30, 0x01, 0x2a, 0x0e, 0x0a, 0x05, 0x61, 0x6c, 0x70, 0x68, 0x61, 0x12, 0x05, 0x25, 0x00, 0x00, 0x80,
    0x3e, 0x2a, 0x11, 0x0a, 0x09, 0x61, 0x6e, 0x79, 0x5f, 0x73, 0x68, 0x61, 0x70, 0x65, 0x12, 0x04, 0x3a, 0x02, 0x18,
    0x01, 0x2a, 0x19, 0x0a, 0x04, 0x62, 0x6f, 0x64, 0x79, 0x12, 0x11, 0x52, 0x0f, 0x0a, 0x04, 0x6c, 0x6f, 0x6f, 0x70,
    0x12, 0x07, 0x0a, 0x01, 0x54, 0x12, 0x02, 0x30, 0x01, 0x2a, 0x10, 0x0a, 0x06, 0x64, 0x74, 0x79, 0x70, 0x65, 0x73,
    0x12, 0x06, 0x0a, 0x04, 0x32, 0x02, 0x09, 0x07, 0x2a, 0x0b, 0x0a, 0x05, 0x65, 0x6d, 0x70, 0x74, 0x79, 0x12, 0x02,
    0x0a, 0x00, 0x2a, 0x18, 0x0a, 0x04, 0x66, 0x69, 0x6c, 0x6c, 0x12, 0x10, 0x42, 0x0e, 0x08, 0x01, 0x12, 0x04, 0x12,
    0x02, 0x08, 0x03, 0x2a, 0x04, 0x00, 0x00, 0xc0, 0x3f, 0x2a, 0x0f, 0x0a, 0x09, 0x6b, 0x65, 0x65, 0x70, 0x5f, 0x64,
    0x69, 0x6d, 0x73, 0x12, 0x02, 0x28, 0x01, 0x2a, 0x15, 0x0a, 0x05, 0x6e, 0x61, 0x6d, 0x65, 0x73, 0x12, 0x0c, 0x0a,
    0x0a, 0x12, 0x03, 0x6f, 0x6e, 0x65, 0x12, 0x03, 0x74, 0x77, 0x6f, 0x2a, 0x10, 0x0a, 0x01, 0x6e, 0x12, 0x0b, 0x18,
    0xfb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x2a, 0x11, 0x0a, 0x07, 0x70, 0x61, 0x64, 0x64, 0x69,
    0x6e, 0x67, 0x12, 0x06, 0x12, 0x04, 0x53, 0x41, 0x4d, 0x45, 0x2a, 0x16, 0x0a, 0x06, 0x73, 0x63, 0x61, 0x6c, 0x65,
    0x73, 0x12, 0x0c, 0x0a, 0x0a, 0x22, 0x08, 0x00, 0x00, 0x00, 0x3f, 0x00, 0x00, 0xc0, 0xbf, 0x2a, 0x16, 0x0a, 0x06,
    0x73, 0x68, 0x61, 0x70, 0x65, 0x73, 0x12, 0x0c, 0x0a, 0x0a, 0x3a, 0x04, 0x12, 0x02, 0x08, 0x04, 0x3a, 0x02, 0x18,
    0x01, 0x2a, 0x1e, 0x0a, 0x05, 0x73, 0x68, 0x61, 0x70, 0x65, 0x12, 0x15, 0x3a, 0x13, 0x12, 0x02, 0x08, 0x02, 0x12,
    0x0b, 0x08, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0x12, 0x00, 0x2a, 0x13, 0x0a, 0x07, 0x73,
    0x74, 0x72, 0x69, 0x64, 0x65, 0x73, 0x12, 0x08, 0x0a, 0x06, 0x1a, 0x04, 0x01, 0x02, 0x02, 0x01, 0x2a, 0x31, 0x0a,
    0x05, 0x76, 0x61, 0x6c, 0x75, 0x65, 0x12, 0x28, 0x42, 0x26, 0x08, 0x03, 0x12, 0x08, 0x12, 0x02, 0x08, 0x02, 0x12,
    0x02, 0x08, 0x03, 0x22, 0x18, 0x01, 0x00, 0x00, 0x00, 0x02, 0x00, 0x00, 0x00, 0x03, 0x00, 0x00, 0x00, 0x04, 0x00,
    0x00, 0x00, 0x05, 0x00, 0x00, 0x00, 0x06, 0x00, 0x00, 0x00, 0x2a, 0x1c, 0x0a, 0x05, 0x77, 0x6f, 0x72, 0x64, 0x73,
    0x12, 0x13, 0x42, 0x11, 0x08, 0x07, 0x12, 0x04, 0x12, 0x02, 0x08, 0x02, 0x42, 0x03, 0x79, 0x65, 0x73, 0x42, 0x02,
    0x6e, 0x6f, 0x00, 0x00, 0x02, 0x00, 0xa7, 0x01, 0xa0, 0x01, 0x14, 0x15, 0x06, 0x29, 0x01};

static ln_nodedef whole(void) {
  ln_nodedef def = {0};
  assert_true(ln_nodedef_open(bytes, sizeof bytes, &def));
  return def;
}

static void the_operator_is_named(void **state) {
  (void)state;
  const ln_nodedef def = whole();
  assert_int_equal(def.op_length, 6);
  assert_memory_equal(def.op, "Sample", 6);
}

static void scalars_are_found(void **state) {
  (void)state;
  const ln_nodedef def = whole();
  int64_t n = 0;
  float f = 0;
  bool b = false;
  ln_type type = LN_STRING;
  const char *text = NULL;
  size_t length = 0;
  assert_true(ln_nodedef_int(&def, "n", &n));
  assert_int_equal(n, -5);
  assert_true(ln_nodedef_float(&def, "alpha", &f));
  assert_true(f == 0.25f);
  assert_true(ln_nodedef_bool(&def, "keep_dims", &b));
  assert_true(b);
  assert_true(ln_nodedef_type(&def, "T", &type));
  assert_int_equal(type, LN_FLOAT32);
  assert_true(ln_nodedef_string(&def, "padding", &text, &length));
  assert_int_equal(length, 4);
  assert_memory_equal(text, "SAME", 4);
  assert_true(ln_nodedef_func(&def, "body", &text, &length));
  assert_int_equal(length, 4);
  assert_memory_equal(text, "loop", 4);
}

static void shapes_are_found(void **state) {
  (void)state;
  const ln_nodedef def = whole();
  ln_shape shape, shapes[2];
  bool ranked = false, each[2];
  int32_t count = 0;
  assert_true(ln_nodedef_shape(&def, "shape", &shape, &ranked));
  assert_true(ranked);
  assert_int_equal(shape.rank, 3);
  assert_int_equal(shape.dims[0], 2);
  assert_int_equal(shape.dims[1], -1);
  assert_int_equal(shape.dims[2], 0);
  assert_true(ln_nodedef_shape(&def, "any_shape", &shape, &ranked));
  assert_false(ranked);
  assert_true(ln_nodedef_shapes(&def, "shapes", shapes, each, 2, &count));
  assert_int_equal(count, 2);
  assert_int_equal(shapes[0].dims[0], 4);
  assert_false(each[1]);
}

static void lists_are_found(void **state) {
  (void)state;
  const ln_nodedef def = whole();
  int64_t ints[2] = {0};
  float floats[2] = {0};
  ln_type types[2];
  int32_t count = 0;
  const char *text = NULL;
  size_t length = 0;
  assert_true(ln_nodedef_ints(&def, "strides", ints, 2, &count));
  assert_int_equal(count, 4);
  assert_int_equal(ints[1], 2);
  assert_true(ln_nodedef_floats(&def, "scales", floats, 2, &count));
  assert_int_equal(count, 2);
  assert_true(floats[1] == -1.5f);
  assert_true(ln_nodedef_types(&def, "dtypes", types, 2, &count));
  assert_int_equal(count, 2);
  assert_int_equal(types[0], LN_INT64);
  assert_int_equal(types[1], LN_STRING);
  assert_true(ln_nodedef_strings(&def, "names", &count));
  assert_int_equal(count, 2);
  assert_true(ln_nodedef_string_at(&def, "names", 1, &text, &length));
  assert_memory_equal(text, "two", 3);
  assert_false(ln_nodedef_string_at(&def, "names", 2, &text, &length));
  assert_true(ln_nodedef_ints(&def, "empty", ints, 2, &count));
  assert_int_equal(count, 0);
}

static void constants_are_found(void **state) {
  (void)state;
  const ln_nodedef def = whole();
  ln_nodedef_tensor tensor;
  int32_t values[6] = {0};
  float repeated[3] = {0};
  const char *text = NULL;
  size_t length = 0;
  assert_true(ln_nodedef_get_tensor(&def, "value", &tensor));
  assert_int_equal(tensor.type, LN_INT32);
  assert_int_equal(tensor.shape.rank, 2);
  assert_true(ln_nodedef_tensor_numbers(&tensor, values, sizeof values));
  assert_int_equal(values[5], 6);
  assert_false(ln_nodedef_tensor_numbers(&tensor, values, 4 * sizeof *values));
  assert_true(ln_nodedef_get_tensor(&def, "fill", &tensor));
  assert_true(ln_nodedef_tensor_numbers(&tensor, repeated, sizeof repeated));
  assert_true(repeated[0] == 1.5f && repeated[2] == 1.5f);
  assert_true(ln_nodedef_get_tensor(&def, "words", &tensor));
  assert_int_equal(tensor.type, LN_STRING);
  assert_true(ln_nodedef_tensor_string(&tensor, 1, &text, &length));
  assert_int_equal(length, 2);
  assert_memory_equal(text, "no", 2);
}

static void absent_attributes_and_other_kinds_are_refused(void **state) {
  (void)state;
  const ln_nodedef def = whole();
  int64_t n = 7;
  int32_t count = 3;
  bool b = true;
  assert_false(ln_nodedef_has(&def, "absent"));
  assert_true(ln_nodedef_has(&def, "padding"));
  assert_false(ln_nodedef_int(&def, "absent", &n));
  assert_false(ln_nodedef_int(&def, "padding", &n));
  assert_false(ln_nodedef_ints(&def, "n", &n, 1, &count));
  assert_false(ln_nodedef_bool(&def, "n", &b));
  assert_int_equal(n, 7);
  assert_int_equal(count, 3);
}

static void it_prints(void **state) {
  (void)state;
  const ln_nodedef def = whole();
  char text[1024];
  const size_t length = ln_nodedef_format(&def, text, sizeof text);
  assert_int_equal(length, strlen(text));
  assert_non_null(strstr(text, "strides=[1, 2, 2, 1]"));
  assert_non_null(strstr(text, "padding=\"SAME\""));
  assert_non_null(strstr(text, "T=float32"));
  assert_int_equal(ln_nodedef_format(&def, text, 10), length);
  assert_int_equal(strlen(text), 9);
}

static void read_everything(const uint8_t *data, size_t size) {
  static const char *const keys[] = {"n",     "alpha",     "keep_dims", "T",       "padding", "body",
                                     "shape", "any_shape", "shapes",    "strides", "scales",  "dtypes",
                                     "names", "empty",     "value",     "fill",    "words"};
  ln_nodedef def;
  if (!ln_nodedef_open(data, size, &def)) return;
  char text[256];
  ln_nodedef_format(&def, text, sizeof text);
  for (size_t i = 0; i < LN_COUNT(keys); ++i) {
    int64_t ints[2];
    float floats[2];
    ln_type types[2];
    ln_shape shapes[2];
    bool truths[2];
    int32_t count;
    size_t length, numbers_bytes;
    const char *string;
    ln_nodedef_tensor tensor;
    ln_nodedef_int(&def, keys[i], ints);
    ln_nodedef_float(&def, keys[i], floats);
    ln_nodedef_bool(&def, keys[i], truths);
    ln_nodedef_type(&def, keys[i], types);
    ln_nodedef_shape(&def, keys[i], shapes, truths);
    ln_nodedef_ints(&def, keys[i], ints, 2, &count);
    ln_nodedef_floats(&def, keys[i], floats, 2, &count);
    ln_nodedef_types(&def, keys[i], types, 2, &count);
    ln_nodedef_shapes(&def, keys[i], shapes, truths, 2, &count);
    if (ln_nodedef_string(&def, keys[i], &string, &length) ||
        ln_nodedef_string_at(&def, keys[i], 1, &string, &length)) {
      assert_true((const uint8_t *)string >= data && length <= size);
    }
    if (!ln_nodedef_get_tensor(&def, keys[i], &tensor)) continue;
    ln_nodedef_tensor_string(&tensor, 1, &string, &length);
    if (!ln_tensor_size(tensor.type, &tensor.shape, &numbers_bytes) || numbers_bytes > 4096) continue;
    void *numbers = ln_alloc(numbers_bytes); /* of its own, so that a sanitizer sees a byte too far */
    assert_non_null(numbers);
    ln_nodedef_tensor_numbers(&tensor, numbers, numbers_bytes);
    ln_free(numbers);
  }
}

static void damage_is_harmless(void **state) {
  (void)state;
  for (size_t size = 0; size <= sizeof bytes; ++size) {
    uint8_t *copy = ln_alloc(sizeof bytes);
    assert_non_null(copy);
    memcpy(copy, bytes, sizeof bytes);
    read_everything(copy + (sizeof bytes - size), size);
    read_everything(copy, size);
    for (int value = 0; value < 256 && size < sizeof bytes; value += value < 8 ? 1 : 13) {
      copy[size] = (uint8_t)value;
      read_everything(copy, sizeof bytes);
    }
    ln_free(copy);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(the_operator_is_named),
      cmocka_unit_test(scalars_are_found),
      cmocka_unit_test(shapes_are_found),
      cmocka_unit_test(lists_are_found),
      cmocka_unit_test(constants_are_found),
      cmocka_unit_test(absent_attributes_and_other_kinds_are_refused),
      cmocka_unit_test(it_prints),
      cmocka_unit_test(damage_is_harmless),
  };
  return cmocka_run_group_tests_name("ir.nodedef", tests, NULL, NULL);
}

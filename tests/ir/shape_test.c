/* Shapes: counting, broadcasting, printing; and what tensors take in memory. */
#include "ir/ir.h"
#include "support/unit.h"

#define SHAPE(...) ln_shape_make((int32_t)LN_COUNT(((int32_t[]){__VA_ARGS__})), (int32_t[]){__VA_ARGS__})

static void elements_are_counted_or_refused(void **state) {
  (void)state;
  size_t n = 0;
  ln_shape shape = SHAPE(2, 3, 4);
  assert_true(ln_shape_elements(&shape, &n));
  assert_int_equal(n, 24);
  assert_int_equal(ln_shape_span(&shape, 1, 3), 12);
  assert_int_equal(ln_shape_span(&shape, 1, 1), 1);
  shape = SHAPE(2, -1);
  assert_false(ln_shape_known(&shape));
  assert_false(ln_shape_elements(&shape, &n));
  shape = SHAPE(INT32_MAX, INT32_MAX, INT32_MAX);
  assert_false(ln_shape_elements(&shape, &n));
}

static void broadcast(void **state) {
  (void)state;
  const struct {
    ln_shape a, b, want;
    bool fits;
  } cases[] = {
      {SHAPE(2, 3), SHAPE(2, 3), SHAPE(2, 3), true},
      {SHAPE(4, 1, 3), SHAPE(5, 1), SHAPE(4, 5, 3), true},
      {SHAPE(1), SHAPE(7, 2), SHAPE(7, 2), true},
      {{0}, SHAPE(3), SHAPE(3), true},
      {SHAPE(0, 1), SHAPE(1, 4), SHAPE(0, 4), true},
      {SHAPE(2), SHAPE(3), {0}, false},
      {SHAPE(0), SHAPE(3), {0}, false},
  };
  for (size_t i = 0; i < LN_COUNT(cases); ++i) {
    ln_shape out = {0};
    assert_int_equal(ln_shape_broadcast(&cases[i].a, &cases[i].b, &out), cases[i].fits);
    if (cases[i].fits) assert_true(ln_shape_equal(&out, &cases[i].want));
    assert_int_equal(ln_shape_broadcast(&cases[i].b, &cases[i].a, &out), cases[i].fits);
  }
}

static void shapes_print(void **state) {
  (void)state;
  char text[64];
  const ln_shape shape = SHAPE(1, 224, -1, 3);
  const ln_shape scalar = {0};
  assert_string_equal(ln_shape_format(&shape, text, sizeof text), "[1, 224, ?, 3]");
  assert_string_equal(ln_shape_format(&scalar, text, sizeof text), "[]");
  assert_int_equal(strlen(ln_shape_format(&shape, text, 6)), 5);
}

static void tensor_sizes(void **state) {
  (void)state;
  size_t bytes = 0;
  const ln_shape seven = SHAPE(7);
  const ln_shape huge = SHAPE(INT32_MAX, INT32_MAX, 2);
  assert_true(ln_tensor_size(LN_FLOAT32, &seven, &bytes));
  assert_int_equal(bytes, 28);
  assert_true(ln_tensor_size(LN_INT4, &seven, &bytes));
  assert_int_equal(bytes, 4);
  assert_true(ln_tensor_size(LN_INT2, &seven, &bytes));
  assert_int_equal(bytes, 2);
  assert_false(ln_tensor_size(LN_STRING, &seven, &bytes));
  assert_false(ln_tensor_size((ln_type)99, &seven, &bytes));
  assert_false(ln_tensor_size((ln_type)-1, &seven, &bytes));
  assert_false(ln_tensor_size(LN_COMPLEX128, &huge, &bytes));
  assert_string_equal(ln_type_name((ln_type)99), "unknown");
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(elements_are_counted_or_refused),
      cmocka_unit_test(broadcast),
      cmocka_unit_test(shapes_print),
      cmocka_unit_test(tensor_sizes),
  };
  return cmocka_run_group_tests_name("ir.shape", tests, NULL, NULL);
}

/* Size arithmetic: right where it fits, refused where it does not, and then without touching the result. */
#include "base/base.h"
#include "support/unit.h"

static void mul_and_add_refuse_overflow(void **state) {
  (void)state;
  size_t out = 7;
  assert_true(ln_size_mul(6, 7, &out));
  assert_int_equal(out, 42);
  assert_true(ln_size_mul(0, SIZE_MAX, &out));
  assert_int_equal(out, 0);
  out = 7;
  assert_false(ln_size_mul(SIZE_MAX / 2 + 1, 2, &out));
  assert_false(ln_size_add(SIZE_MAX, 1, &out));
  assert_int_equal(out, 7);
  assert_true(ln_size_add(SIZE_MAX - 1, 1, &out));
  assert_true(out == SIZE_MAX);
}

static void product_refuses_negative_and_huge(void **state) {
  (void)state;
  size_t out = 7;
  assert_true(ln_size_product((int32_t[]){2, 3, 4}, 3, &out));
  assert_int_equal(out, 24);
  assert_true(ln_size_product(NULL, 0, &out));
  assert_int_equal(out, 1);
  assert_true(ln_size_product((int32_t[]){0, 5}, 2, &out));
  assert_int_equal(out, 0);
  out = 7;
  assert_false(ln_size_product((int32_t[]){2, -1}, 2, &out));
  assert_false(ln_size_product((int32_t[]){INT32_MAX, INT32_MAX, 4}, 3, &out));
  assert_false(ln_size_product((int32_t[]){0, INT32_MAX, INT32_MAX, INT32_MAX}, 4, &out));
  assert_int_equal(out, 7);
}

static void align_rounds_up(void **state) {
  (void)state;
  size_t out = 7;
  assert_true(ln_size_align(0, 64, &out));
  assert_int_equal(out, 0);
  assert_true(ln_size_align(65, 64, &out));
  assert_int_equal(out, 128);
  assert_false(ln_size_align(SIZE_MAX - 3, 64, &out));
  assert_int_equal(out, 128);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mul_and_add_refuse_overflow),
      cmocka_unit_test(product_refuses_negative_and_huge),
      cmocka_unit_test(align_rounds_up),
  };
  return cmocka_run_group_tests_name("base.size", tests, NULL, NULL);
}

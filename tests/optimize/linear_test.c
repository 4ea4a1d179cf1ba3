/* Linear algebra against its definitions: products with an inverse, equations put back in, moments summed one by one.
 */
#include "optimize/linear.h"

#include <math.h>

#include "support/unit.h"

enum { N = 37, SAMPLES = 101 };

static float number(uint32_t *seed) {
  *seed = *seed * 1664525u + 1013904223u;
  return (float)(*seed >> 8) / (float)(1 << 23) - 1.0f;
}

static void fill(float *rows, int32_t count) {
  uint32_t seed = 7;
  for (int32_t i = 0; i < count; ++i) rows[i] = number(&seed);
}

static void moments_are_sums_of_products(void **state) {
  (void)state;
  static float rows[SAMPLES * N];
  static double h[N * N];
  memset(h, 0, sizeof h);
  fill(rows, SAMPLES * N);
  ln_linear_add_moments(h, N, rows, SAMPLES);
  ln_linear_mirror(h, N);
  for (int32_t i = 0; i < N; ++i)
    for (int32_t j = 0; j < N; ++j) {
      double sum = 0;
      for (int32_t r = 0; r < SAMPLES; ++r) sum += (double)rows[r * N + i] * (double)rows[r * N + j];
      assert_true(fabs(sum - h[i * N + j]) < 1e-4);
    }
  static double c[3 * N];
  memset(c, 0, sizeof c);
  ln_linear_add_products(c, rows, 3, rows + 3 * 9, N, 9);
  double sum = 0;
  for (int32_t r = 0; r < 9; ++r) sum += (double)rows[r * 3 + 2] * (double)rows[27 + r * N + 5];
  assert_true(fabs(sum - c[2 * N + 5]) < 1e-5);
}

static void inverse_times_matrix_is_one(void **state) {
  (void)state;
  static float rows[SAMPLES * N];
  static double h[N * N], inverse[N * N];
  memset(h, 0, sizeof h);
  fill(rows, SAMPLES * N);
  ln_linear_add_moments(h, N, rows, SAMPLES);
  memcpy(inverse, h, sizeof h);
  assert_int_equal(ln_linear_inverse(inverse, N, 0, NULL), LN_OK);
  ln_linear_mirror(h, N);
  for (int32_t i = 0; i < N; ++i)
    for (int32_t j = 0; j < N; ++j) {
      double sum = 0;
      for (int32_t k = 0; k < N; ++k) sum += h[i * N + k] * inverse[k * N + j];
      assert_true(fabs(sum - (i == j)) < 1e-9);
    }
}

static void solutions_fit_their_equations(void **state) {
  (void)state;
  static float rows[SAMPLES * N];
  static double h[N * N], b[2 * N];
  memset(h, 0, sizeof h);
  fill(rows, SAMPLES * N);
  ln_linear_add_moments(h, N, rows, SAMPLES);
  for (int32_t i = 0; i < 2 * N; ++i) b[i] = i % 5 - 2;
  assert_int_equal(ln_linear_solve_damped(h, N, 0.1, b, 2, NULL), LN_OK);
  ln_linear_mirror(h, N);
  const double added = 0.1 * ln_linear_mean_diagonal(h, N);
  for (int32_t r = 0; r < 2; ++r)
    for (int32_t i = 0; i < N; ++i) {
      double sum = added * b[r * N + i];
      for (int32_t k = 0; k < N; ++k) sum += h[i * N + k] * b[r * N + k];
      assert_true(fabs(sum - ((r * N + i) % 5 - 2)) < 1e-9);
    }
}

/* Two inputs that are always alike, and one that is always zero: still an answer; numbers that are none: refused. */
static void poor_matrices_are_damped_or_refused(void **state) {
  (void)state;
  double alike[] = {4, 4, 0, 4, 4, 0, 0, 0, 0};
  assert_int_equal(ln_linear_inverse(alike, 3, 0, NULL), LN_OK);
  for (int32_t i = 0; i < 9; ++i) assert_true(isfinite(alike[i]));
  double bad[] = {1, 0, NAN, 1};
  assert_int_equal(ln_linear_inverse(bad, 2, 0.01, NULL), LN_ERR_DATA);
  double not_definite[] = {1, 2, 2, 1};
  assert_false(ln_linear_cholesky(not_definite, 2));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(moments_are_sums_of_products), cmocka_unit_test(inverse_times_matrix_is_one),
      cmocka_unit_test(solutions_fit_their_equations), cmocka_unit_test(poor_matrices_are_damped_or_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Singular values against matrices made of known ones. */
#include "optimize/svd.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/unit.h"

static double noise(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return (double)(int64_t)(*state >> 11) / 4503599627370496.0 - 1;
}

/* Rows made orthonormal one after another. */
static void make_orthonormal(double *q, int32_t rows, int32_t columns, uint64_t *seed) {
  for (int32_t r = 0; r < rows; ++r) {
    double *row = q + r * columns;
    for (int32_t c = 0; c < columns; ++c) row[c] = noise(seed);
    for (int32_t turn = 0; turn < 2; ++turn) {
      for (int32_t p = 0; p < r; ++p) {
        double by = 0;
        for (int32_t c = 0; c < columns; ++c) by += row[c] * q[p * columns + c];
        for (int32_t c = 0; c < columns; ++c) row[c] -= by * q[p * columns + c];
      }
    }
    double square = 0;
    for (int32_t c = 0; c < columns; ++c) square += row[c] * row[c];
    for (int32_t c = 0; c < columns; ++c) row[c] /= sqrt(square);
  }
}

static void check(int32_t rows, int32_t columns, const double *wanted) {
  const int32_t n = rows < columns ? rows : columns;
  uint64_t seed = 7;
  double *u = calloc((size_t)n * (size_t)rows, sizeof *u), *v = calloc((size_t)n * (size_t)columns, sizeof *v);
  double *a = calloc((size_t)rows * (size_t)columns, sizeof *a), *left = calloc((size_t)rows * (size_t)n, sizeof *left);
  double *values = calloc((size_t)n, sizeof *values);
  make_orthonormal(u, n, rows, &seed);
  make_orthonormal(v, n, columns, &seed);
  for (int32_t k = 0; k < n; ++k)
    for (int32_t r = 0; r < rows; ++r)
      for (int32_t c = 0; c < columns; ++c) a[r * columns + c] += wanted[k] * u[k * rows + r] * v[k * columns + c];
  assert_int_equal(ln_svd(a, rows, columns, NULL, values, left), LN_OK);
  for (int32_t k = 0; k < n; ++k) {
    assert_true(fabs(values[k] - wanted[k]) <= 1e-13 * wanted[0]);
    if (wanted[k] < 1e-6 * wanted[0]) continue;
    double same = 0, length = 0; /* vectors are alike but for the sign where values are apart */
    for (int32_t r = 0; r < rows; ++r) {
      same += left[r * n + k] * u[k * rows + r];
      length += left[r * n + k] * left[r * n + k];
    }
    assert_true(fabs(length - 1) < 1e-12);
    const bool apart =
        (k == 0 || wanted[k] < 0.999 * wanted[k - 1]) && (k + 1 == n || wanted[k + 1] < 0.999 * wanted[k]);
    if (apart) assert_true(fabs(fabs(same) - 1) < 1e-8);
  }
  free(u), free(v), free(a), free(left), free(values);
}

static void finds_known_values(void **state) {
  (void)state;
  double values[40];
  const int32_t shapes[][2] = {{1, 1}, {1, 9}, {9, 1}, {5, 5}, {12, 40}, {40, 12}, {33, 37}, {40, 40}};
  for (size_t i = 0; i < LN_COUNT(shapes); ++i) {
    for (int32_t k = 0; k < 40; ++k) values[k] = 100 * pow(0.7, k);
    check(shapes[i][0], shapes[i][1], values);
    for (int32_t k = 0; k < 40; ++k) values[k] = k < 3 ? 5 - k : 0; /* of rank 3 */
    check(shapes[i][0], shapes[i][1], values);
    for (int32_t k = 0; k < 40; ++k) values[k] = 2; /* all alike */
    check(shapes[i][0], shapes[i][1], values);
  }
}

static void refuses_what_is_not_finite(void **state) {
  (void)state;
  double a[4] = {1, 2, NAN, 4}, values[2], left[4];
  ln_error err = {LN_OK, ""};
  assert_int_equal(ln_svd(a, 2, 2, &err, values, left), LN_ERR_DATA);
  assert_non_null(strstr(err.message, "finite"));
  a[2] = 0;
  for (long n = 1; n <= 4; ++n) {
    ln_alloc_fail_after(n);
    assert_int_equal(ln_svd(a, 2, 2, NULL, values, left), LN_ERR_MEMORY);
  }
  ln_alloc_fail_after(0);
  assert_int_equal(ln_svd(a, 2, 2, NULL, values, left), LN_OK);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(finds_known_values),
                                     cmocka_unit_test(refuses_what_is_not_finite)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

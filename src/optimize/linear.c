/* Moments, Cholesky's factors, inverses and damped least squares (Golub & Van Loan, "Matrix Computations", chapter 4).
 */
#include "optimize/linear.h"

#include <math.h>
#include <string.h>

enum { ROWS_AT_ONCE = 8, LANES = 8, TRIES = 12 };

/* ---- sums of products ---- */

/* to[j] += the sum over rows r of factor[r] * rows[r][j]. */
static void add_rows(double *to, const float *const rows[ROWS_AT_ONCE], const float factor[ROWS_AT_ONCE], int32_t n) {
  for (int32_t j = 0; j < n; ++j) {
    const float low = factor[0] * rows[0][j] + factor[1] * rows[1][j] + factor[2] * rows[2][j] + factor[3] * rows[3][j];
    const float high =
        factor[4] * rows[4][j] + factor[5] * rows[5][j] + factor[6] * rows[6][j] + factor[7] * rows[7][j];
    to[j] += (double)(low + high);
  }
}

/* Rows i of c get as many of their elements as `lower` says: i + 1, or all n. */
static void add_products(double *c, const float *a, int32_t m, const float *b, int32_t n, int64_t count, bool lower) {
  for (int64_t first = 0; first < count; first += ROWS_AT_ONCE) {
    const float *rows[ROWS_AT_ONCE], *lines[ROWS_AT_ONCE];
    const int64_t held = count - first < ROWS_AT_ONCE ? count - first : ROWS_AT_ONCE;
    for (int64_t r = 0; r < ROWS_AT_ONCE; ++r) {
      rows[r] = b + (first + (r < held ? r : 0)) * n;
      lines[r] = a + (first + (r < held ? r : 0)) * m;
    }
    for (int32_t i = 0; i < m; ++i) {
      float factor[ROWS_AT_ONCE] = {0};
      bool any = false;
      for (int64_t r = 0; r < held; ++r) any |= (factor[r] = lines[r][i]) != 0.0f;
      if (any) add_rows(c + (ptrdiff_t)i * n, rows, factor, lower ? i + 1 : n);
    }
  }
}

void ln_linear_add_moments(double *h, int32_t n, const float *rows, int64_t count) {
  add_products(h, rows, n, rows, n, count, true);
}

void ln_linear_add_products(double *c, const float *a, int32_t m, const float *b, int32_t n, int64_t count) {
  add_products(c, a, m, b, n, count, false);
}

/* In lanes, so that the compiler may use vectors without changing the order of a sum. */
static float dot_f32(const float *a, const float *b, int32_t n) {
  float sum[LANES] = {0}, all = 0;
  int32_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int32_t l = 0; l < LANES; ++l) sum[l] += a[i + l] * b[i + l];
  for (; i < n; ++i) all += a[i] * b[i];
  for (int32_t l = 0; l < LANES; ++l) all += sum[l];
  return all;
}

void ln_linear_apply(const float *x, int64_t count, int32_t columns, const float *w, const float *bias, int32_t rows,
                     float *y) {
  for (int64_t i = 0; i < count; ++i)
    for (int32_t r = 0; r < rows; ++r)
      y[i * rows + r] = bias[r] + dot_f32(x + i * columns, w + (ptrdiff_t)r * columns, columns);
}

void ln_linear_mirror(double *h, int32_t n) {
  for (int32_t i = 0; i < n; ++i)
    for (int32_t j = 0; j < i; ++j) h[(ptrdiff_t)j * n + i] = h[(ptrdiff_t)i * n + j];
}

double ln_linear_mean_diagonal(const double *h, int32_t n) {
  double sum = 0;
  for (int32_t i = 0; i < n; ++i) sum += h[(ptrdiff_t)i * n + i];
  return n > 0 ? sum / n : 0;
}

double ln_linear_dot(const double *a, const double *b, int32_t n) {
  double sum[LANES] = {0}, all = 0;
  int32_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int32_t l = 0; l < LANES; ++l) sum[l] += a[i + l] * b[i + l];
  for (; i < n; ++i) all += a[i] * b[i];
  for (int32_t l = 0; l < LANES; ++l) all += sum[l];
  return all;
}

static void add_scaled(double *to, const double *from, double factor, int32_t n) {
  for (int32_t i = 0; i < n; ++i) to[i] += factor * from[i];
}

/* ---- factors ---- */

bool ln_linear_cholesky(double *a, int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    double *row = a + (ptrdiff_t)i * n;
    for (int32_t j = 0; j < i; ++j) {
      const double *other = a + (ptrdiff_t)j * n;
      row[j] = (row[j] - ln_linear_dot(row, other, j)) / other[j];
    }
    const double left = row[i] - ln_linear_dot(row, row, i);
    if (!(left > row[i] * 1e-14) || !isfinite(left)) return false;
    row[i] = sqrt(left);
    memset(row + i + 1, 0, (size_t)(n - i - 1) * sizeof *row);
  }
  return true;
}

void ln_linear_solve(const double *l, int32_t n, double *b, int32_t count) {
  for (int32_t r = 0; r < count; ++r) {
    double *x = b + (ptrdiff_t)r * n;
    for (int32_t i = 0; i < n; ++i) x[i] = (x[i] - ln_linear_dot(l + (ptrdiff_t)i * n, x, i)) / l[(ptrdiff_t)i * n + i];
    for (int32_t i = n - 1; i >= 0; --i) {
      x[i] /= l[(ptrdiff_t)i * n + i];
      add_scaled(x, l + (ptrdiff_t)i * n, -x[i], i);
    }
  }
}

/* L becomes its own inverse, row by row: what a row needs of the rows above is inverted already. */
static void invert_lower(double *l, int32_t n, double *line) {
  for (int32_t i = 0; i < n; ++i) {
    double *row = l + (ptrdiff_t)i * n;
    memset(line, 0, (size_t)n * sizeof *line);
    for (int32_t k = 0; k < i; ++k) add_scaled(line, l + (ptrdiff_t)k * n, -row[k], k + 1);
    const double scale = 1 / row[i];
    for (int32_t j = 0; j < i; ++j) row[j] = line[j] * scale;
    row[i] = scale;
  }
}

/* A lower M becomes the lower triangle of M^T M: row i needs only rows from i on. */
static void square_lower(double *m, int32_t n, double *line) {
  for (int32_t i = 0; i < n; ++i) {
    memset(line, 0, (size_t)n * sizeof *line);
    for (int32_t k = i; k < n; ++k) add_scaled(line, m + (ptrdiff_t)k * n, m[(ptrdiff_t)k * n + i], i + 1);
    memcpy(m + (ptrdiff_t)i * n, line, (size_t)(i + 1) * sizeof *line);
  }
}

/* `work` becomes the factor of the damped lower triangle of `a`. */
static ln_status factor_damped(const double *a, int32_t n, double damping, double *work, size_t bytes, ln_error *err) {
  const double mean = ln_linear_mean_diagonal(a, n);
  double added = damping * mean;
  if (!isfinite(mean)) return ln_fail(err, LN_ERR_DATA, "moments of calibration data are not finite");
  for (int32_t t = 0; t < TRIES; ++t) {
    memcpy(work, a, bytes);
    for (int32_t i = 0; i < n; ++i) {
      double *at = &work[(ptrdiff_t)i * n + i];
      *at = *at > 0 ? *at + added : 1;
    }
    if (ln_linear_cholesky(work, n)) return LN_OK;
    added = added > 0 ? 10 * added : 1e-10 * (mean > 0 ? mean : 1);
  }
  return ln_fail(err, LN_ERR_DATA, "moments of calibration data are not positive definite");
}

/* [n, n] and a line of n behind it. */
static double *alloc_square(int32_t n, size_t *bytes) {
  size_t elements, room;
  if (!ln_size_mul((size_t)n, (size_t)n, &elements) || !ln_size_add(elements, (size_t)n, &room)) return NULL;
  *bytes = elements * sizeof(double); /* what ln_alloc_array checks for more */
  return ln_alloc_array(room, sizeof(double));
}

ln_status ln_linear_inverse(double *a, int32_t n, double damping, ln_error *err) {
  size_t bytes = 0;
  double *work = alloc_square(n, &bytes);
  if (work == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  const ln_status status = factor_damped(a, n, damping, work, bytes, err);
  if (status == LN_OK) {
    double *line = work + bytes / sizeof *work;
    invert_lower(work, n, line);
    square_lower(work, n, line);
    memcpy(a, work, bytes);
    ln_linear_mirror(a, n);
  }
  ln_free(work);
  return status;
}

ln_status ln_linear_solve_damped(const double *a, int32_t n, double damping, double *b, int32_t count, ln_error *err) {
  size_t bytes = 0;
  double *work = alloc_square(n, &bytes);
  if (work == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  const ln_status status = factor_damped(a, n, damping, work, bytes, err);
  if (status == LN_OK) ln_linear_solve(work, n, b, count);
  ln_free(work);
  return status;
}

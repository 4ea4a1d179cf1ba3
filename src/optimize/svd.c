/* Singular values. Sums run over fixed lanes, so that compilers can use vectors and the result does not hang on which.
 */
#include "optimize/svd.h"

#include <math.h>
#include <string.h>

enum { LANES = 8, MOST_SWEEPS = 60 };

static double dot(const double *a, const double *b, int32_t n) {
  double sums[LANES] = {0}, sum = 0;
  int32_t i = 0;
  for (; i + LANES <= n; i += LANES)
    for (int32_t k = 0; k < LANES; k++) sums[k] += a[i + k] * b[i + k];
  for (; i < n; i++) sum += a[i] * b[i];
  for (int32_t k = 0; k < LANES; k++) sum += sums[k];
  return sum;
}

/* y += s * x */
static void add_scaled(double *restrict y, double s, const double *restrict x, int32_t n) {
  for (int32_t i = 0; i < n; i++) y[i] += s * x[i];
}

static void rotate(double *restrict p, double *restrict q, int32_t n, double c, double s) {
  for (int32_t i = 0; i < n; i++) {
    const double x = p[i], y = q[i];
    p[i] = c * x - s * y;
    q[i] = s * x + c * y;
  }
}

static double *row_of(double *a, int32_t row, int32_t columns) { return a + (size_t)row * (size_t)columns; }

/* The lower triangle l of b = l * q, q with orthogonal rows, in place of the first `rows` columns of b: reflections
 * from the right, whose vectors are not kept. */
static void triangle(double *b, int32_t rows, int32_t columns) {
  for (int32_t k = 0; k < rows; k++) {
    double *v = row_of(b, k, columns) + k;
    const int32_t n = columns - k;
    const double norm = sqrt(dot(v, v, n));
    if (norm == 0) continue;
    const double head = v[0] > 0 ? -norm : norm;
    v[0] -= head;
    const double square = dot(v, v, n);
    for (int32_t r = k + 1; r < rows; r++) {
      double *w = row_of(b, r, columns) + k;
      add_scaled(w, -2 * dot(v, w, n) / square, v, n);
    }
    v[0] = head;
    memset(v + 1, 0, (size_t)(n - 1) * sizeof *v);
  }
}

/* One turn of every pair of rows; whether any was. `turned` [n, n] takes the same turns. */
static bool sweep(double *b, int32_t n, int32_t columns, double *turned, double *squares) {
  const double near_enough = 1e-10; /* what is left moves values by its square */
  bool any = false;
  for (int32_t i = 0; i < n; i++) {
    const double *row = row_of(b, i, columns);
    squares[i] = dot(row, row, columns);
  }
  for (int32_t i = 0; i < n - 1; i++) {
    for (int32_t j = i + 1; j < n; j++) {
      if (squares[i] == 0 || squares[j] == 0) continue;
      double *p = row_of(b, i, columns), *q = row_of(b, j, columns);
      const double g = dot(p, q, columns);
      if (fabs(g) <= near_enough * sqrt(squares[i]) * sqrt(squares[j])) continue;
      const double zeta = (squares[j] - squares[i]) / (2 * g);
      const double t = (zeta >= 0 ? 1 : -1) / (fabs(zeta) + sqrt(1 + zeta * zeta));
      const double c = 1 / sqrt(1 + t * t), s = c * t;
      rotate(p, q, columns, c, s);
      rotate(row_of(turned, i, n), row_of(turned, j, n), n, c, s);
      squares[i] = fmax(squares[i] - t * g, 0);
      squares[j] += t * g;
      any = true;
    }
  }
  return any;
}

/* Turns the rows until all are orthogonal, then sorts them and `turned`'s by length. */
static void orthogonalize(double *b, int32_t n, int32_t columns, double *turned, double *values) {
  memset(turned, 0, (size_t)n * (size_t)n * sizeof *turned);
  for (int32_t i = 0; i < n; i++) row_of(turned, i, n)[i] = 1;
  for (int32_t k = 0; k < MOST_SWEEPS && sweep(b, n, columns, turned, values); k++) continue;
  for (int32_t i = 0; i < n; i++) {
    const double *row = row_of(b, i, columns);
    values[i] = sqrt(dot(row, row, columns));
  }
  for (int32_t i = 0; i < n; i++) {
    int32_t most = i;
    for (int32_t j = i + 1; j < n; j++)
      if (values[j] > values[most]) most = j;
    if (most == i) continue;
    const double value = values[i];
    values[i] = values[most];
    values[most] = value;
    rotate(row_of(turned, i, n), row_of(turned, most, n), n, 0, 1);
  }
}

/* short [n, length] = a or its transpose, whichever has as many rows as there are singular values. */
static bool lay_short(const double *a, int32_t rows, int32_t columns, double *out) {
  bool finite = true;
  for (int32_t r = 0; r < rows; r++) {
    for (int32_t c = 0; c < columns; c++) {
      const double value = a[(size_t)r * (size_t)columns + (size_t)c];
      if (rows <= columns) row_of(out, r, columns)[c] = value;
      else row_of(out, c, rows)[r] = value;
      finite &= isfinite(value) != 0;
    }
  }
  return finite;
}

/* What is on the left of `a`: the turns themselves, or the turned rows of its transpose at length 1. */
static void take_left(const double *turned, const double *sides, int32_t rows, int32_t columns, const double *values,
                      double *row, double *left) {
  const int32_t n = rows <= columns ? rows : columns;
  for (int32_t k = 0; k < n; k++) {
    const double *turns = turned + (size_t)k * (size_t)n;
    if (rows <= columns) {
      for (int32_t r = 0; r < rows; r++) left[(size_t)r * (size_t)n + (size_t)k] = turns[r];
      continue;
    }
    memset(row, 0, (size_t)rows * sizeof *row);
    for (int32_t j = 0; j < n; j++) add_scaled(row, turns[j], sides + (size_t)j * (size_t)rows, rows);
    const double length = sqrt(dot(row, row, rows)), scale = length > 1e-13 * values[0] ? 1 / length : 0;
    for (int32_t r = 0; r < rows; r++) left[(size_t)r * (size_t)n + (size_t)k] = scale * row[r];
  }
}

ln_status ln_svd(const double *a, int32_t rows, int32_t columns, ln_error *err, double *values, double *left) {
  const int32_t n = rows <= columns ? rows : columns, length = rows <= columns ? columns : rows;
  size_t sides = 0, square = 0;
  if (n <= 0) return LN_OK;
  double *whole = NULL, *work = NULL, *turned = NULL, *row = NULL;
  ln_status status = LN_ERR_MEMORY;
  if (ln_size_product((const int32_t[]){n, length}, 2, &sides) &&
      ln_size_product((const int32_t[]){n, n}, 2, &square)) {
    whole = ln_alloc_array(sides, sizeof *whole);
    work = ln_alloc_array(sides, sizeof *work);
    turned = ln_alloc_array(square, sizeof *turned);
    row = ln_alloc_array((size_t)length, sizeof *row);
  }
  if (!whole || !work || !turned || !row) {
    ln_fail(err, status, "out of memory");
    goto out;
  }
  if (!lay_short(a, rows, columns, whole)) {
    status = ln_fail(err, LN_ERR_DATA, "weights or activations that are not finite");
    goto out;
  }
  memcpy(work, whole, sides * sizeof *work);
  triangle(work, n, length);
  for (int32_t r = 1; r < n && length > n; r++) /* the triangle alone, close together */
    memmove(row_of(work, r, n), row_of(work, r, length), (size_t)n * sizeof *work);
  orthogonalize(work, n, n, turned, values);
  take_left(turned, whole, rows, columns, values, row, left);
  status = LN_OK;
out:
  ln_free(whole);
  ln_free(work);
  ln_free(turned);
  ln_free(row);
  return status;
}

void ln_matrix_product(const double *a, const double *b, int32_t rows, int32_t inner, int32_t columns, double *out) {
  for (int32_t r = 0; r < rows; r++) {
    double *to = row_of(out, r, columns);
    memset(to, 0, (size_t)columns * sizeof *to);
    for (int32_t i = 0; i < inner; i++)
      add_scaled(to, a[(size_t)r * (size_t)inner + (size_t)i], b + (size_t)i * (size_t)columns, columns);
  }
}

void ln_respond(const float *x, int64_t count, const double *w, int32_t rows, int32_t columns, float *out) {
  for (int64_t k = 0; k < count; ++k) {
    const float *from = x + (size_t)k * (size_t)columns;
    for (int32_t r = 0; r < rows; ++r) {
      const double *row = w + (size_t)r * (size_t)columns;
      double sums[4] = {0};
      int32_t c = 0;
      for (; c + 4 <= columns; c += 4)
        for (int32_t i = 0; i < 4; ++i) sums[i] += row[c + i] * from[c + i];
      for (; c < columns; ++c) sums[0] += row[c] * from[c];
      *out++ = (float)((sums[0] + sums[1]) + (sums[2] + sums[3]));
    }
  }
}

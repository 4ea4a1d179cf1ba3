/* See kernels/linalg.h. */
#include "kernels/linalg.h"

#include <float.h>
#include <math.h>
#include <string.h>

enum { SWEEPS = 60 };

static double dot(const double *a, const double *b, size_t count) {
  double sum = 0.0;
  size_t i;
  for (i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

int ln_k_cholesky(size_t n, double *a) {
  size_t i, j;
  for (i = 0; i < n; ++i) {
    for (j = 0; j <= i; ++j) {
      const double rest = a[i * n + j] - dot(a + i * n, a + j * n, j);
      if (i == j && !(rest > 0.0)) return 0;
      a[i * n + j] = i == j ? sqrt(rest) : rest / a[j * n + j];
    }
    for (j = i + 1; j < n; ++j) a[i * n + j] = 0.0;
  }
  return 1;
}

static void swap_rows(double *a, double *b, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) {
    const double held = a[i];
    a[i] = b[i];
    b[i] = held;
  }
}

int ln_k_lu(size_t n, double *a, int64_t *order) {
  int sign = 1;
  size_t i, j, k;
  for (i = 0; i < n; ++i) order[i] = (int64_t)i;
  for (k = 0; k < n; ++k) {
    size_t best = k;
    for (i = k + 1; i < n; ++i) {
      if (fabs(a[i * n + k]) > fabs(a[best * n + k])) best = i;
    }
    if (best != k) {
      const int64_t held = order[k];
      order[k] = order[best];
      order[best] = held;
      swap_rows(a + k * n, a + best * n, n);
      sign = -sign;
    }
    if (a[k * n + k] == 0.0) return 0;
    for (i = k + 1; i < n; ++i) {
      const double factor = a[i * n + k] / a[k * n + k];
      a[i * n + k] = factor;
      for (j = k + 1; j < n; ++j) a[i * n + j] -= factor * a[k * n + j];
    }
  }
  return sign;
}

/* One substitution: rows of the triangle from the first to the last, or back; entry (i, j) at a[i * row + j * column].
 */
static void substitute(size_t n, size_t columns, const double *a, size_t row, size_t column, int forward, int unit,
                       double *x) {
  size_t step, j, c;
  for (step = 0; step < n; ++step) {
    const size_t i = forward ? step : n - 1 - step;
    const size_t from = forward ? 0 : i + 1, to = forward ? i : n;
    for (j = from; j < to; ++j) {
      const double factor = a[i * row + j * column];
      for (c = 0; c < columns; ++c) x[i * columns + c] -= factor * x[j * columns + c];
    }
    for (c = 0; c < columns && !unit; ++c) x[i * columns + c] /= a[i * row + i * column];
  }
}

void ln_k_lu_solve(size_t n, size_t columns, const double *lu, const int64_t *order, const double *b, double *x) {
  size_t i;
  for (i = 0; i < n; ++i) memcpy(x + i * columns, b + (size_t)order[i] * columns, columns * sizeof *x);
  substitute(n, columns, lu, n, 1, 1, 1, x);
  substitute(n, columns, lu, n, 1, 0, 0, x);
}

int ln_k_triangular_solve(size_t n, size_t columns, const double *a, int lower, int transposed, double *b) {
  size_t i;
  for (i = 0; i < n; ++i) {
    if (a[i * n + i] == 0.0) return 0;
  }
  substitute(n, columns, a, transposed ? 1 : n, transposed ? n : 1, lower != transposed, 0, b);
  return 1;
}

/* The reflections are kept in a's lower triangle until q is made from the last to the first. */
void ln_k_qr(size_t m, size_t n, double *a, double *q) {
  const size_t steps = m < n ? m : n;
  size_t k, i, j;
  for (k = 0; k < steps; ++k) {
    double tail = 0.0, head = a[k * n + k], beta;
    for (i = k + 1; i < m; ++i) tail += a[i * n + k] * a[i * n + k];
    if (tail == 0.0) continue; /* below stand zeros: no reflection */
    beta = sqrt(head * head + tail);
    if (head >= 0.0) beta = -beta;
    for (i = k + 1; i < m; ++i) a[i * n + k] /= head - beta; /* v, whose first component is 1 */
    a[k * n + k] = beta;
    for (j = k + 1; j < n; ++j) {
      double sum = a[k * n + j];
      for (i = k + 1; i < m; ++i) sum += a[i * n + k] * a[i * n + j];
      sum *= (beta - head) / beta;
      a[k * n + j] -= sum;
      for (i = k + 1; i < m; ++i) a[i * n + j] -= sum * a[i * n + k];
    }
  }
  for (i = 0; i < m * m; ++i) q[i] = i / m == i % m ? 1.0 : 0.0;
  for (k = steps; k-- > 0;) {
    double size = 1.0;
    int any = 0;
    for (i = k + 1; i < m; ++i) {
      size += a[i * n + k] * a[i * n + k];
      any |= a[i * n + k] != 0.0;
    }
    if (!any) continue;
    for (j = k; j < m; ++j) {
      double sum = q[k * m + j];
      for (i = k + 1; i < m; ++i) sum += a[i * n + k] * q[i * m + j];
      sum *= 2.0 / size;
      q[k * m + j] -= sum;
      for (i = k + 1; i < m; ++i) q[i * m + j] -= sum * a[i * n + k];
    }
  }
  for (k = 0; k < steps; ++k) {
    for (i = k + 1; i < m; ++i) a[i * n + k] = 0.0;
  }
}

/* The rotation of two rows: (x, y) becomes (c x - s y, s x + c y). */
static void rotate(double *x, double *y, double c, double s, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) {
    const double held = x[i];
    x[i] = c * held - s * y[i];
    y[i] = s * held + c * y[i];
  }
}

/* Cosine and sine that make the off-diagonal entry `between` of [[first, between], [between, last]] zero. */
static void jacobi_angle(double first, double between, double last, double *c, double *s) {
  const double zeta = (last - first) / (2.0 * between);
  const double t = (zeta >= 0.0 ? 1.0 : -1.0) / (fabs(zeta) + sqrt(1.0 + zeta * zeta));
  *c = 1.0 / sqrt(1.0 + t * t);
  *s = *c * t;
}

/* 1, or -1 when the component of `v` that is largest in size is negative. */
static double sign_of_largest(const double *v, size_t count) {
  size_t i, best = 0;
  /* A hair of preference for earlier ones, so that rounding does not choose among equals. */
  for (i = 1; i < count; ++i) {
    if (fabs(v[i]) > fabs(v[best]) * (1.0 + 1e-6)) best = i;
  }
  return count > 0 && v[best] < 0.0 ? -1.0 : 1.0;
}

static void scale(double *v, double by, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) v[i] *= by;
}

/* Values in order, and the rows of one or two arrays that belong to them. */
static void sort_rows(double *values, size_t n, int rising, double *a, size_t a_row, double *b, size_t b_row) {
  size_t i, k;
  for (k = 0; k < n; ++k) {
    size_t best = k;
    for (i = k + 1; i < n; ++i) {
      if (rising ? values[i] < values[best] : values[i] > values[best]) best = i;
    }
    if (best == k) continue;
    swap_rows(values + k, values + best, 1);
    swap_rows(a + k * a_row, a + best * a_row, a_row);
    if (b_row > 0) swap_rows(b + k * b_row, b + best * b_row, b_row);
  }
}

void ln_k_eigh(size_t n, double *a, double *values, double *v) {
  size_t p, q, i;
  int sweep, turned = 1;
  for (i = 0; i < n * n; ++i) {
    v[i] = i / n == i % n ? 1.0 : 0.0;
    if (i % n > i / n) a[i] = a[i % n * n + i / n];
  }
  for (sweep = 0; sweep < SWEEPS && turned; ++sweep) {
    turned = 0;
    for (p = 0; p < n; ++p) {
      for (q = p + 1; q < n; ++q) {
        const double between = a[p * n + q];
        double c, s;
        if (!(fabs(between) > DBL_EPSILON * 0.01 * sqrt(fabs(a[p * n + p] * a[q * n + q])))) continue;
        if (fabs(between) < DBL_MIN) continue;
        turned = 1;
        jacobi_angle(a[p * n + p], between, a[q * n + q], &c, &s);
        rotate(a + p * n, a + q * n, c, s, n);
        for (i = 0; i < n; ++i) rotate(a + i * n + p, a + i * n + q, c, s, 1);
        rotate(v + p * n, v + q * n, c, s, n); /* rows of v, for now */
      }
    }
  }
  for (i = 0; i < n; ++i) values[i] = a[i * n + i];
  sort_rows(values, n, 1, v, n, v, 0);
  for (p = 0; p < n; ++p) {
    scale(v + p * n, sign_of_largest(v + p * n, n), n);
  }
  for (p = 0; p < n; ++p) {
    for (q = p + 1; q < n; ++q) swap_rows(v + p * n + q, v + q * n + p, 1);
  }
}

/* Row `k` of `rows` [.., m] becomes a unit vector at right angles to those before it. */
static void complete_basis(double *rows, size_t k, size_t m) {
  double *row = rows + k * m;
  size_t i, j;
  int pass;
  for (i = 0; i < m; ++i) {
    double size;
    memset(row, 0, m * sizeof *row);
    row[i] = 1.0;
    for (pass = 0; pass < 2; ++pass) {
      for (j = 0; j < k; ++j) {
        const double part = dot(row, rows + j * m, m);
        size_t c;
        for (c = 0; c < m; ++c) row[c] -= part * rows[j * m + c];
      }
    }
    size = dot(row, row, m);
    if (size * 2.0 * (double)m < 1.0) continue; /* one of the m unit vectors is longer */
    scale(row, sign_of_largest(row, m) / sqrt(size), m);
    return;
  }
}

static void orthogonalize(size_t m, size_t n, double *columns, double *vt) {
  size_t p, q;
  int sweep, turned = 1;
  for (sweep = 0; sweep < SWEEPS && turned; ++sweep) {
    turned = 0;
    for (p = 0; p < n; ++p) {
      for (q = p + 1; q < n; ++q) {
        double *x = columns + p * m, *y = columns + q * m, c, s;
        const double xx = dot(x, x, m), yy = dot(y, y, m), xy = dot(x, y, m);
        if (!(fabs(xy) > DBL_EPSILON * sqrt(xx) * sqrt(yy)) || fabs(xy) < DBL_MIN) continue;
        turned = 1;
        jacobi_angle(xx, xy, yy, &c, &s);
        rotate(x, y, c, s, m);
        rotate(vt + p * n, vt + q * n, c, s, n);
      }
    }
  }
}

void ln_k_svd(size_t m, size_t n, double *columns, double *s, double *vt, double *ut, size_t whole) {
  size_t i, k;
  double least;
  for (i = 0; i < n * n; ++i) vt[i] = i / n == i % n ? 1.0 : 0.0;
  orthogonalize(m, n, columns, vt);
  for (k = 0; k < n; ++k) s[k] = sqrt(dot(columns + k * m, columns + k * m, m));
  sort_rows(s, n, 0, columns, m, vt, n);
  least = n > 0 ? s[0] * DBL_EPSILON * (double)m : 0.0;
  for (k = 0; k < whole; ++k) {
    if (k >= n || !(s[k] > least)) {
      complete_basis(ut, k, m);
    } else {
      memcpy(ut + k * m, columns + k * m, m * sizeof *ut);
      scale(ut + k * m, 1.0 / s[k], m);
    }
    if (k < n && sign_of_largest(vt + k * n, n) < 0.0) {
      scale(vt + k * n, -1.0, n);
      scale(ut + k * m, -1.0, m);
    }
  }
}

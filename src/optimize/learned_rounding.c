/* Rounding to nearest, and with the errors spread by the second moments of a layer's inputs. */
#include "optimize/learned_rounding.h"

#include <math.h>
#include <stdlib.h>

#include "optimize/linear.h"
#include "optimize/order.h"

static int8_t nearest(double value, float scale, int32_t bits) {
  const double low = ln_weight_low(bits), high = ln_weight_high(bits), rounded = rint(value / (double)scale);
  if (!(rounded > low)) return (int8_t)low; /* NaN too */
  return (int8_t)(rounded < high ? rounded : high);
}

void ln_round_nearest(const float *values, int32_t rows, int32_t columns, const float *scales, int32_t block,
                      int32_t bits, int8_t *out) {
  const size_t blocks = (size_t)(columns / block);
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t c = 0; c < columns; ++c) {
      const size_t at = (size_t)r * (size_t)columns + (size_t)c;
      out[at] = nearest((double)values[at], scales[(size_t)r * blocks + (size_t)(c / block)], bits);
    }
  }
}

/* ---- by moments ---- */

typedef struct column {
  double power;
  int32_t at;
} column;

static int by_power(const void *a, const void *b) {
  const column *x = a, *y = b;
  const int order = ln_number_order(y->power, x->power);
  if (order != 0) return order;
  return x->at < y->at ? -1 : 1;
}

/* Moments with rows and columns in the order of `order`, both triangles of them. */
static void put_in_order(const double *moments, const column *order, int32_t n, double *out) {
  for (int32_t i = 0; i < n; ++i) {
    for (int32_t j = 0; j <= i; ++j) {
      const int32_t a = order[i].at, b = order[j].at;
      const size_t from = a > b ? (size_t)a * (size_t)n + (size_t)b : (size_t)b * (size_t)n + (size_t)a;
      out[(size_t)i * (size_t)n + (size_t)j] = moments[from];
    }
  }
}

/* The lower triangle becomes the upper one, its transpose. */
static void turn_over(double *a, int32_t n) {
  for (int32_t i = 0; i < n; ++i) {
    for (int32_t j = 0; j < i; ++j) a[(size_t)j * (size_t)n + (size_t)i] = a[(size_t)i * (size_t)n + (size_t)j];
  }
}

/* `u`: the upper factor of the inverse moments, in the order of `order`. `row` [n]: room. */
static void round_row(const float *values, const float *scales, int32_t block, int32_t bits, const double *u,
                      const column *order, int32_t n, double *row, int8_t *out) {
  for (int32_t i = 0; i < n; ++i) row[i] = (double)values[order[i].at];
  for (int32_t i = 0; i < n; ++i) {
    const int32_t at = order[i].at;
    const double *factor = u + (size_t)i * (size_t)n;
    const float scale = scales[at / block];
    out[at] = values[at] == 0.0f ? 0 : nearest(row[i], scale, bits);
    const double error = (row[i] - (double)scale * out[at]) / factor[i];
    if (values[at] == 0.0f || error == 0.0) continue;
    for (int32_t k = i + 1; k < n; ++k) row[k] -= error * factor[k];
  }
}

ln_status ln_round_by_moments(const ln_optimizer *o, const float *values, int32_t rows, int32_t columns,
                              const float *scales, int32_t block, int32_t bits, const double *moments, int8_t *out) {
  static const double damping = 0.01; /* of the mean power: the paper's */
  const size_t n = (size_t)columns;
  size_t square;
  if (!ln_size_mul(n, n, &square)) return ln_optimizer_no_memory(o);
  column *order = ln_alloc_array(n, sizeof *order);
  double *row = ln_alloc_array(n, sizeof *row), *inverse = ln_alloc_array(square, sizeof *inverse);
  ln_status status = LN_OK;
  if (order == NULL || row == NULL || inverse == NULL) {
    status = ln_optimizer_no_memory(o);
    goto out;
  }
  for (size_t i = 0; i < n; ++i) order[i] = (column){moments[i * n + i], (int32_t)i};
  qsort(order, n, sizeof *order, by_power);
  put_in_order(moments, order, columns, inverse);
  status = ln_linear_inverse(inverse, columns, damping, o->err);
  if (status != LN_OK) goto out;
  if (!ln_linear_cholesky(inverse, columns)) {
    ln_round_nearest(values, rows, columns, scales, block, bits, out);
    goto out;
  }
  turn_over(inverse, columns);
  for (int32_t r = 0; r < rows; ++r) {
    round_row(values + (size_t)r * n, scales + (size_t)r * (n / (size_t)block), block, bits, inverse, order, columns,
              row, out + (size_t)r * n);
  }
out:
  ln_free(order);
  ln_free(row);
  ln_free(inverse);
  return status;
}

/* ---- what earlier layers lost ---- */

ln_status ln_catch_up(const ln_optimizer *o, float *weights, int32_t rows, int32_t columns, const double *moments,
                      double *cross) {
  static const double damping = 0.05; /* of the mean power: samples are few */
  const size_t n = (size_t)columns;
  double *more = ln_alloc_array((size_t)rows, n * sizeof *more);
  if (more == NULL) return ln_optimizer_no_memory(o);
  for (size_t i = 0; i < n; ++i) {
    for (size_t j = 0; j < n; ++j) cross[i * n + j] -= moments[j <= i ? i * n + j : j * n + i];
  }
  /* weights * (cross - moments) is what outputs lack, by input; least squares find the weights that give it. */
  for (size_t r = 0; r < (size_t)rows; ++r) {
    double *lacking = more + r * n;
    for (size_t i = 0; i < n; ++i) {
      const double weight = (double)weights[r * n + i];
      for (size_t j = 0; weight != 0.0 && j < n; ++j) lacking[j] += weight * cross[i * n + j];
    }
  }
  const ln_status status = ln_linear_solve_damped(moments, columns, damping, more, rows, o->err);
  for (size_t i = 0; status == LN_OK && i < (size_t)rows * n; ++i) {
    if (weights[i] != 0.0f) weights[i] += (float)more[i];
  }
  ln_free(more);
  return status;
}

ln_status ln_round_learned(ln_optimizer *o, const float *values, int32_t rows, int32_t columns, const float *scales,
                           int32_t bits, const float *patches, int64_t positions, int8_t *out) {
  size_t square;
  if (!ln_size_mul((size_t)columns, (size_t)columns, &square)) return ln_optimizer_no_memory(o);
  double *moments = ln_alloc_array(square, sizeof *moments);
  if (moments == NULL) return ln_optimizer_no_memory(o);
  ln_linear_add_moments(moments, columns, patches, positions);
  const ln_status status = ln_round_by_moments(o, values, rows, columns, scales, columns, bits, moments, out);
  ln_free(moments);
  return status;
}

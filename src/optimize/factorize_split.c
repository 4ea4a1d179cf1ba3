/*
 * What the ways to split a layer share. Where samples are given, directions are those of the layer's outputs on them
 * rather than of its weights: truncating the singular values of w * l, l * l^T the inputs' second moments, loses least
 * of the outputs (Zhang et al., "Accelerating Very Deep Convolutional Networks", 2015; Wang et al., "SVD-LLM", 2024).
 * Second moments are about the mean, which the bias takes, and drawn a little towards all directions alike, so that few
 * samples do no harm.
 */
#include <math.h>
#include <string.h>

#include "optimize/factorize.h"
#include "optimize/linear.h"
#include "optimize/svd.h"

static ln_status no_memory(ln_error *err) { return ln_fail(err, LN_ERR_MEMORY, "out of memory"); }

static void *array(int64_t rows, int64_t columns, size_t item) {
  size_t count = 0;
  if (rows < 0 || columns < 0 || !ln_size_mul((size_t)rows, (size_t)columns, &count)) return NULL;
  return ln_alloc_array(count, item);
}

double *ln_doubles(int64_t rows, int64_t columns) { return array(rows, columns, sizeof(double)); }
float *ln_floats(int64_t rows, int64_t columns) { return array(rows, columns, sizeof(float)); }

size_t ln_patch_size(const ln_layer_weights *layer) {
  return (size_t)layer->height * (size_t)layer->width * (size_t)layer->channels;
}

bool ln_split_is_feasible(int64_t outs, int64_t ins) {
  enum { MOST_SIDE = 4096 };
  return outs <= MOST_SIDE || ins <= MOST_SIDE;
}

static double mean_variance(const float *x, int64_t count, int32_t columns) {
  double sum = 0;
  for (int32_t c = 0; c < columns; ++c) {
    double mean = 0, square = 0;
    for (int64_t k = 0; k < count; ++k) {
      const double value = x[(size_t)k * (size_t)columns + (size_t)c];
      mean += value;
      square += value * value;
    }
    sum += square / (double)count - mean / (double)count * (mean / (double)count);
  }
  return sum / columns;
}

static void take_means(const float *x, int64_t count, int32_t columns, double *mean) {
  for (int32_t c = 0; c < columns; ++c) mean[c] = 0;
  for (int64_t k = 0; k < count; ++k)
    for (int32_t c = 0; c < columns; ++c) mean[c] += x[(size_t)k * (size_t)columns + (size_t)c] / (double)count;
}

bool ln_split_moments(const float *x, int64_t count, int32_t n, double ridge, double *mean, double *out) {
  enum { ROWS = 64 };
  float *rows = ln_floats(ROWS, n);
  if (rows == NULL) return false;
  take_means(x, count, n, mean);
  for (int64_t k = 0; k < count;) { /* about the mean before they are multiplied, lest it drowns them */
    int64_t held = 0;
    for (; held < ROWS && k < count; ++held, ++k)
      for (int32_t c = 0; c < n; ++c)
        rows[(size_t)held * (size_t)n + (size_t)c] = (float)(x[(size_t)k * (size_t)n + (size_t)c] - mean[c]);
    ln_linear_add_moments(out, n, rows, held);
  }
  ln_free(rows);
  for (size_t i = 0; i < (size_t)n * (size_t)n; ++i) out[i] /= (double)count;
  ln_linear_mirror(out, n);
  const double more = ridge * ln_linear_mean_diagonal(out, n);
  for (int32_t i = 0; i < n; ++i) out[(size_t)i * (size_t)n + (size_t)i] += more;
  return true;
}

bool ln_weights_respond(const ln_layer_weights *layer, float *outputs) {
  const size_t columns = ln_patch_size(layer);
  double *w = ln_doubles(layer->rows, (int64_t)columns);
  if (w == NULL) return false;
  for (size_t i = 0; i < (size_t)layer->rows * columns; ++i) w[i] = layer->values[i];
  ln_respond(layer->patches, layer->patch_count, w, layer->rows, (int32_t)columns, outputs);
  ln_free(w);
  return true;
}

/* By w * l: for inputs of fewer dimensions than outputs. */
static ln_status by_inputs(const double *w, int32_t rows, int32_t columns, const float *x, int64_t count, ln_error *err,
                           double *energies, double *left) {
  double *moments = ln_doubles(columns, columns), *mean = ln_doubles(columns, 1), *product = ln_doubles(rows, columns);
  ln_status status = LN_ERR_MEMORY;
  if (moments == NULL || mean == NULL || product == NULL) {
    no_memory(err);
    goto out;
  }
  if (!ln_split_moments(x, count, columns, LN_SPLIT_RIDGE, mean, moments)) {
    no_memory(err);
    goto out;
  }
  if (!ln_linear_cholesky(moments, columns)) {
    status = ln_fail(err, LN_ERR_DATA, "activations that are not finite");
    goto out;
  }
  ln_matrix_product(w, moments, rows, columns, columns, product);
  status = ln_svd(product, rows, columns, err, energies, left);
  for (int32_t i = 0; status == LN_OK && i < (rows < columns ? rows : columns); ++i) energies[i] *= energies[i];
out:
  ln_free(moments);
  ln_free(mean);
  ln_free(product);
  return status;
}

/* By the outputs' own second moments. */
static ln_status by_outputs(const double *w, int32_t rows, int32_t columns, const float *x, int64_t count,
                            double variance, ln_error *err, double *energies, double *left) {
  double *moments = ln_doubles(rows, rows), *mean = ln_doubles(rows, 1);
  float *y = ln_floats(count, rows);
  ln_status status = LN_ERR_MEMORY;
  if (moments == NULL || mean == NULL || y == NULL) {
    no_memory(err);
    goto out;
  }
  ln_respond(x, count, w, rows, columns, y);
  if (!ln_split_moments(y, count, rows, 0, mean, moments)) {
    no_memory(err);
    goto out;
  }
  for (int32_t r = 0; r < rows; ++r) {
    for (int32_t s = 0; s < rows; ++s) {
      const double *a = w + (size_t)r * (size_t)columns, *b = w + (size_t)s * (size_t)columns;
      double sum = 0;
      for (int32_t c = 0; c < columns; ++c) sum += a[c] * b[c];
      moments[(size_t)r * (size_t)rows + (size_t)s] += LN_SPLIT_RIDGE * variance * sum;
    }
  }
  status = ln_svd(moments, rows, rows, err, energies, left);
out:
  ln_free(moments);
  ln_free(mean);
  ln_free(y);
  return status;
}

static ln_status principal(ln_split *s, const float *x, int64_t count, ln_error *err) {
  const double variance = count > 0 ? mean_variance(x, count, s->ins) : 0;
  if (variance > 0 && s->ins < s->outs) return by_inputs(s->w, s->outs, s->ins, x, count, err, s->energies, s->left);
  if (variance > 0) return by_outputs(s->w, s->outs, s->ins, x, count, variance, err, s->energies, s->left);
  LN_TRY(ln_svd(s->w, s->outs, s->ins, err, s->energies, s->left));
  for (int32_t i = 0; i < s->most; ++i) s->energies[i] *= s->energies[i];
  return LN_OK;
}

/* Less the mean over `count` rows, which `mean` takes. */
static void centre(float *x, int64_t count, int32_t columns, double *mean) {
  take_means(x, count, columns, mean);
  for (int64_t k = 0; k < count; ++k)
    for (int32_t c = 0; c < columns; ++c) x[(size_t)k * (size_t)columns + (size_t)c] -= (float)mean[c];
}

/* b [rows, inner] by least squares, from what it leaves of y [count, rows]; bias [rows] takes what is left of the
 * means. `made` has room for another y. */
static ln_status refit(const float *z, int32_t inner, float *y, float *made, int32_t rows, int64_t count, ln_error *err,
                       double *b, float *bias) {
  double *normal = ln_doubles(inner, inner), *z_mean = ln_doubles(inner, 1), *y_mean = ln_doubles(rows, 1),
         *more = ln_doubles(rows, inner);
  ln_status status = LN_OK;
  if (normal == NULL || z_mean == NULL || y_mean == NULL || more == NULL) {
    status = no_memory(err);
    goto out;
  }
  if (!ln_split_moments(z, count, inner, LN_SPLIT_RIDGE, z_mean, normal)) {
    status = no_memory(err);
    goto out;
  }
  ln_respond(z, count, b, rows, inner, made);
  for (size_t i = 0; i < (size_t)count * (size_t)rows; ++i) y[i] -= made[i];
  centre(y, count, rows, y_mean);
  ln_linear_add_products(more, y, rows, z, inner, count);
  for (size_t i = 0; i < (size_t)rows * (size_t)inner; ++i) more[i] /= (double)count;
  status = ln_linear_solve_damped(normal, inner, 0, more, rows, err);
  for (int32_t r = 0; status == LN_OK && r < rows; ++r) {
    double rest = y_mean[r];
    for (int32_t i = 0; i < inner; ++i) {
      rest -= more[(size_t)r * (size_t)inner + (size_t)i] * z_mean[i];
      b[(size_t)r * (size_t)inner + (size_t)i] += more[(size_t)r * (size_t)inner + (size_t)i];
    }
    bias[r] = (float)rest;
  }
out:
  ln_free(normal);
  ln_free(z_mean);
  ln_free(y_mean);
  ln_free(more);
  return status;
}

ln_status ln_split_refit(const ln_layer_weights *layer, const float *z, int32_t inner, ln_error *err, float *weights,
                         float *bias) {
  const size_t last = (size_t)layer->rows * (size_t)inner;
  double *b = ln_doubles(layer->rows, inner);
  float *y = ln_floats(layer->patch_count, layer->rows), *made = ln_floats(layer->patch_count, layer->rows);
  ln_status status = LN_ERR_MEMORY;
  if (b == NULL || y == NULL || made == NULL) {
    no_memory(err);
    goto out;
  }
  for (size_t i = 0; i < last; ++i) b[i] = weights[i];
  for (size_t i = 0; i < (size_t)layer->patch_count * (size_t)layer->rows; ++i) y[i] = layer->outputs[i];
  status = refit(z, inner, y, made, layer->rows, layer->patch_count, err, b, bias);
  for (size_t i = 0; i < last; ++i) weights[i] = (float)b[i];
out:
  ln_free(b);
  ln_free(y);
  ln_free(made);
  return status;
}

void ln_lost_shares(const double *energies, int32_t count, double *lost) {
  double rest = 0;
  for (int32_t i = count - 1; i >= 0; --i) { /* from the smallest, so that nothing is lost in rounding */
    lost[i] = rest;
    rest += energies[i];
  }
  for (int32_t i = 0; i < count; ++i) lost[i] = rest > 0 ? lost[i] / rest : 0;
}

ln_status ln_split_make(double *w, int32_t outs, int32_t ins, const float *x, int64_t count, ln_error *err,
                        ln_split **out) {
  ln_split *s = *out = ln_alloc_zero(sizeof *s);
  if (s == NULL) {
    ln_free(w);
    return no_memory(err);
  }
  s->outs = outs;
  s->ins = ins;
  s->most = outs < ins ? outs : ins;
  s->w = w;
  s->left = ln_doubles(outs, s->most);
  s->energies = ln_doubles(s->most, 1);
  s->lost = ln_doubles(s->most, 1);
  if (w == NULL || s->left == NULL || s->energies == NULL || s->lost == NULL) return no_memory(err);
  LN_TRY(principal(s, x, count, err));
  ln_lost_shares(s->energies, s->most, s->lost);
  return LN_OK;
}

void ln_split_destroy(ln_split *split) {
  if (split == NULL) return;
  ln_free(split->w);
  ln_free(split->left);
  ln_free(split->energies);
  ln_free(split->lost);
  ln_free(split);
}

/* What product `k` of rank one gives of y, taken off it; z holds what its first side makes of x. */
static double take_off(const ln_split *s, int32_t k, const float *z, int32_t turns, int64_t count, float *y) {
  const int32_t rows = s->outs / turns;
  double rest = 0;
  for (int64_t p = 0; p < count; ++p) {
    for (int32_t r = 0; r < rows; ++r, ++y) {
      for (int32_t t = 0; t < turns; ++t) {
        const double by = s->left[((size_t)r * (size_t)turns + (size_t)t) * (size_t)s->most + (size_t)k];
        *y -= (float)(by * z[(size_t)p * (size_t)turns + (size_t)t]);
      }
      rest += (double)*y * *y;
    }
  }
  return rest;
}

ln_status ln_split_measure(ln_split *s, const ln_layer_weights *layer, const float *x, int32_t turns, ln_error *err) {
  enum { ENOUGH = 512 };
  const int64_t count = layer->patch_count < ENOUGH ? layer->patch_count : ENOUGH;
  if (count == 0) return LN_OK;
  const size_t step = (size_t)(layer->patch_count / count), rows = (size_t)layer->rows;
  double *side = ln_doubles(1, s->ins), *mean = ln_doubles(1, layer->rows > turns ? layer->rows : turns);
  float *y = ln_floats(count, layer->rows), *z = ln_floats(count, turns);
  ln_status status = LN_OK;
  if (side == NULL || mean == NULL || y == NULL || z == NULL) {
    status = no_memory(err);
    goto out;
  }
  for (size_t p = 0; p < (size_t)count; ++p)
    for (size_t r = 0; r < rows; ++r) y[p * rows + r] = layer->outputs[p * step * rows + r];
  centre(y, count, layer->rows, mean);
  double all = 0;
  for (size_t i = 0; i < (size_t)count * (size_t)layer->rows; ++i) all += (double)y[i] * y[i];
  for (int32_t k = 0; all > 0 && k < s->most; ++k) {
    for (int32_t c = 0; c < s->ins; ++c) side[c] = 0;
    for (int32_t r = 0; r < s->outs; ++r)
      for (int32_t c = 0; c < s->ins; ++c)
        side[c] += s->left[(size_t)r * (size_t)s->most + (size_t)k] * s->w[(size_t)r * (size_t)s->ins + (size_t)c];
    for (size_t p = 0; p < (size_t)count; ++p)
      ln_respond(x + p * step * (size_t)turns * (size_t)s->ins, turns, side, 1, s->ins, z + p * (size_t)turns);
    centre(z, count, turns, mean);
    s->lost[k] = fmin(take_off(s, k, z, turns, count, y) / all, 1);
  }
out:
  ln_free(side);
  ln_free(mean);
  ln_free(y);
  ln_free(z);
  return status;
}

ln_status ln_split_write(const ln_split *split, const ln_layer_weights *layer, const float *x, int32_t turns,
                         int32_t rank, ln_error *err, float *first, float *second, float *bias) {
  const size_t ins = (size_t)split->ins;
  double *sides = ln_doubles(rank, split->ins);
  float *z = layer->patch_count > 0 ? ln_floats(layer->patch_count * turns, rank) : NULL;
  ln_status status = LN_OK;
  if (sides == NULL || (layer->patch_count > 0 && z == NULL)) {
    status = no_memory(err);
    goto out;
  }
  for (int32_t k = 0; k < rank; ++k) {
    /* The two sides share the size of what passes between them, so that both quantize well. */
    const double even = split->energies[k] > 0 ? sqrt(sqrt(split->energies[k])) : 1;
    double *row = sides + (size_t)k * ins;
    for (int32_t r = 0; r < split->outs; ++r) {
      const double by = split->left[(size_t)r * (size_t)split->most + (size_t)k];
      const double *from = split->w + (size_t)r * ins;
      for (size_t c = 0; c < ins; ++c) row[c] += by / even * from[c];
      second[(size_t)r * (size_t)rank + (size_t)k] = (float)(by * even);
    }
    for (size_t c = 0; c < ins; ++c) first[(size_t)k * ins + c] = (float)row[c];
  }
  if (z != NULL) {
    ln_respond(x, layer->patch_count * turns, sides, rank, split->ins, z);
    status = ln_split_refit(layer, z, turns * rank, err, second, bias);
  }
out:
  ln_free(sides);
  ln_free(z);
  return status;
}

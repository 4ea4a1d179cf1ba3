/*
 * A convolution in three: a 1x1 one to fewer channels, one of the layer's shape among those, a 1x1 one to the outputs
 * (Kim et al., "Compression of Deep Convolutional Neural Networks for Fast and Low Power Mobile Applications", 2016):
 * Tucker's decomposition along inputs and outputs, each side's directions by its own singular vectors (De Lathauwer et
 * al., "A multilinear singular value decomposition", 2000). Both ranks fall together along one path, whichever loses
 * less for what it saves.
 */
#include <math.h>

#include "optimize/factorize.h"
#include "optimize/linear.h"
#include "optimize/svd.h"

typedef struct tucker {
  ln_split *outs;                 /* [rows, height * width * channels] */
  int32_t most_in;                /* min(channels, rows * height * width) */
  double *expand, *reduce, *lost; /* [channels, most_in], [most_in, channels]: inverses; [most_in] */
  int32_t levels, (*ranks)[2];    /* [levels] of outputs, of inputs */
} tucker;

static void destroy(void *state) {
  tucker *t = state;
  if (t == NULL) return;
  ln_split_destroy(t->outs);
  ln_free(t->expand);
  ln_free(t->reduce);
  ln_free(t->lost);
  ln_free(t->ranks);
  ln_free(t);
}

/* Second moments of channels, as l * l^T; the identity without samples that vary. False when memory is short. */
static bool channel_moments(const ln_layer_weights *layer, double *l, double *mean) {
  const int32_t n = layer->channels;
  const int64_t places = layer->patch_count * layer->height * layer->width;
  if (places > 0) {
    if (!ln_split_moments(layer->patches, places, n, LN_SPLIT_RIDGE, mean, l)) return false;
    if (ln_linear_cholesky(l, n)) return true;
  }
  for (int32_t i = 0; i < n; ++i)
    for (int32_t j = 0; j < n; ++j) l[(size_t)i * (size_t)n + (size_t)j] = i == j;
  return true;
}

/* g [channels, rows * places] = l^T * the weights by input channel. */
static void whitened_inputs(const ln_layer_weights *layer, const double *l, double *g) {
  const size_t channels = (size_t)layer->channels, rest = (size_t)layer->rows * ln_patch_size(layer) / channels;
  for (size_t c = 0; c < channels; ++c) {
    for (size_t d = c; d < channels; ++d) { /* l is lower */
      const double by = l[d * channels + c];
      for (size_t i = 0; by != 0 && i < rest; ++i) g[c * rest + i] += by * layer->values[i * channels + d];
    }
  }
}

static ln_status split_inputs(tucker *t, const ln_layer_weights *layer, ln_error *err) {
  const int32_t n = layer->channels;
  const int64_t rest = (int64_t)((size_t)layer->rows * ln_patch_size(layer)) / n;
  if (rest > INT32_MAX) return ln_fail(err, LN_ERR_LIMIT, "weights of %lld columns", (long long)rest);
  t->most_in = n < rest ? n : (int32_t)rest;
  double *l = ln_doubles(n, n), *mean = ln_doubles(n, 1), *g = ln_doubles(n, rest),
         *energies = ln_doubles(t->most_in, 1), *left = ln_doubles(n, t->most_in);
  t->expand = ln_doubles(n, t->most_in);
  t->reduce = ln_doubles(t->most_in, n);
  t->lost = ln_doubles(t->most_in, 1);
  ln_status status = LN_ERR_MEMORY;
  if (l == NULL || mean == NULL || g == NULL || energies == NULL || left == NULL || t->expand == NULL ||
      t->reduce == NULL || t->lost == NULL) {
    ln_fail(err, status, "out of memory");
    goto out;
  }
  if (!channel_moments(layer, l, mean)) {
    ln_fail(err, status, "out of memory");
    goto out;
  }
  whitened_inputs(layer, l, g);
  status = ln_svd(g, n, (int32_t)rest, err, energies, left);
  if (status != LN_OK) goto out;
  for (int32_t i = 0; i < t->most_in; ++i) energies[i] *= energies[i];
  ln_lost_shares(energies, t->most_in, t->lost);
  ln_matrix_product(l, left, n, n, t->most_in, t->expand);
  for (int32_t k = 0; k < t->most_in; ++k)
    for (int32_t c = 0; c < n; ++c)
      t->reduce[(size_t)k * (size_t)n + (size_t)c] = t->expand[(size_t)c * (size_t)t->most_in + (size_t)k];
  ln_linear_solve(l, n, t->reduce, t->most_in);
out:
  ln_free(l);
  ln_free(mean);
  ln_free(g);
  ln_free(energies);
  ln_free(left);
  return status;
}

static void shapes(const ln_layer_weights *layer, const int32_t ranks[2], ln_factor *factors) {
  factors[0].rows = factors[1].channels = ranks[1];
  factors[0].channels = layer->channels;
  factors[1].rows = factors[2].channels = ranks[0];
  factors[1].height = layer->height;
  factors[1].width = layer->width;
  factors[2].rows = layer->rows;
  factors[0].height = factors[0].width = factors[2].height = factors[2].width = 1;
}

static ln_status cost_of(const tucker *t, const ln_layer_weights *layer, const int32_t ranks[2], ln_error *err,
                         ln_compressor_cost *out) {
  ln_factor factors[3] = {{.size = sizeof *factors}, {.size = sizeof *factors}, {.size = sizeof *factors}};
  shapes(layer, ranks, factors);
  out->error = fmin(t->outs->lost[ranks[0] - 1] + t->lost[ranks[1] - 1], 1);
  return ln_factors_cost(layer, factors, 3, err, out);
}

/* From all ranks down; stored the other way round, the cheapest first. */
static ln_status walk(tucker *t, const ln_layer_weights *layer, ln_error *err) {
  int32_t ranks[2] = {t->outs->most, t->most_in};
  t->levels = ranks[0] + ranks[1] - 1; /* bounded: each is a dimension of weights in memory */
  t->ranks = ln_alloc_array((size_t)t->levels, sizeof *t->ranks);
  if (t->ranks == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  ln_compressor_cost now = {.size = sizeof now};
  LN_TRY(cost_of(t, layer, ranks, err, &now));
  for (int32_t level = t->levels - 1; level >= 0; --level) {
    t->ranks[level][0] = ranks[0];
    t->ranks[level][1] = ranks[1];
    int32_t best = -1;
    double best_price = INFINITY;
    ln_compressor_cost next = now;
    for (int32_t side = 0; side < 2; ++side) {
      if (ranks[side] == 1) continue;
      ln_compressor_cost cost = {.size = sizeof cost};
      --ranks[side];
      const ln_status status = cost_of(t, layer, ranks, err, &cost);
      ++ranks[side];
      LN_TRY(status);
      const double price = (cost.error - now.error) / (double)(now.macs - cost.macs + 1);
      if (best >= 0 && price >= best_price) continue;
      best = side;
      best_price = price;
      next = cost;
    }
    if (best >= 0) --ranks[best];
    now = next;
  }
  return LN_OK;
}

static ln_status decompose(const ln_layer_weights *layer, const ln_parameter_values *values, ln_error *err,
                           void **state, int32_t *levels) {
  (void)values;
  *levels = 0;
  if (ln_patch_size(layer) <= (size_t)layer->channels || layer->rows < 2 || layer->channels < 2) return LN_OK;
  const size_t columns = ln_patch_size(layer);
  if (!ln_split_is_feasible(layer->rows, (int64_t)columns) || !ln_split_is_feasible(layer->channels, layer->channels))
    return LN_OK;
  tucker *t = ln_alloc_zero(sizeof *t);
  *state = t;
  if (t == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  double *w = ln_doubles(layer->rows, (int64_t)columns);
  for (size_t i = 0; w != NULL && i < (size_t)layer->rows * columns; ++i) w[i] = layer->values[i];
  LN_TRY(ln_split_make(w, layer->rows, (int32_t)columns, layer->patches, layer->patch_count, err, &t->outs));
  LN_TRY(split_inputs(t, layer, err));
  LN_TRY(walk(t, layer, err));
  *levels = t->levels;
  return LN_OK;
}

static ln_status cost(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                      ln_compressor_cost *out) {
  const tucker *t = state;
  return cost_of(t, layer, t->ranks[level], err, out);
}

/* core [outs, places, ins] from side [outs, places, channels] and expand [channels, most_in] */
static void reduce_inputs(const tucker *t, const double *side, size_t places, const int32_t ranks[2], size_t channels,
                          float *core) {
  for (size_t i = 0; i < (size_t)ranks[0] * places; ++i) {
    for (int32_t k = 0; k < ranks[1]; ++k) {
      double sum = 0;
      for (size_t c = 0; c < channels; ++c)
        sum += side[i * channels + c] * t->expand[c * (size_t)t->most_in + (size_t)k];
      *core++ = (float)sum;
    }
  }
}

/* What the first two layers do together, [outs, places, channels], in place of what `side` holds. */
static void join(const float *core, const float *first, size_t places, const int32_t ranks[2], size_t channels,
                 double *side) {
  for (size_t i = 0; i < (size_t)ranks[0] * places; ++i) {
    double *to = side + i * channels;
    for (size_t c = 0; c < channels; ++c) to[c] = 0;
    for (int32_t k = 0; k < ranks[1]; ++k)
      for (size_t c = 0; c < channels; ++c)
        to[c] += (double)core[i * (size_t)ranks[1] + (size_t)k] * first[(size_t)k * channels + c];
  }
}

static ln_status rewrite(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                         ln_factor *factors, int32_t *count, float *bias) {
  const tucker *t = state;
  const int32_t *ranks = t->ranks[level];
  const size_t channels = (size_t)layer->channels, columns = ln_patch_size(layer), places = columns / channels;
  *count = 3;
  shapes(layer, ranks, factors);
  if (factors[0].values == NULL) return LN_OK;
  double *side = ln_doubles(ranks[0], (int64_t)columns);
  float *z = layer->patch_count > 0 ? ln_floats(layer->patch_count, ranks[0]) : NULL;
  ln_status status = LN_ERR_MEMORY;
  if (side == NULL || (layer->patch_count > 0 && z == NULL)) {
    ln_fail(err, status, "out of memory");
    goto out;
  }
  for (int32_t k = 0; k < ranks[0]; ++k) {
    const double even = t->outs->energies[k] > 0 ? sqrt(sqrt(t->outs->energies[k])) : 1;
    for (int32_t r = 0; r < layer->rows; ++r) {
      const double by = t->outs->left[(size_t)r * (size_t)t->outs->most + (size_t)k];
      const float *from = layer->values + (size_t)r * columns;
      for (size_t c = 0; c < columns; ++c) side[(size_t)k * columns + c] += by / even * from[c];
      factors[2].values[(size_t)r * (size_t)ranks[0] + (size_t)k] = (float)(by * even);
    }
  }
  for (size_t i = 0; i < (size_t)ranks[1] * channels; ++i) factors[0].values[i] = (float)t->reduce[i];
  reduce_inputs(t, side, places, ranks, channels, factors[1].values);
  status = LN_OK;
  if (z != NULL) {
    join(factors[1].values, factors[0].values, places, ranks, channels, side);
    ln_respond(layer->patches, layer->patch_count, side, ranks[0], (int32_t)columns, z);
    status = ln_split_refit(layer, z, ranks[0], err, factors[2].values, bias);
  }
out:
  ln_free(side);
  ln_free(z);
  return status;
}

static const ln_parameter none[] = {{.name = NULL}};

const ln_compressor ln_compressor_tucker = {.size = sizeof(ln_compressor),
                                            .name = "tucker",
                                            .what = "1x1 to fewer channels, the layer among those, 1x1 to the outputs",
                                            .parameters = none,
                                            .decompose = decompose,
                                            .cost = cost,
                                            .rewrite = rewrite,
                                            .destroy = destroy};

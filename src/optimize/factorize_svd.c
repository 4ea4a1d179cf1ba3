/*
 * A layer in two: as many filters of its own shape as the rank, and a 1x1 convolution (or fully-connected layer) that
 * makes the outputs from theirs. The truncated singular value decomposition of the weights as a matrix loses least
 * (Eckart and Young, 1936; for convolutions Zhang et al., "Accelerating Very Deep Convolutional Networks", 2015).
 */
#include "optimize/factorize.h"

static ln_status decompose(const ln_layer_weights *layer, const ln_parameter_values *values, ln_error *err,
                           void **state, int32_t *levels) {
  (void)values;
  const size_t columns = ln_patch_size(layer);
  *levels = 0;
  if (layer->rows < 2 || columns < 2 || !ln_split_is_feasible(layer->rows, (int64_t)columns)) return LN_OK;
  double *w = ln_doubles(layer->rows, (int64_t)columns);
  for (size_t i = 0; w != NULL && i < (size_t)layer->rows * columns; ++i) w[i] = layer->values[i];
  ln_split *split = NULL;
  const ln_status status =
      ln_split_make(w, layer->rows, (int32_t)columns, layer->patches, layer->patch_count, err, &split);
  *state = split;
  LN_TRY(status);
  *levels = split->most;
  return LN_OK;
}

static void shapes(const ln_layer_weights *layer, int32_t level, ln_factor *factors) {
  factors[0].rows = factors[1].channels = level + 1;
  factors[0].height = layer->height;
  factors[0].width = layer->width;
  factors[0].channels = layer->channels;
  factors[1].rows = layer->rows;
  factors[1].height = factors[1].width = 1;
}

static ln_status cost(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                      ln_compressor_cost *out) {
  ln_factor factors[2] = {{.size = sizeof *factors}, {.size = sizeof *factors}};
  shapes(layer, level, factors);
  out->error = ((const ln_split *)state)->lost[level];
  return ln_factors_cost(layer, factors, 2, err, out);
}

static ln_status rewrite(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                         ln_factor *factors, int32_t *count, float *bias) {
  *count = 2;
  shapes(layer, level, factors);
  if (factors[0].values == NULL) return LN_OK;
  return ln_split_write(state, layer, layer->patches, 1, level + 1, err, factors[0].values, factors[1].values, bias);
}

static void destroy(void *state) { ln_split_destroy(state); }

static const ln_parameter none[] = {{.name = NULL}};

const ln_compressor ln_compressor_svd = {.size = sizeof(ln_compressor),
                                         .name = "svd",
                                         .what = "filters of low rank, and a 1x1 layer that mixes them",
                                         .parameters = none,
                                         .decompose = decompose,
                                         .cost = cost,
                                         .rewrite = rewrite,
                                         .destroy = destroy};

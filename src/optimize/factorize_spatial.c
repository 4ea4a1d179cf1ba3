/*
 * A convolution in two: filters one column wide, then filters one row high that read them (Jaderberg et al., "Speeding
 * up Convolutional Neural Networks with Low Rank Expansions", 2014). The weights as a matrix of (output, column) by
 * (row, input channel) are truncated to the rank. With samples, columns of patches stand for the inputs of the first
 * layer, and the second is solved anew from what the first gives.
 */
#include <string.h>

#include "optimize/factorize.h"

/* A filter or patch [height, width, channels] column by column: [width, height, channels]. */
static void turn(const ln_layer_weights *layer, const float *from, float *to) {
  const size_t channels = (size_t)layer->channels, width = (size_t)layer->width;
  for (size_t w = 0; w < width; ++w) {
    for (size_t h = 0; h < (size_t)layer->height; ++h) {
      memcpy(to, from + (h * width + w) * channels, channels * sizeof *to);
      to += channels;
    }
  }
}

/* Of `count` filters or patches; the caller's, to ln_free. */
static ln_status turn_all(const ln_layer_weights *layer, const float *from, int64_t count, ln_error *err, float **out) {
  const size_t size = ln_patch_size(layer);
  *out = ln_floats(count, (int64_t)size);
  if (*out == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  for (int64_t k = 0; k < count; ++k) turn(layer, from + (size_t)k * size, *out + (size_t)k * size);
  return LN_OK;
}

static ln_status decompose(const ln_layer_weights *layer, const ln_parameter_values *values, ln_error *err,
                           void **state, int32_t *levels) {
  (void)values;
  *levels = 0;
  if (layer->height < 2 || layer->width < 2 || layer->rows > INT32_MAX / layer->width) return LN_OK;
  const size_t size = ln_patch_size(layer) * (size_t)layer->rows;
  const int32_t ins = (int32_t)(ln_patch_size(layer) / (size_t)layer->width);
  if (!ln_split_is_feasible((int64_t)layer->rows * layer->width, ins)) return LN_OK;
  float *filters = NULL, *columns = NULL;
  double *w = NULL;
  ln_split *split = NULL;
  ln_status status = turn_all(layer, layer->values, layer->rows, err, &filters);
  if (status == LN_OK) status = turn_all(layer, layer->patches, layer->patch_count, err, &columns);
  if (status != LN_OK) goto out;
  w = ln_doubles(layer->rows, (int64_t)ln_patch_size(layer));
  for (size_t i = 0; w != NULL && i < size; ++i) w[i] = filters[i];
  status = ln_split_make(w, layer->rows * layer->width, ins, columns, layer->patch_count * layer->width, err, &split);
  *state = split;
  if (status == LN_OK) status = ln_split_measure(split, layer, columns, layer->width, err);
  if (status == LN_OK) *levels = split->most;
out:
  ln_free(filters);
  ln_free(columns);
  return status;
}

static void shapes(const ln_layer_weights *layer, int32_t level, ln_factor *factors) {
  factors[0].rows = factors[1].channels = level + 1;
  factors[0].height = layer->height;
  factors[0].channels = layer->channels;
  factors[1].rows = layer->rows;
  factors[1].width = layer->width;
  factors[0].width = factors[1].height = 1;
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
  float *columns = NULL;
  LN_TRY(turn_all(layer, layer->patches, layer->patch_count, err, &columns));
  const ln_status status =
      ln_split_write(state, layer, columns, layer->width, level + 1, err, factors[0].values, factors[1].values, bias);
  ln_free(columns);
  return status;
}

static void destroy(void *state) { ln_split_destroy(state); }

static const ln_parameter none[] = {{.name = NULL}};

const ln_compressor ln_compressor_spatial = {.size = sizeof(ln_compressor),
                                             .name = "spatial",
                                             .what = "filters one column wide, then filters one row high",
                                             .parameters = none,
                                             .decompose = decompose,
                                             .cost = cost,
                                             .rewrite = rewrite,
                                             .destroy = destroy};

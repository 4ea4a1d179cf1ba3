/*
 * LOCAL_RESPONSE_NORMALIZATION: each value over a power of the squares around it along the last dimension. The window
 * is [i - radius, i + radius], as the operator is defined and LiteRT's optimized kernel computes it; its reference
 * kernel leaves out the upper end.
 */
#include <math.h>

#include "ops/rows.h"

static void normalize_row(const ln_local_response_normalization_options *options, const float *in, int32_t count,
                          float *out) {
  const int64_t radius = options->radius;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t from = i - radius > 0 ? (int32_t)(i - radius) : 0;
    const int32_t to = i + radius + 1 < count ? (int32_t)(i + radius + 1) : count;
    float squares = 0.0f;
    for (int32_t j = from; j < to; ++j) squares += in[j] * in[j];
    out[i] = in[i] * powf(options->bias + options->alpha * squares, -options->beta);
  }
}

ln_status ln_local_response_norm_prepare(ln_node *node, ln_prep *prep) {
  const int32_t radius = LN_OPTIONS(node, local_response_normalization_options)->radius;
  if (node->in[0]->shape.rank < 1) return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "the input is a scalar");
  if (radius < 0) return ln_node_fail(node, prep->err, LN_ERR_MODEL, "radius %d", radius);
  return LN_OK;
}

ln_status ln_local_response_norm_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const ln_shape *shape = &node->in[0]->shape;
  const int32_t count = shape->dims[shape->rank - 1];
  const size_t rows = ln_shape_span(shape, 0, shape->rank - 1);
  for (size_t r = 0; r < rows && count > 0; ++r) {
    const size_t at = r * (size_t)count;
    normalize_row(LN_OPTIONS(node, local_response_normalization_options), (const float *)node->in[0]->data + at, count,
                  (float *)node->out[0]->data + at);
  }
  return LN_OK;
}

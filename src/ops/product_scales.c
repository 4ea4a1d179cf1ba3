/* Real multipliers of integer products, rounded as TFLite rounds them. */
#include "ops/product_scales.h"

#include <math.h>

static bool usable(float scale) { return isfinite(scale) && scale >= 0.0f; }

static ln_status check_weights(const ln_node *node, const ln_tensor *weights, int32_t channels, int32_t axis,
                               ln_error *err) {
  const ln_quant *quant = weights->quant;
  if (quant->count < 1) return ln_node_fail(node, err, LN_ERR_MODEL, "weights \"%s\" have no scale", weights->name);
  if (quant->count > 1 && (quant->count != channels || quant->axis != axis)) {
    return ln_node_fail(node, err, LN_ERR_MODEL,
                        "weights \"%s\" have %d scales along dimension %d, expected %d along %d", weights->name,
                        quant->count, quant->axis, channels, axis);
  }
  for (int32_t j = 0; j < quant->count; ++j) {
    if (!usable(quant->scale[j])) {
      return ln_node_fail(node, err, LN_ERR_MODEL, "weights \"%s\" have an unusable scale", weights->name);
    }
    /* The reference takes int8 weights along an axis as symmetric, whatever their zero points say. */
    if (weights->type == LN_UINT8 && quant->zero_point[j] != quant->zero_point[0]) {
      return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "weights \"%s\" have zero points that differ by channel",
                          weights->name);
    }
  }
  return LN_OK;
}

ln_status ln_product_scales(const ln_node *node, ln_arena *arena, const ln_tensor *in, const ln_tensor *weights,
                            const ln_tensor *out, int32_t channels, int32_t axis, ln_scale_rule rule, ln_error *err,
                            const double **scales, int32_t *count) {
  const ln_quant *quant = weights->quant;
  LN_TRY(check_weights(node, weights, channels, axis, err));
  if (in->quant->count != 1 || !usable(ln_scale_of(in))) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "input \"%s\" has no usable scale", in->name);
  }
  if (out->quant->count != 1 || !usable(ln_scale_of(out)) || ln_scale_of(out) == 0.0f) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "output \"%s\" has no usable scale", out->name);
  }
  double *values = ln_arena_array(arena, (size_t)quant->count, sizeof *values);
  if (values == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  for (int32_t j = 0; j < quant->count; ++j) {
    const float rounded = ln_scale_of(in) * quant->scale[j];
    const double product =
        rule == LN_SCALES_PER_TENSOR ? (double)rounded : (double)ln_scale_of(in) * (double)quant->scale[j];
    values[j] = product / (double)ln_scale_of(out);
  }
  *scales = values;
  *count = quant->count;
  return LN_OK;
}

/* NumericVerify: how far a quantized tensor is from a float reference. What debugging a quantized model puts into it.
 */
#include <math.h>

#include "ops/custom_options.h"
#include "ops/rows.h"

ln_status ln_numeric_verify_infer(ln_node *node, ln_error *err) {
  if (!ln_shape_equal(&node->in[0]->shape, &node->in[1]->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the tensor and its reference must have the same shape");
  }
  return ln_infer_same(node, err);
}

/* Fails for differences beyond tolerance * scale when asked to; tolerances below 0.1 only measure. */
ln_status ln_numeric_verify_run(const ln_node *node, ln_exec *exec) {
  const float *reference = node->in[1]->data;
  float *out = node->out[0]->data;
  double tolerance = 0.0;
  bool strict = false;
  ln_flex_float(ln_custom_flex(node), "tolerance", &tolerance);
  ln_flex_bool(ln_custom_flex(node), "log_if_failed", &strict);
  LN_TRY(ln_dequantize_run(node, exec));
  const size_t count = ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank);
  const float most = (float)tolerance * ln_scale_of(node->in[0]);
  for (size_t i = 0; i < count; ++i) {
    const float value = out[i];
    out[i] = value - reference[i];
    if (strict && tolerance >= 0.1 && fabsf(out[i]) > most) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "element %zu is %g, its reference %g: more than %g apart", i,
                          (double)value, (double)reference[i], (double)most);
    }
  }
  return LN_OK;
}

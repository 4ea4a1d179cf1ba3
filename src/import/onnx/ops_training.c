/* Updates of weights (ai.onnx.preview.training): rate, count, then all weights, all gradients, all states. */
#include <string.h>

#include "import/onnx/onnx_lists.h"

/* weight * coefficient + gradient */
static int32_t regularized(ln_onnx_node *n, int32_t x, int32_t gradient) {
  const double by = ln_onnx_float(n, "norm_coefficient", 0);
  return by == 0 ? gradient : ln_emit_add(n->e, ln_emit_mul_number(n->e, x, by), gradient);
}

/* How many weights there are, with `kinds` inputs for each; -1 and a failure for another number. */
static int32_t count_weights(ln_onnx_node *n, int32_t kinds, int32_t outputs) {
  const int32_t count = (n->input_count - 2) / kinds;
  if (count >= 1 && n->input_count == 2 + kinds * count && n->output_count == outputs * count) return count;
  return ln_emit_wrong(n->e, "%d inputs and %d outputs", n->input_count, n->output_count);
}

void ln_onnx_adagrad(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t count = count_weights(n, 3, 2), times = ln_emit_cast(e, ln_onnx_in(n, 1), LN_FLOAT32);
  const int32_t slower = ln_emit_add_number(e, ln_emit_mul_number(e, times, ln_onnx_float(n, "decay_factor", 0)), 1);
  const int32_t rate = ln_emit_div(e, ln_onnx_in(n, 0), slower);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t x = ln_onnx_in(n, 2 + i), g = regularized(n, x, ln_onnx_in(n, 2 + count + i));
    const int32_t h = ln_emit_add(e, ln_onnx_in(n, 2 + 2 * count + i), ln_emit_mul(e, g, g));
    const int32_t root = ln_emit_add_number(e, ln_emit_unary(e, LN_OP_SQRT, h), ln_onnx_float(n, "epsilon", 1e-6));
    ln_onnx_out(n, i, ln_emit_sub(e, x, ln_emit_div(e, ln_emit_mul(e, rate, g), root)));
    ln_onnx_out(n, count + i, h);
  }
}

/* old * by + new * (1 - by) */
static int32_t averaged(ln_emit *e, int32_t old, int32_t new, double by) {
  return ln_emit_add(e, ln_emit_mul_number(e, old, by), ln_emit_mul_number(e, new, 1 - by));
}

static int32_t one_minus_power(ln_emit *e, double base, int32_t times) {
  return ln_emit_sub(e, ln_emit_f32(e, 1), ln_emit_pow(e, ln_emit_f32(e, base), times));
}

void ln_onnx_adam(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t count = count_weights(n, 4, 3), rate = ln_onnx_in(n, 0);
  const int32_t times = ln_emit_cast(e, ln_onnx_in(n, 1), LN_FLOAT32), zero = ln_emit_f32(e, 0);
  const double alpha = ln_onnx_float(n, "alpha", 0.9f), beta = ln_onnx_float(n, "beta", 0.999f);
  const double after = ln_onnx_float(n, "norm_coefficient_post", 0);
  const int32_t root = ln_emit_unary(e, LN_OP_SQRT, one_minus_power(e, beta, times));
  const int32_t corrected = ln_emit_div(e, ln_emit_mul(e, rate, root), one_minus_power(e, alpha, times));
  const int32_t adjusted = ln_emit_select(e, ln_emit_compare(e, LN_OP_GREATER, times, zero), corrected, rate);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t x = ln_onnx_in(n, 2 + i), g = regularized(n, x, ln_onnx_in(n, 2 + count + i));
    const int32_t v = averaged(e, ln_onnx_in(n, 2 + 2 * count + i), g, alpha);
    const int32_t h = averaged(e, ln_onnx_in(n, 2 + 3 * count + i), ln_emit_mul(e, g, g), beta);
    const int32_t scale = ln_emit_add_number(e, ln_emit_unary(e, LN_OP_SQRT, h), ln_onnx_float(n, "epsilon", 1e-6));
    const int32_t new = ln_emit_sub(e, x, ln_emit_div(e, ln_emit_mul(e, adjusted, v), scale));
    ln_onnx_out(n, i, after == 0 ? new : ln_emit_mul_number(e, new, 1 - after));
    ln_onnx_out(n, count + i, v);
    ln_onnx_out(n, 2 * count + i, h);
  }
}

void ln_onnx_momentum(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t count = count_weights(n, 3, 2), rate = ln_onnx_in(n, 0);
  const int32_t times = ln_emit_cast(e, ln_onnx_in(n, 1), LN_FLOAT32), zero = ln_emit_f32(e, 0),
                one = ln_emit_f32(e, 1);
  const double alpha = ln_onnx_float(n, "alpha", 0);
  const bool nesterov = strcmp(ln_onnx_text(n, "mode", "standard"), "nesterov") == 0;
  const int32_t later = ln_emit_compare(e, LN_OP_GREATER, times, zero);
  const int32_t beta = ln_emit_select(e, later, ln_emit_f32(e, ln_onnx_float(n, "beta", 1)), one);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t x = ln_onnx_in(n, 2 + i), g = regularized(n, x, ln_onnx_in(n, 2 + count + i));
    const int32_t old = ln_emit_mul_number(e, ln_onnx_in(n, 2 + 2 * count + i), alpha);
    const int32_t v = ln_emit_add(e, old, ln_emit_mul(e, beta, g));
    const int32_t way = nesterov ? ln_emit_add(e, g, ln_emit_mul_number(e, v, alpha)) : v;
    ln_onnx_out(n, i, ln_emit_sub(e, x, ln_emit_mul(e, rate, way)));
    ln_onnx_out(n, count + i, v);
  }
}

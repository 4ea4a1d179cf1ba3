/* Gradients of element-wise operators, and of what is fused behind others. */
#include <math.h>

#include "train/operators.h"

#define UNARY(name) void ln_gradient_##name(ln_grad *g, const ln_op *op, const int32_t *dy)

/* ---- activations ---- */

int32_t ln_grad_between(ln_grad *g, int32_t a, int32_t dy, float low, float high) {
  if (g->fast && ln_shape_equal(ln_grad_shape(g, a), ln_grad_shape(g, dy))) {
    const ln_grad_places window = {.low = low, .high = high};
    return ln_grad_own(g, &ln_op_mask_gradient, &window, dy, a);
  }
  int32_t in = ln_grad_compare(g, LN_OP_GREATER, a, ln_grad_scalar(g, low));
  if (high != INFINITY) {
    in = ln_grad_compare(g, LN_OP_LOGICAL_AND, in, ln_grad_compare(g, LN_OP_LESS, a, ln_grad_scalar(g, high)));
  }
  return ln_grad_mask(g, in, dy);
}

/* dy * (1 - y * y) */
static int32_t through_tanh(ln_grad *g, int32_t dy, int32_t y) {
  const int32_t square = ln_grad_mul(g, y, y);
  return ln_grad_mul(g, dy, ln_grad_binary(g, LN_OP_SUB, ln_grad_scalar(g, 1), square));
}

int32_t ln_grad_activation(ln_grad *g, int32_t activation, int32_t dy, int32_t y) {
  switch (activation) {
    case LN_ACT_NONE: return dy;
    case LN_ACT_RELU: return ln_grad_between(g, y, dy, 0, INFINITY);
    case LN_ACT_RELU6: return ln_grad_between(g, y, dy, 0, 6);
    case LN_ACT_RELU_N1_TO_1: return ln_grad_between(g, y, dy, -1, 1);
    case LN_ACT_TANH: return through_tanh(g, dy, y);
    default: ln_grad_refuse(g, "its activation has none"); return -1;
  }
}

UNARY(relu) { ln_grad_add(g, op, 0, ln_grad_between(g, ln_grad_out(g, op), dy[0], 0, INFINITY)); }
UNARY(relu6) { ln_grad_add(g, op, 0, ln_grad_between(g, ln_grad_out(g, op), dy[0], 0, 6)); }
UNARY(relu_n1_to_1) { ln_grad_add(g, op, 0, ln_grad_between(g, ln_grad_out(g, op), dy[0], -1, 1)); }
UNARY(relu_0_to_1) { ln_grad_add(g, op, 0, ln_grad_between(g, ln_grad_out(g, op), dy[0], 0, 1)); }
UNARY(tanh) { ln_grad_add(g, op, 0, through_tanh(g, dy[0], ln_grad_out(g, op))); }

/* dy * y * (1 - y) */
UNARY(logistic) {
  const int32_t y = ln_grad_out(g, op);
  const int32_t rest = ln_grad_binary(g, LN_OP_SUB, ln_grad_scalar(g, 1), y);
  ln_grad_add(g, op, 0, ln_grad_mul(g, dy[0], ln_grad_mul(g, y, rest)));
}

static int32_t positive(ln_grad *g, int32_t a) { return ln_grad_compare(g, LN_OP_GREATER, a, ln_grad_scalar(g, 0)); }

UNARY(leaky_relu) {
  const float alpha = ((const ln_leaky_relu_options *)op->options)->alpha;
  const int32_t x = ln_grad_in(g, op, 0);
  ln_grad_add(g, op, 0, ln_grad_select(g, positive(g, x), dy[0], ln_grad_scale(g, dy[0], alpha)));
}

/* exp(x) = y + 1 below 0 */
UNARY(elu) {
  const int32_t y = ln_grad_out(g, op);
  const int32_t below = ln_grad_mul(g, dy[0], ln_grad_binary(g, LN_OP_ADD, y, ln_grad_scalar(g, 1)));
  ln_grad_add(g, op, 0, ln_grad_select(g, positive(g, y), dy[0], below));
}

/* x * relu6(x + 3) / 6 */
UNARY(hard_swish) {
  const int32_t x = ln_grad_in(g, op, 0);
  const int32_t slope = ln_grad_binary(g, LN_OP_ADD, ln_grad_scale(g, x, 1.0f / 3), ln_grad_scalar(g, 0.5f));
  const int32_t middle = ln_grad_between(g, x, ln_grad_mul(g, dy[0], slope), -3, INFINITY);
  const int32_t above = ln_grad_compare(g, LN_OP_GREATER_EQUAL, x, ln_grad_scalar(g, 3));
  ln_grad_add(g, op, 0, ln_grad_select(g, above, dy[0], middle));
}

/* t + x * (1 - t^2) * u' with y = x * t' and t' = (1 + tanh(u)) / 2 (Hendrycks and Gimpel, Gaussian error linear units,
 * 2016) */
static int32_t gelu_by_tanh(ln_grad *g, int32_t x) {
  const float c = 0.7978845608f, k = 0.044715f;
  const int32_t square = ln_grad_mul(g, x, x), one = ln_grad_scalar(g, 1);
  const int32_t u =
      ln_grad_mul(g, ln_grad_scale(g, x, c), ln_grad_binary(g, LN_OP_ADD, ln_grad_scale(g, square, k), one));
  const int32_t t = ln_grad_unary(g, LN_OP_TANH, u);
  const int32_t slope = ln_grad_binary(g, LN_OP_ADD, ln_grad_scale(g, square, 3 * k * c), ln_grad_scalar(g, c));
  const int32_t bend =
      ln_grad_mul(g, ln_grad_mul(g, x, slope), ln_grad_binary(g, LN_OP_SUB, one, ln_grad_mul(g, t, t)));
  return ln_grad_scale(g, ln_grad_binary(g, LN_OP_ADD, ln_grad_binary(g, LN_OP_ADD, one, t), bend), 0.5f);
}

/* Phi(x) + x * phi(x), where Phi(x) is y / x: there is no operator for it. */
static int32_t gelu_exact(ln_grad *g, int32_t x, int32_t y) {
  const int32_t zero = ln_grad_compare(g, LN_OP_EQUAL, x, ln_grad_scalar(g, 0));
  const int32_t safe = ln_grad_select(g, zero, ln_grad_scalar(g, 1), x);
  const int32_t below = ln_grad_select(g, zero, ln_grad_scalar(g, 0.5f), ln_grad_binary(g, LN_OP_DIV, y, safe));
  const int32_t density = ln_grad_unary(g, LN_OP_EXP, ln_grad_scale(g, ln_grad_mul(g, x, x), -0.5f));
  return ln_grad_binary(g, LN_OP_ADD, below, ln_grad_mul(g, ln_grad_scale(g, x, 0.3989422804f), density));
}

UNARY(gelu) {
  const int32_t x = ln_grad_in(g, op, 0);
  const bool approximate = ((const ln_gelu_options *)op->options)->approximate;
  const int32_t slope = approximate ? gelu_by_tanh(g, x) : gelu_exact(g, x, ln_grad_out(g, op));
  ln_grad_add(g, op, 0, ln_grad_mul(g, dy[0], slope));
}

UNARY(prelu) {
  const int32_t x = ln_grad_in(g, op, 0), above = positive(g, x), zero = ln_grad_scalar(g, 0);
  if (ln_grad_wants(g, op, 0)) {
    ln_grad_add(g, op, 0, ln_grad_select(g, above, dy[0], ln_grad_mul(g, dy[0], ln_grad_in(g, op, 1))));
  }
  if (ln_grad_wants(g, op, 1)) ln_grad_add(g, op, 1, ln_grad_select(g, above, zero, ln_grad_mul(g, dy[0], x)));
}

/* ---- functions of one variable ---- */

UNARY(same) { ln_grad_add(g, op, 0, dy[0]); }
UNARY(neg) { ln_grad_add(g, op, 0, ln_grad_unary(g, LN_OP_NEG, dy[0])); }
UNARY(abs) { ln_grad_add(g, op, 0, ln_grad_mul(g, dy[0], ln_grad_unary(g, LN_OP_SIGN, ln_grad_in(g, op, 0)))); }
UNARY(exp) { ln_grad_add(g, op, 0, ln_grad_mul(g, dy[0], ln_grad_out(g, op))); }
UNARY(log) { ln_grad_add(g, op, 0, ln_grad_binary(g, LN_OP_DIV, dy[0], ln_grad_in(g, op, 0))); }
UNARY(sin) { ln_grad_add(g, op, 0, ln_grad_mul(g, dy[0], ln_grad_unary(g, LN_OP_COS, ln_grad_in(g, op, 0)))); }
UNARY(square) { ln_grad_add(g, op, 0, ln_grad_mul(g, ln_grad_scale(g, dy[0], 2), ln_grad_in(g, op, 0))); }

UNARY(cos) {
  const int32_t sine = ln_grad_unary(g, LN_OP_SIN, ln_grad_in(g, op, 0));
  ln_grad_add(g, op, 0, ln_grad_unary(g, LN_OP_NEG, ln_grad_mul(g, dy[0], sine)));
}

UNARY(sqrt) { ln_grad_add(g, op, 0, ln_grad_binary(g, LN_OP_DIV, ln_grad_scale(g, dy[0], 0.5f), ln_grad_out(g, op))); }

/* -y^3 / 2 */
UNARY(rsqrt) {
  const int32_t y = ln_grad_out(g, op);
  const int32_t cube = ln_grad_mul(g, ln_grad_mul(g, y, y), y);
  ln_grad_add(g, op, 0, ln_grad_mul(g, ln_grad_scale(g, dy[0], -0.5f), cube));
}

/* dy / (3 * y^2) */
UNARY(cbrt) {
  const int32_t y = ln_grad_out(g, op);
  ln_grad_add(g, op, 0, ln_grad_binary(g, LN_OP_DIV, dy[0], ln_grad_scale(g, ln_grad_mul(g, y, y), 3)));
}

/* ---- functions of two ---- */

UNARY(add) {
  ln_grad_add(g, op, 0, dy[0]);
  ln_grad_add(g, op, 1, dy[0]);
}

UNARY(sub) {
  ln_grad_add(g, op, 0, dy[0]);
  if (ln_grad_wants(g, op, 1)) ln_grad_add(g, op, 1, ln_grad_unary(g, LN_OP_NEG, dy[0]));
}

/* Of images, times a factor of each channel: the factor's gradient is that of a filter of one tap. */
static bool by_channel(ln_grad *g, const ln_op *op, int32_t index, int32_t dy) {
  const ln_shape x = *ln_grad_shape(g, op->inputs[1 - index]), factor = *ln_grad_shape(g, op->inputs[index]);
  const ln_grad_places window = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
  if (!g->fast || x.rank != 4 || !ln_shape_equal(&x, ln_grad_shape(g, dy)) || factor.rank < 1 ||
      factor.dims[factor.rank - 1] != x.dims[3] || ln_shape_span(&factor, 0, factor.rank) != (size_t)x.dims[3]) {
    return false;
  }
  const int32_t made = ln_grad_own(g, &ln_op_depthwise_filter_gradient, &window, ln_grad_in(g, op, 1 - index), dy);
  ln_grad_add(g, op, index, ln_grad_reshape(g, made, &factor));
  return true;
}

UNARY(mul) {
  for (int32_t i = 0; i < 2; ++i) {
    if (!ln_grad_wants(g, op, i) || by_channel(g, op, i, dy[0])) continue;
    ln_grad_add(g, op, i, ln_grad_mul(g, dy[0], ln_grad_in(g, op, 1 - i)));
  }
}

UNARY(div) {
  const int32_t b = ln_grad_in(g, op, 1);
  const int32_t da = ln_grad_binary(g, LN_OP_DIV, dy[0], b);
  ln_grad_add(g, op, 0, da);
  if (!ln_grad_wants(g, op, 1)) return;
  const int32_t ratio = ln_grad_binary(g, LN_OP_DIV, ln_grad_in(g, op, 0), b); /* the output may be clamped */
  ln_grad_add(g, op, 1, ln_grad_unary(g, LN_OP_NEG, ln_grad_mul(g, da, ratio)));
}

UNARY(squared_difference) {
  const int32_t apart = ln_grad_binary(g, LN_OP_SUB, ln_grad_in(g, op, 0), ln_grad_in(g, op, 1));
  const int32_t da = ln_grad_mul(g, ln_grad_scale(g, dy[0], 2), apart);
  ln_grad_add(g, op, 0, da);
  if (ln_grad_wants(g, op, 1)) ln_grad_add(g, op, 1, ln_grad_unary(g, LN_OP_NEG, da));
}

/* Input 0 has it all where `first` says so, else input 1. */
static void share(ln_grad *g, const ln_op *op, int32_t dy, int32_t first) {
  const int32_t zero = ln_grad_scalar(g, 0);
  if (ln_grad_wants(g, op, 0)) ln_grad_add(g, op, 0, ln_grad_select(g, first, dy, zero));
  if (ln_grad_wants(g, op, 1)) ln_grad_add(g, op, 1, ln_grad_select(g, first, zero, dy));
}

UNARY(maximum) {
  share(g, op, dy[0], ln_grad_compare(g, LN_OP_GREATER_EQUAL, ln_grad_in(g, op, 0), ln_grad_in(g, op, 1)));
}

UNARY(minimum) {
  share(g, op, dy[0], ln_grad_compare(g, LN_OP_LESS_EQUAL, ln_grad_in(g, op, 0), ln_grad_in(g, op, 1)));
}

/* b * a^(b - 1), and y * log(a), which is taken as 0 where a is not positive */
UNARY(pow) {
  const int32_t a = ln_grad_in(g, op, 0), b = ln_grad_in(g, op, 1), one = ln_grad_scalar(g, 1);
  if (ln_grad_wants(g, op, 0)) {
    const int32_t power = ln_grad_binary(g, LN_OP_POW, a, ln_grad_binary(g, LN_OP_SUB, b, one));
    ln_grad_add(g, op, 0, ln_grad_mul(g, ln_grad_mul(g, dy[0], b), power));
  }
  if (ln_grad_wants(g, op, 1)) {
    const int32_t log = ln_grad_unary(g, LN_OP_LOG, ln_grad_select(g, positive(g, a), a, one));
    ln_grad_add(g, op, 1, ln_grad_mul(g, ln_grad_mul(g, dy[0], ln_grad_out(g, op)), log));
  }
}

/* a - floor(a / b) * b */
UNARY(floor_mod) {
  ln_grad_add(g, op, 0, dy[0]);
  if (!ln_grad_wants(g, op, 1)) return;
  const int32_t times = ln_grad_binary(g, LN_OP_FLOOR_DIV, ln_grad_in(g, op, 0), ln_grad_in(g, op, 1));
  ln_grad_add(g, op, 1, ln_grad_unary(g, LN_OP_NEG, ln_grad_mul(g, dy[0], times)));
}

/* a - trunc(a / b) * b */
UNARY(remainder) {
  ln_grad_add(g, op, 0, dy[0]);
  if (!ln_grad_wants(g, op, 1)) return;
  const int32_t whole = ln_grad_binary(g, LN_OP_SUB, ln_grad_in(g, op, 0), ln_grad_out(g, op));
  const int32_t times = ln_grad_binary(g, LN_OP_DIV, whole, ln_grad_in(g, op, 1));
  ln_grad_add(g, op, 1, ln_grad_unary(g, LN_OP_NEG, ln_grad_mul(g, dy[0], times)));
}

UNARY(atan2) {
  const int32_t a = ln_grad_in(g, op, 0), b = ln_grad_in(g, op, 1);
  const int32_t sum = ln_grad_binary(g, LN_OP_ADD, ln_grad_mul(g, a, a), ln_grad_mul(g, b, b));
  const int32_t squares = ln_grad_binary(g, LN_OP_MAXIMUM, sum, ln_grad_scalar(g, 1e-30f));
  const int32_t by = ln_grad_binary(g, LN_OP_DIV, dy[0], squares);
  if (ln_grad_wants(g, op, 0)) ln_grad_add(g, op, 0, ln_grad_mul(g, by, b));
  if (ln_grad_wants(g, op, 1)) ln_grad_add(g, op, 1, ln_grad_unary(g, LN_OP_NEG, ln_grad_mul(g, by, a)));
}

/* low, a, high: whichever it is */
UNARY(stablehlo_clamp) {
  const int32_t low = ln_grad_in(g, op, 0), a = ln_grad_in(g, op, 1), high = ln_grad_in(g, op, 2);
  const int32_t below = ln_grad_compare(g, LN_OP_LESS, a, low), above = ln_grad_compare(g, LN_OP_GREATER, a, high);
  const int32_t zero = ln_grad_scalar(g, 0);
  if (ln_grad_wants(g, op, 0)) ln_grad_add(g, op, 0, ln_grad_mask(g, below, dy[0]));
  if (ln_grad_wants(g, op, 2)) ln_grad_add(g, op, 2, ln_grad_mask(g, above, dy[0]));
  const int32_t out = ln_grad_compare(g, LN_OP_LOGICAL_OR, below, above);
  ln_grad_add(g, op, 1, ln_grad_select(g, out, zero, dy[0]));
}

UNARY(add_n) {
  for (int32_t i = 0; i < op->input_count; ++i) ln_grad_add(g, op, i, dy[0]);
}

/* A condition of rank 1 chooses whole rows in SELECT. */
UNARY(select) {
  int32_t condition = op->inputs[0];
  const ln_shape of = *ln_grad_shape(g, condition), out = *ln_grad_shape(g, op->outputs[0]);
  if (op->def->code == LN_OP_SELECT && of.rank == 1 && out.rank > 1) {
    int32_t dims[LN_MAX_RANK] = {of.dims[0]};
    for (int32_t i = 1; i < out.rank; ++i) dims[i] = 1;
    condition = ln_grad_reshape_dims(g, condition, out.rank, dims);
  }
  const int32_t zero = ln_grad_scalar(g, 0);
  if (ln_grad_wants(g, op, 1)) ln_grad_add(g, op, 1, ln_grad_select(g, condition, dy[0], zero));
  if (ln_grad_wants(g, op, 2)) ln_grad_add(g, op, 2, ln_grad_select(g, condition, zero, dy[0]));
}

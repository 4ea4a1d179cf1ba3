/* Activations, softmax and the largest of TFLite's operators. Types that its kernels of floats lack go by float32. */
#include <math.h>

#include "import/emit_private.h"

static int32_t two(ln_emit *e, int32_t code, int32_t a, double number) {
  return ln_emit_binary(e, code, a, ln_emit_scalar(e, ln_emit_type(e, a), number));
}

/* ---- limits ---- */

/* The operator that clips floats to this range; -1: none. */
static int32_t clipping_op(double low, double high) {
  static const struct {
    double low, high;
    int32_t code;
  } rows[] = {{0, INFINITY, LN_OP_RELU}, {0, 6, LN_OP_RELU6}, {-1, 1, LN_OP_RELU_N1_TO_1}, {0, 1, LN_OP_RELU_0_TO_1}};
  for (size_t i = 0; i < LN_COUNT(rows); ++i) {
    if (rows[i].low == low && rows[i].high == high) return rows[i].code;
  }
  return -1;
}

int32_t ln_emit_clip(ln_emit *e, int32_t a, double low, double high) {
  if (ln_emit_failed(e)) return -1;
  const int32_t code = clipping_op(low, high);
  if (code >= 0 && ln_emit_type(e, a) == LN_FLOAT32) return ln_emit_unary(e, code, a);
  if (low > -INFINITY) a = two(e, LN_OP_MAXIMUM, a, low);
  if (high < INFINITY) a = two(e, LN_OP_MINIMUM, a, high);
  return a;
}

/* ---- piecewise linear ones ---- */

static int32_t relu(ln_emit *e, int32_t a) { return ln_emit_clip(e, a, 0, INFINITY); }
static int32_t relu6(ln_emit *e, int32_t a) { return ln_emit_clip(e, a, 0, 6); }
static int32_t hard_tanh(ln_emit *e, int32_t a) { return ln_emit_clip(e, a, -1, 1); }

static int32_t hard_sigmoid_6(ln_emit *e, int32_t a) {
  return ln_emit_mul_number(e, ln_emit_clip(e, ln_emit_add_number(e, a, 3), 0, 6), 1.0 / 6);
}

static int32_t hard_sigmoid_5(ln_emit *e, int32_t a) {
  return ln_emit_clip(e, ln_emit_add_number(e, ln_emit_mul_number(e, a, 0.2), 0.5), 0, 1);
}

static int32_t hard_swish(ln_emit *e, int32_t a) { return ln_emit_unary(e, LN_OP_HARD_SWISH, a); }

static int32_t soft_sign(ln_emit *e, int32_t a) {
  return ln_emit_div(e, a, ln_emit_add_number(e, ln_emit_unary(e, LN_OP_ABS, a), 1));
}

/* ---- with exponentials ---- */

static int32_t hyperbolic_tangent(ln_emit *e, int32_t a) { return ln_emit_unary(e, LN_OP_TANH, a); }
static int32_t sigmoid(ln_emit *e, int32_t a) { return ln_emit_unary(e, LN_OP_LOGISTIC, a); }
static int32_t exponential(ln_emit *e, int32_t a) { return ln_emit_unary(e, LN_OP_EXP, a); }
static int32_t elu_of_1(ln_emit *e, int32_t a) { return ln_emit_unary(e, LN_OP_ELU, a); }
static int32_t swish(ln_emit *e, int32_t a) { return ln_emit_mul(e, a, sigmoid(e, a)); }

static int32_t gelu_as(ln_emit *e, int32_t a, bool approximate) {
  const ln_gelu_options options = {.approximate = approximate};
  return ln_emit_op(e, LN_OP_GELU, &options, 1, &a, LN_FLOAT32);
}

static int32_t gelu(ln_emit *e, int32_t a) { return gelu_as(e, a, false); }
static int32_t gelu_tanh(ln_emit *e, int32_t a) { return gelu_as(e, a, true); }

/* log(1 + exp(-|a|)), which is small on both sides. */
static int32_t soft_corner(ln_emit *e, int32_t a) {
  return ln_emit_log1p(e, exponential(e, ln_emit_unary(e, LN_OP_NEG, ln_emit_unary(e, LN_OP_ABS, a))));
}

static int32_t soft_plus(ln_emit *e, int32_t a) { return ln_emit_add(e, relu(e, a), soft_corner(e, a)); }

static int32_t log_sigmoid(ln_emit *e, int32_t a) {
  return ln_emit_sub(e, two(e, LN_OP_MINIMUM, a, 0), soft_corner(e, a));
}

/* tanh(softplus(a)) is n / (n + 2) for n = w (w + 2), w = exp(a); from 20 on it is 1. */
static int32_t mish(ln_emit *e, int32_t a) {
  const int32_t w = exponential(e, two(e, LN_OP_MINIMUM, a, 20));
  const int32_t n = ln_emit_mul(e, w, ln_emit_add_number(e, w, 2));
  return ln_emit_mul(e, a, ln_emit_div(e, n, ln_emit_add_number(e, n, 2)));
}

/* positive * max(a, 0) + negative * (exp(min(a, 0)) - 1) */
static int32_t scaled_elu(ln_emit *e, int32_t a, double positive, double negative) {
  const int32_t below = ln_emit_mul_number(e, elu_of_1(e, two(e, LN_OP_MINIMUM, a, 0)), negative);
  int32_t above = relu(e, a);
  if (positive != 1) above = ln_emit_mul_number(e, above, positive);
  return ln_emit_add(e, above, below);
}

static int32_t selu(ln_emit *e, int32_t a) {
  const double scale = 1.0507009873554805, alpha = 1.6732632423543772;
  return scaled_elu(e, a, scale, scale * alpha);
}

static int32_t linear(ln_emit *e, int32_t a) {
  (void)e;
  return a;
}

int32_t ln_emit_activate(ln_emit *e, ln_emit_activation which, int32_t a) {
  static const struct {
    ln_emit_float_fn fn;
    bool any_type; /* integers stay integers */
  } rows[] = {[LN_EMIT_LINEAR] = {linear, true},
              [LN_EMIT_RELU] = {relu, true},
              [LN_EMIT_RELU6] = {relu6, true},
              [LN_EMIT_TANH] = {hyperbolic_tangent, false},
              [LN_EMIT_SIGMOID] = {sigmoid, false},
              [LN_EMIT_HARD_SWISH] = {hard_swish, false},
              [LN_EMIT_HARD_SIGMOID_6] = {hard_sigmoid_6, false},
              [LN_EMIT_HARD_SIGMOID_5] = {hard_sigmoid_5, false},
              [LN_EMIT_GELU] = {gelu, false},
              [LN_EMIT_GELU_TANH] = {gelu_tanh, false},
              [LN_EMIT_SWISH] = {swish, false},
              [LN_EMIT_SOFTPLUS] = {soft_plus, false},
              [LN_EMIT_SOFTSIGN] = {soft_sign, false},
              [LN_EMIT_MISH] = {mish, false},
              [LN_EMIT_SELU] = {selu, false},
              [LN_EMIT_ELU] = {elu_of_1, false},
              [LN_EMIT_EXP] = {exponential, false},
              [LN_EMIT_LOG_SIGMOID] = {log_sigmoid, false},
              [LN_EMIT_HARD_TANH] = {hard_tanh, true}};
  if (ln_emit_failed(e)) return -1;
  if ((size_t)which >= LN_COUNT(rows)) return ln_emit_refuse(e, "activation %d is not known", (int)which);
  return rows[which].any_type ? rows[which].fn(e, a) : ln_emit_by_float32(e, a, rows[which].fn);
}

int32_t ln_emit_leaky_relu(ln_emit *e, int32_t a, double alpha) {
  if (ln_emit_failed(e)) return -1;
  const ln_type type = ln_emit_type(e, a);
  const ln_leaky_relu_options options = {.alpha = (float)alpha};
  a = ln_emit_cast(e, a, LN_FLOAT32);
  const int32_t result = ln_emit_op(e, LN_OP_LEAKY_RELU, &options, 1, &a, LN_FLOAT32);
  return ln_emit_is_other_float(type) ? ln_emit_cast(e, result, type) : result;
}

int32_t ln_emit_elu(ln_emit *e, int32_t a, double alpha) {
  if (ln_emit_failed(e)) return -1;
  if (alpha == 1) return ln_emit_activate(e, LN_EMIT_ELU, a);
  const ln_type type = ln_emit_type(e, a);
  const int32_t result = scaled_elu(e, ln_emit_cast(e, a, LN_FLOAT32), 1, alpha);
  return ln_emit_is_other_float(type) ? ln_emit_cast(e, result, type) : result;
}

/* PRELU of TFLite wants slopes that broadcast to the input, not the other way round. */
int32_t ln_emit_prelu(ln_emit *e, int32_t a, int32_t alpha) {
  if (ln_emit_failed(e)) return -1;
  if (ln_emit_rank(e, alpha) <= ln_emit_rank(e, a)) {
    const int32_t inputs[] = {a, alpha};
    return ln_emit_op(e, LN_OP_PRELU, NULL, 2, inputs, ln_emit_type(e, a));
  }
  return ln_emit_add(e, relu(e, a), ln_emit_mul(e, alpha, two(e, LN_OP_MINIMUM, a, 0)));
}

/* ---- softmax ---- */

/* The order that moves `axis` to the end (or back). */
static int32_t move_axis(ln_emit *e, int32_t a, int32_t axis, bool back) {
  int32_t order[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(e, a);
  if (axis == rank - 1) return a;
  for (int32_t i = 0; i < rank; ++i) {
    if (back) order[i] = i < axis ? i : i == axis ? rank - 1 : i - 1;
    if (!back) order[i] = i < axis ? i : i == rank - 1 ? axis : i + 1;
  }
  return ln_emit_transpose(e, a, order);
}

static int32_t last_softmax(ln_emit *e, int32_t code, int32_t a) {
  const ln_softmax_options options = {.beta = 1};
  return ln_emit_op(e, code, code == LN_OP_SOFTMAX ? (const void *)&options : NULL, 1, &a, LN_FLOAT32);
}

static int32_t softmax_by(ln_emit *e, int32_t code, int32_t a, int32_t axis) {
  if (ln_emit_failed(e)) return -1;
  const ln_type type = ln_emit_type(e, a);
  const int32_t rank = ln_emit_rank(e, a);
  int32_t result = ln_emit_cast(e, a, LN_FLOAT32), place = 0;
  if (rank == 0) {
    const ln_dim one = LN_DIM(1);
    result = ln_emit_reshape(e, last_softmax(e, code, ln_emit_reshape(e, result, 1, &one)), 0, NULL);
  } else if (!ln_axis_normalize(axis, rank, &place)) {
    return ln_emit_wrong(e, "axis %d is none of %d", (int)axis, (int)rank);
  } else {
    result = move_axis(e, last_softmax(e, code, move_axis(e, result, place, false)), place, true);
  }
  return ln_emit_is_other_float(type) ? ln_emit_cast(e, result, type) : result;
}

int32_t ln_emit_softmax(ln_emit *e, int32_t a, int32_t axis) { return softmax_by(e, LN_OP_SOFTMAX, a, axis); }
int32_t ln_emit_log_softmax(ln_emit *e, int32_t a, int32_t axis) { return softmax_by(e, LN_OP_LOG_SOFTMAX, a, axis); }

/* ---- the largest ---- */

/* What turns the order of numbers around without leaving the type. */
static int32_t turned(ln_emit *e, int32_t a) {
  const ln_type type = ln_emit_type(e, a);
  const bool floats = type == LN_FLOAT32 || ln_emit_is_other_float(type);
  a = ln_emit_unary(e, LN_OP_NEG, a);
  return floats ? a : ln_emit_add_number(e, a, -1); /* the lowest integer has no opposite */
}

bool ln_emit_top_k(ln_emit *e, int32_t a, int32_t k, int32_t axis, bool largest, int32_t *values, int32_t *indices) {
  *values = *indices = -1;
  if (ln_emit_failed(e)) return false;
  const ln_type type = ln_emit_type(e, a);
  const ln_type types[] = {type == LN_BOOL || type == LN_INT8 || type == LN_UINT8 ? LN_INT32 : type, LN_INT32};
  int32_t place = 0, outputs[2];
  if (ln_emit_rank(e, a) == 0 || !ln_axis_normalize(axis, ln_emit_rank(e, a), &place)) {
    ln_emit_wrong(e, "axis %d is none of %d", (int)axis, (int)ln_emit_rank(e, a));
    return false;
  }
  a = move_axis(e, ln_emit_cast(e, a, types[0]), place, false);
  if (!largest) a = turned(e, a);
  const int32_t inputs[] = {a, ln_emit_cast(e, k, LN_INT32)};
  if (!ln_emit_ops(e, LN_OP_TOPK_V2, NULL, 2, inputs, 2, types, outputs)) return false;
  *values = largest ? outputs[0] : turned(e, outputs[0]);
  *values = ln_emit_cast(e, move_axis(e, *values, place, true), type);
  *indices = move_axis(e, outputs[1], place, true);
  return !ln_emit_failed(e);
}

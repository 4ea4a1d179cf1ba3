/* Functions of doubles and of int64 (unary.h): one short loop for all, built for size. */
#include <math.h>

#include "kernels/unary.h"

typedef double double_fn(double x, double a, double b);

#define DOUBLE(name, expression)                     \
  static double name(double x, double a, double b) { \
    (void)a;                                         \
    (void)b;                                         \
    return expression;                               \
  }

DOUBLE(clamp_f64, x < a ? a : (x > b ? b : x))
DOUBLE(leaky_relu_f64, x > 0.0 ? x : x * a)
DOUBLE(elu_f64, x < 0.0 ? expm1(x) : x)
DOUBLE(gelu_f64, 0.5 * x * (1.0 + erf(x * 0.70710678118654752)))
DOUBLE(gelu_tanh_f64, 0.5 * x * (1.0 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x))))
DOUBLE(hard_swish_f64, x *clamp_f64(x + 3.0, 0.0, 6.0) / 6.0)
DOUBLE(logistic_f64, (x < 0.0 ? exp(x) : 1.0) / (1.0 + exp(-fabs(x))))
DOUBLE(tanh_f64, tanh(x))
DOUBLE(abs_f64, fabs(x))
DOUBLE(neg_f64, -x)
DOUBLE(exp_f64, exp(x))
DOUBLE(log_f64, log(x))
DOUBLE(sqrt_f64, sqrt(x))
DOUBLE(rsqrt_f64, 1.0 / sqrt(x))
DOUBLE(square_f64, (x * x))
DOUBLE(sin_f64, sin(x))
DOUBLE(cos_f64, cos(x))
DOUBLE(floor_f64, floor(x))
DOUBLE(ceil_f64, ceil(x))
DOUBLE(round_f64, rint(x))
DOUBLE(sign_f64, x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : x))
DOUBLE(cbrt_f64, cbrt(x))

static double_fn *const doubles[LN_UNARY_OP_COUNT] = {
    [LN_UNARY_RELU] = clamp_f64,
    [LN_UNARY_RELU6] = clamp_f64,
    [LN_UNARY_RELU_N1_TO_1] = clamp_f64,
    [LN_UNARY_RELU_0_TO_1] = clamp_f64,
    [LN_UNARY_LEAKY_RELU] = leaky_relu_f64,
    [LN_UNARY_ELU] = elu_f64,
    [LN_UNARY_GELU] = gelu_f64,
    [LN_UNARY_HARD_SWISH] = hard_swish_f64,
    [LN_UNARY_LOGISTIC] = logistic_f64,
    [LN_UNARY_TANH] = tanh_f64,
    [LN_UNARY_ABS] = abs_f64,
    [LN_UNARY_NEG] = neg_f64,
    [LN_UNARY_EXP] = exp_f64,
    [LN_UNARY_LOG] = log_f64,
    [LN_UNARY_SQRT] = sqrt_f64,
    [LN_UNARY_RSQRT] = rsqrt_f64,
    [LN_UNARY_SQUARE] = square_f64,
    [LN_UNARY_SIN] = sin_f64,
    [LN_UNARY_COS] = cos_f64,
    [LN_UNARY_FLOOR] = floor_f64,
    [LN_UNARY_CEIL] = ceil_f64,
    [LN_UNARY_ROUND] = round_f64,
    [LN_UNARY_SIGN] = sign_f64,
    [LN_UNARY_CBRT] = cbrt_f64,
};

int ln_k_map_f64(ln_unary_op op, const double *in, double *out, size_t count, double a, double b) {
  /* b tells which GELU. */
  double_fn *fn = op == LN_UNARY_GELU && b > 0.0 ? gelu_tanh_f64 : doubles[op];
  size_t i;
  if (fn == NULL) return 0;
  for (i = 0; i < count; ++i) out[i] = fn(in[i], a, b);
  return 1;
}

int ln_k_map_i64(ln_unary_op op, const int64_t *in, int64_t *out, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) {
    const int64_t x = in[i];
    const int64_t negative = (int64_t)(UINT64_C(0) - (uint64_t)x);
    switch (op) {
      case LN_UNARY_ABS: out[i] = x < 0 ? negative : x; break;
      case LN_UNARY_NEG: out[i] = negative; break;
      case LN_UNARY_SQUARE: out[i] = (int64_t)((uint64_t)x * (uint64_t)x); break;
      case LN_UNARY_SIGN: out[i] = (x > 0) - (x < 0); break;
      default: return 0;
    }
  }
  return 1;
}

/* Functions of doubles and of int64 (unary.h): one short loop for all, built for size. */
#include <math.h>

#include "kernels/map.h"
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
DOUBLE(cbrt_f64, cbrt(x))

static double_fn *const doubles[LN_UNARY_OP_COUNT] = {
    [LN_UNARY_RELU] = clamp_f64,        [LN_UNARY_RELU6] = clamp_f64,           [LN_UNARY_RELU_N1_TO_1] = clamp_f64,
    [LN_UNARY_RELU_0_TO_1] = clamp_f64, [LN_UNARY_LEAKY_RELU] = leaky_relu_f64, [LN_UNARY_ELU] = elu_f64,
    [LN_UNARY_GELU] = gelu_f64,         [LN_UNARY_HARD_SWISH] = hard_swish_f64, [LN_UNARY_CBRT] = cbrt_f64,
};

/* What map.h has; LN_MAP_COUNT: nothing. */
static ln_map_op map_of(ln_unary_op op) {
  switch (op) {
    case LN_UNARY_LOGISTIC: return LN_MAP_SIGMOID;
    case LN_UNARY_TANH: return LN_MAP_TANH;
    case LN_UNARY_ABS: return LN_MAP_ABS;
    case LN_UNARY_NEG: return LN_MAP_NEG;
    case LN_UNARY_EXP: return LN_MAP_EXP;
    case LN_UNARY_LOG: return LN_MAP_LOG;
    case LN_UNARY_SQRT: return LN_MAP_SQRT;
    case LN_UNARY_RSQRT: return LN_MAP_RSQRT;
    case LN_UNARY_SQUARE: return LN_MAP_SQUARE;
    case LN_UNARY_SIN: return LN_MAP_SIN;
    case LN_UNARY_COS: return LN_MAP_COS;
    case LN_UNARY_FLOOR: return LN_MAP_FLOOR;
    case LN_UNARY_CEIL: return LN_MAP_CEIL;
    case LN_UNARY_ROUND: return LN_MAP_RINT;
    case LN_UNARY_SIGN: return LN_MAP_SIGN;
    default: return LN_MAP_COUNT;
  }
}

int ln_k_map_f64(ln_unary_op op, const double *in, double *out, size_t count, double a, double b) {
  /* b tells which GELU. */
  double_fn *fn = op == LN_UNARY_GELU && b > 0.0 ? gelu_tanh_f64 : doubles[op];
  const ln_map_op plain = map_of(op);
  ln_map_fn *map = plain == LN_MAP_COUNT ? NULL : ln_k_map(plain);
  size_t i;
  for (i = 0; map != NULL && i < count; ++i) out[i] = map(in[i], 0);
  for (i = 0; fn != NULL && i < count; ++i) out[i] = fn(in[i], a, b);
  return fn != NULL || map != NULL;
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

/* See kernels/map.h. */
#include "kernels/map.h"

#include <complex.h>
#include <math.h>

#include "kernels/special.h"

/* ---- one real number ---- */

/* Self-normalizing networks (Klambauer, Unterthiner, Mayr and Hochreiter, 2017). */
static const double selu_scale = 1.0507009873554804934193349852946;
static const double selu_scale_alpha = 1.7580993408473768599402175208123;

#define MAP(name, expression)              \
  static double name(double x, double a) { \
    (void)a;                               \
    return expression;                     \
  }

static double sigmoid(double x) {
  const double e = exp(-fabs(x));
  return (x < 0.0 ? e : 1.0) / (1.0 + e);
}

MAP(map_abs, fabs(x))
MAP(map_acos, acos(x))
MAP(map_acosh, acosh(x))
MAP(map_asin, asin(x))
MAP(map_asinh, asinh(x))
MAP(map_atan, atan(x))
MAP(map_atanh, atanh(x))
MAP(map_i0e, ln_k_bessel_i0e(x))
MAP(map_i1e, ln_k_bessel_i1e(x))
MAP(map_ceil, ceil(x))
MAP(map_same, x)
MAP(map_cos, cos(x))
MAP(map_cosh, cosh(x))
MAP(map_digamma, ln_k_digamma(x))
MAP(map_elu, x < 0.0 ? expm1(x) : x)
MAP(map_erf, erf(x))
MAP(map_erfc, erfc(x))
MAP(map_erfinv, ln_k_erfinv(x))
MAP(map_exp, exp(x))
MAP(map_expm1, expm1(x))
MAP(map_floor, floor(x))
MAP(map_is_finite, isfinite(x) != 0)
MAP(map_is_inf, isinf(x) != 0)
MAP(map_is_nan, isnan(x) != 0)
MAP(map_leaky_relu, x > 0.0 ? x : x * a)
MAP(map_lgamma, lgamma(x))
MAP(map_log, log(x))
MAP(map_log1p, log1p(x))
MAP(map_ndtri, ln_k_ndtri(x))
MAP(map_neg, -x)
MAP(map_ones, ((void)x, 1.0))
MAP(map_reciprocal, 1.0 / x)
MAP(map_relu, x < 0.0 ? 0.0 : x)
MAP(map_relu6, x < 0.0 ? 0.0 : (x > 6.0 ? 6.0 : x))
MAP(map_rint, rint(x))
MAP(map_rsqrt, 1.0 / sqrt(x))
MAP(map_selu, x < 0.0 ? selu_scale_alpha * expm1(x) : selu_scale * x)
MAP(map_sigmoid, sigmoid(x))
MAP(map_sign, x > 0.0 ? 1.0 : (x < 0.0 ? -1.0 : x))
MAP(map_sin, sin(x))
MAP(map_sinh, sinh(x))
MAP(map_softplus, x > 0.0 ? x + log1p(exp(-x)) : log1p(exp(x)))
MAP(map_softsign, x / (1.0 + fabs(x)))
MAP(map_sqrt, sqrt(x))
MAP(map_square, x *x)
MAP(map_tan, tan(x))
MAP(map_tanh, tanh(x))

ln_map_fn *ln_k_map(ln_map_op op) {
  static ln_map_fn *const table[LN_MAP_COUNT] = {
      [LN_MAP_ABS] = map_abs,
      [LN_MAP_ACOS] = map_acos,
      [LN_MAP_ACOSH] = map_acosh,
      [LN_MAP_ASIN] = map_asin,
      [LN_MAP_ASINH] = map_asinh,
      [LN_MAP_ATAN] = map_atan,
      [LN_MAP_ATANH] = map_atanh,
      [LN_MAP_BESSEL_I0E] = map_i0e,
      [LN_MAP_BESSEL_I1E] = map_i1e,
      [LN_MAP_CEIL] = map_ceil,
      [LN_MAP_CONJ] = map_same,
      [LN_MAP_COS] = map_cos,
      [LN_MAP_COSH] = map_cosh,
      [LN_MAP_DIGAMMA] = map_digamma,
      [LN_MAP_ELU] = map_elu,
      [LN_MAP_ERF] = map_erf,
      [LN_MAP_ERFC] = map_erfc,
      [LN_MAP_ERFINV] = map_erfinv,
      [LN_MAP_EXP] = map_exp,
      [LN_MAP_EXPM1] = map_expm1,
      [LN_MAP_FLOOR] = map_floor,
      [LN_MAP_IS_FINITE] = map_is_finite,
      [LN_MAP_IS_INF] = map_is_inf,
      [LN_MAP_IS_NAN] = map_is_nan,
      [LN_MAP_LEAKY_RELU] = map_leaky_relu,
      [LN_MAP_LGAMMA] = map_lgamma,
      [LN_MAP_LOG] = map_log,
      [LN_MAP_LOG1P] = map_log1p,
      [LN_MAP_NDTRI] = map_ndtri,
      [LN_MAP_NEG] = map_neg,
      [LN_MAP_ONES] = map_ones,
      [LN_MAP_RECIPROCAL] = map_reciprocal,
      [LN_MAP_RELU] = map_relu,
      [LN_MAP_RELU6] = map_relu6,
      [LN_MAP_RINT] = map_rint,
      [LN_MAP_RSQRT] = map_rsqrt,
      [LN_MAP_SELU] = map_selu,
      [LN_MAP_SIGMOID] = map_sigmoid,
      [LN_MAP_SIGN] = map_sign,
      [LN_MAP_SIN] = map_sin,
      [LN_MAP_SINH] = map_sinh,
      [LN_MAP_SOFTPLUS] = map_softplus,
      [LN_MAP_SOFTSIGN] = map_softsign,
      [LN_MAP_SQRT] = map_sqrt,
      [LN_MAP_SQUARE] = map_square,
      [LN_MAP_TAN] = map_tan,
      [LN_MAP_TANH] = map_tanh,
  };
  return table[op];
}

/* ---- one integer ---- */

static int64_t int_neg(int64_t x) { return (int64_t)(UINT64_C(0) - (uint64_t)x); }
static int64_t int_abs(int64_t x) { return x < 0 ? int_neg(x) : x; }
static int64_t int_same(int64_t x) { return x; }
static int64_t int_invert(int64_t x) { return ~x; }
static int64_t int_one(int64_t x) { return (void)x, 1; }
static int64_t int_relu(int64_t x) { return x < 0 ? 0 : x; }
static int64_t int_relu6(int64_t x) { return x < 0 ? 0 : (x > 6 ? 6 : x); }
static int64_t int_sign(int64_t x) { return (x > 0) - (x < 0); }
static int64_t int_square(int64_t x) { return (int64_t)((uint64_t)x * (uint64_t)x); }

ln_map_int_fn *ln_k_map_int(ln_map_op op) {
  switch (op) {
    case LN_MAP_ABS: return int_abs;
    case LN_MAP_CEIL:
    case LN_MAP_FLOOR:
    case LN_MAP_RINT: return int_same;
    case LN_MAP_INVERT: return int_invert;
    case LN_MAP_NEG: return int_neg;
    case LN_MAP_ONES: return int_one;
    case LN_MAP_RELU: return int_relu;
    case LN_MAP_RELU6: return int_relu6;
    case LN_MAP_SIGN: return int_sign;
    case LN_MAP_SQUARE: return int_square;
    default: return 0;
  }
}

/* ---- one complex number ---- */

static double complex get(const double *x) {
  union {
    double parts[2];
    double complex value;
  } both;
  both.parts[0] = x[0];
  both.parts[1] = x[1];
  return both.value;
}

static void put(double complex value, double *out) {
  out[0] = creal(value);
  out[1] = cimag(value);
}

static double complex complex_sign(double complex x) {
  const double size = cabs(x);
  return size == 0.0 ? 0.0 : x / size;
}

#define COMPLEX_MAP(name, expression)               \
  static void name(const double *in, double *out) { \
    const double complex x = get(in);               \
    put(expression, out);                           \
  }
COMPLEX_MAP(complex_acos, cacos(x))
COMPLEX_MAP(complex_acosh, cacosh(x))
COMPLEX_MAP(complex_asin, casin(x))
COMPLEX_MAP(complex_asinh, casinh(x))
COMPLEX_MAP(complex_atan, catan(x))
COMPLEX_MAP(complex_atanh, catanh(x))
COMPLEX_MAP(complex_conj, conj(x))
COMPLEX_MAP(complex_cos, ccos(x))
COMPLEX_MAP(complex_cosh, ccosh(x))
COMPLEX_MAP(complex_exp, cexp(x))
COMPLEX_MAP(complex_expm1, cexp(x) - 1.0)
COMPLEX_MAP(complex_log, clog(x))
COMPLEX_MAP(complex_log1p, clog(1.0 + x))
COMPLEX_MAP(complex_neg, -x)
COMPLEX_MAP(complex_ones, x * 0.0 + 1.0)
COMPLEX_MAP(complex_reciprocal, 1.0 / x)
COMPLEX_MAP(complex_rsqrt, 1.0 / csqrt(x))
COMPLEX_MAP(complex_sigmoid, 1.0 / (1.0 + cexp(-x)))
COMPLEX_MAP(complex_signum, complex_sign(x))
COMPLEX_MAP(complex_sin, csin(x))
COMPLEX_MAP(complex_sinh, csinh(x))
COMPLEX_MAP(complex_sqrt, csqrt(x))
COMPLEX_MAP(complex_square, x *x)
COMPLEX_MAP(complex_tan, ctan(x))
COMPLEX_MAP(complex_tanh, ctanh(x))

ln_map_complex_fn *ln_k_map_complex(ln_map_op op) {
  static ln_map_complex_fn *const table[LN_MAP_COUNT] = {
      [LN_MAP_ACOS] = complex_acos,       [LN_MAP_ACOSH] = complex_acosh, [LN_MAP_ASIN] = complex_asin,
      [LN_MAP_ASINH] = complex_asinh,     [LN_MAP_ATAN] = complex_atan,   [LN_MAP_ATANH] = complex_atanh,
      [LN_MAP_CONJ] = complex_conj,       [LN_MAP_COS] = complex_cos,     [LN_MAP_COSH] = complex_cosh,
      [LN_MAP_EXP] = complex_exp,         [LN_MAP_EXPM1] = complex_expm1, [LN_MAP_LOG] = complex_log,
      [LN_MAP_LOG1P] = complex_log1p,     [LN_MAP_NEG] = complex_neg,     [LN_MAP_RECIPROCAL] = complex_reciprocal,
      [LN_MAP_RSQRT] = complex_rsqrt,     [LN_MAP_SIGN] = complex_signum, [LN_MAP_SIN] = complex_sin,
      [LN_MAP_SINH] = complex_sinh,       [LN_MAP_SQRT] = complex_sqrt,   [LN_MAP_SQUARE] = complex_square,
      [LN_MAP_SIGMOID] = complex_sigmoid, [LN_MAP_TAN] = complex_tan,     [LN_MAP_TANH] = complex_tanh,
      [LN_MAP_ONES] = complex_ones,
  };
  return table[op];
}

/* ---- two numbers ---- */

static double floor_mod(double x, double y) {
  const double rest = fmod(x, y);
  return rest != 0.0 && (rest < 0.0) != (y < 0.0) ? rest + y : rest;
}

#define MAP2(name, expression)                       \
  static double name(double x, double y, double a) { \
    (void)a;                                         \
    return expression;                               \
  }
MAP2(map2_approximate_equal, fabs(x - y) <= a)
MAP2(map2_floor_div, floor(x / y))
MAP2(map2_floor_mod, floor_mod(x, y))
MAP2(map2_squared_difference, (x - y) * (x - y))
MAP2(map2_atan2, atan2(x, y))
MAP2(map2_div_no_nan, y == 0.0 ? 0.0 : x / y)
MAP2(map2_mul_no_nan, y == 0.0 ? 0.0 : x * y)
MAP2(map2_igamma, ln_k_igamma(x, y))
MAP2(map2_igammac, ln_k_igammac(x, y))
MAP2(map2_polygamma, ln_k_polygamma(x, y))
MAP2(map2_xdivy, x == 0.0 ? 0.0 : x / y)
MAP2(map2_xlog1py, x == 0.0 ? 0.0 : x * log1p(y))
MAP2(map2_xlogy, x == 0.0 ? 0.0 : x * log(y))
MAP2(map2_zeta, ln_k_zeta(x, y))
MAP2(map2_elu_grad, y < 0.0 ? x * (y + 1.0) : x)
MAP2(map2_leaky_relu_grad, y > 0.0 ? x : x * a)
MAP2(map2_reciprocal_grad, -x *x *y)
MAP2(map2_relu_grad, y > 0.0 ? x : 0.0)
MAP2(map2_relu6_grad, y > 0.0 && y < 6.0 ? x : 0.0)
MAP2(map2_rsqrt_grad, -0.5 * x * x * x * y)
MAP2(map2_selu_grad, y < 0.0 ? x * (y + selu_scale_alpha) : x * selu_scale)
MAP2(map2_sigmoid_grad, y *x *(1.0 - x))
MAP2(map2_softplus_grad, x *sigmoid(y))
MAP2(map2_softsign_grad, x / ((1.0 + fabs(y)) * (1.0 + fabs(y))))
MAP2(map2_sqrt_grad, 0.5 * y / x)
MAP2(map2_tanh_grad, y *(1.0 - x * x))

ln_map2_fn *ln_k_map2(ln_map2_op op) {
  static ln_map2_fn *const table[LN_MAP2_COUNT] = {
      [LN_MAP2_APPROXIMATE_EQUAL] = map2_approximate_equal,
      [LN_MAP2_FLOOR_DIV] = map2_floor_div,
      [LN_MAP2_FLOOR_MOD] = map2_floor_mod,
      [LN_MAP2_SQUARED_DIFFERENCE] = map2_squared_difference,
      [LN_MAP2_ATAN2] = map2_atan2,
      [LN_MAP2_DIV_NO_NAN] = map2_div_no_nan,
      [LN_MAP2_MUL_NO_NAN] = map2_mul_no_nan,
      [LN_MAP2_IGAMMA] = map2_igamma,
      [LN_MAP2_IGAMMAC] = map2_igammac,
      [LN_MAP2_POLYGAMMA] = map2_polygamma,
      [LN_MAP2_XDIVY] = map2_xdivy,
      [LN_MAP2_XLOG1PY] = map2_xlog1py,
      [LN_MAP2_XLOGY] = map2_xlogy,
      [LN_MAP2_ZETA] = map2_zeta,
      [LN_MAP2_ELU_GRAD] = map2_elu_grad,
      [LN_MAP2_LEAKY_RELU_GRAD] = map2_leaky_relu_grad,
      [LN_MAP2_RECIPROCAL_GRAD] = map2_reciprocal_grad,
      [LN_MAP2_RELU_GRAD] = map2_relu_grad,
      [LN_MAP2_RELU6_GRAD] = map2_relu6_grad,
      [LN_MAP2_RSQRT_GRAD] = map2_rsqrt_grad,
      [LN_MAP2_SELU_GRAD] = map2_selu_grad,
      [LN_MAP2_SIGMOID_GRAD] = map2_sigmoid_grad,
      [LN_MAP2_SOFTPLUS_GRAD] = map2_softplus_grad,
      [LN_MAP2_SOFTSIGN_GRAD] = map2_softsign_grad,
      [LN_MAP2_SQRT_GRAD] = map2_sqrt_grad,
      [LN_MAP2_TANH_GRAD] = map2_tanh_grad,
  };
  return table[op];
}

#define COMPLEX_MAP2(name, expression)                                    \
  static void name(const double *in_x, const double *in_y, double *out) { \
    const double complex x = get(in_x), y = get(in_y);                    \
    put(expression, out);                                                 \
  }
COMPLEX_MAP2(complex_add, x + y)
COMPLEX_MAP2(complex_sub, x - y)
COMPLEX_MAP2(complex_mul, x *y)
COMPLEX_MAP2(complex_div, x / y)
COMPLEX_MAP2(complex_pow, cpow(x, y))
COMPLEX_MAP2(complex_equal, x == y)
COMPLEX_MAP2(complex_not_equal, x != y)
COMPLEX_MAP2(complex_squared_difference, conj(x - y) * (x - y))
COMPLEX_MAP2(complex_div_no_nan, y == 0.0 ? 0.0 : x / y)
COMPLEX_MAP2(complex_mul_no_nan, y == 0.0 ? 0.0 : x * y)
COMPLEX_MAP2(complex_xdivy, x == 0.0 ? 0.0 : x / y)
COMPLEX_MAP2(complex_xlogy, x == 0.0 ? 0.0 : x * clog(y))
COMPLEX_MAP2(complex_xlog1py, x == 0.0 ? 0.0 : x * clog(1.0 + y))
/* TensorFlow's gradients of the first three conjugate what the function gave; callers do for the others. */
COMPLEX_MAP2(complex_reciprocal_grad, -conj(x) * conj(x) * y)
COMPLEX_MAP2(complex_rsqrt_grad, -0.5 * conj(x) * conj(x) * conj(x) * y)
COMPLEX_MAP2(complex_sqrt_grad, 0.5 * y / conj(x))
COMPLEX_MAP2(complex_sigmoid_grad, y *x *(1.0 - x))
COMPLEX_MAP2(complex_tanh_grad, y *(1.0 - x * x))

ln_map2_complex_fn *ln_k_map2_complex(ln_map2_op op) {
  switch (op) {
    case LN_MAP2_ADD: return complex_add;
    case LN_MAP2_SUB: return complex_sub;
    case LN_MAP2_MUL: return complex_mul;
    case LN_MAP2_DIV: return complex_div;
    case LN_MAP2_POW: return complex_pow;
    case LN_MAP2_EQUAL: return complex_equal;
    case LN_MAP2_NOT_EQUAL: return complex_not_equal;
    case LN_MAP2_SQUARED_DIFFERENCE: return complex_squared_difference;
    case LN_MAP2_DIV_NO_NAN: return complex_div_no_nan;
    case LN_MAP2_MUL_NO_NAN: return complex_mul_no_nan;
    case LN_MAP2_XDIVY: return complex_xdivy;
    case LN_MAP2_XLOGY: return complex_xlogy;
    case LN_MAP2_XLOG1PY: return complex_xlog1py;
    case LN_MAP2_RECIPROCAL_GRAD: return complex_reciprocal_grad;
    case LN_MAP2_RSQRT_GRAD: return complex_rsqrt_grad;
    case LN_MAP2_SQRT_GRAD: return complex_sqrt_grad;
    case LN_MAP2_SIGMOID_GRAD: return complex_sigmoid_grad;
    case LN_MAP2_TANH_GRAD: return complex_tanh_grad;
    default: return 0;
  }
}

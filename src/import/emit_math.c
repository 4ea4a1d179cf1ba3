/*
 * Elementary functions that TFLite has no operator for, of those it has: to a few units in the last place of float32,
 * over all of its range. Other floats come and go by float32; what integers give is float32.
 */
#include <math.h>

#include "import/emit_private.h"

int32_t ln_emit_by_float32(ln_emit *e, int32_t a, ln_emit_float_fn fn) {
  if (ln_emit_failed(e)) return -1;
  const ln_type type = ln_emit_type(e, a);
  const int32_t result = fn(e, ln_emit_cast(e, a, LN_FLOAT32));
  return ln_emit_is_other_float(type) ? ln_emit_cast(e, result, type) : result;
}

static int32_t absolute(ln_emit *e, int32_t a) { return ln_emit_unary(e, LN_OP_ABS, a); }
static int32_t root(ln_emit *e, int32_t a) { return ln_emit_unary(e, LN_OP_SQRT, a); }
static int32_t logarithm(ln_emit *e, int32_t a) { return ln_emit_unary(e, LN_OP_LOG, a); }
static int32_t exponential(ln_emit *e, int32_t a) { return ln_emit_unary(e, LN_OP_EXP, a); }
static int32_t squared(ln_emit *e, int32_t a) { return ln_emit_mul(e, a, a); }
static int32_t plus(ln_emit *e, int32_t a, double number) { return ln_emit_add_number(e, a, number); }
static int32_t times(ln_emit *e, int32_t a, double number) { return ln_emit_mul_number(e, a, number); }
static int32_t from_one(ln_emit *e, int32_t a) { return ln_emit_sub(e, ln_emit_f32(e, 1), a); }

/* `near_` where |a| < limit, else `far`. */
static int32_t by_size(ln_emit *e, int32_t a, double limit, int32_t near_, int32_t far) {
  return ln_emit_select(e, ln_emit_compare(e, LN_OP_LESS, absolute(e, a), ln_emit_f32(e, limit)), near_, far);
}

/* ---- the error function ---- */

static int32_t polynomial(ln_emit *e, int32_t a, int32_t count, const double *coefficients) {
  int32_t result = times(e, a, coefficients[count - 1]);
  for (int32_t i = count - 2; i > 0; --i) result = ln_emit_mul(e, plus(e, result, coefficients[i]), a);
  return plus(e, result, coefficients[0]);
}

/* a * P(a^2) / Q(a^2), fitted to a relative error of 2e-8 up to 3.92, from where on float32 has 1. */
static int32_t error_function(ln_emit *e, int32_t a) {
  static const double p[] = {1.128379147868737,     0.1902189001069758,    0.05272351444977795,
                             0.0037574556173418775, 0.0002846810892345909, 2.0512962528325306e-06};
  static const double q[] = {
      1.0, 0.5019098930631329, 0.1140312096412506, 0.014952900195342437, 0.001160522071770006, 3.809368543438899e-05};
  a = ln_emit_clip(e, a, -3.92, 3.92);
  const int32_t t = squared(e, a);
  const int32_t above = ln_emit_mul(e, a, polynomial(e, t, 6, p));
  return ln_emit_div(e, above, polynomial(e, t, 6, q));
}

int32_t ln_emit_erf(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, error_function); }

/* ---- logarithms and exponentials near zero ---- */

/* For small ones, what rounding 1 + a loses is put back by the derivative. */
static int32_t log_of_1_plus(ln_emit *e, int32_t a) {
  const int32_t u = plus(e, a, 1);
  const int32_t far = logarithm(e, u);
  const int32_t lost = ln_emit_sub(e, plus(e, u, -1), a);
  return by_size(e, a, 0.5, ln_emit_sub(e, far, ln_emit_div(e, lost, u)), far);
}

int32_t ln_emit_log1p(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, log_of_1_plus); }

/* M. Giles, "Approximating the erfinv function" (2010): his polynomials for float32. */
static int32_t inverse_error(ln_emit *e, int32_t a) {
  static const double middle[] = {1.50140941,      0.246640727,    -0.00417768164, -0.00125372503, 0.00021858087,
                                  -4.39150654e-06, -3.5233877e-06, 3.43273939e-07, 2.81022636e-08};
  static const double tail[] = {2.83297682,     1.00167406,    0.00943887047,  -0.0076224613,  0.00573950773,
                                -0.00367342844, 0.00134934322, 0.000100950558, -0.000200214257};
  const int32_t w = ln_emit_unary(e, LN_OP_NEG, log_of_1_plus(e, ln_emit_unary(e, LN_OP_NEG, squared(e, a))));
  const int32_t near_ = polynomial(e, plus(e, w, -2.5), 9, middle),
                far = polynomial(e, plus(e, root(e, w), -3), 9, tail);
  const int32_t value = ln_emit_mul(e, by_size(e, w, 5, near_, far), a);
  const int32_t end = ln_emit_compare(e, LN_OP_EQUAL, absolute(e, a), ln_emit_f32(e, 1));
  return ln_emit_select(e, end, times(e, a, INFINITY), value);
}

int32_t ln_emit_erf_inverse(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, inverse_error); }

/* With t = tanh(a / 2), which is exact near zero, exp(a) - 1 = 2 t / (1 - t). */
static int32_t exp_minus_1(ln_emit *e, int32_t a) {
  const int32_t t = ln_emit_unary(e, LN_OP_TANH, times(e, a, 0.5));
  const int32_t near_ = ln_emit_div(e, times(e, t, 2), from_one(e, t));
  return by_size(e, a, 1, near_, plus(e, exponential(e, a), -1));
}

int32_t ln_emit_expm1(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, exp_minus_1); }

/* ---- hyperbolic ones ---- */

/* exp(a) / 2 and exp(-a) / 2, in two steps so that they pass the largest number only where the result does. */
static void half_exponentials(ln_emit *e, int32_t a, int32_t *up, int32_t *down) {
  const int32_t h = exponential(e, times(e, a, 0.5));
  *up = ln_emit_mul(e, times(e, h, 0.5), h);
  *down = ln_emit_div(e, ln_emit_div(e, ln_emit_f32(e, 0.5), h), h);
}

static int32_t hyperbolic_sine(ln_emit *e, int32_t a) {
  int32_t up, down;
  const int32_t t = ln_emit_unary(e, LN_OP_TANH, times(e, a, 0.5));
  const int32_t near_ = ln_emit_div(e, times(e, t, 2), from_one(e, squared(e, t)));
  half_exponentials(e, a, &up, &down);
  return by_size(e, a, 1, near_, ln_emit_sub(e, up, down));
}

static int32_t hyperbolic_cosine(ln_emit *e, int32_t a) {
  int32_t up, down;
  half_exponentials(e, a, &up, &down);
  return ln_emit_add(e, up, down);
}

int32_t ln_emit_sinh(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, hyperbolic_sine); }
int32_t ln_emit_cosh(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, hyperbolic_cosine); }

static int32_t with_sign_of(ln_emit *e, int32_t size, int32_t a) {
  return ln_emit_mul(e, size, ln_emit_unary(e, LN_OP_SIGN, a));
}

/* log1p(a + a^2 / (1 + sqrt(a^2 + 1))) of |a|; where a^2 would pass the largest number, log(2 a). */
static int32_t area_sine(ln_emit *e, int32_t a) {
  const double large = 1e6;
  const int32_t size = absolute(e, a);
  const int32_t square = squared(e, ln_emit_clip(e, size, -INFINITY, large));
  const int32_t rest = ln_emit_div(e, square, plus(e, root(e, plus(e, square, 1)), 1));
  const int32_t near_ = log_of_1_plus(e, ln_emit_add(e, size, rest));
  return with_sign_of(e, by_size(e, a, large, near_, plus(e, logarithm(e, size), 0.693147180559945309)), a);
}

static int32_t area_cosine(ln_emit *e, int32_t a) {
  const int32_t t = plus(e, a, -1);
  const int32_t near_ = log_of_1_plus(e, ln_emit_add(e, t, ln_emit_mul(e, root(e, t), root(e, plus(e, a, 1)))));
  return by_size(e, a, 1e6, near_, plus(e, logarithm(e, a), 0.693147180559945309));
}

static int32_t area_tangent(ln_emit *e, int32_t a) {
  const int32_t size = absolute(e, a);
  const int32_t ratio = ln_emit_div(e, times(e, size, 2), from_one(e, size));
  return with_sign_of(e, times(e, log_of_1_plus(e, ratio), 0.5), a);
}

int32_t ln_emit_asinh(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, area_sine); }
int32_t ln_emit_acosh(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, area_cosine); }
int32_t ln_emit_atanh(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, area_tangent); }

/* ---- angles ---- */

static int32_t tangent(ln_emit *e, int32_t a) {
  return ln_emit_div(e, ln_emit_unary(e, LN_OP_SIN, a), ln_emit_unary(e, LN_OP_COS, a));
}

static int32_t angle_of(ln_emit *e, int32_t y, int32_t x) { return ln_emit_binary(e, LN_OP_ATAN2, y, x); }

/* The other leg of the triangle: sqrt((1 - a) (1 + a)). */
static int32_t other_leg(ln_emit *e, int32_t a) { return root(e, ln_emit_mul(e, from_one(e, a), plus(e, a, 1))); }

static int32_t arc_sine(ln_emit *e, int32_t a) { return angle_of(e, a, other_leg(e, a)); }
static int32_t arc_cosine(ln_emit *e, int32_t a) { return angle_of(e, other_leg(e, a), a); }

/* ATAN2 of TFLite does not broadcast: the other leg is 1 everywhere. */
static int32_t arc_tangent(ln_emit *e, int32_t a) {
  return angle_of(e, a, ln_emit_cast(e, ln_emit_compare(e, LN_OP_EQUAL, a, a), LN_FLOAT32));
}

int32_t ln_emit_tan(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, tangent); }
int32_t ln_emit_asin(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, arc_sine); }
int32_t ln_emit_acos(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, arc_cosine); }
int32_t ln_emit_atan(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, arc_tangent); }

/* ---- powers ---- */

static int32_t one_over(ln_emit *e, int32_t a) { return ln_emit_div(e, ln_emit_f32(e, 1), a); }

int32_t ln_emit_reciprocal(ln_emit *e, int32_t a) { return ln_emit_by_float32(e, a, one_over); }

/* Exponents that have an operator of their own. */
int32_t ln_emit_pow(ln_emit *e, int32_t a, int32_t b) {
  double exponent;
  if (ln_emit_failed(e)) return -1;
  if (ln_emit_type(e, a) == LN_FLOAT32 && ln_emit_rank(e, b) <= ln_emit_rank(e, a) && ln_emit_number(e, b, &exponent)) {
    if (exponent == 1) return a;
    if (exponent == 2) return squared(e, a);
    if (exponent == 3) return ln_emit_mul(e, squared(e, a), a);
    if (exponent == 4) return squared(e, squared(e, a));
    if (exponent == 0.5) return root(e, a);
    if (exponent == -0.5) return ln_emit_unary(e, LN_OP_RSQRT, a);
    if (exponent == -1) return one_over(e, a);
  }
  return ln_emit_binary(e, LN_OP_POW, a, b);
}

/* ---- rounding and tests ---- */

static int32_t toward_zero(ln_emit *e, int32_t a) {
  const int32_t negative = ln_emit_compare(e, LN_OP_LESS, a, ln_emit_f32(e, 0));
  return ln_emit_select(e, negative, ln_emit_unary(e, LN_OP_CEIL, a), ln_emit_unary(e, LN_OP_FLOOR, a));
}

int32_t ln_emit_trunc(ln_emit *e, int32_t a) {
  return ln_emit_failed(e) || !ln_emit_is_float(ln_emit_type(e, a)) ? a : ln_emit_by_float32(e, a, toward_zero);
}

/* False of all elements. */
static int32_t never(ln_emit *e, int32_t a) {
  return ln_emit_compare(e, ln_emit_is_float(ln_emit_type(e, a)) ? LN_OP_LESS : LN_OP_NOT_EQUAL, a, a);
}

int32_t ln_emit_is_nan(ln_emit *e, int32_t a) {
  return ln_emit_failed(e) ? -1 : ln_emit_compare(e, LN_OP_NOT_EQUAL, a, a);
}

int32_t ln_emit_is_inf(ln_emit *e, int32_t a, bool positive, bool negative) {
  if (ln_emit_failed(e)) return -1;
  if (!ln_emit_is_float(ln_emit_type(e, a)) || !(positive || negative)) return never(e, a);
  a = ln_emit_cast(e, a, LN_FLOAT32);
  if (positive && negative) a = absolute(e, a);
  return ln_emit_compare(e, LN_OP_EQUAL, a, ln_emit_f32(e, positive ? INFINITY : -INFINITY));
}

int32_t ln_emit_is_finite(ln_emit *e, int32_t a) {
  if (ln_emit_failed(e)) return -1;
  const ln_type type = ln_emit_type(e, a) == LN_FLOAT64 ? LN_FLOAT64 : LN_FLOAT32;
  return ln_emit_compare(e, LN_OP_LESS, absolute(e, ln_emit_cast(e, a, type)), ln_emit_scalar(e, type, INFINITY));
}

/* FLOOR_MOD's rest has the divisor's sign: that of sizes gets the dividend's. */
int32_t ln_emit_remainder(ln_emit *e, int32_t a, int32_t b) {
  return with_sign_of(e, ln_emit_binary(e, LN_OP_FLOOR_MOD, absolute(e, a), absolute(e, b)), a);
}

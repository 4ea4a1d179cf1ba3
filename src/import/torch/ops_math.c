/* Operators on each element. */
#include <math.h>
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

/* ---- of one operand ---- */

static int32_t self(torch_node *n) { return ln_torch_tensor(n, "self"); }
static int32_t self_float(torch_node *n) { return ln_torch_as_float(n, self(n)); }

static int32_t number_like(torch_node *n, int32_t a, double number) {
  return ln_emit_failed(n->e) ? -1 : ln_emit_scalar(n->e, ln_emit_type(n->e, a), number);
}

static int32_t with_number(torch_node *n, int32_t code, int32_t a, double number) {
  return ln_emit_binary(n->e, code, a, number_like(n, a, number));
}

/* In a type that TFLite counts with, and back. */
static int32_t unary_as(torch_node *n, int32_t code, int32_t a) {
  if (ln_emit_failed(n->e)) return -1;
  const ln_type type = ln_emit_type(n->e, a);
  return ln_emit_cast(n->e, ln_emit_unary(n->e, code, ln_emit_cast(n->e, a, ln_torch_working_type(type))), type);
}

int32_t ln_torch_unary(torch_node *n) { return unary_as(n, n->variant, self(n)); }
int32_t ln_torch_unary_float(torch_node *n) { return ln_emit_unary(n->e, n->variant, self_float(n)); }

/* Rounding leaves integers alone. */
int32_t ln_torch_rounding(torch_node *n) {
  const int32_t a = self(n);
  const int64_t decimals = ln_torch_int(n, "decimals", 0);
  if (ln_emit_failed(n->e) || !ln_emit_is_float(ln_emit_type(n->e, a))) return a;
  if (decimals == 0) return ln_emit_unary(n->e, n->variant, a);
  const double scale = pow(10, (double)decimals);
  const int32_t rounded = ln_emit_unary(n->e, n->variant, ln_emit_mul_number(n->e, a, scale));
  return with_number(n, LN_OP_DIV, rounded, scale);
}

#define FUNCTION(name) \
  int32_t ln_torch_##name(torch_node *n) { return ln_emit_##name(n->e, self_float(n)); }
FUNCTION(erf)
FUNCTION(reciprocal)
FUNCTION(log1p)
FUNCTION(expm1)
FUNCTION(tan)
FUNCTION(sinh)
FUNCTION(cosh)
FUNCTION(asin)
FUNCTION(acos)
FUNCTION(atan)
FUNCTION(asinh)
FUNCTION(acosh)
FUNCTION(atanh)
#undef FUNCTION

int32_t ln_torch_trunc(torch_node *n) { return ln_emit_trunc(n->e, self(n)); }
int32_t ln_torch_is_nan(torch_node *n) { return ln_emit_is_nan(n->e, self(n)); }

/* Variants: 0 both, 1 positive, -1 negative. */
int32_t ln_torch_is_inf(torch_node *n) { return ln_emit_is_inf(n->e, self(n), n->variant >= 0, n->variant <= 0); }

int32_t ln_torch_is_finite(torch_node *n) { return ln_emit_is_finite(n->e, self(n)); }

int32_t ln_torch_erfc(torch_node *n) {
  const int32_t a = ln_emit_erf(n->e, self_float(n));
  return ln_emit_sub(n->e, number_like(n, a, 1), a);
}

/* exp2, log2, log10, deg2rad, rad2deg: another function and a factor. */
static int32_t scaled(torch_node *n, double before, int32_t code, double after) {
  int32_t a = self_float(n);
  if (before != 1) a = ln_emit_mul_number(n->e, a, before);
  if (code >= 0) a = ln_emit_unary(n->e, code, a);
  return after != 1 ? ln_emit_mul_number(n->e, a, after) : a;
}

int32_t ln_torch_exp2(torch_node *n) {
  const int32_t a = self_float(n);
  return ln_emit_binary(n->e, LN_OP_POW, number_like(n, a, 2), a);
}
int32_t ln_torch_log2(torch_node *n) { return scaled(n, 1, LN_OP_LOG, 1.4426950408889634); }
int32_t ln_torch_log10(torch_node *n) { return scaled(n, 1, LN_OP_LOG, 0.4342944819032518); }
int32_t ln_torch_deg2rad(torch_node *n) { return scaled(n, 0.017453292519943295, -1, 1); }
int32_t ln_torch_rad2deg(torch_node *n) { return scaled(n, 57.29577951308232, -1, 1); }

int32_t ln_torch_frac(torch_node *n) {
  const int32_t a = self_float(n);
  return ln_emit_sub(n->e, a, ln_emit_trunc(n->e, a));
}

int32_t ln_torch_logit(torch_node *n) {
  int32_t a = self_float(n);
  if (ln_torch_has(n, "eps")) {
    const double eps = ln_torch_number(n, "eps", 0);
    a = ln_emit_clip(n->e, a, eps, 1 - eps);
  }
  return ln_emit_unary(n->e, LN_OP_LOG, ln_emit_div(n->e, a, ln_emit_sub(n->e, number_like(n, a, 1), a)));
}

int32_t ln_torch_sinc(torch_node *n) {
  const int32_t a = ln_emit_mul_number(n->e, self_float(n), 3.141592653589793);
  const int32_t zero = ln_emit_compare(n->e, LN_OP_EQUAL, a, number_like(n, a, 0));
  return ln_emit_select(n->e, zero, number_like(n, a, 1), ln_emit_div(n->e, ln_emit_unary(n->e, LN_OP_SIN, a), a));
}

int32_t ln_torch_logical_not(torch_node *n) {
  return ln_emit_unary(n->e, LN_OP_LOGICAL_NOT, ln_emit_cast(n->e, self(n), LN_BOOL));
}

int32_t ln_torch_bitwise_not(torch_node *n) {
  const int32_t a = self(n);
  if (ln_emit_failed(n->e)) return -1;
  const ln_type type = ln_emit_type(n->e, a);
  if (type == LN_BOOL) return ln_emit_unary(n->e, LN_OP_LOGICAL_NOT, a);
  const int32_t wide = ln_emit_cast(n->e, a, ln_torch_working_type(type));
  return ln_emit_cast(n->e, ln_emit_sub(n->e, number_like(n, wide, -1), wide), type);
}

int32_t ln_torch_sign_bit(torch_node *n) {
  const int32_t a = ln_emit_cast(n->e, self(n), LN_FLOAT32);
  return ln_emit_compare(n->e, LN_OP_LESS, a, number_like(n, a, 0));
}

int32_t ln_torch_nan_to_num(torch_node *n) {
  int32_t a = self(n);
  if (ln_emit_failed(n->e) || !ln_emit_is_float(ln_emit_type(n->e, a))) return a;
  const double most = 3.4028234663852886e38;
  const double high = ln_torch_number(n, "posinf", most), low = ln_torch_number(n, "neginf", -most);
  a = ln_emit_select(n->e, ln_emit_is_nan(n->e, a), number_like(n, a, ln_torch_number(n, "nan", 0)), a);
  a = ln_emit_select(n->e, ln_emit_is_inf(n->e, a, true, false), number_like(n, a, high), a);
  return ln_emit_select(n->e, ln_emit_is_inf(n->e, a, false, true), number_like(n, a, low), a);
}

/* ---- activations ---- */

static int32_t input_of(torch_node *n) { return ln_torch_tensor(n, ln_torch_has(n, "input") ? "input" : "self"); }

int32_t ln_torch_activate(torch_node *n) { return ln_emit_activate(n->e, (ln_emit_activation)n->variant, input_of(n)); }

int32_t ln_torch_gelu(torch_node *n) {
  const char *how = ln_torch_text(n, "approximate");
  const bool approximate = how != NULL && strcmp(how, "tanh") == 0;
  return ln_emit_activate(n->e, approximate ? LN_EMIT_GELU_TANH : LN_EMIT_GELU, self(n));
}

int32_t ln_torch_hardtanh(torch_node *n) {
  return ln_emit_clip(n->e, self(n), ln_torch_number(n, "min_val", -1), ln_torch_number(n, "max_val", 1));
}

int32_t ln_torch_leaky_relu(torch_node *n) {
  return ln_emit_leaky_relu(n->e, self(n), ln_torch_number(n, "negative_slope", 0.01));
}

/* In evaluation the slope is the middle of its range. */
int32_t ln_torch_rrelu(torch_node *n) {
  if (ln_torch_flag(n, "training", false)) return ln_emit_refuse(n->e, "it is random; call model.eval() before export");
  const double slope = (ln_torch_number(n, "lower", 0.125) + ln_torch_number(n, "upper", 1.0 / 3)) / 2;
  return ln_emit_leaky_relu(n->e, self(n), slope);
}

int32_t ln_torch_elu(torch_node *n) {
  const double alpha = ln_torch_number(n, "alpha", 1), scale = ln_torch_number(n, "scale", 1);
  const double inner = ln_torch_number(n, "input_scale", 1);
  int32_t a = self(n);
  if (inner != 1) return ln_emit_refuse(n->e, "an input scale of %g is not built", inner);
  a = ln_emit_elu(n->e, a, alpha);
  return scale == 1 ? a : ln_emit_mul_number(n->e, a, scale);
}

/* max(a, 0) + min(alpha (exp(a / alpha) - 1), 0) */
int32_t ln_torch_celu(torch_node *n) {
  const double alpha = ln_torch_number(n, "alpha", 1);
  const int32_t a = ln_emit_mul_number(n->e, self_float(n), 1 / alpha);
  return ln_emit_mul_number(n->e, ln_emit_elu(n->e, a, 1), alpha);
}

int32_t ln_torch_softplus(torch_node *n) {
  const double beta = ln_torch_number(n, "beta", 1), threshold = ln_torch_number(n, "threshold", 20);
  const int32_t a = self_float(n);
  if (beta == 1) return ln_emit_activate(n->e, LN_EMIT_SOFTPLUS, a);
  const int32_t wide = ln_emit_mul_number(n->e, a, beta);
  const int32_t soft = ln_emit_mul_number(n->e, ln_emit_activate(n->e, LN_EMIT_SOFTPLUS, wide), 1 / beta);
  return ln_emit_select(n->e, ln_emit_compare(n->e, LN_OP_GREATER, wide, number_like(n, wide, threshold)), a, soft);
}

int32_t ln_torch_tanhshrink(torch_node *n) {
  const int32_t a = self_float(n);
  return ln_emit_sub(n->e, a, ln_emit_unary(n->e, LN_OP_TANH, a));
}

int32_t ln_torch_hardshrink(torch_node *n) {
  const int32_t a = self_float(n), size = ln_emit_unary(n->e, LN_OP_ABS, a);
  const int32_t large = ln_emit_compare(n->e, LN_OP_GREATER, size, number_like(n, a, ln_torch_number(n, "lambd", 0.5)));
  return ln_emit_select(n->e, large, a, number_like(n, a, 0));
}

int32_t ln_torch_softshrink(torch_node *n) {
  const double limit = ln_torch_number(n, "lambd", 0.5);
  const int32_t a = self_float(n);
  return ln_emit_sub(n->e, a, ln_emit_clip(n->e, a, -limit, limit));
}

int32_t ln_torch_threshold(torch_node *n) {
  const int32_t a = self(n);
  const int32_t large = ln_emit_compare(n->e, LN_OP_GREATER, a, number_like(n, a, ln_torch_number(n, "threshold", 0)));
  return ln_emit_select(n->e, large, a, number_like(n, a, ln_torch_number(n, "value", 0)));
}

/* A slope a channel, which is dimension 1. */
int32_t ln_torch_prelu(torch_node *n) {
  const int32_t a = self(n);
  int32_t weight = ln_torch_tensor(n, "weight");
  ln_dim dims[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(n->e, a);
  if (ln_emit_failed(n->e)) return -1;
  if (ln_emit_rank(n->e, weight) == 1 && rank > 1) {
    for (int32_t i = 1; i < rank; ++i) dims[i - 1] = i == 1 ? LN_DIM_OF(weight, 0) : LN_DIM(1);
    weight = ln_emit_reshape(n->e, weight, rank - 1, dims);
  }
  return ln_emit_prelu(n->e, a, weight);
}

int32_t ln_torch_glu(torch_node *n) {
  const int32_t a = self_float(n);
  int32_t halves[2], sizes[2];
  if (ln_emit_failed(n->e)) return -1;
  const int32_t axis = ln_torch_axis(n, ln_torch_int(n, "dim", -1), ln_emit_rank(n->e, a));
  if (axis < 0) return -1;
  sizes[0] = sizes[1] = ln_emit_dim(n->e, a, axis) / 2;
  if (!ln_emit_split(n->e, a, axis, 2, sizes, halves)) return -1;
  return ln_emit_mul(n->e, halves[0], ln_emit_unary(n->e, LN_OP_LOGISTIC, halves[1]));
}

/* ---- of two operands ---- */

/* In a type that TFLite counts with, and back. */
static int32_t binary_as(torch_node *n, int32_t code, int32_t a, int32_t b) {
  if (ln_emit_failed(n->e)) return -1;
  const ln_type type = ln_emit_type(n->e, a), work = ln_torch_working_type(type);
  a = ln_emit_cast(n->e, a, work);
  b = ln_emit_cast(n->e, b, work);
  return ln_emit_cast(n->e, ln_emit_binary(n->e, code, a, b), type);
}

int32_t ln_torch_binary(torch_node *n) {
  int32_t a, b;
  return ln_torch_operands(n, "self", "other", &a, &b) ? binary_as(n, n->variant, a, b) : -1;
}

/* self + alpha * other, self - alpha * other. */
int32_t ln_torch_add(torch_node *n) {
  int32_t a, b;
  const double alpha = ln_torch_number(n, "alpha", 1);
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  if (alpha != 1) b = binary_as(n, LN_OP_MUL, b, number_like(n, b, alpha));
  return binary_as(n, n->variant, a, b);
}

int32_t ln_torch_rsub(torch_node *n) {
  int32_t a, b;
  const double alpha = ln_torch_number(n, "alpha", 1);
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  if (alpha != 1) a = binary_as(n, LN_OP_MUL, a, number_like(n, a, alpha));
  return binary_as(n, LN_OP_SUB, b, a);
}

static int32_t divide(torch_node *n, const char *mode) {
  int32_t a, b;
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  const bool floats = ln_emit_is_float(ln_emit_type(n->e, a));
  if (mode == NULL) return ln_emit_div(n->e, ln_torch_as_float(n, a), ln_torch_as_float(n, b));
  if (strcmp(mode, "floor") == 0) {
    return floats ? ln_emit_unary(n->e, LN_OP_FLOOR, ln_emit_div(n->e, a, b)) : binary_as(n, LN_OP_FLOOR_DIV, a, b);
  }
  return floats ? ln_emit_trunc(n->e, ln_emit_div(n->e, a, b)) : binary_as(n, LN_OP_DIV, a, b);
}

int32_t ln_torch_div(torch_node *n) { return divide(n, ln_torch_text(n, "rounding_mode")); }
int32_t ln_torch_floor_divide(torch_node *n) { return divide(n, "floor"); }

/* What is left has the sign of self. */
int32_t ln_torch_fmod(torch_node *n) {
  int32_t a, b;
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  const ln_type type = ln_emit_type(n->e, a), work = ln_torch_working_type(type);
  return ln_emit_cast(n->e, ln_emit_remainder(n->e, ln_emit_cast(n->e, a, work), ln_emit_cast(n->e, b, work)), type);
}

int32_t ln_torch_pow(torch_node *n) {
  int32_t a, b;
  double number;
  const bool small = ln_emit_number(n->e, ln_torch_tensor(n, "exponent"), &number) && number == floor(number);
  if (!ln_torch_operands(n, "self", "exponent", &a, &b)) return -1;
  if (small && !ln_emit_is_float(ln_emit_type(n->e, a)) && number == 2) return binary_as(n, LN_OP_MUL, a, a);
  return ln_emit_pow(n->e, a, b);
}

int32_t ln_torch_atan2(torch_node *n) {
  int32_t a, b;
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  return ln_emit_binary(n->e, LN_OP_ATAN2, ln_torch_as_float(n, a), ln_torch_as_float(n, b));
}

int32_t ln_torch_compare(torch_node *n) {
  int32_t a, b;
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  const ln_type work = ln_torch_working_type(ln_emit_type(n->e, a));
  return ln_emit_compare(n->e, n->variant, ln_emit_cast(n->e, a, work), ln_emit_cast(n->e, b, work));
}

/* Variants are codes of LOGICAL_AND, LOGICAL_OR and NOT_EQUAL. */
int32_t ln_torch_logical(torch_node *n) {
  const int32_t a = ln_emit_cast(n->e, self(n), LN_BOOL);
  const int32_t b = ln_emit_cast(n->e, ln_torch_tensor(n, "other"), LN_BOOL);
  return n->variant == LN_OP_NOT_EQUAL ? ln_emit_compare(n->e, n->variant, a, b)
                                       : ln_emit_binary(n->e, n->variant, a, b);
}

/* Variants are the codes for bools: and, or, different. */
int32_t ln_torch_bitwise(torch_node *n) {
  int32_t a, b;
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  const bool bools = ln_emit_type(n->e, a) == LN_BOOL;
  if (n->variant == LN_OP_NOT_EQUAL) {
    return bools ? ln_emit_compare(n->e, LN_OP_NOT_EQUAL, a, b) : ln_emit_binary(n->e, LN_OP_BITWISE_XOR, a, b);
  }
  if (bools) return ln_emit_binary(n->e, n->variant, a, b);
  const int32_t shape = ln_emit_shape_of(n->e, ln_emit_add(n->e, a, b)); /* they do not broadcast */
  a = ln_emit_broadcast_to(n->e, a, shape);
  b = ln_emit_broadcast_to(n->e, b, shape);
  return ln_emit_binary(n->e, n->variant == LN_OP_LOGICAL_AND ? LN_OP_STABLEHLO_AND : LN_OP_STABLEHLO_OR, a, b);
}

int32_t ln_torch_shift_right(torch_node *n) {
  int32_t a, b;
  return ln_torch_operands(n, "self", "other", &a, &b) ? ln_emit_binary(n->e, LN_OP_RIGHT_SHIFT, a, b) : -1;
}

int32_t ln_torch_shift_left(torch_node *n) {
  int32_t a, b;
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  return binary_as(n, LN_OP_MUL, a, ln_emit_pow(n->e, number_like(n, b, 2), b));
}

int32_t ln_torch_logaddexp(torch_node *n) {
  int32_t a, b;
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  const int32_t corner = ln_emit_unary(n->e, LN_OP_NEG, ln_emit_unary(n->e, LN_OP_ABS, ln_emit_sub(n->e, a, b)));
  return ln_emit_add(n->e, ln_emit_binary(n->e, LN_OP_MAXIMUM, a, b),
                     ln_emit_log1p(n->e, ln_emit_unary(n->e, LN_OP_EXP, corner)));
}

int32_t ln_torch_hypot(torch_node *n) {
  int32_t a, b;
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  return ln_emit_unary(n->e, LN_OP_SQRT, ln_emit_add(n->e, ln_emit_mul(n->e, a, a), ln_emit_mul(n->e, b, b)));
}

/* self * log(other), 0 where self is. */
int32_t ln_torch_xlogy(torch_node *n) {
  int32_t a, b;
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  a = ln_torch_as_float(n, a);
  const int32_t product = ln_emit_mul(n->e, a, ln_emit_unary(n->e, LN_OP_LOG, ln_torch_as_float(n, b)));
  return ln_emit_select(n->e, ln_emit_compare(n->e, LN_OP_EQUAL, a, number_like(n, a, 0)), number_like(n, a, 0),
                        product);
}

int32_t ln_torch_copysign(torch_node *n) {
  int32_t a, b;
  if (!ln_torch_operands(n, "self", "other", &a, &b)) return -1;
  const int32_t size = ln_emit_unary(n->e, LN_OP_ABS, ln_torch_as_float(n, a));
  const int32_t negative = ln_emit_compare(n->e, LN_OP_LESS, b, number_like(n, b, 0));
  return ln_emit_select(n->e, negative, ln_emit_unary(n->e, LN_OP_NEG, size), size);
}

int32_t ln_torch_heaviside(torch_node *n) {
  const int32_t a = self(n), values = ln_torch_tensor(n, "values");
  const int32_t zero = number_like(n, a, 0);
  const int32_t step = ln_emit_cast(n->e, ln_emit_compare(n->e, LN_OP_GREATER, a, zero), ln_emit_type(n->e, a));
  return ln_emit_select(n->e, ln_emit_compare(n->e, LN_OP_EQUAL, a, zero), values, step);
}

/* ---- of three and more ---- */

int32_t ln_torch_lerp(torch_node *n) {
  int32_t a, b;
  if (!ln_torch_operands(n, "self", "end", &a, &b)) return -1;
  const int32_t weight = ln_emit_cast(n->e, ln_torch_tensor(n, "weight"), ln_emit_type(n->e, a));
  return ln_emit_add(n->e, a, ln_emit_mul(n->e, weight, ln_emit_sub(n->e, b, a)));
}

/* self + value * tensor1 * tensor2, or / tensor2. */
int32_t ln_torch_addc(torch_node *n) {
  int32_t a, b;
  const double value = ln_torch_number(n, "value", 1);
  if (!ln_torch_operands(n, "tensor1", "tensor2", &a, &b)) return -1;
  int32_t product = ln_emit_binary(n->e, n->variant, a, b);
  if (value != 1) product = ln_emit_mul_number(n->e, product, value);
  const int32_t to = self(n);
  if (ln_emit_failed(n->e)) return -1;
  return ln_emit_add(n->e, ln_emit_cast(n->e, to, ln_emit_type(n->e, product)), product);
}

int32_t ln_torch_where(torch_node *n) {
  int32_t a, b;
  const int32_t condition = ln_emit_cast(n->e, ln_torch_tensor(n, "condition"), LN_BOOL);
  if (!ln_torch_has(n, "self")) return ln_torch_nonzero(n);
  return ln_torch_operands(n, "self", "other", &a, &b) ? ln_emit_select(n->e, condition, a, b) : -1;
}

int32_t ln_torch_masked_fill(torch_node *n) {
  const int32_t a = self(n), mask = ln_emit_cast(n->e, ln_torch_tensor(n, "mask"), LN_BOOL);
  const int32_t value = ln_torch_tensor(n, "value");
  return ln_emit_failed(n->e) ? -1 : ln_emit_select(n->e, mask, ln_emit_cast(n->e, value, ln_emit_type(n->e, a)), a);
}

/* One limit of clamp, a number or a tensor; the operand's type grows to it. */
static int32_t limited(torch_node *n, int32_t code, int32_t a, const char *name) {
  if (!ln_torch_has(n, name) || ln_emit_failed(n->e)) return a;
  int32_t limit = ln_torch_tensor(n, name);
  ln_type type = ln_emit_type(n->e, a);
  if (ln_emit_is_float(ln_emit_type(n->e, limit)) && !ln_emit_is_float(type)) type = ln_emit_type(n->e, limit);
  a = ln_emit_cast(n->e, a, type);
  limit = ln_emit_cast(n->e, limit, type);
  return binary_as(n, code, a, limit);
}

/* A plain number of the argument. */
static bool is_number(torch_node *n, const char *name, double otherwise, double *out) {
  const cJSON *value = ln_torch_arg(n, name);
  *out = otherwise;
  if (value == NULL) return true;
  if (!cJSON_IsNumber(value)) return false;
  *out = value->valuedouble;
  return true;
}

int32_t ln_torch_clamp(torch_node *n) {
  double low, high;
  const int32_t a = self(n);
  if (is_number(n, "min", -INFINITY, &low) && is_number(n, "max", INFINITY, &high) && !ln_emit_failed(n->e) &&
      ln_emit_type(n->e, a) == LN_FLOAT32)
    return ln_emit_clip(n->e, a, low, high);
  return limited(n, LN_OP_MINIMUM, limited(n, LN_OP_MAXIMUM, a, "min"), "max");
}

#endif

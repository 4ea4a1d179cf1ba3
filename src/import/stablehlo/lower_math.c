/* Functions of one real number that are made of several operators. */
#include "import/stablehlo/lower_math.h"

#include "import/stablehlo/lower.h"

typedef int32_t (*ln_math_fn)(ln_emit *e, int32_t a);

static int32_t polynomial(ln_emit *e, int32_t a, int32_t count, const double *coefficients) { /* highest power first */
  int32_t sum = ln_emit_add_number(e, ln_emit_mul_number(e, a, coefficients[0]), coefficients[1]);
  for (int32_t i = 2; i < count; ++i) sum = ln_emit_add_number(e, ln_emit_mul(e, sum, a), coefficients[i]);
  return sum;
}

static int32_t cube_root(ln_emit *e, int32_t a) {
  const int32_t third = ln_emit_f32(e, 1.0 / 3);
  const int32_t size = ln_emit_binary(e, LN_OP_POW, ln_emit_unary(e, LN_OP_ABS, a), third);
  return ln_emit_mul(e, size, ln_emit_unary(e, LN_OP_SIGN, a));
}

/* Halves away from zero; adding almost a half keeps what lies just below one. */
static int32_t round_away(ln_emit *e, int32_t a) {
  const int32_t size = ln_emit_unary(e, LN_OP_ABS, a);
  const int32_t below = ln_emit_unary(e, LN_OP_FLOOR, size);
  const int32_t rest = ln_emit_sub(e, size, below);
  const int32_t up = ln_emit_cast(e, ln_emit_compare(e, LN_OP_GREATER_EQUAL, rest, ln_emit_f32(e, 0.5)), LN_FLOAT32);
  return ln_emit_mul(e, ln_emit_add(e, below, up), ln_emit_unary(e, LN_OP_SIGN, a));
}

/* Lanczos's sum with g = 7, and the reflection below one half. */
static int32_t log_gamma(ln_emit *e, int32_t a) {
  static const double terms[] = {676.520368121885098567009190444019, -1259.13921672240287047156078755283,
                                 771.3234287776530788486528258894,   -176.61502916214059906584551354,
                                 12.507343278686904814458936853,     -0.13857109526572011689554707,
                                 9.984369578019570859563e-6,         1.50563273514931155834e-7};
  const int32_t low = ln_emit_compare(e, LN_OP_LESS, a, ln_emit_f32(e, 0.5));
  const int32_t mirrored = ln_emit_sub(e, ln_emit_f32(e, 1), a);
  const int32_t z = ln_emit_add_number(e, ln_emit_select(e, low, mirrored, a), -1);
  int32_t sum = ln_emit_f32(e, 0.99999999999980993227684700473478);
  for (int32_t i = 0; i < (int32_t)LN_COUNT(terms); ++i) {
    sum = ln_emit_add(e, sum, ln_emit_div(e, ln_emit_f32(e, terms[i]), ln_emit_add_number(e, z, i + 1)));
  }
  const int32_t t = ln_emit_add_number(e, z, 7.5);
  const int32_t log_t = ln_emit_unary(e, LN_OP_LOG, t);
  /* (z + 1/2) log t - t, with the two large numbers joined before they cancel */
  const int32_t ratio = ln_emit_div(e, t, log_t);
  const int32_t large = ln_emit_mul(e, ln_emit_sub(e, ln_emit_add_number(e, z, 0.5), ratio), log_t);
  const int32_t value =
      ln_emit_add(e, ln_emit_add_number(e, large, 0.91893853320467274178), ln_emit_unary(e, LN_OP_LOG, sum));
  const int32_t size = ln_emit_unary(e, LN_OP_ABS, a);
  const int32_t part = ln_emit_sub(e, size, ln_emit_unary(e, LN_OP_FLOOR, size));
  const int32_t sine = ln_emit_unary(e, LN_OP_SIN, ln_emit_mul_number(e, part, 3.14159265358979323846));
  const int32_t reflected =
      ln_emit_sub(e, ln_emit_sub(e, ln_emit_f32(e, 1.14472988584940017414), ln_emit_unary(e, LN_OP_LOG, sine)), value);
  return ln_emit_select(e, low, reflected, value);
}

/* Eight steps up by 1 / x, then the series for large numbers; below one half mirrored. */
static int32_t digamma(ln_emit *e, int32_t a) {
  enum { STEPS = 8 };
  static const double series[] = {-1.0 / 252, 1.0 / 120, -1.0 / 12, 0}; /* of 1 / y^2 */
  const int32_t low = ln_emit_compare(e, LN_OP_LESS, a, ln_emit_f32(e, 0.5));
  const int32_t x = ln_emit_select(e, low, ln_emit_sub(e, ln_emit_f32(e, 1), a), a);
  int32_t steps = ln_emit_reciprocal(e, x);
  for (int32_t i = 1; i < STEPS; ++i) steps = ln_emit_add(e, steps, ln_emit_reciprocal(e, ln_emit_add_number(e, x, i)));
  const int32_t y = ln_emit_add_number(e, x, STEPS), inverse = ln_emit_reciprocal(e, y);
  const int32_t tail = polynomial(e, ln_emit_mul(e, inverse, inverse), (int32_t)LN_COUNT(series), series);
  const int32_t large = ln_emit_sub(e, ln_emit_unary(e, LN_OP_LOG, y), ln_emit_mul_number(e, inverse, 0.5));
  const int32_t value = ln_emit_sub(e, ln_emit_add(e, large, tail), steps);
  const double pi = 3.14159265358979323846;
  const int32_t turn = ln_emit_div(e, ln_emit_f32(e, pi), ln_emit_tan(e, ln_emit_mul_number(e, a, pi)));
  return ln_emit_select(e, low, ln_emit_sub(e, value, turn), value);
}

static int32_t one_minus_erf(ln_emit *e, int32_t a) { return ln_emit_sub(e, ln_emit_f32(e, 1), ln_emit_erf(e, a)); }
static int32_t square(ln_emit *e, int32_t a) { return ln_emit_mul(e, a, a); }
static int32_t any_infinity(ln_emit *e, int32_t a) { return ln_emit_is_inf(e, a, true, true); }
static int32_t infinity(ln_emit *e, int32_t a) { return ln_emit_is_inf(e, a, true, false); }
static int32_t below_all(ln_emit *e, int32_t a) { return ln_emit_is_inf(e, a, false, true); }

static const ln_math_fn functions[LN_SHLO_MATH_COUNT] = {
    [LN_SHLO_CBRT] = cube_root,
    [LN_SHLO_EXPM1] = ln_emit_expm1,
    [LN_SHLO_LOG1P] = ln_emit_log1p,
    [LN_SHLO_TAN] = ln_emit_tan,
    [LN_SHLO_IS_FINITE] = ln_emit_is_finite,
    [LN_SHLO_ROUND_AWAY] = round_away,
    [LN_SHLO_ERF] = ln_emit_erf,
    [LN_SHLO_ERFC] = one_minus_erf,
    [LN_SHLO_ERF_INV] = ln_emit_erf_inverse,
    [LN_SHLO_LGAMMA] = log_gamma,
    [LN_SHLO_DIGAMMA] = digamma,
    [LN_SHLO_SINH] = ln_emit_sinh,
    [LN_SHLO_COSH] = ln_emit_cosh,
    [LN_SHLO_ASIN] = ln_emit_asin,
    [LN_SHLO_ACOS] = ln_emit_acos,
    [LN_SHLO_ATAN] = ln_emit_atan,
    [LN_SHLO_ASINH] = ln_emit_asinh,
    [LN_SHLO_ACOSH] = ln_emit_acosh,
    [LN_SHLO_ATANH] = ln_emit_atanh,
    [LN_SHLO_SQUARE] = square,
    [LN_SHLO_IS_INF] = any_infinity,
    [LN_SHLO_IS_POS_INF] = infinity,
    [LN_SHLO_IS_NEG_INF] = below_all,
};

bool ln_shlo_math(ln_shlo_frame *f, const ln_mlir_op *op, int32_t which) {
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  if (v.tensor < 0) return false;
  if (v.imag >= 0) return ln_shlo_complex_unary(f, op);
  if (ln_shlo_element(op, 0)->kind != LN_MLIR_REAL && which != LN_SHLO_SQUARE)
    return ln_shlo_refuse(f, "it is of real numbers only");
  return ln_shlo_give_like(f, op, functions[which](f->e, v.tensor), 1, &v);
}

/* To float16 and bfloat16 by a cast there and back; a format with the bits of float32 changes nothing. */
bool ln_shlo_reduce_precision(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  const int64_t exponent = ln_mlir_int(op, "exponent_bits", 0), mantissa = ln_mlir_int(op, "mantissa_bits", 0);
  (void)unused;
  if (v.tensor < 0) return false;
  if (exponent >= 8 && mantissa >= 23) return ln_shlo_give_like(f, op, v.tensor, 1, &v);
  const bool half = exponent == 5 && mantissa == 10, brain = exponent == 8 && mantissa == 7;
  if (!half && !brain)
    return ln_shlo_refuse(f, "only the formats of float16, bfloat16 and float32 are in TensorFlow Lite");
  const int32_t narrow = ln_emit_cast(f->e, v.tensor, half ? LN_FLOAT16 : LN_BFLOAT16);
  return ln_shlo_give_like(f, op, ln_emit_cast(f->e, narrow, LN_FLOAT32), 1, &v);
}

/* ---- counting bits, by sums of neighbours ---- */

static int32_t shifted(ln_emit *e, int32_t a, int32_t by) { /* to the right, zeros from the left */
  const int32_t plain = ln_shlo_bitcast(e, a, LN_UINT32);
  return ln_shlo_bitcast(e, ln_emit_binary(e, LN_OP_RIGHT_SHIFT, plain, ln_emit_scalar(e, LN_UINT32, by)), LN_INT32);
}

static int32_t masked(ln_emit *e, int32_t a, uint32_t mask) {
  return ln_shlo_bitwise(e, a, ln_emit_i32(e, (int32_t)mask), '&');
}

static int32_t count_bits(ln_emit *e, int32_t a) {
  a = ln_emit_sub(e, a, masked(e, shifted(e, a, 1), 0x55555555));
  a = ln_emit_add(e, masked(e, a, 0x33333333), masked(e, shifted(e, a, 2), 0x33333333));
  a = masked(e, ln_emit_add(e, a, shifted(e, a, 4)), 0x0F0F0F0F);
  return shifted(e, ln_emit_mul(e, a, ln_emit_i32(e, 0x01010101)), 24);
}

/* Of the type's own bits: without the copies of a sign. */
static int32_t own_bits(ln_emit *e, int32_t a, const ln_mlir_element_info *info) {
  return info->bits < 32 && info->kind == LN_MLIR_SIGNED ? masked(e, a, (1u << info->bits) - 1) : a;
}

bool ln_shlo_popcnt(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  const ln_mlir_element_info *info = ln_shlo_element(op, 0);
  (void)unused;
  if (v.tensor < 0 || info->inside != LN_INT32) return ln_shlo_refuse(f, "it is possible of at most 32 bits");
  return ln_shlo_give_like(f, op, count_bits(f->e, own_bits(f->e, v.tensor, info)), 1, &v);
}

/* All bits below the highest are set, then counted. */
bool ln_shlo_leading_zeros(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  const ln_mlir_element_info *info = ln_shlo_element(op, 0);
  (void)unused;
  if (v.tensor < 0 || info->inside != LN_INT32) return ln_shlo_refuse(f, "it is possible of at most 32 bits");
  int32_t a = own_bits(f->e, v.tensor, info);
  for (int32_t by = 1; by < 32; by *= 2) a = ln_shlo_bitwise(f->e, a, shifted(f->e, a, by), '|');
  return ln_shlo_give_like(f, op, ln_emit_sub(f->e, ln_emit_i32(f->e, info->bits), count_bits(f->e, a)), 1, &v);
}

/* TensorFlow's element-wise operators and products. */
#include "import/savedmodel/savedmodel.h"

/* ---- values handed on ---- */

void ln_sm_op_identity(ln_sm_call *c) {
  /* A variable of TensorFlow 1 is read here, and not later, after it was assigned to. */
  if (c->in_count > 0 && c->in[0].kind == LN_SM_VARIABLE && c->in[0].is_ref) {
    ln_sm_result(c, ln_sm_in(c, 0));
  } else if (c->in_count > 0 && ln_sm_outs(c, c->in_count)) {
    for (int32_t i = 0; i < c->in_count; ++i) ln_sm_give_value(c, i, c->in[i]);
  }
}

/* Assert, NoOp, Print: nothing comes of them. PrintV2's and Print's input 0 is handed on by ln_sm_op_identity. */
void ln_sm_op_nothing(ln_sm_call *c) { (void)c; }

/* A placeholder that the signature does not feed. While variables are set up it is a path, which nobody reads. */
void ln_sm_op_placeholder(ln_sm_call *c) {
  if (!ln_sm_give_asset(c) && !ln_sm_of(c)->setup) ln_emit_refuse(c->e, "the signature has no input for it");
}

/* ---- one input ---- */

void ln_sm_op_unary(ln_sm_call *c) { ln_sm_result(c, ln_emit_unary(c->e, c->variant, ln_sm_in(c, 0))); }

void ln_sm_op_activate(ln_sm_call *c) {
  ln_sm_result(c, ln_emit_activate(c->e, (ln_emit_activation)c->variant, ln_sm_in(c, 0)));
}

static int32_t erfc_of(ln_emit *e, int32_t a) {
  return ln_emit_sub(e, ln_emit_scalar(e, ln_emit_type(e, a), 1), ln_emit_erf(e, a));
}

static int32_t is_inf(ln_emit *e, int32_t a) { return ln_emit_is_inf(e, a, true, true); }

static int32_t ones_like(ln_emit *e, int32_t a) { return ln_emit_filled_like(e, a, ln_emit_type(e, a), 1); }

static int32_t ndtri(ln_emit *e, int32_t a) {
  return ln_emit_mul_number(e, ln_emit_erf_inverse(e, ln_emit_add_number(e, ln_emit_mul_number(e, a, 2), -1)),
                            1.4142135623730951);
}

/* The other bits: -1 - a, and of unsigned numbers the greatest less a. */
static int32_t invert(ln_emit *e, int32_t a) {
  const ln_type type = ln_emit_type(e, a);
  const int32_t bits = ln_type_bits(type);
  const bool is_unsigned = type == LN_UINT8 || type == LN_UINT16 || type == LN_UINT32;
  const double most = is_unsigned ? (double)((UINT64_C(1) << bits) - 1) : -1;
  return ln_emit_sub(e, ln_emit_scalar(e, type, most), a);
}

static int32_t round_even(ln_emit *e, int32_t a) {
  const ln_type type = ln_emit_type(e, a);
  return type == LN_FLOAT32 || type == LN_FLOAT64 || type == LN_FLOAT16 ? ln_emit_unary(e, LN_OP_ROUND, a) : a;
}

/* Operators of one input that a function of emit.h computes; the row's variant is the place here. */
static int32_t (*const functions[])(ln_emit *e, int32_t a) = {
    [LN_FN_ERF] = ln_emit_erf,
    [LN_FN_ERFC] = erfc_of,
    [LN_FN_LOG1P] = ln_emit_log1p,
    [LN_FN_EXPM1] = ln_emit_expm1,
    [LN_FN_TAN] = ln_emit_tan,
    [LN_FN_SINH] = ln_emit_sinh,
    [LN_FN_COSH] = ln_emit_cosh,
    [LN_FN_ASIN] = ln_emit_asin,
    [LN_FN_ACOS] = ln_emit_acos,
    [LN_FN_ATAN] = ln_emit_atan,
    [LN_FN_ASINH] = ln_emit_asinh,
    [LN_FN_ACOSH] = ln_emit_acosh,
    [LN_FN_ATANH] = ln_emit_atanh,
    [LN_FN_RECIPROCAL] = ln_emit_reciprocal,
    [LN_FN_IS_NAN] = ln_emit_is_nan,
    [LN_FN_IS_INF] = is_inf,
    [LN_FN_IS_FINITE] = ln_emit_is_finite,
    [LN_FN_ONES_LIKE] = ones_like,
    [LN_FN_ERFINV] = ln_emit_erf_inverse,
    [LN_FN_NDTRI] = ndtri,
    [LN_FN_ROUND] = round_even,
    [LN_FN_TRUNC] = ln_emit_trunc,
    [LN_FN_INVERT] = invert,
};

void ln_sm_op_function(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  if (a >= 0) ln_sm_result(c, functions[c->variant](c->e, a));
}

void ln_sm_op_leaky_relu(ln_sm_call *c) {
  ln_sm_result(c, ln_emit_leaky_relu(c->e, ln_sm_in(c, 0), ln_sm_float(c, "alpha", 0.2)));
}

/* Softmax, LogSoftmax: over the last dimension */
void ln_sm_op_softmax(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  ln_sm_result(c, c->variant == 0 ? ln_emit_softmax(c->e, a, -1) : ln_emit_log_softmax(c->e, a, -1));
}

void ln_sm_op_cast(ln_sm_call *c) {
  const ln_type to = ln_sm_type(c, "DstT");
  int32_t a = ln_sm_in(c, 0);
  if (to == LN_BOOL && a >= 0) {
    a = ln_emit_type(c->e, a) == LN_BOOL
            ? a
            : ln_emit_compare(c->e, LN_OP_NOT_EQUAL, a, ln_emit_scalar(c->e, ln_emit_type(c->e, a), 0));
  }
  ln_sm_result(c, ln_emit_cast(c->e, a, to));
}

void ln_sm_op_bitcast(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  ln_sm_result(c, ln_emit_op(c->e, LN_OP_BITCAST, NULL, 1, &a, ln_sm_type(c, "type")));
}

/* sum(t * t) / 2 */
void ln_sm_op_l2_loss(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  ln_sm_result(c,
               ln_emit_mul_number(c->e, ln_emit_reduce(c->e, LN_OP_SUM, ln_emit_mul(c->e, a, a), 0, NULL, false), 0.5));
}

/* ---- two inputs ---- */

void ln_sm_op_binary(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), b = ln_sm_in(c, 1);
  if (c->variant == LN_OP_ADD && ln_emit_type(c->e, a) == LN_STRING) {
    ln_emit_refuse(c->e, "there is no operator that joins strings");
    return;
  }
  ln_sm_result(c, ln_emit_binary(c->e, c->variant, a, b));
}

void ln_sm_op_compare(ln_sm_call *c) {
  ln_sm_result(c, ln_emit_compare(c->e, c->variant, ln_sm_in(c, 0), ln_sm_in(c, 1)));
}

static int32_t is_zero(ln_emit *e, int32_t a) {
  return ln_emit_compare(e, LN_OP_EQUAL, a, ln_emit_scalar(e, ln_emit_type(e, a), 0));
}

static int32_t zero_where(ln_emit *e, int32_t condition, int32_t otherwise) {
  return ln_emit_select(e, condition, ln_emit_scalar(e, ln_emit_type(e, otherwise), 0), otherwise);
}

/* a / b rounded towards zero */
static int32_t truncated(ln_emit *e, int32_t a, int32_t b) {
  const int32_t quotient = ln_emit_div(e, a, b);
  return ln_emit_is_float(ln_emit_type(e, a)) ? ln_emit_trunc(e, quotient) : quotient;
}

static int32_t truncated_rest(ln_emit *e, int32_t a, int32_t b) {
  return ln_emit_sub(e, a, ln_emit_mul(e, truncated(e, a, b), b));
}

static int32_t div_no_nan(ln_emit *e, int32_t a, int32_t b) {
  return zero_where(e, is_zero(e, b), ln_emit_div(e, a, b));
}
static int32_t mul_no_nan(ln_emit *e, int32_t a, int32_t b) {
  return zero_where(e, is_zero(e, b), ln_emit_mul(e, a, b));
}
static int32_t xdivy(ln_emit *e, int32_t a, int32_t b) { return zero_where(e, is_zero(e, a), ln_emit_div(e, a, b)); }

static int32_t xlogy(ln_emit *e, int32_t a, int32_t b) {
  return zero_where(e, is_zero(e, a), ln_emit_mul(e, a, ln_emit_unary(e, LN_OP_LOG, b)));
}

static int32_t xlog1py(ln_emit *e, int32_t a, int32_t b) {
  return zero_where(e, is_zero(e, a), ln_emit_mul(e, a, ln_emit_log1p(e, b)));
}

/* In the order in which the two are given. */
static int32_t squared_difference(ln_emit *e, int32_t a, int32_t b) {
  return ln_emit_binary(e, LN_OP_SQUARED_DIFFERENCE, a, b);
}

static int32_t left_shift(ln_emit *e, int32_t a, int32_t b) {
  return ln_emit_binary(e, LN_OP_STABLEHLO_SHIFT_LEFT, a, b);
}

static int32_t (*const functions_of_two[])(ln_emit *e, int32_t a, int32_t b) = {
    [LN_FN2_TRUNC_DIV] = truncated,
    [LN_FN2_TRUNC_MOD] = truncated_rest,
    [LN_FN2_DIV_NO_NAN] = div_no_nan,
    [LN_FN2_MUL_NO_NAN] = mul_no_nan,
    [LN_FN2_XDIVY] = xdivy,
    [LN_FN2_XLOGY] = xlogy,
    [LN_FN2_XLOG1PY] = xlog1py,
    [LN_FN2_POW] = ln_emit_pow,
    [LN_FN2_SQUARED] = squared_difference,
    [LN_FN2_LEFT_SHIFT] = left_shift,
};

void ln_sm_op_function_of_two(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), b = ln_sm_in(c, 1);
  if (a >= 0 && b >= 0) ln_sm_result(c, functions_of_two[c->variant](c->e, a, b));
}

void ln_sm_op_approximate_equal(ln_sm_call *c) {
  const int32_t apart = ln_emit_unary(c->e, LN_OP_ABS, ln_emit_sub(c->e, ln_sm_in(c, 0), ln_sm_in(c, 1)));
  ln_sm_result(c, ln_emit_compare(c->e, LN_OP_LESS, apart,
                                  ln_emit_scalar(c->e, ln_emit_type(c->e, apart), ln_sm_float(c, "tolerance", 1e-5))));
}

/* AddN, AccumulateNV2 */
void ln_sm_op_add_n(ln_sm_call *c) {
  int32_t sum = ln_sm_in(c, 0);
  for (int32_t i = 1; i < c->in_count; ++i) sum = ln_emit_add(c->e, sum, ln_sm_in(c, i));
  ln_sm_result(c, sum);
}

/* BiasAdd: the bias belongs to the last dimension, or to dimension 1 */
void ln_sm_op_bias_add(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  int32_t bias = ln_sm_in(c, 1);
  const int32_t rank = ln_emit_rank(c->e, a);
  if (ln_sm_is(c, "data_format", "NCHW") && rank > 2 && rank <= LN_MAX_RANK) {
    int32_t axes[LN_MAX_RANK];
    for (int32_t i = 0; i < rank - 2; ++i) axes[i] = 1 + i;
    bias = ln_emit_expand(c->e, bias, rank - 2, axes);
  }
  ln_sm_result(c, ln_emit_add(c->e, a, bias));
}

/* ---- three inputs ---- */

/* Select, SelectV2; TensorFlow 1's Select takes whole rows where the condition has one dimension */
void ln_sm_op_select(ln_sm_call *c) {
  int32_t condition = ln_sm_in(c, 0);
  const int32_t yes = ln_sm_in(c, 1), no = ln_sm_in(c, 2), rank = ln_emit_rank(c->e, yes);
  if (c->variant == 1 && ln_emit_rank(c->e, condition) == 1 && rank > 1 && rank <= LN_MAX_RANK) {
    int32_t axes[LN_MAX_RANK];
    for (int32_t i = 0; i < rank - 1; ++i) axes[i] = 1 + i;
    condition = ln_emit_expand(c->e, condition, rank - 1, axes);
  }
  ln_sm_result(c, ln_emit_select(c->e, condition, yes, no));
}

void ln_sm_op_clip(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), low = ln_sm_in(c, 1), high = ln_sm_in(c, 2);
  double from, to;
  if (ln_emit_type(c->e, a) == LN_FLOAT32 && ln_emit_number(c->e, low, &from) && ln_emit_number(c->e, high, &to)) {
    ln_sm_result(c, ln_emit_clip(c->e, a, from, to));
    return;
  }
  ln_sm_result(c, ln_emit_binary(c->e, LN_OP_MAXIMUM, ln_emit_binary(c->e, LN_OP_MINIMUM, a, high), low));
}

/* ---- products ---- */

static int32_t turned(ln_emit *e, int32_t a) { return ln_emit_swap(e, a, -2, -1); }

static bool wide_enough(ln_type type) { return type == LN_FLOAT32 || type == LN_FLOAT64; }

/* MatMul of two matrices; a constant second one is a dense layer's weights */
void ln_sm_op_matmul(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), b = ln_sm_in(c, 1);
  const bool flip_a = ln_sm_bool(c, "transpose_a", false), flip_b = ln_sm_bool(c, "transpose_b", false);
  if (ln_emit_type(c->e, a) == LN_FLOAT32 && ln_emit_rank(c->e, a) == 2 && ln_emit_rank(c->e, b) == 2 &&
      ln_emit_is_const(c->e, b)) {
    const int32_t weights = flip_b ? b : turned(c->e, b);
    ln_sm_result(c, ln_emit_dense(c->e, flip_a ? turned(c->e, a) : a, weights, -1));
  } else {
    ln_sm_result(c, ln_emit_matmul(c->e, a, b, flip_a, flip_b));
  }
}

/* BatchMatMul, BatchMatMulV2, BatchMatMulV3 */
void ln_sm_op_batch_matmul(ln_sm_call *c) {
  const ln_type type = c->in_count > 0 ? ln_emit_type(c->e, ln_sm_in(c, 0)) : LN_FLOAT32;
  if (!wide_enough(type) && type != LN_INT32 && type != LN_INT8) {
    ln_emit_refuse(c->e, "there are no matrix products of %s", ln_type_name(type));
    return;
  }
  ln_sm_result(c, ln_emit_matmul(c->e, ln_sm_in(c, 0), ln_sm_in(c, 1), ln_sm_bool(c, "adj_x", false),
                                 ln_sm_bool(c, "adj_y", false)));
}

void ln_sm_op_einsum(ln_sm_call *c) {
  enum { MOST = 32 };
  int32_t operands[MOST];
  const char *text, *equation;
  size_t length;
  if (c->in_count > MOST || !ln_nodedef_string(c->def, "equation", &text, &length)) {
    ln_emit_refuse(c->e, "more than %d operands, or no equation", MOST);
    return;
  }
  equation = ln_sm_text(ln_sm_of(c), ln_wire_of(text, length));
  for (int32_t i = 0; i < c->in_count; ++i) operands[i] = ln_sm_in(c, i);
  if (equation != NULL) ln_sm_result(c, ln_emit_einsum(c->e, equation, c->in_count, operands));
}

/* a x b of three components in the last dimension */
void ln_sm_op_cross(ln_sm_call *c) {
  ln_emit *e = c->e;
  const int32_t a = ln_sm_in(c, 0), b = ln_sm_in(c, 1);
  int32_t parts[3];
  for (int32_t i = 0; i < 3; ++i) {
    const int32_t j = (i + 1) % 3, k = (i + 2) % 3;
    parts[i] = ln_emit_sub(e, ln_emit_mul(e, ln_emit_pick(e, a, -1, j), ln_emit_pick(e, b, -1, k)),
                           ln_emit_mul(e, ln_emit_pick(e, a, -1, k), ln_emit_pick(e, b, -1, j)));
  }
  ln_sm_result(c, ln_emit_pack(e, -1, 3, parts));
}

/* ---- complex numbers ---- */

/* Real, Imag, ComplexAbs */
void ln_sm_op_complex_part(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  const ln_type type = ln_emit_type(c->e, a);
  ln_sm_result(c, ln_emit_op(c->e, c->variant, NULL, 1, &a, type == LN_COMPLEX128 ? LN_FLOAT64 : LN_FLOAT32));
}

/* ---- reductions ---- */

/* Axes of input 1, all without; -1: the input or an axis is wrong. */
static int32_t axes_of(ln_sm_call *c, int32_t rank, int32_t *axes) {
  int64_t given[64];
  int32_t count = 0;
  if (!ln_sm_const_ints(c, 1, "axes", given, (int32_t)LN_COUNT(given), &count)) return -1;
  for (int32_t i = 0; i < count; ++i) {
    if (i < LN_MAX_RANK && ln_axis_normalize(given[i], rank, &axes[i])) continue;
    return ln_emit_wrong(c->e, "axis %d of %d dimensions", (int)given[i], rank);
  }
  return count;
}

/* Sum, Mean, Max, Min, Prod, Any, All: variant is the operator; over no axes at all nothing is done */
void ln_sm_op_reduce(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), rank = ln_emit_rank(c->e, a);
  int32_t axes[LN_MAX_RANK];
  const int32_t count = axes_of(c, rank, axes);
  if (count < 0) return;
  ln_sm_result(c, count == 0 ? a : ln_emit_reduce(c->e, c->variant, a, count, axes, ln_sm_bool(c, "keep_dims", false)));
}

void ln_sm_op_euclidean_norm(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0), rank = ln_emit_rank(c->e, a);
  int32_t axes[LN_MAX_RANK];
  const int32_t count = axes_of(c, rank, axes);
  if (count < 0) return;
  const int32_t squares = ln_emit_mul(c->e, a, a);
  const int32_t sum =
      count == 0 ? squares : ln_emit_reduce(c->e, LN_OP_SUM, squares, count, axes, ln_sm_bool(c, "keep_dims", false));
  ln_sm_result(c, ln_emit_unary(c->e, LN_OP_SQRT, sum));
}

/* ArgMax, ArgMin */
void ln_sm_op_arg(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  ln_type type = LN_INT64;
  int32_t axis = 0;
  ln_nodedef_type(c->def, "output_type", &type);
  if (c->in_count > 1 && !ln_sm_axis(c, 1, ln_emit_rank(c->e, a), &axis)) return;
  const ln_type made = type == LN_INT32 ? LN_INT32 : LN_INT64;
  ln_sm_result(c, ln_emit_cast(c->e, ln_emit_arg(c->e, c->variant, a, axis, false, made), type));
}

void ln_sm_op_cumsum(ln_sm_call *c) {
  const int32_t a = ln_sm_in(c, 0);
  int32_t axis;
  if (!ln_sm_axis(c, 1, ln_emit_rank(c->e, a), &axis)) return;
  ln_sm_result(c, ln_emit_cumsum(c->e, a, axis, ln_sm_bool(c, "exclusive", false), ln_sm_bool(c, "reverse", false)));
}

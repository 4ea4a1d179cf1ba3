/* Element-wise functions of one tensor. The row's variant is the function (ln_unary_op). */
#include "ops/unary.h"

#include <math.h>

#include "ops/rows.h"

void ln_unary_relu_range(ln_unary_op op, float *low, float *high) {
  *low = op == LN_UNARY_RELU_N1_TO_1 ? -1.0f : 0.0f;
  *high = op == LN_UNARY_RELU ? INFINITY : (op == LN_UNARY_RELU6 ? 6.0f : 1.0f);
}

/* ---- floats ---- */

static void float_span(const ln_node *node, size_t first, size_t count) {
  const ln_unary_args *args = node->args;
  args->fn((const float *)node->in[0]->data + first, (float *)node->out[0]->data + first, count, args->a, args->b);
}

/* The kernel of a function, where this build holds one of the rows that ask for it. */
#define BUILT(row, other, slot) ((LN_OP_TYPES(row) | LN_OP_TYPES(other)) != 0 ? LN_KERNEL_OF(unary, slot) : NULL)

void ln_unary_prepare_float(const ln_node *node, ln_unary_args *args) {
  const ln_unary_op op = ln_unary_operation(node);
  args->span = float_span;
  switch (op) {
    case LN_UNARY_RELU:
    case LN_UNARY_RELU6:
    case LN_UNARY_RELU_N1_TO_1:
    case LN_UNARY_RELU_0_TO_1:
      args->fn = LN_KERNEL_OF(unary, clamp_f32);
      ln_unary_relu_range(op, &args->a, &args->b);
      break;
    case LN_UNARY_LEAKY_RELU:
      args->fn = LN_KERNEL_OF(unary, leaky_relu_f32);
      args->a = LN_OPTIONS(node, leaky_relu_options)->alpha;
      break;
    case LN_UNARY_GELU:
      args->fn = LN_OPTIONS(node, gelu_options)->approximate ? LN_KERNEL_OF(unary, gelu_tanh_f32)
                                                             : LN_KERNEL_OF(unary, gelu_erf_f32);
      break;
    case LN_UNARY_ELU: args->fn = BUILT(ELU, ELU, elu_f32); break;
    case LN_UNARY_HARD_SWISH: args->fn = BUILT(HARD_SWISH, HARD_SWISH, hard_swish_f32); break;
    case LN_UNARY_LOGISTIC: args->fn = BUILT(LOGISTIC, STABLEHLO_LOGISTIC, logistic_f32); break;
    case LN_UNARY_TANH: args->fn = BUILT(TANH, STABLEHLO_TANH, tanh_f32); break;
    case LN_UNARY_ABS: args->fn = BUILT(ABS, STABLEHLO_ABS, abs_f32); break;
    case LN_UNARY_NEG: args->fn = BUILT(NEG, STABLEHLO_NEGATE, neg_f32); break;
    case LN_UNARY_EXP: args->fn = BUILT(EXP, STABLEHLO_EXPONENTIAL, exp_f32); break;
    case LN_UNARY_SQRT: args->fn = BUILT(SQRT, SQRT, sqrt_f32); break;
    case LN_UNARY_RSQRT: args->fn = BUILT(RSQRT, STABLEHLO_RSQRT, rsqrt_f32); break;
    case LN_UNARY_SQUARE: args->fn = BUILT(SQUARE, SQUARE, square_f32); break;
    case LN_UNARY_LOG: args->fn = BUILT(LOG, STABLEHLO_LOG, log_f32); break;
    case LN_UNARY_SIN: args->fn = ln_k_unary_plain(LN_PLAIN_SIN); break;
    case LN_UNARY_COS: args->fn = ln_k_unary_plain(LN_PLAIN_COS); break;
    case LN_UNARY_FLOOR: args->fn = ln_k_unary_plain(LN_PLAIN_FLOOR); break;
    case LN_UNARY_CEIL: args->fn = ln_k_unary_plain(LN_PLAIN_CEIL); break;
    case LN_UNARY_ROUND: args->fn = ln_k_unary_plain(LN_PLAIN_ROUND); break;
    case LN_UNARY_SIGN: args->fn = ln_k_unary_plain(LN_PLAIN_SIGN); break;
    case LN_UNARY_CBRT: args->fn = ln_k_unary_plain(LN_PLAIN_CBRT); break;
    default: break;
  }
  if (args->fn == NULL) args->span = NULL;
}

/* ---- other floats, and complex numbers as two of their parts ---- */

enum { BLOCK = 256 };

static void half_span(const ln_node *node, size_t first, size_t count) {
  const ln_unary_args *args = node->args;
  const ln_number type = ln_number_of(node->in[0]->type);
  const uint16_t *in = (const uint16_t *)node->in[0]->data + first;
  uint16_t *out = (uint16_t *)node->out[0]->data + first;
  float block[BLOCK];
  for (size_t part; count > 0; count -= part, in += part, out += part) {
    part = count < BLOCK ? count : BLOCK;
    ln_k_cast(in, type, block, LN_NUMBER_F32, part);
    args->fn(block, block, part, args->a, args->b);
    ln_k_cast(block, LN_NUMBER_F32, out, type, part);
  }
}

static void double_span(const ln_node *node, size_t first, size_t count) {
  const ln_unary_args *args = node->args;
  ln_k_map_f64(ln_unary_operation(node), (const double *)node->in[0]->data + first,
               (double *)node->out[0]->data + first, count, (double)args->a, (double)args->b);
}

static void complex64_span(const ln_node *node, size_t first, size_t count) { float_span(node, 2 * first, 2 * count); }

static void complex128_span(const ln_node *node, size_t first, size_t count) {
  double_span(node, 2 * first, 2 * count);
}

/* ---- stored integers as they are ---- */

static void integer_span(const ln_node *node, size_t first, size_t count) {
  const ln_type type = node->in[0]->type;
  const size_t bytes = ln_type_bytes(type);
  const char *in = (const char *)node->in[0]->data + first * bytes;
  char *out = (char *)node->out[0]->data + first * bytes;
  int64_t block[BLOCK];
  for (size_t part; count > 0; count -= part, in += part * bytes, out += part * bytes) {
    part = count < BLOCK ? count : BLOCK;
    ln_k_cast(in, ln_number_of(type), block, LN_NUMBER_I64, part);
    ln_k_map_i64(ln_unary_operation(node), block, block, part);
    ln_k_cast(block, LN_NUMBER_I64, out, ln_number_of(type), part);
  }
}

#define INTEGER_SPAN(name, kernel, type)                                                        \
  static void name(const ln_node *node, size_t first, size_t count) {                           \
    kernel((const type *)node->in[0]->data + first, (type *)node->out[0]->data + first, count); \
  }
INTEGER_SPAN(abs_i32, ln_k_abs_i32, int32_t)
INTEGER_SPAN(neg_i32, ln_k_neg_i32, int32_t)
INTEGER_SPAN(neg_i64, ln_k_neg_i64, int64_t)
INTEGER_SPAN(sign_i32, ln_k_sign_i32, int32_t)
INTEGER_SPAN(not_bool, ln_k_not_bool, uint8_t)

static void prepare_integer(const ln_node *node, ln_unary_args *args) {
  const ln_type type = node->in[0]->type;
  switch (ln_unary_operation(node)) {
    case LN_UNARY_ABS: args->span = type == LN_INT32 ? abs_i32 : integer_span; break;
    case LN_UNARY_NEG: args->span = type == LN_INT32 ? neg_i32 : (type == LN_INT64 ? neg_i64 : integer_span); break;
    case LN_UNARY_SIGN: args->span = type == LN_INT32 ? sign_i32 : integer_span; break;
    case LN_UNARY_SQUARE: args->span = integer_span; break;
    case LN_UNARY_LOGICAL_NOT: args->span = not_bool; break;
    default: break;
  }
}

/* Of 8 and 16 bits, what the operator computes of stored values: all of NEG, and what has no scale. */
static bool is_plain(const ln_node *node) {
  const ln_unary_op op = ln_unary_operation(node);
  if (op == LN_UNARY_NEG || op == LN_UNARY_SIGN || op == LN_UNARY_SQUARE) return true;
  return op == LN_UNARY_ABS && node->in[0]->quant->count == 0 && node->out[0]->quant->count == 0;
}

static void prepare_floats(const ln_node *node, ln_unary_args *args) {
  const ln_type type = node->in[0]->type;
  ln_unary_prepare_float(node, args);
  if (LN_HAS(LN_FLOAT64) && type == LN_FLOAT64) {
    args->span = double_span;
    if (ln_unary_operation(node) == LN_UNARY_GELU) args->b = LN_OPTIONS(node, gelu_options)->approximate ? 1.0f : 0.0f;
  }
  if (LN_HAS(LN_COMPLEX128) && type == LN_COMPLEX128) args->span = complex128_span;
  if (args->span == NULL) return;
  if ((LN_HAS(LN_FLOAT16) && type == LN_FLOAT16) || (LN_HAS(LN_BFLOAT16) && type == LN_BFLOAT16))
    args->span = half_span;
  if (LN_HAS(LN_COMPLEX64) && type == LN_COMPLEX64) args->span = complex64_span;
}

static bool is_real(ln_type type) {
  switch (type) {
    case LN_FLOAT32:
    case LN_FLOAT16:
    case LN_BFLOAT16:
    case LN_FLOAT64:
    case LN_COMPLEX64:
    case LN_COMPLEX128: return true;
    default: return false;
  }
}

#define HAS_REAL (LN_HAS(LN_FLOAT32) || LN_HAS(LN_FLOAT64)) /* which stand for the others, too */
/* The rows that compute stored integers as they are. */
#define HAS_PLAIN                                                                                              \
  ((LN_OP_TYPES(ABS) | LN_OP_TYPES(NEG) | LN_OP_TYPES(SIGN) | LN_OP_TYPES(SQUARE) | LN_OP_TYPES(LOGICAL_NOT) | \
    LN_OP_TYPES(FlexLogicalNot)) != 0)

ln_status ln_unary_prepare(ln_node *node, ln_prep *prep) {
  ln_unary_args *args = LN_NODE_ARGS(node, prep, ln_unary_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const ln_type type = node->in[0]->type;
  const bool bytes = type == LN_INT8 || type == LN_UINT8;
  if (is_real(type)) {
    if (HAS_REAL) prepare_floats(node, args);
  } else if ((!bytes && type != LN_INT16) || is_plain(node)) {
    if (HAS_PLAIN) prepare_integer(node, args);
  } else if (bytes) {
    if (LN_HAS(LN_INT8) || LN_HAS(LN_UINT8)) LN_TRY(ln_unary_prepare_8bit(node, prep, args));
  } else if (LN_HAS(LN_INT16)) {
    LN_TRY(ln_unary_prepare_16bit(node, prep, args));
  }
  if (args->span == NULL) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "no kernel for %s", ln_type_name(node->in[0]->type));
  }
  if (!args->refuse_below) node->span = args->span;
  return LN_OK;
}

static void run_span(const void *context, size_t first, size_t count) {
  const ln_node *node = context;
  ((const ln_unary_args *)node->args)->span(node, first, count);
}

static ln_status refuse_below_zero(const ln_node *node, size_t count, ln_error *err) {
  const int32_t zero_point = ln_zero_point_of(node->in[0]);
  const bool wide = node->in[0]->type == LN_INT16;
  for (size_t i = 0; i < count; ++i) {
    const int32_t stored = wide ? ((const int16_t *)node->in[0]->data)[i] : ((const int8_t *)node->in[0]->data)[i];
    if (stored < zero_point)
      return ln_node_fail(node, err, LN_ERR_DATA, "a negative number in \"%s\"", node->in[0]->name);
  }
  return LN_OK;
}

ln_status ln_unary_run(const ln_node *node, ln_exec *exec) {
  const ln_unary_args *args = node->args;
  const ln_shape *shape = &node->out[0]->shape;
  const size_t count = ln_shape_span(shape, 0, shape->rank);
  if (args->refuse_below) LN_TRY(refuse_below_zero(node, count, exec->err));
  ln_spans_run(exec->pool, count, LN_ELEMENT_GRAIN, run_span, node);
  return LN_OK;
}

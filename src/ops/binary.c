/*
 * Element-wise arithmetic, extremes, PRELU, comparisons and logic of two tensors with broadcasting. The row's variant
 * is the operation (ln_binary_op).
 */
#include <math.h>
#include <string.h>

#include "kernels/binary.h"
#include "ops/elementwise.h"
#include "ops/hlo.h"
#include "ops/rows.h"
#include "ops/strings.h"

/* Of the rows that ln_binary_prepare serves: those whose narrow integers are computed by scale, and the others. */
#define SCALED_TYPES                                                                                             \
  (LN_OP_TYPES(ADD) | LN_OP_TYPES(SUB) | LN_OP_TYPES(MUL) | LN_OP_TYPES(DIV) | LN_OP_TYPES(SQUARED_DIFFERENCE) | \
   LN_OP_TYPES(PRELU))
#define COMPARED_TYPES                                                                                                \
  (LN_OP_TYPES(EQUAL) | LN_OP_TYPES(NOT_EQUAL) | LN_OP_TYPES(LESS) | LN_OP_TYPES(LESS_EQUAL) | LN_OP_TYPES(GREATER) | \
   LN_OP_TYPES(GREATER_EQUAL))
#define OTHER_TYPES                                                                                  \
  (LN_OP_TYPES(MAXIMUM) | LN_OP_TYPES(MINIMUM) | LN_OP_TYPES(POW) | LN_OP_TYPES(LOGICAL_OR) |        \
   LN_OP_TYPES(LOGICAL_AND) | LN_OP_TYPES(FLOOR_DIV) | LN_OP_TYPES(FLOOR_MOD) | LN_OP_TYPES(ATAN2) | \
   LN_OP_TYPES(BITWISE_XOR) | LN_OP_TYPES(RIGHT_SHIFT))
#define NARROW_TYPES (1u << LN_INT8 | 1u << LN_UINT8 | 1u << LN_INT16)
/* Whether stored values are computed with as they are, and whether by scale. */
#define HAS_PLAIN ((SCALED_TYPES & ~NARROW_TYPES) != 0 || COMPARED_TYPES != 0 || OTHER_TYPES != 0)
#define HAS_SCALED ((SCALED_TYPES & NARROW_TYPES) != 0)
#define HAS_SCALED_COMPARISONS ((COMPARED_TYPES & NARROW_TYPES) != 0)

typedef struct binary_args {
  ln_nest nest;
  ln_binary_fn *fn;
  ln_binary_params params;
  size_t in_bytes, out_bytes; /* of an element */
  bool refuse_divisor;        /* a `divisor` among b's values is an error */
  bool refuse_negative;       /* so is a negative value (an exponent) */
  int64_t divisor;
} binary_args;

static ln_binary_op operation(const ln_node *node) { return (ln_binary_op)node->op->def->variant; }

static int32_t activation_of(const ln_node *node) {
  switch (operation(node)) {
    case LN_BINARY_ADD: return LN_OPTIONS(node, add_options)->fused_activation_function;
    case LN_BINARY_SUB: return LN_OPTIONS(node, sub_options)->fused_activation_function;
    case LN_BINARY_MUL: return LN_OPTIONS(node, mul_options)->fused_activation_function;
    case LN_BINARY_DIV: return LN_OPTIONS(node, div_options)->fused_activation_function;
    default: return LN_ACT_NONE;
  }
}

static ln_binary_type kernel_type(ln_type type) {
  switch (type) {
    case LN_FLOAT32: return LN_BINARY_F32;
    case LN_INT8: return LN_BINARY_I8;
    case LN_UINT8: return LN_BINARY_U8;
    case LN_INT16: return LN_BINARY_I16;
    case LN_INT32: return LN_BINARY_I32;
    case LN_INT64: return LN_BINARY_I64;
    case LN_UINT32: return LN_BINARY_U32;
    case LN_UINT16: return LN_BINARY_U16;
    case LN_UINT64: return LN_BINARY_U64;
    case LN_FLOAT64: return LN_BINARY_F64;
    case LN_FLOAT16: return LN_BINARY_F16;
    case LN_BFLOAT16: return LN_BINARY_BF16;
    case LN_COMPLEX64: return LN_BINARY_C64;
    case LN_COMPLEX128: return LN_BINARY_C128;
    default: return LN_BINARY_BOOL;
  }
}

static ln_binary_fn *float_kernel(ln_binary_op op) {
  switch (op) {
    case LN_BINARY_ADD: return LN_KERNEL_OF(binary, add_f32);
    case LN_BINARY_SUB: return LN_KERNEL_OF(binary, sub_f32);
    case LN_BINARY_MUL: return LN_KERNEL_OF(binary, mul_f32);
    case LN_BINARY_DIV: return LN_KERNEL_OF(binary, div_f32);
    case LN_BINARY_MINIMUM: return LN_KERNEL_OF(binary, min_f32);
    case LN_BINARY_MAXIMUM: return LN_KERNEL_OF(binary, max_f32);
    case LN_BINARY_SQUARED_DIFFERENCE: return LN_KERNEL_OF(binary, squared_difference_f32);
    default: return ln_k_binary_find(op, LN_BINARY_F32);
  }
}

ln_binary_fn *ln_hlo_kernel(ln_binary_op op, ln_type type) {
  return type == LN_FLOAT32 ? float_kernel(op) : ln_k_binary_find(op, kernel_type(type));
}

/* The kernel of a narrow type that this build holds. */
#define BY_TYPE(i8, u8, i16)                     \
  LN_HAS(LN_INT8) && type == LN_INT8     ? (i8)  \
  : LN_HAS(LN_UINT8) && type == LN_UINT8 ? (u8)  \
  : LN_HAS(LN_INT16) && type == LN_INT16 ? (i16) \
                                         : NULL

static ln_binary_fn *quantized_kernel(ln_binary_op op, ln_type type) {
  switch (op) {
    case LN_BINARY_ADD: return BY_TYPE(LN_KERNEL_OF(binary, add_i8), LN_KERNEL_OF(binary, add_u8), ln_k_add_q16);
    case LN_BINARY_SUB: return BY_TYPE(LN_KERNEL_OF(binary, sub_i8), LN_KERNEL_OF(binary, sub_u8), ln_k_sub_q16);
    case LN_BINARY_MUL: return BY_TYPE(LN_KERNEL_OF(binary, mul_i8), LN_KERNEL_OF(binary, mul_u8), ln_k_mul_q16);
    case LN_BINARY_DIV: return BY_TYPE(ln_k_div_i8, ln_k_div_u8, ln_k_div_i16);
    case LN_BINARY_PRELU: return BY_TYPE(ln_k_prelu_i8, ln_k_prelu_u8, ln_k_prelu_i16);
    case LN_BINARY_SQUARED_DIFFERENCE: return BY_TYPE(ln_k_squared_difference_i8, NULL, NULL);
    default: return NULL;
  }
}

/* ---- quantized forms ---- */

typedef struct scales {
  double a, b, out;
} scales;

static ln_status read_scales(const ln_node *node, binary_args *args, ln_error *err, scales *s) {
  int32_t a_zero, b_zero;
  LN_TRY(ln_node_scale(node, node->in[0], err, &s->a, &a_zero));
  LN_TRY(ln_node_scale(node, node->in[1], err, &s->b, &b_zero));
  LN_TRY(ln_node_scale(node, node->out[0], err, &s->out, &args->params.out_offset));
  args->params.a_offset = -a_zero;
  args->params.b_offset = -b_zero;
  return ln_node_quantized_range(node, activation_of(node), node->out[0], err, &args->params.low, &args->params.high);
}

/* Both operands in units of twice the larger scale, with `left_shift` more bits; sums stay below 2^31. */
static void set_common_scale(binary_args *args, const scales *s, int32_t left_shift) {
  const double twice_max = 2.0 * fmax(s->a, s->b);
  args->params.left_shift = left_shift;
  args->params.a = ln_quantize_multiplier(s->a / twice_max);
  args->params.b = ln_quantize_multiplier(s->b / twice_max);
  args->params.out = ln_quantize_multiplier(twice_max / ((double)(1 << left_shift) * s->out));
}

/* The exponent when `scale` is a power of two. */
static bool exact_log2(double scale, int32_t *out) {
  const double exponent = log2(scale);
  *out = (int32_t)lround(exponent);
  return fabs(exponent - (double)*out) < 1e-3;
}

/* int16 with power-of-two scales, one of the inputs in the output's: shifts and a saturating sum. */
static ln_status prepare_pot16(const ln_node *node, binary_args *args, const scales *s, ln_error *err, bool *applies) {
  int32_t a, b, out;
  const bool asked = operation(node) == LN_BINARY_ADD ? LN_OPTIONS(node, add_options)->pot_scale_int16
                                                      : LN_OPTIONS(node, sub_options)->pot_scale_int16;
  *applies = asked && exact_log2(s->a, &a) && exact_log2(s->b, &b) && exact_log2(s->out, &out);
  if (!*applies) return LN_OK;
  const int32_t a_shift = a - out;
  const int32_t b_shift = b - out;
  if (a_shift > 0 || b_shift > 0 || (a_shift != 0 && b_shift != 0) || a_shift < -31 || b_shift < -31) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "power-of-two scales 2^%d, 2^%d > 2^%d do not fit together", a,
                        b, out);
  }
  if (args->params.a_offset != 0 || args->params.b_offset != 0 || args->params.out_offset != 0) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "int16 with a zero point other than 0");
  }
  args->params.a.shift = a_shift;
  args->params.b.shift = b_shift;
  args->fn = operation(node) == LN_BINARY_ADD ? ln_k_add_pot16 : ln_k_sub_pot16;
  return LN_OK;
}

/* Sums of int16 have a kernel for zero points of 0, as they should be. */
static void choose_sum_i16(binary_args *args, ln_binary_op op) {
  const ln_binary_params *p = &args->params;
  if (op == LN_BINARY_ADD && p->a_offset == 0 && p->b_offset == 0 && p->out_offset == 0)
    args->fn = LN_KERNEL_OF(binary, add_i16);
}

static ln_status prepare_quantized(const ln_node *node, binary_args *args, ln_error *err) {
  const ln_type type = node->in[0]->type;
  const ln_binary_op op = operation(node);
  scales s;
  bool done = false;
  LN_TRY(read_scales(node, args, err, &s));
  args->fn = quantized_kernel(op, type);
  if (node->in[1]->type != type) args->fn = ln_k_prelu_i16_i8; /* the only row with two types */
  if (args->fn == NULL) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "quantized %s", ln_type_name(type));
  }
  switch (op) {
    case LN_BINARY_MUL:
      args->params.out =
          ln_quantize_multiplier((double)((float)s.a * (float)s.b / (float)s.out)); /* in float, as TFLite */
      return LN_OK;
    case LN_BINARY_DIV:
      args->params.out = ln_quantize_multiplier((double)((float)s.a / ((float)s.b * (float)s.out)));
      args->refuse_divisor = true;
      args->divisor = type == LN_INT16 ? -args->params.b_offset : (int8_t)-args->params.b_offset;
      return LN_OK;
    case LN_BINARY_PRELU:
      args->params.a = ln_quantize_multiplier((double)((float)s.a / (float)s.out));
      args->params.out = ln_quantize_multiplier((double)((float)s.a * (float)s.b / (float)s.out));
      return LN_OK;
    case LN_BINARY_SQUARED_DIFFERENCE: {
      const double twice_max = 2.0 * fmax(s.a, s.b);
      set_common_scale(args, &s, 7);
      args->params.out = ln_quantize_multiplier(twice_max * twice_max / ((double)(1 << 14) * s.out));
      return LN_OK;
    }
    default:
      if (type == LN_INT16) LN_TRY(prepare_pot16(node, args, &s, err, &done));
      if (!done && LN_HAS(LN_INT16) && type == LN_INT16) choose_sum_i16(args, op);
      if (!done) set_common_scale(args, &s, type == LN_INT16 ? 15 : 20);
      return LN_OK;
  }
}

static ln_status prepare_quantized_compare(const ln_node *node, binary_args *args, ln_error *err) {
  double a, b;
  int32_t a_zero, b_zero;
  LN_TRY(ln_node_scale(node, node->in[0], err, &a, &a_zero));
  LN_TRY(ln_node_scale(node, node->in[1], err, &b, &b_zero));
  args->params.a_offset = -a_zero;
  args->params.b_offset = -b_zero;
  args->params.left_shift = 8;
  args->params.a = ln_quantize_multiplier(a);
  args->params.b = ln_quantize_multiplier(b);
  args->fn = ln_k_binary_find_quantized_compare(operation(node), kernel_type(node->in[0]->type));
  return LN_OK;
}

/* ---- stored values as they are ---- */

static bool is_complex(ln_type type) { return type == LN_COMPLEX64 || type == LN_COMPLEX128; }

static bool is_integer(ln_type type) {
  return type != LN_FLOAT32 && type != LN_FLOAT64 && type != LN_FLOAT16 && type != LN_BFLOAT16 && !is_complex(type);
}

static bool is_signed(ln_type type) {
  return type == LN_INT8 || type == LN_INT16 || type == LN_INT32 || type == LN_INT64;
}

static ln_status prepare_plain(const ln_node *node, ln_binary_op op, int32_t activation, binary_args *args,
                               ln_error *err) {
  const ln_type type = node->in[0]->type;
  ln_binary_params *p = &args->params;
  LN_TRY(ln_node_float_range(node, activation, err, &p->low_f, &p->high_f));
  if (is_complex(type) && activation != LN_ACT_NONE) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "an activation of complex numbers");
  }
  p->low = isfinite(p->low_f) ? (int32_t)p->low_f : INT32_MIN;
  p->high = isfinite(p->high_f) ? (int32_t)p->high_f : INT32_MAX;
  args->fn = ln_hlo_kernel(op, type);
  if (is_integer(type)) {
    args->refuse_divisor =
        op == LN_BINARY_DIV || op == LN_BINARY_FLOOR_DIV || op == LN_BINARY_FLOOR_MOD || op == LN_BINARY_REMAINDER;
    args->refuse_negative = op == LN_BINARY_POW && is_signed(type);
  }
  return LN_OK;
}

static bool is_quantized(const ln_node *node) {
  const ln_type type = node->in[0]->type;
  const ln_binary_op op = operation(node);
  const bool arithmetic = op <= LN_BINARY_DIV || op == LN_BINARY_SQUARED_DIFFERENCE || op == LN_BINARY_PRELU;
  if (type == LN_INT8 || type == LN_UINT8) {
    const bool scaled =
        node->in[0]->quant->count > 0 || node->in[1]->quant->count > 0 || node->out[0]->quant->count > 0;
    return (arithmetic && scaled) || (op >= LN_BINARY_EQUAL && op <= LN_BINARY_GREATER_EQUAL &&
                                      node->in[0]->quant->count > 0 && node->in[1]->quant->count > 0);
  }
  return type == LN_INT16 && arithmetic && node->out[0]->quant->count > 0;
}

static binary_args *make_args(ln_node *node, ln_prep *prep) {
  binary_args *args = LN_NODE_ARGS(node, prep, binary_args);
  if (args == NULL) return NULL;
  const ln_shape *shapes[2] = {&node->in[0]->shape, &node->in[1]->shape};
  ln_nest_make(&args->nest, &node->out[0]->shape, shapes, 2);
  args->in_bytes = ln_type_bytes(node->in[0]->type);
  args->out_bytes = ln_type_bytes(node->out[0]->type);
  return args;
}

/* ---- strings are equal or not ---- */

static void compare_strings(const void *context, const size_t *offsets, size_t out_offset, const ln_block *block) {
  const ln_node *node = context;
  const bool wanted = operation(node) == LN_BINARY_EQUAL;
  uint8_t *out = (uint8_t *)node->out[0]->data + out_offset;
  for (size_t r = 0; r < block->rows; ++r) {
    for (size_t i = 0; i < block->columns; ++i) {
      const size_t at_a = offsets[0] + r * block->row_step[0] + i * block->column_step[0];
      const size_t at_b = offsets[1] + r * block->row_step[1] + i * block->column_step[1];
      const ln_span a = ln_string_at(node->in[0], at_a), b = ln_string_at(node->in[1], at_b);
      *out++ = (a.size == b.size && memcmp(a.data, b.data, a.size) == 0) == wanted;
    }
  }
}

static ln_status run_strings(const ln_node *node, ln_exec *exec) {
  const binary_args *args = node->args;
  LN_TRY(ln_node_check_strings(node, 0, exec->err));
  LN_TRY(ln_node_check_strings(node, 1, exec->err));
  ln_nest_run(&args->nest, exec->pool, compare_strings, node);
  return LN_OK;
}

static ln_status check_kernel(const ln_node *node, const binary_args *args, ln_error *err) {
  if (args->fn != NULL) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "no kernel for %s", ln_type_name(node->in[0]->type));
}

/* StableHLO's operators take the stored values as they are and have no activation. */
ln_status ln_hlo_binary_prepare(ln_node *node, ln_prep *prep) {
  binary_args *args = make_args(node, prep);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(prepare_plain(node, operation(node), LN_ACT_NONE, args, prep->err));
  return check_kernel(node, args, prep->err);
}

ln_status ln_hlo_compare_prepare(ln_node *node, ln_prep *prep) {
  static const ln_binary_op operations[6] = {LN_BINARY_EQUAL,   LN_BINARY_NOT_EQUAL,  LN_BINARY_GREATER_EQUAL,
                                             LN_BINARY_GREATER, LN_BINARY_LESS_EQUAL, LN_BINARY_LESS};
  enum { TOTAL_ORDER = 2 };
  const ln_stablehlo_compare_options *options = LN_OPTIONS(node, stablehlo_compare_options);
  binary_args *args = make_args(node, prep);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  if (options->comparison_direction >= LN_COUNT(operations)) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "comparison %u", (unsigned)options->comparison_direction);
  }
  const ln_binary_op op = operations[options->comparison_direction];
  if (options->compare_type == TOTAL_ORDER && !is_integer(node->in[0]->type) && node->in[0]->type != LN_COMPLEX64) {
    args->fn = ln_k_binary_find_total_order(op, kernel_type(node->in[0]->type));
  } else {
    LN_TRY(prepare_plain(node, op, LN_ACT_NONE, args, prep->err));
  }
  return check_kernel(node, args, prep->err);
}

static void run_block(const void *context, const size_t *offsets, size_t out_offset, const ln_block *block) {
  const ln_node *node = context;
  const binary_args *args = node->args;
  args->fn((const char *)node->in[0]->data + offsets[0] * args->in_bytes,
           (const char *)node->in[1]->data + offsets[1] * ln_type_bytes(node->in[1]->type),
           (char *)node->out[0]->data + out_offset * args->out_bytes, block, &args->params);
}

static void run_span(const ln_node *node, size_t first, size_t count) {
  ln_nest_span(&((const binary_args *)node->args)->nest, first, count, run_block, node);
}

ln_status ln_binary_prepare(ln_node *node, ln_prep *prep) {
  binary_args *args = make_args(node, prep);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  if (LN_HAS(LN_STRING) && node->in[0]->type == LN_STRING) return LN_OK;
  const ln_binary_op op = operation(node);
  const bool quantized = is_quantized(node), compares = op >= LN_BINARY_EQUAL && op <= LN_BINARY_GREATER_EQUAL;
  if (HAS_PLAIN && !quantized) LN_TRY(prepare_plain(node, op, activation_of(node), args, prep->err));
  if (HAS_SCALED_COMPARISONS && quantized && compares) LN_TRY(prepare_quantized_compare(node, args, prep->err));
  if (HAS_SCALED && quantized && !compares) LN_TRY(prepare_quantized(node, args, prep->err));
  if (!args->refuse_divisor && !args->refuse_negative) node->span = run_span;
  return check_kernel(node, args, prep->err);
}

ln_status ln_binary_run(const ln_node *node, ln_exec *exec) {
  const binary_args *args = node->args;
  const ln_tensor *b = node->in[1];
  if (args->nest.elements == 0) return LN_OK;
  if (LN_HAS(LN_STRING) && node->in[0]->type == LN_STRING) return run_strings(node, exec);
  const size_t count = ln_shape_span(&b->shape, 0, b->shape.rank);
  if (args->refuse_divisor && ln_k_any_equal(b->data, count, args->in_bytes, args->divisor)) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "division by zero in \"%s\"", b->name);
  }
  if (args->refuse_negative && ln_k_any_negative(b->data, count, args->in_bytes)) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "negative exponent of an integer in \"%s\"", b->name);
  }
  ln_nest_run(&args->nest, exec->pool, run_block, node);
  return LN_OK;
}

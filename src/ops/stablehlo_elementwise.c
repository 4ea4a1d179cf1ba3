/*
 * StableHLO's functions of one tensor, CLAMP and IOTA. Those of two tensors are in binary.c, SELECT in select.c,
 * CONVERT in cast.c. All take stored values as they are: StableHLO's quantized types do not reach a .tflite file as
 * such.
 */
#include <string.h>

#include "kernels/clamp.h"
#include "kernels/copy.h"
#include "kernels/unary_wide.h"
#include "ops/hlo.h"
#include "ops/rows.h"
#include "ops/unary.h"

/* ---- functions of one tensor ---- */

enum { CHUNK = 256 };

/* f16 and bf16 by way of f32. */
static void narrow_span(const ln_node *node, size_t first, size_t count) {
  const ln_unary_args *args = node->args;
  const ln_number type = ln_number_of(node->in[0]->type);
  const size_t bytes = ln_type_bytes(node->in[0]->type);
  float values[CHUNK];
  for (size_t at = first; at < first + count; at += CHUNK) {
    const size_t left = first + count - at;
    const size_t part = left < CHUNK ? left : CHUNK;
    ln_k_cast((const char *)node->in[0]->data + at * bytes, type, values, LN_NUMBER_F32, part);
    args->fn(values, values, part, args->a, args->b);
    ln_k_cast(values, LN_NUMBER_F32, (char *)node->out[0]->data + at * bytes, type, part);
  }
}

/* Unsigned arithmetic, so that the least value wraps to itself; types without a sign are negated in the same bits. */
#define INTEGER_SPANS(t, type, natural)                                                         \
  static void abs_##t(const ln_node *node, size_t first, size_t count) {                        \
    const type *in = (const type *)node->in[0]->data + first;                                   \
    type *out = (type *)node->out[0]->data + first;                                             \
    for (size_t i = 0; i < count; ++i) out[i] = in[i] < 0 ? (type)(0 - (natural)in[i]) : in[i]; \
  }                                                                                             \
  static void negate_##t(const ln_node *node, size_t first, size_t count) {                     \
    const type *in = (const type *)node->in[0]->data + first;                                   \
    type *out = (type *)node->out[0]->data + first;                                             \
    for (size_t i = 0; i < count; ++i) out[i] = (type)(0 - (natural)in[i]);                     \
  }
INTEGER_SPANS(i8, int8_t, uint32_t)
INTEGER_SPANS(i16, int16_t, uint32_t)
INTEGER_SPANS(i32, int32_t, uint32_t)
INTEGER_SPANS(i64, int64_t, uint64_t)

/* f64 and c64. */
static void wide_span(const ln_node *node, size_t first, size_t count) {
  static const uint8_t ops[LN_UNARY_OP_COUNT] = {
      [LN_UNARY_ABS] = LN_WIDE_ABS,     [LN_UNARY_NEG] = LN_WIDE_NEG,           [LN_UNARY_EXP] = LN_WIDE_EXP,
      [LN_UNARY_LOG] = LN_WIDE_LOG,     [LN_UNARY_COS] = LN_WIDE_COS,           [LN_UNARY_TANH] = LN_WIDE_TANH,
      [LN_UNARY_RSQRT] = LN_WIDE_RSQRT, [LN_UNARY_LOGISTIC] = LN_WIDE_LOGISTIC, [LN_UNARY_CBRT] = LN_WIDE_CBRT,
      [LN_UNARY_FLOOR] = LN_WIDE_FLOOR};
  const ln_wide_op op = (ln_wide_op)ops[ln_unary_operation(node)];
  const char *in = (const char *)node->in[0]->data + first * ln_type_bytes(node->in[0]->type);
  char *out = (char *)node->out[0]->data + first * ln_type_bytes(node->out[0]->type);
  if (node->in[0]->type == LN_COMPLEX64) ln_k_unary_c64(op, in, out, count);
  else ln_k_unary_f64(op, (const double *)(const void *)in, (double *)(void *)out, count);
}

ln_status ln_hlo_unary_prepare(ln_node *node, ln_prep *prep) {
  ln_unary_args *args = LN_NODE_ARGS(node, prep, ln_unary_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  ln_unary_prepare_float(node, args);
  if (args->fn == NULL) return ln_node_check_built(node, 0, prep->err);
  const bool is_abs = ln_unary_operation(node) == LN_UNARY_ABS;
  switch (node->in[0]->type) {
    case LN_FLOAT32: break;
    case LN_UINT8:
    case LN_INT8: args->span = is_abs ? abs_i8 : negate_i8; break;
    case LN_UINT16:
    case LN_INT16: args->span = is_abs ? abs_i16 : negate_i16; break;
    case LN_UINT32:
    case LN_INT32: args->span = is_abs ? abs_i32 : negate_i32; break;
    case LN_UINT64:
    case LN_INT64: args->span = is_abs ? abs_i64 : negate_i64; break;
    case LN_FLOAT64:
    case LN_COMPLEX64: args->span = wide_span; break;
    default: args->span = narrow_span; break;
  }
  return LN_OK;
}

/* ---- CLAMP: low, operand, high; the bounds are scalars or of the operand's shape ---- */

static bool is_bound(const ln_shape *bound, const ln_shape *operand) {
  return bound->rank == 0 || ln_shape_equal(bound, operand);
}

ln_status ln_hlo_clamp_infer(ln_node *node, ln_error *err) {
  const ln_shape *operand = &node->in[1]->shape;
  if (!is_bound(&node->in[0]->shape, operand) || !is_bound(&node->in[2]->shape, operand)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "a bound is neither a scalar nor of the operand's shape");
  }
  return ln_node_set_shape(node, 0, operand, err);
}

typedef struct clamp_args {
  ln_nest nest;
  ln_clamp_fn *fn;
  size_t bytes;
} clamp_args;

ln_status ln_hlo_clamp_prepare(ln_node *node, ln_prep *prep) {
  clamp_args *args = LN_NODE_ARGS(node, prep, clamp_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const ln_shape *shapes[3] = {&node->in[0]->shape, &node->in[1]->shape, &node->in[2]->shape};
  ln_nest_make(&args->nest, &node->out[0]->shape, shapes, 3);
  args->fn = ln_k_clamp_find(ln_number_of(node->out[0]->type));
  args->bytes = ln_type_bytes(node->out[0]->type);
  return LN_OK;
}

static void clamp_block(const void *context, const size_t *offsets, size_t out_offset, const ln_block *block) {
  const ln_node *node = context;
  const clamp_args *args = node->args;
  const char *in[3];
  for (int32_t i = 0; i < 3; ++i) in[i] = (const char *)node->in[i]->data + offsets[i] * args->bytes;
  args->fn(in[0], in[1], in[2], (char *)node->out[0]->data + out_offset * args->bytes, block);
}

ln_status ln_hlo_clamp_run(const ln_node *node, ln_exec *exec) {
  const clamp_args *args = node->args;
  ln_nest_run(&args->nest, exec->pool, clamp_block, node);
  return LN_OK;
}

/* ---- IOTA ---- */

static ln_status iota_axis(const ln_node *node, int32_t rank, int32_t *axis, ln_error *err) {
  const int64_t asked = LN_OPTIONS(node, stablehlo_iota_options)->iota_dimension;
  if (asked >= 0 && ln_axis_normalize(asked, rank, axis)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "dimension %lld is out of range", (long long)asked);
}

ln_status ln_hlo_iota_infer(ln_node *node, ln_error *err) {
  ln_shape shape;
  int32_t axis = 0;
  LN_TRY(ln_hlo_declared_shape(node, &shape, err));
  LN_TRY(iota_axis(node, shape.rank, &axis, err));
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_hlo_iota_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *out = node->out[0];
  int32_t axis = 0;
  LN_TRY(iota_axis(node, out->shape.rank, &axis, exec->err));
  if (ln_tensor_is_empty(out)) return LN_OK;
  const size_t item = ln_item_bytes(out);
  const size_t inner = ln_shape_span(&out->shape, axis + 1, out->shape.rank) * item;
  const size_t block = ln_shape_span(&out->shape, axis, out->shape.rank) * item;
  char *dst = out->data;
  for (int64_t i = 0; i < out->shape.dims[axis]; ++i) {
    unsigned char value[16];
    ln_k_cast(&i, LN_NUMBER_I64, value, ln_number_of(out->type), 1);
    ln_k_fill(dst + (size_t)i * inner, value, item, inner / item);
  }
  const size_t outer = ln_shape_span(&out->shape, 0, axis);
  for (size_t i = 1; i < outer; ++i) memcpy(dst + i * block, dst, block);
  return LN_OK;
}

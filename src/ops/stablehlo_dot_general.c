/*
 * STABLEHLO_DOT_GENERAL: products over the contracting dimensions, for each index of the batching dimensions. Operands
 * are brought into the order [batch, rows, contracted] and [batch, contracted, columns] where they do not lie so.
 */
#include <math.h>
#include <string.h>

#include "kernels/product.h"
#include "ops/elementwise.h"
#include "ops/hlo_product.h"
#include "ops/rows.h"

/* ---- shared with CONVOLUTION ---- */

static ln_number wide_number(ln_type type) {
  switch (type) {
    case LN_FLOAT32:
    case LN_FLOAT16:
    case LN_BFLOAT16: return LN_NUMBER_F32;
    case LN_FLOAT64: return LN_NUMBER_F64;
    case LN_COMPLEX64: return LN_NUMBER_C64;
    default: return LN_NUMBER_I64;
  }
}

ln_hlo_compute ln_hlo_compute_of(const ln_node *node, bool packs_bytes) {
  const ln_type a = node->in[0]->type, b = node->in[1]->type, out = node->out[0]->type;
  const ln_number wide = wide_number(out);
  if (packs_bytes && wide == LN_NUMBER_I64 && ln_type_bits(a) == 8 && ln_type_bits(b) == 8 && ln_type_bits(out) <= 32) {
    return (ln_hlo_compute){{ln_number_of(a), ln_number_of(b)}, LN_NUMBER_I32, true};
  }
  return (ln_hlo_compute){{wide, wide}, wide, wide == LN_NUMBER_F32};
}

size_t ln_hlo_number_bytes(ln_number number) {
  switch (number) {
    case LN_NUMBER_I8:
    case LN_NUMBER_U8: return 1;
    case LN_NUMBER_F32:
    case LN_NUMBER_I32: return 4;
    default: return 8;
  }
}

ln_status ln_hlo_plan(ln_gemm_plan *plan, const ln_hlo_compute *compute, int32_t groups, int32_t n, int32_t segments,
                      int32_t segment_length) {
  const ln_gemm_quant quant = {.a_unsigned = compute->in[0] == LN_NUMBER_U8,
                               .b_unsigned = compute->in[1] == LN_NUMBER_U8};
  if (compute->out == LN_NUMBER_I32) return ln_gemm_plan_i32(plan, groups, n, segments, segment_length, &quant);
  return ln_gemm_plan_f32(plan, groups, n, segments, segment_length, -INFINITY, INFINITY) ? LN_OK : LN_ERR_MEMORY;
}

ln_status ln_hlo_check_product_types(const ln_node *node, ln_error *err) {
  const ln_number compute = wide_number(node->out[0]->type);
  for (int32_t i = 0; i < 2; ++i) {
    if (node->in[i]->quant->kind != LN_QUANT_NONE) {
      return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "operand %d \"%s\" is quantized", i, node->in[i]->name);
    }
    const ln_number own = wide_number(node->in[i]->type);
    if (own == compute || (own == LN_NUMBER_F32 && compute == LN_NUMBER_F64)) continue;
    return ln_node_fail(node, err, LN_ERR_TYPE, "operand %d is %s, the output %s", i, ln_type_name(node->in[i]->type),
                        ln_type_name(node->out[0]->type));
  }
  return LN_OK;
}

bool ln_hlo_is_native(const ln_tensor *tensor, ln_number number) { return ln_number_of(tensor->type) == number; }

bool ln_hlo_reserve(size_t *total, size_t elements, size_t bytes, size_t *at) {
  size_t size = 0;
  *at = *total;
  return ln_size_mul(elements, bytes, &size) && ln_size_align(size, LN_ALIGNMENT, &size) &&
         ln_size_add(*total, size, total);
}

const void *ln_hlo_cast_operand(const ln_tensor *tensor, ln_number number, void *cast) {
  if (ln_hlo_is_native(tensor, number)) return tensor->data;
  ln_k_cast(tensor->data, ln_number_of(tensor->type), cast, number,
            ln_shape_span(&tensor->shape, 0, tensor->shape.rank));
  return cast;
}

ln_weights ln_hlo_plain_weights(const void *data, ln_number number, ln_tensor *stand_in) {
  const ln_type type = number == LN_NUMBER_I8 ? LN_INT8 : number == LN_NUMBER_U8 ? LN_UINT8 : LN_FLOAT32;
  *stand_in = (ln_tensor){.name = "", .type = type, .quant = &ln_quant_none};
  return (ln_weights){.tensor = stand_in, .data = data, .plain = type};
}

bool ln_hlo_merge_axes(const ln_shape *shape, const int32_t *axes, int32_t count, size_t *elements, size_t *stride) {
  bool merges = true;
  size_t expected = 0;
  *elements = 1;
  *stride = 1;
  for (int32_t i = count - 1; i >= 0; --i) {
    const size_t own = ln_shape_span(shape, axes[i] + 1, shape->rank), extent = (size_t)shape->dims[axes[i]];
    *elements *= extent; /* bounded: of the tensor's */
    if (extent == 1) continue;
    if (expected == 0) *stride = own;
    else merges = merges && own == expected;
    expected = own * extent;
  }
  return merges;
}

bool ln_hlo_in_order(const ln_shape *shape, const int32_t *order) {
  for (int32_t i = 0, last = -1; i < shape->rank; ++i) { /* dimensions of one element lie anywhere */
    if (shape->dims[order[i]] == 1) continue;
    if (order[i] < last) return false;
    last = order[i];
  }
  return true;
}

void ln_hlo_reorder(const ln_exec *exec, const ln_shape *shape, const int32_t *order, uint32_t reversed, bool back,
                    size_t bytes, const void *from, void *to) {
  ln_copy_plan plan;
  const char *first = from;
  size_t ordered = ln_shape_span(shape, 0, shape->rank) * bytes;
  if (ordered == 0) return;
  ln_copy_begin(&plan, bytes);
  for (int32_t i = 0; i < shape->rank; ++i) {
    const size_t extent = (size_t)shape->dims[order[i]];
    const bool backward = (reversed >> order[i] & 1) != 0;
    size_t own = ln_shape_span(shape, order[i] + 1, shape->rank) * bytes;
    ordered /= extent;
    if (backward) first += (extent - 1) * own;
    if (back) ln_copy_dim(&plan, extent, ordered, own);
    else ln_copy_dim(&plan, extent, backward ? (size_t)0 - own : own, ordered);
  }
  ln_move(exec, &plan, first, to);
}

/* ---- an operand's dimensions ---- */

/* Batching, free and contracting dimensions of an operand, each group as one with a stride, where that can be. */
typedef struct operand {
  int32_t order[LN_MAX_RANK]; /* batching, then free, then contracting; of the second: contracting before free */
  int32_t rank;
  size_t batch, free, contracted;                      /* elements */
  size_t batch_stride, free_stride, contracted_stride; /* in elements, as the operand lies */
  bool strided;                                        /* each group has one stride */
  bool in_order;                                       /* and they are those of the order above */
} operand;

typedef struct dot_args {
  ln_hlo_compute compute;
  operand sides[2];
  ln_gemm_plan plan;
  bool constant;                                       /* the second operand is packed */
  size_t cast_at[2], ordered_at[2], packed_at, out_at; /* node scratch */
} dot_args;

/* Appends the dimensions of a group to the order; *stride is the last one's when they are one behind another. */
static bool take_group(const ln_shape *shape, const int32_t *axes, int32_t count, operand *o, size_t *elements,
                       size_t *stride) {
  for (int32_t i = 0; i < count; ++i) o->order[o->rank++] = axes[i];
  return ln_hlo_merge_axes(shape, axes, count, elements, stride);
}

static ln_status read_operand(const ln_node *node, int32_t side, const ln_vec_i64 *batch, const ln_vec_i64 *contracted,
                              ln_error *err, operand *o) {
  const ln_shape *shape = &node->in[side]->shape;
  int32_t axes[3][LN_MAX_RANK], counts[3] = {0, 0, 0}, place;
  if (!ln_hlo_are_axes(batch, shape->rank) || !ln_hlo_are_axes(contracted, shape->rank)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "operand %d has no such dimensions", side);
  }
  *o = (operand){.rank = 0};
  for (uint32_t i = 0; i < batch->count; ++i) {
    if (ln_hlo_find_axis(contracted, (int32_t)batch->data[i], &place)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "a dimension of operand %d is both batching and contracting", side);
    }
    axes[0][counts[0]++] = (int32_t)batch->data[i];
  }
  for (int32_t i = 0; i < shape->rank; ++i) {
    if (!ln_hlo_find_axis(batch, i, &place) && !ln_hlo_find_axis(contracted, i, &place)) axes[1][counts[1]++] = i;
  }
  for (uint32_t i = 0; i < contracted->count; ++i) axes[2][counts[2]++] = (int32_t)contracted->data[i];
  bool merges = take_group(shape, axes[0], counts[0], o, &o->batch, &o->batch_stride);
  const int32_t second = side == 0 ? 1 : 2, third = side == 0 ? 2 : 1;
  for (int32_t g = second;; g = third) {
    size_t *elements = g == 1 ? &o->free : &o->contracted, *stride = g == 1 ? &o->free_stride : &o->contracted_stride;
    merges = take_group(shape, axes[g], counts[g], o, elements, stride) && merges;
    if (g == third) break;
  }
  o->strided = merges;
  o->in_order = ln_hlo_in_order(shape, o->order);
  return LN_OK;
}

static ln_status read_dot(const ln_node *node, ln_error *err, operand sides[2]) {
  const ln_stablehlo_dot_general_options *d = LN_OPTIONS(node, stablehlo_dot_general_options);
  const ln_shape *a = &node->in[0]->shape, *b = &node->in[1]->shape;
  LN_TRY(ln_hlo_check_product_types(node, err));
  LN_TRY(read_operand(node, 0, &d->lhs_batching_dimensions, &d->lhs_contracting_dimensions, err, &sides[0]));
  LN_TRY(read_operand(node, 1, &d->rhs_batching_dimensions, &d->rhs_contracting_dimensions, err, &sides[1]));
  bool fits = d->lhs_batching_dimensions.count == d->rhs_batching_dimensions.count &&
              d->lhs_contracting_dimensions.count == d->rhs_contracting_dimensions.count;
  for (uint32_t i = 0; fits && i < d->lhs_batching_dimensions.count; ++i) {
    fits = a->dims[d->lhs_batching_dimensions.data[i]] == b->dims[d->rhs_batching_dimensions.data[i]];
  }
  for (uint32_t i = 0; fits && i < d->lhs_contracting_dimensions.count; ++i) {
    fits = a->dims[d->lhs_contracting_dimensions.data[i]] == b->dims[d->rhs_contracting_dimensions.data[i]];
  }
  return fits ? LN_OK : ln_node_fail(node, err, LN_ERR_SHAPE, "the operands' dimensions do not fit together");
}

ln_status ln_hlo_dot_general_infer(ln_node *node, ln_error *err) {
  const ln_stablehlo_dot_general_options *d = LN_OPTIONS(node, stablehlo_dot_general_options);
  operand sides[2];
  ln_shape shape = {0, {0}};
  LN_TRY(read_dot(node, err, sides));
  const int32_t batch = (int32_t)d->lhs_batching_dimensions.count,
                contracted = (int32_t)d->lhs_contracting_dimensions.count;
  bool fits = true;
  for (int32_t i = 0; i < sides[0].rank - contracted; ++i) {
    fits = fits && ln_shape_push(&shape, node->in[0]->shape.dims[sides[0].order[i]]);
  }
  for (int32_t i = batch + contracted; i < sides[1].rank; ++i) {
    fits = fits && ln_shape_push(&shape, node->in[1]->shape.dims[sides[1].order[i]]);
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the result has too many dimensions");
  return ln_node_set_shape(node, 0, &shape, err);
}

int64_t ln_hlo_dot_general_macs(const ln_node *node) {
  operand sides[2];
  if (read_dot(node, NULL, sides) != LN_OK) return 0;
  const double macs =
      (double)ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank) * (double)sides[0].contracted;
  return macs < 0x1p62 ? (int64_t)macs : 0;
}

/* ---- preparing ---- */

/* Whether a side must be copied into its order; a packed second operand may have any strides. */
static bool must_order(const dot_args *args, int32_t side) {
  const operand *o = &args->sides[side];
  return !o->in_order && !(side == 1 && args->compute.packed && o->strided);
}

static ln_gemm_source source_of(const dot_args *args, const ln_weights *weights, size_t batch) {
  const operand *o = &args->sides[1];
  if (must_order(args, 1) || o->in_order) {
    const size_t items = o->contracted * o->free; /* bounded: of the tensor's */
    return (ln_gemm_source){.weights = weights,
                            .first = batch * items,
                            .group_stride = (ptrdiff_t)items,
                            .k_stride = (ptrdiff_t)o->free,
                            .n_stride = 1};
  }
  return (ln_gemm_source){.weights = weights,
                          .first = batch * o->batch_stride,
                          .group_stride = (ptrdiff_t)o->batch_stride,
                          .k_stride = (ptrdiff_t)o->contracted_stride,
                          .n_stride = (ptrdiff_t)o->free_stride};
}

static ln_status plan_packed(ln_node *node, ln_prep *prep, dot_args *args, size_t *total) {
  const operand *a = &args->sides[0], *b = &args->sides[1];
  size_t packed = 0;
  if (a->free > INT32_MAX || b->free > INT32_MAX || a->contracted > INT32_MAX || a->batch > INT32_MAX) {
    return LN_ERR_MEMORY;
  }
  const ln_gemm_source lies = source_of(args, NULL, 0);
  args->constant = ln_tensor_const_data(node->in[1]) && !must_order(args, 1) &&
                   (ln_hlo_is_native(node->in[1], args->compute.in[1]) || lies.k_stride == 1 || lies.n_stride == 1);
  LN_TRY(ln_hlo_plan(&args->plan, &args->compute, args->constant ? (int32_t)b->batch : 1, (int32_t)b->free, 1,
                     (int32_t)a->contracted));
  if (args->constant) {
    ln_weights weights;
    LN_TRY(ln_weights_open(node, node->in[1], prep->err, &weights));
    const ln_gemm_source source = source_of(args, &weights, 0);
    const ln_status status = ln_gemm_plan_constant_b(&args->plan, prep, &source, NULL);
    ln_weights_close(&weights);
    LN_TRY(status);
  } else if (!ln_gemm_pack_bytes(&args->plan, &packed)) {
    return LN_ERR_MEMORY;
  }
  const bool fits = ln_hlo_reserve(total, packed, 1, &args->packed_at) &&
                    ln_gemm_thread_bytes(&args->plan, (int32_t)a->free, &node->thread_scratch_bytes);
  return fits ? LN_OK : LN_ERR_MEMORY;
}

ln_status ln_hlo_dot_general_prepare(ln_node *node, ln_prep *prep) {
  dot_args *args = LN_NODE_ARGS(node, prep, dot_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(read_dot(node, prep->err, args->sides));
  args->compute = ln_hlo_compute_of(node, true);
  if (ln_tensor_is_empty(node->out[0]) || args->sides[0].contracted == 0) return LN_OK;
  size_t total = 0;
  bool fits = true;
  for (int32_t i = 0; i < 2; ++i) {
    const ln_number number = args->compute.in[i];
    const size_t elements = ln_shape_span(&node->in[i]->shape, 0, node->in[i]->shape.rank);
    const size_t bytes = ln_hlo_number_bytes(number);
    fits = fits &&
           ln_hlo_reserve(&total, ln_hlo_is_native(node->in[i], number) ? 0 : elements, bytes, &args->cast_at[i]) &&
           ln_hlo_reserve(&total, must_order(args, i) ? elements : 0, bytes, &args->ordered_at[i]);
  }
  const size_t outputs = ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank);
  fits = fits && ln_hlo_reserve(&total, ln_hlo_is_native(node->out[0], args->compute.out) ? 0 : outputs,
                                ln_hlo_number_bytes(args->compute.out), &args->out_at);
  ln_status status = fits ? LN_OK : LN_ERR_MEMORY;
  if (status == LN_OK && args->compute.packed) status = plan_packed(node, prep, args, &total);
  node->scratch_bytes = total;
  return status == LN_ERR_MEMORY ? ln_node_fail(node, prep->err, status, "the product takes too much memory") : status;
}

/* ---- running ---- */

static const char *arrange(const ln_node *node, ln_exec *exec, const dot_args *args, int32_t side) {
  const operand *o = &args->sides[side];
  char *scratch = exec->scratch, *to = scratch + args->ordered_at[side];
  const void *from = ln_hlo_cast_operand(node->in[side], args->compute.in[side], scratch + args->cast_at[side]);
  if (!must_order(args, side)) return from;
  ln_hlo_reorder(exec, &node->in[side]->shape, o->order, 0, false, ln_hlo_number_bytes(args->compute.in[side]), from,
                 to);
  return to;
}

ln_status ln_hlo_dot_general_run(const ln_node *node, ln_exec *exec) {
  const dot_args *args = node->args;
  ln_tensor *out = node->out[0];
  const operand *a = &args->sides[0], *b = &args->sides[1];
  if (ln_tensor_is_empty(out)) return LN_OK;
  if (a->contracted == 0) {
    memset(out->data, 0, out->bytes);
    return LN_OK;
  }
  const size_t item = ln_hlo_number_bytes(args->compute.in[0]), sum = ln_hlo_number_bytes(args->compute.out);
  const size_t m = a->free, n = b->free, k = a->contracted;
  const bool native = ln_hlo_is_native(out, args->compute.out);
  char *scratch = exec->scratch, *c = native ? (char *)out->data : scratch + args->out_at;
  const char *x = arrange(node, exec, args, 0);
  const char *y = args->constant ? NULL : arrange(node, exec, args, 1);
  ln_tensor stand_in;
  const ln_weights weights = ln_hlo_plain_weights(y, args->compute.in[1], &stand_in);
  for (size_t i = 0; i < a->batch; ++i) {
    if (!args->compute.packed) {
      const ln_product product = {m, n, k, x + i * m * k * item, y + i * k * n * item, c + i * m * n * sum, k, n, n};
      ln_k_product(args->compute.out, &product);
      continue;
    }
    ln_gemm_b packed = args->plan.b;
    if (!args->constant) {
      const ln_gemm_source source = source_of(args, &weights, i);
      ln_gemm_pack(&args->plan, &source, NULL, scratch + args->packed_at, &packed);
    }
    ln_gemm_run(&args->plan, &packed, args->constant ? (int32_t)i : 0, exec, (int32_t)m, x + i * m * k * item,
                (ptrdiff_t)k, c + i * m * n * sum, (ptrdiff_t)n);
  }
  if (!native) ln_k_cast(c, args->compute.out, out->data, ln_number_of(out->type), a->batch * m * n);
  return LN_OK;
}

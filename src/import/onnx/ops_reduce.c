/* Reductions over axes that an attribute, a constant or the run says; arguments of extremes; sums along an axis. */
#include <math.h>

#include "import/onnx/onnx_lists.h"

/* ---- reductions ---- */

/* Over which axes: int32, or int64 that the run gives; and whether nothing is to be done. */
typedef struct reduction {
  int32_t axes;                     /* a tensor */
  int32_t count, list[LN_MAX_RANK]; /* where they are known; count -1: they are not */
  bool keep, nothing;
} reduction;

static bool all_axes(ln_onnx_node *n, int32_t rank, reduction *out) {
  out->nothing = ln_onnx_int(n, "noop_with_empty_axes", 0) != 0;
  out->count = rank;
  for (int32_t i = 0; i < rank; ++i) out->list[i] = i;
  out->axes = ln_emit_vector(n->e, rank, out->list);
  return !ln_emit_failed(n->e);
}

static bool read_reduction(ln_onnx_node *n, int32_t a, reduction *out) {
  const int32_t rank = ln_emit_rank(n->e, a), axes = ln_onnx_in(n, 1);
  *out = (reduction){.keep = ln_onnx_int(n, "keepdims", 1) != 0};
  if (ln_emit_failed(n->e)) return false;
  if (axes >= 0 && !ln_emit_is_const(n->e, axes)) {
    const int32_t length = ln_onnx_length(n, axes);
    if (length == 0) return all_axes(n, rank, out);
    out->count = -1;
    out->axes = ln_onnx_narrow(n->e, axes);
    return !ln_emit_failed(n->e);
  }
  if (!ln_onnx_axes(n, "axes", 1, rank, out->list, &out->count)) return false;
  if (out->count <= 0) return all_axes(n, rank, out);
  out->axes = ln_emit_vector(n->e, out->count, out->list);
  return !ln_emit_failed(n->e);
}

static int32_t reduce(ln_emit *e, int32_t code, int32_t a, const reduction *r, bool keep) {
  const ln_reducer_options options = {.keep_dims = keep};
  if (ln_emit_failed(e) || a < 0) return -1;
  if (ln_emit_rank(e, a) == 0) return a;
  return ln_emit_op(e, code, &options, 2, (const int32_t[]){a, r->axes}, ln_emit_type(e, a));
}

/* Of dimensions that are 1 already. */
static int32_t drop_axes(ln_emit *e, int32_t a, const reduction *r) { return ln_emit_squeeze(e, a, r->count, r->list); }

void ln_onnx_reduce(ln_onnx_node *n) {
  reduction r;
  const int32_t a = ln_onnx_in(n, 0);
  if (!read_reduction(n, a, &r)) return;
  int32_t code = n->variant;
  if (ln_emit_type(n->e, a) == LN_BOOL) code = code == LN_OP_REDUCE_MAX ? LN_OP_REDUCE_ANY : LN_OP_REDUCE_ALL;
  const bool extreme = n->variant == LN_OP_REDUCE_MAX || n->variant == LN_OP_REDUCE_MIN;
  if (extreme && !r.nothing && ln_emit_elements(n->e, a) == 0 && ln_emit_type(n->e, a) == LN_FLOAT32) {
    /* Of nothing: TensorFlow Lite gives the largest number there is, not the infinite. */
    const int32_t zeros = reduce(n->e, LN_OP_SUM, a, &r, r.keep);
    ln_onnx_out(n, 0, ln_emit_add_number(n->e, zeros, code == LN_OP_REDUCE_MAX ? -INFINITY : INFINITY));
    return;
  }
  ln_onnx_out(n, 0, r.nothing ? a : reduce(n->e, code, a, &r, r.keep));
}

/* What is done to each element, then a sum, then what is done to that. */
static int32_t summed(ln_emit *e, int32_t a, const reduction *r) {
  return r->nothing ? a : reduce(e, LN_OP_SUM, a, r, r->keep);
}

void ln_onnx_reduce_l1(ln_onnx_node *n) {
  reduction r;
  const int32_t a = ln_onnx_in(n, 0);
  if (read_reduction(n, a, &r)) ln_onnx_out(n, 0, summed(n->e, ln_emit_unary(n->e, LN_OP_ABS, a), &r));
}

void ln_onnx_reduce_sum_square(ln_onnx_node *n) {
  reduction r;
  const int32_t a = ln_onnx_in(n, 0);
  if (read_reduction(n, a, &r)) ln_onnx_out(n, 0, summed(n->e, ln_emit_mul(n->e, a, a), &r));
}

void ln_onnx_reduce_l2(ln_onnx_node *n) {
  reduction r;
  const int32_t a = ln_onnx_in(n, 0);
  if (!read_reduction(n, a, &r)) return;
  ln_onnx_out(n, 0, ln_emit_unary(n->e, LN_OP_SQRT, summed(n->e, ln_emit_mul(n->e, a, a), &r)));
}

void ln_onnx_reduce_log_sum(ln_onnx_node *n) {
  reduction r;
  const int32_t a = ln_onnx_in(n, 0);
  if (read_reduction(n, a, &r)) ln_onnx_out(n, 0, ln_emit_unary(n->e, LN_OP_LOG, summed(n->e, a, &r)));
}

/*
 * Axes that only the run knows: every axis in turn, spread out again to the input's shape where it is one of them, so
 * that shapes are known all along.
 */
static int32_t spread(ln_emit *e, int32_t code, int32_t a, int32_t mask) {
  const int32_t rank = ln_emit_rank(e, a);
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t one = ln_emit_broadcast_to(e, ln_emit_reduce(e, code, a, 1, &i, true), ln_emit_shape_of(e, a));
    a = ln_emit_select(e, ln_emit_pick(e, mask, 0, i), one, a);
  }
  return a;
}

/* The largest comes out of the exponentials, so that none is too large. */
static int32_t log_sum_exp(ln_onnx_node *n, int32_t a, const reduction *r) {
  ln_emit *e = n->e;
  if (r->nothing) return a;
  if (ln_emit_elements(e, a) == 0) return ln_emit_unary(e, LN_OP_LOG, reduce(e, LN_OP_SUM, a, r, r->keep));
  const int32_t mask = r->count < 0 ? ln_onnx_axes_mask(n, r->axes, ln_emit_rank(e, a)) : -1;
  const int32_t top = mask < 0 ? reduce(e, LN_OP_REDUCE_MAX, a, r, true) : spread(e, LN_OP_REDUCE_MAX, a, mask);
  const int32_t powers = ln_emit_unary(e, LN_OP_EXP, ln_emit_sub(e, a, top));
  const int32_t sum = mask < 0 ? reduce(e, LN_OP_SUM, powers, r, true) : spread(e, LN_OP_SUM, powers, mask);
  const int32_t out = ln_emit_add(e, ln_emit_unary(e, LN_OP_LOG, sum), top);
  if (mask >= 0) return reduce(e, LN_OP_REDUCE_MAX, out, r, r->keep);
  return r->keep ? out : drop_axes(e, out, r);
}

void ln_onnx_reduce_log_sum_exp(ln_onnx_node *n) {
  reduction r;
  const int32_t a = ln_onnx_in(n, 0);
  if (read_reduction(n, a, &r)) ln_onnx_out(n, 0, log_sum_exp(n, a, &r));
}

/* ---- arguments of extremes ---- */

void ln_onnx_arg(ln_onnx_node *n) {
  ln_emit *e = n->e;
  int32_t a = ln_onnx_in(n, 0);
  const int32_t rank = ln_emit_rank(e, a), axis = ln_onnx_axis(n, "axis", 0, rank);
  const bool keep = ln_onnx_int(n, "keepdims", 1) != 0, last = ln_onnx_int(n, "select_last_index", 0) != 0;
  if (axis < 0) return;
  const int32_t size = last ? ln_emit_cast(e, ln_emit_size_of(e, a, axis), LN_INT64) : -1;
  if (last) a = ln_emit_reverse(e, a, axis);
  int32_t out = ln_emit_arg(e, n->variant, a, axis, keep, LN_INT64);
  if (last) out = ln_emit_sub(e, ln_emit_add_number(e, size, -1), out);
  ln_onnx_out(n, 0, out);
}

/* ---- along an axis ---- */

typedef int32_t (*along_fn)(ln_emit *e, int32_t a, int32_t axis, bool exclusive, bool reverse);

/* The axis is an input: one that only the run knows chooses among what each axis gives. */
static void along(ln_onnx_node *n, along_fn run) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), where = ln_onnx_in(n, 1), rank = ln_emit_rank(e, a);
  const bool exclusive = ln_onnx_int(n, "exclusive", 0) != 0, reverse = ln_onnx_int(n, "reverse", 0) != 0;
  int64_t axis;
  int32_t count;
  if (ln_emit_failed(e)) return;
  if (ln_emit_ints(e, where, &axis, 1, &count)) {
    const int32_t at = ln_onnx_fix_axis(n, axis, rank);
    if (at >= 0) ln_onnx_out(n, 0, run(e, a, at, exclusive, reverse));
    return;
  }
  const int32_t chosen = ln_onnx_scalar(e, ln_onnx_narrow(e, where));
  int32_t out = run(e, a, 0, exclusive, reverse);
  for (int32_t i = 1; i < rank; ++i) {
    const int32_t front = ln_emit_compare(e, LN_OP_EQUAL, chosen, ln_emit_i32(e, i));
    const int32_t back = ln_emit_compare(e, LN_OP_EQUAL, chosen, ln_emit_i32(e, i - rank));
    out = ln_emit_select(e, ln_emit_binary(e, LN_OP_LOGICAL_OR, front, back), run(e, a, i, exclusive, reverse), out);
  }
  ln_onnx_out(n, 0, out);
}

void ln_onnx_cumsum(ln_onnx_node *n) { along(n, ln_emit_cumsum); }
void ln_onnx_cumprod(ln_onnx_node *n) { along(n, ln_emit_cumprod); }

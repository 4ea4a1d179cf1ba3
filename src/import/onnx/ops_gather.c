/* Operators that take elements from places, or write them there. */
#include <string.h>

#include "import/onnx/onnx_lists.h"

/* ---- Gather ---- */

void ln_onnx_gather(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), axis = ln_onnx_axis(n, "axis", 0, ln_emit_rank(n->e, a));
  if (axis < 0) return;
  ln_onnx_out(n, 0, ln_emit_gather(n->e, a, ln_onnx_indices(n->e, ln_onnx_in(n, 1), a, axis), axis, 0));
}

/* int32 scalar: elements of dimensions [from, rank). */
static int32_t stride_of(ln_emit *e, int32_t a, int32_t from) {
  int64_t product = 1;
  for (int32_t i = from; i < ln_emit_rank(e, a); ++i) {
    const int32_t size = ln_emit_dim(e, a, i);
    product = size < 0 || product < 0 || product > INT32_MAX / (size > 0 ? size : 1) ? -1 : product * size;
  }
  if (product >= 0) return ln_emit_i32(e, (int32_t)product);
  const int32_t tail = ln_emit_slice(e, ln_emit_shape_of(e, a), 0, from, INT32_MAX, 1);
  return ln_emit_reduce(e, LN_OP_REDUCE_PROD, tail, 0, NULL, false);
}

/* Where elements of `indices`, which counts along `axis` of `a`, lie in all of `a`: int32 of the shape of `indices`. */
static int32_t places_along(ln_emit *e, int32_t a, int32_t indices, int32_t axis) {
  const int32_t rank = ln_emit_rank(e, a);
  int32_t place = ln_emit_mul(e, ln_onnx_indices(e, indices, a, axis), stride_of(e, a, axis + 1)), base = -1;
  for (int32_t i = 0; i < rank; ++i) {
    if (i == axis) continue;
    const int32_t part = ln_emit_mul(e, ln_onnx_iota(e, indices, i, rank), stride_of(e, a, i + 1));
    base = base < 0 ? part : ln_emit_add(e, base, part);
  }
  return base < 0 ? place : ln_emit_add(e, place, base);
}

static int32_t flat(ln_emit *e, int32_t a) {
  const ln_dim all = LN_DIM_REST;
  return ln_emit_rank(e, a) == 1 ? a : ln_emit_reshape(e, a, 1, &all);
}

void ln_onnx_gather_elements(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), axis = ln_onnx_axis(n, "axis", 0, ln_emit_rank(n->e, a));
  if (axis < 0) return;
  ln_onnx_out(n, 0, ln_emit_gather(n->e, flat(n->e, a), places_along(n->e, a, ln_onnx_in(n, 1), axis), 0, 0));
}

/* Coordinates [.., k] of any integer type, from 0 on; k dimensions of `a` from `first`. */
static int32_t coordinates(ln_emit *e, int32_t a, int32_t indices, int32_t first) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t count = ln_emit_dim(e, indices, -1);
  if (count < 0 || count + first > ln_emit_rank(e, a)) {
    return ln_emit_refuse(e, "its indices have %d coordinates of %d dimensions", count, ln_emit_rank(e, a) - first);
  }
  for (int32_t i = 0; i < count; ++i) dims[i] = LN_DIM_OF(a, first + i);
  return ln_emit_binary(e, LN_OP_FLOOR_MOD, ln_emit_cast(e, indices, LN_INT32), ln_emit_dims(e, count, dims));
}

/* Coordinates with the number of the batch before them. */
static int32_t with_batches(ln_emit *e, int32_t where, int32_t batches) {
  const int32_t rank = ln_emit_rank(e, where);
  int32_t parts[LN_MAX_RANK + 1];
  ln_dim dims[LN_MAX_RANK];
  for (int32_t i = 0; i < rank; ++i) dims[i] = i < rank - 1 ? LN_DIM_OF(where, i) : LN_DIM(1);
  for (int32_t i = 0; i < batches; ++i) parts[i] = ln_emit_broadcast(e, ln_onnx_iota(e, where, i, rank), rank, dims);
  parts[batches] = where;
  return ln_emit_concat(e, rank - 1, batches + 1, parts);
}

void ln_onnx_gather_nd(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), batches = ln_onnx_int32(n, "batch_dims", 0);
  int32_t where = ln_onnx_in(n, 1);
  if (batches < 0 || batches >= ln_emit_rank(n->e, where) || batches >= ln_emit_rank(n->e, a)) {
    ln_emit_wrong(n->e, "batch_dims is %d", batches);
    return;
  }
  where = coordinates(n->e, a, where, batches);
  if (batches > 0 && where >= 0) where = with_batches(n->e, where, batches);
  ln_onnx_out(n, 0, ln_emit_op(n->e, LN_OP_GATHER_ND, NULL, 2, (const int32_t[]){a, where}, ln_emit_type(n->e, a)));
}

/* ---- Scatter ---- */

static bool find_reduction(ln_onnx_node *n, ln_onnx_reduction *out) {
  static const char *const names[] = {"none", "add", "mul", "max", "min"};
  const char *name = ln_onnx_text(n, "reduction", "none");
  for (int32_t i = 0; i < (int32_t)LN_COUNT(names); ++i) {
    if (strcmp(name, names[i]) != 0) continue;
    *out = (ln_onnx_reduction)i;
    return true;
  }
  ln_emit_wrong(n->e, "there is no reduction %.80s", name);
  return false;
}

void ln_onnx_scatter_elements(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), axis = ln_onnx_axis(n, "axis", 0, ln_emit_rank(e, a));
  ln_onnx_reduction how;
  if (axis < 0 || !find_reduction(n, &how)) return;
  const int32_t places = flat(e, places_along(e, a, ln_onnx_in(n, 1), axis));
  const int32_t rows = ln_onnx_scatter_rows(e, flat(e, a), places, flat(e, ln_onnx_in(n, 2)), how);
  ln_onnx_out(n, 0, ln_emit_reshape_like(e, rows, a));
}

/* Row numbers of coordinates [.., k] among the first k dimensions of `a` as one: int32 [n]. */
static int32_t row_numbers(ln_emit *e, int32_t a, int32_t where, int32_t count) {
  int32_t strides[LN_MAX_RANK];
  const int32_t last = ln_emit_rank(e, where) - 1;
  const int32_t row = stride_of(e, a, count);
  for (int32_t i = 0; i < count; ++i) {
    strides[i] = ln_emit_binary(e, LN_OP_FLOOR_DIV, stride_of(e, a, i + 1), row);
  }
  const int32_t scaled = ln_emit_mul(e, where, ln_emit_pack(e, 0, count, strides));
  return flat(e, ln_emit_reduce(e, LN_OP_SUM, scaled, 1, &last, false));
}

void ln_onnx_scatter_nd(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), where = coordinates(e, a, ln_onnx_in(n, 1), 0);
  ln_onnx_reduction how;
  if (where < 0 || !find_reduction(n, &how)) return;
  const int32_t count = ln_emit_dim(e, where, -1), rank = ln_emit_rank(e, a), updates = ln_onnx_in(n, 2);
  if (count == 0) {
    ln_emit_refuse(e, "its indices have no coordinates");
    return;
  }
  const int32_t places = row_numbers(e, a, where, count);
  int32_t rows = flat(e, a), news = flat(e, updates);
  if (count < rank) {
    const ln_dim inner = LN_DIM_IS(stride_of(e, a, count));
    rows = ln_emit_reshape(e, a, 2, (const ln_dim[]){LN_DIM_REST, inner});
    news = ln_emit_reshape(e, updates, 2, (const ln_dim[]){LN_DIM_OF(places, 0), inner});
  }
  ln_onnx_out(n, 0, ln_emit_reshape_like(e, ln_onnx_scatter_rows(e, rows, places, news, how), a));
}

/* past_cache [batch, .., positions, ..] with an update of few positions, from a position of each batch on. */
void ln_onnx_tensor_scatter(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t cache = ln_onnx_in(n, 0), update = ln_onnx_in(n, 1), rank = ln_emit_rank(e, cache);
  const int32_t axis = ln_onnx_axis(n, "axis", -2, rank);
  const bool around = strcmp(ln_onnx_text(n, "mode", "linear"), "circular") == 0;
  int32_t first = ln_emit_cast(e, ln_onnx_in(n, 2), LN_INT32);
  if (axis < 1) {
    if (!ln_emit_failed(e)) ln_emit_wrong(e, "axis %d, which is the batch", axis);
    return;
  }
  const int32_t size = ln_emit_size_of(e, cache, axis);
  const int32_t a = ln_emit_swap(e, cache, 1, axis), news = ln_emit_swap(e, update, 1, axis);
  int32_t at = ln_onnx_iota(e, news, 1, 2);
  if (first >= 0)
    at = ln_emit_add(e, at, ln_emit_reshape(e, first, 2, (const ln_dim[]){LN_DIM_OF(first, 0), LN_DIM(1)}));
  if (around) at = ln_emit_binary(e, LN_OP_FLOOR_MOD, at, size);
  at = ln_emit_add(e, at, ln_emit_mul(e, ln_onnx_iota(e, news, 0, 2), size));
  const ln_dim inner = LN_DIM_IS(stride_of(e, a, 2));
  const int32_t rows = ln_emit_reshape(e, a, 2, (const ln_dim[]){LN_DIM_REST, inner});
  const int32_t changed = ln_emit_reshape(e, news, 2, (const ln_dim[]){LN_DIM_REST, inner});
  const int32_t made = ln_onnx_scatter_rows(e, rows, flat(e, at), changed, LN_ONNX_WRITE);
  ln_onnx_out(n, 0, ln_emit_swap(e, ln_emit_reshape_like(e, made, a), 1, axis));
}

/* ---- OneHot ---- */

void ln_onnx_one_hot(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t depth = ln_onnx_scalar(e, ln_emit_cast(e, ln_onnx_in(n, 1), LN_INT32)), values = ln_onnx_in(n, 2);
  int32_t indices = ln_emit_cast(e, ln_onnx_in(n, 0), LN_INT32);
  const int32_t rank = ln_emit_rank(e, indices), axis = ln_onnx_axis(n, "axis", -1, rank + 1);
  if (axis < 0) return;
  const int32_t is_back = ln_emit_compare(e, LN_OP_LESS, indices, ln_emit_i32(e, 0));
  indices = ln_emit_select(e, is_back, ln_emit_add(e, indices, depth), indices);
  const int32_t off = ln_emit_pick(e, values, 0, 0), on = ln_emit_pick(e, values, 0, 1);
  ln_onnx_out(n, 0, ln_emit_one_hot(e, indices, depth, axis, on, off));
}

/* ---- NonZero, Compress ---- */

static int32_t is_not_zero(ln_emit *e, int32_t a) {
  if (ln_emit_type(e, a) == LN_BOOL) return a;
  return ln_emit_compare(e, LN_OP_NOT_EQUAL, a, ln_emit_scalar(e, ln_emit_type(e, a), 0));
}

void ln_onnx_non_zero(ln_onnx_node *n) {
  const int32_t where = is_not_zero(n->e, ln_onnx_in(n, 0));
  const int32_t places = ln_emit_op(n->e, LN_OP_WHERE, NULL, 1, &where, LN_INT64);
  ln_onnx_out(n, 0, ln_emit_swap(n->e, places, 0, 1));
}

void ln_onnx_compress(ln_onnx_node *n) {
  ln_emit *e = n->e;
  int32_t a = ln_onnx_in(n, 0), axis = 0;
  const int32_t where = ln_onnx_in(n, 1);
  if (ln_onnx_has_attribute(n, "axis")) axis = ln_onnx_axis(n, "axis", 0, ln_emit_rank(e, a));
  else a = flat(e, a);
  if (axis < 0) return;
  const int32_t places = flat(e, ln_emit_op(e, LN_OP_WHERE, NULL, 1, &where, LN_INT64));
  ln_onnx_out(n, 0, ln_emit_gather(e, a, ln_emit_cast(e, places, LN_INT32), axis, 0));
}

/* ---- ReverseSequence ---- */

void ln_onnx_reverse_sequence(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(n->e, a);
  const int32_t time = ln_onnx_axis(n, "time_axis", 0, rank), batch = ln_onnx_axis(n, "batch_axis", 1, rank);
  const ln_reverse_sequence_options options = {.seq_dim = time, .batch_dim = batch};
  if (time < 0 || batch < 0) return;
  const int32_t inputs[2] = {a, ln_emit_cast(n->e, ln_onnx_in(n, 1), LN_INT32)};
  ln_onnx_out(n, 0, ln_emit_op(n->e, LN_OP_REVERSE_SEQUENCE, &options, 2, inputs, ln_emit_type(n->e, a)));
}

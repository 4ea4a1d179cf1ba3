/* Shapes and the movement of data: what makes, cuts, joins and turns tensors. */
#include <string.h>

#include "import/emit_private.h"

/* An axis in [0, rank); -1 after a failure. */
static int32_t axis_of(ln_emit *e, int32_t a, int32_t axis, int32_t rank) {
  int32_t at;
  if (ln_emit_failed(e) || a < 0) return -1;
  if (!ln_axis_normalize(axis, rank, &at))
    return ln_emit_wrong(e, "axis %d of a tensor with %d dimensions", axis, rank);
  return at;
}

static bool ready(const ln_emit *e, int32_t a) { return a >= 0 && !ln_emit_failed(e); }

/* ---- sizes ---- */

int32_t ln_emit_shape_of(ln_emit *e, int32_t a) {
  const ln_shape_options options = {.out_type = LN_INT32};
  if (!ready(e, a)) return -1;
  if (ln_emit_is_fixed(e, a)) {
    const ln_shape shape = ln_emit_shape(e, a);
    return ln_emit_vector(e, shape.rank, shape.dims);
  }
  return ln_emit_op(e, LN_OP_SHAPE, &options, 1, &a, LN_INT32);
}

/* int32 [1] */
static int32_t size_vector(ln_emit *e, int32_t a, int32_t axis) {
  const int32_t rank = ln_emit_rank(e, a), at = axis_of(e, a, axis, rank);
  if (at < 0) return -1;
  const int32_t size = ln_emit_dim(e, a, at);
  if (size >= 0) return ln_emit_vector(e, 1, &size);
  const int32_t one = 1;
  return ln_emit_slice_all(e, ln_emit_shape_of(e, a), &at, &one);
}

int32_t ln_emit_size_of(ln_emit *e, int32_t a, int32_t axis) {
  return ln_emit_reshape(e, size_vector(e, a, axis), 0, NULL);
}

int32_t ln_emit_count_of(ln_emit *e, int32_t a) {
  if (!ready(e, a)) return -1;
  return ln_emit_reduce(e, LN_OP_REDUCE_PROD, ln_emit_shape_of(e, a), 0, NULL, false);
}

/* int32 [1] of one dimension. */
static int32_t dim_vector(ln_emit *e, const ln_dim *dim) {
  if (dim->size >= 0 || (dim->tensor < 0 && dim->axis == 0)) return ln_emit_vector(e, 1, &dim->size);
  if (dim->axis != LN_DIM_VALUE) return size_vector(e, dim->tensor, dim->axis);
  const ln_dim one = LN_DIM(1);
  return ln_emit_reshape(e, ln_emit_cast(e, dim->tensor, LN_INT32), 1, &one);
}

static bool takes_whole_shape(const ln_emit *e, int32_t count, const ln_dim *dims) {
  if (count == 0 || dims[0].size >= 0 || dims[0].tensor < 0 || ln_emit_rank(e, dims[0].tensor) != count) return false;
  for (int32_t i = 0; i < count; ++i) {
    if (dims[i].size >= 0 || dims[i].tensor != dims[0].tensor || dims[i].axis != i) return false;
  }
  return true;
}

int32_t ln_emit_dims(ln_emit *e, int32_t count, const ln_dim *dims) {
  int32_t parts[LN_MAX_RANK];
  if (ln_emit_failed(e)) return -1;
  if (count < 0 || count > LN_MAX_RANK)
    return ln_emit_refuse(e, "a shape of %d dimensions, of %d that there are", count, LN_MAX_RANK);
  if (takes_whole_shape(e, count, dims)) return ln_emit_shape_of(e, dims[0].tensor);
  int32_t fixed[LN_MAX_RANK], made = 0;
  for (int32_t i = 0; i < count;) {
    int32_t run = 0;
    for (; i + run < count; ++run) { /* sizes side by side are one constant */
      const ln_dim *d = &dims[i + run];
      if (d->size >= 0 || (d->tensor < 0 && d->axis == 0)) fixed[run] = d->size;
      else if (d->axis != LN_DIM_VALUE && ln_emit_dim(e, d->tensor, d->axis) >= 0)
        fixed[run] = ln_emit_dim(e, d->tensor, d->axis);
      else break;
    }
    parts[made++] = run > 0 ? ln_emit_vector(e, run, fixed) : dim_vector(e, &dims[i]);
    i += run > 0 ? run : 1;
  }
  if (made == 0) return ln_emit_vector(e, 0, NULL);
  return made == 1 ? parts[0] : ln_emit_concat(e, 0, made, parts);
}

/* ---- reshaping ---- */

/* The operator among the last ones that gives the tensor; NULL for none. */
static const ln_op *recent_maker(const ln_emit *e, int32_t tensor) {
  enum { FARTHEST = 64 };
  const ln_graph *graph = ln_emit_graph(e);
  for (int32_t i = graph->op_count - 1; i >= 0 && i >= graph->op_count - FARTHEST; --i) {
    for (int32_t k = 0; k < graph->ops[i].output_count; ++k) {
      if (graph->ops[i].outputs[k] == tensor) return &graph->ops[i];
    }
  }
  return NULL;
}

/* A shape that was computed, but has one open dimension at most: a constant with -1 in its place says it as well. */
static int32_t plain_shape(ln_emit *e, int32_t shape) {
  const ln_fact *fact = &e->facts[shape];
  int32_t values[LN_MAX_RANK], open = 0;
  if (fact->constant || fact->value[0] == NULL || fact->value[1] == NULL || fact->shape[0].rank != 1) return shape;
  const int32_t count = fact->shape[0].dims[0], *first = fact->value[0], *second = fact->value[1];
  if (count > LN_MAX_RANK || fact->shape[1].dims[0] != count) return shape;
  for (int32_t i = 0; i < count; ++i) {
    if (first[i] <= 0 || second[i] <= 0) return shape;
    values[i] = first[i] == second[i] ? first[i] : -1;
    open += values[i] < 0;
  }
  return open <= 1 ? ln_emit_vector(e, count, values) : shape;
}

/* Whether both have the same dimensions but for the last one. */
static bool same_outer(const ln_emit *e, int32_t a, int32_t b) {
  const ln_fact *x = &e->facts[a], *y = &e->facts[b];
  if (x->shape[0].rank != y->shape[0].rank || x->shape[0].rank < 1) return false;
  for (int32_t p = 0; p < 2; ++p) {
    for (int32_t i = 0; i + 1 < x->shape[0].rank; ++i) {
      if (x->shape[p].dims[i] != y->shape[p].dims[i]) return false;
    }
  }
  return true;
}

/* RESHAPE, FULLY_CONNECTED, RESHAPE back: the layer itself keeps dimensions. Gives `out` where it is none of these. */
static int32_t layer_on_all(ln_emit *e, int32_t a, int32_t out) {
  const ln_op *layer = recent_maker(e, a);
  if (layer == NULL || layer->def->code != LN_OP_FULLY_CONNECTED || layer->input_count > 3) return out;
  const ln_op *before = recent_maker(e, layer->inputs[0]);
  if (before == NULL || before->def->code != LN_OP_RESHAPE || !same_outer(e, before->inputs[0], out)) return out;
  const int32_t source = before->inputs[0], depth = ln_emit_dim(e, layer->inputs[1], 1);
  if (ln_emit_dim(e, source, -1) != depth || ln_emit_dim(e, out, -1) != ln_emit_dim(e, a, -1) || depth < 0) return out;
  ln_fully_connected_options options = *(const ln_fully_connected_options *)layer->options;
  int32_t inputs[3] = {source};
  const int32_t count = layer->input_count;
  for (int32_t i = 1; i < count; ++i) inputs[i] = layer->inputs[i] < 0 ? LN_EMIT_NONE : layer->inputs[i];
  options.keep_num_dims = true;
  return ln_emit_op(e, LN_OP_FULLY_CONNECTED, &options, count, inputs, ln_emit_type(e, a));
}

int32_t ln_emit_reshape_to(ln_emit *e, int32_t a, int32_t shape) {
  if (!ready(e, a) || !ready(e, shape)) return -1;
  int32_t to = ln_emit_cast(e, shape, LN_INT32);
  if (ready(e, to)) to = plain_shape(e, to);
  const int32_t out = ln_emit_op(e, LN_OP_RESHAPE, NULL, 2, (const int32_t[]){a, to}, ln_emit_type(e, a));
  return ready(e, out) ? layer_on_all(e, a, out) : -1;
}

/* Where only one dimension is open, -1 says it as well and the shape is a constant. */
static bool rest_says(const ln_emit *e, int32_t rank, const ln_dim *dims, int32_t *values) {
  int32_t open = 0;
  for (int32_t i = 0; i < rank; ++i) {
    values[i] = dims[i].size;
    if (dims[i].size < 0 && dims[i].tensor >= 0 && dims[i].axis != LN_DIM_VALUE)
      values[i] = ln_emit_dim(e, dims[i].tensor, dims[i].axis);
    if (values[i] == 0) return false; /* with nothing in it, what is left cannot be told */
    open += values[i] < 0;
  }
  return open <= 1;
}

int32_t ln_emit_reshape(ln_emit *e, int32_t a, int32_t rank, const ln_dim *dims) {
  int32_t values[LN_MAX_RANK];
  if (!ready(e, a)) return -1;
  if (rank < 0 || rank > LN_MAX_RANK)
    return ln_emit_refuse(e, "a shape of %d dimensions, of %d that there are", rank, LN_MAX_RANK);
  const bool constant = rest_says(e, rank, dims, values);
  return ln_emit_reshape_to(e, a, constant ? ln_emit_vector(e, rank, values) : ln_emit_dims(e, rank, dims));
}

int32_t ln_emit_reshape_like(ln_emit *e, int32_t a, int32_t like) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(e, like);
  for (int32_t i = 0; i < rank; ++i) dims[i] = LN_DIM_OF(like, i);
  return ready(e, like) ? ln_emit_reshape(e, a, rank, dims) : -1;
}

int32_t ln_emit_squeeze(ln_emit *e, int32_t a, int32_t count, const int32_t *axes) {
  const int32_t rank = ln_emit_rank(e, a);
  bool gone[LN_MAX_RANK] = {false};
  ln_dim dims[LN_MAX_RANK];
  int32_t kept = 0;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t at = axis_of(e, a, axes[i], rank);
    if (at < 0) return -1;
    const int32_t size = ln_emit_dim(e, a, at);
    if (size >= 0 && size != 1) return ln_emit_wrong(e, "dimension %d is %d and cannot be dropped", at, size);
    gone[at] = true;
  }
  for (int32_t i = 0; i < rank; ++i) {
    if (!gone[i]) dims[kept++] = LN_DIM_OF(a, i);
  }
  return ln_emit_reshape(e, a, kept, dims);
}

int32_t ln_emit_expand(ln_emit *e, int32_t a, int32_t count, const int32_t *axes) {
  const int32_t rank = ln_emit_rank(e, a) + count;
  bool is_new[LN_MAX_RANK] = {false};
  ln_dim dims[LN_MAX_RANK];
  if (!ready(e, a)) return -1;
  if (rank > LN_MAX_RANK) return ln_emit_refuse(e, "a shape of %d dimensions, of %d that there are", rank, LN_MAX_RANK);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t at = axis_of(e, a, axes[i], rank);
    if (at < 0) return -1;
    if (is_new[at]) return ln_emit_wrong(e, "dimension %d is added twice", at);
    is_new[at] = true;
  }
  for (int32_t i = 0, from = 0; i < rank; ++i) dims[i] = is_new[i] ? LN_DIM(1) : LN_DIM_OF(a, from++);
  return ln_emit_reshape(e, a, rank, dims);
}

int32_t ln_emit_flatten(ln_emit *e, int32_t a, int32_t from, int32_t to) {
  const int32_t rank = ln_emit_rank(e, a);
  ln_dim dims[LN_MAX_RANK];
  if (!ready(e, a)) return -1;
  if (rank == 0) {
    const ln_dim one = LN_DIM(1);
    return ln_emit_reshape(e, a, 1, &one);
  }
  from = axis_of(e, a, from, rank);
  to = axis_of(e, a, to, rank);
  if (from < 0 || to < 0) return -1;
  if (from > to) return ln_emit_wrong(e, "dimensions %d to %d cannot be joined", from, to);
  int64_t product = 1;
  int32_t made = 0;
  for (int32_t i = from; i <= to && product >= 0; ++i) {
    const int32_t size = ln_emit_dim(e, a, i);
    product = size < 0 ? -1 : product * size;
    if (product > INT32_MAX) return ln_emit_refuse(e, "a dimension would be too large");
  }
  for (int32_t i = 0; i < from; ++i) dims[made++] = LN_DIM_OF(a, i);
  dims[made++] = product >= 0 ? LN_DIM((int32_t)product) : LN_DIM_REST;
  for (int32_t i = to + 1; i < rank; ++i) dims[made++] = LN_DIM_OF(a, i);
  return ln_emit_reshape(e, a, made, dims);
}

/* ---- order ---- */

int32_t ln_emit_transpose(ln_emit *e, int32_t a, const int32_t *order) {
  const int32_t rank = ln_emit_rank(e, a);
  bool same = true;
  if (!ready(e, a)) return -1;
  for (int32_t i = 0; i < rank; ++i) same = same && order[i] == i;
  if (same) return a;
  return ln_emit_binary(e, LN_OP_TRANSPOSE, a, ln_emit_vector(e, rank, order));
}

int32_t ln_emit_swap(ln_emit *e, int32_t a, int32_t axis, int32_t with) {
  const int32_t rank = ln_emit_rank(e, a), x = axis_of(e, a, axis, rank), y = axis_of(e, a, with, rank);
  int32_t order[LN_MAX_RANK];
  if (x < 0 || y < 0) return -1;
  for (int32_t i = 0; i < rank; ++i) order[i] = i == x ? y : i == y ? x : i;
  return ln_emit_transpose(e, a, order);
}

int32_t ln_emit_channels_last(ln_emit *e, int32_t a) {
  const int32_t rank = ln_emit_rank(e, a);
  int32_t order[LN_MAX_RANK];
  if (rank <= 2) return a;
  for (int32_t i = 0; i < rank; ++i) order[i] = i == 0 ? 0 : i == rank - 1 ? 1 : i + 1;
  return ln_emit_transpose(e, a, order);
}

int32_t ln_emit_channels_first(ln_emit *e, int32_t a) {
  const int32_t rank = ln_emit_rank(e, a);
  int32_t order[LN_MAX_RANK];
  if (rank <= 2) return a;
  for (int32_t i = 0; i < rank; ++i) order[i] = i == 0 ? 0 : i == 1 ? rank - 1 : i - 1;
  return ln_emit_transpose(e, a, order);
}

int32_t ln_emit_reverse(ln_emit *e, int32_t a, int32_t axis) {
  const int32_t at = axis_of(e, a, axis, ln_emit_rank(e, a));
  return at < 0 ? -1 : ln_emit_binary(e, LN_OP_REVERSE_V2, a, ln_emit_vector(e, 1, &at));
}

/* ---- repeating ---- */

int32_t ln_emit_broadcast_to(ln_emit *e, int32_t a, int32_t shape) {
  if (!ready(e, a) || !ready(e, shape)) return -1;
  return ln_emit_binary(e, LN_OP_BROADCAST_TO, a, ln_emit_cast(e, shape, LN_INT32));
}

int32_t ln_emit_broadcast(ln_emit *e, int32_t a, int32_t rank, const ln_dim *dims) {
  bool same = ln_emit_rank(e, a) == rank;
  if (!ready(e, a)) return -1;
  for (int32_t i = 0; i < rank && same; ++i) {
    const int32_t size = ln_emit_dim(e, a, i);
    same = size >= 0 && dims[i].size == size;
  }
  return same ? a : ln_emit_broadcast_to(e, a, ln_emit_dims(e, rank, dims));
}

int32_t ln_emit_tile(ln_emit *e, int32_t a, const int32_t *times) {
  const int32_t rank = ln_emit_rank(e, a);
  bool same = true;
  if (!ready(e, a)) return -1;
  for (int32_t i = 0; i < rank; ++i) same = same && times[i] == 1;
  return same ? a : ln_emit_binary(e, LN_OP_TILE, a, ln_emit_vector(e, rank, times));
}

/* ---- joining and parting ---- */

int32_t ln_emit_concat(ln_emit *e, int32_t axis, int32_t count, const int32_t *parts) {
  if (ln_emit_failed(e) || count < 1) return ln_emit_wrong(e, "nothing to concatenate");
  const int32_t at = axis_of(e, parts[0], axis, ln_emit_rank(e, parts[0]));
  if (count == 1 || at < 0) return at < 0 ? -1 : parts[0];
  const ln_concatenation_options options = {.axis = at};
  return ln_emit_op(e, LN_OP_CONCATENATION, &options, count, parts, ln_emit_type(e, parts[0]));
}

int32_t ln_emit_pack(ln_emit *e, int32_t axis, int32_t count, const int32_t *parts) {
  if (ln_emit_failed(e) || count < 1) return ln_emit_wrong(e, "nothing to pack");
  const int32_t at = axis_of(e, parts[0], axis, ln_emit_rank(e, parts[0]) + 1);
  const ln_pack_options options = {.values_count = count, .axis = at};
  return at < 0 ? -1 : ln_emit_op(e, LN_OP_PACK, &options, count, parts, ln_emit_type(e, parts[0]));
}

/* Several outputs of a's type. */
static bool many(ln_emit *e, int32_t code, const void *options, int32_t count, const int32_t *inputs, int32_t a,
                 int32_t output_count, int32_t *outputs) {
  ln_type *types = ln_alloc_array((size_t)output_count, sizeof *types);
  if (types == NULL) ln_import_no_memory(e->import);
  for (int32_t i = 0; types != NULL && i < output_count; ++i) types[i] = ln_emit_type(e, a);
  const bool good = types != NULL && ln_emit_ops(e, code, options, count, inputs, output_count, types, outputs);
  ln_free(types);
  return good;
}

bool ln_emit_unpack(ln_emit *e, int32_t a, int32_t axis, int32_t count, int32_t *parts) {
  const int32_t at = axis_of(e, a, axis, ln_emit_rank(e, a));
  const ln_unpack_options options = {.num = count, .axis = at};
  return at >= 0 && many(e, LN_OP_UNPACK, &options, 1, &a, a, count, parts);
}

bool ln_emit_split(ln_emit *e, int32_t a, int32_t axis, int32_t count, const int32_t *sizes, int32_t *parts) {
  const int32_t at = axis_of(e, a, axis, ln_emit_rank(e, a));
  bool even = true;
  if (at < 0) return false;
  if (count == 1) {
    parts[0] = a;
    return true;
  }
  for (int32_t i = 0; i < count; ++i) even = even && sizes[i] == sizes[0];
  const int32_t where = ln_emit_i32(e, at);
  if (even && (ln_emit_dim(e, a, at) < 0 || ln_emit_dim(e, a, at) == (int64_t)sizes[0] * count)) {
    const ln_split_options options = {.num_splits = count};
    return many(e, LN_OP_SPLIT, &options, 2, (const int32_t[]){where, a}, a, count, parts);
  }
  const ln_split_v_options options = {.num_splits = count};
  return many(e, LN_OP_SPLIT_V, &options, 3, (const int32_t[]){a, ln_emit_vector(e, count, sizes), where}, a, count,
              parts);
}

int32_t ln_emit_slice_all(ln_emit *e, int32_t a, const int32_t *begin, const int32_t *size) {
  const int32_t rank = ln_emit_rank(e, a);
  bool whole = true;
  if (!ready(e, a)) return -1;
  for (int32_t i = 0; i < rank; ++i) whole = whole && begin[i] == 0 && (size[i] < 0 || size[i] == ln_emit_dim(e, a, i));
  if (whole) return a;
  const int32_t inputs[3] = {a, ln_emit_vector(e, rank, begin), ln_emit_vector(e, rank, size)};
  return ln_emit_op(e, LN_OP_SLICE, NULL, 3, inputs, ln_emit_type(e, a));
}

int32_t ln_emit_slice(ln_emit *e, int32_t a, int32_t axis, int32_t from, int32_t to, int32_t step) {
  const int32_t rank = ln_emit_rank(e, a), at = axis_of(e, a, axis, rank);
  int32_t begin[LN_MAX_RANK] = {0}, end[LN_MAX_RANK] = {0}, strides[LN_MAX_RANK];
  if (at < 0) return -1;
  if (step == 0) return ln_emit_wrong(e, "a slice with steps of 0");
  if (from == 0 && step == 1 && (to == INT32_MAX || (to >= 0 && to == ln_emit_dim(e, a, at)))) return a;
  ln_strided_slice_options options = {.begin_mask = (int32_t)((1u << rank) - 1) & ~(1 << at),
                                      .end_mask = (int32_t)((1u << rank) - 1) & ~(1 << at)};
  for (int32_t i = 0; i < rank; ++i) strides[i] = 1;
  begin[at] = from;
  end[at] = to;
  strides[at] = step;
  if (to == (step > 0 ? INT32_MAX : INT32_MIN)) options.end_mask |= 1 << at, end[at] = 0;
  if (from == (step > 0 ? INT32_MIN : INT32_MAX)) options.begin_mask |= 1 << at, begin[at] = 0;
  const int32_t inputs[4] = {a, ln_emit_vector(e, rank, begin), ln_emit_vector(e, rank, end),
                             ln_emit_vector(e, rank, strides)};
  return ln_emit_op(e, LN_OP_STRIDED_SLICE, &options, 4, inputs, ln_emit_type(e, a));
}

int32_t ln_emit_pick(ln_emit *e, int32_t a, int32_t axis, int32_t index) {
  const int32_t rank = ln_emit_rank(e, a), at = axis_of(e, a, axis, rank);
  int32_t begin[LN_MAX_RANK] = {0}, end[LN_MAX_RANK] = {0}, strides[LN_MAX_RANK];
  if (at < 0) return -1;
  if (index == INT32_MAX) return ln_emit_wrong(e, "element %d of an axis", index);
  const int32_t others = (int32_t)((1u << rank) - 1) & ~(1 << at);
  const ln_strided_slice_options options = {.begin_mask = others, .end_mask = others, .shrink_axis_mask = 1 << at};
  for (int32_t i = 0; i < rank; ++i) strides[i] = 1;
  begin[at] = index;
  end[at] = index + 1;
  const int32_t inputs[4] = {a, ln_emit_vector(e, rank, begin), ln_emit_vector(e, rank, end),
                             ln_emit_vector(e, rank, strides)};
  return ln_emit_op(e, LN_OP_STRIDED_SLICE, &options, 4, inputs, ln_emit_type(e, a));
}

int32_t ln_emit_gather(ln_emit *e, int32_t a, int32_t indices, int32_t axis, int32_t batch_dims) {
  const int32_t at = axis_of(e, a, axis, ln_emit_rank(e, a));
  const ln_gather_options options = {.axis = at, .batch_dims = batch_dims};
  return at < 0 ? -1 : ln_emit_op(e, LN_OP_GATHER, &options, 2, (const int32_t[]){a, indices}, ln_emit_type(e, a));
}

/* ---- padding ---- */

/* Cuts what negative pads take away. */
static int32_t crop(ln_emit *e, int32_t a, const int32_t *before, const int32_t *after) {
  const int32_t rank = ln_emit_rank(e, a);
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t from = before[i] < -INT32_MAX ? INT32_MAX
                         : before[i] < 0        ? -before[i]
                                                : 0,
                  to = after[i] < 0 ? after[i] : INT32_MAX;
    if (from != 0 || to != INT32_MAX) a = ln_emit_slice(e, a, i, from, to, 1);
  }
  return a;
}

int32_t ln_emit_pad(ln_emit *e, int32_t a, const int32_t *before, const int32_t *after, double value) {
  const int32_t rank = ln_emit_rank(e, a);
  int32_t pads[2 * LN_MAX_RANK];
  bool none = true;
  if (!ready(e, a)) return -1;
  a = crop(e, a, before, after);
  for (int32_t i = 0; i < rank; ++i) {
    pads[2 * i] = before[i] > 0 ? before[i] : 0;
    pads[2 * i + 1] = after[i] > 0 ? after[i] : 0;
    none = none && pads[2 * i] == 0 && pads[2 * i + 1] == 0;
  }
  if (none) return a;
  const int32_t by = ln_emit_const(e, LN_INT32, 2, (const int32_t[]){rank, 2}, pads);
  if (value == 0) return ln_emit_binary(e, LN_OP_PAD, a, by);
  const int32_t inputs[3] = {a, by, ready(e, a) ? ln_emit_scalar(e, ln_emit_type(e, a), value) : -1};
  return ln_emit_op(e, LN_OP_PADV2, NULL, 3, inputs, ln_emit_type(e, a));
}

/* ---- reducing ---- */

int32_t ln_emit_reduce(ln_emit *e, int32_t code, int32_t a, int32_t count, const int32_t *axes, bool keep) {
  const int32_t rank = ln_emit_rank(e, a);
  const ln_reducer_options options = {.keep_dims = keep};
  int32_t list[LN_MAX_RANK];
  if (!ready(e, a)) return -1;
  if (count > LN_MAX_RANK) return ln_emit_wrong(e, "it reduces over %d axes of %d", count, rank);
  for (int32_t i = 0; i < count; ++i) {
    list[i] = axis_of(e, a, axes[i], rank);
    if (list[i] < 0) return -1;
  }
  if (count == 0) {
    for (count = 0; count < rank; ++count) list[count] = count;
  }
  if (rank == 0) return a;
  return ln_emit_op(e, code, &options, 2, (const int32_t[]){a, ln_emit_vector(e, count, list)}, ln_emit_type(e, a));
}

int32_t ln_emit_arg(ln_emit *e, int32_t code, int32_t a, int32_t axis, bool keep, ln_type type) {
  const int32_t at = axis_of(e, a, axis, ln_emit_rank(e, a));
  if (at < 0) return -1;
  const ln_arg_max_options options = {.output_type = (int8_t)type}; /* ArgMinOptions is the same */
  const int32_t out = ln_emit_op(e, code, &options, 2, (const int32_t[]){a, ln_emit_i32(e, at)}, type);
  return keep ? ln_emit_expand(e, out, 1, &at) : out;
}

int32_t ln_emit_cumsum(ln_emit *e, int32_t a, int32_t axis, bool exclusive, bool reverse) {
  const int32_t at = axis_of(e, a, axis, ln_emit_rank(e, a));
  const ln_cumsum_options options = {.exclusive = exclusive, .reverse = reverse};
  return at < 0
             ? -1
             : ln_emit_op(e, LN_OP_CUMSUM, &options, 2, (const int32_t[]){a, ln_emit_i32(e, at)}, ln_emit_type(e, a));
}

int32_t ln_emit_range(ln_emit *e, int32_t from, int32_t to, int32_t step) {
  return ln_emit_op(e, LN_OP_RANGE, NULL, 3, (const int32_t[]){from, to, step}, ln_emit_type(e, from));
}

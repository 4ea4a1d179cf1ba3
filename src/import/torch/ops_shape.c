/* Operators that make, cut, join and turn tensors; what views write back. */
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

static int32_t self(torch_node *n) { return ln_torch_tensor(n, "self"); }

int32_t ln_torch_put_same(torch_node *n, int32_t parent, int32_t part) {
  (void)n, (void)parent;
  return part;
}

int32_t ln_torch_put_reshape(torch_node *n, int32_t parent, int32_t part) {
  return ln_emit_reshape_like(n->e, part, parent);
}

/* ---- the same numbers in another shape ---- */

int32_t ln_torch_same(torch_node *n) { return ln_torch_tensor(n, ln_torch_has(n, "self") ? "self" : "input"); }

/* Random parts of training vanish. */
int32_t ln_torch_dropout(torch_node *n) {
  if (ln_torch_flag(n, "train", false) && ln_torch_number(n, "p", 0) > 0) {
    return ln_emit_refuse(n->e, "it is random; call model.eval() before export");
  }
  return ln_torch_same(n);
}

int32_t ln_torch_view(torch_node *n) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t a = self(n);
  if (strcmp(n->overload, "dtype") == 0) {
    const ln_bitcast_options options = {0};
    return ln_emit_op(n->e, LN_OP_BITCAST, &options, 1, &a, ln_torch_dtype(n, "dtype", LN_FLOAT32));
  }
  const int32_t rank = ln_torch_dims(n, ln_torch_has(n, "size") ? "size" : "shape", LN_MAX_RANK, dims);
  return ln_emit_failed(n->e) ? -1 : ln_emit_reshape(n->e, a, rank < 0 ? 0 : rank, dims);
}

int32_t ln_torch_view_as(torch_node *n) { return ln_emit_reshape_like(n->e, self(n), ln_torch_tensor(n, "other")); }

int32_t ln_torch_flatten(torch_node *n) {
  const int32_t from = (int32_t)ln_torch_int(n, "start_dim", 0), to = (int32_t)ln_torch_int(n, "end_dim", -1);
  const int32_t a = self(n);
  return ln_emit_failed(n->e) ? -1 : ln_emit_flatten(n->e, a, from, to);
}

int32_t ln_torch_unflatten(torch_node *n) {
  ln_dim dims[LN_MAX_RANK], all[2 * LN_MAX_RANK];
  const int32_t a = self(n), rank = ln_emit_rank(n->e, a);
  const int32_t count = ln_torch_dims(n, "sizes", LN_MAX_RANK, dims);
  if (ln_emit_failed(n->e)) return -1;
  const int32_t axis = ln_torch_axis(n, ln_torch_int(n, "dim", 0), rank);
  if (axis < 0 || count < 1) return -1;
  int32_t made = 0;
  for (int32_t i = 0; i < rank; ++i) {
    if (i != axis) all[made++] = LN_DIM_OF(a, i);
    for (int32_t j = 0; i == axis && j < count; ++j) all[made++] = dims[j];
  }
  return ln_emit_reshape(n->e, a, made, all);
}

int32_t ln_torch_squeeze(torch_node *n) {
  int32_t axes[LN_MAX_RANK], kept = 0;
  const int32_t a = self(n), rank = ln_emit_rank(n->e, a);
  if (ln_emit_failed(n->e) || rank == 0) return a;
  const int32_t count = ln_torch_axes(n, "dim", rank, axes);
  for (int32_t i = 0; i < count; ++i) {
    if (ln_emit_dim(n->e, a, axes[i]) == 1) axes[kept++] = axes[i]; /* others stay */
  }
  return kept == 0 ? a : ln_emit_squeeze(n->e, a, kept, axes);
}

int32_t ln_torch_unsqueeze(torch_node *n) {
  const int32_t a = self(n), axis = (int32_t)ln_torch_int(n, "dim", 0);
  return ln_emit_failed(n->e) ? -1 : ln_emit_expand(n->e, a, 1, &axis);
}

/* ---- order ---- */

int32_t ln_torch_permute(torch_node *n) {
  int32_t order[LN_MAX_RANK];
  const int32_t a = self(n), rank = ln_emit_rank(n->e, a);
  if (ln_torch_axes(n, "dims", rank, order) != rank || ln_emit_failed(n->e))
    return ln_emit_wrong(n->e, "no order of axes");
  return ln_emit_transpose(n->e, a, order);
}

int32_t ln_torch_put_permute(torch_node *n, int32_t parent, int32_t part) {
  int32_t order[LN_MAX_RANK], back[LN_MAX_RANK] = {0};
  const int32_t rank = ln_emit_rank(n->e, parent);
  if (ln_torch_axes(n, "dims", rank, order) != rank) return ln_emit_wrong(n->e, "no order of axes");
  for (int32_t i = 0; i < rank; ++i) back[order[i]] = i;
  return ln_emit_transpose(n->e, part, back);
}

/* Two axes changed: dim0 and dim1, axis0 and axis1, or (variant 1) the last two. */
static int32_t swapped(torch_node *n, int32_t a) {
  const char *first = ln_torch_has(n, "axis0") ? "axis0" : "dim0",
             *second = ln_torch_has(n, "axis1") ? "axis1" : "dim1";
  const int32_t rank = ln_emit_rank(n->e, a);
  if (ln_emit_failed(n->e) || rank == 0 || ((n->variant & 1) != 0 && rank < 2)) return a;
  if ((n->variant & 1) != 0) return ln_emit_swap(n->e, a, -1, -2);
  return ln_emit_swap(n->e, a, (int32_t)ln_torch_int(n, first, 0), (int32_t)ln_torch_int(n, second, 0));
}

int32_t ln_torch_transpose(torch_node *n) { return swapped(n, self(n)); }

int32_t ln_torch_put_transpose(torch_node *n, int32_t parent, int32_t part) {
  (void)parent;
  return swapped(n, part);
}

int32_t ln_torch_reverse_axes(torch_node *n) {
  int32_t order[LN_MAX_RANK];
  const int32_t a = self(n), rank = ln_emit_rank(n->e, a);
  for (int32_t i = 0; i < rank; ++i) order[i] = rank - 1 - i;
  return ln_emit_failed(n->e) ? -1 : ln_emit_transpose(n->e, a, order);
}

int32_t ln_torch_movedim(torch_node *n) {
  int32_t from[LN_MAX_RANK], to[LN_MAX_RANK], order[LN_MAX_RANK];
  bool used[LN_MAX_RANK] = {false};
  const int32_t a = self(n), rank = ln_emit_rank(n->e, a);
  const int32_t count = ln_torch_axes(n, "source", rank, from);
  if (ln_torch_axes(n, "destination", rank, to) != count || count < 0) return ln_emit_wrong(n->e, "axes do not pair");
  for (int32_t i = 0; i < rank; ++i) order[i] = -1;
  for (int32_t i = 0; i < count; ++i) {
    order[to[i]] = from[i];
    used[from[i]] = true;
  }
  for (int32_t i = 0, next = 0; i < rank; ++i) {
    if (order[i] >= 0) continue;
    while (next < rank - 1 && used[next]) ++next;
    order[i] = next;
    used[next] = true;
  }
  return ln_emit_failed(n->e) ? -1 : ln_emit_transpose(n->e, a, order);
}

/* ---- repeating ---- */

static int32_t broadcast_to(torch_node *n, int32_t a, int32_t count, ln_dim *dims) {
  const int32_t rank = ln_emit_rank(n->e, a);
  if (ln_emit_failed(n->e) || count < rank) return ln_emit_wrong(n->e, "it is expanded to fewer dimensions");
  for (int32_t i = 0; i < count; ++i) {
    const bool keeps = dims[i].size < 0 && dims[i].tensor < 0;
    if (keeps && i >= count - rank) dims[i] = LN_DIM_OF(a, i - (count - rank));
  }
  return ln_emit_broadcast(n->e, a, count, dims);
}

int32_t ln_torch_expand(torch_node *n) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t a = self(n), count = ln_torch_dims(n, "size", LN_MAX_RANK, dims);
  return broadcast_to(n, a, count < 0 ? 0 : count, dims);
}

int32_t ln_torch_expand_as(torch_node *n) {
  return ln_emit_broadcast_to(n->e, self(n), ln_emit_shape_of(n->e, ln_torch_tensor(n, "other")));
}

int32_t ln_torch_broadcast_tensors(torch_node *n) {
  int32_t parts[TORCH_MOST_OUTPUTS], shape = -1;
  const int32_t count = ln_torch_tensors(n, "tensors", TORCH_MOST_OUTPUTS, parts);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t own = ln_emit_shape_of(n->e, parts[i]);
    shape = i == 0 ? own : ln_emit_binary(n->e, LN_OP_BROADCAST_ARGS, shape, own);
  }
  for (int32_t i = 0; i < count; ++i) n->outputs[i] = ln_emit_broadcast_to(n->e, parts[i], shape);
  n->output_count = count;
  return count > 0 ? n->outputs[0] : -1;
}

/* With leading dimensions of 1, as many as `rank` has more. */
static int32_t with_rank(torch_node *n, int32_t a, int32_t rank) {
  int32_t axes[LN_MAX_RANK];
  const int32_t more = rank - ln_emit_rank(n->e, a);
  for (int32_t i = 0; i < more; ++i) axes[i] = i;
  return more > 0 ? ln_emit_expand(n->e, a, more, axes) : a;
}

int32_t ln_torch_repeat(torch_node *n) {
  ln_dim dims[LN_MAX_RANK], all[LN_MAX_RANK];
  int32_t a = self(n);
  int32_t count = ln_torch_dims(n, ln_torch_has(n, "repeats") ? "repeats" : "dims", LN_MAX_RANK, dims);
  if (ln_emit_failed(n->e) || count < 0) return -1;
  const int32_t rank = ln_emit_rank(n->e, a) > count ? ln_emit_rank(n->e, a) : count;
  for (int32_t i = 0; i < rank; ++i) all[i] = i < rank - count ? LN_DIM(1) : dims[i - (rank - count)];
  a = with_rank(n, a, rank);
  return ln_emit_binary(n->e, LN_OP_TILE, a, ln_emit_dims(n->e, rank, all));
}

int32_t ln_torch_repeat_interleave(torch_node *n) {
  int32_t times[LN_MAX_RANK + 1], a = self(n);
  const int64_t repeats = ln_torch_int(n, "repeats", 1);
  if (ln_emit_failed(n->e)) return -1;
  if (!ln_torch_has(n, "dim")) a = ln_emit_flatten(n->e, a, 0, -1);
  const int32_t rank = ln_emit_rank(n->e, a), axis = ln_torch_axis(n, ln_torch_int(n, "dim", 0), rank),
                after = axis + 1;
  if (axis < 0 || rank == LN_MAX_RANK || repeats < 0 || repeats > INT32_MAX) return ln_emit_wrong(n->e, "bad repeats");
  for (int32_t i = 0; i <= rank; ++i) times[i] = i == after ? (int32_t)repeats : 1;
  const int32_t tiled = ln_emit_tile(n->e, ln_emit_expand(n->e, a, 1, &after), times);
  return ln_emit_flatten(n->e, tiled, axis, after);
}

/* ---- joining ---- */

static bool is_nothing(const torch_node *n, int32_t a) {
  return ln_emit_rank(n->e, a) == 1 && ln_emit_dim(n->e, a, 0) == 0;
}

/* Tensors in one type; empty ones of one dimension are left out. */
static int32_t joinable(torch_node *n, int32_t *parts) {
  int32_t count = ln_torch_tensors(n, "tensors", TORCH_MOST_OUTPUTS, parts), kept = 0;
  ln_type type = LN_BOOL;
  for (int32_t i = 0; i < count && !ln_emit_failed(n->e); ++i)
    type = ln_torch_promote(type, ln_emit_type(n->e, parts[i]));
  for (int32_t i = 0; i < count && !ln_emit_failed(n->e); ++i) {
    if (count > 1 && is_nothing(n, parts[i])) continue;
    parts[kept++] = ln_emit_cast(n->e, parts[i], type);
  }
  return ln_emit_failed(n->e) ? -1 : kept;
}

int32_t ln_torch_cat(torch_node *n) {
  int32_t parts[TORCH_MOST_OUTPUTS];
  const int32_t count = joinable(n, parts);
  return count < 1 ? ln_emit_wrong(n->e, "nothing to join")
                   : ln_emit_concat(n->e, (int32_t)ln_torch_int(n, "dim", 0), count, parts);
}

int32_t ln_torch_stack(torch_node *n) {
  int32_t parts[TORCH_MOST_OUTPUTS];
  const int32_t count = joinable(n, parts);
  return count < 1 ? ln_emit_wrong(n->e, "nothing to stack")
                   : ln_emit_pack(n->e, (int32_t)ln_torch_int(n, "dim", 0), count, parts);
}

/* ---- cutting ---- */

/* [from, to) of an axis by a step; sizes may be values of the run. */
static int32_t slice(torch_node *n, int32_t a, int32_t axis, ln_dim from, ln_dim to, int32_t step) {
  ln_dim begin[LN_MAX_RANK], end[LN_MAX_RANK];
  int32_t steps[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(n->e, a);
  if (ln_emit_failed(n->e) || axis < 0) return -1;
  if (from.axis != LN_DIM_VALUE && to.axis != LN_DIM_VALUE) {
    return ln_emit_slice(n->e, a, axis, from.size, to.size, step);
  }
  for (int32_t i = 0; i < rank; ++i) {
    begin[i] = i == axis ? from : LN_DIM(0);
    end[i] = i == axis ? to : LN_DIM(0);
    steps[i] = i == axis ? step : 1;
  }
  const bool whole = to.axis != LN_DIM_VALUE && to.size == INT32_MAX;
  const int32_t others = (int32_t)((1u << rank) - 1) & ~(1 << axis);
  const ln_strided_slice_options options = {.begin_mask = others, .end_mask = whole ? others | 1 << axis : others};
  const int32_t inputs[] = {a, ln_emit_dims(n->e, rank, begin), ln_emit_dims(n->e, rank, end),
                            ln_emit_vector(n->e, rank, steps)};
  return ln_emit_op(n->e, LN_OP_STRIDED_SLICE, &options, 4, inputs, ln_emit_type(n->e, a));
}

static ln_dim place(const torch_node *n, const char *name, int32_t otherwise) {
  ln_dim dim = LN_DIM(otherwise);
  ln_torch_dims(n, name, 1, &dim);
  return dim;
}

static int32_t axis_of(torch_node *n, int32_t a) {
  return ln_emit_failed(n->e) ? -1 : ln_torch_axis(n, ln_torch_int(n, "dim", 0), ln_emit_rank(n->e, a));
}

int32_t ln_torch_slice(torch_node *n) {
  const int32_t a = self(n);
  return slice(n, a, axis_of(n, a), place(n, "start", 0), place(n, "end", INT32_MAX),
               (int32_t)ln_torch_int(n, "step", 1));
}

/* Elements of an axis by constant places, -1 for what is kept of `old`. */
static int32_t merged(torch_node *n, int32_t old, int32_t part, int32_t axis, int32_t from, int32_t to, int32_t step) {
  const int32_t size = ln_emit_dim(n->e, old, axis), rank = ln_emit_rank(n->e, old);
  if (size < 0 || size > 1 << 24) return ln_emit_refuse(n->e, "steps are written to an open dimension");
  ln_arena *arena = ln_emit_arena(n->e);
  int32_t *source = ln_arena_array(arena, (size_t)size + 1, sizeof *source), dims[LN_MAX_RANK];
  uint8_t *mask = ln_arena_alloc(arena, (size_t)size + 1);
  if (source == NULL || mask == NULL) return ln_import_no_memory(n->e->import);
  if (from < 0) from += size;
  if (to < 0) to += size;
  for (int32_t i = from < 0 ? 0 : from, k = 0; i < to && i < size; i += step, ++k) {
    source[i] = k;
    mask[i] = 1;
  }
  for (int32_t i = 0; i < rank; ++i) dims[i] = i == axis ? size : 1;
  const int32_t spread = ln_emit_gather(n->e, part, ln_emit_vector(n->e, size, source), axis, 0);
  return ln_emit_select(n->e, ln_emit_const(n->e, LN_BOOL, rank, dims, mask), spread, old);
}

static int32_t replace(torch_node *n, int32_t old, int32_t part, int32_t axis, ln_dim from, ln_dim to, int32_t step) {
  int32_t parts[3], count = 0;
  if (ln_emit_failed(n->e) || axis < 0) return -1;
  part = ln_emit_cast(n->e, part, ln_emit_type(n->e, old));
  const bool fixed = from.axis != LN_DIM_VALUE && to.axis != LN_DIM_VALUE;
  if (step != 1) {
    return fixed && step > 0 ? merged(n, old, part, axis, from.size, to.size, step)
                             : ln_emit_refuse(n->e, "steps that are known in the run are written");
  }
  const int32_t size = ln_emit_dim(n->e, old, axis);
  if (fixed && size >= 0) {
    if (from.size < 0) from.size = from.size + size < 0 ? 0 : from.size + size;
    if (to.size < 0) to.size += size;
    if (to.size > size) to.size = size;
  }
  const bool all = fixed && (to.size == INT32_MAX || to.size == size);
  if (!fixed || from.size != 0) parts[count++] = slice(n, old, axis, LN_DIM(0), from, 1);
  parts[count++] = part;
  if (!all) parts[count++] = slice(n, old, axis, to, LN_DIM(INT32_MAX), 1);
  return ln_emit_concat(n->e, axis, count, parts);
}

int32_t ln_torch_put_slice(torch_node *n, int32_t parent, int32_t part) {
  return replace(n, parent, part, axis_of(n, parent), place(n, "start", 0), place(n, "end", INT32_MAX),
                 (int32_t)ln_torch_int(n, "step", 1));
}

int32_t ln_torch_slice_scatter(torch_node *n) { return ln_torch_put_slice(n, self(n), ln_torch_tensor(n, "src")); }

int32_t ln_torch_select(torch_node *n) {
  const int32_t a = self(n), axis = axis_of(n, a);
  const ln_dim index = place(n, "index", 0);
  if (axis < 0 || ln_emit_failed(n->e)) return -1;
  if (index.axis == LN_DIM_VALUE) {
    const int32_t at = ln_emit_reshape(n->e, ln_emit_cast(n->e, index.tensor, LN_INT32), 0, NULL);
    return ln_emit_gather(n->e, a, at, axis, 0);
  }
  const int32_t size = ln_emit_dim(n->e, a, axis);
  return ln_emit_pick(n->e, a, axis, index.size < 0 && size > 0 ? index.size + size : index.size);
}

int32_t ln_torch_put_select(torch_node *n, int32_t parent, int32_t part) {
  const int32_t axis = axis_of(n, parent);
  const ln_dim from = place(n, "index", 0);
  ln_dim to = LN_DIM(from.size == -1 ? INT32_MAX : from.size + 1);
  if (axis < 0) return -1;
  if (from.axis == LN_DIM_VALUE) {
    to = LN_DIM_IS(ln_emit_add_number(n->e, ln_emit_cast(n->e, from.tensor, LN_INT32), 1));
  }
  return replace(n, parent, ln_emit_expand(n->e, part, 1, &axis), axis, from, to, 1);
}

int32_t ln_torch_select_scatter(torch_node *n) { return ln_torch_put_select(n, self(n), ln_torch_tensor(n, "src")); }

int32_t ln_torch_narrow(torch_node *n) {
  const int32_t a = self(n), axis = axis_of(n, a);
  const int64_t from = ln_torch_int(n, "start", 0), length = ln_torch_int(n, "length", 0);
  if (from < INT32_MIN / 2 || from > INT32_MAX || length < 0 || length > INT32_MAX - from)
    return ln_emit_wrong(n->e, "bad part");
  const int32_t to = (int32_t)(from + length);
  return slice(n, a, axis, LN_DIM((int32_t)from), LN_DIM(from < 0 && to == 0 ? INT32_MAX : to), 1);
}

int32_t ln_torch_put_narrow(torch_node *n, int32_t parent, int32_t part) {
  const int64_t from = ln_torch_int(n, "start", 0), length = ln_torch_int(n, "length", 0);
  if (from < INT32_MIN / 2 || from > INT32_MAX || length < 0 || length > INT32_MAX - from)
    return ln_emit_wrong(n->e, "bad part");
  const int32_t to = (int32_t)(from + length);
  return replace(n, parent, part, axis_of(n, parent), LN_DIM((int32_t)from),
                 LN_DIM(from < 0 && to == 0 ? INT32_MAX : to), 1);
}

/* ---- parts ---- */

static int32_t parts_of(torch_node *n, int32_t a, int32_t axis, int32_t count, const int32_t *sizes) {
  if (count < 1 || count > TORCH_MOST_OUTPUTS) return ln_emit_refuse(n->e, "it gives %d parts", count);
  n->output_count = count;
  return ln_emit_split(n->e, a, axis, count, sizes, n->outputs) ? n->outputs[0] : -1;
}

/* Sizes of the parts of an axis of `size`: of a list, of equal ones, or of a number of them. */
static int32_t sizes_of(torch_node *n, int32_t size, int32_t *sizes) {
  int64_t list[TORCH_MOST_OUTPUTS];
  const char *name = ln_torch_has(n, "split_sizes") ? "split_sizes" : "split_size";
  int32_t count = ln_torch_ints(n, ln_torch_has(n, name) ? name : "sections", TORCH_MOST_OUTPUTS, list);
  const bool chunks = ln_torch_has(n, "chunks");
  if (chunks) count = ln_torch_ints(n, "chunks", 1, list);
  if (count < 0 || ln_emit_failed(n->e)) return ln_emit_wrong(n->e, "it does not say how to cut");
  if (count > 1 || cJSON_IsArray(ln_torch_arg(n, name))) {
    for (int32_t i = 0; i < count; ++i) sizes[i] = (int32_t)list[i];
    return count;
  }
  if (size < 0 || list[0] < 1) return ln_emit_refuse(n->e, "an open dimension is cut into parts of one size");
  const bool sections = ln_torch_has(n, "sections");
  const int64_t each = chunks ? (size + list[0] - 1) / list[0] : list[0];
  count = sections ? (int32_t)list[0] : each > 0 ? (int32_t)((size + each - 1) / each) : 1;
  if (count < 1) count = 1;
  if (count > TORCH_MOST_OUTPUTS) return ln_emit_refuse(n->e, "it gives %d parts", count);
  for (int32_t i = 0; i < count; ++i) {
    if (sections) sizes[i] = size / count + (i < size % count);
    else sizes[i] = i + 1 < count ? (int32_t)each : (int32_t)(size - each * (count - 1));
  }
  return count;
}

int32_t ln_torch_split(torch_node *n) {
  int32_t sizes[TORCH_MOST_OUTPUTS];
  const int32_t a = self(n), axis = axis_of(n, a);
  if (axis < 0) return -1;
  const int32_t count = sizes_of(n, ln_emit_dim(n->e, a, axis), sizes);
  return count < 0 ? -1 : parts_of(n, a, axis, count, sizes);
}

int32_t ln_torch_put_split(torch_node *n, int32_t parent, int32_t part) {
  int32_t sizes[TORCH_MOST_OUTPUTS];
  int64_t from = 0;
  const int32_t axis = axis_of(n, parent);
  if (axis < 0) return -1;
  const int32_t count = sizes_of(n, ln_emit_dim(n->e, parent, axis), sizes);
  if (n->shown >= count) return -1;
  for (int32_t i = 0; i < n->shown; ++i) from += sizes[i];
  const int64_t to = from + sizes[n->shown];
  if (from < 0 || to > INT32_MAX) return ln_emit_wrong(n->e, "its parts are larger than the whole");
  return replace(n, parent, part, axis, LN_DIM((int32_t)from), LN_DIM((int32_t)to), 1);
}

int32_t ln_torch_unbind(torch_node *n) {
  const int32_t a = self(n), axis = axis_of(n, a);
  const int32_t count = axis < 0 ? -1 : ln_emit_dim(n->e, a, axis);
  if (count < 1 || count > TORCH_MOST_OUTPUTS) return ln_emit_refuse(n->e, "a dimension of %d is taken apart", count);
  n->output_count = count;
  return ln_emit_unpack(n->e, a, axis, count, n->outputs) ? n->outputs[0] : -1;
}

int32_t ln_torch_put_unbind(torch_node *n, int32_t parent, int32_t part) {
  const int32_t axis = axis_of(n, parent);
  if (axis < 0) return -1;
  return replace(n, parent, ln_emit_expand(n->e, part, 1, &axis), axis, LN_DIM(n->shown), LN_DIM(n->shown + 1), 1);
}

/* ---- types ---- */

int32_t ln_torch_to(torch_node *n) {
  const int32_t a = ln_torch_same(n);
  ln_type type = ln_emit_type(n->e, a);
  if (ln_emit_failed(n->e)) return -1;
  if (ln_torch_has(n, "other")) type = ln_emit_type(n->e, ln_torch_tensor(n, "other"));
  return ln_emit_cast(n->e, a, ln_torch_dtype(n, "dtype", type));
}

/* The source's numbers in self's shape and type. */
int32_t ln_torch_copy(torch_node *n) {
  const int32_t a = self(n), from = ln_torch_tensor(n, "src");
  if (ln_emit_failed(n->e)) return -1;
  const int32_t same = ln_emit_cast(n->e, from, ln_emit_type(n->e, a));
  return ln_emit_same_shape(n->e, a, same) ? same : ln_emit_broadcast_to(n->e, same, ln_emit_shape_of(n->e, a));
}

/* ---- reversing, shifting ---- */

int32_t ln_torch_flip(torch_node *n) {
  int32_t axes[LN_MAX_RANK], a = self(n);
  const int32_t count = ln_torch_axes(n, "dims", ln_emit_rank(n->e, a), axes);
  for (int32_t i = 0; i < count; ++i) a = ln_emit_reverse(n->e, a, axes[i]);
  return a;
}

static int32_t rolled(torch_node *n, int32_t a, int32_t axis, int64_t by) {
  const int32_t size = ln_emit_dim(n->e, a, axis);
  if (size == 0) return a;
  if (size > 0) by %= size;
  if (size > 0 && by < 0) by += size;
  if (by == 0) return a;
  const int32_t at = (int32_t)-by;
  const int32_t parts[] = {ln_emit_slice(n->e, a, axis, at, INT32_MAX, 1), ln_emit_slice(n->e, a, axis, 0, at, 1)};
  return ln_emit_concat(n->e, axis, 2, parts);
}

int32_t ln_torch_roll(torch_node *n) {
  int64_t shifts[LN_MAX_RANK];
  int32_t axes[LN_MAX_RANK], a = self(n);
  const int32_t whole = a, count = ln_torch_ints(n, "shifts", LN_MAX_RANK, shifts);
  if (ln_emit_failed(n->e) || count < 1) return -1;
  const cJSON *dims = ln_torch_arg(n, "dims");
  if (cJSON_GetArraySize(dims) == 0) {
    return ln_emit_reshape_like(n->e, rolled(n, ln_emit_flatten(n->e, a, 0, -1), 0, shifts[0]), whole);
  }
  if (ln_torch_axes(n, "dims", ln_emit_rank(n->e, a), axes) != count) return ln_emit_wrong(n->e, "axes do not pair");
  for (int32_t i = 0; i < count; ++i) a = rolled(n, a, axes[i], shifts[i]);
  return a;
}

/* ---- blocks of pixels ---- */

/* [n, c r r, h, w] to [n, c, h r, w r], and back. */
int32_t ln_torch_pixel_shuffle(torch_node *n) {
  static const int32_t order[] = {0, 1, 4, 2, 5, 3};
  const int32_t a = self(n), r = (int32_t)ln_torch_int(n, "upscale_factor", 1);
  if (ln_emit_failed(n->e)) return -1;
  const int32_t channels = ln_emit_dim(n->e, a, 1), h = ln_emit_dim(n->e, a, 2), w = ln_emit_dim(n->e, a, 3);
  if (ln_emit_rank(n->e, a) != 4 || r < 1 || r > 1024 || channels < 0 || h < 0 || w < 0 || h > INT32_MAX / r ||
      w > INT32_MAX / r)
    return ln_emit_refuse(n->e, "it takes a fixed shape of four dimensions");
  const ln_dim apart[] = {LN_DIM_OF(a, 0), LN_DIM(channels / (r * r)), LN_DIM(r), LN_DIM(r), LN_DIM(h), LN_DIM(w)};
  const ln_dim whole[] = {LN_DIM_OF(a, 0), LN_DIM(channels / (r * r)), LN_DIM(h * r), LN_DIM(w * r)};
  return ln_emit_reshape(n->e, ln_emit_transpose(n->e, ln_emit_reshape(n->e, a, 6, apart), order), 4, whole);
}

int32_t ln_torch_pixel_unshuffle(torch_node *n) {
  static const int32_t order[] = {0, 1, 3, 5, 2, 4};
  const int32_t a = self(n), r = (int32_t)ln_torch_int(n, "downscale_factor", 1);
  if (ln_emit_failed(n->e)) return -1;
  const int32_t channels = ln_emit_dim(n->e, a, 1), h = ln_emit_dim(n->e, a, 2), w = ln_emit_dim(n->e, a, 3);
  if (ln_emit_rank(n->e, a) != 4 || r < 1 || r > 1024 || channels < 0 || h < 0 || w < 0 || channels > INT32_MAX / r / r)
    return ln_emit_refuse(n->e, "it takes a fixed shape of four dimensions");
  const ln_dim apart[] = {LN_DIM_OF(a, 0), LN_DIM(channels), LN_DIM(h / r), LN_DIM(r), LN_DIM(w / r), LN_DIM(r)};
  const ln_dim whole[] = {LN_DIM_OF(a, 0), LN_DIM(channels * r * r), LN_DIM(h / r), LN_DIM(w / r)};
  return ln_emit_reshape(n->e, ln_emit_transpose(n->e, ln_emit_reshape(n->e, a, 6, apart), order), 4, whole);
}

/* Groups of channels and places in a group change. */
int32_t ln_torch_channel_shuffle(torch_node *n) {
  const int32_t a = self(n), groups = (int32_t)ln_torch_int(n, "groups", 1);
  const int32_t rank = ln_emit_rank(n->e, a), channels = ln_emit_dim(n->e, a, 1);
  ln_dim dims[LN_MAX_RANK + 1];
  if (ln_emit_failed(n->e) || rank < 2 || rank == LN_MAX_RANK || groups < 1 || channels < 0 || channels % groups != 0)
    return ln_emit_wrong(n->e, "channels do not fall into groups");
  for (int32_t i = 0; i <= rank; ++i) dims[i] = LN_DIM_OF(a, i < 1 ? i : i - 1);
  dims[1] = LN_DIM(groups);
  dims[2] = LN_DIM(channels / groups);
  return ln_emit_reshape_like(n->e, ln_emit_swap(n->e, ln_emit_reshape(n->e, a, rank + 1, dims), 1, 2), a);
}

/* ---- grids ---- */

int32_t ln_torch_meshgrid(torch_node *n) {
  int32_t parts[LN_MAX_RANK];
  ln_dim dims[LN_MAX_RANK], own[LN_MAX_RANK];
  const int32_t count = ln_torch_tensors(n, "tensors", LN_MAX_RANK, parts);
  const char *indexing = ln_torch_text(n, "indexing");
  const bool swapped_ = indexing != NULL && strcmp(indexing, "xy") == 0 && count > 1;
  if (count < 1) return -1;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t at = swapped_ && i < 2 ? 1 - i : i;
    dims[at] = ln_emit_rank(n->e, parts[i]) == 0 ? LN_DIM(1) : LN_DIM_OF(parts[i], 0);
  }
  for (int32_t i = 0; i < count; ++i) {
    const int32_t at = swapped_ && i < 2 ? 1 - i : i;
    for (int32_t j = 0; j < count; ++j) own[j] = j == at ? dims[at] : LN_DIM(1);
    n->outputs[i] = ln_emit_broadcast(n->e, ln_emit_reshape(n->e, parts[i], count, own), count, dims);
  }
  n->output_count = count;
  return n->outputs[0];
}

#endif

/*
 * Operators that show the same elements under another shape, and those that tell shapes. Shapes and axes that only the
 * run knows are computed there; how many of them there are must be known.
 */
#include "import/onnx/onnx.h"
#include "import/onnx/onnx_lists.h"

/* ---- Reshape ---- */

/* A shape that is known: 0 means the dimension as it is, -1 what is left. */
static int32_t reshape_known(ln_onnx_node *n, int32_t a, int32_t rank, const int64_t *wanted, bool zero_is_zero) {
  ln_dim dims[LN_MAX_RANK];
  for (int32_t i = 0; i < rank; ++i) {
    if (wanted[i] < -1 || wanted[i] > INT32_MAX)
      return ln_emit_wrong(n->e, "a dimension of %lld", (long long)wanted[i]);
    if (wanted[i] == 0 && !zero_is_zero && i >= ln_emit_rank(n->e, a)) {
      return ln_emit_wrong(n->e, "dimension %d stays as it is, but there is none", i);
    }
    dims[i] = wanted[i] == -1                   ? LN_DIM_REST
              : wanted[i] == 0 && !zero_is_zero ? LN_DIM_OF(a, i)
                                                : LN_DIM((int32_t)wanted[i]);
  }
  return ln_emit_reshape(n->e, a, rank, dims);
}

static bool may_hold_zero(const ln_emit *e, int32_t shape) {
  const ln_fact *fact = &e->facts[shape];
  for (int32_t p = 0; p < 2; ++p) {
    if (fact->value[p] == NULL || ln_emit_type(e, shape) != LN_INT32) return true;
    for (int32_t i = 0; i < fact->shape[p].dims[0]; ++i) {
      if (((const int32_t *)fact->value[p])[i] == 0) return true;
    }
  }
  return false;
}

/* The shape is computed in the run: zeros in it become the dimensions of `a`. */
static int32_t reshape_in_run(ln_onnx_node *n, int32_t a, int32_t shape, bool zero_is_zero) {
  ln_emit *e = n->e;
  const int32_t count = ln_emit_rank(e, shape) == 1 ? ln_emit_dim(e, shape, 0) : -1;
  if (count < 0 || count > LN_MAX_RANK) {
    return ln_emit_refuse(e,
                          "how many dimensions it gives is known only in the run; export with a shape of fixed length");
  }
  shape = ln_emit_cast(e, shape, LN_INT32);
  if (shape < 0) return -1;
  if (!zero_is_zero && count > 0 && may_hold_zero(e, shape)) {
    ln_dim own[LN_MAX_RANK];
    for (int32_t i = 0; i < count; ++i) own[i] = i < ln_emit_rank(e, a) ? LN_DIM_OF(a, i) : LN_DIM(0);
    const int32_t is_zero = ln_emit_compare(e, LN_OP_EQUAL, shape, ln_emit_i32(e, 0));
    shape = ln_emit_select(e, is_zero, ln_emit_dims(e, count, own), shape);
  }
  return ln_emit_reshape_to(e, a, shape);
}

void ln_onnx_reshape(ln_onnx_node *n) {
  int64_t wanted[LN_MAX_RANK];
  int32_t count = 0;
  const int32_t a = ln_onnx_in(n, 0), shape = ln_onnx_in(n, 1);
  const bool zero_is_zero = ln_onnx_int(n, "allowzero", 0) != 0;
  if (shape < 0) {
    int32_t list[LN_MAX_RANK];
    if (!ln_onnx_list(n, "shape", -1, LN_MAX_RANK, list, &count)) return;
    for (int32_t i = 0; i < count; ++i) wanted[i] = list[i];
    ln_onnx_out(n, 0, reshape_known(n, a, count < 0 ? 0 : count, wanted, false));
  } else if (ln_emit_ints(n->e, shape, wanted, LN_MAX_RANK, &count)) {
    ln_onnx_out(n, 0, reshape_known(n, a, count, wanted, zero_is_zero));
  } else {
    ln_onnx_out(n, 0, reshape_in_run(n, a, shape, zero_is_zero));
  }
}

/* ---- Transpose, Flatten ---- */

void ln_onnx_transpose(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(n->e, a);
  int32_t order[LN_MAX_RANK], count;
  if (!ln_onnx_axes(n, "perm", -1, rank, order, &count)) return;
  if (count >= 0 && count != rank) {
    ln_emit_wrong(n->e, "perm has %d axes of %d", count, rank);
    return;
  }
  for (int32_t i = 0; i < rank && count < 0; ++i) order[i] = rank - 1 - i;
  ln_onnx_out(n, 0, ln_emit_transpose(n->e, a, order));
}

/* Elements of dimensions [from, to), where they are fixed; else what is left. */
static ln_dim joined(const ln_emit *e, int32_t a, int32_t from, int32_t to) {
  int64_t product = 1;
  for (int32_t i = from; i < to; ++i) {
    const int32_t size = ln_emit_dim(e, a, i);
    if (size < 0 || (size > 0 && product > INT32_MAX / size)) return LN_DIM_REST;
    product *= size;
  }
  return LN_DIM((int32_t)product);
}

void ln_onnx_flatten(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(n->e, a);
  int64_t axis = ln_onnx_int(n, "axis", 1);
  if (axis < 0) axis += rank;
  if (axis < 0 || axis > rank) {
    ln_emit_wrong(n->e, "axis %lld of %d dimensions", (long long)axis, rank);
    return;
  }
  ln_dim dims[2] = {joined(n->e, a, 0, (int32_t)axis), joined(n->e, a, (int32_t)axis, rank)};
  if (dims[0].size < 0 && dims[1].size < 0) { /* only one can be what is left */
    const int32_t head = ln_emit_slice(n->e, ln_emit_shape_of(n->e, a), 0, 0, (int32_t)axis, 1);
    dims[0] = axis == 1 ? LN_DIM_OF(a, 0) : LN_DIM_IS(ln_emit_reduce(n->e, LN_OP_REDUCE_PROD, head, 0, NULL, false));
  }
  ln_onnx_out(n, 0, ln_emit_reshape(n->e, a, 2, dims));
}

/* ---- Squeeze, Unsqueeze ---- */

/* Dimension k of the result is the one of `a` that stays and has k others that stay before it. */
static int32_t squeeze_in_run(ln_onnx_node *n, int32_t a, int32_t axes) {
  ln_emit *e = n->e;
  const int32_t rank = ln_emit_rank(e, a), count = ln_onnx_length(n, axes), first = 0, last = 1;
  if (count < 0) return -1;
  if (count > rank) return ln_emit_wrong(e, "%d axes of %d dimensions", count, rank);
  if (count == rank) return ln_emit_reshape(e, a, 0, NULL);
  const int32_t stays = ln_emit_unary(e, LN_OP_LOGICAL_NOT, ln_onnx_axes_mask(n, axes, rank));
  const int32_t place = ln_emit_cumsum(e, ln_emit_cast(e, stays, LN_INT32), 0, true, false);
  const int32_t each = ln_emit_count_up(e, ln_emit_i32(e, rank - count));
  const int32_t here = ln_emit_compare(e, LN_OP_EQUAL, ln_emit_expand(e, place, 1, &last), each);
  const int32_t both = ln_emit_binary(e, LN_OP_LOGICAL_AND, ln_emit_expand(e, stays, 1, &last), here);
  const int32_t sizes = ln_emit_expand(e, ln_emit_shape_of(e, a), 1, &last);
  const int32_t chosen = ln_emit_select(e, both, sizes, ln_emit_i32(e, 0));
  return ln_emit_reshape_to(e, a, ln_emit_reduce(e, LN_OP_SUM, chosen, 1, &first, false));
}

void ln_onnx_squeeze(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(n->e, a), in = ln_onnx_in(n, 1);
  int32_t axes[LN_MAX_RANK], count;
  if (in >= 0 && !ln_emit_is_const(n->e, in)) {
    ln_onnx_out(n, 0, squeeze_in_run(n, a, in));
    return;
  }
  if (!ln_onnx_axes(n, "axes", 1, rank, axes, &count)) return;
  if (count < 0) {
    count = 0;
    for (int32_t i = 0; i < rank; ++i) {
      if (ln_emit_dim(n->e, a, i) == 1) axes[count++] = i;
    }
  }
  ln_onnx_out(n, 0, ln_emit_squeeze(n->e, a, count, axes));
}

static int32_t unsqueeze_in_run(ln_onnx_node *n, int32_t a, int32_t axes) {
  ln_emit *e = n->e;
  const int32_t count = ln_onnx_length(n, axes), rank = ln_emit_rank(e, a) + count;
  if (count < 0) return -1;
  if (rank > LN_MAX_RANK) return ln_emit_refuse(e, "it gives %d dimensions, of %d that there are", rank, LN_MAX_RANK);
  const int32_t is_new = ln_onnx_axes_mask(n, axes, rank);
  if (rank == count) { /* a scalar */
    ln_dim ones[LN_MAX_RANK];
    for (int32_t i = 0; i < rank; ++i) ones[i] = LN_DIM(1);
    return ln_emit_reshape(e, a, rank, ones);
  }
  /* Dimension i of the result is 1, or the one of `a` with as many old ones before it. */
  const int32_t old = ln_emit_cast(e, ln_emit_unary(e, LN_OP_LOGICAL_NOT, is_new), LN_INT32);
  const int32_t from =
      ln_emit_binary(e, LN_OP_MINIMUM, ln_emit_cumsum(e, old, 0, true, false), ln_emit_i32(e, ln_emit_rank(e, a) - 1));
  const int32_t sizes = ln_emit_gather(e, ln_emit_shape_of(e, a), from, 0, 0);
  return ln_emit_reshape_to(e, a, ln_emit_select(e, is_new, ln_emit_i32(e, 1), sizes));
}

void ln_onnx_unsqueeze(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), in = ln_onnx_in(n, 1);
  int32_t axes[LN_MAX_RANK], count;
  if (in >= 0 && !ln_emit_is_const(n->e, in)) {
    ln_onnx_out(n, 0, unsqueeze_in_run(n, a, in));
    return;
  }
  if (!ln_onnx_list(n, "axes", 1, LN_MAX_RANK, axes, &count)) return;
  ln_onnx_out(n, 0, ln_emit_expand(n->e, a, count < 0 ? 0 : count, axes));
}

/* ---- Expand, Tile ---- */

void ln_onnx_expand(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), shape = ln_emit_cast(e, ln_onnx_in(n, 1), LN_INT32);
  const int32_t own = ln_emit_shape_of(e, a);
  if (ln_emit_failed(e)) return;
  if (ln_emit_rank(e, a) == 0) {
    ln_onnx_out(n, 0, ln_emit_broadcast_to(e, a, shape));
    return;
  }
  const int32_t to = ln_emit_op(e, LN_OP_BROADCAST_ARGS, NULL, 2, (const int32_t[]){own, shape}, LN_INT32);
  ln_onnx_out(n, 0, ln_emit_broadcast_to(e, a, to));
}

void ln_onnx_tile(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), times = ln_emit_cast(n->e, ln_onnx_in(n, 1), LN_INT32);
  ln_onnx_out(n, 0, ln_emit_binary(n->e, LN_OP_TILE, a, times));
}

/* ---- Shape, Size ---- */

static int32_t clamp_to(int64_t at, int32_t rank) {
  if (at < 0) at += rank;
  return at < 0 ? 0 : at > rank ? rank : (int32_t)at;
}

void ln_onnx_shape(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(n->e, a);
  const int32_t from = clamp_to(ln_onnx_int(n, "start", 0), rank), to = clamp_to(ln_onnx_int(n, "end", rank), rank);
  ln_dim dims[LN_MAX_RANK];
  for (int32_t i = from; i < to; ++i) dims[i - from] = LN_DIM_OF(a, i);
  ln_onnx_out(n, 0, ln_emit_cast(n->e, ln_emit_dims(n->e, to > from ? to - from : 0, dims), LN_INT64));
}

void ln_onnx_size(ln_onnx_node *n) {
  ln_onnx_out(n, 0, ln_emit_cast(n->e, ln_emit_count_of(n->e, ln_onnx_in(n, 0)), LN_INT64));
}

/* ---- DepthToSpace, SpaceToDepth ---- */

/* The order of channels that TensorFlow has, (row, column, depth), from (depth, row, column), or back. */
static int32_t regroup(ln_onnx_node *n, int32_t a, int32_t block, bool back) {
  ln_emit *e = n->e;
  const int32_t channels = ln_emit_dim(e, a, 3), places = block * block;
  if (channels < 0 || channels % places != 0) return ln_emit_wrong(e, "%d channels in blocks of %d", channels, block);
  const ln_dim apart[5] = {LN_DIM_OF(a, 0), LN_DIM_OF(a, 1), LN_DIM_OF(a, 2), LN_DIM(back ? places : channels / places),
                           LN_DIM(back ? channels / places : places)};
  const ln_dim whole[4] = {apart[0], apart[1], apart[2], LN_DIM(channels)};
  return ln_emit_reshape(e, ln_emit_swap(e, ln_emit_reshape(e, a, 5, apart), 3, 4), 4, whole);
}

static bool is_depth_first(ln_onnx_node *n) { return ln_onnx_text(n, "mode", "DCR")[0] == 'C'; }

static bool check_block(ln_onnx_node *n, int32_t a, int32_t *block) {
  *block = ln_onnx_int32(n, "blocksize", 0);
  if (ln_emit_failed(n->e)) return false;
  if (ln_emit_rank(n->e, a) == 4 && *block >= 1 && *block < (1 << 15)) return true;
  ln_emit_wrong(n->e, "blocks of %d in %d dimensions", *block, ln_emit_rank(n->e, a));
  return false;
}

void ln_onnx_depth_to_space(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0);
  int32_t block;
  if (!check_block(n, a, &block)) return;
  int32_t x = ln_emit_channels_last(n->e, a);
  if (is_depth_first(n)) x = regroup(n, x, block, false);
  const ln_depth_to_space_options options = {.block_size = block};
  x = ln_emit_op(n->e, LN_OP_DEPTH_TO_SPACE, &options, 1, &x, ln_emit_type(n->e, a));
  ln_onnx_out(n, 0, ln_emit_channels_first(n->e, x));
}

void ln_onnx_space_to_depth(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0);
  int32_t block;
  if (!check_block(n, a, &block)) return;
  const ln_space_to_depth_options options = {.block_size = block};
  int32_t x = ln_emit_channels_last(n->e, a);
  x = ln_emit_op(n->e, LN_OP_SPACE_TO_DEPTH, &options, 1, &x, ln_emit_type(n->e, a));
  if (is_depth_first(n)) x = regroup(n, x, block, true);
  ln_onnx_out(n, 0, ln_emit_channels_first(n->e, x));
}

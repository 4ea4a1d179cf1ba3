/* TRANSPOSE, REVERSE_V2, BROADCAST_TO, TILE: one strided copy each. */
#include "ops/move.h"
#include "ops/rows.h"

/* The permutation, checked to be one. */
static ln_status permutation(const ln_node *node, int64_t perm[LN_MAX_RANK], ln_error *err) {
  const int32_t rank = node->in[0]->shape.rank;
  int32_t count = 0;
  LN_TRY(ln_node_ints(node, 1, perm, LN_MAX_RANK, &count, err));
  if (count != rank) return ln_node_fail(node, err, LN_ERR_SHAPE, "%d axes for rank %d", (int)count, (int)rank);
  bool seen[LN_MAX_RANK] = {false};
  for (int32_t i = 0; i < rank; ++i) {
    int32_t axis = 0;
    if (!ln_axis_normalize(perm[i], rank, &axis) || seen[axis]) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "the axes are no permutation");
    }
    seen[axis] = true;
    perm[i] = axis;
  }
  return LN_OK;
}

ln_status ln_transpose_infer(ln_node *node, ln_error *err) {
  int64_t perm[LN_MAX_RANK];
  LN_TRY(permutation(node, perm, err));
  ln_shape shape = {node->in[0]->shape.rank, {0}};
  for (int32_t i = 0; i < shape.rank; ++i) shape.dims[i] = node->in[0]->shape.dims[perm[i]];
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_transpose_run(const ln_node *node, ln_exec *exec) {
  int64_t perm[LN_MAX_RANK];
  LN_TRY(permutation(node, perm, exec->err));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  size_t in_strides[LN_MAX_RANK], out_strides[LN_MAX_RANK];
  ln_byte_strides(node->in[0], in_strides);
  ln_byte_strides(node->out[0], out_strides);
  ln_copy_plan plan;
  ln_copy_begin(&plan, ln_item_bytes(node->in[0]));
  for (int32_t i = 0; i < node->out[0]->shape.rank; ++i) {
    ln_copy_dim(&plan, (size_t)node->out[0]->shape.dims[i], in_strides[perm[i]], out_strides[i]);
  }
  ln_move(exec, &plan, node->in[0]->data, node->out[0]->data);
  return LN_OK;
}

static ln_status reversed_axes(const ln_node *node, bool reversed[LN_MAX_RANK], ln_error *err) {
  int64_t axes[LN_MAX_RANK];
  int32_t count = 0;
  LN_TRY(ln_node_ints(node, 1, axes, LN_MAX_RANK, &count, err));
  for (int32_t i = 0; i < count; ++i) {
    int32_t axis = 0;
    if (!ln_axis_normalize(axes[i], node->in[0]->shape.rank, &axis) || reversed[axis]) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "axis %lld cannot be reversed", (long long)axes[i]);
    }
    reversed[axis] = true;
  }
  return LN_OK;
}

ln_status ln_reverse_v2_run(const ln_node *node, ln_exec *exec) {
  bool reversed[LN_MAX_RANK] = {false};
  LN_TRY(reversed_axes(node, reversed, exec->err));
  if (ln_tensor_is_empty(node->in[0])) return LN_OK;
  size_t strides[LN_MAX_RANK];
  ln_byte_strides(node->in[0], strides);
  const char *src = node->in[0]->data;
  ln_copy_plan plan;
  ln_copy_begin(&plan, ln_item_bytes(node->in[0]));
  for (int32_t i = 0; i < node->in[0]->shape.rank; ++i) {
    const size_t extent = (size_t)node->in[0]->shape.dims[i];
    if (reversed[i]) src += (extent - 1) * strides[i];
    ln_copy_dim(&plan, extent, reversed[i] ? (size_t)0 - strides[i] : strides[i], strides[i]);
  }
  ln_move(exec, &plan, src, node->out[0]->data);
  return LN_OK;
}

ln_status ln_broadcast_to_infer(ln_node *node, ln_error *err) {
  int64_t dims[LN_MAX_RANK];
  int32_t rank = 0;
  LN_TRY(ln_node_ints(node, 1, dims, LN_MAX_RANK, &rank, err));
  const ln_shape *in = &node->in[0]->shape;
  ln_shape shape = {0, {0}};
  bool fits = rank >= in->rank;
  for (int32_t i = 0; i < rank && fits; ++i) {
    const int32_t from = i - (rank - in->rank);
    fits = ln_shape_push(&shape, dims[i]) && (from < 0 || in->dims[from] == 1 || in->dims[from] == dims[i]);
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input does not broadcast to the shape asked for");
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_broadcast_to_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *in = &node->in[0]->shape, *out = &node->out[0]->shape;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  size_t in_strides[LN_MAX_RANK], out_strides[LN_MAX_RANK];
  ln_byte_strides(node->in[0], in_strides);
  ln_byte_strides(node->out[0], out_strides);
  ln_copy_plan plan;
  ln_copy_begin(&plan, ln_item_bytes(node->in[0]));
  for (int32_t i = 0; i < out->rank; ++i) {
    const int32_t from = i - (out->rank - in->rank);
    const bool repeats = from < 0 || in->dims[from] != out->dims[i];
    ln_copy_dim(&plan, (size_t)out->dims[i], repeats ? 0 : in_strides[from], out_strides[i]);
  }
  ln_move(exec, &plan, node->in[0]->data, node->out[0]->data);
  return LN_OK;
}

ln_status ln_tile_infer(ln_node *node, ln_error *err) {
  int64_t multiples[LN_MAX_RANK];
  int32_t count = 0;
  LN_TRY(ln_node_ints(node, 1, multiples, LN_MAX_RANK, &count, err));
  const ln_shape *in = &node->in[0]->shape;
  if (count != in->rank) return ln_node_fail(node, err, LN_ERR_SHAPE, "%d multiples for rank %d", count, in->rank);
  ln_shape shape = {0, {0}};
  for (int32_t i = 0; i < in->rank; ++i) {
    const bool small = multiples[i] >= 0 && multiples[i] <= INT32_MAX;
    if (!small || !ln_shape_push(&shape, multiples[i] * in->dims[i])) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "multiple %lld is out of range", (long long)multiples[i]);
    }
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_tile_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *in = &node->in[0]->shape, *out = &node->out[0]->shape;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  size_t in_strides[LN_MAX_RANK], out_strides[LN_MAX_RANK];
  ln_byte_strides(node->in[0], in_strides);
  ln_byte_strides(node->out[0], out_strides);
  ln_copy_plan plan;
  ln_copy_begin(&plan, ln_item_bytes(node->in[0]));
  for (int32_t i = 0; i < in->rank; ++i) {
    const size_t extent = (size_t)in->dims[i];
    ln_copy_dim(&plan, (size_t)out->dims[i] / extent, 0, out_strides[i] * extent);
    ln_copy_dim(&plan, extent, in_strides[i], out_strides[i]);
  }
  ln_move(exec, &plan, node->in[0]->data, node->out[0]->data);
  return LN_OK;
}

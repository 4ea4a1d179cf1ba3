/* PACK and UNPACK: tensors stacked along a new axis, and taken apart again. */
#include "ops/move.h"
#include "ops/rows.h"

static ln_status stack_axis(const ln_node *node, int64_t asked, int32_t rank, int32_t *axis, ln_error *err) {
  if (ln_axis_normalize(asked, rank, axis)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "axis %lld is out of range", (long long)asked);
}

static ln_status pack_axis(const ln_node *node, int32_t *axis, ln_error *err) {
  return stack_axis(node, LN_OPTIONS(node, pack_options)->axis, node->in[0]->shape.rank + 1, axis, err);
}

ln_status ln_pack_infer(ln_node *node, ln_error *err) {
  int32_t axis = 0;
  LN_TRY(pack_axis(node, &axis, err));
  const ln_shape *in = &node->in[0]->shape;
  for (int32_t i = 1; i < node->in_count; ++i) {
    if (!ln_shape_equal(in, &node->in[i]->shape)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d differs from input 0 in shape", (int)i);
    }
  }
  ln_shape shape = {0, {0}};
  bool fits = true;
  for (int32_t i = 0; i <= in->rank; ++i) {
    if (i == axis) fits = fits && ln_shape_push(&shape, node->in_count);
    if (i < in->rank) fits = fits && ln_shape_push(&shape, in->dims[i]);
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the result has too many dimensions");
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_pack_run(const ln_node *node, ln_exec *exec) {
  int32_t axis = 0;
  LN_TRY(pack_axis(node, &axis, exec->err));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  const ln_shape *in = &node->in[0]->shape;
  const size_t outer = ln_shape_span(in, 0, axis);
  const size_t row = ln_shape_span(in, axis, in->rank) * ln_item_bytes(node->in[0]);
  for (int32_t i = 0; i < node->in_count; ++i) {
    ln_copy_plan plan;
    ln_copy_begin(&plan, row);
    ln_copy_dim(&plan, outer, row, row * (size_t)node->in_count);
    ln_move(exec, &plan, node->in[i]->data, (char *)node->out[0]->data + (size_t)i * row);
  }
  return LN_OK;
}

static ln_status unpack_axis(const ln_node *node, int32_t *axis, ln_error *err) {
  return stack_axis(node, LN_OPTIONS(node, unpack_options)->axis, node->in[0]->shape.rank, axis, err);
}

ln_status ln_unpack_infer(ln_node *node, ln_error *err) {
  int32_t axis = 0;
  LN_TRY(unpack_axis(node, &axis, err));
  const ln_shape *in = &node->in[0]->shape;
  if (in->dims[axis] != node->out_count) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d outputs for a dimension of %d", (int)node->out_count,
                        (int)in->dims[axis]);
  }
  ln_shape shape = {0, {0}};
  for (int32_t i = 0; i < in->rank; ++i) {
    if (i != axis) ln_shape_push(&shape, in->dims[i]);
  }
  for (int32_t i = 0; i < node->out_count; ++i) LN_TRY(ln_node_set_shape(node, i, &shape, err));
  return LN_OK;
}

ln_status ln_unpack_prepare(ln_node *node, ln_prep *prep) {
  int32_t axis = 0;
  LN_TRY(unpack_axis(node, &axis, prep->err));
  node->is_parts = ln_type_bits(node->in[0]->type) >= 8 && ln_shape_span(&node->in[0]->shape, 0, axis) == 1;
  return LN_OK;
}

ln_status ln_unpack_run(const ln_node *node, ln_exec *exec) {
  int32_t axis = 0;
  LN_TRY(unpack_axis(node, &axis, exec->err));
  if (ln_tensor_is_empty(node->in[0])) return LN_OK;
  const ln_shape *in = &node->in[0]->shape;
  const size_t outer = ln_shape_span(in, 0, axis);
  const size_t row = ln_shape_span(in, axis + 1, in->rank) * ln_item_bytes(node->in[0]);
  for (int32_t i = 0; i < node->out_count; ++i) {
    ln_copy_plan plan;
    ln_copy_begin(&plan, row);
    ln_copy_dim(&plan, outer, row * (size_t)node->out_count, row);
    ln_move(exec, &plan, (const char *)node->in[0]->data + (size_t)i * row, node->out[i]->data);
  }
  return LN_OK;
}

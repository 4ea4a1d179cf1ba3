/* SPLIT into equal parts and SPLIT_V into parts of given sizes, along an axis. */
#include "ops/move.h"
#include "ops/rows.h"

ln_status ln_split_infer(ln_node *node, ln_error *err) {
  int32_t axis = 0;
  LN_TRY(ln_node_axis(node, 0, node->in[1]->shape.rank, &axis, err));
  ln_shape shape = node->in[1]->shape;
  if (shape.dims[axis] % node->out_count != 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "a dimension of %d does not split into %d", (int)shape.dims[axis],
                        (int)node->out_count);
  }
  shape.dims[axis] /= node->out_count;
  for (int32_t i = 0; i < node->out_count; ++i) LN_TRY(ln_node_set_shape(node, i, &shape, err));
  return LN_OK;
}

/* Along the outermost dimension that is cut, parts lie one behind the other. */
static void take_parts(ln_node *node, int32_t input, int32_t axis) {
  const ln_tensor *in = node->in[input];
  node->is_parts = ln_type_bits(in->type) >= 8 && ln_shape_span(&in->shape, 0, axis) == 1;
  node->parts_of = input;
}

ln_status ln_split_prepare(ln_node *node, ln_prep *prep) {
  int32_t axis = 0;
  if (!ln_tensor_const_data(node->in[0])) return LN_OK;
  LN_TRY(ln_node_axis(node, 0, node->in[1]->shape.rank, &axis, prep->err));
  take_parts(node, 1, axis);
  return LN_OK;
}

/* Hands each output its share of every outer row of the input. */
static void split_run(const ln_node *node, ln_exec *exec, const ln_tensor *in, int32_t axis) {
  if (ln_tensor_is_empty(in)) return;
  const size_t item = ln_item_bytes(in);
  const size_t outer = ln_shape_span(&in->shape, 0, axis);
  const size_t in_row = ln_shape_span(&in->shape, axis, in->shape.rank) * item;
  const char *src = in->data;
  for (int32_t i = 0; i < node->out_count; ++i) {
    const size_t row = ln_shape_span(&node->out[i]->shape, axis, in->shape.rank) * item;
    ln_copy_plan plan;
    ln_copy_begin(&plan, row);
    ln_copy_dim(&plan, outer, in_row, row);
    ln_move(exec, &plan, src, node->out[i]->data);
    src += row;
  }
}

ln_status ln_split_run(const ln_node *node, ln_exec *exec) {
  int32_t axis = 0;
  LN_TRY(ln_node_axis(node, 0, node->in[1]->shape.rank, &axis, exec->err));
  split_run(node, exec, node->in[1], axis);
  return LN_OK;
}

/* Value `index` of the list of sizes, whatever its length. */
static int64_t size_at(const ln_tensor *sizes, int32_t index) {
  return sizes->type == LN_INT64 ? ((const int64_t *)sizes->data)[index] : ((const int32_t *)sizes->data)[index];
}

ln_status ln_split_v_infer(ln_node *node, ln_error *err) {
  const ln_tensor *sizes = node->in[1];
  ln_shape shape = node->in[0]->shape;
  int32_t axis = 0, open = -1;
  int64_t left = 0;
  LN_TRY(ln_node_axis(node, 2, shape.rank, &axis, err));
  if (sizes->data == NULL) return (ln_status)LN_INFER_LATER;
  size_t count = 0;
  if (!ln_shape_elements(&sizes->shape, &count) || count != (size_t)node->out_count) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "one size for each output is needed");
  }
  left = shape.dims[axis];
  for (int32_t i = 0; i < node->out_count; ++i) {
    const int64_t size = size_at(sizes, i);
    const bool stretches = size == -1 && open < 0;
    if (stretches) open = i;
    if (!stretches && (size < 0 || size > left)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "size %lld of part %d", (long long)size, (int)i);
    }
    left -= stretches ? 0 : size;
  }
  if (left != 0 && open < 0) return ln_node_fail(node, err, LN_ERR_SHAPE, "the sizes do not fill the dimension");
  for (int32_t i = 0; i < node->out_count; ++i) {
    shape.dims[axis] = i == open ? (int32_t)left : (int32_t)size_at(sizes, i);
    LN_TRY(ln_node_set_shape(node, i, &shape, err));
  }
  return LN_OK;
}

ln_status ln_split_v_prepare(ln_node *node, ln_prep *prep) {
  int32_t axis = 0;
  if (!ln_tensor_const_data(node->in[1]) || !ln_tensor_const_data(node->in[2])) return LN_OK;
  LN_TRY(ln_node_axis(node, 2, node->in[0]->shape.rank, &axis, prep->err));
  take_parts(node, 0, axis);
  return LN_OK;
}

ln_status ln_split_v_run(const ln_node *node, ln_exec *exec) {
  int32_t axis = 0;
  LN_TRY(ln_node_axis(node, 2, node->in[0]->shape.rank, &axis, exec->err));
  split_run(node, exec, node->in[0], axis);
  return LN_OK;
}

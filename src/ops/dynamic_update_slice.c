/* DYNAMIC_UPDATE_SLICE: a tensor with a block of it replaced (input 1) at a place (input 2) that is moved to fit. */
#include "ops/move.h"
#include "ops/rows.h"

ln_status ln_dynamic_update_slice_prepare(ln_node *node, ln_prep *prep) {
  const ln_shape *whole = &node->in[0]->shape, *update = &node->in[1]->shape, *start = &node->in[2]->shape;
  bool fits = update->rank == whole->rank;
  for (int32_t i = 0; fits && i < whole->rank; ++i) fits = update->dims[i] <= whole->dims[i];
  if (!fits) return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "the update does not fit into the tensor");
  if (start->rank != 1 || start->dims[0] != whole->rank) {
    return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "the place must be a list of %d numbers", whole->rank);
  }
  return LN_OK;
}

ln_status ln_dynamic_update_slice_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *update = node->in[1];
  ln_tensor *out = node->out[0];
  const int32_t rank = out->shape.rank;
  int64_t start[LN_MAX_RANK];
  int32_t count;
  if (ln_tensor_is_empty(out)) return LN_OK;
  if (ln_shape_equal(&update->shape, &out->shape)) { /* whose memory the output may have taken */
    ln_move_bytes(exec, update->data, out->data, out->bytes);
    return LN_OK;
  }
  LN_TRY(ln_run_ints(node, 2, start, LN_MAX_RANK, &count, exec->err)); /* before the output, for the same reason */
  ln_move_bytes(exec, node->in[0]->data, out->data, out->bytes);
  if (ln_tensor_is_empty(update)) return LN_OK;
  size_t to[LN_MAX_RANK], from[LN_MAX_RANK], base = 0;
  ln_byte_strides(out, to);
  ln_byte_strides(update, from);
  ln_copy_plan plan;
  ln_copy_begin(&plan, ln_item_bytes(out));
  for (int32_t i = 0; i < rank; ++i) {
    const int64_t last = (int64_t)out->shape.dims[i] - update->shape.dims[i];
    const int64_t at = start[i] < 0 ? 0 : (start[i] > last ? last : start[i]);
    base += (size_t)at * to[i];
    ln_copy_dim(&plan, (size_t)update->shape.dims[i], from[i], to[i]);
  }
  ln_move(exec, &plan, update->data, (char *)out->data + base);
  return LN_OK;
}

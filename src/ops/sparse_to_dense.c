/* SPARSE_TO_DENSE: inputs indices, shape, values and the value of all other elements. */
#include <string.h>

#include "kernels/copy.h"
#include "ops/move.h"
#include "ops/rows.h"

/* Indices are one number, a list (of a list's elements) or [count, rank]. */
static int32_t index_count(const ln_shape *indices) { return indices->rank == 0 ? 1 : indices->dims[0]; }

ln_status ln_sparse_to_dense_infer(ln_node *node, ln_error *err) {
  const ln_shape *indices = &node->in[0]->shape, *values = &node->in[2]->shape;
  int64_t dims[LN_MAX_RANK];
  int32_t rank = 0;
  LN_TRY(ln_node_ints(node, 1, dims, LN_MAX_RANK, &rank, err));
  ln_shape shape = {0, {0}};
  bool fits = true;
  for (int32_t i = 0; i < rank; ++i) fits = fits && ln_shape_push(&shape, dims[i]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the shape has a dimension that is negative or too large");
  if (indices->rank > 2 || (indices->rank == 2 ? indices->dims[1] : 1) != rank) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "indices of rank %d into %d dimensions", indices->rank, rank);
  }
  if (values->rank > 1 || (values->rank == 1 && values->dims[0] != index_count(indices))) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "values must be one number, or one for each index");
  }
  if (ln_shape_span(&node->in[3]->shape, 0, node->in[3]->shape.rank) != 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the value of other elements must be one number");
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

static int64_t index_at(const ln_tensor *indices, size_t at) {
  return indices->type == LN_INT64 ? ((const int64_t *)indices->data)[at] : ((const int32_t *)indices->data)[at];
}

ln_status ln_sparse_to_dense_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *indices = node->in[0], *values = node->in[2];
  ln_tensor *out = node->out[0];
  const size_t item = ln_item_bytes(out);
  const size_t rank = (size_t)out->shape.rank;
  if (!ln_tensor_is_empty(out)) ln_k_fill(out->data, node->in[3]->data, item, out->bytes / item);
  const size_t count = (size_t)index_count(&indices->shape);
  for (size_t i = 0; i < count; ++i) {
    size_t at = 0;
    for (size_t d = 0; d < rank; ++d) {
      const int64_t index = index_at(indices, i * rank + d);
      if (index < 0 || index >= out->shape.dims[d]) {
        return ln_node_fail(node, exec->err, LN_ERR_DATA, "index %lld is outside 0..%d", (long long)index,
                            out->shape.dims[d] - 1);
      }
      at = at * (size_t)out->shape.dims[d] + (size_t)index;
    }
    memcpy((char *)out->data + at * item, (const char *)values->data + (values->shape.rank == 0 ? 0 : i) * item, item);
  }
  return LN_OK;
}

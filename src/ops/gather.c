/* GATHER, GATHER_ND: slices picked by index; SCATTER_ND: slices added up at indices. */
#include <string.h>

#include "kernels/gather.h"
#include "ops/move.h"
#include "ops/rows.h"

/* ---- GATHER ---- */

static ln_status gather_axes(const ln_node *node, int32_t *axis, int32_t *batch_dims, ln_error *err) {
  const ln_gather_options *options = LN_OPTIONS(node, gather_options);
  const ln_shape *params = &node->in[0]->shape, *indices = &node->in[1]->shape;
  int64_t batches = options->batch_dims;
  if (batches < 0) batches += indices->rank;
  bool fits = ln_axis_normalize(options->axis, params->rank, axis);
  fits = fits && batches >= 0 && batches <= indices->rank && batches <= *axis;
  for (int32_t i = 0; fits && i < (int32_t)batches; ++i) fits = params->dims[i] == indices->dims[i];
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "axis and batch_dims do not fit the inputs");
  *batch_dims = (int32_t)batches;
  return LN_OK;
}

ln_status ln_gather_infer(ln_node *node, ln_error *err) {
  int32_t axis = 0, batch_dims = 0;
  LN_TRY(gather_axes(node, &axis, &batch_dims, err));
  const ln_shape *params = &node->in[0]->shape, *indices = &node->in[1]->shape;
  ln_shape shape = {0, {0}};
  bool fits = true;
  for (int32_t i = 0; i < axis; ++i) fits = fits && ln_shape_push(&shape, params->dims[i]);
  for (int32_t i = batch_dims; i < indices->rank; ++i) fits = fits && ln_shape_push(&shape, indices->dims[i]);
  for (int32_t i = axis + 1; i < params->rank; ++i) fits = fits && ln_shape_push(&shape, params->dims[i]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the result has too many dimensions");
  return ln_node_set_shape(node, 0, &shape, err);
}

/* Index `at` of a tensor of int16, int32 or int64. */
static int64_t index_at(const ln_tensor *indices, size_t at) {
  switch (indices->type) {
    case LN_INT64: return ((const int64_t *)indices->data)[at];
    case LN_INT16: return ((const int16_t *)indices->data)[at];
    default: return ((const int32_t *)indices->data)[at];
  }
}

/* Index `*at` that lies outside 0..extent - 1; false when none of `count` does. */
static bool find_outside(const ln_tensor *indices, size_t count, int64_t extent, size_t *at) {
  size_t i = 0;
  if (indices->type == LN_INT32 && extent <= INT32_MAX) {
    const int32_t *values = indices->data;
    uint32_t most = 0; /* negative ones are large */
    for (; i < count; ++i) most = (uint32_t)values[i] > most ? (uint32_t)values[i] : most;
    if ((int64_t)most < extent) return false;
    i = 0;
  }
  for (; i < count; ++i) {
    const int64_t index = index_at(indices, i);
    if (index >= 0 && index < extent) continue;
    *at = i;
    return true;
  }
  return false;
}

ln_status ln_gather_run(const ln_node *node, ln_exec *exec) {
  int32_t axis = 0, batch_dims = 0;
  LN_TRY(gather_axes(node, &axis, &batch_dims, exec->err));
  const ln_tensor *params = node->in[0], *indices = node->in[1];
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  const size_t batches = ln_shape_span(&indices->shape, 0, batch_dims);
  const size_t picks = ln_shape_span(&indices->shape, batch_dims, indices->shape.rank);
  const size_t outer = ln_shape_span(&params->shape, batch_dims, axis);
  const size_t inner = ln_shape_span(&params->shape, axis + 1, params->shape.rank) * ln_item_bytes(params);
  const int64_t extent = params->shape.dims[axis];
  size_t outside = 0;
  if (find_outside(indices, batches * picks, extent, &outside)) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "index %lld is outside 0..%lld",
                        (long long)index_at(indices, outside), (long long)extent - 1);
  }
  const char *src = params->data;
  char *dst = node->out[0]->data;
  for (size_t row = 0; row < batches * outer; ++row, src += (size_t)extent * inner) {
    const size_t first = row / outer * picks;
    for (size_t i = 0; i < picks; ++i, dst += inner) {
      ln_k_copy_item(dst, src + (size_t)index_at(indices, first + i) * inner, inner);
    }
  }
  return LN_OK;
}

/* ---- GATHER_ND ---- */

ln_status ln_gather_nd_infer(ln_node *node, ln_error *err) {
  const ln_shape *params = &node->in[0]->shape, *indices = &node->in[1]->shape;
  const int32_t depth = indices->rank > 0 ? indices->dims[indices->rank - 1] : -1;
  if (depth < 0 || depth > params->rank) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "indices of %d numbers into rank %d", (int)depth, (int)params->rank);
  }
  ln_shape shape = {0, {0}};
  bool fits = true;
  for (int32_t i = 0; i < indices->rank - 1; ++i) fits = fits && ln_shape_push(&shape, indices->dims[i]);
  for (int32_t i = depth; i < params->rank; ++i) fits = fits && ln_shape_push(&shape, params->dims[i]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the result has too many dimensions");
  return ln_node_set_shape(node, 0, &shape, err);
}

/* Where the slice named by row `row` of the indices begins, in slices. */
static ln_status slice_at(const ln_node *node, const ln_tensor *indices, size_t row, int32_t depth,
                          const ln_shape *shape, size_t *slice, ln_error *err) {
  size_t at = 0;
  for (int32_t i = 0; i < depth; ++i) {
    const int64_t index = index_at(indices, row * (size_t)depth + (size_t)i);
    if (index < 0 || index >= shape->dims[i]) {
      return ln_node_fail(node, err, LN_ERR_DATA, "index %lld is outside 0..%d", (long long)index,
                          (int)shape->dims[i] - 1);
    }
    at = at * (size_t)shape->dims[i] + (size_t)index;
  }
  *slice = at;
  return LN_OK;
}

ln_status ln_gather_nd_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *params = node->in[0], *indices = node->in[1];
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  const int32_t depth = indices->shape.dims[indices->shape.rank - 1];
  const size_t rows = ln_shape_span(&indices->shape, 0, indices->shape.rank - 1);
  const size_t inner = ln_shape_span(&params->shape, depth, params->shape.rank) * ln_item_bytes(params);
  char *dst = node->out[0]->data;
  for (size_t row = 0; row < rows; ++row, dst += inner) {
    size_t slice = 0;
    LN_TRY(slice_at(node, indices, row, depth, &params->shape, &slice, exec->err));
    ln_k_copy_item(dst, (const char *)params->data + slice * inner, inner);
  }
  return LN_OK;
}

/* ---- SCATTER_ND: inputs indices, updates, shape ---- */

ln_status ln_scatter_nd_infer(ln_node *node, ln_error *err) {
  const ln_shape *indices = &node->in[0]->shape, *updates = &node->in[1]->shape;
  int64_t dims[LN_MAX_RANK];
  int32_t rank = 0;
  LN_TRY(ln_node_ints(node, 2, dims, LN_MAX_RANK, &rank, err));
  ln_shape shape = {0, {0}};
  bool fits = true;
  for (int32_t i = 0; i < rank; ++i) fits = fits && ln_shape_push(&shape, dims[i]);
  const int32_t depth = indices->rank > 0 ? indices->dims[indices->rank - 1] : -1;
  fits = fits && depth >= 0 && depth <= rank && updates->rank == indices->rank - 1 + rank - depth;
  for (int32_t i = 0; fits && i < updates->rank; ++i) {
    const int32_t head = indices->rank - 1;
    fits = updates->dims[i] == (i < head ? indices->dims[i] : shape.dims[depth + i - head]);
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "indices, updates and shape do not fit together");
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_scatter_nd_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *indices = node->in[0], *updates = node->in[1];
  ln_tensor *out = node->out[0];
  if (ln_tensor_is_empty(out)) return LN_OK;
  memset(out->data, 0, out->bytes);
  if (ln_tensor_is_empty(updates)) return LN_OK;
  const int32_t depth = indices->shape.dims[indices->shape.rank - 1];
  const size_t rows = ln_shape_span(&indices->shape, 0, indices->shape.rank - 1);
  const size_t count = ln_shape_span(&out->shape, depth, out->shape.rank);
  const size_t inner = count * ln_item_bytes(out);
  for (size_t row = 0; row < rows; ++row) {
    size_t slice = 0;
    LN_TRY(slice_at(node, indices, row, depth, &out->shape, &slice, exec->err));
    ln_k_add_items(out->type, (char *)out->data + slice * inner, (const char *)updates->data + row * inner, count);
  }
  return LN_OK;
}

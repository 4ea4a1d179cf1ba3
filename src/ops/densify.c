/*
 * DENSIFY: a constant in TFLite's sparse encoding becomes dense. The encoding lists, in traversal order, the dimensions
 * (each possibly cut into blocks) with what is stored of each; all of it comes from the file and is checked here.
 */
#include "ops/densify.h"

#include <string.h>

#include "ops/move.h"
#include "ops/rows.h"

ln_status ln_densify_infer(ln_node *node, ln_error *err) {
  return ln_node_set_shape(node, 0, &node->in[0]->shape, err);
}

static ln_sparse_list index_list(uint8_t type, const void *vector) {
  ln_sparse_list list = {NULL, 0, 4};
  if (vector == NULL) return list;
  switch (type) {
    case 1: {
      const ln_vec_i32 *values = &((const ln_int32_vector *)vector)->values;
      list = (ln_sparse_list){values->data, values->count, 4};
      break;
    }
    case 2: {
      const ln_vec_u16 *values = &((const ln_uint16_vector *)vector)->values;
      list = (ln_sparse_list){values->data, values->count, 2};
      break;
    }
    case 3: {
      const ln_vec_u8 *values = &((const ln_uint8_vector *)vector)->values;
      list = (ln_sparse_list){values->data, values->count, 1};
      break;
    }
    default: break;
  }
  return list;
}

/* traversal_order: a permutation of the dimensions, then one of the blocks in front of which all dimensions stand. */
static bool check_order(const ln_sparsity_parameters *sparsity, int32_t rank, int32_t blocks) {
  bool seen[LN_SPARSE_LEVELS] = {false};
  for (int32_t i = 0; i < rank + blocks; ++i) {
    const int32_t dim = sparsity->traversal_order.data[i];
    if (dim < 0 || dim >= rank + blocks || seen[dim] || (dim < rank) != (i < rank)) return false;
    seen[dim] = true;
  }
  for (int32_t i = 0; i < blocks; ++i) {
    const int32_t dim = sparsity->block_map.data[i];
    if (dim < 0 || dim >= rank || (i > 0 && dim <= sparsity->block_map.data[i - 1])) return false;
  }
  return true;
}

static const ln_dimension_metadata *level_metadata(const ln_sparsity_parameters *sparsity, int32_t level) {
  return sparsity->dim_metadata.data[level];
}

/* The size of block `block`: the extent of its level, which is dense. 0 when it is not. */
static int32_t block_size(const ln_sparsity_parameters *sparsity, int32_t rank, int32_t blocks, int32_t block) {
  for (int32_t level = rank; level < rank + blocks; ++level) {
    if (sparsity->traversal_order.data[level] != rank + block) continue;
    const ln_dimension_metadata *metadata = level_metadata(sparsity, level);
    return metadata->format == 0 && metadata->dense_size > 0 ? metadata->dense_size : 0;
  }
  return 0;
}

/* Extent and stride of each dimension and of each block inside it, indexed as traversal_order is. */
static bool measure(const ln_tensor *tensor, int32_t blocks, int32_t extents[LN_SPARSE_LEVELS],
                    size_t strides[LN_SPARSE_LEVELS]) {
  const int32_t rank = tensor->shape.rank;
  ln_byte_strides(tensor, strides);
  for (int32_t i = 0; i < rank; ++i) extents[i] = tensor->shape.dims[i];
  for (int32_t b = 0; b < blocks; ++b) {
    const int32_t dim = tensor->sparsity->block_map.data[b];
    const int32_t size = block_size(tensor->sparsity, rank, blocks, b);
    if (size == 0 || extents[dim] % size != 0) return false;
    extents[rank + b] = size;
    strides[rank + b] = strides[dim];
    extents[dim] /= size;
    strides[dim] *= (size_t)size;
  }
  return true;
}

static bool make_level(const ln_dimension_metadata *metadata, int32_t extent, size_t stride, ln_sparse_level *level) {
  level->dense = metadata->format == 0;
  level->extent = extent;
  level->stride = stride;
  if (level->dense) return metadata->dense_size == extent;
  level->segments = index_list(metadata->array_segments_type, metadata->array_segments);
  level->indices = index_list(metadata->array_indices_type, metadata->array_indices);
  return metadata->format == 1;
}

/* The levels of the walk; false when the encoding contradicts the shape. */
static bool make_levels(const ln_tensor *tensor, ln_sparse_level levels[LN_SPARSE_LEVELS], int32_t *level_count) {
  const ln_sparsity_parameters *sparsity = tensor->sparsity;
  const int32_t rank = tensor->shape.rank;
  size_t bytes = 0;
  if (ln_item_bytes(tensor) == 0 || !ln_tensor_size(tensor->type, &tensor->shape, &bytes) || bytes == 0) return false;
  if (sparsity->traversal_order.count > LN_SPARSE_LEVELS || sparsity->block_map.count > LN_MAX_RANK) return false;
  const int32_t blocks = (int32_t)sparsity->block_map.count;
  const int32_t count = rank + blocks;
  if (sparsity->traversal_order.count != (uint32_t)count) return false;
  if (sparsity->dim_metadata.count != (uint32_t)count) return false;
  int32_t extents[LN_SPARSE_LEVELS];
  size_t strides[LN_SPARSE_LEVELS];
  if (!check_order(sparsity, rank, blocks) || !measure(tensor, blocks, extents, strides)) return false;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t dim = sparsity->traversal_order.data[i];
    if (!make_level(level_metadata(sparsity, i), extents[dim], strides[dim], &levels[i])) return false;
  }
  *level_count = count;
  return true;
}

/* Values that the encoding, which has been verified, stores. */
static size_t count_stored(const ln_sparse_level *levels, int32_t count) {
  size_t stored = 1;
  for (int32_t i = 0; i < count; ++i) {
    if (!levels[i].dense) stored = levels[i].indices.count;
    else if (!ln_size_mul(stored, (size_t)levels[i].extent, &stored)) return SIZE_MAX;
  }
  return stored;
}

bool ln_densify(const ln_tensor *tensor, void *dense, const char **reason) {
  ln_sparse_level levels[LN_SPARSE_LEVELS];
  int32_t count = 0;
  size_t bytes = 0;
  *reason = "the sparse encoding contradicts the shape";
  if (!make_levels(tensor, levels, &count) || !ln_tensor_size(tensor->type, &tensor->shape, &bytes)) return false;
  const size_t item = ln_item_bytes(tensor);
  memset(dense, 0, bytes);
  *reason = "the sparse encoding's indices contradict it";
  if (!LN_HAS_CODEBOOKS || tensor->codebook == NULL)
    return ln_k_densify(levels, count, tensor->data, tensor->bytes / item, item, dense);
  const size_t stored = count_stored(levels, count);
  void *values = stored <= bytes / item ? ln_alloc_array(stored, item) : NULL;
  if (values == NULL) {
    *reason = "no memory for its values";
    return false;
  }
  ln_codebook_read(tensor, 0, stored, values);
  const bool fits = ln_k_densify(levels, count, values, stored, item, dense);
  ln_free(values);
  return fits;
}

bool ln_densify_rows_open(const ln_tensor *tensor, ln_densify_rows *out) {
  if (tensor->codebook != NULL || !make_levels(tensor, out->levels, &out->level_count)) return false;
  if (tensor->sparsity->traversal_order.data[0] != 0 || !out->levels[0].dense) return false;
  out->tensor = tensor;
  out->bands = out->levels[0].extent;
  out->band_bytes = out->levels[0].stride;
  out->band_items = out->band_bytes / ln_item_bytes(tensor);
  return true;
}

bool ln_densify_band(const ln_densify_rows *rows, int32_t band, void *dense) {
  const ln_tensor *tensor = rows->tensor;
  const size_t item = ln_item_bytes(tensor);
  memset(dense, 0, rows->band_bytes);
  return ln_k_densify_band(rows->levels, rows->level_count, (size_t)band, tensor->data, tensor->bytes / item, item,
                           dense);
}

ln_status ln_densify_prepare(ln_node *node, ln_prep *prep) {
  if (node->in[0]->sparsity == NULL || ln_tensor_const_data(node->in[0])) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MODEL, "a sparse input must be a constant");
}

ln_status ln_densify_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *in = node->in[0];
  if (in->sparsity == NULL) { /* already dense */
    ln_move_bytes(exec, in->data, node->out[0]->data, node->out[0]->bytes);
    return LN_OK;
  }
  const char *reason = NULL;
  if (ln_tensor_is_empty(in) || ln_densify(in, node->out[0]->data, &reason)) return LN_OK;
  return ln_node_fail(node, exec->err, LN_ERR_MODEL, "%s", reason);
}

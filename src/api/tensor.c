/* Asking tensors: the public functions of linnet/tensor.h. */
#include "ir/ir.h"

const char *ln_tensor_name(const ln_tensor *tensor) { return tensor->name; }

ln_type ln_tensor_type(const ln_tensor *tensor) { return tensor->type; }

int32_t ln_tensor_rank(const ln_tensor *tensor) { return tensor->shape.rank; }

int32_t ln_tensor_dim(const ln_tensor *tensor, int32_t axis) {
  return axis < 0 || axis >= tensor->shape.rank ? -1 : tensor->shape.dims[axis];
}

int32_t ln_tensor_declared_dim(const ln_tensor *tensor, int32_t axis) {
  if (!tensor->has_signature || tensor->signature.rank != tensor->shape.rank) return ln_tensor_dim(tensor, axis);
  return axis < 0 || axis >= tensor->signature.rank ? -1 : tensor->signature.dims[axis];
}

size_t ln_tensor_elements(const ln_tensor *tensor) {
  size_t elements;
  return ln_shape_elements(&tensor->shape, &elements) ? elements : 0;
}

size_t ln_tensor_bytes(const ln_tensor *tensor) {
  size_t bytes;
  if (tensor->data != NULL) return tensor->bytes;
  return ln_tensor_size(tensor->type, &tensor->shape, &bytes) ? bytes : 0;
}

const void *ln_tensor_data(const ln_tensor *tensor) { return tensor->data; }

void *ln_tensor_mutable_data(ln_tensor *tensor) { return tensor->storage == LN_STORAGE_CONST ? NULL : tensor->data; }

int32_t ln_tensor_scale_count(const ln_tensor *tensor) { return tensor->quant->count; }

float ln_tensor_scale(const ln_tensor *tensor, int32_t index) {
  return index < 0 || index >= tensor->quant->count ? 0.0f : tensor->quant->scale[index];
}

int64_t ln_tensor_zero_point(const ln_tensor *tensor, int32_t index) {
  return index < 0 || index >= tensor->quant->count ? 0 : tensor->quant->zero_point[index];
}

int32_t ln_tensor_quantized_axis(const ln_tensor *tensor) { return tensor->quant->axis; }

bool ln_tensor_is_constant(const ln_tensor *tensor) { return tensor->storage == LN_STORAGE_CONST; }

bool ln_tensor_is_variable(const ln_tensor *tensor) { return tensor->is_variable; }

bool ln_tensor_is_sparse(const ln_tensor *tensor) { return tensor->sparsity != NULL; }

int32_t ln_tensor_table_bits(const ln_tensor *tensor) { return tensor->codebook == NULL ? 0 : tensor->codebook->bits; }

int32_t ln_tensor_block_size(const ln_tensor *tensor) {
  return tensor->quant->kind == LN_QUANT_BLOCKWISE ? tensor->quant->block_size : 0;
}

int32_t ln_tensor_block_scales(const ln_tensor *tensor) {
  return tensor->quant->kind == LN_QUANT_BLOCKWISE ? tensor->quant->scales_tensor : -1;
}

/* ---- the sparse encoding ---- */

static int32_t copy_ints(const int32_t *data, uint32_t count, int32_t *out, int32_t capacity) {
  for (uint32_t i = 0; i < count && (int64_t)i < capacity; ++i) out[i] = data[i];
  return (int32_t)count;
}

/* A vector of indices stands in the file as int32, uint16 or uint8. */
static int32_t copy_indices(uint8_t tag, const void *vector, int32_t *out, int32_t capacity) {
  const ln_table_id table = ln_schema_union_member(LN_UNION_sparse_index_vector, tag);
  if (vector == NULL) return 0;
  if (table == LN_TABLE_int32_vector) {
    const ln_int32_vector *indices = vector;
    return copy_ints(indices->values.data, indices->values.count, out, capacity);
  }
  if (table == LN_TABLE_uint16_vector) {
    const ln_uint16_vector *indices = vector;
    for (uint32_t i = 0; i < indices->values.count && (int64_t)i < capacity; ++i) out[i] = indices->values.data[i];
    return (int32_t)indices->values.count;
  }
  if (table != LN_TABLE_uint8_vector) return 0;
  const ln_uint8_vector *indices = vector;
  for (uint32_t i = 0; i < indices->values.count && (int64_t)i < capacity; ++i) out[i] = indices->values.data[i];
  return (int32_t)indices->values.count;
}

int32_t ln_tensor_sparsity(const ln_tensor *tensor, ln_sparsity_part part, int32_t level, int32_t *out,
                           int32_t capacity) {
  const ln_sparsity_parameters *sparsity = tensor->sparsity;
  if (sparsity == NULL) return 0;
  if (part == LN_SPARSITY_ORDER) {
    return copy_ints(sparsity->traversal_order.data, sparsity->traversal_order.count, out, capacity);
  }
  if (part == LN_SPARSITY_BLOCKS) return copy_ints(sparsity->block_map.data, sparsity->block_map.count, out, capacity);
  if (level < 0 || (uint32_t)level >= sparsity->dim_metadata.count) return 0;
  const ln_dimension_metadata *at = sparsity->dim_metadata.data[level];
  if (part == LN_SPARSITY_LEVEL) return copy_ints((const int32_t[]){at->format, at->dense_size}, 2, out, capacity);
  if (part == LN_SPARSITY_SEGMENTS) return copy_indices(at->array_segments_type, at->array_segments, out, capacity);
  if (part == LN_SPARSITY_INDICES) return copy_indices(at->array_indices_type, at->array_indices, out, capacity);
  return 0;
}

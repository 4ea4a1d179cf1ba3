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

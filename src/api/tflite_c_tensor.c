/* Tensors as TfLite programs see them: made and kept up to date from the session's, and the TfLiteTensor* functions. */
#include <stdlib.h>
#include <string.h>

#include "api/tflite_c.h"
#include "linnet/tensor.h"

static const uint8_t types[LN_TYPE_COUNT] = {
    [LN_FLOAT32] = kTfLiteFloat32,   [LN_FLOAT16] = kTfLiteFloat16,   [LN_INT32] = kTfLiteInt32,
    [LN_UINT8] = kTfLiteUInt8,       [LN_INT64] = kTfLiteInt64,       [LN_STRING] = kTfLiteString,
    [LN_BOOL] = kTfLiteBool,         [LN_INT16] = kTfLiteInt16,       [LN_COMPLEX64] = kTfLiteComplex64,
    [LN_INT8] = kTfLiteInt8,         [LN_FLOAT64] = kTfLiteFloat64,   [LN_COMPLEX128] = kTfLiteComplex128,
    [LN_UINT64] = kTfLiteUInt64,     [LN_RESOURCE] = kTfLiteResource, [LN_VARIANT] = kTfLiteVariant,
    [LN_UINT32] = kTfLiteUInt32,     [LN_UINT16] = kTfLiteUInt16,     [LN_INT4] = kTfLiteInt4,
    [LN_BFLOAT16] = kTfLiteBFloat16,
};

/* Types that the API has no number for: kTfLiteNoType. */
static TfLiteType type_of(ln_type type) { return (TfLiteType)types[type]; }

bool ln_tflite_type_from(TfLiteType type, ln_type *out) {
  for (int32_t i = 0; i < LN_TYPE_COUNT; ++i) {
    if (type == kTfLiteNoType || types[i] != (uint8_t)type) continue;
    *out = (ln_type)i;
    return true;
  }
  return false;
}

/* ---- mirroring ---- */

static bool init_blocks(TfLiteTensor *out, const ln_quant *quant) {
  TfLiteBlockwiseQuantization *blocks = calloc(1, sizeof *blocks);
  if (blocks == NULL) return false;
  *blocks =
      (TfLiteBlockwiseQuantization){quant->scales_tensor, quant->zero_points_tensor, quant->block_size, quant->axis};
  out->quantization = (TfLiteQuantization){kTfLiteBlockwiseQuantization, blocks};
  return true;
}

static bool init_quantization(TfLiteTensor *out, const ln_tensor *tensor) {
  const ln_quant *quant = tensor->quant;
  if (quant->kind == LN_QUANT_BLOCKWISE) return init_blocks(out, quant);
  if (quant->count < 1) return true;
  if (quant->count == 1) {
    out->params.scale = quant->scale[0];
    out->params.zero_point = (int32_t)quant->zero_point[0];
  }
  TfLiteAffineQuantization *affine = calloc(1, sizeof *affine);
  if (affine == NULL) return false;
  out->quantization.type = kTfLiteAffineQuantization;
  out->quantization.params = affine;
  affine->scale = TfLiteFloatArrayCreate(quant->count);
  affine->zero_point = TfLiteIntArrayCreate(quant->count);
  affine->quantized_dimension = quant->axis;
  if (affine->scale == NULL || affine->zero_point == NULL) return false;
  for (int32_t i = 0; i < quant->count; ++i) {
    affine->scale->data[i] = quant->scale[i];
    affine->zero_point->data[i] = (int)quant->zero_point[i];
  }
  return true;
}

/* A part of the sparse encoding; NULL when memory is short. */
static TfLiteIntArray *sparse_part(const ln_tensor *tensor, ln_sparsity_part part, int32_t level) {
  const int32_t count = ln_tensor_sparsity(tensor, part, level, NULL, 0);
  TfLiteIntArray *array = TfLiteIntArrayCreate(count);
  if (array != NULL) (void)ln_tensor_sparsity(tensor, part, level, array->data, count);
  return array;
}

static bool init_level(TfLiteDimensionMetadata *out, const ln_tensor *tensor, int32_t level) {
  int32_t facts[2] = {0, 0}; /* whether it is compressed, and its extent when it is not */
  (void)ln_tensor_sparsity(tensor, LN_SPARSITY_LEVEL, level, facts, 2);
  out->format = facts[0] != 0 ? kTfLiteDimSparseCSR : kTfLiteDimDense;
  if (out->format == kTfLiteDimDense) {
    out->dense_size = facts[1];
    return true;
  }
  out->array_segments = sparse_part(tensor, LN_SPARSITY_SEGMENTS, level);
  out->array_indices = sparse_part(tensor, LN_SPARSITY_INDICES, level);
  return out->array_segments != NULL && out->array_indices != NULL;
}

static bool init_sparsity(TfLiteTensor *out, const ln_tensor *tensor) {
  if (tensor->sparsity == NULL) return true;
  TfLiteSparsity *sparsity = out->sparsity = calloc(1, sizeof *sparsity);
  if (sparsity == NULL) return false;
  sparsity->traversal_order = sparse_part(tensor, LN_SPARSITY_ORDER, 0);
  if (tensor->sparsity->block_map.count > 0) sparsity->block_map = sparse_part(tensor, LN_SPARSITY_BLOCKS, 0);
  const int32_t levels = (int32_t)tensor->sparsity->dim_metadata.count;
  sparsity->dim_metadata = calloc((size_t)levels + 1, sizeof *sparsity->dim_metadata);
  if (sparsity->traversal_order == NULL || sparsity->dim_metadata == NULL ||
      (tensor->sparsity->block_map.count > 0 && sparsity->block_map == NULL)) {
    return false;
  }
  sparsity->dim_metadata_size = levels;
  for (int32_t i = 0; i < levels; ++i) {
    if (!init_level(&sparsity->dim_metadata[i], tensor, i)) return false;
  }
  return true;
}

bool ln_tflite_set_dims(TfLiteIntArray **dims, int32_t rank, const int32_t *values) {
  if (*dims == NULL || (*dims)->size != rank) {
    TfLiteIntArray *fresh = TfLiteIntArrayCreate(rank);
    if (fresh == NULL) return false;
    TfLiteIntArrayFree(*dims);
    *dims = fresh;
  }
  for (int32_t i = 0; i < rank; ++i) (*dims)->data[i] = values[i];
  return true;
}

bool ln_tflite_tensor_init(TfLiteTensor *out, const ln_tensor *tensor) {
  *out = (TfLiteTensor){.type = type_of(tensor->type),
                        .name = tensor->name,
                        .is_variable = tensor->is_variable,
                        .buffer_handle = kTfLiteNullBufferHandle};
  if (tensor->has_signature && tensor->signature.rank > 0) {
    TfLiteIntArray *signature = NULL;
    if (!ln_tflite_set_dims(&signature, tensor->signature.rank, tensor->signature.dims)) return false;
    out->dims_signature = signature;
  }
  return init_quantization(out, tensor) && init_sparsity(out, tensor) && ln_tflite_tensor_sync(out, tensor, false);
}

static TfLiteAllocationType allocation_of(const ln_tensor *tensor, bool allocated) {
  switch (tensor->storage) {
    case LN_STORAGE_CONST: return kTfLiteMmapRo;
    case LN_STORAGE_ARENA: return kTfLiteArenaRw;
    case LN_STORAGE_VARIABLE: return kTfLiteArenaRwPersistent;
    case LN_STORAGE_EXTERNAL: return kTfLiteCustom;
    case LN_STORAGE_HEAP: return kTfLiteCustom; /* the session's, not for the program to free */
    case LN_STORAGE_NONE: break;
  }
  return tensor->is_variable ? kTfLiteArenaRwPersistent : allocated ? kTfLiteMemNone : kTfLiteArenaRw;
}

bool ln_tflite_tensor_sync(TfLiteTensor *out, const ln_tensor *tensor, bool allocated) {
  if (!ln_tflite_set_dims(&out->dims, tensor->shape.rank, tensor->shape.dims)) return false;
  if (out->allocation_type == kTfLiteDynamic) TfLiteTensorDataFree(out);
  const bool shown = allocated || tensor->storage == LN_STORAGE_CONST;
  out->allocation_type = allocation_of(tensor, allocated);
  out->data.data = shown ? tensor->data : NULL;
  /* Until tensors are allocated the session may still hold memory of the size before. */
  if (shown || !ln_tensor_size(tensor->type, &tensor->shape, &out->bytes))
    out->bytes = shown ? ln_tensor_bytes(tensor) : 0;
  return true;
}

/* ---- the public functions ---- */

TfLiteType TfLiteTensorType(const TfLiteTensor *tensor) { return tensor->type; }

int32_t TfLiteTensorNumDims(const TfLiteTensor *tensor) { return tensor->dims == NULL ? -1 : tensor->dims->size; }

int32_t TfLiteTensorDim(const TfLiteTensor *tensor, int32_t dim_index) {
  return tensor->dims == NULL || dim_index < 0 || dim_index >= tensor->dims->size ? -1 : tensor->dims->data[dim_index];
}

size_t TfLiteTensorByteSize(const TfLiteTensor *tensor) { return tensor->bytes; }

void *TfLiteTensorData(const TfLiteTensor *tensor) { return tensor->data.data; }

const char *TfLiteTensorName(const TfLiteTensor *tensor) { return tensor->name; }

TfLiteQuantizationParams TfLiteTensorQuantizationParams(const TfLiteTensor *tensor) { return tensor->params; }

TfLiteStatus TfLiteTensorCopyFromBuffer(TfLiteTensor *tensor, const void *input_data, size_t input_data_size) {
  if (tensor->type == kTfLiteString && tensor->allocation_type == kTfLiteDynamic) {
    if (TfLiteTensorResizeMaybeCopy(input_data_size, tensor, false) != kTfLiteOk) return kTfLiteError;
  }
  if (tensor->bytes != input_data_size || tensor->data.raw == NULL || tensor->allocation_type == kTfLiteMmapRo) {
    return kTfLiteError;
  }
  if (input_data_size > 0) memcpy(tensor->data.raw, input_data, input_data_size);
  return kTfLiteOk;
}

TfLiteStatus TfLiteTensorCopyToBuffer(const TfLiteTensor *output_tensor, void *output_data, size_t output_data_size) {
  if (output_tensor->bytes != output_data_size || (output_tensor->data.raw == NULL && output_data_size > 0)) {
    return kTfLiteError;
  }
  if (output_data_size > 0) memcpy(output_data, output_tensor->data.raw, output_data_size);
  return kTfLiteOk;
}

/* Arrays and the memory of tensors: the functions of tensorflow/lite/core/c/common.h. All memory is malloc's, because
 * kernels and programs may free what they were given. */
#include "tensorflow/lite/core/c/common.h"

#include <stdlib.h>
#include <string.h>

#include "base/base.h"

static void *array_create(int size, size_t header, size_t item) {
  size_t bytes;
  if (size < 0 || !ln_size_mul((size_t)size, item, &bytes) || !ln_size_add(bytes, header, &bytes)) return NULL;
  int *array = malloc(bytes);
  if (array != NULL) *array = size; /* both kinds begin with their length */
  return array;
}

size_t TfLiteIntArrayGetSizeInBytes(int size) { return sizeof(TfLiteIntArray) + (size_t)size * sizeof(int); }

TfLiteIntArray *TfLiteIntArrayCreate(int size) { return array_create(size, sizeof(TfLiteIntArray), sizeof(int)); }

int TfLiteIntArrayEqual(const TfLiteIntArray *a, const TfLiteIntArray *b) {
  if (a == b) return 1;
  return a == NULL || b == NULL ? 0 : TfLiteIntArrayEqualsArray(a, b->size, b->data);
}

int TfLiteIntArrayEqualsArray(const TfLiteIntArray *a, int b_size, const int b_data[]) {
  if (a == NULL) return b_size == 0;
  if (a->size != b_size) return 0;
  for (int i = 0; i < b_size; ++i) {
    if (a->data[i] != b_data[i]) return 0;
  }
  return 1;
}

TfLiteIntArray *TfLiteIntArrayCopy(const TfLiteIntArray *src) {
  TfLiteIntArray *copy = src == NULL ? NULL : TfLiteIntArrayCreate(src->size);
  if (copy != NULL && src->size > 0) memcpy(copy->data, src->data, (size_t)src->size * sizeof(int));
  return copy;
}

void TfLiteIntArrayFree(TfLiteIntArray *a) { free(a); }

size_t TfLiteFloatArrayGetSizeInBytes(int size) { return sizeof(TfLiteFloatArray) + (size_t)size * sizeof(float); }

TfLiteFloatArray *TfLiteFloatArrayCreate(int size) {
  return array_create(size, sizeof(TfLiteFloatArray), sizeof(float));
}

TfLiteFloatArray *TfLiteFloatArrayCopy(const TfLiteFloatArray *src) {
  TfLiteFloatArray *copy = src == NULL ? NULL : TfLiteFloatArrayCreate(src->size);
  if (copy != NULL && src->size > 0) memcpy(copy->data, src->data, (size_t)src->size * sizeof(float));
  return copy;
}

void TfLiteFloatArrayFree(TfLiteFloatArray *a) { free(a); }

const char *TfLiteTypeGetName(TfLiteType type) {
  static const char *const names[] = {"NOTYPE",   "FLOAT32",   "INT32",  "UINT8",   "INT64",   "STRING",     "BOOL",
                                      "INT16",    "COMPLEX64", "INT8",   "FLOAT16", "FLOAT64", "COMPLEX128", "UINT64",
                                      "RESOURCE", "VARIANT",   "UINT32", "UINT16",  "INT4",    "BFLOAT16"};
  const int number = (int)type;
  return number < 0 || number >= (int)LN_COUNT(names) ? "Unknown type" : names[number];
}

static bool is_from_malloc(const TfLiteTensor *t) {
  return t->allocation_type == kTfLiteDynamic || t->allocation_type == kTfLitePersistentRo;
}

void TfLiteTensorDataFree(TfLiteTensor *t) {
  if (is_from_malloc(t)) free(t->data.raw);
  t->data.raw = NULL;
}

void TfLiteQuantizationFree(TfLiteQuantization *quantization) {
  if (quantization->type == kTfLiteAffineQuantization && quantization->params != NULL) {
    TfLiteAffineQuantization *affine = quantization->params;
    TfLiteFloatArrayFree(affine->scale);
    TfLiteIntArrayFree(affine->zero_point);
    free(affine);
  } else if (quantization->type == kTfLiteBlockwiseQuantization) {
    free(quantization->params);
  }
  quantization->params = NULL;
  quantization->type = kTfLiteNoQuantization;
}

void TfLiteSparsityFree(TfLiteSparsity *sparsity) {
  if (sparsity == NULL) return;
  TfLiteIntArrayFree(sparsity->traversal_order);
  TfLiteIntArrayFree(sparsity->block_map);
  for (int i = 0; sparsity->dim_metadata != NULL && i < sparsity->dim_metadata_size; ++i) {
    TfLiteIntArrayFree(sparsity->dim_metadata[i].array_segments);
    TfLiteIntArrayFree(sparsity->dim_metadata[i].array_indices);
  }
  free(sparsity->dim_metadata);
  free(sparsity);
}

void TfLiteTensorFree(TfLiteTensor *t) {
  TfLiteTensorDataFree(t);
  TfLiteIntArrayFree(t->dims);
  t->dims = NULL;
  free((void *)(uintptr_t)t->dims_signature);
  t->dims_signature = NULL;
  TfLiteQuantizationFree(&t->quantization);
  TfLiteSparsityFree(t->sparsity);
  t->sparsity = NULL;
}

void TfLiteTensorReset(TfLiteType type, const char *name, TfLiteIntArray *dims, TfLiteQuantizationParams quantization,
                       char *buffer, size_t size, TfLiteAllocationType allocation_type, const void *allocation,
                       bool is_variable, TfLiteTensor *tensor) {
  TfLiteTensorFree(tensor);
  *tensor = (TfLiteTensor){.type = type,
                           .data.raw = buffer,
                           .dims = dims,
                           .params = quantization,
                           .allocation_type = allocation_type,
                           .bytes = size,
                           .allocation = allocation,
                           .name = name,
                           .buffer_handle = kTfLiteNullBufferHandle,
                           .is_variable = is_variable};
}

TfLiteStatus TfLiteTensorResizeMaybeCopy(size_t num_bytes, TfLiteTensor *tensor, bool preserve_data) {
  if (!is_from_malloc(tensor)) return kTfLiteOk;
  if (tensor->data.raw != NULL && tensor->bytes == num_bytes) return kTfLiteOk;
  char *data;
  if (preserve_data) {
    data = realloc(tensor->data.raw, num_bytes == 0 ? 1 : num_bytes);
  } else {
    free(tensor->data.raw);
    tensor->data.raw = NULL;
    data = malloc(num_bytes == 0 ? 1 : num_bytes);
  }
  if (data == NULL) {
    if (tensor->data.raw == NULL) tensor->bytes = 0;
    return kTfLiteError;
  }
  tensor->data.raw = data;
  tensor->bytes = num_bytes;
  return kTfLiteOk;
}

TfLiteStatus TfLiteTensorRealloc(size_t num_bytes, TfLiteTensor *tensor) {
  return TfLiteTensorResizeMaybeCopy(num_bytes, tensor, true);
}

TfLiteStatus TfLiteTensorCopy(const TfLiteTensor *src, TfLiteTensor *dst) {
  if (src == NULL || dst == NULL) return kTfLiteOk;
  if (src->bytes != dst->bytes) return kTfLiteError;
  if (src == dst) return kTfLiteOk;
  TfLiteIntArray *dims = TfLiteIntArrayCopy(src->dims);
  if (src->dims != NULL && dims == NULL) return kTfLiteError;
  TfLiteIntArrayFree(dst->dims);
  dst->dims = dims;
  dst->type = src->type;
  if (src->bytes > 0) memcpy(dst->data.raw, src->data.raw, src->bytes);
  dst->buffer_handle = src->buffer_handle;
  dst->data_is_stale = src->data_is_stale;
  return kTfLiteOk;
}

TfLiteDelegate TfLiteDelegateCreate(void) { return (TfLiteDelegate){0}; }

/* ---- copies ---- */

static TfLiteQuantization clone_quantization(const TfLiteQuantization *src) {
  TfLiteQuantization out = {kTfLiteNoQuantization, NULL};
  const TfLiteAffineQuantization *from = src->params;
  if (src->type == kTfLiteBlockwiseQuantization && from != NULL) {
    TfLiteBlockwiseQuantization *blocks = malloc(sizeof *blocks);
    if (blocks == NULL) return out;
    memcpy(blocks, src->params, sizeof *blocks);
    return (TfLiteQuantization){kTfLiteBlockwiseQuantization, blocks};
  }
  if (src->type != kTfLiteAffineQuantization || from == NULL) return out;
  TfLiteAffineQuantization *to = calloc(1, sizeof *to);
  if (to == NULL) return out;
  to->scale = TfLiteFloatArrayCopy(from->scale);
  to->zero_point = TfLiteIntArrayCopy(from->zero_point);
  to->quantized_dimension = from->quantized_dimension;
  return (TfLiteQuantization){kTfLiteAffineQuantization, to};
}

static TfLiteSparsity *clone_sparsity(const TfLiteSparsity *src) {
  TfLiteSparsity *out = src == NULL ? NULL : calloc(1, sizeof *out);
  if (out == NULL) return NULL;
  out->traversal_order = TfLiteIntArrayCopy(src->traversal_order);
  out->block_map = TfLiteIntArrayCopy(src->block_map);
  if (src->dim_metadata == NULL || src->dim_metadata_size <= 0) return out;
  out->dim_metadata = calloc((size_t)src->dim_metadata_size, sizeof *out->dim_metadata);
  if (out->dim_metadata == NULL) return out;
  out->dim_metadata_size = src->dim_metadata_size;
  for (int i = 0; i < src->dim_metadata_size; ++i) {
    out->dim_metadata[i] = src->dim_metadata[i];
    out->dim_metadata[i].array_segments = TfLiteIntArrayCopy(src->dim_metadata[i].array_segments);
    out->dim_metadata[i].array_indices = TfLiteIntArrayCopy(src->dim_metadata[i].array_indices);
  }
  return out;
}

TfLiteTensor TfLiteTensorClone(TfLiteTensor src) {
  TfLiteTensor out = src;
  if (is_from_malloc(&src) && src.data.raw != NULL) {
    out.data.raw = malloc(src.bytes == 0 ? 1 : src.bytes);
    if (out.data.raw == NULL) out.bytes = 0;
    else if (src.bytes > 0) memcpy(out.data.raw, src.data.raw, src.bytes);
  }
  out.dims = TfLiteIntArrayCopy(src.dims);
  out.dims_signature = TfLiteIntArrayCopy(src.dims_signature);
  out.quantization = clone_quantization(&src.quantization);
  out.sparsity = clone_sparsity(src.sparsity);
  return out;
}

const TfLiteIntArray *TfLiteTensorGetDimsSignature(const TfLiteTensor *t) {
  return t->dims_signature != NULL && t->dims_signature->size != 0 ? t->dims_signature : t->dims;
}

/* ---- what an allocation type says ---- */

typedef struct allocation_facts {
  uint8_t strategy, address, data, data_step, shape_step;
} allocation_facts;

static allocation_facts facts_of(const TfLiteTensor *t) {
  static const allocation_facts facts[] = {
      [kTfLiteMemNone] = {kTfLiteAllocationStrategyNone, kTfLiteRunStabilityAcrossRuns, kTfLiteRunStabilityAcrossRuns,
                          kTfLiteRunStepInit, kTfLiteRunStepInit},
      [kTfLiteMmapRo] = {kTfLiteAllocationStrategyMMap, kTfLiteRunStabilityAcrossRuns, kTfLiteRunStabilityAcrossRuns,
                         kTfLiteRunStepInit, kTfLiteRunStepInit},
      [kTfLiteArenaRw] = {kTfLiteAllocationStrategyArena, kTfLiteRunStabilityUnstable, kTfLiteRunStabilitySingleRun,
                          kTfLiteRunStepEval, kTfLiteRunStepPrepare},
      [kTfLiteArenaRwPersistent] = {kTfLiteAllocationStrategyArena, kTfLiteRunStabilityUnstable,
                                    kTfLiteRunStabilityAcrossRuns, kTfLiteRunStepEval, kTfLiteRunStepPrepare},
      [kTfLiteDynamic] = {kTfLiteAllocationStrategyMalloc, kTfLiteRunStabilitySingleRun, kTfLiteRunStabilitySingleRun,
                          kTfLiteRunStepEval, kTfLiteRunStepEval},
      [kTfLitePersistentRo] = {kTfLiteAllocationStrategyMalloc, kTfLiteRunStabilitySingleRun,
                               kTfLiteRunStabilitySingleRun, kTfLiteRunStepPrepare, kTfLiteRunStepPrepare},
      [kTfLiteCustom] = {kTfLiteAllocationStrategyUnknown, kTfLiteRunStabilityUnknown, kTfLiteRunStabilityUnknown,
                         kTfLiteRunStepUnknown, kTfLiteRunStepUnknown},
      [kTfLiteVariantObject] = {kTfLiteAllocationStrategyNew, kTfLiteRunStabilityAcrossRuns,
                                kTfLiteRunStabilitySingleRun, kTfLiteRunStepEval, kTfLiteRunStepEval},
  };
  const int number = (int)t->allocation_type;
  return facts[number < 0 || number >= (int)LN_COUNT(facts) ? kTfLiteCustom : number];
}

TfLiteAllocationStrategy TfLiteTensorGetAllocationStrategy(const TfLiteTensor *t) {
  return (TfLiteAllocationStrategy)facts_of(t).strategy;
}

TfLiteRunStability TfLiteTensorGetBufferAddressStability(const TfLiteTensor *t) {
  return (TfLiteRunStability)facts_of(t).address;
}

TfLiteRunStability TfLiteTensorGetDataStability(const TfLiteTensor *t) { return (TfLiteRunStability)facts_of(t).data; }

TfLiteRunStep TfLiteTensorGetDataKnownStep(const TfLiteTensor *t) { return (TfLiteRunStep)facts_of(t).data_step; }

TfLiteRunStep TfLiteTensorGetShapeKnownStep(const TfLiteTensor *t) { return (TfLiteRunStep)facts_of(t).shape_step; }

void *TfLiteKernelInitFailed(void) { return (void *)UINTPTR_MAX; }

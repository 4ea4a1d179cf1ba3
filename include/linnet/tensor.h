/*
 * Tensors: what goes into a session, what comes out of it, and what a model holds.
 * A tensor handle is borrowed: it lives as long as the model or session that gave it.
 */
#ifndef LINNET_TENSOR_H
#define LINNET_TENSOR_H

#include <stdbool.h>

#include "linnet/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Element types, numbered as in the .tflite schema. */
typedef enum ln_type {
  LN_FLOAT32 = 0,
  LN_FLOAT16 = 1,
  LN_INT32 = 2,
  LN_UINT8 = 3,
  LN_INT64 = 4,
  LN_STRING = 5, /* int32 count, count + 1 int32 byte offsets from the start, then the bytes */
  LN_BOOL = 6,
  LN_INT16 = 7,
  LN_COMPLEX64 = 8,
  LN_INT8 = 9,
  LN_FLOAT64 = 10,
  LN_COMPLEX128 = 11,
  LN_UINT64 = 12,
  LN_RESOURCE = 13,
  LN_VARIANT = 14,
  LN_UINT32 = 15,
  LN_UINT16 = 16,
  LN_INT4 = 17, /* two to a byte, the first in the low half */
  LN_BFLOAT16 = 18,
  LN_INT2 = 19, /* four to a byte, the first in the lowest bits */
  LN_UINT4 = 20,
  LN_FLOAT8_E4M3FN = 21,
  LN_FLOAT8_E5M2 = 22
} ln_type;

enum { LN_TYPE_COUNT = 23, LN_MAX_RANK = 8 };

typedef struct ln_tensor ln_tensor;

LN_API const char *ln_type_name(ln_type type); /* "float32"; "unknown" for a number outside the enumeration */
LN_API int32_t ln_type_bits(ln_type type);     /* bits an element takes; 0 for strings, resources and variants */

LN_API const char *ln_tensor_name(const ln_tensor *tensor); /* never NULL */
LN_API ln_type ln_tensor_type(const ln_tensor *tensor);
LN_API int32_t ln_tensor_rank(const ln_tensor *tensor); /* 0 for a scalar */
LN_API int32_t ln_tensor_dim(const ln_tensor *tensor,
                             int32_t axis); /* -1: unknown until the model runs, or no such axis */
/* The dimension as the model declares it: -1 where the model leaves it open, whatever it is at present. */
LN_API int32_t ln_tensor_declared_dim(const ln_tensor *tensor, int32_t axis);
LN_API size_t ln_tensor_elements(const ln_tensor *tensor); /* 0 while a dimension is unknown */
LN_API size_t ln_tensor_bytes(const ln_tensor *tensor);    /* of the data as stored */
/* The data in row-major order; NULL for a tensor without any. Valid until the session is resized, run or destroyed. */
LN_API const void *ln_tensor_data(const ln_tensor *tensor);
LN_API void *ln_tensor_mutable_data(ln_tensor *tensor); /* NULL for a constant */

/* Quantization: real = scale * (stored - zero_point). */
LN_API int32_t ln_tensor_scale_count(const ln_tensor *tensor);        /* 0 not quantized, 1 per tensor, else per axis */
LN_API float ln_tensor_scale(const ln_tensor *tensor, int32_t index); /* 0 when there is none */
LN_API int64_t ln_tensor_zero_point(const ln_tensor *tensor, int32_t index);
LN_API int32_t ln_tensor_quantized_axis(const ln_tensor *tensor);
/* Blockwise quantization: elements of the last axis that share a scale, 0 when the tensor has none of the kind; and the
 * number in the graph of the tensor that holds the scales, -1 likewise. */
LN_API int32_t ln_tensor_block_size(const ln_tensor *tensor);
LN_API int32_t ln_tensor_block_scales(const ln_tensor *tensor);

/*
 * Elements as real numbers, by their place in row-major order: scale * (stored - zero_point) where the tensor is
 * quantized (per tensor or per axis), else the number as it is stored; true is 1. For all integer and float types,
 * packed ones too. Writing rounds to the nearest (ties of integers away from zero), clamps to what the type holds, and
 * takes NaN for zero where the type has none. LN_ERR_TYPE for other types, LN_ERR_UNSUPPORTED for sparse tensors,
 * those stored by table and those quantized in blocks, LN_ERR_STATE for a tensor without data, and when writing for a
 * constant.
 */
LN_API float ln_tensor_get_f32(const ln_tensor *tensor, size_t index);       /* NaN where there is no such number */
LN_API bool ln_tensor_set_f32(ln_tensor *tensor, size_t index, float value); /* false where it cannot be set */
/* All elements: `count` is ln_tensor_elements(tensor) (LN_ERR_SHAPE). */
LN_API ln_status ln_tensor_copy_to_f32(const ln_tensor *tensor, float *values, size_t count, ln_error *err);
LN_API ln_status ln_tensor_copy_from_f32(ln_tensor *tensor, const float *values, size_t count, ln_error *err);
/* A string of a string tensor, not NUL-terminated; NULL where there is none, or the tensor's bytes hold no such string.
 */
LN_API const char *ln_tensor_get_string(const ln_tensor *tensor, size_t index, size_t *length);

LN_API bool ln_tensor_is_constant(const ln_tensor *tensor);
LN_API bool ln_tensor_is_variable(const ln_tensor *tensor); /* keeps its value from run to run */
LN_API bool ln_tensor_is_sparse(const ln_tensor *tensor);   /* stored in TFLite's sparse encoding */
/* Of a constant stored by table, as TensorFlow Lite Micro's compression metadata has it: bits of the numbers into the
 * table that its data then are; 0 for any other tensor. */
LN_API int32_t ln_tensor_table_bits(const ln_tensor *tensor);

/* Parts of the sparse encoding: lists of integers. */
typedef enum ln_sparsity_part {
  LN_SPARSITY_ORDER = 0,    /* dimensions, then blocks, in the order in which they are walked: a level each */
  LN_SPARSITY_BLOCKS = 1,   /* the dimension that each block cuts */
  LN_SPARSITY_LEVEL = 2,    /* of a level: 1 where it is compressed, else 0; its extent where it is not */
  LN_SPARSITY_SEGMENTS = 3, /* of a compressed level: where the indices of each visit begin */
  LN_SPARSITY_INDICES = 4   /* of a compressed level */
} ln_sparsity_part;

/* Copies the first `capacity` integers of a part into `out` (NULL with capacity 0) and returns how many there are. */
LN_API int32_t ln_tensor_sparsity(const ln_tensor *tensor, ln_sparsity_part part, int32_t level, int32_t *out,
                                  int32_t capacity);

#ifdef __cplusplus
}
#endif
#endif

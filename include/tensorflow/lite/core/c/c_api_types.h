/* What the whole C API shares: export marking, status codes, element types, per-tensor quantization, opaque names. */
#ifndef TENSORFLOW_LITE_CORE_C_C_API_TYPES_H_
#define TENSORFLOW_LITE_CORE_C_C_API_TYPES_H_

#include <stdint.h>

#include "tensorflow/compiler/mlir/lite/core/c/tflite_types.h"

#ifdef __cplusplus
extern "C" {
#endif

#ifndef TFL_CAPI_EXPORT
#if defined(_WIN32)
#define TFL_CAPI_EXPORT
#else
#define TFL_CAPI_EXPORT __attribute__((visibility("default")))
#endif
#endif

typedef enum TfLiteStatus {
  kTfLiteOk = 0,
  kTfLiteError = 1,            /* a fault of the model, the input or the runtime */
  kTfLiteDelegateError = 2,    /* a delegate failed or was refused */
  kTfLiteApplicationError = 3, /* the call does not fit the state: a fault of the program */
  kTfLiteDelegateDataNotFound = 4,
  kTfLiteDelegateDataWriteError = 5,
  kTfLiteDelegateDataReadError = 6,
  kTfLiteUnresolvedOps = 7,      /* the model holds an operator without a kernel */
  kTfLiteCancelled = 8,          /* the run was stopped by a Cancel call */
  kTfLiteOutputShapeNotKnown = 9 /* a shape depends on values of the run */
} TfLiteStatus;

/* real = scale * (stored - zero_point); a scale of 0 says that the tensor is not quantized per tensor. */
typedef struct TfLiteQuantizationParams {
  float scale;
  int32_t zero_point;
} TfLiteQuantizationParams;

typedef struct TfLiteTensor TfLiteTensor; /* defined in common.h */

typedef struct TfLiteOpaqueContext TfLiteOpaqueContext;
typedef struct TfLiteOpaqueNode TfLiteOpaqueNode;
typedef struct TfLiteOpaqueTensor TfLiteOpaqueTensor;

/* One delegate type serves both spellings, unless a program asks for one that it cannot look into. */
typedef struct TfLiteDelegate TfLiteDelegate;
typedef struct TfLiteOpaqueDelegateStruct TfLiteOpaqueDelegateStruct;
#if (defined(TFLITE_WITH_STABLE_ABI) && TFLITE_WITH_STABLE_ABI) || \
    (defined(TFLITE_USE_OPAQUE_DELEGATE) && TFLITE_USE_OPAQUE_DELEGATE)
typedef TfLiteOpaqueDelegateStruct TfLiteOpaqueDelegate;
#else
typedef TfLiteDelegate TfLiteOpaqueDelegate;
#endif

#ifdef __cplusplus
}
#endif
#endif

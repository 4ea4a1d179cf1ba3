/* The XNNPACK delegate's interface. The delegate stands for this library's own CPU kernels, which run in any case; of
 * its options only the number of threads counts. */
#ifndef TENSORFLOW_LITE_DELEGATES_XNNPACK_XNNPACK_DELEGATE_H_
#define TENSORFLOW_LITE_DELEGATES_XNNPACK_XNNPACK_DELEGATE_H_

#include "tensorflow/lite/core/c/common.h"

#ifdef __cplusplus
extern "C" {
#endif

#define TFLITE_XNNPACK_DELEGATE_FLAG_QS8 0x00000001
#define TFLITE_XNNPACK_DELEGATE_FLAG_QU8 0x00000002
#define TFLITE_XNNPACK_DELEGATE_FLAG_FORCE_FP16 0x00000004
#define TFLITE_XNNPACK_DELEGATE_FLAG_DYNAMIC_FULLY_CONNECTED 0x00000008
#define TFLITE_XNNPACK_DELEGATE_FLAG_VARIABLE_OPERATORS 0x00000010
#define TFLITE_XNNPACK_DELEGATE_FLAG_TRANSIENT_INDIRECTION_BUFFER 0x00000020
#define TFLITE_XNNPACK_DELEGATE_FLAG_ENABLE_LATEST_OPERATORS 0x00000040
#define TFLITE_XNNPACK_DELEGATE_FLAG_ENABLE_SUBGRAPH_RESHAPING 0x00000080

struct TfLiteXNNPackDelegateWeightsCache;

typedef struct {
  int32_t num_threads; /* 0 or less: the interpreter's own number */
  uint32_t flags;
  struct TfLiteXNNPackDelegateWeightsCache *weights_cache;
  bool handle_variable_ops;
  const char *weight_cache_file_path;
} TfLiteXNNPackDelegateOptions;

TFL_CAPI_EXPORT TfLiteXNNPackDelegateOptions TfLiteXNNPackDelegateOptionsDefault(void);
/* `options` may be NULL. NULL when memory is short. */
TFL_CAPI_EXPORT TfLiteDelegate *TfLiteXNNPackDelegateCreate(const TfLiteXNNPackDelegateOptions *options);
TFL_CAPI_EXPORT void *TfLiteXNNPackDelegateGetThreadPool(TfLiteDelegate *delegate); /* NULL: none that can be shared */
/* After the interpreters that were made with it. */
TFL_CAPI_EXPORT void TfLiteXNNPackDelegateDelete(TfLiteDelegate *delegate);

#ifdef __cplusplus
}
#endif
#endif

/* The part of the C API that TensorFlow Lite calls experimental: custom operators, variables, strict resizing. */
#ifndef TENSORFLOW_LITE_CORE_C_C_API_EXPERIMENTAL_H_
#define TENSORFLOW_LITE_CORE_C_C_API_EXPERIMENTAL_H_

#include "tensorflow/lite/builtin_ops.h"
#include "tensorflow/lite/core/c/c_api.h"
#include "tensorflow/lite/core/c/common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Variables back to what stands for zero. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteInterpreterResetVariableTensors(TfLiteInterpreter *interpreter);

/* ResizeInputTensor that changes only dimensions which the model leaves open. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteInterpreterResizeInputTensorStrict(TfLiteInterpreter *interpreter,
                                                                      int32_t input_index, const int *input_dims,
                                                                      int32_t input_dims_size);

/* The kernel of the custom operator `name`. The registration is copied; what it points to must outlive the
 * interpreters, and `name` the options. The latest registration of a name counts. */
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsAddCustomOp(TfLiteInterpreterOptions *options, const char *name,
                                                         const TfLiteRegistration *registration, int32_t min_version,
                                                         int32_t max_version);

/* Admits a builtin operator between two versions of it. This library computes it with its own kernel, whatever the
 * registration holds; TfLiteInterpreterCreateWithSelectedOps asks what was admitted. */
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsAddBuiltinOp(TfLiteInterpreterOptions *options, TfLiteBuiltinOperator op,
                                                          const TfLiteRegistration *registration, int32_t min_version,
                                                          int32_t max_version);

/* The program's look-up of operators, called when an interpreter is made: what it gives for a custom operator computes
 * it, what it gives for a builtin one admits it. `op_resolver_user_data` must outlive the options. */
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsSetOpResolver(
    TfLiteInterpreterOptions *options,
    const TfLiteRegistration *(*find_builtin_op)(void *user_data, TfLiteBuiltinOperator op, int version),
    const TfLiteRegistration *(*find_custom_op)(void *user_data, const char *custom_op, int version),
    void *op_resolver_user_data);

/* An interpreter whose model uses admitted operators alone; NULL otherwise, after saying which one is not. `options`
 * must not be NULL. */
TFL_CAPI_EXPORT TfLiteInterpreter *TfLiteInterpreterCreateWithSelectedOps(const TfLiteModel *model,
                                                                          const TfLiteInterpreterOptions *options);

/* No effect: outputs always lie in memory that the program can read. */
TFL_CAPI_EXPORT void TfLiteSetAllowBufferHandleOutput(const TfLiteInterpreter *interpreter,
                                                      bool allow_buffer_handle_output);

TFL_CAPI_EXPORT void TfLiteInterpreterOptionsSetUseNNAPI(TfLiteInterpreterOptions *options,
                                                         bool enable); /* no effect */
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsSetEnableDelegateFallback(TfLiteInterpreterOptions *options,
                                                                       bool enable); /* no effect */

/* The number of an input or output for TfLiteInterpreterGetTensor; -1 when out of range. */
TFL_CAPI_EXPORT int32_t TfLiteInterpreterGetInputTensorIndex(const TfLiteInterpreter *interpreter, int32_t input_index);
TFL_CAPI_EXPORT int32_t TfLiteInterpreterGetOutputTensorIndex(const TfLiteInterpreter *interpreter,
                                                              int32_t output_index);

/* kTfLiteOk for the XNNPACK delegate, kTfLiteDelegateError for others: AddDelegate tells why. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteInterpreterModifyGraphWithDelegate(const TfLiteInterpreter *interpreter,
                                                                      TfLiteDelegate *delegate);

#ifdef __cplusplus
}
#endif
#endif

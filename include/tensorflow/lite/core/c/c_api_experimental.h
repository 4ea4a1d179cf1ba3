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

/* The same with operators made by functions (operator.h), which must outlive the interpreters. */
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsSetOpResolverExternal(
    TfLiteInterpreterOptions *options, const TfLiteOperator *(*find_builtin_op)(void *user_data, int op, int version),
    const TfLiteOperator *(*find_custom_op)(void *user_data, const char *custom_op, int version),
    void *op_resolver_user_data);
/* Both: the registrations are asked for where an operator has no callbacks. */
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsSetOpResolverExternalWithFallback(
    TfLiteInterpreterOptions *options,
    const TfLiteOperator *(*find_builtin_op_external)(void *user_data, int op, int version),
    const TfLiteOperator *(*find_custom_op_external)(void *user_data, const char *custom_op, int version),
    const TfLiteRegistration *(*find_builtin_op)(void *user_data, TfLiteBuiltinOperator op, int version),
    const TfLiteRegistration *(*find_custom_op)(void *user_data, const char *op, int version),
    void *op_resolver_user_data);
/* For programs compiled against older releases, whose registrations are shorter. */
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsSetOpResolverV3(
    TfLiteInterpreterOptions *options,
    const TfLiteRegistration_V3 *(*find_builtin_op_v3)(void *user_data, TfLiteBuiltinOperator op, int version),
    const TfLiteRegistration_V3 *(*find_custom_op_v3)(void *user_data, const char *op, int version),
    void *op_resolver_user_data);
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsSetOpResolverV2(
    TfLiteInterpreterOptions *options,
    const TfLiteRegistration_V2 *(*find_builtin_op_v2)(void *user_data, TfLiteBuiltinOperator op, int version),
    const TfLiteRegistration_V2 *(*find_custom_op_v2)(void *user_data, const char *op, int version),
    void *op_resolver_user_data);
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsSetOpResolverV1(
    TfLiteInterpreterOptions *options,
    const TfLiteRegistration_V1 *(*find_builtin_op_v1)(void *user_data, TfLiteBuiltinOperator op, int version),
    const TfLiteRegistration_V1 *(*find_custom_op_v1)(void *user_data, const char *op, int version),
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

/*
 * The program's own memory for an input or output, from the next AllocateTensors on. It holds at least the tensor's
 * bytes, stands at a multiple of 64 unless `flags` has kTfLiteCustomAllocationFlagsSkipAlignCheck, and stays until the
 * interpreter is deleted. kTfLiteError for other tensors.
 */
TFL_CAPI_EXPORT TfLiteStatus TfLiteInterpreterSetCustomAllocationForTensor(TfLiteInterpreter *interpreter,
                                                                           int tensor_index,
                                                                           const TfLiteCustomAllocation *allocation,
                                                                           int64_t flags);

/* Handles belong to delegates: setting one answers kTfLiteError, and no tensor has one (kTfLiteNullBufferHandle). */
TFL_CAPI_EXPORT TfLiteStatus TfLiteInterpreterSetBufferHandle(TfLiteInterpreter *interpreter, TfLiteTensor *tensor,
                                                              TfLiteBufferHandle buffer_handle,
                                                              TfLiteOpaqueDelegate *delegate);
TFL_CAPI_EXPORT TfLiteStatus TfLiteInterpreterGetBufferHandle(TfLiteInterpreter *interpreter, int tensor_index,
                                                              TfLiteBufferHandle *buffer_handle,
                                                              TfLiteOpaqueDelegate **delegate);
/* Data always lies in memory: kTfLiteOk for every tensor that there is. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteInterpreterEnsureTensorDataIsReadable(TfLiteInterpreter *interpreter,
                                                                         int tensor_index);

/* Told of every operator of a run, before and after (profiling/telemetry/c/profiler.h); it must outlive the
 * interpreters. NULL: none. */
struct TfLiteTelemetryProfilerStruct;
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsSetTelemetryProfiler(TfLiteInterpreterOptions *options,
                                                                  struct TfLiteTelemetryProfilerStruct *profiler);

#ifdef __cplusplus
}
#endif
#endif

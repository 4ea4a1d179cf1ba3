/*
 * The C API of TensorFlow Lite, served by Linnet: models, interpreters, signature runners, tensors.
 *
 * A model may be deleted once its interpreters are made, options likewise. An interpreter belongs to one thread at a
 * time; only Cancel may come from another. Tensors belong to their interpreter: the struct's address stays, its data
 * may move when tensors are allocated or the model runs.
 */
#ifndef TENSORFLOW_LITE_CORE_C_C_API_H_
#define TENSORFLOW_LITE_CORE_C_C_API_H_

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "tensorflow/lite/builtin_ops.h"
#include "tensorflow/lite/core/async/c/types.h"
#include "tensorflow/lite/core/c/c_api_types.h"
#include "tensorflow/lite/core/c/operator.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct TfLiteModel TfLiteModel;
typedef struct TfLiteInterpreterOptions TfLiteInterpreterOptions;
typedef struct TfLiteInterpreter TfLiteInterpreter;
typedef struct TfLiteSignatureRunner TfLiteSignatureRunner;

/* The level of the API that is followed: "2.19.0". */
TFL_CAPI_EXPORT const char *TfLiteVersion(void);
TFL_CAPI_EXPORT const char *TfLiteExtensionApisVersion(void);
/* The version of the schema that models are read by: 3. */
TFL_CAPI_EXPORT int TfLiteSchemaVersion(void);

/* ---- models: NULL on failure, with the reason to the reporter or to standard error ---- */

/* `model_data` is not copied and stays the caller's; it must outlive the model and its interpreters. */
TFL_CAPI_EXPORT TfLiteModel *TfLiteModelCreate(const void *model_data, size_t model_size);
TFL_CAPI_EXPORT TfLiteModel *TfLiteModelCreateWithErrorReporter(const void *model_data, size_t model_size,
                                                                void (*reporter)(void *user_data, const char *format,
                                                                                 va_list args),
                                                                void *user_data);
TFL_CAPI_EXPORT TfLiteModel *TfLiteModelCreateFromFile(const char *model_path);
TFL_CAPI_EXPORT TfLiteModel *TfLiteModelCreateFromFileWithErrorReporter(
    const char *model_path, void (*reporter)(void *user_data, const char *format, va_list args), void *user_data);
TFL_CAPI_EXPORT void TfLiteModelDelete(TfLiteModel *model);

/* ---- options ---- */

TFL_CAPI_EXPORT TfLiteInterpreterOptions *TfLiteInterpreterOptionsCreate(void);
TFL_CAPI_EXPORT TfLiteInterpreterOptions *TfLiteInterpreterOptionsCopy(const TfLiteInterpreterOptions *from);
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsDelete(TfLiteInterpreterOptions *options);
/* -1: as the library sees fit. */
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsSetNumThreads(TfLiteInterpreterOptions *options, int32_t num_threads);
/* The XNNPACK delegate stands for this library's own kernels; with any other no interpreter is made, and the reporter
 * is told why. */
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsAddDelegate(TfLiteInterpreterOptions *options,
                                                         TfLiteOpaqueDelegate *delegate);
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsSetErrorReporter(TfLiteInterpreterOptions *options,
                                                              void (*reporter)(void *user_data, const char *format,
                                                                               va_list args),
                                                              void *user_data);
/* What computes the operator: a custom one by its name. Of a builtin one it only admits the operator, as
 * TfLiteInterpreterOptionsAddBuiltinOp does. `registration` stays the program's. */
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsAddOperator(TfLiteInterpreterOptions *options,
                                                         TfLiteOperator *registration);
/* The same, by its name until 2.16. */
TFL_CAPI_EXPORT void TfLiteInterpreterOptionsAddRegistrationExternal(TfLiteInterpreterOptions *options,
                                                                     TfLiteRegistrationExternal *registration);
/* Without it, Cancel answers kTfLiteError. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteInterpreterOptionsEnableCancellation(TfLiteInterpreterOptions *options, bool enable);

/* ---- interpreters: inputs, outputs and tensors are those of the model's first graph, in the file's order ---- */

/* NULL on failure. `options` may be NULL. */
TFL_CAPI_EXPORT TfLiteInterpreter *TfLiteInterpreterCreate(const TfLiteModel *model,
                                                           const TfLiteInterpreterOptions *optional_options);
TFL_CAPI_EXPORT void TfLiteInterpreterDelete(TfLiteInterpreter *interpreter);

TFL_CAPI_EXPORT int32_t TfLiteInterpreterGetInputTensorCount(const TfLiteInterpreter *interpreter);
/* [input count] numbers for TfLiteInterpreterGetTensor; the interpreter's. */
TFL_CAPI_EXPORT const int *TfLiteInterpreterInputTensorIndices(const TfLiteInterpreter *interpreter);
TFL_CAPI_EXPORT TfLiteTensor *TfLiteInterpreterGetInputTensor(const TfLiteInterpreter *interpreter,
                                                              int32_t input_index); /* NULL when out of range */
/* Takes effect with AllocateTensors, which must come before data is read or written again. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteInterpreterResizeInputTensor(TfLiteInterpreter *interpreter, int32_t input_index,
                                                                const int *input_dims, int32_t input_dims_size);
TFL_CAPI_EXPORT TfLiteStatus TfLiteInterpreterAllocateTensors(TfLiteInterpreter *interpreter);
TFL_CAPI_EXPORT TfLiteStatus TfLiteInterpreterInvoke(TfLiteInterpreter *interpreter);
TFL_CAPI_EXPORT int32_t TfLiteInterpreterGetOutputTensorCount(const TfLiteInterpreter *interpreter);
TFL_CAPI_EXPORT const int *TfLiteInterpreterOutputTensorIndices(const TfLiteInterpreter *interpreter);
TFL_CAPI_EXPORT const TfLiteTensor *TfLiteInterpreterGetOutputTensor(const TfLiteInterpreter *interpreter,
                                                                     int32_t output_index);
/* Any tensor of the graph. Those between operators share memory: only inputs, outputs, constants and variables hold
 * their values after a run. */
TFL_CAPI_EXPORT TfLiteTensor *TfLiteInterpreterGetTensor(const TfLiteInterpreter *interpreter, int index);
/* From any thread: the run in progress ends before its next operator and answers kTfLiteCancelled. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteInterpreterCancel(const TfLiteInterpreter *interpreter);

/* ---- tensors ---- */

TFL_CAPI_EXPORT TfLiteType TfLiteTensorType(const TfLiteTensor *tensor);
TFL_CAPI_EXPORT int32_t TfLiteTensorNumDims(const TfLiteTensor *tensor); /* -1 while the shape is unknown */
TFL_CAPI_EXPORT int32_t TfLiteTensorDim(const TfLiteTensor *tensor, int32_t dim_index);
TFL_CAPI_EXPORT size_t TfLiteTensorByteSize(const TfLiteTensor *tensor);
TFL_CAPI_EXPORT void *TfLiteTensorData(const TfLiteTensor *tensor); /* NULL before tensors are allocated */
TFL_CAPI_EXPORT const char *TfLiteTensorName(const TfLiteTensor *tensor);
TFL_CAPI_EXPORT TfLiteQuantizationParams TfLiteTensorQuantizationParams(const TfLiteTensor *tensor);
/* The size must be the tensor's own; a string tensor takes any (its encoding holds its count). */
TFL_CAPI_EXPORT TfLiteStatus TfLiteTensorCopyFromBuffer(TfLiteTensor *tensor, const void *input_data,
                                                        size_t input_data_size);
TFL_CAPI_EXPORT TfLiteStatus TfLiteTensorCopyToBuffer(const TfLiteTensor *output_tensor, void *output_data,
                                                      size_t output_data_size);

/* ---- signature runners: delete each before its interpreter ---- */

TFL_CAPI_EXPORT int32_t TfLiteInterpreterGetSignatureCount(const TfLiteInterpreter *interpreter);
TFL_CAPI_EXPORT const char *TfLiteInterpreterGetSignatureKey(const TfLiteInterpreter *interpreter,
                                                             int32_t signature_index);
TFL_CAPI_EXPORT TfLiteSignatureRunner *TfLiteInterpreterGetSignatureRunner(const TfLiteInterpreter *interpreter,
                                                                           const char *signature_key);
TFL_CAPI_EXPORT size_t TfLiteSignatureRunnerGetInputCount(const TfLiteSignatureRunner *signature_runner);
TFL_CAPI_EXPORT const char *TfLiteSignatureRunnerGetInputName(const TfLiteSignatureRunner *signature_runner,
                                                              int32_t input_index);
/* Only dimensions that the model leaves open may change, where it says which. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteSignatureRunnerResizeInputTensor(TfLiteSignatureRunner *signature_runner,
                                                                    const char *input_name, const int *input_dims,
                                                                    int32_t input_dims_size);
TFL_CAPI_EXPORT TfLiteStatus TfLiteSignatureRunnerAllocateTensors(TfLiteSignatureRunner *signature_runner);
TFL_CAPI_EXPORT TfLiteTensor *TfLiteSignatureRunnerGetInputTensor(TfLiteSignatureRunner *signature_runner,
                                                                  const char *input_name);
TFL_CAPI_EXPORT TfLiteStatus TfLiteSignatureRunnerInvoke(TfLiteSignatureRunner *signature_runner);
TFL_CAPI_EXPORT size_t TfLiteSignatureRunnerGetOutputCount(const TfLiteSignatureRunner *signature_runner);
TFL_CAPI_EXPORT const char *TfLiteSignatureRunnerGetOutputName(const TfLiteSignatureRunner *signature_runner,
                                                               int32_t output_index);
TFL_CAPI_EXPORT const TfLiteTensor *TfLiteSignatureRunnerGetOutputTensor(const TfLiteSignatureRunner *signature_runner,
                                                                         const char *output_name);
TFL_CAPI_EXPORT TfLiteStatus TfLiteSignatureRunnerCancel(TfLiteSignatureRunner *signature_runner);
TFL_CAPI_EXPORT void TfLiteSignatureRunnerDelete(TfLiteSignatureRunner *signature_runner);

#ifdef __cplusplus
}
#endif
#endif

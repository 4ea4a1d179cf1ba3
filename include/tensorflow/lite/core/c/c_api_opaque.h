/*
 * What the kernel of an operator made with operator.h sees: tensors, its node and the context, by functions alone.
 * Pointers are good for the length of the callback that got them, numbers of tensors as long as the interpreter.
 */
#ifndef TENSORFLOW_LITE_CORE_C_C_API_OPAQUE_H_
#define TENSORFLOW_LITE_CORE_C_C_API_OPAQUE_H_

#include <stddef.h>

#include "tensorflow/lite/core/c/c_api.h"
#include "tensorflow/lite/core/c/c_api_types.h"
#include "tensorflow/lite/core/c/common.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- tensors ---- */

TFL_CAPI_EXPORT TfLiteType TfLiteOpaqueTensorType(const TfLiteOpaqueTensor *opaque_tensor);
TFL_CAPI_EXPORT int32_t TfLiteOpaqueTensorNumDims(const TfLiteOpaqueTensor *opaque_tensor); /* -1: unknown */
TFL_CAPI_EXPORT int32_t TfLiteOpaqueTensorDim(const TfLiteOpaqueTensor *opaque_tensor, int32_t dim_index);
/* Of the shape that the model declares, -1 where it leaves a dimension open; a rank of -1 when it declares none. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueTensorGetNumDimsSignature(const TfLiteOpaqueTensor *opaque_tensor,
                                                                   int32_t *num_dims);
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueTensorGetDimSignature(const TfLiteOpaqueTensor *opaque_tensor,
                                                               int32_t dim_index, int32_t *dim_length);
TFL_CAPI_EXPORT int TfLiteOpaqueTensorIsVariable(const TfLiteOpaqueTensor *opaque_tensor);
TFL_CAPI_EXPORT size_t TfLiteOpaqueTensorByteSize(const TfLiteOpaqueTensor *opaque_tensor);
TFL_CAPI_EXPORT void *TfLiteOpaqueTensorData(const TfLiteOpaqueTensor *opaque_tensor); /* NULL for NULL */
TFL_CAPI_EXPORT TfLiteAllocationType TfLiteOpaqueTensorGetAllocationType(const TfLiteOpaqueTensor *opaque_tensor);
TFL_CAPI_EXPORT TfLiteAllocationStrategy TfLiteOpaqueTensorGetAllocationStrategy(const TfLiteOpaqueTensor *t);
TFL_CAPI_EXPORT TfLiteRunStability TfLiteOpaqueTensorGetBufferAddressStability(const TfLiteOpaqueTensor *t);
TFL_CAPI_EXPORT TfLiteRunStability TfLiteOpaqueTensorGetDataStability(const TfLiteOpaqueTensor *t);
TFL_CAPI_EXPORT TfLiteRunStep TfLiteOpaqueTensorGetDataKnownStep(const TfLiteOpaqueTensor *t);
TFL_CAPI_EXPORT TfLiteRunStep TfLiteOpaqueTensorGetShapeKnownStep(const TfLiteOpaqueTensor *t);
TFL_CAPI_EXPORT const char *TfLiteOpaqueTensorName(const TfLiteOpaqueTensor *opaque_tensor);
TFL_CAPI_EXPORT TfLiteQuantization TfLiteOpaqueTensorGetQuantization(const TfLiteOpaqueTensor *opaque_tensor);
TFL_CAPI_EXPORT TfLiteQuantizationParams
TfLiteOpaqueTensorGetQuantizationParams(const TfLiteOpaqueTensor *opaque_tensor);
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueTensorCopyFromBuffer(TfLiteOpaqueTensor *opaque_tensor, const void *input_data,
                                                              size_t input_data_size);
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueTensorCopyToBuffer(const TfLiteOpaqueTensor *opaque_tensor, void *output_data,
                                                            size_t output_data_size);
/* -1 where the tensor holds no strings. */
TFL_CAPI_EXPORT int TfLiteOpaqueTensorGetStringCount(const TfLiteOpaqueTensor *tensor);
/* Where string `index` lies in the tensor; it does not end in a NUL. kTfLiteError when there is none. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueTensorGetString(const TfLiteOpaqueTensor *tensor, int index, const char **str,
                                                         int *len);
/* Gives a string output, in invoke, these strings and the shape [str_array_len]. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueTensorWriteStrings(TfLiteOpaqueTensor *tensor, const char *const *str_array,
                                                            int str_array_len, const int *str_n_len);
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueTensorWriteString(TfLiteOpaqueTensor *tensor, const char *str, int len);
/* In prepare: the output's shape is found in invoke, by resizing it there. */
TFL_CAPI_EXPORT void TfLiteOpaqueTensorSetAllocationTypeToDynamic(TfLiteOpaqueTensor *tensor);

/* ---- tensors that a kernel adds: each setter gives the builder back ---- */

typedef struct TfLiteOpaqueTensorBuilder TfLiteOpaqueTensorBuilder;

TFL_CAPI_EXPORT TfLiteOpaqueTensorBuilder *TfLiteOpaqueTensorBuilderCreate(void);
TFL_CAPI_EXPORT void TfLiteOpaqueTensorBuilderDelete(TfLiteOpaqueTensorBuilder *builder);
TFL_CAPI_EXPORT TfLiteOpaqueTensorBuilder *TfLiteOpaqueTensorBuilderSetType(TfLiteOpaqueTensorBuilder *builder,
                                                                            TfLiteType type);
/* From malloc, and the tensor's from then on. */
TFL_CAPI_EXPORT TfLiteOpaqueTensorBuilder *TfLiteOpaqueTensorBuilderSetData(TfLiteOpaqueTensorBuilder *builder,
                                                                            void *data);
/* kTfLiteDynamic, which wants data, or kTfLiteArenaRw or kTfLiteArenaRwPersistent, which must have none. */
TFL_CAPI_EXPORT TfLiteOpaqueTensorBuilder *TfLiteOpaqueTensorBuilderSetAllocationType(
    TfLiteOpaqueTensorBuilder *builder, TfLiteAllocationType allocation_type);
TFL_CAPI_EXPORT TfLiteOpaqueTensorBuilder *TfLiteOpaqueTensorBuilderSetQuantizationParams(
    TfLiteOpaqueTensorBuilder *builder, TfLiteQuantizationParams params);
/* Its params are the tensor's from then on. */
TFL_CAPI_EXPORT TfLiteOpaqueTensorBuilder *TfLiteOpaqueTensorBuilderSetQuantization(TfLiteOpaqueTensorBuilder *builder,
                                                                                    TfLiteQuantization quantization);

/* ---- nodes ---- */

TFL_CAPI_EXPORT const TfLiteOpaqueTensor *TfLiteOpaqueNodeGetInput(const TfLiteOpaqueContext *opaque_context,
                                                                   const TfLiteOpaqueNode *opaque_node,
                                                                   int index); /* NULL: absent, or out of range */
TFL_CAPI_EXPORT TfLiteOpaqueTensor *TfLiteOpaqueNodeGetOutput(TfLiteOpaqueContext *opaque_context,
                                                              const TfLiteOpaqueNode *opaque_node, int index);
TFL_CAPI_EXPORT int TfLiteOpaqueNodeNumberOfInputs(const TfLiteOpaqueNode *opaque_node);
TFL_CAPI_EXPORT int TfLiteOpaqueNodeNumberOfOutputs(const TfLiteOpaqueNode *opaque_node);
TFL_CAPI_EXPORT void *TfLiteOpaqueNodeGetUserData(const TfLiteOpaqueNode *opaque_node); /* what init returned */
TFL_CAPI_EXPORT void *TfLiteOpaqueNodeGetBuiltinData(const TfLiteOpaqueNode *opaque_node);
/* The model's options of a custom operator. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueNodeGetCustomInitialData(const TfLiteOpaqueNode *opaque_node,
                                                                  const void **init_data, int *size);
/* Numbers of tensors; the node's own arrays. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueNodeInputs(const TfLiteOpaqueNode *opaque_node, const int **inputs,
                                                    int *num_inputs);
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueNodeOutputs(const TfLiteOpaqueNode *opaque_node, const int **outputs,
                                                     int *num_outputs);
/* The numbers are copied. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueNodeSetTemporaries(TfLiteOpaqueNode *opaque_node, const int *temporaries,
                                                            int num_temporaries);
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueNodeTemporaries(const TfLiteOpaqueNode *opaque_node, const int **temporaries,
                                                         int *num_temporaries);
TFL_CAPI_EXPORT int TfLiteOpaqueNodeGetInputTensorIndex(const TfLiteOpaqueNode *opaque_node,
                                                        int index_of_input); /* -1 when out of range */
TFL_CAPI_EXPORT int TfLiteOpaqueNodeGetOutputTensorIndex(const TfLiteOpaqueNode *opaque_node, int index_of_output);

/* ---- contexts: the graph that the node stands in ---- */

TFL_CAPI_EXPORT TfLiteOpaqueTensor *TfLiteOpaqueContextGetOpaqueTensor(const TfLiteOpaqueContext *opaque_context,
                                                                       int index); /* NULL when out of range */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextGetInputs(const TfLiteOpaqueContext *opaque_context, const int **inputs,
                                                          int *num_inputs);
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextGetOutputs(const TfLiteOpaqueContext *opaque_context,
                                                           const int **outputs, int *num_outputs);
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextGetVariables(const TfLiteOpaqueContext *opaque_context,
                                                             const int **variables, int *num_variables);
TFL_CAPI_EXPORT size_t TfLiteOpaqueContextGetNumNodes(const TfLiteOpaqueContext *opaque_context);
TFL_CAPI_EXPORT size_t TfLiteOpaqueContextGetNumTensors(const TfLiteOpaqueContext *opaque_context);
TFL_CAPI_EXPORT const char *TfLiteOpaqueContextGetName(const TfLiteOpaqueContext *opaque_context);
/* Takes new_size, also when it fails. In prepare it sets the shape, in invoke it serves dynamic tensors. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextResizeTensor(TfLiteOpaqueContext *context, TfLiteOpaqueTensor *tensor,
                                                             TfLiteIntArray *new_size);
/* In init or prepare; 64 tensors a graph. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextAddTensor(TfLiteOpaqueContext *context,
                                                          TfLiteOpaqueTensorBuilder *builder, int *new_tensor_index);
/* Bytes of an element; kTfLiteError for types without a size of their own. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextGetSizeOfType(TfLiteOpaqueContext *context, TfLiteType type,
                                                              size_t *bytes);
/* A metadata entry of the model; kTfLiteError when it has none of that name. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextGetMetadata(TfLiteOpaqueContext *context, const char *name,
                                                            const char **ptr, size_t *bytes);
/* No resources are shared between kernels: gives NULL. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextGetExternalContext(TfLiteOpaqueContext *opaque_context,
                                                                   void **external_context,
                                                                   TfLiteExternalContextType type);
/* No model's file is kept open: answers kTfLiteError, the size of the node's options (or -1) being set. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextGetNodeInitDataMmapInfo(const TfLiteOpaqueContext *context,
                                                                        const TfLiteOpaqueNode *node, int *fd,
                                                                        int64_t *custom_initial_data_offset_in_file,
                                                                        int64_t *custom_initial_data_size);

/* ---- for delegates, which are not taken: each reports that and answers kTfLiteError ---- */

TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextGetExecutionPlan(TfLiteOpaqueContext *opaque_context,
                                                                 TfLiteIntArray **execution_plan);
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextGetNodeAndRegistration(TfLiteOpaqueContext *opaque_context,
                                                                       int node_index, TfLiteOpaqueNode **node,
                                                                       TfLiteOperator **registration_external);
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextReplaceNodeSubsetsWithDelegateKernels(
    TfLiteOpaqueContext *opaque_context, TfLiteOperator *registration_external, const TfLiteIntArray *nodes_to_replace,
    TfLiteOpaqueDelegate *opaque_delegate);
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextAcquireSubgraphContext(TfLiteOpaqueContext *opaque_context,
                                                                       int subgraph_index,
                                                                       TfLiteOpaqueContext **acquired_opaque_context);
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextReleaseSubgraphContext(TfLiteOpaqueContext *opaque_context,
                                                                       int subgraph_index);
/* Answers kTfLiteOk for any graph but the first: no delegate will come to it. */
TFL_CAPI_EXPORT TfLiteStatus TfLiteOpaqueContextMarkSubgraphAsDelegationSkippable(TfLiteOpaqueContext *opaque_context,
                                                                                  int subgraph_index);

/* ---- errors ---- */

TFL_CAPI_EXPORT void TfLiteOpaqueContextReportError(TfLiteOpaqueContext *opaque_context, const char *format, ...);
TFL_CAPI_EXPORT void TfLiteOpaqueContextReportErrorVa(TfLiteOpaqueContext *opaque_context, const char *format,
                                                      va_list vlist);

/* Checks for kernels: each leaves the calling function with kTfLiteError. */

#define TF_LITE_OPAQUE_KERNEL_LOG(opaque_context, ...) TfLiteOpaqueContextReportError((opaque_context), __VA_ARGS__)

#define TF_LITE_OPAQUE_MAYBE_KERNEL_LOG(opaque_context, ...)                                     \
  do {                                                                                           \
    if ((opaque_context) != NULL) TfLiteOpaqueContextReportError((opaque_context), __VA_ARGS__); \
  } while (0)

#define TF_LITE_OPAQUE_ENSURE(opaque_context, a)                                                      \
  do {                                                                                                \
    if (!(a)) {                                                                                       \
      TF_LITE_OPAQUE_KERNEL_LOG((opaque_context), "%s:%d: %s does not hold", __FILE__, __LINE__, #a); \
      return kTfLiteError;                                                                            \
    }                                                                                                 \
  } while (0)

#define TF_LITE_OPAQUE_ENSURE_MSG(opaque_context, value, msg)                 \
  do {                                                                        \
    if (!(value)) {                                                           \
      TF_LITE_OPAQUE_KERNEL_LOG((opaque_context), "%s: %s", __FILE__, (msg)); \
      return kTfLiteError;                                                    \
    }                                                                         \
  } while (0)

#define TF_LITE_OPAQUE_ENSURE_EQ(opaque_context, a, b)                                                            \
  do {                                                                                                            \
    if ((a) != (b)) {                                                                                             \
      TF_LITE_OPAQUE_KERNEL_LOG((opaque_context), "%s:%d: %s and %s differ (%d, %d)", __FILE__, __LINE__, #a, #b, \
                                (int)(a), (int)(b));                                                              \
      return kTfLiteError;                                                                                        \
    }                                                                                                             \
  } while (0)

#define TF_LITE_OPAQUE_ENSURE_TYPES_EQ(opaque_context, a, b)                                                      \
  do {                                                                                                            \
    if ((a) != (b)) {                                                                                             \
      TF_LITE_OPAQUE_KERNEL_LOG((opaque_context), "%s:%d: %s and %s differ (%s, %s)", __FILE__, __LINE__, #a, #b, \
                                TfLiteTypeGetName(a), TfLiteTypeGetName(b));                                      \
      return kTfLiteError;                                                                                        \
    }                                                                                                             \
  } while (0)

#define TF_LITE_OPAQUE_ENSURE_NEAR(opaque_context, a, b, epsilon)                                                   \
  do {                                                                                                              \
    const double delta_ = (double)(a) - (double)(b);                                                                \
    if (delta_ > (epsilon) || -delta_ > (epsilon)) {                                                                \
      TF_LITE_OPAQUE_KERNEL_LOG((opaque_context), "%s:%d: %s and %s are not near (%f, %f)", __FILE__, __LINE__, #a, \
                                #b, (double)(a), (double)(b));                                                      \
      return kTfLiteError;                                                                                          \
    }                                                                                                               \
  } while (0)

#ifdef __cplusplus
}
#endif
#endif

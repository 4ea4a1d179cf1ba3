/* The accessors of c_api_opaque.h. Opaque tensors, nodes and contexts are the open structs by another name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tflite_c.h"

static const TfLiteTensor *tensor_of(const TfLiteOpaqueTensor *tensor) {
  return (const TfLiteTensor *)(const void *)tensor;
}

static TfLiteTensor *own_tensor_of(TfLiteOpaqueTensor *tensor) { return (TfLiteTensor *)(void *)tensor; }

static const TfLiteNode *node_of(const TfLiteOpaqueNode *node) { return (const TfLiteNode *)(const void *)node; }

static const TfLiteContext *context_of(const TfLiteOpaqueContext *context) {
  return (const TfLiteContext *)(const void *)context;
}

static TfLiteContext *own_context_of(TfLiteOpaqueContext *context) { return (TfLiteContext *)(void *)context; }

static const tflite_graph *graph_of(const TfLiteOpaqueContext *context) { return context_of(context)->impl_; }

/* ---- tensors ---- */

TfLiteType TfLiteOpaqueTensorType(const TfLiteOpaqueTensor *opaque_tensor) {
  return TfLiteTensorType(tensor_of(opaque_tensor));
}

int32_t TfLiteOpaqueTensorNumDims(const TfLiteOpaqueTensor *opaque_tensor) {
  return TfLiteTensorNumDims(tensor_of(opaque_tensor));
}

int32_t TfLiteOpaqueTensorDim(const TfLiteOpaqueTensor *opaque_tensor, int32_t dim_index) {
  return TfLiteTensorDim(tensor_of(opaque_tensor), dim_index);
}

TfLiteStatus TfLiteOpaqueTensorGetNumDimsSignature(const TfLiteOpaqueTensor *opaque_tensor, int32_t *num_dims) {
  const TfLiteIntArray *signature = tensor_of(opaque_tensor)->dims_signature;
  *num_dims = signature == NULL ? -1 : signature->size;
  return kTfLiteOk;
}

TfLiteStatus TfLiteOpaqueTensorGetDimSignature(const TfLiteOpaqueTensor *opaque_tensor, int32_t dim_index,
                                               int32_t *dim_length) {
  const TfLiteIntArray *dims = TfLiteTensorGetDimsSignature(tensor_of(opaque_tensor));
  if (dims == NULL || dim_index < 0 || dim_index >= dims->size) return kTfLiteError;
  *dim_length = dims->data[dim_index];
  return kTfLiteOk;
}

int TfLiteOpaqueTensorIsVariable(const TfLiteOpaqueTensor *opaque_tensor) {
  return tensor_of(opaque_tensor)->is_variable;
}

size_t TfLiteOpaqueTensorByteSize(const TfLiteOpaqueTensor *opaque_tensor) {
  return TfLiteTensorByteSize(tensor_of(opaque_tensor));
}

void *TfLiteOpaqueTensorData(const TfLiteOpaqueTensor *opaque_tensor) {
  return opaque_tensor == NULL ? NULL : TfLiteTensorData(tensor_of(opaque_tensor));
}

TfLiteAllocationType TfLiteOpaqueTensorGetAllocationType(const TfLiteOpaqueTensor *opaque_tensor) {
  return tensor_of(opaque_tensor)->allocation_type;
}

TfLiteAllocationStrategy TfLiteOpaqueTensorGetAllocationStrategy(const TfLiteOpaqueTensor *t) {
  return TfLiteTensorGetAllocationStrategy(tensor_of(t));
}

TfLiteRunStability TfLiteOpaqueTensorGetBufferAddressStability(const TfLiteOpaqueTensor *t) {
  return TfLiteTensorGetBufferAddressStability(tensor_of(t));
}

TfLiteRunStability TfLiteOpaqueTensorGetDataStability(const TfLiteOpaqueTensor *t) {
  return TfLiteTensorGetDataStability(tensor_of(t));
}

TfLiteRunStep TfLiteOpaqueTensorGetDataKnownStep(const TfLiteOpaqueTensor *t) {
  return TfLiteTensorGetDataKnownStep(tensor_of(t));
}

TfLiteRunStep TfLiteOpaqueTensorGetShapeKnownStep(const TfLiteOpaqueTensor *t) {
  return TfLiteTensorGetShapeKnownStep(tensor_of(t));
}

const char *TfLiteOpaqueTensorName(const TfLiteOpaqueTensor *opaque_tensor) {
  return TfLiteTensorName(tensor_of(opaque_tensor));
}

TfLiteQuantization TfLiteOpaqueTensorGetQuantization(const TfLiteOpaqueTensor *opaque_tensor) {
  return tensor_of(opaque_tensor)->quantization;
}

TfLiteQuantizationParams TfLiteOpaqueTensorGetQuantizationParams(const TfLiteOpaqueTensor *opaque_tensor) {
  return tensor_of(opaque_tensor)->params;
}

TfLiteStatus TfLiteOpaqueTensorCopyFromBuffer(TfLiteOpaqueTensor *opaque_tensor, const void *input_data,
                                              size_t input_data_size) {
  return TfLiteTensorCopyFromBuffer(own_tensor_of(opaque_tensor), input_data, input_data_size);
}

TfLiteStatus TfLiteOpaqueTensorCopyToBuffer(const TfLiteOpaqueTensor *opaque_tensor, void *output_data,
                                            size_t output_data_size) {
  return TfLiteTensorCopyToBuffer(tensor_of(opaque_tensor), output_data, output_data_size);
}

void TfLiteOpaqueTensorSetAllocationTypeToDynamic(TfLiteOpaqueTensor *tensor) {
  TfLiteTensor *own = own_tensor_of(tensor);
  if (own->allocation_type == kTfLiteDynamic) return;
  own->allocation_type = kTfLiteDynamic;
  own->data.raw = NULL;
  own->bytes = 0;
}

/* ---- strings: their number, where each begins and where the last ends, then the bytes ---- */

int TfLiteOpaqueTensorGetStringCount(const TfLiteOpaqueTensor *tensor) {
  const TfLiteTensor *own = tensor_of(tensor);
  int32_t count;
  if (own->type != kTfLiteString || own->data.raw == NULL || own->bytes < sizeof count) return -1;
  memcpy(&count, own->data.raw, sizeof count);
  return count < 0 || (size_t)count > (own->bytes - sizeof count) / sizeof count ? -1 : count;
}

TfLiteStatus TfLiteOpaqueTensorGetString(const TfLiteOpaqueTensor *tensor, int index, const char **str, int *len) {
  const TfLiteTensor *own = tensor_of(tensor);
  int32_t ends[2];
  const int count = TfLiteOpaqueTensorGetStringCount(tensor);
  const size_t at = sizeof(int32_t) * ((size_t)index + 1);
  if (index < 0 || index >= count || at + sizeof ends > own->bytes) return kTfLiteError;
  memcpy(ends, own->data.raw + at, sizeof ends);
  if (ends[0] < 0 || ends[1] < ends[0] || (size_t)ends[1] > own->bytes) return kTfLiteError;
  *str = own->data.raw + ends[0];
  *len = ends[1] - ends[0];
  return kTfLiteOk;
}

/* The bytes that strings take in a tensor; 0 when they are too many. */
static size_t encoded_size(int count, const int *lengths) {
  size_t size = sizeof(int32_t) * ((size_t)count + 2);
  for (int i = 0; i < count; ++i) {
    if (lengths[i] < 0 || size > INT32_MAX) return 0;
    size += (size_t)lengths[i];
  }
  return size > INT32_MAX ? 0 : size;
}

static void encode(char *out, const char *const *texts, int count, const int *lengths) {
  const size_t head = sizeof(int32_t) * ((size_t)count + 2);
  int32_t number = count;
  size_t end = head;
  memcpy(out, &number, sizeof number);
  for (int i = 0; i <= count; ++i) {
    number = (int32_t)end;
    memcpy(out + sizeof number * ((size_t)i + 1), &number, sizeof number);
    if (i == count) break;
    if (lengths[i] > 0) memcpy(out + end, texts[i], (size_t)lengths[i]);
    end += (size_t)lengths[i];
  }
}

TfLiteStatus TfLiteOpaqueTensorWriteStrings(TfLiteOpaqueTensor *tensor, const char *const *str_array, int str_array_len,
                                            const int *str_n_len) {
  TfLiteTensor *own = own_tensor_of(tensor);
  const size_t size = str_array_len < 0 ? 0 : encoded_size(str_array_len, str_n_len);
  char *data = own->type != kTfLiteString || size == 0 ? NULL : malloc(size);
  if (data == NULL || !ln_tflite_set_dims(&own->dims, 1, &str_array_len)) {
    free(data);
    return kTfLiteError;
  }
  encode(data, str_array, str_array_len, str_n_len); /* before what they may point into is freed */
  TfLiteTensorDataFree(own);
  own->allocation_type = kTfLiteDynamic;
  own->data.raw = data;
  own->bytes = size;
  return kTfLiteOk;
}

TfLiteStatus TfLiteOpaqueTensorWriteString(TfLiteOpaqueTensor *tensor, const char *str, int len) {
  return TfLiteOpaqueTensorWriteStrings(tensor, &str, 1, &len);
}

/* ---- tensors that a kernel adds ---- */

struct TfLiteOpaqueTensorBuilder {
  TfLiteType type;
  void *data;
  TfLiteAllocationType allocation_type;
  TfLiteQuantizationParams params;
  TfLiteQuantization quantization;
};

TfLiteOpaqueTensorBuilder *TfLiteOpaqueTensorBuilderCreate(void) {
  return ln_alloc_zero(sizeof(TfLiteOpaqueTensorBuilder));
}

void TfLiteOpaqueTensorBuilderDelete(TfLiteOpaqueTensorBuilder *builder) { ln_free(builder); }

TfLiteOpaqueTensorBuilder *TfLiteOpaqueTensorBuilderSetType(TfLiteOpaqueTensorBuilder *builder, TfLiteType type) {
  builder->type = type;
  return builder;
}

TfLiteOpaqueTensorBuilder *TfLiteOpaqueTensorBuilderSetData(TfLiteOpaqueTensorBuilder *builder, void *data) {
  builder->data = data;
  return builder;
}

TfLiteOpaqueTensorBuilder *TfLiteOpaqueTensorBuilderSetAllocationType(TfLiteOpaqueTensorBuilder *builder,
                                                                      TfLiteAllocationType allocation_type) {
  builder->allocation_type = allocation_type;
  return builder;
}

TfLiteOpaqueTensorBuilder *TfLiteOpaqueTensorBuilderSetQuantizationParams(TfLiteOpaqueTensorBuilder *builder,
                                                                          TfLiteQuantizationParams params) {
  builder->params = params;
  return builder;
}

TfLiteOpaqueTensorBuilder *TfLiteOpaqueTensorBuilderSetQuantization(TfLiteOpaqueTensorBuilder *builder,
                                                                    TfLiteQuantization quantization) {
  builder->quantization = quantization;
  return builder;
}

TfLiteStatus TfLiteOpaqueContextAddTensor(TfLiteOpaqueContext *context, TfLiteOpaqueTensorBuilder *builder,
                                          int *new_tensor_index) {
  TfLiteContext *own = own_context_of(context);
  const bool dynamic = builder->allocation_type == kTfLiteDynamic;
  int index = -1;
  if (!dynamic && builder->allocation_type != kTfLiteArenaRw && builder->allocation_type != kTfLiteArenaRwPersistent) {
    own->ReportError(own, "a tensor of allocation type %d cannot be added", (int)builder->allocation_type);
    return kTfLiteError;
  }
  if (dynamic != (builder->data != NULL)) {
    own->ReportError(own, "a tensor that is added has data where it is dynamic, and only there");
    return kTfLiteError;
  }
  const TfLiteStatus status = own->AddTensors(own, 1, &index);
  if (status != kTfLiteOk) return status;
  TfLiteTensor *tensor = &own->tensors[index];
  tensor->type = builder->type;
  tensor->data.data = builder->data;
  tensor->allocation_type = builder->allocation_type;
  tensor->params = builder->params;
  tensor->quantization = builder->quantization;
  if (new_tensor_index != NULL) *new_tensor_index = index;
  return kTfLiteOk;
}

/* ---- nodes ---- */

static int index_in(const TfLiteIntArray *array, int index) {
  return index < 0 || index >= array->size ? -1 : array->data[index];
}

int TfLiteOpaqueNodeGetInputTensorIndex(const TfLiteOpaqueNode *opaque_node, int index_of_input) {
  return index_in(node_of(opaque_node)->inputs, index_of_input);
}

int TfLiteOpaqueNodeGetOutputTensorIndex(const TfLiteOpaqueNode *opaque_node, int index_of_output) {
  return index_in(node_of(opaque_node)->outputs, index_of_output);
}

const TfLiteOpaqueTensor *TfLiteOpaqueNodeGetInput(const TfLiteOpaqueContext *opaque_context,
                                                   const TfLiteOpaqueNode *opaque_node, int index) {
  return TfLiteOpaqueContextGetOpaqueTensor(opaque_context, TfLiteOpaqueNodeGetInputTensorIndex(opaque_node, index));
}

TfLiteOpaqueTensor *TfLiteOpaqueNodeGetOutput(TfLiteOpaqueContext *opaque_context, const TfLiteOpaqueNode *opaque_node,
                                              int index) {
  return TfLiteOpaqueContextGetOpaqueTensor(opaque_context, TfLiteOpaqueNodeGetOutputTensorIndex(opaque_node, index));
}

int TfLiteOpaqueNodeNumberOfInputs(const TfLiteOpaqueNode *opaque_node) { return node_of(opaque_node)->inputs->size; }

int TfLiteOpaqueNodeNumberOfOutputs(const TfLiteOpaqueNode *opaque_node) { return node_of(opaque_node)->outputs->size; }

void *TfLiteOpaqueNodeGetUserData(const TfLiteOpaqueNode *opaque_node) { return node_of(opaque_node)->user_data; }

void *TfLiteOpaqueNodeGetBuiltinData(const TfLiteOpaqueNode *opaque_node) { return node_of(opaque_node)->builtin_data; }

TfLiteStatus TfLiteOpaqueNodeGetCustomInitialData(const TfLiteOpaqueNode *opaque_node, const void **init_data,
                                                  int *size) {
  *init_data = node_of(opaque_node)->custom_initial_data;
  *size = node_of(opaque_node)->custom_initial_data_size;
  return kTfLiteOk;
}

static TfLiteStatus show(const TfLiteIntArray *array, const int **values, int *count) {
  *values = array->data;
  *count = array->size;
  return kTfLiteOk;
}

TfLiteStatus TfLiteOpaqueNodeInputs(const TfLiteOpaqueNode *opaque_node, const int **inputs, int *num_inputs) {
  return show(node_of(opaque_node)->inputs, inputs, num_inputs);
}

TfLiteStatus TfLiteOpaqueNodeOutputs(const TfLiteOpaqueNode *opaque_node, const int **outputs, int *num_outputs) {
  return show(node_of(opaque_node)->outputs, outputs, num_outputs);
}

TfLiteStatus TfLiteOpaqueNodeTemporaries(const TfLiteOpaqueNode *opaque_node, const int **temporaries,
                                         int *num_temporaries) {
  return show(node_of(opaque_node)->temporaries, temporaries, num_temporaries);
}

TfLiteStatus TfLiteOpaqueNodeSetTemporaries(TfLiteOpaqueNode *opaque_node, const int *temporaries,
                                            int num_temporaries) {
  TfLiteNode *node = (TfLiteNode *)(void *)opaque_node;
  TfLiteIntArray *copy = TfLiteIntArrayCreate(num_temporaries); /* NULL for a negative number */
  if (copy == NULL) return kTfLiteError;
  for (int i = 0; i < num_temporaries; ++i) copy->data[i] = temporaries[i];
  TfLiteIntArrayFree(node->temporaries);
  node->temporaries = copy;
  return kTfLiteOk;
}

/* ---- contexts ---- */

TfLiteOpaqueTensor *TfLiteOpaqueContextGetOpaqueTensor(const TfLiteOpaqueContext *opaque_context, int index) {
  const TfLiteContext *context = context_of(opaque_context);
  return (TfLiteOpaqueTensor *)(void *)context->GetTensor(context, index);
}

TfLiteStatus TfLiteOpaqueContextGetInputs(const TfLiteOpaqueContext *opaque_context, const int **inputs,
                                          int *num_inputs) {
  *inputs = graph_of(opaque_context)->session->inputs;
  *num_inputs = graph_of(opaque_context)->session->input_count;
  return kTfLiteOk;
}

TfLiteStatus TfLiteOpaqueContextGetOutputs(const TfLiteOpaqueContext *opaque_context, const int **outputs,
                                           int *num_outputs) {
  *outputs = graph_of(opaque_context)->session->outputs;
  *num_outputs = graph_of(opaque_context)->session->output_count;
  return kTfLiteOk;
}

TfLiteStatus TfLiteOpaqueContextGetVariables(const TfLiteOpaqueContext *opaque_context, const int **variables,
                                             int *num_variables) {
  *variables = graph_of(opaque_context)->variables;
  *num_variables = graph_of(opaque_context)->variable_count;
  return kTfLiteOk;
}

size_t TfLiteOpaqueContextGetNumNodes(const TfLiteOpaqueContext *opaque_context) {
  return (size_t)graph_of(opaque_context)->session->graph->op_count;
}

size_t TfLiteOpaqueContextGetNumTensors(const TfLiteOpaqueContext *opaque_context) {
  return context_of(opaque_context)->tensors_size;
}

const char *TfLiteOpaqueContextGetName(const TfLiteOpaqueContext *opaque_context) {
  const char *name = graph_of(opaque_context)->session->graph->name;
  return name == NULL ? "" : name;
}

TfLiteStatus TfLiteOpaqueContextResizeTensor(TfLiteOpaqueContext *context, TfLiteOpaqueTensor *tensor,
                                             TfLiteIntArray *new_size) {
  TfLiteContext *own = own_context_of(context);
  return own->ResizeTensor(own, own_tensor_of(tensor), new_size);
}

TfLiteStatus TfLiteOpaqueContextGetSizeOfType(TfLiteOpaqueContext *context, TfLiteType type, size_t *bytes) {
  ln_type known;
  const int32_t bits = ln_tflite_type_from(type, &known) ? ln_type_bits(known) : 0;
  if (bits <= 0) {
    TfLiteOpaqueContextReportError(context, "an element of type %s has no size", TfLiteTypeGetName(type));
    return kTfLiteError;
  }
  *bytes = (size_t)(bits + 7) / 8;
  return kTfLiteOk;
}

TfLiteStatus TfLiteOpaqueContextGetMetadata(TfLiteOpaqueContext *context, const char *name, const char **ptr,
                                            size_t *bytes) {
  const TfLiteContext *own = context_of(context);
  return own->GetModelMetadata(own, name, ptr, bytes);
}

TfLiteStatus TfLiteOpaqueContextGetExternalContext(TfLiteOpaqueContext *opaque_context, void **external_context,
                                                   TfLiteExternalContextType type) {
  TfLiteContext *own = own_context_of(opaque_context);
  *external_context = own->GetExternalContext(own, type);
  return kTfLiteOk;
}

TfLiteStatus TfLiteOpaqueContextGetNodeInitDataMmapInfo(const TfLiteOpaqueContext *context,
                                                        const TfLiteOpaqueNode *node, int *fd,
                                                        int64_t *custom_initial_data_offset_in_file,
                                                        int64_t *custom_initial_data_size) {
  (void)context;
  *fd = -1;
  *custom_initial_data_offset_in_file = -1;
  *custom_initial_data_size = node_of(node)->custom_initial_data == NULL ? -1 : node_of(node)->custom_initial_data_size;
  return kTfLiteError;
}

/* ---- for delegates ---- */

TfLiteStatus TfLiteOpaqueContextGetExecutionPlan(TfLiteOpaqueContext *opaque_context, TfLiteIntArray **execution_plan) {
  TfLiteContext *own = own_context_of(opaque_context);
  return own->GetExecutionPlan(own, execution_plan);
}

TfLiteStatus TfLiteOpaqueContextGetNodeAndRegistration(TfLiteOpaqueContext *opaque_context, int node_index,
                                                       TfLiteOpaqueNode **node,
                                                       TfLiteOperator **registration_external) {
  TfLiteContext *own = own_context_of(opaque_context);
  TfLiteNode *own_node;
  TfLiteRegistration *registration;
  *node = NULL;
  *registration_external = NULL;
  return own->GetNodeAndRegistration(own, node_index, &own_node, &registration);
}

TfLiteStatus TfLiteOpaqueContextReplaceNodeSubsetsWithDelegateKernels(TfLiteOpaqueContext *opaque_context,
                                                                      TfLiteOperator *registration_external,
                                                                      const TfLiteIntArray *nodes_to_replace,
                                                                      TfLiteOpaqueDelegate *opaque_delegate) {
  TfLiteContext *own = own_context_of(opaque_context);
  const TfLiteRegistration registration = {.registration_external = registration_external};
  return own->ReplaceNodeSubsetsWithDelegateKernels(own, registration, nodes_to_replace, opaque_delegate);
}

TfLiteStatus TfLiteOpaqueContextAcquireSubgraphContext(TfLiteOpaqueContext *opaque_context, int subgraph_index,
                                                       TfLiteOpaqueContext **acquired_opaque_context) {
  TfLiteContext *own = own_context_of(opaque_context), *acquired;
  *acquired_opaque_context = NULL;
  return own->AcquireSubgraphContext(own, subgraph_index, &acquired);
}

TfLiteStatus TfLiteOpaqueContextReleaseSubgraphContext(TfLiteOpaqueContext *opaque_context, int subgraph_index) {
  TfLiteContext *own = own_context_of(opaque_context);
  return own->ReleaseSubgraphContext(own, subgraph_index);
}

TfLiteStatus TfLiteOpaqueContextMarkSubgraphAsDelegationSkippable(TfLiteOpaqueContext *opaque_context,
                                                                  int subgraph_index) {
  const int32_t count = graph_of(opaque_context)->model->model->graph_count;
  return subgraph_index < 1 || subgraph_index >= count ? kTfLiteError : kTfLiteOk;
}

TfLiteOpaqueDelegate *TfLiteOpaqueDelegateCreate(const TfLiteOpaqueDelegateBuilder *opaque_delegate_builder) {
  if (opaque_delegate_builder == NULL) return NULL;
  TfLiteDelegate *delegate = ln_alloc_zero(sizeof *delegate);
  TfLiteOpaqueDelegateBuilder *builder = ln_alloc_zero(sizeof *builder);
  if (delegate == NULL || builder == NULL) {
    ln_free(delegate);
    ln_free(builder);
    return NULL;
  }
  *builder = *opaque_delegate_builder;
  delegate->opaque_delegate_builder = builder;
  return delegate;
}

void TfLiteOpaqueDelegateDelete(TfLiteOpaqueDelegate *delegate) {
  if (delegate == NULL) return;
  ln_free(delegate->opaque_delegate_builder);
  ln_free(delegate);
}

void *TfLiteOpaqueDelegateGetData(const TfLiteOpaqueDelegate *delegate) {
  if (delegate == NULL) return NULL;
  return delegate->opaque_delegate_builder == NULL ? delegate->data_ : delegate->opaque_delegate_builder->data;
}

/* ---- errors ---- */

void TfLiteOpaqueContextReportError(TfLiteOpaqueContext *opaque_context, const char *format, ...) {
  va_list args;
  va_start(args, format);
  TfLiteOpaqueContextReportErrorVa(opaque_context, format, args);
  va_end(args);
}

void TfLiteOpaqueContextReportErrorVa(TfLiteOpaqueContext *opaque_context, const char *format, va_list vlist) {
  TfLiteContext *own = own_context_of(opaque_context);
  char text[1024];
  if (vsnprintf(text, sizeof text, format, vlist) >= 0) own->ReportError(own, "%s", text);
}

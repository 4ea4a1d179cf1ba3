/* Interpreters and signature runners of the TfLite C API. A runner of a signature on the first graph shares the
 * interpreter's tensors; others have a graph of their own, shared by the runners of that signature. All of them share
 * the interpreter's resources. */
#include <string.h>

#include "api/tflite_c.h"

struct TfLiteInterpreter {
  TfLiteModel *model;
  TfLiteInterpreterOptions *options; /* a copy */
  tflite_graph *graph;
  tflite_graph **signature_graphs; /* [signatures of the model]; NULL until asked for */
};

struct TfLiteSignatureRunner {
  const ln_signature *signature;
  tflite_graph *graph; /* the interpreter's */
  bool cancellation;
};

/* ---- interpreters ---- */

static bool takes_delegates(const TfLiteInterpreterOptions *options) {
  int32_t threads;
  for (int32_t i = 0; i < options->delegate_count; ++i) {
    if (ln_tflite_is_xnnpack(options->delegates[i], &threads)) continue;
    ln_tflite_report(&options->reporter,
                     "delegate %d is refused: no part of a graph is given away here; only the XNNPACK delegate of this "
                     "library is taken",
                     i);
    return false;
  }
  return true;
}

static TfLiteInterpreter *create(const TfLiteModel *model, const TfLiteInterpreterOptions *optional_options,
                                 bool selected) {
  if (model == NULL) return NULL;
  if (optional_options != NULL && !takes_delegates(optional_options)) return NULL;
  TfLiteInterpreter *interpreter = ln_alloc_zero(sizeof *interpreter);
  if (interpreter == NULL) return NULL;
  interpreter->model = (TfLiteModel *)(uintptr_t)model; /* const to programs; its count of references is not */
  atomic_fetch_add(&interpreter->model->references, 1);
  interpreter->options =
      optional_options == NULL ? TfLiteInterpreterOptionsCreate() : TfLiteInterpreterOptionsCopy(optional_options);
  interpreter->signature_graphs = ln_alloc_array((size_t)model->model->signature_count, sizeof(tflite_graph *));
  if (interpreter->options != NULL && interpreter->signature_graphs != NULL &&
      ln_tflite_ask_files(interpreter->options) && ln_tflite_resolve(interpreter->options, model->model, selected)) {
    interpreter->graph = ln_tflite_graph_create(interpreter->model, interpreter->options, NULL, NULL);
  }
  if (interpreter->graph != NULL) return interpreter;
  TfLiteInterpreterDelete(interpreter);
  return NULL;
}

TfLiteInterpreter *TfLiteInterpreterCreate(const TfLiteModel *model, const TfLiteInterpreterOptions *optional_options) {
  return create(model, optional_options, false);
}

TfLiteInterpreter *TfLiteInterpreterCreateWithSelectedOps(const TfLiteModel *model,
                                                          const TfLiteInterpreterOptions *options) {
  return options == NULL ? NULL : create(model, options, true);
}

void TfLiteInterpreterDelete(TfLiteInterpreter *interpreter) {
  if (interpreter == NULL) return;
  for (int32_t i = 0; interpreter->signature_graphs != NULL && i < interpreter->model->model->signature_count; ++i) {
    ln_tflite_graph_destroy(interpreter->signature_graphs[i]);
  }
  ln_free(interpreter->signature_graphs);
  ln_tflite_graph_destroy(interpreter->graph);
  TfLiteInterpreterOptionsDelete(interpreter->options);
  ln_tflite_model_release(interpreter->model);
  ln_free(interpreter);
}

static TfLiteTensor *tensor_at(const tflite_graph *graph, const int32_t *indices, int32_t count, int32_t index) {
  return index < 0 || index >= count ? NULL : &graph->tensors[indices[index]];
}

int32_t TfLiteInterpreterGetInputTensorCount(const TfLiteInterpreter *interpreter) {
  return interpreter->graph->session->input_count;
}

const int *TfLiteInterpreterInputTensorIndices(const TfLiteInterpreter *interpreter) {
  return interpreter->graph->session->inputs;
}

TfLiteTensor *TfLiteInterpreterGetInputTensor(const TfLiteInterpreter *interpreter, int32_t input_index) {
  const ln_session *session = interpreter->graph->session;
  return tensor_at(interpreter->graph, session->inputs, session->input_count, input_index);
}

int32_t TfLiteInterpreterGetInputTensorIndex(const TfLiteInterpreter *interpreter, int32_t input_index) {
  const ln_session *session = interpreter->graph->session;
  return input_index < 0 || input_index >= session->input_count ? -1 : session->inputs[input_index];
}

static TfLiteStatus resize_input(TfLiteInterpreter *interpreter, int32_t input_index, const int *dims, int32_t rank,
                                 bool strict) {
  const int32_t tensor = TfLiteInterpreterGetInputTensorIndex(interpreter, input_index);
  if (tensor < 0) {
    ln_tflite_report(&interpreter->options->reporter, "there is no input %d", input_index);
    return kTfLiteError;
  }
  return ln_tflite_graph_resize(interpreter->graph, tensor, dims, rank, strict);
}

TfLiteStatus TfLiteInterpreterResizeInputTensor(TfLiteInterpreter *interpreter, int32_t input_index,
                                                const int *input_dims, int32_t input_dims_size) {
  return resize_input(interpreter, input_index, input_dims, input_dims_size, false);
}

TfLiteStatus TfLiteInterpreterResizeInputTensorStrict(TfLiteInterpreter *interpreter, int32_t input_index,
                                                      const int *input_dims, int32_t input_dims_size) {
  return resize_input(interpreter, input_index, input_dims, input_dims_size, true);
}

TfLiteStatus TfLiteInterpreterAllocateTensors(TfLiteInterpreter *interpreter) {
  return ln_tflite_graph_allocate(interpreter->graph);
}

TfLiteStatus TfLiteInterpreterInvoke(TfLiteInterpreter *interpreter) {
  return ln_tflite_graph_invoke(interpreter->graph);
}

int32_t TfLiteInterpreterGetOutputTensorCount(const TfLiteInterpreter *interpreter) {
  return interpreter->graph->session->output_count;
}

const int *TfLiteInterpreterOutputTensorIndices(const TfLiteInterpreter *interpreter) {
  return interpreter->graph->session->outputs;
}

const TfLiteTensor *TfLiteInterpreterGetOutputTensor(const TfLiteInterpreter *interpreter, int32_t output_index) {
  const ln_session *session = interpreter->graph->session;
  return tensor_at(interpreter->graph, session->outputs, session->output_count, output_index);
}

int32_t TfLiteInterpreterGetOutputTensorIndex(const TfLiteInterpreter *interpreter, int32_t output_index) {
  const ln_session *session = interpreter->graph->session;
  return output_index < 0 || output_index >= session->output_count ? -1 : session->outputs[output_index];
}

TfLiteTensor *TfLiteInterpreterGetTensor(const TfLiteInterpreter *interpreter, int index) {
  const tflite_graph *graph = interpreter->graph;
  return index < 0 || index >= graph->tensor_count ? NULL : &graph->tensors[index];
}

TfLiteStatus TfLiteInterpreterSetCustomAllocationForTensor(TfLiteInterpreter *interpreter, int tensor_index,
                                                           const TfLiteCustomAllocation *allocation, int64_t flags) {
  const tflite_reporter *reporter = &interpreter->options->reporter;
  if (allocation == NULL || allocation->data == NULL) {
    ln_tflite_report(reporter, "tensor %d is given no memory", tensor_index);
    return kTfLiteError;
  }
  if ((flags & kTfLiteCustomAllocationFlagsSkipAlignCheck) == 0 && (uintptr_t)allocation->data % 64 != 0) {
    ln_tflite_report(reporter, "the memory for tensor %d does not stand at a multiple of 64", tensor_index);
    return kTfLiteError;
  }
  return ln_tflite_graph_bind(interpreter->graph, tensor_index, allocation->data, allocation->bytes);
}

TfLiteStatus TfLiteInterpreterSetBufferHandle(TfLiteInterpreter *interpreter, TfLiteTensor *tensor,
                                              TfLiteBufferHandle buffer_handle, TfLiteOpaqueDelegate *delegate) {
  (void)tensor;
  (void)delegate;
  ln_tflite_report(&interpreter->options->reporter, "buffer handle %d belongs to a delegate: none is taken",
                   buffer_handle);
  return kTfLiteError;
}

TfLiteStatus TfLiteInterpreterGetBufferHandle(TfLiteInterpreter *interpreter, int tensor_index,
                                              TfLiteBufferHandle *buffer_handle, TfLiteOpaqueDelegate **delegate) {
  const TfLiteTensor *tensor = TfLiteInterpreterGetTensor(interpreter, tensor_index);
  if (tensor == NULL) return kTfLiteError;
  *buffer_handle = tensor->buffer_handle;
  *delegate = tensor->delegate;
  return kTfLiteOk;
}

TfLiteStatus TfLiteInterpreterEnsureTensorDataIsReadable(TfLiteInterpreter *interpreter, int tensor_index) {
  return TfLiteInterpreterGetTensor(interpreter, tensor_index) == NULL ? kTfLiteError : kTfLiteOk;
}

TfLiteStatus TfLiteInterpreterCancel(const TfLiteInterpreter *interpreter) {
  if (!interpreter->options->cancellation) {
    ln_tflite_report(&interpreter->options->reporter, "cancelling was not enabled in the options");
    return kTfLiteError;
  }
  ln_session_cancel(interpreter->graph->session);
  return kTfLiteOk;
}

TfLiteStatus TfLiteInterpreterResetVariableTensors(TfLiteInterpreter *interpreter) {
  return ln_tflite_graph_reset_variables(interpreter->graph);
}

TfLiteStatus TfLiteInterpreterModifyGraphWithDelegate(const TfLiteInterpreter *interpreter, TfLiteDelegate *delegate) {
  int32_t threads;
  if (delegate == NULL || ln_tflite_is_xnnpack(delegate, &threads)) return kTfLiteOk;
  ln_tflite_report(&interpreter->options->reporter,
                   "the delegate is refused: only this library's XNNPACK delegate is taken");
  return kTfLiteDelegateError;
}

/* Outputs are always in memory that the program can read. */
void TfLiteSetAllowBufferHandleOutput(const TfLiteInterpreter *interpreter, bool allow_buffer_handle_output) {
  (void)interpreter;
  (void)allow_buffer_handle_output;
}

/* ---- signatures ---- */

int32_t TfLiteInterpreterGetSignatureCount(const TfLiteInterpreter *interpreter) {
  return interpreter->model->model->signature_count;
}

const char *TfLiteInterpreterGetSignatureKey(const TfLiteInterpreter *interpreter, int32_t signature_index) {
  return ln_model_signature_name(interpreter->model->model, signature_index);
}

static int32_t find_signature(const ln_model *model, const char *key) {
  for (int32_t i = 0; i < model->signature_count; ++i) {
    if (strcmp(model->signatures[i].key, key) == 0) return i;
  }
  return -1;
}

/* The graph that a signature runs on, made when it is first asked for. */
static tflite_graph *signature_graph(const TfLiteInterpreter *interpreter, int32_t index) {
  const ln_signature *signature = &interpreter->model->model->signatures[index];
  tflite_graph **own = &interpreter->signature_graphs[index];
  if (signature->graph == 0) return interpreter->graph;
  if (*own == NULL) {
    *own = ln_tflite_graph_create(interpreter->model, interpreter->options, signature->key, interpreter->graph);
  }
  return *own;
}

TfLiteSignatureRunner *TfLiteInterpreterGetSignatureRunner(const TfLiteInterpreter *interpreter,
                                                           const char *signature_key) {
  const int32_t index = signature_key == NULL ? -1 : find_signature(interpreter->model->model, signature_key);
  if (index < 0) {
    ln_tflite_report(&interpreter->options->reporter, "the model has no such signature");
    return NULL;
  }
  tflite_graph *graph = signature_graph(interpreter, index);
  TfLiteSignatureRunner *runner = graph == NULL ? NULL : ln_alloc_zero(sizeof *runner);
  if (runner == NULL) return NULL;
  *runner =
      (TfLiteSignatureRunner){&interpreter->model->model->signatures[index], graph, interpreter->options->cancellation};
  return runner;
}

void TfLiteSignatureRunnerDelete(TfLiteSignatureRunner *signature_runner) { ln_free(signature_runner); }

size_t TfLiteSignatureRunnerGetInputCount(const TfLiteSignatureRunner *signature_runner) {
  return (size_t)signature_runner->signature->input_count;
}

size_t TfLiteSignatureRunnerGetOutputCount(const TfLiteSignatureRunner *signature_runner) {
  return (size_t)signature_runner->signature->output_count;
}

const char *TfLiteSignatureRunnerGetInputName(const TfLiteSignatureRunner *signature_runner, int32_t input_index) {
  const ln_signature *signature = signature_runner->signature;
  return input_index < 0 || input_index >= signature->input_count ? NULL : signature->input_keys[input_index];
}

const char *TfLiteSignatureRunnerGetOutputName(const TfLiteSignatureRunner *signature_runner, int32_t output_index) {
  const ln_signature *signature = signature_runner->signature;
  return output_index < 0 || output_index >= signature->output_count ? NULL : signature->output_keys[output_index];
}

/* The tensor of a key; -1 when there is none. */
static int32_t find_key(const char *const *keys, const int32_t *tensors, int32_t count, const char *key) {
  for (int32_t i = 0; key != NULL && i < count; ++i) {
    if (strcmp(keys[i], key) == 0) return tensors[i];
  }
  return -1;
}

static int32_t find_input(const TfLiteSignatureRunner *runner, const char *name) {
  const ln_signature *s = runner->signature;
  return find_key(s->input_keys, s->inputs, s->input_count, name);
}

TfLiteStatus TfLiteSignatureRunnerResizeInputTensor(TfLiteSignatureRunner *signature_runner, const char *input_name,
                                                    const int *input_dims, int32_t input_dims_size) {
  const int32_t tensor = find_input(signature_runner, input_name);
  if (tensor < 0) {
    ln_tflite_report(&signature_runner->graph->reporter, "the signature has no such input");
    return kTfLiteError;
  }
  return ln_tflite_graph_resize(signature_runner->graph, tensor, input_dims, input_dims_size, true);
}

TfLiteStatus TfLiteSignatureRunnerAllocateTensors(TfLiteSignatureRunner *signature_runner) {
  return ln_tflite_graph_allocate(signature_runner->graph);
}

TfLiteTensor *TfLiteSignatureRunnerGetInputTensor(TfLiteSignatureRunner *signature_runner, const char *input_name) {
  const int32_t tensor = find_input(signature_runner, input_name);
  return tensor < 0 ? NULL : &signature_runner->graph->tensors[tensor];
}

TfLiteStatus TfLiteSignatureRunnerInvoke(TfLiteSignatureRunner *signature_runner) {
  return ln_tflite_graph_invoke(signature_runner->graph);
}

const TfLiteTensor *TfLiteSignatureRunnerGetOutputTensor(const TfLiteSignatureRunner *signature_runner,
                                                         const char *output_name) {
  const ln_signature *s = signature_runner->signature;
  const int32_t tensor = find_key(s->output_keys, s->outputs, s->output_count, output_name);
  return tensor < 0 ? NULL : &signature_runner->graph->tensors[tensor];
}

TfLiteStatus TfLiteSignatureRunnerCancel(TfLiteSignatureRunner *signature_runner) {
  if (!signature_runner->cancellation) {
    ln_tflite_report(&signature_runner->graph->reporter, "cancelling was not enabled in the options");
    return kTfLiteError;
  }
  ln_session_cancel(signature_runner->graph->session);
  return kTfLiteOk;
}

/*
 * Kernels given as TfLiteRegistration, as operators of the session. prepare is called when shapes are inferred; a
 * kernel that leaves an output dynamic is invoked when its inputs hold data (that gives the shapes), and its run only
 * hands over what was computed.
 */
#include <stdio.h>
#include <string.h>

#include "api/tflite_c.h"
#include "ops/strings.h"

struct tflite_kernel {
  tflite_graph *graph;
  TfLiteRegistration registration;
  TfLiteNode node;
  bool started; /* init was called */
  bool failed;  /* and said that it failed */
  bool invoked; /* outputs are computed, in memory of their own */
  struct tflite_kernel *next;
};

/* ---- the context's functions ---- */

static tflite_graph *graph_of(const TfLiteContext *context) { return context->impl_; }

static void report_error(TfLiteContext *context, const char *msg, ...) {
  const tflite_reporter *reporter = &graph_of(context)->reporter;
  char text[1024];
  va_list args;
  va_start(args, msg);
  vsnprintf(text, sizeof text, msg, args);
  va_end(args);
  ln_tflite_report(reporter, "%s", text);
}

/* Memory for a shape: at once where the tensor is the kernels' own. The session's tensors get theirs from its plan. */
static TfLiteStatus resize_explicit(TfLiteContext *context, TfLiteTensor *tensor, int dims, const int *shape) {
  tflite_graph *graph = graph_of(context);
  size_t bytes = 0;
  if (dims < 0 || dims > LN_MAX_RANK) return kTfLiteError;
  const ln_shape wanted = ln_shape_make(dims, shape);
  ln_type type;
  const bool sized = ln_tflite_type_from(tensor->type, &type) && ln_tensor_size(type, &wanted, &bytes);
  if (!sized && tensor->type != kTfLiteString) {
    report_error(context, "tensor \"%s\" cannot take such a shape", tensor->name == NULL ? "" : tensor->name);
    return kTfLiteError;
  }
  if (!ln_tflite_set_dims(&tensor->dims, dims, shape)) return kTfLiteError;
  if (tensor->type == kTfLiteString) return kTfLiteOk;
  const bool added = tensor - graph->tensors >= graph->own_count;
  if (!added && tensor->allocation_type != kTfLiteDynamic) {
    tensor->bytes = bytes;
    return kTfLiteOk;
  }
  tensor->allocation_type = kTfLiteDynamic;
  return TfLiteTensorRealloc(bytes, tensor);
}

static TfLiteStatus resize_tensor(TfLiteContext *context, TfLiteTensor *tensor, TfLiteIntArray *new_size) {
  const TfLiteStatus status = resize_explicit(context, tensor, new_size->size, new_size->data);
  TfLiteIntArrayFree(new_size);
  return status;
}

static TfLiteStatus add_tensors(TfLiteContext *context, int tensors_to_add, int *first_new_tensor_index) {
  tflite_graph *graph = graph_of(context);
  if (tensors_to_add < 0 || tensors_to_add > graph->capacity - graph->tensor_count) {
    report_error(context, "a graph takes no more than %d tensors beside its own", graph->capacity - graph->own_count);
    return kTfLiteError;
  }
  if (first_new_tensor_index != NULL) *first_new_tensor_index = graph->tensor_count;
  for (int i = 0; i < tensors_to_add; ++i) {
    graph->tensors[graph->tensor_count++] = (TfLiteTensor){.name = "", .buffer_handle = kTfLiteNullBufferHandle};
  }
  context->tensors_size = (size_t)graph->tensor_count;
  return kTfLiteOk;
}

static TfLiteTensor *get_tensor(const TfLiteContext *context, int tensor_idx) {
  const tflite_graph *graph = graph_of(context);
  return tensor_idx < 0 || tensor_idx >= graph->tensor_count ? NULL : &graph->tensors[tensor_idx];
}

static void *allocate_persistent(TfLiteContext *context, size_t bytes) {
  return ln_arena_alloc(&graph_of(context)->persistent, bytes);
}

static TfLiteStatus get_metadata(const TfLiteContext *context, const char *name, const char **ptr, size_t *bytes) {
  *ptr = ln_model_metadata(graph_of(context)->model->model, name, bytes);
  return *ptr == NULL ? kTfLiteError : kTfLiteOk;
}

/* ---- what serves delegates only ---- */

static TfLiteStatus no_plan(TfLiteContext *context, TfLiteIntArray **plan) {
  *plan = NULL;
  report_error(context, "the execution plan is for delegates, which are not taken");
  return kTfLiteError;
}

static TfLiteStatus no_node(TfLiteContext *context, int index, TfLiteNode **node, TfLiteRegistration **registration) {
  *node = NULL;
  *registration = NULL;
  report_error(context, "node %d is for delegates, which are not taken", index);
  return kTfLiteError;
}

static TfLiteStatus no_replacement(TfLiteContext *context, TfLiteRegistration registration, const TfLiteIntArray *nodes,
                                   TfLiteDelegate *delegate) {
  (void)registration;
  (void)nodes;
  (void)delegate;
  report_error(context, "nodes are not given to delegates");
  return kTfLiteError;
}

static TfLiteStatus no_preview(TfLiteContext *context, const TfLiteIntArray *nodes, TfLiteDelegateParams **params,
                               int *count) {
  (void)nodes;
  *params = NULL;
  *count = 0;
  report_error(context, "nodes are not given to delegates");
  return kTfLiteError;
}

static TfLiteExternalContext *no_external(TfLiteContext *context, TfLiteExternalContextType type) {
  (void)context;
  (void)type;
  return NULL;
}

static void ignore_external(TfLiteContext *context, TfLiteExternalContextType type, TfLiteExternalContext *external) {
  (void)context;
  (void)type;
  (void)external;
}

static TfLiteStatus no_subgraph(TfLiteContext *context, int index, TfLiteContext **acquired) {
  *acquired = NULL;
  report_error(context, "graph %d is not open to kernels", index);
  return kTfLiteError;
}

static TfLiteStatus no_release(TfLiteContext *context, int index) {
  (void)context;
  (void)index;
  return kTfLiteError;
}

void ln_tflite_context_init(tflite_graph *graph, int32_t threads) {
  graph->context = (TfLiteContext){
      .tensors_size = (size_t)graph->tensor_count,
      .GetExecutionPlan = no_plan,
      .tensors = graph->tensors,
      .impl_ = graph,
      .ResizeTensor = resize_tensor,
      .ReportError = report_error,
      .AddTensors = add_tensors,
      .GetNodeAndRegistration = no_node,
      .ReplaceNodeSubsetsWithDelegateKernels = no_replacement,
      .recommended_num_threads = threads,
      .GetExternalContext = no_external,
      .SetExternalContext = ignore_external,
      .AllocatePersistentBuffer = allocate_persistent,
      .ResizeTensorExplicit = resize_explicit,
      .PreviewDelegatePartitioning = no_preview,
      .GetTensor = get_tensor,
      .GetModelMetadata = get_metadata,
      .AcquireSubgraphContext = no_subgraph,
      .ReleaseSubgraphContext = no_release,
  };
}

/* ---- nodes ---- */

static TfLiteIntArray *int_array(const int32_t *values, int32_t count) {
  TfLiteIntArray *array = TfLiteIntArrayCreate(count);
  for (int32_t i = 0; array != NULL && i < count; ++i) array->data[i] = values[i];
  return array;
}

static void kernel_destroy(void *state) {
  tflite_kernel *kernel = state;
  if (kernel->started) {
    ln_tflite_call_free(&kernel->registration, &kernel->graph->context, kernel->node.user_data);
  }
  TfLiteIntArrayFree(kernel->node.inputs);
  TfLiteIntArrayFree(kernel->node.outputs);
  TfLiteIntArrayFree(kernel->node.intermediates);
  TfLiteIntArrayFree(kernel->node.temporaries);
  ln_free(kernel);
}

/* The mirror that the node's tensors stand in; the interpreter's own is made after its session. */
static tflite_graph *graph_for(const tflite_op_binding *binding, const ln_node *node) {
  ln_session *session = node->session;
  const bool is_root = session == NULL || session->root == session;
  return is_root ? binding->graph : ln_tflite_graph_child(binding->graph, session);
}

static void kernel_init(tflite_kernel *kernel) {
  kernel->started = true;
  kernel->node.user_data =
      ln_tflite_call_init(&kernel->registration, &kernel->graph->context, kernel->node.custom_initial_data,
                          (size_t)kernel->node.custom_initial_data_size);
  if (kernel->node.user_data != TfLiteKernelInitFailed()) return;
  kernel->started = false; /* there is nothing to free */
  kernel->failed = true;
}

static ln_status kernel_create(void *context, const ln_node *node, ln_error *err, void **state) {
  const tflite_op_binding *binding = context;
  const ln_op *op = node->op;
  tflite_kernel *kernel = ln_alloc_zero(sizeof *kernel);
  if (kernel == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  kernel->graph = graph_for(binding, node);
  kernel->registration = binding->registration;
  kernel->node.inputs = int_array(op->inputs, op->input_count);
  kernel->node.outputs = int_array(op->outputs, op->output_count);
  kernel->node.intermediates = int_array(op->intermediates, op->intermediate_count);
  kernel->node.temporaries = int_array(NULL, 0);
  kernel->node.custom_initial_data = op->custom_options;
  kernel->node.custom_initial_data_size = (int)op->custom_options_size;
  if (kernel->graph == NULL || kernel->node.inputs == NULL || kernel->node.outputs == NULL ||
      kernel->node.intermediates == NULL || kernel->node.temporaries == NULL) {
    kernel_destroy(kernel);
    return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  }
  *state = kernel;
  if (kernel->graph != binding->graph) {
    kernel_init(kernel);
    return LN_OK;
  }
  kernel->next = binding->graph->kernels;
  binding->graph->kernels = kernel;
  return LN_OK;
}

void ln_tflite_kernels_init(tflite_graph *graph) {
  for (tflite_kernel *kernel = graph->kernels; kernel != NULL; kernel = kernel->next) kernel_init(kernel);
}

/* ---- as an operator of the session ---- */

/* What the kernel sees of its inputs is what the session holds now. */
static bool show_inputs(tflite_kernel *kernel, const ln_node *node) {
  for (int32_t i = 0; i < node->in_count; ++i) {
    if (node->in[i] == NULL) continue;
    TfLiteTensor *shown = &kernel->graph->tensors[kernel->node.inputs->data[i]];
    if (shown->type == kTfLiteString && shown->allocation_type == kTfLiteDynamic) continue; /* the program's text */
    if (!ln_tflite_tensor_sync(shown, node->in[i], true)) return false;
  }
  return true;
}

static bool inputs_hold_data(const ln_node *node) {
  for (int32_t i = 0; i < node->in_count; ++i) {
    if (node->in[i] != NULL && node->in[i]->data == NULL) return false;
  }
  return true;
}

static TfLiteTensor *output_of(const tflite_kernel *kernel, int32_t index) {
  return &kernel->graph->tensors[kernel->node.outputs->data[index]];
}

/* Outputs are in the kernel's hands while it prepares: without memory, and planned unless it says otherwise. */
static void clear_outputs(const tflite_kernel *kernel, const ln_node *node) {
  for (int32_t i = 0; i < node->out_count; ++i) {
    TfLiteTensor *output = output_of(kernel, i);
    TfLiteTensorDataFree(output);
    output->allocation_type = output->type == kTfLiteString ? kTfLiteDynamic : kTfLiteArenaRw;
    output->bytes = 0;
  }
}

static bool has_dynamic_output(const tflite_kernel *kernel, const ln_node *node) {
  for (int32_t i = 0; i < node->out_count; ++i) {
    if (output_of(kernel, i)->allocation_type == kTfLiteDynamic) return true;
  }
  return false;
}

static ln_status call(tflite_kernel *kernel, const ln_node *node, const char *what,
                      TfLiteStatus (*function)(const TfLiteRegistration *registration, TfLiteContext *context,
                                               TfLiteNode *node),
                      ln_error *err) {
  const TfLiteStatus status = function(&kernel->registration, &kernel->graph->context, &kernel->node);
  return status == kTfLiteOk ? LN_OK
                             : ln_node_fail(node, err, LN_ERR_DATA, "%s failed with status %d", what, (int)status);
}

static ln_status kernel_infer(void *state, ln_node *node, ln_error *err) {
  tflite_kernel *kernel = state;
  if (kernel->failed) return ln_node_fail(node, err, LN_ERR_DATA, "init failed");
  clear_outputs(kernel, node);
  kernel->invoked = false;
  if (!show_inputs(kernel, node)) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  LN_TRY(call(kernel, node, "prepare", ln_tflite_call_prepare, err));
  if (has_dynamic_output(kernel, node)) {
    if (!inputs_hold_data(node)) return (ln_status)LN_INFER_LATER;
    for (int32_t i = 0; i < node->out_count; ++i) output_of(kernel, i)->allocation_type = kTfLiteDynamic;
    for (int32_t i = 0; i < node->out_count; ++i) {
      if (TfLiteTensorRealloc(output_of(kernel, i)->bytes, output_of(kernel, i)) != kTfLiteOk) {
        return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
      }
    }
    LN_TRY(call(kernel, node, "invoke", ln_tflite_call_invoke, err));
    kernel->invoked = true;
  }
  for (int32_t i = 0; i < node->out_count; ++i) {
    const TfLiteIntArray *dims = output_of(kernel, i)->dims;
    LN_TRY(ln_node_resize_output(node, i, dims->data, dims->size, err));
  }
  return LN_OK;
}

static ln_span text_at(const void *context, size_t i) { return ln_string_at(context, i); }

static ln_status hand_over_strings(const ln_node *node, int32_t i, const TfLiteTensor *output, ln_error *err) {
  ln_tensor computed = {.name = node->out[i]->name, .type = LN_STRING, .quant = &ln_quant_none};
  ln_error why = {LN_OK, ""};
  computed.shape = node->out[i]->shape;
  computed.data = output->data.raw;
  computed.bytes = output->bytes;
  const ln_status status = ln_strings_verify(&computed, &why);
  if (status != LN_OK) return ln_node_fail(node, err, status, "output %d: %s", i, why.message);
  return ln_node_give_strings(node, i, &computed.shape, text_at, &computed, err);
}

static ln_status hand_over(const ln_node *node, int32_t i, const TfLiteTensor *output, ln_error *err) {
  const ln_tensor *tensor = node->out[i];
  if (tensor->type == LN_STRING) return hand_over_strings(node, i, output, err);
  if (output->bytes != tensor->bytes) return ln_node_fail(node, err, LN_ERR_SHAPE, "output %d changed its size", i);
  if (tensor->bytes > 0) memcpy(tensor->data, output->data.raw, tensor->bytes);
  return LN_OK;
}

/* Outputs into the session's memory: computed there, or copied there when infer had to compute them. */
static ln_status kernel_run(void *state, const ln_node *node, ln_error *err) {
  tflite_kernel *kernel = state;
  const bool invoked = kernel->invoked;
  for (int32_t i = 0; i < node->out_count; ++i) {
    TfLiteTensor *output = output_of(kernel, i);
    if (invoked && output->allocation_type == kTfLiteDynamic) {
      LN_TRY(hand_over(node, i, output, err));
      TfLiteTensorDataFree(output);
    }
    if (!ln_tflite_tensor_sync(output, node->out[i], true)) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  }
  kernel->invoked = false;
  if (invoked) return LN_OK;
  if (!show_inputs(kernel, node)) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  return call(kernel, node, "invoke", ln_tflite_call_invoke, err);
}

bool ln_tflite_kernels_register(tflite_graph *graph, const TfLiteInterpreterOptions *options) {
  const size_t count = (size_t)options->custom_op_count;
  graph->operators = ln_alloc_array(count, sizeof *graph->operators);
  graph->operator_list = ln_alloc_array(count, sizeof(ln_custom_op *));
  graph->bindings = ln_alloc_array(count, sizeof *graph->bindings);
  if (graph->operators == NULL || graph->operator_list == NULL || graph->bindings == NULL) return false;
  for (size_t i = 0; i < count; ++i) {
    graph->bindings[i] = (tflite_op_binding){graph, options->custom_ops[i].registration};
    graph->operators[i] = (ln_custom_op){.size = sizeof(ln_custom_op),
                                         .name = options->custom_ops[i].name,
                                         .context = &graph->bindings[i],
                                         .create = kernel_create,
                                         .destroy = kernel_destroy,
                                         .infer = kernel_infer,
                                         .run = kernel_run};
    graph->operator_list[i] = &graph->operators[i];
  }
  graph->operator_count = options->custom_op_count;
  return true;
}

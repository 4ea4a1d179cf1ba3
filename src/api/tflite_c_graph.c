/* A session and its mirror: made, resized, given memory and run. */
#include <stdlib.h>
#include <string.h>

#include "api/tflite_c.h"

/* Tensors that kernels may add: the array that programs and kernels point into cannot move. */
enum { SPARE_TENSORS = 64 };

static bool is_string_input(const tflite_graph *graph, int32_t tensor) {
  if (graph->session->tensors[tensor].type != LN_STRING) return false;
  for (int32_t i = 0; i < graph->session->input_count; ++i) {
    if (graph->session->inputs[i] == tensor) return true;
  }
  return false;
}

/* ---- the mirror ---- */

static bool sync_one(tflite_graph *graph, int32_t index) {
  const ln_tensor *tensor = &graph->session->tensors[index];
  TfLiteTensor *out = &graph->tensors[index];
  /* Text belongs to the program until a run takes a copy: it has no size before it is given. */
  if (is_string_input(graph, index)) return ln_tflite_set_dims(&out->dims, tensor->shape.rank, tensor->shape.dims);
  return ln_tflite_tensor_sync(out, tensor, graph->allocated);
}

static TfLiteStatus sync_all(tflite_graph *graph) {
  for (int32_t i = 0; i < graph->own_count; ++i) {
    if (sync_one(graph, i)) continue;
    ln_tflite_report(&graph->reporter, "no memory for the shape of a tensor");
    return kTfLiteError;
  }
  return kTfLiteOk;
}

static bool mirror(tflite_graph *graph) {
  const ln_session *session = graph->session;
  graph->own_count = session->graph->tensor_count;
  graph->capacity = graph->own_count + SPARE_TENSORS;
  graph->tensors = ln_alloc_array((size_t)graph->capacity, sizeof *graph->tensors);
  if (graph->tensors == NULL) return false;
  for (int32_t i = 0; i < graph->own_count; ++i) {
    graph->tensor_count = i + 1;
    if (!ln_tflite_tensor_init(&graph->tensors[i], &session->tensors[i])) return false;
    if (is_string_input(graph, i)) {
      graph->tensors[i].allocation_type = kTfLiteDynamic;
      graph->tensors[i].bytes = 0;
    }
  }
  graph->variables = ln_alloc_array((size_t)graph->own_count, sizeof *graph->variables);
  if (graph->variables == NULL) return false;
  for (int32_t i = 0; i < graph->own_count; ++i) {
    if (graph->tensors[i].is_variable) graph->variables[graph->variable_count++] = i;
  }
  return true;
}

/* ---- making ---- */

static int32_t thread_count(const TfLiteInterpreterOptions *options) {
  int32_t threads = options->threads > 0 ? options->threads : 1;
  for (int32_t i = 0; i < options->delegate_count; ++i) {
    int32_t asked = 0;
    if (ln_tflite_is_xnnpack(options->delegates[i], &asked) && asked > threads) threads = asked;
  }
  return threads;
}

static ln_status create_session(tflite_graph *graph, const char *signature, ln_session *share, int32_t threads,
                                ln_file_access files, ln_error *err) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = threads;
  options.signature = signature;
  options.first_graph = signature == NULL;
  options.prepare_later = true;
  options.operators = graph->operator_list;
  options.operator_count = graph->operator_count;
  options.share = share;
  options.files = files;
  if (graph->telemetry.profiler != NULL) {
    options.on_operator = ln_tflite_on_operator;
    options.user = &graph->telemetry;
  }
  return ln_session_create(graph->model->model, &options, err, &graph->session);
}

tflite_graph *ln_tflite_graph_create(TfLiteModel *model, const TfLiteInterpreterOptions *options, const char *signature,
                                     const tflite_graph *share) {
  const int32_t threads = thread_count(options);
  ln_error err = {LN_ERR_MEMORY, "no memory for an interpreter"};
  tflite_graph *graph = ln_alloc_zero(sizeof *graph);
  if (graph == NULL) goto fail;
  graph->model = model;
  graph->reporter = options->reporter;
  graph->telemetry.profiler = options->profiler;
  graph->telemetry.model = model->model;
  if (!ln_tflite_kernels_register(graph, options)) goto fail;
  ln_error why = {LN_OK, ""};
  if (create_session(graph, signature, share == NULL ? NULL : share->session, threads, options->files, &why) != LN_OK) {
    err = why;
    goto fail;
  }
  if (!mirror(graph)) goto fail;
  ln_tflite_context_init(graph, threads);
  ln_tflite_kernels_init(graph);
  return graph;
fail:
  ln_tflite_report(&options->reporter, "%s", err.message);
  ln_tflite_graph_destroy(graph);
  return NULL;
}

tflite_graph *ln_tflite_graph_child(tflite_graph *root, ln_session *session) {
  for (tflite_graph *child = root->children; child != NULL; child = child->next) {
    if (child->session == session) return child;
  }
  tflite_graph *child = ln_alloc_zero(sizeof *child);
  if (child == NULL) return NULL;
  child->model = root->model;
  child->reporter = root->reporter;
  child->session = session;
  child->next = root->children;
  root->children = child;
  if (!mirror(child)) return NULL; /* freed with the root */
  ln_tflite_context_init(child, root->context.recommended_num_threads);
  return child;
}

static void free_mirror(tflite_graph *graph) {
  for (int32_t i = 0; i < graph->tensor_count; ++i) TfLiteTensorFree(&graph->tensors[i]);
  ln_free(graph->tensors);
  ln_free(graph->variables);
  ln_free(graph->operators);
  ln_free(graph->operator_list);
  ln_free(graph->bindings);
  ln_arena_free(&graph->persistent);
  ln_free(graph);
}

void ln_tflite_graph_destroy(tflite_graph *graph) {
  if (graph == NULL) return;
  ln_session_destroy(graph->session); /* frees the kernels' state, while the tensors still stand */
  while (graph->children != NULL) {
    tflite_graph *child = graph->children;
    graph->children = child->next;
    free_mirror(child);
  }
  free_mirror(graph);
}

/* ---- shapes and memory ---- */

static int32_t input_place(const ln_session *session, int32_t tensor) {
  for (int32_t i = 0; i < session->input_count; ++i) {
    if (session->inputs[i] == tensor) return i;
  }
  return -1;
}

/* What a strict resize allows: the dimensions that the model leaves open, all when it does not say. */
static bool may_take(const ln_tensor *tensor, const int *dims, int32_t rank) {
  if (!tensor->has_signature || tensor->signature.rank == 0) return true;
  if (rank != tensor->signature.rank) return false;
  for (int32_t i = 0; i < rank; ++i) {
    if (tensor->signature.dims[i] != -1 && tensor->signature.dims[i] != dims[i]) return false;
  }
  return true;
}

TfLiteStatus ln_tflite_graph_resize(tflite_graph *graph, int32_t tensor, const int *dims, int32_t rank, bool strict) {
  ln_session *session = graph->session;
  ln_error err = {LN_OK, ""};
  if (strict && !may_take(&session->tensors[tensor], dims, rank)) {
    ln_tflite_report(&graph->reporter,
                     "tensor \"%.100s\" cannot take such a shape: only dimensions left open may change",
                     session->tensors[tensor].name);
    return kTfLiteError;
  }
  const TfLiteStatus status = ln_tflite_status(
      &graph->reporter, ln_session_resize_input(session, input_place(session, tensor), dims, rank, &err), &err);
  if (status != kTfLiteOk) return status;
  if (!session->prepared) graph->allocated = false;
  return sync_one(graph, tensor) ? kTfLiteOk : kTfLiteError;
}

static int32_t output_place(const ln_session *session, int32_t tensor) {
  for (int32_t i = 0; i < session->output_count; ++i) {
    if (session->outputs[i] == tensor) return i;
  }
  return -1;
}

TfLiteStatus ln_tflite_graph_bind(tflite_graph *graph, int32_t tensor, void *data, size_t bytes) {
  ln_error err = {LN_OK, ""};
  const int32_t input = input_place(graph->session, tensor), output = output_place(graph->session, tensor);
  ln_status status = LN_OK;
  if (input >= 0) status = ln_session_bind_input(graph->session, input, data, bytes, &err);
  else if (output >= 0) status = ln_session_bind_output(graph->session, output, data, bytes, &err);
  else status = ln_fail(&err, LN_ERR_ARGUMENT, "tensor %d is no input or output", tensor);
  if (status == LN_OK) graph->allocated = false;
  return ln_tflite_status(&graph->reporter, status, &err);
}

TfLiteStatus ln_tflite_graph_allocate(tflite_graph *graph) {
  ln_error err = {LN_OK, ""};
  graph->allocated = false;
  const TfLiteStatus status = ln_tflite_status(&graph->reporter, ln_session_prepare(graph->session, &err), &err);
  graph->allocated = status == kTfLiteOk;
  const TfLiteStatus synced = sync_all(graph);
  return status != kTfLiteOk ? status : synced;
}

/* ---- running ---- */

static ln_status give_strings(tflite_graph *graph, ln_error *err) {
  for (int32_t i = 0; i < graph->session->input_count; ++i) {
    const int32_t index = graph->session->inputs[i];
    const TfLiteTensor *tensor = &graph->tensors[index];
    if (tensor->type != kTfLiteString || tensor->allocation_type != kTfLiteDynamic || tensor->data.raw == NULL)
      continue;
    LN_TRY(ln_session_set_input(graph->session, i, tensor->data.raw, tensor->bytes, err));
  }
  return LN_OK;
}

TfLiteStatus ln_tflite_graph_invoke(tflite_graph *graph) {
  ln_error err = {LN_OK, ""};
  if (!graph->allocated) {
    ln_tflite_report(&graph->reporter, "tensors must be allocated before the model runs");
    return kTfLiteError;
  }
  graph->telemetry.depth = 0; /* a run that failed may have left some open */
  ln_status status = give_strings(graph, &err);
  if (status == LN_OK) status = ln_session_run(graph->session, &err);
  const TfLiteStatus ran = ln_tflite_status(&graph->reporter, status, &err);
  const TfLiteStatus synced = sync_all(graph);
  return ran != kTfLiteOk ? ran : synced;
}

TfLiteStatus ln_tflite_graph_reset_variables(tflite_graph *graph) {
  ln_session_reset_variable_tensors(graph->session);
  return graph->allocated ? ln_tflite_graph_allocate(graph) : kTfLiteOk;
}

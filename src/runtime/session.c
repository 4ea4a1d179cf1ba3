/* Making sessions and walking their steps. */
#include <string.h>

#include "ops/host.h"
#include "runtime/runtime.h"

enum { DEFAULT_OPERATION_LIMIT = 100000000 };

/* ---- making ---- */

static ln_status pick_signature(ln_session *session, const ln_session_options *options, ln_error *err) {
  const ln_model *model = session->model;
  const char *name = options->signature;
  if (options->first_graph && name != NULL) {
    return ln_fail(err, LN_ERR_ARGUMENT, "signature \"%.100s\" and the first graph are both asked for", name);
  }
  if (options->first_graph) return LN_OK;
  if (name == NULL) {
    session->signature = ln_model_default_signature(model);
    return LN_OK;
  }
  for (int32_t i = 0; i < model->signature_count; ++i) {
    if (strcmp(model->signatures[i].key, name) == 0) {
      session->signature = &model->signatures[i];
      return LN_OK;
    }
  }
  if (model->signature_count == 0)
    return ln_fail(err, LN_ERR_NOT_FOUND, "no signature \"%.100s\": the model has none", name);
  return ln_fail(err, LN_ERR_NOT_FOUND, "no signature \"%.100s\" (of %d, the first is \"%.100s\")", name,
                 model->signature_count, model->signatures[0].key);
}

static ln_status check_operators(const ln_session *session, ln_error *err) {
  for (int32_t i = 0; i < session->graph->op_count; ++i) {
    const ln_node *node = &session->steps[i].node;
    const char *reason = session->backend->refuses(node->op);
    if (reason != NULL) return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "%s", reason);
  }
  return LN_OK;
}

static bool bind_node(ln_session *session, const ln_op *op, ln_node *node) {
  ln_tensor **in = ln_arena_array(&session->memory, (size_t)op->input_count, sizeof *in);
  ln_tensor **out = ln_arena_array(&session->memory, (size_t)op->output_count, sizeof *out);
  if (in == NULL || out == NULL) return false;
  for (int32_t j = 0; j < op->input_count; ++j) in[j] = op->inputs[j] < 0 ? NULL : &session->tensors[op->inputs[j]];
  for (int32_t j = 0; j < op->output_count; ++j) out[j] = &session->tensors[op->outputs[j]];
  *node = (ln_node){.op = op,
                    .in = in,
                    .in_count = op->input_count,
                    .out = out,
                    .out_count = op->output_count,
                    .tensors = session->tensors,
                    .tensor_count = session->graph->tensor_count,
                    .session = session};
  return true;
}

static ln_status bind_graph(ln_session *session, ln_error *err) {
  const ln_graph *graph = session->graph;
  session->tensors = ln_arena_array(&session->memory, (size_t)graph->tensor_count, sizeof *session->tensors);
  session->known = ln_arena_array(&session->memory, (size_t)graph->tensor_count, sizeof *session->known);
  session->hidden = ln_arena_array(&session->memory, (size_t)graph->tensor_count, sizeof *session->hidden);
  session->steps = ln_arena_array(&session->memory, (size_t)graph->op_count, sizeof *session->steps);
  session->bindings = ln_arena_array(&session->memory, (size_t)graph->tensor_count, sizeof *session->bindings);
  bool good = session->tensors != NULL && session->known != NULL && session->hidden != NULL && session->steps != NULL &&
              session->bindings != NULL;
  for (int32_t i = 0; good && i < graph->tensor_count; ++i) session->tensors[i] = graph->tensors[i];
  for (int32_t i = 0; good && i < graph->op_count; ++i)
    good = bind_node(session, &graph->ops[i], &session->steps[i].node);
  if (!good) return ln_fail(err, LN_ERR_MEMORY, "no memory for a session");
  const ln_signature *signature = session->signature;
  session->inputs = signature != NULL ? signature->inputs : graph->inputs;
  session->outputs = signature != NULL ? signature->outputs : graph->outputs;
  session->input_count = signature != NULL ? signature->input_count : graph->input_count;
  session->output_count = signature != NULL ? signature->output_count : graph->output_count;
  /* An unknown dimension is one until the caller says otherwise. */
  for (int32_t i = 0; i < graph->input_count; ++i) {
    ln_shape *shape = &session->tensors[graph->inputs[i]].shape;
    for (int32_t j = 0; j < shape->rank; ++j) {
      if (shape->dims[j] < 0) shape->dims[j] = 1;
    }
  }
  return LN_OK;
}

ln_status ln_session_bind(ln_session *session, int32_t graph, ln_error *err) {
  LN_TRY(ln_model_cache_graph(session->model, graph, session->keep_all, err, &session->graph));
  LN_TRY(bind_graph(session, err));
  LN_TRY(ln_session_bind_operators(session, session->root->operators, session->root->operator_count, err));
  return check_operators(session, err);
}

/* The list is the caller's for the call of create only, and graphs that operators run are bound later. */
static ln_status keep_operators(ln_session *session, const ln_session_options *options, ln_error *err) {
  if (options->operator_count <= 0 || options->operators == NULL) {
    return ln_session_check_operators(options->operators, options->operator_count, err);
  }
  const ln_custom_op **copy = ln_arena_array(&session->memory, (size_t)options->operator_count, sizeof *copy);
  if (copy == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory for a session");
  for (int32_t i = 0; i < options->operator_count; ++i) copy[i] = options->operators[i];
  session->operators = copy;
  session->operator_count = options->operator_count;
  return ln_session_check_operators(session->operators, session->operator_count, err);
}

static ln_status take_resources(ln_session *session, const ln_session *share, ln_error *err) {
  if (share != NULL && share->model != session->model) {
    return ln_fail(err, LN_ERR_ARGUMENT, "resources can be shared by sessions of one model only");
  }
  session->resources = share != NULL ? ln_resources_hold(share->resources) : ln_resources_create(session->model);
  return session->resources != NULL ? LN_OK : ln_fail(err, LN_ERR_MEMORY, "no memory for a session");
}

static ln_status build(ln_session *session, const ln_session_options *options, ln_error *err) {
  LN_TRY(pick_signature(session, options, err));
  const int32_t graph = session->signature == NULL ? 0 : session->signature->graph;
  if (graph >= session->model->graph_count) return ln_fail(err, LN_ERR_MODEL, "the model has no graph to run");
  const char *backend = options->backend == NULL ? "cpu" : options->backend;
  session->backend = ln_backend_find(backend);
  if (session->backend == NULL) return ln_fail(err, LN_ERR_NOT_FOUND, "no backend \"%.100s\"", backend);
  session->profile = options->profile;
  session->keep_all = options->keep_all_tensors;
  session->memory_limit = options->memory_limit > 0 ? options->memory_limit : ln_memory_total();
  session->operation_limit = options->operation_limit > 0 ? options->operation_limit : DEFAULT_OPERATION_LIMIT;
  session->files = options->files;
  session->precision = options->precision;
  session->requantize = options->requantize;
  session->tune = options->tune;
  session->control.time_limit_ns = options->time_limit_ms > INT64_MAX / 1000000 ? 0 : options->time_limit_ms * 1000000;
  session->control.on_operator = options->on_operator;
  session->control.user = options->user;
  if (options->weight_cache != NULL) LN_TRY(ln_model_cache_use_file(session->model, options->weight_cache, err));
  session->pool = ln_pool_create(options->threads);
  if (session->pool == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory for a session");
  LN_TRY(take_resources(session, options->share, err));
  LN_TRY(keep_operators(session, options, err));
  LN_TRY(ln_session_bind(session, graph, err));
  return options->prepare_later ? LN_OK : ln_session_plan(session, err);
}

ln_status ln_session_create(ln_model *model, const ln_session_options *options, ln_error *err, ln_session **out) {
  if (model == NULL || out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "a session needs a model and a place to go");
  *out = NULL;
  ln_session_options known = LN_SESSION_OPTIONS_INIT;
  if (options != NULL) {
    if (options->size < sizeof options->size || options->size > sizeof known) {
      return ln_fail(err, LN_ERR_ARGUMENT, "session options of an unknown size");
    }
    memcpy(&known, options, options->size);
  }
  if (known.operation_limit < 0) return ln_fail(err, LN_ERR_ARGUMENT, "a negative operation limit");
  if (known.threads < 0) return ln_fail(err, LN_ERR_ARGUMENT, "%d threads", known.threads);
  if (known.files != LN_FILES_GIVEN && known.files != LN_FILES_ANY && known.files != LN_FILES_NONE) {
    return ln_fail(err, LN_ERR_ARGUMENT, "an unknown file access");
  }
  if (known.precision < LN_PRECISION_FLOAT32 || known.precision > LN_PRECISION_FLOAT16) {
    return ln_fail(err, LN_ERR_ARGUMENT, "an unknown precision");
  }
  if (known.precision != LN_PRECISION_FLOAT32 && !LN_IS_WHOLE) {
    return ln_fail(err, LN_ERR_UNSUPPORTED, "products of lower precision are left out of this build");
  }
  if (known.requantize != LN_REQUANTIZE_EXACT && known.requantize != LN_REQUANTIZE_FLOAT) {
    return ln_fail(err, LN_ERR_ARGUMENT, "an unknown way to requantize");
  }
  if (known.requantize != LN_REQUANTIZE_EXACT && !LN_IS_WHOLE) {
    return ln_fail(err, LN_ERR_UNSUPPORTED, "requantizing in floats is left out of this build");
  }
  if (known.time_limit_ms < 0) return ln_fail(err, LN_ERR_ARGUMENT, "a time limit below zero");
  ln_session *session = ln_alloc_zero(sizeof *session);
  if (session == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory for a session");
  session->model = model;
  session->root = session;
  const ln_status status = build(session, &known, err);
  if (status != LN_OK) {
    ln_session_destroy(session);
    return status;
  }
  *out = session;
  return LN_OK;
}

ln_pool *ln_session_pool(const ln_session *session) { return session->pool; }

void ln_session_destroy(ln_session *session) {
  if (session == NULL) return;
  ln_session_destroy_operators(session);
  for (int32_t i = 0; session->tensors != NULL && i < session->graph->tensor_count; ++i) {
    ln_session_release(&session->tensors[i]);
  }
  if (session->root == session) {
    for (int32_t i = 0; session->children != NULL && i < session->model->graph_count; ++i) {
      ln_session_destroy(session->children[i]);
    }
    ln_free(session->children);
    ln_resources_release(session->resources);
    ln_pool_destroy(session->pool);
  }
  ln_free(session->arena);
  for (int32_t i = 0; session->steps != NULL && i < session->graph->op_count; ++i) {
    ln_session_forget_step(&session->steps[i]);
  }
  ln_arena_free(&session->late_memory);
  ln_arena_free(&session->prep_memory);
  ln_arena_free(&session->memory);
  ln_free(session);
}

/* ---- running ---- */

ln_status ln_session_prepare(ln_session *session, ln_error *err) {
  return session->prepared ? LN_OK : ln_session_plan(session, err);
}

static ln_status run_step(ln_session *session, ln_step *step, ln_error *err) {
  ln_exec exec = {.pool = session->pool, .thread_stride = step->thread_stride, .err = err};
  if (!step->late) {
    exec.scratch = session->arena + step->scratch_offset;
    exec.thread_scratch = session->arena + step->thread_scratch_offset;
    return LN_HAS_SPANS && step->followers > 0 ? ln_session_run_chain(session, step, &exec)
                                               : session->backend->run(&step->node, &exec);
  }
  LN_TRY(ln_session_prepare_late(session, step, err));
  const size_t threads = (size_t)ln_pool_threads(session->pool);
  exec.thread_stride = step->thread_stride;
  exec.scratch = ln_arena_alloc(&session->late_memory, step->node.scratch_bytes);
  exec.thread_scratch = ln_arena_array(&session->late_memory, step->thread_stride, threads);
  if (exec.scratch == NULL || exec.thread_scratch == NULL) {
    return ln_node_fail(&step->node, err, LN_ERR_MEMORY, "no memory for scratch");
  }
  return session->backend->run(&step->node, &exec);
}

/* A run that gives its outputs memory itself gave it to each. */
static ln_status check_outputs(const ln_step *step, ln_error *err) {
  for (int32_t i = 0; i < step->node.out_count; ++i) {
    if (step->node.out[i]->data != NULL) continue;
    return ln_node_fail(&step->node, err, LN_ERR_INTERNAL, "output %d was not made", i);
  }
  return LN_OK;
}

ln_status ln_session_walk(ln_session *session, ln_error *err) { return ln_session_walk_from(session, 0, err); }

ln_status ln_session_walk_from(ln_session *session, int32_t first, ln_error *err) {
  if (session->late_steps > 0) ln_arena_free(&session->late_memory);
  const bool timed = session->profile || session->root->control.on_operator != NULL;
  LN_TRY(ln_session_spend(session, session->graph->op_count, err));
  for (int32_t i = first; i < session->graph->op_count; ++i) {
    ln_step *step = &session->steps[i];
    LN_TRY(ln_control_before(session, &step->node, err));
    const int64_t start = timed ? ln_clock_ns() : 0;
    if (step->head == i) LN_TRY(run_step(session, step, err)); /* else it has run */
    if (session->late_steps > 0) LN_TRY(check_outputs(step, err));
    if (!timed) continue;
    const int64_t took = ln_clock_ns() - start;
    step->nanoseconds += took;
    ++step->calls;
    LN_TRY(ln_control_after(session, &step->node, took, err));
  }
  return LN_OK;
}

ln_status ln_session_run(ln_session *session, ln_error *err) {
  ln_control_begin(session);
  LN_TRY(ln_session_prepare(session, err));
  for (int32_t i = 0; i < session->input_count; ++i) {
    if (session->tensors[session->inputs[i]].data == NULL) {
      return ln_fail(err, LN_ERR_STATE, "input \"%s\" was not set", ln_session_input_name(session, i));
    }
  }
  session->operations = 0;
  return ln_session_walk(session, err);
}

static void reset_variables(ln_session *session) {
  for (int32_t i = 0; i < session->graph->tensor_count; ++i) {
    if (session->tensors[i].storage == LN_STORAGE_VARIABLE) ln_session_reset_variable(&session->tensors[i]);
  }
  session->prepared = false; /* operators that keep state of their own start anew */
}

void ln_session_reset_variable_tensors(ln_session *session) {
  reset_variables(session);
  for (int32_t i = 0; session->children != NULL && i < session->model->graph_count; ++i) {
    if (session->children[i] != NULL) reset_variables(session->children[i]);
  }
}

void ln_session_reset(ln_session *session) {
  ln_session_reset_variable_tensors(session);
  ln_resources_clear(session->resources);
}

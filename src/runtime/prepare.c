/* From input shapes to prepared steps: shapes forward through the graph, then kernels and packed weights, then memory.
 */
#include <string.h>

#include "ops/tensor_list.h"
#include "runtime/runtime.h"

/* ---- tensors before shapes are inferred ---- */

void ln_session_release(ln_tensor *tensor) {
  if (tensor->storage == LN_STORAGE_CONST) return;
  ln_list_release(ln_tensor_list(tensor));
  if (tensor->storage == LN_STORAGE_HEAP || tensor->storage == LN_STORAGE_VARIABLE) ln_free(tensor->data);
  tensor->data = NULL;
  tensor->bytes = 0;
  tensor->storage = LN_STORAGE_NONE;
}

void ln_session_reset_variable(ln_tensor *tensor) {
  if (tensor->data == NULL) return;
  const int value = tensor->type == LN_INT8 ? ln_zero_point_of(tensor) : 0;
  memset(tensor->data, value, tensor->bytes);
}

/* Bytes of a root that no plan gives back. */
static size_t kept_bytes(const ln_session *root) { return ln_resources_bytes(root->resources) + root->list_bytes; }

ln_status ln_session_check_room(const ln_session *root, size_t bytes, ln_error *err) {
  const size_t resources = kept_bytes(root);
  const size_t room = root->memory_limit - root->memory_total;
  if (resources <= room && bytes <= room - resources) return LN_OK;
  return ln_fail(err, LN_ERR_LIMIT, "needs %zu bytes of memory beside %zu, more than the limit of %zu", bytes,
                 root->memory_total + resources, root->memory_limit);
}

ln_status ln_session_charge(ln_session *session, size_t bytes, ln_error *err) {
  LN_TRY(ln_session_check_room(session->root, bytes, err));
  session->root->memory_total += bytes;
  session->memory_used += bytes;
  return LN_OK;
}

static void discharge(ln_session *session, size_t bytes) {
  session->root->memory_total -= bytes;
  session->memory_used -= bytes;
}

ln_status ln_session_allocate_output(const ln_node *node, int32_t index, size_t bytes, ln_error *err) {
  const int32_t tensor = node->op->outputs[index];
  if (node->session->bindings[tensor].data != NULL) return ln_session_use_binding(node->session, tensor, err);
  return ln_session_allocate(node->session, node->out[index], bytes, err);
}

ln_status ln_session_allocate(ln_session *session, ln_tensor *tensor, size_t bytes, ln_error *err) {
  if (tensor->storage == LN_STORAGE_HEAP) discharge(session, tensor->bytes);
  ln_session_release(tensor);
  LN_TRY(ln_session_charge(session, bytes, err));
  tensor->data = ln_alloc(bytes);
  if (tensor->data == NULL) {
    discharge(session, bytes);
    return ln_fail(err, LN_ERR_MEMORY, "no memory for %zu bytes", bytes);
  }
  tensor->bytes = bytes;
  tensor->storage = LN_STORAGE_HEAP;
  if (tensor->type == LN_VARIANT) memset(tensor->data, 0, bytes); /* no list yet */
  return LN_OK;
}

static ln_status ready_variable(ln_session *session, ln_tensor *tensor, ln_error *err) {
  size_t bytes;
  if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes)) {
    return ln_fail(err, LN_ERR_UNSUPPORTED, "variable \"%s\" has no fixed size", tensor->name);
  }
  LN_TRY(ln_session_charge(session, bytes, err));
  if (tensor->storage == LN_STORAGE_VARIABLE && tensor->bytes == bytes) return LN_OK; /* keeps its value */
  ln_session_release(tensor);
  tensor->data = ln_alloc(bytes);
  if (tensor->data == NULL) return ln_fail(err, LN_ERR_MEMORY, "no memory for variable \"%s\"", tensor->name);
  tensor->bytes = bytes;
  tensor->storage = LN_STORAGE_VARIABLE;
  ln_session_reset_variable(tensor);
  return LN_OK;
}

/* Strings have no planned size: what the caller set is the tensor's own and outlives a plan. */
static bool is_string_input(const ln_session *session, int32_t index) {
  if (session->tensors[index].type != LN_STRING) return false;
  for (int32_t i = 0; i < session->graph->input_count; ++i) {
    if (session->graph->inputs[i] == index) return true;
  }
  return false;
}

/* Inputs keep the shape the caller gave; everything that operators make is forgotten. */
static ln_status forget_shapes(ln_session *session, ln_error *err) {
  for (int32_t i = 0; i < session->graph->tensor_count; ++i) {
    ln_tensor *tensor = &session->tensors[i];
    session->known[i] = tensor->storage == LN_STORAGE_CONST || tensor->is_variable;
    if (tensor->storage == LN_STORAGE_CONST) continue;
    if (tensor->is_variable) LN_TRY(ready_variable(session, tensor, err));
    else if (!is_string_input(session, i)) ln_session_release(tensor);
    else if (tensor->storage == LN_STORAGE_HEAP) LN_TRY(ln_session_charge(session, tensor->bytes, err));
  }
  for (int32_t i = 0; i < session->graph->input_count; ++i) {
    session->known[session->graph->inputs[i]] = true;
  }
  return LN_OK;
}

/*
 * Variables, and strings that the caller set before, hold values which may be others in the run: shapes that depend on
 * them are not known to a plan, and nothing is prepared from them.
 */
static void hide_values(ln_session *session) {
  for (int32_t i = 0; i < session->graph->tensor_count; ++i) {
    ln_tensor *tensor = &session->tensors[i];
    session->hidden[i] = tensor->storage == LN_STORAGE_CONST ? NULL : tensor->data;
    if (session->hidden[i] != NULL) tensor->data = NULL;
  }
}

static void show_values(ln_session *session) {
  for (int32_t i = 0; i < session->graph->tensor_count; ++i) {
    if (session->hidden[i] != NULL) session->tensors[i].data = session->hidden[i];
    session->hidden[i] = NULL;
  }
}

/* ---- shapes and kernels ---- */

static bool inputs_known(const ln_session *session, const ln_op *op) {
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (op->inputs[i] >= 0 && !session->known[op->inputs[i]]) return false;
  }
  return true;
}

static ln_status infer_step(ln_session *session, ln_step *step, ln_error *err) {
  const ln_op *op = step->node.op;
  LN_TRY(ln_node_check_sparse(&step->node, err));
  step->late = session->root->all_late || !inputs_known(session, op);
  if (!step->late) {
    const ln_status status = op->def->infer(&step->node, err);
    if ((int32_t)status == LN_INFER_LATER || (int32_t)status == LN_INFER_IN_RUN) step->late = true;
    else LN_TRY(status);
  }
  bool allocates = false;
  for (int32_t i = 0; i < op->output_count; ++i) {
    session->known[op->outputs[i]] = !step->late;
    const ln_type type = session->tensors[op->outputs[i]].type;
    allocates = allocates || type == LN_STRING || type == LN_VARIANT;
  }
  session->late_steps += step->late || allocates;
  return LN_OK;
}

/* The least that a tensor can take: of strings, their offsets. False when it cannot be addressed. */
static bool least_bytes(const ln_tensor *tensor, size_t *bytes) {
  size_t count;
  if (tensor->type != LN_STRING) return ln_tensor_size(tensor->type, &tensor->shape, bytes);
  return ln_shape_elements(&tensor->shape, &count) && ln_size_mul(count, sizeof(int32_t), bytes);
}

/* Kernels' tables grow with their outputs, so that an output past the limit is refused before one is made. */
static ln_status check_outputs(const ln_session *session, const ln_node *node, ln_error *err) {
  const size_t limit = session->root->memory_limit;
  if ((node->op->def->flags & LN_OPF_VIEW) != 0) return LN_OK; /* takes no memory of its own */
  for (int32_t i = 0; i < node->out_count; ++i) {
    const ln_tensor *tensor = node->out[i];
    size_t bytes;
    if (!least_bytes(tensor, &bytes) || bytes <= limit) continue;
    return ln_node_fail(node, err, LN_ERR_LIMIT, "output %d takes %zu bytes, more than the limit of %zu", i, bytes,
                        limit);
  }
  return LN_OK;
}

/* What operators prepare into an arena may take, together with what is charged, no more than the session's limit. */
static void limit_arena(const ln_session *session, ln_arena *arena) {
  const ln_session *root = session->root;
  const size_t resources = kept_bytes(root), room = root->memory_limit - root->memory_total;
  arena->limit = resources < room ? room - resources : 1; /* 0 would say that anything goes */
}

enum { FORGOTTEN_BYTES = 1 << 16 }; /* of a constant that is worth a call of the system */

/* The file's bytes of constants that were packed are not needed beside the packed ones. */
static void forget_packed(const ln_session *session, const ln_node *node, size_t packed) {
  for (int32_t i = 0; packed > 0 && i < node->in_count; ++i) {
    const ln_tensor *in = node->in[i];
    if (in == NULL || in->storage != LN_STORAGE_CONST || in->bytes < FORGOTTEN_BYTES || packed < in->bytes / 2)
      continue;
    ln_file_map_forget(&session->model->map, in->data, in->bytes);
  }
}

enum { TUNING_NS = 2000000000 }; /* of a plan: for measuring choices */

static ln_status prepare_node(ln_session *session, ln_step *step, ln_arena *arena, ln_error *err) {
  ln_node *node = &step->node;
  LN_TRY(check_outputs(session, node, err));
  limit_arena(session, arena);
  node->args = NULL;
  node->span = NULL;
  node->span_grain = node->finish_grain = 0;
  node->is_parts = node->joins = false;
  node->parts_of = 0;
  node->parts_at = 0;
  node->scratch_bytes = node->thread_scratch_bytes = 0;
  node->kernel = NULL;
  ln_prep prep = {.arena = arena,
                  .cache = ln_model_cache_lock_packs(session->model),
                  .threads = ln_pool_threads(session->pool),
                  .precision = session->root->precision,
                  .requantize = session->root->requantize,
                  .err = err,
                  .pool = session->pool};
  /* Not in a run, whose time belongs to others. */
  if (session->root->tune && arena == &session->prep_memory) prep.tuning = &session->root->tuning;
  if (prep.cache == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  const size_t packed = ln_pack_cache_bytes(prep.cache);
  const ln_status status = session->backend->prepare(node, &prep);
  forget_packed(session, node, ln_pack_cache_bytes(prep.cache) - packed);
  ln_model_cache_unlock_packs(session->model);
  if (status == LN_ERR_MEMORY && arena->refused) {
    return ln_node_fail(node, err, LN_ERR_LIMIT, "its preparation takes more memory than the limit of %zu",
                        session->root->memory_limit);
  }
  if (status != LN_OK) return status;
  if (!ln_size_align(node->thread_scratch_bytes, LN_ALIGNMENT, &step->thread_stride)) {
    return ln_node_fail(node, err, LN_ERR_MEMORY, "needs more scratch than can be addressed");
  }
  step->macs = node->op->def->macs(node);
  node->idle = !step->own_outputs && ln_node_makes_nothing(node);
  return LN_OK;
}

void ln_session_forget_step(ln_step *step) {
  ln_arena_free(&step->kept_memory);
  step->kept_for = NULL;
}

static bool is_prepared_for(const ln_step *step) {
  if (step->kept_for == NULL) return false;
  for (int32_t i = 0; i < step->node.in_count; ++i) {
    const ln_tensor *in = step->node.in[i];
    if (in != NULL && !ln_shape_equal(&step->kept_for[i], &in->shape)) return false;
  }
  return true;
}

/* A late step whose arguments hold state: they stay until its inputs have other shapes. */
static ln_status prepare_keeping(ln_session *session, ln_step *step, ln_error *err) {
  const ln_node *node = &step->node;
  if (is_prepared_for(step)) return check_outputs(session, node, err);
  ln_session_forget_step(step);
  LN_TRY(prepare_node(session, step, &step->kept_memory, err));
  ln_shape *shapes = ln_arena_array(&step->kept_memory, (size_t)node->in_count + 1, sizeof *shapes);
  if (shapes == NULL) return ln_node_fail(node, err, LN_ERR_MEMORY, "no memory");
  for (int32_t i = 0; i < node->in_count; ++i) {
    if (node->in[i] != NULL) shapes[i] = node->in[i]->shape;
  }
  step->kept_for = shapes;
  return LN_OK;
}

static ln_status prepare_steps(ln_session *session, ln_error *err) {
  for (int32_t i = 0; i < session->graph->op_count; ++i) {
    ln_step *step = &session->steps[i];
    step->state = (ln_node_state){0};
    ln_session_forget_step(step);
    step->node.state = &step->state;
    LN_TRY(infer_step(session, step, err));
  }
  for (int32_t i = 0; i < session->graph->op_count; ++i) {
    ln_step *step = &session->steps[i];
    if (!step->late) LN_TRY(prepare_node(session, step, &session->prep_memory, err));
  }
  return ln_session_chain(session, err);
}

ln_status ln_session_plan(ln_session *session, ln_error *err) {
  session->prepared = false;
  session->late_steps = 0;
  if (session->root == session) {
    session->operations = 0;
    session->tuning = (ln_tuning){.left_ns = TUNING_NS};
  }
  discharge(session, session->memory_used);
  ln_arena_free(&session->prep_memory);
  LN_TRY(forget_shapes(session, err));
  hide_values(session);
  const ln_status status = prepare_steps(session, err);
  show_values(session);
  if (status != LN_OK) return status;
  ln_model_cache_save(session->model);
  for (int32_t i = 0; i < session->graph->tensor_count; ++i) {
    if (session->bindings[i].data != NULL && session->known[i]) LN_TRY(ln_session_use_binding(session, i, err));
  }
  LN_TRY(ln_session_lay_out(session, err));
  session->prepared = true;
  return LN_OK;
}

/* ---- in the run ---- */

static ln_status allocate_late_output(const ln_node *node, int32_t index, ln_error *err) {
  ln_tensor *tensor = node->out[index];
  size_t bytes;
  if (tensor->type == LN_STRING || tensor->type == LN_VARIANT) return LN_OK; /* the run knows how much */
  if (!ln_tensor_size(tensor->type, &tensor->shape, &bytes)) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "output %d has no fixed size", index);
  }
  ln_error reason = {LN_OK, ""};
  const ln_status status = ln_session_allocate_output(node, index, bytes, &reason);
  return status == LN_OK ? LN_OK : ln_node_fail(node, err, status, "output %d %s", index, reason.message);
}

ln_status ln_session_prepare_late(ln_session *session, ln_step *step, ln_error *err) {
  ln_node *node = &step->node;
  const ln_status status = node->op->def->infer(node, err);
  if ((int32_t)status == LN_INFER_LATER)
    return ln_node_fail(node, err, LN_ERR_MODEL, "its output shape cannot be found");
  step->own_outputs = (int32_t)status == LN_INFER_IN_RUN;
  if (!step->own_outputs) LN_TRY(status);
  const bool keeps = (node->op->def->flags & LN_OPF_KEEPS_ARGS) != 0;
  LN_TRY(keeps ? prepare_keeping(session, step, err) : prepare_node(session, step, &session->late_memory, err));
  for (int32_t i = 0; i < node->out_count; ++i) {
    if (!step->own_outputs) LN_TRY(allocate_late_output(node, i, err));
    else if (node->out[i]->storage == LN_STORAGE_EXTERNAL) ln_session_release(node->out[i]); /* bound anew in the run */
  }
  return LN_OK;
}

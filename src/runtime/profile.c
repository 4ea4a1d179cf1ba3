/* Where a session's time and its memory go, step by step: a build of chosen models has this WITH report. */
#include "runtime/runtime.h"

int32_t ln_session_profile_count(const ln_session *session) {
  return session->profile ? session->graph->op_count - session->followers : 0;
}

/* Heads of chains and steps of no chain, in order. */
static const ln_step *profiled_step(const ln_session *session, int32_t index) {
  const ln_step *step = session->steps;
  for (; index > 0; --index) step += step->followers + 1;
  return step;
}

/* What a step reads and writes. */
static void add_traffic(const ln_session *session, const ln_step *step, ln_profile_entry *entry) {
  const ln_node *node = &step->node;
  bool weighed = false;
  for (int32_t i = 0; i < node->in_count; ++i) {
    const ln_tensor *tensor = node->in[i];
    if (tensor == NULL) continue;
    const bool constant = ln_tensor_const_data(tensor);
    *(constant ? &entry->weight_bytes : &entry->input_bytes) += (int64_t)tensor->bytes;
    if (i == 0) entry->input_type = tensor->type;
    if (constant ? !weighed : i == 0) entry->weight_type = tensor->type;
    weighed |= constant;
  }
  for (int32_t i = 0; i < node->out_count; ++i) entry->output_bytes += (int64_t)node->out[i]->bytes;
  entry->scratch_bytes = (int64_t)(node->scratch_bytes + step->thread_stride * (size_t)ln_pool_threads(session->pool));
}

ln_status ln_session_profile(const ln_session *session, int32_t index, ln_profile_entry *entry) {
  if (index < 0 || index >= ln_session_profile_count(session)) return LN_ERR_ARGUMENT;
  const ln_step *step = profiled_step(session, index);
  const ln_op *op = step->node.op;
  const ln_op *last = step[step->followers].node.op;
  ln_profile_entry all = {.calls = step->calls, .nanoseconds = step->nanoseconds, .macs = step->macs};
  all.operator_name = step->text != NULL ? step->text : op->custom_name != NULL ? op->custom_name : op->def->name;
  all.tensor_name = last->output_count > 0 ? session->tensors[last->outputs[0]].name : "";
  all.kernel = step->node.kernel;
  all.origin = op->origin;
  add_traffic(session, step, &all);
  return ln_struct_give(entry, &all, sizeof all);
}

void ln_session_profile_reset(ln_session *session) {
  for (int32_t i = 0; i < session->graph->op_count; ++i) session->steps[i].calls = session->steps[i].nanoseconds = 0;
}

/* ---- where the arena's bytes go: tensors, then the scratch of steps ---- */

static bool has_memory(const ln_session *session, int32_t tensor) {
  return session->tensors[tensor].storage == LN_STORAGE_ARENA && session->tensors[tensor].bytes > 0;
}

int32_t ln_session_memory_count(const ln_session *session) {
  int32_t count = 0;
  if (!session->prepared) return 0;
  for (int32_t i = 0; i < session->graph->tensor_count; ++i) count += has_memory(session, i);
  for (int32_t i = 0; i < session->graph->op_count; ++i) {
    const ln_step *step = &session->steps[i];
    count += !step->late && step->node.scratch_bytes > 0;
    count += !step->late && step->thread_stride > 0;
  }
  return count;
}

static bool holds(const int32_t *list, int32_t count, int32_t value) {
  while (count > 0 && list[count - 1] != value) --count;
  return count > 0;
}

/* The place of an operator's step among those of the profile: followers of a chain stand in their head's. */
static int32_t profiled_place(const ln_session *session, int32_t op) {
  int32_t place = -1;
  for (int32_t i = 0; i <= op; ++i) place += session->steps[i].head == i;
  return place;
}

/* The steps between a tensor's first and its last use. */
static void note_life(const ln_session *session, int32_t tensor, ln_memory_block *block) {
  const ln_graph *graph = session->graph;
  const int32_t operators = graph->op_count - session->followers;
  const int32_t end = operators > 0 ? operators - 1 : 0;
  const bool input = holds(graph->inputs, graph->input_count, tensor);
  block->first = end;
  block->last = 0;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (!holds(op->inputs, op->input_count, tensor) && !holds(op->outputs, op->output_count, tensor)) continue;
    const int32_t place = profiled_place(session, i);
    if (place < block->first) block->first = place;
    block->last = place;
  }
  if (input) block->first = 0;
  if (input || session->keep_all || holds(graph->outputs, graph->output_count, tensor)) block->last = end;
}

static bool give_scratch(const ln_session *session, int32_t step, size_t offset, size_t bytes, int32_t *left,
                         ln_memory_block *block) {
  if (bytes == 0 || session->steps[step].late || (*left)-- != 0) return false;
  *block = (ln_memory_block){.tensor = -1, .offset = offset, .bytes = bytes};
  block->first = block->last = profiled_place(session, step);
  return true;
}

ln_status ln_session_memory(const ln_session *session, int32_t index, ln_memory_block *block) {
  ln_memory_block found = {0};
  int32_t left = index;
  if (index < 0 || index >= ln_session_memory_count(session)) return LN_ERR_ARGUMENT;
  for (int32_t i = 0; i < session->graph->tensor_count; ++i) {
    const ln_tensor *tensor = &session->tensors[i];
    if (!has_memory(session, i) || left-- != 0) continue;
    found.tensor = i;
    found.tensor_name = tensor->name;
    found.offset = (size_t)((const uint8_t *)tensor->data - session->arena);
    found.bytes = tensor->bytes;
    note_life(session, i, &found);
    return ln_struct_give(block, &found, sizeof found);
  }
  for (int32_t i = 0; i < session->graph->op_count; ++i) {
    const ln_step *step = &session->steps[i];
    const size_t threads = step->thread_stride * (size_t)ln_pool_threads(session->pool);
    if (give_scratch(session, i, step->scratch_offset, step->node.scratch_bytes, &left, &found)) break;
    if (give_scratch(session, i, step->thread_scratch_offset, threads, &left, &found)) break;
  }
  return ln_struct_give(block, &found, sizeof found);
}

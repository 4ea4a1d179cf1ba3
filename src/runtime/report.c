/* What a session takes. */
#include "runtime/runtime.h"

static size_t constant_bytes(const ln_session *session) {
  size_t bytes = 0;
  for (int32_t i = 0; i < session->graph->op_count; ++i) {
    const ln_op *op = &session->graph->ops[i];
    for (int32_t j = 0; j < op->input_count; ++j) {
      const ln_tensor *tensor = op->inputs[j] < 0 ? NULL : &session->tensors[op->inputs[j]];
      if (tensor != NULL && ln_tensor_const_data(tensor)) bytes += tensor->bytes;
    }
  }
  return bytes;
}

ln_status ln_session_get_stats(const ln_session *session, ln_session_stats *stats) {
  ln_session_stats all = {.operators = session->graph->op_count - session->followers,
                          .arena_bytes = session->plan.arena_bytes,
                          .arena_lower_bound = session->plan.lower_bound};
  all.stored_weight_bytes = ln_model_cache_stored_bytes(session->model);
  all.measured_choices = session->tuning.measured;
  all.weight_bytes = ln_model_cache_packed_bytes(session->model) + constant_bytes(session);
  for (int32_t i = 0; i < session->graph->tensor_count; ++i) {
    const ln_tensor *tensor = &session->tensors[i];
    if (tensor->storage == LN_STORAGE_VARIABLE) all.variable_bytes += tensor->bytes;
  }
  all.variable_bytes += ln_resources_bytes(session->root->resources);
  for (int32_t i = 0; session->children != NULL && i < session->model->graph_count; ++i) {
    if (session->children[i] != NULL) all.arena_bytes += session->children[i]->plan.arena_bytes;
  }
  for (int32_t i = 0; i < session->graph->op_count; ++i) all.macs += session->steps[i].macs;
  return ln_struct_give(stats, &all, sizeof all);
}

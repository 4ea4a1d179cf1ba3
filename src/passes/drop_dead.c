/* Drops operators without state whose outputs nobody reads, from the last to the first. */
#include "passes/rewrite.h"

ln_status ln_pass_drop_dead(ln_pass_context *context) {
  ln_graph *graph = context->graph;
  int32_t *uses = ln_graph_count_uses(graph, context->arena);
  bool *drop = ln_arena_array(context->arena, (size_t)graph->op_count, sizeof *drop);
  if (uses == NULL || drop == NULL) return ln_pass_out_of_memory(context, "drop_dead");
  for (int32_t i = graph->op_count - 1; i >= 0; --i) {
    const ln_op *op = &graph->ops[i];
    bool dead = (op->def->flags & LN_OPF_STATEFUL) == 0 && op->def->run != NULL;
    for (int32_t j = 0; j < op->output_count; ++j) dead = dead && uses[op->outputs[j]] == 0;
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] >= 0 && graph->tensors[op->inputs[j]].is_variable) dead = false;
    }
    if (!dead) continue;
    drop[i] = true;
    ++context->changes;
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] >= 0) --uses[op->inputs[j]];
    }
  }
  ln_graph_drop_ops(graph, drop);
  return LN_OK;
}

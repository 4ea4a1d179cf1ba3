/*
 * Operators that read weights in any form take a constant as it is stored, where a DEQUANTIZE of half precision or a
 * DENSIFY stands between: the same numbers, without an unpacked copy of them. What nobody reads any more is dropped.
 */
#include "passes/rewrite.h"

enum { WEIGHTS_INPUT = 1 };

/* The stored form of tensor `index`; `index` itself when there is none. */
static int32_t stored_form(const ln_graph *graph, const int32_t *producers, int32_t index) {
  for (;;) {
    const int32_t producer = producers[index];
    if (producer < 0 || graph->ops[producer].inputs[0] < 0) return index;
    const ln_op *op = &graph->ops[producer];
    const ln_tensor *from = &graph->tensors[op->inputs[0]];
    const bool halves = from->type == LN_FLOAT16 || from->type == LN_BFLOAT16;
    const bool same = ln_op_is(op, LN_OP_DENSIFY) || (ln_op_is(op, LN_OP_DEQUANTIZE) && halves);
    if (!same || !ln_shape_equal(&from->shape, &graph->tensors[index].shape)) return index;
    index = op->inputs[0];
  }
}

ln_status ln_pass_keep_stored_weights(ln_pass_context *context) {
  ln_graph *graph = context->graph;
  if ((LN_OP_TYPES(DENSIFY) | LN_OP_TYPES(DEQUANTIZE)) == 0) return LN_OK; /* left out of this build */
  int32_t *producers = ln_graph_producers(graph, context->arena);
  int32_t *uses = ln_graph_count_uses(graph, context->arena);
  bool *drop = ln_arena_array(context->arena, (size_t)graph->op_count, sizeof *drop);
  if (producers == NULL || uses == NULL || drop == NULL) return ln_pass_out_of_memory(context, "keep_stored_weights");
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    const ln_tensor *weights = ln_op_input_tensor(graph, op, WEIGHTS_INPUT);
    if ((op->def->flags & LN_OPF_READS_WEIGHTS) == 0 || weights == NULL || weights->type != LN_FLOAT32) continue;
    const int32_t from = op->inputs[WEIGHTS_INPUT];
    const int32_t stored = stored_form(graph, producers, from);
    const ln_tensor *kept = &graph->tensors[stored];
    if (stored == from || !ln_tensor_const_data(kept)) continue;
    if (kept->codebook != NULL && (op->def->flags & LN_OPF_READS_CODEBOOK) == 0) continue;
    if (kept->sparsity != NULL && (op->def->flags & LN_OPF_TAKES_SPARSE) == 0) continue;
    op->inputs[WEIGHTS_INPUT] = stored;
    ++uses[stored];
    ++context->changes;
    /* What stood between, from the operator's side on. */
    for (int32_t unread = from; unread != stored && --uses[unread] == 0;
         unread = graph->ops[producers[unread]].inputs[0])
      drop[producers[unread]] = true;
  }
  ln_graph_drop_ops(graph, drop);
  return LN_OK;
}

/*
 * GATHER picks from a constant as it is stored, where a DEQUANTIZE or a CAST stands between: what it picked is made
 * floats behind it, and not the whole table before.
 */
#include "passes/rewrite.h"

static bool is_one_scale(const ln_quant *quant) {
  return quant->kind == LN_QUANT_NONE || quant->kind == LN_QUANT_TENSOR;
}

/* Whether GATHER `op` may pick from what the operator that makes its table reads. */
static bool picks(const ln_graph *graph, const ln_op *op, const ln_op *maker, const int32_t *uses) {
  if (!ln_op_is(maker, LN_OP_DEQUANTIZE) && !ln_op_is(maker, LN_OP_CAST)) return false;
  if (maker->input_count != 1 || maker->inputs[0] < 0 || uses[op->inputs[0]] != 1) return false;
  const ln_tensor *table = &graph->tensors[maker->inputs[0]], *output = &graph->tensors[op->outputs[0]];
  if (!ln_tensor_const_data(table) || table->sparsity != NULL || !is_one_scale(table->quant)) return false;
  if (ln_op_stood_in(op->def) >> table->type & 1) return false; /* the table would be unpacked in each run */
  return output->type == LN_FLOAT32 && ln_shape_equal(&table->shape, &graph->tensors[op->inputs[0]].shape);
}

/* The operator at `maker` goes behind the one at `at`, GATHER, which reads its input. */
static ln_status exchange(ln_pass_context *context, int32_t maker, int32_t at) {
  ln_graph *graph = context->graph;
  ln_op gather = graph->ops[at], after = graph->ops[maker];
  ln_tensor picked = graph->tensors[gather.outputs[0]];
  const ln_tensor *table = &graph->tensors[after.inputs[0]];
  picked.type = table->type;
  picked.quant = table->quant;
  const int32_t index = ln_graph_add_tensor(graph, context->arena, &picked);
  if (index < 0) return ln_pass_out_of_memory(context, "pick_stored");
  gather.inputs[0] = after.inputs[0];
  after.inputs[0] = index;
  after.outputs[0] = gather.outputs[0];
  gather.outputs[0] = index;
  for (int32_t i = maker; i + 1 < at; ++i) graph->ops[i] = graph->ops[i + 1];
  graph->ops[at - 1] = gather;
  graph->ops[at] = after;
  return LN_OK;
}

ln_status ln_pass_pick_stored(ln_pass_context *context) {
  ln_graph *graph = context->graph;
  if (!LN_IS_WHOLE) return LN_OK; /* GATHER is built for the types that the file has it read */
  const int32_t *uses = ln_graph_count_uses(graph, context->arena);
  if (uses == NULL) return ln_pass_out_of_memory(context, "pick_stored");
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (!ln_op_is(op, LN_OP_GATHER) || op->inputs[0] < 0) continue;
    int32_t maker = i - 1;
    while (maker >= 0 && graph->ops[maker].outputs[0] != op->inputs[0]) --maker;
    if (maker < 0 || !picks(graph, op, &graph->ops[maker], uses)) continue;
    LN_TRY(exchange(context, maker, i));
    ++context->changes;
  }
  return LN_OK;
}

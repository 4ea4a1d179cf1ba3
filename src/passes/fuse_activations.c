/* A float RELU, RELU6 or RELU_N1_TO_1 that alone reads an operator's output becomes that operator's fused activation.
 */
#include "passes/rewrite.h"

static int32_t activation_of(const ln_op *op) {
  if (ln_op_is(op, LN_OP_RELU)) return LN_ACT_RELU;
  if (ln_op_is(op, LN_OP_RELU6)) return LN_ACT_RELU6;
  if (ln_op_is(op, LN_OP_RELU_N1_TO_1)) return LN_ACT_RELU_N1_TO_1;
  return LN_ACT_NONE;
}

/* Where an operator's fused activation stands in its options; NULL when it has none. Options are the graph's own copy.
 */
static int8_t *activation_field(const ln_op *op) {
  const ln_table_info *table = ln_schema_table(op->options_table);
  if (table == NULL || op->options == NULL || (op->def->flags & LN_OPF_CLAMPS) == 0) return NULL;
  for (int32_t i = 0; i < table->field_count; ++i) {
    const ln_field_info *field = &table->fields[i];
    if (field->field_class == LN_CLASS_SCALAR && field->enumeration == LN_ENUM_activation) {
      return (int8_t *)((char *)(uintptr_t)op->options + field->offset);
    }
  }
  return NULL;
}

bool ln_fuse_activation(const ln_graph *graph, int32_t at, int32_t *producers, const int32_t *uses) {
  const ln_op *op = &graph->ops[at];
  const int32_t activation = activation_of(op);
  if (activation == LN_ACT_NONE || op->inputs[0] < 0) return false;
  const int32_t input = op->inputs[0];
  if (producers[input] < 0 || uses[input] != 1 || graph->tensors[input].type != LN_FLOAT32) return false;
  ln_op *maker = &graph->ops[producers[input]];
  int8_t *field = activation_field(maker);
  if (field == NULL || *field != LN_ACT_NONE || maker->output_count != 1) return false;
  *field = (int8_t)activation;
  maker->outputs[0] = op->outputs[0];
  producers[op->outputs[0]] = producers[input];
  return true;
}

ln_status ln_pass_fuse_activations(ln_pass_context *context) {
  ln_graph *graph = context->graph;
  if ((LN_OP_TYPES(RELU) | LN_OP_TYPES(RELU6) | LN_OP_TYPES(RELU_N1_TO_1)) == 0)
    return LN_OK; /* left out of this build */
  int32_t *producers = ln_graph_producers(graph, context->arena);
  int32_t *uses = ln_graph_count_uses(graph, context->arena);
  bool *drop = ln_arena_array(context->arena, (size_t)graph->op_count, sizeof *drop);
  if (producers == NULL || uses == NULL || drop == NULL) return ln_pass_out_of_memory(context, "fuse_activations");
  for (int32_t i = 0; i < graph->op_count; ++i) {
    drop[i] = ln_fuse_activation(graph, i, producers, uses);
    if (drop[i]) ++context->changes;
  }
  ln_graph_drop_ops(graph, drop);
  return LN_OK;
}

/*
 * DEQUANTIZE followed by QUANTIZE with the same scale and zero point gives the stored values back exactly: readers of
 * the second take the first one's input. The same for QUANTIZE to the parameters that a tensor has already.
 */
#include "passes/rewrite.h"

/* The tensor that `op`'s output equals, -1 when it does real work. */
static int32_t same_as(const ln_graph *graph, const ln_op *op, const int32_t *producers) {
  if (!ln_op_is(op, LN_OP_QUANTIZE) || op->input_count < 1 || op->inputs[0] < 0) return -1;
  const ln_tensor *output = &graph->tensors[op->outputs[0]];
  int32_t source = op->inputs[0];
  const int32_t producer = producers[source];
  if (producer >= 0 && ln_op_is(&graph->ops[producer], LN_OP_DEQUANTIZE)) source = graph->ops[producer].inputs[0];
  if (source < 0) return -1;
  const ln_tensor *tensor = &graph->tensors[source];
  const bool exact = tensor->type == LN_INT8 || tensor->type == LN_UINT8; /* 16 bits and a scale may round */
  if (!exact || tensor->type != output->type || tensor->quant->kind != LN_QUANT_TENSOR) return -1;
  return ln_same_quantization(tensor, output) ? source : -1;
}

ln_status ln_pass_cancel_quantization(ln_pass_context *context) {
  ln_graph *graph = context->graph;
  if (LN_OP_TYPES(QUANTIZE) == 0) return LN_OK; /* left out of this build */
  int32_t *producers = ln_graph_producers(graph, context->arena);
  int32_t *instead = ln_arena_array(context->arena, (size_t)graph->tensor_count, sizeof *instead);
  if (producers == NULL || instead == NULL) return ln_pass_out_of_memory(context, "cancel_quantization");
  for (int32_t i = 0; i < graph->tensor_count; ++i) instead[i] = i;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] >= 0) op->inputs[j] = instead[op->inputs[j]];
    }
    const int32_t source = same_as(graph, op, producers);
    if (source < 0) continue;
    instead[op->outputs[0]] = source; /* a graph output keeps its operator: only readers move */
    ++context->changes;
  }
  return LN_OK;
}

/*
 * Computes operators whose inputs are all constant, once, with their own kernels. An operator that fails here is left
 * alone: the run says what is wrong with it. Results that take more memory than passes may stay uncomputed.
 */
#include <string.h>

#include "passes/rewrite.h"

enum { MAX_ARITY = 16 };

static bool foldable(const ln_graph *graph, const ln_op *op, const bool *is_graph_output) {
  if (op->def->run == NULL || (op->def->flags & LN_OPF_STATEFUL) != 0) return false;
  if (op->input_count == 0 || op->input_count > MAX_ARITY || op->output_count == 0 || op->output_count > MAX_ARITY)
    return false;
  for (int32_t i = 0; i < op->input_count; ++i) {
    const int32_t input = op->inputs[i];
    if (input >= 0 && !ln_tensor_const_data(&graph->tensors[input])) return false;
  }
  for (int32_t i = 0; i < op->output_count; ++i) {
    const ln_tensor *output = &graph->tensors[op->outputs[i]];
    if (is_graph_output[op->outputs[i]] || ln_type_bits(output->type) == 0) return false;
  }
  return true;
}

static bool may_keep(ln_pass_context *context, const ln_node *node) {
  size_t out_bytes = 0;
  for (int32_t i = 0; i < node->out_count; ++i) {
    size_t bytes;
    if (!ln_tensor_size(node->out[i]->type, &node->out[i]->shape, &bytes)) return false;
    if (!ln_size_add(out_bytes, bytes, &out_bytes)) return false;
  }
  return ln_pass_may_grow(context, out_bytes);
}

/* `*folded` says whether the outputs now hold data; only a lack of memory is an error. */
static ln_status fold(ln_pass_context *context, const ln_op *op, bool *folded) {
  ln_graph *graph = context->graph;
  ln_tensor outputs[MAX_ARITY];
  ln_tensor *in[MAX_ARITY], *out[MAX_ARITY];
  for (int32_t i = 0; i < op->input_count; ++i) in[i] = op->inputs[i] < 0 ? NULL : &graph->tensors[op->inputs[i]];
  for (int32_t i = 0; i < op->output_count; ++i) {
    outputs[i] = graph->tensors[op->outputs[i]];
    out[i] = &outputs[i];
  }
  ln_node node = {.op = op,
                  .in = in,
                  .in_count = op->input_count,
                  .out = out,
                  .out_count = op->output_count,
                  .tensors = graph->tensors,
                  .tensor_count = graph->tensor_count};
  ln_status status = op->def->infer(&node, NULL);
  *folded = false;
  if (status == LN_OK && may_keep(context, &node)) {
    status = ln_node_evaluate(&node, NULL);
    *folded = status == LN_OK;
  }
  for (int32_t i = 0; i < op->output_count; ++i) {
    if (outputs[i].storage != LN_STORAGE_HEAP) continue;
    if (!*folded) {
      ln_free(outputs[i].data);
      continue;
    }
    void *kept = ln_arena_adopt(context->arena, outputs[i].data, outputs[i].bytes);
    if (kept == NULL) return ln_pass_out_of_memory(context, "fold_constants");
    outputs[i].data = kept;
    outputs[i].storage = LN_STORAGE_CONST;
    graph->tensors[op->outputs[i]] = outputs[i];
  }
  return LN_OK;
}

ln_status ln_fold_constants(ln_pass_context *context, bool (*leaves)(const ln_graph *graph, const ln_op *op)) {
  ln_graph *graph = context->graph;
  bool *drop = ln_arena_array(context->arena, (size_t)graph->op_count, sizeof *drop);
  bool *is_output = ln_arena_array(context->arena, (size_t)graph->tensor_count, sizeof *is_output);
  if (drop == NULL || is_output == NULL) return ln_pass_out_of_memory(context, "fold_constants");
  for (int32_t i = 0; i < graph->output_count; ++i) is_output[graph->outputs[i]] = true;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    if (!foldable(graph, &graph->ops[i], is_output)) continue;
    if (leaves != NULL && leaves(graph, &graph->ops[i])) continue;
    LN_TRY(fold(context, &graph->ops[i], &drop[i]));
    if (drop[i]) ++context->changes;
  }
  ln_graph_drop_ops(graph, drop);
  return LN_OK;
}

ln_status ln_pass_fold_constants(ln_pass_context *context) { return ln_fold_constants(context, NULL); }

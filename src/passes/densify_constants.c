/*
 * Makes sparse constants dense for operators that do not read the sparse encoding: an LSTM's weights, say. Where that
 * would take more memory than passes may, or the encoding is broken, the constant stays, and the session says so.
 */
#include "ops/densify.h"
#include "passes/rewrite.h"

/* Its dense form as a new tensor; `index` where it has none. */
static ln_status make_dense(ln_pass_context *context, int32_t index, int32_t *out) {
  const ln_tensor *sparse = &context->graph->tensors[index];
  size_t bytes;
  const char *reason;
  *out = index;
  if (!ln_tensor_size(sparse->type, &sparse->shape, &bytes) || !ln_pass_may_grow(context, bytes)) return LN_OK;
  void *dense = ln_arena_alloc(context->arena, bytes);
  if (dense == NULL) return ln_pass_out_of_memory(context, "densify_constants");
  if (!ln_densify(sparse, dense, &reason)) return LN_OK;
  const int32_t made = ln_graph_add_tensor(context->graph, context->arena, sparse);
  if (made < 0) return ln_pass_out_of_memory(context, "densify_constants");
  ln_tensor *tensor = &context->graph->tensors[made];
  tensor->sparsity = NULL;
  tensor->codebook = NULL;
  tensor->data = dense;
  tensor->bytes = bytes;
  tensor->storage = LN_STORAGE_CONST;
  ++context->changes;
  *out = made;
  return LN_OK;
}

ln_status ln_pass_densify_constants(ln_pass_context *context) {
  ln_graph *graph = context->graph;
  if (!LN_HAS_SPARSE) return LN_OK;
  const int32_t count = graph->tensor_count;                                         /* new ones come behind */
  int32_t *dense = ln_arena_array(context->arena, (size_t)count + 1, sizeof *dense); /* of each tensor; 0: not asked */
  if (dense == NULL) return ln_pass_out_of_memory(context, "densify_constants");
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    if ((op->def->flags & LN_OPF_TAKES_SPARSE) != 0 || op->def->run == NULL) continue;
    for (int32_t k = 0; k < op->input_count; ++k) {
      const int32_t input = op->inputs[k];
      if (input < 0 || input >= count) continue;
      const ln_tensor *tensor = &graph->tensors[input];
      if (tensor->sparsity == NULL || !ln_tensor_const_data(tensor)) continue;
      if (dense[input] == 0) LN_TRY(make_dense(context, input, &dense[input]));
      op->inputs[k] = dense[input];
    }
  }
  return LN_OK;
}

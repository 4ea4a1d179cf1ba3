/*
 * Gives operators that do not read constants stored by table the plain ones: biases, shapes, operands. A graph whose
 * constants would take more memory than passes may is refused: nothing else can read them.
 */
#include "passes/rewrite.h"

/* Its plain form as a new tensor. */
static ln_status expand(ln_pass_context *context, int32_t index, int32_t *out) {
  const ln_tensor *stored = &context->graph->tensors[index];
  size_t bytes, count;
  if (stored->sparsity != NULL) return LN_OK; /* densify_constants looks up its values */
  if (!ln_tensor_size(stored->type, &stored->shape, &bytes) || !ln_shape_elements(&stored->shape, &count) ||
      !ln_pass_may_grow(context, bytes)) {
    return ln_fail(context->err, LN_ERR_LIMIT, "constants stored by table, such as \"%.120s\", take too much memory",
                   stored->name);
  }
  void *plain = ln_arena_alloc(context->arena, bytes);
  *out = plain == NULL ? -1 : ln_graph_add_tensor(context->graph, context->arena, stored);
  if (*out < 0) return ln_pass_out_of_memory(context, "expand_codebooks");
  ln_tensor *tensor = &context->graph->tensors[*out];
  ln_codebook_read(tensor, 0, count, plain);
  tensor->codebook = NULL;
  tensor->data = plain;
  tensor->bytes = bytes;
  ++context->changes;
  return LN_OK;
}

/* `all`: those that operators read by table, too. */
static ln_status expand_all(ln_pass_context *context, bool all) {
  ln_graph *graph = context->graph;
  const int32_t count = graph->tensor_count; /* new ones come behind */
  if (!LN_HAS_CODEBOOKS) return LN_OK;
  int32_t *plain = ln_arena_array(context->arena, (size_t)count + 1, sizeof *plain); /* of each tensor; 0: none yet */
  if (plain == NULL) return ln_pass_out_of_memory(context, "expand_codebooks");
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    for (int32_t k = 0; k < op->input_count; ++k) {
      const int32_t input = op->inputs[k];
      if (input < 0 || input >= count || graph->tensors[input].codebook == NULL) continue;
      if (!all && k == 1 && (op->def->flags & LN_OPF_READS_CODEBOOK) != 0) continue;
      if (plain[input] == 0) {
        plain[input] = input;
        LN_TRY(expand(context, input, &plain[input]));
      }
      op->inputs[k] = plain[input];
    }
  }
  return LN_OK;
}

ln_status ln_pass_expand_codebooks(ln_pass_context *context) { return expand_all(context, false); }
ln_status ln_expand_all_codebooks(ln_pass_context *context) { return expand_all(context, true); }

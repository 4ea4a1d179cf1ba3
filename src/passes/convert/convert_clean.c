/* Passes that the runtime has too, as conversion wants them: constants are folded, what nobody reads goes. */
#include "passes/convert/convert_rewrite.h"

enum { MOST_GROWN = 1 << 16 };

/* Integers stay integers, and what a few numbers say is not written out at length. */
static bool leaves(const ln_graph *graph, const ln_op *op) {
  if (ln_op_is(op, LN_OP_DEQUANTIZE) || ln_op_is(op, LN_OP_QUANTIZE) || ln_op_is(op, LN_OP_DENSIFY)) return true;
  size_t read = 0, written;
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (op->inputs[i] >= 0) read += graph->tensors[op->inputs[i]].bytes;
  }
  const ln_tensor *out = &graph->tensors[op->outputs[0]];
  if (!ln_tensor_size(out->type, &out->signature, &written)) return false;
  return written > MOST_GROWN && written / 2 > read;
}

ln_status ln_convert_pass_fold_constants(ln_convert_context *context) {
  return ln_fold_constants(&context->pass, leaves);
}

ln_status ln_convert_pass_drop_dead(ln_convert_context *context) { return ln_pass_drop_dead(&context->pass); }

ln_status ln_convert_pass_fold_scales(ln_convert_context *context) { return ln_pass_fold_scales(&context->pass); }

ln_status ln_convert_pass_fuse_activations(ln_convert_context *context) {
  return ln_pass_fuse_activations(&context->pass);
}

/* What the rewrites share; declared by passes.def, so each file includes this. */
#ifndef LN_PASSES_REWRITE_H
#define LN_PASSES_REWRITE_H

#include "ops/ops.h"
#include "passes/passes.h"

#define LN_PASS(name, what) ln_status ln_pass_##name(ln_pass_context *context);
#include "passes/passes.def"

static inline bool ln_op_is(const ln_op *op, int32_t code) { return op->def->code == code; }

static inline ln_tensor *ln_op_input_tensor(const ln_graph *graph, const ln_op *op, int32_t index) {
  return index < op->input_count && op->inputs[index] >= 0 ? &graph->tensors[op->inputs[index]] : NULL;
}

/* Both quantized alike, or both not quantized. */
static inline bool ln_same_quantization(const ln_tensor *a, const ln_tensor *b) {
  if (a->quant->kind != b->quant->kind || a->quant->count != b->quant->count) return false;
  for (int32_t i = 0; i < a->quant->count; ++i) {
    if (a->quant->scale[i] != b->quant->scale[i] || a->quant->zero_point[i] != b->quant->zero_point[i]) return false;
  }
  return a->quant->kind == LN_QUANT_NONE || a->quant->axis == b->quant->axis;
}

/* Makes the float activation at `at` part of the operator whose output it alone reads, and that the producer of its
 * own; false where it cannot be (fuse_activations.c). */
bool ln_fuse_activation(const ln_graph *graph, int32_t at, int32_t *producers, const int32_t *uses);

/* The pass fold_constants, but for operators that `leaves` wants to stay; NULL: none. */
ln_status ln_fold_constants(ln_pass_context *context, bool (*leaves)(const ln_graph *graph, const ln_op *op));

/* No constant that an operator reads is stored by table any more. */
ln_status ln_expand_all_codebooks(ln_pass_context *context);

static inline ln_status ln_pass_out_of_memory(ln_pass_context *context, const char *pass) {
  return ln_fail(context->err, LN_ERR_MEMORY, "no memory for pass %s", pass);
}

#endif

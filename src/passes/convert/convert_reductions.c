/*
 * Reductions in their normal form: a sum over what was summed is a mean, and dimensions that are put back as 1 are kept
 * in the first place.
 */
#include <math.h>
#include <string.h>

#include "passes/convert/convert_rewrite.h"

static bool is_reduction(const ln_op *op) {
  switch (op->def->code) {
    case LN_OP_SUM:
    case LN_OP_MEAN:
    case LN_OP_REDUCE_MAX:
    case LN_OP_REDUCE_MIN:
    case LN_OP_REDUCE_PROD: return true;
    default: return false;
  }
}

/* Bits of the axes that are reduced. */
static bool read_axes(const ln_rewriter *r, const ln_op *op, uint32_t *bits) {
  int64_t axes[LN_MAX_RANK];
  int32_t count = 0, axis;
  const ln_tensor *in = ln_op_input_tensor(r->graph, op, 0), *held = ln_op_input_tensor(r->graph, op, 1);
  *bits = 0;
  if (in == NULL || held == NULL || !ln_tensor_const_data(held) || !ln_tensor_ints(held, axes, LN_MAX_RANK, &count))
    return false;
  for (int32_t i = 0; i < count; ++i) {
    if (!ln_axis_normalize(axes[i], in->signature.rank, &axis)) return false;
    *bits |= 1u << axis;
  }
  return true;
}

/* A reduction whose result a reshape gives its dimensions back. */
static bool keep_dims(ln_rewriter *r, int32_t at) {
  const ln_op *op = &r->graph->ops[at];
  uint32_t bits;
  if (!ln_op_is(op, LN_OP_RESHAPE) && !ln_op_is(op, LN_OP_EXPAND_DIMS)) return false;
  if (op->inputs[0] < 0 || r->uses[op->inputs[0]] != 1 || r->producers[op->inputs[0]] < 0) return false;
  ln_op *reduction = &r->graph->ops[r->producers[op->inputs[0]]];
  if (!is_reduction(reduction) || !read_axes(r, reduction, &bits)) return false;
  ln_reducer_options *options = LN_REWRITE_OPTIONS(reduction, reducer_options);
  if (options->keep_dims ||
      !ln_same_quantization(&r->graph->tensors[op->inputs[0]], &r->graph->tensors[op->outputs[0]]))
    return false;
  ln_shape kept = r->graph->tensors[reduction->inputs[0]].signature;
  int32_t open = 0;
  for (int32_t i = 0; i < kept.rank; ++i) {
    if ((bits >> i & 1) != 0) kept.dims[i] = 1;
    open += kept.dims[i] < 0;
  }
  if (open > 1 || !ln_shape_equal(&kept, &r->graph->tensors[op->outputs[0]].signature)) return false;
  options->keep_dims = true;
  reduction->outputs[0] = op->outputs[0];
  r->drop[at] = true;
  ln_rewriter_refresh(r);
  return true;
}

/* What a tensor of floats is multiplied by where it is one number; 0 for none. */
static double factor_of(const ln_rewriter *r, const ln_op *op, int32_t *source) {
  const bool divides = ln_op_is(op, LN_OP_DIV);
  if ((!divides && !ln_op_is(op, LN_OP_MUL)) || op->input_count != 2) return 0;
  const int8_t activation = divides ? ((const ln_div_options *)op->options)->fused_activation_function
                                    : ((const ln_mul_options *)op->options)->fused_activation_function;
  for (int32_t side = 1; side >= (divides ? 1 : 0) && activation == LN_ACT_NONE; --side) {
    const ln_tensor *number = ln_op_input_tensor(r->graph, op, side);
    float value;
    if (number == NULL || !ln_is_plain_constant(number) || number->type != LN_FLOAT32 || number->bytes != sizeof value)
      continue;
    memcpy(&value, number->data, sizeof value);
    *source = op->inputs[1 - side];
    return divides ? 1.0 / (double)value : (double)value;
  }
  return 0;
}

static bool make_mean(ln_rewriter *r, int32_t at) {
  const ln_op from = r->graph->ops[at];
  int32_t source = -1;
  uint32_t bits;
  const double factor = factor_of(r, &from, &source);
  if (factor == 0 || source < 0 || r->uses[source] != 1) return false;
  const ln_op *sum = ln_rewriter_maker(r, source);
  if (sum == NULL || !ln_op_is(sum, LN_OP_SUM) || !read_axes(r, sum, &bits)) return false;
  if (!ln_shape_equal(&r->graph->tensors[source].signature, &r->graph->tensors[from.outputs[0]].signature))
    return false;
  const ln_shape *in = &r->graph->tensors[sum->inputs[0]].signature;
  double count = 1;
  for (int32_t i = 0; i < in->rank; ++i) {
    if ((bits >> i & 1) != 0) count *= in->dims[i] > 0 ? in->dims[i] : NAN;
  }
  if (!(fabs(factor * count - 1) < 1e-6)) return false;
  const ln_op made = *sum;
  if (ln_rewriter_op(r, LN_OP_MEAN, made.options, 2, made.inputs, 1, from.outputs, &made) < 0) return false;
  r->drop[at] = true;
  ln_rewriter_refresh(r);
  return true;
}

ln_status ln_convert_pass_reductions(ln_convert_context *context) {
  ln_rewriter r;
  int32_t changes = 0;
  LN_TRY(ln_rewriter_open(context, &r));
  const int32_t count = r.graph->op_count;
  for (int32_t i = 0; i < count && !r.failed; ++i) {
    if (r.drop[i] || r.graph->ops[i].input_count < 1) continue;
    if (keep_dims(&r, i) || make_mean(&r, i)) ++changes;
  }
  return ln_rewriter_close(&r, changes);
}

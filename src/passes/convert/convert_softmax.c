/*
 * SOFTMAX and LOG_SOFTMAX that are written out along the last dimension: exponentials over their sum, with or without
 * the largest taken off first, which both operators do themselves. And BROADCAST_TO before an operator that broadcasts
 * goes.
 */
#include <math.h>
#include <string.h>

#include "passes/convert/convert_rewrite.h"

enum { BROADCAST_RANK = 4 }; /* that every operator of TFLite broadcasts */

static const ln_shape *shape_of(const ln_rewriter *r, int32_t tensor) { return &r->graph->tensors[tensor].signature; }

/* ---- broadcasts ---- */

static bool broadcasts(const ln_op *op) {
  switch (op->def->code) {
    case LN_OP_ADD:
    case LN_OP_SUB:
    case LN_OP_MUL:
    case LN_OP_DIV:
    case LN_OP_MAXIMUM:
    case LN_OP_MINIMUM:
    case LN_OP_SQUARED_DIFFERENCE:
    case LN_OP_LESS:
    case LN_OP_LESS_EQUAL:
    case LN_OP_GREATER:
    case LN_OP_GREATER_EQUAL:
    case LN_OP_EQUAL:
    case LN_OP_NOT_EQUAL: return op->input_count == 2;
    default: return false;
  }
}

/* One input at a time, so that the other one has the whole shape by itself. */
static bool drop_broadcast(ln_rewriter *r, int32_t at) {
  ln_op *op = &r->graph->ops[at];
  if (!broadcasts(op)) return false;
  for (int32_t side = 0; side < 2; ++side) {
    const ln_op *maker = ln_rewriter_maker(r, op->inputs[side]);
    if (maker == NULL || !ln_op_is(maker, LN_OP_BROADCAST_TO) || maker->inputs[0] < 0) continue;
    const ln_shape *whole = shape_of(r, op->outputs[0]), *other = shape_of(r, op->inputs[1 - side]);
    if (op->inputs[1 - side] < 0 || !ln_shape_known(whole) || !ln_shape_equal(whole, other)) continue;
    if (whole->rank > BROADCAST_RANK || r->graph->tensors[maker->inputs[0]].is_variable) continue;
    --r->uses[op->inputs[side]];
    op->inputs[side] = maker->inputs[0];
    ++r->uses[op->inputs[side]];
    return true;
  }
  return false;
}

/* ---- softmax ---- */

/* The maker of a tensor of floats, through what only repeats it or gives it a last dimension of 1. */
static const ln_op *behind(const ln_rewriter *r, int32_t tensor, const ln_shape *whole) {
  for (int32_t i = 0; i < 4; ++i) {
    const ln_op *op = ln_rewriter_maker(r, tensor);
    if (op == NULL || op->output_count != 1 || r->graph->tensors[op->outputs[0]].type != LN_FLOAT32) return NULL;
    if (ln_op_is(op, LN_OP_RESHAPE) || ln_op_is(op, LN_OP_EXPAND_DIMS)) { /* [a, b] -> [a, b, 1] */
      const ln_shape *in = shape_of(r, op->inputs[0]), *out = shape_of(r, op->outputs[0]);
      if (out->rank != in->rank + 1 || out->dims[in->rank] != 1) return NULL;
      if (memcmp(in->dims, out->dims, (size_t)in->rank * sizeof in->dims[0]) != 0) return NULL;
      int32_t open = 0;
      for (int32_t d = 0; d < in->rank; ++d) open += in->dims[d] < 0;
      if (open > 1 && !ln_op_is(op, LN_OP_EXPAND_DIMS)) return NULL;
    } else if (ln_op_is(op, LN_OP_BROADCAST_TO)) {
      const ln_shape *in = shape_of(r, op->inputs[0]);
      if (!ln_shape_equal(shape_of(r, op->outputs[0]), whole) || in->rank != whole->rank) return NULL;
    } else {
      return op;
    }
    tensor = op->inputs[0];
  }
  return NULL;
}

/* Whether `op` reduces `of` along its last dimension, which stays as 1 or comes back by what `behind` passed. */
static bool reduces_last(const ln_rewriter *r, const ln_op *op, int32_t code, int32_t of) {
  int64_t axis;
  int32_t count = 0, plain;
  if (op == NULL || !ln_op_is(op, code) || op->inputs[0] != of) return false;
  const ln_tensor *axes = ln_op_input_tensor(r->graph, op, 1);
  const int32_t rank = shape_of(r, of)->rank;
  if (axes == NULL || !ln_tensor_const_data(axes) || !ln_tensor_ints(axes, &axis, 1, &count) || count != 1)
    return false;
  return ln_axis_normalize(axis, rank, &plain) && plain == rank - 1;
}

/* What the largest was taken off; `tensor` itself where it was not. */
static int32_t without_largest(const ln_rewriter *r, int32_t tensor) {
  const ln_op *op = ln_rewriter_maker(r, tensor);
  if (op == NULL || !ln_op_is(op, LN_OP_SUB)) return tensor;
  if (((const ln_sub_options *)op->options)->fused_activation_function != LN_ACT_NONE) return tensor;
  const ln_op *largest = behind(r, op->inputs[1], shape_of(r, tensor));
  for (int32_t side = 0; side < 2 && largest != NULL && ln_op_is(largest, LN_OP_MAXIMUM); ++side) {
    float low; /* never below the least number: what a reduction begins with */
    const ln_tensor *number = ln_op_input_tensor(r->graph, largest, side);
    if (number == NULL || !ln_is_plain_constant(number) || number->bytes != sizeof low) continue;
    memcpy(&low, number->data, sizeof low);
    if (low != -INFINITY) return tensor;
    largest = behind(r, largest->inputs[1 - side], shape_of(r, tensor));
    side = 2;
  }
  return reduces_last(r, largest, LN_OP_REDUCE_MAX, op->inputs[0]) ? op->inputs[0] : tensor;
}

static bool is_float(const ln_rewriter *r, int32_t tensor) {
  return tensor >= 0 && r->graph->tensors[tensor].type == LN_FLOAT32 && shape_of(r, tensor)->rank >= 1;
}

static bool make(ln_rewriter *r, int32_t at, int32_t code, int32_t input) {
  const ln_op from = r->graph->ops[at];
  const ln_softmax_options softmax = {.beta = 1};
  const void *options = code == LN_OP_SOFTMAX ? (const void *)&softmax : NULL;
  if (!ln_shape_equal(shape_of(r, input), shape_of(r, from.outputs[0]))) return false;
  if (ln_rewriter_op(r, code, options, 1, &input, 1, from.outputs, &from) < 0) return false;
  r->drop[at] = true;
  ln_rewriter_refresh(r);
  return true;
}

/* exp(x) / sum(exp(x)) */
static bool find_softmax(ln_rewriter *r, int32_t at) {
  const ln_op *op = &r->graph->ops[at];
  if (!ln_op_is(op, LN_OP_DIV) || !is_float(r, op->inputs[0]) || op->inputs[1] < 0) return false;
  if (((const ln_div_options *)op->options)->fused_activation_function != LN_ACT_NONE) return false;
  const ln_op *exponential = ln_rewriter_maker(r, op->inputs[0]);
  if (exponential == NULL || !ln_op_is(exponential, LN_OP_EXP)) return false;
  const ln_op *sum = behind(r, op->inputs[1], shape_of(r, op->outputs[0]));
  if (!reduces_last(r, sum, LN_OP_SUM, op->inputs[0])) return false;
  return make(r, at, LN_OP_SOFTMAX, without_largest(r, exponential->inputs[0]));
}

/* x - log(sum(exp(x))) */
static bool find_log_softmax(ln_rewriter *r, int32_t at) {
  const ln_op *op = &r->graph->ops[at];
  if (!ln_op_is(op, LN_OP_SUB) || !is_float(r, op->inputs[0]) || op->inputs[1] < 0) return false;
  if (((const ln_sub_options *)op->options)->fused_activation_function != LN_ACT_NONE) return false;
  const ln_shape *whole = shape_of(r, op->outputs[0]);
  const ln_op *logarithm = behind(r, op->inputs[1], whole);
  if (logarithm == NULL || !ln_op_is(logarithm, LN_OP_LOG)) return false;
  const ln_op *sum = behind(r, logarithm->inputs[0], whole);
  if (sum == NULL || !ln_op_is(sum, LN_OP_SUM)) return false;
  const ln_op *exponential = ln_rewriter_maker(r, sum->inputs[0]);
  if (exponential == NULL || !ln_op_is(exponential, LN_OP_EXP) || exponential->inputs[0] != op->inputs[0]) return false;
  if (!reduces_last(r, sum, LN_OP_SUM, sum->inputs[0])) return false;
  return make(r, at, LN_OP_LOG_SOFTMAX, without_largest(r, op->inputs[0]));
}

ln_status ln_convert_pass_softmax(ln_convert_context *context) {
  ln_rewriter r;
  int32_t changes = 0;
  LN_TRY(ln_rewriter_open(context, &r));
  const int32_t count = r.graph->op_count;
  for (int32_t i = 0; i < count && !r.failed; ++i) {
    if (r.drop[i] || r.graph->ops[i].input_count < 1 || r.graph->ops[i].inputs[0] < 0) continue;
    if (find_softmax(&r, i) || find_log_softmax(&r, i) || drop_broadcast(&r, i)) ++changes;
  }
  return ln_rewriter_close(&r, changes);
}

/*
 * Products in the form that the runtime makes one attention of, and that costs least: of factors that both operands
 * were multiplied by one stays, a constant second operand makes a fully-connected layer.
 */
#include <math.h>
#include <string.h>

#include "passes/convert/convert_rewrite.h"

static bool is_number(const ln_tensor *tensor, float *value) {
  if (tensor == NULL || tensor->type != LN_FLOAT32 || !ln_is_plain_constant(tensor) || tensor->bytes != sizeof(float))
    return false;
  memcpy(value, tensor->data, sizeof *value);
  return isfinite(*value) && *value != 0.0f;
}

/* The multiplication by one number that alone makes the operand; -1. `from`: what it multiplies. */
static int32_t factor_of(const ln_rewriter *r, int32_t operand, float *factor, int32_t *from) {
  const int32_t at = operand < 0 ? -1 : r->producers[operand];
  if (at < 0 || r->uses[operand] != 1 || r->drop[at]) return -1;
  const ln_op *op = &r->graph->ops[at];
  const bool divides = ln_op_is(op, LN_OP_DIV);
  if ((!ln_op_is(op, LN_OP_MUL) && !divides) || op->input_count != 2) return -1;
  const int8_t activation = divides ? ((const ln_div_options *)op->options)->fused_activation_function
                                    : ((const ln_mul_options *)op->options)->fused_activation_function;
  if (activation != LN_ACT_NONE || r->graph->tensors[operand].type != LN_FLOAT32) return -1;
  for (int32_t side = divides ? 1 : 0; side < 2; ++side) {
    if (!is_number(ln_op_input_tensor(r->graph, op, side), factor)) continue;
    *from = op->inputs[1 - side];
    if (divides) *factor = 1.0f / *factor;
    const ln_tensor *source = &r->graph->tensors[*from];
    return ln_shape_equal(&source->signature, &r->graph->tensors[operand].signature) ? at : -1;
  }
  return -1;
}

/* (a * s) (b * t) = (a * st) b */
static bool join_factors(ln_rewriter *r, int32_t at) {
  const ln_op *op = &r->graph->ops[at];
  float first, second;
  int32_t a, b;
  if (op->inputs[0] == op->inputs[1]) return false;
  const int32_t left = factor_of(r, op->inputs[0], &first, &a), right = factor_of(r, op->inputs[1], &second, &b);
  if (left < 0 || right < 0 || !isfinite(first * second) || first * second == 0.0f) return false;
  const int32_t number = ln_rewriter_number(r, "scale", first * second);
  const int32_t out = r->graph->ops[left].outputs[0];
  const ln_op from = r->graph->ops[left];
  if (number < 0 || ln_rewriter_op(r, LN_OP_MUL, NULL, 2, (const int32_t[]){a, number}, 1, &out, &from) < 0)
    return false;
  r->drop[left] = r->drop[right] = true;
  r->graph->ops[at].inputs[1] = b;
  ln_rewriter_refresh(r);
  return true;
}

/* A product with a constant matrix is a fully-connected layer, its weights turned where they are not yet. */
static bool make_dense(ln_rewriter *r, int32_t at) {
  const ln_op from = r->graph->ops[at];
  const ln_batch_mat_mul_options *o = from.options;
  const ln_tensor *x = ln_op_input_tensor(r->graph, &from, 0), *y = ln_op_input_tensor(r->graph, &from, 1);
  if (o->adj_x || x == NULL || y == NULL || !ln_is_plain_constant(y) || y->type != LN_FLOAT32 ||
      x->type != LN_FLOAT32 || y->shape.rank != 2 || x->signature.rank < 2 || y->bytes == 0) {
    return false;
  }
  if (!o->adj_y && !ln_pass_may_grow(&r->context->pass, y->bytes)) return false;
  int32_t weights = from.inputs[1];
  if (!o->adj_y) {
    const ln_shape shape = {2, {y->shape.dims[1], y->shape.dims[0]}};
    float *turned = ln_arena_alloc(r->arena, y->bytes);
    if (turned == NULL) return false;
    const float *values = y->data;
    for (int32_t i = 0; i < shape.dims[0]; ++i) {
      for (int32_t k = 0; k < shape.dims[1]; ++k)
        turned[(size_t)i * (size_t)shape.dims[1] + (size_t)k] = values[(size_t)k * (size_t)shape.dims[0] + (size_t)i];
    }
    weights = ln_rewriter_constant(r, y->name, LN_FLOAT32, &shape, turned);
  }
  const ln_fully_connected_options options = {.keep_num_dims = x->signature.rank != 2};
  const int32_t inputs[3] = {from.inputs[0], weights, -1}, out = from.outputs[0];
  if (weights < 0 || ln_rewriter_op(r, LN_OP_FULLY_CONNECTED, &options, 3, inputs, 1, &out, &from) < 0) return false;
  r->drop[at] = true;
  return true;
}

ln_status ln_convert_pass_products(ln_convert_context *context) {
  ln_rewriter r;
  int32_t changes = 0;
  LN_TRY(ln_rewriter_open(context, &r));
  const int32_t count = r.graph->op_count;
  for (int32_t i = 0; i < count && !r.failed; ++i) {
    if (!ln_op_is(&r.graph->ops[i], LN_OP_BATCH_MATMUL) || r.drop[i]) continue;
    if (make_dense(&r, i) || join_factors(&r, i)) ++changes;
  }
  return ln_rewriter_close(&r, changes);
}

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

/* Whether the operator multiplies `from`, whose shape it keeps, by one number and does nothing else. */
static bool read_factor(const ln_rewriter *r, int32_t at, float *factor, int32_t *from) {
  const ln_op *op = &r->graph->ops[at];
  const bool divides = ln_op_is(op, LN_OP_DIV);
  if ((!ln_op_is(op, LN_OP_MUL) && !divides) || op->input_count != 2) return false;
  const int8_t activation = divides ? ((const ln_div_options *)op->options)->fused_activation_function
                                    : ((const ln_mul_options *)op->options)->fused_activation_function;
  const ln_tensor *out = &r->graph->tensors[op->outputs[0]];
  if (activation != LN_ACT_NONE || out->type != LN_FLOAT32) return false;
  for (int32_t side = divides ? 1 : 0; side < 2; ++side) {
    if (op->inputs[1 - side] < 0 || !is_number(ln_op_input_tensor(r->graph, op, side), factor)) continue;
    *from = op->inputs[1 - side];
    if (divides) *factor = 1.0f / *factor;
    return ln_shape_equal(&r->graph->tensors[*from].signature, &out->signature);
  }
  return false;
}

/* The multiplication by one number that alone makes the operand; -1. `from`: what it multiplies. */
static int32_t factor_of(const ln_rewriter *r, int32_t operand, float *factor, int32_t *from) {
  const int32_t at = operand < 0 ? -1 : r->producers[operand];
  if (at < 0 || r->uses[operand] != 1 || r->drop[at] || !read_factor(r, at, factor, from)) return -1;
  return at;
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

/* (a * s) * t = a * st */
static bool join_scales(ln_rewriter *r, int32_t at) {
  const ln_op from = r->graph->ops[at];
  float first, second;
  int32_t between, source;
  if (!ln_op_is(&from, LN_OP_MUL) && !ln_op_is(&from, LN_OP_DIV)) return false;
  if (!read_factor(r, at, &second, &between)) return false;
  const int32_t before = factor_of(r, between, &first, &source);
  const float both = first * second;
  if (before < 0 || !isfinite(both) || both == 0.0f) return false;
  const int32_t number = ln_rewriter_number(r, "scale", both);
  if (number < 0 ||
      ln_rewriter_op(r, LN_OP_MUL, NULL, 2, (const int32_t[]){source, number}, 1, from.outputs, &from) < 0)
    return false;
  r->drop[at] = r->drop[before] = true;
  ln_rewriter_refresh(r);
  return true;
}

/* The TRANSPOSE that alone reads a tensor, its order a constant; -1. */
static int32_t only_transpose(const ln_rewriter *r, int32_t tensor, int64_t *axes) {
  int32_t count = 0;
  if (r->uses[tensor] != 1 || ln_rewriter_is_output(r, tensor)) return -1;
  for (int32_t i = 0; i < r->graph->op_count; ++i) {
    const ln_op *op = &r->graph->ops[i];
    if (r->drop[i] || op->input_count < 1 || op->inputs[0] != tensor) continue;
    const ln_tensor *order = ln_op_input_tensor(r->graph, op, 1);
    const bool reads = ln_op_is(op, LN_OP_TRANSPOSE) && order != NULL && ln_tensor_const_data(order) &&
                       ln_tensor_ints(order, axes, LN_MAX_RANK, &count) &&
                       count == r->graph->tensors[tensor].signature.rank;
    return reads ? i : -1;
  }
  return -1;
}

/* (v^T p^T), turned on its way, is p v, turned otherwise: the probabilities of an attention stand first. */
static bool exchange(ln_rewriter *r, int32_t at) {
  const ln_op from = r->graph->ops[at];
  const ln_batch_mat_mul_options *o = from.options;
  const ln_op *softmax = ln_rewriter_maker(r, from.inputs[1]), *other = ln_rewriter_maker(r, from.inputs[0]);
  int64_t axes[LN_MAX_RANK];
  if (softmax == NULL || !ln_op_is(softmax, LN_OP_SOFTMAX) || !o->adj_y) return false;
  if (other != NULL && ln_op_is(other, LN_OP_SOFTMAX)) return false;
  const int32_t turn = only_transpose(r, from.outputs[0], axes);
  if (turn < 0) return false;
  const ln_tensor old = r->graph->tensors[from.outputs[0]];
  const int32_t rank = old.signature.rank, last = rank - 1;
  ln_shape shape = old.signature;
  int32_t order[LN_MAX_RANK];
  shape.dims[last] = old.signature.dims[last - 1];
  shape.dims[last - 1] = old.signature.dims[last];
  for (int32_t i = 0; i < rank; ++i) {
    int32_t axis;
    if (!ln_axis_normalize(axes[i], rank, &axis)) return false;
    order[i] = axis == last ? last - 1 : axis == last - 1 ? last : axis;
  }
  const int32_t made = ln_rewriter_tensor(r, old.name, old.type, &shape, old.quant);
  const int32_t wanted = ln_rewriter_ints(r, "order", rank, order);
  const ln_batch_mat_mul_options options = {.adj_x = !o->adj_y, .adj_y = !o->adj_x};
  const int32_t inputs[] = {from.inputs[1], from.inputs[0]};
  if (wanted < 0 || ln_rewriter_op(r, LN_OP_BATCH_MATMUL, &options, 2, inputs, 1, &made, &from) < 0) return false;
  r->graph->ops[turn].inputs[0] = made;
  r->graph->ops[turn].inputs[1] = wanted;
  r->drop[at] = true;
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
    if (r.drop[i] || r.graph->ops[i].input_count < 2) continue;
    if (join_scales(&r, i)) ++changes;
    if (r.drop[i] || !ln_op_is(&r.graph->ops[i], LN_OP_BATCH_MATMUL)) continue;
    if (make_dense(&r, i) || join_factors(&r, i) || exchange(&r, i)) ++changes;
  }
  return ln_rewriter_close(&r, changes);
}

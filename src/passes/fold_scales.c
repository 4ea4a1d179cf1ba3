/*
 * A multiplication, division, addition or subtraction by a constant of each channel behind a float convolution or
 * fully-connected layer, as batch normalization leaves them, becomes part of its weights and bias. Results differ by
 * the rounding of the folded numbers: each weight and bias is rounded once more, so that a result moves by at most
 * 2^-23 times the sum of the absolute products, within the layer's own bound.
 */
#include <math.h>
#include <string.h>

#include "passes/rewrite.h"

#define BUILT (((LN_OP_TYPES(MUL) | LN_OP_TYPES(DIV) | LN_OP_TYPES(ADD) | LN_OP_TYPES(SUB)) & 1u << LN_FLOAT32) != 0)

typedef struct layer {
  ln_op *op;
  int8_t *activation;
  int32_t channels;
} layer;

static bool is_plain_constant(const ln_tensor *tensor) {
  return tensor != NULL && tensor->type == LN_FLOAT32 && tensor->sparsity == NULL && tensor->codebook == NULL &&
         ln_tensor_const_data(tensor);
}

static bool is_float(ln_type type) { return type == LN_FLOAT32 || type == LN_FLOAT16 || type == LN_BFLOAT16; }

/* False for an operator that is no such layer, and for one that clamps already. */
static bool open_layer(const ln_graph *graph, ln_op *op, layer *out) {
  const ln_tensor *weights = ln_op_input_tensor(graph, op, 1);
  const ln_tensor *bias = ln_op_input_tensor(graph, op, 2);
  const ln_tensor *input = ln_op_input_tensor(graph, op, 0);
  if (weights == NULL || input == NULL || op->output_count != 1 || input->type != LN_FLOAT32) return false;
  if (graph->tensors[op->outputs[0]].type != LN_FLOAT32 || !is_float(weights->type)) return false;
  const ln_shape *shape = &weights->shape;
  if (ln_op_is(op, LN_OP_CONV_2D) && shape->rank == 4) {
    out->activation = &((ln_conv2d_options *)(uintptr_t)op->options)->fused_activation_function;
    out->channels = shape->dims[0];
  } else if (ln_op_is(op, LN_OP_DEPTHWISE_CONV_2D) && shape->rank == 4) {
    out->activation = &((ln_depthwise_conv2d_options *)(uintptr_t)op->options)->fused_activation_function;
    out->channels = shape->dims[3];
  } else if (ln_op_is(op, LN_OP_FULLY_CONNECTED) && shape->rank == 2) {
    out->activation = &((ln_fully_connected_options *)(uintptr_t)op->options)->fused_activation_function;
    out->channels = shape->dims[0];
  } else {
    return false;
  }
  if (*out->activation != LN_ACT_NONE || out->channels < 1) return false;
  if (bias != NULL && (!is_plain_constant(bias) || bias->bytes != (size_t)out->channels * sizeof(float))) return false;
  out->op = op;
  return true;
}

/* The constant operand of an arithmetic operator whose other one is tensor `from`: one number, or one a channel. */
static const ln_tensor *constant_of(const ln_graph *graph, const ln_op *op, int32_t from, int32_t channels) {
  if (op->input_count != 2 || op->inputs[0] == op->inputs[1]) return NULL;
  const bool first = op->inputs[0] == from;
  const bool commutes = ln_op_is(op, LN_OP_MUL) || ln_op_is(op, LN_OP_ADD);
  if (!first && (!commutes || op->inputs[1] != from)) return NULL;
  const ln_tensor *constant = ln_op_input_tensor(graph, op, first ? 1 : 0);
  const ln_tensor *other = &graph->tensors[from];
  if (!is_plain_constant(constant) || constant->shape.rank > other->shape.rank) return NULL;
  const int32_t rank = constant->shape.rank;
  if (constant->bytes == sizeof(float)) return constant;
  const bool fits = constant->bytes == (size_t)channels * sizeof(float) && constant->shape.dims[rank - 1] == channels;
  return fits ? constant : NULL;
}

static int32_t activation_of(const ln_op *op) {
  if (ln_op_is(op, LN_OP_MUL)) return ((const ln_mul_options *)op->options)->fused_activation_function;
  if (ln_op_is(op, LN_OP_ADD)) return ((const ln_add_options *)op->options)->fused_activation_function;
  if (ln_op_is(op, LN_OP_SUB)) return ((const ln_sub_options *)op->options)->fused_activation_function;
  return ((const ln_div_options *)op->options)->fused_activation_function;
}

/* A constant like `like`, whose memory the caller fills; NULL when memory is short. */
static float *add_constant(ln_pass_context *context, const ln_tensor *like, const ln_shape *shape, int32_t *index) {
  ln_tensor tensor = *like;
  tensor.shape = tensor.signature = *shape;
  tensor.storage = LN_STORAGE_CONST;
  tensor.buffer = 0;
  if (!ln_tensor_size(tensor.type, shape, &tensor.bytes)) return NULL;
  tensor.data = ln_arena_alloc(context->arena, tensor.bytes);
  if (tensor.data == NULL) return NULL;
  *index = ln_graph_add_tensor(context->graph, context->arena, &tensor);
  return *index < 0 ? NULL : tensor.data;
}

/* The bias after the operator; a layer without one gets one. */
static ln_status fold_bias(ln_pass_context *context, const layer *l, const ln_op *op, const ln_tensor *constant) {
  ln_graph *graph = context->graph;
  const ln_tensor *bias = ln_op_input_tensor(graph, l->op, 2);
  const float *old = bias == NULL ? NULL : bias->data, *by = constant->data;
  const size_t step = constant->bytes == sizeof(float) ? 0 : 1;
  const bool scales = ln_op_is(op, LN_OP_MUL) || ln_op_is(op, LN_OP_DIV);
  if (old == NULL && scales) return LN_OK;
  const char *name =
      bias != NULL ? bias->name : ln_arena_printf(context->arena, "%s/bias", graph->tensors[l->op->outputs[0]].name);
  const ln_tensor like = {.name = name != NULL ? name : "", .type = LN_FLOAT32, .quant = &ln_quant_none};
  const ln_shape shape = ln_shape_make(1, &l->channels);
  int32_t made;
  float *values = add_constant(context, &like, &shape, &made);
  int32_t *inputs = ln_arena_array(context->arena, 3, sizeof *inputs);
  if (values == NULL || inputs == NULL) return ln_pass_out_of_memory(context, "fold_scales");
  for (size_t c = 0; c < (size_t)l->channels; ++c) {
    const float value = old == NULL ? 0.0f : old[c], operand = by[c * step];
    if (ln_op_is(op, LN_OP_MUL)) values[c] = value * operand;
    else if (ln_op_is(op, LN_OP_DIV)) values[c] = value / operand;
    else values[c] = ln_op_is(op, LN_OP_ADD) ? value + operand : value - operand;
  }
  inputs[0] = l->op->inputs[0];
  inputs[1] = l->op->inputs[1];
  inputs[2] = made;
  l->op->inputs = inputs;
  l->op->input_count = 3;
  return LN_OK;
}

static ln_status fold_weights(ln_pass_context *context, const layer *l, const ln_op *op, const ln_tensor *constant) {
  const ln_tensor *weights = ln_op_input_tensor(context->graph, l->op, 1);
  const float *old = weights->data, *by = constant->data;
  const size_t step = constant->bytes == sizeof(float) ? 0 : 1, count = weights->bytes / sizeof(float);
  const size_t run = ln_op_is(l->op, LN_OP_DEPTHWISE_CONV_2D) ? 1 : count / (size_t)l->channels; /* of one channel */
  const ln_shape shape = weights->shape;
  int32_t made;
  float *values = add_constant(context, weights, &shape, &made);
  if (values == NULL) return ln_pass_out_of_memory(context, "fold_scales");
  for (size_t i = 0; i < count; ++i) {
    const float operand = by[i / run % (size_t)l->channels * step];
    values[i] = ln_op_is(op, LN_OP_MUL) ? old[i] * operand : old[i] / operand;
  }
  l->op->inputs[1] = made;
  return LN_OK;
}

/* Whether the folded numbers can be used: a division by zero, say, is left to the operator. */
static bool is_sane(const ln_op *op, const ln_tensor *constant) {
  const float *values = constant->data;
  for (size_t i = 0; i < constant->bytes / sizeof(float); ++i) {
    if (!isfinite(values[i]) || (ln_op_is(op, LN_OP_DIV) && values[i] == 0.0f)) return false;
  }
  return true;
}

static ln_status fold(ln_pass_context *context, const layer *l, const ln_op *op, int32_t from, bool *folded) {
  const ln_graph *graph = context->graph;
  const ln_tensor *constant = constant_of(graph, op, from, l->channels);
  const ln_tensor *weights = ln_op_input_tensor(graph, l->op, 1);
  const bool scales = ln_op_is(op, LN_OP_MUL) || ln_op_is(op, LN_OP_DIV);
  *folded = false;
  if (constant == NULL || !is_sane(op, constant)) return LN_OK;
  if (scales && (!is_plain_constant(weights) || weights->bytes == 0 || !ln_pass_may_grow(context, weights->bytes)))
    return LN_OK;
  const ln_tensor operand = *constant; /* tensors move when one is added */
  if (scales) LN_TRY(fold_weights(context, l, op, &operand));
  LN_TRY(fold_bias(context, l, op, &operand));
  *l->activation = (int8_t)activation_of(op);
  *folded = true;
  return LN_OK;
}

static bool is_arithmetic(const ln_op *op) {
  return ln_op_is(op, LN_OP_MUL) || ln_op_is(op, LN_OP_DIV) || ln_op_is(op, LN_OP_ADD) || ln_op_is(op, LN_OP_SUB);
}

/* The layer that alone makes tensor `from`, perhaps through a reshape that keeps its channels last; NULL for none. */
static ln_op *maker_of(const ln_graph *graph, const int32_t *producers, const int32_t *uses, int32_t from,
                       ln_op **reshape) {
  *reshape = NULL;
  if (from < 0 || producers[from] < 0 || uses[from] != 1) return NULL;
  ln_op *op = &graph->ops[producers[from]];
  if (!ln_op_is(op, LN_OP_RESHAPE)) return op;
  const int32_t before = op->inputs[0];
  if (before < 0 || producers[before] < 0 || uses[before] != 1) return NULL;
  const ln_shape *a = &graph->tensors[before].shape, *b = &graph->tensors[from].shape;
  if (a->rank < 1 || b->rank < 1 || a->dims[a->rank - 1] < 1 || a->dims[a->rank - 1] != b->dims[b->rank - 1])
    return NULL;
  *reshape = op;
  return &graph->ops[producers[before]];
}

ln_status ln_pass_fold_scales(ln_pass_context *context) {
  ln_graph *graph = context->graph;
  if (!BUILT) return LN_OK;
  int32_t *producers = ln_graph_producers(graph, context->arena);
  int32_t *uses = ln_graph_count_uses(graph, context->arena);
  bool *drop = ln_arena_array(context->arena, (size_t)graph->op_count, sizeof *drop);
  if (producers == NULL || uses == NULL || drop == NULL) return ln_pass_out_of_memory(context, "fold_scales");
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    for (int32_t j = 0; is_arithmetic(op) && op->input_count == 2 && j < 2 && !drop[i]; ++j) {
      const int32_t from = op->inputs[j];
      ln_op *reshape, *maker = maker_of(graph, producers, uses, from, &reshape);
      layer l;
      if (maker == NULL || !open_layer(graph, maker, &l)) continue;
      const ln_shape *shape = &graph->tensors[from].shape;
      if (reshape != NULL && shape->dims[shape->rank - 1] != l.channels) continue;
      LN_TRY(fold(context, &l, op, from, &drop[i]));
      if (!drop[i]) continue;
      ln_op *last = reshape != NULL ? reshape : maker;
      last->outputs[0] = op->outputs[0];
      producers[op->outputs[0]] = producers[from];
      ++context->changes;
    }
  }
  ln_graph_drop_ops(graph, drop);
  return LN_OK;
}

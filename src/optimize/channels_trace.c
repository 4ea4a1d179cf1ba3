/* Follows channels through a graph: sets of those that can only go together, joined operator by operator. */
#include "optimize/channels.h"
#include "passes/rewrite.h"

enum { MOST_CHANNELS = 1 << 22 }; /* of all tensors: shapes that only a file tells are no reason to take memory */

ln_channel_rule ln_channel_rule_of(const ln_op *op) {
  static const struct {
    int16_t code;
    uint8_t rule;
  } rules[] = {
      {LN_OP_RELU, LN_CHANNELS_SAME},
      {LN_OP_RELU6, LN_CHANNELS_SAME},
      {LN_OP_RELU_N1_TO_1, LN_CHANNELS_SAME},
      {LN_OP_RELU_0_TO_1, LN_CHANNELS_SAME},
      {LN_OP_LEAKY_RELU, LN_CHANNELS_SAME},
      {LN_OP_ELU, LN_CHANNELS_SAME},
      {LN_OP_GELU, LN_CHANNELS_SAME},
      {LN_OP_HARD_SWISH, LN_CHANNELS_SAME},
      {LN_OP_LOGISTIC, LN_CHANNELS_SAME},
      {LN_OP_TANH, LN_CHANNELS_SAME},
      {LN_OP_ABS, LN_CHANNELS_SAME},
      {LN_OP_NEG, LN_CHANNELS_SAME},
      {LN_OP_SQRT, LN_CHANNELS_SAME},
      {LN_OP_RSQRT, LN_CHANNELS_SAME},
      {LN_OP_SQUARE, LN_CHANNELS_SAME},
      {LN_OP_EXP, LN_CHANNELS_SAME},
      {LN_OP_AVERAGE_POOL_2D, LN_CHANNELS_SAME},
      {LN_OP_MAX_POOL_2D, LN_CHANNELS_SAME},
      {LN_OP_RESIZE_BILINEAR, LN_CHANNELS_SAME},
      {LN_OP_RESIZE_NEAREST_NEIGHBOR, LN_CHANNELS_SAME},
      {LN_OP_PAD, LN_CHANNELS_OVER},
      {LN_OP_PADV2, LN_CHANNELS_OVER},
      {LN_OP_MIRROR_PAD, LN_CHANNELS_OVER},
      {LN_OP_MEAN, LN_CHANNELS_OVER},
      {LN_OP_SUM, LN_CHANNELS_OVER},
      {LN_OP_REDUCE_MAX, LN_CHANNELS_OVER},
      {LN_OP_REDUCE_MIN, LN_CHANNELS_OVER},
      {LN_OP_ADD, LN_CHANNELS_BOTH},
      {LN_OP_SUB, LN_CHANNELS_BOTH},
      {LN_OP_MUL, LN_CHANNELS_BOTH},
      {LN_OP_DIV, LN_CHANNELS_BOTH},
      {LN_OP_MAXIMUM, LN_CHANNELS_BOTH},
      {LN_OP_MINIMUM, LN_CHANNELS_BOTH},
      {LN_OP_SQUARED_DIFFERENCE, LN_CHANNELS_BOTH},
      {LN_OP_PRELU, LN_CHANNELS_BOTH},
      {LN_OP_CONV_2D, LN_CHANNELS_LAYER},
      {LN_OP_DEPTHWISE_CONV_2D, LN_CHANNELS_LAYER},
      {LN_OP_FULLY_CONNECTED, LN_CHANNELS_LAYER},
      {LN_OP_CONCATENATION, LN_CHANNELS_CONCATENATION},
      {LN_OP_RESHAPE, LN_CHANNELS_RESHAPE},
      {LN_OP_SQUEEZE, LN_CHANNELS_RESHAPE},
  };
  for (size_t i = 0; i < LN_COUNT(rules); ++i) {
    if (ln_op_is(op, rules[i].code)) return (ln_channel_rule)rules[i].rule;
  }
  return LN_CHANNELS_MIXED;
}

/* ---- sets ---- */

static int32_t find(int32_t *group, int32_t at) {
  while (group[at] != at) {
    group[at] = group[group[at]];
    at = group[at];
  }
  return at;
}

static void join(ln_channels *c, int32_t a, int32_t b) {
  a = find(c->group, a);
  b = find(c->group, b);
  if (a == b) return;
  c->whole[b] = c->whole[b] || c->whole[a];
  c->group[a] = b;
}

static void keep_whole(ln_channels *c, int32_t tensor) {
  if (tensor < 0 || c->first[tensor] < 0) return;
  for (int32_t i = 0; i < c->width[tensor]; ++i) c->whole[find(c->group, c->first[tensor] + i)] = true;
}

static void keep_op_whole(ln_channels *c, const ln_op *op) {
  for (int32_t i = 0; i < op->input_count; ++i) keep_whole(c, op->inputs[i]);
  for (int32_t i = 0; i < op->output_count; ++i) keep_whole(c, op->outputs[i]);
}

/* Channel i of `a` goes with channel i * ratio .. of `b`. False where they do not fit. */
static bool tie(ln_channels *c, int32_t a, int32_t b, int32_t ratio) {
  if (a < 0 || b < 0 || c->first[a] < 0 || c->first[b] < 0 || c->width[a] != c->width[b] / ratio ||
      c->width[b] % ratio != 0)
    return false;
  for (int32_t i = 0; i < c->width[b]; ++i) join(c, c->first[a] + i / ratio, c->first[b] + i);
  return true;
}

/* ---- operators ---- */

/* What a constant second input says of the last axis: nothing is padded, or reduced, along it. */
static bool spares_channels(const ln_graph *graph, const ln_op *op) {
  const ln_tensor *said = ln_op_input_tensor(graph, op, 1);
  const int32_t rank = graph->tensors[op->inputs[0]].shape.rank;
  int64_t values[2 * LN_MAX_RANK];
  int32_t count = 0;
  if (said == NULL || !ln_tensor_const_data(said) || !ln_tensor_ints(said, values, 2 * LN_MAX_RANK, &count))
    return false;
  if (said->shape.rank == 2) return count == 2 * rank && values[count - 2] == 0 && values[count - 1] == 0;
  for (int32_t i = 0; i < count; ++i) {
    if (values[i] == rank - 1 || values[i] == -1) return false;
  }
  return true;
}

/* A constant operand that is one number, or has one for each channel. */
static bool fits_channels(const ln_tensor *constant, int32_t width) {
  if (!ln_tensor_const_data(constant) || constant->sparsity != NULL || ln_type_bits(constant->type) % 8 != 0 ||
      constant->quant->kind == LN_QUANT_BLOCKWISE || constant->quant->kind == LN_QUANT_AXIS)
    return false;
  const ln_shape *shape = &constant->shape;
  return shape->rank == 0 || shape->dims[shape->rank - 1] == 1 || shape->dims[shape->rank - 1] == width;
}

static bool follow_both(const ln_graph *graph, ln_channels *c, const ln_op *op) {
  if (op->input_count != 2) return false;
  for (int32_t i = 0; i < 2; ++i) {
    const int32_t from = op->inputs[i];
    if (from < 0) return false;
    if (c->first[from] < 0 ? !fits_channels(&graph->tensors[from], c->width[op->outputs[0]])
                           : !tie(c, from, op->outputs[0], 1))
      return false;
  }
  return true;
}

static bool follow_concatenation(const ln_graph *graph, ln_channels *c, const ln_op *op) {
  const int32_t out = op->outputs[0], rank = graph->tensors[out].shape.rank;
  const int32_t said = ((const ln_concatenation_options *)op->options)->axis;
  int32_t axis, at = 0;
  if (c->first[out] < 0 || !ln_axis_normalize(said, rank, &axis)) return false;
  for (int32_t i = 0; i < op->input_count; ++i) {
    const int32_t from = op->inputs[i];
    if (from < 0 || c->first[from] < 0) return false;
    if (axis != rank - 1) {
      if (!tie(c, from, out, 1)) return false;
      continue;
    }
    if (at > c->width[out] - c->width[from]) return false;
    for (int32_t j = 0; j < c->width[from]; ++j) join(c, c->first[from] + j, c->first[out] + at + j);
    at += c->width[from];
  }
  return axis != rank - 1 || at == c->width[out];
}

/* The last dimension stays, or takes in all but the first. */
static bool follow_reshape(const ln_graph *graph, ln_channels *c, const ln_op *op) {
  const int32_t from = op->inputs[0], to = op->outputs[0];
  const ln_shape *in = &graph->tensors[from].shape, *out = &graph->tensors[to].shape;
  if (c->first[from] < 0 || c->first[to] < 0) return false;
  const ln_tensor *said = ln_op_input_tensor(graph, op, 1);
  if (said != NULL && (!ln_tensor_const_data(said) || said->type != LN_INT32)) return false;
  if (c->width[from] == c->width[to]) return tie(c, from, to, 1);
  if (out->rank != 2 || in->rank < 2 || in->dims[0] != out->dims[0] || c->width[to] % c->width[from] != 0) return false;
  for (int32_t i = 0; i < c->width[to]; ++i) join(c, c->first[from] + i % c->width[from], c->first[to] + i);
  return true;
}

/* Layers that may lose channels end one set and begin another; depthwise ones keep them apart. */
static bool follow_layer(const ln_graph *graph, ln_channels *c, const ln_op *op, bool open) {
  const ln_tensor *weights = ln_op_input_tensor(graph, op, 1);
  const int32_t from = op->inputs[0], to = op->outputs[0];
  if (!open || weights == NULL || from < 0 || c->first[from] < 0 || c->first[to] < 0) return false;
  const ln_shape *shape = &weights->shape;
  const int32_t kind = (int32_t)(op->def->flags & LN_OPF_LAYER);
  if (kind == LN_OPF_LAYER_DEPTHWISE) {
    return shape->dims[3] == c->width[to] && c->width[to] >= c->width[from] &&
           tie(c, from, to, c->width[to] / c->width[from]);
  }
  const int32_t inputs = shape->dims[shape->rank - 1];
  if (kind == LN_OPF_LAYER_CONV) return inputs == c->width[from] && shape->dims[0] == c->width[to];
  return inputs % c->width[from] == 0 && shape->dims[0] == c->width[to];
}

static bool follow(const ln_graph *graph, ln_channels *c, const ln_op *op, bool open) {
  switch (ln_channel_rule_of(op)) {
    case LN_CHANNELS_SAME: return tie(c, op->inputs[0], op->outputs[0], 1);
    case LN_CHANNELS_OVER: return spares_channels(graph, op) && tie(c, op->inputs[0], op->outputs[0], 1);
    case LN_CHANNELS_BOTH: return follow_both(graph, c, op);
    case LN_CHANNELS_LAYER: return follow_layer(graph, c, op, open);
    case LN_CHANNELS_CONCATENATION: return follow_concatenation(graph, c, op);
    case LN_CHANNELS_RESHAPE: return follow_reshape(graph, c, op);
    case LN_CHANNELS_MIXED: break;
  }
  return false;
}

/* ---- the graph ---- */

void ln_channels_free(ln_channels *c) {
  ln_free(c->first);
  ln_free(c->width);
  ln_free(c->group);
  ln_free(c->whole);
  *c = (ln_channels){0};
}

static ln_status number_channels(const ln_optimizer *o, ln_channels *c) {
  const ln_graph *graph = ln_optimizer_graph(o);
  c->first = ln_alloc_array((size_t)graph->tensor_count + 1, sizeof *c->first);
  c->width = ln_alloc_array((size_t)graph->tensor_count + 1, sizeof *c->width);
  if (c->first == NULL || c->width == NULL) return ln_optimizer_no_memory(o);
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    const ln_tensor *tensor = &graph->tensors[i];
    const int32_t last = tensor->shape.rank > 0 ? tensor->shape.dims[tensor->shape.rank - 1] : 0;
    const bool has =
        !ln_tensor_const_data(tensor) && !tensor->is_variable && last > 0 && last < MOST_CHANNELS - c->count;
    c->first[i] = has ? c->count : -1;
    c->width[i] = has ? last : 0;
    if (has) c->count += last;
  }
  c->group = ln_alloc_array((size_t)c->count + 1, sizeof *c->group);
  c->whole = ln_alloc_array((size_t)c->count + 1, sizeof *c->whole);
  if (c->group == NULL || c->whole == NULL) return ln_optimizer_no_memory(o);
  for (int32_t i = 0; i < c->count; ++i) c->group[i] = i;
  return LN_OK;
}

ln_status ln_channels_trace(ln_optimizer *o, const bool *open, ln_channels *out) {
  const ln_graph *graph = ln_optimizer_graph(o);
  *out = (ln_channels){0};
  ln_status status = number_channels(o, out);
  for (int32_t i = 0; status == LN_OK && i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (op->output_count == 1 && op->input_count > 0 && op->inputs[0] >= 0 && follow(graph, out, op, open[i])) continue;
    keep_op_whole(out, op);
    if (ln_channel_rule_of(op) == LN_CHANNELS_LAYER) continue;
    status = ln_report_add_note(o, "prune: channels are not followed through op %d %s: those that meet there stay",
                                op->index, ln_op_name(op));
  }
  if (status != LN_OK) {
    ln_channels_free(out);
    return status;
  }
  for (int32_t i = 0; i < graph->input_count; ++i) keep_whole(out, graph->inputs[i]);
  for (int32_t i = 0; i < graph->output_count; ++i) keep_whole(out, graph->outputs[i]);
  for (int32_t i = 0; i < out->count; ++i) out->group[i] = find(out->group, i);
  return LN_OK;
}

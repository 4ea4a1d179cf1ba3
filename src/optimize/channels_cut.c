/* Makes a graph smaller by channels that go: constants are cut, and the shapes that follow from them. */
#include <string.h>

#include "optimize/channels.h"
#include "passes/rewrite.h"

typedef struct cutting {
  ln_optimizer *o;
  const ln_channels *channels;
  const bool *gone;
} cutting;

static bool stays(const cutting *c, int32_t tensor, int32_t channel) {
  const int32_t group = ln_channel_group(c->channels, tensor, channel);
  return group < 0 || !c->gone[group];
}

static int32_t count_staying(const cutting *c, int32_t tensor, int32_t width) {
  int32_t count = 0;
  for (int32_t i = 0; i < width; ++i) count += stays(c, tensor, i) ? 1 : 0;
  return count;
}

/* Cuts dimension `axis` of a dense constant to the indices that are channels of `by` that stay. */
static ln_status cut_constant(const cutting *c, ln_tensor *tensor, int32_t axis, int32_t by) {
  const int32_t extent = tensor->shape.dims[axis], kept = count_staying(c, by, extent);
  if (kept == extent) return LN_OK;
  const size_t outer = ln_shape_span(&tensor->shape, 0, axis);
  const size_t inner =
      ln_shape_span(&tensor->shape, axis + 1, tensor->shape.rank) * (size_t)ln_type_bits(tensor->type) / 8;
  const size_t bytes = tensor->bytes / (size_t)extent * (size_t)kept;
  uint8_t *data = ln_arena_array(ln_optimizer_arena(c->o), bytes + 1, 1), *to = data;
  const uint8_t *from = tensor->data;
  if (data == NULL) return ln_optimizer_no_memory(c->o);
  for (size_t i = 0; i < outer; ++i)
    for (int32_t j = 0; j < extent; ++j, from += inner) {
      if (!stays(c, by, j)) continue;
      memcpy(to, from, inner);
      to += inner;
    }
  tensor->shape.dims[axis] = kept;
  tensor->signature = tensor->shape;
  ln_edit_set_data(tensor, tensor->type, data, bytes);
  return LN_OK;
}

/* The operator's input `at` becomes a constant of its own, which may be cut; NULL when memory is short. */
static ln_tensor *own_constant(const cutting *c, ln_op *op, int32_t at) {
  const ln_tensor like = ln_optimizer_graph(c->o)->tensors[op->inputs[at]];
  const int32_t index = ln_graph_add_tensor(ln_optimizer_graph(c->o), ln_optimizer_arena(c->o), &like);
  if (index < 0) return NULL;
  op->inputs[at] = index;
  return &ln_optimizer_graph(c->o)->tensors[index];
}

static ln_status cut_layer(const cutting *c, ln_op *op) {
  ln_graph *graph = ln_optimizer_graph(c->o);
  ln_tensor *weights = &graph->tensors[op->inputs[1]];
  const int32_t last = weights->shape.rank - 1;
  if ((op->def->flags & LN_OPF_LAYER) == LN_OPF_LAYER_DEPTHWISE) {
    LN_TRY(cut_constant(c, weights, last, op->outputs[0]));
  } else {
    LN_TRY(cut_constant(c, weights, last, op->inputs[0]));
    LN_TRY(cut_constant(c, weights, 0, op->outputs[0]));
  }
  if (op->input_count < 3 || op->inputs[2] < 0) return LN_OK;
  ln_tensor *bias = own_constant(c, op, 2);
  return bias == NULL ? ln_optimizer_no_memory(c->o) : cut_constant(c, bias, bias->shape.rank - 1, op->outputs[0]);
}

static ln_status cut_operand(const cutting *c, ln_op *op) {
  for (int32_t i = 0; i < 2; ++i) {
    if (c->channels->first[op->inputs[i]] >= 0) continue;
    const ln_shape *shape = &ln_optimizer_graph(c->o)->tensors[op->inputs[i]].shape;
    if (shape->rank == 0 || shape->dims[shape->rank - 1] != c->channels->width[op->outputs[0]]) continue;
    ln_tensor *own = own_constant(c, op, i);
    if (own == NULL) return ln_optimizer_no_memory(c->o);
    LN_TRY(cut_constant(c, own, own->shape.rank - 1, op->outputs[0]));
  }
  return LN_OK;
}

/* The shape that a reshape is given, as a constant and in its options. */
static ln_status cut_reshape(const cutting *c, ln_op *op) {
  ln_arena *arena = ln_optimizer_arena(c->o);
  const int32_t width = c->channels->width[op->outputs[0]], kept = count_staying(c, op->outputs[0], width);
  if (kept == width || !ln_op_is(op, LN_OP_RESHAPE)) return LN_OK;
  if (op->input_count > 1 && op->inputs[1] >= 0) {
    ln_tensor *own = own_constant(c, op, 1);
    int32_t *values = own == NULL ? NULL : ln_arena_copy(arena, own->data, own->bytes);
    if (values == NULL) return ln_optimizer_no_memory(c->o);
    const size_t count = own->bytes / sizeof *values;
    if (count > 0 && values[count - 1] == width) values[count - 1] = kept;
    ln_edit_set_data(own, own->type, values, own->bytes);
  }
  const ln_reshape_options *said = op->options;
  if (op->options_table != LN_TABLE_reshape_options || said == NULL || said->new_shape.count == 0) return LN_OK;
  ln_reshape_options *options = ln_arena_copy(arena, said, sizeof *said);
  int32_t *dims = ln_arena_copy(arena, said->new_shape.data, (size_t)said->new_shape.count * sizeof *dims);
  if (options == NULL || dims == NULL) return ln_optimizer_no_memory(c->o);
  if (dims[said->new_shape.count - 1] == width) dims[said->new_shape.count - 1] = kept;
  options->new_shape.data = dims;
  op->options = options;
  return LN_OK;
}

static void cut_shapes(const cutting *c) {
  const ln_channels *channels = c->channels;
  ln_graph *graph = ln_optimizer_graph(c->o);
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    ln_tensor *tensor = &graph->tensors[i];
    const int32_t last = tensor->shape.rank - 1;
    if (ln_tensor_const_data(tensor) || channels->first[i] < 0) continue;
    const int32_t kept = count_staying(c, i, channels->width[i]);
    tensor->shape.dims[last] = kept;
    if (tensor->signature.rank == tensor->shape.rank && tensor->signature.dims[last] >= 0)
      tensor->signature.dims[last] = kept;
  }
}

ln_status ln_channels_cut(ln_optimizer *o, const bool *open, const ln_channels *channels, const bool *gone) {
  const cutting c = {o, channels, gone};
  const int32_t count = ln_optimizer_graph(o)->op_count, tensors = ln_optimizer_graph(o)->tensor_count;
  for (int32_t i = 0; i < count; ++i) {
    ln_op *op = &ln_optimizer_graph(o)->ops[i];
    const ln_channel_rule rule = ln_channel_rule_of(op);
    if (rule == LN_CHANNELS_LAYER && open[i]) LN_TRY(cut_layer(&c, op));
    if (rule == LN_CHANNELS_BOTH && op->input_count == 2 && op->output_count == 1) LN_TRY(cut_operand(&c, op));
    if (rule == LN_CHANNELS_RESHAPE) LN_TRY(cut_reshape(&c, op));
  }
  const int32_t all = ln_optimizer_graph(o)->tensor_count;
  ln_optimizer_graph(o)->tensor_count = tensors; /* those added are constants */
  cut_shapes(&c);
  ln_optimizer_graph(o)->tensor_count = all;
  return LN_OK;
}

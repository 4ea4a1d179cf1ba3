/* A scale and a shift of channels, as batch normalization leaves them, become part of the layer before them. */
#include "optimize/optimize.h"

/* The axis of the weights that channels lie along; -1: the operator is none that takes a scale. */
static int32_t channel_axis(const ln_graph *graph, const ln_op *op) {
  switch (op->def->flags & LN_OPF_LAYER) {
    case LN_OPF_LAYER_CONV:
    case LN_OPF_LAYER_FULLY_CONNECTED: return 0;
    case LN_OPF_LAYER_DEPTHWISE: return graph->tensors[op->inputs[1]].shape.rank - 1;
    default: return -1;
  }
}

static bool is_plain(const ln_graph *graph, int32_t tensor) {
  const ln_tensor *t = tensor < 0 ? NULL : &graph->tensors[tensor];
  return t != NULL && ln_tensor_const_data(t) && t->type == LN_FLOAT32 && t->sparsity == NULL && t->codebook == NULL;
}

static int32_t constant_of(const ln_graph *graph, const ln_op *op) {
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (is_plain(graph, op->inputs[i])) return op->inputs[i];
  }
  return -1;
}

int8_t *ln_edit_activation(const ln_op *op) {
  const ln_table_info *table = (op->def->flags & LN_OPF_CLAMPS) == 0 ? NULL : ln_schema_table(op->options_table);
  for (int32_t i = 0; table != NULL && i < table->field_count; ++i) {
    if (table->fields[i].enumeration != LN_ENUM_activation) continue;
    return (int8_t *)(uintptr_t)op->options + table->fields[i].offset;
  }
  return NULL;
}

typedef struct fold {
  ln_optimizer *o;
  ln_op *layer;
  int32_t axis, scale, shift; /* of the weights; tensors */
  int32_t bias;               /* -1: none */
  size_t channels;
} fold;

static bool open_fold(const ln_graph *graph, const int32_t *uses, int32_t layer, const ln_op *mul, const ln_op *add,
                      fold *f) {
  ln_op *op = f->layer = &graph->ops[layer];
  f->axis = op->input_count > 1 && op->output_count == 1 ? channel_axis(graph, op) : -1;
  f->scale = constant_of(graph, mul);
  f->shift = constant_of(graph, add);
  f->bias = op->input_count > 2 ? op->inputs[2] : -1;
  const int8_t *activation = ln_edit_activation(op), *between = ln_edit_activation(mul);
  if (f->axis < 0 || f->scale < 0 || f->shift < 0 || activation == NULL || *activation != LN_ACT_NONE) return false;
  if (between != NULL && *between != LN_ACT_NONE) return false;
  if (uses[op->outputs[0]] != 1 || uses[mul->outputs[0]] != 1) return false;
  if (!is_plain(graph, op->inputs[1]) || uses[op->inputs[1]] != 1) return false;
  f->channels = (size_t)graph->tensors[op->inputs[1]].shape.dims[f->axis];
  const size_t bytes = f->channels * sizeof(float);
  if (graph->tensors[f->scale].bytes != bytes || graph->tensors[f->shift].bytes != bytes) return false;
  return f->bias < 0 || (is_plain(graph, f->bias) && graph->tensors[f->bias].bytes == bytes && uses[f->bias] == 1);
}

static bool scale_weights(const fold *f) {
  const ln_graph *graph = ln_optimizer_graph(f->o);
  ln_tensor *weights = &graph->tensors[f->layer->inputs[1]];
  const float *gamma = graph->tensors[f->scale].data;
  float *values = ln_arena_copy(ln_optimizer_arena(f->o), weights->data, weights->bytes);
  if (values == NULL) return false;
  const size_t count = weights->bytes / sizeof(float);
  const size_t inner = ln_shape_span(&weights->shape, f->axis + 1, weights->shape.rank);
  for (size_t i = 0; i < count; ++i) values[i] *= gamma[i / inner % f->channels];
  ln_edit_set_data(weights, LN_FLOAT32, values, weights->bytes);
  return true;
}

/* A layer without a bias gets one of its own. */
static bool add_bias(fold *f, const char *name, float *values) {
  ln_op *op = f->layer;
  const int32_t channels = (int32_t)f->channels;
  const ln_shape shape = ln_shape_make(1, &channels);
  const int32_t bias = ln_edit_add_constant(f->o, name, LN_FLOAT32, &shape, values, f->channels * sizeof *values);
  int32_t *inputs = ln_arena_array(ln_optimizer_arena(f->o), 3, sizeof *inputs);
  if (bias < 0 || inputs == NULL) return false;
  inputs[0] = op->inputs[0];
  inputs[1] = op->inputs[1];
  inputs[2] = bias;
  op->inputs = inputs;
  op->input_count = 3;
  if ((op->def->flags & LN_OPF_LAYER) == LN_OPF_LAYER_FULLY_CONNECTED) {
    op->version = ((const ln_fully_connected_options *)op->options)->keep_num_dims ? 5 : 1;
  }
  return true;
}

static bool shift_bias(fold *f, const char *name) {
  const ln_graph *graph = ln_optimizer_graph(f->o);
  const float *gamma = graph->tensors[f->scale].data, *beta = graph->tensors[f->shift].data;
  const float *old = f->bias < 0 ? NULL : graph->tensors[f->bias].data;
  float *values = ln_arena_array(ln_optimizer_arena(f->o), f->channels, sizeof *values);
  if (values == NULL) return false;
  for (size_t i = 0; i < f->channels; ++i) values[i] = old == NULL ? beta[i] : old[i] * gamma[i] + beta[i];
  if (old == NULL) return add_bias(f, name, values);
  ln_tensor *bias = &graph->tensors[f->bias];
  ln_edit_set_data(bias, LN_FLOAT32, values, f->channels * sizeof *values);
  bias->name = ln_arena_strdup(ln_optimizer_arena(f->o), name);
  return bias->name != NULL;
}

ln_status ln_edit_fold_scale(ln_optimizer *o, const int32_t *uses, int32_t layer, int32_t mul, int32_t add,
                             const char *bias_name, bool *folded) {
  ln_graph *graph = ln_optimizer_graph(o);
  fold f = {.o = o};
  *folded = open_fold(graph, uses, layer, &graph->ops[mul], &graph->ops[add], &f);
  if (!*folded) return LN_OK;
  if (!scale_weights(&f) || !shift_bias(&f, bias_name)) return ln_optimizer_no_memory(o);
  const int8_t *activation = ln_edit_activation(&graph->ops[add]);
  if (activation != NULL) *ln_edit_activation(f.layer) = *activation;
  f.layer->outputs[0] = graph->ops[add].outputs[0];
  return LN_OK;
}

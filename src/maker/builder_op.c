/* Operators and constants of a model that is being built: shapes come from the operators' own rows. */
#include <stdio.h>
#include <string.h>

#include "maker/builder.h"

enum { OUTPUTS = 8, RANK_OF_WEIGHTS = 4 };

static ln_graph *graph_of(const ln_call *call) { return &call->builder->model->graphs[0]; }
static ln_arena *arena_of(const ln_call *call) { return &call->builder->model->arena; }

const ln_shape *ln_call_shape(const ln_call *call, int32_t tensor) { return &graph_of(call)->tensors[tensor].shape; }

/* ---- tensors ---- */

static int32_t add_tensor(ln_call *call, const char *suffix, ln_type type, const ln_shape *shape) {
  ln_tensor tensor = {.type = type, .shape = *shape, .signature = *shape, .quant = &ln_quant_none, .has_rank = true};
  tensor.name = call->step > 0
                    ? ln_arena_printf(arena_of(call), "%s/step_%d/%s", call->made->name, (int)call->step - 1, suffix)
                    : ln_arena_printf(arena_of(call), "%s/%s", call->made->name, suffix);
  const int32_t index = tensor.name == NULL ? -1 : ln_graph_add_tensor(graph_of(call), arena_of(call), &tensor);
  return index < 0 ? ln_call_no_memory(call) : index;
}

static int32_t add_constant(ln_call *call, const char *suffix, ln_type type, const ln_shape *shape, void *data,
                            size_t bytes) {
  const int32_t index = data == NULL ? ln_call_no_memory(call) : add_tensor(call, suffix, type, shape);
  if (index >= 0) ln_edit_set_data(&graph_of(call)->tensors[index], type, data, bytes);
  return index;
}

int32_t ln_call_ints_constant(ln_call *call, const char *suffix, const int32_t *values, int32_t count) {
  if (ln_call_failed(call)) return -1;
  const ln_shape shape = ln_shape_make(1, &count);
  const size_t bytes = (size_t)count * sizeof *values;
  return add_constant(call, suffix, LN_INT32, &shape, ln_arena_copy(arena_of(call), values, bytes), bytes);
}

int32_t ln_call_number_constant(ln_call *call, const char *suffix, double value) {
  if (ln_call_failed(call)) return -1;
  const float number = (float)value;
  const ln_shape shape = {0};
  return add_constant(call, suffix, LN_FLOAT32, &shape, ln_arena_copy(arena_of(call), &number, sizeof number),
                      sizeof number);
}

int32_t ln_call_floats_constant(ln_call *call, const char *suffix, const ln_shape *shape, float *values) {
  size_t bytes;
  if (ln_call_failed(call)) return -1;
  if (!ln_tensor_size(LN_FLOAT32, shape, &bytes)) return ln_call_fail(call, NULL, "%s is too large", suffix);
  return add_constant(call, suffix, LN_FLOAT32, shape, values, bytes);
}

int32_t ln_call_zeros(ln_call *call, const char *suffix, int32_t count) {
  const ln_shape shape = ln_shape_make(1, &count);
  if (ln_call_failed(call)) return -1;
  return ln_call_floats_constant(call, suffix, &shape, ln_arena_array(arena_of(call), (size_t)count, sizeof(float)));
}

float *ln_call_values(const ln_call *call, int32_t tensor) { return graph_of(call)->tensors[tensor].data; }

/* ---- weights ---- */

/* Element by element: `from` of `dims` into `to`, whose dimension i is dims[order[i]]. */
static void reorder(const float *from, int32_t rank, const int32_t *dims, const int32_t *order, size_t count,
                    float *to) {
  size_t strides[RANK_OF_WEIGHTS], stride = 1;
  for (int32_t i = rank - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= (size_t)dims[i];
  }
  int32_t at[RANK_OF_WEIGHTS] = {0};
  for (size_t n = 0; n < count; ++n) {
    size_t source = 0;
    for (int32_t i = 0; i < rank; ++i) source += (size_t)at[i] * strides[order[i]];
    to[n] = from[source];
    for (int32_t i = rank - 1; i >= 0 && ++at[i] == dims[order[i]]; --i) at[i] = 0;
  }
}

/* Room for another weight of these dimensions; NULL after a failure. */
static float *weight_memory(ln_call *call, const char *key, int32_t rank, const int32_t *dims, size_t *count) {
  ln_builder *b = call->builder;
  const ln_shape shape = ln_shape_make(rank, dims);
  size_t bytes, total;
  if (!ln_tensor_size(LN_FLOAT32, &shape, &bytes) || !ln_size_add(b->weight_bytes, bytes, &total) ||
      total > b->weight_limit) {
    char text[96];
    ln_call_fail(call, NULL, "with %s of %s the weights would take more than %zu bytes", key,
                 ln_shape_format(&shape, text, sizeof text), b->weight_limit);
    return NULL;
  }
  b->weight_bytes = total;
  *count = bytes / sizeof(float);
  float *values = ln_arena_alloc(arena_of(call), bytes);
  if (values == NULL) ln_call_no_memory(call);
  return values;
}

/* The values in Keras's order become those of the tensor; false when memory is short. */
static bool fill(ln_call *call, const char *initializer, const char *name, int32_t rank, const int32_t *dims,
                 const int32_t *order, size_t count, float *values) {
  if (order == NULL) return ln_initialize(initializer, call->builder->seed, name, rank, dims, values);
  float *plain = ln_alloc_array(count, sizeof *plain);
  const bool good = plain != NULL && ln_initialize(initializer, call->builder->seed, name, rank, dims, plain);
  if (good) reorder(plain, rank, dims, order, count, values);
  ln_free(plain);
  return good;
}

int32_t ln_call_weight(ln_call *call, const char *key, const char *initializer, int32_t rank, const int32_t *dims,
                       const int32_t *order) {
  size_t count;
  if (ln_call_failed(call)) return -1;
  const char *how = ln_call_text(call, initializer);
  float *values = weight_memory(call, key, rank, dims, &count);
  if (values == NULL) return -1;
  const char *refused = ln_initializer_refuses(how, rank, count);
  if (refused != NULL) return ln_call_fail(call, initializer, "%s", refused);
  ln_shape shape = ln_shape_make(rank, dims);
  for (int32_t i = 0; i < rank && order != NULL; ++i) shape.dims[i] = dims[order[i]];
  const int32_t index = ln_call_floats_constant(call, key, &shape, values);
  if (index < 0) return -1;
  if (!fill(call, how, graph_of(call)->tensors[index].name, rank, dims, order, count, values)) {
    return ln_call_no_memory(call);
  }
  return ln_call_keep_weight(call, key, index);
}

int32_t ln_call_keep_weight(ln_call *call, const char *key, int32_t tensor) {
  ln_made *made = call->made;
  if (tensor < 0 || made->weight_count == LN_LAYER_WEIGHTS) return -1;
  made->weight_keys[made->weight_count] = key;
  made->weights[made->weight_count++] = tensor;
  return tensor;
}

/* ---- operators ---- */

static ln_op *add_op(ln_call *call, const ln_op_def *def, const void *options, const int32_t *inputs, int32_t count) {
  ln_graph *graph = graph_of(call);
  ln_arena *arena = arena_of(call);
  if (graph->op_count >= graph->op_capacity) {
    const int32_t capacity = graph->op_count * 2 + 16;
    ln_op *moved = ln_arena_array(arena, (size_t)capacity, sizeof *moved);
    if (moved == NULL) return NULL;
    for (int32_t i = 0; i < graph->op_count; ++i) moved[i] = graph->ops[i];
    graph->ops = moved;
    graph->op_capacity = capacity;
  }
  ln_op *op = &graph->ops[graph->op_count];
  *op = (ln_op){.def = def, .input_count = count, .version = 1, .debug_metadata_index = -1};
  op->index = graph->op_count;
  op->inputs = ln_arena_copy(arena, inputs, (size_t)count * sizeof *inputs);
  op->options_table = def->options;
  if (op->options_table != LN_TABLE_none) {
    const size_t size = ln_schema_table(op->options_table)->struct_size;
    void *made = ln_arena_alloc(arena, size);
    if (made == NULL) return NULL;
    if (options != NULL) memcpy(made, options, size);
    else ln_schema_set_defaults(op->options_table, made);
    op->options = made;
    op->has_options = true;
  }
  if (op->inputs == NULL) return NULL;
  ++graph->op_count;
  return op;
}

/* Shapes of the outputs, as the row infers them. */
static ln_status infer(ln_call *call, const ln_op *op) {
  ln_graph *graph = graph_of(call);
  ln_arena *arena = arena_of(call);
  ln_node node = {.op = op, .in_count = op->input_count, .out_count = op->output_count};
  node.in = ln_arena_array(arena, (size_t)op->input_count, sizeof *node.in);
  node.out = ln_arena_array(arena, (size_t)op->output_count, sizeof *node.out);
  if (node.in == NULL || node.out == NULL) return ln_fail(call->builder->err, LN_ERR_MEMORY, "out of memory");
  for (int32_t i = 0; i < op->input_count; ++i) node.in[i] = op->inputs[i] < 0 ? NULL : &graph->tensors[op->inputs[i]];
  for (int32_t i = 0; i < op->output_count; ++i) node.out[i] = &graph->tensors[op->outputs[i]];
  node.tensors = graph->tensors;
  node.tensor_count = graph->tensor_count;
  LN_TRY(ln_op_check_types(graph, op, call->builder->err));
  const ln_status status = op->def->infer(&node, call->builder->err);
  if ((int)status == LN_INFER_LATER || (int)status == LN_INFER_IN_RUN) {
    return ln_fail(call->builder->err, LN_ERR_INTERNAL, "the shape of %s depends on data", op->def->name);
  }
  return status;
}

/* What LiteRT's converter gives floats: higher where an option asks for it. */
static int32_t version_of(const ln_op *op) {
  if ((op->def->flags & LN_OPF_LAYER) == LN_OPF_LAYER_FULLY_CONNECTED) {
    const ln_fully_connected_options *o = op->options;
    return op->inputs[op->input_count - 1] < 0 ? 6 : o->keep_num_dims ? 5 : 1;
  }
  if ((op->def->flags & LN_OPF_LAYER) == LN_OPF_LAYER_DEPTHWISE) {
    const ln_depthwise_conv2d_options *o = op->options;
    return o->dilation_h_factor > 1 || o->dilation_w_factor > 1 ? 2 : 1;
  }
  return 1;
}

static void check_output(ln_call *call, const ln_op_def *def, int32_t output) {
  const ln_shape *shape = ln_call_shape(call, output);
  char text[96];
  for (int32_t i = 0; i < shape->rank; ++i) {
    if (shape->dims[i] > 0) continue;
    ln_call_fail(call, NULL, "nothing is left: %s would give %s", def->name, ln_shape_format(shape, text, sizeof text));
  }
}

bool ln_call_op_many(ln_call *call, int32_t code, const char *suffix, const void *options, const int32_t *inputs,
                     int32_t count, int32_t *outputs, int32_t output_count) {
  if (ln_call_failed(call)) return false;
  const ln_op_def *def = ln_op_find(code);
  if (graph_of(call)->op_count >= LN_BUILDER_OPS_MOST) {
    return ln_call_fail(call, NULL, "a model has %d operators at most", (int)LN_BUILDER_OPS_MOST), false;
  }
  ln_op *op = def == NULL ? NULL : add_op(call, def, options, inputs, count);
  if (op == NULL) return ln_call_no_memory(call), false;
  /* Of the last input for a table that numbers are looked up in, else of the first: floats both. */
  ln_type type = graph_of(call)->tensors[inputs[0]].type;
  for (int32_t i = 1; i < count && type != LN_FLOAT32; ++i) {
    if (inputs[i] >= 0) type = graph_of(call)->tensors[inputs[i]].type;
  }
  const ln_shape unknown = {0};
  for (int32_t i = 0; i < output_count; ++i) {
    outputs[i] = add_tensor(call, suffix, type, &unknown);
    if (outputs[i] < 0) return false;
    if (output_count == 1) continue;
    graph_of(call)->tensors[outputs[i]].name =
        ln_arena_printf(arena_of(call), "%s_%d", graph_of(call)->tensors[outputs[i]].name, (int)i);
    if (graph_of(call)->tensors[outputs[i]].name == NULL) return ln_call_no_memory(call), false;
  }
  op->outputs = ln_arena_copy(arena_of(call), outputs, (size_t)output_count * sizeof *outputs);
  op->output_count = output_count;
  if (op->outputs == NULL) return ln_call_no_memory(call), false;
  op->version = version_of(op);
  call->builder->status = infer(call, op);
  for (int32_t i = 0; i < output_count && !ln_call_failed(call); ++i) check_output(call, def, outputs[i]);
  return !ln_call_failed(call);
}

int32_t ln_call_op(ln_call *call, int32_t code, const char *suffix, const void *options, const int32_t *inputs,
                   int32_t count) {
  int32_t output;
  return ln_call_op_many(call, code, suffix, options, inputs, count, &output, 1) ? output : -1;
}

int32_t ln_call_unary(ln_call *call, int32_t code, const char *suffix, int32_t input) {
  return ln_call_op(call, code, suffix, NULL, &input, 1);
}

int32_t ln_call_binary(ln_call *call, int32_t code, const char *suffix, int32_t a, int32_t b) {
  return ln_call_op(call, code, suffix, NULL, (const int32_t[]){a, b}, 2);
}

/* ---- common ones ---- */

int32_t ln_call_reshape(ln_call *call, const char *suffix, int32_t input, int32_t rank, const int32_t *dims) {
  int32_t shape[LN_MAX_RANK];
  char name[64];
  if (ln_call_failed(call)) return -1;
  if (rank >= LN_MAX_RANK) return ln_call_fail(call, NULL, "too many dimensions");
  shape[0] = call->builder->batch > 0 ? call->builder->batch : -1;
  for (int32_t i = 0; i < rank; ++i) shape[i + 1] = dims[i];
  snprintf(name, sizeof name, "%.50s_shape", suffix);
  const int32_t constant = ln_call_ints_constant(call, name, shape, rank + 1);
  return ln_call_op(call, LN_OP_RESHAPE, suffix, NULL, (const int32_t[]){input, constant}, 2);
}

int32_t ln_call_transpose(ln_call *call, const char *suffix, int32_t input, const int32_t *order) {
  char name[64];
  if (ln_call_failed(call)) return -1;
  snprintf(name, sizeof name, "%.50s_order", suffix);
  const int32_t constant = ln_call_ints_constant(call, name, order, ln_call_shape(call, input)->rank);
  return ln_call_op(call, LN_OP_TRANSPOSE, suffix, NULL, (const int32_t[]){input, constant}, 2);
}

int32_t ln_call_mean(ln_call *call, int32_t code, const char *suffix, int32_t input, const int32_t *axes, int32_t count,
                     bool keep_dims) {
  char name[64];
  snprintf(name, sizeof name, "%.50s_axes", suffix);
  const int32_t constant = ln_call_ints_constant(call, name, axes, count);
  ln_reducer_options options;
  ln_schema_set_defaults(LN_TABLE_reducer_options, &options);
  options.keep_dims = keep_dims;
  return ln_call_op(call, code, suffix, &options, (const int32_t[]){input, constant}, 2);
}

int32_t ln_call_product(ln_call *call, const char *suffix, int32_t input, int32_t weights, int32_t bias) {
  ln_fully_connected_options options;
  if (ln_call_failed(call)) return -1;
  ln_schema_set_defaults(LN_TABLE_fully_connected_options, &options);
  options.keep_num_dims = ln_call_shape(call, input)->rank > 2;
  return ln_call_op(call, LN_OP_FULLY_CONNECTED, suffix, &options, (const int32_t[]){input, weights, bias}, 3);
}

/* ---- activations ---- */

/* Beside the operators' codes. */
enum { LN_OP_NONE = -1, LN_OP_SILU = -2, LN_OP_HARD_SIGMOID = -3 };

static const struct {
  const char *name;
  int32_t code;
} activations[] = {
#define LN_ACTIVATION(name, op) {#name, LN_OP_##op},
#include "maker/activations.def"
};

const char *ln_builder_activation(int32_t index) {
  return index < 0 || index >= (int32_t)LN_COUNT(activations) ? NULL : activations[index].name;
}

static int32_t find_activation(const char *name) {
  for (int32_t i = 0; i < (int32_t)LN_COUNT(activations); ++i) {
    if (strcmp(activations[i].name, name) == 0) return i;
  }
  return -1;
}

bool ln_activation_known(const char *name) { return find_activation(name) >= 0; }

static int32_t hard_sigmoid(ln_call *call, const char *suffix, int32_t input) {
  const int32_t shifted = ln_call_binary(call, LN_OP_ADD, "plus_three", input, ln_call_number_constant(call, "3", 3));
  const int32_t clamped = ln_call_unary(call, LN_OP_RELU6, "clamped", shifted);
  return ln_call_binary(call, LN_OP_MUL, suffix, clamped, ln_call_number_constant(call, "sixth", 1.0 / 6));
}

int32_t ln_call_activate(ln_call *call, const char *suffix, const char *activation, int32_t input) {
  if (ln_call_failed(call)) return -1;
  const int32_t code = activations[find_activation(activation)].code;
  if (code == LN_OP_NONE) return input;
  if (code == LN_OP_HARD_SIGMOID) return hard_sigmoid(call, suffix, input);
  if (code == LN_OP_SILU) {
    return ln_call_binary(call, LN_OP_MUL, suffix, input, ln_call_unary(call, LN_OP_LOGISTIC, "gate", input));
  }
  if (code != LN_OP_SOFTMAX) return ln_call_unary(call, code, suffix, input);
  ln_softmax_options options;
  ln_schema_set_defaults(LN_TABLE_softmax_options, &options);
  options.beta = 1;
  return ln_call_op(call, code, suffix, &options, &input, 1);
}

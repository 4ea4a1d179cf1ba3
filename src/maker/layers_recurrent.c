/*
 * Recurrent layers over [batch, steps, features], unrolled into operators that can be trained, for any batch; an LSTM
 * also as the one operator that TFLite has for it. Matrices of all gates lie behind one another, as in Keras.
 * Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; Cho et al., "Learning Phrase Representations using RNN
 * Encoder-Decoder", 2014, with the reset gate after the product.
 */
#include <string.h>

#include "maker/builder.h"

#define RECURRENT_PARAMETERS                                                                       \
  LN_P_COUNT("units", "width of the state"),                                                       \
      {"return_sequences", LN_PARAMETER_FLAG, "false", NULL, 0, 0, "the state after every step"},  \
      {"go_backwards", LN_PARAMETER_FLAG, "false", NULL, 0, 0, "from the last step to the first"}, \
      {"activation", LN_PARAMETER_TEXT, "tanh", NULL, 0, 0, "of what is stored"},                  \
      {"recurrent_activation", LN_PARAMETER_TEXT, "sigmoid", NULL, 0, 0, "of the gates"},          \
      LN_P_INITIALIZER("kernel_initializer", "glorot_uniform"),                                    \
      LN_P_INITIALIZER("recurrent_initializer", "orthogonal"), LN_P_INITIALIZER("bias_initializer", "zeros")

const ln_parameter ln_layer_parameters_lstm[] = {
    RECURRENT_PARAMETERS,
    {"unit_forget_bias", LN_PARAMETER_FLAG, "true", NULL, 0, 0, "whether the forget gate's bias begins with one"},
    {"unroll", LN_PARAMETER_FLAG, "true", NULL, 0, 0,
     "false: one UNIDIRECTIONAL_SEQUENCE_LSTM, for a batch that is fixed, whose state stays from run to run"},
    LN_P_END};

const ln_parameter ln_layer_parameters_gru[] = {RECURRENT_PARAMETERS, LN_P_END};

typedef struct recurrent {
  ln_call *call;
  int32_t steps, features, units, gates;
  int32_t input; /* in the order of its steps */
} recurrent;

static int32_t reversed(ln_call *call, int32_t input) {
  static const int32_t axis = 1;
  const int32_t axes = ln_call_ints_constant(call, "axis", &axis, 1);
  return ln_call_op(call, LN_OP_REVERSE_V2, "backwards", NULL, (const int32_t[]){input, axes}, 2);
}

static bool begin(ln_call *call, int32_t gates, recurrent *r) {
  if (!ln_call_wants_rank(call, 0, 3)) return false;
  const ln_shape *shape = ln_call_shape(call, call->inputs[0]);
  *r = (recurrent){call, shape->dims[1], shape->dims[2], ln_call_int(call, "units"), gates, call->inputs[0]};
  if (r->units > 1 << 20) ln_call_fail(call, "units", "too many");
  if (ln_call_flag(call, "go_backwards")) r->input = reversed(call, r->input);
  return !ln_call_failed(call);
}

/* [gates * units, columns] */
static int32_t gate_weights(const recurrent *r, const char *key, const char *initializer, int32_t columns) {
  const int32_t dims[2] = {columns, r->gates * r->units}; /* bounded: units at most 2^20 */
  return ln_call_weight(r->call, key, initializer, 2, dims, (const int32_t[]){1, 0});
}

static int32_t gate_bias(const recurrent *r, const char *key) {
  const int32_t length = r->gates * r->units;
  return ln_call_weight(r->call, key, "bias_initializer", 1, &length, NULL);
}

/* [batch, gates * units] of one step into gates; false after a failure. */
static bool split_gates(const recurrent *r, const char *suffix, int32_t input, int32_t *gates) {
  static const int32_t axis = 1;
  ln_split_options options;
  ln_schema_set_defaults(LN_TABLE_split_options, &options);
  options.num_splits = r->gates;
  const int32_t where = ln_call_ints_constant(r->call, "gate_axis", &axis, 1);
  if (where < 0) return false;
  ln_tensor *tensor = &r->call->builder->model->graphs[0].tensors[where];
  tensor->shape = tensor->signature = (ln_shape){0};
  return ln_call_op_many(r->call, LN_OP_SPLIT, suffix, &options, (const int32_t[]){where, input}, 2, gates, r->gates);
}

/* The input's product of all steps, taken apart by step; NULL after a failure. */
static int32_t *input_steps(const recurrent *r, int32_t kernel, int32_t bias) {
  if (r->steps > LN_STEPS_MOST) {
    ln_call_fail(r->call, NULL, "%d steps are unrolled at most, not %d", (int)LN_STEPS_MOST, (int)r->steps);
    return NULL;
  }
  int32_t *steps = ln_arena_array(&r->call->builder->model->arena, (size_t)r->steps, sizeof *steps);
  if (steps == NULL) return ln_call_no_memory(r->call), NULL;
  const int32_t product = ln_call_product(r->call, "product", r->input, kernel, bias);
  ln_unpack_options options;
  ln_schema_set_defaults(LN_TABLE_unpack_options, &options);
  options.axis = 1;
  options.num = r->steps;
  const bool good =
      ln_call_op_many(r->call, LN_OP_UNPACK, "step", &options, (const int32_t[]){product}, 1, steps, r->steps);
  return good ? steps : NULL;
}

/* The states of all steps, or the last one. */
static int32_t end(const recurrent *r, const int32_t *states) {
  r->call->step = 0;
  if (!ln_call_flag(r->call, "return_sequences")) return states[r->steps - 1];
  ln_pack_options options;
  ln_schema_set_defaults(LN_TABLE_pack_options, &options);
  options.axis = 1;
  options.values_count = r->steps;
  return ln_call_op(r->call, LN_OP_PACK, "states", &options, states, r->steps);
}

static int32_t gate(const recurrent *r, const char *suffix, int32_t input) {
  return ln_call_activate(r->call, suffix, ln_call_text(r->call, "recurrent_activation"), input);
}

static int32_t content(const recurrent *r, const char *suffix, int32_t input) {
  return ln_call_activate(r->call, suffix, ln_call_text(r->call, "activation"), input);
}

/* ---- LSTM: gates input, forget, cell, output ---- */

static void lstm_step(const recurrent *r, int32_t input, int32_t weights, int32_t *state, int32_t *cell) {
  ln_call *call = r->call;
  int32_t gates[4];
  int32_t sum = input;
  if (*state >= 0)
    sum = ln_call_binary(call, LN_OP_ADD, "sum", input, ln_call_product(call, "recurrent", *state, weights, -1));
  if (!split_gates(r, "gate", sum, gates)) return;
  const int32_t new =
      ln_call_binary(call, LN_OP_MUL, "stored", gate(r, "input", gates[0]), content(r, "content", gates[2]));
  if (*cell < 0) {
    *cell = new;
  } else {
    const int32_t kept = ln_call_binary(call, LN_OP_MUL, "kept", gate(r, "forget", gates[1]), *cell);
    *cell = ln_call_binary(call, LN_OP_ADD, "cell", kept, new);
  }
  *state = ln_call_binary(call, LN_OP_MUL, "state", gate(r, "output", gates[3]), content(r, "shown", *cell));
}

static int32_t unrolled_lstm(const recurrent *r, int32_t kernel, int32_t weights, int32_t bias) {
  int32_t state = -1, cell = -1;
  int32_t *steps = input_steps(r, kernel, bias);
  for (int32_t i = 0; i < r->steps && steps != NULL && !ln_call_failed(r->call); ++i) {
    r->call->step = i + 1;
    lstm_step(r, steps[i], weights, &state, &cell);
    steps[i] = state;
  }
  return ln_call_failed(r->call) || steps == NULL ? -1 : end(r, steps);
}

/* Gate `index` of a matrix or bias, as a constant of its own that shares the memory. */
static int32_t part_of(const recurrent *r, int32_t tensor, int32_t index, const char *key) {
  if (tensor < 0) return -1;
  const ln_tensor *whole = &r->call->builder->model->graphs[0].tensors[tensor];
  ln_shape shape = whole->shape;
  shape.dims[0] = r->units;
  float *values = (float *)whole->data + whole->bytes / sizeof(float) / (size_t)r->gates * (size_t)index;
  return ln_call_keep_weight(r->call, key, ln_call_floats_constant(r->call, key, &shape, values));
}

static int32_t variable(const recurrent *r, const char *suffix) {
  ln_graph *graph = &r->call->builder->model->graphs[0];
  ln_arena *arena = &r->call->builder->model->arena;
  const ln_shape shape = ln_shape_make(2, (const int32_t[]){r->call->builder->batch, r->units});
  ln_tensor tensor = {.type = LN_FLOAT32, .shape = shape, .signature = shape, .quant = &ln_quant_none};
  tensor.has_rank = tensor.is_variable = true;
  tensor.name = ln_arena_printf(arena, "%s/%s", r->call->made->name, suffix);
  const int32_t index = tensor.name == NULL ? -1 : ln_graph_add_tensor(graph, arena, &tensor);
  return index < 0 ? ln_call_no_memory(r->call) : index;
}

static int32_t one_lstm(const recurrent *r, int32_t kernel, int32_t weights, int32_t bias) {
  static const char *const keys[12] = {"kernel_i",
                                       "kernel_f",
                                       "kernel_c",
                                       "kernel_o",
                                       "recurrent_kernel_i",
                                       "recurrent_kernel_f",
                                       "recurrent_kernel_c",
                                       "recurrent_kernel_o",
                                       "bias_i",
                                       "bias_f",
                                       "bias_c",
                                       "bias_o"};
  ln_call *call = r->call;
  int32_t inputs[24];
  if (call->builder->batch == 0) {
    return ln_call_fail(call, "unroll", "false is for a model whose batch is fixed (\"batch\")");
  }
  if (strcmp(ln_call_text(call, "activation"), "tanh") != 0 ||
      strcmp(ln_call_text(call, "recurrent_activation"), "sigmoid") != 0) {
    return ln_call_fail(call, "unroll", "false is for activation tanh and recurrent_activation sigmoid");
  }
  for (int32_t i = 0; i < 24; ++i) inputs[i] = -1;
  call->made->weight_count = 0; /* the parts stand for them */
  inputs[0] = r->input;
  for (int32_t i = 0; i < 4; ++i) {
    inputs[1 + i] = part_of(r, kernel, i, keys[i]);
    inputs[5 + i] = part_of(r, weights, i, keys[4 + i]);
    inputs[12 + i] = part_of(r, bias, i, keys[8 + i]);
  }
  inputs[18] = variable(r, "output_state");
  inputs[19] = variable(r, "cell_state");
  ln_unidirectional_sequence_lstm_options options;
  ln_schema_set_defaults(LN_TABLE_unidirectional_sequence_lstm_options, &options);
  options.fused_activation_function = LN_ACT_TANH;
  int32_t out = ln_call_op(call, LN_OP_UNIDIRECTIONAL_SEQUENCE_LSTM, "states", &options, inputs, 24);
  if (out < 0 || ln_call_flag(call, "return_sequences")) return out;
  const int32_t begin_at[3] = {0, r->steps - 1, 0}, size[3] = {-1, 1, -1};
  const int32_t from = ln_call_ints_constant(call, "last", begin_at, 3),
                to = ln_call_ints_constant(call, "one", size, 3);
  out = ln_call_op(call, LN_OP_SLICE, "last_state", NULL, (const int32_t[]){out, from, to}, 3);
  return ln_call_reshape(call, "state", out, 1, &r->units);
}

int32_t ln_layer_lstm(ln_call *call) {
  recurrent r;
  if (!begin(call, 4, &r)) return -1;
  const int32_t kernel = gate_weights(&r, "kernel", "kernel_initializer", r.features);
  const int32_t weights = gate_weights(&r, "recurrent_kernel", "recurrent_initializer", r.units);
  const int32_t bias = gate_bias(&r, "bias");
  if (bias < 0) return -1;
  float *values = ln_call_values(call, bias);
  for (int32_t i = 0; i < r.units && ln_call_flag(call, "unit_forget_bias"); ++i) values[r.units + i] = 1;
  return ln_call_flag(call, "unroll") ? unrolled_lstm(&r, kernel, weights, bias) : one_lstm(&r, kernel, weights, bias);
}

/* ---- GRU: gates update, reset, content ---- */

static int32_t gru_step(const recurrent *r, int32_t input, int32_t weights, int32_t bias, int32_t state) {
  ln_call *call = r->call;
  int32_t of_input[3], of_state[3];
  if (!split_gates(r, "of_input", input, of_input)) return -1;
  if (state < 0) state = ln_call_unary(call, LN_OP_ZEROS_LIKE, "begin", of_input[0]);
  if (!split_gates(r, "of_state", ln_call_product(call, "recurrent", state, weights, bias), of_state)) return -1;
  const int32_t update = gate(r, "update", ln_call_binary(call, LN_OP_ADD, "update_sum", of_input[0], of_state[0]));
  const int32_t reset = gate(r, "reset", ln_call_binary(call, LN_OP_ADD, "reset_sum", of_input[1], of_state[1]));
  const int32_t recalled = ln_call_binary(call, LN_OP_MUL, "recalled", reset, of_state[2]);
  const int32_t new = content(r, "content", ln_call_binary(call, LN_OP_ADD, "content_sum", of_input[2], recalled));
  const int32_t apart = ln_call_binary(call, LN_OP_SUB, "apart", state, new);
  return ln_call_binary(call, LN_OP_ADD, "state", new, ln_call_binary(call, LN_OP_MUL, "kept", update, apart));
}

int32_t ln_layer_gru(ln_call *call) {
  recurrent r;
  if (!begin(call, 3, &r)) return -1;
  const int32_t kernel = gate_weights(&r, "kernel", "kernel_initializer", r.features);
  const int32_t weights = gate_weights(&r, "recurrent_kernel", "recurrent_initializer", r.units);
  const int32_t bias = gate_bias(&r, "bias"), recurrent_bias = gate_bias(&r, "recurrent_bias");
  int32_t state = -1;
  int32_t *steps = input_steps(&r, kernel, bias);
  for (int32_t i = 0; i < r.steps && steps != NULL && !ln_call_failed(call); ++i) {
    call->step = i + 1;
    state = gru_step(&r, steps[i], weights, recurrent_bias, state);
    steps[i] = state;
  }
  return ln_call_failed(call) || steps == NULL ? -1 : end(&r, steps);
}

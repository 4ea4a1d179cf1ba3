/*
 * RNN, UNIDIRECTIONAL_SEQUENCE_RNN and BIDIRECTIONAL_SEQUENCE_RNN: the plain recurrent cell in floats,
 * state = activation(weights * input + recurrent * state + bias), with the states updated in place. Weights are floats,
 * or int8, and then the vectors that meet them are quantized in run.
 */
#include <string.h>

#include "ops/recurrent.h"
#include "ops/rows.h"

/* Where a direction's inputs begin: weights, recurrent weights, bias, state follow one another. */
enum { RNN_WEIGHTS, RNN_RECURRENT, RNN_BIAS, RNN_STATE };
enum { AUX_DATA = 9, AUX_FORWARD = 10, AUX_BACKWARD = 11 };
enum { FORWARD, BACKWARD, WAYS };
enum { FIRST_FORWARD = 1, FIRST_BACKWARD = 5 };

typedef struct rnn_form {
  int32_t batches, steps, inputs;
  bool time_major, merge;
  int32_t activation;
  ln_recurrent_mode mode;
} rnn_form;

enum { MATRICES = 3 }; /* input, recurrent, auxiliary */
typedef struct rnn_args {
  rnn_form form;
  ln_recurrent_sums sums[WAYS][MATRICES];
  int32_t units, vector; /* the most of both ways: units, and elements of a vector */
} rnn_args;

static const ln_tensor *optional(const ln_node *node, int32_t input) {
  return input < node->in_count ? node->in[input] : NULL;
}

static bool is_bidirectional(const ln_node *node) { return node->op->def->variant == LN_RNN_BOTH_WAYS; }

static ln_status read_form(const ln_node *node, ln_error *err, rnn_form *form) {
  const ln_shape *in = &node->in[0]->shape;
  const bool one_step = node->op->def->variant == LN_RNN_ONE_STEP;
  if (in->rank != (one_step ? 2 : 3))
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the input has %d dimensions", in->rank);
  *form = (rnn_form){.merge = false};
  bool asymmetric;
  if (one_step) {
    asymmetric = LN_OPTIONS(node, rnn_options)->asymmetric_quantize_inputs;
    form->activation = LN_OPTIONS(node, rnn_options)->fused_activation_function;
  } else if (is_bidirectional(node)) {
    const ln_bidirectional_sequence_rnn_options *options = LN_OPTIONS(node, bidirectional_sequence_rnn_options);
    form->activation = options->fused_activation_function;
    form->time_major = options->time_major;
    form->merge = options->merge_outputs;
    asymmetric = options->asymmetric_quantize_inputs;
  } else {
    form->activation = LN_OPTIONS(node, sequence_rnn_options)->fused_activation_function;
    form->time_major = LN_OPTIONS(node, sequence_rnn_options)->time_major;
    asymmetric = LN_OPTIONS(node, sequence_rnn_options)->asymmetric_quantize_inputs;
  }
  form->mode = ln_recurrent_mode_of(node->in[FIRST_FORWARD + RNN_WEIGHTS], asymmetric);
  if (form->activation < LN_ACT_NONE || form->activation > LN_ACT_SIGN_BIT) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "activation %d", form->activation);
  }
  form->steps = one_step ? 1 : in->dims[form->time_major ? 0 : 1];
  form->batches = one_step ? in->dims[0] : in->dims[form->time_major ? 1 : 0];
  form->inputs = in->dims[in->rank - 1];
  return LN_OK;
}

static bool is_matrix(const ln_tensor *tensor, int32_t rows, int32_t columns) {
  return tensor->shape.rank == 2 && tensor->shape.dims[0] == rows && tensor->shape.dims[1] == columns;
}

/* The units of the direction whose inputs begin at `first`. */
static ln_status check_direction(const ln_node *node, ln_error *err, int32_t first, const rnn_form *form,
                                 int32_t *units) {
  ln_tensor *const *in = node->in + first;
  const ln_tensor *state = in[RNN_STATE];
  *units = in[RNN_WEIGHTS]->shape.rank == 2 ? in[RNN_WEIGHTS]->shape.dims[0] : -1;
  if (*units < 1 || !is_matrix(in[RNN_WEIGHTS], *units, form->inputs) ||
      !is_matrix(in[RNN_RECURRENT], *units, *units) || in[RNN_BIAS]->shape.rank != 1 ||
      in[RNN_BIAS]->shape.dims[0] != *units) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "weights and bias of inputs %d to %d do not fit", first,
                        first + RNN_BIAS);
  }
  if (!state->is_variable || !is_matrix(state, form->batches, *units)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "input %d, a state, must be a variable of %d rows of %d",
                        first + RNN_STATE, form->batches, *units);
  }
  return LN_OK;
}

ln_status ln_rnn_infer(ln_node *node, ln_error *err) {
  rnn_form form;
  int32_t forward, backward = 0;
  LN_TRY(read_form(node, err, &form));
  LN_TRY(check_direction(node, err, FIRST_FORWARD, &form, &forward));
  if (is_bidirectional(node)) LN_TRY(check_direction(node, err, FIRST_BACKWARD, &form, &backward));
  ln_shape shape = node->in[0]->shape;
  if (node->out_count != (is_bidirectional(node) && !form.merge ? 2 : 1)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "has %d outputs", node->out_count);
  }
  if ((int64_t)forward + backward > INT32_MAX) return ln_node_fail(node, err, LN_ERR_SHAPE, "too many units");
  shape.dims[shape.rank - 1] = forward + (form.merge ? backward : 0);
  LN_TRY(ln_node_set_shape(node, 0, &shape, err));
  if (node->out_count < 2) return LN_OK;
  shape.dims[shape.rank - 1] = backward;
  return ln_node_set_shape(node, 1, &shape, err);
}

/* Auxiliary input: a second sequence with weights of its own, or (without weights) what the backward cell reads. */
static ln_status check_auxiliary(const ln_node *node, ln_error *err, const rnn_form *form) {
  const ln_tensor *data = optional(node, AUX_DATA);
  if (data == NULL) return LN_OK;
  const ln_tensor *forward = optional(node, AUX_FORWARD), *backward = optional(node, AUX_BACKWARD);
  if (forward == NULL && backward == NULL) {
    if (ln_shape_equal(&data->shape, &node->in[0]->shape)) return LN_OK;
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the backward cell's input has another shape");
  }
  const int32_t width = data->shape.rank == 3 ? data->shape.dims[2] : -1;
  if (forward == NULL || backward == NULL || width < 0 || data->shape.dims[0] != node->in[0]->shape.dims[0] ||
      data->shape.dims[1] != node->in[0]->shape.dims[1] || !is_matrix(forward, node->in[1]->shape.dims[0], width) ||
      !is_matrix(backward, node->in[5]->shape.dims[0], width)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the auxiliary input and its weights do not fit");
  }
  (void)form;
  return LN_OK;
}

/* The inputs that hold a way's matrices; those beyond the operator's are absent. */
static int32_t matrix_input(int32_t way, int32_t matrix) {
  static const int32_t inputs[WAYS][MATRICES] = {
      {FIRST_FORWARD + RNN_WEIGHTS, FIRST_FORWARD + RNN_RECURRENT, AUX_FORWARD},
      {FIRST_BACKWARD + RNN_WEIGHTS, FIRST_BACKWARD + RNN_RECURRENT, AUX_BACKWARD}};
  return inputs[way][matrix];
}

static int32_t ways_of(const ln_node *node) { return is_bidirectional(node) ? WAYS : 1; }

static int32_t larger(int32_t a, int32_t b) { return a > b ? a : b; }

static ln_status prepare_way(const ln_node *node, ln_prep *prep, int32_t way, rnn_args *args) {
  int32_t units;
  LN_TRY(check_direction(node, prep->err, way == FORWARD ? FIRST_FORWARD : FIRST_BACKWARD, &args->form, &units));
  args->units = larger(args->units, units);
  for (int32_t i = 0; i < MATRICES; ++i) {
    const int32_t input = matrix_input(way, i);
    const ln_tensor *matrix = optional(node, input);
    if (matrix == NULL) continue;
    LN_TRY(ln_recurrent_check_scale(node, input, prep->err));
    LN_TRY(ln_recurrent_prepare_sums(node, input, args->form.mode, prep, &args->sums[way][i]));
    args->vector = larger(args->vector, matrix->shape.dims[1]);
  }
  return LN_OK;
}

/* Scratch: sums and, with int8 weights, products and the one vector that is quantized at a time. */
ln_status ln_rnn_prepare(ln_node *node, ln_prep *prep) {
  rnn_args *args = LN_NODE_ARGS(node, prep, rnn_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(read_form(node, prep->err, &args->form));
  if (is_bidirectional(node)) LN_TRY(check_auxiliary(node, prep->err, &args->form));
  for (int32_t way = 0; way < ways_of(node); ++way) LN_TRY(prepare_way(node, prep, way, args));
  node->scratch_bytes = (size_t)args->units * (sizeof(float) + sizeof(int32_t)) + (size_t)args->vector;
  return LN_OK;
}

/* One direction over the whole sequence. */
typedef struct direction {
  const float *data, *bias, *auxiliary; /* auxiliary: NULL for none */
  ln_recurrent_matrix weights, recurrent, auxiliary_weights;
  float *state, *out;
  int32_t out_stride; /* elements between rows of the output */
  bool reverse;
} direction;

static void run_direction(const rnn_args *args, const direction *d, float *sums) {
  const rnn_form *form = &args->form;
  const ln_recurrent_functions functions = ln_recurrent_functions_get();
  int32_t *products = (int32_t *)(void *)(sums + args->units);
  int8_t *quantized = (int8_t *)(products + args->units);
  const int32_t units = d->weights.rows;
  for (int32_t b = 0; b < form->batches; ++b) {
    float *state = d->state + (ptrdiff_t)b * units;
    for (int32_t i = 0; i < form->steps; ++i) {
      const int32_t t = d->reverse ? form->steps - 1 - i : i;
      const ptrdiff_t row = form->time_major ? (ptrdiff_t)t * form->batches + b : (ptrdiff_t)b * form->steps + t;
      const float *vectors[MATRICES] = {d->data + row * d->weights.columns,
                                        d->auxiliary == NULL ? NULL : d->auxiliary + row * d->auxiliary_weights.columns,
                                        state};
      const ln_recurrent_matrix *matrices[MATRICES] = {&d->weights, &d->auxiliary_weights, &d->recurrent};
      memcpy(sums, d->bias, (size_t)units * sizeof(float));
      for (int32_t m = 0; m < MATRICES; ++m) {
        if (vectors[m] == NULL) continue;
        const ln_recurrent_vector vector =
            ln_k_recurrent_vector(vectors[m], matrices[m]->columns, form->mode, quantized);
        ln_k_recurrent_add(&functions, matrices[m], &vector, products, sums);
      }
      ln_k_recurrent_activate(&functions, (ln_recurrent_activation)form->activation, sums, units, state);
      memcpy(d->out + row * d->out_stride, state, (size_t)units * sizeof(float));
    }
  }
}

static direction bind_direction(const ln_node *node, const rnn_args *args, int32_t way) {
  ln_tensor *const *in = node->in + (way == FORWARD ? FIRST_FORWARD : FIRST_BACKWARD);
  direction d = {.data = node->in[0]->data,
                 .bias = in[RNN_BIAS]->data,
                 .state = in[RNN_STATE]->data,
                 .weights = ln_recurrent_bind(node, matrix_input(way, 0), &args->sums[way][0]),
                 .recurrent = ln_recurrent_bind(node, matrix_input(way, 1), &args->sums[way][1]),
                 .out = node->out[0]->data,
                 .reverse = way == BACKWARD};
  d.out_stride = d.weights.rows;
  const ln_tensor *second = is_bidirectional(node) ? optional(node, AUX_DATA) : NULL;
  if (second == NULL) return d;
  if (optional(node, matrix_input(way, 2)) != NULL) {
    d.auxiliary_weights = ln_recurrent_bind(node, matrix_input(way, 2), &args->sums[way][2]);
    d.auxiliary = second->data;
  } else if (way == BACKWARD) {
    d.data = second->data;
  }
  return d;
}

ln_status ln_rnn_run(const ln_node *node, ln_exec *exec) {
  const rnn_args *args = node->args;
  direction forward = bind_direction(node, args, FORWARD);
  if (!is_bidirectional(node)) {
    run_direction(args, &forward, exec->scratch);
    return LN_OK;
  }
  direction backward = bind_direction(node, args, BACKWARD);
  if (args->form.merge) {
    backward.out += forward.weights.rows;
    forward.out_stride = backward.out_stride = forward.weights.rows + backward.weights.rows;
  } else {
    backward.out = node->out[1]->data;
  }
  run_direction(args, &forward, exec->scratch);
  run_direction(args, &backward, exec->scratch);
  return LN_OK;
}

int64_t ln_rnn_macs(const ln_node *node) {
  const rnn_form *form = &((const rnn_args *)node->args)->form;
  double columns = 0.0;
  for (int32_t first = 1; first <= (is_bidirectional(node) ? 5 : 1); first += 4) {
    const double units = node->in[first]->shape.dims[0];
    columns += units * (units + form->inputs);
  }
  const double macs = columns * form->batches * form->steps;
  return macs < 0x1p62 ? (int64_t)macs : 0;
}

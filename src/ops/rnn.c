/*
 * RNN, UNIDIRECTIONAL_SEQUENCE_RNN and BIDIRECTIONAL_SEQUENCE_RNN: the plain recurrent cell in floats,
 * state = activation(weights * input + recurrent * state + bias), with the states updated in place.
 */
#include <math.h>
#include <string.h>

#include "ops/lstm.h"
#include "ops/rows.h"

/* Where a direction's inputs begin: weights, recurrent weights, bias, state follow one another. */
enum { RNN_WEIGHTS, RNN_RECURRENT, RNN_BIAS, RNN_STATE };
enum { AUX_DATA = 9, AUX_FORWARD = 10, AUX_BACKWARD = 11 };

typedef struct rnn_form {
  int32_t batches, steps, inputs;
  bool time_major, merge;
  int32_t activation;
} rnn_form;

static bool is_bidirectional(const ln_node *node) { return node->op->def->variant == LN_RNN_BOTH_WAYS; }

static ln_status read_form(const ln_node *node, ln_error *err, rnn_form *form) {
  const ln_shape *in = &node->in[0]->shape;
  const bool one_step = node->op->def->variant == LN_RNN_ONE_STEP;
  if (in->rank != (one_step ? 2 : 3))
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the input has %d dimensions", in->rank);
  *form = (rnn_form){.merge = false};
  if (one_step) {
    form->activation = LN_OPTIONS(node, rnn_options)->fused_activation_function;
  } else if (is_bidirectional(node)) {
    const ln_bidirectional_sequence_rnn_options *options = LN_OPTIONS(node, bidirectional_sequence_rnn_options);
    form->activation = options->fused_activation_function;
    form->time_major = options->time_major;
    form->merge = options->merge_outputs;
  } else {
    form->activation = LN_OPTIONS(node, sequence_rnn_options)->fused_activation_function;
    form->time_major = LN_OPTIONS(node, sequence_rnn_options)->time_major;
  }
  if (form->activation < LN_ACT_NONE || form->activation > LN_ACT_TANH) {
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
  LN_TRY(check_direction(node, err, 1, &form, &forward));
  if (is_bidirectional(node)) LN_TRY(check_direction(node, err, 5, &form, &backward));
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
  const ln_tensor *data = ln_lstm_in(node, AUX_DATA);
  if (data == NULL) return LN_OK;
  const ln_tensor *forward = ln_lstm_in(node, AUX_FORWARD), *backward = ln_lstm_in(node, AUX_BACKWARD);
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

ln_status ln_rnn_prepare(ln_node *node, ln_prep *prep) {
  rnn_form *form = LN_NODE_ARGS(node, prep, rnn_form);
  if (form == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(read_form(node, prep->err, form));
  int32_t units, backward = 0;
  LN_TRY(check_direction(node, prep->err, 1, form, &units));
  if (is_bidirectional(node)) {
    LN_TRY(check_direction(node, prep->err, 5, form, &backward));
    LN_TRY(check_auxiliary(node, prep->err, form));
  }
  node->scratch_bytes = (size_t)(units > backward ? units : backward) * sizeof(float);
  return LN_OK;
}

/* One direction over the whole sequence. */
typedef struct direction {
  const float *data, *weights, *recurrent, *bias;
  const float *auxiliary, *auxiliary_weights; /* NULL for none */
  float *state, *out;
  int32_t inputs, units, auxiliary_inputs;
  int32_t out_stride; /* elements between rows of the output */
  bool reverse;
} direction;

static void run_direction(const rnn_form *form, const direction *d, float *sums) {
  ln_matvec_f32_fn *matvec = ln_kernels_get()->matvec.f32;
  for (int32_t b = 0; b < form->batches; ++b) {
    float *state = d->state + (ptrdiff_t)b * d->units;
    for (int32_t i = 0; i < form->steps; ++i) {
      const int32_t t = d->reverse ? form->steps - 1 - i : i;
      const ptrdiff_t row = form->time_major ? (ptrdiff_t)t * form->batches + b : (ptrdiff_t)b * form->steps + t;
      memcpy(sums, d->bias, (size_t)d->units * sizeof(float));
      matvec(d->weights, d->data + row * d->inputs, d->units, d->inputs, sums);
      if (d->auxiliary_weights != NULL) {
        matvec(d->auxiliary_weights, d->auxiliary + row * d->auxiliary_inputs, d->units, d->auxiliary_inputs, sums);
      }
      matvec(d->recurrent, state, d->units, d->units, sums);
      for (int32_t u = 0; u < d->units; ++u)
        state[u] = ln_k_lstm_activate(sums[u], (ln_lstm_activation)form->activation);
      memcpy(d->out + row * d->out_stride, state, (size_t)d->units * sizeof(float));
    }
  }
}

static direction bind_direction(const ln_node *node, const rnn_form *form, int32_t first) {
  ln_tensor *const *in = node->in + first;
  const int32_t units = in[RNN_WEIGHTS]->shape.dims[0];
  return (direction){.data = node->in[0]->data,
                     .weights = in[RNN_WEIGHTS]->data,
                     .recurrent = in[RNN_RECURRENT]->data,
                     .bias = in[RNN_BIAS]->data,
                     .state = in[RNN_STATE]->data,
                     .out = node->out[0]->data,
                     .inputs = form->inputs,
                     .units = units,
                     .out_stride = units};
}

static void bind_auxiliary(const ln_node *node, direction *d, int32_t weights) {
  const ln_tensor *data = ln_lstm_in(node, AUX_DATA);
  if (data == NULL) return;
  d->auxiliary = data->data;
  d->auxiliary_inputs = data->shape.dims[2];
  d->auxiliary_weights = ln_lstm_data(node, weights);
  if (d->auxiliary_weights == NULL && d->reverse) d->data = data->data;
}

ln_status ln_rnn_run(const ln_node *node, ln_exec *exec) {
  const rnn_form *form = node->args;
  direction forward = bind_direction(node, form, 1);
  if (!is_bidirectional(node)) {
    run_direction(form, &forward, exec->scratch);
    return LN_OK;
  }
  direction backward = bind_direction(node, form, 5);
  backward.reverse = true;
  bind_auxiliary(node, &forward, AUX_FORWARD);
  bind_auxiliary(node, &backward, AUX_BACKWARD);
  if (form->merge) {
    forward.out_stride = backward.out_stride = forward.units + backward.units;
    backward.out += forward.units;
  } else {
    backward.out = node->out[1]->data;
  }
  run_direction(form, &forward, exec->scratch);
  run_direction(form, &backward, exec->scratch);
  return LN_OK;
}

int64_t ln_rnn_macs(const ln_node *node) {
  const rnn_form *form = node->args;
  double columns = 0.0;
  for (int32_t first = 1; first <= (is_bidirectional(node) ? 5 : 1); first += 4) {
    const double units = node->in[first]->shape.dims[0];
    columns += units * (units + form->inputs);
  }
  const double macs = columns * form->batches * form->steps;
  return macs < 0x1p62 ? (int64_t)macs : 0;
}

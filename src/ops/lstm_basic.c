/*
 * The basic form of LSTM, in floats and in uint8: inputs are data [batches, inputs], the last activation
 * [batches, units], weights [4 * units, inputs + units], bias and the last cell state; outputs are both new states and
 * two intermediate results. Last states that are variables take the new ones.
 */
#include <math.h>
#include <string.h>

#include "ops/lstm.h"

enum { IN_DATA, IN_ACTIVATION, IN_WEIGHTS, IN_BIAS, IN_STATE, IN_COUNT };
enum { OUT_ACTIVATION, OUT_STATE, OUT_JOINED, OUT_SUMS, OUT_COUNT };
enum { GATE_INPUT, GATE_CELL, GATE_FORGET, GATE_OUTPUT }; /* the order of the weights' rows */

static ln_status set_shape(ln_node *node, int32_t output, int32_t batches, int64_t width, ln_error *err) {
  const int32_t dims[2] = {batches, (int32_t)width};
  const ln_shape shape = ln_shape_make(2, dims);
  return ln_node_set_shape(node, output, &shape, err);
}

ln_status ln_lstm_basic_infer(ln_node *node, ln_error *err) {
  if (node->in_count != IN_COUNT || node->out_count != OUT_COUNT) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the basic form has 5 inputs and 4 outputs");
  }
  const ln_shape *data = &node->in[IN_DATA]->shape, *last = &node->in[IN_ACTIVATION]->shape;
  const ln_shape *weights = &node->in[IN_WEIGHTS]->shape, *bias = &node->in[IN_BIAS]->shape;
  bool fits = data->rank == 2 && last->rank == 2 && weights->rank == 2 && bias->rank == 1 &&
              last->dims[0] == data->dims[0] && ln_shape_equal(last, &node->in[IN_STATE]->shape);
  const int64_t joined = fits ? (int64_t)data->dims[1] + last->dims[1] : 0,
                rows = fits ? INT64_C(4) * last->dims[1] : 0;
  fits = fits && joined <= INT32_MAX && weights->dims[0] == rows && weights->dims[1] == joined && bias->dims[0] == rows;
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "data, states, weights and bias do not fit together");
  LN_TRY(ln_node_set_shape(node, OUT_ACTIVATION, last, err));
  LN_TRY(ln_node_set_shape(node, OUT_STATE, last, err));
  LN_TRY(set_shape(node, OUT_JOINED, data->dims[0], joined, err));
  return set_shape(node, OUT_SUMS, data->dims[0], rows, err);
}

typedef struct basic_args {
  size_t batches, inputs, units;
  ln_lstm_basic_u8 u8; /* the pointers are set in run */
} basic_args;

static ln_status prepare_u8(const ln_node *node, ln_error *err, basic_args *args) {
  const float state = ln_scale_of(node->out[OUT_STATE]), bias = ln_scale_of(node->in[IN_BIAS]);
  if (state != 0x1p-11f) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the cell state's scale is %g and not 2^-11", (double)state);
  }
  const double multiplier = (double)(4096.0f * bias); /* into Q3.12 */
  if (!(multiplier > 0.0) || !isfinite(multiplier)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the bias has no usable scale");
  }
  args->u8.inputs = (int32_t)args->inputs;
  args->u8.units = (int32_t)args->units;
  args->u8.weights_zero = ln_zero_point_of(node->in[IN_WEIGHTS]);
  args->u8.accumulation = ln_quantize_multiplier(multiplier);
  return LN_OK;
}

ln_status ln_lstm_basic_prepare(ln_node *node, ln_prep *prep) {
  basic_args *args = LN_NODE_ARGS(node, prep, basic_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  args->batches = (size_t)node->in[IN_DATA]->shape.dims[0];
  args->inputs = (size_t)node->in[IN_DATA]->shape.dims[1];
  args->units = (size_t)node->in[IN_STATE]->shape.dims[1];
  return node->in[IN_DATA]->type == LN_UINT8 ? prepare_u8(node, prep->err, args) : LN_OK;
}

static float logistic(float x) { return 1.0f / (1.0f + expf(-x)); }

/* Data and last activation of a row beside one another. */
static void join(const ln_node *node, const basic_args *args, size_t row, size_t item) {
  const size_t inputs = args->inputs * item, units = args->units * item;
  char *joined = (char *)node->out[OUT_JOINED]->data + row * (inputs + units);
  if (inputs > 0) memcpy(joined, (const char *)node->in[IN_DATA]->data + row * inputs, inputs);
  if (units > 0) memcpy(joined + inputs, (const char *)node->in[IN_ACTIVATION]->data + row * units, units);
}

static void run_row_f32(const ln_node *node, const basic_args *args, size_t b) {
  const size_t inputs = args->inputs, units = args->units;
  const float *joined = (const float *)node->out[OUT_JOINED]->data + b * (inputs + units);
  float *sums = (float *)node->out[OUT_SUMS]->data + b * 4 * units;
  const float *last = (const float *)node->in[IN_STATE]->data + b * units;
  float *state = (float *)node->out[OUT_STATE]->data + b * units;
  float *activation = (float *)node->out[OUT_ACTIVATION]->data + b * units;
  memcpy(sums, node->in[IN_BIAS]->data, 4 * units * sizeof(float));
  LN_KERNEL_OF(matvec, f32)(node->in[IN_WEIGHTS]->data, joined, (int32_t)(4 * units), (int32_t)(inputs + units), sums);
  for (size_t i = 0; i < units; ++i) {
    state[i] = logistic(sums[GATE_INPUT * units + i]) * tanhf(sums[GATE_CELL * units + i]) +
               logistic(sums[GATE_FORGET * units + i]) * last[i];
    activation[i] = logistic(sums[GATE_OUTPUT * units + i]) * tanhf(state[i]);
  }
}

static void run_row_u8(const ln_node *node, const basic_args *args, size_t b) {
  const size_t units = args->units;
  ln_lstm_basic_u8 lstm = args->u8;
  lstm.weights = node->in[IN_WEIGHTS]->data;
  lstm.bias = node->in[IN_BIAS]->data;
  ln_k_lstm_basic_u8(
      &lstm, (const uint8_t *)node->out[OUT_JOINED]->data + b * (args->inputs + units),
      (const int16_t *)node->in[IN_STATE]->data + b * units, (int16_t *)node->out[OUT_SUMS]->data + b * 4 * units,
      (int16_t *)node->out[OUT_STATE]->data + b * units, (uint8_t *)node->out[OUT_ACTIVATION]->data + b * units);
}

static void keep(ln_tensor *variable, const ln_tensor *value) {
  if (variable->is_variable && value->bytes > 0) memcpy(variable->data, value->data, value->bytes);
}

ln_status ln_lstm_basic_run(const ln_node *node, ln_exec *exec) {
  const basic_args *args = node->args;
  const bool bytes = node->in[IN_DATA]->type == LN_UINT8;
  (void)exec;
  for (size_t b = 0; b < args->batches; ++b) {
    join(node, args, b, bytes ? 1 : sizeof(float));
    if (args->units == 0) continue;
    if (bytes) run_row_u8(node, args, b);
    else run_row_f32(node, args, b);
  }
  keep(node->in[IN_ACTIVATION], node->out[OUT_ACTIVATION]);
  keep(node->in[IN_STATE], node->out[OUT_STATE]);
  return LN_OK;
}

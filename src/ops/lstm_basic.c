/*
 * The basic form of LSTM in floats: inputs are data [batches, inputs], the last activation [batches, units], weights
 * [4 * units, inputs + units], bias and the last cell state; outputs are both new states and two intermediate results.
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

static float logistic(float x) { return 1.0f / (1.0f + expf(-x)); }

ln_status ln_lstm_basic_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const size_t inputs = (size_t)node->in[IN_DATA]->shape.dims[1], units = (size_t)node->in[IN_STATE]->shape.dims[1];
  ln_matvec_f32_fn *matvec = ln_kernels_get()->matvec.f32;
  for (size_t b = 0; b < (size_t)node->in[IN_DATA]->shape.dims[0]; ++b) {
    float *joined = (float *)node->out[OUT_JOINED]->data + b * (inputs + units);
    float *sums = (float *)node->out[OUT_SUMS]->data + b * 4 * units;
    const float *last = (const float *)node->in[IN_STATE]->data + b * units;
    float *state = (float *)node->out[OUT_STATE]->data + b * units;
    float *activation = (float *)node->out[OUT_ACTIVATION]->data + b * units;
    if (inputs > 0) memcpy(joined, (const float *)node->in[IN_DATA]->data + b * inputs, inputs * sizeof(float));
    memcpy(joined + inputs, (const float *)node->in[IN_ACTIVATION]->data + b * units, units * sizeof(float));
    memcpy(sums, node->in[IN_BIAS]->data, 4 * units * sizeof(float));
    matvec(node->in[IN_WEIGHTS]->data, joined, (int32_t)(4 * units), (int32_t)(inputs + units), sums);
    for (size_t i = 0; i < units; ++i) {
      state[i] = logistic(sums[GATE_INPUT * units + i]) * tanhf(sums[GATE_CELL * units + i]) +
                 logistic(sums[GATE_FORGET * units + i]) * last[i];
      activation[i] = logistic(sums[GATE_OUTPUT * units + i]) * tanhf(state[i]);
    }
  }
  return LN_OK;
}

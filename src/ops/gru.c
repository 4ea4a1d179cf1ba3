/*
 * UNIDIRECTIONAL_SEQUENCE_GRU, TFLite's custom operator: a gated recurrent unit over a sequence with time first (Cho
 * et al., "Learning Phrase Representations using RNN Encoder-Decoder", 2014; the reset gate works on the state before
 * the product). Inputs are data [steps, batches, inputs], the first state [batches, units], the gates' weights
 * [2 * units, inputs + units] (reset, then update) and bias, the candidate's [units, inputs + units] and bias; outputs
 * are all states [steps, batches, units] and the last one.
 */
#include <math.h>
#include <string.h>

#include "ops/rows.h"

enum { IN_DATA, IN_STATE, IN_GATE_WEIGHTS, IN_GATE_BIAS, IN_WEIGHTS, IN_BIAS };
enum { OUT_ALL, OUT_LAST };

static bool is_matrix(const ln_tensor *tensor, int64_t rows, int64_t columns) {
  return tensor->shape.rank == 2 && tensor->shape.dims[0] == rows && tensor->shape.dims[1] == columns;
}

static bool is_list(const ln_tensor *tensor, int64_t count) {
  return tensor->shape.rank == 1 && tensor->shape.dims[0] == count;
}

ln_status ln_gru_infer(ln_node *node, ln_error *err) {
  const ln_shape *data = &node->in[IN_DATA]->shape, *state = &node->in[IN_STATE]->shape;
  if (data->rank != 3 || state->rank != 2 || state->dims[0] != data->dims[1]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the data needs three dimensions, and the state a row for each batch");
  }
  const int64_t units = state->dims[1], joined = units + data->dims[2];
  if (!is_matrix(node->in[IN_GATE_WEIGHTS], 2 * units, joined) || !is_list(node->in[IN_GATE_BIAS], 2 * units) ||
      !is_matrix(node->in[IN_WEIGHTS], units, joined) || !is_list(node->in[IN_BIAS], units)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "weights and biases do not fit %d inputs and %d units", data->dims[2],
                        state->dims[1]);
  }
  ln_shape all = *data;
  all.dims[2] = state->dims[1];
  LN_TRY(ln_node_set_shape(node, OUT_ALL, &all, err));
  return ln_node_set_shape(node, OUT_LAST, state, err);
}

/* Scratch: data and state beside one another, and both gates. */
ln_status ln_gru_prepare(ln_node *node, ln_prep *prep) {
  const size_t units = (size_t)node->in[IN_STATE]->shape.dims[1], inputs = (size_t)node->in[IN_DATA]->shape.dims[2];
  if (ln_size_mul(inputs + 3 * units, sizeof(float), &node->scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

static float logistic(float x) { return 1.0f / (1.0f + expf(-x)); }

/* One step of one row: `state` into `out`, both [units]. */
static void step(const ln_node *node, const float *data, const float *state, float *scratch, float *out) {
  const size_t units = (size_t)node->in[IN_STATE]->shape.dims[1], inputs = (size_t)node->in[IN_DATA]->shape.dims[2];
  const int32_t columns = (int32_t)(inputs + units), rows = (int32_t)units;
  ln_matvec_f32_fn *matvec = LN_KERNEL_OF(matvec, f32);
  float *joined = scratch, *past = joined + inputs, *reset = past + units, *update = reset + units;
  if (inputs > 0) memcpy(joined, data, inputs * sizeof(float));
  memcpy(past, state, units * sizeof(float));
  memcpy(reset, node->in[IN_GATE_BIAS]->data, 2 * units * sizeof(float));
  matvec(node->in[IN_GATE_WEIGHTS]->data, joined, 2 * rows, columns, reset);
  for (size_t i = 0; i < units; ++i) past[i] *= logistic(reset[i]);
  memcpy(reset, node->in[IN_BIAS]->data, units * sizeof(float)); /* the reset gate is spent */
  matvec(node->in[IN_WEIGHTS]->data, joined, rows, columns, reset);
  for (size_t i = 0; i < units; ++i) {
    const float keep = logistic(update[i]);
    out[i] = (1.0f - keep) * tanhf(reset[i]) + keep * state[i];
  }
}

ln_status ln_gru_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *data = &node->in[IN_DATA]->shape;
  const size_t units = (size_t)node->in[IN_STATE]->shape.dims[1], inputs = (size_t)data->dims[2];
  const size_t batches = (size_t)data->dims[1], steps = (size_t)data->dims[0],
               wide = batches * units; /* bounded: a state */
  if (wide == 0) return LN_OK;
  const float *state = node->in[IN_STATE]->data;
  float *out = node->out[OUT_ALL]->data;
  for (size_t t = 0; t < steps; ++t) {
    for (size_t b = 0; b < batches; ++b) {
      const float *row = (const float *)node->in[IN_DATA]->data + (t * batches + b) * inputs;
      step(node, row, state + b * units, exec->scratch, out + b * units);
    }
    state = out;
    out += wide;
  }
  memcpy(node->out[OUT_LAST]->data, state, wide * sizeof(float));
  return LN_OK;
}

int64_t ln_gru_macs(const ln_node *node) {
  const ln_shape *data = &node->in[IN_DATA]->shape;
  const double units = node->in[IN_STATE]->shape.dims[1], steps = data->dims[0], batches = data->dims[1];
  const double macs = 3.0 * units * (units + data->dims[2]) * steps * batches;
  return macs < 0x1p62 ? (int64_t)macs : 0;
}

/* A step of a float LSTM: see kernels/lstm.h. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "kernels/lstm.h"

float ln_k_lstm_activate(float x, ln_lstm_activation activation) {
  switch (activation) {
    case LN_LSTM_RELU: return x < 0.0f ? 0.0f : x;
    case LN_LSTM_RELU_N1_TO_1: return ln_clamp_f32(x, -1.0f, 1.0f);
    case LN_LSTM_RELU6: return ln_clamp_f32(x, 0.0f, 6.0f);
    case LN_LSTM_TANH: return tanhf(x);
    default: return x;
  }
}

static float logistic(float x) { return 1.0f / (1.0f + expf(-x)); }

/* To mean 0 and variance 1, times the coefficients. */
static void normalize(float *values, int32_t count, const float *coefficients, const float *bias) {
  float sum = 0.0f, squares = 0.0f;
  for (int32_t i = 0; i < count; ++i) sum += values[i];
  const float mean = sum / (float)count;
  for (int32_t i = 0; i < count; ++i) squares += (values[i] - mean) * (values[i] - mean);
  const float factor = 1.0f / sqrtf(squares / (float)count + 1e-8f);
  for (int32_t i = 0; i < count; ++i) values[i] = (values[i] - mean) * factor * coefficients[i] + bias[i];
}

/* The gate's argument of its activation, into sums[cells]. */
static void gate_sums(const ln_lstm_f32 *lstm, const ln_lstm_gate_f32 *gate, const float *input,
                      const float *output_state, const float *cell_state, float *sums) {
  const int32_t cells = lstm->size.cells;
  if (gate->norm != NULL) memset(sums, 0, (size_t)cells * sizeof(float));
  else memcpy(sums, gate->bias, (size_t)cells * sizeof(float));
  lstm->matvec(gate->input_weights, input, cells, lstm->size.inputs, sums);
  if (gate->auxiliary_weights != NULL) {
    lstm->matvec(gate->auxiliary_weights, lstm->auxiliary, cells, lstm->auxiliary_inputs, sums);
  }
  lstm->matvec(gate->recurrent_weights, output_state, cells, lstm->size.outputs, sums);
  if (gate->peephole != NULL) {
    for (int32_t i = 0; i < cells; ++i) sums[i] += gate->peephole[i] * cell_state[i];
  }
  if (gate->norm != NULL) normalize(sums, cells, gate->norm, gate->bias);
}

static void update_cell(const ln_lstm_f32 *lstm, const float *input_gate, const float *forget, const float *candidate,
                        float *cell_state) {
  for (int32_t i = 0; i < lstm->size.cells; ++i) {
    const float keep = logistic(forget[i]);
    const float take = lstm->coupled ? 1.0f - keep : logistic(input_gate[i]);
    const float cell = keep * cell_state[i] + take * ln_k_lstm_activate(candidate[i], lstm->activation);
    cell_state[i] = lstm->cell_clip > 0.0f ? ln_clamp_f32(cell, -lstm->cell_clip, lstm->cell_clip) : cell;
  }
}

void ln_k_lstm_step_f32(const ln_lstm_f32 *lstm, const float *input, float *output_state, float *cell_state,
                        float *scratch) {
  const int32_t cells = lstm->size.cells, outputs = lstm->size.outputs;
  float *sums[LN_LSTM_GATES];
  for (int32_t g = 0; g < LN_LSTM_GATES; ++g) {
    sums[g] = scratch + (ptrdiff_t)g * cells;
    const bool skipped = g == LN_LSTM_OUTPUT || (g == LN_LSTM_INPUT && lstm->coupled);
    if (!skipped) gate_sums(lstm, &lstm->gates[g], input, output_state, cell_state, sums[g]);
  }
  update_cell(lstm, sums[LN_LSTM_INPUT], sums[LN_LSTM_FORGET], sums[LN_LSTM_CELL], cell_state);
  /* The output gate's peephole sees the new cell state. */
  float *hidden = sums[LN_LSTM_OUTPUT];
  gate_sums(lstm, &lstm->gates[LN_LSTM_OUTPUT], input, output_state, cell_state, hidden);
  for (int32_t i = 0; i < cells; ++i)
    hidden[i] = logistic(hidden[i]) * ln_k_lstm_activate(cell_state[i], lstm->activation);
  if (lstm->projection == NULL) {
    memcpy(output_state, hidden, (size_t)cells * sizeof(float));
    return;
  }
  if (lstm->projection_bias != NULL) memcpy(output_state, lstm->projection_bias, (size_t)outputs * sizeof(float));
  else memset(output_state, 0, (size_t)outputs * sizeof(float));
  lstm->matvec(lstm->projection, hidden, outputs, cells, output_state);
  if (lstm->projection_clip > 0.0f) {
    for (int32_t i = 0; i < outputs; ++i) {
      output_state[i] = ln_clamp_f32(output_state[i], -lstm->projection_clip, lstm->projection_clip);
    }
  }
}

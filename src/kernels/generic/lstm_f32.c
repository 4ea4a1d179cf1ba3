/* A step of a float LSTM: see kernels/lstm.h. */
#include <math.h>
#include <stddef.h>
#include <string.h>

#include "kernels/lstm.h"

/* The vectors that gates' matrices meet. */
typedef struct gate_vectors {
  ln_recurrent_vector input, auxiliary, output;
} gate_vectors;

/* To mean 0 and variance 1, times the coefficients. */
static void normalize(float *values, int32_t count, const float *coefficients, const float *bias) {
  float sum = 0.0f, squares = 0.0f;
  for (int32_t i = 0; i < count; ++i) sum += values[i];
  const float mean = sum / (float)count;
  for (int32_t i = 0; i < count; ++i) squares += (values[i] - mean) * (values[i] - mean);
  const float factor = 1.0f / sqrtf(squares / (float)count + 1e-8f);
  for (int32_t i = 0; i < count; ++i) values[i] = (values[i] - mean) * factor * coefficients[i] + bias[i];
}

/* Gate `g` into its sums[cells]. */
static void compute_gate(const ln_lstm_f32 *lstm, int32_t g, const gate_vectors *vectors, const float *cell_state,
                         const ln_lstm_f32_scratch *scratch) {
  const ln_lstm_gate_f32 *gate = &lstm->gates[g];
  const int32_t cells = lstm->size.cells;
  float *sums = scratch->sums + (ptrdiff_t)g * cells;
  if (gate->norm != NULL) memset(sums, 0, (size_t)cells * sizeof(float));
  else memcpy(sums, gate->bias, (size_t)cells * sizeof(float));
  ln_k_recurrent_add(&lstm->functions, &gate->input, &vectors->input, scratch->products, sums);
  if (ln_k_recurrent_is_there(&gate->auxiliary)) {
    ln_k_recurrent_add(&lstm->functions, &gate->auxiliary, &vectors->auxiliary, scratch->products, sums);
  }
  ln_k_recurrent_add(&lstm->functions, &gate->recurrent, &vectors->output, scratch->products, sums);
  if (gate->peephole != NULL) {
    for (int32_t i = 0; i < cells; ++i) sums[i] += gate->peephole[i] * cell_state[i];
  }
  if (gate->norm != NULL) normalize(sums, cells, gate->norm, gate->bias);
  ln_k_recurrent_activate(&lstm->functions, g == LN_LSTM_CELL ? lstm->activation : LN_RECURRENT_LOGISTIC, sums, cells,
                          sums);
}

static void update_cell(const ln_lstm_f32 *lstm, const float *sums, float *cell_state) {
  const int32_t cells = lstm->size.cells;
  const float *input_gate = sums + (ptrdiff_t)LN_LSTM_INPUT * cells;
  const float *forget = sums + (ptrdiff_t)LN_LSTM_FORGET * cells;
  const float *candidate = sums + (ptrdiff_t)LN_LSTM_CELL * cells;
  for (int32_t i = 0; i < cells; ++i) {
    const float take = lstm->coupled ? 1.0f - forget[i] : input_gate[i];
    const float cell = forget[i] * cell_state[i] + take * candidate[i];
    cell_state[i] = lstm->cell_clip > 0.0f ? ln_clamp_f32(cell, -lstm->cell_clip, lstm->cell_clip) : cell;
  }
}

static void project(const ln_lstm_f32 *lstm, const float *hidden, const ln_lstm_f32_scratch *scratch,
                    float *output_state) {
  const int32_t outputs = lstm->size.outputs;
  const ln_recurrent_vector vector = ln_k_recurrent_vector(hidden, lstm->size.cells, lstm->mode, scratch->hidden);
  if (lstm->projection_bias != NULL) memcpy(output_state, lstm->projection_bias, (size_t)outputs * sizeof(float));
  else memset(output_state, 0, (size_t)outputs * sizeof(float));
  ln_k_recurrent_add(&lstm->functions, &lstm->projection, &vector, scratch->products, output_state);
  if (lstm->projection_clip > 0.0f) {
    for (int32_t i = 0; i < outputs; ++i) {
      output_state[i] = ln_clamp_f32(output_state[i], -lstm->projection_clip, lstm->projection_clip);
    }
  }
}

void ln_k_lstm_step_f32(const ln_lstm_f32 *lstm, const float *input, const float *auxiliary, float *output_state,
                        float *cell_state, const ln_lstm_f32_scratch *scratch) {
  const int32_t cells = lstm->size.cells;
  gate_vectors vectors = {
      .input = ln_k_recurrent_vector(input, lstm->size.inputs, lstm->mode, scratch->input),
      .output = ln_k_recurrent_vector(output_state, lstm->size.outputs, lstm->mode, scratch->output)};
  if (auxiliary != NULL) {
    vectors.auxiliary = ln_k_recurrent_vector(auxiliary, lstm->auxiliary_inputs, lstm->mode, scratch->auxiliary);
  }
  for (int32_t g = lstm->coupled ? LN_LSTM_FORGET : LN_LSTM_INPUT; g < LN_LSTM_OUTPUT; ++g) {
    compute_gate(lstm, g, &vectors, cell_state, scratch);
  }
  update_cell(lstm, scratch->sums, cell_state);
  /* The output gate's peephole sees the new cell state. */
  compute_gate(lstm, LN_LSTM_OUTPUT, &vectors, cell_state, scratch);
  const float *output_gate = scratch->sums + (ptrdiff_t)LN_LSTM_OUTPUT * cells;
  float *hidden = scratch->sums; /* the other gates are spent */
  ln_k_recurrent_activate(&lstm->functions, lstm->activation, cell_state, cells, hidden);
  for (int32_t i = 0; i < cells; ++i) hidden[i] *= output_gate[i];
  if (ln_k_recurrent_is_there(&lstm->projection)) project(lstm, hidden, scratch, output_state);
  else memcpy(output_state, hidden, (size_t)cells * sizeof(float));
}

/* A step of an integer LSTM with int8 products, TFLite's 8x8_8 form: see kernels/lstm.h. */
#include <math.h>
#include <stddef.h>

#include "kernels/lstm.h"

static int32_t scale(int32_t x, ln_multiplier by) { return ln_multiply_quantized(x, by.multiplier, by.shift); }
static int32_t scale_cut(int32_t x, ln_multiplier by) { return ln_clamp_i32(scale(x, by), -(1 << 20), 1 << 20); }
static int16_t saturate16(int32_t x) { return (int16_t)ln_fixed16_saturate(x); }

/* What a product cut to int8 adds to the gate's sum. */
static int32_t widened(int32_t sum, const ln_lstm_narrow_half *half) {
  const int32_t cut = ln_clamp_i32(scale_cut(sum, half->scale) + half->zero_point, INT8_MIN, INT8_MAX);
  return scale_cut(cut - half->zero_point, half->widen);
}

/* A float in [-1, 1] in Q0.15, towards zero; NaN: 0. */
static int16_t to_q15(float value) { return value == value ? saturate16((int32_t)(value * 32768.0f)) : (int16_t)0; }

/* Layer normalization in floats, back to Q3.12. */
static void normalize(const ln_lstm_narrow_gate *gate, int32_t count, int16_t *values) {
  const float bias_scale = 0x1p-10f * gate->norm_scale;
  float sum = 0.0f, squares = 0.0f;
  for (int32_t i = 0; i < count; ++i) {
    const float value = (float)values[i];
    sum += value;
    squares += value * value;
  }
  const float mean = sum / (float)count, variance = squares / (float)count - mean * mean;
  const float inverse = 1.0f / sqrtf(variance == 0.0f ? 1e-8f : variance);
  for (int32_t i = 0; i < count; ++i) {
    const float normed = ((float)values[i] - mean) * inverse;
    const float weighted = normed * (float)gate->norm[i] * gate->norm_scale + (float)gate->bias[i] * bias_scale;
    const float rounded = roundf(weighted * 4096.0f);
    values[i] = rounded == rounded ? (int16_t)ln_clamp_f32(rounded, INT16_MIN, INT16_MAX) : (int16_t)0;
  }
}

static void compute_gate(const ln_lstm_narrow *lstm, int32_t g, const int8_t *input, const int8_t *output_state,
                         int32_t *sums, int16_t *out) {
  const ln_lstm_narrow_gate *gate = &lstm->gates[g];
  const int32_t cells = lstm->size.cells;
  int32_t *of_input = sums, *of_state = sums + cells;
  lstm->matvec(gate->input.weights, input, cells, lstm->size.inputs, gate->input.bias, of_input);
  lstm->matvec(gate->recurrent.weights, output_state, cells, lstm->size.outputs, gate->recurrent.bias, of_state);
  for (int32_t i = 0; i < cells; ++i) {
    out[i] = saturate16(widened(of_input[i], &gate->input) + widened(of_state[i], &gate->recurrent));
  }
  normalize(gate, cells, out);
  for (int32_t i = 0; i < cells; ++i) {
    const float x = (float)out[i] * 0x1p-12f;
    out[i] = to_q15(g == LN_LSTM_CELL ? tanhf(x) : 1.0f / (1.0f + expf(-x)));
  }
}

static void update_cell(const ln_lstm_narrow *lstm, const int16_t *forget, const int16_t *candidate,
                        int16_t *cell_state) {
  const int32_t clip = lstm->cell_clip > 0 ? lstm->cell_clip : INT16_MAX + 1;
  for (int32_t i = 0; i < lstm->size.cells; ++i) {
    const int32_t kept = (int16_t)ln_rounding_divide_by_pot(forget[i] * cell_state[i], 15);
    const int32_t taken = (int16_t)ln_rounding_divide_by_pot((INT16_MAX - forget[i]) * candidate[i], 15);
    cell_state[i] = (int16_t)ln_clamp_i32(saturate16(kept + taken), -clip, clip);
  }
}

static void project(const ln_lstm_narrow *lstm, const int16_t *hidden, int8_t *output_state) {
  const int32_t cells = lstm->size.cells, clip = lstm->projection_clip > 0 ? lstm->projection_clip : INT8_MAX + 1;
  for (int32_t r = 0; r < lstm->size.outputs; ++r) {
    const int8_t *row = lstm->projection + (ptrdiff_t)r * cells;
    uint32_t sum = lstm->projection_bias != NULL ? (uint32_t)lstm->projection_bias[r] : 0;
    for (int32_t c = 0; c < cells; ++c) sum += (uint32_t)(hidden[c] * row[c]);
    const int32_t value = scale_cut((int32_t)sum, lstm->projection_scale) + lstm->output_zero_point;
    output_state[r] = (int8_t)ln_clamp_i32(ln_clamp_i32(value, INT8_MIN, INT8_MAX), -clip, clip);
  }
}

void ln_k_lstm_step_narrow(const ln_lstm_narrow *lstm, const int8_t *input, int8_t *output_state, int16_t *cell_state,
                           int32_t *sums, int16_t *gates) {
  const int32_t cells = lstm->size.cells;
  for (int32_t g = LN_LSTM_FORGET; g < LN_LSTM_GATES; ++g) {
    compute_gate(lstm, g, input, output_state, sums, gates + (ptrdiff_t)g * cells);
  }
  int16_t *output_gate = gates + (ptrdiff_t)LN_LSTM_OUTPUT * cells;
  update_cell(lstm, gates + (ptrdiff_t)LN_LSTM_FORGET * cells, gates + (ptrdiff_t)LN_LSTM_CELL * cells, cell_state);
  for (int32_t i = 0; i < cells; ++i) {
    const int32_t bounded = to_q15(tanhf((float)cell_state[i] * 0x1p-15f));
    output_gate[i] = (int16_t)ln_rounding_divide_by_pot(output_gate[i] * bounded, 15);
  }
  project(lstm, output_gate, output_state);
}

/* A step of an integer LSTM, TFLite's 8x8_16 form: see kernels/lstm.h. Gates are Q3.12, activations Q0.15. */
#include <stddef.h>

#include "kernels/fixed16.h"
#include "kernels/lstm.h"

static int16_t saturate16(int32_t x) { return (int16_t)ln_fixed16_saturate(x); }
static int8_t saturate8(int32_t x) { return (int8_t)ln_clamp_i32(x, INT8_MIN, INT8_MAX); }
static int32_t wrapping_mul(int32_t a, int32_t b) { return (int32_t)((uint32_t)a * (uint32_t)b); }
static int32_t scale(int32_t x, ln_multiplier by) { return ln_multiply_quantized(x, by.multiplier, by.shift); }
/* What is beyond the result's range anyway is cut, so that adding to it cannot overflow. */
static int32_t scale_cut(int32_t x, ln_multiplier by) { return ln_clamp_i32(scale(x, by), -(1 << 20), 1 << 20); }

/* 1 / sqrt(x) as a multiplier, by Newton's method on x brought into [1/4, 1); as TFLite defines it, x >= 1. */
static ln_multiplier inverse_root(int32_t x) {
  ln_multiplier out = {INT32_MAX, 0};
  if (x <= 1) return out;
  int32_t shift = 11;
  for (; x >= 1 << 29; x /= 4) ++shift;
  int32_t pairs = 0; /* how often x can be multiplied by 4 and stay below 2^29 */
  for (; x < 1 << 27; x *= 4) ++pairs;
  shift -= pairs;
  /* Three integer bits. */
  const int32_t argument = x >> 1, half = ln_rounding_divide_by_pot(argument, 1);
  int32_t y = 1 << 28;
  for (int32_t i = 0; i < 5; ++i) {
    const int32_t cube = ln_rounding_doubling_high_mul(ln_rounding_doubling_high_mul(y, y), y);
    const int64_t cube3 = (int64_t)cube * 64;
    const int32_t cubed = cube3 > INT32_MAX ? INT32_MAX : cube3 < INT32_MIN ? INT32_MIN : (int32_t)cube3;
    const int32_t next =
        ln_rounding_doubling_high_mul((1 << 28) + (1 << 27), y) - ln_rounding_doubling_high_mul(half, cubed);
    const int64_t next3 = (int64_t)next * 8;
    y = next3 > INT32_MAX ? INT32_MAX : next3 < INT32_MIN ? INT32_MIN : (int32_t)next3;
  }
  out.multiplier = ln_rounding_doubling_high_mul(y, 1518500250); /* sqrt(1/2) */
  out.shift = -shift;
  if (shift < 0) {
    out.multiplier = (int32_t)((uint32_t)out.multiplier << -shift);
    out.shift = 0;
  }
  return out;
}

/* Layer normalization of one gate: values with 10 more bits, times the coefficients, plus the bias, back to Q3.12. */
static void normalize(int16_t *values, int32_t count, const ln_lstm_gate_i8 *gate) {
  int64_t sum = 0, squares = 0;
  for (int32_t i = 0; i < count; ++i) {
    sum += values[i];
    squares += (int32_t)values[i] * values[i];
  }
  const int32_t mean = (int32_t)(sum * 1024 / count);
  const int64_t spread = squares * ((1 << 20) / count) - (int64_t)mean * mean;
  const int32_t variance = (int32_t)(spread / (1 << 20));
  const ln_multiplier factor = inverse_root(variance < 1 ? gate->variance_guard : variance);
  for (int32_t i = 0; i < count; ++i) {
    const int32_t normed = scale(1024 * values[i] - mean, factor);
    const int32_t weighted = (int32_t)((uint32_t)wrapping_mul(normed, gate->norm[i]) + (uint32_t)gate->norm_bias[i]);
    const int32_t rounded = (int32_t)(((int64_t)weighted + (weighted > 0 ? 512 : -512)) / 1024);
    values[i] = saturate16(ln_multiply_quantized(rounded, gate->norm_scale.multiplier, gate->norm_scale.shift + 12));
  }
}

static void add_peephole(const ln_lstm_i8 *lstm, const ln_lstm_gate_i8 *gate, const int16_t *cell_state,
                         int16_t *sums) {
  const int32_t cells = lstm->size.cells;
  const bool by_outputs = lstm->projection != NULL;
  const int64_t first = (int64_t)lstm->batch * cells, end = (int64_t)lstm->batches * lstm->size.outputs;
  for (int32_t i = 0; i < cells; ++i) {
    if (by_outputs && first + i >= end) return;
    const int32_t from = by_outputs ? (int32_t)((first + i) % lstm->size.outputs) : i;
    /* More outputs than cells: what the reference then reads lies outside the weights. */
    if (from >= cells) continue;
    sums[i] = saturate16(scale_cut(gate->peephole[from] * cell_state[i], gate->peephole_scale) + sums[i]);
  }
}

/* The gate's argument of its activation, into gate_out[cells]. */
static void gate_sums(const ln_lstm_i8 *lstm, const ln_lstm_gate_i8 *gate, const int8_t *input,
                      const int8_t *output_state, const int16_t *cell_state, int32_t *sums, int16_t *gate_out) {
  const int32_t cells = lstm->size.cells;
  lstm->matvec(gate->input_weights, input, cells, lstm->size.inputs, gate->input_bias, sums);
  for (int32_t i = 0; i < cells; ++i) gate_out[i] = saturate16(scale(sums[i], gate->input_scale));
  lstm->matvec(gate->recurrent_weights, output_state, cells, lstm->size.outputs, gate->recurrent_bias, sums);
  for (int32_t i = 0; i < cells; ++i) gate_out[i] = saturate16(scale_cut(sums[i], gate->recurrent_scale) + gate_out[i]);
  if (gate->peephole != NULL) add_peephole(lstm, gate, cell_state, gate_out);
  if (gate->norm != NULL) normalize(gate_out, cells, gate);
}

/* cell = forget * cell + take * candidate; the products are rounded and cut to 16 bits, their sum saturates. */
static void update_cell(const ln_lstm_i8 *lstm, int16_t *input_gate, int16_t *forget, int16_t *candidate,
                        int16_t *cell_state) {
  const int32_t cells = lstm->size.cells, shift = 30 + lstm->cell_exponent;
  const int32_t clip = lstm->cell_clip > 0 ? lstm->cell_clip : INT16_MAX + 1;
  lstm->fixed16.logistic(forget, cells, forget);
  lstm->fixed16.tanh(candidate, 3, cells, candidate);
  if (!lstm->coupled) lstm->fixed16.logistic(input_gate, cells, input_gate);
  for (int32_t i = 0; i < cells; ++i) {
    const int32_t take = lstm->coupled ? INT16_MAX - forget[i] : input_gate[i];
    const int32_t kept = (int16_t)ln_rounding_divide_by_pot(forget[i] * cell_state[i], 15);
    const int32_t taken = (int16_t)ln_rounding_divide_by_pot(take * candidate[i], shift);
    cell_state[i] = (int16_t)ln_clamp_i32(saturate16(kept + taken), -clip, clip);
  }
}

static void project(const ln_lstm_i8 *lstm, const int8_t *hidden, int32_t *sums, int8_t *output_state) {
  lstm->matvec(lstm->projection, hidden, lstm->size.outputs, lstm->size.cells, lstm->projection_bias, sums);
  const int32_t clip = lstm->projection_clip > 0 ? lstm->projection_clip : INT8_MAX + 1;
  for (int32_t i = 0; i < lstm->size.outputs; ++i) {
    const int8_t value = saturate8(scale_cut(sums[i], lstm->projection_scale) + lstm->output_zero_point);
    output_state[i] = (int8_t)ln_clamp_i32(value, -clip, clip);
  }
}

void ln_k_lstm_step_i8(const ln_lstm_i8 *lstm, const int8_t *input, int8_t *output_state, int16_t *cell_state,
                       const ln_lstm_i8_scratch *scratch) {
  const int32_t cells = lstm->size.cells;
  int16_t *gates[LN_LSTM_GATES];
  for (int32_t g = 0; g < LN_LSTM_GATES; ++g) {
    gates[g] = scratch->gates + (ptrdiff_t)g * cells;
    const bool skipped = g == LN_LSTM_OUTPUT || (g == LN_LSTM_INPUT && lstm->coupled);
    if (!skipped) gate_sums(lstm, &lstm->gates[g], input, output_state, cell_state, scratch->sums, gates[g]);
  }
  update_cell(lstm, gates[LN_LSTM_INPUT], gates[LN_LSTM_FORGET], gates[LN_LSTM_CELL], cell_state);
  /* The output gate's peephole sees the new cell state. */
  int16_t *output_gate = gates[LN_LSTM_OUTPUT];
  gate_sums(lstm, &lstm->gates[LN_LSTM_OUTPUT], input, output_state, cell_state, scratch->sums, output_gate);
  int8_t *hidden = lstm->projection != NULL ? scratch->hidden : output_state;
  int16_t *bounded = gates[LN_LSTM_CELL];
  lstm->fixed16.logistic(output_gate, cells, output_gate);
  lstm->fixed16.tanh(cell_state, 15 + lstm->cell_exponent, cells, bounded);
  for (int32_t i = 0; i < cells; ++i) {
    const int32_t value = scale_cut(output_gate[i] * bounded[i], lstm->hidden_scale);
    hidden[i] = saturate8(value + lstm->hidden_zero_point);
  }
  if (lstm->projection != NULL) project(lstm, hidden, scratch->sums, output_state);
}

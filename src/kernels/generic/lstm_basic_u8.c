/* A step of the basic LSTM in integers: see kernels/lstm.h. */
#include <stddef.h>

#include "kernels/lstm.h"

enum { INPUT, CELL, FORGET, OUTPUT };
enum { STATE_BITS = 4 }; /* integer bits of the cell state */

/* As ln_multiply_quantized, but ties are rounded up and not away from zero: TFLite has no kernel here but one over the
 * matrix products of ruy, which rounds like this. */
static int32_t scale_up(int32_t x, ln_multiplier by) {
  const int32_t left = by.shift > 0 ? by.shift : 0, right = by.shift > 0 ? 0 : -by.shift;
  const int32_t shifted = (int32_t)((uint32_t)x << left);
  const int64_t high = ((int64_t)shifted * by.multiplier + (INT64_C(1) << 30)) >> 31;
  return (int32_t)(right == 0 ? high : (high + (INT64_C(1) << (right - 1))) >> right);
}

static void compute_gates(const ln_lstm_basic_u8 *lstm, const uint8_t *joined, int16_t *sums) {
  const int32_t columns = lstm->inputs + lstm->units;
  for (int32_t r = 0; r < 4 * lstm->units; ++r) {
    const uint8_t *row = lstm->weights + (ptrdiff_t)r * columns;
    uint32_t sum = (uint32_t)lstm->bias[r];
    for (int32_t c = 0; c < columns; ++c) sum += (uint32_t)((joined[c] - 128) * (row[c] - lstm->weights_zero));
    sums[r] = (int16_t)ln_fixed16_saturate(scale_up((int32_t)sum, lstm->accumulation));
  }
}

void ln_k_lstm_basic_u8(const ln_lstm_basic_u8 *lstm, const uint8_t *joined, const int16_t *last, int16_t *sums,
                        int16_t *state, uint8_t *activation) {
  const int32_t units = lstm->units;
  compute_gates(lstm, joined, sums);
  for (int32_t i = 0; i < units; ++i) {
    const int32_t take = ln_fixed16_logistic(sums[INPUT * units + i]);
    const int32_t candidate = ln_fixed16_tanh(sums[CELL * units + i], 3);
    const int32_t keep = ln_fixed16_logistic(sums[FORGET * units + i]);
    const int32_t taken = ln_fixed16_halve(ln_fixed16_saturate(ln_fixed16_mul(take, candidate)), STATE_BITS);
    state[i] = (int16_t)ln_fixed16_saturate(taken + ln_fixed16_mul(keep, last[i]));
    const int32_t output = ln_fixed16_logistic(sums[OUTPUT * units + i]);
    const int32_t value = ln_fixed16_halve(ln_fixed16_mul(output, ln_fixed16_tanh(state[i], STATE_BITS)), 8);
    activation[i] = (uint8_t)(128 + ln_clamp_i32(value, -128, 127));
  }
}

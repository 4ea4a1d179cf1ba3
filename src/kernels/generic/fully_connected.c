/* Products of rows with weights whose results are int16, as the reference computes them. */
#include "kernels/fully_connected.h"

#include <stddef.h>

#include "kernels/quant.h"

enum { SHUFFLED_ROWS = 4, SHUFFLED_DEPTH = 16 };

static double scale_of(const ln_fc_i16 *fc, int32_t j) { return fc->scales[fc->scale_count == 1 ? 0 : j]; }

static int16_t result(const ln_fc_i16 *fc, int32_t scaled) {
  return (int16_t)ln_clamp_i32((int32_t)((uint32_t)scaled + (uint32_t)fc->out_zero), fc->low, fc->high);
}

void ln_k_fc_i16(const ln_fc_i16 *fc, const int16_t *in, const int8_t *weights, const void *bias, int16_t *out) {
  for (int32_t j = 0; j < fc->n; ++j, weights += fc->k) {
    int64_t sum = 0;
    for (int32_t p = 0; p < fc->k; ++p) sum += in[p] * (weights[p] - fc->weights_zero);
    if (bias != NULL) {
      const int64_t offset = fc->wide_bias ? ((const int64_t *)bias)[j] : ((const int32_t *)bias)[j];
      sum = (int64_t)((uint64_t)sum + (uint64_t)offset);
    }
    out[j] = result(fc, ln_multiply_real((double)sum, scale_of(fc, j)));
  }
}

void ln_k_fc_scale_i16(const ln_fc_i16 *fc, bool fixed, const int32_t *sums, int16_t *out) {
  for (int32_t j = 0; j < fc->n; ++j) {
    const ln_multiplier by = ln_quantize_multiplier(scale_of(fc, j));
    out[j] = result(fc, fixed ? ln_multiply_quantized(sums[j], by.multiplier, by.shift)
                              : ln_multiply_real((double)sums[j], scale_of(fc, j)));
  }
}

void ln_k_fc_unshuffle(int32_t n, int32_t k, const int8_t *shuffled, int8_t *weights) {
  for (int32_t row = 0; row < n; row += SHUFFLED_ROWS) {
    for (int32_t column = 0; column < k; column += SHUFFLED_DEPTH) {
      for (int32_t i = 0; i < SHUFFLED_ROWS; ++i) {
        int8_t *to = weights + (ptrdiff_t)(row + i) * k + column;
        for (int32_t p = 0; p < SHUFFLED_DEPTH; ++p) to[p] = *shuffled++;
      }
    }
  }
}

void ln_k_fc_shuffle(int32_t rows, int32_t k, const uint8_t *in, uint8_t *shuffled) {
  for (int32_t column = 0; column < k; column += SHUFFLED_DEPTH) {
    for (int32_t i = 0; i < rows; ++i) {
      const uint8_t *from = in + (ptrdiff_t)i * k + column;
      for (int32_t p = 0; p < SHUFFLED_DEPTH; ++p) *shuffled++ = (uint8_t)(from[p] ^ 0x80);
    }
  }
}

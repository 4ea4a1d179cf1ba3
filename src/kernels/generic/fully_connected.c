/* Products of int16 rows with int8 weights, as the reference computes them. */
#include "kernels/fully_connected.h"

#include <stddef.h>

#include "kernels/quant.h"

void ln_k_fc_i16(const ln_fc_i16 *fc, const int16_t *in, const int8_t *weights, const void *bias, int16_t *out) {
  for (int32_t j = 0; j < fc->n; ++j, weights += fc->k) {
    int64_t sum = 0;
    for (int32_t p = 0; p < fc->k; ++p) sum += in[p] * (weights[p] - fc->weights_zero);
    if (bias != NULL) {
      const int64_t offset = fc->wide_bias ? ((const int64_t *)bias)[j] : ((const int32_t *)bias)[j];
      sum = (int64_t)((uint64_t)sum + (uint64_t)offset);
    }
    const int32_t scaled = ln_multiply_real((double)sum, fc->scales[fc->scale_count == 1 ? 0 : j]);
    out[j] = (int16_t)ln_clamp_i32(scaled, fc->low, fc->high);
  }
}

/* Scaling sums to int16 in plain C: the contract that faster tiers are held to. */
#include "kernels/scale_i16.h"

#include "kernels/kernels.h"
#include "kernels/quant.h"

static int16_t result(const ln_scale_i16 *by, int32_t j, int64_t sum) {
  int32_t scaled;
  if (by->reals != NULL) scaled = ln_multiply_real((double)sum, by->reals[j]);
  else if (by->twice) scaled = ln_multiply_quantized((int32_t)(uint32_t)(uint64_t)sum, by->multiplier[j], by->shift[j]);
  else scaled = ln_multiply_quantized_i64(sum, by->multiplier[j], by->shift[j]);
  return (int16_t)ln_clamp_i32(scaled, by->low, by->high);
}

void ln_k_scale_i64_to_i16(int32_t n, const int64_t *sums, const ln_scale_i16 *by, int16_t *c) {
  for (int32_t j = 0; j < n; ++j) c[j] = result(by, j, sums[j]);
}

ln_scale_i16_fn scale_i16_generic;
void scale_i16_generic(int32_t m, int32_t n, const int32_t *sums, ptrdiff_t sums_stride, const ln_scale_i16 *by,
                       int16_t *c, ptrdiff_t c_stride) {
  for (int32_t i = 0; i < m; ++i) {
    for (int32_t j = 0; j < n; ++j) c[i * c_stride + j] = result(by, j, sums[i * sums_stride + j]);
  }
}

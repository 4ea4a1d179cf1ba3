/* Matrix times vector with NEON: four rows at a time share the loads of x. */
#include "kernels/arm/vec_f32.h"

LN_INLINE int32x4_t add_products(int32x4_t sum, int8x16_t w, int8x16_t x) {
  sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(w), vget_low_s8(x)));
  return vpadalq_s16(sum, vmull_high_s8(w, x));
}

#define MATVEC_I8 ln_matvec_i8_neon
#include "kernels/arm/matvec_i8.inc"

ln_matvec_f32_fn ln_matvec_f32_neon;

/* Four rows, or one. */
LN_INLINE void rows_f32(const float *weights, const float *x, const int rows, int32_t columns, float *out) {
  vf sums[4] = {vf_zero(), vf_zero(), vf_zero(), vf_zero()};
  int32_t c = 0;
  for (; c + 4 <= columns; c += 4) {
    const vf part = vf_load(x + c);
#pragma GCC unroll 4
    for (int r = 0; r < rows; ++r) sums[r] = vf_fma(vf_load(weights + (ptrdiff_t)r * columns + c), part, sums[r]);
  }
  float totals[4];
  vf_store(totals, vpaddq_f32(vpaddq_f32(sums[0], sums[1]), vpaddq_f32(sums[2], sums[3])));
  for (int r = 0; r < rows; ++r) {
    const float *row = weights + (ptrdiff_t)r * columns;
    float rest = 0.0f;
    for (int32_t i = c; i < columns; ++i) rest += row[i] * x[i];
    out[r] += totals[r] + rest;
  }
}

void ln_matvec_f32_neon(const float *weights, const float *x, int32_t rows, int32_t columns, float *out) {
  int32_t r = 0;
  for (; r + 4 <= rows; r += 4) rows_f32(weights + (ptrdiff_t)r * columns, x, 4, columns, out + r);
  for (; r < rows; ++r) rows_f32(weights + (ptrdiff_t)r * columns, x, 1, columns, out + r);
}

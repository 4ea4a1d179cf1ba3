/* Quantizing floats in run, and scaling the sums of integer products back. */
#include "kernels/hybrid.h"

#include <math.h>

#include "kernels/quant.h"
#include "kernels/rows.h"

#define KERNEL(stem) ln_##stem##_generic
#include "kernels/hybrid_body.inc"

void ln_k_quantize_symmetric(const float *x, size_t count, int8_t *q, float *scale) {
  float low, high;
  LN_KERNEL_OF(hybrid, range_f32)(x, count, &low, &high);
  const float range = -low > high ? -low : high;
  if (!(range > 0.0f)) {
    for (size_t i = 0; i < count; ++i) q[i] = 0;
    *scale = 1.0f;
    return;
  }
  const float inverse = 127.0f / range;
  *scale = range / 127.0f;
  LN_KERNEL_OF(hybrid, round_i8)(x, count, inverse, 0.0f, -127.0f, 127.0f, q);
}

void ln_k_quantize_asymmetric(const float *x, size_t count, int8_t *q, float *scale, int32_t *zero_point) {
  float low, high;
  LN_KERNEL_OF(hybrid, range_f32)(x, count, &low, &high);
  *scale = 1.0f;
  *zero_point = 0;
  if (!(high > low)) {
    for (size_t i = 0; i < count; ++i) q[i] = 0;
    return;
  }
  /* The zero point comes from the end of the range that loses less by rounding. */
  const double step = ((double)high - (double)low) / 255.0;
  const double from_low = -128.0 - (double)low / step;
  const double from_high = 127.0 - (double)high / step;
  const double low_error = 128.0 + fabs((double)low / step);
  const double high_error = 127.0 + fabs((double)high / step);
  const double zero = low_error < high_error ? from_low : from_high;
  *zero_point = !(zero > -128.0) ? -128 : zero >= 127.0 ? 127 : (int32_t)round(zero); /* NaN: -128 */
  *scale = (float)step;
  const float inverse = 1.0f / *scale;
  LN_KERNEL_OF(hybrid, round_i8)(x, count, inverse, (float)*zero_point, -128.0f, 127.0f, q);
}

void ln_k_scale_sums(int32_t m, int32_t n, const int32_t *sums, const ln_hybrid_scales *scales, float *out) {
  ln_scale_row_fn *scale_row = LN_KERNEL_OF(hybrid, scale_row);
  if (scales->a_count == 1 && scales->b_count == 1 && scales->bias == NULL) { /* one long row */
    scale_row(sums, (size_t)m * (size_t)n, scales->a_scales[0], scales, out);
    return;
  }
  for (int32_t i = 0; i < m; ++i, sums += n, out += n) {
    scale_row(sums, (size_t)n, scales->a_scales[scales->a_count == 1 ? 0 : i], scales, out);
  }
}

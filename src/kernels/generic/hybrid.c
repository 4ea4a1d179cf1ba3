/* Quantizing floats in run, and scaling the sums of integer products back. */
#include "kernels/hybrid.h"

#include <math.h>

#include "kernels/quant.h"

/* Rounds halves away from zero and keeps NaN and what is out of range from being converted. */
static int8_t to_i8(float value, float low, float high) {
  if (!(value > low)) return (int8_t)low;
  if (value > high) return (int8_t)high;
  return (int8_t)(value < 0.0f ? (int32_t)(value - 0.5f) : (int32_t)(value + 0.5f));
}

static void find_range(const float *x, size_t count, float *low, float *high) {
  float least = 0.0f, most = 0.0f;
  for (size_t i = 0; i < count; ++i) {
    least = x[i] < least ? x[i] : least;
    most = x[i] > most ? x[i] : most;
  }
  *low = least;
  *high = most;
}

void ln_k_quantize_symmetric(const float *x, size_t count, int8_t *q, float *scale) {
  float low, high;
  find_range(x, count, &low, &high);
  const float range = -low > high ? -low : high;
  if (!(range > 0.0f)) {
    for (size_t i = 0; i < count; ++i) q[i] = 0;
    *scale = 1.0f;
    return;
  }
  const float inverse = 127.0f / range;
  *scale = range / 127.0f;
  for (size_t i = 0; i < count; ++i) q[i] = to_i8(x[i] * inverse, -127.0f, 127.0f);
}

void ln_k_quantize_asymmetric(const float *x, size_t count, int8_t *q, float *scale, int32_t *zero_point) {
  float low, high;
  find_range(x, count, &low, &high);
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
  const float offset = (float)*zero_point;
  for (size_t i = 0; i < count; ++i) q[i] = to_i8(offset + x[i] * inverse, -128.0f, 127.0f);
}

void ln_k_scale_sums(int32_t m, int32_t n, const int32_t *sums, const ln_hybrid_scales *scales, float *out) {
  for (int32_t i = 0; i < m; ++i) {
    const float a_scale = scales->a_scales[scales->a_count == 1 ? 0 : i];
    for (int32_t j = 0; j < n; ++j) {
      const float scaled = (float)sums[j] * scales->b_scales[scales->b_count == 1 ? 0 : j] * a_scale;
      out[j] = ln_clamp_f32(scales->bias == NULL ? scaled : scaled + scales->bias[j], scales->low, scales->high);
    }
    sums += n;
    out += n;
  }
}

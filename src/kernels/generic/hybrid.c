/* Quantizing floats in run, and scaling the sums of integer products back. */
#include "kernels/hybrid.h"

#include <math.h>

#include "kernels/quant.h"

/* q = round(offset + x * factor), halves away from zero, cut to [low, high]; NaN gives `low`. In a form that compilers
 * turn into vectors. */
static void round_all(const float *x, size_t count, float factor, float offset, float low, float high, int8_t *q) {
  for (size_t i = 0; i < count; ++i) {
    const float value = offset + x[i] * factor;
    const float above = value > low ? value : low;
    const float cut = above > high ? high : above;
    q[i] = (int8_t)(int32_t)(cut + (cut < 0.0f ? -0.5f : 0.5f));
  }
}

enum { LANES = 16 };

static void find_range(const float *x, size_t count, float *low, float *high) {
  float least[LANES] = {0}, most[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    for (size_t j = 0; j < LANES; ++j) {
      least[j] = x[i + j] < least[j] ? x[i + j] : least[j];
      most[j] = x[i + j] > most[j] ? x[i + j] : most[j];
    }
  }
  for (; i < count; ++i) {
    least[0] = x[i] < least[0] ? x[i] : least[0];
    most[0] = x[i] > most[0] ? x[i] : most[0];
  }
  *low = least[0];
  *high = most[0];
  for (size_t j = 1; j < LANES; ++j) {
    *low = least[j] < *low ? least[j] : *low;
    *high = most[j] > *high ? most[j] : *high;
  }
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
  round_all(x, count, inverse, 0.0f, -127.0f, 127.0f, q);
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
  round_all(x, count, inverse, (float)*zero_point, -128.0f, 127.0f, q);
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

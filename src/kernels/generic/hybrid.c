/* Quantizing floats in run, and scaling the sums of integer products back. */
#include "kernels/hybrid.h"

#include <math.h>

#include "kernels/quant.h"
#include "kernels/rows.h"

#define KERNEL(stem) ln_##stem##_generic
#include "kernels/hybrid_body.inc"

void ln_k_form_symmetric(float low, float high, ln_hybrid_form *form) {
  const float range = -low > high ? -low : high;
  *form = (ln_hybrid_form){.scale = 1.0f}; /* all zeros */
  if (!(range > 0.0f)) return;
  *form = (ln_hybrid_form){127.0f / range, 0.0f, -127.0f, 127.0f, range / 127.0f, 0};
}

void ln_k_form_asymmetric(float low, float high, ln_hybrid_form *form) {
  *form = (ln_hybrid_form){.scale = 1.0f};
  if (!(high > low)) return;
  /* The zero point comes from the end of the range that loses less by rounding. */
  const double step = ((double)high - (double)low) / 255.0;
  const double from_low = -128.0 - (double)low / step;
  const double from_high = 127.0 - (double)high / step;
  const double low_error = 128.0 + fabs((double)low / step);
  const double high_error = 127.0 + fabs((double)high / step);
  const double zero = low_error < high_error ? from_low : from_high;
  const int32_t zero_point = !(zero > -128.0) ? -128 : zero >= 127.0 ? 127 : (int32_t)round(zero); /* NaN: -128 */
  const float scale = (float)step;
  *form = (ln_hybrid_form){1.0f / scale, (float)zero_point, -128.0f, 127.0f, scale, zero_point};
}

static void quantize(const float *x, size_t count, void (*make)(float, float, ln_hybrid_form *), int8_t *q,
                     ln_hybrid_form *form) {
  float low, high;
  LN_KERNEL_OF(hybrid, range_f32)(x, count, &low, &high);
  make(low, high, form);
  LN_KERNEL_OF(hybrid, round_i8)(x, count, form->factor, form->offset, form->low, form->high, q);
}

void ln_k_quantize_symmetric(const float *x, size_t count, int8_t *q, float *scale) {
  ln_hybrid_form form;
  quantize(x, count, ln_k_form_symmetric, q, &form);
  *scale = form.scale;
}

void ln_k_quantize_asymmetric(const float *x, size_t count, int8_t *q, float *scale, int32_t *zero_point) {
  ln_hybrid_form form;
  quantize(x, count, ln_k_form_asymmetric, q, &form);
  *scale = form.scale;
  *zero_point = form.zero_point;
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

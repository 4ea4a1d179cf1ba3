/* Normalized rows in plain C. */
#include "kernels/l2_normalization.h"

#include <math.h>

#include "kernels/fixed_point.h"

enum { PARTS = 8 }; /* sums run side by side, so that they can be vectorised in one order */

void ln_k_l2_normalize_f32(const float *in, float *out, size_t rows, size_t depth) {
  for (size_t r = 0; r < rows; ++r, in += depth, out += depth) {
    float parts[PARTS] = {0};
    size_t i = 0;
    for (; i + PARTS <= depth; i += PARTS) {
      for (int32_t p = 0; p < PARTS; ++p) parts[p] += in[i + p] * in[i + p];
    }
    float sum = 0.0f;
    for (int32_t p = 0; p < PARTS; ++p) sum += parts[p];
    for (; i < depth; ++i) sum += in[i] * in[i];
    const float length = sqrtf(sum);
    const float divisor = length > 1e-6f ? length : 1e-6f;
    for (i = 0; i < depth; ++i) out[i] = in[i] / divisor;
  }
}

void ln_k_l2_normalize_q8(const void *in, void *out, size_t rows, size_t depth, bool is_unsigned, int32_t zero_point) {
  const uint8_t *bytes = in;
  uint8_t *to = out;
  const int32_t low = is_unsigned ? 0 : INT8_MIN, high = is_unsigned ? UINT8_MAX : INT8_MAX;
  for (size_t r = 0; r < rows; ++r, bytes += depth, to += depth) {
    uint32_t sum = 0;
    int32_t inverse = 0;
    for (size_t i = 0; i < depth; ++i) {
      const int32_t value = (is_unsigned ? bytes[i] : (int8_t)bytes[i]) - zero_point;
      sum += (uint32_t)(value * value);
    }
    const int32_t shift = ln_fx_inverse_sqrt((int32_t)(sum > INT32_MAX ? INT32_MAX : sum), &inverse);
    for (size_t i = 0; i < depth; ++i) {
      const int32_t value = (is_unsigned ? bytes[i] : (int8_t)bytes[i]) - zero_point;
      /* The reference scales by 128 before the multiplication for uint8, in its shift for int8. */
      const int32_t scaled = is_unsigned ? ln_multiply_quantized(128 * value, inverse, -shift) + 128
                                         : ln_multiply_quantized(value, inverse, 7 - shift);
      to[i] = (uint8_t)ln_clamp_i32(scaled, low, high);
    }
  }
}

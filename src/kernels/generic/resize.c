/* Resizing in plain C. */
#include <string.h>

#include "kernels/kernels.h"

#define LN_KERNEL(family, slot, isa, type, name) extern type name;
#include "kernels/resize.def"
#undef LN_KERNEL

void resize_mix_f32_generic(size_t count, const float *a, const float *b, float fraction, float *out) {
  for (size_t i = 0; i < count; ++i) out[i] = a[i] + (b[i] - a[i]) * fraction;
}

void resize_columns_f32_generic(const float *line, const ln_resize_column *columns, int32_t out_w, int32_t channels,
                                float *out) {
  for (int32_t x = 0; x < out_w; ++x, out += channels) {
    resize_mix_f32_generic((size_t)channels, line + columns[x].low, line + columns[x].high, columns[x].fraction, out);
  }
}

void resize_mix_i8_generic(size_t count, const int8_t *a, const int8_t *b, int32_t fraction10, int32_t *out) {
  for (size_t i = 0; i < count; ++i) out[i] = a[i] * (1024 - fraction10) + b[i] * fraction10;
}

void resize_columns_i8_generic(const int32_t *line, const ln_resize_column *columns, int32_t out_w, int32_t channels,
                               int8_t *out) {
  for (int32_t x = 0; x < out_w; ++x, out += channels) {
    const int32_t *low = line + columns[x].low, *high = line + columns[x].high;
    const int32_t f = columns[x].fraction10;
    for (int32_t c = 0; c < channels; ++c) {
      const int32_t sum = low[c] * (1024 - f) + high[c] * f;
      out[c] = (int8_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
    }
  }
}

void resize_mix_u8_generic(size_t count, const uint8_t *a, const uint8_t *b, float fraction, float *upper,
                           float *lower) {
  for (size_t i = 0; i < count; ++i) {
    upper[i] = (float)a[i] * (1.0f - fraction);
    lower[i] = (float)b[i] * fraction;
  }
}

void resize_columns_u8_generic(const float *upper, const float *lower, const ln_resize_column *columns, int32_t out_w,
                               int32_t channels, uint8_t *out) {
  for (int32_t x = 0; x < out_w; ++x, out += channels) {
    const int32_t low = columns[x].low, high = columns[x].high;
    const float f = columns[x].fraction;
    for (int32_t c = 0; c < channels; ++c) {
      const float left = upper[low + c] * (1.0f - f) + lower[low + c] * (1.0f - f);
      out[c] = (uint8_t)(int32_t)(left + upper[high + c] * f + lower[high + c] * f + 0.5f);
    }
  }
}

void ln_k_resize_row_i16(const int16_t *a, const int16_t *b, int32_t fraction10, const ln_resize_column *columns,
                         int32_t out_w, int32_t channels, int16_t *out) {
  for (int32_t x = 0; x < out_w; ++x, out += channels) {
    const int32_t low = columns[x].low, high = columns[x].high;
    const int64_t f = columns[x].fraction10;
    for (int32_t c = 0; c < channels; ++c) {
      const int64_t left = (int64_t)a[low + c] * (1024 - fraction10) + (int64_t)b[low + c] * fraction10;
      const int64_t right = (int64_t)a[high + c] * (1024 - fraction10) + (int64_t)b[high + c] * fraction10;
      const int64_t sum = left * (1024 - f) + right * f;
      out[c] = (int16_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
    }
  }
}

void ln_k_resize_nearest_row(const char *line, const size_t *low, int32_t out_w, size_t bytes, char *out) {
  for (int32_t x = 0; x < out_w; ++x, out += bytes) memcpy(out, line + low[x], bytes);
}

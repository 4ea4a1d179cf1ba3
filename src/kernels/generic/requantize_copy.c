/* Requantizing copies in plain C: 256 possible values, so that a long run goes through a table. */
#include "kernels/requantize_copy.h"

#include "kernels/quant.h"

static int32_t requantize(int32_t value, float scale, float bias, int32_t zero_point, int32_t low, int32_t high) {
  const double moved = (double)roundf((float)value * scale + bias) + zero_point;
  return moved < low ? low : (moved > high ? high : (int32_t)moved);
}

void ln_k_requantize_copy_u8(const uint8_t *src, uint8_t *dst, size_t count, float scale, float bias,
                             int32_t zero_point) {
  uint8_t table[256];
  if (count < 256) {
    for (size_t i = 0; i < count; ++i) dst[i] = (uint8_t)requantize(src[i], scale, bias, zero_point, 0, 255);
    return;
  }
  for (int32_t v = 0; v < 256; ++v) table[v] = (uint8_t)requantize(v, scale, bias, zero_point, 0, 255);
  for (size_t i = 0; i < count; ++i) dst[i] = table[src[i]];
}

void ln_k_requantize_copy_i8(const int8_t *src, int8_t *dst, size_t count, float scale, float bias,
                             int32_t zero_point) {
  int8_t table[256];
  if (count < 256) {
    for (size_t i = 0; i < count; ++i) dst[i] = (int8_t)requantize(src[i], scale, bias, zero_point, -128, 127);
    return;
  }
  for (int32_t v = -128; v < 128; ++v) table[v + 128] = (int8_t)requantize(v, scale, bias, zero_point, -128, 127);
  for (size_t i = 0; i < count; ++i) dst[i] = table[src[i] + 128];
}

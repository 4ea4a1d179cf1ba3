/* Weights of 4 bits in blocks times floats in plain C (matvec_i4.h). */
#include <math.h>
#include <string.h>

#include "kernels/matvec.h"

ln_i4_quantize_fn ln_quantize_i4_generic;
ln_matvec_i4_fn ln_matvec_i4_generic;

static float block_scale(const float *x, int32_t count) {
  int32_t most = 0; /* magnitudes compare as integers do, NaN above all */
  for (int32_t i = 0; i < count; ++i) {
    int32_t bits;
    memcpy(&bits, x + i, sizeof bits);
    bits &= INT32_MAX;
    most = bits > most ? bits : most;
  }
  float magnitude;
  memcpy(&magnitude, &most, sizeof magnitude);
  return most > 0x7F7FFFFF ? NAN : magnitude / 32512.0f;
}

void ln_quantize_i4_generic(const float *x, const ln_i4_vector *out) {
  const float magic = 12582912.0f; /* 1.5 * 2^23: what is added to it is rounded to a whole number */
  for (int32_t b = 0; b < out->blocks; ++b) {
    const int32_t first = b * out->block;
    const float scale = block_scale(x + first, out->block);
    const float inverse = scale > 1e-37f ? 1.0f / scale : 0.0f; /* NaN and next to nothing: zeros */
    int8_t *restrict high = out->high + first, *restrict low = out->low + first;
    int32_t sum = 0;
    for (int32_t i = 0; i < out->block; ++i) {
      const float moved = x[first + i] * inverse;
      const float rounded = (moved > 32512.0f ? 32512.0f : moved > -32512.0f ? moved : -32512.0f) + magic;
      int32_t q;
      memcpy(&q, &rounded, sizeof q);
      q -= 0x4B400000;
      q = inverse > 0.0f ? q : 0;
      sum += q;
      low[i] = (int8_t)(uint8_t)(q & 255);
      high[i] = (int8_t)((q + 128) >> 8);
    }
    out->scales[b] = scale;
    out->starts[b] = -8 * sum;
  }
}

void ln_matvec_i4_generic(const ln_i4_vector *x, const void *panel, float *out) {
  const uint8_t *at = panel;
  for (int32_t r = 0; r < LN_I4_ROWS; ++r) out[r] = 0.0f;
  for (int32_t b = 0; b < x->blocks; ++b) {
    int32_t sums[LN_I4_ROWS];
    float scales[LN_I4_ROWS];
    memcpy(scales, at, sizeof scales);
    at += sizeof scales;
    for (int32_t r = 0; r < LN_I4_ROWS; ++r) sums[r] = x->starts[b];
    for (int32_t k = b * x->block; k < (b + 1) * x->block; k += 8, at += 4 * LN_I4_ROWS) {
      int32_t q[8];
      for (int32_t i = 0; i < 8; ++i) q[i] = x->high[k + i] * 256 + x->low[k + i];
      for (int32_t r = 0; r < LN_I4_ROWS; ++r) {
        const uint8_t *w = at + 4 * r;
        for (int32_t i = 0; i < 4; ++i) sums[r] += (w[i] & 15) * q[i] + (w[i] >> 4) * q[4 + i];
      }
    }
    for (int32_t r = 0; r < LN_I4_ROWS; ++r) out[r] += (float)sums[r] * (scales[r] * x->scales[b]);
  }
}

/* The stored weight number k of a row, plus 8. */
static uint8_t raised(const uint8_t *row, int32_t k) { return (uint8_t)(((row[k / 2] >> (k % 2 * 4)) & 15) ^ 8); }

void ln_k_i4_pack(int32_t count, int32_t blocks, int32_t block, const uint8_t *weights, size_t row_bytes,
                  const float *scales, void *panel) {
  uint8_t *to = panel;
  memset(panel, 0, (size_t)blocks * ln_i4_block_bytes(block));
  for (int32_t b = 0; b < blocks; ++b) {
    for (int32_t r = 0; r < count; ++r) memcpy(to + (size_t)r * sizeof(float), scales + r * blocks + b, sizeof(float));
    to += LN_I4_ROWS * sizeof(float);
    for (int32_t k = b * block; k < (b + 1) * block; k += 8, to += 4 * LN_I4_ROWS) {
      for (int32_t r = 0; r < count; ++r) {
        const uint8_t *row = weights + (size_t)r * row_bytes;
        for (int32_t i = 0; i < 4; ++i) to[4 * r + i] = (uint8_t)(raised(row, k + i) | raised(row, k + 4 + i) << 4);
      }
    }
  }
}

/* Weights of 4 bits in blocks times floats with AVX-512 VNNI: raised weights are the unsigned factor. */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels/matvec.h"

ln_matvec_i4_fn ln_matvec_i4_avx512vnni;
ln_i4_quantize_fn ln_quantize_i4_avx512vnni;

enum { VECTORS = LN_I4_ROWS / 16 };

static inline __m512i spread(const int8_t *p) {
  int32_t bytes;
  memcpy(&bytes, p, sizeof bytes);
  return _mm512_set1_epi32(bytes);
}

void ln_matvec_i4_avx512vnni(const ln_i4_vector *x, const void *panel, float *out) {
  const __m512i mask = _mm512_set1_epi8(15);
  const char *at = panel;
  __m512 total[VECTORS];
  for (int v = 0; v < VECTORS; ++v) total[v] = _mm512_setzero_ps();
  for (int32_t b = 0; b < x->blocks; ++b) {
    const char *scales = at;
    __m512i high[VECTORS], low[VECTORS];
    at += LN_I4_ROWS * sizeof(float);
    for (int v = 0; v < VECTORS; ++v) {
      high[v] = _mm512_setzero_si512();
      low[v] = _mm512_set1_epi32(x->starts[b]);
    }
    int32_t k = b * x->block;
    const int32_t end = k + x->block;
    do { /* no block is empty: known, it saves copies of the sums */
      const __m512i h0 = spread(x->high + k), h1 = spread(x->high + k + 4);
      const __m512i l0 = spread(x->low + k), l1 = spread(x->low + k + 4);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) {
        const __m512i both = _mm512_loadu_si512(at + 64 * v);
        const __m512i w0 = _mm512_and_si512(both, mask), w1 = _mm512_and_si512(_mm512_srli_epi16(both, 4), mask);
        high[v] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(high[v], w0, h0), w1, h1);
        low[v] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(low[v], w0, l0), w1, l1);
      }
      k += 8;
      at += 4 * LN_I4_ROWS;
    } while (k < end);
    const __m512 scale = _mm512_set1_ps(x->scales[b]);
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      const __m512 sum = _mm512_cvtepi32_ps(_mm512_add_epi32(low[v], _mm512_slli_epi32(high[v], 8)));
      const __m512 by = _mm512_mul_ps(_mm512_loadu_ps(scales + 64 * v), scale);
      total[v] = _mm512_add_ps(total[v], _mm512_mul_ps(sum, by));
    }
  }
  for (int v = 0; v < VECTORS; ++v) _mm512_storeu_ps(out + 16 * v, total[v]);
}

/* Magnitudes compare as integers do, NaN above all. */
static inline float block_scale(const float *x, int32_t count) {
  const __m512i magnitude = _mm512_set1_epi32(INT32_MAX);
  __m512i most = _mm512_setzero_si512();
  for (int32_t i = 0; i < count; i += 16)
    most = _mm512_max_epi32(most, _mm512_and_si512(_mm512_loadu_si512(x + i), magnitude));
  const float largest = _mm_cvtss_f32(_mm_castsi128_ps(_mm_cvtsi32_si128(_mm512_reduce_max_epi32(most))));
  return largest <= 3.402823466e38f ? largest / 32512.0f : NAN;
}

/* No value is cut at 32512: none of a block comes so far above it that it would not be rounded down to it. */
void ln_quantize_i4_avx512vnni(const float *x, const ln_i4_vector *out) {
  for (int32_t b = 0; b < out->blocks; ++b) {
    const float scale = block_scale(x + b * out->block, out->block);
    const __mmask16 some = scale > 1e-37f ? 0xFFFF : 0;
    const __m512 inverse = _mm512_set1_ps(1.0f / scale);
    __m512i sum = _mm512_setzero_si512();
    for (int32_t i = b * out->block, end = i + out->block; i < end; i += 16) {
      const __m512i q = _mm512_maskz_cvtps_epi32(some, _mm512_mul_ps(_mm512_loadu_ps(x + i), inverse));
      sum = _mm512_add_epi32(sum, q);
      const __m512i high = _mm512_srai_epi32(_mm512_add_epi32(q, _mm512_set1_epi32(128)), 8);
      _mm_storeu_si128((__m128i *)(void *)(out->low + i), _mm512_cvtepi32_epi8(q));
      _mm_storeu_si128((__m128i *)(void *)(out->high + i), _mm512_cvtepi32_epi8(high));
    }
    out->scales[b] = scale;
    out->starts[b] = -8 * _mm512_reduce_add_epi32(sum);
  }
}

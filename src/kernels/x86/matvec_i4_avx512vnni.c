/* Weights of 4 bits in blocks times floats with AVX-512 VNNI: raised weights are the unsigned factor. */
#include <immintrin.h>
#include <string.h>

#include "kernels/matvec.h"

ln_matvec_i4_fn ln_matvec_i4_avx512vnni;

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
    for (int32_t k = b * x->block; k < (b + 1) * x->block; k += 8, at += 4 * LN_I4_ROWS) {
      const __m512i h0 = spread(x->high + k), h1 = spread(x->high + k + 4);
      const __m512i l0 = spread(x->low + k), l1 = spread(x->low + k + 4);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) {
        const __m512i both = _mm512_loadu_si512(at + 64 * v);
        const __m512i w0 = _mm512_and_si512(both, mask), w1 = _mm512_and_si512(_mm512_srli_epi16(both, 4), mask);
        high[v] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(high[v], w0, h0), w1, h1);
        low[v] = _mm512_dpbusd_epi32(_mm512_dpbusd_epi32(low[v], w0, l0), w1, l1);
      }
    }
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

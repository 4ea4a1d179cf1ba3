/* Weights by number times bytes with AVX-512 VNNI: bytes are the unsigned factor, a shuffle finds the others. */
#include <immintrin.h>
#include <string.h>

#include "kernels/matvec.h"

ln_matvec_table_fn ln_matvec_table_avx512vnni;

enum { VECTORS = LN_TABLE_ROWS / 16 };

static inline __m512i spread(const uint8_t *p) {
  int32_t bytes;
  memcpy(&bytes, p, sizeof bytes);
  return _mm512_set1_epi32(bytes);
}

void ln_matvec_table_avx512vnni(const uint8_t *x, int32_t columns, const int8_t *values, const void *panel,
                                int32_t *out) {
  const __m512i mask = _mm512_set1_epi8(15);
  const __m512i table = _mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)values));
  const char *at = panel;
  __m512i low[VECTORS], high[VECTORS];
  for (int v = 0; v < VECTORS; ++v) low[v] = high[v] = _mm512_setzero_si512();
  for (int32_t c = 0; c < columns; c += LN_TABLE_STEP, at += 4 * LN_TABLE_ROWS) {
    const __m512i x0 = spread(x + c), x1 = spread(x + c + 4);
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      const __m512i both = _mm512_loadu_si512(at + 64 * v);
      const __m512i w0 = _mm512_shuffle_epi8(table, _mm512_and_si512(both, mask));
      const __m512i w1 = _mm512_shuffle_epi8(table, _mm512_and_si512(_mm512_srli_epi16(both, 4), mask));
      low[v] = _mm512_dpbusd_epi32(low[v], x0, w0);
      high[v] = _mm512_dpbusd_epi32(high[v], x1, w1);
    }
  }
  for (int v = 0; v < VECTORS; ++v) _mm512_storeu_si512(out + 16 * v, _mm512_add_epi32(low[v], high[v]));
}

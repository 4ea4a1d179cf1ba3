/* Weights by number times bytes with AVX2: of each byte the seven low bits and the highest are multiplied apart, so
 * that sums of two products fit 16 bits. */
#include <immintrin.h>
#include <string.h>

#include "kernels/matvec.h"

ln_matvec_table_fn ln_matvec_table_avx2;

enum { GROUP = 32, VECTORS = GROUP / 8 }; /* rows at a time */

static inline __m256i spread(const uint8_t *p) {
  int32_t bytes;
  memcpy(&bytes, p, sizeof bytes);
  return _mm256_set1_epi32(bytes);
}

static inline __attribute__((always_inline)) void add_columns(__m256i x, __m256i weights, __m256i *low, __m256i *high) {
  const __m256i ones = _mm256_set1_epi16(1);
  const __m256i seven = _mm256_and_si256(x, _mm256_set1_epi8(127));
  const __m256i top = _mm256_and_si256(_mm256_srli_epi16(x, 7), _mm256_set1_epi8(1));
  *low = _mm256_add_epi32(*low, _mm256_madd_epi16(_mm256_maddubs_epi16(seven, weights), ones));
  *high = _mm256_add_epi32(*high, _mm256_madd_epi16(_mm256_maddubs_epi16(top, weights), ones));
}

void ln_matvec_table_avx2(const uint8_t *x, int32_t columns, const int8_t *values, const void *panel, int32_t *out) {
  const __m256i mask = _mm256_set1_epi8(15);
  const __m256i table = _mm256_broadcastsi128_si256(_mm_loadu_si128((const __m128i *)(const void *)values));
  for (int32_t r = 0; r < LN_TABLE_ROWS; r += GROUP) {
    const char *at = (const char *)panel + (size_t)r * 4;
    __m256i low[VECTORS], high[VECTORS];
    for (int v = 0; v < VECTORS; ++v) low[v] = high[v] = _mm256_setzero_si256();
    for (int32_t c = 0; c < columns; c += LN_TABLE_STEP, at += 4 * LN_TABLE_ROWS) {
      const __m256i x0 = spread(x + c), x1 = spread(x + c + 4);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) {
        const __m256i both = _mm256_loadu_si256((const __m256i *)(const void *)(at + 32 * v));
        const __m256i w0 = _mm256_shuffle_epi8(table, _mm256_and_si256(both, mask));
        const __m256i w1 = _mm256_shuffle_epi8(table, _mm256_and_si256(_mm256_srli_epi16(both, 4), mask));
        add_columns(x0, w0, &low[v], &high[v]);
        add_columns(x1, w1, &low[v], &high[v]);
      }
    }
    for (int v = 0; v < VECTORS; ++v) {
      _mm256_storeu_si256((__m256i *)(void *)(out + r + 8 * v),
                          _mm256_add_epi32(low[v], _mm256_slli_epi32(high[v], 7)));
    }
  }
}

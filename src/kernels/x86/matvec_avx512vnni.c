/*
 * Matrix times vector of int8 with AVX-512 VNNI. The instruction takes one factor unsigned: x goes in with 128 added,
 * and 128 times the row's sum, found by the same instruction, comes off again.
 */
#include <immintrin.h>
#include <stddef.h>

#include "kernels/matvec.h"

ln_matvec_i8_fn ln_matvec_i8_avx512vnni;

#define ALWAYS_INLINE static inline __attribute__((always_inline))

typedef struct row_sums {
  __m512i products, weights; /* weights: times 128 */
} row_sums;

ALWAYS_INLINE row_sums add(row_sums sums, __m512i x, __m512i weights) {
  sums.products = _mm512_dpbusd_epi32(sums.products, x, weights);
  sums.weights = _mm512_dpbusd_epi32(sums.weights, _mm512_set1_epi8((char)0x80), weights);
  return sums;
}

/* x and tail have 128 added. */
ALWAYS_INLINE void rows_i8(const int8_t *weights, const int8_t *x, __m512i tail, int32_t rows, int32_t columns,
                           const int32_t *bias, int32_t *out) {
  const __m512i flip = _mm512_set1_epi8((char)0x80), zero = _mm512_setzero_si512();
  row_sums sums[4] = {{zero, zero}, {zero, zero}, {zero, zero}, {zero, zero}};
  int32_t c = 0;
  for (; c + 64 <= columns; c += 64) {
    const __m512i part = _mm512_xor_si512(_mm512_loadu_si512(x + c), flip);
    for (int32_t r = 0; r < rows; ++r) {
      sums[r] = add(sums[r], part, _mm512_loadu_si512(weights + (ptrdiff_t)r * columns + c));
    }
  }
  if (c < columns) {
    const __mmask64 mask = (UINT64_C(1) << (columns - c)) - 1;
    for (int32_t r = 0; r < rows; ++r) {
      sums[r] = add(sums[r], tail, _mm512_maskz_loadu_epi8(mask, weights + (ptrdiff_t)r * columns + c));
    }
  }
  for (int32_t r = 0; r < rows; ++r) {
    const uint32_t sum = (uint32_t)_mm512_reduce_add_epi32(_mm512_sub_epi32(sums[r].products, sums[r].weights));
    out[r] = (int32_t)(sum + (bias != NULL ? (uint32_t)bias[r] : 0));
  }
}

void ln_matvec_i8_avx512vnni(const int8_t *weights, const int8_t *x, int32_t rows, int32_t columns, const int32_t *bias,
                             int32_t *out) {
  const __mmask64 mask = (UINT64_C(1) << (columns % 64)) - 1;
  const __m512i left = _mm512_maskz_loadu_epi8(mask, x + columns / 64 * 64);
  const __m512i tail = _mm512_xor_si512(left, _mm512_set1_epi8((char)0x80));
  int32_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    rows_i8(weights + (ptrdiff_t)r * columns, x, tail, 4, columns, bias != NULL ? bias + r : NULL, out + r);
  }
  for (; r < rows; ++r) {
    rows_i8(weights + (ptrdiff_t)r * columns, x, tail, 1, columns, bias != NULL ? bias + r : NULL, out + r);
  }
}

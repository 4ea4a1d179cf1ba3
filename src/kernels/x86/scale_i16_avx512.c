/* Sums of 16 columns at a time to int16 (AVX-512). */
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/x86/requantize_avx512.h"

/* ln_multiply_quantized_i64 of sums that int32 holds: even and odd lanes in 64 bits each. */
typedef struct one_rounding {
  __m512i even, odd, even_add, odd_add, even_right, odd_right;
} one_rounding;

static one_rounding one_rounding_make(__m512i multiplier, __m512i shift) {
  const __m512i one = _mm512_set1_epi64(1), low = _mm512_set1_epi64(UINT32_MAX);
  /* Multipliers are positive: the highest ones, which rounding would carry over, are cut off. */
  const __m512i rounded = _mm512_srli_epi32(_mm512_add_epi32(multiplier, _mm512_set1_epi32(1 << 15)), 16);
  const __m512i reduced = _mm512_min_epi32(rounded, _mm512_set1_epi32(0x7FFF));
  const __m512i right = _mm512_sub_epi32(_mm512_set1_epi32(15), shift);
  one_rounding r = {.even = reduced, .odd = _mm512_srli_epi64(reduced, 32)};
  r.even_right = _mm512_and_si512(right, low);
  r.odd_right = _mm512_srli_epi64(right, 32);
  r.even_add = _mm512_sllv_epi64(one, _mm512_sub_epi64(r.even_right, one));
  r.odd_add = _mm512_sllv_epi64(one, _mm512_sub_epi64(r.odd_right, one));
  return r;
}

static inline __m512i one_rounding_of(const one_rounding *r, __m512i x) {
  const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(x, r->even), r->even_add);
  const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(x, 32), r->odd), r->odd_add);
  const __m512i high = _mm512_slli_epi64(_mm512_srav_epi64(odd, r->odd_right), 32);
  return _mm512_mask_mov_epi32(high, 0x5555, _mm512_srav_epi64(even, r->even_right));
}

ln_scale_i16_fn scale_i16_avx512;
void scale_i16_avx512(int32_t m, int32_t n, const int32_t *sums, ptrdiff_t sums_stride, const ln_scale_i16 *by,
                      int16_t *c, ptrdiff_t c_stride) {
  const __m512i low = _mm512_set1_epi32(by->low), high = _mm512_set1_epi32(by->high);
  for (int32_t j = 0; j < n; j += 16) {
    const __mmask16 mask = (__mmask16)(n - j < 16 ? 0xFFFF >> (16 - (n - j)) : 0xFFFF);
    one_rounding one = {0};
    ln_requantize_avx512 two = {0};
    if (by->reals == NULL) {
      const __m512i multiplier = _mm512_loadu_si512(by->multiplier + j), shift = _mm512_loadu_si512(by->shift + j);
      if (by->twice) two = ln_requantize_avx512_make(multiplier, shift);
      else one = one_rounding_make(multiplier, shift);
    }
    for (int32_t i = 0; i < m; ++i) {
      const __m512i x = _mm512_loadu_si512(sums + i * sums_stride + j);
      const __m512i scaled = by->reals != NULL ? ln_multiply_real_avx512(by->reals + j, x)
                             : by->twice       ? ln_requantize_avx512_narrow(&two, x)
                                               : one_rounding_of(&one, x);
      const __m256i words = _mm512_cvtepi32_epi16(_mm512_min_epi32(_mm512_max_epi32(scaled, low), high));
      int16_t *to = c + i * c_stride + j;
      if (mask == 0xFFFF) _mm256_storeu_si256((__m256i *)(void *)to, words);
      else _mm256_mask_storeu_epi16(to, mask, words);
    }
  }
}

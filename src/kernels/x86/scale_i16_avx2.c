/* Sums of 8 columns at a time to int16 (AVX2). */
#include <immintrin.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/x86/requantize_avx2.h"

/*
 * ln_multiply_quantized_i64 of sums that int32 holds: even and odd lanes in 64 bits each. Products stay below 2^46;
 * raised by 2^62 they are shifted as what has no sign, and what that leaves of 2^62 is taken off.
 */
typedef struct one_rounding {
  __m256i even, odd, even_add, odd_add, even_right, odd_right, raised;
} one_rounding;

static inline __m256i blend_odd(__m256i even, __m256i odd) {
  return _mm256_blend_epi32(even, _mm256_slli_epi64(odd, 32), 0xAA);
}

static one_rounding one_rounding_make(__m256i multiplier, __m256i shift) {
  const __m256i one = _mm256_set1_epi64x(1), low = _mm256_set1_epi64x(UINT32_MAX);
  const __m256i raise = _mm256_set1_epi64x(INT64_C(1) << 62);
  const __m256i rounded = _mm256_srli_epi32(_mm256_add_epi32(multiplier, _mm256_set1_epi32(1 << 15)), 16);
  const __m256i reduced = _mm256_min_epi32(rounded, _mm256_set1_epi32(0x7FFF));
  const __m256i right = _mm256_sub_epi32(_mm256_set1_epi32(15), shift);
  one_rounding r = {.even = reduced, .odd = _mm256_srli_epi64(reduced, 32)};
  r.even_right = _mm256_and_si256(right, low);
  r.odd_right = _mm256_srli_epi64(right, 32);
  r.even_add = _mm256_add_epi64(_mm256_sllv_epi64(one, _mm256_sub_epi64(r.even_right, one)), raise);
  r.odd_add = _mm256_add_epi64(_mm256_sllv_epi64(one, _mm256_sub_epi64(r.odd_right, one)), raise);
  r.raised = blend_odd(_mm256_srlv_epi64(raise, r.even_right), _mm256_srlv_epi64(raise, r.odd_right));
  return r;
}

static inline __m256i one_rounding_of(const one_rounding *r, __m256i x) {
  const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(x, r->even), r->even_add);
  const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(x, 32), r->odd), r->odd_add);
  return _mm256_sub_epi32(blend_odd(_mm256_srlv_epi64(even, r->even_right), _mm256_srlv_epi64(odd, r->odd_right)),
                          r->raised);
}

ln_scale_i16_fn scale_i16_avx2;
void scale_i16_avx2(int32_t m, int32_t n, const int32_t *sums, ptrdiff_t sums_stride, const ln_scale_i16 *by,
                    int16_t *c, ptrdiff_t c_stride) {
  const __m256i low = _mm256_set1_epi32(by->low), high = _mm256_set1_epi32(by->high);
  for (int32_t j = 0; j < n; j += 8) {
    one_rounding one = {0};
    ln_requantize_avx2 two = {0};
    if (by->reals == NULL) {
      const __m256i multiplier = _mm256_loadu_si256((const __m256i *)(const void *)(by->multiplier + j));
      const __m256i shift = _mm256_loadu_si256((const __m256i *)(const void *)(by->shift + j));
      if (by->twice) two = ln_requantize_avx2_make(multiplier, shift);
      else one = one_rounding_make(multiplier, shift);
    }
    for (int32_t i = 0; i < m; ++i) {
      const __m256i x = _mm256_loadu_si256((const __m256i *)(const void *)(sums + i * sums_stride + j));
      const __m256i scaled = by->reals != NULL ? ln_multiply_real_avx2(by->reals + j, x)
                             : by->twice       ? ln_requantize_avx2_narrow(&two, x)
                                               : one_rounding_of(&one, x);
      const __m256i cut = _mm256_min_epi32(_mm256_max_epi32(scaled, low), high);
      const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(cut), _mm256_extracti128_si256(cut, 1));
      int16_t *to = c + i * c_stride + j;
      if (n - j >= 8) {
        _mm_storeu_si128((__m128i *)(void *)to, words);
      } else {
        int16_t row[8];
        _mm_storeu_si128((__m128i *)(void *)row, words);
        memcpy(to, row, (size_t)(n - j) * sizeof *row);
      }
    }
  }
}

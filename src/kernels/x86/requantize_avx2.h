/* ln_multiply_quantized for vectors of 8 sums (AVX2): requantize_avx512.h says how. */
#ifndef LN_KERNELS_X86_REQUANTIZE_AVX2_H
#define LN_KERNELS_X86_REQUANTIZE_AVX2_H

#include <immintrin.h>

#include "kernels/quant.h"

/* The multipliers of 8 columns. */
typedef struct ln_requantize_avx2 {
  __m256i left;      /* shift to the left, and one more to double */
  __m256i even, odd; /* multipliers of even and of odd lanes, in the low halves of 64-bit lanes */
  __m256i even_add, odd_add;
  __m256i right;
  __m256i rounds; /* all bits in lanes with a right shift: negative ties go away from zero there */
} ln_requantize_avx2;

static inline ln_requantize_avx2 ln_requantize_avx2_make(__m256i multiplier, __m256i shift) {
  ln_requantize_avx2 r;
  const __m256i zero = _mm256_setzero_si256();
  const __m256i one = _mm256_set1_epi32(1);
  r.left = _mm256_add_epi32(_mm256_max_epi32(shift, zero), one);
  r.right = _mm256_max_epi32(_mm256_sub_epi32(zero, shift), zero);
  r.rounds = _mm256_cmpgt_epi32(r.right, zero);
  r.even = multiplier;
  r.odd = _mm256_srli_epi64(multiplier, 32);
  const __m256i half = _mm256_and_si256(r.rounds, _mm256_sllv_epi32(one, _mm256_sub_epi32(r.right, one)));
  const __m256i nudge = _mm256_set1_epi64x(INT64_C(1) << 31);
  r.even_add = _mm256_add_epi64(_mm256_slli_epi64(half, 32), nudge);
  r.odd_add = _mm256_add_epi64(_mm256_blend_epi32(zero, half, 0xAA), nudge);
  return r;
}

/* For |x| << left shift below 2^30, where no step overflows. */
static inline __attribute__((always_inline)) __m256i ln_requantize_avx2_narrow(const ln_requantize_avx2 *r, __m256i x) {
  const __m256i doubled = _mm256_sllv_epi32(x, r->left);
  const __m256i even = _mm256_add_epi64(_mm256_mul_epi32(doubled, r->even), r->even_add);
  const __m256i odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(doubled, 32), r->odd), r->odd_add);
  const __m256i high = _mm256_blend_epi32(_mm256_srli_epi64(even, 32), odd, 0xAA);
  const __m256i sign = _mm256_and_si256(_mm256_srai_epi32(x, 31), r->rounds);
  return _mm256_srav_epi32(_mm256_add_epi32(high, sign), r->right);
}

/* The multipliers as floats; shifts are -95 at least. */
static inline __m256 ln_scale_avx2(__m256i multiplier, __m256i shift) {
  const __m256i exponent = _mm256_slli_epi32(_mm256_add_epi32(shift, _mm256_set1_epi32(127 - 31)), 23);
  return _mm256_mul_ps(_mm256_cvtepi32_ps(multiplier), _mm256_castsi256_ps(exponent));
}

/* Sums in floats, rounded to even, `most` at most: those far below what int32 holds become its least number. */
static inline __attribute__((always_inline)) __m256i ln_scale_floats_avx2(__m256 scale, __m256 most, __m256i x) {
  return _mm256_cvtps_epi32(_mm256_min_ps(_mm256_mul_ps(_mm256_cvtepi32_ps(x), scale), most));
}

/* ln_multiply_real of 4 sums. What is added is the double below a half, so that no value below a half reaches a whole
 * one when the sum is rounded. */
static inline __attribute__((always_inline)) __m128i ln_multiply_real_4(const double *reals, __m128i x) {
  const __m256d limit = _mm256_set1_pd(1073741824.0), half = _mm256_set1_pd(0.49999999999999994);
  const __m256d product = _mm256_mul_pd(_mm256_cvtepi32_pd(x), _mm256_loadu_pd(reals));
  const __m256d cut = _mm256_max_pd(_mm256_min_pd(product, limit), _mm256_sub_pd(_mm256_setzero_pd(), limit));
  const __m256d toward = _mm256_or_pd(half, _mm256_and_pd(cut, _mm256_set1_pd(-0.0)));
  return _mm256_cvttpd_epi32(_mm256_add_pd(cut, toward));
}

/* Of the sums of 8 columns. */
static inline __attribute__((always_inline)) __m256i ln_multiply_real_avx2(const double *reals, __m256i x) {
  return _mm256_set_m128i(ln_multiply_real_4(reals + 4, _mm256_extracti128_si256(x, 1)),
                          ln_multiply_real_4(reals, _mm256_castsi256_si128(x)));
}

#endif

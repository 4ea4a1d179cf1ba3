/*
 * ln_multiply_quantized for vectors of sums (AVX-512). One 64-bit product holds both roundings of the reference: the
 * first adds 2^31 to the doubled product, and the second's half is added above it, so that a shift of the high half
 * remains.
 */
#ifndef LN_KERNELS_X86_REQUANTIZE_AVX512_H
#define LN_KERNELS_X86_REQUANTIZE_AVX512_H

#include <immintrin.h>

#include <stdbool.h>

#include "kernels/quant.h"

/* The multipliers of 16 columns. */
typedef struct ln_requantize_avx512 {
  __m512i left;      /* shift to the left, and one more to double */
  __m512i even, odd; /* multipliers of even and of odd lanes, in the low halves of 64-bit lanes */
  __m512i even_add, odd_add;
  __m512i right;
  __mmask16 rounds; /* lanes with a right shift: negative ties go away from zero there */
} ln_requantize_avx512;

static inline ln_requantize_avx512 ln_requantize_avx512_make(__m512i multiplier, __m512i shift) {
  ln_requantize_avx512 r;
  const __m512i zero = _mm512_setzero_si512();
  const __m512i one = _mm512_set1_epi32(1);
  r.left = _mm512_add_epi32(_mm512_max_epi32(shift, zero), one);
  r.right = _mm512_max_epi32(_mm512_sub_epi32(zero, shift), zero);
  r.rounds = _mm512_cmpgt_epi32_mask(r.right, zero);
  r.even = multiplier;
  r.odd = _mm512_srli_epi64(multiplier, 32);
  const __m512i half = _mm512_maskz_sllv_epi32(r.rounds, one, _mm512_sub_epi32(r.right, one));
  const __m512i nudge = _mm512_set1_epi64(INT64_C(1) << 31);
  r.even_add = _mm512_add_epi64(_mm512_slli_epi64(half, 32), nudge);
  r.odd_add = _mm512_add_epi64(_mm512_maskz_mov_epi32(0xAAAA, half), nudge);
  return r;
}

/* For |x| << left shift below 2^30, where no step overflows. */
static inline __attribute__((always_inline)) __m512i ln_requantize_avx512_narrow(const ln_requantize_avx512 *r,
                                                                                 __m512i x) {
  const __m512i doubled = _mm512_sllv_epi32(x, r->left);
  const __m512i even = _mm512_add_epi64(_mm512_mul_epi32(doubled, r->even), r->even_add);
  const __m512i odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(doubled, 32), r->odd), r->odd_add);
  const __m512i high = _mm512_mask_shuffle_epi32(odd, 0x5555, even, _MM_PERM_DDBB);
  const __m512i sign = _mm512_maskz_srai_epi32(r->rounds, x, 31);
  return _mm512_srav_epi32(_mm512_add_epi32(high, sign), r->right);
}

/* The same in floats (requantize_floats.h), where they fit. */
typedef struct ln_requantize_floats {
  __m512 high, low; /* parts of the multiplier, over P / 2 */
  __m512i nudge;
  __mmask16 signed_nudges;
} ln_requantize_floats;

static inline ln_requantize_floats ln_requantize_floats_make(__m512i multiplier, __m512i shift, const float *nudge,
                                                             uint32_t signed_nudges) {
  ln_requantize_floats r;
  const __m512i high = _mm512_and_si512(_mm512_add_epi32(multiplier, _mm512_set1_epi32(64)), _mm512_set1_epi32(-128));
  const __m512 exponent = _mm512_cvtepi32_ps(_mm512_sub_epi32(shift, _mm512_set1_epi32(30)));
  /* 2^31 at most, so not signed. */
  r.high = _mm512_scalef_ps(_mm512_cvtepu32_ps(high), exponent);
  r.low = _mm512_scalef_ps(_mm512_cvtepi32_ps(_mm512_sub_epi32(multiplier, high)), exponent);
  r.nudge = _mm512_castps_si512(_mm512_loadu_ps(nudge));
  r.signed_nudges = (__mmask16)signed_nudges;
  return r;
}

/* Twice the results before they are rounded, rounded down. `is_signed` is a constant: whether nudges take x's sign. */
static inline __attribute__((always_inline)) __m512i ln_requantize_halves(const ln_requantize_floats *r,
                                                                          const bool is_signed, __m512i x) {
  enum { DOWN = _MM_FROUND_TO_NEG_INF | _MM_FROUND_NO_EXC };
  const __m512 real = _mm512_cvtepi32_ps(x);
  __m512i nudge = r->nudge;
  if (is_signed) { /* nudge | x & sign */
    nudge = _mm512_mask_ternarylogic_epi32(nudge, r->signed_nudges, x, _mm512_set1_epi32(INT32_MIN), 0xF8);
  }
  const __m512 near = _mm512_fmadd_ps(real, r->low, _mm512_castsi512_ps(nudge));
  return _mm512_cvt_roundps_epi32(_mm512_fmadd_round_ps(real, r->high, near, DOWN), DOWN);
}

/* The multipliers as floats. */
static inline __m512 ln_scale_avx512(__m512i multiplier, __m512i shift) {
  return _mm512_scalef_ps(_mm512_cvtepi32_ps(multiplier),
                          _mm512_cvtepi32_ps(_mm512_sub_epi32(shift, _mm512_set1_epi32(31))));
}

/* Sums in floats, rounded to even, `most` at most: those far below what int32 holds become its least number. */
static inline __attribute__((always_inline)) __m512i ln_scale_floats_avx512(__m512 scale, __m512 most, __m512i x) {
  const __m512 scaled = _mm512_mul_ps(_mm512_cvtepi32_ps(x), scale);
  return _mm512_cvt_roundps_epi32(_mm512_min_ps(scaled, most), _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* ln_multiply_real of 8 sums: a half is added toward the sum's sign and what follows the point is cut off, exactly. */
static inline __attribute__((always_inline)) __m256i ln_multiply_real_8(const double *reals, __m256i x) {
  const __m512d limit = _mm512_set1_pd(1073741824.0);
  const __m512i half = _mm512_castpd_si512(_mm512_set1_pd(0.5)), sign = _mm512_set1_epi64(INT64_MIN);
  const __m512d product = _mm512_mul_pd(_mm512_cvtepi32_pd(x), _mm512_loadu_pd(reals));
  const __m512d cut = _mm512_max_pd(_mm512_min_pd(product, limit), _mm512_sub_pd(_mm512_setzero_pd(), limit));
  const __m512i toward = _mm512_ternarylogic_epi64(_mm512_castpd_si512(cut), sign, half, 0xEA); /* a & b | c */
  const __m512d moved = _mm512_add_round_pd(cut, _mm512_castsi512_pd(toward), _MM_FROUND_TO_ZERO | _MM_FROUND_NO_EXC);
  return _mm512_cvttpd_epi32(moved);
}

/* Of the sums of 16 columns. */
static inline __attribute__((always_inline)) __m512i ln_multiply_real_avx512(const double *reals, __m512i x) {
  const __m256i low = ln_multiply_real_8(reals, _mm512_castsi512_si256(x));
  return _mm512_inserti64x4(_mm512_castsi256_si512(low), ln_multiply_real_8(reals + 8, _mm512_extracti64x4_epi64(x, 1)),
                            1);
}

#endif

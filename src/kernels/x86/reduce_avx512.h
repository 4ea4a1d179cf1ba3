/* Sums over the lanes of sixteen vectors at once: lane i of the result belongs to vector i. */
#ifndef LN_KERNELS_X86_REDUCE_AVX512_H
#define LN_KERNELS_X86_REDUCE_AVX512_H

#include <immintrin.h>

#define LN_LOW_PS(a, b) _mm512_castpd_ps(_mm512_unpacklo_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)))
#define LN_HIGH_PS(a, b) _mm512_castpd_ps(_mm512_unpackhi_pd(_mm512_castps_pd(a), _mm512_castps_pd(b)))

static inline __attribute__((always_inline)) __m512 ln_reduce16_ps(const __m512 *x) {
  __m512 fours[4]; /* each 128-bit lane: four vectors, summed within the lane */
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512 *y = x + 4 * i;
    const __m512 ab = _mm512_add_ps(_mm512_unpacklo_ps(y[0], y[1]), _mm512_unpackhi_ps(y[0], y[1]));
    const __m512 cd = _mm512_add_ps(_mm512_unpacklo_ps(y[2], y[3]), _mm512_unpackhi_ps(y[2], y[3]));
    fours[i] = _mm512_add_ps(LN_LOW_PS(ab, cd), LN_HIGH_PS(ab, cd));
  }
  const __m512 first =
      _mm512_add_ps(_mm512_shuffle_f32x4(fours[0], fours[1], 0x88), _mm512_shuffle_f32x4(fours[0], fours[1], 0xDD));
  const __m512 second =
      _mm512_add_ps(_mm512_shuffle_f32x4(fours[2], fours[3], 0x88), _mm512_shuffle_f32x4(fours[2], fours[3], 0xDD));
  return _mm512_add_ps(_mm512_shuffle_f32x4(first, second, 0x88), _mm512_shuffle_f32x4(first, second, 0xDD));
}

static inline __attribute__((always_inline)) __m512i ln_reduce16_epi32(const __m512i *x) {
  __m512i fours[4];
#pragma GCC unroll 4
  for (int i = 0; i < 4; ++i) {
    const __m512i *y = x + 4 * i;
    const __m512i ab = _mm512_add_epi32(_mm512_unpacklo_epi32(y[0], y[1]), _mm512_unpackhi_epi32(y[0], y[1]));
    const __m512i cd = _mm512_add_epi32(_mm512_unpacklo_epi32(y[2], y[3]), _mm512_unpackhi_epi32(y[2], y[3]));
    fours[i] = _mm512_add_epi32(_mm512_unpacklo_epi64(ab, cd), _mm512_unpackhi_epi64(ab, cd));
  }
  const __m512i first =
      _mm512_add_epi32(_mm512_shuffle_i32x4(fours[0], fours[1], 0x88), _mm512_shuffle_i32x4(fours[0], fours[1], 0xDD));
  const __m512i second =
      _mm512_add_epi32(_mm512_shuffle_i32x4(fours[2], fours[3], 0x88), _mm512_shuffle_i32x4(fours[2], fours[3], 0xDD));
  return _mm512_add_epi32(_mm512_shuffle_i32x4(first, second, 0x88), _mm512_shuffle_i32x4(first, second, 0xDD));
}

#endif

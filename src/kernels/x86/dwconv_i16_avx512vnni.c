/* Depthwise convolution of int16 with AVX-512 VNNI: 16 channels of four pixels at a time. */
#include <immintrin.h>

#include "kernels/kernels.h"

enum { PIXELS = 4, PIXELS_OF_PART = 4 };

static inline __mmask16 lanes_mask(int32_t n) { return (__mmask16)(0xFFFF >> (16 - n)); }

static inline __attribute__((always_inline)) __m512i load_input(const int16_t *p, int32_t n) {
  return _mm512_cvtepu16_epi32(n == 16 ? _mm256_loadu_si256((const __m256i *)(const void *)p)
                                       : _mm256_maskz_loadu_epi16(lanes_mask(n), p));
}

static inline __attribute__((always_inline)) __m512i load_weight(const int8_t *p, int32_t n) {
  return _mm512_cvtepi8_epi32(n == 16 ? _mm_loadu_si128((const __m128i *)(const void *)p)
                                      : _mm_maskz_loadu_epi8(lanes_mask(n), p));
}

#define VEC __m512i
#define VEC_LANES 16
#define VEC_INPUT(p, n) load_input(p, n)
#define VEC_WEIGHT(p, n) load_weight(p, n)
#define VEC_BIAS(p, n) _mm512_maskz_loadu_epi32(lanes_mask(n), p)
#define VEC_STORE(p, sum) _mm512_storeu_si512(p, sum)
#define VEC_FMA(sum, a, b) _mm512_dpwssd_epi32(sum, a, b)
#define NAME dwconv_i16_avx512vnni
#include "kernels/x86/dwconv_i16.inc"

/* Depthwise convolution of int16 with AVX-512: 16 channels of four pixels at a time. */
#include <immintrin.h>

#include "kernels/kernels.h"

enum { PIXELS = 4 };

static inline __mmask16 lanes_mask(int32_t n) { return (__mmask16)(0xFFFF >> (16 - n)); }

#define VEC __m512i
#define VEC_LANES 16
#define VEC_INPUT(p, n) _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16(lanes_mask(n), p))
#define VEC_WEIGHT(p, n) _mm512_cvtepi8_epi32(_mm_maskz_loadu_epi8(lanes_mask(n), p))
#define VEC_BIAS(p, n) _mm512_maskz_loadu_epi32(lanes_mask(n), p)
#define VEC_FMA(sum, a, b) _mm512_add_epi32(sum, _mm512_madd_epi16(a, b))
#define VEC_STORE(p, sum) _mm512_storeu_si512(p, sum)
#define NAME dwconv_i16_avx512
#include "kernels/x86/dwconv_i16.inc"

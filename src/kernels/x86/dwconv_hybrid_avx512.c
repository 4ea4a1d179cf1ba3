/* Depthwise rows that were quantized in run, with AVX-512. */
#include <immintrin.h>

#define RUN dwconv_hybrid_avx512
#define V __m512i
#define VI(name) _mm512_##name
#define WIDEN_ALL(p) _mm512_cvtepi8_epi16(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define WIDEN(p, n) _mm512_cvtepi8_epi16(_mm256_maskz_loadu_epi8((__mmask32)((1u << (n)) - 1), p))
#define ORDERED(low, high, i)                                                                                      \
  _mm512_cvtepi32_ps(_mm512_permutex2var_epi64(                                                                    \
      low, (i) == 0 ? _mm512_setr_epi64(0, 1, 8, 9, 2, 3, 10, 11) : _mm512_setr_epi64(4, 5, 12, 13, 6, 7, 14, 15), \
      high))

#include "kernels/x86/dwconv_hybrid.inc"

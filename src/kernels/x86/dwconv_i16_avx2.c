/* Depthwise convolution of int16 with AVX2: 8 channels of four pixels at a time. */
#include <immintrin.h>
#include <string.h>

#include "kernels/kernels.h"

enum { PIXELS = 4, PIXELS_OF_PART = 1 };

/* n elements of `bytes` bytes, at most 16 in all; zeros behind. */
static inline __m128i load_some(const void *p, int32_t n, size_t bytes) {
  char some[16] = {0};
  memcpy(some, p, (size_t)n * bytes);
  return _mm_loadu_si128((const __m128i *)(const void *)some);
}

static inline __m256i load_input(const int16_t *p, int32_t n) {
  return _mm256_cvtepu16_epi32(n == 8 ? _mm_loadu_si128((const __m128i *)(const void *)p) : load_some(p, n, sizeof *p));
}

static inline __m256i load_weight(const int8_t *p, int32_t n) {
  return _mm256_cvtepi8_epi32(n == 8 ? _mm_loadl_epi64((const __m128i *)(const void *)p) : load_some(p, n, sizeof *p));
}

static inline __m256i load_bias(const int32_t *p, int32_t n) {
  if (n == 8) return _mm256_loadu_si256((const __m256i *)(const void *)p);
  const __m128i low = load_some(p, n < 4 ? n : 4, sizeof *p);
  return _mm256_set_m128i(n <= 4 ? _mm_setzero_si128() : load_some(p + 4, n - 4, sizeof *p), low);
}

#define VEC __m256i
#define VEC_LANES 8
#define VEC_INPUT(p, n) load_input(p, n)
#define VEC_WEIGHT(p, n) load_weight(p, n)
#define VEC_BIAS(p, n) load_bias(p, n)
#define VEC_FMA(sum, a, b) _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
#define VEC_STORE(p, sum) _mm256_storeu_si256((__m256i *)(void *)(p), sum)
#define NAME dwconv_i16_avx2
#include "kernels/x86/dwconv_i16.inc"

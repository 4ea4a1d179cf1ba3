/* Depthwise rows that were quantized in run, with AVX2. */
#include <immintrin.h>
#include <string.h>

#define RUN dwconv_hybrid_avx2
#define V __m256i
#define VI(name) _mm256_##name
#define WIDEN_ALL(p) _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define WIDEN(p, n) _mm256_cvtepi8_epi16(part_of(p, n))
#define ORDERED(low, high, i) \
  _mm256_cvtepi32_ps((i) == 0 ? _mm256_permute2x128_si256(low, high, 0x20) : _mm256_permute2x128_si256(low, high, 0x31))

static inline __m128i part_of(const void *p, int n) {
  if (n == 8) return _mm_loadl_epi64(p);
  char copy[16] = {0};
  memcpy(copy, p, (size_t)n);
  return _mm_loadu_si128((const __m128i *)(const void *)copy);
}

#include "kernels/x86/dwconv_hybrid.inc"

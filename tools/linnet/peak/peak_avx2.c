/* FMA, and pmaddwd over 16-bit pairs with its sum: what our AVX2 products of floats and bytes do. */
#include "peak/loops.h"

PEAK_TOTAL(total_f32, __m256, float)
PEAK_TOTAL(total_i32, __m256i, uint32_t)

#define LOW(ones) _mm256_loadu_ps((ones)->f32)
#define HIGH(ones) _mm256_loadu_ps((ones)->f32 + 8)
#define PAIRS(ones) _mm256_loadu_si256((const void *)(ones)->i16)
#define FMA(s, x, y) _mm256_fmadd_ps(x, y, s)
#define MADD(s, x, y) _mm256_add_epi32(s, _mm256_madd_epi16(x, y))
PEAK_LOOP(f32, __m256, _mm256_setzero_ps, __m256, LOW, HIGH, FMA, _mm256_add_ps, total_f32)
PEAK_LOOP(i8, __m256i, _mm256_setzero_si256, __m256i, PAIRS, PAIRS, MADD, _mm256_add_epi32, total_i32)
PEAK_READ(read_vectors, __m256i, _mm256_setzero_si256, _mm256_loadu_si256, _mm256_xor_si256)

const peak_tier peak_avx2 = {
    "avx2", {"fma", f32, 8 * PEAK_SUMS}, {"pmaddwd", i8, 16 * PEAK_SUMS}, {NULL, NULL, 0}, read_vectors};

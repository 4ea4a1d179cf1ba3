/* The same as AVX2's, in vectors of 512 bits. */
#include "peak/loops.h"

PEAK_TOTAL(total_f32, __m512, float)
PEAK_TOTAL(total_i32, __m512i, uint32_t)

#define LOW(ones) _mm512_loadu_ps((ones)->f32)
#define PAIRS(ones) _mm512_loadu_si512((ones)->i16)
#define FMA(s, x, y) _mm512_fmadd_ps(x, y, s)
#define MADD(s, x, y) _mm512_add_epi32(s, _mm512_madd_epi16(x, y))
PEAK_LOOP(f32, __m512, _mm512_setzero_ps, __m512, LOW, LOW, FMA, _mm512_add_ps, total_f32)
PEAK_LOOP(i8, __m512i, _mm512_setzero_si512, __m512i, PAIRS, PAIRS, MADD, _mm512_add_epi32, total_i32)
PEAK_READ(read_vectors, __m512i, _mm512_setzero_si512, _mm512_loadu_si512, _mm512_xor_si512)

const peak_tier peak_avx512 = {
    "avx512", {"fma", f32, 16 * PEAK_SUMS}, {"pmaddwd", i8, 32 * PEAK_SUMS}, {NULL, NULL, 0}, read_vectors};

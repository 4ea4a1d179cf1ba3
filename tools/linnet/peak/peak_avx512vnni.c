/* dpbusd: four products of bytes and their sum at once. */
#include "peak/loops.h"

PEAK_TOTAL(total_i32, __m512i, uint32_t)

#define BYTES(ones) _mm512_loadu_si512((ones)->i8)
PEAK_LOOP(i8, __m512i, _mm512_setzero_si512, __m512i, BYTES, BYTES, _mm512_dpbusd_epi32, _mm512_add_epi32, total_i32)

const peak_loop peak_i8_avx512vnni = {"dpbusd", i8, 64 * PEAK_SUMS};

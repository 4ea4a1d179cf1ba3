/* dpbf16ps: two products of bfloat16 numbers and their float sum at once. */
#include "peak/loops.h"

PEAK_TOTAL(total_f32, __m512, float)

static __m512bh pairs(const peak_ones *ones) {
  __m512bh v;
  memcpy(&v, ones->bf16, sizeof v);
  return v;
}

PEAK_LOOP(bf16, __m512, _mm512_setzero_ps, __m512bh, pairs, pairs, _mm512_dpbf16_ps, _mm512_add_ps, total_f32)

const peak_loop peak_bf16_avx512bf16 = {"dpbf16ps", bf16, 32 * PEAK_SUMS};

/* Rounding to bfloat16 with AVX-512 BF16. */
#include <immintrin.h>

#include "kernels/rows.h"

void ln_f32_to_bf16_avx512bf16(const float *in, uint16_t *out, size_t count) {
  size_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const __m256bh halves = _mm512_cvtneps_pbh(_mm512_loadu_ps(in + i));
    _mm256_storeu_si256((__m256i *)(void *)(out + i), (__m256i)halves);
  }
  const __mmask16 rest = (__mmask16)((1u << (count - i)) - 1u);
  const __m256bh halves = _mm512_cvtneps_pbh(_mm512_maskz_loadu_ps(rest, in + i));
  _mm256_mask_storeu_epi16(out + i, rest, (__m256i)halves);
}

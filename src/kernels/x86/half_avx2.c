/* Half floats for AVX2 with F16C; eight at a time keeps up with memory, so that AVX-512 needs no version of its own. */
#include <immintrin.h>
#include <string.h>

#include "kernels/rows.h"

void ln_f16_to_f32_avx2(const uint16_t *in, float *out, size_t count) {
  uint16_t tail_in[8] = {0};
  float tail_out[8];
  size_t i = 0;
  for (; i + 8 <= count; i += 8) _mm256_storeu_ps(out + i, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(in + i))));
  if (i == count) return;
  memcpy(tail_in, in + i, (count - i) * sizeof *in);
  _mm256_storeu_ps(tail_out, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)tail_in)));
  memcpy(out + i, tail_out, (count - i) * sizeof *out);
}

void ln_f32_to_f16_avx2(const float *in, uint16_t *out, size_t count) {
  float tail_in[8] = {0};
  uint16_t tail_out[8];
  size_t i = 0;
  for (; i + 8 <= count; i += 8) {
    _mm_storeu_si128((__m128i *)(out + i), _mm256_cvtps_ph(_mm256_loadu_ps(in + i), _MM_FROUND_TO_NEAREST_INT));
  }
  if (i == count) return;
  memcpy(tail_in, in + i, (count - i) * sizeof *in);
  _mm_storeu_si128((__m128i *)tail_out, _mm256_cvtps_ph(_mm256_loadu_ps(tail_in), _MM_FROUND_TO_NEAREST_INT));
  memcpy(out + i, tail_out, (count - i) * sizeof *out);
}

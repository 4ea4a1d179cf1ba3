/* Products of one or two columns with AVX-512: sixteen rows at a time, lanes along k. */
#include <immintrin.h>

#include "kernels/kernels.h"
#include "kernels/x86/reduce_avx512.h"

/* Rows past `rows` repeat the last one. */
static inline __attribute__((always_inline)) __m512 sixteen_sums(int32_t rows, const ln_gemm_a *a, ptrdiff_t offset,
                                                                 const float *b) {
  __m512 sums[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) sums[i] = _mm512_setzero_ps();
  const ptrdiff_t stride = a->row_stride;
  const __mmask16 tail = (__mmask16)((1u << (a->segment_length % 16)) - 1);
  for (int32_t s = 0; s < a->segment_count; ++s) {
    const char *first = (const char *)a->segments[s] + offset;
    int32_t p = 0;
    for (; p + 16 <= a->segment_length; p += 16) {
      const __m512 x = _mm512_loadu_ps(b + p);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        const char *row = first + (i < rows ? i : rows - 1) * stride;
        sums[i] = _mm512_fmadd_ps(_mm512_loadu_ps((const float *)(const void *)row + p), x, sums[i]);
      }
    }
    if (tail != 0) {
      const __m512 x = _mm512_maskz_loadu_ps(tail, b + p);
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        const char *row = first + (i < rows ? i : rows - 1) * stride;
        sums[i] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(tail, (const float *)(const void *)row + p), x, sums[i]);
      }
    }
    b += a->segment_length;
  }
  return ln_reduce16_ps(sums);
}

static void run(int32_t m, int32_t n, const ln_gemm_a *a, const float *panels, const float *bias, float *c,
                ptrdiff_t c_stride, float low, float high) {
  const ptrdiff_t k = (ptrdiff_t)a->segment_count * a->segment_length;
  for (int32_t i = 0; i < m; i += 16) {
    const int32_t rows = m - i < 16 ? m - i : 16;
    for (int32_t j = 0; j < n; ++j) {
      const float *b = panels + j * k;
      __m512 x = rows == 16 ? sixteen_sums(16, a, i * a->row_stride, b) : sixteen_sums(rows, a, i * a->row_stride, b);
      if (bias != NULL) x = _mm512_add_ps(x, _mm512_set1_ps(bias[j]));
      x = _mm512_min_ps(_mm512_set1_ps(high), _mm512_max_ps(_mm512_set1_ps(low), x));
      float *to = c + i * c_stride + j;
      if (c_stride == 1) {
        _mm512_mask_storeu_ps(to, (__mmask16)(0xFFFF >> (16 - rows)), x);
        continue;
      }
      float values[16];
      _mm512_storeu_ps(values, x);
      for (int32_t r = 0; r < rows; ++r) to[r * c_stride] = values[r];
    }
  }
}

const ln_gemm_f32_kernel ln_gemm_f32_16x1_avx512 = {"gemm_f32_16x1_avx512", 16, 1, run};

/*
 * Up to eight columns of a panel of 32: vectors of 256 bits, which processors whose data paths are that wide multiply
 * two of in the time of one of 512. Sums are those of the whole kernel, bit for bit.
 */
#include <immintrin.h>

#include "kernels/x86/gemm_f32_half.h"

enum { MR = 14, PANEL_COLUMNS = 32 };
#define VEC __m256
#define VEC_LANES 8
#define VEC_LOAD(p) _mm256_loadu_ps((const float *)(const void *)(p))
#define VEC_SPREAD(p) _mm256_set1_ps(*(const float *)(const void *)(p))
#define VEC_FMA(sum, a, b) _mm256_fmadd_ps(a, b, sum)
#define VEC_B_STEP (4 * PANEL_COLUMNS)
#include "kernels/x86/gemm_tile_tmpl.inc"

typedef struct output {
  ptrdiff_t c_stride;
  __mmask8 mask;
  __m256 bias, low, high;
} output;

TILE_INLINE void tile(const int m, const ln_gemm_a *a, ptrdiff_t offset, const float *panel, const output *out,
                      float *c) {
  __m256 sums[MR][2];
#pragma GCC unroll 14
  for (int i = 0; i < m; ++i) sums[i][0] = out->bias;
  tile_sums(m, 1, a, offset, a->segment_length, (const char *)panel, sums);
#pragma GCC unroll 14
  for (int i = 0; i < m; ++i) {
    /* The order of operands lets NaN through. */
    const __m256 x = _mm256_min_ps(out->high, _mm256_max_ps(out->low, sums[i][0]));
    _mm256_mask_storeu_ps(c + i * out->c_stride, out->mask, x);
  }
}

void ln_gemm_f32_half_avx512(int32_t m, int32_t n, const ln_gemm_a *a, const float *panel, const float *bias, float *c,
                             ptrdiff_t c_stride, float low, float high) {
  const __mmask8 mask = (__mmask8)((1u << n) - 1u);
  const output out = {c_stride, mask, bias == NULL ? _mm256_setzero_ps() : _mm256_maskz_loadu_ps(mask, bias),
                      _mm256_set1_ps(low), _mm256_set1_ps(high)};
  for (int32_t i = 0; i < m;) {
    const int32_t rows = tile_rows_of_few(m - i, MR);
    switch (rows) {
#define CASE(r) \
  case r: tile(r, a, i * a->row_stride, panel, &out, c + i * c_stride); break;
      FEW_ROW_COUNTS(CASE)
#undef CASE
      default: break;
    }
    i += rows;
  }
}

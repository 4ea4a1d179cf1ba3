/* Matrix products of floats with AVX-512: tiles of 14 rows by two vectors of columns. */
#include <immintrin.h>

#include "kernels/kernels.h"

#define VEC __m512
#define VEC_LANES 16
#define VEC_LOAD(p) _mm512_loadu_ps((const float *)(const void *)(p))
#define VEC_SPREAD(p) _mm512_set1_ps(*(const float *)(const void *)(p))
#define VEC_FMA(sum, a, b) _mm512_fmadd_ps(a, b, sum)
#include "kernels/x86/gemm_tile_tmpl.inc"

enum { MR = 14, NR = 32 };

typedef struct output {
  ptrdiff_t c_stride;
  const float *bias;
  __mmask16 mask[2]; /* of the columns that count */
  __m512 low, high;
} output;

TILE_INLINE void tile(const int m, const int nv, const ln_gemm_a *a, ptrdiff_t offset, const float *panel,
                      const output *out, float *c) {
  __m512 sums[MR][2];
  __m512 bias[2];
  for (int v = 0; v < nv; ++v) {
    bias[v] = out->bias == NULL ? _mm512_setzero_ps() : _mm512_maskz_loadu_ps(out->mask[v], out->bias + 16 * v);
  }
#pragma GCC unroll 14
  for (int i = 0; i < m; ++i) {
    sums[i][0] = bias[0];
    if (nv > 1) sums[i][1] = bias[1];
  }
  tile_sums(m, nv, a, offset, a->segment_length, (const char *)panel, sums);
#pragma GCC unroll 14
  for (int i = 0; i < m; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < nv; ++v) {
      /* The order of operands lets NaN through. */
      const __m512 x = _mm512_min_ps(out->high, _mm512_max_ps(out->low, sums[i][v]));
      _mm512_mask_storeu_ps(c + i * out->c_stride + 16 * v, out->mask[v], x);
    }
  }
}

static void run_panel(int32_t m, int32_t n, const ln_gemm_a *a, const float *panel, const float *bias, float *c,
                      ptrdiff_t c_stride, float low, float high) {
  output out = {c_stride, bias, {0, 0}, _mm512_set1_ps(low), _mm512_set1_ps(high)};
  out.mask[0] = (__mmask16)(n >= 16 ? 0xFFFF : (1 << n) - 1);
  out.mask[1] = (__mmask16)(n <= 16 ? 0 : (1u << (n - 16)) - 1);
  for (int32_t i = 0; i < m;) {
    const int32_t rows = tile_rows(m - i, MR);
    const ptrdiff_t offset = i * a->row_stride;
    float *to = c + i * c_stride;
    switch (rows + (n > 16 ? 16 : 0)) {
#define CASE(r)                                             \
  case r: tile(r, 1, a, offset, panel, &out, to); break;    \
  case r + 16: tile(r, 2, a, offset, panel, &out, to); break;
      EACH_ROW_COUNT(CASE)
#undef CASE
      default: break;
    }
    i += rows;
  }
}

/* One row: four whole panels at a time; returns the columns done. */
static int32_t run_row(int32_t n, const ln_gemm_a *a, const float *panels, ptrdiff_t panel_bytes, const float *bias, float *c,
                       float low, float high) {
  int32_t j = 0;
  for (; j + 4 * NR <= n; j += 4 * NR) {
    __m512 sums[8];
#pragma GCC unroll 8
    for (int v = 0; v < 8; ++v) sums[v] = bias == NULL ? _mm512_setzero_ps() : _mm512_loadu_ps(bias + j + 16 * v);
    row_sums_of(4, a, 0, a->segment_length, (const char *)panels + j / NR * panel_bytes, panel_bytes, sums);
#pragma GCC unroll 8
    for (int v = 0; v < 8; ++v) {
      const __m512 x = _mm512_min_ps(_mm512_set1_ps(high), _mm512_max_ps(_mm512_set1_ps(low), sums[v]));
      _mm512_storeu_ps(c + j + 16 * v, x);
    }
  }
  return j;
}

static void run(int32_t m, int32_t n, const ln_gemm_a *a, const float *panels, const float *bias, float *c,
                ptrdiff_t c_stride, float low, float high) {
  const ptrdiff_t panel_bytes = (ptrdiff_t)ln_gemm_panel_bytes(a, NR, 1, 4);
  for (int32_t j = m == 1 ? run_row(n, a, panels, panel_bytes, bias, c, low, high) : 0; j < n; j += NR) {
    const char *panel = (const char *)panels + j / NR * panel_bytes;
    run_panel(m, n - j < NR ? n - j : NR, a, (const float *)(const void *)panel, bias == NULL ? NULL : bias + j, c + j,
              c_stride, low, high);
  }
}

const ln_gemm_f32_kernel ln_gemm_f32_14x32_avx512 = {"gemm_f32_14x32_avx512", MR, NR, run};

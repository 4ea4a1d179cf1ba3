/* Matrix products of floats with AVX2 and FMA: tiles of 6 rows by two vectors of columns. */
#include <immintrin.h>

#include "kernels/kernels.h"

#define VEC __m256
#define VEC_LANES 8
#define VEC_LOAD(p) _mm256_loadu_ps((const float *)(const void *)(p))
#define VEC_SPREAD(p) _mm256_broadcast_ss((const float *)(const void *)(p))
#define VEC_FMA(sum, a, b) _mm256_fmadd_ps(a, b, sum)
#include "kernels/x86/gemm_tile_tmpl.inc"

enum { MR = 6, NR = 16 };

typedef struct output {
  ptrdiff_t c_stride;
  const float *bias;
  __m256i mask[2]; /* of the columns that count */
  __m256 low, high;
} output;

static __m256i columns_mask(int32_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

TILE_INLINE void tile(const int m, const int nv, const ln_gemm_a *a, ptrdiff_t offset, const float *panel,
                      const output *out, float *c) {
  __m256 sums[MR][2];
  __m256 bias[2];
  for (int v = 0; v < nv; ++v) {
    bias[v] = out->bias == NULL ? _mm256_setzero_ps() : _mm256_maskload_ps(out->bias + 8 * v, out->mask[v]);
  }
#pragma GCC unroll 6
  for (int i = 0; i < m; ++i) {
    sums[i][0] = bias[0];
    if (nv > 1) sums[i][1] = bias[1];
  }
  tile_sums(m, nv, a, offset, a->segment_length, (const char *)panel, sums);
#pragma GCC unroll 6
  for (int i = 0; i < m; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < nv; ++v) {
      /* The order of operands lets NaN through. */
      const __m256 x = _mm256_min_ps(out->high, _mm256_max_ps(out->low, sums[i][v]));
      _mm256_maskstore_ps(c + i * out->c_stride + 8 * v, out->mask[v], x);
    }
  }
}

static void run_panel(int32_t m, int32_t n, const ln_gemm_a *a, const float *panel, const float *bias, float *c,
                      ptrdiff_t c_stride, float low, float high) {
  const output out = {c_stride, bias, {columns_mask(n), columns_mask(n - 8)}, _mm256_set1_ps(low), _mm256_set1_ps(high)};
  for (int32_t i = 0; i < m;) {
    const int32_t rows = tile_rows(m - i, MR);
    const ptrdiff_t offset = i * a->row_stride;
    float *to = c + i * c_stride;
    switch (rows + (n > 8 ? 8 : 0)) {
#define CASE(r)                                             \
  case r: tile(r, 1, a, offset, panel, &out, to); break;    \
  case r + 8: tile(r, 2, a, offset, panel, &out, to); break;
      CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
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
    __m256 sums[8];
#pragma GCC unroll 8
    for (int v = 0; v < 8; ++v) sums[v] = bias == NULL ? _mm256_setzero_ps() : _mm256_loadu_ps(bias + j + 8 * v);
    row_sums_of(4, a, 0, a->segment_length, (const char *)panels + j / NR * panel_bytes, panel_bytes, sums);
#pragma GCC unroll 8
    for (int v = 0; v < 8; ++v) {
      const __m256 x = _mm256_min_ps(_mm256_set1_ps(high), _mm256_max_ps(_mm256_set1_ps(low), sums[v]));
      _mm256_storeu_ps(c + j + 8 * v, x);
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

const ln_gemm_f32_kernel ln_gemm_f32_6x16_avx2 = {"gemm_f32_6x16_avx2", MR, NR, run};

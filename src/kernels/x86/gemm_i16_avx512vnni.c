/* Sums of int16 times int16 with AVX-512 VNNI, for tensors of int16: pairs, tiles of 14 rows by two vectors. */
#include <immintrin.h>
#include <string.h>

#include "kernels/kernels.h"

static inline __m512i spread(const char *p) {
  int32_t pair;
  memcpy(&pair, p, sizeof pair);
  return _mm512_set1_epi32(pair);
}

#define VEC __m512i
#define VEC_LANES 16
#define VEC_LOAD(p) _mm512_loadu_si512(p)
#define VEC_SPREAD(p) spread(p)
#define VEC_FMA(sum, a, b) _mm512_dpwssd_epi32(sum, a, b)
#include "kernels/x86/gemm_tile_tmpl.inc"

enum { MR = 14, NR = 32, GROUP = 2 };

TILE_INLINE void tile(const int m, const int nv, const ln_gemm_a *a, int32_t row, const char *panel,
                      const int32_t *bias, int32_t *c, ptrdiff_t c_stride) {
  __m512i sums[MR][2];
#pragma GCC unroll 14
  for (int i = 0; i < m; ++i) {
    sums[i][0] = _mm512_loadu_si512(bias);
    if (nv > 1) sums[i][1] = _mm512_loadu_si512(bias + 16);
  }
  tile_sums(m, nv, a, row * a->row_stride, (a->segment_length + GROUP - 1) / GROUP, panel, sums);
#pragma GCC unroll 14
  for (int i = 0; i < m; ++i) {
    _mm512_storeu_si512(c + i * c_stride, sums[i][0]);
    if (nv > 1) _mm512_storeu_si512(c + i * c_stride + 16, sums[i][1]);
  }
}

#define ROW_COUNTS(CASE) CASE(1) CASE(2) CASE(4) CASE(8) CASE(14)

static int32_t rows_of(int32_t left) { return left >= 14 ? 14 : left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1; }

static void run_panel(int32_t m, int32_t n, const ln_gemm_a *a, const char *panel, const int32_t *bias, int32_t *c,
                      ptrdiff_t c_stride) {
  for (int32_t row = 0; row < m;) {
    const int32_t rows = rows_of(m - row);
    int32_t *at = c + row * c_stride;
    switch (rows + (n > 16 ? 16 : 0)) {
#define CASE(r)                                                 \
  case r: tile(r, 1, a, row, panel, bias, at, c_stride); break; \
  case r + 16: tile(r, 2, a, row, panel, bias, at, c_stride); break;
      ROW_COUNTS(CASE)
#undef CASE
      default: break;
    }
    row += rows;
  }
}

static void run_i32(int32_t m, int32_t n, const ln_gemm_a *a, const void *panels, const int32_t *bias,
                    const int32_t *terms, int32_t *c, ptrdiff_t c_stride) {
  (void)terms;
  static const int32_t zeros[NR] = {0};
  const char *panel = panels;
  for (int32_t j = 0; j < n; j += NR, panel += ln_gemm_panel_bytes(a, NR, GROUP, 2))
    run_panel(m, n - j, a, panel, bias == NULL ? zeros : bias + j, c + j, c_stride);
}

/* One column of a panel: step by step, NR pairs apart. */
static int32_t pack_column(int32_t segments, int32_t length, const int8_t *b, int32_t zero, ptrdiff_t s_stride,
                           ptrdiff_t p_stride, int16_t *packed) {
  int32_t sum = 0;
  for (int32_t s = 0; s < segments; ++s) {
    for (int32_t p = 0; p < length; ++p) {
      int16_t *to = packed + p / GROUP * (GROUP * NR) + p % GROUP;
      *to = (int16_t)(b[s * s_stride + p * p_stride] - zero);
      sum += *to;
    }
    packed += (length + GROUP - 1) / GROUP * (GROUP * NR);
  }
  return sum;
}

static void pack_b(int32_t n, int32_t segments, int32_t segment_length, const void *b, bool is_unsigned,
                   int32_t zero_point, ptrdiff_t s_stride, ptrdiff_t p_stride, ptrdiff_t n_stride, void *packed,
                   int32_t *column_sums) {
  (void)is_unsigned; /* weights of int16 tensors are int8 */
  const ptrdiff_t panel = (ptrdiff_t)segments * ((segment_length + GROUP - 1) / GROUP) * GROUP * NR;
  memset(packed, 0, (size_t)((n + NR - 1) / NR * panel) * sizeof(int16_t));
  for (int32_t j = 0; j < n; ++j)
    column_sums[j] = pack_column(segments, segment_length, (const int8_t *)b + j * n_stride, zero_point, s_stride,
                                 p_stride, (int16_t *)packed + j / NR * panel + j % NR * GROUP);
}

const ln_gemm_q8_kernel ln_gemm_i16_14x32_avx512vnni = {
    "gemm_i16_14x32_avx512vnni", MR, NR, GROUP, LN_GEMM_A_I16, NULL, run_i32, NULL, pack_b, 2, NULL, 0, NULL, false};

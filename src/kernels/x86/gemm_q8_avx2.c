/* Matrix products of bytes with AVX2: pairs of int16, zero points taken off beforehand; tiles of 6 rows by two vectors.
 */
#include <immintrin.h>
#include <string.h>

#include "base/selection.h"
#include "kernels/kernels.h"
#include "kernels/x86/gemm_pack.h"
#include "kernels/x86/requantize_avx2.h"

static inline __m256i spread(const char *p) {
  int32_t pair;
  memcpy(&pair, p, sizeof pair);
  return _mm256_set1_epi32(pair);
}

#define VEC __m256i
#define VEC_LANES 8
#define VEC_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define VEC_SPREAD(p) spread(p)
#define VEC_FMA(sum, a, b) _mm256_add_epi32(sum, _mm256_madd_epi16(a, b))
#include "kernels/x86/gemm_tile_tmpl.inc"

enum { MR = 6, NR = 16, GROUP = 2 };

typedef struct q8_output {
  ln_requantize_avx2 scale[2];
  __m256 real[2], most; /* of in_floats: scales, and the highest result before the zero point */
  __m256i zero_point;   /* int16 lanes; results are signed bytes until `flip` */
  __m128i low, high, flip;
} q8_output;

/* For the panel whose first column is `column`. */
static void set_output(q8_output *out, int32_t column, const ln_gemm_q8_params *params) {
  const int32_t offset = params->is_unsigned ? 128 : 0;
  for (int v = 0; v < 2; ++v) {
    out->scale[v] = ln_requantize_avx2_make(VEC_LOAD(params->multiplier + column + 8 * v),
                                            VEC_LOAD(params->shift + column + 8 * v));
    if (!LN_IS_WHOLE) continue;
    out->real[v] =
        ln_scale_avx2(VEC_LOAD(params->multiplier + column + 8 * v), VEC_LOAD(params->shift + column + 8 * v));
  }
  out->most = _mm256_set1_ps((float)(params->high - params->zero_point));
  out->zero_point = _mm256_set1_epi16((short)(params->zero_point - offset));
  out->low = _mm_set1_epi8((char)(params->low - offset));
  out->high = _mm_set1_epi8((char)(params->high - offset));
  out->flip = _mm_set1_epi8((char)(params->is_unsigned ? -128 : 0));
}

/* 16 scaled sums of a row as bytes: saturation on the way does not change what the clamp gives. */
static inline void store_row(const q8_output *out, int32_t n, __m256i scaled0, __m256i scaled1, char *c) {
  const __m256i words = _mm256_adds_epi16(_mm256_packs_epi32(scaled0, scaled1), out->zero_point);
  const __m256i ordered = _mm256_permute4x64_epi64(words, 0xD8);
  __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(ordered), _mm256_extracti128_si256(ordered, 1));
  bytes = _mm_xor_si128(_mm_min_epi8(_mm_max_epi8(bytes, out->low), out->high), out->flip);
  if (n == NR) {
    _mm_storeu_si128((__m128i *)(void *)c, bytes);
    return;
  }
  char row[NR];
  _mm_storeu_si128((__m128i *)(void *)row, bytes);
  memcpy(c, row, (size_t)n);
}

/* 16 sums of a row: in floats, by `reals` of the panel, or where that is NULL in fixed point while they are narrow. */
static inline void scale_row(const q8_output *out, int32_t n, bool in_floats, const double *reals, __m256i sums0,
                             __m256i sums1, char *c) {
  if (LN_IS_WHOLE && in_floats) {
    store_row(out, n, ln_scale_floats_avx2(out->real[0], out->most, sums0),
              ln_scale_floats_avx2(out->real[1], out->most, sums1), c);
  } else if (reals == NULL) {
    store_row(out, n, ln_requantize_avx2_narrow(&out->scale[0], sums0),
              ln_requantize_avx2_narrow(&out->scale[1], sums1), c);
  } else {
    store_row(out, n, ln_multiply_real_avx2(reals, sums0), ln_multiply_real_avx2(reals + 8, sums1), c);
  }
}

/* The sums of m rows from `row` on, with bias (NULL: 0) and row terms, into c of stride NR. */
TILE_INLINE void tile_i32(const int m, const int nv, const ln_gemm_a *a, int32_t row, const void *panel,
                          const int32_t *bias, const int32_t *terms, int32_t *c) {
  __m256i sums[MR][2];
#pragma GCC unroll 6
  for (int i = 0; i < m; ++i) sums[i][0] = sums[i][1] = _mm256_setzero_si256();
  tile_sums(m, nv, a, row * a->row_stride, (a->segment_length + GROUP - 1) / GROUP, panel, sums);
#pragma GCC unroll 6
  for (int i = 0; i < m; ++i) {
    const __m256i term = _mm256_set1_epi32(terms == NULL ? 0 : terms[row + i]);
#pragma GCC unroll 2
    for (int v = 0; v < nv; ++v) {
      const __m256i sum = _mm256_add_epi32(_mm256_add_epi32(sums[i][v], term), VEC_LOAD(bias + 8 * v));
      _mm256_storeu_si256((__m256i *)(void *)(c + i * NR + 8 * v), sum);
    }
  }
}

#define UP_TO_6_ROWS(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)

static void tile_sums_i32(int32_t rows, int32_t n, const ln_gemm_a *a, int32_t row, const void *panel,
                          const int32_t *bias, const int32_t *terms, int32_t *c) {
  switch (rows + (n > 8 ? 8 : 0)) {
#define CASE(r)                                                 \
  case r: tile_i32(r, 1, a, row, panel, bias, terms, c); break; \
  case r + 8: tile_i32(r, 2, a, row, panel, bias, terms, c); break;
    UP_TO_6_ROWS(CASE)
#undef CASE
    default: break;
  }
}

static const char *panel_at(const ln_gemm_a *a, const void *panels, int32_t column) {
  return (const char *)panels + (size_t)(column / NR) * ln_gemm_panel_bytes(a, NR, GROUP, 2);
}

static void run_panel_i32(int32_t m, int32_t n, const ln_gemm_a *a, const void *panel, const int32_t *bias,
                          const int32_t *terms, int32_t *c, ptrdiff_t c_stride) {
  int32_t sums[MR * NR];
  int32_t start[NR] = {0};
  if (bias != NULL) memcpy(start, bias, (size_t)n * sizeof *start);
  for (int32_t row = 0; row < m;) {
    const int32_t rows = tile_rows(m - row, MR);
    tile_sums_i32(rows, n, a, row, panel, start, terms, sums);
    for (int32_t i = 0; i < rows; ++i) memcpy(c + (row + i) * c_stride, sums + i * NR, (size_t)n * sizeof *sums);
    row += rows;
  }
}

static void run_i32(int32_t m, int32_t n, const ln_gemm_a *a, const void *panels, const int32_t *bias,
                    const int32_t *terms, int32_t *c, ptrdiff_t c_stride) {
  for (int32_t j = 0; j < n; j += NR) {
    run_panel_i32(m, n - j < NR ? n - j : NR, a, panel_at(a, panels, j), bias == NULL ? NULL : bias + j, terms, c + j,
                  c_stride);
  }
}

static void run_panel(int32_t m, int32_t n, const ln_gemm_a *a, const void *panel, int32_t column,
                      const ln_gemm_q8_params *params, char *c, ptrdiff_t c_stride) {
  int32_t sums[MR * NR] = {0};
  q8_output out;
  set_output(&out, column, params);
  const double *reals = params->reals == NULL ? NULL : params->reals + column;
  const bool vectors = params->narrow || reals != NULL || (LN_IS_WHOLE && params->in_floats);
  for (int32_t row = 0; row < m;) {
    const int32_t rows = tile_rows(m - row, MR);
    tile_sums_i32(rows, n, a, row, panel, params->bias + column, params->row_terms, sums);
    for (int32_t i = 0; i < rows; ++i) {
      const int32_t *from = sums + i * NR;
      char *to = c + (row + i) * c_stride;
      if (vectors) scale_row(&out, n, params->in_floats, reals, VEC_LOAD(from), VEC_LOAD(from + 8), to);
      else ln_scale_sums_q8(n, column, from, params, to);
    }
    row += rows;
  }
}

static void run_q8(int32_t m, int32_t n, const ln_gemm_a *a, const void *panels, const ln_gemm_q8_params *params,
                   void *c, ptrdiff_t c_stride) {
  for (int32_t j = 0; j < n; j += NR) {
    run_panel(m, n - j < NR ? n - j : NR, a, panel_at(a, panels, j), j, params, (char *)c + j, c_stride);
  }
}

LN_DEFINE_PACK(pack_groups, int16_t, GROUP)

static void pack_b(int32_t n, int32_t segments, int32_t segment_length, const void *b, bool is_unsigned,
                   int32_t zero_point, ptrdiff_t s_stride, ptrdiff_t p_stride, ptrdiff_t n_stride, void *packed,
                   int32_t *column_sums) {
  const ln_pack_bytes p = {NR, n, segments, segment_length, b, is_unsigned, s_stride, p_stride, n_stride};
  pack_groups(&p, zero_point, packed, column_sums);
}

static void convert_a(const void *source, bool is_unsigned, int32_t zero_point, size_t count, void *a) {
  ln_convert_a_i16(source, is_unsigned, zero_point, count, a);
}

const ln_gemm_q8_kernel ln_gemm_q8_6x16_avx2 = {
    "gemm_q8_6x16_avx2", MR, NR, GROUP, LN_GEMM_A_I16, run_q8, run_i32, convert_a, pack_b, 2, NULL, 0, NULL,
    LN_IS_WHOLE};

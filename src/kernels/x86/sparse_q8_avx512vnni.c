/* Products of bytes with a sparse B with AVX-512 VNNI: 64 pixels at a time, or 32 where there are no more. */
#include <immintrin.h>
#include <string.h>

#include "kernels/x86/requantize_avx2.h"
#include "kernels/x86/requantize_avx512.h"
#include "kernels/x86/sparse_q8.h"

enum { NR = 32 }; /* columns of a panel of params->scales */

#include "kernels/x86/requantize_floats.h"

/* What floats need of a column's panel, or NULL when its columns do not fit them. */
SPARSE_INLINE const ln_floats_panel *floats_of(const ln_gemm_q8_params *params, int32_t column) {
  const ln_floats_panel *panel = params->scales == NULL ? NULL : (const ln_floats_panel *)params->scales + column / NR;
  return panel != NULL && panel->fits ? panel : NULL;
}

SPARSE_INLINE int32_t start_of(const ln_gemm_q8_params *params, int32_t column) {
  const ln_floats_panel *panel = floats_of(params, column);
  return panel != NULL ? panel->bias[column % NR] : params->bias[column];
}

/* Two vectors of int16 in order as bytes: saturation on the way does not change what the clamp gives. */
SPARSE_INLINE void store_bytes(const ln_gemm_q8_params *params, __m512i low, __m512i high, int8_t *out) {
  const __m512i least = _mm512_set1_epi8((char)params->low), most = _mm512_set1_epi8((char)params->high);
  _mm512_storeu_si512(out, _mm512_min_epi8(_mm512_max_epi8(_mm512_packs_epi16(low, high), least), most));
}

SPARSE_INLINE __m512i moved(const ln_gemm_q8_params *params, __m512i a, __m512i b) {
  return _mm512_adds_epi16(_mm512_packs_epi32(a, b), _mm512_set1_epi16((short)params->zero_point));
}

/* By what fold_scales gave: halves are added and halved in int16. */
SPARSE_INLINE void store_floats(const ln_gemm_q8_params *params, int32_t column, const ln_floats_panel *panel,
                                const __m512i *sums, int8_t *out) {
  const int32_t at = column % NR;
  ln_requantize_floats scale =
      ln_requantize_floats_make(_mm512_set1_epi32(params->multiplier[column]), _mm512_set1_epi32(params->shift[column]),
                                panel->nudge, panel->signed_nudges >> at & 1 ? 0xFFFF : 0);
  scale.nudge = _mm512_castps_si512(_mm512_set1_ps(panel->nudge[at]));
  const __m512i halves = _mm512_set1_epi16(panel->halves[at]);
  __m512i words[2];
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
    const __m512i both = _mm512_packs_epi32(ln_requantize_halves(&scale, true, sums[2 * i]),
                                            ln_requantize_halves(&scale, true, sums[2 * i + 1]));
    words[i] = _mm512_srai_epi16(_mm512_adds_epi16(both, halves), 1);
  }
  store_bytes(params, words[0], words[1], out);
}

static __attribute__((noinline)) void store_fixed(const ln_gemm_q8_params *params, int32_t column, const __m512i *sums,
                                                  int8_t *out) {
  const ln_requantize_avx512 scale = ln_requantize_avx512_make(_mm512_set1_epi32(params->multiplier[column]),
                                                               _mm512_set1_epi32(params->shift[column]));
  __m512i x[4];
  for (int i = 0; i < 4; ++i) x[i] = ln_requantize_avx512_narrow(&scale, sums[i]);
  store_bytes(params, moved(params, x[0], x[1]), moved(params, x[2], x[3]), out);
}

static __attribute__((noinline)) void store_reals(const ln_gemm_q8_params *params, int32_t column, const __m512i *sums,
                                                  int8_t *out) {
  double same[16];
  for (int i = 0; i < 16; ++i) same[i] = params->reals[column];
  store_bytes(params, moved(params, ln_multiply_real_avx512(same, sums[0]), ln_multiply_real_avx512(same, sums[1])),
              moved(params, ln_multiply_real_avx512(same, sums[2]), ln_multiply_real_avx512(same, sums[3])), out);
}

/* The sums of `pixels` pixels, interleaved as the loop leaves them. */
static __attribute__((noinline)) void store_wide(const ln_gemm_q8_params *params, int32_t column, int32_t pixels,
                                                 const void *sums, int8_t *out) {
  int32_t lanes[PIXELS], in_order[PIXELS];
  memcpy(lanes, sums, (size_t)pixels * sizeof *lanes);
  for (int32_t i = 0; i < pixels; ++i) in_order[i] = lanes[i / 4 % 4 * (pixels / 4) + i / 16 * 4 + i % 4];
  ln_sparse_scale(pixels, column, in_order, params, out);
}

SPARSE_INLINE void store_64(const ln_gemm_q8_params *params, int32_t column, const __m512i *sums, int8_t *out) {
  const ln_floats_panel *panel = floats_of(params, column);
  if (panel != NULL) {
    store_floats(params, column, panel, sums, out);
  } else if (params->reals != NULL) {
    store_reals(params, column, sums, out);
  } else if (params->narrow) {
    store_fixed(params, column, sums, out);
  } else {
    store_wide(params, column, 64, sums, out);
  }
}

static __attribute__((noinline)) void store_32(const ln_gemm_q8_params *params, int32_t column, const __m256i *sums,
                                               int8_t *out) {
  if (!params->narrow || params->reals != NULL) {
    store_wide(params, column, 32, sums, out);
    return;
  }
  const ln_requantize_avx2 scale =
      ln_requantize_avx2_make(_mm256_set1_epi32(params->multiplier[column]), _mm256_set1_epi32(params->shift[column]));
  const __m256i zero = _mm256_set1_epi16((short)params->zero_point);
  const __m256i low =
      _mm256_packs_epi32(ln_requantize_avx2_narrow(&scale, sums[0]), ln_requantize_avx2_narrow(&scale, sums[1]));
  const __m256i high =
      _mm256_packs_epi32(ln_requantize_avx2_narrow(&scale, sums[2]), ln_requantize_avx2_narrow(&scale, sums[3]));
  const __m256i bytes = _mm256_packs_epi16(_mm256_adds_epi16(low, zero), _mm256_adds_epi16(high, zero));
  const __m256i least = _mm256_set1_epi8((char)params->low), most = _mm256_set1_epi8((char)params->high);
  _mm256_storeu_si256((__m256i *)(void *)out, _mm256_min_epi8(_mm256_max_epi8(bytes, least), most));
}

#define V __m512i
#define V_BYTES 64
#define VI(name) _mm512_##name
#define V_LOAD(p) _mm512_loadu_si512(p)
#define START start_of
#define STORE_COLUMN store_64
#define GROUP_SUMS group_sums_64
#include "kernels/x86/sparse_q8_quads.inc"

#define V __m256i
#define V_BYTES 32
#define VI(name) _mm256_##name
#define V_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define START(params, column) (params)->bias[column]
#define STORE_COLUMN store_32
#define GROUP_SUMS group_sums_32
#include "kernels/x86/sparse_q8_quads.inc"

static void band(const ln_sparse_b *b, int32_t from, int32_t to, int32_t pixels, const void *a,
                 const ln_gemm_q8_params *params, int8_t *out) {
  /* Of what 32 pixels scale one by one, 64 go through vectors: lanes without a pixel cost less than that. */
  const bool in_vectors = params->reals != NULL || (!params->narrow && params->scales != NULL);
  const bool all = pixels > 32 || in_vectors;
  for (int32_t g = from; g < to; ++g, out += b->rows * PIXELS) {
    switch (b->rows + (all ? 0 : 8)) {
      case 1: group_sums_64(1, b, g, a, params, out); break;
      case 4: group_sums_64(4, b, g, a, params, out); break;
      case 9: group_sums_32(1, b, g, a, params, out); break;
      default: group_sums_32(4, b, g, a, params, out); break;
    }
  }
}

static void run(int32_t m, const ln_sparse_b *b, const int8_t *a, ptrdiff_t a_stride, const ln_gemm_q8_params *params,
                int8_t *c, ptrdiff_t c_stride, void *scratch) {
  int8_t *by_channel = scratch, *results = by_channel + (size_t)b->k * PIXELS;
  const __m512i flip = _mm512_set1_epi8(-128);
  for (int32_t first = 0; first < m; first += PIXELS) {
    const int32_t pixels = m - first < PIXELS ? m - first : PIXELS;
    transpose_x8_avx2((size_t)b->k, (size_t)pixels, a + first * a_stride, a_stride, by_channel, PIXELS);
    for (int32_t p = 0; p < b->k; ++p) {
      int8_t *channel = by_channel + (ptrdiff_t)p * PIXELS;
      _mm512_storeu_si512(channel, _mm512_xor_si512(_mm512_loadu_si512(channel), flip));
    }
    ln_sparse_bands(band, b, pixels, by_channel, params, results, c + first * c_stride, c_stride);
  }
}

const ln_sparse_q8_kernel ln_sparse_q8_avx512vnni = {"sparse_q8_avx512vnni", 4, 1, 128, run};

/* Weights of 4 bits in blocks times floats with AVX2. Products of a raised weight and 8 bits of x, added in pairs, stay
 * below 3825, so that eight of them fit 16 bits: STEP columns, after which they are widened. */
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "kernels/matvec.h"

ln_matvec_i4_fn ln_matvec_i4_avx2;
ln_i4_quantize_fn ln_quantize_i4_avx2;

enum { GROUP = 32, VECTORS = GROUP / 8 }; /* rows at a time */

static inline __m256i spread(const int8_t *p) {
  int32_t bytes;
  memcpy(&bytes, p, sizeof bytes);
  return _mm256_set1_epi32(bytes);
}

/* GROUP rows of STEP columns. */
static inline __attribute__((always_inline)) void add_step(const ln_i4_vector *x, int32_t k, const char *at,
                                                           __m256i *sums) {
  const __m256i mask = _mm256_set1_epi8(15), ones = _mm256_set1_epi16(1);
  __m256i high[VECTORS], low[VECTORS];
  for (int v = 0; v < VECTORS; ++v) high[v] = low[v] = _mm256_setzero_si256();
  for (int32_t end = k + LN_I4_STEP; k < end; k += 8, at += 4 * LN_I4_ROWS) {
    const __m256i h0 = spread(x->high + k), h1 = spread(x->high + k + 4);
    const __m256i l0 = spread(x->low + k), l1 = spread(x->low + k + 4);
#pragma GCC unroll 4
    for (int v = 0; v < VECTORS; ++v) {
      const __m256i both = _mm256_loadu_si256((const __m256i *)(const void *)(at + 32 * v));
      const __m256i w0 = _mm256_and_si256(both, mask), w1 = _mm256_and_si256(_mm256_srli_epi16(both, 4), mask);
      high[v] = _mm256_add_epi16(high[v], _mm256_add_epi16(_mm256_maddubs_epi16(w0, h0), _mm256_maddubs_epi16(w1, h1)));
      low[v] = _mm256_add_epi16(low[v], _mm256_add_epi16(_mm256_maddubs_epi16(w0, l0), _mm256_maddubs_epi16(w1, l1)));
    }
  }
#pragma GCC unroll 4
  for (int v = 0; v < VECTORS; ++v) {
    const __m256i wide = _mm256_slli_epi32(_mm256_madd_epi16(high[v], ones), 8);
    sums[v] = _mm256_add_epi32(sums[v], _mm256_add_epi32(wide, _mm256_madd_epi16(low[v], ones)));
  }
}

void ln_matvec_i4_avx2(const ln_i4_vector *x, const void *panel, float *out) {
  for (int32_t r = 0; r < LN_I4_ROWS; r += GROUP) {
    const char *at = (const char *)panel + (size_t)r * 4;
    __m256 total[VECTORS];
    for (int v = 0; v < VECTORS; ++v) total[v] = _mm256_setzero_ps();
    for (int32_t b = 0; b < x->blocks; ++b) {
      const float *scales = (const float *)(const void *)at;
      __m256i sums[VECTORS];
      at += LN_I4_ROWS * sizeof(float);
      for (int v = 0; v < VECTORS; ++v) sums[v] = _mm256_set1_epi32(x->starts[b]);
      for (int32_t k = 0; k < x->block; k += LN_I4_STEP, at += LN_I4_ROWS * LN_I4_STEP / 2) {
        add_step(x, b * x->block + k, at, sums);
      }
      const __m256 scale = _mm256_set1_ps(x->scales[b]);
#pragma GCC unroll 4
      for (int v = 0; v < VECTORS; ++v) {
        const __m256 by = _mm256_mul_ps(_mm256_loadu_ps(scales + 8 * v), scale);
        total[v] = _mm256_add_ps(total[v], _mm256_mul_ps(_mm256_cvtepi32_ps(sums[v]), by));
      }
    }
    for (int v = 0; v < VECTORS; ++v) _mm256_storeu_ps(out + r + 8 * v, total[v]);
  }
}

static inline __m256i load(const float *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }

/* Magnitudes compare as integers do, NaN above all. */
static float block_scale(const float *x, int32_t count) {
  const __m256i magnitude = _mm256_set1_epi32(INT32_MAX);
  __m256i most = _mm256_setzero_si256();
  for (int32_t i = 0; i < count; i += 8) most = _mm256_max_epi32(most, _mm256_and_si256(load(x + i), magnitude));
  __m128i half = _mm_max_epi32(_mm256_castsi256_si128(most), _mm256_extracti128_si256(most, 1));
  half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  half = _mm_max_epi32(half, _mm_shuffle_epi32(half, 0xB1));
  const float largest = _mm_cvtss_f32(_mm_castsi128_ps(half));
  return largest <= 3.402823466e38f ? largest / 32512.0f : NAN;
}

/* Four vectors of 32-bit lanes that hold bytes, in order. */
static inline __m256i bytes_of(const __m256i *lanes) {
  const __m256i mixed =
      _mm256_packs_epi16(_mm256_packs_epi32(lanes[0], lanes[1]), _mm256_packs_epi32(lanes[2], lanes[3]));
  return _mm256_permutevar8x32_epi32(mixed, _mm256_setr_epi32(0, 4, 1, 5, 2, 6, 3, 7));
}

void ln_quantize_i4_avx2(const float *x, const ln_i4_vector *out) {
  const __m256 limit = _mm256_set1_ps(32512.0f), magic = _mm256_set1_ps(12582912.0f);
  for (int32_t b = 0; b < out->blocks; ++b) {
    const float scale = block_scale(x + b * out->block, out->block);
    const __m256 inverse = _mm256_set1_ps(scale > 1e-37f ? 1.0f / scale : 0.0f);
    const __m256i some = _mm256_set1_epi32(scale > 1e-37f ? -1 : 0);
    __m256i sum = _mm256_setzero_si256();
    for (int32_t i = b * out->block, end = i + out->block; i < end; i += 32) {
      __m256i high[4], low[4];
#pragma GCC unroll 4
      for (int v = 0; v < 4; ++v) {
        const __m256 moved = _mm256_mul_ps(_mm256_loadu_ps(x + i + 8 * v), inverse);
        const __m256 cut = _mm256_min_ps(_mm256_max_ps(moved, _mm256_sub_ps(_mm256_setzero_ps(), limit)), limit);
        const __m256i rounded = _mm256_castps_si256(_mm256_add_ps(cut, magic));
        const __m256i q = _mm256_and_si256(_mm256_sub_epi32(rounded, _mm256_set1_epi32(0x4B400000)), some);
        sum = _mm256_add_epi32(sum, q);
        low[v] = _mm256_srai_epi32(_mm256_slli_epi32(q, 24), 24);
        high[v] = _mm256_srai_epi32(_mm256_add_epi32(q, _mm256_set1_epi32(128)), 8);
      }
      _mm256_storeu_si256((__m256i *)(void *)(out->high + i), bytes_of(high));
      _mm256_storeu_si256((__m256i *)(void *)(out->low + i), bytes_of(low));
    }
    __m128i half = _mm_add_epi32(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
    half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
    out->scales[b] = scale;
    out->starts[b] = -8 * _mm_cvtsi128_si32(half);
  }
}

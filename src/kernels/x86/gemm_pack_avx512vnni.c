/*
 * Packing B of bytes by registers, four bytes of a column side by side: sixteen columns that lie contiguous are
 * transposed as 4-byte items, sixteen that lie side by side are interleaved. Sums of columns are dot products with
 * ones.
 */
#include "kernels/x86/gemm_pack.h"

#include <immintrin.h>

enum { LANES = 16, GROUP = 4, STEP = LANES * GROUP };

/* Lane c of x[r] becomes lane r of x[c]. */
static inline __attribute__((always_inline)) void transpose16(__m512i x[LANES]) {
  __m512i y[LANES];
#pragma GCC unroll 4
  for (int i = 0; i < LANES; i += 4) {
    const __m512i ab_low = _mm512_unpacklo_epi32(x[i], x[i + 1]), ab_high = _mm512_unpackhi_epi32(x[i], x[i + 1]);
    const __m512i cd_low = _mm512_unpacklo_epi32(x[i + 2], x[i + 3]);
    const __m512i cd_high = _mm512_unpackhi_epi32(x[i + 2], x[i + 3]);
    y[i] = _mm512_unpacklo_epi64(ab_low, cd_low);
    y[i + 1] = _mm512_unpackhi_epi64(ab_low, cd_low);
    y[i + 2] = _mm512_unpacklo_epi64(ab_high, cd_high);
    y[i + 3] = _mm512_unpackhi_epi64(ab_high, cd_high);
  }
  /* y[4 g + c] holds lanes c, 4 + c, 8 + c, 12 + c of rows 4 g to 4 g + 3, each in one 128-bit lane. */
#pragma GCC unroll 4
  for (int c = 0; c < 4; ++c) {
    const __m512i low01 = _mm512_shuffle_i32x4(y[c], y[4 + c], 0x44),
                  high01 = _mm512_shuffle_i32x4(y[c], y[4 + c], 0xEE);
    const __m512i low23 = _mm512_shuffle_i32x4(y[8 + c], y[12 + c], 0x44);
    const __m512i high23 = _mm512_shuffle_i32x4(y[8 + c], y[12 + c], 0xEE);
    x[c] = _mm512_shuffle_i32x4(low01, low23, 0x88);
    x[4 + c] = _mm512_shuffle_i32x4(low01, low23, 0xDD);
    x[8 + c] = _mm512_shuffle_i32x4(high01, high23, 0x88);
    x[12 + c] = _mm512_shuffle_i32x4(high01, high23, 0xDD);
  }
}

/* `length` bytes of `columns` (at most 16) contiguous columns from `from` on, as steps of a panel; returns their sums.
 */
static inline __attribute__((always_inline)) __m512i tall(const ln_pack_bytes *p, const char *from, int32_t columns,
                                                          char *out, __m512i sums) {
  const __m512i flip = _mm512_set1_epi8((char)(p->is_unsigned ? -128 : 0)), ones = _mm512_set1_epi8(1);
  const ptrdiff_t row_bytes = (ptrdiff_t)p->nr * GROUP;
  for (int32_t k = 0; k < p->segment_length; k += STEP) {
    const int32_t left = p->segment_length - k;
    const __mmask64 mask = left >= STEP ? ~(__mmask64)0 : ((__mmask64)1 << left) - 1;
    __m512i x[LANES];
#pragma GCC unroll 16
    for (int i = 0; i < LANES; ++i) {
      const __mmask64 here = i < columns ? mask : 0;
      x[i] = _mm512_maskz_loadu_epi8(here, from + (i < columns ? i : 0) * p->n_stride + k);
      x[i] = _mm512_mask_xor_epi32(x[i], 0xFFFF, x[i], _mm512_maskz_mov_epi8(here, flip));
    }
    transpose16(x);
    const int32_t steps = left >= STEP ? LANES : (left + GROUP - 1) / GROUP;
#pragma GCC unroll 16
    for (int i = 0; i < LANES; ++i) {
      if (i >= steps) break;
      _mm512_storeu_si512(out, x[i]);
      sums = _mm512_dpbusd_epi32(sums, ones, x[i]);
      out += row_bytes;
    }
  }
  return sums;
}

/* The same for columns that lie side by side, rows p_stride apart. */
static inline __attribute__((always_inline)) __m512i wide(const ln_pack_bytes *p, const char *from, int32_t columns,
                                                          char *out, __m512i sums) {
  const __mmask16 mask = (__mmask16)(0xFFFF >> (LANES - columns));
  const __m128i flip = _mm_maskz_mov_epi8(mask, _mm_set1_epi8((char)(p->is_unsigned ? -128 : 0)));
  const __m512i ones = _mm512_set1_epi8(1);
  for (int32_t k = 0; k < p->segment_length; k += GROUP, out += (ptrdiff_t)p->nr * GROUP) {
    __m128i x[GROUP];
#pragma GCC unroll 4
    for (int i = 0; i < GROUP; ++i) {
      const bool here = k + i < p->segment_length;
      x[i] = _mm_maskz_loadu_epi8(here ? mask : 0, from + (here ? k + i : 0) * p->p_stride);
      if (here) x[i] = _mm_xor_si128(x[i], flip);
    }
    const __m128i low01 = _mm_unpacklo_epi8(x[0], x[1]), high01 = _mm_unpackhi_epi8(x[0], x[1]);
    const __m128i low23 = _mm_unpacklo_epi8(x[2], x[3]), high23 = _mm_unpackhi_epi8(x[2], x[3]);
    const __m256i low = _mm256_set_m128i(_mm_unpackhi_epi16(low01, low23), _mm_unpacklo_epi16(low01, low23));
    const __m256i high = _mm256_set_m128i(_mm_unpackhi_epi16(high01, high23), _mm_unpacklo_epi16(high01, high23));
    const __m512i step = _mm512_inserti64x4(_mm512_castsi256_si512(low), high, 1);
    _mm512_storeu_si512(out, step);
    sums = _mm512_dpbusd_epi32(sums, ones, step);
  }
  return sums;
}

bool ln_pack_bytes_by_registers(const ln_pack_bytes *p, void *packed, int32_t *column_sums) {
  if (p->p_stride != 1 && p->n_stride != 1) return false;
  const ptrdiff_t steps = (p->segment_length + GROUP - 1) / GROUP;
  char *out = packed;
  for (int32_t panel = 0; panel < p->n; panel += p->nr, out += p->segments * steps * p->nr * GROUP) {
    for (int32_t j = 0; j < p->nr; j += LANES) {
      const int32_t left = p->n - panel - j, columns = left >= LANES ? LANES : left < 0 ? 0 : left;
      __m512i sums = _mm512_setzero_si512();
      for (int32_t s = 0; s < p->segments; ++s) {
        const char *from = (const char *)p->b + s * p->s_stride + (columns == 0 ? 0 : panel + j) * p->n_stride;
        char *to = out + (s * steps * p->nr + j) * GROUP;
        if (columns == 0) {
          for (ptrdiff_t k = 0; k < steps; ++k) _mm512_storeu_si512(to + k * p->nr * GROUP, _mm512_setzero_si512());
        } else if (p->p_stride == 1) {
          sums = tall(p, from, columns, to, sums);
        } else {
          sums = wide(p, from, columns, to, sums);
        }
      }
      if (columns > 0)
        _mm512_mask_storeu_epi32(column_sums + panel + j, (__mmask16)(0xFFFF >> (LANES - columns)), sums);
    }
  }
  return true;
}

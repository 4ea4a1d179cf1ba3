/* Matrix products of bytes with NEON's 8-bit matrix products: two rows of A times two columns of B over eight steps of
 * k at once. */
#include <arm_neon.h>
#include <string.h>

#include "kernels/kernels.h"

#define LN_INLINE static inline __attribute__((always_inline))

enum { MR = 8, NR = 8, GROUP = 8, B_BYTES = 1 };

/* x: pairs of rows over eight steps; squares[p][q]: rows 2p, 2p + 1 times columns 2q, 2q + 1. */
LN_INLINE void step(const int pairs, const int nv, const int8x16_t *x, const int8_t *b, int32x4_t (*squares)[4]) {
#pragma GCC unroll 4
  for (int q = 0; q < 2 * nv; ++q) {
    const int8x16_t columns = vld1q_s8(b + 16 * q);
#pragma GCC unroll 4
    for (int p = 0; p < pairs; ++p) squares[p][q] = vmmlaq_s32(squares[p][q], x[p], columns);
  }
}

LN_INLINE int8x16_t low_halves(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s64(vzip1q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}

LN_INLINE int8x16_t high_halves(int8x16_t a, int8x16_t b) {
  return vreinterpretq_s8_s64(vzip2q_s64(vreinterpretq_s64_s8(a), vreinterpretq_s64_s8(b)));
}

LN_INLINE int32x4_t halves_s32(const int high, int32x4_t a, int32x4_t b) {
  const int8x16_t x = vreinterpretq_s8_s32(a), y = vreinterpretq_s8_s32(b);
  return vreinterpretq_s32_s8(high ? high_halves(x, y) : low_halves(x, y));
}

/* An odd last row is multiplied twice. */
LN_INLINE void tile_sums(const int m, const int nv, const ln_gemm_a *a, ptrdiff_t offset, const void *panel,
                         int32x4_t (*sums)[2]) {
  const int pairs = (m + 1) / 2;
  const int8_t *b = panel;
  int32x4_t squares[MR / 2][4];
#pragma GCC unroll 4
  for (int p = 0; p < pairs; ++p) {
#pragma GCC unroll 2
    for (int v = 0; v < nv; ++v) { /* rows start from the same */
      squares[p][2 * v] = halves_s32(0, sums[0][v], sums[0][v]);
      squares[p][2 * v + 1] = halves_s32(1, sums[0][v], sums[0][v]);
    }
  }
  for (int32_t s = 0; s < a->segment_count; ++s) {
    const int8_t *first = (const int8_t *)a->segments[s] + offset;
    const int8_t *row[MR];
#pragma GCC unroll 8
    for (int i = 0; i < 2 * pairs; ++i) row[i] = first + (i < m ? i : m - 1) * a->row_stride;
    int32_t p = 0;
    for (; p + 16 <= a->segment_length; p += 16, b += 16 * NR) {
      int8x16_t low[MR / 2], high[MR / 2];
#pragma GCC unroll 4
      for (int i = 0; i < pairs; ++i) {
        const int8x16_t even = vld1q_s8(row[2 * i] + p), odd = vld1q_s8(row[2 * i + 1] + p);
        low[i] = low_halves(even, odd);
        high[i] = high_halves(even, odd);
      }
      step(pairs, nv, low, b, squares);
      step(pairs, nv, high, b + 8 * NR, squares);
    }
#pragma GCC unroll 1
    for (; p < a->segment_length; p += 8, b += 8 * NR) {
      int8x16_t x[MR / 2];
#pragma GCC unroll 4
      for (int i = 0; i < pairs; ++i) x[i] = vcombine_s8(vld1_s8(row[2 * i] + p), vld1_s8(row[2 * i + 1] + p));
      step(pairs, nv, x, b, squares);
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < m; ++i) {
#pragma GCC unroll 2
    for (int v = 0; v < nv; ++v) sums[i][v] = halves_s32(i % 2, squares[i / 2][2 * v], squares[i / 2][2 * v + 1]);
  }
}

#include "kernels/arm/gemm_q8_signed.inc"
#include "kernels/arm/gemm_q8_tmpl.inc"

const ln_gemm_q8_kernel ln_gemm_q8_8x8_neoni8mm = SIGNED_KERNEL("gemm_q8_8x8_neoni8mm");

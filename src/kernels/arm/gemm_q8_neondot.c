/* Matrix products of bytes with NEON's dot products: signed bytes of A and B, four steps of k in a lane, so that a
 * vector of A serves a row for sixteen. */
#include <arm_neon.h>
#include <string.h>

#include "kernels/kernels.h"

#define LN_INLINE static inline __attribute__((always_inline))

enum { MR = 8, NR = 8, GROUP = 4, B_BYTES = 1 };

LN_INLINE int32x4_t dot_lane(int32x4_t sum, int8x16_t b, int8x16_t x, const int lane) {
  switch (lane) {
    case 0: return vdotq_laneq_s32(sum, b, x, 0);
    case 1: return vdotq_laneq_s32(sum, b, x, 1);
    case 2: return vdotq_laneq_s32(sum, b, x, 2);
    default: return vdotq_laneq_s32(sum, b, x, 3);
  }
}

/* Four steps of k: A's values are lane `lane` of x. */
LN_INLINE void step(const int m, const int nv, const int8x16_t *x, const int lane, const int8_t *b,
                    int32x4_t (*sums)[2]) {
  const int8x16_t b0 = vld1q_s8(b), b1 = nv > 1 ? vld1q_s8(b + 16) : b0;
#pragma GCC unroll 8
  for (int i = 0; i < m; ++i) {
    sums[i][0] = dot_lane(sums[i][0], b0, x[i], lane);
    if (nv > 1) sums[i][1] = dot_lane(sums[i][1], b1, x[i], lane);
  }
}

LN_INLINE void tile_sums(const int m, const int nv, const ln_gemm_a *a, ptrdiff_t offset, const void *panel,
                         int32x4_t (*sums)[2]) {
  const int8_t *b = panel;
  for (int32_t s = 0; s < a->segment_count; ++s) {
    const int8_t *first = (const int8_t *)a->segments[s] + offset;
    const int8_t *row[MR];
#pragma GCC unroll 8
    for (int i = 0; i < m; ++i) row[i] = first + i * a->row_stride;
    int32_t left = a->segment_length;
    for (; left >= 16; left -= 16, b += 16 * NR) {
      int8x16_t x[MR];
#pragma GCC unroll 8
      for (int i = 0; i < m; ++i, row[i - 1] += 16) x[i] = vld1q_s8(row[i]);
#pragma GCC unroll 4
      for (int lane = 0; lane < 4; ++lane) step(m, nv, x, lane, b + 4 * NR * lane, sums);
    }
#pragma GCC unroll 1
    for (; left > 0; left -= 4, b += 4 * NR) {
      int8x16_t x[MR];
#pragma GCC unroll 8
      for (int i = 0; i < m; ++i, row[i - 1] += 4) {
        int32_t bytes;
        memcpy(&bytes, row[i], 4);
        x[i] = vreinterpretq_s8_s32(vdupq_n_s32(bytes));
      }
      step(m, nv, x, 0, b, sums);
    }
  }
}

#include "kernels/arm/gemm_q8_signed.inc"
#include "kernels/arm/gemm_q8_tmpl.inc"

const ln_gemm_q8_kernel ln_gemm_q8_8x8_neondot = SIGNED_KERNEL("gemm_q8_8x8_neondot");

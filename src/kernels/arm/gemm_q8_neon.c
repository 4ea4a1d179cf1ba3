/* Matrix products of bytes with NEON: A and B as int16 without their zero points, eight steps of k at a time, so that a
 * vector of A serves a row through its lanes. */
#include <arm_neon.h>

#include "kernels/kernels.h"
#include "kernels/x86/gemm_pack.h"

#define LN_INLINE static inline __attribute__((always_inline))

enum { MR = 8, NR = 8, GROUP = 1, B_BYTES = 2 };

/* sum + half v of b times lane `lane` of x. */
LN_INLINE int32x4_t mla_lane(int32x4_t sum, int16x8_t b, const int v, int16x8_t x, const int lane) {
  switch (lane + 8 * v) {
    case 0: return vmlal_laneq_s16(sum, vget_low_s16(b), x, 0);
    case 1: return vmlal_laneq_s16(sum, vget_low_s16(b), x, 1);
    case 2: return vmlal_laneq_s16(sum, vget_low_s16(b), x, 2);
    case 3: return vmlal_laneq_s16(sum, vget_low_s16(b), x, 3);
    case 4: return vmlal_laneq_s16(sum, vget_low_s16(b), x, 4);
    case 5: return vmlal_laneq_s16(sum, vget_low_s16(b), x, 5);
    case 6: return vmlal_laneq_s16(sum, vget_low_s16(b), x, 6);
    case 7: return vmlal_laneq_s16(sum, vget_low_s16(b), x, 7);
    case 8: return vmlal_high_laneq_s16(sum, b, x, 0);
    case 9: return vmlal_high_laneq_s16(sum, b, x, 1);
    case 10: return vmlal_high_laneq_s16(sum, b, x, 2);
    case 11: return vmlal_high_laneq_s16(sum, b, x, 3);
    case 12: return vmlal_high_laneq_s16(sum, b, x, 4);
    case 13: return vmlal_high_laneq_s16(sum, b, x, 5);
    case 14: return vmlal_high_laneq_s16(sum, b, x, 6);
    default: return vmlal_high_laneq_s16(sum, b, x, 7);
  }
}

/* One step of k: A's values are lane `lane` of x. */
LN_INLINE void step(const int m, const int nv, const int16x8_t *x, const int lane, const int16_t *b,
                    int32x4_t (*sums)[2]) {
  const int16x8_t columns = vld1q_s16(b);
#pragma GCC unroll 8
  for (int i = 0; i < m; ++i) {
    sums[i][0] = mla_lane(sums[i][0], columns, 0, x[i], lane);
    if (nv > 1) sums[i][1] = mla_lane(sums[i][1], columns, 1, x[i], lane);
  }
}

LN_INLINE void tile_sums(const int m, const int nv, const ln_gemm_a *a, ptrdiff_t offset, const void *panel,
                         int32x4_t (*sums)[2]) {
  const int16_t *b = panel;
  for (int32_t s = 0; s < a->segment_count; ++s) {
    const char *first = (const char *)a->segments[s] + offset;
    const int16_t *row[MR];
#pragma GCC unroll 8
    for (int i = 0; i < m; ++i) row[i] = (const int16_t *)(const void *)(first + i * a->row_stride);
    int32_t left = a->segment_length;
    for (; left >= 8; left -= 8, b += 8 * NR) {
      int16x8_t x[MR];
#pragma GCC unroll 8
      for (int i = 0; i < m; ++i, row[i - 1] += 8) x[i] = vld1q_s16(row[i]);
#pragma GCC unroll 8
      for (int lane = 0; lane < 8; ++lane) step(m, nv, x, lane, b + NR * lane, sums);
    }
#pragma GCC unroll 1
    for (; left > 0; --left, b += NR) {
      int16x8_t x[MR];
#pragma GCC unroll 8
      for (int i = 0; i < m; ++i, ++row[i - 1]) x[i] = vld1q_dup_s16(row[i]);
      step(m, nv, x, 0, b, sums);
    }
  }
}

#include "kernels/arm/gemm_q8_tmpl.inc"

#include "kernels/x86/gemm_i16_form.inc"

const ln_gemm_q8_kernel ln_gemm_q8_8x8_neon = {"gemm_q8_8x8_neon",
                                               MR,
                                               NR,
                                               GROUP,
                                               LN_GEMM_A_I16,
                                               run_q8,
                                               run_i32,
                                               convert_a,
                                               pack_b,
                                               B_BYTES,
                                               NULL,
                                               0,
                                               NULL,
                                               false};

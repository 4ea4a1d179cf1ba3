/*
 * From 32-bit sums to bytes with NEON. sqrdmulh is the reference's first rounding, its saturation included; its second
 * one, by a power of two with ties away from zero, is srshl's, whose ties go upward, once 1 is taken off numbers below
 * zero. No number is so low that this overflows: the first rounding gives no INT32_MIN.
 */
#ifndef LN_KERNELS_ARM_REQUANTIZE_H
#define LN_KERNELS_ARM_REQUANTIZE_H

#include <arm_neon.h>
#include <stdint.h>
#include <string.h>

#include "kernels/quant.h"

#ifndef LN_INLINE
#define LN_INLINE static inline __attribute__((always_inline))
#endif

/* The multipliers of four columns. */
typedef struct ln_requantize_neon {
  int32x4_t multiplier;
  int32x4_t left;  /* at least 0 */
  int32x4_t right; /* at most 0: a shift to the right */
} ln_requantize_neon;

LN_INLINE ln_requantize_neon ln_requantize_neon_make(int32x4_t multiplier, int32x4_t shift) {
  const int32x4_t zero = vdupq_n_s32(0);
  const ln_requantize_neon r = {multiplier, vmaxq_s32(shift, zero), vminq_s32(shift, zero)};
  return r;
}

/* ln_multiply_quantized of every lane. */
LN_INLINE int32x4_t ln_requantize_neon_run(const ln_requantize_neon *r, int32x4_t x) {
  const int32x4_t high = vqrdmulhq_s32(vshlq_s32(x, r->left), r->multiplier);
  const int32x4_t below = vandq_s32(high, r->right); /* its sign: that of `high` where there is a shift to the right */
  return vrshlq_s32(vsraq_n_s32(high, below, 31), r->right);
}

/* The same where every lane is shifted to the right, or multiplied by 0. */
LN_INLINE int32x4_t ln_requantize_neon_right(const ln_requantize_neon *r, int32x4_t x) {
  const int32x4_t high = vqrdmulhq_s32(x, r->multiplier);
  return vrshlq_s32(vsraq_n_s32(high, high, 31), r->right);
}

/* Whether that holds. */
LN_INLINE int ln_requantize_neon_is_right(const ln_requantize_neon *r) {
  const uint32x4_t stays = vmvnq_u32(vcltzq_s32(r->right));
  return vmaxvq_u32(vandq_u32(stays, vtstq_s32(r->multiplier, r->multiplier))) == 0;
}

/* ln_multiply_real of four sums; beyond 2^31 they saturate. */
LN_INLINE int32x4_t ln_requantize_neon_reals(const double *reals, int32x4_t x) {
  const float64x2_t low = vmulq_f64(vcvtq_f64_s64(vmovl_s32(vget_low_s32(x))), vld1q_f64(reals));
  const float64x2_t high = vmulq_f64(vcvtq_f64_s64(vmovl_high_s32(x)), vld1q_f64(reals + 2));
  return vcombine_s32(vqmovn_s64(vcvtaq_s64_f64(low)), vqmovn_s64(vcvtaq_s64_f64(high)));
}

/* The first n bytes of eight, n >= 1. */
LN_INLINE void ln_store_bytes_neon(void *to, int8x8_t bytes, int32_t n) {
  char *c = to;
  uint64_t rest = vget_lane_u64(vreinterpret_u64_s8(bytes), 0);
  if (n >= 8) {
    memcpy(c, &rest, 8);
    return;
  }
  if ((n & 4) != 0) {
    memcpy(c, &rest, 4);
    c += 4;
    rest >>= 32;
  }
  if ((n & 2) != 0) {
    memcpy(c, &rest, 2);
    c += 2;
    rest >>= 16;
  }
  if ((n & 1) != 0) memcpy(c, &rest, 1);
}

#endif

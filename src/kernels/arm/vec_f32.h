/* Float vectors of four lanes with NEON. */
#ifndef LN_KERNELS_ARM_VEC_F32_H
#define LN_KERNELS_ARM_VEC_F32_H

#include <arm_neon.h>
#include <stddef.h>
#include <stdint.h>

#define LN_INLINE static inline __attribute__((always_inline))

enum { VF_LANES = 4 };
typedef float32x4_t vf;
typedef int32_t vf_mask; /* lanes that are loaded or stored: the first so many */

LN_INLINE vf_mask vf_first(int32_t n) { return n; } /* 0 <= n <= VF_LANES */
LN_INLINE vf vf_load(const float *p) { return vld1q_f32(p); }
LN_INLINE vf vf_set(float a) { return vdupq_n_f32(a); }
LN_INLINE vf vf_zero(void) { return vdupq_n_f32(0.0f); }

LN_INLINE vf vf_load_masked(const float *p, vf_mask m) {
  if (m >= 4) return vld1q_f32(p);
  float32x4_t x = vdupq_n_f32(0.0f);
  if (m >= 2) x = vcombine_f32(vld1_f32(p), vdup_n_f32(0.0f));
  if (m == 1) x = vld1q_lane_f32(p, x, 0);
  if (m == 3) x = vld1q_lane_f32(p + 2, x, 2);
  return x;
}

LN_INLINE void vf_store(float *p, vf a) { vst1q_f32(p, a); }

LN_INLINE void vf_store_masked(float *p, vf a, vf_mask m) {
  if (m >= 4) vst1q_f32(p, a);
  else if (m >= 2) vst1_f32(p, vget_low_f32(a));
  if (m == 1) vst1q_lane_f32(p, a, 0);
  if (m == 3) vst1q_lane_f32(p + 2, a, 2);
}

/* The same, told whether the mask holds every lane. */
LN_INLINE void vf_store_part(float *p, vf a, vf_mask m, int whole) {
  if (whole) vst1q_f32(p, a);
  else vf_store_masked(p, a, m);
}

/* `a` in the lanes of the mask, `other` elsewhere. */
LN_INLINE vf vf_select(vf_mask m, vf a, float other) {
  static const int32_t places[4] = {0, 1, 2, 3};
  return vbslq_f32(vcltq_s32(vld1q_s32(places), vdupq_n_s32(m)), a, vdupq_n_f32(other));
}

/* Of the lanes: the greatest, NaN passed over, and the sum by halves. */
LN_INLINE float vf_most(vf a) { return vmaxnmvq_f32(a); }
LN_INLINE float vf_total(vf a) {
  const float32x2_t half = vadd_f32(vget_low_f32(a), vget_high_f32(a));
  return vget_lane_f32(half, 0) + vget_lane_f32(half, 1);
}

LN_INLINE vf vf_add(vf a, vf b) { return vaddq_f32(a, b); }
LN_INLINE vf vf_sub(vf a, vf b) { return vsubq_f32(a, b); }
LN_INLINE vf vf_mul(vf a, vf b) { return vmulq_f32(a, b); }
LN_INLINE vf vf_div(vf a, vf b) { return vdivq_f32(a, b); }
LN_INLINE vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); } /* a * b + c */
/* The second operand when either is NaN. */
LN_INLINE vf vf_max(vf a, vf b) { return vbslq_f32(vcgtq_f32(a, b), a, b); }
LN_INLINE vf vf_min(vf a, vf b) { return vbslq_f32(vcltq_f32(a, b), a, b); }

LN_INLINE uint32x4_t vf_less(vf a, vf b) { return vcltq_f32(a, b); }
LN_INLINE vf vf_choose(uint32x4_t m, vf a, vf b) { return vbslq_f32(m, a, b); } /* a where the mask is */
LN_INLINE vf vf_abs(vf a) { return vabsq_f32(a); }
LN_INLINE vf vf_copysign(vf a, vf sign) { return vbslq_f32(vdupq_n_u32(0x80000000u), sign, a); }

/* A value that is used from a register as it is: there are no operands in memory. */
LN_INLINE vf vf_keep(vf a) { return a; }

/* min(max(a, low), high) that leaves NaN as it is. */
LN_INLINE vf vf_clamp(vf a, vf low, vf high) { return vminq_f32(high, vmaxq_f32(low, a)); }

#endif

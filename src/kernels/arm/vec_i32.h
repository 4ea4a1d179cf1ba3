/* int32 vectors of four lanes with NEON. */
#ifndef LN_KERNELS_ARM_VEC_I32_H
#define LN_KERNELS_ARM_VEC_I32_H

#include <stddef.h>

#include "kernels/arm/requantize.h"

enum { VI_LANES = 4 };
typedef int32x4_t vi;

LN_INLINE vi vi_set(int32_t a) { return vdupq_n_s32(a); }
LN_INLINE vi vi_add(vi a, vi b) { return vaddq_s32(a, b); }
LN_INLINE vi vi_sub(vi a, vi b) { return vsubq_s32(a, b); }
LN_INLINE vi vi_mul(vi a, vi b) { return vmulq_s32(a, b); }
LN_INLINE vi vi_min(vi a, vi b) { return vminq_s32(a, b); }
LN_INLINE vi vi_max(vi a, vi b) { return vmaxq_s32(a, b); }
LN_INLINE vi vi_shift_left(vi a, int32_t n) { return vshlq_s32(a, vdupq_n_s32(n)); }
LN_INLINE vi vi_shift_right(vi a, int32_t n) { return vshlq_s32(a, vdupq_n_s32(-n)); }

LN_INLINE int8x8_t vi_four_bytes(const void *p) {
  int32_t bytes;
  memcpy(&bytes, p, sizeof bytes);
  return vreinterpret_s8_s32(vdup_n_s32(bytes));
}

LN_INLINE vi vi_load_i8(const void *p) { return vmovl_s16(vget_low_s16(vmovl_s8(vi_four_bytes(p)))); }

LN_INLINE vi vi_load_u8(const void *p) {
  const uint16x8_t words = vmovl_u8(vreinterpret_u8_s8(vi_four_bytes(p)));
  return vreinterpretq_s32_u32(vmovl_u16(vget_low_u16(words)));
}

/* The low byte of every lane. */
LN_INLINE void vi_store_8(void *p, vi a) {
  const int16x4_t words = vmovn_s32(a);
  const int32_t bytes = vget_lane_s32(vreinterpret_s32_s8(vmovn_s16(vcombine_s16(words, words))), 0);
  memcpy(p, &bytes, sizeof bytes);
}

typedef float32x4_t vf;
LN_INLINE vf vf_set(float a) { return vdupq_n_f32(a); }
LN_INLINE vf vf_of(vi a) { return vcvtq_f32_s32(a); }
LN_INLINE vf vf_fma(vf a, vf b, vf c) { return vfmaq_f32(c, a, b); }
LN_INLINE vi vi_round(vf a) { return vcvtnq_s32_f32(a); }
/* Whether any lane has none of the bits of `mask`. */
LN_INLINE int vi_any_without(vi a, vi mask) { return vminvq_u32(vtstq_s32(a, mask)) == 0; }

/* Of fewer than VI_LANES elements: nothing behind them is touched. */
LN_INLINE int32_t vi_part_of(const void *p, size_t n) {
  const uint8_t *bytes = p;
  uint32_t word = 0;
  for (size_t i = 0; i < n; ++i) word |= (uint32_t)bytes[i] << (8 * i);
  return (int32_t)word;
}

LN_INLINE vi vi_load_part_i8(const void *p, size_t n) {
  const int32_t word = vi_part_of(p, n);
  return vi_load_i8(&word);
}

LN_INLINE vi vi_load_part_u8(const void *p, size_t n) {
  const int32_t word = vi_part_of(p, n);
  return vi_load_u8(&word);
}

LN_INLINE void vi_store_part_8(void *p, vi a, size_t n) {
  uint8_t bytes[VI_LANES], *out = p;
  vi_store_8(bytes, a);
  for (size_t i = 0; i < n; ++i) out[i] = bytes[i];
}

/* ln_multiply_quantized of every lane. */
typedef ln_requantize_neon vi_multiplier;

LN_INLINE vi_multiplier vi_multiplier_of(ln_multiplier m) {
  return ln_requantize_neon_make(vi_set(m.multiplier), vi_set(m.shift));
}

LN_INLINE vi vi_multiply_quantized(vi x, const vi_multiplier *m) { return ln_requantize_neon_run(m, x); }

#endif

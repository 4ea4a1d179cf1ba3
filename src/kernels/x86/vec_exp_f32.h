/* e^x of float vectors: the steps of math_f32.h, which says where they come from, in instructions of the tier. */
#ifndef LN_KERNELS_X86_VEC_EXP_F32_H
#define LN_KERNELS_X86_VEC_EXP_F32_H

#include "kernels/vec_f32.h"

#if defined(__aarch64__)

/* For n from -126 to 128: a * 2^n, 0 where `keep` has no bits. */
LN_INLINE vf vf_scale(vf a, vf n, uint32x4_t keep) {
  const int32x4_t whole = vcvtq_s32_f32(n), half = vshrq_n_s32(whole, 1), one = vdupq_n_s32(127);
  const int32x4_t low = vshlq_n_s32(vaddq_s32(half, one), 23);
  const int32x4_t high = vshlq_n_s32(vaddq_s32(vsubq_s32(whole, half), one), 23);
  const vf scaled = vf_mul(vf_mul(a, vreinterpretq_f32_s32(low)), vreinterpretq_f32_s32(high));
  return vreinterpretq_f32_u32(vandq_u32(vreinterpretq_u32_f32(scaled), keep));
}
LN_INLINE uint32x4_t vf_not_less(vf a, vf b) { return vmvnq_u32(vcltq_f32(a, b)); }

#elif defined(__AVX512F__)

/* a * 2^n, 0 where `keep` has no lane. */
LN_INLINE vf vf_scale(vf a, vf n, vf_mask keep) { return _mm512_maskz_scalef_ps(keep, a, n); }
LN_INLINE vf_mask vf_not_less(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_NLT_UQ); }

#else

/* For n from -126 to 128. */
LN_INLINE vf vf_scale(vf a, vf n, vf_mask keep) {
  const __m256i whole = _mm256_cvtps_epi32(n);
  const __m256i half = _mm256_srai_epi32(whole, 1);
  const __m256i one = _mm256_set1_epi32(127);
  const __m256i low = _mm256_slli_epi32(_mm256_add_epi32(half, one), 23);
  const __m256i high = _mm256_slli_epi32(_mm256_add_epi32(_mm256_sub_epi32(whole, half), one), 23);
  const vf scaled = _mm256_mul_ps(_mm256_mul_ps(a, _mm256_castsi256_ps(low)), _mm256_castsi256_ps(high));
  return _mm256_and_ps(scaled, _mm256_castsi256_ps(keep));
}
LN_INLINE vf_mask vf_not_less(vf a, vf b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_NLT_UQ)); }

#endif

/* x = n ln 2 + r with |r| <= 0.35, and e^r - 1. */
LN_INLINE vf vf_exp_reduce(vf x, vf *n) {
  const vf magic = vf_set(12582912.0f); /* 1.5 * 2^23: adding it rounds to an integer */
  *n = vf_sub(vf_fma(x, vf_set(1.44269504f), magic), magic);
  const vf r = vf_fma(*n, vf_set(2.12194440e-4f), vf_fma(*n, vf_set(-0.693359375f), x));
  vf q = vf_fma(vf_set(0.0013813137f), r, vf_set(0.00836942f));
  q = vf_fma(q, r, vf_set(0.041668456f));
  q = vf_fma(q, r, vf_set(0.16666515f));
  q = vf_fma(q, r, vf_set(0.49999994f));
  return vf_fma(vf_mul(r, r), q, r);
}

/* Within 1.5 ulp; 0 where the result is below the normal range. NaN gives NaN. */
LN_INLINE vf vf_exp(vf x) {
  const vf least = vf_set(-87.33654f);
  vf n;
  const vf expm1 = vf_exp_reduce(vf_clamp(x, least, vf_set(89.0f)), &n);
  return vf_scale(vf_add(vf_set(1.0f), expm1), n, vf_not_less(x, least));
}

/* e^x - 1 for x <= 0. */
LN_INLINE vf vf_expm1_negative(vf x) {
  vf n;
  const vf inside = vf_max(vf_set(-87.0f), x), expm1 = vf_exp_reduce(inside, &n), one = vf_set(1.0f);
  const vf large = vf_sub(vf_scale(vf_add(one, expm1), n, vf_not_less(inside, vf_set(-87.0f))), one);
  return vf_choose(vf_less(n, vf_zero()), large, expm1);
}

LN_INLINE vf vf_logistic(vf x) {
  const vf e = vf_exp(vf_sub(vf_zero(), vf_abs(x))), one = vf_set(1.0f);
  return vf_div(vf_choose(vf_less(x, vf_zero()), e, one), vf_add(one, e));
}

LN_INLINE vf vf_tanh(vf x) {
  const vf magnitude = vf_abs(x), z = vf_mul(x, x), one = vf_set(1.0f), two = vf_set(2.0f);
  const vf large = vf_sub(one, vf_div(two, vf_add(vf_exp(vf_mul(two, magnitude)), one)));
  vf small = vf_fma(vf_set(-0.0055909813f), z, vf_set(0.020538785f));
  small = vf_fma(small, z, vf_set(-0.053709645f));
  small = vf_fma(small, z, vf_set(0.13331091f));
  small = vf_fma(small, z, vf_set(-0.3333327f));
  small = vf_fma(vf_mul(small, z), magnitude, magnitude);
  return vf_copysign(vf_choose(vf_less(magnitude, vf_set(0.625f)), small, large), x);
}

#endif

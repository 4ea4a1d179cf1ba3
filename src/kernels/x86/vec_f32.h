/* Float vectors of the tier that the including file is compiled for: 16 lanes with AVX-512, 8 with AVX2 and FMA. */
#ifndef LN_KERNELS_X86_VEC_F32_H
#define LN_KERNELS_X86_VEC_F32_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#define LN_INLINE static inline __attribute__((always_inline))

#if defined(__AVX512F__)

enum { VF_LANES = 16 };
typedef __m512 vf;
typedef __mmask16 vf_mask; /* lanes that are loaded or stored */

LN_INLINE vf_mask vf_first(int32_t n) { return (vf_mask)((1u << n) - 1u); } /* 0 <= n <= VF_LANES */
LN_INLINE vf vf_load(const float *p) { return _mm512_loadu_ps(p); }
LN_INLINE vf vf_load_masked(const float *p, vf_mask m) { return _mm512_maskz_loadu_ps(m, p); }
LN_INLINE void vf_store(float *p, vf a) { _mm512_storeu_ps(p, a); }
LN_INLINE void vf_store_masked(float *p, vf a, vf_mask m) { _mm512_mask_storeu_ps(p, m, a); }
/* The same, told whether the mask holds every lane: masked stores of AVX2 take several times as long as whole ones. */
LN_INLINE void vf_store_part(float *p, vf a, vf_mask m, int whole) {
  (void)whole;
  _mm512_mask_storeu_ps(p, m, a);
}
LN_INLINE vf vf_set(float a) { return _mm512_set1_ps(a); }
LN_INLINE vf vf_zero(void) { return _mm512_setzero_ps(); }
LN_INLINE vf vf_add(vf a, vf b) { return _mm512_add_ps(a, b); }
LN_INLINE vf vf_sub(vf a, vf b) { return _mm512_sub_ps(a, b); }
LN_INLINE vf vf_mul(vf a, vf b) { return _mm512_mul_ps(a, b); }
LN_INLINE vf vf_div(vf a, vf b) { return _mm512_div_ps(a, b); }
LN_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); } /* a * b + c */
/* As the instructions have it: the second operand when either is NaN. */
LN_INLINE vf vf_max(vf a, vf b) { return _mm512_max_ps(a, b); }
LN_INLINE vf vf_min(vf a, vf b) { return _mm512_min_ps(a, b); }
/* `a` in the lanes of the mask, `other` elsewhere. */
LN_INLINE vf vf_select(vf_mask m, vf a, float other) { return _mm512_mask_blend_ps(m, _mm512_set1_ps(other), a); }
LN_INLINE vf_mask vf_less(vf a, vf b) { return _mm512_cmp_ps_mask(a, b, _CMP_LT_OQ); }
LN_INLINE vf vf_choose(vf_mask m, vf a, vf b) { return _mm512_mask_blend_ps(m, b, a); } /* a where the mask is */
LN_INLINE vf vf_abs(vf a) { return _mm512_abs_ps(a); }
LN_INLINE vf vf_copysign(vf a, vf sign) { /* a >= 0 */
  return _mm512_or_ps(a, _mm512_and_ps(sign, _mm512_set1_ps(-0.0f)));
}
/* Of the lanes: the greatest, and the sum by halves. */
LN_INLINE float vf_most(vf a) { return _mm512_reduce_max_ps(a); }
LN_INLINE float vf_total(vf a) { return _mm512_reduce_add_ps(a); }

#else

enum { VF_LANES = 8 };
typedef __m256 vf;
typedef __m256i vf_mask;

LN_INLINE vf_mask vf_first(int32_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}
LN_INLINE vf vf_load(const float *p) { return _mm256_loadu_ps(p); }
LN_INLINE vf vf_load_masked(const float *p, vf_mask m) { return _mm256_maskload_ps(p, m); }
LN_INLINE void vf_store(float *p, vf a) { _mm256_storeu_ps(p, a); }
LN_INLINE void vf_store_masked(float *p, vf a, vf_mask m) { _mm256_maskstore_ps(p, m, a); }
LN_INLINE void vf_store_part(float *p, vf a, vf_mask m, int whole) {
  if (whole) _mm256_storeu_ps(p, a);
  else _mm256_maskstore_ps(p, m, a);
}
LN_INLINE vf vf_set(float a) { return _mm256_set1_ps(a); }
LN_INLINE vf vf_zero(void) { return _mm256_setzero_ps(); }
LN_INLINE vf vf_add(vf a, vf b) { return _mm256_add_ps(a, b); }
LN_INLINE vf vf_sub(vf a, vf b) { return _mm256_sub_ps(a, b); }
LN_INLINE vf vf_mul(vf a, vf b) { return _mm256_mul_ps(a, b); }
LN_INLINE vf vf_div(vf a, vf b) { return _mm256_div_ps(a, b); }
LN_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
LN_INLINE vf vf_max(vf a, vf b) { return _mm256_max_ps(a, b); }
LN_INLINE vf vf_min(vf a, vf b) { return _mm256_min_ps(a, b); }
LN_INLINE vf vf_select(vf_mask m, vf a, float other) {
  return _mm256_blendv_ps(_mm256_set1_ps(other), a, _mm256_castsi256_ps(m));
}
LN_INLINE vf_mask vf_less(vf a, vf b) { return _mm256_castps_si256(_mm256_cmp_ps(a, b, _CMP_LT_OQ)); }
LN_INLINE vf vf_choose(vf_mask m, vf a, vf b) { return _mm256_blendv_ps(b, a, _mm256_castsi256_ps(m)); }
LN_INLINE vf vf_abs(vf a) { return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a); }
LN_INLINE vf vf_copysign(vf a, vf sign) { return _mm256_or_ps(a, _mm256_and_ps(sign, _mm256_set1_ps(-0.0f))); }
LN_INLINE float vf_most(vf a) {
  __m128 x = _mm_max_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_max_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_max_ss(x, _mm_movehdup_ps(x)));
}
LN_INLINE float vf_total(vf a) {
  __m128 x = _mm_add_ps(_mm256_castps256_ps128(a), _mm256_extractf128_ps(a, 1));
  x = _mm_add_ps(x, _mm_movehl_ps(x, x));
  return _mm_cvtss_f32(_mm_add_ss(x, _mm_movehdup_ps(x)));
}

#endif

/* Holds a value in a register: compilers otherwise load it again at each use, as an operand in memory. */
LN_INLINE vf vf_keep(vf a) {
  __asm__("" : "+v"(a));
  return a;
}

/* min(max(a, low), high) that leaves NaN as it is. */
LN_INLINE vf vf_clamp(vf a, vf low, vf high) { return vf_min(high, vf_max(low, a)); }

#endif

/* int32 vectors of the tier that the including file is compiled for: 16 lanes with AVX-512, 8 with AVX2. */
#ifndef LN_KERNELS_X86_VEC_I32_H
#define LN_KERNELS_X86_VEC_I32_H

#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>

#include "kernels/quant.h"

#ifndef LN_INLINE
#define LN_INLINE static inline __attribute__((always_inline))
#endif

#if defined(__AVX512F__)

enum { VI_LANES = 16 };
typedef __m512i vi;

LN_INLINE vi vi_set(int32_t a) { return _mm512_set1_epi32(a); }
LN_INLINE vi vi_load(const int32_t *p) { return _mm512_loadu_si512(p); }
LN_INLINE void vi_store(int32_t *p, vi a) { _mm512_storeu_si512(p, a); }
LN_INLINE vi vi_add(vi a, vi b) { return _mm512_add_epi32(a, b); }
LN_INLINE vi vi_sub(vi a, vi b) { return _mm512_sub_epi32(a, b); }
LN_INLINE vi vi_mul(vi a, vi b) { return _mm512_mullo_epi32(a, b); }
LN_INLINE vi vi_min(vi a, vi b) { return _mm512_min_epi32(a, b); }
LN_INLINE vi vi_max(vi a, vi b) { return _mm512_max_epi32(a, b); }
LN_INLINE vi vi_and(vi a, vi b) { return _mm512_and_si512(a, b); }
LN_INLINE vi vi_sign(vi a) { return _mm512_srai_epi32(a, 31); } /* 0 or -1 */
LN_INLINE vi vi_shift_left(vi a, int32_t n) { return _mm512_sll_epi32(a, _mm_cvtsi32_si128(n)); }
LN_INLINE vi vi_shift_right(vi a, int32_t n) { return _mm512_sra_epi32(a, _mm_cvtsi32_si128(n)); }
LN_INLINE vi vi_load_i8(const void *p) { return _mm512_cvtepi8_epi32(_mm_loadu_si128((const __m128i *)p)); }
LN_INLINE vi vi_load_u8(const void *p) { return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p)); }
/* The low byte of every lane. */
LN_INLINE void vi_store_8(void *p, vi a) { _mm_storeu_si128((__m128i *)p, _mm512_cvtepi32_epi8(a)); }
/* Of fewer than VI_LANES elements: nothing behind them is touched. */
LN_INLINE __m128i vi_part_of(const void *p, size_t n) { return _mm_maskz_loadu_epi8((__mmask16)((1u << n) - 1), p); }
LN_INLINE vi vi_load_part_i8(const void *p, size_t n) { return _mm512_cvtepi8_epi32(vi_part_of(p, n)); }
LN_INLINE vi vi_load_part_u8(const void *p, size_t n) { return _mm512_cvtepu8_epi32(vi_part_of(p, n)); }
LN_INLINE void vi_store_part_8(void *p, vi a, size_t n) {
  _mm_mask_storeu_epi8(p, (__mmask16)((1u << n) - 1), _mm512_cvtepi32_epi8(a));
}

typedef __m512 vf;
LN_INLINE vf vf_set(float a) { return _mm512_set1_ps(a); }
LN_INLINE vf vf_of(vi a) { return _mm512_cvtepi32_ps(a); }
LN_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm512_fmadd_ps(a, b, c); }
LN_INLINE vi vi_round(vf a) { return _mm512_cvtps_epi32(a); }
/* Whether any lane has none of the bits of `mask`. */
LN_INLINE int vi_any_without(vi a, vi mask) { return _mm512_testn_epi32_mask(a, mask) != 0; }

/* ln_rounding_doubling_high_mul; not both INT32_MIN. */
LN_INLINE vi vi_high_mul(vi a, vi b) {
  const vi half = _mm512_set1_epi64(INT64_C(1) << 30);
  const vi even = _mm512_add_epi64(_mm512_mul_epi32(a, b), half);
  const vi odd = _mm512_add_epi64(_mm512_mul_epi32(_mm512_srli_epi64(a, 32), _mm512_srli_epi64(b, 32)), half);
  return _mm512_mask_blend_epi32(0xAAAA, _mm512_srli_epi64(even, 31), _mm512_slli_epi64(odd, 1));
}

#else

enum { VI_LANES = 8 };
typedef __m256i vi;

LN_INLINE vi vi_set(int32_t a) { return _mm256_set1_epi32(a); }
LN_INLINE vi vi_load(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
LN_INLINE void vi_store(int32_t *p, vi a) { _mm256_storeu_si256((__m256i *)(void *)p, a); }
LN_INLINE vi vi_add(vi a, vi b) { return _mm256_add_epi32(a, b); }
LN_INLINE vi vi_sub(vi a, vi b) { return _mm256_sub_epi32(a, b); }
LN_INLINE vi vi_mul(vi a, vi b) { return _mm256_mullo_epi32(a, b); }
LN_INLINE vi vi_min(vi a, vi b) { return _mm256_min_epi32(a, b); }
LN_INLINE vi vi_max(vi a, vi b) { return _mm256_max_epi32(a, b); }
LN_INLINE vi vi_and(vi a, vi b) { return _mm256_and_si256(a, b); }
LN_INLINE vi vi_sign(vi a) { return _mm256_srai_epi32(a, 31); }
LN_INLINE vi vi_shift_left(vi a, int32_t n) { return _mm256_sll_epi32(a, _mm_cvtsi32_si128(n)); }
LN_INLINE vi vi_shift_right(vi a, int32_t n) { return _mm256_sra_epi32(a, _mm_cvtsi32_si128(n)); }
LN_INLINE vi vi_load_i8(const void *p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)); }
LN_INLINE vi vi_load_u8(const void *p) { return _mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)); }

LN_INLINE void vi_store_8(void *p, vi a) {
  const __m256i low_bytes = _mm256_setr_epi8(0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,  //
                                             -1, -1, -1, -1, 0, 4, 8, 12, -1, -1, -1, -1, -1, -1, -1, -1);
  const __m256i apart = _mm256_shuffle_epi8(a, low_bytes);
  _mm_storel_epi64((__m128i *)p, _mm_or_si128(_mm256_castsi256_si128(apart), _mm256_extracti128_si256(apart, 1)));
}

typedef __m256 vf;
LN_INLINE vf vf_set(float a) { return _mm256_set1_ps(a); }
LN_INLINE vf vf_of(vi a) { return _mm256_cvtepi32_ps(a); }
LN_INLINE vf vf_fma(vf a, vf b, vf c) { return _mm256_fmadd_ps(a, b, c); }
LN_INLINE vi vi_round(vf a) { return _mm256_cvtps_epi32(a); }
LN_INLINE int vi_any_without(vi a, vi mask) {
  return _mm256_movemask_epi8(_mm256_cmpeq_epi32(_mm256_and_si256(a, mask), _mm256_setzero_si256())) != 0;
}

/* Up to eight bytes in a register: by way of memory, wider loads would wait for the narrow stores. */
static inline __m128i vi_part_of(const void *p, size_t n) {
  const uint8_t *bytes = p;
  uint64_t word = 0;
#pragma GCC unroll 1
  for (size_t i = 0; i < n; ++i) word |= (uint64_t)bytes[i] << (8 * i);
  return _mm_cvtsi64_si128((int64_t)word);
}
LN_INLINE vi vi_load_part_i8(const void *p, size_t n) { return _mm256_cvtepi8_epi32(vi_part_of(p, n)); }
LN_INLINE vi vi_load_part_u8(const void *p, size_t n) { return _mm256_cvtepu8_epi32(vi_part_of(p, n)); }
LN_INLINE void vi_store_part_8(void *p, vi a, size_t n) {
  uint8_t bytes[VI_LANES], *out = p;
  vi_store_8(bytes, a);
#pragma GCC unroll 1
  for (size_t i = 0; i < n; ++i) out[i] = bytes[i];
}

LN_INLINE vi vi_high_mul(vi a, vi b) {
  const vi half = _mm256_set1_epi64x(INT64_C(1) << 30);
  const vi even = _mm256_add_epi64(_mm256_mul_epi32(a, b), half);
  const vi odd = _mm256_add_epi64(_mm256_mul_epi32(_mm256_srli_epi64(a, 32), _mm256_srli_epi64(b, 32)), half);
  return _mm256_blend_epi32(_mm256_srli_epi64(even, 31), _mm256_slli_epi64(odd, 1), 0xAA);
}

#endif

/* ln_multiply_quantized of every lane. A right shift comes without a left one, so that |x| leaves room for its
 * rounding. */
typedef struct vi_multiplier {
  vi multiplier;
  int32_t left, right;
  vi half, sign; /* what rounding adds: half a unit, less one where x < 0; both 0 without a right shift */
} vi_multiplier;

LN_INLINE vi_multiplier vi_multiplier_of(ln_multiplier m) {
  vi_multiplier out;
  out.multiplier = vi_set(m.multiplier);
  out.left = m.shift > 0 ? m.shift : 0;
  out.right = m.shift > 0 ? 0 : -m.shift;
  out.half = vi_set(out.right > 0 ? (int32_t)(UINT32_C(1) << (out.right - 1)) : 0);
  out.sign = vi_set(out.right > 0 ? -1 : 0);
  return out;
}

LN_INLINE vi vi_multiply_quantized(vi x, const vi_multiplier *m) {
  const vi high = vi_high_mul(vi_shift_left(x, m->left), m->multiplier);
  const vi rounding = vi_add(m->half, vi_and(vi_sign(high), m->sign));
  return vi_shift_right(vi_add(high, rounding), m->right);
}

#endif

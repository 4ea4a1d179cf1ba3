/* Matrix times vector with AVX-512: four rows at a time share the loads of x; the tail of x is loaded once. */
#include <immintrin.h>
#include <stddef.h>

#include "kernels/matvec.h"
#include "kernels/x86/reduce_avx512.h"

ln_matvec_f32_fn ln_matvec_f32_avx512;
ln_matvec_i8_fn ln_matvec_i8_avx512;

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* tail: what is left of x after whole vectors, zeros past its end. */
ALWAYS_INLINE void rows_f32(const float *weights, const float *x, __m512 tail, int32_t rows, int32_t columns,
                            float *out) {
  __m512 sums[4] = {_mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps(), _mm512_setzero_ps()};
  int32_t c = 0;
  for (; c + 16 <= columns; c += 16) {
    const __m512 part = _mm512_loadu_ps(x + c);
    for (int32_t r = 0; r < rows; ++r) {
      sums[r] = _mm512_fmadd_ps(_mm512_loadu_ps(weights + (ptrdiff_t)r * columns + c), part, sums[r]);
    }
  }
  if (c < columns) {
    const __mmask16 mask = (__mmask16)((1u << (columns - c)) - 1);
    for (int32_t r = 0; r < rows; ++r) {
      sums[r] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, weights + (ptrdiff_t)r * columns + c), tail, sums[r]);
    }
  }
  for (int32_t r = 0; r < rows; ++r) out[r] += _mm512_reduce_add_ps(sums[r]);
}

/* Sixteen rows, whose sums are added up together. */
static void sixteen_rows_f32(const float *weights, const float *x, __m512 tail, int32_t columns, float *out) {
  __m512 sums[16];
#pragma GCC unroll 16
  for (int r = 0; r < 16; ++r) sums[r] = _mm512_setzero_ps();
  int32_t c = 0;
  for (; c + 16 <= columns; c += 16) {
    const __m512 part = _mm512_loadu_ps(x + c);
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r) {
      sums[r] = _mm512_fmadd_ps(_mm512_loadu_ps(weights + (ptrdiff_t)r * columns + c), part, sums[r]);
    }
  }
  if (c < columns) {
    const __mmask16 mask = (__mmask16)((1u << (columns - c)) - 1);
#pragma GCC unroll 16
    for (int r = 0; r < 16; ++r) {
      sums[r] = _mm512_fmadd_ps(_mm512_maskz_loadu_ps(mask, weights + (ptrdiff_t)r * columns + c), tail, sums[r]);
    }
  }
  _mm512_storeu_ps(out, _mm512_add_ps(_mm512_loadu_ps(out), ln_reduce16_ps(sums)));
}

void ln_matvec_f32_avx512(const float *weights, const float *x, int32_t rows, int32_t columns, float *out) {
  const __m512 tail = _mm512_maskz_loadu_ps((__mmask16)((1u << (columns % 16)) - 1), x + columns / 16 * 16);
  int32_t r = 0;
  for (; r + 16 <= rows; r += 16) sixteen_rows_f32(weights + (ptrdiff_t)r * columns, x, tail, columns, out + r);
  for (; r + 4 <= rows; r += 4) rows_f32(weights + (ptrdiff_t)r * columns, x, tail, 4, columns, out + r);
  for (; r < rows; ++r) rows_f32(weights + (ptrdiff_t)r * columns, x, tail, 1, columns, out + r);
}

ALWAYS_INLINE __m512i widen(__m256i bytes) { return _mm512_cvtepi8_epi16(bytes); }

ALWAYS_INLINE __m512i add_products(__m512i sum, __m256i weights, __m512i x) {
  return _mm512_add_epi32(sum, _mm512_madd_epi16(widen(weights), x));
}

ALWAYS_INLINE void rows_i8(const int8_t *weights, const int8_t *x, __m512i tail, int32_t rows, int32_t columns,
                           const int32_t *bias, int32_t *out) {
  __m512i sums[4] = {_mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512(), _mm512_setzero_si512()};
  int32_t c = 0;
  for (; c + 32 <= columns; c += 32) {
    const __m512i part = widen(_mm256_loadu_si256((const __m256i *)(const void *)(x + c)));
    for (int32_t r = 0; r < rows; ++r) {
      const int8_t *row = weights + (ptrdiff_t)r * columns + c;
      sums[r] = add_products(sums[r], _mm256_loadu_si256((const __m256i *)(const void *)row), part);
    }
  }
  if (c < columns) {
    const __mmask32 mask = (UINT32_C(1) << (columns - c)) - 1;
    for (int32_t r = 0; r < rows; ++r) {
      sums[r] = add_products(sums[r], _mm256_maskz_loadu_epi8(mask, weights + (ptrdiff_t)r * columns + c), tail);
    }
  }
  for (int32_t r = 0; r < rows; ++r) {
    out[r] = (int32_t)((uint32_t)_mm512_reduce_add_epi32(sums[r]) + (bias != NULL ? (uint32_t)bias[r] : 0));
  }
}

void ln_matvec_i8_avx512(const int8_t *weights, const int8_t *x, int32_t rows, int32_t columns, const int32_t *bias,
                         int32_t *out) {
  const __mmask32 mask = (UINT32_C(1) << (columns % 32)) - 1;
  const __m512i tail = widen(_mm256_maskz_loadu_epi8(mask, x + columns / 32 * 32));
  int32_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    rows_i8(weights + (ptrdiff_t)r * columns, x, tail, 4, columns, bias != NULL ? bias + r : NULL, out + r);
  }
  for (; r < rows; ++r) {
    rows_i8(weights + (ptrdiff_t)r * columns, x, tail, 1, columns, bias != NULL ? bias + r : NULL, out + r);
  }
}

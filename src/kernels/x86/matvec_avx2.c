/* Matrix times vector with AVX2: four rows at a time share the loads of x. */
#include <immintrin.h>
#include <stddef.h>

#include "kernels/matvec.h"

ln_matvec_f32_fn ln_matvec_f32_avx2;
ln_matvec_i8_fn ln_matvec_i8_avx2;

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* The first `count` of 8 lanes. */
static __m256i lane_mask(int32_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static float sum_f32(__m256 v) {
  __m128 half = _mm_add_ps(_mm256_castps256_ps128(v), _mm256_extractf128_ps(v, 1));
  half = _mm_add_ps(half, _mm_movehl_ps(half, half));
  return _mm_cvtss_f32(_mm_add_ss(half, _mm_movehdup_ps(half)));
}

ALWAYS_INLINE void rows_f32(const float *weights, const float *x, int32_t rows, int32_t columns, float *out) {
  __m256 sums[4] = {_mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps(), _mm256_setzero_ps()};
  int32_t c = 0;
  for (; c + 8 <= columns; c += 8) {
    const __m256 part = _mm256_loadu_ps(x + c);
    for (int32_t r = 0; r < rows; ++r) {
      sums[r] = _mm256_fmadd_ps(_mm256_loadu_ps(weights + (ptrdiff_t)r * columns + c), part, sums[r]);
    }
  }
  if (c < columns) {
    const __m256i mask = lane_mask(columns - c);
    const __m256 part = _mm256_maskload_ps(x + c, mask);
    for (int32_t r = 0; r < rows; ++r) {
      sums[r] = _mm256_fmadd_ps(_mm256_maskload_ps(weights + (ptrdiff_t)r * columns + c, mask), part, sums[r]);
    }
  }
  for (int32_t r = 0; r < rows; ++r) out[r] += sum_f32(sums[r]);
}

void ln_matvec_f32_avx2(const float *weights, const float *x, int32_t rows, int32_t columns, float *out) {
  int32_t r = 0;
  for (; r + 4 <= rows; r += 4) rows_f32(weights + (ptrdiff_t)r * columns, x, 4, columns, out + r);
  for (; r < rows; ++r) rows_f32(weights + (ptrdiff_t)r * columns, x, 1, columns, out + r);
}

static int32_t sum_i32(__m256i v) {
  __m128i half = _mm_add_epi32(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0x4E));
  half = _mm_add_epi32(half, _mm_shuffle_epi32(half, 0xB1));
  return _mm_cvtsi128_si32(half);
}

static __m256i widen(const int8_t *from) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)from));
}

ALWAYS_INLINE void rows_i8(const int8_t *weights, const int8_t *x, int32_t rows, int32_t columns, const int32_t *bias,
                           int32_t *out) {
  __m256i sums[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  int32_t c = 0;
  for (; c + 16 <= columns; c += 16) {
    const __m256i part = widen(x + c);
    for (int32_t r = 0; r < rows; ++r) {
      sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(widen(weights + (ptrdiff_t)r * columns + c), part));
    }
  }
  for (int32_t r = 0; r < rows; ++r) {
    const int8_t *row = weights + (ptrdiff_t)r * columns;
    uint32_t sum = (uint32_t)sum_i32(sums[r]) + (bias != NULL ? (uint32_t)bias[r] : 0);
    for (int32_t k = c; k < columns; ++k) sum += (uint32_t)(row[k] * x[k]);
    out[r] = (int32_t)sum;
  }
}

void ln_matvec_i8_avx2(const int8_t *weights, const int8_t *x, int32_t rows, int32_t columns, const int32_t *bias,
                       int32_t *out) {
  int32_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    rows_i8(weights + (ptrdiff_t)r * columns, x, 4, columns, bias != NULL ? bias + r : NULL, out + r);
  }
  for (; r < rows; ++r) {
    rows_i8(weights + (ptrdiff_t)r * columns, x, 1, columns, bias != NULL ? bias + r : NULL, out + r);
  }
}

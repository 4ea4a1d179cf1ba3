/* Matrix times vector with AVX2: four rows at a time share the loads of x. */
#include <immintrin.h>
#include <stdbool.h>
#include <stddef.h>

#include "kernels/matvec.h"

ln_matvec_f32_fn ln_matvec_f32_avx2;
ln_matvec_i8_fn ln_matvec_i8_avx2;

#define ALWAYS_INLINE static inline __attribute__((always_inline))

/* The first `count` of 8 lanes. */
static __m256i lane_mask(int32_t count) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32(count), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

/* The sums of each of four vectors' lanes. */
static __m128 sums_f32(const __m256 v[4]) {
  const __m256 pairs = _mm256_hadd_ps(_mm256_hadd_ps(v[0], v[1]), _mm256_hadd_ps(v[2], v[3]));
  return _mm_add_ps(_mm256_castps256_ps128(pairs), _mm256_extractf128_ps(pairs, 1));
}

/* Four rows, or one. */
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
  const __m128 all = sums_f32(sums);
  if (rows == 4) _mm_storeu_ps(out, _mm_add_ps(_mm_loadu_ps(out), all));
  else out[0] += _mm_cvtss_f32(all);
}

void ln_matvec_f32_avx2(const float *weights, const float *x, int32_t rows, int32_t columns, float *out) {
  int32_t r = 0;
  for (; r + 4 <= rows; r += 4) rows_f32(weights + (ptrdiff_t)r * columns, x, 4, columns, out + r);
  for (; r < rows; ++r) rows_f32(weights + (ptrdiff_t)r * columns, x, 1, columns, out + r);
}

static __m128i sums_i32(const __m256i v[4]) {
  const __m256i pairs = _mm256_hadd_epi32(_mm256_hadd_epi32(v[0], v[1]), _mm256_hadd_epi32(v[2], v[3]));
  return _mm_add_epi32(_mm256_castsi256_si128(pairs), _mm256_extracti128_si256(pairs, 1));
}

static __m256i widen(const int8_t *from) {
  return _mm256_cvtepi8_epi16(_mm_loadu_si128((const __m128i *)(const void *)from));
}

/* 32 products of bytes in 8 sums, exact for x of at least -127: pairs of |w| * (x with w's sign) fit 16 bits. */
static __m256i multiply(__m256i w, __m256i x) {
  const __m256i pairs = _mm256_maddubs_epi16(_mm256_abs_epi8(w), _mm256_sign_epi8(x, w));
  return _mm256_madd_epi16(pairs, _mm256_set1_epi16(1));
}

/* The products from column `from` on, fewer than 16; kept out of the way of what has none. */
static __attribute__((noinline)) void add_rest(const int8_t *weights, const int8_t *x, int32_t rows, int32_t columns,
                                               int32_t from, int32_t *out) {
  for (int32_t r = 0; r < rows; ++r) {
    const int8_t *row = weights + (ptrdiff_t)r * columns;
    uint32_t sum = (uint32_t)out[r];
    for (int32_t k = from; k < columns; ++k) sum += (uint32_t)(row[k] * x[k]);
    out[r] = (int32_t)sum;
  }
}

/* Four rows, or one. `signed_x`: no x is -128. */
ALWAYS_INLINE void rows_i8(const int8_t *weights, const int8_t *x, int32_t rows, int32_t columns, const int32_t *bias,
                           bool signed_x, int32_t *out) {
  __m256i sums[4] = {_mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256(), _mm256_setzero_si256()};
  int32_t c = 0;
  for (; signed_x && c + 32 <= columns; c += 32) {
    const __m256i part = _mm256_loadu_si256((const __m256i *)(const void *)(x + c));
    for (int32_t r = 0; r < rows; ++r) {
      const void *from = weights + (ptrdiff_t)r * columns + c;
      sums[r] = _mm256_add_epi32(sums[r], multiply(_mm256_loadu_si256(from), part));
    }
  }
  for (; c + 16 <= columns; c += 16) {
    const __m256i part = widen(x + c);
    for (int32_t r = 0; r < rows; ++r) {
      sums[r] = _mm256_add_epi32(sums[r], _mm256_madd_epi16(widen(weights + (ptrdiff_t)r * columns + c), part));
    }
  }
  if (rows == 4) {
    const __m128i start = bias != NULL ? _mm_loadu_si128((const __m128i *)(const void *)bias) : _mm_setzero_si128();
    _mm_storeu_si128((__m128i *)(void *)out, _mm_add_epi32(start, sums_i32(sums)));
  } else {
    out[0] = (int32_t)((uint32_t)_mm_cvtsi128_si32(sums_i32(sums)) + (bias != NULL ? (uint32_t)bias[0] : 0));
  }
  if (c < columns) add_rest(weights, x, rows, columns, c, out);
}

ALWAYS_INLINE void all_rows_i8(const int8_t *weights, const int8_t *x, int32_t rows, int32_t columns,
                               const int32_t *bias, bool signed_x, int32_t *out) {
  int32_t r = 0;
  for (; r + 4 <= rows; r += 4) {
    rows_i8(weights + (ptrdiff_t)r * columns, x, 4, columns, bias != NULL ? bias + r : NULL, signed_x, out + r);
  }
  for (; r < rows; ++r) {
    rows_i8(weights + (ptrdiff_t)r * columns, x, 1, columns, bias != NULL ? bias + r : NULL, signed_x, out + r);
  }
}

static bool holds_least(const int8_t *x, int32_t columns) {
  int32_t least = 0;
  for (int32_t c = 0; c < columns; ++c) least |= x[c] == INT8_MIN;
  return least != 0;
}

void ln_matvec_i8_avx2(const int8_t *weights, const int8_t *x, int32_t rows, int32_t columns, const int32_t *bias,
                       int32_t *out) {
  if (holds_least(x, columns)) all_rows_i8(weights, x, rows, columns, bias, false, out);
  else all_rows_i8(weights, x, rows, columns, bias, true, out);
}

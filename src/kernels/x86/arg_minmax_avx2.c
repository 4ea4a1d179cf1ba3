/* Rows searched 32 bytes or 8 floats at a time: the extreme first, then its first place. */
#include "kernels/arg_minmax.h"

#include <immintrin.h>
#include <stdint.h>

ln_arg_rows_u8_fn arg_rows_u8_avx2;
ln_arg_rows_f32_fn arg_rows_f32_avx2;

/* Ones in the first n of 32 bytes, n at most 32. */
static __m256i first_bytes(size_t n) {
  const __m256i place = _mm256_setr_epi8(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21,
                                         22, 23, 24, 25, 26, 27, 28, 29, 30, 31);
  return _mm256_cmpgt_epi8(_mm256_set1_epi8((char)n), place);
}

static __m256i all_greatest(__m256i v) {
  __m128i m = _mm_max_epu8(_mm256_castsi256_si128(v), _mm256_extracti128_si256(v, 1));
  m = _mm_xor_si128(m, _mm_set1_epi8(-1));   /* the least of the complements: */
  m = _mm_min_epu8(m, _mm_srli_epi16(m, 8)); /* of pairs of bytes, */
  m = _mm_minpos_epu16(m);                   /* of eight words, their high bytes zero now */
  return _mm256_broadcastb_epi8(_mm_xor_si128(m, _mm_set1_epi8(-1)));
}

/* One row of any length; only its own bytes are read. */
static int32_t search_row(uint8_t flip, const uint8_t *row, size_t length) {
  const __m256i turn = _mm256_set1_epi8((char)flip);
  __m256i best = _mm256_setzero_si256();
  size_t i = 0;
  for (; i + 32 <= length; i += 32) {
    best = _mm256_max_epu8(best, _mm256_xor_si256(_mm256_loadu_si256((const __m256i *)(const void *)(row + i)), turn));
  }
  uint8_t greatest = (uint8_t)_mm256_extract_epi8(all_greatest(best), 0);
  for (; i < length; ++i) {
    const uint8_t value = (uint8_t)(row[i] ^ flip);
    greatest = value > greatest ? value : greatest;
  }
  const __m256i wanted = _mm256_set1_epi8((char)(greatest ^ flip));
  for (i = 0; i + 32 <= length; i += 32) {
    const __m256i v = _mm256_loadu_si256((const __m256i *)(const void *)(row + i));
    const uint32_t equal = (uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, wanted));
    if (equal != 0) return (int32_t)i + __builtin_ctz(equal);
  }
  while ((row[i] ^ flip) != greatest) ++i;
  return (int32_t)i;
}

void arg_rows_u8_avx2(uint8_t flip, const uint8_t *src, size_t length, size_t count, int32_t *indices) {
  size_t r = 0;
  if (length <= 32) {
    /* One load a row; it may reach into the rows behind, which the last ones do not have. */
    const __m256i turn = _mm256_set1_epi8((char)flip), inside = first_bytes(length);
    for (; r < count && (count - r) * length >= 32; ++r, src += length) {
      const __m256i raw = _mm256_loadu_si256((const __m256i *)(const void *)src);
      const __m256i v = _mm256_and_si256(_mm256_xor_si256(raw, turn), inside);
      indices[r] = __builtin_ctz((uint32_t)_mm256_movemask_epi8(_mm256_cmpeq_epi8(v, all_greatest(v))));
    }
  }
  for (; r < count; ++r, src += length) indices[r] = search_row(flip, src, length);
}

static __m256 better(bool least, __m256 a, __m256 best) {
  return least ? _mm256_min_ps(a, best) : _mm256_max_ps(a, best); /* `best` when a is NaN */
}

static __m256i first_lanes(size_t n) {
  return _mm256_cmpgt_epi32(_mm256_set1_epi32((int32_t)n), _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7));
}

static float best_lane(bool least, __m256 best) {
  best = better(least, _mm256_permute2f128_ps(best, best, 1), best);
  best = better(least, _mm256_shuffle_ps(best, best, 0x4E), best);
  best = better(least, _mm256_shuffle_ps(best, best, 0xB1), best);
  return _mm256_cvtss_f32(best);
}

static float best_of(bool least, const float *row, size_t length) {
  __m256 best = _mm256_set1_ps(row[0]), best2 = best;
  size_t i = 0;
  for (; i + 16 <= length; i += 16) {
    best = better(least, _mm256_loadu_ps(row + i), best);
    best2 = better(least, _mm256_loadu_ps(row + i + 8), best2);
  }
  for (; i + 8 <= length; i += 8) best = better(least, _mm256_loadu_ps(row + i), best);
  if (i < length) {
    const __m256i inside = first_lanes(length - i);
    const __m256 v = _mm256_blendv_ps(best, _mm256_maskload_ps(row + i, inside), _mm256_castsi256_ps(inside));
    best = better(least, v, best);
  }
  return best_lane(least, better(least, best2, best));
}

static int32_t place_of(float value, const float *row, size_t length) {
  const __m256 wanted = _mm256_set1_ps(value);
  size_t i = 0;
  for (; i + 8 <= length; i += 8) {
    const int32_t equal = _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(row + i), wanted, _CMP_EQ_OQ));
    if (equal != 0) return (int32_t)i + __builtin_ctz((uint32_t)equal);
  }
  while (row[i] != value) ++i;
  return (int32_t)i;
}

/* Rows of up to 32 floats, without a branch that depends on where the extreme lies. */
static void short_rows(bool least, const float *src, size_t length, size_t count, int32_t *indices) {
  const __m256i inside[4] = {first_lanes(length), first_lanes(length < 8 ? 0 : length - 8),
                             first_lanes(length < 16 ? 0 : length - 16), first_lanes(length < 24 ? 0 : length - 24)};
  for (size_t r = 0; r < count; ++r, src += length) {
    const __m256 first = _mm256_set1_ps(src[0]);
    __m256 v[4], best = first;
    uint32_t equal = 0;
    for (size_t i = 0; 8 * i < length; ++i) {
      const __m256 raw = _mm256_maskload_ps(src + 8 * i, inside[i]);
      v[i] = _mm256_blendv_ps(first, raw, _mm256_castsi256_ps(inside[i]));
      best = better(least, v[i], best);
    }
    const __m256 wanted = _mm256_set1_ps(best_lane(least, best));
    for (size_t i = 0; 8 * i < length; ++i) {
      equal |= (uint32_t)_mm256_movemask_ps(_mm256_cmp_ps(v[i], wanted, _CMP_EQ_OQ)) << (8 * i);
    }
    indices[r] = equal == 0 ? 0 : __builtin_ctz(equal); /* a NaN in front equals nothing */
  }
}

void arg_rows_f32_avx2(bool least, const float *src, size_t length, size_t count, int32_t *indices) {
  if (length <= 32) {
    short_rows(least, src, length, count, indices);
    return;
  }
  for (size_t r = 0; r < count; ++r, src += length) {
    indices[r] = src[0] != src[0] ? 0 : place_of(best_of(least, src, length), src, length);
  }
}

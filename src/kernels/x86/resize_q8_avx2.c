/* Resizing of bytes with AVX2, eight at a time; fewer channels go value by value. */
#include <immintrin.h>

#include "kernels/kernels.h"

#define LN_KERNEL(family, slot, isa, type, name) extern type name;
#include "kernels/resize.def"
#undef LN_KERNEL

enum { LANES = 8 };

static inline __m256i load_i8(const int8_t *p) { return _mm256_cvtepi8_epi32(_mm_loadl_epi64((const __m128i *)p)); }
static inline __m256i load_i32(const int32_t *p) { return _mm256_loadu_si256((const __m256i *)p); }
static inline __m256 load_u8(const uint8_t *p) {
  return _mm256_cvtepi32_ps(_mm256_cvtepu8_epi32(_mm_loadl_epi64((const __m128i *)p)));
}

/* Eight 32-bit values in [-32768, 32767] to bytes, saturated. */
static inline __m128i narrow(__m256i a, int is_signed) {
  const __m128i words = _mm_packs_epi32(_mm256_castsi256_si128(a), _mm256_extracti128_si256(a, 1));
  return is_signed ? _mm_packs_epi16(words, words) : _mm_packus_epi16(words, words);
}

void resize_mix_i8_avx2(size_t count, const int8_t *a, const int8_t *b, int32_t fraction10, int32_t *out) {
  const __m256i lower = _mm256_set1_epi32(fraction10), upper = _mm256_set1_epi32(1024 - fraction10);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    const __m256i sum =
        _mm256_add_epi32(_mm256_mullo_epi32(load_i8(a + i), upper), _mm256_mullo_epi32(load_i8(b + i), lower));
    _mm256_storeu_si256((__m256i *)(out + i), sum);
  }
  for (; i < count; ++i) out[i] = a[i] * (1024 - fraction10) + b[i] * fraction10;
}

/* Divides by 2^20, rounded to nearest with ties away from zero. */
static inline __m256i round_shift(__m256i sum) {
  const __m256i sign = _mm256_srai_epi32(sum, 31);
  const __m256i magnitude = _mm256_srli_epi32(_mm256_add_epi32(_mm256_abs_epi32(sum), _mm256_set1_epi32(1 << 19)), 20);
  return _mm256_sub_epi32(_mm256_xor_si256(magnitude, sign), sign);
}

void resize_columns_i8_avx2(const int32_t *line, const ln_resize_column *columns, int32_t out_w, int32_t channels,
                            int8_t *out) {
  for (int32_t x = 0; x < out_w; ++x, out += channels) {
    const int32_t *low = line + columns[x].low, *high = line + columns[x].high;
    const int32_t f = columns[x].fraction10;
    const __m256i right = _mm256_set1_epi32(f), left = _mm256_set1_epi32(1024 - f);
    int32_t c = 0;
    for (; channels >= LANES && c < channels; c += LANES) {
      if (c + LANES > channels) c = channels - LANES; /* the last vector overlaps the one before */
      const __m256i sum =
          _mm256_add_epi32(_mm256_mullo_epi32(load_i32(low + c), left), _mm256_mullo_epi32(load_i32(high + c), right));
      _mm_storel_epi64((__m128i *)(out + c), narrow(round_shift(sum), 1));
    }
    for (; c < channels; ++c) {
      const int32_t sum = low[c] * (1024 - f) + high[c] * f;
      out[c] = (int8_t)((sum + (sum > 0 ? 1 << 19 : -(1 << 19))) / (1 << 20));
    }
  }
}

void resize_mix_u8_avx2(size_t count, const uint8_t *a, const uint8_t *b, float fraction, float *upper, float *lower) {
  const __m256 below = _mm256_set1_ps(fraction), above = _mm256_set1_ps(1.0f - fraction);
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    _mm256_storeu_ps(upper + i, _mm256_mul_ps(load_u8(a + i), above));
    _mm256_storeu_ps(lower + i, _mm256_mul_ps(load_u8(b + i), below));
  }
  for (; i < count; ++i) {
    upper[i] = (float)a[i] * (1.0f - fraction);
    lower[i] = (float)b[i] * fraction;
  }
}

/* Every product and sum is rounded by itself, in the reference's order: no fused multiply-add here. */
static inline __m256 corners(__m256 upper_left, __m256 lower_left, __m256 upper_right, __m256 lower_right, __m256 left,
                             __m256 right) {
  const __m256 sum = _mm256_add_ps(_mm256_mul_ps(upper_left, left), _mm256_mul_ps(lower_left, left));
  const __m256 more =
      _mm256_add_ps(_mm256_add_ps(sum, _mm256_mul_ps(upper_right, right)), _mm256_mul_ps(lower_right, right));
  return _mm256_add_ps(more, _mm256_set1_ps(0.5f));
}

void resize_columns_u8_avx2(const float *upper, const float *lower, const ln_resize_column *columns, int32_t out_w,
                            int32_t channels, uint8_t *out) {
  for (int32_t x = 0; x < out_w; ++x, out += channels) {
    const int32_t low = columns[x].low, high = columns[x].high;
    const float f = columns[x].fraction;
    const __m256 left = _mm256_set1_ps(1.0f - f), right = _mm256_set1_ps(f);
    int32_t c = 0;
    for (; channels >= LANES && c < channels; c += LANES) {
      if (c + LANES > channels) c = channels - LANES; /* the last vector overlaps the one before */
      const __m256 sum = corners(_mm256_loadu_ps(upper + low + c), _mm256_loadu_ps(lower + low + c),
                                 _mm256_loadu_ps(upper + high + c), _mm256_loadu_ps(lower + high + c), left, right);
      _mm_storel_epi64((__m128i *)(out + c), narrow(_mm256_cvttps_epi32(sum), 0));
    }
    for (; c < channels; ++c) {
      const float part = upper[low + c] * (1.0f - f) + lower[low + c] * (1.0f - f);
      out[c] = (uint8_t)(int32_t)(part + upper[high + c] * f + lower[high + c] * f + 0.5f);
    }
  }
}

/* Pooling of bytes with AVX2: means in 32-bit sums, 16 channels at a time; maxima 32 at a time. */
#include <immintrin.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/quant.h"

#define LN_KERNEL(family, slot, isa, type, name) extern type name;
#include "kernels/pool2d.def"
#undef LN_KERNEL

#define LN_INLINE static inline __attribute__((always_inline))

enum { BLOCK = 16, MAX_BLOCK = 32, MAX_PIXELS = 1 << 23 /* whose sum stays within 32 bits */ };

typedef struct window {
  const uint8_t *in; /* channel 0 of the first pixel inside the image */
  uint8_t *out;
  int32_t rows, columns;
  ptrdiff_t channels, line; /* bytes from a pixel, from a row to the next */
} window;

/* 16 bytes, of which `n` are there to be read. */
LN_INLINE __m128i load_bytes(const uint8_t *p, int32_t n) {
  if (n >= BLOCK) return _mm_loadu_si128((const __m128i *)p);
  if (n == 8) return _mm_loadl_epi64((const __m128i *)p);
  uint8_t copy[BLOCK] = {0};
  memcpy(copy, p, (size_t)n);
  return _mm_loadu_si128((const __m128i *)copy);
}

LN_INLINE void store_bytes(uint8_t *p, __m128i bytes, int32_t n) {
  uint8_t copy[BLOCK];
  if (n >= BLOCK) {
    _mm_storeu_si128((__m128i *)p, bytes);
  } else if (n == 8) {
    _mm_storel_epi64((__m128i *)p, bytes);
  } else {
    _mm_storeu_si128((__m128i *)copy, bytes);
    memcpy(p, copy, (size_t)n);
  }
}

LN_INLINE __m256i widen(__m128i bytes, const int is_signed) {
  return is_signed ? _mm256_cvtepi8_epi32(bytes) : _mm256_cvtepu8_epi32(bytes);
}

/* Sums divided by the count, rounded to nearest with ties away from zero: exact in doubles, whose 53 bits leave room.
 */
LN_INLINE __m256i rounded_mean(__m256i sum, int32_t count) {
  const __m256i sign = _mm256_srai_epi32(sum, 31), half = _mm256_set1_epi32(count / 2);
  const __m256i magnitude = _mm256_add_epi32(_mm256_abs_epi32(sum), half);
  const __m256d by = _mm256_set1_pd((double)count);
  const __m128i low = _mm256_cvttpd_epi32(_mm256_div_pd(_mm256_cvtepi32_pd(_mm256_castsi256_si128(magnitude)), by));
  const __m128i high =
      _mm256_cvttpd_epi32(_mm256_div_pd(_mm256_cvtepi32_pd(_mm256_extracti128_si256(magnitude, 1)), by));
  return _mm256_sub_epi32(_mm256_xor_si256(_mm256_set_m128i(high, low), sign), sign);
}

LN_INLINE void mean_block(const window *w, ptrdiff_t c, int32_t n, int32_t low, int32_t high, const int is_signed) {
  __m256i sum[2] = {_mm256_setzero_si256(), _mm256_setzero_si256()};
  for (int32_t y = 0; y < w->rows; ++y) {
    const uint8_t *in = w->in + y * w->line + c;
    for (int32_t x = 0; x < w->columns; ++x, in += w->channels) {
      const __m128i bytes = load_bytes(in, n);
      sum[0] = _mm256_add_epi32(sum[0], widen(bytes, is_signed));
      sum[1] = _mm256_add_epi32(sum[1], widen(_mm_srli_si128(bytes, 8), is_signed));
    }
  }
  const int32_t count = w->rows * w->columns;
  const __m256i pairs = _mm256_packs_epi32(rounded_mean(sum[0], count), rounded_mean(sum[1], count));
  __m256i words = _mm256_permute4x64_epi64(pairs, 0xD8);
  words = _mm256_min_epi16(_mm256_max_epi16(words, _mm256_set1_epi16((short)low)), _mm256_set1_epi16((short)high));
  const __m128i first = _mm256_castsi256_si128(words), second = _mm256_extracti128_si256(words, 1);
  store_bytes(w->out + c, is_signed ? _mm_packs_epi16(first, second) : _mm_packus_epi16(first, second), n);
}

LN_INLINE void max_block(const window *w, ptrdiff_t c, int32_t low, int32_t high, const int is_signed) {
  __m256i best = _mm256_set1_epi8(is_signed ? (char)0x80 : 0);
  for (int32_t y = 0; y < w->rows; ++y) {
    const uint8_t *in = w->in + y * w->line + c;
    for (int32_t x = 0; x < w->columns; ++x, in += w->channels) {
      const __m256i bytes = _mm256_loadu_si256((const __m256i *)in);
      best = is_signed ? _mm256_max_epi8(best, bytes) : _mm256_max_epu8(best, bytes);
    }
  }
  const __m256i least = _mm256_set1_epi8((char)low), most = _mm256_set1_epi8((char)high);
  best = is_signed ? _mm256_min_epi8(_mm256_max_epi8(best, least), most)
                   : _mm256_min_epu8(_mm256_max_epu8(best, least), most);
  _mm256_storeu_si256((__m256i *)(w->out + c), best);
}

LN_INLINE void max_tail(const window *w, ptrdiff_t c, int32_t n, int32_t low, int32_t high, const int is_signed) {
  __m128i best = _mm_set1_epi8(is_signed ? (char)0x80 : 0);
  for (int32_t y = 0; y < w->rows; ++y) {
    const uint8_t *in = w->in + y * w->line + c;
    for (int32_t x = 0; x < w->columns; ++x, in += w->channels) {
      const __m128i bytes = load_bytes(in, n);
      best = is_signed ? _mm_max_epi8(best, bytes) : _mm_max_epu8(best, bytes);
    }
  }
  const __m128i least = _mm_set1_epi8((char)low), most = _mm_set1_epi8((char)high);
  best = is_signed ? _mm_min_epi8(_mm_max_epi8(best, least), most) : _mm_min_epu8(_mm_max_epu8(best, least), most);
  store_bytes(w->out + c, best, n);
}

LN_INLINE void pool_row(const ln_pool2d_row *row, int32_t low, int32_t high, const int is_signed, const int average) {
  window w = {.rows = row->rows, .channels = row->channels, .line = (ptrdiff_t)row->in_w * row->channels};
  for (int32_t x = 0; x < row->out_w; ++x) {
    int32_t begin, end;
    ln_pool2d_columns(row, x, &begin, &end);
    w.columns = end - begin;
    w.in = (const uint8_t *)row->in + begin * w.channels;
    w.out = (uint8_t *)row->out + x * w.channels;
    ptrdiff_t c = 0;
    if (average) {
      for (; c + BLOCK <= w.channels; c += BLOCK) mean_block(&w, c, BLOCK, low, high, is_signed);
      if (w.channels - c == 8) mean_block(&w, c, 8, low, high, is_signed);
      else if (c < w.channels) mean_block(&w, c, (int32_t)(w.channels - c), low, high, is_signed);
    } else {
      for (; c + MAX_BLOCK <= w.channels; c += MAX_BLOCK) max_block(&w, c, low, high, is_signed);
      for (; c + BLOCK <= w.channels; c += BLOCK) max_tail(&w, c, BLOCK, low, high, is_signed);
      if (w.channels - c == 8) max_tail(&w, c, 8, low, high, is_signed);
      else if (c < w.channels) max_tail(&w, c, (int32_t)(w.channels - c), low, high, is_signed);
    }
  }
}

static int fits(const ln_pool2d_row *row) {
  const int32_t columns = row->window_w < row->in_w ? row->window_w : row->in_w;
  return (int64_t)row->rows * columns <= MAX_PIXELS;
}

void pool2d_average_i8_avx2(const ln_pool2d_row *row, int32_t low, int32_t high) {
  if (fits(row)) pool_row(row, low, high, 1, 1);
  else pool2d_average_i8_generic(row, low, high);
}

void pool2d_average_u8_avx2(const ln_pool2d_row *row, int32_t low, int32_t high) {
  if (fits(row)) pool_row(row, low, high, 0, 1);
  else pool2d_average_u8_generic(row, low, high);
}

void pool2d_max_i8_avx2(const ln_pool2d_row *row, int32_t low, int32_t high) { pool_row(row, low, high, 1, 0); }
void pool2d_max_u8_avx2(const ln_pool2d_row *row, int32_t low, int32_t high) { pool_row(row, low, high, 0, 0); }

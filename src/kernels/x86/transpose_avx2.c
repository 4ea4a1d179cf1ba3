/* Transposes by registers: 8x8 blocks of 4-byte items, 16x16 blocks of bytes. */
#include "kernels/transpose.h"

#include <immintrin.h>
#include <stdint.h>
#include <string.h>

ln_transpose_fn transpose_x8_avx2, transpose_x32_avx2;

typedef unsigned char byte;

/* Rows [r0, r1) x columns [c0, c1) one item at a time: the edges. */
static inline __attribute__((always_inline)) void edge(size_t bytes, size_t r0, size_t r1, size_t c0, size_t c1,
                                                       const byte *src, ptrdiff_t src_stride, byte *dst,
                                                       ptrdiff_t dst_stride) {
  for (size_t r = r0; r < r1; ++r) {
    const byte *from = src + (ptrdiff_t)c0 * src_stride + r * bytes;
    byte *to = dst + (ptrdiff_t)r * dst_stride + c0 * bytes;
    for (size_t c = c0; c < c1; ++c, from += src_stride, to += bytes) {
      if (bytes == 4) memcpy(to, from, 4);
      else *to = *from;
    }
  }
}

static inline __attribute__((always_inline)) __m256 load_halves(const byte *low, const byte *high) {
  const __m256 half = _mm256_castps128_ps256(_mm_loadu_ps((const float *)(const void *)low));
  return _mm256_insertf128_ps(half, _mm_loadu_ps((const float *)(const void *)high), 1);
}

/* Four destination rows from the first four items of eight source rows. */
static inline __attribute__((always_inline)) void four_rows(const byte *src, ptrdiff_t src_stride, byte *dst,
                                                            ptrdiff_t dst_stride) {
  const __m256 a = load_halves(src, src + 4 * src_stride);
  const __m256 b = load_halves(src + src_stride, src + 5 * src_stride);
  const __m256 c = load_halves(src + 2 * src_stride, src + 6 * src_stride);
  const __m256 d = load_halves(src + 3 * src_stride, src + 7 * src_stride);
  const __m256 ab_low = _mm256_unpacklo_ps(a, b), ab_high = _mm256_unpackhi_ps(a, b);
  const __m256 cd_low = _mm256_unpacklo_ps(c, d), cd_high = _mm256_unpackhi_ps(c, d);
  _mm256_storeu_ps((float *)(void *)dst, _mm256_shuffle_ps(ab_low, cd_low, 0x44));
  _mm256_storeu_ps((float *)(void *)(dst + dst_stride), _mm256_shuffle_ps(ab_low, cd_low, 0xEE));
  _mm256_storeu_ps((float *)(void *)(dst + 2 * dst_stride), _mm256_shuffle_ps(ab_high, cd_high, 0x44));
  _mm256_storeu_ps((float *)(void *)(dst + 3 * dst_stride), _mm256_shuffle_ps(ab_high, cd_high, 0xEE));
}

/* Few columns: along the source, whose rows are the long ones. */
static void narrow(size_t rows, size_t columns, const byte *src, ptrdiff_t src_stride, byte *dst,
                   ptrdiff_t dst_stride) {
  for (size_t r0 = 0; r0 < rows; r0 += 256) {
    const size_t count = rows - r0 < 256 ? rows - r0 : 256;
    for (size_t c = 0; c < columns; ++c) {
      const byte *from = src + (ptrdiff_t)c * src_stride + r0 * 4;
      byte *to = dst + (ptrdiff_t)r0 * dst_stride + c * 4;
      for (size_t r = 0; r < count; ++r, from += 4, to += dst_stride) memcpy(to, from, 4);
    }
  }
}

void transpose_x32_avx2(size_t rows, size_t columns, const void *src, ptrdiff_t src_stride, void *dst,
                        ptrdiff_t dst_stride) {
  const size_t whole_columns = columns / 8 * 8, whole_rows = rows / 4 * 4;
  if (whole_columns == 0) {
    narrow(rows, columns, src, src_stride, dst, dst_stride);
    return;
  }
  /* Sixteen rows at a time use a source line up while it is near. */
  for (size_t r0 = 0; r0 < whole_rows; r0 += 16) {
    const size_t r1 = whole_rows - r0 < 16 ? whole_rows : r0 + 16;
    for (size_t c = 0; c < whole_columns; c += 8) {
      for (size_t r = r0; r < r1; r += 4) {
        four_rows((const byte *)src + (ptrdiff_t)c * src_stride + r * 4, src_stride,
                  (byte *)dst + (ptrdiff_t)r * dst_stride + c * 4, dst_stride);
      }
    }
    edge(4, r0, r1, whole_columns, columns, src, src_stride, dst, dst_stride);
  }
  edge(4, whole_rows, rows, 0, columns, src, src_stride, dst, dst_stride);
}

/* Each step doubles the length of the runs of one source row's column; after four, registers are destination rows. */
static inline __attribute__((always_inline)) void block_16x16(const byte *src, ptrdiff_t src_stride, byte *dst,
                                                              ptrdiff_t dst_stride) {
  __m128i a[16], b[16];
  for (int32_t i = 0; i < 16; ++i) a[i] = _mm_loadu_si128((const __m128i *)(const void *)(src + i * src_stride));
  for (int32_t i = 0; i < 8; ++i) {
    b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
    b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
  }
  for (int32_t i = 0; i < 8; ++i) {
    a[2 * i] = _mm_unpacklo_epi8(b[i], b[i + 8]);
    a[2 * i + 1] = _mm_unpackhi_epi8(b[i], b[i + 8]);
  }
  for (int32_t i = 0; i < 8; ++i) {
    b[2 * i] = _mm_unpacklo_epi8(a[i], a[i + 8]);
    b[2 * i + 1] = _mm_unpackhi_epi8(a[i], a[i + 8]);
  }
  for (int32_t i = 0; i < 8; ++i) {
    a[2 * i] = _mm_unpacklo_epi8(b[i], b[i + 8]);
    a[2 * i + 1] = _mm_unpackhi_epi8(b[i], b[i + 8]);
  }
  for (int32_t i = 0; i < 16; ++i) _mm_storeu_si128((__m128i *)(void *)(dst + i * dst_stride), a[i]);
}

void transpose_x8_avx2(size_t rows, size_t columns, const void *src, ptrdiff_t src_stride, void *dst,
                       ptrdiff_t dst_stride) {
  const size_t whole_rows = rows / 16 * 16, whole_columns = columns / 16 * 16;
  for (size_t r0 = 0; r0 < whole_rows; r0 += 64) {
    const size_t r1 = whole_rows - r0 < 64 ? whole_rows : r0 + 64;
    for (size_t c = 0; c < whole_columns; c += 16) {
      for (size_t r = r0; r < r1; r += 16) {
        block_16x16((const byte *)src + (ptrdiff_t)c * src_stride + r, src_stride,
                    (byte *)dst + (ptrdiff_t)r * dst_stride + c, dst_stride);
      }
    }
    edge(1, r0, r1, whole_columns, columns, src, src_stride, dst, dst_stride);
  }
  edge(1, whole_rows, rows, 0, columns, src, src_stride, dst, dst_stride);
}

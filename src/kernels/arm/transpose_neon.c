/* Transposes by registers: 4x4 blocks of 4-byte items, 8x8 blocks of bytes. */
#include <arm_neon.h>
#include <string.h>

#include "kernels/transpose.h"

ln_transpose_fn transpose_x8_neon, transpose_x32_neon;

#define LN_INLINE static inline __attribute__((always_inline))

typedef unsigned char byte;

/* Rows [r0, r1) x columns [c0, c1) one item at a time: the edges. */
LN_INLINE void edge(size_t bytes, size_t r0, size_t r1, size_t c0, size_t c1, const byte *src, ptrdiff_t src_stride,
                    byte *dst, ptrdiff_t dst_stride) {
  for (size_t r = r0; r < r1; ++r) {
    const byte *from = src + (ptrdiff_t)c0 * src_stride + r * bytes;
    byte *to = dst + (ptrdiff_t)r * dst_stride + c0 * bytes;
    for (size_t c = c0; c < c1; ++c, from += src_stride, to += bytes) memcpy(to, from, bytes);
  }
}

LN_INLINE void block_4x4(const byte *src, ptrdiff_t src_stride, byte *dst, ptrdiff_t dst_stride) {
  uint32x4_t x[4];
  for (int i = 0; i < 4; ++i) x[i] = vreinterpretq_u32_u8(vld1q_u8(src + i * src_stride));
  const uint64x2_t a = vreinterpretq_u64_u32(vtrn1q_u32(x[0], x[1])), b = vreinterpretq_u64_u32(vtrn2q_u32(x[0], x[1]));
  const uint64x2_t c = vreinterpretq_u64_u32(vtrn1q_u32(x[2], x[3])), d = vreinterpretq_u64_u32(vtrn2q_u32(x[2], x[3]));
  vst1q_u8(dst, vreinterpretq_u8_u64(vzip1q_u64(a, c)));
  vst1q_u8(dst + dst_stride, vreinterpretq_u8_u64(vzip1q_u64(b, d)));
  vst1q_u8(dst + 2 * dst_stride, vreinterpretq_u8_u64(vzip2q_u64(a, c)));
  vst1q_u8(dst + 3 * dst_stride, vreinterpretq_u8_u64(vzip2q_u64(b, d)));
}

/* Each step doubles the length of the runs of one source row's column; after three, registers are destination rows. */
LN_INLINE void block_8x8(const byte *src, ptrdiff_t src_stride, byte *dst, ptrdiff_t dst_stride) {
  uint8x8_t a[8], b[8];
  for (int i = 0; i < 8; ++i) a[i] = vld1_u8(src + i * src_stride);
#define ROUND(from, to)                             \
  for (int i = 0; i < 4; ++i) {                     \
    to[2 * i] = vzip1_u8(from[i], from[i + 4]);     \
    to[2 * i + 1] = vzip2_u8(from[i], from[i + 4]); \
  }
  ROUND(a, b)
  ROUND(b, a)
  ROUND(a, b)
#undef ROUND
  for (int i = 0; i < 8; ++i) vst1_u8(dst + i * dst_stride, b[i]);
}

LN_INLINE void transpose(const size_t bytes, const size_t side, size_t rows, size_t columns, const byte *src,
                         ptrdiff_t src_stride, byte *dst, ptrdiff_t dst_stride) {
  const size_t whole_rows = rows / side * side, whole_columns = columns / side * side;
  /* Several blocks of rows use a source line up while it is near. */
  for (size_t r0 = 0; r0 < whole_rows; r0 += 64) {
    const size_t r1 = whole_rows - r0 < 64 ? whole_rows : r0 + 64;
    for (size_t c = 0; c < whole_columns; c += side) {
      for (size_t r = r0; r < r1; r += side) {
        const byte *from = src + (ptrdiff_t)c * src_stride + r * bytes;
        byte *to = dst + (ptrdiff_t)r * dst_stride + c * bytes;
        if (bytes == 4) block_4x4(from, src_stride, to, dst_stride);
        else block_8x8(from, src_stride, to, dst_stride);
      }
    }
    edge(bytes, r0, r1, whole_columns, columns, src, src_stride, dst, dst_stride);
  }
  edge(bytes, whole_rows, rows, 0, columns, src, src_stride, dst, dst_stride);
}

void transpose_x32_neon(size_t rows, size_t columns, const void *src, ptrdiff_t src_stride, void *dst,
                        ptrdiff_t dst_stride) {
  transpose(4, 4, rows, columns, src, src_stride, dst, dst_stride);
}

void transpose_x8_neon(size_t rows, size_t columns, const void *src, ptrdiff_t src_stride, void *dst,
                       ptrdiff_t dst_stride) {
  transpose(1, 8, rows, columns, src, src_stride, dst, dst_stride);
}

/* Pooling of bytes with NEON: means in 32-bit sums, 8 channels at a time; maxima 16 at a time. */
#include "kernels/arm/requantize.h"
#include "kernels/rows.h"

enum { MEAN_BLOCK = 8, MAX_BLOCK = 16, MAX_PIXELS = 1 << 23 /* whose sum stays within 32 bits */ };

typedef struct window {
  const uint8_t *in; /* channel 0 of the first pixel inside the image */
  uint8_t *out;
  int32_t rows, columns;
  ptrdiff_t channels, line; /* bytes from a pixel, from a row to the next */
} window;

/* Signed bytes and unsigned ones both go as unsigned, signed ones with their highest bit turned: sums are then too
 * large by 128 a pixel, and the order is kept. */
LN_INLINE uint8x16_t load_bytes(const uint8_t *p, int32_t n, uint8x16_t flip) {
  uint8_t copy[MAX_BLOCK] = {0};
  if (n >= MAX_BLOCK) return veorq_u8(vld1q_u8(p), flip);
  if (n == MEAN_BLOCK) return veorq_u8(vcombine_u8(vld1_u8(p), vdup_n_u8(0)), flip);
  memcpy(copy, p, (size_t)n);
  return veorq_u8(vld1q_u8(copy), flip);
}

LN_INLINE void store_bytes(uint8_t *p, uint8x16_t bytes, int32_t n) {
  const int8x16_t all = vreinterpretq_s8_u8(bytes);
  ln_store_bytes_neon(p, vget_low_s8(all), n);
  if (n > 8) ln_store_bytes_neon(p + 8, vget_high_s8(all), n - 8);
}

/* Magnitudes divided by the count, exact in doubles, whose 53 bits leave room. */
LN_INLINE uint32x4_t divide(uint32x4_t x, float64x2_t by) {
  const uint64x2_t low = vcvtq_u64_f64(vdivq_f64(vcvtq_f64_u64(vmovl_u32(vget_low_u32(x))), by));
  const uint64x2_t high = vcvtq_u64_f64(vdivq_f64(vcvtq_f64_u64(vmovl_high_u32(x)), by));
  return vcombine_u32(vmovn_u64(low), vmovn_u64(high));
}

/* Rounded to nearest, ties away from zero. */
LN_INLINE int32x4_t rounded_mean(int32x4_t sum, int32_t count) {
  const int32x4_t sign = vshrq_n_s32(sum, 31);
  const uint32x4_t magnitude = vreinterpretq_u32_s32(vaddq_s32(vabsq_s32(sum), vdupq_n_s32(count / 2)));
  const int32x4_t mean = vreinterpretq_s32_u32(divide(magnitude, vdupq_n_f64((double)count)));
  return vsubq_s32(veorq_s32(mean, sign), sign);
}

LN_INLINE void mean_block(const window *w, ptrdiff_t c, int32_t n, int32_t low, int32_t high, const int is_signed) {
  const uint8x16_t flip = vdupq_n_u8(is_signed ? 0x80 : 0);
  uint32x4_t sum[2] = {vdupq_n_u32(0), vdupq_n_u32(0)};
  for (int32_t y = 0; y < w->rows; ++y) {
    const uint8_t *in = w->in + y * w->line + c;
    for (int32_t x = 0; x < w->columns; ++x, in += w->channels) {
      const uint16x8_t words = vmovl_u8(vget_low_u8(load_bytes(in, n, flip)));
      sum[0] = vaddw_u16(sum[0], vget_low_u16(words));
      sum[1] = vaddw_high_u16(sum[1], words);
    }
  }
  const int32_t count = w->rows * w->columns;
  const int32x4_t extra = vdupq_n_s32(is_signed ? 128 * count : 0);
  const int32x4_t first = rounded_mean(vsubq_s32(vreinterpretq_s32_u32(sum[0]), extra), count);
  const int32x4_t second = rounded_mean(vsubq_s32(vreinterpretq_s32_u32(sum[1]), extra), count);
  const int16x8_t words = vmaxq_s16(vcombine_s16(vmovn_s32(first), vmovn_s32(second)), vdupq_n_s16((int16_t)low));
  ln_store_bytes_neon(w->out + c, vmovn_s16(vminq_s16(words, vdupq_n_s16((int16_t)high))), n);
}

LN_INLINE void max_block(const window *w, ptrdiff_t c, int32_t n, int32_t low, int32_t high, const int is_signed) {
  const uint8x16_t flip = vdupq_n_u8(is_signed ? 0x80 : 0);
  uint8x16_t best = vdupq_n_u8(0);
  for (int32_t y = 0; y < w->rows; ++y) {
    const uint8_t *in = w->in + y * w->line + c;
    for (int32_t x = 0; x < w->columns; ++x, in += w->channels) best = vmaxq_u8(best, load_bytes(in, n, flip));
  }
  const uint8x16_t least = veorq_u8(vdupq_n_u8((uint8_t)low), flip), most = veorq_u8(vdupq_n_u8((uint8_t)high), flip);
  store_bytes(w->out + c, veorq_u8(vminq_u8(vmaxq_u8(best, least), most), flip), n);
}

LN_INLINE void pool_row(const ln_pool2d_row *row, int32_t low, int32_t high, const int is_signed, const int average) {
  const int32_t block = average ? MEAN_BLOCK : MAX_BLOCK;
  window w = {.rows = row->rows, .channels = row->channels, .line = (ptrdiff_t)row->in_w * row->channels};
  for (int32_t x = 0; x < row->out_w; ++x) {
    int32_t begin, end;
    ln_pool2d_columns(row, x, &begin, &end);
    w.columns = end - begin;
    w.in = (const uint8_t *)row->in + begin * w.channels;
    w.out = (uint8_t *)row->out + x * w.channels;
    ptrdiff_t c = 0;
    for (; c + block <= w.channels; c += block) {
      if (average) mean_block(&w, c, MEAN_BLOCK, low, high, is_signed);
      else max_block(&w, c, MAX_BLOCK, low, high, is_signed);
    }
    if (c == w.channels) continue;
    if (average) mean_block(&w, c, (int32_t)(w.channels - c), low, high, is_signed);
    else max_block(&w, c, (int32_t)(w.channels - c), low, high, is_signed);
  }
}

static int fits(const ln_pool2d_row *row) {
  const int32_t columns = row->window_w < row->in_w ? row->window_w : row->in_w;
  return (int64_t)row->rows * columns <= MAX_PIXELS;
}

void pool2d_average_i8_neon(const ln_pool2d_row *row, int32_t low, int32_t high) {
  if (fits(row)) pool_row(row, low, high, 1, 1);
  else pool2d_average_i8_generic(row, low, high);
}

void pool2d_average_u8_neon(const ln_pool2d_row *row, int32_t low, int32_t high) {
  if (fits(row)) pool_row(row, low, high, 0, 1);
  else pool2d_average_u8_generic(row, low, high);
}

void pool2d_max_i8_neon(const ln_pool2d_row *row, int32_t low, int32_t high) { pool_row(row, low, high, 1, 0); }
void pool2d_max_u8_neon(const ln_pool2d_row *row, int32_t low, int32_t high) { pool_row(row, low, high, 0, 0); }

/* Depthwise convolution of int16 with int8 filters: sums of 32 bits where they hold them, else of 64. */
#include "kernels/kernels.h"
#include "kernels/quant.h"

/* The sum of products of one output of int16 rows. */
static int64_t dot_i16(const ln_dwconv_i16 *args, const ln_dwconv_row *row, int32_t x, int32_t c) {
  const ln_dwconv_shape *s = &args->shape;
  int32_t begin, end;
  ln_dwconv_taps(s, x, &begin, &end);
  int64_t sum = 0;
  for (int32_t ky = 0; ky < s->kernel_h; ++ky) {
    const int16_t *in = row->rows[ky];
    if (in == NULL) continue;
    for (int32_t kx = begin; kx < end; ++kx) {
      const ptrdiff_t column = (ptrdiff_t)x * s->stride_w + (ptrdiff_t)kx * s->dilation_w - s->pad_left;
      sum += (int32_t)in[column * s->channels + c] * args->filter[((ptrdiff_t)ky * s->kernel_w + kx) * s->channels + c];
    }
  }
  return sum;
}

/* Channels [first, first + n) of the row, as the reference computes them. */
static void wide_block(const ln_dwconv_i16 *args, const ln_dwconv_row *row, int32_t first, int32_t n) {
  for (int32_t x = 0; x < args->shape.out_w; ++x) {
    int16_t *out = (int16_t *)row->out + (ptrdiff_t)x * args->shape.channels;
    for (int32_t c = first; c < first + n; ++c) {
      uint64_t sum = (uint64_t)dot_i16(args, row, x, c);
      if (args->bias != NULL) sum += (uint64_t)args->bias[c];
      if (args->bias32 != NULL) sum += (uint64_t)(int64_t)args->bias32[c];
      const int32_t scaled = ln_multiply_quantized_i64((int64_t)sum, args->multipliers[c], args->shifts[c]);
      out[c] = (int16_t)ln_clamp_i32(scaled, args->low, args->high);
    }
  }
}

void ln_k_dwconv_i16(const ln_dwconv_i16 *args, const ln_dwconv_row *row) {
  enum { PIXELS = 8 };
  const int32_t channels = args->shape.channels, out_w = args->shape.out_w;
  for (int32_t c = row->first; c < row->last; c += LN_DWCONV_I16_BLOCK) {
    const int32_t n = row->last - c < LN_DWCONV_I16_BLOCK ? row->last - c : LN_DWCONV_I16_BLOCK;
    if (args->fits == NULL || !args->fits[c / LN_DWCONV_I16_BLOCK]) {
      wide_block(args, row, c, n);
      continue;
    }
    const ln_scale_i16 by = {
        .multiplier = args->multipliers + c, .shift = args->shifts + c, .low = args->low, .high = args->high};
    int16_t *out = (int16_t *)row->out + c;
    for (int32_t x = 0; x < out_w; x += PIXELS) {
      int32_t sums[PIXELS * LN_DWCONV_I16_BLOCK];
      const int32_t pixels = out_w - x < PIXELS ? out_w - x : PIXELS;
      LN_KERNEL_OF(dwconv, i16)(args, row, x, pixels, c, n, sums);
      LN_KERNEL_OF(gemm, scale_i16)
      (pixels, n, sums, LN_DWCONV_I16_BLOCK, &by, out + (ptrdiff_t)x * channels, channels);
    }
  }
}

ln_dwconv_i16_fn dwconv_i16_generic;
void dwconv_i16_generic(const ln_dwconv_i16 *args, const ln_dwconv_row *row, int32_t x, int32_t pixels, int32_t first,
                        int32_t n, int32_t *sums) {
  const ln_dwconv_shape *s = &args->shape;
  for (int32_t i = 0; i < pixels; ++i, sums += LN_DWCONV_I16_BLOCK) {
    int32_t begin, end;
    ln_dwconv_taps(s, x + i, &begin, &end);
    for (int32_t c = 0; c < n; ++c) sums[c] = args->narrow_bias[first + c];
    for (int32_t ky = 0; ky < s->kernel_h; ++ky) {
      if (row->rows[ky] == NULL) continue;
      for (int32_t kx = begin; kx < end; ++kx) {
        const ptrdiff_t column = (ptrdiff_t)(x + i) * s->stride_w + (ptrdiff_t)kx * s->dilation_w - s->pad_left;
        const int16_t *in = (const int16_t *)row->rows[ky] + column * s->channels + first;
        const int8_t *w = args->filter + ((ptrdiff_t)ky * s->kernel_w + kx) * s->channels + first;
        for (int32_t c = 0; c < n; ++c) sums[c] += in[c] * w[c];
      }
    }
  }
}

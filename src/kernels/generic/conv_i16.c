/* Convolution of int16 images with int8 filters, as the reference computes it. */
#include "kernels/conv_i16.h"

#include <stddef.h>

#include "kernels/quant.h"

/* The window at (y, x) against one filter. */
static int64_t window_sum(const ln_conv_i16 *c, const int16_t *image, const int8_t *filter, int32_t first_c, int32_t y,
                          int32_t x) {
  int64_t sum = 0;
  for (int32_t ky = 0; ky < c->kernel_h; ++ky) {
    const int32_t iy = y + ky * c->dilation_h;
    if (iy < 0 || iy >= c->in_h) continue;
    for (int32_t kx = 0; kx < c->kernel_w; ++kx) {
      const int32_t ix = x + kx * c->dilation_w;
      if (ix < 0 || ix >= c->in_w) continue;
      const int16_t *in = image + ((ptrdiff_t)iy * c->in_w + ix) * c->in_c + first_c;
      const int8_t *w = filter + ((ptrdiff_t)ky * c->kernel_w + kx) * c->filter_c;
      for (int32_t p = 0; p < c->filter_c; ++p) sum += in[p] * w[p];
    }
  }
  return sum;
}

void ln_k_conv_i16_line(const ln_conv_i16 *c, const int16_t *image, const int8_t *filter, const void *bias,
                        int32_t out_y, int16_t *out) {
  const int32_t groups = c->in_c / c->filter_c;
  const int32_t group_out = c->out_c / groups;
  const ptrdiff_t filter_size = (ptrdiff_t)c->kernel_h * c->kernel_w * c->filter_c;
  const int32_t y = out_y * c->stride_h - c->pad_top;
  for (int32_t out_x = 0; out_x < c->out_w; ++out_x) {
    const int32_t x = out_x * c->stride_w - c->pad_left;
    for (int32_t j = 0; j < c->out_c; ++j) {
      const int64_t sum = window_sum(c, image, filter + j * filter_size, j / group_out * c->filter_c, y, x);
      int32_t scaled;
      if (c->wide_bias) {
        const int64_t offset = bias == NULL ? 0 : ((const int64_t *)bias)[j];
        scaled = ln_multiply_quantized_i64((int64_t)((uint64_t)sum + (uint64_t)offset), c->multiplier[j], c->shift[j]);
      } else {
        const uint32_t offset = bias == NULL ? 0 : (uint32_t)((const int32_t *)bias)[j];
        scaled = ln_multiply_quantized((int32_t)((uint32_t)sum + offset), c->multiplier[j], c->shift[j]);
      }
      *out++ = (int16_t)ln_clamp_i32(scaled, c->low, c->high);
    }
  }
}

/* Convolution of int16 images with int8 filters. */
#ifndef LN_KERNELS_CONV_I16_H
#define LN_KERNELS_CONV_I16_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ln_conv_i16 {
  int32_t in_h, in_w, in_c, out_w, out_c;
  int32_t filter_c; /* input channels of a group */
  int32_t kernel_h, kernel_w, stride_h, stride_w, dilation_h, dilation_w, pad_top, pad_left;
  const int32_t *multiplier, *shift; /* [out_c] */
  int32_t low, high;
  bool wide_bias; /* sums and bias are int64 and scaled in one rounding; else int32 and two */
} ln_conv_i16;

/* One line of output pixels: image [in_h, in_w, in_c], filter [out_c, kernel_h, kernel_w, filter_c], bias [out_c] or
 * NULL, out [out_w, out_c]. Zero points are 0. */
void ln_k_conv_i16_line(const ln_conv_i16 *c, const int16_t *image, const int8_t *filter, const void *bias,
                        int32_t out_y, int16_t *out);

#endif

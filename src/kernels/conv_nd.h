/*
 * Convolutions and pools of up to three spatial dimensions and their gradients, on TensorFlow's layouts, in plain C:
 * what the operators of training on the device come down to. Each body exists for float and for double.
 */
#ifndef LN_KERNELS_CONV_ND_H
#define LN_KERNELS_CONV_ND_H

#include <stddef.h>
#include <stdint.h>

enum { LN_CONV_ND_DIMS = 3 };

/*
 * images [in[0], in[1], in[2], in_channels], filter [kernel[0], kernel[1], kernel[2], in_channels / groups,
 * out_channels], results [out[0], out[1], out[2], out_channels]. A depthwise filter [.., channels, multiplier] is one
 * of as many groups as channels. For pools in_channels == out_channels == groups.
 */
typedef struct ln_conv_nd {
  int32_t in[LN_CONV_ND_DIMS], out[LN_CONV_ND_DIMS], kernel[LN_CONV_ND_DIMS];
  int32_t before[LN_CONV_ND_DIMS], stride[LN_CONV_ND_DIMS], dilation[LN_CONV_ND_DIMS];
  size_t in_channels, out_channels, groups;
  size_t in_points, out_points; /* products of in and out */
} ln_conv_nd;

#define LN_CONV_ND_DECLARE(suffix, real)                                                                               \
  /* Result rows (lines of out[2] points): `line` counts them within an image. */                                      \
  void ln_k_conv_nd_##suffix(const ln_conv_nd *c, const real *image, const real *filter, size_t line, real *out);      \
  /* The gradient of one image. */                                                                                     \
  void ln_k_conv_nd_input_##suffix(const ln_conv_nd *c, const real *filter, const real *gradient, real *image);        \
  /* The gradient of the filter's part at kernel place `place`, [in_channels / groups, out_channels], over a batch. */ \
  void ln_k_conv_nd_filter_##suffix(const ln_conv_nd *c, size_t place, size_t batches, const real *images,             \
                                    const real *gradients, real *filter);                                              \
  /* Of one image; `arg` (may be NULL) is where each maximum stands: point * channels + channel. */                    \
  void ln_k_max_pool_nd_##suffix(const ln_conv_nd *c, const real *image, real *out, int64_t *arg);                     \
  void ln_k_avg_pool_nd_##suffix(const ln_conv_nd *c, const real *image, real *out);                                   \
  /* Each gradient goes to the first maximum of its window, or in equal parts to all of its points. */                 \
  void ln_k_max_pool_grad_nd_##suffix(const ln_conv_nd *c, const real *image, const real *gradient, real *out);        \
  void ln_k_avg_pool_grad_nd_##suffix(const ln_conv_nd *c, const real *gradient, real *out);
LN_CONV_ND_DECLARE(f32, float)
LN_CONV_ND_DECLARE(f64, double)
#undef LN_CONV_ND_DECLARE

#endif

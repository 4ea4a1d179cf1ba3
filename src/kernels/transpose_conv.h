/* The loops of transposed convolutions around the products of pixels with weights. */
#ifndef LN_KERNELS_TRANSPOSE_CONV_H
#define LN_KERNELS_TRANSPOSE_CONV_H

#include <stddef.h>
#include <stdint.h>

/* How a line of input pixels, widened by a kernel row, lands on a line of output pixels. */
typedef struct ln_tconv_line {
  int32_t in_w, out_w, out_c, kernel_w, stride, pad; /* pixel x of the input starts at output pixel x * stride - pad */
} ln_tconv_line;

/* line[ox][c] += part[x][kx][c] where ox = x * stride - pad + kx lies inside the line; x rises, then kx. */
void ln_k_tconv_add_f32(const ln_tconv_line *shape, const float *part, float *line);
void ln_k_tconv_add_i32(const ln_tconv_line *shape, const int32_t *part, int32_t *line);

/*
 * The same with the products made on the way: int16 pixels [in_w, in_c] and weights [kernel_w, out_c, in_c] into 64-bit
 * sums.
 */
void ln_k_tconv_line_i16(const ln_tconv_line *shape, int32_t in_c, const int16_t *pixels, const int8_t *weights,
                         int64_t *line);

#endif

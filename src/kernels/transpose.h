/* Blocks of small items with rows and columns exchanged. */
#ifndef LN_KERNELS_TRANSPOSE_H
#define LN_KERNELS_TRANSPOSE_H

#include <stddef.h>

/*
 * dst[r][c] = src[c][r] for r < rows, c < columns. A row of the destination is contiguous and dst_stride bytes from the
 * next; a row of the source (items of one c) is contiguous and src_stride bytes from the next. Strides may be negative.
 */
typedef void ln_transpose_fn(size_t rows, size_t columns, const void *src, ptrdiff_t src_stride, void *dst,
                             ptrdiff_t dst_stride);

typedef struct ln_transpose_kernels {
  ln_transpose_fn *x8;  /* items of 1 byte */
  ln_transpose_fn *x32; /* of 4 bytes */
} ln_transpose_kernels;

#endif

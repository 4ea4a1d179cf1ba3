/* Products of int16 matrices, which the shared matrix products do not cover. */
#ifndef LN_KERNELS_BATCH_MATMUL_H
#define LN_KERNELS_BATCH_MATMUL_H

#include <stddef.h>
#include <stdint.h>

/* out[i][j] = clamp(multiplier * sum over p of (x[i][p] - x_zero) * (y[p][j] - y_zero) + out_zero), in 64 bits. */
typedef struct ln_i16_product {
  int32_t m, n, k;
  const int16_t *x, *y;
  ptrdiff_t x_row, x_step; /* elements between rows, and between values of p */
  ptrdiff_t y_step, y_column;
  int32_t x_zero, y_zero, out_zero;
  int32_t multiplier, shift;
} ln_i16_product;

void ln_k_batch_matmul_i16(const ln_i16_product *product, int16_t *out);

#endif

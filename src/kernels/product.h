/* Matrix products of element types that the packed products of gemm.h do not cover. */
#ifndef LN_KERNELS_PRODUCT_H
#define LN_KERNELS_PRODUCT_H

#include <stddef.h>

#include "kernels/convert.h"

/* C[i][j] = sum over p of A[i][p] * B[p][j]: rows of A, B and C are dense, `*_row` elements apart. `type` is F64, I64
 * (sums wrap) or C64 (summed in double precision). */
typedef struct ln_product {
  size_t m, n, k;
  const void *a, *b;
  void *c;
  size_t a_row, b_row, c_row;
} ln_product;

void ln_k_product(ln_number type, const ln_product *product);

#endif

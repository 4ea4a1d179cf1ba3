/* What turns the sums of products of int16 with int8 weights into int16 results. */
#ifndef LN_KERNELS_SCALE_I16_H
#define LN_KERNELS_SCALE_I16_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { LN_SCALE_I16_COLUMNS = 32 }; /* of a block: arrays are padded to whole ones */

/* Arrays hold a value for each column. */
typedef struct ln_scale_i16 {
  const int32_t *multiplier, *shift; /* shift is 14 at most unless `twice` */
  const double *reals;               /* when not NULL: columns are scaled by ln_multiply_real instead */
  bool twice;                        /* by ln_multiply_quantized of the sum's low 32 bits, else by its _i64 */
  int32_t low, high;
} ln_scale_i16;

/*
 * m rows of n columns: c[i * c_stride + j] = clamp(scaled sums[i * sums_stride + j], low, high). Rows of sums may be
 * read up to a multiple of 16 columns, the arrays as far as they are padded. With `twice`, every sum shifted left as
 * `shift` says stays below 2^30 in magnitude.
 */
typedef void ln_scale_i16_fn(int32_t m, int32_t n, const int32_t *sums, ptrdiff_t sums_stride, const ln_scale_i16 *by,
                             int16_t *c, ptrdiff_t c_stride);

/* One row of any sums. */
void ln_k_scale_i64_to_i16(int32_t n, const int64_t *sums, const ln_scale_i16 *by, int16_t *c);

#endif

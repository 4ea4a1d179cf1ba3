/* Products of int16 rows with int8 weights. */
#ifndef LN_KERNELS_FULLY_CONNECTED_H
#define LN_KERNELS_FULLY_CONNECTED_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ln_fc_i16 {
  int32_t n, k;
  int32_t weights_zero;
  const double *scales; /* [scale_count]: 1 or n */
  int32_t scale_count;
  int32_t low, high;
  bool wide_bias; /* the bias is int64, else int32 */
} ln_fc_i16;

/* One row: in [k], weights [n, k], bias [n] or NULL, out [n]. */
void ln_k_fc_i16(const ln_fc_i16 *fc, const int16_t *in, const int8_t *weights, const void *bias, int16_t *out);

#endif

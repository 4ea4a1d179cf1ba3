/* Products of rows with weights whose results are int16. */
#ifndef LN_KERNELS_FULLY_CONNECTED_H
#define LN_KERNELS_FULLY_CONNECTED_H

#include <stdbool.h>
#include <stdint.h>

typedef struct ln_fc_i16 {
  int32_t n, k;
  int32_t weights_zero;
  const double *scales; /* [scale_count]: 1 or n */
  int32_t scale_count;
  int32_t out_zero, low, high;
  bool wide_bias; /* the bias is int64, else int32 */
} ln_fc_i16;

/* One row: in [k], weights [n, k], bias [n] or NULL, out [n]. */
void ln_k_fc_i16(const ln_fc_i16 *fc, const int16_t *in, const int8_t *weights, const void *bias, int16_t *out);

/* One row of sums [n], the bias within, as results: scaled by ln_multiply_real or, with `fixed`, in fixed point. */
void ln_k_fc_scale_i16(const ln_fc_i16 *fc, bool fixed, const int32_t *sums, int16_t *out);

/*
 * TFLite's shuffled weights, in order: [n / 4, k / 16, 4, 16] becomes [n, k]. n and k are whole blocks. The stored
 * bytes are the weights less 128.
 */
void ln_k_fc_unshuffle(int32_t n, int32_t k, const int8_t *shuffled, int8_t *weights);
/* Input rows [rows, k] less 128 in that order of blocks: rows is 1 or 4. */
void ln_k_fc_shuffle(int32_t rows, int32_t k, const uint8_t *in, uint8_t *shuffled);

#endif

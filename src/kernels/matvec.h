/*
 * Matrix times vector for recurrent layers, where every weight is used once a step: rows of weights as they stand in
 * the model, nothing packed.
 */
#ifndef LN_KERNELS_MATVEC_H
#define LN_KERNELS_MATVEC_H

#include <stdint.h>

#include "kernels/matvec_i4.h"
#include "kernels/matvec_table.h"

/* out[r] += sum of weights[r, c] * x[c]. In floats partial sums may be added in any fixed order. */
typedef void ln_matvec_f32_fn(const float *weights, const float *x, int32_t rows, int32_t columns, float *out);
/* out[r] = bias[r] (0 when NULL) + sum of weights[r, c] * x[c]; sums wrap. */
typedef void ln_matvec_i8_fn(const int8_t *weights, const int8_t *x, int32_t rows, int32_t columns, const int32_t *bias,
                             int32_t *out);

typedef struct ln_matvec_kernels {
  ln_matvec_f32_fn *f32;
  ln_matvec_i8_fn *i8;
  ln_i4_quantize_fn *quantize_i4; /* matvec_i4.h */
  ln_matvec_i4_fn *i4;
  ln_matvec_table_fn *table; /* matvec_table.h */
} ln_matvec_kernels;

/* bias[r] = base[r] (0 when NULL) - zero_point * sum of row r. weights: [rows, columns] */
void ln_k_matvec_fold_bias(const int8_t *weights, int32_t rows, int32_t columns, int32_t zero_point,
                           const int32_t *base, int32_t *bias);

#endif

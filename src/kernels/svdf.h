/*
 * One step of a single-value-decomposition filter layer: each filter projects the input to one number, keeps the last
 * `memory` of them, and weighs those over time; `rank` filters are summed into a unit.
 * state: [batches, filters, memory], the newest number last.
 */
#ifndef LN_KERNELS_SVDF_H
#define LN_KERNELS_SVDF_H

#include <stdint.h>

#include "kernels/matvec.h"
#include "kernels/quant.h"

typedef struct ln_svdf_size {
  int32_t batches, inputs, filters, memory, rank; /* units = filters / rank */
} ln_svdf_size;

typedef struct ln_svdf_f32 {
  ln_matvec_f32_fn *matvec;
  ln_svdf_size size;
  const float *feature_weights; /* [filters, inputs] */
  const float *time_weights;    /* [filters, memory] */
  const float *bias;            /* [units]; NULL for none */
  float low, high;              /* of the output */
} ln_svdf_f32;

/* input: [batches, inputs]; out: [batches, units]; scratch: [filters] */
void ln_k_svdf_f32(const ln_svdf_f32 *svdf, const float *input, float *state, float *scratch, float *out);

typedef struct ln_svdf_i8 {
  ln_matvec_i8_fn *matvec;
  ln_svdf_size size;
  const int8_t *feature_weights;
  const int32_t *feature_bias; /* [filters]: less the input's zero point times the row's sum */
  const int16_t *time_weights;
  const int32_t *bias;
  ln_multiplier state_scale, output_scale;
  int32_t zero_point, low, high; /* of the output */
} ln_svdf_i8;

void ln_k_svdf_i8(const ln_svdf_i8 *svdf, const int8_t *input, int16_t *state, int32_t *scratch, int8_t *out);

#endif

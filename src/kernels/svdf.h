/*
 * One step of a single-value-decomposition filter layer: each filter projects the input to one number, keeps the last
 * `memory` of them, and weighs those over time; `rank` filters are summed into a unit.
 * state: [batches, filters, memory], the newest number last.
 */
#ifndef LN_KERNELS_SVDF_H
#define LN_KERNELS_SVDF_H

#include <stdint.h>

#include "kernels/quant.h"
#include "kernels/recurrent.h"

typedef struct ln_svdf_size {
  int32_t batches, inputs, filters, memory, rank; /* units = filters / rank */
} ln_svdf_size;

typedef struct ln_svdf_f32 {
  ln_recurrent_functions functions;
  ln_recurrent_mode mode;
  ln_svdf_size size;
  ln_recurrent_matrix feature_weights; /* [filters, inputs] */
  const float *time_weights;           /* [filters, memory]; NULL: time_weights_i8 times their scale */
  const int8_t *time_weights_i8;
  float time_scale;
  const float *bias; /* [units]; NULL for none */
  ln_recurrent_activation activation;
} ln_svdf_f32;

typedef struct ln_svdf_scratch {
  float *sums;       /* [filters] */
  int32_t *products; /* [filters] */
  int8_t *input;     /* [inputs], with int8 weights only */
} ln_svdf_scratch;

/* input: [batches, inputs]; out: [batches, units] */
void ln_k_svdf_f32(const ln_svdf_f32 *svdf, const float *input, float *state, const ln_svdf_scratch *scratch,
                   float *out);

typedef struct ln_svdf_i8 {
  ln_matvec_i8_fn *matvec;
  ln_svdf_size size;
  const int8_t *feature_weights;
  const int32_t *feature_bias; /* [filters]: less the input's zero point times the row's sum */
  const void *time_weights;    /* of the state's type */
  const int32_t *bias;
  ln_multiplier state_scale, output_scale;
  int32_t zero_point, low, high; /* of the output */
} ln_svdf_i8;

/* scratch: [filters]. The state and the time weights are int16, or int8 (a form of TFLite for micro-controllers). */
void ln_k_svdf_i8_state_i16(const ln_svdf_i8 *svdf, const int8_t *input, int16_t *state, int32_t *scratch, int8_t *out);
void ln_k_svdf_i8_state_i8(const ln_svdf_i8 *svdf, const int8_t *input, int8_t *state, int32_t *scratch, int8_t *out);

#endif

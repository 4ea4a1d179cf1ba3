/*
 * One step of a long short-term memory cell for one row of a batch, in floats and in integers (int8 activations and
 * weights, int16 cell state). The integer form is TFLite's 8x8_16 one, bit for bit.
 *
 *   gate    = activation(input_weights * input + recurrent_weights * output_state [+ peephole * cell_state] [normed] +
 * bias) cell    = forget * cell + input_gate * cell_gate          (input_gate = 1 - forget when coupled) output  =
 * [projection *] (output_gate * activation(cell)) [+ projection_bias]
 */
#ifndef LN_KERNELS_LSTM_H
#define LN_KERNELS_LSTM_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/fixed16.h"
#include "kernels/matvec.h"
#include "kernels/quant.h"

enum { LN_LSTM_INPUT, LN_LSTM_FORGET, LN_LSTM_CELL, LN_LSTM_OUTPUT, LN_LSTM_GATES };

typedef struct ln_lstm_size {
  int32_t inputs, cells, outputs; /* outputs = cells without a projection */
} ln_lstm_size;

/* ---- floats ---- */

typedef struct ln_lstm_gate_f32 {
  const float *input_weights;     /* [cells, inputs] */
  const float *recurrent_weights; /* [cells, outputs] */
  const float *peephole;          /* [cells]; NULL for none */
  const float *norm;              /* [cells], coefficients of layer normalization; NULL for none */
  const float *bias;              /* [cells] */
  const float *auxiliary_weights; /* [cells, auxiliary_inputs]; NULL for none */
} ln_lstm_gate_f32;

/* The schema's activations that a cell takes. */
typedef enum ln_lstm_activation {
  LN_LSTM_LINEAR = 0,
  LN_LSTM_RELU = 1,
  LN_LSTM_RELU_N1_TO_1 = 2,
  LN_LSTM_RELU6 = 3,
  LN_LSTM_TANH = 4
} ln_lstm_activation;

float ln_k_lstm_activate(float x, ln_lstm_activation activation);

typedef struct ln_lstm_f32 {
  ln_matvec_f32_fn *matvec;
  ln_lstm_size size;
  bool coupled; /* the input gate is 1 - forget gate; gates[LN_LSTM_INPUT] is not read */
  ln_lstm_gate_f32 gates[LN_LSTM_GATES];
  const float *auxiliary; /* [auxiliary_inputs], a second input of the step; read with auxiliary weights only */
  int32_t auxiliary_inputs;
  const float *projection;      /* [outputs, cells]; NULL for none */
  const float *projection_bias; /* [outputs]; NULL for none */
  ln_lstm_activation activation;
  float cell_clip, projection_clip; /* 0: none */
} ln_lstm_f32;

/* input: [inputs]; output_state: [outputs] and cell_state: [cells], read and written; scratch: [4 * cells]. */
void ln_k_lstm_step_f32(const ln_lstm_f32 *lstm, const float *input, float *output_state, float *cell_state,
                        float *scratch);

/* ---- integers ---- */

typedef struct ln_lstm_gate_i8 {
  const int8_t *input_weights, *recurrent_weights;
  const int32_t *input_bias;      /* [cells]: bias (unless normed) less the input's zero point times the row's sum */
  const int32_t *recurrent_bias;  /* [cells]: less the state's zero point times the row's sum */
  const int16_t *peephole, *norm; /* [cells]; NULL for none */
  const int32_t *norm_bias;       /* [cells], with norm only */
  ln_multiplier input_scale, recurrent_scale, peephole_scale, norm_scale; /* into Q3.12, or what norm takes */
  int32_t variance_guard;                                                 /* stands in for a variance below 1 */
} ln_lstm_gate_i8;

typedef struct ln_lstm_i8 {
  ln_matvec_i8_fn *matvec;
  const ln_fixed16_kernels *fixed16;
  ln_lstm_size size;
  bool coupled;
  ln_lstm_gate_i8 gates[LN_LSTM_GATES];
  const int8_t *projection;       /* NULL for none */
  const int32_t *projection_bias; /* [outputs], with the correction for the hidden zero point */
  ln_multiplier projection_scale, hidden_scale;
  int32_t hidden_zero_point, output_zero_point;
  /* With a projection the reference's peepholes run over outputs, not cells, of the batches that are stepped together:
   * cell i of row `batch` of `batches` takes weight (batch * cells + i) % outputs as long as
   * batch * cells + i < batches * outputs, and none from there. They are 0 and 1 unless time major. */
  int32_t batch, batches;
  int32_t cell_exponent; /* log2 of the cell state's scale: -15 to -9 */
  int16_t cell_clip;     /* 0: none */
  int8_t projection_clip;
} ln_lstm_i8;

typedef struct ln_lstm_i8_scratch {
  int32_t *sums;  /* [max(cells, outputs)] */
  int16_t *gates; /* [4 * cells] */
  int8_t *hidden; /* [cells] */
} ln_lstm_i8_scratch;

void ln_k_lstm_step_i8(const ln_lstm_i8 *lstm, const int8_t *input, int8_t *output_state, int16_t *cell_state,
                       const ln_lstm_i8_scratch *scratch);

#endif

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
#include "kernels/quant.h"
#include "kernels/recurrent.h"

enum { LN_LSTM_INPUT, LN_LSTM_FORGET, LN_LSTM_CELL, LN_LSTM_OUTPUT, LN_LSTM_GATES };

typedef struct ln_lstm_size {
  int32_t inputs, cells, outputs; /* outputs = cells without a projection */
} ln_lstm_size;

/* ---- floats, with weights of floats or of int8 ---- */

typedef struct ln_lstm_gate_f32 {
  ln_recurrent_matrix input;     /* [cells, inputs] */
  ln_recurrent_matrix recurrent; /* [cells, outputs] */
  ln_recurrent_matrix auxiliary; /* [cells, auxiliary_inputs]; may be none */
  const float *peephole;         /* [cells]; NULL for none */
  const float *norm;             /* [cells], coefficients of layer normalization; NULL for none */
  const float *bias;             /* [cells] */
} ln_lstm_gate_f32;

typedef struct ln_lstm_f32 {
  ln_recurrent_functions functions;
  ln_recurrent_mode mode; /* other than LN_RECURRENT_FLOAT with int8 weights */
  ln_lstm_size size;
  int32_t auxiliary_inputs; /* of a second input; 0 without one */
  bool coupled;             /* the input gate is 1 - forget gate; gates[LN_LSTM_INPUT] is not read */
  ln_lstm_gate_f32 gates[LN_LSTM_GATES];
  ln_recurrent_matrix projection; /* [outputs, cells]; may be none */
  const float *projection_bias;   /* [outputs]; NULL for none */
  ln_recurrent_activation activation;
  float cell_clip, projection_clip; /* 0: none */
} ln_lstm_f32;

typedef struct ln_lstm_f32_scratch {
  float *sums; /* [4 * cells] */
  /* With int8 weights only: */
  int32_t *products;                           /* [max(cells, outputs)] */
  int8_t *input, *auxiliary, *output, *hidden; /* [inputs], [auxiliary_inputs], [outputs], [cells] */
} ln_lstm_f32_scratch;

/* input: [inputs]; auxiliary: [auxiliary_inputs] or NULL; output_state: [outputs] and cell_state: [cells], read and
 * written. */
void ln_k_lstm_step_f32(const ln_lstm_f32 *lstm, const float *input, const float *auxiliary, float *output_state,
                        float *cell_state, const ln_lstm_f32_scratch *scratch);

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
  ln_fixed16_kernels fixed16;
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

/* ---- integers whose products with input and state are cut to int8 before they are added: TFLite's 8x8_8 form. The
 * input gate is 1 - forget gate, every gate is normed, and a projection from int16 ends the step ---- */

typedef struct ln_lstm_narrow_half {
  const int8_t *weights;
  const int32_t *bias;        /* [cells]: less the vector's zero point times the row's sum */
  ln_multiplier scale, widen; /* into the int8 product, and from there into the gate's sum */
  int32_t zero_point;         /* of the int8 product */
} ln_lstm_narrow_half;

typedef struct ln_lstm_narrow_gate {
  ln_lstm_narrow_half input, recurrent;
  const int16_t *norm; /* [cells] */
  const int32_t *bias; /* [cells] */
  float norm_scale;
} ln_lstm_narrow_gate;

typedef struct ln_lstm_narrow {
  ln_matvec_i8_fn *matvec;
  ln_lstm_size size;
  ln_lstm_narrow_gate gates[LN_LSTM_GATES]; /* the input gate is not read */
  const int8_t *projection;                 /* [outputs, cells] */
  const int32_t *projection_bias;           /* [outputs]; NULL for none */
  ln_multiplier projection_scale;
  int32_t output_zero_point;
  int16_t cell_clip; /* 0: none */
  int8_t projection_clip;
} ln_lstm_narrow;

/* sums: [2 * cells]; gates: [4 * cells]; cell_state in Q0.15 */
void ln_k_lstm_step_narrow(const ln_lstm_narrow *lstm, const int8_t *input, int8_t *output_state, int16_t *cell_state,
                           int32_t *sums, int16_t *gates);

/* ---- the basic form in integers, TFLite's uint8 one, bit for bit: gates stand as input, cell, forget, output ---- */

typedef struct ln_lstm_basic_u8 {
  int32_t inputs, units;
  const uint8_t *weights; /* [4 * units, inputs + units] */
  int32_t weights_zero;
  const int32_t *bias;        /* [4 * units] */
  ln_multiplier accumulation; /* into Q3.12 */
} ln_lstm_basic_u8;

/* joined: [inputs + units], data and last activation with zero point 128; last: [units], the cell state in Q4.11, as is
 * `state`; sums: [4 * units] */
void ln_k_lstm_basic_u8(const ln_lstm_basic_u8 *lstm, const uint8_t *joined, const int16_t *last, int16_t *sums,
                        int16_t *state, uint8_t *activation);

#endif

/* What the float and the integer form of the sequence LSTM share: inputs by name, extents, checks. */
#ifndef LN_OPS_LSTM_H
#define LN_OPS_LSTM_H

#include "kernels/lstm.h"
#include "ops/ops.h"

/* Inputs in the operator's order; those of four gates stand as input, forget, cell, output. */
enum {
  LN_LSTM_IN_DATA = 0,
  LN_LSTM_IN_INPUT_WEIGHTS = 1,
  LN_LSTM_IN_RECURRENT_WEIGHTS = 5,
  LN_LSTM_IN_PEEPHOLE = 9, /* input, forget, output: there is none for the cell */
  LN_LSTM_IN_BIAS = 12,
  LN_LSTM_IN_PROJECTION = 16,
  LN_LSTM_IN_PROJECTION_BIAS = 17,
  LN_LSTM_IN_OUTPUT_STATE = 18,
  LN_LSTM_IN_CELL_STATE = 19,
  LN_LSTM_IN_NORM = 20
};

typedef struct ln_lstm_form {
  ln_lstm_size size;
  int32_t batches, steps;
  bool time_major; /* [steps, batches, inputs], else [batches, steps, inputs] */
  bool coupled, peephole, norm, projection;
  int32_t activation; /* the schema's */
  float cell_clip, projection_clip;
} ln_lstm_form;

/* An input by number; NULL when it is absent or beyond the operator's. */
static inline const ln_tensor *ln_lstm_in(const ln_node *node, int32_t input) {
  return input < node->in_count ? node->in[input] : NULL;
}
static inline const void *ln_lstm_data(const ln_node *node, int32_t input) {
  const ln_tensor *tensor = ln_lstm_in(node, input);
  return tensor != NULL ? tensor->data : NULL;
}
/* The number of the gate's peephole weights; -1 for the cell gate. */
static inline int32_t ln_lstm_peephole_input(int32_t gate) {
  static const int32_t inputs[LN_LSTM_GATES] = {9, 10, -1, 11};
  return inputs[gate];
}

/* Extents and which parts are there; checks every input's shape and that the states can be written. */
ln_status ln_lstm_read_form(const ln_node *node, ln_error *err, ln_lstm_form *form);

/* The float form. */
typedef struct ln_lstm_args {
  ln_lstm_form form;
  ln_lstm_f32 lstm; /* the pointers are set in run */
} ln_lstm_args;

/* A run over the whole sequence, forward or from its end. */
typedef struct ln_lstm_sequence {
  bool reverse;
  const float *input;
  const float *auxiliary; /* steps as the input does, in rows of lstm.auxiliary_inputs; NULL for none */
  float *out;
  size_t out_stride; /* elements between rows */
} ln_lstm_sequence;

ln_status ln_lstm_prepare_f32(const ln_node *node, ln_error *err, const ln_lstm_form *form, ln_lstm_args *args);
/* The kernel's arguments with the pointers of this run. */
ln_lstm_f32 ln_lstm_bind_f32(const ln_node *node, const ln_lstm_args *args);
/* scratch: [4 * cells] */
void ln_lstm_run_f32(const ln_node *node, const ln_lstm_form *form, ln_lstm_f32 *lstm, const ln_lstm_sequence *sequence,
                     float *scratch);

/* The basic form of LSTM; it needs no preparing. */
ln_status ln_lstm_basic_infer(ln_node *node, ln_error *err);
ln_status ln_lstm_basic_run(const ln_node *node, ln_exec *exec);

/* The integer form. `block` is what prepare asked for as scratch. */
ln_status ln_lstm_prepare_i8(ln_node *node, ln_prep *prep, const ln_lstm_form *form);
ln_status ln_lstm_run_i8(const ln_node *node, ln_exec *exec);

#endif

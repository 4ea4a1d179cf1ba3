/* What the forms of the sequence LSTM share: inputs by name, extents, checks. */
#ifndef LN_OPS_LSTM_H
#define LN_OPS_LSTM_H

#include "kernels/lstm.h"
#include "ops/recurrent.h"

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
  LN_LSTM_IN_NORM = 20,
  /* A second input with weights of its own: a way of the bidirectional operator has it (lstm_both_ways.c). */
  LN_LSTM_IN_AUXILIARY = 24,
  LN_LSTM_IN_AUXILIARY_WEIGHTS = 25,
  LN_LSTM_IN_COUNT = 29
};

typedef struct ln_lstm_form {
  ln_lstm_size size;
  int32_t batches, steps;
  bool time_major; /* [steps, batches, inputs], else [batches, steps, inputs] */
  bool coupled, peephole, norm, projection, auxiliary;
  ln_recurrent_mode mode; /* of floats with int8 weights */
  int32_t activation;     /* the schema's */
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

/* The form in floats, whose weights may be int8 (lstm_float.c). */
enum { LN_LSTM_MATRICES = 3 }; /* a gate has: input, recurrent and auxiliary weights */
typedef struct ln_lstm_args {
  ln_lstm_form form;
  ln_lstm_f32 lstm; /* the pointers are set in run */
  ln_recurrent_sums sums[LN_LSTM_MATRICES][LN_LSTM_GATES], projection_sums;
} ln_lstm_args;

/* A run over the whole sequence, forward or from its end. */
typedef struct ln_lstm_sequence {
  bool reverse;
  float *out;
  size_t out_stride; /* elements between rows */
} ln_lstm_sequence;

ln_status ln_lstm_prepare_f32(const ln_node *node, ln_prep *prep, const ln_lstm_form *form, ln_lstm_args *args);
/* Asks for node scratch and for each thread's; of several cells the most. */
void ln_lstm_ask_scratch_f32(ln_node *node, const ln_lstm_args *args);
/* Batches are tasks of the pool. */
void ln_lstm_run_f32(const ln_node *node, const ln_lstm_args *args, const ln_lstm_sequence *sequence, ln_exec *exec);

/* The basic form of LSTM. */
ln_status ln_lstm_basic_infer(ln_node *node, ln_error *err);
ln_status ln_lstm_basic_prepare(ln_node *node, ln_prep *prep);
ln_status ln_lstm_basic_run(const ln_node *node, ln_exec *exec);

/* The integer form whose products are int8: told by its twelve intermediates (lstm_narrow.c). */
enum { LN_LSTM_NARROW_INTERMEDIATES = 12 };
static inline bool ln_lstm_is_narrow(const ln_node *node) {
  return node->op->intermediate_count == LN_LSTM_NARROW_INTERMEDIATES;
}
ln_status ln_lstm_prepare_narrow(ln_node *node, ln_prep *prep, const ln_lstm_form *form);
ln_status ln_lstm_run_narrow(const ln_node *node, ln_exec *exec);

/* What the integer forms share (lstm_int8.c): a usable scale of an input, and of an intermediate. */
ln_status ln_lstm_scale_of_input(const ln_node *node, ln_error *err, int32_t input, float *scale);
ln_status ln_lstm_intermediate(const ln_node *node, ln_error *err, int32_t index, float *scale, int32_t *zero_point);

/* The other integer form. */
ln_status ln_lstm_prepare_i8(ln_node *node, ln_prep *prep, const ln_lstm_form *form);
ln_status ln_lstm_run_i8(const ln_node *node, ln_exec *exec);

#endif

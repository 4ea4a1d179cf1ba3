/*
 * The integer form of UNIDIRECTIONAL_SEQUENCE_LSTM: int8 activations and weights, int16 cell state. Real multipliers
 * are formed in float, as TFLite forms them, and the zero points are folded into the biases once when all are constant.
 */
#include <math.h>
#include <string.h>

#include "ops/lstm.h"
#include "ops/rows.h"

typedef struct lstm_i8_args {
  ln_lstm_form form;
  ln_lstm_i8 lstm;                                                    /* the pointers to tensors are set in run */
  int32_t *input_bias[LN_LSTM_GATES], *recurrent_bias[LN_LSTM_GATES]; /* [cells] */
  int32_t *projection_bias;                                           /* [outputs] */
  bool folded;                                                        /* the biases above hold for every run */
} lstm_i8_args;

/* ---- quantization ---- */

ln_status ln_lstm_scale_of_input(const ln_node *node, ln_error *err, int32_t input, float *scale) {
  const ln_tensor *tensor = ln_lstm_in(node, input);
  *scale = ln_scale_of(tensor);
  if (*scale > 0.0f && isfinite(*scale)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "input %d \"%s\" has no usable scale", input, tensor->name);
}

/* What intermediate tensor `index` is quantized with. */
ln_status ln_lstm_intermediate(const ln_node *node, ln_error *err, int32_t index, float *scale, int32_t *zero_point) {
  const ln_op *op = node->op;
  const int32_t tensor = index < op->intermediate_count ? op->intermediates[index] : -1;
  if (tensor < 0 || tensor >= node->tensor_count) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "intermediate %d is missing", index);
  }
  *scale = ln_scale_of(&node->tensors[tensor]);
  *zero_point = ln_zero_point_of(&node->tensors[tensor]);
  if (*scale > 0.0f && isfinite(*scale)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "intermediate %d has no usable scale", index);
}

static ln_status read_cell_exponent(const ln_node *node, ln_error *err, int32_t *exponent) {
  float scale;
  int power;
  LN_TRY(ln_lstm_scale_of_input(node, err, LN_LSTM_IN_CELL_STATE, &scale));
  if (frexpf(scale, &power) != 0.5f || power - 1 < -15 || power - 1 > -9) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the cell state's scale %g is no power of two in [2^-15, 2^-9]",
                        (double)scale);
  }
  *exponent = power - 1;
  return LN_OK;
}

static ln_status prepare_gate(const ln_node *node, ln_error *err, const ln_lstm_form *form, float input_scale,
                              float state_scale, int32_t gate, ln_lstm_i8 *lstm) {
  ln_lstm_gate_i8 *out = &lstm->gates[gate];
  float result = 0x1p-12f, weights, recurrent; /* Q3.12 unless normed */
  int32_t zero_point;
  if (form->norm) LN_TRY(ln_lstm_intermediate(node, err, gate, &result, &zero_point));
  LN_TRY(ln_lstm_scale_of_input(node, err, LN_LSTM_IN_INPUT_WEIGHTS + gate, &weights));
  LN_TRY(ln_lstm_scale_of_input(node, err, LN_LSTM_IN_RECURRENT_WEIGHTS + gate, &recurrent));
  out->input_scale = ln_quantize_multiplier(weights * input_scale / result);
  out->recurrent_scale = ln_quantize_multiplier(recurrent * state_scale / result);
  if (form->peephole && gate != LN_LSTM_CELL) {
    float peephole;
    LN_TRY(ln_lstm_scale_of_input(node, err, ln_lstm_peephole_input(gate), &peephole));
    out->peephole_scale =
        ln_quantize_multiplier((float)(ldexp(1.0, lstm->cell_exponent) * (double)peephole / (double)result));
  }
  if (form->norm) {
    float norm;
    LN_TRY(ln_lstm_scale_of_input(node, err, LN_LSTM_IN_NORM + gate, &norm));
    /* 12 more bits are shifted in later, and the guard must be an int32. */
    if (norm >= 0x1p17f)
      return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "a normalization scale of %g", (double)norm);
    out->norm_scale = ln_quantize_multiplier(norm);
    out->variance_guard = (int32_t)(10000 * norm) > 1 ? (int32_t)(10000 * norm) : 1;
  }
  return LN_OK;
}

static ln_status prepare_scales(const ln_node *node, ln_error *err, const ln_lstm_form *form, ln_lstm_i8 *lstm) {
  float input_scale, state_scale, hidden_scale, projection_scale = 1.0f;
  LN_TRY(ln_lstm_scale_of_input(node, err, LN_LSTM_IN_DATA, &input_scale));
  LN_TRY(ln_lstm_scale_of_input(node, err, LN_LSTM_IN_OUTPUT_STATE, &state_scale));
  LN_TRY(read_cell_exponent(node, err, &lstm->cell_exponent));
  LN_TRY(ln_lstm_intermediate(node, err, 4, &hidden_scale, &lstm->hidden_zero_point));
  for (int32_t g = form->coupled ? LN_LSTM_FORGET : LN_LSTM_INPUT; g < LN_LSTM_GATES; ++g) {
    LN_TRY(prepare_gate(node, err, form, input_scale, state_scale, g, lstm));
  }
  /* Before a projection the reference takes the hidden zero point off where it means to add it, and the projection's
   * bias makes up for that: only values at the ends of int8 differ. */
  if (form->projection) lstm->hidden_zero_point = -lstm->hidden_zero_point;
  lstm->hidden_scale = ln_quantize_multiplier((float)(0x1p-15 / (double)hidden_scale * 0x1p-15));
  if (form->projection) LN_TRY(ln_lstm_scale_of_input(node, err, LN_LSTM_IN_PROJECTION, &projection_scale));
  lstm->projection_scale = ln_quantize_multiplier(projection_scale * hidden_scale / state_scale);
  lstm->output_zero_point = ln_zero_point_of(node->in[LN_LSTM_IN_OUTPUT_STATE]);
  if (form->cell_clip > 0.0f) {
    lstm->cell_clip =
        (int16_t)ln_clamp_f32(form->cell_clip / ln_scale_of(node->in[LN_LSTM_IN_CELL_STATE]), 0.0f, 32767.0f);
  }
  if (form->projection_clip > 0.0f) {
    lstm->projection_clip = (int8_t)ln_clamp_f32(form->projection_clip / state_scale, 0.0f, 127.0f);
  }
  return LN_OK;
}

/* ---- biases ---- */

static void fold_biases(const ln_node *node, const lstm_i8_args *args) {
  const ln_lstm_form *form = &args->form;
  const int32_t input_zero = ln_zero_point_of(node->in[LN_LSTM_IN_DATA]);
  const int32_t state_zero = ln_zero_point_of(node->in[LN_LSTM_IN_OUTPUT_STATE]);
  for (int32_t g = form->coupled ? LN_LSTM_FORGET : LN_LSTM_INPUT; g < LN_LSTM_GATES; ++g) {
    const int32_t *bias = form->norm ? NULL : ln_lstm_data(node, LN_LSTM_IN_BIAS + g);
    ln_k_matvec_fold_bias(ln_lstm_data(node, LN_LSTM_IN_INPUT_WEIGHTS + g), form->size.cells, form->size.inputs,
                          input_zero, bias, args->input_bias[g]);
    ln_k_matvec_fold_bias(ln_lstm_data(node, LN_LSTM_IN_RECURRENT_WEIGHTS + g), form->size.cells, form->size.outputs,
                          state_zero, NULL, args->recurrent_bias[g]);
  }
  if (form->projection) {
    ln_k_matvec_fold_bias(ln_lstm_data(node, LN_LSTM_IN_PROJECTION), form->size.outputs, form->size.cells,
                          args->lstm.hidden_zero_point, ln_lstm_data(node, LN_LSTM_IN_PROJECTION_BIAS),
                          args->projection_bias);
  }
}

static bool all_constant(const ln_node *node) {
  for (int32_t i = LN_LSTM_IN_INPUT_WEIGHTS; i <= LN_LSTM_IN_PROJECTION_BIAS; ++i) {
    const ln_tensor *tensor = ln_lstm_in(node, i);
    if (tensor != NULL && !ln_tensor_const_data(tensor)) return false;
  }
  return true;
}

static bool allocate_biases(lstm_i8_args *args, ln_arena *arena) {
  const size_t cells = (size_t)args->form.size.cells;
  for (int32_t g = 0; g < LN_LSTM_GATES; ++g) {
    args->input_bias[g] = ln_arena_array(arena, cells, sizeof(int32_t));
    args->recurrent_bias[g] = ln_arena_array(arena, cells, sizeof(int32_t));
    if (args->input_bias[g] == NULL || args->recurrent_bias[g] == NULL) return false;
  }
  args->projection_bias = ln_arena_array(arena, (size_t)args->form.size.outputs, sizeof(int32_t));
  return args->projection_bias != NULL;
}

/* ---- the row's functions ---- */

static size_t sums_bytes(const ln_lstm_form *form) {
  const int32_t most = form->size.cells > form->size.outputs ? form->size.cells : form->size.outputs;
  return (size_t)most * sizeof(int32_t);
}

ln_status ln_lstm_prepare_i8(ln_node *node, ln_prep *prep, const ln_lstm_form *form) {
  lstm_i8_args *args = LN_NODE_ARGS(node, prep, lstm_i8_args);
  if (args == NULL) return LN_ERR_MEMORY;
  args->form = *form;
  args->lstm.matvec = LN_KERNEL_OF(matvec, i8);
  args->lstm.fixed16 = (ln_fixed16_kernels){LN_KERNEL_OF(fixed16, logistic), LN_KERNEL_OF(fixed16, tanh)};
  args->lstm.size = form->size;
  args->lstm.coupled = form->coupled;
  LN_TRY(prepare_scales(node, prep->err, form, &args->lstm));
  if (!allocate_biases(args, prep->arena)) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  args->folded = all_constant(node);
  if (args->folded) fold_biases(node, args);
  node->scratch_bytes = sums_bytes(form) + (size_t)form->size.cells * (LN_LSTM_GATES * sizeof(int16_t) + 1);
  return LN_OK;
}

static ln_lstm_i8 bind_i8(const ln_node *node) {
  const lstm_i8_args *args = node->args;
  ln_lstm_i8 lstm = args->lstm;
  for (int32_t g = lstm.coupled ? LN_LSTM_FORGET : LN_LSTM_INPUT; g < LN_LSTM_GATES; ++g) {
    ln_lstm_gate_i8 *gate = &lstm.gates[g];
    gate->input_weights = ln_lstm_data(node, LN_LSTM_IN_INPUT_WEIGHTS + g);
    gate->recurrent_weights = ln_lstm_data(node, LN_LSTM_IN_RECURRENT_WEIGHTS + g);
    gate->input_bias = args->input_bias[g];
    gate->recurrent_bias = args->recurrent_bias[g];
    gate->norm = args->form.norm ? ln_lstm_data(node, LN_LSTM_IN_NORM + g) : NULL;
    gate->norm_bias = ln_lstm_data(node, LN_LSTM_IN_BIAS + g);
    gate->peephole = args->form.peephole && g != LN_LSTM_CELL ? ln_lstm_data(node, ln_lstm_peephole_input(g)) : NULL;
  }
  lstm.projection = ln_lstm_data(node, LN_LSTM_IN_PROJECTION);
  lstm.projection_bias = args->projection_bias;
  return lstm;
}

ln_status ln_lstm_run_i8(const ln_node *node, ln_exec *exec) {
  const lstm_i8_args *args = node->args;
  const ln_lstm_form *form = &args->form;
  if (!args->folded) fold_biases(node, args);
  ln_lstm_i8 lstm = bind_i8(node);
  const size_t inputs = (size_t)form->size.inputs, outputs = (size_t)form->size.outputs,
               cells = (size_t)form->size.cells;
  ln_lstm_i8_scratch scratch;
  scratch.sums = exec->scratch;
  scratch.gates = (int16_t *)(void *)((char *)exec->scratch + sums_bytes(form));
  scratch.hidden = (int8_t *)(scratch.gates + LN_LSTM_GATES * cells);
  for (int32_t b = 0; b < form->batches; ++b) {
    int8_t *output_state = (int8_t *)node->in[LN_LSTM_IN_OUTPUT_STATE]->data + (size_t)b * outputs;
    int16_t *cell_state = (int16_t *)node->in[LN_LSTM_IN_CELL_STATE]->data + (size_t)b * cells;
    lstm.batch = form->time_major ? b : 0;
    lstm.batches = form->time_major ? form->batches : 1;
    for (int32_t t = 0; t < form->steps; ++t) {
      const size_t row = form->time_major ? (size_t)t * (size_t)form->batches + (size_t)b
                                          : (size_t)b * (size_t)form->steps + (size_t)t;
      ln_k_lstm_step_i8(&lstm, (const int8_t *)node->in[LN_LSTM_IN_DATA]->data + row * inputs, output_state, cell_state,
                        &scratch);
      memcpy((int8_t *)node->out[0]->data + row * outputs, output_state, outputs);
    }
  }
  return LN_OK;
}

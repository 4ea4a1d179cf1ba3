/*
 * The integer form of LSTM whose products with input and state are int8 (TFLite's 8x8_8 form): the twelve intermediates
 * say, for each gate, how its sum, its product with the input and its product with the state are quantized. LiteRT
 * reads the widening of the output gate's recurrent product from beyond its array, and its zero point from another
 * gate; here both are what the intermediates say.
 */
#include <math.h>
#include <string.h>

#include "ops/lstm.h"

enum { SUM, OF_INPUT, OF_STATE, INTERMEDIATES_OF_A_GATE };

typedef struct narrow_args {
  ln_lstm_form form;
  ln_lstm_narrow lstm;                                                /* the pointers to tensors are set in run */
  int32_t *input_bias[LN_LSTM_GATES], *recurrent_bias[LN_LSTM_GATES]; /* [cells] */
  bool folded;                                                        /* the biases hold for every run */
} narrow_args;

/* One product of a gate: the vector's scale, its weights, and the intermediates of the gate's sum and of the product.
 */
static ln_status prepare_half(const ln_node *node, ln_error *err, float vector_scale, int32_t weights_input,
                              int32_t intermediate, float sum_scale, ln_lstm_narrow_half *half) {
  float weights, product;
  LN_TRY(ln_lstm_scale_of_input(node, err, weights_input, &weights));
  LN_TRY(ln_lstm_intermediate(node, err, intermediate, &product, &half->zero_point));
  half->scale = ln_quantize_multiplier(weights * vector_scale / product);
  half->widen = ln_quantize_multiplier(product / sum_scale);
  return LN_OK;
}

static ln_status prepare_gate(const ln_node *node, ln_error *err, int32_t gate, ln_lstm_narrow *lstm) {
  ln_lstm_narrow_gate *out = &lstm->gates[gate];
  const int32_t first = gate * INTERMEDIATES_OF_A_GATE;
  float input, state, sum, norm;
  int32_t unused;
  LN_TRY(ln_lstm_scale_of_input(node, err, LN_LSTM_IN_DATA, &input));
  LN_TRY(ln_lstm_scale_of_input(node, err, LN_LSTM_IN_OUTPUT_STATE, &state));
  LN_TRY(ln_lstm_intermediate(node, err, first + SUM, &sum, &unused));
  LN_TRY(prepare_half(node, err, input, LN_LSTM_IN_INPUT_WEIGHTS + gate, first + OF_INPUT, sum, &out->input));
  LN_TRY(prepare_half(node, err, state, LN_LSTM_IN_RECURRENT_WEIGHTS + gate, first + OF_STATE, sum, &out->recurrent));
  LN_TRY(ln_lstm_scale_of_input(node, err, LN_LSTM_IN_NORM + gate, &norm));
  const ln_multiplier stored = ln_quantize_multiplier(norm);
  out->norm_scale = (float)(stored.multiplier * ldexp(1.0, stored.shift - 31));
  return LN_OK;
}

static ln_status prepare_scales(const ln_node *node, ln_error *err, const ln_lstm_form *form, ln_lstm_narrow *lstm) {
  float projection, output;
  if (ln_scale_of(node->in[LN_LSTM_IN_CELL_STATE]) != 0x1p-15f) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "the cell state's scale is not 2^-15");
  }
  for (int32_t g = LN_LSTM_FORGET; g < LN_LSTM_GATES; ++g) LN_TRY(prepare_gate(node, err, g, lstm));
  LN_TRY(ln_lstm_scale_of_input(node, err, LN_LSTM_IN_PROJECTION, &projection));
  LN_TRY(ln_lstm_scale_of_input(node, err, LN_LSTM_IN_OUTPUT_STATE, &output));
  lstm->projection_scale = ln_quantize_multiplier((float)((double)projection * 0x1p-15 / (double)output));
  lstm->output_zero_point = ln_zero_point_of(node->in[LN_LSTM_IN_OUTPUT_STATE]);
  if (form->cell_clip > 0.0f && form->cell_clip < 1.0f) lstm->cell_clip = (int16_t)(form->cell_clip * 32768.0f);
  if (form->projection_clip > 0.0f) {
    const float scale = ln_scale_of(node->out[0]);
    if (!(scale > 0.0f)) return ln_node_fail(node, err, LN_ERR_MODEL, "the output has no usable scale");
    lstm->projection_clip = (int8_t)ln_clamp_f32(form->projection_clip / scale, 0.0f, 127.0f);
  }
  return LN_OK;
}

static void fold_biases(const ln_node *node, const narrow_args *args) {
  const ln_lstm_size *size = &args->form.size;
  for (int32_t g = LN_LSTM_FORGET; g < LN_LSTM_GATES; ++g) {
    ln_k_matvec_fold_bias(ln_lstm_data(node, LN_LSTM_IN_INPUT_WEIGHTS + g), size->cells, size->inputs,
                          ln_zero_point_of(node->in[LN_LSTM_IN_DATA]), NULL, args->input_bias[g]);
    ln_k_matvec_fold_bias(ln_lstm_data(node, LN_LSTM_IN_RECURRENT_WEIGHTS + g), size->cells, size->outputs,
                          ln_zero_point_of(node->in[LN_LSTM_IN_OUTPUT_STATE]), NULL, args->recurrent_bias[g]);
  }
}

static bool all_constant(const ln_node *node) {
  for (int32_t g = LN_LSTM_FORGET; g < LN_LSTM_GATES; ++g) {
    if (!ln_tensor_const_data(node->in[LN_LSTM_IN_INPUT_WEIGHTS + g]) ||
        !ln_tensor_const_data(node->in[LN_LSTM_IN_RECURRENT_WEIGHTS + g])) {
      return false;
    }
  }
  return true;
}

ln_status ln_lstm_prepare_narrow(ln_node *node, ln_prep *prep, const ln_lstm_form *form) {
  narrow_args *args = LN_NODE_ARGS(node, prep, narrow_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  if (!form->coupled || !form->norm || !form->projection || form->peephole) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED,
                        "a cell with int8 products is coupled, normed and projected, and has no peepholes");
  }
  args->form = *form;
  args->lstm.matvec = LN_KERNEL_OF(matvec, i8);
  args->lstm.size = form->size;
  LN_TRY(prepare_scales(node, prep->err, form, &args->lstm));
  const size_t cells = (size_t)form->size.cells;
  for (int32_t g = LN_LSTM_FORGET; g < LN_LSTM_GATES; ++g) {
    args->input_bias[g] = ln_arena_array(prep->arena, cells, sizeof(int32_t));
    args->recurrent_bias[g] = ln_arena_array(prep->arena, cells, sizeof(int32_t));
    if (args->input_bias[g] == NULL || args->recurrent_bias[g] == NULL) {
      return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
    }
  }
  args->folded = all_constant(node);
  if (args->folded) fold_biases(node, args);
  node->scratch_bytes = cells * (2 * sizeof(int32_t) + LN_LSTM_GATES * sizeof(int16_t));
  return LN_OK;
}

static ln_lstm_narrow bind(const ln_node *node, const narrow_args *args) {
  ln_lstm_narrow lstm = args->lstm;
  for (int32_t g = LN_LSTM_FORGET; g < LN_LSTM_GATES; ++g) {
    ln_lstm_narrow_gate *gate = &lstm.gates[g];
    gate->input.weights = ln_lstm_data(node, LN_LSTM_IN_INPUT_WEIGHTS + g);
    gate->input.bias = args->input_bias[g];
    gate->recurrent.weights = ln_lstm_data(node, LN_LSTM_IN_RECURRENT_WEIGHTS + g);
    gate->recurrent.bias = args->recurrent_bias[g];
    gate->norm = ln_lstm_data(node, LN_LSTM_IN_NORM + g);
    gate->bias = ln_lstm_data(node, LN_LSTM_IN_BIAS + g);
  }
  lstm.projection = ln_lstm_data(node, LN_LSTM_IN_PROJECTION);
  lstm.projection_bias = ln_lstm_data(node, LN_LSTM_IN_PROJECTION_BIAS);
  return lstm;
}

ln_status ln_lstm_run_narrow(const ln_node *node, ln_exec *exec) {
  const narrow_args *args = node->args;
  const ln_lstm_form *form = &args->form;
  if (!args->folded) fold_biases(node, args);
  const ln_lstm_narrow lstm = bind(node, args);
  const size_t inputs = (size_t)form->size.inputs, outputs = (size_t)form->size.outputs;
  const size_t cells = (size_t)form->size.cells, steps = (size_t)form->steps, batches = (size_t)form->batches;
  int32_t *sums = exec->scratch;
  for (size_t b = 0; b < batches; ++b) {
    int8_t *output_state = (int8_t *)node->in[LN_LSTM_IN_OUTPUT_STATE]->data + b * outputs;
    int16_t *cell_state = (int16_t *)node->in[LN_LSTM_IN_CELL_STATE]->data + b * cells;
    for (size_t t = 0; t < steps; ++t) {
      const size_t row = form->time_major ? t * batches + b : b * steps + t;
      ln_k_lstm_step_narrow(&lstm, (const int8_t *)node->in[LN_LSTM_IN_DATA]->data + row * inputs, output_state,
                            cell_state, sums, (int16_t *)(void *)(sums + 2 * cells));
      memcpy((int8_t *)node->out[0]->data + row * outputs, output_state, outputs);
    }
  }
  return LN_OK;
}

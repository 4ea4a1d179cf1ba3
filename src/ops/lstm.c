/*
 * UNIDIRECTIONAL_SEQUENCE_LSTM, and LSTM, which is one step of it: shapes and checks. The states, inputs 18 and 19,
 * are updated in place.
 */
#include "ops/lstm.h"

#include "ops/rows.h"

static ln_status need_shape(const ln_node *node, ln_error *err, int32_t input, int32_t rows, int32_t columns) {
  const ln_tensor *tensor = ln_lstm_in(node, input);
  const int32_t rank = columns < 0 ? 1 : 2;
  if (tensor == NULL) return ln_node_fail(node, err, LN_ERR_MODEL, "input %d is missing", input);
  if (tensor->shape.rank == rank && tensor->shape.dims[0] == rows && (rank == 1 || tensor->shape.dims[1] == columns)) {
    return LN_OK;
  }
  if (rank == 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d must have the shape [%d]", input, rows);
  return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d must have the shape [%d, %d]", input, rows, columns);
}

static ln_status need_state(const ln_node *node, ln_error *err, int32_t input, int32_t batches, int32_t width) {
  const ln_tensor *tensor = ln_lstm_in(node, input);
  size_t elements;
  if (tensor == NULL || !tensor->is_variable) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "input %d, a state, must be a variable", input);
  }
  if (!ln_shape_elements(&tensor->shape, &elements) || (int64_t)elements != (int64_t)batches * width) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d, a state, must hold %d rows of %d", input, batches, width);
  }
  return LN_OK;
}

/* Recurrent weights, or what stands on the diagonal of such: those are floats beside weights of any type. */
static ln_status check_recurrent(const ln_node *node, ln_error *err, const ln_lstm_form *form, int32_t gate) {
  const int32_t input = LN_LSTM_IN_RECURRENT_WEIGHTS + gate;
  const ln_tensor *tensor = ln_lstm_in(node, input);
  const bool diagonal = tensor != NULL && tensor->shape.rank == 1;
  const ln_type type = ln_lstm_in(node, LN_LSTM_IN_INPUT_WEIGHTS + gate)->type;
  if (diagonal && node->in[LN_LSTM_IN_DATA]->type != LN_FLOAT32) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "diagonal recurrent weights of an integer cell");
  }
  LN_TRY(need_shape(node, err, input, form->size.cells, diagonal ? -1 : form->size.outputs));
  if (diagonal && form->size.cells != form->size.outputs) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "diagonal recurrent weights beside a projection to %d values",
                        form->size.outputs);
  }
  if (tensor->type == (diagonal ? LN_FLOAT32 : type)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_TYPE, "input %d \"%.100s\" is %s beside weights of %s", input, tensor->name,
                      ln_type_name(tensor->type), ln_type_name(type));
}

static ln_status check_gate(const ln_node *node, ln_error *err, const ln_lstm_form *form, int32_t gate) {
  const int32_t cells = form->size.cells;
  LN_TRY(need_shape(node, err, LN_LSTM_IN_INPUT_WEIGHTS + gate, cells, form->size.inputs));
  LN_TRY(check_recurrent(node, err, form, gate));
  LN_TRY(need_shape(node, err, LN_LSTM_IN_BIAS + gate, cells, -1));
  if (form->norm) LN_TRY(need_shape(node, err, LN_LSTM_IN_NORM + gate, cells, -1));
  if (form->peephole && gate != LN_LSTM_CELL) LN_TRY(need_shape(node, err, ln_lstm_peephole_input(gate), cells, -1));
  return LN_OK;
}

static void read_options(const ln_node *node, ln_lstm_form *form) {
  bool asymmetric;
  if (node->op->def->variant == LN_LSTM_ONE_STEP) {
    const ln_lstm_options *options = LN_OPTIONS(node, lstm_options);
    form->activation = options->fused_activation_function;
    form->cell_clip = options->cell_clip;
    form->projection_clip = options->proj_clip;
    form->time_major = true; /* the batches of a step are computed together */
    asymmetric = options->asymmetric_quantize_inputs;
  } else if (node->op->def->variant == LN_LSTM_BOTH_WAYS) {
    const ln_bidirectional_sequence_lstm_options *options = LN_OPTIONS(node, bidirectional_sequence_lstm_options);
    form->activation = options->fused_activation_function;
    form->cell_clip = options->cell_clip;
    form->projection_clip = options->proj_clip;
    form->time_major = options->time_major;
    asymmetric = options->asymmetric_quantize_inputs;
  } else {
    const ln_unidirectional_sequence_lstm_options *options = LN_OPTIONS(node, unidirectional_sequence_lstm_options);
    form->activation = options->fused_activation_function;
    form->cell_clip = options->cell_clip;
    form->projection_clip = options->proj_clip;
    form->time_major = options->time_major;
    asymmetric = options->asymmetric_quantize_inputs;
  }
  form->mode = ln_recurrent_mode_of(node->in[LN_LSTM_IN_INPUT_WEIGHTS + LN_LSTM_OUTPUT], asymmetric);
}

/* The form of five inputs: lstm_basic.c. */
static bool is_basic(const ln_node *node) {
  return node->op->def->variant == LN_LSTM_ONE_STEP && LN_OPTIONS(node, lstm_options)->kernel_type != 0;
}

/* Extents: data [batches, inputs], [batches, steps, inputs] or, time major, [steps, batches, inputs]. */
static ln_status read_extents(const ln_node *node, ln_error *err, ln_lstm_form *form) {
  const ln_shape *data = &node->in[LN_LSTM_IN_DATA]->shape;
  const ln_tensor *weights = ln_lstm_in(node, LN_LSTM_IN_INPUT_WEIGHTS + LN_LSTM_OUTPUT);
  const ln_tensor *recurrent = ln_lstm_in(node, LN_LSTM_IN_RECURRENT_WEIGHTS + LN_LSTM_OUTPUT);
  const bool one_step = node->op->def->variant == LN_LSTM_ONE_STEP;
  if (data->rank != 2 && (one_step || data->rank != 3)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the input cannot have %d dimensions", data->rank);
  }
  if (weights == NULL || recurrent == NULL || weights->shape.rank != 2 || recurrent->shape.rank < 1 ||
      recurrent->shape.rank > 2) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "weights must be matrices");
  }
  read_options(node, form);
  form->steps = data->rank == 2 ? 1 : data->dims[form->time_major ? 0 : 1];
  form->batches = data->dims[data->rank == 3 && form->time_major ? 1 : 0];
  form->size.inputs = data->dims[data->rank - 1];
  form->size.cells = weights->shape.dims[0];
  form->size.outputs = recurrent->shape.dims[recurrent->shape.rank - 1];
  if (form->size.cells < 1 || form->size.outputs < 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "a cell without units");
  }
  return LN_OK;
}

ln_status ln_lstm_read_form(const ln_node *node, ln_error *err, ln_lstm_form *form) {
  LN_TRY(read_extents(node, err, form));
  form->coupled = ln_lstm_in(node, LN_LSTM_IN_INPUT_WEIGHTS) == NULL;
  form->peephole = ln_lstm_in(node, ln_lstm_peephole_input(LN_LSTM_OUTPUT)) != NULL;
  form->norm = ln_lstm_in(node, LN_LSTM_IN_NORM + LN_LSTM_FORGET) != NULL;
  form->projection = ln_lstm_in(node, LN_LSTM_IN_PROJECTION) != NULL;
  form->auxiliary = ln_lstm_in(node, LN_LSTM_IN_AUXILIARY) != NULL;
  for (int32_t gate = form->coupled ? LN_LSTM_FORGET : LN_LSTM_INPUT; gate < LN_LSTM_GATES; ++gate) {
    LN_TRY(check_gate(node, err, form, gate));
  }
  const int32_t cells = form->size.cells, outputs = form->size.outputs;
  if (form->projection) {
    LN_TRY(need_shape(node, err, LN_LSTM_IN_PROJECTION, outputs, cells));
    if (ln_lstm_in(node, LN_LSTM_IN_PROJECTION_BIAS) != NULL) {
      LN_TRY(need_shape(node, err, LN_LSTM_IN_PROJECTION_BIAS, outputs, -1));
    }
  } else if (cells != outputs) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d cells but %d outputs, and no projection", cells, outputs);
  }
  LN_TRY(need_state(node, err, LN_LSTM_IN_OUTPUT_STATE, form->batches, outputs));
  return need_state(node, err, LN_LSTM_IN_CELL_STATE, form->batches, cells);
}

ln_status ln_lstm_infer(ln_node *node, ln_error *err) {
  ln_lstm_form form;
  if (is_basic(node)) return ln_lstm_basic_infer(node, err);
  LN_TRY(read_extents(node, err, &form));
  ln_shape shape = node->in[LN_LSTM_IN_DATA]->shape;
  shape.dims[shape.rank - 1] = form.size.outputs;
  return ln_node_set_shape(node, 0, &shape, err);
}

int64_t ln_lstm_macs(const ln_node *node) {
  ln_lstm_form form;
  if (is_basic(node)) return (int64_t)ln_shape_span(&node->in[2]->shape, 0, 2) * node->in[0]->shape.dims[0];
  if (ln_lstm_read_form(node, NULL, &form) != LN_OK) return 0;
  const double columns = (double)form.size.inputs + form.size.outputs;
  const double projection = form.projection ? (double)form.size.outputs * form.size.cells : 0;
  const double macs =
      (double)form.batches * form.steps * ((form.coupled ? 3 : 4) * columns * form.size.cells + projection);
  return macs < 0x1p62 ? (int64_t)macs : 0;
}

static ln_status prepare_f32(ln_node *node, ln_prep *prep, const ln_lstm_form *form) {
  ln_lstm_args *args = LN_NODE_ARGS(node, prep, ln_lstm_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(ln_lstm_prepare_f32(node, prep, form, args));
  ln_lstm_ask_scratch_f32(node, args);
  return LN_OK;
}

static ln_status run_f32(const ln_node *node, ln_exec *exec) {
  const ln_lstm_args *args = node->args;
  const ln_lstm_sequence sequence = {.out = node->out[0]->data, .out_stride = (size_t)args->form.size.outputs};
  ln_lstm_run_f32(node, args, &sequence, exec);
  return LN_OK;
}

/* ---- the row ---- */

ln_status ln_lstm_prepare(ln_node *node, ln_prep *prep) {
  ln_lstm_form form;
  if (is_basic(node)) return ln_lstm_basic_prepare(node, prep);
  LN_TRY(ln_lstm_read_form(node, prep->err, &form));
  if (node->in[LN_LSTM_IN_DATA]->type == LN_INT8) {
    return ln_lstm_is_narrow(node) ? ln_lstm_prepare_narrow(node, prep, &form) : ln_lstm_prepare_i8(node, prep, &form);
  }
  return prepare_f32(node, prep, &form);
}

ln_status ln_lstm_run(const ln_node *node, ln_exec *exec) {
  if (is_basic(node)) return ln_lstm_basic_run(node, exec);
  if (node->in[LN_LSTM_IN_DATA]->type != LN_INT8) return run_f32(node, exec);
  return ln_lstm_is_narrow(node) ? ln_lstm_run_narrow(node, exec) : ln_lstm_run_i8(node, exec);
}

/*
 * The LSTM in floats: its matrices are floats too, or int8, and then every vector that meets them is quantized in run
 * (TFLite's hybrid form).
 */
#include <string.h>

#include "ops/lstm.h"

/* Where the weights of a gate stand: input, recurrent, auxiliary. */
static int32_t matrix_input(int32_t matrix, int32_t gate) {
  static const int32_t first[LN_LSTM_MATRICES] = {LN_LSTM_IN_INPUT_WEIGHTS, LN_LSTM_IN_RECURRENT_WEIGHTS,
                                                  LN_LSTM_IN_AUXILIARY_WEIGHTS};
  return first[matrix] + gate;
}

static int32_t first_gate(const ln_lstm_form *form) { return form->coupled ? LN_LSTM_FORGET : LN_LSTM_INPUT; }

static ln_status prepare_gate(const ln_node *node, ln_prep *prep, int32_t gate, ln_lstm_args *args) {
  const int32_t peephole = ln_lstm_peephole_input(gate);
  if (peephole >= 0) LN_TRY(ln_recurrent_check_scale(node, peephole, prep->err));
  for (int32_t i = 0; i < LN_LSTM_MATRICES; ++i) {
    const int32_t input = matrix_input(i, gate);
    LN_TRY(ln_recurrent_check_scale(node, input, prep->err));
    LN_TRY(ln_recurrent_prepare_sums(node, input, args->form.mode, prep, &args->sums[i][gate]));
  }
  return LN_OK;
}

ln_status ln_lstm_prepare_f32(const ln_node *node, ln_prep *prep, const ln_lstm_form *form, ln_lstm_args *args) {
  if (form->activation < LN_ACT_NONE || form->activation > LN_ACT_SIGN_BIT) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "activation %d", form->activation);
  }
  args->form = *form;
  args->lstm = (ln_lstm_f32){.functions = ln_recurrent_functions_get(),
                             .mode = form->mode,
                             .size = form->size,
                             .coupled = form->coupled,
                             .activation = (ln_recurrent_activation)form->activation,
                             .cell_clip = form->cell_clip,
                             .projection_clip = form->projection_clip};
  if (form->auxiliary) {
    const ln_shape *shape = &node->in[LN_LSTM_IN_AUXILIARY]->shape;
    args->lstm.auxiliary_inputs = shape->dims[shape->rank - 1];
  }
  for (int32_t g = first_gate(form); g < LN_LSTM_GATES; ++g) LN_TRY(prepare_gate(node, prep, g, args));
  LN_TRY(ln_recurrent_check_scale(node, LN_LSTM_IN_PROJECTION, prep->err));
  return ln_recurrent_prepare_sums(node, LN_LSTM_IN_PROJECTION, form->mode, prep, &args->projection_sums);
}

/* ---- scratch: of a thread 4 * cells sums and, with int8 weights, products and quantized vectors; of the node then
 * 4 * cells peephole weights ---- */

static size_t gates_bytes(const ln_lstm_args *args) {
  return (size_t)args->form.size.cells * LN_LSTM_GATES * sizeof(float);
}

static size_t most_rows(const ln_lstm_form *form) {
  return (size_t)(form->size.cells > form->size.outputs ? form->size.cells : form->size.outputs);
}

void ln_lstm_ask_scratch_f32(ln_node *node, const ln_lstm_args *args) {
  const ln_lstm_size *size = &args->form.size;
  size_t bytes = gates_bytes(args);
  if (args->form.mode != LN_RECURRENT_FLOAT) {
    if (bytes > node->scratch_bytes) node->scratch_bytes = bytes;
    bytes += most_rows(&args->form) * sizeof(int32_t) + (size_t)size->inputs + (size_t)size->cells +
             (size_t)size->outputs + (size_t)args->lstm.auxiliary_inputs;
  }
  if (bytes > node->thread_scratch_bytes) node->thread_scratch_bytes = bytes;
}

static ln_lstm_f32_scratch lay_out(const ln_lstm_args *args, void *block) {
  const ln_lstm_size *size = &args->form.size;
  ln_lstm_f32_scratch scratch = {.sums = block};
  if (args->form.mode == LN_RECURRENT_FLOAT) return scratch;
  scratch.products = (int32_t *)(void *)(scratch.sums + (size_t)size->cells * LN_LSTM_GATES);
  scratch.input = (int8_t *)(scratch.products + most_rows(&args->form));
  scratch.hidden = scratch.input + size->inputs;
  scratch.output = scratch.hidden + size->cells;
  scratch.auxiliary = scratch.output + size->outputs;
  return scratch;
}

/* ---- running ---- */

/* Peephole weights as floats; int8 ones are put into `room` [cells]. */
static const float *bind_peephole(const ln_node *node, int32_t gate, float *room) {
  const ln_tensor *tensor = ln_lstm_in(node, ln_lstm_peephole_input(gate));
  if (tensor->type == LN_FLOAT32) return tensor->data;
  const float scale = ln_scale_of(tensor);
  for (int32_t i = 0; i < tensor->shape.dims[0]; ++i) room[i] = scale * (float)((const int8_t *)tensor->data)[i];
  return room;
}

static ln_lstm_f32 bind(const ln_node *node, const ln_lstm_args *args, float *peephole) {
  ln_lstm_f32 lstm = args->lstm;
  for (int32_t g = first_gate(&args->form); g < LN_LSTM_GATES; ++g) {
    ln_lstm_gate_f32 *gate = &lstm.gates[g];
    ln_recurrent_matrix *matrices[LN_LSTM_MATRICES] = {&gate->input, &gate->recurrent, &gate->auxiliary};
    for (int32_t i = 0; i < LN_LSTM_MATRICES; ++i) {
      *matrices[i] = ln_recurrent_bind(node, matrix_input(i, g), &args->sums[i][g]);
    }
    gate->bias = ln_lstm_data(node, LN_LSTM_IN_BIAS + g);
    gate->norm = args->form.norm ? ln_lstm_data(node, LN_LSTM_IN_NORM + g) : NULL;
    if (args->form.peephole && g != LN_LSTM_CELL) {
      gate->peephole = bind_peephole(node, g, peephole == NULL ? NULL : peephole + (ptrdiff_t)g * lstm.size.cells);
    }
  }
  lstm.projection = ln_recurrent_bind(node, LN_LSTM_IN_PROJECTION, &args->projection_sums);
  lstm.projection_bias = ln_lstm_data(node, LN_LSTM_IN_PROJECTION_BIAS);
  return lstm;
}

typedef struct lstm_job {
  const ln_node *node;
  const ln_lstm_args *args;
  const ln_lstm_sequence *sequence;
  const ln_exec *exec;
  ln_lstm_f32 lstm;
} lstm_job;

/* One batch over all steps. */
static void run_batch(void *context, int32_t b, int32_t worker) {
  const lstm_job *job = context;
  const ln_lstm_form *form = &job->args->form;
  const ln_lstm_sequence *sequence = job->sequence;
  const ln_lstm_f32_scratch scratch = lay_out(job->args, ln_exec_thread_scratch(job->exec, worker));
  const size_t inputs = (size_t)form->size.inputs, outputs = (size_t)form->size.outputs;
  const float *data = job->node->in[LN_LSTM_IN_DATA]->data, *second = ln_lstm_data(job->node, LN_LSTM_IN_AUXILIARY);
  float *output_state = (float *)job->node->in[LN_LSTM_IN_OUTPUT_STATE]->data + (size_t)b * outputs;
  float *cell_state = (float *)job->node->in[LN_LSTM_IN_CELL_STATE]->data + (size_t)b * (size_t)form->size.cells;
  for (int32_t i = 0; i < form->steps; ++i) {
    const int32_t t = sequence->reverse ? form->steps - 1 - i : i;
    const size_t row =
        form->time_major ? (size_t)t * (size_t)form->batches + (size_t)b : (size_t)b * (size_t)form->steps + (size_t)t;
    const float *auxiliary = second == NULL ? NULL : second + row * (size_t)job->lstm.auxiliary_inputs;
    ln_k_lstm_step_f32(&job->lstm, data + row * inputs, auxiliary, output_state, cell_state, &scratch);
    memcpy(sequence->out + row * sequence->out_stride, output_state, outputs * sizeof(float));
  }
}

void ln_lstm_run_f32(const ln_node *node, const ln_lstm_args *args, const ln_lstm_sequence *sequence, ln_exec *exec) {
  float *peephole = args->form.mode == LN_RECURRENT_FLOAT ? NULL : exec->scratch;
  lstm_job job = {node, args, sequence, exec, bind(node, args, peephole)};
  ln_pool_run(exec->pool, args->form.batches, run_batch, &job);
}

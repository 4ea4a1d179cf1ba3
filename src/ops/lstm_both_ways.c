/*
 * BIDIRECTIONAL_SEQUENCE_LSTM: one cell runs over the sequence, another over it from its end. Each is seen as a node
 * with the inputs of UNIDIRECTIONAL_SEQUENCE_LSTM, so that its checks and steps are those of lstm.c and lstm_float.c.
 */
#include "ops/lstm.h"

#include <string.h>

#include "ops/rows.h"

enum { FORWARD, BACKWARD, WAYS };
enum { WEIGHTS_OF_A_WAY = 17, FIRST_STATE = 35, AUX_DATA = 39, AUX_WEIGHTS = 40 };

typedef struct both_args {
  ln_lstm_args way[WAYS];
} both_args;

static bool has_auxiliary_weights(const ln_node *node) {
  return ln_lstm_in(node, AUX_WEIGHTS + LN_LSTM_FORGET) != NULL;
}

/* One way's inputs in the order of lstm.h; `in` is where they are kept. An auxiliary input has weights for both cells,
 * or takes the input's place for the backward one. */
static ln_node view_of(const ln_node *node, int32_t way, ln_tensor *in[LN_LSTM_IN_COUNT]) {
  ln_node view = *node;
  ln_tensor *second = AUX_DATA < node->in_count ? node->in[AUX_DATA] : NULL;
  memset(in, 0, LN_LSTM_IN_COUNT * sizeof *in);
  in[LN_LSTM_IN_DATA] = node->in[0];
  if (second != NULL && !has_auxiliary_weights(node) && way == BACKWARD) in[LN_LSTM_IN_DATA] = second;
  for (int32_t i = 0; i < WEIGHTS_OF_A_WAY; ++i) in[1 + i] = node->in[1 + way * WEIGHTS_OF_A_WAY + i];
  in[LN_LSTM_IN_OUTPUT_STATE] = node->in[FIRST_STATE + 2 * way];
  in[LN_LSTM_IN_CELL_STATE] = node->in[FIRST_STATE + 2 * way + 1];
  if (second != NULL && has_auxiliary_weights(node)) {
    in[LN_LSTM_IN_AUXILIARY] = second;
    for (int32_t g = 0; g < LN_LSTM_GATES; ++g) {
      const int32_t weights = AUX_WEIGHTS + way * LN_LSTM_GATES + g;
      in[LN_LSTM_IN_AUXILIARY_WEIGHTS + g] = weights < node->in_count ? node->in[weights] : NULL;
    }
  }
  view.in = in;
  view.in_count = LN_LSTM_IN_COUNT;
  return view;
}

static ln_status read_forms(const ln_node *node, ln_error *err, ln_lstm_form forms[WAYS]) {
  for (int32_t way = 0; way < WAYS; ++way) {
    ln_tensor *in[LN_LSTM_IN_COUNT];
    const ln_node view = view_of(node, way, in);
    LN_TRY(ln_lstm_read_form(&view, err, &forms[way]));
  }
  return LN_OK;
}

static bool merges(const ln_node *node) { return LN_OPTIONS(node, bidirectional_sequence_lstm_options)->merge_outputs; }

ln_status ln_lstm_both_infer(ln_node *node, ln_error *err) {
  ln_lstm_form forms[WAYS];
  const ln_shape *in = &node->in[0]->shape;
  if (in->rank != 3) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input has %d dimensions", in->rank);
  LN_TRY(read_forms(node, err, forms));
  if (node->out_count != (merges(node) ? 1 : 2)) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "has %d outputs", node->out_count);
  }
  const int64_t width = (int64_t)forms[FORWARD].size.outputs + (merges(node) ? forms[BACKWARD].size.outputs : 0);
  if (width > INT32_MAX) return ln_node_fail(node, err, LN_ERR_SHAPE, "too many units");
  ln_shape shape = *in;
  shape.dims[2] = (int32_t)width;
  LN_TRY(ln_node_set_shape(node, 0, &shape, err));
  if (merges(node)) return LN_OK;
  shape.dims[2] = forms[BACKWARD].size.outputs;
  return ln_node_set_shape(node, 1, &shape, err);
}

static ln_status check_auxiliary(const ln_node *node, ln_error *err, const ln_lstm_form forms[WAYS]) {
  const ln_tensor *data = ln_lstm_in(node, AUX_DATA);
  const ln_shape *in = &node->in[0]->shape;
  if (data == NULL) return LN_OK;
  const ln_shape *shape = &data->shape;
  bool fits = shape->rank == 3 && shape->dims[0] == in->dims[0] && shape->dims[1] == in->dims[1];
  for (int32_t i = 0; fits && has_auxiliary_weights(node) && i < WAYS * LN_LSTM_GATES; ++i) {
    const ln_tensor *weights = ln_lstm_in(node, AUX_WEIGHTS + i);
    const ln_lstm_form *form = &forms[i / LN_LSTM_GATES];
    if (i % LN_LSTM_GATES == LN_LSTM_INPUT && form->coupled) continue;
    fits = weights != NULL && weights->shape.rank == 2 && weights->shape.dims[0] == form->size.cells &&
           weights->shape.dims[1] == shape->dims[2] &&
           weights->type == node->in[1 + LN_LSTM_OUTPUT + i / LN_LSTM_GATES * WEIGHTS_OF_A_WAY]->type;
  }
  return fits ? LN_OK : ln_node_fail(node, err, LN_ERR_SHAPE, "the auxiliary input and its weights do not fit");
}

ln_status ln_lstm_both_prepare(ln_node *node, ln_prep *prep) {
  both_args *args = LN_NODE_ARGS(node, prep, both_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  ln_lstm_form forms[WAYS];
  LN_TRY(read_forms(node, prep->err, forms));
  LN_TRY(check_auxiliary(node, prep->err, forms));
  for (int32_t way = 0; way < WAYS; ++way) {
    ln_tensor *in[LN_LSTM_IN_COUNT];
    const ln_node view = view_of(node, way, in);
    LN_TRY(ln_lstm_prepare_f32(&view, prep, &forms[way], &args->way[way]));
    ln_lstm_ask_scratch_f32(node, &args->way[way]);
  }
  return LN_OK;
}

ln_status ln_lstm_both_run(const ln_node *node, ln_exec *exec) {
  const both_args *args = node->args;
  const size_t forward = (size_t)args->way[FORWARD].form.size.outputs;
  const size_t backward = (size_t)args->way[BACKWARD].form.size.outputs;
  for (int32_t way = 0; way < WAYS; ++way) {
    ln_tensor *in[LN_LSTM_IN_COUNT];
    const ln_node view = view_of(node, way, in);
    ln_lstm_sequence sequence = {.reverse = way == BACKWARD};
    if (merges(node)) {
      sequence.out = (float *)node->out[0]->data + (way == BACKWARD ? forward : 0);
      sequence.out_stride = forward + backward;
    } else {
      sequence.out = node->out[way]->data;
      sequence.out_stride = way == BACKWARD ? backward : forward;
    }
    ln_lstm_run_f32(&view, &args->way[way], &sequence, exec);
  }
  return LN_OK;
}

int64_t ln_lstm_both_macs(const ln_node *node) {
  int64_t total = 0;
  for (int32_t way = 0; way < WAYS; ++way) {
    ln_tensor *in[LN_LSTM_IN_COUNT];
    const ln_node view = view_of(node, way, in);
    total += ln_lstm_macs(&view);
  }
  return total;
}

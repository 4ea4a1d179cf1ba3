/* Recurrent layers: LSTM, GRU and SimpleRNN, of any cells, in both directions, and convolutional. */
#include <stdio.h>
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

enum { STACK_MOST = 32, STEPS_MOST = 256 };

/* States of a layer, those of stacked cells one behind the other. */
typedef struct states {
  int32_t items[2 * STACK_MOST], count;
} states;

static ln_cell cell_of(const ln_keras_call *cell) { return (ln_cell)cell->row->code; }
static int32_t states_of(const ln_keras_call *cell) { return cell_of(cell) == LN_CELL_LSTM ? 2 : 1; }
static int32_t gates_of(const ln_keras_call *cell) {
  return cell_of(cell) == LN_CELL_LSTM ? 4 : cell_of(cell) == LN_CELL_GRU ? 3 : 1;
}

/* ---- one cell over all steps ---- */

/* Gate by gate from [in, gates * units], as [units, in]. */
static bool take_matrix(ln_keras_call *cell, int32_t matrix, int32_t units, int32_t *parts) {
  static const int32_t order[2] = {1, 0};
  ln_emit *e = cell->e;
  const int32_t gates = gates_of(cell), turned = ln_emit_transpose(e, matrix, order);
  if (ln_emit_failed(e)) return false;
  if (ln_emit_rank(e, turned) != 2 || ln_emit_dim(e, turned, 0) != (int64_t)gates * units) {
    return ln_emit_wrong(e, "its weights are not those of %d units", (int)units) > 0;
  }
  for (int32_t g = 0; g < gates; ++g) parts[g] = ln_emit_slice(e, turned, 0, g * units, (g + 1) * units, 1);
  return !ln_emit_failed(e);
}

/* Biases; those of a GRU that resets behind the product are [2, gates * units]. */
static bool take_bias(ln_keras_call *cell, int32_t bias, ln_recurrent *layer) {
  ln_emit *e = cell->e;
  const int32_t gates = gates_of(cell), units = layer->units;
  if (bias < 0) return !ln_emit_failed(e);
  const bool two = ln_emit_rank(e, bias) == 2;
  if (ln_emit_dim(e, bias, -1) != (int64_t)gates * units || (two && ln_emit_dim(e, bias, 0) != 2)) {
    return ln_emit_wrong(e, "its bias is not that of %d units", (int)units) > 0;
  }
  const int32_t outer = two ? ln_emit_pick(e, bias, 0, 0) : bias, inner = two ? ln_emit_pick(e, bias, 0, 1) : -1;
  for (int32_t g = 0; g < gates; ++g) {
    layer->bias[g] = ln_emit_slice(e, outer, 0, g * units, (g + 1) * units, 1);
    if (two) layer->recurrent_bias[g] = ln_emit_slice(e, inner, 0, g * units, (g + 1) * units, 1);
  }
  return !ln_emit_failed(e);
}

/* The weights are the cell's own, or those of a cell inside the layer. */
static bool describe(ln_keras_call *cell, ln_recurrent *layer) {
  const bool inside = ln_keras_has_weight(cell, "cell/kernel");
  const int32_t units = ln_keras_int(cell->config, "units", 0);
  if (units < 1 || units > 1 << 20) return ln_emit_wrong(cell->e, "units are out of range") > 0;
  *layer = ln_recurrent_make(cell_of(cell), units);
  const char *gate = cell_of(cell) == LN_CELL_RNN ? "tanh" : "sigmoid";
  if (!ln_keras_simple_activation(cell, "activation", "tanh", &layer->act)) return false;
  if (!ln_keras_simple_activation(cell, "recurrent_activation", gate, &layer->gate)) return false;
  layer->output_act = layer->act;
  layer->reset_after = ln_keras_flag(cell->config, "reset_after", cell->k->keras3);
  return take_matrix(cell, ln_keras_weight(cell, inside ? "cell/kernel" : "kernel"), units, layer->kernel) &&
         take_matrix(cell, ln_keras_weight(cell, inside ? "cell/recurrent_kernel" : "recurrent_kernel"), units,
                     layer->recurrent) &&
         take_bias(cell, ln_keras_weight(cell, inside ? "cell/bias" : "bias"), layer);
}

/* One cell; `states` holds what it begins with (count 0: zeros) and ends with. */
static bool run_cell(ln_keras_call *layer_call, ln_keras_call *cell, bool backwards, bool wants_sequence, int32_t *a,
                     int32_t *begin, int32_t *end) {
  ln_recurrent layer;
  if (!describe(cell, &layer)) return false;
  layer.backwards = backwards;
  layer.mask = layer_call->mask;
  layer.zero_masked = ln_keras_flag(layer_call->config, "zero_output_for_mask", false);
  layer.h0 = begin[0];
  layer.c0 = states_of(cell) == 2 ? begin[1] : -1;
  int32_t sequence = -1;
  const bool wants_end =
      ln_keras_flag(layer_call->config, "return_state", false) || ln_keras_flag(layer_call->config, "stateful", false);
  end[1] = -1;
  if (!ln_emit_recurrent(cell->e, *a, &layer, wants_sequence ? &sequence : NULL, &end[0],
                         states_of(cell) == 2 && wants_end ? &end[1] : NULL)) {
    return false;
  }
  *a = wants_sequence ? sequence : end[0];
  return true;
}

/* ---- layers ---- */

/* The cell that a layer has inside as a call of its own; the layer's call itself where it is its own cell. */
static bool inner_cell(ln_keras_call *outer, const cJSON *layer, const char *place, ln_keras_call *cell) {
  *cell = *outer;
  cell->layer = layer;
  cell->config = ln_keras_option(layer, "config");
  cell->row = ln_keras_find_layer(ln_keras_class(layer));
  const bool known =
      cell->row != NULL && (cell->row->emit == ln_keras_cell || cell->row->emit == ln_keras_stacked_cells);
  if (!known) {
    ln_emit_refuse(outer->e, "the cell %.60s is not known; use one of Keras's own", ln_keras_class(layer));
    return false;
  }
  return ln_keras_inner(outer, layer, place, &cell->weights);
}

/* The cells of a layer in order; their number, 0 after a failure. */
static int32_t list_cells(ln_keras_call *call, ln_keras_call *cells) {
  char place[200];
  ln_keras_call stack;
  if (call->row->emit != ln_keras_rnn) {
    cells[0] = *call;
    return 1;
  }
  const cJSON *cell = ln_keras_option(call->config, "cell");
  if (cell == NULL) return ln_emit_wrong(call->e, "it has no cell"), 0;
  if (!inner_cell(call, cell, "cell", &stack)) return 0;
  if (stack.row->emit == ln_keras_cell) {
    cells[0] = stack;
    return 1;
  }
  int32_t count = 0;
  for (const cJSON *each = NULL; (each = ln_keras_child(cell, count, place, sizeof place)) != NULL;) {
    if (count == STACK_MOST) return ln_emit_refuse(call->e, "more than %d cells", STACK_MOST), 0;
    if (!inner_cell(&stack, each, place, &cells[count++])) return 0;
    if (cells[count - 1].row->emit != ln_keras_cell) return ln_emit_refuse(call->e, "cells are stacked in stacks"), 0;
  }
  if (count == 0) ln_emit_wrong(call->e, "it has no cell");
  return count;
}

/* States that the call is given: behind the input, or by name. */
static bool given_states(ln_keras_call *call, states *out) {
  ln_keras_values found = {NULL, 0};
  const cJSON *item = ln_keras_argument(call, 1, "initial_state");
  out->count = 0;
  if (item != NULL) {
    if (!ln_keras_tensors(call, item, &found)) return false;
  } else if (call->inputs.count > 1) {
    found = (ln_keras_values){call->inputs.items + 1, call->inputs.count - 1};
  }
  if (found.count > 2 * STACK_MOST) return ln_emit_wrong(call->e, "it is given too many states") > 0;
  for (int32_t i = 0; i < found.count; ++i) out->items[i] = ln_keras_floats(call, found.items[i].tensor);
  out->count = found.count;
  return true;
}

/* Variables that keep the states of a layer from one run to the next. */
static bool kept_states(ln_keras_call *call, int32_t a, const ln_keras_call *cells, int32_t cell_count,
                        int32_t *variables, states *out) {
  char name[320];
  out->count = 0;
  for (int32_t i = 0; i < cell_count; ++i) {
    const int32_t dims[2] = {ln_emit_dim(call->e, a, 0), ln_keras_int(cells[i].config, "units", 0)};
    size_t bytes;
    if (dims[0] < 1)
      return ln_emit_refuse(call->e, "its batch is open, though it is stateful; give it with --shape") > 0;
    if (dims[1] < 1 || !ln_size_mul((size_t)dims[0], (size_t)dims[1] * sizeof(float), &bytes)) return false;
    const void *zeros = ln_arena_alloc(ln_emit_arena(call->e), bytes);
    if (zeros == NULL) return ln_import_no_memory(call->k->import) > 0;
    for (int32_t k = 0; k < states_of(&cells[i]); ++k) {
      snprintf(name, sizeof name, "%.240s/state_%d", call->name, (int)out->count);
      variables[out->count] = ln_import_variable(call->k->import, name, LN_FLOAT32, 2, dims, zeros);
      out->items[out->count] = ln_emit_read(call->e, variables[out->count]);
      ++out->count;
    }
  }
  return !ln_emit_failed(call->e);
}

static int32_t finish(ln_keras_call *call, int32_t result, const states *end) {
  const bool shows = ln_keras_flag(call->config, "return_state", false);
  if (result < 0 || !ln_keras_give(call, 1 + (shows ? end->count : 0))) return -1;
  const bool sequences = ln_keras_flag(call->config, "return_sequences", false);
  call->outputs.items[0] = (ln_keras_value){result, sequences ? call->mask : -1};
  for (int32_t i = 0; shows && i < end->count; ++i) call->outputs.items[1 + i].tensor = end->items[i];
  return LN_EMIT_NONE;
}

int32_t ln_keras_rnn(ln_keras_call *call) {
  ln_keras_call *cells = ln_arena_array(ln_emit_arena(call->e), STACK_MOST, sizeof *cells);
  int32_t variables[2 * STACK_MOST], a = ln_keras_input(call), used = 0;
  states begin, end = {.count = 0};
  if (cells == NULL) return ln_import_no_memory(call->k->import);
  const int32_t count = list_cells(call, cells);
  const bool stateful = ln_keras_flag(call->config, "stateful", false);
  if (count == 0 || !given_states(call, &begin)) return -1;
  const bool keeps = stateful && begin.count == 0;
  if (keeps && !kept_states(call, a, cells, count, variables, &begin)) return -1;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t own = states_of(&cells[i]);
    int32_t from[2] = {-1, -1}, to[2];
    if (begin.count > 0 && used + own > begin.count) return ln_emit_wrong(call->e, "it is given too few states");
    for (int32_t k = 0; k < own && begin.count > 0; ++k) from[k] = begin.items[used + k];
    const bool backwards = i == 0 && ln_keras_flag(call->config, "go_backwards", false);
    const bool sequence = i + 1 < count || ln_keras_flag(call->config, "return_sequences", false);
    if (!run_cell(call, &cells[i], backwards, sequence, &a, from, to)) return -1;
    for (int32_t k = 0; k < own; ++k) end.items[end.count++] = to[k];
    used += own;
  }
  for (int32_t i = 0; keeps && i < end.count; ++i) ln_emit_assign(call->e, variables[i], end.items[i]);
  return finish(call, a, &end);
}

int32_t ln_keras_recurrent(ln_keras_call *call) { return ln_keras_rnn(call); }

/* Cells are only ever taken apart by the layers around them. */
int32_t ln_keras_cell(ln_keras_call *call) {
  return ln_emit_refuse(call->e, "a cell on its own is not read; put it into a layer RNN");
}

int32_t ln_keras_stacked_cells(ln_keras_call *call) { return ln_keras_cell(call); }

/* ---- both directions ---- */

static int32_t merged(ln_keras_call *call, int32_t forward, int32_t backward) {
  ln_emit *e = call->e;
  const char *mode = ln_keras_text(call->config, "merge_mode", "");
  const int32_t parts[2] = {forward, backward};
  if (strcmp(mode, "concat") == 0) return ln_emit_concat(e, ln_emit_rank(e, forward) - 1, 2, parts);
  if (strcmp(mode, "sum") == 0) return ln_emit_add(e, forward, backward);
  if (strcmp(mode, "mul") == 0) return ln_emit_mul(e, forward, backward);
  if (strcmp(mode, "ave") == 0) return ln_emit_mul_number(e, ln_emit_add(e, forward, backward), 0.5);
  return ln_emit_refuse(e, "merge_mode %.40s is not known", mode);
}

static void set_flag(cJSON *config, const char *key, bool value) {
  cJSON_DeleteItemFromObjectCaseSensitive(config, key);
  cJSON_AddBoolToObject(config, key, value);
}

/* One direction's layer: it gives zeros where the mask is false and sequences are wanted, whatever its config says; and
 * the forward one turned round where the other has none of its own. */
static cJSON *direction(const cJSON *layer, bool turns) {
  cJSON *copy = cJSON_Duplicate(layer, true), *config = cJSON_GetObjectItemCaseSensitive(copy, "config");
  if (!cJSON_IsObject(config)) return copy;
  if (turns) set_flag(config, "go_backwards", !ln_keras_flag(config, "go_backwards", false));
  set_flag(config, "zero_output_for_mask", ln_keras_flag(config, "return_sequences", false));
  return copy;
}

static bool run_direction(ln_keras_call *call, const cJSON *layer, const char *place, const states *begin, int32_t half,
                          ln_keras_values *out) {
  ln_keras_weights weights;
  ln_keras_value values[1 + 2 * STACK_MOST];
  const int32_t count = begin->count / 2;
  if (!ln_keras_inner(call, layer, place, &weights)) return false;
  values[0] = (ln_keras_value){call->inputs.items[0].tensor, call->mask};
  for (int32_t i = 0; i < count; ++i) values[1 + i] = (ln_keras_value){begin->items[half * count + i], -1};
  if (!ln_keras_apply(call, layer, &weights, (ln_keras_values){values, 1 + count}, out)) return false;
  return out->count > 0;
}

int32_t ln_keras_bidirectional(ln_keras_call *call) {
  const cJSON *forward = ln_keras_option(call->config, "layer");
  const cJSON *backward = ln_keras_option(call->config, "backward_layer");
  ln_keras_values of_forward, of_backward;
  states begin;
  if (call->inputs.count < 1 || !given_states(call, &begin)) return -1;
  cJSON *ahead = direction(forward, false), *back = direction(backward != NULL ? backward : forward, backward == NULL);
  const bool good = run_direction(call, ahead, "forward_layer", &begin, 0, &of_forward) &&
                    run_direction(call, back, "backward_layer", &begin, 1, &of_backward);
  cJSON_Delete(ahead);
  cJSON_Delete(back);
  if (!good) return -1;
  const cJSON *config = ln_keras_option(forward, "config");
  const bool sequences = ln_keras_flag(config, "return_sequences", false);
  const bool shows = ln_keras_flag(config, "return_state", false);
  const bool apart = ln_keras_option(call->config, "merge_mode") == NULL;
  int32_t last = of_backward.items[0].tensor;
  if (sequences) last = ln_emit_reverse(call->e, last, 1);
  const int32_t of_states = shows ? of_forward.count - 1 + of_backward.count - 1 : 0;
  const int32_t first = apart ? of_forward.items[0].tensor : merged(call, of_forward.items[0].tensor, last);
  if (!ln_keras_give(call, 1 + apart + of_states)) return -1;
  const int32_t mask = sequences ? call->mask : -1;
  int32_t used = 0;
  call->outputs.items[used++] = (ln_keras_value){first, mask};
  if (apart) call->outputs.items[used++] = (ln_keras_value){last, mask};
  for (int32_t i = 1; shows && i < of_forward.count; ++i) call->outputs.items[used++] = of_forward.items[i];
  for (int32_t i = 1; shows && i < of_backward.count; ++i) call->outputs.items[used++] = of_backward.items[i];
  return first < 0 ? -1 : LN_EMIT_NONE;
}

/* ---- convolutional LSTM ---- */

typedef struct conv_lstm {
  ln_keras_call *call;
  ln_window window, again; /* of inputs and of states */
  ln_emit_activation act, gate;
  int32_t kernel, recurrent, bias, filters;
} conv_lstm;

static bool describe_conv_lstm(ln_keras_call *call, conv_lstm *r) {
  const int32_t rank = call->row->code;
  *r = (conv_lstm){.call = call, .window = {.rank = rank}, .again = {.rank = rank, .padding = LN_EMIT_SAME}};
  const bool good = ln_keras_tuple(call, "kernel_size", rank, 1, r->window.size) &&
                    ln_keras_tuple(call, "strides", rank, 1, r->window.stride) &&
                    ln_keras_tuple(call, "dilation_rate", rank, 1, r->window.dilation) &&
                    ln_keras_simple_activation(call, "activation", "tanh", &r->act) &&
                    ln_keras_simple_activation(call, "recurrent_activation", "sigmoid", &r->gate);
  if (!good) return false;
  for (int32_t i = 0; i < rank; ++i) {
    if (r->window.size[i] < 1 || r->window.stride[i] < 1 || r->window.dilation[i] < 1) {
      return ln_emit_wrong(call->e, "kernel_size, strides or dilation_rate are out of range") > 0;
    }
    r->again.size[i] = r->window.size[i];
  }
  if (ln_keras_is(call->config, "padding", "same")) r->window.padding = LN_EMIT_SAME;
  r->kernel = ln_keras_weight(call, "cell/kernel");
  r->recurrent = ln_keras_weight(call, "cell/recurrent_kernel");
  r->bias = ln_keras_weight(call, "cell/bias");
  r->filters = ln_keras_int(call->config, "filters", 0);
  if (ln_keras_channels_first(call->config) || call->mask >= 0 || ln_keras_flag(call->config, "stateful", false)) {
    return ln_emit_refuse(call->e, "channels_first, masks and stateful are not read here") > 0;
  }
  return !ln_emit_failed(call->e);
}

/* Products of all steps at once: [batch, time, space..., 4 * filters]. */
static int32_t conv_inputs(conv_lstm *r, int32_t a) {
  ln_emit *e = r->call->e;
  const int32_t rank = ln_emit_rank(e, a);
  ln_dim dims[LN_MAX_RANK];
  const int32_t made = ln_emit_conv(e, ln_emit_flatten(e, a, 0, 1), r->kernel, r->bias, 1, &r->window);
  if (ln_emit_failed(e)) return -1;
  dims[0] = ln_emit_dim(e, a, 0) < 0 ? LN_DIM_REST : LN_DIM_OF(a, 0);
  dims[1] = LN_DIM_OF(a, 1);
  for (int32_t i = 1; i < rank - 1; ++i) dims[i + 1] = LN_DIM_OF(made, i);
  return ln_emit_reshape(e, made, rank, dims);
}

static bool conv_step(conv_lstm *r, int32_t x, int32_t *h, int32_t *c) {
  ln_emit *e = r->call->e;
  const int32_t sizes[4] = {r->filters, r->filters, r->filters, r->filters};
  int32_t gates[4];
  if (*h >= 0) x = ln_emit_add(e, x, ln_emit_conv(e, *h, r->recurrent, -1, 1, &r->again));
  if (!ln_emit_split(e, x, -1, 4, sizes, gates)) return false;
  const int32_t in = ln_emit_activate(e, r->gate, gates[0]);
  const int32_t new = ln_emit_mul(e, in, ln_emit_activate(e, r->act, gates[2]));
  *c = *c < 0 ? new : ln_emit_add(e, ln_emit_mul(e, ln_emit_activate(e, r->gate, gates[1]), *c), new);
  *h = ln_emit_mul(e, ln_emit_activate(e, r->gate, gates[3]), ln_emit_activate(e, r->act, *c));
  return !ln_emit_failed(e);
}

int32_t ln_keras_conv_lstm(ln_keras_call *call) {
  conv_lstm r;
  states end = {.count = 2}, begin;
  int32_t steps[STEPS_MOST], shown[STEPS_MOST];
  const int32_t a = ln_keras_input(call), count = ln_emit_dim(call->e, a, 1);
  if (!describe_conv_lstm(call, &r) || !given_states(call, &begin)) return -1;
  if (count < 1 || count > STEPS_MOST) return ln_emit_refuse(call->e, "1 to %d steps are written out", STEPS_MOST);
  if (!ln_emit_unpack(call->e, conv_inputs(&r, a), 1, count, steps)) return -1;
  const bool backwards = ln_keras_flag(call->config, "go_backwards", false);
  int32_t h = begin.count == 2 ? begin.items[0] : -1, c = begin.count == 2 ? begin.items[1] : -1;
  for (int32_t i = 0; i < count; ++i) {
    if (!conv_step(&r, steps[backwards ? count - 1 - i : i], &h, &c)) return -1;
    shown[i] = h;
  }
  end.items[0] = h;
  end.items[1] = c;
  const bool sequences = ln_keras_flag(call->config, "return_sequences", false);
  return finish(call, sequences ? ln_emit_pack(call->e, 1, count, shown) : h, &end);
}

#endif

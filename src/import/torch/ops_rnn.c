/* Recurrent layers, layer by layer and direction by direction, and single cells. */
#include <string.h>

#include "import/torch/torch.h"

#ifdef LN_HAVE_CJSON

enum { MOST_LAYERS = 64, MOST_WEIGHTS = MOST_LAYERS * 8 };

typedef struct stack {
  ln_cell cell;
  ln_emit_activation act;
  int32_t gates, layers, directions;
  bool biases;
  int32_t weights[MOST_WEIGHTS];
  int32_t weight_count;
  int32_t h0, c0; /* [layers * directions, batch, units]; -1: zeros */
} stack;

/* Whether all of a state's elements are 0 before the first run. */
static bool is_zeros(const torch_node *n, int32_t t) {
  const ln_graph *graph = ln_emit_graph(n->e);
  const float *data = ln_emit_data(n->e, t);
  const int64_t count = ln_emit_elements(n->e, t);
  double value;
  if (data != NULL && ln_emit_type(n->e, t) == LN_FLOAT32) {
    for (int64_t i = 0; i < count; ++i) {
      if (data[i] != 0) return false;
    }
    return true;
  }
  for (int32_t i = graph->op_count - 1; i >= 0; --i) {
    const ln_op *op = &graph->ops[i];
    if (op->output_count != 1 || op->outputs[0] != t) continue;
    return op->def->code == LN_OP_FILL && ln_emit_number(n->e, op->inputs[1], &value) && value == 0;
  }
  return false;
}

/* Rows of gate `gate` of [gates * units, ...]. */
static int32_t rows_of(torch_node *n, int32_t weight, int32_t units, int32_t gate) {
  return weight < 0 ? -1 : ln_emit_slice(n->e, weight, 0, gate * units, (gate + 1) * units, 1);
}

/* Where PyTorch has each of the cell's gates. */
static const int32_t *gate_order(ln_cell cell) {
  static const int32_t lstm[] = {0, 1, 2, 3}, gru[] = {1, 0, 2}, rnn[] = {0};
  return cell == LN_CELL_LSTM ? lstm : cell == LN_CELL_GRU ? gru : rnn;
}

/* The weights of one direction of a layer: input, recurrent, and their biases. */
static void read_layer(torch_node *n, const stack *s, const int32_t *weights, ln_recurrent *out) {
  const int32_t *order = gate_order(s->cell);
  *out = (ln_recurrent){.cell = s->cell, .gate = LN_EMIT_SIGMOID, .act = s->act, .output_act = LN_EMIT_TANH};
  out->reset_after = s->cell == LN_CELL_GRU;
  out->h0 = out->c0 = out->lengths = out->mask = -1;
  for (int32_t i = 0; i < 3; ++i) out->peephole[i] = -1;
  for (int32_t i = 0; i < 4; ++i) out->kernel[i] = out->recurrent[i] = out->bias[i] = out->recurrent_bias[i] = -1;
  if (ln_emit_failed(n->e)) return;
  out->units = ln_emit_dim(n->e, weights[0], 0) / s->gates;
  for (int32_t i = 0; i < s->gates; ++i) {
    const int32_t gate = order[i];
    out->kernel[i] = rows_of(n, weights[0], out->units, gate);
    out->recurrent[i] = rows_of(n, weights[1], out->units, gate);
    if (!s->biases) continue;
    const int32_t own = rows_of(n, weights[2], out->units, gate), recurrent = rows_of(n, weights[3], out->units, gate);
    const bool apart = s->cell == LN_CELL_GRU && i == 2;
    out->bias[i] = apart ? own : ln_emit_add(n->e, own, recurrent);
    if (apart) out->recurrent_bias[i] = recurrent;
  }
}

/* One layer: its sequence, and the last states of each direction. */
static int32_t run_layer(torch_node *n, const stack *s, int32_t layer, int32_t a, int32_t *h, int32_t *c) {
  const int32_t each = s->biases ? 4 : 2;
  int32_t ways[2] = {-1, -1};
  for (int32_t way = 0; way < s->directions && !ln_emit_failed(n->e); ++way) {
    const int32_t at = layer * s->directions + way;
    ln_recurrent r;
    read_layer(n, s, s->weights + (size_t)at * (size_t)each, &r);
    r.backwards = way == 1;
    if (s->h0 >= 0) r.h0 = ln_emit_pick(n->e, s->h0, 0, at);
    if (s->c0 >= 0) r.c0 = ln_emit_pick(n->e, s->c0, 0, at);
    if (!ln_emit_recurrent(n->e, a, &r, &ways[way], &h[at], &c[at])) return -1;
    if (way == 1) ways[way] = ln_emit_reverse(n->e, ways[way], 1);
  }
  return s->directions == 1 ? ways[0] : ln_emit_concat(n->e, -1, 2, ways);
}

static bool read_stack(torch_node *n, stack *s) {
  int32_t states[2] = {-1, -1};
  s->weight_count = ln_torch_tensors(n, "params", MOST_WEIGHTS, s->weights);
  s->biases = ln_torch_flag(n, "has_biases", true);
  s->layers = (int32_t)ln_torch_int(n, "num_layers", 1);
  s->directions = ln_torch_flag(n, "bidirectional", false) ? 2 : 1;
  if (s->cell == LN_CELL_LSTM) ln_torch_tensors(n, "hx", 2, states);
  else states[0] = ln_torch_tensor(n, "hx");
  if (ln_emit_failed(n->e)) return false;
  if (ln_torch_flag(n, "train", false) && ln_torch_number(n, "dropout", 0) > 0)
    return ln_emit_refuse(n->e, "its dropout is random; call model.eval() before export") > 0;
  if (s->layers < 1 || s->layers > MOST_LAYERS || s->weight_count != s->layers * s->directions * (s->biases ? 4 : 2))
    return ln_emit_refuse(n->e, "its weights are not those of plain layers (a projection of the state is not built)") >
           0;
  s->h0 = is_zeros(n, states[0]) ? -1 : states[0];
  s->c0 = states[1] < 0 || is_zeros(n, states[1]) ? -1 : states[1];
  if (s->cell == LN_CELL_LSTM && (s->h0 < 0) != (s->c0 < 0)) {
    s->h0 = states[0];
    s->c0 = states[1];
  }
  return true;
}

static int32_t run_stack(torch_node *n, stack *s) {
  int32_t h[2 * MOST_LAYERS], c[2 * MOST_LAYERS], a = ln_torch_tensor(n, "input");
  const int32_t first = 0, middle = 1;
  if (strcmp(n->overload, "input") != 0) return ln_emit_refuse(n->e, "packed sequences are not built; pad them");
  if (!read_stack(n, s)) return -1;
  const bool alone = ln_emit_rank(n->e, a) == 2, by_batch = ln_torch_flag(n, "batch_first", false);
  if (alone) a = ln_emit_expand(n->e, a, 1, &first);
  else if (!by_batch) a = ln_emit_swap(n->e, a, 0, 1);
  if (alone && s->h0 >= 0) s->h0 = ln_emit_expand(n->e, s->h0, 1, &middle);
  if (alone && s->c0 >= 0) s->c0 = ln_emit_expand(n->e, s->c0, 1, &middle);
  for (int32_t i = 0; i < s->layers && !ln_emit_failed(n->e); ++i) a = run_layer(n, s, i, a, h, c);
  if (ln_emit_failed(n->e)) return -1;
  const int32_t count = s->layers * s->directions;
  n->outputs[0] = alone ? ln_emit_squeeze(n->e, a, 1, &first) : by_batch ? a : ln_emit_swap(n->e, a, 0, 1);
  n->outputs[1] = ln_emit_pack(n->e, 0, count, h);
  if (s->cell == LN_CELL_LSTM) n->outputs[2] = ln_emit_pack(n->e, 0, count, c);
  n->output_count = s->cell == LN_CELL_LSTM ? 3 : 2;
  for (int32_t i = 1; alone && i < n->output_count; ++i)
    n->outputs[i] = ln_emit_squeeze(n->e, n->outputs[i], 1, &middle);
  return n->outputs[0];
}

/* Variants: the cell, and 16 for a ReLU in it. */
static stack stack_of(const torch_node *n) {
  const ln_cell cell = (ln_cell)(n->variant & 15);
  return (stack){.cell = cell,
                 .act = (n->variant & 16) != 0 ? LN_EMIT_RELU : LN_EMIT_TANH,
                 .gates = cell == LN_CELL_LSTM  ? 4
                          : cell == LN_CELL_GRU ? 3
                                                : 1};
}

int32_t ln_torch_recurrent(torch_node *n) {
  stack s = stack_of(n);
  return run_stack(n, &s);
}

/* ---- one step ---- */

static int32_t gate_of(torch_node *n, int32_t product, int32_t units, int32_t gate) {
  return ln_emit_slice(n->e, product, -1, gate * units, (gate + 1) * units, 1);
}

static int32_t sigmoid_gate(torch_node *n, int32_t product, int32_t units, int32_t gate) {
  return ln_emit_unary(n->e, LN_OP_LOGISTIC, gate_of(n, product, units, gate));
}

int32_t ln_torch_cell(torch_node *n) {
  const stack s = stack_of(n);
  int32_t states[2] = {-1, -1};
  const int32_t a = ln_torch_tensor(n, "input");
  if (s.cell == LN_CELL_LSTM) ln_torch_tensors(n, "hx", 2, states);
  else states[0] = ln_torch_tensor(n, "hx");
  const int32_t x = ln_emit_dense(n->e, a, ln_torch_tensor(n, "w_ih"), ln_torch_tensor_or(n, "b_ih"));
  const int32_t r = ln_emit_dense(n->e, states[0], ln_torch_tensor(n, "w_hh"), ln_torch_tensor_or(n, "b_hh"));
  if (ln_emit_failed(n->e)) return -1;
  const int32_t units = ln_emit_dim(n->e, x, -1) / s.gates;
  if (s.cell == LN_CELL_RNN) return ln_emit_activate(n->e, s.act, ln_emit_add(n->e, x, r));
  if (s.cell == LN_CELL_LSTM) {
    const int32_t sum = ln_emit_add(n->e, x, r);
    const int32_t kept = ln_emit_mul(n->e, sigmoid_gate(n, sum, units, 1), states[1]);
    const int32_t cell = ln_emit_unary(n->e, LN_OP_TANH, gate_of(n, sum, units, 2));
    const int32_t c = ln_emit_add(n->e, kept, ln_emit_mul(n->e, sigmoid_gate(n, sum, units, 0), cell));
    n->outputs[1] = c;
    n->output_count = 2;
    return n->outputs[0] = ln_emit_mul(n->e, sigmoid_gate(n, sum, units, 3), ln_emit_unary(n->e, LN_OP_TANH, c));
  }
  const int32_t both =
      ln_emit_add(n->e, ln_emit_slice(n->e, x, -1, 0, 2 * units, 1), ln_emit_slice(n->e, r, -1, 0, 2 * units, 1));
  const int32_t reset = sigmoid_gate(n, both, units, 0), update = sigmoid_gate(n, both, units, 1);
  const int32_t inner = ln_emit_add(n->e, gate_of(n, x, units, 2), ln_emit_mul(n->e, reset, gate_of(n, r, units, 2)));
  const int32_t fresh = ln_emit_unary(n->e, LN_OP_TANH, inner);
  return ln_emit_add(n->e, fresh, ln_emit_mul(n->e, update, ln_emit_sub(n->e, states[0], fresh)));
}

#endif

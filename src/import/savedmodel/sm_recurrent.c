/*
 * Recurrent layers of Keras 2. Keras writes such a layer as a function that is marked with the name of an interface
 * ("lstm_...", "gru_..."): all functions with one mark compute the same, whatever loop or library's operator is in
 * them. So the layer follows from the function's inputs and attributes.
 */
#include "import/savedmodel/savedmodel.h"

enum { FUNCTION_ATTR = 5 };

typedef struct layer {
  ln_cell cell;
  int32_t states, gates;
  bool time_major, backwards;
} layer;

/* An attribute of the function itself. */
static bool attribute(const ln_sm_graph *function, const char *key, uint32_t field, ln_wire_kind kind,
                      ln_wire_field *out) {
  ln_wire value;
  return ln_sm_entry(function->function, FUNCTION_ATTR, key, &value) && ln_wire_find(value, field, kind, out);
}

static bool truth(const ln_sm_graph *function, const char *key) {
  enum { VALUE_B = 5 };
  ln_wire_field field;
  return attribute(function, key, VALUE_B, LN_WIRE_VARINT, &field) && field.value != 0;
}

static bool begins(const char *text, const char *with) { return strncmp(text, with, strlen(with)) == 0; }

static bool has_args(const ln_sm_graph *function, const char *const *names, int32_t count) {
  if (function->arg_count != count) return false;
  for (int32_t i = 0; i < count; ++i) {
    if (!begins(function->args[i], names[i])) return false;
  }
  return true;
}

static bool recognize(const ln_sm_graph *function, layer *out) {
  enum { VALUE_S = 2 };
  static const char *const lstm[] = {"inputs", "init_h", "init_c", "kernel", "recurrent_kernel", "bias"};
  static const char *const gru[] = {"inputs", "init_h", "kernel", "recurrent_kernel", "bias"};
  ln_wire_field mark;
  if (!attribute(function, "api_implements", VALUE_S, LN_WIRE_BYTES, &mark) || ln_wire_left(&mark.bytes) < 5)
    return false;
  const bool is_lstm = memcmp(mark.bytes.at, "lstm_", 5) == 0;
  if (!is_lstm && memcmp(mark.bytes.at, "gru_", 4) != 0) return false;
  if (!has_args(function, is_lstm ? lstm : gru, is_lstm ? 6 : 5) || function->result_count < (is_lstm ? 5 : 4))
    return false;
  *out = (layer){.cell = is_lstm ? LN_CELL_LSTM : LN_CELL_GRU,
                 .states = is_lstm ? 2 : 1,
                 .gates = is_lstm ? 4 : 3,
                 .time_major = truth(function, "time_major"),
                 .backwards = truth(function, "go_backwards")};
  return true;
}

bool ln_sm_is_zero(const ln_emit *e, int32_t t) {
  const ln_fact *fact = &e->facts[t];
  for (int32_t p = 0; p < 2; ++p) {
    size_t count;
    const float *values = fact->value[p];
    if (values == NULL || ln_emit_type(e, t) != LN_FLOAT32 || !ln_shape_elements(&fact->shape[p], &count)) return false;
    for (size_t i = 0; i < count; ++i) {
      if (values[i] != 0) return false;
    }
  }
  return true;
}

bool ln_sm_is_wanted(const ln_sm_call *c, int32_t output) {
  const ln_sm_graph *graph = c->scope->graph;
  for (int32_t i = 0; i < graph->result_count; ++i) {
    if (graph->results[i].node == c->index && graph->results[i].output == output) return true;
  }
  for (int32_t i = 0; i < graph->node_count; ++i) {
    const ln_sm_node *node = &graph->nodes[i];
    for (int32_t k = 0; k < node->input_count; ++k) {
      if (node->inputs[k].node == c->index && node->inputs[k].output == output) return true;
    }
  }
  return false;
}

int32_t ln_sm_gate(ln_emit *e, int32_t weights, int32_t g, int32_t units) {
  const int32_t part = ln_emit_slice(e, weights, -1, g * units, (g + 1) * units, 1);
  return ln_emit_rank(e, part) == 2 ? ln_emit_swap(e, part, 0, 1) : part;
}

static bool fill_weights(ln_sm_call *c, const layer *l, ln_recurrent *r) {
  ln_emit *e = c->e;
  const int32_t first = 1 + l->states, kernel = ln_sm_in(c, first), recurrent = ln_sm_in(c, first + 1),
                bias = ln_sm_in(c, first + 2);
  const int32_t units = ln_emit_dim(e, recurrent, 0), wide = units > 0 ? units * l->gates : -1;
  const int32_t rows = l->cell == LN_CELL_GRU ? 2 : 1;
  if (units < 1 || units > 1 << 20 || !ln_emit_is_const(e, kernel) || !ln_emit_is_const(e, recurrent) ||
      !ln_emit_is_const(e, bias))
    return false;
  if (ln_emit_rank(e, kernel) != 2 || ln_emit_dim(e, kernel, 1) != wide || ln_emit_dim(e, recurrent, 1) != wide)
    return false;
  if (ln_emit_rank(e, bias) != rows || ln_emit_dim(e, bias, -1) != wide || (rows == 2 && ln_emit_dim(e, bias, 0) != 2))
    return false;
  r->units = units;
  for (int32_t g = 0; g < l->gates; ++g) {
    r->kernel[g] = ln_sm_gate(e, kernel, g, units);
    r->recurrent[g] = ln_sm_gate(e, recurrent, g, units);
    r->bias[g] = ln_sm_gate(e, rows == 2 ? ln_emit_pick(e, bias, 0, 0) : bias, g, units);
    if (rows == 2) r->recurrent_bias[g] = ln_sm_gate(e, ln_emit_pick(e, bias, 0, 1), g, units);
  }
  return true;
}

bool ln_sm_keras_recurrent(ln_sm_call *c, const ln_sm_graph *function) {
  layer l;
  ln_emit *e = c->e;
  if (!recognize(function, &l) || c->in_count != function->arg_count || ln_sm_of(c)->setup) return false;
  const int32_t a = ln_sm_in(c, 0);
  const int32_t input = l.time_major ? ln_emit_swap(e, a, 0, 1) : a;
  if (ln_emit_rank(e, input) != 3 || ln_emit_type(e, input) != LN_FLOAT32 || ln_emit_dim(e, input, 1) < 1) return false;
  ln_recurrent r = {.cell = l.cell,
                    .reset_after = l.cell == LN_CELL_GRU,
                    .backwards = l.backwards,
                    .gate = LN_EMIT_SIGMOID,
                    .act = LN_EMIT_TANH,
                    .output_act = LN_EMIT_TANH,
                    .h0 = ln_sm_in(c, 1),
                    .c0 = l.states == 2 ? ln_sm_in(c, 2) : -1,
                    .lengths = -1,
                    .mask = -1};
  for (int32_t g = 0; g < 4; ++g) r.kernel[g] = r.recurrent[g] = r.bias[g] = r.recurrent_bias[g] = -1;
  for (int32_t g = 0; g < 3; ++g) r.peephole[g] = -1;
  if (!fill_weights(c, &l, &r)) return false;
  if (ln_sm_is_zero(e, r.h0) && (r.c0 < 0 || ln_sm_is_zero(e, r.c0))) r.h0 = r.c0 = -1;
  int32_t sequence = -1, h = -1, cell = -1;
  const bool wants_cell = l.states == 2 && ln_sm_is_wanted(c, 3), wants_sequence = ln_sm_is_wanted(c, 1);
  if (!ln_emit_recurrent(e, input, &r, wants_sequence ? &sequence : NULL, &h, wants_cell ? &cell : NULL)) return true;
  ln_sm_give(c, 0, h);
  ln_sm_give(c, 1, sequence >= 0 && l.time_major ? ln_emit_swap(e, sequence, 0, 1) : sequence);
  ln_sm_give(c, 2, h);
  if (l.states == 2) ln_sm_give(c, 3, cell);
  return true;
}

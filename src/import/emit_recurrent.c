/*
 * Recurrent layers: the products of all inputs at once, then one step after another, either written out or in a loop.
 * Hochreiter and Schmidhuber, "Long Short-Term Memory", 1997; Cho et al., "Learning Phrase Representations using RNN
 * Encoder-Decoder", 2014.
 */
#include <string.h>

#include "import/emit_private.h"

enum {
  GATES_MOST = 4,
  STEPS_WRITTEN_OUT = 32, /* more are a loop */
  RECURRENT_MOST = 1 << 20
};

/* A layer on its way. Tensors belong to `home`. */
typedef struct recurrence {
  ln_emit *home;
  const ln_recurrent *layer;
  int32_t gates, steps; /* steps -1: open */
  int32_t in;           /* [batch, time, in] */
  int32_t product;      /* [time, batch, gates * units], of all steps with all biases that can be added there */
  int32_t weights;      /* [gates * units, units], or of the first two gates of a GRU that resets before its product */
  int32_t new_weights;  /* of that GRU: [units, units]; -1 */
  int32_t state_bias;   /* [gates * units] of a GRU that resets behind its product; -1 */
  int32_t counts;       /* bool [time, batch, 1]: which steps count; -1: all */
  bool zeroed;          /* outputs of steps that do not count are 0 */
  bool keeps_output;    /* the last output is carried beside the state */
} recurrence;

/* What goes from step to step; -1 for what the cell has none of. */
typedef struct state {
  int32_t h, c, shown; /* [batch, units] */
} state;

ln_recurrent ln_recurrent_make(ln_cell cell, int32_t units) {
  ln_recurrent layer = {.cell = cell,
                        .units = units,
                        .gate = LN_EMIT_SIGMOID,
                        .act = LN_EMIT_TANH,
                        .output_act = LN_EMIT_TANH,
                        .h0 = -1,
                        .c0 = -1,
                        .lengths = -1,
                        .mask = -1};
  for (int32_t g = 0; g < GATES_MOST; ++g) {
    layer.kernel[g] = layer.recurrent[g] = layer.bias[g] = layer.recurrent_bias[g] = -1;
  }
  for (int32_t i = 0; i < 3; ++i) layer.peephole[i] = -1;
  return layer;
}

static int32_t gate_count(ln_cell cell) { return cell == LN_CELL_LSTM ? 4 : cell == LN_CELL_GRU ? 3 : 1; }

/* ---- weights ---- */

/* Parts of all gates in one constant; -1 where none has one. */
static int32_t joined(ln_emit *e, int32_t count, const int32_t *parts, int32_t units) {
  int32_t all[GATES_MOST];
  bool any = false;
  for (int32_t g = 0; g < count; ++g) any |= parts[g] >= 0;
  if (!any) return -1;
  for (int32_t g = 0; g < count; ++g) {
    all[g] = parts[g] >= 0 ? parts[g] : ln_emit_filled(e, LN_FLOAT32, 1, &units, 0);
  }
  return count == 1 ? all[0] : ln_emit_concat(e, 0, count, all);
}

/* The bias of each gate, with the one inside the product where it can be added before. */
static int32_t input_bias(const recurrence *r) {
  const ln_recurrent *layer = r->layer;
  int32_t parts[GATES_MOST];
  for (int32_t g = 0; g < r->gates; ++g) {
    const bool behind = layer->cell == LN_CELL_GRU && layer->reset_after && g == 2;
    const int32_t other = behind ? -1 : layer->recurrent_bias[g];
    parts[g] = layer->bias[g] >= 0 && other >= 0 ? ln_emit_add(r->home, layer->bias[g], other)
               : other >= 0                      ? other
                                                 : layer->bias[g];
  }
  return joined(r->home, r->gates, parts, layer->units);
}

static bool prepare_weights(recurrence *r) {
  const ln_recurrent *layer = r->layer;
  const bool apart = layer->cell == LN_CELL_GRU && !layer->reset_after;
  r->weights = joined(r->home, apart ? 2 : r->gates, layer->recurrent, layer->units);
  r->new_weights = apart ? layer->recurrent[2] : -1;
  r->state_bias = -1;
  if (layer->cell == LN_CELL_GRU && layer->reset_after && layer->recurrent_bias[2] >= 0) {
    const int32_t parts[3] = {-1, -1, layer->recurrent_bias[2]};
    r->state_bias = joined(r->home, 3, parts, layer->units);
  }
  return r->weights >= 0;
}

/* ---- one step ---- */

static int32_t captured(ln_emit *e, const recurrence *r, int32_t tensor) {
  if (tensor < 0) return -1;
  return e == r->home ? tensor : ln_emit_capture(e, r->home, tensor);
}

static int32_t limited(ln_emit *e, const recurrence *r, int32_t a) {
  return r->layer->clip > 0 ? ln_emit_clip(e, a, -r->layer->clip, r->layer->clip) : a;
}

static int32_t gate(ln_emit *e, const recurrence *r, int32_t a) {
  return ln_emit_activate(e, r->layer->gate, limited(e, r, a));
}

static int32_t content(ln_emit *e, const recurrence *r, int32_t a) {
  return ln_emit_activate(e, r->layer->act, limited(e, r, a));
}

static int32_t peep(ln_emit *e, const recurrence *r, int32_t which, int32_t sum, int32_t cell) {
  const int32_t weights = captured(e, r, r->layer->peephole[which]);
  return weights < 0 ? sum : ln_emit_add(e, sum, ln_emit_mul(e, cell, weights));
}

static bool split_gates(ln_emit *e, const recurrence *r, int32_t count, int32_t a, int32_t *parts) {
  int32_t sizes[GATES_MOST];
  for (int32_t g = 0; g < count; ++g) sizes[g] = r->layer->units;
  return ln_emit_split(e, a, 1, count, sizes, parts);
}

static state rnn_step(ln_emit *e, const recurrence *r, int32_t x, const state *before) {
  const int32_t product = ln_emit_dense(e, before->h, captured(e, r, r->weights), -1);
  return (state){content(e, r, ln_emit_add(e, x, product)), -1, -1};
}

static state lstm_step(ln_emit *e, const recurrence *r, int32_t x, const state *before) {
  const int32_t product = ln_emit_dense(e, before->h, captured(e, r, r->weights), -1);
  int32_t parts[4];
  state now = {-1, -1, -1};
  if (!split_gates(e, r, 4, ln_emit_add(e, x, product), parts)) return now;
  const int32_t in = gate(e, r, peep(e, r, 0, parts[0], before->c));
  const int32_t forget =
      r->layer->input_forget ? ln_emit_sub(e, ln_emit_f32(e, 1), in) : gate(e, r, peep(e, r, 1, parts[1], before->c));
  const int32_t kept = ln_emit_mul(e, forget, before->c);
  now.c = ln_emit_add(e, kept, ln_emit_mul(e, in, content(e, r, parts[2])));
  const int32_t out = gate(e, r, peep(e, r, 2, parts[3], now.c));
  now.h = ln_emit_mul(e, out, ln_emit_activate(e, r->layer->output_act, now.c));
  return now;
}

/* h = update * h + (1 - update) * new, with one product less. */
static state gru_end(ln_emit *e, const state *before, int32_t update, int32_t new) {
  const int32_t apart = ln_emit_sub(e, before->h, new);
  return (state){ln_emit_add(e, new, ln_emit_mul(e, update, apart)), -1, -1};
}

static state gru_step(ln_emit *e, const recurrence *r, int32_t x, const state *before) {
  int32_t of_x[3], of_h[3];
  const state failed = {-1, -1, -1};
  const int32_t product = ln_emit_dense(e, before->h, captured(e, r, r->weights), captured(e, r, r->state_bias));
  if (!split_gates(e, r, 3, x, of_x) || !split_gates(e, r, r->new_weights >= 0 ? 2 : 3, product, of_h)) return failed;
  const int32_t update = gate(e, r, ln_emit_add(e, of_x[0], of_h[0]));
  const int32_t reset = gate(e, r, ln_emit_add(e, of_x[1], of_h[1]));
  const int32_t recalled = r->new_weights >= 0
                               ? ln_emit_dense(e, ln_emit_mul(e, reset, before->h), captured(e, r, r->new_weights), -1)
                               : ln_emit_mul(e, reset, of_h[2]);
  return gru_end(e, before, update, content(e, r, ln_emit_add(e, of_x[2], recalled)));
}

static state cell_step(ln_emit *e, const recurrence *r, int32_t x, const state *before) {
  if (r->layer->cell == LN_CELL_LSTM) return lstm_step(e, r, x, before);
  return r->layer->cell == LN_CELL_GRU ? gru_step(e, r, x, before) : rnn_step(e, r, x, before);
}

/* One step; where it does not count (counts: bool [batch, 1] or -1), the state stays as it was. */
static state step(ln_emit *e, const recurrence *r, int32_t x, int32_t counts, const state *before) {
  state now = cell_step(e, r, x, before);
  now.shown = now.h;
  if (counts < 0) return now;
  now.h = ln_emit_select(e, counts, now.h, before->h);
  if (now.c >= 0) now.c = ln_emit_select(e, counts, now.c, before->c);
  if (r->zeroed) {
    now.shown = ln_emit_select(e, counts, now.shown, ln_emit_f32(e, 0));
  } else {
    now.shown = r->keeps_output ? ln_emit_select(e, counts, now.shown, before->shown) : now.h;
  }
  return now;
}

/* ---- what steps begin with ---- */

static int32_t zeros(const recurrence *r) {
  const int32_t one[2] = {1, r->layer->units};
  const ln_dim dims[2] = {LN_DIM_OF(r->in, 0), LN_DIM(r->layer->units)};
  return ln_emit_broadcast(r->home, ln_emit_filled(r->home, LN_FLOAT32, 2, one, 0), 2, dims);
}

static state beginning(const recurrence *r) {
  const ln_recurrent *layer = r->layer;
  const int32_t nothing =
      layer->h0 < 0 || (layer->cell == LN_CELL_LSTM && layer->c0 < 0) || r->keeps_output ? zeros(r) : -1;
  return (state){layer->h0 >= 0 ? layer->h0 : nothing,
                 layer->cell != LN_CELL_LSTM ? -1
                 : layer->c0 >= 0            ? layer->c0
                                             : nothing,
                 r->keeps_output ? nothing : -1};
}

/* bool [time, batch, 1] from lengths or a mask; -1 where all steps count. */
static int32_t counting_steps(const recurrence *r) {
  ln_emit *e = r->home;
  if (r->layer->mask >= 0) {
    const int32_t last[1] = {2};
    return ln_emit_expand(e, ln_emit_swap(e, r->layer->mask, 0, 1), 1, last);
  }
  if (r->layer->lengths < 0) return -1;
  const int32_t behind[2] = {1, 2}, around[2] = {0, 2};
  const int32_t range = ln_emit_count_up(e, ln_emit_size_of(e, r->in, 1));
  return ln_emit_compare(e, LN_OP_LESS, ln_emit_expand(e, range, 2, behind),
                         ln_emit_expand(e, ln_emit_cast(e, r->layer->lengths, LN_INT32), 2, around));
}

/* ---- all steps, written out ---- */

/* [time, ...] step by step, or one tensor where time is that short. */
static bool take_apart(const recurrence *r, int32_t a, int32_t *parts) {
  return ln_emit_unpack(r->home, a, 0, r->steps, parts);
}

static bool write_out(const recurrence *r, int32_t *sequence, state *last) {
  ln_emit *e = r->home;
  const size_t steps = (size_t)r->steps;
  int32_t *parts = ln_arena_array(ln_emit_arena(e), 2 * steps, sizeof *parts);
  if (parts == NULL) return ln_import_no_memory(e->import), false;
  int32_t *counts = parts + steps;
  if (!take_apart(r, r->product, parts) || (r->counts >= 0 && !take_apart(r, r->counts, counts))) return false;
  *last = beginning(r);
  for (int32_t i = 0; i < r->steps && !ln_emit_failed(e); ++i) {
    const int32_t t = r->layer->backwards ? r->steps - 1 - i : i;
    *last = step(e, r, parts[t], r->counts >= 0 ? counts[t] : -1, last);
    parts[t] = last->shown;
  }
  if (sequence == NULL || ln_emit_failed(e)) return !ln_emit_failed(e);
  for (int32_t i = 0; r->layer->backwards && i < r->steps / 2; ++i) {
    const int32_t other = parts[r->steps - 1 - i];
    parts[r->steps - 1 - i] = parts[i];
    parts[i] = other;
  }
  *sequence = ln_emit_pack(e, 1, r->steps, parts);
  return !ln_emit_failed(e);
}

/* ---- all steps in a loop ---- */

/* Its variables: the step, the state, and what all steps gave [time, batch, units]. */
typedef struct loop {
  const recurrence *r;
  int32_t steps; /* int32 scalar, of `home` */
  bool gathers;
  int32_t count, place_c, place_shown, place_sequence; /* of the variables; -1: none */
} loop;

static bool loop_test(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const loop *l = user;
  out[0] = ln_emit_compare(sub, LN_OP_LESS, in[0], captured(sub, l->r, l->steps));
  return !ln_emit_failed(sub);
}

/* `shown` at place `at` of the sequence. */
static int32_t put(ln_emit *e, int32_t sequence, int32_t shown, int32_t at) {
  static const int32_t front = 0, none[2] = {0, 0};
  const int32_t places[2] = {ln_emit_expand(e, at, 1, &front), ln_emit_vector(e, 2, none)};
  const int32_t inputs[3] = {sequence, ln_emit_expand(e, shown, 1, &front), ln_emit_concat(e, 0, 2, places)};
  return ln_emit_op(e, LN_OP_DYNAMIC_UPDATE_SLICE, NULL, 3, inputs, LN_FLOAT32);
}

static bool loop_body(ln_emit *sub, const int32_t *in, int32_t *out, void *user) {
  const loop *l = user;
  const recurrence *r = l->r;
  const int32_t one = ln_emit_i32(sub, 1);
  int32_t t = in[0];
  if (r->layer->backwards) t = ln_emit_sub(sub, ln_emit_sub(sub, captured(sub, r, l->steps), one), in[0]);
  const state before = {in[1], l->place_c >= 0 ? in[l->place_c] : -1, l->place_shown >= 0 ? in[l->place_shown] : -1};
  const int32_t x = ln_emit_gather(sub, captured(sub, r, r->product), t, 0, 0);
  const int32_t counts = r->counts >= 0 ? ln_emit_gather(sub, captured(sub, r, r->counts), t, 0, 0) : -1;
  const state now = step(sub, r, x, counts, &before);
  out[0] = ln_emit_add(sub, in[0], one);
  out[1] = now.h;
  if (l->place_c >= 0) out[l->place_c] = now.c;
  if (l->place_shown >= 0) out[l->place_shown] = now.shown;
  if (l->gathers) out[l->place_sequence] = put(sub, in[l->place_sequence], now.shown, in[0]);
  return !ln_emit_failed(sub);
}

static int32_t empty_sequence(const recurrence *r) {
  const ln_dim dims[3] = {LN_DIM_OF(r->in, 1), LN_DIM_OF(r->in, 0), LN_DIM(r->layer->units)};
  const int32_t inputs[2] = {ln_emit_dims(r->home, 3, dims), ln_emit_f32(r->home, 0)};
  return ln_emit_op(r->home, LN_OP_FILL, NULL, 2, inputs, LN_FLOAT32);
}

static bool loop_over(const recurrence *r, int32_t *sequence, state *last) {
  ln_emit *e = r->home;
  int32_t initial[5], results[5];
  const state first = beginning(r);
  loop l = {.r = r, .gathers = sequence != NULL, .count = 2, .place_c = -1, .place_shown = -1, .place_sequence = -1};
  initial[0] = ln_emit_i32(e, 0);
  initial[1] = first.h;
  if (first.c >= 0) initial[l.place_c = l.count++] = first.c;
  if (first.shown >= 0) initial[l.place_shown = l.count++] = first.shown;
  if (l.gathers) initial[l.place_sequence = l.count++] = empty_sequence(r);
  l.steps = ln_emit_size_of(e, r->in, 1);
  if (ln_emit_failed(e) || !ln_emit_while(e, l.count, initial, loop_test, &l, loop_body, &l, results)) return false;
  *last = (state){results[1], l.place_c >= 0 ? results[l.place_c] : -1, -1};
  if (l.gathers) *sequence = ln_emit_swap(e, results[l.place_sequence], 0, 1);
  return !ln_emit_failed(e);
}

/* ---- TensorFlow Lite's own operator ---- */

/*
 * UNIDIRECTIONAL_SEQUENCE_LSTM keeps its state in variables from one run to the next, and nothing but itself can set
 * them. So a step goes before all others that closes the gates, whatever the state was: one more channel of the input
 * is 1 in this step and 0 in all others, with weights that outweigh everything else that goes into a gate.
 */
enum { CLOSED = 30 }; /* the sigmoid of its negative is 1e-13 */

static bool is_fused(const recurrence *r, const int32_t *c) {
  const ln_recurrent *layer = r->layer;
  bool plain = layer->cell == LN_CELL_LSTM && layer->gate == LN_EMIT_SIGMOID && layer->act == LN_EMIT_TANH &&
               layer->output_act == LN_EMIT_TANH && layer->h0 < 0 && layer->c0 < 0 && layer->mask < 0 &&
               layer->lengths < 0 && !(layer->clip > 0) && !layer->input_forget && c == NULL;
  for (int32_t i = 0; i < 3; ++i) plain = plain && layer->peephole[i] < 0;
  for (int32_t g = 0; g < 4; ++g) {
    plain = plain && ln_emit_is_const(r->home, layer->kernel[g]) && ln_emit_is_const(r->home, layer->recurrent[g]);
  }
  return plain && ln_emit_is_fixed(r->home, r->in);
}

/* A gate's kernel with a column for the channel that closes it; of the cell's own the column is 0. */
static int32_t closing_kernel(const recurrence *r, int32_t g, int32_t bias) {
  ln_emit *e = r->home;
  const int32_t units = r->layer->units, in = ln_emit_dim(e, r->in, 2), dims[2] = {units, in + 1};
  const float *kernel = ln_emit_data(e, r->layer->kernel[g]), *recurrent = ln_emit_data(e, r->layer->recurrent[g]);
  const float *shift = bias >= 0 ? ln_emit_data(e, bias) : NULL;
  float *made = ln_arena_array(ln_emit_arena(e), (size_t)units * (size_t)(in + 1), sizeof *made);
  if (made == NULL) return ln_import_no_memory(e->import);
  for (int32_t u = 0; u < units; ++u) {
    double sum = shift != NULL ? shift[u] : 0;
    for (int32_t i = 0; i < in; ++i) {
      made[(size_t)u * (size_t)(in + 1) + (size_t)i] = kernel[(size_t)u * (size_t)in + (size_t)i];
      sum += kernel[(size_t)u * (size_t)in + (size_t)i];
    }
    for (int32_t i = 0; i < units; ++i) {
      const float w = recurrent[(size_t)u * (size_t)units + (size_t)i];
      sum += w < 0 ? -w : w;
    }
    made[(size_t)u * (size_t)(in + 1) + (size_t)in] = g == 2 ? 0 : (float)(-CLOSED - sum);
  }
  return ln_emit_const_view(e, LN_FLOAT32, 2, dims, made);
}

/* [batch, 1 + time, in + 1] */
static int32_t with_closing_step(const recurrence *r) {
  static const int32_t none[3] = {0, 0, 0}, channel[3] = {0, 0, 1}, step_before[3] = {0, 1, 0};
  ln_emit *e = r->home;
  const int32_t in = r->layer->backwards ? ln_emit_reverse(e, r->in, 1) : r->in;
  return ln_emit_pad(e, ln_emit_pad(e, in, none, channel, 0), step_before, none, 1);
}

static int32_t state_variable(const recurrence *r, const char *what) {
  ln_emit *e = r->home;
  ln_fact fact = {0};
  fact.shape[0] = fact.shape[1] = (ln_shape){2, {ln_emit_dim(e, r->in, 0), r->layer->units}};
  const char *name = ln_arena_printf(ln_emit_arena(e), "%.200s/%s", e->origin != NULL ? e->origin : "lstm", what);
  if (name == NULL) return ln_import_no_memory(e->import);
  const int32_t t = ln_emit_tensor(e, name, LN_FLOAT32, &fact);
  if (t >= 0) ln_emit_graph(e)->tensors[t].is_variable = true;
  return t;
}

static bool fuse(const recurrence *r, int32_t *sequence, state *last) {
  ln_emit *e = r->home;
  const ln_recurrent *layer = r->layer;
  const ln_unidirectional_sequence_lstm_options options = {.fused_activation_function = LN_ACT_TANH};
  int32_t inputs[24];
  for (int32_t i = 0; i < 24; ++i) inputs[i] = LN_EMIT_NONE;
  inputs[0] = with_closing_step(r);
  for (int32_t g = 0; g < 4; ++g) {
    int32_t bias = layer->bias[g];
    if (layer->recurrent_bias[g] >= 0) {
      bias = bias >= 0 ? ln_emit_add(e, bias, layer->recurrent_bias[g]) : layer->recurrent_bias[g];
    }
    if (bias < 0) bias = ln_emit_filled(e, LN_FLOAT32, 1, &layer->units, 0);
    inputs[1 + g] = closing_kernel(r, g, bias);
    inputs[5 + g] = layer->recurrent[g];
    inputs[12 + g] = bias;
  }
  inputs[18] = state_variable(r, "output_state");
  inputs[19] = state_variable(r, "cell_state");
  const int32_t all = ln_emit_op(e, LN_OP_UNIDIRECTIONAL_SEQUENCE_LSTM, &options, 24, inputs, LN_FLOAT32);
  if (sequence != NULL) *sequence = ln_emit_slice(e, all, 1, 1, INT32_MAX, 1);
  *last = (state){ln_emit_pick(e, all, 1, -1), -1, -1};
  return !ln_emit_failed(e);
}

/* ---- the layer ---- */

static bool begin(ln_emit *e, int32_t a, const ln_recurrent *layer, recurrence *r) {
  *r =
      (recurrence){.home = e, .layer = layer, .gates = gate_count(layer->cell), .in = a, .steps = ln_emit_dim(e, a, 1)};
  if (ln_emit_failed(e)) return false;
  if (ln_emit_rank(e, a) != 3) return ln_emit_wrong(e, "a recurrent layer wants three dimensions"), false;
  if (layer->units < 1 || layer->units > RECURRENT_MOST) return ln_emit_wrong(e, "units are out of range"), false;
  if (r->steps == 0) return ln_emit_refuse(e, "there are no steps"), false;
  for (int32_t g = 0; g < r->gates; ++g) {
    const int32_t kernel = layer->kernel[g], recurrent = layer->recurrent[g], bias = layer->bias[g];
    const bool fits = ln_emit_dim(e, kernel, 0) == layer->units && ln_emit_dim(e, kernel, 1) == ln_emit_dim(e, a, 2) &&
                      ln_emit_dim(e, recurrent, 0) == layer->units && ln_emit_dim(e, recurrent, 1) == layer->units &&
                      (bias < 0 || ln_emit_dim(e, bias, 0) == layer->units);
    if (!fits || ln_emit_failed(e))
      return ln_emit_wrong(e, "its weights are not those of %d units", (int)layer->units), false;
  }
  return true;
}

static bool prepare(recurrence *r) {
  ln_emit *e = r->home;
  const ln_recurrent *layer = r->layer;
  const int32_t kernel = joined(e, r->gates, layer->kernel, layer->units);
  /* Time goes first: a step is then one piece of memory. */
  r->product = ln_emit_dense(e, ln_emit_swap(e, r->in, 0, 1), kernel, input_bias(r));
  r->counts = counting_steps(r);
  r->zeroed = layer->zero_masked || layer->lengths >= 0;
  r->keeps_output = r->counts >= 0 && !r->zeroed && layer->h0 >= 0;
  return prepare_weights(r) && !ln_emit_failed(e);
}

bool ln_emit_recurrent(ln_emit *e, int32_t a, const ln_recurrent *layer, int32_t *sequence, int32_t *h, int32_t *c) {
  recurrence r;
  state last = {-1, -1, -1};
  if (sequence != NULL) *sequence = -1;
  if (h != NULL) *h = -1;
  if (c != NULL) *c = -1;
  if (!begin(e, a, layer, &r)) return false;
  const bool in_loop = r.steps < 0 || r.steps > STEPS_WRITTEN_OUT;
  const bool made = is_fused(&r, c) ? fuse(&r, sequence, &last)
                                    : prepare(&r) && (in_loop ? loop_over : write_out)(&r, sequence, &last);
  if (!made) return false;
  if (h != NULL) *h = last.h;
  if (c != NULL) *c = last.c;
  return true;
}

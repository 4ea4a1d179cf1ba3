/* RNN, LSTM and GRU: ONNX's weights, gates and layouts for ln_emit_recurrent. */
#include <string.h>

#include "import/onnx/onnx_quantize.h"

/* The inputs' places, which the three operators share; -1: the cell has none. */
typedef struct cell_form {
  ln_cell cell;
  int32_t gates;
  int32_t order[4];    /* where each of ours stands in ONNX's */
  int32_t activations; /* how many a direction */
  int32_t c0, peepholes;
  const char *defaults[3];
} cell_form;

static const cell_form forms[] = {
    [LN_CELL_RNN] = {LN_CELL_RNN, 1, {0}, 1, -1, -1, {"Tanh"}},
    [LN_CELL_LSTM] = {LN_CELL_LSTM, 4, {0, 2, 3, 1}, 3, 6, 7, {"Sigmoid", "Tanh", "Tanh"}},
    [LN_CELL_GRU] = {LN_CELL_GRU, 3, {0, 1, 2}, 2, -1, -1, {"Sigmoid", "Tanh"}},
};

enum { X, W, R, B, LENGTHS, H0 };

/* DynamicQuantizeLSTM: weights are integers [directions, in, gates * units], whose scales and zero points come last. */
enum { QUANTIZED = 100, SCALES_OF_W = 8, SCALES_OF_R = 10 };

typedef struct direction {
  const cell_form *form;
  bool quantized;
  int32_t index, units;
  bool batch_first;
} direction;

/* ---- activations ---- */

typedef struct activation_name {
  const char *name;
  ln_emit_activation activation;
  float alpha, beta; /* that it has */
} activation_name;

static const activation_name activation_names[] = {{"Relu", LN_EMIT_RELU, 0, 0},
                                                   {"Tanh", LN_EMIT_TANH, 0, 0},
                                                   {"Sigmoid", LN_EMIT_SIGMOID, 0, 0},
                                                   {"Softsign", LN_EMIT_SOFTSIGN, 0, 0},
                                                   {"Softplus", LN_EMIT_SOFTPLUS, 0, 0},
                                                   {"Elu", LN_EMIT_ELU, 1, 0},
                                                   {"HardSigmoid", LN_EMIT_HARD_SIGMOID_5, 0.2f, 0.5f}};

static bool same_name(const char *a, const char *b) {
  for (; *a != '\0' || *b != '\0'; ++a, ++b) {
    const char x = *a >= 'A' && *a <= 'Z' ? (char)(*a + 32) : *a, y = *b >= 'A' && *b <= 'Z' ? (char)(*b + 32) : *b;
    if (x != y) return false;
  }
  return true;
}

/* Values of alpha and beta are given for those activations that have them, in order: only the usual ones are taken. */
static bool has_usual_numbers(ln_onnx_node *n) {
  for (int32_t which = 0; which < 2; ++which) {
    int32_t count = 0;
    const float *values = ln_onnx_floats(n, which == 0 ? "activation_alpha" : "activation_beta", &count);
    for (int32_t i = 0; values != NULL && i < count; ++i) {
      bool usual = values[i] == 0;
      for (size_t k = 0; k < LN_COUNT(activation_names); ++k) {
        usual = usual || values[i] == (which == 0 ? activation_names[k].alpha : activation_names[k].beta);
      }
      if (!usual) return false;
    }
  }
  return true;
}

static bool find_activation(ln_onnx_node *n, const direction *d, int32_t which, ln_emit_activation *out) {
  int32_t count = 0;
  const char *const *names = ln_onnx_texts(n, "activations", &count, NULL);
  const int32_t at = d->index * d->form->activations + which;
  const char *name = names != NULL && at < count ? names[at] : d->form->defaults[which];
  for (size_t i = 0; i < LN_COUNT(activation_names); ++i) {
    if (!same_name(name, activation_names[i].name)) continue;
    *out = activation_names[i].activation;
    return true;
  }
  ln_emit_refuse(n->e, "the activation %.40s in a recurrent layer; use Sigmoid, Tanh, Relu or another simple one",
                 name);
  return false;
}

static bool set_activations(ln_onnx_node *n, const direction *d, ln_recurrent *layer) {
  ln_emit_activation all[3];
  if (!has_usual_numbers(n)) {
    ln_emit_refuse(n->e, "its activations have numbers of their own; use those of the standard");
    return false;
  }
  for (int32_t i = 0; i < d->form->activations; ++i) {
    if (!find_activation(n, d, i, &all[i])) return false;
  }
  layer->gate = all[0];
  layer->act = all[d->form->activations > 1 ? 1 : 0];
  if (d->form->activations > 2) layer->output_act = all[2];
  return true;
}

/* ---- weights ---- */

/* What an input holds for this direction, as float32; -1 where it is absent. */
static int32_t part(ln_onnx_node *n, int32_t input, int32_t index, int32_t axis) {
  const int32_t a = ln_onnx_in(n, input);
  return a < 0 ? -1 : ln_emit_pick(n->e, ln_emit_cast(n->e, a, LN_FLOAT32), axis, index);
}

/* Rows [which * units, ...) of it. */
static int32_t rows(const ln_onnx_node *n, const direction *d, int32_t a, int32_t which) {
  return a < 0 ? -1 : ln_emit_slice(n->e, a, 0, which * d->units, (which + 1) * d->units, 1);
}

/* Weights [gates * units, in] of the direction. */
static int32_t weights(ln_onnx_node *n, const direction *d, int32_t input, int32_t scales) {
  ln_emit *e = n->e;
  if (!d->quantized) return part(n, input, d->index, 0);
  int32_t scale = ln_onnx_in(n, scales), zero = ln_onnx_in(n, scales + 1);
  if (ln_emit_rank(e, scale) > 0) scale = ln_emit_pick(e, scale, 0, d->index);
  if (ln_emit_rank(e, zero) > 0) zero = ln_emit_pick(e, zero, 0, d->index);
  const ln_onnx_scale by = {.scale = scale, .zero = zero, .axis = 1};
  return ln_emit_swap(e, ln_onnx_dequantize(n, ln_emit_pick(e, ln_onnx_in(n, input), 0, d->index), &by), 0, 1);
}

static void set_weights(ln_onnx_node *n, const direction *d, ln_recurrent *layer) {
  static const int32_t peepholes[3] = {0, 2, 1}; /* ours are input, forget, output */
  const cell_form *f = d->form;
  const int32_t w = weights(n, d, W, SCALES_OF_W), r = weights(n, d, R, SCALES_OF_R), b = part(n, B, d->index, 0);
  for (int32_t g = 0; g < f->gates; ++g) {
    layer->kernel[g] = rows(n, d, w, f->order[g]);
    layer->recurrent[g] = rows(n, d, r, f->order[g]);
    layer->bias[g] = rows(n, d, b, f->order[g]);
    layer->recurrent_bias[g] = rows(n, d, b, f->gates + f->order[g]);
  }
  if (f->peepholes < 0) return;
  const int32_t p = part(n, f->peepholes, d->index, 0);
  for (int32_t i = 0; i < 3; ++i) layer->peephole[i] = rows(n, d, p, peepholes[i]);
}

/* A state to begin with; -1 for zeros, which is what there is where nothing is said. */
static int32_t first_state(ln_onnx_node *n, const direction *d, int32_t input, int32_t axis) {
  const int32_t state = part(n, input, d->index, axis);
  const int64_t count = state >= 0 ? ln_emit_elements(n->e, state) : 0;
  const float *data = count > 0 && ln_emit_type(n->e, state) == LN_FLOAT32 ? ln_emit_data(n->e, state) : NULL;
  for (int64_t i = 0; data != NULL && i < count; ++i) {
    if (data[i] != 0) return state;
  }
  return data != NULL ? -1 : state;
}

/* ---- a direction ---- */

static bool run(ln_onnx_node *n, const direction *d, int32_t x, int32_t *outputs) {
  const int32_t state_axis = d->batch_first ? 1 : 0;
  const char *way = ln_onnx_text(n, "direction", "forward");
  ln_recurrent layer = ln_recurrent_make(d->form->cell, d->units);
  if (!set_activations(n, d, &layer)) return false;
  set_weights(n, d, &layer);
  layer.backwards = strcmp(way, "reverse") == 0 || d->index == 1;
  layer.clip = ln_onnx_float(n, "clip", 0);
  layer.input_forget = ln_onnx_int(n, "input_forget", 0) != 0;
  layer.reset_after = ln_onnx_int(n, "linear_before_reset", 0) != 0;
  layer.h0 = first_state(n, d, H0, state_axis);
  if (d->form->c0 >= 0) layer.c0 = first_state(n, d, d->form->c0, state_axis);
  layer.lengths = ln_onnx_in(n, LENGTHS);
  outputs[0] = outputs[1] = outputs[2] = -1;
  if (!ln_emit_recurrent(n->e, x, &layer, ln_onnx_wants(n, 0) ? &outputs[0] : NULL, &outputs[1],
                         d->form->c0 >= 0 && ln_onnx_wants(n, 2) ? &outputs[2] : NULL)) {
    return false;
  }
  if (layer.backwards && outputs[0] >= 0) outputs[0] = ln_emit_reverse(n->e, outputs[0], 1);
  return !ln_emit_failed(n->e);
}

/* [batch, time, units] and [batch, units] of each direction as ONNX has them. */
static int32_t join(ln_onnx_node *n, bool batch_first, bool is_sequence, int32_t count, const int32_t *parts) {
  ln_emit *e = n->e;
  int32_t turned[2];
  for (int32_t i = 0; i < count; ++i)
    turned[i] = is_sequence && !batch_first ? ln_emit_swap(e, parts[i], 0, 1) : parts[i];
  const int32_t axis = is_sequence ? (batch_first ? 2 : 1) : batch_first ? 1 : 0;
  return ln_emit_cast(e, ln_emit_pack(e, axis, count, turned), ln_emit_type(e, ln_onnx_in(n, X)));
}

void ln_onnx_recurrent(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const bool batch_first = ln_onnx_int(n, "layout", 0) != 0;
  const bool quantized = n->variant == QUANTIZED;
  const int32_t directions = strcmp(ln_onnx_text(n, "direction", "forward"), "bidirectional") == 0 ? 2 : 1;
  const int32_t r = ln_onnx_in(n, R), x = ln_emit_cast(e, ln_onnx_in(n, X), LN_FLOAT32);
  int32_t parts[3][2], made[3];
  if (ln_emit_failed(e)) return;
  if (ln_emit_rank(e, x) != 3 || ln_emit_rank(e, r) != 3 || ln_emit_dim(e, r, quantized ? 1 : 2) < 1) {
    ln_emit_wrong(e, "its input and weights have %d and %d dimensions", ln_emit_rank(e, x), ln_emit_rank(e, r));
    return;
  }
  const int32_t first = batch_first ? x : ln_emit_swap(e, x, 0, 1);
  for (int32_t i = 0; i < directions; ++i) {
    const direction d = {.form = &forms[quantized ? LN_CELL_LSTM : n->variant],
                         .quantized = quantized,
                         .index = i,
                         .units = ln_emit_dim(e, r, quantized ? 1 : 2),
                         .batch_first = batch_first};
    if (!run(n, &d, first, made)) return;
    for (int32_t k = 0; k < 3; ++k) parts[k][i] = made[k];
  }
  for (int32_t k = 0; k < 3; ++k) {
    if (ln_onnx_wants(n, k)) ln_onnx_out(n, k, join(n, batch_first, k == 0, directions, parts[k]));
  }
}

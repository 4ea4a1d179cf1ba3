/*
 * Gradients of recurrent operators, by other operators that compute the same: steps one after another, whose gradients
 * are those of what each is made of (Werbos, Backpropagation through time, 1990). The states begin at zero, as they do
 * after a reset.
 */
#include "train/train.h"

/* ---- what cells share ---- */

/* An input as a sequence of [batch, depth]. */
typedef struct sequence {
  int32_t steps, batch;
  bool by_batch; /* [batch, steps, depth] in the model; one step may have no dimension of its own */
  bool one_step;
  bool backward; /* steps are taken from the last to the first */
} sequence;

static sequence read_sequence(const ln_grad *g, const ln_op *op, bool one_step, bool time_major) {
  const ln_shape *x = ln_grad_shape(g, op->inputs[0]);
  if (one_step) return (sequence){.steps = 1, .batch = x->dims[0], .one_step = true};
  return (sequence){
      .steps = x->dims[time_major ? 0 : 1], .batch = x->dims[time_major ? 1 : 0], .by_batch = !time_major};
}

static int32_t swap_time(ln_grad *g, const sequence *s, int32_t a) {
  const int32_t order[3] = {1, 0, 2};
  return s->by_batch ? ln_grad_transpose(g, a, order) : a;
}

/* All steps of a sequence as rows [steps * batch, depth]. */
static int32_t input_rows(ln_grad *g, const ln_op *op, const sequence *s, int32_t index) {
  const int32_t x = swap_time(g, s, ln_grad_in(g, op, index));
  const ln_shape shape = *ln_grad_shape(g, x);
  const int32_t dims[2] = {ln_grad_span(g, &shape, 0, shape.rank - 1), shape.rank > 0 ? shape.dims[shape.rank - 1] : 0};
  return ln_grad_reshape_dims(g, x, 2, dims);
}

static int32_t step_of(ln_grad *g, const sequence *s, int32_t rows, int32_t step) {
  const int32_t begin[2] = {step * s->batch, 0}, size[2] = {s->batch, ln_grad_shape(g, rows)->dims[1]};
  return s->steps == 1 ? rows : ln_grad_slice(g, rows, begin, size);
}

/* rows * weights^T + bias; `bias` may be -1 */
static int32_t product(ln_grad *g, int32_t rows, int32_t weights, int32_t bias) {
  const int32_t inputs[3] = {rows, weights, bias};
  return ln_grad_emit(g, LN_OP_FULLY_CONNECTED, LN_FLOAT32, NULL, 3, inputs);
}

static int32_t add(ln_grad *g, int32_t a, int32_t b) {
  return a < 0 ? b : b < 0 ? a : ln_grad_binary(g, LN_OP_ADD, a, b);
}

static int32_t activate(ln_grad *g, int32_t activation, int32_t a) {
  switch (activation) {
    case LN_ACT_NONE: return a;
    case LN_ACT_RELU: return ln_grad_unary(g, LN_OP_RELU, a);
    case LN_ACT_RELU6: return ln_grad_unary(g, LN_OP_RELU6, a);
    case LN_ACT_RELU_N1_TO_1: return ln_grad_unary(g, LN_OP_RELU_N1_TO_1, a);
    case LN_ACT_TANH: return ln_grad_unary(g, LN_OP_TANH, a);
    default: ln_grad_refuse(g, "its activation has none"); return -1;
  }
}

static int32_t clip(ln_grad *g, int32_t a, float at) {
  if (!(at > 0)) return a;
  a = ln_grad_binary(g, LN_OP_MINIMUM, a, ln_grad_scalar(g, at));
  return ln_grad_binary(g, LN_OP_MAXIMUM, a, ln_grad_scalar(g, -at));
}

/* The place in time of the `nth` step that is taken. */
static int32_t time_of(const sequence *s, int32_t nth) { return s->backward ? s->steps - 1 - nth : nth; }

/* Of an operator that goes both ways: the gradient of one way's output, the first or second part of the channels where
 * both are in one; -1: none. */
static int32_t way_of(ln_grad *g, const ln_op *op, const int32_t *dy, int32_t way, bool merged, int32_t units) {
  if (!merged) return way < op->output_count ? dy[way] : -1;
  if (dy[0] < 0) return -1;
  ln_shape shape = *ln_grad_shape(g, dy[0]);
  const int32_t begin[3] = {0, 0, way == 0 ? 0 : shape.dims[2] - units};
  shape.dims[2] = units;
  return ln_grad_slice(g, dy[0], begin, shape.dims);
}

/* The steps' outputs as the operator lays them out. */
static int32_t output_of(ln_grad *g, const sequence *s, const int32_t *steps) {
  if (s->one_step) return steps[0];
  const ln_pack_options options = {.axis = s->by_batch ? 1 : 0, .values_count = s->steps};
  return ln_grad_emit(g, LN_OP_PACK, LN_FLOAT32, &options, s->steps, steps);
}

static int32_t *make_steps(ln_grad *g, const sequence *s) {
  int32_t *steps = s->steps < 1 ? NULL : ln_arena_array(ln_optimizer_arena(g->o), (size_t)s->steps, sizeof *steps);
  if (s->steps < 1) ln_grad_refuse(g, "it has no step");
  else if (steps == NULL) ln_grad_fail_memory(g);
  return steps;
}

static int32_t optional(ln_grad *g, const ln_op *op, int32_t index) {
  return index < op->input_count && op->inputs[index] >= 0 ? ln_grad_in(g, op, index) : -1;
}

/* ---- RNN, UNIDIRECTIONAL_SEQUENCE_RNN, BIDIRECTIONAL_SEQUENCE_RNN ---- */

/* Of operators that go both ways: a second sequence, with weights of its own or, without, what the second way reads. */
typedef struct auxiliary {
  int32_t data, weights; /* inputs: what the way reads; its first weights for the second sequence, -1: none */
} auxiliary;

static auxiliary read_auxiliary(const ln_op *op, int32_t way, int32_t data, int32_t weights, int32_t sure) {
  if (data >= op->input_count || op->inputs[data] < 0) return (auxiliary){0, -1};
  if (sure < op->input_count && op->inputs[sure] >= 0) return (auxiliary){0, weights};
  return (auxiliary){way == 0 ? 0 : data, -1};
}

enum { RNN_AUXILIARY = 9 };

/* One way, whose weights begin at input `from`. */
static void rnn_way(ln_grad *g, const ln_op *op, const sequence *s, const auxiliary *more, int32_t from,
                    int32_t activation, int32_t dy) {
  const int32_t first = ln_optimizer_graph(g->o)->op_count;
  int32_t *steps = make_steps(g, s);
  if (steps == NULL) return;
  int32_t rows = product(g, input_rows(g, op, s, more->data), ln_grad_in(g, op, from), ln_grad_in(g, op, from + 2));
  if (more->weights >= 0) {
    rows = add(g, rows, product(g, input_rows(g, op, s, RNN_AUXILIARY), ln_grad_in(g, op, more->weights), -1));
  }
  const int32_t recurrent = ln_grad_in(g, op, from + 1);
  for (int32_t n = 0, h = -1; n < s->steps && g->status == LN_OK; ++n) {
    const int32_t before = h < 0 ? -1 : product(g, h, recurrent, -1), t = time_of(s, n);
    steps[t] = h = activate(g, activation, add(g, step_of(g, s, rows, t), before));
  }
  ln_grad_through(g, first, output_of(g, s, steps), dy);
}

void ln_gradient_rnn(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const bool one_step = op->def->code == LN_OP_RNN;
  const ln_sequence_rnn_options *options = op->options;
  const int32_t activation =
      one_step ? ((const ln_rnn_options *)op->options)->fused_activation_function : options->fused_activation_function;
  const sequence s = read_sequence(g, op, one_step, !one_step && options->time_major);
  const auxiliary none = {0, -1};
  rnn_way(g, op, &s, &none, 1, activation, dy[0]);
}

void ln_gradient_rnn_both_ways(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_bidirectional_sequence_rnn_options *options = op->options;
  sequence s = read_sequence(g, op, false, options->time_major);
  for (int32_t way = 0; way < 2; ++way) {
    const int32_t from = way == 0 ? 1 : 5, units = ln_grad_shape(g, op->inputs[from])->dims[0];
    const int32_t part = way_of(g, op, dy, way, options->merge_outputs, units);
    s.backward = way == 1;
    const auxiliary more = read_auxiliary(op, way, RNN_AUXILIARY, RNN_AUXILIARY + 1 + way, RNN_AUXILIARY + 1);
    if (part >= 0) rnn_way(g, op, &s, &more, from, options->fused_activation_function, part);
  }
}

/* ---- LSTM, UNIDIRECTIONAL_SEQUENCE_LSTM, BIDIRECTIONAL_SEQUENCE_LSTM ---- */

enum { GATE_IN, GATE_FORGET, GATE_CELL, GATE_OUT, GATES };
enum { IN_WEIGHTS = 1, IN_RECURRENT = 5, IN_PEEPHOLES = 9, IN_BIASES = 12, IN_PROJECTION = 16, IN_NORMS = 20 };
enum { OTHER_WAY = 17, IN_AUXILIARY = 39 /* of BIDIRECTIONAL_SEQUENCE_LSTM: its second weights, other inputs */ };

typedef struct lstm {
  sequence s;
  int32_t activation;
  float cell_clip, projection_clip;
  int32_t rows[GATES];      /* of all steps; -1: the gate is one less the forget gate */
  int32_t recurrent[GATES]; /* tensors, -1 absent, as the rest */
  int32_t peepholes[GATES], norms[GATES], biases[GATES];
  int32_t projection, projection_bias;
} lstm;

static bool read_lstm(ln_grad *g, const ln_op *op, lstm *l) {
  const bool one_step = op->def->code == LN_OP_LSTM;
  bool time_major = false;
  if (one_step) {
    const ln_lstm_options *options = op->options;
    *l = (lstm){.activation = options->fused_activation_function,
                .cell_clip = options->cell_clip,
                .projection_clip = options->proj_clip};
  } else {
    const ln_unidirectional_sequence_lstm_options *options = op->options;
    *l = (lstm){.activation = options->fused_activation_function,
                .cell_clip = options->cell_clip,
                .projection_clip = options->proj_clip};
    time_major = options->time_major;
  }
  l->s = read_sequence(g, op, one_step, time_major);
  return g->status == LN_OK;
}

/* The weights of one way, whose places are `shift` further on. */
static void read_gates(ln_grad *g, const ln_op *op, const auxiliary *more, int32_t shift, bool has_norms, lstm *l) {
  static const int32_t peephole_of[GATES] = {0, 1, -1, 2};
  const int32_t x = input_rows(g, op, &l->s, more->data);
  const int32_t second = more->weights < 0 ? -1 : input_rows(g, op, &l->s, IN_AUXILIARY);
  for (int32_t k = 0; k < GATES; ++k) {
    const int32_t weights = optional(g, op, shift + IN_WEIGHTS + k);
    l->recurrent[k] = optional(g, op, shift + IN_RECURRENT + k);
    l->peepholes[k] = peephole_of[k] < 0 ? -1 : optional(g, op, shift + IN_PEEPHOLES + peephole_of[k]);
    l->biases[k] = optional(g, op, shift + IN_BIASES + k);
    l->norms[k] = has_norms ? optional(g, op, IN_NORMS + k) : -1;
    l->rows[k] = weights < 0 ? -1 : product(g, x, weights, l->norms[k] < 0 ? l->biases[k] : -1);
    const int32_t others = second < 0 ? -1 : optional(g, op, more->weights + k);
    if (others >= 0 && weights >= 0) l->rows[k] = add(g, l->rows[k], product(g, second, others, -1));
  }
  l->projection = optional(g, op, shift + IN_PROJECTION);
  l->projection_bias = optional(g, op, shift + IN_PROJECTION + 1);
}

/* (a - mean) / sqrt(variance + 1e-8) along rows (Ba, Kiros and Hinton, Layer normalization, 2016) */
static int32_t normalize(ln_grad *g, int32_t a) {
  const ln_reducer_options keep = {.keep_dims = true};
  const int32_t last = 1, axis = ln_grad_ints(g, 1, &last);
  const int32_t mean = ln_grad_emit(g, LN_OP_MEAN, LN_FLOAT32, &keep, 2, (const int32_t[]){a, axis});
  const int32_t apart = ln_grad_binary(g, LN_OP_SUB, a, mean);
  const int32_t inputs[2] = {ln_grad_mul(g, apart, apart), axis};
  const int32_t variance = ln_grad_emit(g, LN_OP_MEAN, LN_FLOAT32, &keep, 2, inputs);
  const int32_t by = ln_grad_unary(g, LN_OP_RSQRT, ln_grad_binary(g, LN_OP_ADD, variance, ln_grad_scalar(g, 1e-8f)));
  return ln_grad_mul(g, apart, by);
}

/* What a gate's function is applied to at a step; h and cell are -1 while they are zero. */
static int32_t gate_sum(ln_grad *g, const lstm *l, int32_t gate, int32_t step, int32_t h, int32_t cell) {
  int32_t sum = step_of(g, &l->s, l->rows[gate], step);
  if (h >= 0) {
    const int32_t r = l->recurrent[gate];
    sum = add(g, sum, ln_grad_shape(g, r)->rank == 1 ? ln_grad_mul(g, h, r) : product(g, h, r, -1));
  }
  if (cell >= 0 && l->peepholes[gate] >= 0) sum = add(g, sum, ln_grad_mul(g, cell, l->peepholes[gate]));
  if (l->norms[gate] < 0) return sum;
  return add(g, ln_grad_mul(g, normalize(g, sum), l->norms[gate]), l->biases[gate]);
}

static void lstm_step(ln_grad *g, const lstm *l, int32_t step, int32_t *h, int32_t *cell) {
  const int32_t forget = ln_grad_unary(g, LN_OP_LOGISTIC, gate_sum(g, l, GATE_FORGET, step, *h, *cell));
  const int32_t in = l->rows[GATE_IN] < 0 ? ln_grad_binary(g, LN_OP_SUB, ln_grad_scalar(g, 1), forget)
                                          : ln_grad_unary(g, LN_OP_LOGISTIC, gate_sum(g, l, GATE_IN, step, *h, *cell));
  const int32_t fresh = activate(g, l->activation, gate_sum(g, l, GATE_CELL, step, *h, -1));
  const int32_t kept = *cell < 0 ? -1 : ln_grad_mul(g, forget, *cell);
  *cell = clip(g, add(g, kept, ln_grad_mul(g, in, fresh)), l->cell_clip);
  const int32_t out = ln_grad_unary(g, LN_OP_LOGISTIC, gate_sum(g, l, GATE_OUT, step, *h, *cell));
  *h = ln_grad_mul(g, out, activate(g, l->activation, *cell));
  if (l->projection >= 0) {
    *h = clip(g, product(g, *h, l->projection, l->projection_bias), l->projection_clip);
  }
}

static void lstm_way(ln_grad *g, const ln_op *op, const auxiliary *more, int32_t shift, bool has_norms, lstm *l,
                     int32_t dy) {
  const int32_t first = ln_optimizer_graph(g->o)->op_count;
  int32_t *steps = make_steps(g, &l->s);
  if (steps == NULL) return;
  read_gates(g, op, more, shift, has_norms, l);
  for (int32_t n = 0, h = -1, cell = -1; n < l->s.steps && g->status == LN_OK; ++n) {
    const int32_t t = time_of(&l->s, n);
    lstm_step(g, l, t, &h, &cell);
    steps[t] = h;
  }
  ln_grad_through(g, first, output_of(g, &l->s, steps), dy);
}

/* ---- LSTM's basic form: data, activation, weights [4 * units, inputs + units], bias, state ---- */

/* Columns [first, first + count) of rows. */
static int32_t columns(ln_grad *g, int32_t rows, int32_t first, int32_t count) {
  const int32_t begin[2] = {0, first}, size[2] = {ln_grad_shape(g, rows)->dims[0], count};
  return ln_grad_slice(g, rows, begin, size);
}

/* What a state held before the step: a variable has been written over since, and began at zero. */
static int32_t state_before(ln_grad *g, const ln_op *op, int32_t index) {
  const ln_tensor *tensor = &ln_optimizer_graph(g->o)->tensors[op->inputs[index]];
  const ln_shape shape = tensor->shape;
  return tensor->is_variable ? ln_grad_zeros(g, &shape) : ln_grad_in(g, op, index);
}

static void basic_lstm(ln_grad *g, const ln_op *op, const int32_t *dy) {
  enum { INPUT, CELL, FORGET, OUTPUT }; /* the order of the weights' rows */
  const int32_t first = ln_optimizer_graph(g->o)->op_count;
  if (op->input_count != 5 || op->output_count != 4 || ln_grad_shape(g, op->inputs[4])->rank != 2) {
    ln_grad_refuse(g, "its form is not known");
    return;
  }
  const int32_t units = ln_grad_shape(g, op->inputs[4])->dims[1];
  const int32_t parts[2] = {ln_grad_in(g, op, 0), state_before(g, op, 1)};
  const int32_t joined = ln_grad_concat(g, 1, 2, parts);
  const int32_t sums = product(g, joined, ln_grad_in(g, op, 2), ln_grad_in(g, op, 3));
  const int32_t in = ln_grad_unary(g, LN_OP_LOGISTIC, columns(g, sums, INPUT * units, units));
  const int32_t fresh = ln_grad_unary(g, LN_OP_TANH, columns(g, sums, CELL * units, units));
  const int32_t forget = ln_grad_unary(g, LN_OP_LOGISTIC, columns(g, sums, FORGET * units, units));
  const int32_t out = ln_grad_unary(g, LN_OP_LOGISTIC, columns(g, sums, OUTPUT * units, units));
  const int32_t kept = ln_grad_mul(g, forget, state_before(g, op, 4));
  const int32_t state = add(g, ln_grad_mul(g, in, fresh), kept);
  const int32_t outputs[4] = {ln_grad_mul(g, out, ln_grad_unary(g, LN_OP_TANH, state)), state, joined, sums};
  ln_grad_through_all(g, first, 4, outputs, dy);
}

/* ---- UNIDIRECTIONAL_SEQUENCE_GRU (Cho et al., Learning phrase representations using RNN encoder-decoder, 2014) ----
 */

void ln_gradient_gru(ln_grad *g, const ln_op *op, const int32_t *dy) {
  enum { IN_DATA, IN_STATE, IN_GATE_WEIGHTS, IN_GATE_BIAS, IN_WEIGHTS_, IN_BIAS };
  const int32_t first = ln_optimizer_graph(g->o)->op_count, units = ln_grad_shape(g, op->inputs[IN_STATE])->dims[1];
  const sequence s = read_sequence(g, op, false, true);
  if (ln_grad_shape(g, op->inputs[IN_DATA])->rank != 3 || ln_grad_shape(g, op->inputs[IN_STATE])->rank != 2) {
    ln_grad_refuse(g, "its data and state do not fit together");
    return;
  }
  int32_t *steps = make_steps(g, &s), h = ln_grad_in(g, op, IN_STATE);
  const int32_t rows = input_rows(g, op, &s, IN_DATA), one = ln_grad_scalar(g, 1);
  for (int32_t n = 0; steps != NULL && n < s.steps && g->status == LN_OK; ++n) {
    int32_t parts[2] = {step_of(g, &s, rows, n), h};
    const int32_t gates = ln_grad_unary(g, LN_OP_LOGISTIC,
                                        product(g, ln_grad_concat(g, 1, 2, parts), ln_grad_in(g, op, IN_GATE_WEIGHTS),
                                                ln_grad_in(g, op, IN_GATE_BIAS)));
    parts[1] = ln_grad_mul(g, columns(g, gates, 0, units), h);
    const int32_t keep = columns(g, gates, units, units);
    const int32_t fresh = ln_grad_unary(
        g, LN_OP_TANH,
        product(g, ln_grad_concat(g, 1, 2, parts), ln_grad_in(g, op, IN_WEIGHTS_), ln_grad_in(g, op, IN_BIAS)));
    const int32_t part = ln_grad_mul(g, ln_grad_binary(g, LN_OP_SUB, one, keep), fresh);
    steps[n] = h = add(g, part, ln_grad_mul(g, keep, h));
  }
  if (g->status != LN_OK) return;
  const int32_t outputs[2] = {output_of(g, &s, steps), h};
  ln_grad_through_all(g, first, 2, outputs, dy);
}

/* ---- SVDF: of the memory that begins at zero the newest column alone holds something (Nakkiran et al., Compressing
 * deep neural networks using a rank-constrained topology, 2015) ---- */

void ln_gradient_svdf(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_svdf_options *options = op->options;
  const int32_t first = ln_optimizer_graph(g->o)->op_count;
  const ln_shape time = *ln_grad_shape(g, op->inputs[2]);
  if (time.rank != 2 || time.dims[1] < 1 || options->rank < 1 || time.dims[0] % options->rank != 0) {
    ln_grad_refuse(g, "its weights do not fit its rank");
    return;
  }
  const int32_t filters = time.dims[0], memory = time.dims[1], batch = ln_grad_shape(g, op->inputs[0])->dims[0];
  const int32_t units = filters / options->rank, groups[3] = {batch, units, options->rank}, row[2] = {1, filters};
  const int32_t newest = columns(g, ln_grad_in(g, op, 2), memory - 1, 1);
  const int32_t features = product(g, ln_grad_in(g, op, 0), ln_grad_in(g, op, 1), -1);
  const int32_t each = ln_grad_mul(g, features, ln_grad_reshape_dims(g, newest, 2, row));
  const int32_t sum = ln_grad_sum(g, ln_grad_reshape_dims(g, each, 3, groups), 4), dims[2] = {batch, units};
  const int32_t y = add(g, ln_grad_reshape_dims(g, sum, 2, dims), optional(g, op, 3));
  ln_grad_through(g, first, activate(g, options->fused_activation_function, y), dy[0]);
}

void ln_gradient_lstm(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const auxiliary none = {0, -1};
  lstm l;
  if (op->input_count < 20) basic_lstm(g, op, dy);
  else if (read_lstm(g, op, &l)) lstm_way(g, op, &none, 0, true, &l, dy[0]);
}

void ln_gradient_lstm_both_ways(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_bidirectional_sequence_lstm_options *options = op->options;
  lstm l = {.activation = options->fused_activation_function,
            .cell_clip = options->cell_clip,
            .projection_clip = options->proj_clip,
            .s = read_sequence(g, op, false, options->time_major)};
  for (int32_t way = 0; way < 2; ++way) {
    const int32_t shift = way * OTHER_WAY, projection = op->inputs[shift + IN_PROJECTION];
    const int32_t sized = projection >= 0 ? projection : op->inputs[shift + IN_WEIGHTS + GATE_OUT];
    const int32_t part = way_of(g, op, dy, way, options->merge_outputs, ln_grad_shape(g, sized)->dims[0]);
    l.s.backward = way == 1;
    const auxiliary more =
        read_auxiliary(op, way, IN_AUXILIARY, IN_AUXILIARY + 1 + way * GATES, IN_AUXILIARY + 1 + GATE_FORGET);
    if (part >= 0) lstm_way(g, op, &more, shift, false, &l, part);
  }
}

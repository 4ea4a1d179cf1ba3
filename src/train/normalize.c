/*
 * Layers that train otherwise than they run. A batch normalization stands in the model as MUL by a scale and ADD of a
 * shift: in the graph of a step both are computed, from the batch's statistics or from their moving averages; in the
 * result they are constants again, of the layer before where it can take them. A dropout becomes a product with a mask.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "train/operators.h"
#include "train/trainer.h"

typedef struct norm {
  const char *name;
  int32_t gamma, beta; /* tensors */
  size_t channels;
  double momentum, epsilon;
  float *mean, *variance; /* [channels] moving averages */
  int64_t updates;
} norm;

typedef struct dropout {
  int32_t kept, dropped; /* the constant 1 that stands for the mask, or (kept -1) the tensor that is masked */
  double rate;
  uint64_t index, runs;
  ln_random random; /* of the run in hand */
} dropout;

typedef struct ln_train_layers {
  norm *norms;
  dropout *dropouts;
  int32_t norm_count, dropout_count;
} layers;

static ln_status no_memory(const ln_trainer *t) {
  return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for normalization in training");
}

/* ---- finding ---- */

static int32_t find_tensor(const ln_graph *graph, const char *name) {
  for (int32_t i = 0; name != NULL && i < graph->tensor_count; ++i) {
    if (strcmp(graph->tensors[i].name, name) == 0) return i;
  }
  return -1;
}

/* The input of an operator of two that is `tensor`; -1. */
static int32_t input_of(const ln_op *op, int32_t tensor) {
  for (int32_t i = 0; i < 2 && op->input_count == 2; ++i) {
    if (op->inputs[i] == tensor) return i;
  }
  return -1;
}

static int32_t find_reader(const ln_graph *graph, int32_t code, int32_t tensor, int32_t other) {
  for (int32_t i = 0; tensor >= 0 && i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    const int32_t at = op->def->code == code ? input_of(op, tensor) : -1;
    if (at >= 0 && (other < 0 || op->inputs[1 - at] == other)) return i;
  }
  return -1;
}

static bool find_pair(const ln_graph *graph, const norm *n, int32_t *mul, int32_t *add) {
  *mul = find_reader(graph, LN_OP_MUL, n->gamma, -1);
  *add = *mul < 0 ? -1 : find_reader(graph, LN_OP_ADD, n->beta, graph->ops[*mul].outputs[0]);
  return *add >= 0;
}

static double number(const ln_layer_note *note, const char *key, double fallback, double most) {
  const char *text = ln_layer_note_get(note, key);
  const double value = text == NULL ? fallback : strtod(text, NULL);
  return value >= 0 && value <= most ? value : fallback;
}

/* Chosen to be trained; one that has nothing to train goes with everything. */
static bool is_trained(const ln_trainer *t, const norm *n) {
  return ln_trainer_param(t, n->gamma) != NULL || ln_trainer_param(t, n->beta) != NULL ||
         !ln_setting_given(t->settings, "train");
}

static ln_status keep(ln_trainer *t, const norm *n, const char *what, void *data, size_t bytes) {
  const char *name = ln_arena_printf(&t->arena, "normalization:%s:%s", n->name, what);
  return name == NULL ? no_memory(t) : ln_trainer_keep(t, name, data, bytes);
}

static bool is_plain(const ln_tensor *t) {
  return ln_tensor_const_data(t) && t->type == LN_FLOAT32 && t->sparsity == NULL && t->codebook == NULL;
}

static ln_status add_norm(ln_trainer *t, layers *l, const ln_layer_note *note) {
  const ln_graph *graph = ln_optimizer_graph(&t->o);
  norm *n = &l->norms[l->norm_count];
  *n = (norm){
      .name = note->name, .momentum = number(note, "momentum", 0.99, 1), .epsilon = number(note, "epsilon", 1e-3, 1)};
  n->gamma = find_tensor(graph, ln_layer_note_get(note, "gamma"));
  n->beta = find_tensor(graph, ln_layer_note_get(note, "beta"));
  int32_t mul, add;
  if (ln_layer_note_get(note, "inference") != NULL || !find_pair(graph, n, &mul, &add) || !is_trained(t, n)) {
    return LN_OK;
  }
  const ln_tensor *gamma = &graph->tensors[n->gamma], *beta = &graph->tensors[n->beta];
  const ln_shape *out = &graph->tensors[graph->ops[mul].outputs[0]].shape;
  if (!is_plain(gamma) || !is_plain(beta) || gamma->shape.rank != 1 || beta->bytes != gamma->bytes || out->rank < 2 ||
      out->dims[out->rank - 1] != gamma->shape.dims[0]) {
    return ln_fail(t->err, LN_ERR_MODEL, "the normalization \"%s\" has no scale and shift of channels", note->name);
  }
  n->channels = (size_t)gamma->shape.dims[0];
  n->mean = ln_arena_array(&t->arena, n->channels, sizeof *n->mean);
  n->variance = ln_arena_array(&t->arena, n->channels, sizeof *n->variance);
  if (n->mean == NULL || n->variance == NULL) return no_memory(t);
  for (size_t i = 0; i < n->channels; ++i) n->variance[i] = 1;
  ++l->norm_count;
  LN_TRY(keep(t, n, "mean", n->mean, n->channels * sizeof *n->mean));
  LN_TRY(keep(t, n, "variance", n->variance, n->channels * sizeof *n->variance));
  return keep(t, n, "updates", &n->updates, sizeof n->updates);
}

static ln_status add_dropout(ln_trainer *t, layers *l, const ln_layer_note *note) {
  const ln_graph *graph = ln_optimizer_graph(&t->o);
  dropout *d = &l->dropouts[l->dropout_count];
  const double rate = number(note, "rate", 0, 0.9999);
  *d = (dropout){.kept = find_tensor(graph, ln_layer_note_get(note, "kept")), .rate = rate};
  d->dropped = d->kept >= 0 ? -1 : find_tensor(graph, ln_layer_note_get(note, "output"));
  if (rate == 0 || (d->kept < 0 && d->dropped < 0)) return LN_OK;
  d->index = (uint64_t)l->dropout_count++;
  const char *name = ln_arena_printf(&t->arena, "dropout:%s", note->name);
  return name == NULL ? no_memory(t) : ln_trainer_keep(t, name, &d->runs, sizeof d->runs);
}

ln_status ln_train_layers_begin(ln_trainer *t) {
  layers *l = t->layers = ln_arena_alloc(&t->arena, sizeof *l);
  if (l == NULL) return no_memory(t);
  ln_layer_notes notes;
  LN_TRY(ln_layer_notes_read(t->o.model, &t->arena, t->err, &notes));
  l->norms = ln_arena_array(&t->arena, (size_t)notes.count + 1, sizeof *l->norms);
  l->dropouts = ln_arena_array(&t->arena, (size_t)notes.count + 1, sizeof *l->dropouts);
  if (l->norms == NULL || l->dropouts == NULL) return no_memory(t);
  for (int32_t i = 0; i < notes.count; ++i) {
    const ln_layer_note *note = &notes.list[i];
    if (strcmp(note->kind, "BatchNormalization") == 0) LN_TRY(add_norm(t, l, note));
    if (strcmp(note->kind, "Dropout") == 0) LN_TRY(add_dropout(t, l, note));
  }
  return LN_OK;
}

bool ln_train_layers_normalize(const ln_trainer *t) { return t->layers != NULL && t->layers->norm_count > 0; }

/* ---- in the graph of a step ---- */

/* Operators from place `from` on, which were added last, come to stand before place `at`. */
static ln_status move_last(ln_grad *g, int32_t from, int32_t at) {
  ln_graph *graph = ln_optimizer_graph(g->o);
  const size_t count = (size_t)(graph->op_count - from);
  if (g->status != LN_OK || count == 0) return g->status;
  ln_op *moved = ln_arena_copy(ln_optimizer_arena(g->o), graph->ops + from, count * sizeof *moved);
  if (moved == NULL) return ln_optimizer_no_memory(g->o);
  memmove(graph->ops + at + count, graph->ops + at, (size_t)(from - at) * sizeof *moved);
  memcpy(graph->ops + at, moved, count * sizeof *moved);
  return LN_OK;
}

/* Into a moving average; the first batches weigh more, so that it does not keep what it began with. */
static void follow(const norm *n, float *average, const float *values, size_t count) {
  const double warm = (1.0 + (double)n->updates) / (10.0 + (double)n->updates);
  const double momentum = warm < n->momentum ? warm : n->momentum;
  for (size_t i = 0; i < count && i < n->channels; ++i) {
    average[i] = (float)(momentum * (double)average[i] + (1 - momentum) * (double)values[i]);
  }
}

static void take_mean(ln_trainer *t, void *user, const float *values, size_t count) {
  const norm *n = user;
  (void)t;
  follow(n, n->mean, values, count);
}

static void take_variance(ln_trainer *t, void *user, const float *values, size_t count) {
  norm *n = user;
  (void)t;
  follow(n, n->variance, values, count);
  ++n->updates;
}

static void fill_mean(ln_trainer *t, void *user, float *values, size_t count) {
  const norm *n = user;
  (void)t;
  memcpy(values, n->mean, (count < n->channels ? count : n->channels) * sizeof *values);
}

static void fill_variance(ln_trainer *t, void *user, float *values, size_t count) {
  const norm *n = user;
  (void)t;
  memcpy(values, n->variance, (count < n->channels ? count : n->channels) * sizeof *values);
}

/* Mean and variance of the batch, [1, .., 1, channels]. */
static ln_status of_batch(ln_trainer *t, ln_grad *g, norm *n, int32_t x, int32_t *mean, int32_t *variance) {
  *mean = ln_grad_moments(g, x);
  *variance = *mean + 1;
  LN_TRY(g->status);
  LN_TRY(ln_step_add_output(t, g, *mean, take_mean, n));
  return ln_step_add_output(t, g, *variance, take_variance, n);
}

static void of_averages(ln_trainer *t, ln_grad *g, norm *n, int32_t *mean, int32_t *variance) {
  const ln_shape shape = {1, {(int32_t)n->channels}};
  *mean = ln_step_add_input(t, g, "training/moving_mean", &shape, fill_mean, n);
  *variance = ln_step_add_input(t, g, "training/moving_variance", &shape, fill_variance, n);
}

/* MUL takes gamma / sqrt(variance + epsilon), ADD beta - mean * that. */
static ln_status rewrite_norm(ln_trainer *t, ln_grad *g, norm *n, bool training) {
  ln_graph *graph = ln_optimizer_graph(g->o);
  const int32_t end = graph->op_count;
  int32_t mul, add, mean = -1, variance = -1;
  if (!find_pair(graph, n, &mul, &add)) return LN_OK;
  const int32_t gamma = input_of(&graph->ops[mul], n->gamma), beta = input_of(&graph->ops[add], n->beta);
  if (training) LN_TRY(of_batch(t, g, n, graph->ops[mul].inputs[1 - gamma], &mean, &variance));
  else of_averages(t, g, n, &mean, &variance);
  const int32_t above = ln_grad_binary(g, LN_OP_ADD, variance, ln_grad_scalar(g, (float)n->epsilon));
  const int32_t scale = ln_grad_mul(g, ln_grad_unary(g, LN_OP_RSQRT, above), n->gamma);
  const int32_t shift = ln_grad_binary(g, LN_OP_SUB, n->beta, ln_grad_mul(g, mean, scale));
  LN_TRY(g->status);
  graph->ops[mul].inputs[gamma] = scale;
  graph->ops[add].inputs[beta] = shift;
  return move_last(g, end, mul);
}

typedef struct mask {
  const dropout *dropout;
  float *values;
} mask;

static void fill_part(void *user, size_t begin, size_t end) {
  const mask *m = user;
  ln_random random = m->dropout->random;
  const uint32_t below = (uint32_t)(m->dropout->rate * 4294967296.0);
  const float kept = (float)(1 / (1 - m->dropout->rate));
  random.at = begin;
  for (size_t i = begin; i < end; ++i) m->values[i] = ln_random_word(&random) < below ? 0.0f : kept;
}

static void fill_mask(ln_trainer *t, void *user, float *values, size_t count) {
  dropout *d = user;
  mask m = {d, values};
  const uint64_t seed = (uint64_t)ln_setting_int(t->settings, ln_train_parameters, "seed");
  ln_random_begin(&d->random, seed, LN_RANDOM_DROPOUT, d->runs++, d->index);
  ln_trainer_share(t, count, fill_part, &m);
}

static int32_t producer_of(const ln_graph *graph, int32_t tensor) {
  for (int32_t i = 0; i < graph->op_count; ++i) {
    for (int32_t k = 0; k < graph->ops[i].output_count; ++k) {
      if (graph->ops[i].outputs[k] == tensor) return i;
    }
  }
  return -1;
}

/* Where the model keeps no operator of it, all that reads the tensor reads it masked. */
static ln_status mask_tensor(ln_grad *g, const dropout *d, int32_t by) {
  ln_graph *graph = ln_optimizer_graph(g->o);
  const int32_t end = graph->op_count, at = producer_of(graph, d->dropped) + 1;
  const int32_t masked = ln_grad_mul(g, d->dropped, by);
  LN_TRY(g->status);
  for (int32_t i = at; i < end; ++i) {
    for (int32_t k = 0; k < graph->ops[i].input_count; ++k) {
      if (graph->ops[i].inputs[k] == d->dropped) graph->ops[i].inputs[k] = masked;
    }
  }
  return move_last(g, end, at);
}

static ln_status rewrite_dropout(ln_trainer *t, ln_grad *g, dropout *d) {
  ln_graph *graph = ln_optimizer_graph(g->o);
  const int32_t mul = find_reader(graph, LN_OP_MUL, d->kept, -1);
  if (d->kept >= 0 && mul < 0) return LN_OK;
  const int32_t at = mul < 0 ? 0 : input_of(&graph->ops[mul], d->kept);
  const ln_shape shape = *ln_grad_shape(g, mul < 0 ? d->dropped : graph->ops[mul].inputs[1 - at]);
  const int32_t by = ln_step_add_input(t, g, "training/mask", &shape, fill_mask, d);
  LN_TRY(g->status);
  if (mul < 0) return mask_tensor(g, d, by);
  graph->ops[mul].inputs[at] = by;
  return LN_OK;
}

ln_status ln_train_layers_rewrite(ln_trainer *t, ln_grad *g, bool training) {
  layers *l = t->layers;
  for (int32_t i = 0; i < l->norm_count; ++i) LN_TRY(rewrite_norm(t, g, &l->norms[i], training));
  for (int32_t i = 0; training && i < l->dropout_count; ++i) LN_TRY(rewrite_dropout(t, g, &l->dropouts[i]));
  return LN_OK;
}

/* ---- in the result ---- */

/* Both constants for the moving averages. */
static ln_status set_constants(ln_optimizer *o, const norm *n) {
  const ln_graph *graph = ln_optimizer_graph(o);
  ln_tensor *gamma = &graph->tensors[n->gamma], *beta = &graph->tensors[n->beta];
  float *scale = ln_arena_copy(ln_optimizer_arena(o), gamma->data, gamma->bytes);
  float *shift = ln_arena_copy(ln_optimizer_arena(o), beta->data, beta->bytes);
  if (n->updates == 0) return LN_OK; /* as they came */
  if (scale == NULL || shift == NULL) return ln_optimizer_no_memory(o);
  for (size_t i = 0; i < n->channels; ++i) {
    const double factor = (double)scale[i] / sqrt((double)n->variance[i] + n->epsilon);
    shift[i] = (float)((double)shift[i] - (double)n->mean[i] * factor);
    scale[i] = (float)factor;
  }
  ln_edit_set_data(gamma, LN_FLOAT32, scale, gamma->bytes);
  ln_edit_set_data(beta, LN_FLOAT32, shift, beta->bytes);
  return LN_OK;
}

/* By its name (`key` NULL), or by what is said under a key; NULL: none. */
static ln_layer_note *find_note(const ln_layer_notes *notes, const char *key, const char *value) {
  for (int32_t i = 0; i < notes->count; ++i) {
    ln_layer_note *note = &notes->list[i];
    const char *said = key == NULL ? note->name : ln_layer_note_get(note, key);
    if (said != NULL && strcmp(said, value) == 0) return note;
  }
  return NULL;
}

/* What the notes say afterwards: what could not be folded is a scale and a shift like others. */
static void note_fold(ln_layer_note *note, ln_layer_note *layer, const char *output, const char *bias) {
  if (note == NULL) return;
  if (layer == NULL) {
    ln_layer_note_set(note, "inference", "true");
    return;
  }
  ln_layer_note_set(note, "output", NULL);
  ln_layer_note_set(note, "gamma", NULL);
  ln_layer_note_set(note, "beta", NULL);
  ln_layer_note_set(note, "folded_into", layer->name);
  ln_layer_note_set(layer, "output", output);
  ln_layer_note_set(layer, "bias", bias);
}

static ln_status fold(ln_optimizer *o, const ln_layer_notes *notes, const norm *n, bool *drop) {
  const ln_graph *graph = ln_optimizer_graph(o);
  int32_t mul, add;
  bool folded = false;
  if (!find_pair(graph, n, &mul, &add)) return LN_OK;
  const int32_t x = graph->ops[mul].inputs[1 - input_of(&graph->ops[mul], n->gamma)], at = producer_of(graph, x);
  const char *output = graph->tensors[graph->ops[add].outputs[0]].name;
  ln_layer_note *layer = at < 0 ? NULL : find_note(notes, "output", graph->tensors[x].name);
  const char *bias = layer == NULL ? "" : ln_arena_printf(ln_optimizer_arena(o), "%s/bias", layer->name);
  int32_t *uses = ln_graph_count_uses(graph, ln_optimizer_arena(o));
  if (bias == NULL || uses == NULL) return ln_optimizer_no_memory(o);
  if (layer != NULL) LN_TRY(ln_edit_fold_scale(o, uses, at, mul, add, bias, &folded));
  if (folded) drop[mul] = drop[add] = true;
  note_fold(find_note(notes, NULL, n->name), folded ? layer : NULL, output, bias);
  return LN_OK;
}

/* The product with 1 goes: its output is its input. */
static void skip_dropout(ln_optimizer *o, const dropout *d, bool *drop) {
  ln_graph *graph = ln_optimizer_graph(o);
  const int32_t mul = find_reader(graph, LN_OP_MUL, d->kept, -1);
  if (mul < 0 || *ln_edit_activation(&graph->ops[mul]) != LN_ACT_NONE) return;
  const int32_t out = graph->ops[mul].outputs[0], in = graph->ops[mul].inputs[1 - input_of(&graph->ops[mul], d->kept)];
  for (int32_t i = 0; i < graph->output_count; ++i) {
    if (graph->outputs[i] == out) return;
  }
  drop[mul] = true;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    for (int32_t k = 0; k < graph->ops[i].input_count; ++k) {
      if (graph->ops[i].inputs[k] == out) graph->ops[i].inputs[k] = in;
    }
  }
}

ln_status ln_train_layers_finish(ln_trainer *t, ln_optimizer *o) {
  const layers *l = t->layers;
  ln_graph *graph = ln_optimizer_graph(o);
  ln_layer_notes notes;
  if (l->norm_count + l->dropout_count == 0) return LN_OK;
  bool *drop = ln_arena_array(ln_optimizer_arena(o), (size_t)graph->op_count + 1, sizeof *drop);
  if (drop == NULL) return ln_optimizer_no_memory(o);
  LN_TRY(ln_layer_notes_read(o->model, ln_optimizer_arena(o), o->err, &notes));
  for (int32_t i = 0; i < l->norm_count; ++i) {
    LN_TRY(set_constants(o, &l->norms[i]));
    LN_TRY(fold(o, &notes, &l->norms[i], drop));
  }
  for (int32_t i = 0; i < l->dropout_count; ++i) {
    if (l->dropouts[i].kept >= 0) skip_dropout(o, &l->dropouts[i], drop);
  }
  ln_graph_drop_ops(graph, drop);
  return ln_layer_notes_write(o->model, &notes, o->err);
}

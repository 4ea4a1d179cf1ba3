/* The graphs of training signatures: the model with its weights as variables; behind it a loss, gradients, updates. */
#include <string.h>

#include "train/trainable.h"

static ln_arena *arena_of(ln_trainable *m) { return ln_optimizer_arena(&m->o); }
static ln_status no_memory(const ln_trainable *m) { return ln_optimizer_no_memory(&m->o); }

/* ---- weights ---- */

/* What was constant is read; of the others nothing is, until an optimizer asks for it. */
static void choose_reads(ln_trainable *m) {
  ln_graph *graph = ln_optimizer_graph(&m->o);
  for (int32_t i = 0; i < m->variable_count; ++i) {
    m->variables[i].tensor = i < m->weight_count ? m->t->params[i]->tensor : -1;
    if (i >= m->weight_count) continue;
    ln_tensor *tensor = &graph->tensors[m->variables[i].tensor];
    tensor->storage = LN_STORAGE_NONE;
    tensor->data = NULL;
    tensor->bytes = 0;
    tensor->buffer = 0;
  }
}

/* ---- keys ---- */

static const ln_signature *source_signature(const ln_trainable *m) {
  const ln_model *model = m->o.model;
  for (int32_t i = 0; i < model->signature_count; ++i) {
    if (model->signatures[i].graph == m->t->o.graph) return &model->signatures[i];
  }
  return NULL;
}

static const char *key_of(const ln_trainable *m, int32_t tensor) {
  const ln_signature *s = source_signature(m);
  for (int32_t i = 0; s != NULL && i < s->input_count; ++i) {
    if (s->inputs[i] == tensor) return s->input_keys[i];
  }
  for (int32_t i = 0; s != NULL && i < s->output_count; ++i) {
    if (s->outputs[i] == tensor) return s->output_keys[i];
  }
  return ln_optimizer_graph(&m->o)->tensors[tensor].name;
}

/* The graph's inputs or outputs with room for one more. */
static ln_train_end *list_ends(ln_trainable *m, const int32_t *tensors, int32_t count) {
  ln_train_end *ends = ln_arena_array(arena_of(m), (size_t)count + 1, sizeof *ends);
  for (int32_t i = 0; ends != NULL && i < count; ++i) ends[i] = (ln_train_end){key_of(m, tensors[i]), tensors[i]};
  return ends;
}

/* ---- infer: the graph itself, so that its own signatures see what was learned ---- */

ln_status ln_trainable_add_infer(ln_trainable *m) {
  const ln_signature *s = source_signature(m);
  m->o.graph = m->t->o.graph;
  const ln_graph *graph = ln_optimizer_graph(&m->o);
  const int32_t outputs = s != NULL ? s->output_count : graph->output_count;
  ln_train_end *in = list_ends(m, m->t->inputs, m->t->input_count);
  ln_train_end *out = list_ends(m, s != NULL ? s->outputs : graph->outputs, outputs);
  if (in == NULL || out == NULL) return no_memory(m);
  choose_reads(m);
  LN_TRY(ln_trainable_read(m));
  return ln_trainable_sign(m, "infer", in, m->t->input_count, out, outputs);
}

/* ---- loss ---- */

static ln_status add_target(ln_trainable *m, const ln_grad *g) {
  const ln_trainer *t = m->t;
  const bool classes = t->loss->target == LN_TARGET_CLASS;
  ln_shape shape = *ln_grad_shape(g, t->prediction);
  if (shape.rank < 1 || shape.dims[0] != m->batch) {
    return ln_fail(m->o.err, LN_ERR_SHAPE, "the output '%s' has no dimension of samples",
                   ln_optimizer_graph(&m->o)->tensors[t->prediction].name);
  }
  if (classes && shape.rank > 1) --shape.rank;
  m->target_key = classes ? "labels" : "targets";
  m->target = ln_edit_add_tensor(&m->o, m->target_key, classes ? LN_INT32 : LN_FLOAT32, &shape, &ln_quant_none);
  return m->target < 0 ? no_memory(m) : LN_OK;
}

/* The mean over the samples. */
static ln_status add_loss(ln_trainable *m, ln_grad *g) {
  const ln_trainer *t = m->t;
  LN_TRY(add_target(m, g));
  const int32_t prediction = ln_grad_value(g, t->prediction);
  const int32_t losses = t->loss->emit(g, t->settings, t->loss->parameters, prediction, m->target);
  const int32_t inputs[2] = {losses, ln_grad_ints(g, 1, &(const int32_t){0})};
  const int32_t sum = ln_grad_emit(g, LN_OP_SUM, LN_FLOAT32, NULL, 2, inputs);
  m->loss = ln_grad_scale(g, sum, 1 / (float)m->batch);
  return g->status;
}

/* ---- updates ---- */

static double number(const ln_trainer *t, const char *name) {
  return ln_setting_number(t->settings, ln_train_parameters, name);
}

static int32_t norm_of(ln_grad *g, int32_t gradient) {
  const ln_shape shape = *ln_grad_shape(g, gradient);
  const int32_t square = ln_grad_mul(g, gradient, gradient);
  return ln_grad_reshape_dims(g, ln_grad_sum(g, square, (1u << shape.rank) - 1), 0, NULL);
}

/* min(1, most / norm), by the norm's square */
static int32_t shrink(ln_grad *g, int32_t square, double most) {
  const int32_t norm =
      ln_grad_unary(g, LN_OP_SQRT, ln_grad_binary(g, LN_OP_MAXIMUM, square, ln_grad_scalar(g, 1e-30f)));
  const int32_t part = ln_grad_binary(g, LN_OP_DIV, ln_grad_scalar(g, (float)most), norm);
  return ln_grad_binary(g, LN_OP_MINIMUM, part, ln_grad_scalar(g, 1));
}

static void clip(const ln_trainable *m, ln_grad *g, int32_t *gradients) {
  const double value = number(m->t, "clip_value"), norm = number(m->t, "clip_norm");
  const double all = number(m->t, "global_clip_norm");
  int32_t square = -1;
  for (int32_t i = 0; i < m->weight_count; ++i) {
    int32_t *d = &gradients[i];
    if (value > 0) {
      *d = ln_grad_binary(g, LN_OP_MINIMUM, *d, ln_grad_scalar(g, (float)value));
      *d = ln_grad_binary(g, LN_OP_MAXIMUM, *d, ln_grad_scalar(g, (float)-value));
    }
    if (norm > 0) *d = ln_grad_mul(g, *d, shrink(g, norm_of(g, *d), norm));
    if (all > 0) square = square < 0 ? norm_of(g, *d) : ln_grad_binary(g, LN_OP_ADD, square, norm_of(g, *d));
  }
  if (all <= 0) return;
  const int32_t by = shrink(g, square, all);
  for (int32_t i = 0; i < m->weight_count; ++i) gradients[i] = ln_grad_mul(g, gradients[i], by);
}

/* New values of the weight and of its slots, of which the first is variable `slot`, in the order of the variables. */
static void update(ln_trainable *m, ln_grad *g, int32_t param, int32_t slot, ln_update_graph *u, int32_t *made) {
  const ln_trainer *t = m->t;
  u->is_weight = t->params[param]->is_weight;
  u->decay = ln_setting_given(t->settings, "weight_decay") ? number(t, "weight_decay") : t->update->decay;
  if (!u->is_weight) u->decay = 0;
  u->values = m->variables[param].tensor;
  for (int32_t k = 0, at = slot; k < LN_UPDATE_SLOTS; ++k) {
    u->slots[k] = u->new_slots[k] = (m->slots >> k & 1) != 0 ? m->variables[at++].tensor : -1;
  }
  t->update->emit(g, u);
  made[param] = u->new_values;
  for (int32_t k = 0, at = slot; k < LN_UPDATE_SLOTS; ++k) {
    if ((m->slots >> k & 1) != 0) made[at++] = u->new_slots[k];
  }
}

/* Tensors for what the optimizer reads beside the weights. */
static ln_status add_slots(ln_trainable *m) {
  for (int32_t i = m->weight_count; i < m->variable_count; ++i) LN_TRY(ln_trainable_give_tensor(m, &m->variables[i]));
  return LN_OK;
}

static int32_t *gradients_of(ln_trainable *m, ln_grad *g) {
  int32_t *tensors = ln_arena_array(arena_of(m), (size_t)m->weight_count, sizeof *tensors);
  int32_t *gradients = ln_arena_array(arena_of(m), (size_t)m->weight_count, sizeof *gradients);
  if (tensors == NULL || gradients == NULL) {
    ln_grad_fail_memory(g);
    return NULL;
  }
  for (int32_t i = 0; i < m->weight_count; ++i) tensors[i] = m->variables[i].tensor;
  g->status = ln_grad_build(&m->o, m->loss, tensors, m->weight_count, gradients);
  for (int32_t i = 0; i < m->weight_count; ++i) {
    if (g->status == LN_OK && gradients[i] < 0) gradients[i] = ln_grad_zeros(g, &m->variables[i].shape);
  }
  return gradients;
}

/* The number of this step, counted from 1. */
static int32_t count_step(ln_trainable *m, ln_grad *g, int32_t *made) {
  const ln_shape scalar = {0};
  const int32_t last = m->variable_count - 1, one = 1;
  const int32_t sum[2] = {m->variables[last].tensor, ln_grad_reshape(g, ln_grad_ints(g, 1, &one), &scalar)};
  made[last] = ln_grad_emit(g, LN_OP_ADD, LN_INT32, NULL, 2, sum);
  const ln_cast_options cast = {.in_data_type = LN_INT32, .out_data_type = LN_FLOAT32};
  return ln_grad_emit(g, LN_OP_CAST, LN_FLOAT32, &cast, 1, &made[last]);
}

/* All new values first: nothing is assigned before the last was read. */
static ln_status add_updates(ln_trainable *m, ln_grad *g, int32_t **made) {
  const ln_trainer *t = m->t;
  LN_TRY(add_slots(m));
  int32_t *gradients = gradients_of(m, g);
  LN_TRY(g->status);
  clip(m, g, gradients);
  *made = ln_arena_array(arena_of(m), (size_t)m->variable_count, sizeof **made);
  if (*made == NULL) return no_memory(m);
  ln_update_graph u = {.s = t->settings, .list = t->update->parameters};
  u.step = count_step(m, g, *made);
  u.rate = ln_grad_scalar(g, (float)number(t, "learning_rate"));
  const int32_t each = (m->variable_count - 1) / m->weight_count - 1; /* slots of a weight */
  for (int32_t i = 0; i < m->weight_count; ++i) {
    u.gradient = gradients[i];
    update(m, g, i, m->weight_count + i * each, &u, *made);
  }
  return g->status;
}

/* Operators whose results no one reads, as far back as they go. */
static ln_status drop_unread(ln_trainable *m, const ln_train_end *outputs, int32_t count) {
  ln_graph *graph = ln_optimizer_graph(&m->o);
  bool *read = ln_arena_array(arena_of(m), (size_t)graph->tensor_count, sizeof *read);
  bool *drop = ln_arena_array(arena_of(m), (size_t)graph->op_count, sizeof *drop);
  if (read == NULL || drop == NULL) return no_memory(m);
  for (int32_t i = 0; i < count; ++i) read[outputs[i].tensor] = true;
  for (int32_t i = graph->op_count - 1; i >= 0; --i) {
    const ln_op *op = &graph->ops[i];
    drop[i] = op->output_count > 0 && (op->def->flags & LN_OPF_STATEFUL) == 0;
    for (int32_t k = 0; k < op->output_count; ++k) drop[i] = drop[i] && !read[op->outputs[k]];
    for (int32_t k = 0; k < op->input_count && !drop[i]; ++k) {
      if (op->inputs[k] >= 0) read[op->inputs[k]] = true;
    }
  }
  ln_graph_drop_ops(graph, drop);
  return LN_OK;
}

ln_status ln_trainable_add_train(ln_trainable *m, bool train) {
  const char *name = train ? "train" : "eval";
  int32_t *made = NULL;
  LN_TRY(ln_trainable_add_graph(m, name, false));
  ln_train_end *in = list_ends(m, m->t->inputs, m->t->input_count), *out = list_ends(m, &m->t->output, 1);
  if (in == NULL || out == NULL) return no_memory(m);
  ln_grad g = {.o = &m->o};
  choose_reads(m);
  LN_TRY(add_loss(m, &g));
  if (train) LN_TRY(add_updates(m, &g, &made));
  in[m->t->input_count] = (ln_train_end){m->target_key, m->target};
  out[1] = (ln_train_end){"loss", m->loss};
  LN_TRY(ln_trainable_read(m));
  for (int32_t i = 0; train && i < m->variable_count; ++i) {
    LN_TRY(ln_trainable_assign(m, &m->variables[i], made[i]));
  }
  LN_TRY(drop_unread(m, out, 2));
  return ln_trainable_sign(m, name, in, m->t->input_count + 1, out, 2);
}

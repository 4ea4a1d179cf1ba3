/* Models with training signatures, made of a trainer's model. */
#include <stdlib.h>
#include <string.h>

#include "train/trainable.h"

enum { GRAPHS = 5, BATCH = 5, OTHER_BATCH = 7 /* primes that few shapes have */ };

/* ---- graphs and signatures ---- */

ln_status ln_trainable_add_graph(ln_trainable *m, const char *name, bool empty) {
  ln_model *model = m->o.model;
  ln_graph none = {.debug_metadata_index = -1};
  ln_graph *graph = empty ? &none : ln_graph_clone(&model->graphs[m->t->o.graph], &model->arena);
  if (graph == NULL) return ln_optimizer_no_memory(&m->o);
  m->o.graph = model->graph_count;
  model->graphs[model->graph_count] = *graph;
  model->graphs[model->graph_count++].name = name;
  return LN_OK;
}

static int by_key(const void *a, const void *b) {
  return strcmp(((const ln_train_end *)a)->key, ((const ln_train_end *)b)->key);
}

static bool split(ln_trainable *m, ln_train_end *ends, int32_t count, const char ***keys, int32_t **tensors) {
  *keys = ln_arena_array(&m->o.model->arena, (size_t)count + 1, sizeof **keys);
  *tensors = ln_arena_array(&m->o.model->arena, (size_t)count + 1, sizeof **tensors);
  if (*keys == NULL || *tensors == NULL) return false;
  for (int32_t i = 0; i < count; ++i) (*tensors)[i] = ends[i].tensor;
  return true;
}

static ln_status check_keys(const ln_trainable *m, const char *signature, const ln_train_end *ends, int32_t count) {
  for (int32_t i = 1; i < count; ++i) {
    if (strcmp(ends[i - 1].key, ends[i].key) != 0) continue;
    return ln_fail(m->o.err, LN_ERR_UNSUPPORTED, "the signature %s would have \"%.60s\" twice", signature, ends[i].key);
  }
  return LN_OK;
}

ln_status ln_trainable_sign(ln_trainable *m, const char *key, ln_train_end *inputs, int32_t input_count,
                            ln_train_end *outputs, int32_t output_count) {
  ln_graph *graph = ln_optimizer_graph(&m->o);
  ln_signature *s = &m->signatures[m->signature_count++];
  *s = (ln_signature){.key = key, .graph = m->o.graph, .input_count = input_count, .output_count = output_count};
  int32_t *in, *out;
  if (!split(m, inputs, input_count, &s->input_keys, &in) || !split(m, outputs, output_count, &s->output_keys, &out)) {
    return ln_optimizer_no_memory(&m->o);
  }
  if (m->o.graph != m->t->o.graph) { /* whose own order metadata counts by */
    graph->inputs = in;
    graph->input_count = input_count;
    graph->outputs = out;
    graph->output_count = output_count;
  }
  ln_train_end *sides[2] = {inputs, outputs};
  const char **keys[2] = {s->input_keys, s->output_keys};
  int32_t **tensors[2] = {&s->inputs, &s->outputs};
  for (int32_t i = 0; i < 2; ++i) {
    const int32_t count = i == 0 ? input_count : output_count;
    if (count > 0) qsort(sides[i], (size_t)count, sizeof *sides[i], by_key);
    LN_TRY(check_keys(m, key, sides[i], count));
    const char **ignored;
    if (!split(m, sides[i], count, &ignored, tensors[i])) return ln_optimizer_no_memory(&m->o);
    for (int32_t k = 0; k < count; ++k) keys[i][k] = sides[i][k].key;
  }
  return LN_OK;
}

static int by_name(const void *a, const void *b) {
  return strcmp(((const ln_signature *)a)->key, ((const ln_signature *)b)->key);
}

/* The model's own signatures stay: they run the graph that learns. */
static ln_status add_signatures(ln_trainable *m) {
  ln_model *model = m->o.model;
  const int32_t own = model->signature_count, all = own + m->signature_count;
  ln_signature *list = ln_arena_array(&model->arena, (size_t)all, sizeof *list);
  if (list == NULL) return ln_optimizer_no_memory(&m->o);
  if (own > 0) memcpy(list, model->signatures, (size_t)own * sizeof *list);
  memcpy(list + own, m->signatures, (size_t)m->signature_count * sizeof *list);
  qsort(list, (size_t)all, sizeof *list, by_name);
  for (int32_t i = 1; i < all; ++i) {
    if (strcmp(list[i - 1].key, list[i].key) != 0) continue;
    return ln_fail(m->o.err, LN_ERR_UNSUPPORTED, "the model has a signature \"%s\" already", list[i].key);
  }
  model->signatures = list;
  model->signature_count = all;
  return LN_OK;
}

/* ---- a model for one batch ---- */

typedef enum checkpoints { CHECKPOINTS_NONE, CHECKPOINTS_FLEX, CHECKPOINTS_ARRAYS } checkpoints;

static ln_status make(ln_trainable *m, checkpoints form) {
  ln_model *model = m->o.model;
  LN_TRY(ln_train_rebatch(&m->o, m->batch));
  ln_graph *graphs = ln_arena_array(&model->arena, (size_t)model->graph_count + GRAPHS, sizeof *graphs);
  if (graphs == NULL) return ln_optimizer_no_memory(&m->o);
  memcpy(graphs, model->graphs, (size_t)model->graph_count * sizeof *graphs);
  model->graphs = graphs;
  LN_TRY(ln_trainable_list_variables(m));
  LN_TRY(ln_trainable_add_initializer(m));
  LN_TRY(ln_trainable_add_train(m, true));
  LN_TRY(ln_trainable_add_train(m, false));
  if (form != CHECKPOINTS_NONE) LN_TRY(ln_trainable_add_checkpoints(m, form == CHECKPOINTS_ARRAYS));
  LN_TRY(ln_trainable_add_infer(m));
  return add_signatures(m);
}

static ln_status begin(ln_trainable *m, ln_trainer *t, int32_t batch, checkpoints form) {
  *m = (ln_trainable){.t = t, .o = t->o, .batch = batch};
  m->o.err = t->err;
  LN_TRY(ln_edit_begin(t->o.model, t->err, &m->o.model));
  return make(m, form);
}

/* ---- the batch ---- */

static ln_status finish(ln_trainable *m, ln_model **out) {
  LN_TRY(ln_edit_compact(m->o.model, m->o.err));
  return ln_edit_snapshot(m->o.model, m->o.err, out);
}

static ln_status make_fixed(ln_trainer *t, int32_t batch, checkpoints form, ln_model **out) {
  ln_trainable m;
  ln_status status = begin(&m, t, batch, form);
  if (status == LN_OK) status = finish(&m, out);
  ln_model_destroy(m.o.model);
  return status;
}

static ln_status make_open(ln_trainer *t, checkpoints form, ln_model **out) {
  ln_trainable m, other = {0};
  ln_status status = begin(&m, t, BATCH, form);
  if (status == LN_OK) status = begin(&other, t, OTHER_BATCH, form);
  if (status == LN_OK) status = ln_trainable_open_batch(&m, &other);
  if (status == LN_OK) status = finish(&m, out);
  ln_model_destroy(m.o.model);
  ln_model_destroy(other.o.model);
  return status;
}

static int32_t declared_batch(const ln_trainer *t) {
  const ln_tensor *input = &ln_optimizer_graph(&t->o)->tensors[t->inputs[0]];
  return input->signature.rank > 0 && input->signature.dims[0] > 0 ? input->signature.dims[0] : 1;
}

/* ---- what is asked for ---- */

static bool is_kind(const ln_train_option *option, const char *kind) {
  return option->kind != NULL && strcmp(option->kind, kind) == 0;
}

/* Options that would change the steps. Of a trainer that has taken its own, those were for them; forms stay. */
static ln_status check_options(const ln_trainer *t) {
  static const char *const refused[] = {"schedule", "ema", "accumulate", "class_weights"};
  ln_train_option option = {.size = sizeof option};
  for (int32_t i = 0; ln_train_option_get(i, &option) == LN_OK; ++i) {
    const char *name = option.parameter->name;
    if (!ln_setting_given(t->settings, name)) continue;
    bool good = !is_kind(&option, "form") && !is_kind(&option, "augment");
    for (size_t k = 0; k < LN_COUNT(refused); ++k) good = good && strcmp(refused[k], name) != 0;
    if (t->begun && !is_kind(&option, "form")) good = true;
    if (!good) return ln_fail(t->err, LN_ERR_UNSUPPORTED, "%s: training signatures cannot hold it", name);
  }
  return LN_OK;
}

static ln_status read_form(const char *text, ln_error *err, checkpoints *out) {
  static const char *const names[] = {"none", "flex", "arrays"};
  *out = CHECKPOINTS_FLEX;
  if (text == NULL) return LN_OK;
  for (int32_t i = 0; i < (int32_t)LN_COUNT(names); ++i) {
    if (strcmp(names[i], text) != 0) continue;
    *out = (checkpoints)i;
    return LN_OK;
  }
  return ln_fail(err, LN_ERR_ARGUMENT, "checkpoints: \"%.40s\" is none of flex, arrays, none", text);
}

ln_status ln_trainable_make(ln_trainer *t, const ln_trainable_options *options, ln_error *err, ln_model **out) {
  const ln_trainable_options defaults = LN_TRAINABLE_OPTIONS_INIT;
  checkpoints form;
  if (t == NULL || out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  *out = NULL;
  if (options == NULL) options = &defaults;
  if (options->size != sizeof *options || options->batch < LN_BATCH_OPEN || options->batch > 1 << 20) {
    return ln_fail(err, LN_ERR_ARGUMENT, "options of training signatures are not as they should be");
  }
  LN_TRY(read_form(options->checkpoints, err, &form));
  t->err = err;
  LN_TRY(ln_trainer_open(t));
  LN_TRY(check_options(t));
  if (ln_train_layers_normalize(t)) {
    return ln_fail(err, LN_ERR_UNSUPPORTED, "batch normalization is in training: signatures are made of its result");
  }
  if (options->batch > 0) return make_fixed(t, options->batch, form, out);
  const ln_status status = make_open(t, form, out);
  if (status == LN_OK || options->batch == LN_BATCH_OPEN || status == LN_ERR_MEMORY) return status;
  return make_fixed(t, declared_batch(t), form, out);
}

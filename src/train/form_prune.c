/*
 * Pruning in training: masks over the weights, chosen anew by magnitude while the share of zeros grows (M. Zhu and
 * S. Gupta, To prune, or not to prune, 2018). Weights that are masked are kept, and may come back while masks still
 * change; with dense gradients they go on learning from what the pruned model does wrong (T. Lin et al., Dynamic Model
 * Pruning with Feedback, 2020). Layers share the zeros by LAMP's scores (J. Lee et al., 2021), or have as many each.
 */
#include <float.h>
#include <string.h>

#include "optimize/prune.h"
#include "train/form.h"

static const ln_parameter parameters[] = {
    {"prune", LN_PARAMETER_TEXT, NULL, NULL, 0, 0,
     "share of weights that become zero (0.8), or keep: those that are zero stay so"},
    {"prune_schedule", LN_PARAMETER_CHOICE, "polynomial", "polynomial|constant", 0, 0,
     "how the share grows: by a cubic curve, or at once"},
    {"prune_initial", LN_PARAMETER_NUMBER, "0.3", NULL, 0, 1, "share that the curve begins with"},
    {"prune_begin", LN_PARAMETER_NUMBER, "0", NULL, 0, 1, "share of the steps before the first weight goes"},
    {"prune_end", LN_PARAMETER_NUMBER, "0.5", NULL, 0, 1, "share of the steps after which masks stay"},
    {"prune_frequency", LN_PARAMETER_INTEGER, "50", NULL, 1, 1e9, "steps between changes of the masks"},
    {"prune_pattern", LN_PARAMETER_TEXT, "unstructured", NULL, 0, 0,
     "unstructured, blocks of output channels x inputs (1x4, 4x4), or n:m (2:4), which says its share itself"},
    {"prune_scope", LN_PARAMETER_CHOICE, "global", "global|layer", 0, 0,
     "whether layers share the zeros or have the same"},
    {"prune_gradient", LN_PARAMETER_CHOICE, "masked", "masked|dense", 0, 0,
     "whether weights learn on while they are zero, until masks stay"},
    {"prune_depthwise", LN_PARAMETER_FLAG, "false", NULL, 0, 0,
     "whether depthwise layers are pruned, too, whose few weights all count"},
    {"prune_layers", LN_PARAMETER_TEXT, NULL, NULL, 0, 0,
     "a regular expression: the tensors or layers that are pruned"},
    {0}};

/* A layer's mask. */
typedef struct masked {
  ln_param *param;
  uint8_t *stays; /* [count] in the tensor's order */
} masked;

typedef struct pruning {
  masked *layers;
  ln_prune_layer *plans; /* of the same layers: `dense` holds the values in the matrix's order */
  float *work;           /* [the most weights of a layer] */
  int32_t count;
  bool keeps, global, constant, dense, depthwise;
  double goal, initial, begin, end;
  int64_t frequency;
  ln_prune_pattern pattern;
  int32_t *done; /* not 0: masks stay from here on */
} pruning;

static masked *layer_of(const pruning *s, const ln_param *p) {
  for (int32_t i = 0; i < s->count; ++i) {
    if (s->layers[i].param == p) return &s->layers[i];
  }
  return NULL;
}

static ln_status no_memory(const ln_trainer *t) { return ln_fail(t->err, LN_ERR_MEMORY, "prune: out of memory"); }

/* ---- what is said ---- */

static ln_status read_settings(ln_trainer *t, pruning *s) {
  const char *text = ln_setting_text(t->settings, parameters, "prune");
  s->keeps = strcmp(text, "keep") == 0;
  s->goal = s->keeps ? 0 : ln_number_of_text(text);
  if (!(s->goal >= 0 && s->goal <= 1)) {
    return ln_fail(t->err, LN_ERR_ARGUMENT, "prune: \"%.40s\" is neither a share from 0 to 1 nor keep", text);
  }
  LN_TRY(ln_prune_pattern_read(ln_setting_text(t->settings, parameters, "prune_pattern"), t->err, &s->pattern));
  if (s->pattern.channels) {
    return ln_fail(t->err, LN_ERR_UNSUPPORTED,
                   "prune: whole channels are taken out before training: `linnet optimize --pattern channel`");
  }
  if (s->pattern.m > 0) s->goal = 1 - (double)s->pattern.n / s->pattern.m;
  s->global = strcmp(ln_setting_text(t->settings, parameters, "prune_scope"), "global") == 0 && s->pattern.m == 0;
  s->constant = strcmp(ln_setting_text(t->settings, parameters, "prune_schedule"), "constant") == 0;
  s->dense = strcmp(ln_setting_text(t->settings, parameters, "prune_gradient"), "dense") == 0;
  s->depthwise = ln_setting_flag(t->settings, parameters, "prune_depthwise");
  s->initial = ln_setting_number(t->settings, parameters, "prune_initial");
  s->begin = ln_setting_number(t->settings, parameters, "prune_begin");
  s->end = ln_setting_number(t->settings, parameters, "prune_end");
  s->frequency = ln_setting_int(t->settings, parameters, "prune_frequency");
  return LN_OK;
}

/* ---- layers ---- */

static bool takes(ln_trainer *t, const pruning *s, const ln_form_layer *found, ln_prune_layer *plan) {
  if (s->keeps) return ln_form_is_sparse(found->param->values, found->param->count);
  *plan = (ln_prune_layer){.layer = found->layer, .sparsity = -1, .importance = 1, .pattern = s->pattern};
  plan->groups = ln_prune_groups(&t->o, &found->layer);
  plan->units = (int64_t)(found->layer.rows / s->pattern.rows) * (found->layer.columns / s->pattern.columns);
  return ln_prune_refuses(&t->o, plan) == NULL && (s->depthwise || found->layer.kind != LN_LAYER_DEPTHWISE);
}

static ln_status add_layer(ln_trainer *t, pruning *s, const ln_form_layer *found) {
  ln_prune_layer *plan = &s->plans[s->count];
  masked *m = &s->layers[s->count];
  const size_t count = found->param->count;
  if (!takes(t, s, found, plan)) return LN_OK;
  ++s->count;
  m->param = found->param;
  m->stays = ln_alloc_array(count, 1);
  if (!s->keeps) {
    plan->dense = ln_alloc_array(count, sizeof *plan->dense);
    plan->costs = ln_alloc_array((size_t)plan->units + 1, sizeof *plan->costs);
    if (plan->dense == NULL || plan->costs == NULL) return no_memory(t);
  }
  if (m->stays == NULL) return no_memory(t);
  for (size_t i = 0; i < count; ++i) m->stays[i] = !s->keeps || found->param->values[i] != 0.0f;
  const char *name = ln_arena_printf(&t->arena, "prune/%s", found->param->name);
  return name == NULL ? no_memory(t) : ln_trainer_keep(t, name, m->stays, count);
}

static ln_status open_layers(ln_trainer *t, pruning *s) {
  ln_form_layer *found = NULL;
  int32_t count = 0;
  size_t most = 0;
  LN_TRY(ln_form_layers(t, "prune", ln_setting_text(t->settings, parameters, "prune_layers"), &found, &count));
  s->layers = ln_alloc_array((size_t)count, sizeof *s->layers);
  s->plans = ln_alloc_array((size_t)count, sizeof *s->plans);
  s->done = ln_alloc_array(1, sizeof *s->done);
  ln_status status = s->layers == NULL || s->plans == NULL || s->done == NULL ? no_memory(t) : LN_OK;
  for (int32_t i = 0; status == LN_OK && i < count; ++i) {
    if (found[i].param->count > most) most = found[i].param->count;
    status = add_layer(t, s, &found[i]);
  }
  ln_free(found);
  if (status != LN_OK) return status;
  s->work = ln_alloc_array(most, sizeof *s->work);
  if (s->work == NULL) return no_memory(t);
  *s->done = s->keeps;
  LN_TRY(ln_trainer_keep(t, "prune", s->done, sizeof *s->done));
  if (s->count > 0) return LN_OK;
  return ln_fail(t->err, LN_ERR_UNSUPPORTED, "prune: no trained weights %s", s->keeps ? "are zero" : "fit the pattern");
}

static void destroy(ln_trainer *t, void *state) {
  pruning *s = state;
  (void)t;
  if (s == NULL) return;
  for (int32_t i = 0; s->layers != NULL && s->plans != NULL && i < s->count; ++i) {
    ln_free(s->layers[i].stays);
    ln_free(s->plans[i].dense);
    ln_free(s->plans[i].costs);
  }
  ln_free(s->layers);
  ln_free(s->plans);
  ln_free(s->work);
  ln_free(s->done);
  ln_free(s);
}

static ln_status begin(ln_trainer *t, void **state) {
  pruning *s = ln_alloc_zero(sizeof *s);
  *state = s;
  if (s == NULL) return no_memory(t);
  LN_TRY(read_settings(t, s));
  return open_layers(t, s);
}

/* ---- masks ---- */

static void read_rows(const masked *m, const ln_layer *layer, float *rows) {
  const size_t columns = (size_t)layer->columns;
  for (size_t r = 0; r < (size_t)layer->rows; ++r)
    for (size_t c = 0; c < columns; ++c) rows[r * columns + c] = m->param->values[ln_form_place(layer, r, c)];
}

static ln_status mask_layer(ln_trainer *t, pruning *s, int32_t index) {
  const ln_prune_layer *plan = &s->plans[index];
  const masked *m = &s->layers[index];
  const size_t columns = (size_t)plan->layer.columns;
  /* What is zero by itself may become something else: only what is taken out is marked by zeros. */
  for (size_t i = 0; i < m->param->count; ++i) s->work[i] = plan->dense[i] == 0.0f ? FLT_MIN : plan->dense[i];
  LN_TRY(ln_prune_by_magnitude(&t->o, plan, s->work));
  for (size_t r = 0; r < (size_t)plan->layer.rows; ++r)
    for (size_t c = 0; c < columns; ++c) {
      m->stays[ln_form_place(&plan->layer, r, c)] = s->work[r * columns + c] != 0.0f;
    }
  return LN_OK;
}

static ln_status set_masks(ln_trainer *t, pruning *s, double share) {
  for (int32_t i = 0; i < s->count; ++i) {
    ln_prune_layer *plan = &s->plans[i];
    read_rows(&s->layers[i], &plan->layer, plan->dense);
    if (s->pattern.m > 0) {
      const int32_t go = (int32_t)(share * s->pattern.m + 1e-9);
      plan->pattern.n = s->pattern.m - go > s->pattern.n ? s->pattern.m - go : s->pattern.n;
    } else if (s->global) {
      LN_TRY(ln_prune_magnitude_costs(&t->o, plan));
    }
  }
  LN_TRY(ln_prune_allocate(&t->o, s->plans, s->count, share, s->global));
  for (int32_t i = 0; i < s->count; ++i) LN_TRY(mask_layer(t, s, i));
  return LN_OK;
}

/* The share that is to be zero at a step between the first and the last of those that change masks. */
static double share_at(const pruning *s, int64_t step, int64_t first, int64_t last) {
  if (s->constant || step >= last || s->initial > s->goal) return s->goal;
  const double left = 1 - (double)(step - first) / (double)(last - first);
  return s->goal + (s->initial - s->goal) * left * left * left;
}

static ln_status before_step(ln_trainer *t, void *state, int64_t step, int64_t steps) {
  pruning *s = state;
  int64_t first = (int64_t)(s->begin * (double)steps), last = (int64_t)(s->end * (double)steps);
  if (first > steps - 1) first = steps - 1;
  if (last > steps - 1) last = steps - 1;
  if (last < first) last = first;
  if (*s->done || step < first) return LN_OK;
  if (step < last && (step - first) % s->frequency != 0) return LN_OK;
  LN_TRY(set_masks(t, s, share_at(s, step, first, last)));
  *s->done = step >= last;
  return LN_OK;
}

/* ---- weights ---- */

static void apply(ln_trainer *t, void *state, ln_param *p) {
  const masked *m = layer_of(state, p);
  (void)t;
  for (size_t i = 0; m != NULL && i < p->count; ++i) {
    if (!m->stays[i]) p->used[i] = 0.0f;
  }
}

static void back(ln_trainer *t, void *state, ln_param *p) {
  const pruning *s = state;
  const masked *m = layer_of(s, p);
  (void)t;
  if (s->dense && !*s->done) return;
  for (size_t i = 0; m != NULL && i < p->count; ++i) {
    if (!m->stays[i]) p->gradient[i] = 0.0f;
  }
}

static ln_status finish(ln_trainer *t, void *state, ln_optimizer *o) {
  const pruning *s = state;
  (void)t;
  for (int32_t i = 0; i < s->count; ++i) LN_TRY(ln_invariant_keep_zeros(o, s->layers[i].param->tensor));
  return LN_OK;
}

static bool restored(ln_trainer *t, void *state) {
  const pruning *s = state;
  uint8_t byte;
  (void)t;
  memcpy(&byte, s->done, 1);
  if (byte > 1) *s->done = false;
  return byte <= 1;
}

const ln_form_def ln_form_prune = {.name = "prune",
                                   .what = "weights become zero while the others learn to do without them",
                                   .parameters = parameters,
                                   .begin = begin,
                                   .before_step = before_step,
                                   .apply = apply,
                                   .back = back,
                                   .finish = finish,
                                   .restored = restored,
                                   .destroy = destroy};

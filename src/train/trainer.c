/* The trainer from its model to its first step, and its result. */
#include <string.h>

#include "train/trainer.h"

/* ---- creating ---- */

ln_status ln_trainer_create(const ln_model *model, ln_error *err, ln_trainer **out) {
  if (model == NULL || out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  *out = NULL;
  ln_trainer *t = ln_alloc_zero(sizeof *t);
  if (t == NULL || (t->settings = ln_settings_create()) == NULL) {
    ln_free(t);
    return ln_fail(err, LN_ERR_MEMORY, "out of memory for a trainer");
  }
  t->source = model;
  t->no_options = (ln_optimize_options)LN_OPTIMIZE_OPTIONS_INIT;
  t->rate_factor = 1;
  t->order_epoch = -1;
  *out = t;
  return LN_OK;
}

void ln_trainer_destroy(ln_trainer *t) {
  if (t == NULL) return;
  for (int32_t i = t->form_count - 1; i >= 0; --i) {
    if (t->forms[i].def->destroy != NULL) t->forms[i].def->destroy(t, t->forms[i].state);
  }
  ln_step_destroy(&t->train);
  ln_step_destroy(&t->evaluate);
  ln_loader_end(t);
  for (int32_t i = 0; i < t->param_count; ++i) {
    ln_param *p = t->params[i];
    if (p->used != p->values) ln_free(p->used);
    ln_free(p->values);
    ln_free(p->gradient);
    ln_free(p->average);
    for (int32_t k = 0; k < LN_UPDATE_SLOTS; ++k) ln_free(p->slots[k]);
  }
  for (int32_t i = 0; t->best != NULL && i < t->param_count; ++i) ln_free(t->best[i]);
  ln_free(t->best);
  ln_teacher_destroy(t);
  ln_free(t->params);
  ln_free(t->order);
  ln_free(t->class_weights);
  ln_free(t->confusion);
  ln_invariants_destroy(t->o.invariants);
  ln_model_destroy(t->o.model);
  ln_settings_destroy(t->settings);
  ln_arena_free(&t->arena);
  ln_free(t);
}

static ln_status too_late(ln_error *err) { return ln_fail(err, LN_ERR_STATE, "training has begun already"); }

ln_status ln_trainer_set(ln_trainer *t, const char *name, const char *value, ln_error *err) {
  if (t == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  return t->opened ? too_late(err) : ln_settings_set(t->settings, name, value, err);
}

ln_status ln_trainer_set_data(ln_trainer *t, const ln_train_data *data, const ln_train_data *validation,
                              ln_error *err) {
  if (t == NULL || data == NULL || data->samples == NULL) {
    return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  }
  if (t->begun) return too_late(err);
  t->data = *data;
  t->validation = validation == NULL ? (ln_train_data){0} : *validation;
  return LN_OK;
}

ln_status ln_trainer_set_teacher(ln_trainer *t, ln_model *teacher, ln_error *err) {
  if (t == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  if (t->begun) return too_late(err);
  t->teacher = teacher;
  return LN_OK;
}

/* ---- parameters ---- */

static ln_status no_memory(const ln_trainer *t) { return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for training"); }

static float *floats(size_t count) { return ln_alloc_array(count + LN_UPDATE_MULTIPLE, sizeof(float)); }

static void keep_param(ln_trainer *t, ln_param *p, ln_status *status) {
  const size_t bytes = p->count * sizeof(float);
  const char *name = p->name;
  if (*status == LN_OK) *status = ln_trainer_keep(t, name, p->values, bytes);
  for (int32_t k = 0; k < LN_UPDATE_SLOTS && *status == LN_OK; ++k) {
    if (p->slots[k] != NULL) {
      *status = ln_trainer_keep(t, ln_arena_printf(&t->arena, "%s:slot%d", name, (int)k), p->slots[k], bytes);
    }
  }
  if (*status == LN_OK && p->average != NULL) {
    *status = ln_trainer_keep(t, ln_arena_printf(&t->arena, "%s:average", name), p->average, bytes);
  }
}

ln_status ln_trainer_add_param(ln_trainer *t, const ln_param *param, const float *values) {
  if (t->param_count == t->param_room) {
    const int32_t room = t->param_room * 2 + 16;
    ln_param **larger = ln_realloc_array(t->params, (size_t)t->param_room, (size_t)room, sizeof *larger);
    if (larger == NULL) return no_memory(t);
    t->params = larger;
    t->param_room = room;
  }
  ln_param *p = ln_arena_copy(&t->arena, param, sizeof *param);
  if (p == NULL) return no_memory(t);
  t->params[t->param_count++] = p;
  bool good = (p->values = floats(p->count)) != NULL && (p->gradient = floats(p->count)) != NULL;
  const bool averages = ln_setting_number(t->settings, ln_train_parameters, "ema") > 0;
  p->used = p->values;
  if (good && (averages || t->form_count > 0)) good = (p->used = floats(p->count)) != NULL;
  if (good && averages) good = (p->average = floats(p->count)) != NULL;
  float first[LN_UPDATE_SLOTS] = {0};
  const uint32_t slots = ln_update_used(t->update, t->settings, first);
  for (int32_t k = 0; good && k < LN_UPDATE_SLOTS; ++k) {
    if ((slots >> k & 1) == 0) continue;
    good = (p->slots[k] = floats(p->count)) != NULL;
    for (size_t i = 0; good && i < p->count; ++i) p->slots[k][i] = first[k];
  }
  if (!good) return no_memory(t);
  memcpy(p->values, values, p->count * sizeof *values);
  memcpy(p->used, values, p->count * sizeof *values);
  if (p->average != NULL) memcpy(p->average, values, p->count * sizeof *values);
  ln_status status = LN_OK;
  keep_param(t, p, &status);
  return status;
}

ln_param *ln_trainer_param(const ln_trainer *t, int32_t tensor) {
  for (int32_t i = 0; i < t->param_count; ++i) {
    if (tensor >= 0 && t->params[i]->tensor == tensor) return t->params[i];
  }
  return NULL;
}

static ln_status list_params(ln_trainer *t) {
  ln_param *list = NULL;
  int32_t count = 0;
  LN_TRY(ln_train_list(&t->o, ln_setting_text(t->settings, ln_train_parameters, "train"), &list, &count));
  if (count == 0) {
    const char *regex = ln_setting_text(t->settings, ln_train_parameters, "train");
    return regex == NULL
               ? ln_fail(t->err, LN_ERR_DATA, "the model has no weights that can be trained")
               : ln_fail(t->err, LN_ERR_NOT_FOUND, "train: nothing that can be trained fits \"%.60s\"", regex);
  }
  for (int32_t i = 0; i < count; ++i) {
    LN_TRY(ln_trainer_add_param(t, &list[i], ln_optimizer_graph(&t->o)->tensors[list[i].tensor].data));
  }
  return LN_OK;
}

/* ---- beginning ---- */

/* Inputs as a session of the source counts them, and the output that is learned from. */
static ln_status find_ends(ln_trainer *t) {
  const ln_model *model = t->o.model;
  const char *name = ln_setting_text(t->settings, ln_train_parameters, "prediction");
  const ln_signature *s = ln_model_default_signature(model);
  t->o.graph = s == NULL ? 0 : s->graph;
  const ln_graph *graph = ln_optimizer_graph(&t->o);
  const int32_t *outputs = s == NULL ? graph->outputs : s->outputs;
  const int32_t count = s == NULL ? graph->output_count : s->output_count;
  t->inputs = s == NULL ? graph->inputs : s->inputs;
  t->input_count = s == NULL ? graph->input_count : s->input_count;
  t->output = -1;
  for (int32_t i = 0; i < count; ++i) {
    const char *key = s == NULL ? graph->tensors[outputs[i]].name : s->output_keys[i];
    if (name == NULL || strcmp(name, key) == 0 || strcmp(name, graph->tensors[outputs[i]].name) == 0) {
      t->output = outputs[i];
      break;
    }
  }
  if (t->output >= 0) return LN_OK;
  return ln_fail(t->err, LN_ERR_NOT_FOUND, "prediction: the model has no output \"%.60s\"", name == NULL ? "" : name);
}

/* The loss reads before a last operator that it stands for. */
static void find_prediction(ln_trainer *t) {
  const ln_graph *graph = ln_optimizer_graph(&t->o);
  t->prediction = t->output;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (op->output_count == 1 && op->outputs[0] == t->output && op->def->code == t->loss->absorbs) {
      t->prediction = op->inputs[0];
    }
  }
}

static ln_status find_rows(ln_trainer *t) {
  LN_TRY(ln_settings_check(t->settings, t->err));
  t->loss = ln_loss_find(ln_setting_text(t->settings, ln_train_parameters, "loss"));
  if (t->loss != NULL && t->loss->soft != NULL && ln_augment_mixes(t->settings)) t->loss = t->loss->soft;
  t->update = ln_update_find(ln_setting_text(t->settings, ln_train_parameters, "optimizer"));
  t->schedule = ln_schedule_find(ln_setting_text(t->settings, ln_train_parameters, "schedule"));
  if (t->loss == NULL || t->update == NULL || t->schedule == NULL) {
    return ln_fail(t->err, LN_ERR_INTERNAL, "a choice has no row");
  }
  int32_t count = 0;
  for (int32_t i = 0; ln_form_at(i) != NULL; ++i) count += ln_setting_given(t->settings, ln_form_at(i)->name);
  t->forms = ln_arena_array(&t->arena, (size_t)count + 1, sizeof *t->forms);
  if (t->forms == NULL) return no_memory(t);
  for (int32_t i = 0; ln_form_at(i) != NULL; ++i) {
    if (ln_setting_given(t->settings, ln_form_at(i)->name)) t->forms[t->form_count++].def = ln_form_at(i);
  }
  return LN_OK;
}

static ln_status begin_forms(ln_trainer *t) {
  for (int32_t i = 0; i < t->form_count; ++i) LN_TRY(t->forms[i].def->begin(t, &t->forms[i].state));
  return LN_OK;
}

static ln_status keep_counters(ln_trainer *t) {
  LN_TRY(ln_trainer_keep(t, "training:step", &t->step, sizeof t->step));
  LN_TRY(ln_trainer_keep(t, "training:rate_factor", &t->rate_factor, sizeof t->rate_factor));
  LN_TRY(ln_trainer_keep(t, "training:loss_sum", &t->loss_sum, sizeof t->loss_sum));
  return ln_trainer_keep(t, "training:weight_sum", &t->weight_sum, sizeof t->weight_sum);
}

static int32_t batch_of(const ln_trainer *t) {
  int64_t batch = ln_setting_int(t->settings, ln_train_parameters, "batch");
  if (t->data.samples != NULL && batch > t->data.samples->count) batch = t->data.samples->count;
  return (int32_t)(batch < 1 ? 1 : batch);
}

/* All that does not depend on data. */
static ln_status open_model(ln_trainer *t) {
  t->o = (ln_optimizer){.source = t->source, .options = &t->no_options, .stage = "train", .err = t->err};
  LN_TRY(find_rows(t));
  LN_TRY(ln_edit_begin(t->source, t->err, &t->o.model));
  LN_TRY(find_ends(t));
  find_prediction(t);
  LN_TRY(keep_counters(t));
  return list_params(t);
}

ln_status ln_trainer_open(ln_trainer *t) {
  if (t->opened) return t->param_count > 0 ? LN_OK : ln_fail(t->err, LN_ERR_STATE, "training could not begin");
  t->opened = true;
  return open_model(t);
}

static ln_status begin(ln_trainer *t) {
  LN_TRY(ln_trainer_open(t));
  t->o.err = t->err;
  LN_TRY(ln_train_layers_begin(t));
  LN_TRY(begin_forms(t));
  LN_TRY(ln_teacher_begin(t));
  LN_TRY(ln_step_make(t, batch_of(t), true, &t->train));
  LN_TRY(ln_loader_begin(t));
  size_t elements = 0;
  (void)ln_step_output(&t->train, LN_STEP_PREDICTION, &elements);
  t->classes = elements / (size_t)t->train.batch;
  LN_TRY(ln_batch_check(t, &t->data));
  if (t->validation.samples != NULL) LN_TRY(ln_batch_check(t, &t->validation));
  const int64_t count = t->data.samples->count, batch = t->train.batch;
  const int64_t accumulate = ln_setting_int(t->settings, ln_train_parameters, "accumulate");
  t->epoch_steps = (count + batch * accumulate - 1) / (batch * accumulate);
  t->steps = t->epoch_steps * ln_setting_int(t->settings, ln_train_parameters, "epochs");
  LN_TRY(ln_trainer_weigh_classes(t));
  LN_TRY(ln_trainer_watch_begin(t));
  t->order = ln_alloc_array((size_t)count, sizeof *t->order);
  return t->order == NULL ? no_memory(t) : LN_OK;
}

ln_status ln_trainer_begin(ln_trainer *t) {
  if (t->begun) return t->train.session != NULL ? LN_OK : ln_fail(t->err, LN_ERR_STATE, "training could not begin");
  if (t->data.samples == NULL) return ln_fail(t->err, LN_ERR_STATE, "training has no data");
  t->begun = true;
  const ln_status status = begin(t);
  if (status != LN_OK) ln_step_destroy(&t->train);
  return status;
}

/* ---- what is used ---- */

void ln_trainer_use(ln_trainer *t, bool averages) {
  t->averages = averages && ln_setting_number(t->settings, ln_train_parameters, "ema") > 0;
  for (int32_t i = 0; i < t->param_count; ++i) {
    ln_param *p = t->params[i];
    const float *from = averages && p->average != NULL ? p->average : p->values;
    if (p->used != from) memcpy(p->used, from, p->count * sizeof *from);
    for (int32_t k = 0; k < t->form_count; ++k) {
      if (t->forms[k].def->apply != NULL) t->forms[k].def->apply(t, t->forms[k].state, p);
    }
  }
}

/* ---- the result ---- */

static ln_status set_constants(ln_trainer *t, ln_optimizer *o) {
  for (int32_t i = 0; i < t->param_count; ++i) {
    const ln_param *p = t->params[i];
    if (p->tensor < 0) continue;
    void *data = ln_arena_copy(ln_optimizer_arena(o), p->used, p->count * sizeof(float));
    if (data == NULL) return no_memory(t);
    ln_edit_set_data(&ln_optimizer_graph(o)->tensors[p->tensor], LN_FLOAT32, data, p->count * sizeof(float));
  }
  return LN_OK;
}

static ln_status finish(ln_trainer *t, ln_optimizer *o, ln_model **out) {
  LN_TRY(set_constants(t, o));
  LN_TRY(ln_train_layers_finish(t, o));
  for (int32_t i = 0; i < t->form_count; ++i) {
    if (t->forms[i].def->finish != NULL) LN_TRY(t->forms[i].def->finish(t, t->forms[i].state, o));
  }
  LN_TRY(ln_edit_compact(o->model, t->err));
  return ln_edit_snapshot(o->model, t->err, out);
}

ln_status ln_trainer_make(ln_trainer *t, ln_error *err, ln_model **out) {
  if (t == NULL || out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  *out = NULL;
  t->err = t->o.err = err;
  LN_TRY(ln_trainer_begin(t));
  ln_optimizer o = t->o;
  o.invariants = NULL;
  LN_TRY(ln_edit_begin(t->o.model, err, &o.model));
  ln_trainer_take_best(t);
  ln_trainer_use(t, true);
  const ln_status status = finish(t, &o, out);
  ln_invariants_destroy(o.invariants);
  ln_model_destroy(o.model);
  return status;
}

/* Steps, epochs and evaluations: what is run in which order, and what the caller is told. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/trainer.h"

typedef struct metrics {
  int32_t count;
  ln_metric all[LN_METRICS_MOST];
} metrics;

typedef struct loop {
  ln_trainer *t;
  ln_train_fn callback;
  void *user;
  double begun; /* seconds */
  int64_t samples;
  metrics training;
  const char *names[2 * LN_METRICS_MOST];
  double values[2 * LN_METRICS_MOST];
  int32_t value_count;
  double validation_loss;
} loop;

static double now(void) { return (double)ln_clock_ns() * 1e-9; }

static ln_status no_memory(const ln_trainer *t) { return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for training"); }

/* ---- metrics ---- */

static void destroy_metrics(metrics *m) {
  for (int32_t i = 0; i < m->count; ++i) m->all[i].def->destroy(m->all[i].state);
  m->count = 0;
}

/* "auto": of classes accuracy, of values the mean absolute error. */
static bool wanted(const ln_trainer *t, const ln_metric_def *def) {
  const char *text = ln_setting_text(t->settings, ln_train_parameters, "metrics");
  if (strcmp(text, "auto") != 0) return ln_metric_chosen(t->settings, def);
  return strcmp(def->name, t->data.labels != NULL ? "accuracy" : "mae") == 0;
}

static ln_metric_input input_of(const ln_trainer *t) {
  const ln_train_data *data = &t->data;
  const size_t each = data->labels == NULL || data->label_count < 1 ? 1 : (size_t)data->label_count;
  ln_metric_input input = {.target = data->labels != NULL ? LN_TARGET_CLASS : LN_TARGET_VALUES};
  input.outputs = t->classes / each;
  input.logits = t->loss->absorbs >= 0 && t->prediction == t->output;
  input.yes_or_no = t->loss->absorbs == LN_OP_LOGISTIC || input.outputs == 1;
  return input;
}

static ln_status create_metrics(const ln_trainer *t, metrics *m) {
  const ln_target_kind kind = t->data.labels != NULL ? LN_TARGET_CLASS : LN_TARGET_VALUES;
  *m = (metrics){0};
  for (int32_t i = 0; ln_metric_at(i) != NULL && m->count < LN_METRICS_MOST; ++i) {
    const ln_metric_def *def = ln_metric_at(i);
    if (!wanted(t, def)) continue;
    if ((def->targets >> kind & 1) == 0) {
      destroy_metrics(m);
      return ln_fail(t->err, LN_ERR_ARGUMENT, "metrics: %s does not fit this data", def->name);
    }
    const ln_metric_input input = input_of(t);
    void *state = def->create(t->settings, def->parameters, &input);
    if (state == NULL) {
      destroy_metrics(m);
      return no_memory(t);
    }
    m->all[m->count++] = (ln_metric){def, state};
  }
  return LN_OK;
}

/* Each label of a sample is a target of its own. */
static ln_status add_metrics(const ln_trainer *t, metrics *m, const ln_step *step, const ln_train_data *data,
                             const int64_t *indices, int32_t count) {
  const float *outputs = ln_step_output(step, LN_STEP_PREDICTION, NULL);
  const int64_t each = data->labels == NULL || data->label_count < 1 ? 1 : data->label_count;
  const size_t width = t->classes / (size_t)each;
  for (int64_t i = 0; i < count * each; ++i) {
    const int64_t sample = indices[i / each];
    const void *target = data->labels != NULL ? (const void *)(data->labels + sample * each + i % each)
                                              : (const void *)(data->targets + sample * data->target_count);
    for (int32_t k = 0; k < m->count; ++k) {
      if (!m->all[k].def->add(m->all[k].state, outputs + (size_t)i * width, target)) return no_memory(t);
    }
  }
  return LN_OK;
}

/* ---- one step ---- */

/* Names the first sample whose loss is no number; weights are as they were before the step. */
static ln_status check_loss(ln_trainer *t, const ln_step *step, const ln_train_data *data, const int64_t *indices,
                            int32_t count) {
  char name[160];
  const float *losses = ln_step_output(step, LN_STEP_LOSSES, NULL);
  if (isfinite(*ln_step_output(step, LN_STEP_LOSS, NULL))) return LN_OK;
  for (int32_t i = 0; i < count; ++i) {
    if (isfinite(losses[i])) continue;
    return ln_fail(t->err, LN_ERR_DATA, "step %lld: %s: its loss is %s; a lower learning rate may help",
                   (long long)t->step + 1, ln_batch_name(data, indices[i], name, sizeof name),
                   losses[i] != losses[i] ? "not a number" : "infinite");
  }
  return ln_fail(t->err, LN_ERR_DATA, "step %lld: the loss is infinite; a lower learning rate may help",
                 (long long)t->step + 1);
}

static double rate_of(const ln_trainer *t) {
  const double rate = ln_setting_number(t->settings, ln_train_parameters, "learning_rate") * t->rate_factor;
  return rate * t->schedule->factor(t->settings, t->schedule->parameters, t->step, t->steps, t->epoch_steps);
}

static ln_status forms_before(ln_trainer *t) {
  for (int32_t i = 0; i < t->form_count; ++i) {
    if (t->forms[i].def->before_step == NULL) continue;
    LN_TRY(t->forms[i].def->before_step(t, t->forms[i].state, t->step, t->steps));
  }
  ln_trainer_use(t, false);
  return LN_OK;
}

/* Forward and back over one batch. `*loss` grows by the sum of the samples' losses, times what they weigh. */
static ln_status run_batch(ln_trainer *t, const int64_t *indices, int32_t count, double *loss) {
  const int64_t epoch = t->epoch_steps > 0 ? t->step / t->epoch_steps : 0;
  LN_TRY(ln_batch_fill(t, &t->train, &t->data, indices, count, epoch, true));
  LN_TRY(ln_teacher_run(t, &t->train));
  LN_TRY(ln_step_run(t, &t->train));
  LN_TRY(check_loss(t, &t->train, &t->data, indices, count));
  *loss += (double)*ln_step_output(&t->train, LN_STEP_LOSS, NULL) * count;
  return LN_OK;
}

/* Gradients of several batches become their mean. */
static ln_status accumulate(ln_trainer *t, const int64_t *indices, int64_t count, loop *l, double *loss) {
  const int32_t batch = t->train.batch;
  const int64_t parts = (count + batch - 1) / batch;
  float **sums = parts > 1 ? ln_alloc_array((size_t)t->param_count, sizeof *sums) : NULL;
  ln_status status = parts > 1 && sums == NULL ? no_memory(t) : LN_OK;
  for (int64_t at = 0; at < count && status == LN_OK; at += batch) {
    const int32_t part = (int32_t)(count - at < batch ? count - at : batch);
    status = run_batch(t, indices + at, part, loss);
    if (status == LN_OK && l != NULL) {
      status = add_metrics(t, &l->training, &t->train, &t->data, indices + at, part);
    }
    for (int32_t i = 0; i < t->param_count && sums != NULL && status == LN_OK; ++i) {
      ln_param *p = t->params[i];
      if (sums[i] == NULL && (sums[i] = ln_alloc_array(p->count, sizeof(float))) == NULL) status = no_memory(t);
      const float share = (float)part / (float)count;
      for (size_t k = 0; status == LN_OK && k < p->count; ++k) sums[i][k] += share * p->gradient[k];
      if (status == LN_OK && at + batch >= count) memcpy(p->gradient, sums[i], p->count * sizeof(float));
    }
  }
  for (int32_t i = 0; i < t->param_count && sums != NULL; ++i) ln_free(sums[i]);
  ln_free(sums);
  return status;
}

static ln_status one_step(ln_trainer *t, const int64_t *indices, int64_t count, loop *l, double *mean) {
  double loss = 0;
  LN_TRY(forms_before(t));
  LN_TRY(accumulate(t, indices, count, l, &loss));
  ln_trainer_descend(t, rate_of(t));
  ++t->step;
  t->loss_sum += loss;
  t->weight_sum += (double)count;
  if (mean != NULL) *mean = loss / (double)count;
  return LN_OK;
}

ln_status ln_trainer_step(ln_trainer *t, const int64_t *samples, int32_t count, ln_error *err, double *loss) {
  if (t == NULL || samples == NULL || count < 1) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  t->err = t->o.err = err;
  LN_TRY(ln_trainer_begin(t));
  for (int32_t i = 0; i < count; ++i) {
    if (samples[i] >= 0 && samples[i] < t->data.samples->count) continue;
    return ln_fail(err, LN_ERR_ARGUMENT, "there is no sample %lld", (long long)samples[i]);
  }
  return one_step(t, samples, count, NULL, loss);
}

/* ---- evaluating ---- */

static ln_status evaluate(ln_trainer *t, const ln_train_data *data, metrics *m, double *loss) {
  double sum = 0, weight = 0;
  int64_t *indices = ln_alloc_array((size_t)t->evaluate.batch, sizeof *indices);
  if (indices == NULL) return no_memory(t);
  ln_status status = LN_OK;
  for (int64_t at = 0; at < data->samples->count && status == LN_OK; at += t->evaluate.batch) {
    const int64_t left = data->samples->count - at;
    const int32_t count = left < t->evaluate.batch ? (int32_t)left : t->evaluate.batch;
    for (int32_t i = 0; i < count; ++i) indices[i] = at + i;
    status = ln_batch_fill(t, &t->evaluate, data, indices, count, 0, false);
    if (status == LN_OK) status = ln_step_run(t, &t->evaluate);
    if (status == LN_OK) status = add_metrics(t, m, &t->evaluate, data, indices, count);
    if (status != LN_OK) break;
    sum += (double)*ln_step_output(&t->evaluate, LN_STEP_LOSS, NULL) * count;
    weight += count;
  }
  ln_free(indices);
  *loss = sum / weight;
  return status;
}

static ln_status evaluate_now(ln_trainer *t, const ln_train_data *data, metrics *m, double *loss) {
  LN_TRY(create_metrics(t, m));
  ln_status status = LN_OK;
  if (t->evaluate.session == NULL) status = ln_step_make(t, t->train.batch, false, &t->evaluate);
  ln_trainer_use(t, true);
  if (status == LN_OK) status = evaluate(t, data, m, loss);
  if (status != LN_OK) destroy_metrics(m);
  return status;
}

/* Keeps the confusion matrix, for the caller. */
static ln_status keep_matrix(ln_trainer *t, const metrics *m) {
  for (int32_t i = 0; i < m->count; ++i) {
    if (m->all[i].def->matrix == NULL) continue;
    const ln_metric_matrix matrix = m->all[i].def->matrix(m->all[i].state);
    const size_t count = matrix.classes * matrix.classes;
    if (matrix.counts == NULL) continue;
    ln_free(t->confusion);
    t->confusion_classes = matrix.classes;
    t->confusion = ln_alloc_array(count, sizeof *t->confusion);
    if (t->confusion == NULL) return no_memory(t);
    memcpy(t->confusion, matrix.counts, count * sizeof *t->confusion);
  }
  return LN_OK;
}

ln_status ln_trainer_evaluate(ln_trainer *t, const ln_train_data *data, ln_error *err, ln_train_event *out) {
  if (t == NULL || data == NULL || out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  metrics m;
  double loss = NAN;
  t->err = t->o.err = err;
  LN_TRY(ln_trainer_begin(t));
  LN_TRY(ln_batch_check(t, data));
  LN_TRY(evaluate_now(t, data, &m, &loss));
  for (int32_t i = 0; i < m.count; ++i) {
    t->found_names[i] = m.all[i].def->name;
    t->found[i] = m.all[i].def->result(m.all[i].state);
  }
  *out = (ln_train_event){.size = sizeof *out, .step = t->step, .steps = t->steps, .loss = loss};
  out->validation_loss = loss;
  out->metric_count = m.count;
  out->metric_names = t->found_names;
  out->metrics = t->found;
  const ln_status status = keep_matrix(t, &m);
  out->confusion = t->confusion;
  out->class_count = t->confusion == NULL ? 0 : (int32_t)t->confusion_classes;
  destroy_metrics(&m);
  return status;
}

/* ---- epochs ---- */

static void put_values(loop *l, const metrics *m, const char *prefix) {
  for (int32_t i = 0; i < m->count; ++i) {
    const char *name = m->all[i].def->name;
    l->names[l->value_count] = *prefix == '\0' ? name : ln_arena_printf(&l->t->arena, "%s%s", prefix, name);
    l->values[l->value_count++] = m->all[i].def->result(m->all[i].state);
  }
}

/* Tells the caller; false: enough. */
static bool tell(loop *l, bool ended) {
  const ln_trainer *t = l->t;
  ln_train_event event = {.size = sizeof event, .step = t->step, .steps = t->steps};
  if (l->callback == NULL) return true;
  event.epoch = t->step / t->epoch_steps;
  event.epochs = t->steps / t->epoch_steps;
  event.samples = l->samples;
  event.seconds = now() - l->begun;
  event.loss = t->weight_sum > 0 ? t->loss_sum / t->weight_sum : 0;
  event.rate = rate_of(t);
  event.validation_loss = l->validation_loss;
  event.metric_count = l->value_count;
  event.metric_names = l->names;
  event.metrics = l->values;
  event.epoch_ended = ended;
  event.confusion = ended ? t->confusion : NULL;
  event.class_count = event.confusion == NULL ? 0 : (int32_t)t->confusion_classes;
  return l->callback(l->user, &event);
}

static ln_status end_epoch(loop *l) {
  ln_trainer *t = l->t;
  l->value_count = 0;
  put_values(l, &l->training, "");
  if (t->validation.samples != NULL) {
    metrics m;
    LN_TRY(evaluate_now(t, &t->validation, &m, &l->validation_loss));
    put_values(l, &m, "validation_");
    const ln_status status = keep_matrix(t, &m);
    destroy_metrics(&m);
    LN_TRY(status);
  } else {
    LN_TRY(keep_matrix(t, &l->training));
  }
  destroy_metrics(&l->training);
  const double loss = isnan(l->validation_loss) ? t->loss_sum / t->weight_sum : l->validation_loss;
  LN_TRY(ln_trainer_watch(t, loss, l->names, l->values, l->value_count));
  return create_metrics(t, &l->training);
}

static void begin_epoch(ln_trainer *t, int64_t epoch) {
  const int64_t count = t->data.samples->count;
  if (t->order_epoch == epoch) return;
  if (ln_setting_flag(t->settings, ln_train_parameters, "shuffle")) {
    ln_random_permutation((uint64_t)ln_setting_int(t->settings, ln_train_parameters, "seed"), (uint64_t)epoch, count,
                          t->order);
  } else {
    for (int64_t i = 0; i < count; ++i) t->order[i] = i;
  }
  t->order_epoch = epoch;
}

static ln_status run_steps(loop *l) {
  ln_trainer *t = l->t;
  const int64_t each = (int64_t)t->train.batch * ln_setting_int(t->settings, ln_train_parameters, "accumulate");
  bool more = true;
  while (more && t->stopped == 0 && t->step < t->steps) {
    const int64_t at = t->step % t->epoch_steps * each, left = t->data.samples->count - at;
    const int64_t count = left < each ? left : each;
    if (at == 0) t->loss_sum = t->weight_sum = 0;
    begin_epoch(t, t->step / t->epoch_steps);
    LN_TRY(one_step(t, t->order + at, count, l, NULL));
    l->samples += count;
    const bool ended = t->step % t->epoch_steps == 0;
    l->validation_loss = NAN;
    l->value_count = 0;
    if (ended) LN_TRY(end_epoch(l));
    more = tell(l, ended);
  }
  return LN_OK;
}

ln_status ln_trainer_run(ln_trainer *t, ln_train_fn callback, void *user, ln_error *err) {
  if (t == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  t->err = t->o.err = err;
  LN_TRY(ln_trainer_begin(t));
  loop l = {.t = t, .callback = callback, .user = user, .begun = now(), .validation_loss = NAN};
  LN_TRY(create_metrics(t, &l.training));
  const ln_status status = run_steps(&l);
  destroy_metrics(&l.training);
  return status;
}

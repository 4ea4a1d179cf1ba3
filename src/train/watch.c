/* What an epoch's result decides: whether training ends, the learning rate falls, or the weights are remembered. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/trainer.h"

static bool is_loss(const ln_trainer *t) {
  return strcmp(ln_setting_text(t->settings, ln_train_parameters, "monitor"), "loss") == 0;
}

/* Errors are better when they are smaller, everything else when it is greater. */
static bool larger_is_better(const ln_trainer *t) {
  static const char *const errors[] = {"mae", "mse", "perplexity"};
  const char *name = ln_setting_text(t->settings, ln_train_parameters, "monitor");
  for (size_t i = 0; i < LN_COUNT(errors); ++i) {
    if (strcmp(errors[i], name) == 0) return false;
  }
  return !is_loss(t);
}

static bool keeps_best(const ln_trainer *t) { return ln_setting_flag(t->settings, ln_train_parameters, "best"); }

ln_status ln_trainer_watch_begin(ln_trainer *t) {
  const char *name = ln_setting_text(t->settings, ln_train_parameters, "monitor");
  bool known = is_loss(t);
  for (int32_t i = 0; ln_metric_at(i) != NULL; ++i) known = known || strcmp(ln_metric_at(i)->name, name) == 0;
  if (!known) return ln_fail(t->err, LN_ERR_ARGUMENT, "monitor: \"%.60s\" is neither loss nor a metric", name);
  if (!is_loss(t) && t->validation.samples == NULL) { /* what training has seen of it is in no checkpoint */
    return ln_fail(t->err, LN_ERR_ARGUMENT, "monitor: %s is looked at on validation data, and there are none", name);
  }
  LN_TRY(ln_trainer_keep(t, "training:stopping", &t->stopping, sizeof t->stopping));
  LN_TRY(ln_trainer_keep(t, "training:plateau", &t->plateau, sizeof t->plateau));
  LN_TRY(ln_trainer_keep(t, "training:stopped", &t->stopped, sizeof t->stopped));
  if (!keeps_best(t)) return LN_OK;
  t->best = ln_alloc_array((size_t)t->param_count, sizeof *t->best);
  if (t->best == NULL) return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for training");
  for (int32_t i = 0; i < t->param_count; ++i) {
    const ln_param *p = t->params[i];
    t->best[i] = ln_alloc_array(p->count, sizeof(float));
    if (t->best[i] == NULL) return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for training");
    const char *key = ln_arena_printf(&t->arena, "%s:best", p->name);
    LN_TRY(ln_trainer_keep(t, key, t->best[i], p->count * sizeof(float)));
  }
  return LN_OK;
}

/* The monitored number: the loss, or a metric of the validation data. */
static ln_status find_value(const ln_trainer *t, double loss, const char *const *names, const double *values,
                            int32_t count, double *out) {
  char wanted[80];
  const char *name = ln_setting_text(t->settings, ln_train_parameters, "monitor");
  *out = loss;
  if (is_loss(t)) return LN_OK;
  snprintf(wanted, sizeof wanted, "validation_%s", name);
  for (int32_t i = 0; i < count; ++i) {
    if (strcmp(names[i], wanted) != 0) continue;
    *out = values[i];
    return LN_OK;
  }
  return ln_fail(t->err, LN_ERR_ARGUMENT, "monitor: %s is not among the metrics", name);
}

static void remember(ln_trainer *t) {
  for (int32_t i = 0; i < t->param_count; ++i) {
    const ln_param *p = t->params[i];
    memcpy(t->best[i], p->average != NULL ? p->average : p->values, p->count * sizeof(float));
  }
}

ln_status ln_trainer_watch(ln_trainer *t, double loss, const char *const *names, const double *values, int32_t count) {
  double value;
  bool better;
  LN_TRY(find_value(t, loss, names, values, count, &value));
  const double delta = ln_setting_number(t->settings, ln_train_parameters, "min_delta");
  const int64_t patience = ln_setting_int(t->settings, ln_train_parameters, "patience");
  const int64_t plateau = ln_setting_int(t->settings, ln_train_parameters, "plateau_patience");
  const double factor = ln_setting_number(t->settings, ln_train_parameters, "plateau_factor");
  const bool larger = larger_is_better(t);
  const bool stop = ln_early_stop_update(&t->stopping, value, delta, larger, patience, &better);
  if (patience > 0 && stop) t->stopped = 1;
  if (better && t->best != NULL) remember(t);
  if (plateau > 0) t->rate_factor *= ln_plateau_update(&t->plateau, value, delta, larger, plateau, 0, factor);
  return LN_OK;
}

void ln_trainer_take_best(ln_trainer *t) {
  for (int32_t i = 0; t->best != NULL && t->stopping.seen != 0 && i < t->param_count; ++i) {
    ln_param *p = t->params[i];
    memcpy(p->average != NULL ? p->average : p->values, t->best[i], p->count * sizeof(float));
  }
}

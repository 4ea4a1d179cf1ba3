/*
 * One change of the weights by their gradients: forms on the way back, clipping, the optimizer, averages. Work is
 * shared in blocks of elements that do not depend on one another; norms are summed block by block in their order.
 */
#include <math.h>

#include "ops/host.h"
#include "train/trainer.h"

enum { BLOCK = 1 << 14 };

/* ---- sharing ---- */

typedef struct shared_work {
  void (*fn)(void *user, size_t begin, size_t end);
  void *user;
  size_t count;
} shared_work;

static void run_block(void *context, int32_t task, int32_t worker) {
  const shared_work *work = context;
  const size_t begin = (size_t)task * BLOCK, end = begin + BLOCK;
  (void)worker;
  work->fn(work->user, begin, end < work->count ? end : work->count);
}

void ln_trainer_share(ln_trainer *t, size_t count, void (*fn)(void *user, size_t begin, size_t end), void *user) {
  shared_work work = {fn, user, count};
  const size_t blocks = (count + BLOCK - 1) / BLOCK;
  const ln_session *session =
      t->train.session; /* threads of another pool would wait for cores that its own still hold */
  ln_pool_run(blocks > 1 && session != NULL ? ln_session_pool(session) : NULL, (int32_t)blocks, run_block, &work);
}

/* ---- clipping ---- */

/* Pascanu, Mikolov and Bengio, "On the difficulty of training recurrent neural networks", 2013. */
static void clip(ln_trainer *t) {
  const double value = ln_setting_number(t->settings, ln_train_parameters, "clip_value");
  const double norm = ln_setting_number(t->settings, ln_train_parameters, "clip_norm");
  const double global = ln_setting_number(t->settings, ln_train_parameters, "global_clip_norm");
  double all = 0;
  for (int32_t i = 0; i < t->param_count; ++i) {
    ln_param *p = t->params[i];
    if (value > 0) ln_clip_value(p->gradient, 0, p->count, value);
    if (norm > 0) ln_clip_norm(p->gradient, p->count, norm);
    if (global > 0) all += ln_norm_square(p->gradient, p->count);
  }
  const double by = global > 0 ? ln_clip_factor(sqrt(all), global) : 1;
  for (int32_t i = 0; i < t->param_count && by != 1; ++i) {
    ln_scale(t->params[i]->gradient, 0, t->params[i]->count, by);
  }
}

/* ---- the optimizer ---- */

typedef struct update_work {
  const ln_trainer *trainer;
  ln_param *param;
  float numbers[LN_UPDATE_NUMBERS];
  double momentum; /* of averages */
} update_work;

static void before_block(void *user, size_t begin, size_t end) {
  const update_work *work = user;
  ln_param *p = work->param;
  work->trainer->update->before(work->numbers, p->values, p->gradient, p->slots, begin, end);
}

static void update_block(void *user, size_t begin, size_t end) {
  const update_work *work = user;
  ln_param *p = work->param;
  work->trainer->update->update(work->numbers, p->values, p->gradient, p->slots, begin, end);
  if (p->average != NULL) ln_average_update(p->average, p->values, begin, end, work->momentum);
}

static double decay_of(const ln_trainer *t, const ln_param *p) {
  if (!p->is_weight) return 0;
  return ln_setting_given(t->settings, "weight_decay")
             ? ln_setting_number(t->settings, ln_train_parameters, "weight_decay")
             : t->update->decay;
}

static void update(ln_trainer *t, ln_param *p, double rate) {
  const ln_update_def *def = t->update;
  update_work work = {.trainer = t, .param = p};
  work.momentum = ln_average_momentum(ln_setting_number(t->settings, ln_train_parameters, "ema"), t->step + 1,
                                      ln_setting_flag(t->settings, ln_train_parameters, "ema_warmup"));
  def->prepare(t->settings, def->parameters, t->step + 1, rate, decay_of(t, p), work.numbers);
  if (def->before != NULL) ln_trainer_share(t, p->count, before_block, &work);
  if (def->norms && p->is_weight) {
    work.numbers[LN_UPDATE_NUMBERS - 2] = (float)ln_norm(p->values, p->count);
    work.numbers[LN_UPDATE_NUMBERS - 1] = (float)ln_norm(p->gradient, p->count);
  }
  ln_trainer_share(t, p->count, update_block, &work);
}

void ln_trainer_descend(ln_trainer *t, double rate) {
  for (int32_t i = 0; i < t->param_count; ++i) {
    for (int32_t k = t->form_count - 1; k >= 0; --k) {
      if (t->forms[k].def->back != NULL) t->forms[k].def->back(t, t->forms[k].state, t->params[i]);
    }
  }
  clip(t);
  for (int32_t i = 0; i < t->param_count; ++i) {
    update(t, t->params[i], rate);
    for (int32_t k = 0; k < t->form_count; ++k) {
      if (t->forms[k].def->after_update != NULL) t->forms[k].def->after_update(t, t->forms[k].state, t->params[i]);
    }
  }
}

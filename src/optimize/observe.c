/* Models run over samples: with every tensor kept, for techniques that look inside; and for accuracy. */
#include <stdatomic.h>
#include <string.h>

#include "optimize/optimize.h"

/* Puts the sample's number before what is wrong with it; what fills the samples names them itself. */
static ln_status name_sample(ln_status status, ln_error *err, int64_t index) {
  if (status != LN_OK && status != LN_ERR_CANCELLED) ln_error_prefix(err, "sample %lld", (long long)index);
  return status;
}

ln_status ln_observe(const ln_optimizer *o, ln_model *model, const ln_samples *samples, int64_t limit, const char *what,
                     ln_observe_fn fn, void *user) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session *session = NULL;
  if (samples == NULL || samples->count < 1) return ln_fail(o->err, LN_ERR_DATA, "there are no samples");
  const int64_t count = limit > 0 && limit < samples->count ? limit : samples->count;
  options.keep_all_tensors = true;
  options.threads = o->options->threads;
  options.signature = o->options->signature;
  LN_TRY(ln_session_create(model, &options, o->err, &session));
  ln_status status = LN_OK;
  for (int64_t i = 0; status == LN_OK && i < count; ++i) {
    /* i * samples / count, without a product that could overflow */
    const int64_t index = i * (samples->count / count) + i * (samples->count % count) / count;
    status = samples->fill(samples->user, index, session, o->err);
    if (status != LN_OK) break;
    status = ln_session_run(session, o->err);
    if (status == LN_OK) status = fn(user, index, session, o->err);
    status = name_sample(status, o->err, index);
    if (status == LN_OK && what != NULL) status = ln_optimizer_progress(o, what, i + 1, count);
  }
  ln_session_destroy(session);
  return status;
}

/* ---- accuracy ---- */

typedef struct worker {
  ln_session *session;
  float *values;
  size_t capacity;
  ln_status status;
  ln_error err;
} worker;

typedef struct evaluation {
  const ln_labelled *data;
  worker *workers;
  int64_t begin, end, tasks; /* of the part in hand */
  int32_t top;
  atomic_llong right;
} evaluation;

/* Whether fewer than `top` of the values are greater than that of `label`; of equal ones the first is greatest. */
static bool is_right(const float *values, size_t classes, size_t label, int32_t top) {
  int32_t before = 0;
  for (size_t i = 0; i < classes; ++i) {
    if (i != label && (values[i] > values[label] || (values[i] == values[label] && i < label))) ++before;
  }
  return before < top && values[label] == values[label];
}

static ln_status judge(evaluation *e, worker *w, int64_t index) {
  const int32_t label = e->data->labels[index];
  LN_TRY(ln_session_run(w->session, &w->err));
  const ln_tensor *output = ln_session_output(w->session, 0);
  const size_t elements = output == NULL ? 0 : ln_tensor_elements(output);
  const int32_t rank = output == NULL ? 0 : ln_tensor_rank(output);
  const int32_t classes = rank == 0 ? 1 : ln_tensor_dim(output, rank - 1);
  if (elements == 0 || elements != (size_t)classes) {
    return ln_fail(&w->err, LN_ERR_SHAPE, "output 0 holds %zu values, not one for each class", elements);
  }
  /* One output is a probability of class 1. */
  const size_t limit = classes == 1 ? 2 : elements;
  if (label < 0 || (size_t)label >= limit) {
    return ln_fail(&w->err, LN_ERR_DATA, "its label is %d, and the model has %zu classes", label, limit);
  }
  if (elements > w->capacity) {
    float *larger = ln_realloc_array(w->values, w->capacity, elements, sizeof *larger);
    if (larger == NULL) return ln_fail(&w->err, LN_ERR_MEMORY, "out of memory for an output");
    w->values = larger;
    w->capacity = elements;
  }
  LN_TRY(ln_tensor_copy_to_f32(output, w->values, elements, &w->err));
  const bool right =
      classes == 1 ? (w->values[0] > 0.5f) == (label == 1) : is_right(w->values, elements, (size_t)label, e->top);
  if (right) atomic_fetch_add(&e->right, 1);
  return LN_OK;
}

static void judge_part(void *context, int32_t task, int32_t index) {
  evaluation *e = context;
  worker *w = &e->workers[index];
  const int64_t span = e->end - e->begin;
  const int64_t from = e->begin + span * task / e->tasks, to = e->begin + span * (task + 1) / e->tasks;
  const ln_samples *samples = e->data->samples;
  for (int64_t i = from; w->status == LN_OK && i < to; ++i) {
    w->status = samples->fill(samples->user, i, w->session, &w->err);
    if (w->status == LN_OK) w->status = name_sample(judge(e, w, i), &w->err, i);
  }
}

static ln_status make_workers(ln_model *model, evaluation *e, int32_t threads, ln_error *err) {
  for (int32_t i = 0; i < threads; ++i) LN_TRY(ln_session_create(model, NULL, err, &e->workers[i].session));
  return LN_OK;
}

enum { PART = 256 };

ln_status ln_evaluate(ln_model *model, const ln_labelled *data, int32_t threads, ln_progress_fn progress, void *user,
                      ln_error *err, ln_accuracy *out) {
  if (model == NULL || data == NULL || data->samples == NULL || data->labels == NULL || out == NULL) {
    return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  }
  const int64_t count = data->samples->count;
  if (count < 1) return ln_fail(err, LN_ERR_DATA, "there are no samples");
  if (threads < 1) threads = 1;
  evaluation e = {.data = data, .top = data->top < 1 ? 1 : data->top, .tasks = threads};
  ln_pool *pool = ln_pool_create(threads);
  e.workers = ln_alloc_array((size_t)threads, sizeof *e.workers);
  ln_status status = pool == NULL || e.workers == NULL ? ln_fail(err, LN_ERR_MEMORY, "out of memory for sessions")
                                                       : make_workers(model, &e, threads, err);
  for (int64_t at = 0; status == LN_OK && at < count; at += PART) {
    e.begin = at;
    e.end = count - at < PART ? count : at + PART;
    ln_pool_run(pool, threads, judge_part, &e);
    for (int32_t i = 0; status == LN_OK && i < threads; ++i) {
      if (e.workers[i].status == LN_OK) continue;
      status = e.workers[i].status;
      if (err != NULL) *err = e.workers[i].err;
    }
    if (status == LN_OK && progress != NULL && !progress(user, "evaluating", e.end, count)) {
      status = ln_fail(err, LN_ERR_CANCELLED, "cancelled by the caller");
    }
  }
  for (int32_t i = 0; e.workers != NULL && i < threads; ++i) {
    ln_session_destroy(e.workers[i].session);
    ln_free(e.workers[i].values);
  }
  ln_free(e.workers);
  ln_pool_destroy(pool);
  if (status != LN_OK) return status;
  const int64_t right = (int64_t)atomic_load(&e.right);
  const ln_accuracy accuracy = {sizeof accuracy, count, right, (double)right / (double)count};
  return ln_struct_give(out, &accuracy, sizeof accuracy);
}

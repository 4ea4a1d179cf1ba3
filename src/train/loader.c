/*
 * Batches: samples, what is to be learned of them, and what each weighs, in a step's inputs. Rows are filled and
 * changed on the threads that run the step: each row is one thread's alone, so that the batch does not depend on their
 * number.
 */
#include <string.h>

#include "ops/host.h"
#include "train/trainer.h"

/* ---- readers: sessions whose inputs samples fill, one a thread ---- */

ln_status ln_loader_begin(ln_trainer *t) {
  const int64_t threads = ln_setting_int(t->settings, ln_train_parameters, "threads");
  t->reader_count = (int32_t)threads;
  t->readers = ln_arena_array(&t->arena, (size_t)threads, sizeof *t->readers);
  if (t->readers == NULL) return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for a batch");
  for (int32_t i = 0; i < t->reader_count; ++i) {
    LN_TRY(ln_session_create((ln_model *)(uintptr_t)t->source, NULL, t->err, &t->readers[i]));
  }
  return LN_OK;
}

void ln_loader_end(ln_trainer *t) {
  for (int32_t i = 0; t->readers != NULL && i < t->reader_count; ++i) ln_session_destroy(t->readers[i]);
}

/* ---- one row ---- */

/* Copies a reader's inputs into row `row`. */
static ln_status copy_sample(ln_session *reader, const ln_step *step, int32_t row, ln_error *err) {
  for (int32_t i = 0; i < step->input_count; ++i) {
    const ln_tensor *from = ln_session_input(reader, i);
    ln_tensor *to = ln_session_input(step->session, i);
    const size_t bytes = ln_tensor_bytes(from), whole = ln_tensor_bytes(to);
    if (to->shape.rank == 0 || to->shape.dims[0] != step->batch) continue; /* the same for all samples */
    if (bytes * (size_t)step->batch != whole) {
      return ln_fail(err, LN_ERR_SHAPE, "its input '%s' takes %zu bytes, where training wants %zu",
                     ln_session_input_name(reader, i), bytes, whole / (size_t)step->batch);
    }
    memcpy((char *)to->data + (size_t)row * bytes, ln_tensor_data(from), bytes);
  }
  return LN_OK;
}

static ln_status check_finite(ln_session *reader, int32_t inputs, ln_error *err) {
  for (int32_t i = 0; i < inputs; ++i) {
    const ln_tensor *input = ln_session_input(reader, i);
    if (input->type != LN_FLOAT32) continue;
    const float *values = ln_tensor_data(input);
    const size_t count = ln_tensor_elements(input);
    float sum = 0;
    for (size_t k = 0; k < count; ++k) sum += values[k] * 0;
    if (sum != 0) return ln_fail(err, LN_ERR_DATA, "its input '%s' is not finite", ln_session_input_name(reader, i));
  }
  return LN_OK;
}

static void put_target(const ln_trainer *t, const ln_step *step, const ln_train_data *data, int64_t index,
                       int32_t row) {
  const size_t count = ln_tensor_elements(ln_session_input(step->session, step->input_count)) / (size_t)step->batch;
  void *target = ln_step_target(step);
  if (t->loss->target == LN_TARGET_CLASS) {
    memcpy((int32_t *)target + (size_t)row * count, data->labels + (size_t)index * count, count * sizeof(int32_t));
    return;
  }
  float *values = (float *)target + (size_t)row * count;
  if (data->targets != NULL) {
    memcpy(values, data->targets + (size_t)index * count, count * sizeof *values);
  } else if (count == 1) {
    values[0] = (float)data->labels[index];
  } else {
    for (size_t k = 0; k < count; ++k) values[k] = (int32_t)k == data->labels[index] ? 1 : 0;
  }
}

static double weight_of(const ln_trainer *t, const ln_train_data *data, int64_t index) {
  double weight = data->weights == NULL ? 1 : (double)data->weights[index];
  if (t->class_weights != NULL && data->labels != NULL) {
    const int32_t label = data->labels[index * (data->label_count < 1 ? 1 : data->label_count)];
    if (label < t->class_count) weight *= (double)t->class_weights[label];
  }
  return weight;
}

/* ---- rows ---- */

/* The first row that failed on a thread. */
typedef struct failure {
  ln_error err;
  int32_t row; /* -1: none */
  bool named;  /* the message names the sample */
} failure;

typedef struct filling {
  const ln_trainer *t;
  const ln_step *step;
  const ln_train_data *data;
  const int64_t *rows;
  int32_t each;      /* rows of a task */
  failure *failures; /* [threads] */
} filling;

static void fill_row(const filling *f, int32_t row, int32_t worker) {
  failure *failed = &f->failures[worker];
  ln_session *reader = f->t->readers[worker];
  const ln_samples *samples = f->data->samples;
  ln_error err = {0};
  ln_status status = samples->fill(samples->user, f->rows[row], reader, &err);
  const bool named = status != LN_OK;
  if (status == LN_OK) status = check_finite(reader, f->t->input_count, &err);
  if (status == LN_OK) status = copy_sample(reader, f->step, row, &err);
  if (status == LN_OK) put_target(f->t, f->step, f->data, f->rows[row], row);
  if (status == LN_OK || (failed->row >= 0 && failed->row < row)) return;
  err.status = status;
  *failed = (failure){err, row, named};
}

static void fill_part(void *context, int32_t task, int32_t worker) {
  const filling *f = context;
  for (int32_t row = task * f->each; row < (task + 1) * f->each && row < f->step->batch; ++row)
    fill_row(f, row, worker);
}

/* Of all that failed, the first row is told of: the same whatever the number of threads. */
static ln_status tell_first(ln_trainer *t, const filling *f) {
  char name[160];
  const failure *first = NULL;
  for (int32_t i = 0; i < t->reader_count; ++i) {
    const failure *each = &f->failures[i];
    if (each->row >= 0 && (first == NULL || each->row < first->row)) first = each;
  }
  if (first == NULL) return LN_OK;
  if (t->err != NULL) *t->err = first->err;
  if (!first->named) ln_error_prefix(t->err, "%s", ln_batch_name(f->data, f->rows[first->row], name, sizeof name));
  return first->err.status;
}

static ln_status fill_rows(ln_trainer *t, ln_step *step, const ln_train_data *data, const int64_t *rows) {
  enum { NS_OF_NUMBER = 5 }; /* about what one takes; files take longer */
  ln_pool *pool = ln_session_pool(t->train.session);
  filling f = {t, step, data, rows, 0, ln_alloc_array((size_t)t->reader_count, sizeof *f.failures)};
  if (f.failures == NULL) return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for a batch");
  int64_t bytes = 0;
  for (int32_t i = 0; i < step->input_count; ++i) bytes += (int64_t)ln_tensor_bytes(ln_session_input(step->session, i));
  for (int32_t i = 0; i < t->reader_count; ++i) f.failures[i].row = -1;
  f.each = ln_pool_share(pool, step->batch, step->batch, bytes / 4 * NS_OF_NUMBER);
  ln_pool_run(pool, (step->batch - 1) / f.each + 1, fill_part, &f);
  const ln_status status = tell_first(t, &f);
  ln_free(f.failures);
  return status;
}

static ln_status augment_batch(ln_trainer *t, ln_step *step, const int64_t *indices, int64_t epoch) {
  enum { MOST = 16 };
  float *inputs[MOST] = {0};
  ln_shape shapes[MOST];
  const int32_t count = step->input_count < MOST ? step->input_count : MOST;
  for (int32_t i = 0; i < count; ++i) {
    ln_tensor *tensor = ln_session_input(step->session, i);
    shapes[i] = tensor->shape;
    inputs[i] = tensor->type == LN_FLOAT32 ? tensor->data : NULL;
  }
  const bool classes = t->loss->target == LN_TARGET_CLASS;
  ln_batch batch = {.count = step->batch, .input_count = count, .inputs = inputs, .shapes = shapes};
  batch.classes = (int32_t)t->classes;
  batch.labels = classes ? ln_step_target(step) : NULL;
  batch.targets = classes ? NULL : ln_step_target(step);
  return ln_augment_batch(t->settings, (uint64_t)ln_setting_int(t->settings, ln_train_parameters, "seed"), epoch,
                          indices, &batch, ln_session_pool(t->train.session), t->err);
}

ln_status ln_batch_fill(ln_trainer *t, ln_step *step, const ln_train_data *data, const int64_t *indices, int32_t count,
                        int64_t epoch, bool augment) {
  float *weights = ln_step_weights(step);
  int64_t *rows = ln_alloc_array((size_t)step->batch, sizeof *rows);
  if (rows == NULL) return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for a batch");
  for (int32_t row = 0; row < step->batch; ++row) {
    rows[row] = indices[row % count];
    weights[row] = row < count ? (float)(weight_of(t, data, rows[row]) / count) : 0;
  }
  ln_status status = fill_rows(t, step, data, rows);
  if (status == LN_OK && augment && ln_augment_any(t->settings)) status = augment_batch(t, step, rows, epoch);
  ln_free(rows);
  return status;
}

/* ---- what training sees ---- */

ln_status ln_trainer_preview(ln_trainer *t, const int64_t *samples, int32_t count, int64_t epoch, int32_t input,
                             ln_error *err, const ln_tensor **out) {
  if (t == NULL || samples == NULL || out == NULL) return ln_fail(err, LN_ERR_ARGUMENT, "an argument is missing");
  t->err = t->o.err = err;
  LN_TRY(ln_trainer_begin(t));
  if (count < 1 || count > t->train.batch || input < 0 || input >= t->train.input_count) {
    return ln_fail(err, LN_ERR_ARGUMENT, "1 to %d samples and an input of %d it is", t->train.batch,
                   t->train.input_count);
  }
  for (int32_t i = 0; i < count; ++i) {
    if (samples[i] >= 0 && samples[i] < t->data.samples->count) continue;
    return ln_fail(err, LN_ERR_ARGUMENT, "there is no sample %lld", (long long)samples[i]);
  }
  LN_TRY(ln_batch_fill(t, &t->train, &t->data, samples, count, epoch, epoch >= 0));
  *out = ln_session_input(t->train.session, input);
  return LN_OK;
}

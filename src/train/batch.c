/* Batches: samples, what is to be learned of them, and what each weighs, in a step's inputs. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "train/trainer.h"

const char *ln_batch_name(const ln_train_data *data, int64_t index, char *buffer, size_t size) {
  const char *name = data->name == NULL ? NULL : data->name(data->user, index);
  if (name == NULL || *name == '\0') snprintf(buffer, size, "sample %lld", (long long)index);
  else snprintf(buffer, size, "sample %lld (%.120s)", (long long)index, name);
  return buffer;
}

/* ---- checks ---- */

static int64_t label_count(const ln_train_data *data) { return data->label_count < 1 ? 1 : data->label_count; }

static ln_status check_labels(ln_trainer *t, const ln_train_data *data) {
  char name[160];
  size_t targets = t->classes;
  const ln_tensor *target = ln_session_input(t->train.session, t->train.input_count);
  const int64_t positions = (int64_t)ln_tensor_elements(target) / t->train.batch;
  const bool single = t->loss->target == LN_TARGET_VALUES && t->classes == 1;
  if (t->loss->target == LN_TARGET_CLASS) {
    if (label_count(data) != positions) {
      return ln_fail(t->err, LN_ERR_DATA, "a sample has %lld labels, and the model's output wants %lld",
                     (long long)label_count(data), (long long)positions);
    }
    targets = t->classes / (size_t)positions;
  } else if (label_count(data) != 1) {
    return ln_fail(t->err, LN_ERR_DATA, "the loss %s wants values, or one label a sample", t->loss->name);
  }
  const int64_t classes = single ? 2 : (int64_t)targets;
  for (int64_t i = 0; i < data->samples->count; ++i) {
    for (int64_t k = 0; k < label_count(data); ++k) {
      const int32_t label = data->labels[i * label_count(data) + k];
      if (label >= 0 && label < classes) continue;
      return ln_fail(t->err, LN_ERR_DATA, "%s: its label is %d, and the model has the classes 0 to %lld",
                     ln_batch_name(data, i, name, sizeof name), (int)label, (long long)classes - 1);
    }
  }
  return LN_OK;
}

static ln_status check_targets(ln_trainer *t, const ln_train_data *data) {
  char name[160];
  if (t->loss->target == LN_TARGET_CLASS) {
    return ln_fail(t->err, LN_ERR_DATA, "the loss %s wants labels of classes, not values", t->loss->name);
  }
  if (data->target_count != (int64_t)t->classes) {
    return ln_fail(t->err, LN_ERR_DATA, "a sample has %lld values to learn, and the model gives %zu",
                   (long long)data->target_count, t->classes);
  }
  for (int64_t i = 0; i < data->samples->count; ++i) {
    for (int64_t k = 0; k < data->target_count; ++k) {
      if (isfinite(data->targets[i * data->target_count + k])) continue;
      return ln_fail(t->err, LN_ERR_DATA, "%s: value %lld to learn is not finite",
                     ln_batch_name(data, i, name, sizeof name), (long long)k);
    }
  }
  return LN_OK;
}

ln_status ln_batch_check(ln_trainer *t, const ln_train_data *data) {
  char name[160];
  if (data->samples->count < 1) return ln_fail(t->err, LN_ERR_DATA, "there are no samples");
  for (int64_t i = 0; data->weights != NULL && i < data->samples->count; ++i) {
    if (isfinite(data->weights[i]) && data->weights[i] >= 0) continue;
    return ln_fail(t->err, LN_ERR_DATA, "%s: its weight is no number from 0 on",
                   ln_batch_name(data, i, name, sizeof name));
  }
  if (data->labels != NULL) return check_labels(t, data);
  if (data->targets != NULL) return check_targets(t, data);
  return ln_fail(t->err, LN_ERR_DATA, "the samples have neither labels nor values to learn");
}

/* ---- filling ---- */

/* Copies the reader's inputs into row `row`. */
static ln_status copy_sample(ln_trainer *t, ln_step *step, int32_t row) {
  for (int32_t i = 0; i < step->input_count; ++i) {
    const ln_tensor *from = ln_session_input(t->reader, i);
    ln_tensor *to = ln_session_input(step->session, i);
    const size_t bytes = ln_tensor_bytes(from), whole = ln_tensor_bytes(to);
    if (to->shape.rank == 0 || to->shape.dims[0] != step->batch) continue; /* the same for all samples */
    if (bytes * (size_t)step->batch != whole) {
      return ln_fail(t->err, LN_ERR_SHAPE, "its input '%s' takes %zu bytes, where training wants %zu",
                     ln_session_input_name(t->reader, i), bytes, whole / (size_t)step->batch);
    }
    memcpy((char *)to->data + (size_t)row * bytes, ln_tensor_data(from), bytes);
  }
  return LN_OK;
}

static ln_status check_finite(ln_trainer *t) {
  for (int32_t i = 0; i < t->input_count; ++i) {
    const ln_tensor *input = ln_session_input(t->reader, i);
    if (input->type != LN_FLOAT32) continue;
    const float *values = ln_tensor_data(input);
    const size_t count = ln_tensor_elements(input);
    float sum = 0;
    for (size_t k = 0; k < count; ++k) sum += values[k] * 0;
    if (sum != 0)
      return ln_fail(t->err, LN_ERR_DATA, "its input '%s' is not finite", ln_session_input_name(t->reader, i));
  }
  return LN_OK;
}

static void put_target(ln_trainer *t, ln_step *step, const ln_train_data *data, int64_t index, int32_t row) {
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
    const int32_t label = data->labels[index * label_count(data)];
    if (label < t->class_count) weight *= (double)t->class_weights[label];
  }
  return weight;
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
                          indices, &batch, t->err);
}

ln_status ln_batch_fill(ln_trainer *t, ln_step *step, const ln_train_data *data, const int64_t *indices, int32_t count,
                        int64_t epoch, bool augment, double *total) {
  char name[160];
  float *weights = ln_step_weights(step);
  int64_t *rows = ln_alloc_array((size_t)step->batch, sizeof *rows);
  if (rows == NULL) return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for a batch");
  ln_status status = LN_OK;
  *total = 0;
  for (int32_t row = 0; row < step->batch && status == LN_OK; ++row) {
    rows[row] = indices[row % count];
    status = data->samples->fill(data->samples->user, rows[row], t->reader, t->err);
    if (status != LN_OK) break; /* which names the sample */
    status = check_finite(t);
    if (status == LN_OK) status = copy_sample(t, step, row);
    if (status != LN_OK) ln_error_prefix(t->err, "%s", ln_batch_name(data, rows[row], name, sizeof name));
    put_target(t, step, data, rows[row], row);
    const double weight = row < count ? weight_of(t, data, rows[row]) : 0;
    weights[row] = (float)(weight / count);
    *total += weight;
  }
  if (status == LN_OK && augment && ln_augment_any(t->settings)) status = augment_batch(t, step, rows, epoch);
  ln_free(rows);
  return status;
}

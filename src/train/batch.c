/* Data that a trainer is given: whether they fit the model and the loss, and what samples are called. */
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

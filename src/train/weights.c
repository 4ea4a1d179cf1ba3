/* What samples of each class weigh: as the caller says, or so that all classes weigh the same. */
#include <stdlib.h>
#include <string.h>

#include "train/trainer.h"

static int32_t count_classes(const ln_train_data *data, int64_t all) {
  int32_t most = 0;
  for (int64_t i = 0; i < all; ++i) {
    if (data->labels[i] > most) most = data->labels[i];
  }
  return most + 1;
}

/* n / (classes * n of the class), as it is usual; a class without samples is an error, for it cannot be learned. */
static ln_status balance(ln_trainer *t, int64_t all) {
  int64_t *counts = ln_alloc_array((size_t)t->class_count, sizeof *counts);
  if (counts == NULL) return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for weights of classes");
  for (int64_t i = 0; i < all; ++i) ++counts[t->data.labels[i]];
  ln_status status = LN_OK;
  for (int32_t c = 0; c < t->class_count && status == LN_OK; ++c) {
    if (counts[c] == 0) status = ln_fail(t->err, LN_ERR_DATA, "class_weights: no sample is of class %d", (int)c);
    else t->class_weights[c] = (float)((double)all / ((double)t->class_count * (double)counts[c]));
  }
  ln_free(counts);
  return status;
}

static ln_status read_list(ln_trainer *t, const char *text) {
  for (int32_t c = 0; c < t->class_count; ++c) {
    char *end;
    const double value = strtod(text, &end);
    if (end == text || !(value >= 0 && value < 1e9) || (*end != '\0' && *end != ',')) {
      return ln_fail(t->err, LN_ERR_ARGUMENT, "class_weights: a number from 0 on is wanted, not \"%.60s\"", text);
    }
    t->class_weights[c] = (float)value;
    text = end + (*end == ',');
    if ((*text == '\0') != (c == t->class_count - 1)) {
      return ln_fail(t->err, LN_ERR_ARGUMENT, "class_weights: a number for each of %d classes is wanted",
                     (int)t->class_count);
    }
  }
  return LN_OK;
}

ln_status ln_trainer_weigh_classes(ln_trainer *t) {
  const char *text = ln_setting_text(t->settings, ln_train_parameters, "class_weights");
  if (strcmp(text, "none") == 0) return LN_OK;
  if (t->data.labels == NULL) {
    return ln_fail(t->err, LN_ERR_ARGUMENT, "class_weights: the samples have no labels of classes");
  }
  const int64_t all = t->data.samples->count * (t->data.label_count < 1 ? 1 : t->data.label_count);
  t->class_count = count_classes(&t->data, all);
  t->class_weights = ln_alloc_array((size_t)t->class_count, sizeof *t->class_weights);
  if (t->class_weights == NULL) return ln_fail(t->err, LN_ERR_MEMORY, "out of memory for weights of classes");
  return strcmp(text, "balanced") == 0 ? balance(t, all) : read_list(t, text);
}

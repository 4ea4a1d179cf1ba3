/* The metrics by name: their rows. */
#include <string.h>

#include "train/trainer.h"

#define LN_METRIC(stem) extern const ln_metric_def ln_metric_##stem;
#include "train/metrics.def"

static const ln_metric_def *const rows[] = {
#define LN_METRIC(stem) &ln_metric_##stem,
#include "train/metrics.def"
};

const ln_metric_def *ln_metric_at(int32_t index) {
  return index >= 0 && (size_t)index < LN_COUNT(rows) ? rows[index] : NULL;
}

const ln_metric_def *ln_metric_find(const char *name) {
  for (size_t i = 0; i < LN_COUNT(rows); ++i) {
    if (strcmp(rows[i]->name, name) == 0) return rows[i];
  }
  return NULL;
}

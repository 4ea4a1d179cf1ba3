/* The losses by name: their rows. */
#include <string.h>

#include "train/trainer.h"

#define LN_LOSS(stem) extern const ln_loss_def ln_loss_##stem;
#include "train/losses.def"

static const ln_loss_def *const rows[] = {
#define LN_LOSS(stem) &ln_loss_##stem,
#include "train/losses.def"
};

const ln_loss_def *ln_loss_at(int32_t index) {
  return index >= 0 && (size_t)index < LN_COUNT(rows) ? rows[index] : NULL;
}

const ln_loss_def *ln_loss_find(const char *name) {
  for (size_t i = 0; i < LN_COUNT(rows); ++i) {
    if (strcmp(rows[i]->name, name) == 0) return rows[i];
  }
  return NULL;
}

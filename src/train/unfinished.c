/* What other files call and nobody has written yet. Weak: what is written takes its place. */
#include "train/trainer.h"

#define UNFINISHED __attribute__((weak))

UNFINISHED const ln_augment_def *ln_augment_at(int32_t index) {
  (void)index;
  return NULL;
}
UNFINISHED bool ln_augment_any(const ln_settings *s) {
  (void)s;
  return false;
}
UNFINISHED ln_status ln_augment_batch(const ln_settings *s, uint64_t seed, int64_t epoch, const int64_t *indices,
                                      ln_batch *batch, ln_error *err) {
  (void)s, (void)seed, (void)epoch, (void)indices, (void)batch, (void)err;
  return LN_OK;
}

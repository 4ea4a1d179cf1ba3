/*
 * What linnet/train.h declares and nobody has written yet, so that the library exports what its headers promise. Weak:
 * what is written takes its place, without an edit here. This file goes with the last of it.
 */
#include "train/trainer.h"

#define UNFINISHED __attribute__((weak))

static ln_status unfinished(ln_error *err) { return ln_fail(err, LN_ERR_UNSUPPORTED, "training is not there yet"); }

UNFINISHED ln_status ln_train_option_get(int32_t index, ln_train_option *out) {
  (void)index, (void)out;
  return LN_ERR_ARGUMENT;
}
UNFINISHED const char *ln_train_choice(const char *kind, int32_t index, const char **what) {
  (void)kind, (void)index, (void)what;
  return NULL;
}
UNFINISHED ln_status ln_trainer_create(const ln_model *model, ln_error *err, ln_trainer **out) {
  (void)model, (void)out;
  return unfinished(err);
}
UNFINISHED void ln_trainer_destroy(ln_trainer *trainer) { (void)trainer; }
UNFINISHED ln_status ln_trainer_set(ln_trainer *trainer, const char *name, const char *value, ln_error *err) {
  (void)trainer, (void)name, (void)value;
  return unfinished(err);
}
UNFINISHED ln_status ln_trainer_set_data(ln_trainer *trainer, const ln_train_data *data,
                                         const ln_train_data *validation, ln_error *err) {
  (void)trainer, (void)data, (void)validation;
  return unfinished(err);
}
UNFINISHED ln_status ln_trainer_set_teacher(ln_trainer *trainer, ln_model *teacher, ln_error *err) {
  (void)trainer, (void)teacher;
  return unfinished(err);
}
UNFINISHED ln_status ln_trainer_run(ln_trainer *trainer, ln_train_fn callback, void *user, ln_error *err) {
  (void)trainer, (void)callback, (void)user;
  return unfinished(err);
}
UNFINISHED ln_status ln_trainer_step(ln_trainer *trainer, const int64_t *samples, int32_t count, ln_error *err,
                                     double *loss) {
  (void)trainer, (void)samples, (void)count, (void)loss;
  return unfinished(err);
}
UNFINISHED ln_status ln_trainer_evaluate(ln_trainer *trainer, const ln_train_data *data, ln_error *err,
                                         ln_train_event *out) {
  (void)trainer, (void)data, (void)out;
  return unfinished(err);
}
UNFINISHED ln_status ln_trainer_make(ln_trainer *trainer, ln_error *err, ln_model **out) {
  (void)trainer, (void)out;
  return unfinished(err);
}
UNFINISHED ln_status ln_trainer_save(ln_trainer *trainer, const char *path, ln_error *err) {
  (void)trainer, (void)path;
  return unfinished(err);
}
UNFINISHED ln_status ln_trainer_restore(ln_trainer *trainer, const char *path, ln_error *err) {
  (void)trainer, (void)path;
  return unfinished(err);
}

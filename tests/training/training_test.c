/*
 * On-device training through the signatures of a model (make_model.py): the losses that TensorFlow has over twenty
 * steps, then saved, restored in another session and in another model's sessions, and restored from TensorFlow's own
 * checkpoint of the same steps.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "linnet/linnet.h"
#include "support/unit.h"

#define FOLDER LN_TESTS_DIR "/training/"
enum { STEPS = 20, BATCH = 6, PIXELS = 64, CLASSES = 10, LOGITS = BATCH * CLASSES };

typedef struct expected {
  float losses[STEPS], logits[LOGITS];
} expected;

static void read_expected(const char *name, expected *out) {
  char path[1024], word[16];
  float value;
  int losses = 0, logits = 0;
  snprintf(path, sizeof path, FOLDER "%s.txt", name);
  FILE *file = fopen(path, "r");
  assert_non_null(file);
  while (fscanf(file, "%15s %f", word, &value) == 2) {
    if (strcmp(word, "loss") == 0 && losses < STEPS) out->losses[losses++] = value;
    if (strcmp(word, "logit") == 0 && logits < LOGITS) out->logits[logits++] = value;
  }
  fclose(file);
  assert_int_equal(losses, STEPS);
  assert_int_equal(logits, LOGITS);
}

static ln_model *open_model(const char *name) {
  char path[1024];
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  snprintf(path, sizeof path, FOLDER "%s.tflite", name);
  if (ln_model_open(path, &err, &model) != LN_OK) fail_msg("%s", err.message);
  return model;
}

static ln_session *open_session(ln_model *model, const char *signature, ln_session *share) {
  ln_error err = {LN_OK, ""};
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.signature = signature;
  options.share = share;
  if (ln_session_create(model, &options, &err, &session) != LN_OK) fail_msg("%s: %s", signature, err.message);
  return session;
}

static void run(ln_session *session) {
  ln_error err = {LN_OK, ""};
  if (ln_session_run(session, &err) != LN_OK) fail_msg("%s", err.message);
}

static void set(ln_session *session, const char *name, const void *data, size_t bytes, const int32_t *dims,
                int32_t rank) {
  const int32_t index = ln_session_find_input(session, name);
  assert_int_equal(ln_session_resize_input(session, index, dims, rank, NULL), LN_OK);
  assert_int_equal(ln_session_prepare(session, NULL), LN_OK);
  assert_int_equal(ln_session_set_input(session, index, data, bytes, NULL), LN_OK);
}

static void set_pictures(ln_session *session) {
  const int32_t dims[] = {BATCH, 8, 8};
  float x[BATCH * PIXELS];
  for (int32_t i = 0; i < BATCH * PIXELS; ++i) x[i] = (float)((i * 37 + 11) % 101) / 50.0f - 1.0f;
  set(session, "x", x, sizeof x, dims, 3);
}

static float output(const ln_session *session, const char *name, size_t index) {
  return ln_tensor_get_f32(ln_session_output(session, ln_session_find_output(session, name)), index);
}

static void train(ln_session *session, const expected *want) {
  const int32_t dims[] = {BATCH, CLASSES};
  float y[LOGITS] = {0};
  for (int32_t i = 0; i < BATCH; ++i) y[i * CLASSES + i * 3 % 10] = 1.0f;
  set_pictures(session);
  set(session, "y", y, sizeof y, dims, 2);
  set_pictures(session); /* a resize asks for inputs anew */
  for (int32_t i = 0; i < STEPS; ++i) {
    run(session);
    const float loss = output(session, "loss", 0);
    if (fabsf(loss - want->losses[i]) > 1e-4f * want->losses[i]) {
      fail_msg("step %d: the loss is %.9g, TensorFlow's %.9g", (int)i, (double)loss, (double)want->losses[i]);
    }
  }
}

static void expect_logits(ln_session *session, const float *want, float tolerance) {
  set_pictures(session);
  run(session);
  for (size_t i = 0; i < LOGITS; ++i) {
    const float got = output(session, "logits", i);
    if (fabsf(got - want[i]) > tolerance) fail_msg("logit %zu is %g, not %g", i, (double)got, (double)want[i]);
  }
}

/* A session on `save` or `restore`. */
static ln_status with_file(ln_session *session, const char *path, ln_error *err) {
  const int32_t length = (int32_t)strlen(path);
  int32_t text[64] = {1, 12, 12 + length};
  assert_true((size_t)length < sizeof text - 12);
  memcpy(text + 3, path, (size_t)length);
  assert_int_equal(ln_session_set_input(session, 0, text, 12 + (size_t)length, NULL), LN_OK);
  return ln_session_run(session, err);
}

/* What infer gives after a restore in sessions that know nothing of the training. */
static void expect_restored(const char *name, const char *path, const float *want, float tolerance) {
  ln_error err = {LN_OK, ""};
  ln_model *model = open_model(name);
  ln_session *infer = open_session(model, "infer", NULL), *restore = open_session(model, "restore", infer);
  set_pictures(infer);
  run(infer);
  assert_true(fabsf(output(infer, "logits", 0) - want[0]) > 0.01f); /* not trained yet */
  if (with_file(restore, path, &err) != LN_OK) fail_msg("%s", err.message);
  expect_logits(infer, want, tolerance);
  ln_session_destroy(restore);
  ln_session_destroy(infer);
  ln_model_destroy(model);
}

static void train_save_restore(const char *name) {
  expected want;
  float logits[LOGITS];
  char folder[] = "/tmp/linnet-training-XXXXXX", path[64], theirs[1024];
  ln_error err = {LN_OK, ""};
  read_expected(name, &want);
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/checkpoint", folder);
  ln_model *model = open_model(name);
  ln_session *trainer = open_session(model, "train", NULL), *infer = open_session(model, "infer", trainer);
  ln_session *save = open_session(model, "save", trainer);
  train(trainer, &want);
  expect_logits(infer, want.logits, 1e-3f);
  for (size_t i = 0; i < LOGITS; ++i) logits[i] = output(infer, "logits", i);
  if (with_file(save, path, &err) != LN_OK) fail_msg("%s", err.message);
  expect_restored(name, path, logits, 0.0f);
  snprintf(theirs, sizeof theirs, FOLDER "%s.checkpoint", name);
  if (strlen(theirs) < 200) expect_restored(name, theirs, want.logits, 1e-5f);
  ln_session_destroy(save);
  ln_session_destroy(infer);
  ln_session_destroy(trainer);
  ln_model_destroy(model);
  assert_int_equal(remove(path), 0);
  assert_int_equal(remove(folder), 0);
}

static void trains_dense(void **state) {
  (void)state;
  train_save_restore("dense");
}

static void trains_conv(void **state) {
  (void)state;
  train_save_restore("conv");
}

static void trains_embedded(void **state) {
  (void)state;
  train_save_restore("embedded");
}

/* A Keras model and its Adam, as the tutorial has them. */
static void trains_tutorial(void **state) {
  (void)state;
  train_save_restore("tutorial");
}

/* The caller says where files lie: a session that allows none, a path that is absent. */
static void refuses_files(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  ln_model *model = open_model("dense");
  ln_session *closed = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.signature = "save";
  options.files = LN_FILES_NONE;
  assert_int_equal(ln_session_create(model, &options, &err, &closed), LN_OK);
  assert_int_equal(with_file(closed, "/tmp/linnet-never-written", &err), LN_ERR_UNSUPPORTED);
  assert_int_equal(access("/tmp/linnet-never-written", F_OK), -1);
  ln_session *restore = open_session(model, "restore", NULL);
  assert_int_equal(with_file(restore, "/tmp/linnet-never-written", &err), LN_ERR_IO);
  assert_non_null(strstr(err.message, "FlexRestore"));
  ln_session_destroy(restore);
  ln_session_destroy(closed);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(trains_dense),    cmocka_unit_test(trains_conv),   cmocka_unit_test(trains_embedded),
      cmocka_unit_test(trains_tutorial), cmocka_unit_test(refuses_files),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/*
 * Many sessions on one model from many threads: made, run, cancelled and destroyed at the same time, they give the bits
 * that one session gives alone. `make tsan` runs this under ThreadSanitizer.
 */
#include <pthread.h>
#include <stdlib.h>

#include "linnet/linnet.h"
#include "support/cases.h"
#include "support/unit.h"

enum { THREADS = 4, ROUNDS = 3, RUNS = 3 };

/* One model, its input and what it gives; the same for all threads. */
typedef struct work {
  ln_model *model;
  uint8_t *input, *want;
  size_t input_bytes, want_bytes;
} work;

typedef struct worker {
  const work *work;
  int32_t threads;    /* of each of its sessions */
  const char *failed; /* cmocka's assertions belong to the main thread */
} worker;

static const char *run_once(const work *w, ln_session *session) {
  if (ln_session_set_input(session, 0, w->input, w->input_bytes, NULL) != LN_OK) return "set_input";
  if (ln_session_run(session, NULL) != LN_OK) return "run";
  const ln_tensor *output = ln_session_output(session, 0);
  if (ln_tensor_bytes(output) != w->want_bytes) return "other size";
  return memcmp(ln_tensor_data(output), w->want, w->want_bytes) == 0 ? NULL : "other bits";
}

static void *work_on(void *context) {
  worker *me = context;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = me->threads;
  for (int round = 0; round < ROUNDS && me->failed == NULL; ++round) {
    ln_session *session = NULL;
    if (ln_session_create(me->work->model, &options, NULL, &session) != LN_OK) {
      me->failed = "create";
      return NULL;
    }
    for (int i = 0; i < RUNS && me->failed == NULL; ++i) me->failed = run_once(me->work, session);
    ln_session_stats stats = {.size = sizeof stats};
    if (ln_session_get_stats(session, &stats) != LN_OK) me->failed = "stats";
    ln_session_destroy(session);
  }
  return NULL;
}

static void work_together(const char *path, int32_t threads) {
  work w = {0};
  ln_session *alone = NULL;
  /* What one session gives, on a model of its own, so that the shared one is not prepared yet. */
  assert_int_equal(ln_model_open(path, NULL, &w.model), LN_OK);
  assert_int_equal(ln_session_create(w.model, NULL, NULL, &alone), LN_OK);
  w.input_bytes = ln_tensor_bytes(ln_session_input(alone, 0));
  w.input = malloc(w.input_bytes);
  for (size_t i = 0; i < w.input_bytes; ++i) w.input[i] = (uint8_t)(i * 37 % 251);
  assert_int_equal(ln_session_set_input(alone, 0, w.input, w.input_bytes, NULL), LN_OK);
  assert_int_equal(ln_session_run(alone, NULL), LN_OK);
  w.want_bytes = ln_tensor_bytes(ln_session_output(alone, 0));
  w.want = malloc(w.want_bytes);
  memcpy(w.want, ln_tensor_data(ln_session_output(alone, 0)), w.want_bytes);
  ln_session_destroy(alone);
  ln_model_destroy(w.model);

  assert_int_equal(ln_model_open(path, NULL, &w.model), LN_OK);
  worker workers[THREADS];
  pthread_t handles[THREADS];
  for (int i = 0; i < THREADS; ++i) {
    workers[i] = (worker){&w, threads, NULL};
    assert_int_equal(pthread_create(&handles[i], NULL, work_on, &workers[i]), 0);
  }
  for (int i = 0; i < THREADS; ++i) pthread_join(handles[i], NULL);
  for (int i = 0; i < THREADS; ++i) {
    if (workers[i].failed != NULL) fail_msg("%s: thread %d: %s", path, i, workers[i].failed);
  }
  ln_model_destroy(w.model);
  free(w.input);
  free(w.want);
}

static const char *const classifier = LN_TESTS_DIR "/../models/fashion_mnist.tflite";

static void shares_a_model(void **state) {
  (void)state;
  work_together(classifier, 1);
}

static void shares_a_model_between_pools(void **state) {
  (void)state;
  work_together(classifier, 2);
}

/* One operator each, of the families that pack weights or keep tables. */
static void shares_operators(void **state) {
  (void)state;
  static const char *const names[] = {"fully_connected/i8_keep.tflite", "fully_connected/hybrid.tflite",
                                      "softmax/log_softmax_long_i8.tflite", "unary/exp_rescaled_i8.tflite"};
  int found = 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; ++i) {
    char path[1024];
    ln_model *model = NULL;
    if (ln_model_open(ln_test_case_path(path, sizeof path, names[i]), NULL, &model) != LN_OK) continue;
    ln_model_destroy(model);
    ++found;
    work_together(path, 2);
  }
  assert_true(found > 1);
}

static void *cancel_again_and_again(void *session) {
  for (int i = 0; i < 200; ++i) ln_session_cancel(session);
  return NULL;
}

static void is_cancelled_at_any_time(void **state) {
  (void)state;
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = 2;
  assert_int_equal(ln_model_open(classifier, NULL, &model), LN_OK);
  assert_int_equal(ln_session_create(model, &options, NULL, &session), LN_OK);
  ln_tensor *input = ln_session_input(session, 0);
  memset(ln_tensor_mutable_data(input), 0, ln_tensor_bytes(input));
  for (int i = 0; i < 20; ++i) {
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, cancel_again_and_again, session), 0);
    const ln_status status = ln_session_run(session, NULL);
    assert_true(status == LN_OK || status == LN_ERR_CANCELLED);
    pthread_join(thread, NULL);
  }
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shares_a_model),
      cmocka_unit_test(shares_a_model_between_pools),
      cmocka_unit_test(shares_operators),
      cmocka_unit_test(is_cancelled_at_any_time),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

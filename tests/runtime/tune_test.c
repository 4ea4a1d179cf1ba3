/*
 * Sessions that time the ways to compute an operator: nothing is measured unless asked for, equal shapes once, sessions
 * of the model and later loads with a file of packed weights take over what was found, and a file that is damaged or
 * says something else changes no more than the time.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "linnet/linnet.h"
#include "runtime/runtime.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { SIDE = 12, CHANNELS = 32, ELEMENTS = SIDE * SIDE * CHANNELS, CHOICES = 3 };

static char folder[] = "/tmp/linnet_tune.XXXXXX";

static float next(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (float)(*state >> 8) / (float)(1 << 23) - 1.0f;
}

/* A convolution of a new tensor; `zeros`: of eight values of its filter, about how many. */
static int32_t convolve(ln_model *model, int32_t in, int32_t kernel, uint32_t zeros) {
  static float values[CHANNELS * 9 * CHANNELS];
  const int32_t dims[] = {CHANNELS, kernel, kernel, CHANNELS}, image[] = {1, SIDE, SIDE, CHANNELS};
  const size_t count = (size_t)(CHANNELS * kernel * kernel * CHANNELS);
  uint32_t state = 7 + zeros;
  for (size_t i = 0; i < count; ++i) {
    const float value = next(&state) / 16.0f;
    values[i] = (state >> 28) % 8 < zeros ? 0.0f : value;
  }
  const int32_t inputs[] = {in, build_constant(model, LN_FLOAT32, 4, dims, values, count * sizeof *values), -1};
  const int32_t out = build_output(model, LN_FLOAT32, 4, image);
  ln_op *op = build_op(model, ln_op_find(LN_OP_CONV_2D), 3, inputs, 1, &out);
  BUILD_OPTIONS(op, conv2d_options)->padding = LN_PADDING_SAME;
  BUILD_OPTIONS(op, conv2d_options)->stride_h = BUILD_OPTIONS(op, conv2d_options)->stride_w = 1;
  return out;
}

/* Two convolutions of one shape that Winograd's transforms fit, and two of filters with other numbers of zeros. */
static void save_model(const char *path) {
  const int32_t image[] = {1, SIDE, SIDE, CHANNELS};
  ln_model *model = build_model();
  const int32_t first = convolve(model, build_input(model, LN_FLOAT32, 4, image), 3, 0);
  const int32_t second = convolve(model, first, 3, 0);
  convolve(model, convolve(model, second, 1, 7), 1, 5);
  ln_error err = {0};
  if (ln_model_save(model, path, &err) != LN_OK) fail_msg("%s", err.message);
  ln_model_destroy(model);
}

typedef struct result {
  float out[ELEMENTS];
  int32_t measured;
} result;

static ln_model *open_model(const char *path) {
  ln_model *model = NULL;
  ln_error err = {0};
  if (ln_model_open(path, &err, &model) != LN_OK) fail_msg("%s", err.message);
  return model;
}

static result run(ln_model *model, bool tune, int32_t threads, const char *place) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.tune = tune;
  options.threads = threads;
  options.weight_cache = place;
  ln_session *session = NULL;
  ln_error err = {0};
  if (ln_session_create(model, &options, &err, &session) != LN_OK) fail_msg("%s", err.message);
  ln_tensor *in = ln_session_input(session, 0);
  uint32_t state = 3;
  for (size_t j = 0; j < ELEMENTS; ++j) ((float *)in->data)[j] = next(&state);
  if (ln_session_run(session, &err) != LN_OK) fail_msg("%s", err.message);
  result out;
  memcpy(out.out, ln_session_output(session, ln_session_output_count(session) - 1)->data, sizeof out.out);
  ln_session_stats stats = {.size = sizeof stats};
  assert_int_equal(ln_session_get_stats(session, &stats), LN_OK);
  out.measured = stats.measured_choices;
  ln_session_destroy(session);
  return out;
}

static result run_file(const char *path, bool tune, const char *place) {
  ln_model *model = open_model(path);
  const result out = run(model, tune, 1, place);
  ln_model_destroy(model);
  return out;
}

static void check_near(const result *a, const result *b) {
  for (size_t i = 0; i < ELEMENTS; ++i) assert_true(fabsf(a->out[i] - b->out[i]) <= 1e-4f);
}

static const char *in_folder(const char *name) {
  static char paths[2][128];
  static int turn;
  char *path = paths[turn++ % 2];
  snprintf(path, sizeof paths[0], "%s/%s", folder, name);
  return path;
}

static void measures_only_when_asked(void **state) {
  (void)state;
  const char *path = in_folder("a.tflite");
  save_model(path);
  const result plain = run_file(path, false, NULL), tuned = run_file(path, true, NULL);
  assert_int_equal(plain.measured, 0);
  assert_int_equal(tuned.measured, CHOICES);
  check_near(&plain, &tuned);
}

static void other_sessions_take_over(void **state) {
  (void)state;
  const char *path = in_folder("b.tflite");
  save_model(path);
  ln_model *model = open_model(path);
  const result first = run(model, true, 1, NULL), second = run(model, true, 1, NULL);
  assert_int_equal(first.measured, CHOICES);
  assert_int_equal(second.measured, 0);
  assert_memory_equal(first.out, second.out, sizeof first.out);
  const result threads = run(model, true, 2, NULL); /* which may suit another way */
  assert_int_equal(threads.measured, CHOICES);
  check_near(&first, &threads);
  ln_model_destroy(model);
}

static void the_file_keeps_choices(void **state) {
  (void)state;
  const char *path = in_folder("c.tflite"), *pack = in_folder("c.pack");
  save_model(path);
  const result plain = run_file(path, false, pack); /* makes the file without them */
  const result first = run_file(path, true, pack), second = run_file(path, true, pack);
  assert_int_equal(plain.measured, 0);
  assert_int_equal(first.measured, CHOICES);
  assert_int_equal(second.measured, 0);
  assert_memory_equal(first.out, second.out, sizeof first.out);
  ln_file_map map;
  ln_error err = {0};
  if (ln_file_map_open(pack, &err, &map) != LN_OK) fail_msg("%s", err.message);
  const size_t size = map.size;
  uint8_t *bad = malloc(size);
  assert_non_null(bad);
  uint32_t seed = 11;
  for (int32_t round = 0; round < 60; ++round) {
    memcpy(bad, map.data, size);
    const size_t span = round % 2 == 0 ? 1024 : size;
    bad[(size_t)((next(&seed) + 1.0f) / 2.0f * (float)span) % size] ^= (uint8_t)(1u << round % 8);
    if (ln_file_write(pack, bad, size, &err) != LN_OK) fail_msg("%s", err.message);
    const result got = run_file(path, true, pack);
    assert_true(got.measured <= CHOICES);
    check_near(&first, &got);
  }
  free(bad);
  ln_file_map_close(&map);
}

/* Choices as a forger would have them, in place of those of a file. */
static int32_t forged;

static const void *find_forged(void *user, const ln_pack_key *key) {
  (void)user;
  return key->key_data == NULL ? &forged : NULL;
}

static void forged_choices_cost_time_only(void **state) {
  (void)state;
  static const int32_t values[] = {0, 1, 2, 3, -1, INT32_MIN, INT32_MAX};
  const char *path = in_folder("d.tflite");
  save_model(path);
  const result plain = run_file(path, false, NULL);
  for (size_t i = 0; i < LN_COUNT(values); ++i) {
    ln_model *model = open_model(path);
    run(model, false, 3, NULL); /* there are packed weights now; of another number of threads, no choice is */
    const ln_pack_store store = {find_forged, NULL};
    ln_pack_cache_use(ln_model_cache_lock_packs(model), &store);
    ln_model_cache_unlock_packs(model);
    forged = values[i];
    const result got = run(model, true, 1, NULL);
    assert_int_equal(got.measured, 0);
    check_near(&plain, &got);
    ln_model_destroy(model);
  }
}

/* A way that there is no memory to try is no reason to fail: memory checkers see what is left behind. */
static void does_without_memory(void **state) {
  (void)state;
  const char *path = in_folder("e.tflite");
  save_model(path);
  bool failed = true, went_on = false;
  for (long n = 1; failed; ++n) {
    ln_model *model = NULL;
    ln_session *session = NULL;
    ln_error err = {0};
    ln_session_options options = LN_SESSION_OPTIONS_INIT;
    options.tune = true;
    ln_alloc_fail_after(n);
    ln_status status = ln_model_open(path, &err, &model);
    if (status == LN_OK) status = ln_session_create(model, &options, &err, &session);
    if (status == LN_OK) status = ln_session_run(session, &err);
    failed = ln_alloc_fail_pending() == 0;
    ln_alloc_fail_after(0);
    if (status != LN_OK && (!failed || status != LN_ERR_MEMORY)) fail_msg("allocation %ld: %s", n, err.message);
    went_on = went_on || (failed && status == LN_OK);
    ln_session_destroy(session);
    ln_model_destroy(model);
  }
  assert_true(went_on);
}

static int make_folder(void **state) {
  (void)state;
  return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state) {
  (void)state;
  char command[128];
  snprintf(command, sizeof command, "rm -r %s", folder);
  return system(command);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(measures_only_when_asked), cmocka_unit_test(other_sessions_take_over),
      cmocka_unit_test(the_file_keeps_choices),   cmocka_unit_test(forged_choices_cost_time_only),
      cmocka_unit_test(does_without_memory),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}

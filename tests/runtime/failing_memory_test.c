/*
 * The n-th allocation fails, for every n, while a model is loaded, prepared, resized and run: each time the status says
 * so, and nothing of what was taken is left. Memory comes from a counting allocator, so that a leak shows in any build.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/base.h"
#include "support/cases.h"
#include "support/unit.h"

enum { EVERY = 1, MOST_ALLOCATIONS = 20000 };

static atomic_long live;

static void *allocate(void *user, size_t bytes, size_t alignment) {
  (void)user;
  void *memory = aligned_alloc(alignment, bytes);
  if (memory != NULL) ++live;
  return memory;
}

static void release(void *user, void *memory) {
  (void)user;
  if (memory != NULL) --live;
  free(memory);
}

static ln_status feed(const ln_model *model, ln_session *session, ln_error *err) {
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
    size_t bytes = 0;
    const void *data = ln_test_case_input(model, i, &bytes);
    if (data == NULL) continue;
    const ln_status status = ln_session_set_input(session, i, data, bytes, err);
    if (status != LN_OK) return status;
  }
  return LN_OK;
}

/* Another size of the first dimension and back: the sizes that the operator takes or refuses. */
static ln_status resize_there_and_back(const ln_model *model, ln_session *session, ln_error *err) {
  const ln_tensor *input = ln_session_input(session, 0);
  int32_t dims[LN_MAX_RANK];
  const int32_t rank = input == NULL ? 0 : ln_tensor_rank(input);
  if (rank == 0) return LN_OK;
  for (int32_t i = 0; i < rank; ++i) dims[i] = ln_tensor_dim(input, i);
  const int32_t before = dims[0];
  dims[0] = before + 1;
  ln_status status = ln_session_resize_input(session, 0, dims, rank, err);
  if (status == LN_OK) status = ln_session_prepare(session, err);
  if (status == LN_ERR_MEMORY) return status;
  dims[0] = before;
  status = ln_session_resize_input(session, 0, dims, rank, err);
  return status == LN_OK ? ln_test_case_resize(model, session, err) : status;
}

/* All that a program does with a model, up to the first failure. */
static ln_status whole_life(const char *path, ln_error *err) {
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = 2;
  ln_status status = ln_model_open(path, err, &model);
  if (status == LN_OK) status = ln_session_create(model, &options, err, &session);
  if (status == LN_OK) status = ln_test_case_resize(model, session, err);
  for (int run = 0; run < 2 && status == LN_OK; ++run) {
    status = feed(model, session, err);
    if (status == LN_OK) status = ln_session_run(session, err);
  }
  if (status == LN_OK) status = resize_there_and_back(model, session, err);
  if (status == LN_OK) status = feed(model, session, err);
  if (status == LN_OK) status = ln_session_run(session, err);
  if (status == LN_OK) ln_session_reset(session);
  ln_session_destroy(session);
  ln_model_destroy(model);
  return status;
}

static void fail_each_allocation(const char *path) {
  ln_error err = {LN_OK, ""};
  const long before = live;
  const ln_status whole = whole_life(path, &err);
  for (long n = 1; n < MOST_ALLOCATIONS; ++n) {
    ln_alloc_fail_after(n);
    const ln_status status = whole_life(path, &err);
    const bool failed = ln_alloc_fail_pending() == 0;
    ln_alloc_fail_after(0);
    if (live != before) fail_msg("%s: allocation %ld failed: %ld blocks are left", path, n, live - before);
    if (!failed) return;
    /* What the failure only slows or hides goes on, to the end that it has without one. */
    if (status != LN_ERR_MEMORY && status != whole) fail_msg("%s: allocation %ld: %s", path, n, err.message);
  }
  fail_msg("%s: more than %d allocations", path, MOST_ALLOCATIONS);
}

static void check_case(const char *path, ln_model *model) {
  (void)model;
  fail_each_allocation(path);
}

static void survives_over_the_cases(void **state) {
  (void)state;
  assert_true(ln_test_each_case(EVERY, check_case) > 0);
}

static void survives_over_a_whole_model(void **state) {
  (void)state;
  fail_each_allocation(LN_TESTS_DIR "/../models/fashion_mnist.tflite");
}

int main(void) {
  const ln_allocator allocator = {sizeof allocator, NULL, allocate, release};
  if (ln_set_allocator(&allocator, NULL) != LN_OK) return 1;
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(survives_over_a_whole_model),
      cmocka_unit_test(survives_over_the_cases),
  };
  return cmocka_run_group_tests_name("runtime.failing_memory", tests, NULL, NULL);
}

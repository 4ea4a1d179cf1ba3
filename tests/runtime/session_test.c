/*
 * Sessions on the operators' own cases: a run allocates nothing, any allocation may fail while a session is made,
 * sessions of one model do not disturb one another, and the API refuses what does not fit.
 */
#include <stdio.h>
#include <stdlib.h>

#include "linnet/linnet.h"
#include "runtime/runtime.h"
#include "support/cases.h"
#include "support/unit.h"

static void check_run_without_allocation(const char *path, ln_model *model) {
  ln_session *session = NULL;
  ln_error err = {LN_OK, ""};
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = 2;
  if (ln_session_create(model, &options, &err, &session) != LN_OK) {
    fail_msg("%s: %s", path, err.message);
  }
  bool strings = false; /* they have no bytes before they are set */
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
    strings = strings || ln_tensor_type(ln_session_input(session, i)) == LN_STRING;
  }
  if (session->late_steps == 0 && !strings) {
    for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
      ln_tensor *input = ln_session_input(session, i);
      if (ln_tensor_mutable_data(input) != NULL) memset(ln_tensor_mutable_data(input), 0, ln_tensor_bytes(input));
    }
    ln_alloc_fail_after(1);
    const ln_status status = ln_session_run(session, &err);
    ln_alloc_fail_after(0);
    /* Zeros are no good data for some operators (a division, say), and strings were not set: what must not happen is an
     * allocation. */
    if (status != LN_OK && status != LN_ERR_DATA && status != LN_ERR_STATE) fail_msg("%s: %s", path, err.message);
  }
  ln_session_destroy(session);
}

static void runs_without_allocation(void **state) {
  (void)state;
  assert_true(ln_test_each_case(1, check_run_without_allocation) > 0);
}

static const char *first_case(void) { return LN_TESTS_DIR "/ops/cases/unary/abs_f32.tflite"; }

static void keeps_sessions_apart(void **state) {
  (void)state;
  ln_model *model = NULL;
  ln_session *a = NULL, *b = NULL;
  assert_int_equal(ln_model_open(first_case(), NULL, &model), LN_OK);
  assert_int_equal(ln_session_create(model, NULL, NULL, &a), LN_OK);
  assert_int_equal(ln_session_create(model, NULL, NULL, &b), LN_OK);
  float *in_a = ln_tensor_mutable_data(ln_session_input(a, 0));
  float *in_b = ln_tensor_mutable_data(ln_session_input(b, 0));
  const size_t count = ln_tensor_elements(ln_session_input(a, 0));
  for (size_t i = 0; i < count; ++i) {
    in_a[i] = -1.0f;
    in_b[i] = -2.0f;
  }
  assert_int_equal(ln_session_run(a, NULL), LN_OK);
  assert_int_equal(ln_session_run(b, NULL), LN_OK);
  assert_true(((const float *)ln_tensor_data(ln_session_output(a, 0)))[0] == 1.0f);
  assert_true(((const float *)ln_tensor_data(ln_session_output(b, 0)))[0] == 2.0f);
  ln_session_destroy(a);
  ln_session_destroy(b);
  ln_model_destroy(model);
}

static void resizes(void **state) {
  (void)state;
  ln_model *model = NULL;
  ln_session *session = NULL;
  assert_int_equal(ln_model_open(first_case(), NULL, &model), LN_OK);
  assert_int_equal(ln_session_create(model, NULL, NULL, &session), LN_OK);
  const int32_t dims[] = {5, 7, 3};
  assert_int_equal(ln_session_resize_input(session, 0, dims, 3, NULL), LN_OK);
  assert_int_equal(ln_session_prepare(session, NULL), LN_OK);
  const ln_tensor *output = ln_session_output(session, 0);
  assert_int_equal(ln_tensor_rank(output), 3);
  assert_int_equal(ln_tensor_elements(output), 105);
  float *input = ln_tensor_mutable_data(ln_session_input(session, 0));
  for (int i = 0; i < 105; ++i) input[i] = (float)-i;
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  assert_true(((const float *)ln_tensor_data(output))[104] == 104.0f);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

static void refuses_misuse(void **state) {
  (void)state;
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_error err = {LN_OK, ""};
  assert_int_equal(ln_session_create(NULL, NULL, &err, &session), LN_ERR_ARGUMENT);
  assert_int_equal(ln_model_open(first_case(), NULL, &model), LN_OK);
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.signature = "nothing of that name";
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_ERR_NOT_FOUND);
  assert_non_null(strstr(err.message, "nothing of that name"));
  options = (ln_session_options)LN_SESSION_OPTIONS_INIT;
  options.backend = "abacus";
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_ERR_NOT_FOUND);
  options = (ln_session_options)LN_SESSION_OPTIONS_INIT;
  options.threads = -1;
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_ERR_ARGUMENT);
  options.size = 4096;
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_ERR_ARGUMENT);
  assert_null(session);
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_OK);
  assert_int_equal(ln_session_set_input(session, 0, "x", 1, &err), LN_ERR_SHAPE);
  assert_int_equal(ln_session_set_input(session, 9, "x", 1, &err), LN_ERR_ARGUMENT);
  const int32_t huge[] = {INT32_MAX, INT32_MAX, INT32_MAX};
  assert_int_equal(ln_session_resize_input(session, 0, huge, 3, &err), LN_ERR_SHAPE);
  const int32_t negative[] = {-1, 4};
  assert_int_equal(ln_session_resize_input(session, 0, negative, 2, &err), LN_ERR_SHAPE);
  assert_int_equal(ln_session_resize_input(session, 0, huge, 99, &err), LN_ERR_SHAPE);
  assert_null(ln_session_output(session, 1));
  ln_session_destroy(session);
  ln_model_destroy(model);
}

static void keeps_to_a_memory_limit(void **state) {
  (void)state;
  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_error err = {LN_OK, ""};
  assert_int_equal(ln_model_open(first_case(), NULL, &model), LN_OK);
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.memory_limit = 64;
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_ERR_LIMIT);
  options.memory_limit = 1 << 20;
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_OK);
  const int32_t dims[] = {1 << 20, 1, 1};
  assert_int_equal(ln_session_resize_input(session, 0, dims, 3, &err), LN_OK);
  assert_int_equal(ln_session_prepare(session, &err), LN_ERR_LIMIT);
  const int32_t small[] = {4, 4, 4};
  assert_int_equal(ln_session_resize_input(session, 0, small, 3, &err), LN_OK);
  assert_int_equal(ln_session_prepare(session, &err), LN_OK);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

/* One letter a string. */
static void set_letters(ln_session *session, const char *letters) {
  const int32_t count = (int32_t)strlen(letters), header = 4 * (count + 2);
  char *bytes = ln_alloc((size_t)(header + count));
  memcpy(bytes, &count, 4);
  for (int32_t i = 0; i <= count; ++i) {
    const int32_t offset = header + i;
    memcpy(bytes + 4 * (i + 1), &offset, 4);
  }
  memcpy(bytes + header, letters, (size_t)count);
  assert_int_equal(ln_session_set_input(session, 0, bytes, (size_t)(header + count), NULL), LN_OK);
  ln_free(bytes);
}

static int32_t different_letters(ln_session *session, const char *letters) {
  set_letters(session, letters);
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  return ln_tensor_dim(ln_session_output(session, 0), 0);
}

/* A plan made while strings of an earlier run are there: the next run may have others. */
static void plans_see_no_values(void **state) {
  (void)state;
  ln_model *model = NULL;
  ln_session *session = NULL;
  const int32_t four[1] = {4}, five[1] = {5};
  assert_int_equal(ln_model_open(LN_TESTS_DIR "/ops/cases/element_types/unique_str.tflite", NULL, &model), LN_OK);
  assert_int_equal(ln_session_create(model, NULL, NULL, &session), LN_OK);
  assert_int_equal(different_letters(session, "aaaaa"), 1);
  assert_int_equal(ln_session_resize_input(session, 0, four, 1, NULL), LN_OK);
  assert_int_equal(ln_session_resize_input(session, 0, five, 1, NULL), LN_OK);
  assert_int_equal(different_letters(session, "abcde"), 5);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(runs_without_allocation), cmocka_unit_test(plans_see_no_values),
      cmocka_unit_test(keeps_sessions_apart),    cmocka_unit_test(resizes),
      cmocka_unit_test(refuses_misuse),          cmocka_unit_test(keeps_to_a_memory_limit),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

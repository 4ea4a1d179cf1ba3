/* Lists of tensors in a session: what they take is counted, given back and limited. */
#include <stdio.h>

#include "linnet/linnet.h"
#include "runtime/runtime.h"
#include "support/cases.h"
#include "support/unit.h"

static ln_model *open_case(const char *name) {
  char path[1024];
  ln_model *model = NULL;
  assert_int_equal(ln_model_open(ln_test_case_path(path, sizeof path, name), NULL, &model), LN_OK);
  return model;
}

static ln_session *open_session(ln_model *model, size_t memory_limit) {
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.memory_limit = memory_limit;
  assert_int_equal(ln_session_create(model, &options, NULL, &session), LN_OK);
  return session;
}

static void feed(const ln_model *model, ln_session *session) {
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
    size_t bytes = 0;
    const void *data = ln_test_case_input(model, i, &bytes);
    assert_int_equal(ln_session_set_input(session, i, data, bytes, NULL), LN_OK);
  }
}

/* A loop that makes five lists holds as much after a hundred runs as after one, and nothing when planned anew. */
static void gives_back_what_lists_took(void **state) {
  (void)state;
  ln_model *model = open_case("flex_list/in_a_loop.tflite");
  ln_session *session = open_session(model, 0);
  feed(model, session);
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  const size_t held = session->list_bytes;
  assert_true(held > 0);
  for (int run = 0; run < 100; ++run) {
    assert_int_equal(ln_session_run(session, NULL), LN_OK);
    assert_int_equal(session->list_bytes, held);
  }
  ln_session_destroy(session);
  ln_model_destroy(model);
}

/* A list of two thousand million elements does not fit into 64 MiB; the session goes on with one that does. */
static void limits_what_lists_take(void **state) {
  (void)state;
  ln_model *model = open_case("flex_list/resize_5.tflite");
  ln_session *session = open_session(model, 64u << 20);
  ln_error err = {LN_OK, ""};
  const int32_t many = INT32_MAX, few = 5;
  feed(model, session);
  assert_int_equal(ln_session_set_input(session, 1, &many, sizeof many, NULL), LN_OK);
  assert_int_equal(ln_session_run(session, &err), LN_ERR_LIMIT);
  assert_non_null(strstr(err.message, "FlexTensorListResize"));
  assert_int_equal(ln_session_set_input(session, 1, &few, sizeof few, NULL), LN_OK);
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(gives_back_what_lists_took),
      cmocka_unit_test(limits_what_lists_take),
  };
  return cmocka_run_group_tests_name("runtime.list", tests, NULL, NULL);
}

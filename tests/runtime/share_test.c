/* Sessions that share their resources: variables and what initialised them, whoever goes first, limits, reset. */
#include "linnet/linnet.h"
#include "runtime/runtime.h"
#include "support/unit.h"

/* state.tflite: `add` gives variable + x and keeps it, `read` gives it; an initialiser begins at 10. */
static ln_model *open_model(void) {
  ln_model *model = NULL;
  assert_int_equal(ln_model_open(LN_TESTS_DIR "/tflite_c/models/state.tflite", NULL, &model), LN_OK);
  return model;
}

static ln_status open_with(ln_model *model, const char *signature, ln_session *share, ln_session **out) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.signature = signature;
  options.share = share;
  return ln_session_create(model, &options, NULL, out);
}

static ln_session *open_session(ln_model *model, const char *signature, ln_session *share) {
  ln_session *session = NULL;
  assert_int_equal(open_with(model, signature, share, &session), LN_OK);
  return session;
}

static float run(ln_session *session) {
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  return ((const float *)ln_tensor_data(ln_session_output(session, 0)))[0];
}

static float add(ln_session *session, float amount) {
  const float x[] = {amount, amount};
  assert_int_equal(ln_session_set_input(session, 0, x, sizeof x, NULL), LN_OK);
  return run(session);
}

static void shares_values_and_initialisers(void **state) {
  (void)state;
  ln_model *model = open_model();
  ln_session *adder = open_session(model, "add", NULL), *reader = open_session(model, "read", adder);
  ln_session *apart = open_session(model, "read", NULL);
  assert_true(add(adder, 1) == 11);
  assert_true(run(reader) == 11); /* the initialiser does not run again */
  assert_true(run(apart) == 10);
  assert_true(add(adder, 4) == 15 && run(reader) == 15);
  ln_session_destroy(apart);
  ln_session_destroy(reader);
  ln_session_destroy(adder);
  ln_model_destroy(model);
}

static void outlives_the_session_that_made_them(void **state) {
  (void)state;
  ln_model *model = open_model();
  ln_session *first = open_session(model, "add", NULL);
  assert_true(add(first, 5) == 15);
  ln_session *second = open_session(model, "read", first), *third = open_session(model, "add", second);
  ln_session_destroy(first);
  assert_true(run(second) == 15 && add(third, 1) == 16);
  ln_session_destroy(second);
  assert_true(add(third, 1) == 17);
  ln_session_destroy(third);
  ln_model_destroy(model);
}

static void resets_for_all(void **state) {
  (void)state;
  ln_model *model = open_model();
  ln_session *adder = open_session(model, "add", NULL), *reader = open_session(model, "read", adder);
  assert_true(add(adder, 5) == 15 && run(reader) == 15);
  ln_session_reset_variable_tensors(reader); /* of which there are none */
  assert_true(run(reader) == 15);
  ln_session_reset(reader);
  assert_true(run(reader) == 10 && add(adder, 1) == 11);
  ln_session_destroy(reader);
  ln_session_destroy(adder);
  ln_model_destroy(model);
}

static void counts_against_every_limit(void **state) {
  (void)state;
  ln_model *model = open_model();
  ln_session *adder = open_session(model, "add", NULL), *reader = NULL;
  ln_session_stats stats = {.size = sizeof stats};
  assert_true(add(adder, 5) == 15);
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.signature = "read";
  options.share = adder;
  assert_int_equal(ln_session_create(model, &options, NULL, &reader), LN_OK);
  assert_int_equal(ln_session_get_stats(reader, &stats), LN_OK);
  assert_int_equal(stats.variable_bytes, 2 * sizeof(float));
  options.memory_limit = stats.arena_bytes + stats.variable_bytes - 1;
  ln_session_destroy(reader);
  assert_int_equal(ln_session_create(model, &options, NULL, &reader), LN_ERR_LIMIT);
  ln_session_destroy(adder);
  ln_model_destroy(model);
}

static void refuses_another_model(void **state) {
  (void)state;
  ln_model *model = open_model(), *other = open_model();
  ln_session *adder = open_session(model, "add", NULL), *reader = NULL;
  assert_int_equal(open_with(other, "read", adder, &reader), LN_ERR_ARGUMENT);
  assert_null(reader);
  ln_session_destroy(adder);
  ln_model_destroy(other);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(shares_values_and_initialisers),
      cmocka_unit_test(outlives_the_session_that_made_them),
      cmocka_unit_test(resets_for_all),
      cmocka_unit_test(counts_against_every_limit),
      cmocka_unit_test(refuses_another_model),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

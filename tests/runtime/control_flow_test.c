/* Graphs that run graphs: limits that stop them, calls that the verifier refuses, sessions apart. */
#include <stdio.h>

#include "linnet/linnet.h"
#include "ops/ops.h"
#include "runtime/runtime.h"
#include "support/unit.h"

static ln_model *open_case(const char *name) {
  ln_model *model = NULL;
  char path[1024];
  snprintf(path, sizeof path, LN_TESTS_DIR "/ops/cases/%s.tflite", name);
  assert_int_equal(ln_model_open(path, NULL, &model), LN_OK);
  return model;
}

static ln_session *open_session(ln_model *model, int64_t operation_limit, size_t memory_limit) {
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.operation_limit = operation_limit;
  options.memory_limit = memory_limit;
  assert_int_equal(ln_session_create(model, &options, NULL, &session), LN_OK);
  return session;
}

static void fill(ln_session *session, int32_t index, int value) {
  ln_tensor *input = ln_session_input(session, index);
  memset(ln_tensor_mutable_data(input), value, ln_tensor_bytes(input));
}

/* while_add counts to seven from its first input: a loop from far below takes more operators than the limit. */
static void stops_at_the_operation_limit(void **state) {
  (void)state;
  ln_model *model = open_case("control_flow/while_add");
  ln_session *session = open_session(model, 1000, 0);
  ln_error err = {LN_OK, ""};
  const int32_t far = INT32_MIN, near = 5;
  fill(session, 1, 0);
  assert_int_equal(ln_session_set_input(session, 0, &far, sizeof far, NULL), LN_OK);
  assert_int_equal(ln_session_run(session, &err), LN_ERR_LIMIT);
  assert_non_null(strstr(err.message, "WHILE"));
  assert_int_equal(ln_session_set_input(session, 0, &near, sizeof near, NULL), LN_OK);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  assert_int_equal(((const int32_t *)ln_tensor_data(ln_session_output(session, 0)))[0], 7);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

/* while_growing's tensor gains a row and two columns in each turn. */
static void stops_at_the_memory_limit(void **state) {
  (void)state;
  ln_model *model = open_case("control_flow/while_growing");
  ln_session *session = open_session(model, 0, 1 << 20);
  const int32_t far = -100000, near = 2;
  fill(session, 1, 0);
  assert_int_equal(ln_session_set_input(session, 0, &far, sizeof far, NULL), LN_OK);
  assert_int_equal(ln_session_run(session, NULL), LN_ERR_LIMIT);
  assert_true(session->memory_total <= (1 << 20));
  assert_int_equal(ln_session_set_input(session, 0, &near, sizeof near, NULL), LN_OK);
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  assert_int_equal(ln_tensor_dim(ln_session_output(session, 1), 0), 3);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

static void refuses_a_negative_limit(void **state) {
  (void)state;
  ln_model *model = open_case("control_flow/if_then");
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.operation_limit = -1;
  assert_int_equal(ln_session_create(model, &options, NULL, &session), LN_ERR_ARGUMENT);
  ln_model_destroy(model);
}

enum { DEEPEST = 32, GRAPHS = DEEPEST + 8 };

/* Graph i runs graph `calls[i]`; -1 none. */
static ln_status verify_chain(const int32_t *calls, int32_t count) {
  ln_graph graphs[GRAPHS] = {{0}};
  ln_op ops[GRAPHS] = {{0}};
  ln_call_options options[GRAPHS] = {{0}};
  ln_model model = {.graphs = graphs, .graph_count = count};
  for (int32_t i = 0; i < count; ++i) {
    graphs[i].name = "";
    graphs[i].ops = &ops[i];
    graphs[i].op_count = calls[i] >= 0;
    options[i].subgraph = (uint32_t)calls[i];
    ops[i] = (ln_op){.def = ln_op_find(LN_OP_CALL), .options = &options[i], .options_table = LN_TABLE_call_options};
  }
  return ln_model_verify(&model, NULL);
}

static void refuses_circles_and_depth(void **state) {
  (void)state;
  int32_t calls[GRAPHS];
  calls[0] = 0;
  assert_int_equal(verify_chain(calls, 1), LN_ERR_MODEL);
  calls[0] = 1;
  assert_int_equal(verify_chain(calls, 1), LN_ERR_MODEL);
  for (int32_t i = 0; i < GRAPHS; ++i) calls[i] = i + 1;
  calls[DEEPEST - 1] = -1;
  assert_int_equal(verify_chain(calls, DEEPEST), LN_OK);
  calls[DEEPEST - 1] = DEEPEST;
  calls[DEEPEST] = -1;
  assert_int_equal(verify_chain(calls, DEEPEST + 1), LN_ERR_UNSUPPORTED);
  /* The other way round: each graph is seen before the one that runs it. */
  for (int32_t i = 0; i < GRAPHS; ++i) calls[i] = i - 1;
  assert_int_equal(verify_chain(calls, DEEPEST), LN_OK);
  assert_int_equal(verify_chain(calls, DEEPEST + 1), LN_ERR_UNSUPPORTED);
}

static float run_once(ln_session *session) {
  fill(session, 0, 0);
  ((float *)ln_tensor_mutable_data(ln_session_input(session, 0)))[0] = 1.0f;
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  return ((const float *)ln_tensor_data(ln_session_output(session, 0)))[0];
}

/* accumulate_f32 starts from 0.5 and adds its input in each run. */
static void keeps_variables_to_the_session(void **state) {
  (void)state;
  ln_model *model = open_case("resource/accumulate_f32");
  ln_session *a = open_session(model, 0, 0), *b = open_session(model, 0, 0);
  assert_true(run_once(a) == 1.5f);
  assert_true(run_once(a) == 2.5f);
  assert_true(run_once(b) == 1.5f);
  ln_session_stats stats = {.size = sizeof stats};
  assert_int_equal(ln_session_get_stats(a, &stats), LN_OK);
  assert_int_equal(stats.variable_bytes, 6 * sizeof(float));
  ln_session_reset(a);
  assert_true(run_once(a) == 1.5f);
  assert_true(run_once(b) == 2.5f);
  ln_session_destroy(a);
  ln_session_destroy(b);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(stops_at_the_operation_limit),   cmocka_unit_test(stops_at_the_memory_limit),
      cmocka_unit_test(refuses_a_negative_limit),       cmocka_unit_test(refuses_circles_and_depth),
      cmocka_unit_test(keeps_variables_to_the_session),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

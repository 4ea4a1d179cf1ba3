/* What a profile says of every step, and where the plan put the tensors. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "linnet/linnet.h"
#include "support/unit.h"

static ln_model *model;
static ln_session *session;

static int open_session(void **state) {
  (void)state;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.profile = true;
  options.threads = 2;
  assert_int_equal(ln_model_open(LN_TESTS_DIR "/../models/fashion_mnist.tflite", NULL, &model), LN_OK);
  assert_int_equal(ln_session_create(model, &options, NULL, &session), LN_OK);
  const size_t bytes = ln_tensor_bytes(ln_session_input(session, 0));
  void *zeros = calloc(bytes, 1);
  assert_int_equal(ln_session_set_input(session, 0, zeros, bytes, NULL), LN_OK);
  free(zeros);
  for (int i = 0; i < 3; ++i) assert_int_equal(ln_session_run(session, NULL), LN_OK);
  return 0;
}

static int close_session(void **state) {
  (void)state;
  ln_session_destroy(session);
  ln_model_destroy(model);
  return 0;
}

static void says_what_steps_take(void **state) {
  (void)state;
  ln_session_stats stats = {.size = sizeof stats};
  assert_int_equal(ln_session_get_stats(session, &stats), LN_OK);
  assert_int_equal(ln_session_profile_count(session), stats.operators);
  int64_t macs = 0, named = 0;
  for (int32_t i = 0; i < stats.operators; ++i) {
    ln_profile_entry entry = {.size = sizeof entry};
    assert_int_equal(ln_session_profile(session, i, &entry), LN_OK);
    assert_int_equal(entry.calls, 3);
    assert_true(entry.input_bytes > 0 && entry.output_bytes > 0 && entry.scratch_bytes >= 0);
    macs += entry.macs;
    if (strcmp(entry.operator_name, "CONV_2D") != 0) continue;
    assert_true(entry.weight_bytes > 0);
    assert_int_equal(entry.input_type, entry.weight_type);
    named += entry.kernel != NULL && strlen(entry.kernel) > 4;
  }
  assert_int_equal(macs, stats.macs);
  assert_true(named > 0);
}

static void fills_smaller_structs(void **state) {
  (void)state;
  ln_profile_entry entry = {.size = offsetof(ln_profile_entry, input_bytes), .input_bytes = -7, .kernel = "mine"};
  assert_int_equal(ln_session_profile(session, 0, &entry), LN_OK);
  assert_int_equal(entry.calls, 3);
  assert_int_equal(entry.input_bytes, -7);
  assert_string_equal(entry.kernel, "mine");
}

static bool meet(const ln_memory_block *a, const ln_memory_block *b) {
  return a->first <= b->last && b->first <= a->last && a->offset < b->offset + b->bytes &&
         b->offset < a->offset + a->bytes;
}

static void says_where_tensors_lie(void **state) {
  (void)state;
  ln_session_stats stats = {.size = sizeof stats};
  ln_session_get_stats(session, &stats);
  const int32_t count = ln_session_memory_count(session);
  int32_t inputs = 0, tensors = 0;
  assert_in_range(count, 2, 100);
  ln_memory_block blocks[100];
  for (int32_t i = 0; i < count; ++i) {
    ln_memory_block *b = &blocks[i];
    b->size = sizeof *b;
    assert_int_equal(ln_session_memory(session, i, b), LN_OK);
    assert_true(b->bytes > 0 && b->offset + b->bytes <= stats.arena_bytes);
    assert_true(b->first >= 0 && b->first <= b->last && b->last < stats.operators);
    assert_true((b->tensor < 0) == (b->tensor_name == NULL));
    tensors += b->tensor >= 0;
    if (b->tensor == ln_session_input_tensor(session, 0)) {
      assert_true(b->first == 0 && b->last == stats.operators - 1);
      ++inputs;
    }
    /* Scratch lies apart from all that lives in its step. */
    for (int32_t k = 0; k < i; ++k) assert_false(b->tensor < 0 && meet(b, &blocks[k]));
  }
  assert_int_equal(inputs, 1);
  assert_true(tensors >= 2);
  ln_memory_block none = {.size = sizeof none};
  assert_int_equal(ln_session_memory(session, count, &none), LN_ERR_ARGUMENT);
  assert_int_equal(ln_session_memory(session, -1, &none), LN_ERR_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(says_what_steps_take), cmocka_unit_test(fills_smaller_structs),
                                     cmocka_unit_test(says_where_tensors_lie)};
  return cmocka_run_group_tests(tests, open_session, close_session);
}

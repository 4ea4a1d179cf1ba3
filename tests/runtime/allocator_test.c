/* Memory from the caller's allocator: all of it, given back to the last byte; refused once it is too late. */
#include <stdatomic.h>
#include <stdlib.h>

#include "linnet/linnet.h"
#include "support/unit.h"

typedef struct counter {
  atomic_int taken, live;
  atomic_bool exhausted;
} counter;

static void *allocate(void *user, size_t bytes, size_t alignment) {
  counter *c = user;
  if (bytes == 0 || c->exhausted) return NULL;
  ++c->taken;
  ++c->live;
  return aligned_alloc(alignment, bytes);
}

static void release(void *user, void *memory) {
  counter *c = user;
  --c->live;
  free(memory);
}

static const char *const path = LN_TESTS_DIR "/../models/fashion_mnist.tflite";

static void takes_all_memory_from_the_caller(void **state) {
  (void)state;
  static counter count;
  ln_error err = {LN_OK, ""};
  ln_allocator allocator = {sizeof allocator, &count, allocate, NULL};
  assert_int_equal(ln_set_allocator(NULL, &err), LN_ERR_ARGUMENT);
  assert_int_equal(ln_set_allocator(&allocator, &err), LN_ERR_ARGUMENT);
  allocator.release = release;
  allocator.size = 8;
  assert_int_equal(ln_set_allocator(&allocator, &err), LN_ERR_ARGUMENT);
  allocator.size = sizeof allocator;
  assert_int_equal(ln_set_allocator(&allocator, &err), LN_OK);
  assert_int_equal(ln_set_allocator(&allocator, &err), LN_ERR_STATE);

  ln_model *model = NULL;
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = 2;
  assert_int_equal(ln_model_open(path, &err, &model), LN_OK);
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_OK);
  assert_true(count.taken > 5);
  const int before = count.taken;
  memset(ln_tensor_mutable_data(ln_session_input(session, 0)), 0, ln_tensor_bytes(ln_session_input(session, 0)));
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  assert_int_equal(count.taken, before);
  ln_session_destroy(session);
  count.exhausted = true;
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_ERR_MEMORY);
  count.exhausted = false;
  ln_model_destroy(model);
  assert_int_equal(count.live, 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(takes_all_memory_from_the_caller)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

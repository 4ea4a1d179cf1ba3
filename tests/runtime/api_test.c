/* The public API beyond opening and running: descriptors, typed values, bound memory, what ends a run, any tensor. */
#include <fcntl.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "linnet/linnet.h"
#include "support/cases.h"
#include "support/unit.h"

static ln_session *make_session(ln_model *model, const ln_session_options *options) {
  ln_session *session = NULL;
  ln_error err = {LN_OK, ""};
  if (ln_session_create(model, options, &err, &session) != LN_OK) fail_msg("%s", err.message);
  return session;
}

static ln_model *open_case(const char *name) {
  char path[1024];
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  if (ln_model_open(ln_test_case_path(path, sizeof path, name), &err, &model) != LN_OK) fail_msg("%s", err.message);
  return model;
}

static ln_model *open_classifier(void) {
  ln_model *model = NULL;
  assert_int_equal(ln_model_open(LN_TESTS_DIR "/../models/fashion_mnist.tflite", NULL, &model), LN_OK);
  return model;
}

/* ---- descriptors ---- */

/* A file that holds a model between other bytes, at an offset that is no multiple of anything. */
static int embed(const char *path, size_t before, size_t after, size_t *size) {
  char name[] = "/tmp/linnet_api_XXXXXX";
  static char bytes[1 << 16];
  FILE *source = fopen(path, "rb");
  assert_non_null(source);
  *size = fread(bytes, 1, sizeof bytes, source);
  fclose(source);
  const int fd = mkstemp(name);
  assert_true(fd >= 0);
  unlink(name);
  for (size_t i = 0; i < before; ++i) assert_int_equal(write(fd, "x", 1), 1);
  assert_int_equal(write(fd, bytes, *size), (ssize_t)*size);
  for (size_t i = 0; i < after; ++i) assert_int_equal(write(fd, "y", 1), 1);
  return fd;
}

static void opens_descriptors(void **state) {
  (void)state;
  char path[1024];
  size_t size;
  ln_model *model = NULL;
  ln_error err = {LN_OK, ""};
  const int fd = embed(ln_test_case_path(path, sizeof path, "fully_connected/f32_keep.tflite"), 5003, 77, &size);
  assert_int_equal(ln_model_from_fd(fd, 5003, size, &err, &model), LN_OK);
  ln_session *session = make_session(model, NULL);
  ln_tensor *input = ln_session_input(session, 0);
  memset(ln_tensor_mutable_data(input), 0, ln_tensor_bytes(input));
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  ln_session_destroy(session);
  ln_model_destroy(model);
  assert_int_equal(ln_model_from_fd(fd, 0, 0, &err, &model), LN_ERR_FORMAT);
  assert_int_equal(ln_model_from_fd(fd, 5003, size + 78, &err, &model), LN_ERR_ARGUMENT);
  assert_int_equal(ln_model_from_fd(fd, UINT64_MAX, 1, &err, &model), LN_ERR_ARGUMENT);
  assert_int_equal(ln_model_from_fd(-1, 0, 0, &err, &model), LN_ERR_ARGUMENT);
  close(fd);
  assert_int_equal(ln_model_from_fd(fd, 0, 0, &err, &model), LN_ERR_IO);
  const int folder = open("/", O_RDONLY);
  assert_int_equal(ln_model_from_fd(folder, 0, 0, &err, &model), LN_ERR_IO);
  close(folder);
  const int whole = open(path, O_RDONLY);
  assert_int_equal(ln_model_from_fd(whole, 0, 0, &err, &model), LN_OK);
  close(whole);
  ln_model_destroy(model);
}

/* ---- values ---- */

static void reads_and_writes_numbers(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  ln_model *model = open_case("quantize/dequantize_i8.tflite");
  ln_session *session = make_session(model, NULL);
  ln_tensor *input = ln_session_input(session, 0);
  const float scale = ln_tensor_scale(input, 0);
  const int64_t zero = ln_tensor_zero_point(input, 0);
  int8_t *stored = ln_tensor_mutable_data(input);
  assert_true(ln_tensor_set_f32(input, 0, scale * 3.4f));
  assert_int_equal(stored[0], zero + 3);
  assert_true(ln_tensor_get_f32(input, 0) == scale * 3.0f);
  assert_true(ln_tensor_set_f32(input, 0, 1e30f));
  assert_int_equal(stored[0], 127);
  assert_true(ln_tensor_set_f32(input, 0, -INFINITY));
  assert_int_equal(stored[0], -128);
  assert_true(ln_tensor_set_f32(input, 0, NAN));
  assert_int_equal(stored[0], zero);
  assert_false(ln_tensor_set_f32(input, ln_tensor_elements(input), 0.0f));
  assert_true(isnan(ln_tensor_get_f32(input, ln_tensor_elements(input))));
  float few[2] = {0, 0};
  assert_int_equal(ln_tensor_copy_to_f32(input, few, 2, &err), LN_ERR_SHAPE);
  assert_int_equal(ln_tensor_copy_from_f32(input, NULL, ln_tensor_elements(input), &err), LN_ERR_ARGUMENT);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

/* What DEQUANTIZE computes is what the tensor's values are. */
static void agrees_with_dequantize(void **state) {
  (void)state;
  static const char *const names[] = {"dequantize_i8",       "dequantize_u8",      "dequantize_i16",
                                      "dequantize_i4",       "dequantize_f16",     "dequantize_axis0_i8",
                                      "dequantize_axis1_i8", "dequantize_axis2_i8"};
  for (size_t n = 0; n < sizeof names / sizeof *names; ++n) {
    char name[128];
    float values[4096];
    size_t bytes = 0;
    ln_error err = {LN_OK, ""};
    snprintf(name, sizeof name, "quantize/%s.tflite", names[n]);
    ln_model *model = open_case(name);
    ln_session_options options = LN_SESSION_OPTIONS_INIT;
    options.keep_all_tensors = true;
    ln_session *session = make_session(model, &options);
    const bool constant = ln_session_input_count(session) == 0;
    ln_tensor *input = constant ? ln_session_tensor(session, 0) : ln_session_input(session, 0);
    const void *data = ln_test_case_input(model, 0, &bytes);
    const size_t count = ln_tensor_elements(input);
    assert_true(count <= sizeof values / sizeof *values);
    if (!constant) assert_int_equal(ln_session_set_input(session, 0, data, bytes, &err), LN_OK);
    assert_int_equal(ln_session_run(session, &err), LN_OK);
    assert_int_equal(ln_tensor_copy_to_f32(input, values, count, &err), LN_OK);
    const float *want = ln_tensor_data(ln_session_output(session, 0));
    for (size_t i = 0; i < count; ++i) {
      if (!(values[i] == want[i] || fabsf(values[i] - want[i]) <= 1e-6f * fabsf(want[i]) || isnan(want[i]))) {
        fail_msg("%s: element %zu is %g, not %g", names[n], i, values[i], want[i]);
      }
    }
    if (!constant) { /* and writing the values gives the bytes back */
      memset(ln_tensor_mutable_data(input), 0, bytes);
      assert_int_equal(ln_tensor_copy_from_f32(input, values, count, &err), LN_OK);
      if (memcmp(ln_tensor_data(input), data, bytes) != 0) fail_msg("%s: other bytes", names[n]);
    }
    ln_session_destroy(session);
    ln_model_destroy(model);
  }
}

static void refuses_values_that_are_no_numbers(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  ln_model *model = open_case("fully_connected/f32_keep.tflite");
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.keep_all_tensors = true;
  ln_session *session = make_session(model, &options);
  float value = 0;
  int constants = 0;
  for (int32_t i = 0; i < ln_graph_tensor_count(ln_model_graph(model, 0)); ++i) {
    ln_tensor *tensor = ln_session_tensor(session, i);
    if (!ln_tensor_is_constant(tensor)) continue;
    ++constants;
    assert_false(isnan(ln_tensor_get_f32(tensor, 0)));
    assert_false(ln_tensor_set_f32(tensor, 0, 1.0f));
  }
  assert_true(constants > 0);
  assert_int_equal(ln_tensor_copy_to_f32(NULL, &value, 1, &err), LN_ERR_ARGUMENT);
  assert_true(isnan(ln_tensor_get_f32(NULL, 0)));
  size_t length = 9;
  assert_null(ln_tensor_get_string(ln_session_input(session, 0), 0, &length));
  assert_int_equal(length, 0);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

/* ---- bound memory ---- */

static void runs_in_bound_memory(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  ln_model *model = open_case("unary/abs_f32.tflite");
  ln_session *session = make_session(model, NULL);
  const size_t count = ln_tensor_elements(ln_session_input(session, 0));
  const size_t bytes = count * sizeof(float);
  float *in = malloc(bytes + sizeof *in), *out = malloc(bytes + sizeof *out);
  for (size_t i = 0; i <= count; ++i) in[i] = out[i] = -2.0f;
  assert_int_equal(ln_session_bind_input(session, 0, in, bytes, &err), LN_OK);
  assert_int_equal(ln_session_bind_output(session, 0, out, bytes, &err), LN_OK);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  assert_ptr_equal(ln_tensor_data(ln_session_input(session, 0)), in);
  assert_ptr_equal(ln_tensor_data(ln_session_output(session, 0)), out);
  for (size_t i = 0; i < count; ++i) assert_true(in[i] == -2.0f && out[i] == 2.0f);
  assert_true(out[count] == -2.0f);
  assert_int_equal(ln_session_set_input(session, 0, in, bytes, &err), LN_ERR_STATE);

  /* A shape that the memory cannot hold is said so; back to the old one, it runs again. */
  const int32_t more[] = {(int32_t)count + 1}, same[] = {(int32_t)count};
  assert_int_equal(ln_session_resize_input(session, 0, more, 1, &err), LN_OK);
  assert_int_equal(ln_session_prepare(session, &err), LN_ERR_SHAPE);
  assert_int_equal(ln_session_resize_input(session, 0, same, 1, &err), LN_OK);
  assert_int_equal(ln_session_run(session, &err), LN_OK);

  /* Unbound, the session's own memory is used again. */
  assert_int_equal(ln_session_bind_input(session, 0, NULL, 0, &err), LN_OK);
  assert_int_equal(ln_session_bind_output(session, 0, NULL, 0, &err), LN_OK);
  assert_int_equal(ln_session_set_input(session, 0, in, bytes, &err), LN_OK);
  memset(out, 0, bytes);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  assert_ptr_not_equal(ln_tensor_data(ln_session_output(session, 0)), out);
  assert_true(out[0] == 0.0f);

  assert_int_equal(ln_session_bind_input(session, 0, (char *)in + 1, bytes, &err), LN_ERR_ARGUMENT);
  assert_int_equal(ln_session_bind_input(session, 1, in, bytes, &err), LN_ERR_ARGUMENT);
  assert_int_equal(ln_session_bind_output(session, -1, out, bytes, &err), LN_ERR_ARGUMENT);
  ln_session_destroy(session);
  ln_model_destroy(model);
  free(in);
  free(out);
}

/* Memory whose last byte is the last before a page that cannot be touched. */
typedef struct guarded {
  char *pages, *data;
  size_t whole;
} guarded;

static guarded guard(size_t bytes) {
  const size_t page = (size_t)sysconf(_SC_PAGESIZE);
  const size_t used = (bytes + page - 1) / page * page;
  guarded g = {NULL, NULL, used + page};
  g.pages = mmap(NULL, g.whole, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  assert_true(g.pages != MAP_FAILED);
  assert_int_equal(mprotect(g.pages + used, page, PROT_NONE), 0);
  g.data = g.pages + used - bytes;
  return g;
}

enum { MOST = 32 };

static bool fill(const ln_model *model, ln_session *session, const guarded *bound) {
  for (int32_t i = 0; i < ln_session_input_count(session); ++i) {
    size_t bytes = 0;
    const void *data = ln_test_case_input(model, i, &bytes);
    if (data == NULL || bytes == 0) continue;
    if (bound != NULL && i < MOST && bound[i].pages != NULL) memcpy(bound[i].data, data, bytes);
    else if (ln_session_set_input(session, i, data, bytes, NULL) != LN_OK) return false;
  }
  return true;
}

/* Every input and output of every case in memory that ends before a page which cannot be touched: the same bits. */
static void check_guarded(const char *path, ln_model *model) {
  ln_error err = {LN_OK, ""};
  guarded in[MOST] = {{0}}, out[MOST] = {{0}};
  ln_session *plain = make_session(model, NULL), *bound = make_session(model, NULL);
  assert_int_equal(ln_test_case_resize(model, plain, &err), LN_OK);
  assert_int_equal(ln_test_case_resize(model, bound, &err), LN_OK);
  if (!fill(model, plain, NULL) || ln_session_run(plain, &err) != LN_OK) fail_msg("%s: %s", path, err.message);
  for (int32_t i = 0; i < ln_session_input_count(bound) && i < MOST; ++i) {
    const size_t bytes = ln_tensor_bytes(ln_session_input(plain, i));
    guarded g = guard(bytes);
    if (ln_session_bind_input(bound, i, g.data, bytes, NULL) == LN_OK) in[i] = g;
    else munmap(g.pages, g.whole);
  }
  for (int32_t i = 0; i < ln_session_output_count(bound) && i < MOST; ++i) {
    const size_t bytes = ln_tensor_bytes(ln_session_output(plain, i));
    guarded g = guard(bytes);
    if (ln_session_bind_output(bound, i, g.data, bytes, NULL) == LN_OK) out[i] = g;
    else munmap(g.pages, g.whole);
  }
  if (!fill(model, bound, in) || ln_session_run(bound, &err) != LN_OK) fail_msg("%s: bound: %s", path, err.message);
  for (int32_t i = 0; i < ln_session_output_count(bound); ++i) {
    const size_t bytes = ln_tensor_bytes(ln_session_output(plain, i));
    const void *want = ln_tensor_data(ln_session_output(plain, i)), *got = ln_tensor_data(ln_session_output(bound, i));
    if (i < MOST && out[i].pages != NULL) assert_ptr_equal(got, out[i].data);
    if (bytes > 0 && memcmp(want, got, bytes) != 0) fail_msg("%s: bound memory gives other bits", path);
  }
  for (int32_t i = 0; i < ln_session_input_count(bound) && i < MOST; ++i) {
    size_t bytes = 0;
    const void *data = ln_test_case_input(model, i, &bytes);
    if (in[i].pages != NULL && bytes > 0) assert_memory_equal(in[i].data, data, bytes);
  }
  ln_session_destroy(plain);
  ln_session_destroy(bound);
  for (int32_t i = 0; i < MOST; ++i) {
    if (in[i].pages != NULL) munmap(in[i].pages, in[i].whole);
    if (out[i].pages != NULL) munmap(out[i].pages, out[i].whole);
  }
}

static void touches_nothing_past_bound_memory(void **state) {
  (void)state;
  assert_true(ln_test_each_case(1, check_guarded) > 0);
}

/* ---- what ends a run ---- */

typedef struct watch {
  int before, after, stop_at; /* stop_at: the operator whose end stops the run; -1 none */
  int64_t nanoseconds;
  long sleep_ns;
  char last[32];
} watch;

static bool on_operator(void *user, const ln_operator_event *event) {
  watch *w = user;
  assert_true(event->size >= sizeof *event);
  assert_non_null(event->tensor_name);
  if (!event->after) {
    assert_int_equal(w->before, w->after);
    assert_int_equal(event->nanoseconds, 0);
    ++w->before;
    return true;
  }
  ++w->after;
  w->nanoseconds += event->nanoseconds;
  snprintf(w->last, sizeof w->last, "%s", event->operator_name);
  if (w->sleep_ns > 0) nanosleep(&(struct timespec){0, w->sleep_ns}, NULL);
  return w->after - 1 != w->stop_at;
}

static ln_session *watched(ln_model *model, watch *w, int64_t time_limit_ms) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.on_operator = on_operator;
  options.user = w;
  options.time_limit_ms = time_limit_ms;
  ln_session *session = make_session(model, &options);
  memset(ln_tensor_mutable_data(ln_session_input(session, 0)), 0, ln_tensor_bytes(ln_session_input(session, 0)));
  return session;
}

static void tells_of_operators(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  ln_model *model = open_classifier();
  watch w = {.stop_at = -1};
  ln_session *session = watched(model, &w, 0);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  assert_true(w.before > 4 && w.before == w.after && w.nanoseconds > 0);
  assert_string_equal(w.last, "SOFTMAX");
  w = (watch){.stop_at = 1};
  assert_int_equal(ln_session_run(session, &err), LN_ERR_CANCELLED);
  assert_int_equal(w.after, 2);
  assert_non_null(strstr(err.message, "CONV_2D"));
  w = (watch){.stop_at = -1};
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

static void keeps_to_a_time_limit(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  ln_model *model = open_classifier();
  watch w = {.stop_at = -1, .sleep_ns = 30000000};
  ln_session *session = watched(model, &w, 20);
  assert_int_equal(ln_session_run(session, &err), LN_ERR_LIMIT);
  assert_non_null(strstr(err.message, "CONV_2D"));
  assert_non_null(strstr(err.message, "20 ms"));
  ln_session_destroy(session);
  w = (watch){.stop_at = -1};
  session = watched(model, &w, INT64_MAX);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  ln_session_destroy(session);
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.time_limit_ms = -1;
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_ERR_ARGUMENT);
  ln_model_destroy(model);
}

static void *cancel_soon(void *session) {
  nanosleep(&(struct timespec){0, 30000000}, NULL);
  ln_session_cancel(session);
  return NULL;
}

static void is_cancelled_by_another_thread(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  ln_model *model = open_classifier();
  watch w = {.stop_at = -1, .sleep_ns = 100000000};
  ln_session *session = watched(model, &w, 0);
  pthread_t thread;
  assert_int_equal(pthread_create(&thread, NULL, cancel_soon, session), 0);
  assert_int_equal(ln_session_run(session, &err), LN_ERR_CANCELLED);
  pthread_join(thread, NULL);
  assert_true(w.after < 8);
  w = (watch){.stop_at = -1};
  assert_int_equal(ln_session_run(session, &err), LN_OK); /* the next run is not concerned */
  ln_session_destroy(session);
  ln_model_destroy(model);
}

/* ---- any tensor, and structs of other sizes ---- */

static void gives_any_tensor(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  ln_model *model = open_classifier();
  const ln_graph *graph = ln_model_graph(model, 0);
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.keep_all_tensors = true;
  ln_session *session = make_session(model, &options);
  memset(ln_tensor_mutable_data(ln_session_input(session, 0)), 0, ln_tensor_bytes(ln_session_input(session, 0)));
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  for (int32_t i = 0; i < ln_graph_tensor_count(graph); ++i) {
    const ln_tensor *tensor = ln_session_tensor(session, i);
    assert_string_equal(ln_tensor_name(tensor), ln_tensor_name(ln_graph_tensor(graph, i)));
    assert_non_null(ln_tensor_data(tensor));
  }
  assert_null(ln_session_tensor(session, -1));
  assert_null(ln_session_tensor(session, ln_graph_tensor_count(graph)));
  ln_session_destroy(session);
  ln_model_destroy(model);
}

static void refuses_unknown_precisions(void **state) {
  (void)state;
  ln_model *model = open_classifier();
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session *session = NULL;
  ln_error err = {0};
  options.precision = (ln_precision)3;
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_ERR_ARGUMENT);
  assert_null(session);
  options.precision = LN_PRECISION_FLOAT32;
  options.requantize = (ln_requantize)2;
  assert_int_equal(ln_session_create(model, &options, &err, &session), LN_ERR_ARGUMENT);
  assert_null(session);
  ln_model_destroy(model);
}

/* A program compiled against an older or a newer header. */
static void takes_structs_of_other_sizes(void **state) {
  (void)state;
  ln_model *model = open_classifier();
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.size = offsetof(ln_session_options, memory_limit);
  options.memory_limit = 1; /* past what the program says it knows */
  ln_session *session = make_session(model, &options);
  ln_session_stats stats = {.size = offsetof(ln_session_stats, weight_bytes), .weight_bytes = 12345};
  assert_int_equal(ln_session_get_stats(session, &stats), LN_OK);
  assert_true(stats.arena_bytes > 0);
  assert_int_equal(stats.weight_bytes, 12345);
  assert_int_equal(stats.size, offsetof(ln_session_stats, weight_bytes));
  struct {
    ln_session_stats known;
    char more[64];
  } larger = {.known = {.size = sizeof larger}};
  larger.more[0] = 7;
  assert_int_equal(ln_session_get_stats(session, &larger.known), LN_OK);
  assert_true(larger.known.weight_bytes > 0 && larger.more[0] == 7);
  stats.size = 0;
  assert_int_equal(ln_session_get_stats(session, &stats), LN_ERR_ARGUMENT);
  ln_op_row row = {.size = offsetof(ln_op_row, types)};
  assert_int_equal(ln_op_row_get(0, &row), LN_OK);
  assert_string_equal(row.name, "ADD");
  assert_null(row.types);
  ln_session_destroy(session);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(opens_descriptors),
      cmocka_unit_test(reads_and_writes_numbers),
      cmocka_unit_test(agrees_with_dequantize),
      cmocka_unit_test(refuses_values_that_are_no_numbers),
      cmocka_unit_test(runs_in_bound_memory),
      cmocka_unit_test(touches_nothing_past_bound_memory),
      cmocka_unit_test(tells_of_operators),
      cmocka_unit_test(keeps_to_a_time_limit),
      cmocka_unit_test(is_cancelled_by_another_thread),
      cmocka_unit_test(gives_any_tensor),
      cmocka_unit_test(refuses_unknown_precisions),
      cmocka_unit_test(takes_structs_of_other_sizes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

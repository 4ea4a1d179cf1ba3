/* Forward values that are computed once more: the same gradients bit for bit in less memory. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "linnet/data.h"
#include "linnet/linnet.h"
#include "support/unit.h"
#include "train/train.h"

#define MODELS LN_TESTS_DIR "/../examples/models/"

enum { MOST = 128, BATCH = 8 };

static ln_error err;

typedef struct network {
  ln_model *source;
  ln_optimizer o;
  int32_t forward_ops, count; /* outputs: the loss, then gradients */
} network;

static void check(ln_status status) {
  if (status != LN_OK) printf("%s\n", err.message);
  assert_int_equal(status, LN_OK);
}

/* sum(output^2) as the loss, and its gradients by all float constants. */
static void begin(const char *path, bool fast, network *n) {
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  ln_session_options keep = LN_SESSION_OPTIONS_INIT;
  int32_t tensors[MOST], outputs[MOST + 1];
  ln_session *session = NULL;
  options.batch = BATCH;
  options.seed = 7;
  *n = (network){0};
  check(ln_builder_read(path, &options, &err, &n->source));
  n->o = (ln_optimizer){.source = n->source, .err = &err};
  check(ln_edit_begin(n->source, &err, &n->o.model));
  keep.keep_all_tensors = true;
  check(ln_session_create(n->source, &keep, &err, &session));
  check(ln_grad_take_shapes(&n->o, session));
  ln_session_destroy(session);
  ln_graph *graph = ln_optimizer_graph(&n->o);
  for (int32_t i = 0; i < graph->tensor_count && n->count < MOST; ++i) {
    const ln_tensor *tensor = &graph->tensors[i];
    if (tensor->type == LN_FLOAT32 && ln_tensor_const_data(tensor) && tensor->shape.rank > 0) tensors[n->count++] = i;
  }
  ln_grad g = {.o = &n->o};
  const int32_t y = graph->outputs[0], rank = graph->tensors[y].shape.rank;
  outputs[0] = ln_grad_reshape_dims(&g, ln_grad_sum(&g, ln_grad_mul(&g, y, y), (1u << rank) - 1), 0, NULL);
  check(g.status);
  n->forward_ops = ln_optimizer_graph(&n->o)->op_count;
  check((fast ? ln_grad_build_fast : ln_grad_build)(&n->o, outputs[0], tensors, n->count, outputs + 1));
  int32_t given = 1;
  for (int32_t i = 0; i < n->count; ++i) {
    if (outputs[i + 1] >= 0) outputs[given++] = outputs[i + 1];
  }
  assert_true(given > 4);
  graph = ln_optimizer_graph(&n->o);
  graph->outputs = ln_arena_copy(&n->o.model->arena, outputs, (size_t)given * sizeof *outputs);
  graph->output_count = n->count = given;
  n->o.model->signature_count = 0;
}

static void end(network *n) {
  ln_model_destroy(n->o.model);
  ln_model_destroy(n->source);
}

/* Runs it; all outputs one behind another, the caller's, and the arena beside the input and them. */
static uint8_t *run(network *n, size_t *bytes, size_t *arena) {
  ln_session_stats stats = {.size = sizeof stats};
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_model *snapshot = NULL;
  ln_session *session = NULL;
  const ln_graph *graph = ln_optimizer_graph(&n->o);
  size_t elements = 0, size = 0;
  assert_true(ln_shape_elements(&graph->tensors[graph->inputs[0]].shape, &elements));
  float *values = malloc(elements * 4);
  for (size_t i = 0; i < elements; ++i) {
    if (graph->tensors[graph->inputs[0]].type == LN_FLOAT32) values[i] = (float)sin((double)i * 1.7);
    else ((int32_t *)(void *)values)[i] = (int32_t)(i * 37 % 200);
  }
  *bytes = 0;
  for (int32_t i = 0; i < n->count; ++i) {
    const ln_tensor *tensor = &graph->tensors[graph->outputs[i]];
    assert_true(ln_tensor_size(tensor->type, &tensor->shape, &size));
    *bytes += size;
  }
  uint8_t *all = malloc(*bytes);
  size_t at = 0;
  options.prepare_later = true;
  check(ln_grad_snapshot(n->o.model, &err, &snapshot));
  check(ln_session_create(snapshot, &options, &err, &session));
  check(ln_session_bind_input(session, 0, values, elements * 4, &err));
  for (int32_t i = 0; i < n->count; ++i, at += size) {
    const ln_tensor *tensor = &graph->tensors[graph->outputs[i]];
    assert_true(ln_tensor_size(tensor->type, &tensor->shape, &size));
    check(ln_session_bind_output(session, i, all + at, size, &err));
  }
  check(ln_session_run(session, &err));
  check(ln_session_get_stats(session, &stats));
  *arena = stats.arena_bytes;
  ln_session_destroy(session);
  ln_model_destroy(snapshot);
  free(values);
  return all;
}

/* Bytes that the message names. */
static size_t least_of(const char *message) {
  const char *at = strstr(message, "takes ");
  assert_non_null(at);
  return (size_t)strtoull(at + 6, NULL, 10);
}

/* With a limit of so many hundredths of what it takes, and of the least that it says. */
static void compare(const char *path, bool fast, int hundredths) {
  network n;
  size_t bytes, arena, less, again;
  begin(path, fast, &n);
  uint8_t *plain = run(&n, &bytes, &arena);
  const int32_t ops = ln_optimizer_graph(&n.o)->op_count;
  check(ln_grad_recompute(&n.o, n.forward_ops, 1, arena));
  assert_int_equal(ln_optimizer_graph(&n.o)->op_count, ops);
  assert_int_equal(ln_grad_recompute(&n.o, n.forward_ops, 1, 1), LN_ERR_LIMIT);
  assert_int_equal(ln_optimizer_graph(&n.o)->op_count, ops);
  const size_t least = least_of(err.message);
  const size_t limit = hundredths == 0 ? least : arena / 100 * (size_t)hundredths;
  assert_true(least < arena && least <= limit);
  check(ln_grad_recompute(&n.o, n.forward_ops, 1, limit));
  uint8_t *twice = run(&n, &again, &less);
  printf("%s%s: %zu bytes, %zu with values computed again (%d operators more of %d), at least %zu\n",
         strrchr(path, '/') + 1, fast ? " by its own operators" : "", arena, less,
         (int)(ln_optimizer_graph(&n.o)->op_count - ops), (int)ops, least);
  assert_true(less <= limit && ln_optimizer_graph(&n.o)->op_count > ops);
  assert_int_equal(bytes, again);
  assert_memory_equal(plain, twice, bytes);
  free(plain);
  free(twice);
  end(&n);
}

static void test_networks(void **state) {
  (void)state;
  for (int fast = 0; fast < 2; ++fast) {
    compare(MODELS "mbnet.json", fast, 95);
    compare(MODELS "mbnet.json", fast, 0);
    compare(MODELS "transformer.json", fast, 70);
    compare(MODELS "transformer.json", fast, 0);
    compare(MODELS "autoencoder.json", fast, 0);
    compare(MODELS "mobilenet.json", fast, 0);
  }
  compare(MODELS "cnn.json", true, 0);
}

/* ---- through the trainer ---- */

enum { SAMPLES = 24, SIDE = 28 };

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *e) {
  (void)user;
  float values[SIDE * SIDE];
  for (int i = 0; i < SIDE * SIDE; ++i) values[i] = (float)sin((double)i * 0.37 * (double)(index + 1));
  return ln_session_set_input(session, 0, values, sizeof values, e);
}

/* The file that training in so much memory makes; NULL when it is refused. */
static uint8_t *train(ln_model *model, const char *limit, size_t *size) {
  ln_trainer *t = NULL;
  ln_model *made = NULL;
  uint8_t *file = NULL;
  int32_t labels[SAMPLES];
  const ln_samples samples = {.size = sizeof samples, .count = SAMPLES, .fill = fill};
  ln_train_data data = LN_TRAIN_DATA_INIT;
  for (int i = 0; i < SAMPLES; ++i) labels[i] = i % 10;
  data.samples = &samples;
  data.labels = labels;
  check(ln_trainer_create(model, &err, &t));
  check(ln_trainer_set(t, "batch", "8", &err));
  check(ln_trainer_set(t, "epochs", "1", &err));
  check(ln_trainer_set(t, "threads", "2", &err));
  check(ln_trainer_set(t, "memory_limit", limit, &err));
  check(ln_trainer_set_data(t, &data, NULL, &err));
  const ln_status status = ln_trainer_run(t, NULL, NULL, &err);
  if (status == LN_OK) {
    check(ln_trainer_make(t, &err, &made));
    check(ln_edit_file(made, &err, &file, size));
  } else {
    assert_int_equal(status, LN_ERR_LIMIT);
  }
  ln_model_destroy(made);
  ln_trainer_destroy(t);
  return file;
}

static void test_trainer(void **state) {
  (void)state;
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  ln_model *model = NULL;
  size_t size = 0, other = 0;
  char limit[32];
  options.seed = 7;
  check(ln_builder_read(MODELS "mbnet.json", &options, &err, &model));
  uint8_t *plain = train(model, "0", &size);
  assert_non_null(plain);
  assert_null(train(model, "1000", &other));
  snprintf(limit, sizeof limit, "%zu", least_of(err.message));
  printf("a step of mbnet.json takes %s bytes at least\n", limit);
  uint8_t *small = train(model, limit, &other);
  assert_non_null(small);
  assert_int_equal(size, other);
  assert_memory_equal(plain, small, size);
  ln_free(plain);
  ln_free(small);
  ln_model_destroy(model);
}

static void test_arguments(void **state) {
  (void)state;
  network n;
  begin(MODELS "mlp.json", false, &n);
  assert_int_equal(ln_grad_recompute(&n.o, -1, 1, 1000), LN_ERR_ARGUMENT);
  assert_int_equal(ln_grad_recompute(&n.o, 1 << 20, 1, 1000), LN_ERR_ARGUMENT);
  assert_int_equal(ln_grad_recompute(&n.o, n.forward_ops, 1, 0), LN_ERR_ARGUMENT);
  end(&n);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_networks),
      cmocka_unit_test(test_trainer),
      cmocka_unit_test(test_arguments),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

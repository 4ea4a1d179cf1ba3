/*
 * Training signatures: steps equal the trainer's, whatever the batch; what is learned is seen by every signature, saved
 * and restored as a file and as tensors; frozen weights stay; what cannot be held is refused.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/base.h"
#include "linnet/data.h"
#include "linnet/inspect.h"
#include "linnet/linnet.h"
#include "linnet/train.h"
#include "support/unit.h"

/* Without layers that train otherwise than they run, so that the trainer takes the same steps. */
#define IMAGE "{\"input\": {\"name\": \"image\", \"shape\": [28, 28, 1]}, \"layers\": ["
#define HEAD "{\"layer\": \"Dense\", \"name\": \"logits\", \"units\": 10}]}"
static const char dense[] =
    IMAGE "{\"layer\": \"Flatten\"}, {\"layer\": \"Dense\", \"units\": 32, \"activation\": \"relu\"}," HEAD;
static const char convolutions[] = IMAGE
    "{\"layer\": \"Conv2D\", \"filters\": 8, \"kernel_size\": 3, \"activation\": \"relu\"}, {\"layer\": "
    "\"MaxPooling2D\"},"
    "{\"layer\": \"Conv2D\", \"filters\": 12, \"kernel_size\": 3, \"strides\": 2, \"activation\": \"relu\"},"
    "{\"layer\": \"Flatten\"}," HEAD;
enum { STEPS = 10, SAMPLES = 24, PIXELS = 28 * 28, BATCH = 8 };

static ln_error err;
static float pictures[SAMPLES * PIXELS];
static int32_t labels[SAMPLES];

#define GOOD(call)                                    \
  do {                                                \
    if ((call) != LN_OK) fail_msg("%s", err.message); \
  } while (0)

static int fill_samples(void **state) {
  (void)state;
  uint32_t word = 1;
  for (size_t i = 0; i < LN_COUNT(pictures); ++i) {
    word = word * 1664525u + 1013904223u;
    pictures[i] = (float)(word >> 16) / 65536.0f;
  }
  for (int32_t i = 0; i < SAMPLES; ++i) labels[i] = i * 3 % 10;
  return 0;
}

static ln_model *build(const char *text) {
  ln_model *model = NULL;
  GOOD(ln_builder_from_json(text, strlen(text), NULL, &err, &model));
  return model;
}

typedef struct option {
  const char *name, *value;
} option;

static ln_trainer *trainer_of(const ln_model *model, const option *options) {
  ln_trainer *trainer = NULL;
  GOOD(ln_trainer_create(model, &err, &trainer));
  for (; options != NULL && options->name != NULL; ++options) {
    GOOD(ln_trainer_set(trainer, options->name, options->value, &err));
  }
  return trainer;
}

static ln_status make(const ln_model *model, const option *options, int32_t batch, const char *checkpoints,
                      ln_model **out) {
  ln_trainable_options how = LN_TRAINABLE_OPTIONS_INIT;
  ln_trainer *trainer = trainer_of(model, options);
  how.batch = batch;
  how.checkpoints = checkpoints;
  const ln_status status = ln_trainable_make(trainer, &how, &err, out);
  ln_trainer_destroy(trainer);
  return status;
}

static ln_model *made_of(const ln_model *model, const option *options, int32_t batch, const char *checkpoints) {
  ln_model *made = NULL;
  GOOD(make(model, options, batch, checkpoints, &made));
  return made;
}

static ln_session *open_session(ln_model *model, const char *signature, ln_session *share) {
  ln_session *session = NULL;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.signature = signature;
  options.share = share;
  GOOD(ln_session_create(model, &options, &err, &session));
  return session;
}

static void resize(ln_session *session, int32_t batch) {
  const int32_t image[4] = {batch, 28, 28, 1};
  GOOD(ln_session_resize_input(session, ln_session_find_input(session, "image"), image, 4, &err));
  const int32_t index = ln_session_find_input(session, "labels");
  if (index >= 0) GOOD(ln_session_resize_input(session, index, &batch, 1, &err));
}

/* Runs on `batch` samples from `first` on; the loss, 0 without one. */
static double run(ln_session *session, int32_t first, int32_t batch) {
  const size_t size = (size_t)batch;
  const int32_t image = ln_session_find_input(session, "image"), label = ln_session_find_input(session, "labels");
  GOOD(ln_session_set_input(session, image, pictures + first * PIXELS, size * PIXELS * sizeof(float), &err));
  if (label >= 0) GOOD(ln_session_set_input(session, label, labels + first, size * sizeof(int32_t), &err));
  GOOD(ln_session_run(session, &err));
  const int32_t loss = ln_session_find_output(session, "loss");
  return loss < 0 ? 0 : (double)*(const float *)ln_tensor_data(ln_session_output(session, loss));
}

static ln_status give_sample(void *user, int64_t index, ln_session *session, ln_error *error) {
  (void)user;
  return ln_session_set_input(session, 0, pictures + index * PIXELS, PIXELS * sizeof(float), error);
}

/* ---- beside the trainer ---- */

static void equals_trainer(const char *text, const option *options) {
  ln_model *model = build(text), *made = made_of(model, options, 0, NULL);
  ln_session *session = open_session(made, "train", NULL);
  const ln_samples samples = {sizeof samples, SAMPLES, give_sample, NULL};
  ln_train_data data = LN_TRAIN_DATA_INIT;
  ln_trainer *trainer = trainer_of(model, options);
  double first = 0, last = 0;
  data.samples = &samples;
  data.labels = labels;
  GOOD(ln_trainer_set_data(trainer, &data, NULL, &err));
  resize(session, BATCH);
  for (int32_t i = 0; i < STEPS; ++i) {
    const int32_t from = i % (SAMPLES / BATCH) * BATCH;
    int64_t numbers[BATCH];
    double loss = 0;
    for (int32_t k = 0; k < BATCH; ++k) numbers[k] = from + k;
    GOOD(ln_trainer_step(trainer, numbers, BATCH, &err, &loss));
    last = run(session, from, BATCH);
    if (i == 0) first = last;
    if (!(fabs(last - loss) <= 1e-4 * fabs(loss))) fail_msg("step %d: %.9g, the trainer has %.9g", i, last, loss);
  }
  assert_true(last < first);
  ln_session_destroy(session);
  ln_trainer_destroy(trainer);
  ln_model_destroy(made);
  ln_model_destroy(model);
}

static void test_steps(void **state) {
  (void)state;
  const option adam[] = {{"batch", "8"}, {NULL, NULL}};
  const option clipped[] = {
      {"batch", "8"},         {"optimizer", "sgd"},        {"learning_rate", "0.1"}, {"momentum", "0.9"},
      {"clip_value", "0.02"}, {"global_clip_norm", "0.3"}, {"clip_norm", "0.2"},     {NULL, NULL}};
  equals_trainer(dense, adam);
  equals_trainer(dense, clipped);
  equals_trainer(convolutions, adam);
}

/* ---- the batch ---- */

/* A batch changes in mid-training; a fixed one takes the same steps. */
static void test_batches(void **state) {
  (void)state;
  ln_model *model = build(dense), *any = made_of(model, NULL, LN_BATCH_OPEN, NULL);
  ln_session *open = open_session(any, "train", NULL);
  const int32_t sizes[3] = {3, 1, 8};
  for (int32_t i = 0; i < 3; ++i) {
    ln_model *one = made_of(model, NULL, sizes[i], NULL);
    ln_session *fixed = open_session(one, "train", NULL);
    assert_int_equal(ln_tensor_dim(ln_session_input(fixed, 0), 0), sizes[i]);
    ln_session_reset(open);
    resize(open, sizes[i]);
    for (int32_t k = 0; k < 3; ++k) {
      const double a = run(open, k * sizes[i], sizes[i]), b = run(fixed, k * sizes[i], sizes[i]);
      if (!(fabs(a - b) <= 1e-5 * fabs(b))) fail_msg("batch %d, step %d: %.9g, not %.9g", (int)sizes[i], (int)k, a, b);
    }
    ln_session_destroy(fixed);
    ln_model_destroy(one);
  }
  ln_session_destroy(open);
  ln_model_destroy(any);
  ln_model_destroy(model);
}

/* ---- variables ---- */

static int32_t signature_of(const ln_model *model, const char *name) {
  for (int32_t i = 0; i < ln_model_signature_count(model); ++i) {
    if (strcmp(ln_model_signature_name(model, i), name) == 0) return i;
  }
  return -1;
}

static int32_t count_ops(const ln_model *model, const char *signature, const char *op) {
  const ln_graph *graph = ln_model_graph(model, ln_model_signature_graph(model, signature_of(model, signature)));
  int32_t count = 0;
  for (int32_t i = 0; i < ln_graph_op_count(graph); ++i) {
    count += strcmp(ln_op_name(ln_graph_op(graph, i)), op) == 0;
  }
  return count;
}

/* What is frozen stays constant, and nothing but builtin operators stands outside the checkpoints. */
static void test_frozen(void **state) {
  (void)state;
  const option head[] = {{"train", "logits"}, {"optimizer", "sgd"}, {NULL, NULL}};
  ln_model *model = build(convolutions), *made = made_of(model, head, 0, NULL);
  assert_int_equal(count_ops(made, "infer", "READ_VARIABLE"), 2);
  assert_int_equal(count_ops(made, "train", "ASSIGN_VARIABLE"), 3); /* and the steps */
  assert_int_equal(count_ops(made, "train", "VAR_HANDLE"), 3);
  assert_int_equal(count_ops(made, "eval", "ASSIGN_VARIABLE"), 0);
  const char *const builtin[] = {"train", "eval", "infer"};
  for (size_t i = 0; i < LN_COUNT(builtin); ++i) {
    const ln_graph *graph = ln_model_graph(made, ln_model_signature_graph(made, signature_of(made, builtin[i])));
    for (int32_t k = 0; k < ln_graph_op_count(graph); ++k) assert_false(ln_op_is_custom(ln_graph_op(graph, k)));
  }
  ln_model_destroy(made);
  ln_model_destroy(model);
}

/* The signatures share what they learn; without a name the model's own runs, and sees it. */
static void test_shared(void **state) {
  (void)state;
  ln_model *model = build(dense), *made = made_of(model, NULL, 0, NULL);
  ln_session *train = open_session(made, "train", NULL), *eval = open_session(made, "eval", train);
  ln_session *infer = open_session(made, "infer", train), *plain = open_session(made, NULL, train);
  float before[10];
  assert_int_equal(ln_session_input_count(plain), 1);
  resize(train, BATCH);
  resize(eval, BATCH);
  run(infer, 0, 1);
  memcpy(before, ln_tensor_data(ln_session_output(infer, 0)), sizeof before);
  const double first = run(train, 0, BATCH);
  for (int32_t i = 0; i < STEPS; ++i) run(train, 0, BATCH);
  assert_true(run(eval, 0, BATCH) < 0.7 * first);
  run(infer, 0, 1);
  run(plain, 0, 1);
  assert_memory_not_equal(before, ln_tensor_data(ln_session_output(infer, 0)), sizeof before);
  assert_memory_equal(ln_tensor_data(ln_session_output(plain, 0)), ln_tensor_data(ln_session_output(infer, 0)),
                      sizeof before);
  ln_session *all[] = {plain, infer, eval, train};
  for (size_t i = 0; i < LN_COUNT(all); ++i) ln_session_destroy(all[i]);
  ln_model_destroy(made);
  ln_model_destroy(model);
}

/* ---- checkpoints ---- */

static void set_path(ln_session *session, const char *path) {
  int32_t text[64] = {1, 12, 12 + (int32_t)strlen(path)};
  assert_true(strlen(path) < sizeof text - 12);
  memcpy(text + 3, path, strlen(path));
  GOOD(ln_session_set_input(session, 0, text, 12 + strlen(path), &err));
}

/* Goes on from a restored state as if nothing had happened: slots and the number of steps are part of it. */
static void expect_same_steps(ln_session *a, ln_session *b) {
  resize(b, BATCH);
  for (int32_t i = 0; i < 3; ++i) {
    const double one = run(a, i * BATCH, BATCH), other = run(b, i * BATCH, BATCH);
    if (one != other) fail_msg("step %d after restoring: %.9g, not %.9g", (int)i, other, one);
  }
}

static void test_files(void **state) {
  (void)state;
  char folder[] = "/tmp/linnet-trainable-XXXXXX", path[64];
  ln_model *model = build(dense), *made = made_of(model, NULL, 0, "flex");
  ln_session *train = open_session(made, "train", NULL), *save = open_session(made, "save", train);
  ln_session *other = open_session(made, "train", NULL), *restore = open_session(made, "restore", other);
  assert_non_null(mkdtemp(folder));
  snprintf(path, sizeof path, "%s/checkpoint", folder);
  resize(train, BATCH);
  for (int32_t i = 0; i < STEPS; ++i) run(train, 0, BATCH);
  set_path(save, path);
  GOOD(ln_session_run(save, &err));
  set_path(restore, path);
  GOOD(ln_session_run(restore, &err));
  assert_int_equal(*(const int32_t *)ln_tensor_data(ln_session_output(restore, 0)), STEPS);
  expect_same_steps(train, other);
  set_path(restore, "/tmp/linnet-no-such-checkpoint");
  assert_int_equal(ln_session_run(restore, &err), LN_ERR_IO);
  ln_session *all[] = {restore, other, save, train};
  for (size_t i = 0; i < LN_COUNT(all); ++i) ln_session_destroy(all[i]);
  ln_model_destroy(made);
  ln_model_destroy(model);
  assert_int_equal(remove(path), 0);
  assert_int_equal(remove(folder), 0);
}

static void test_arrays(void **state) {
  (void)state;
  ln_model *model = build(dense), *made = made_of(model, NULL, 0, "arrays");
  ln_session *train = open_session(made, "train", NULL), *save = open_session(made, "save", train);
  ln_session *other = open_session(made, "train", NULL), *restore = open_session(made, "restore", other);
  resize(train, BATCH);
  for (int32_t i = 0; i < STEPS; ++i) run(train, 0, BATCH);
  GOOD(ln_session_run(save, &err));
  assert_int_equal(ln_session_output_count(save), ln_session_input_count(restore));
  for (int32_t i = 0; i < ln_session_output_count(save); ++i) {
    const ln_tensor *tensor = ln_session_output(save, i);
    assert_string_equal(ln_session_output_name(save, i), ln_session_input_name(restore, i));
    GOOD(ln_session_set_input(restore, i, ln_tensor_data(tensor), ln_tensor_bytes(tensor), &err));
  }
  GOOD(ln_session_run(restore, &err));
  expect_same_steps(train, other);
  ln_session *all[] = {restore, other, save, train};
  for (size_t i = 0; i < LN_COUNT(all); ++i) ln_session_destroy(all[i]);
  ln_model_destroy(made);
  made = made_of(model, NULL, 0, "none");
  assert_int_equal(signature_of(made, "save"), -1);
  assert_true(signature_of(made, "train") >= 0);
  ln_model_destroy(made);
  ln_model_destroy(model);
}

/* ---- what was learned before ---- */

/* A trainer that has taken steps hands on its weights, its slots and their number. */
static void test_goes_on(void **state) {
  (void)state;
  const option options[] = {{"batch", "8"}, {NULL, NULL}};
  ln_model *model = build(dense), *made = NULL;
  ln_trainer *trainer = trainer_of(model, options);
  const ln_samples samples = {sizeof samples, SAMPLES, give_sample, NULL};
  ln_train_data data = LN_TRAIN_DATA_INIT;
  const int64_t numbers[BATCH] = {0, 1, 2, 3, 4, 5, 6, 7};
  double loss;
  data.samples = &samples;
  data.labels = labels;
  GOOD(ln_trainer_set_data(trainer, &data, NULL, &err));
  for (int32_t i = 0; i < STEPS; ++i) GOOD(ln_trainer_step(trainer, numbers, BATCH, &err, &loss));
  GOOD(ln_trainable_make(trainer, NULL, &err, &made));
  ln_session *session = open_session(made, "train", NULL);
  resize(session, BATCH);
  for (int32_t i = 0; i < STEPS; ++i) {
    GOOD(ln_trainer_step(trainer, numbers, BATCH, &err, &loss));
    const double own = run(session, 0, BATCH);
    if (!(fabs(own - loss) <= 1e-4 * fabs(loss))) fail_msg("step %d: %.9g, the trainer has %.9g", (int)i, own, loss);
  }
  ln_session_destroy(session);
  ln_trainer_destroy(trainer);
  ln_model_destroy(made);
  ln_model_destroy(model);
}

/* ---- what is refused ---- */

static void expect_refused(const ln_model *model, const option *options, const char *checkpoints, ln_status status,
                           const char *text) {
  ln_model *made = NULL;
  err.message[0] = '\0';
  assert_int_equal(make(model, options, 0, checkpoints, &made), status);
  if (strstr(err.message, text) == NULL) fail_msg("\"%s\" does not say \"%s\"", err.message, text);
  assert_null(made);
}

static void test_refusals(void **state) {
  (void)state;
  const option nothing[] = {{"train", "no such layer"}, {NULL, NULL}}, average[] = {{"ema", "0.9"}, {NULL, NULL}};
  const option loss[] = {{"loss", "none"}, {NULL, NULL}};
  ln_model *model = build(dense), *made = made_of(model, NULL, 0, NULL);
  ln_trainable_options options = LN_TRAINABLE_OPTIONS_INIT;
  ln_model *out = NULL;
  expect_refused(model, NULL, "files", LN_ERR_ARGUMENT, "none of flex, arrays, none");
  expect_refused(model, nothing, NULL, LN_ERR_NOT_FOUND, "no such layer");
  expect_refused(model, average, NULL, LN_ERR_UNSUPPORTED, "ema");
  expect_refused(model, loss, NULL, LN_ERR_ARGUMENT, "none");
  expect_refused(made, NULL, NULL, LN_ERR_UNSUPPORTED, "no weights"); /* they are variables now */
  assert_int_equal(ln_trainable_make(NULL, NULL, &err, &out), LN_ERR_ARGUMENT);
  ln_trainer *trainer = trainer_of(model, NULL);
  options.batch = -2;
  assert_int_equal(ln_trainable_make(trainer, &options, &err, &out), LN_ERR_ARGUMENT);
  options.batch = 0;
  options.size = 1;
  assert_int_equal(ln_trainable_make(trainer, &options, &err, &out), LN_ERR_ARGUMENT);
  ln_trainer_destroy(trainer);
  ln_model_destroy(made);
  ln_model_destroy(model);
}

/* Whichever allocation fails, it is said, and nothing is lost. */
static void test_memory(void **state) {
  (void)state;
  ln_model *model = build(dense);
  long n = 1, tried = 0;
  for (bool done = false; !done && n < 1000000; n += 1 + n / 16, ++tried) {
    ln_trainer *trainer = NULL;
    ln_model *made = NULL;
    ln_alloc_fail_after(n);
    ln_status status = ln_trainer_create(model, &err, &trainer);
    if (status == LN_OK) status = ln_trainable_make(trainer, NULL, &err, &made);
    done = ln_alloc_fail_pending() > 0;
    ln_alloc_fail_after(0);
    if (!done && status != LN_ERR_MEMORY) fail_msg("allocation %ld: %d %s", n, (int)status, err.message);
    if (done) assert_int_equal(status, LN_OK);
    ln_trainer_destroy(trainer);
    ln_model_destroy(made);
  }
  assert_true(tried > 20);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_steps),   cmocka_unit_test(test_batches),  cmocka_unit_test(test_frozen),
      cmocka_unit_test(test_shared),  cmocka_unit_test(test_files),    cmocka_unit_test(test_arrays),
      cmocka_unit_test(test_goes_on), cmocka_unit_test(test_refusals), cmocka_unit_test(test_memory),
  };
  return cmocka_run_group_tests(tests, fill_samples, NULL);
}

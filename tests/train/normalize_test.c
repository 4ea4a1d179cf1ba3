/* Batch normalization and dropout: what a step trains on, what the result holds. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "linnet/builder.h"
#include "linnet/linnet.h"
#include "support/unit.h"
#include "train/trainer.h"

enum { COUNT = 24, WIDTH = 5, CLASSES = 3 };

static ln_error err;

/* ---- data ---- */

static float value(int64_t sample, int32_t index) {
  return (float)sin((double)(sample * 37 + index * 11 + 3)) + 0.3f * (float)index;
}

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *e) {
  float values[WIDTH];
  (void)user;
  for (int32_t i = 0; i < WIDTH; ++i) values[i] = value(index, i);
  return ln_session_set_input(session, 0, values, sizeof values, e);
}

static const ln_samples samples = {.size = sizeof samples, .count = COUNT, .fill = fill};
static float targets[COUNT * CLASSES];

static ln_model *build(const char *const *layers, int32_t count, bool unfolded) {
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  ln_builder *b = NULL;
  ln_model *model = NULL;
  options.seed = 5;
  options.unfolded = unfolded;
  assert_int_equal(ln_builder_create(&options, &err, &b), LN_OK);
  assert_int_equal(ln_builder_input(b, "x", LN_FLOAT32, 1, (const int32_t[]){WIDTH}, &err), LN_OK);
  for (int32_t i = 0; i < count; ++i) {
    if (ln_builder_add(b, layers[i], &err) != LN_OK) printf("%s\n", err.message);
  }
  assert_int_equal(ln_builder_make(b, &err, &model), LN_OK);
  ln_builder_destroy(b);
  return model;
}

static ln_trainer *begin(const ln_model *model, const char *rate, const char *threads) {
  ln_trainer *t = NULL;
  static ln_train_data data = LN_TRAIN_DATA_INIT;
  for (int32_t i = 0; i < COUNT * CLASSES; ++i) targets[i] = (float)cos((double)i);
  data.samples = &samples;
  data.targets = targets;
  data.target_count = CLASSES;
  assert_int_equal(ln_trainer_create(model, &err, &t), LN_OK);
  assert_int_equal(ln_trainer_set(t, "loss", "mse", &err), LN_OK);
  assert_int_equal(ln_trainer_set(t, "optimizer", "sgd", &err), LN_OK);
  assert_int_equal(ln_trainer_set(t, "learning_rate", rate, &err), LN_OK);
  assert_int_equal(ln_trainer_set(t, "batch", "24", &err), LN_OK);
  assert_int_equal(ln_trainer_set(t, "threads", threads, &err), LN_OK);
  assert_int_equal(ln_trainer_set_data(t, &data, NULL, &err), LN_OK);
  return t;
}

static double step(ln_trainer *t) {
  int64_t indices[COUNT];
  double loss = NAN;
  for (int32_t i = 0; i < COUNT; ++i) indices[i] = i;
  if (ln_trainer_step(t, indices, COUNT, &err, &loss) != LN_OK) printf("%s\n", err.message);
  assert_true(isfinite(loss));
  return loss;
}

static ln_model *make(ln_trainer *t) {
  ln_model *model = NULL;
  if (ln_trainer_make(t, &err, &model) != LN_OK) printf("%s\n", err.message);
  assert_non_null(model);
  return model;
}

/* [COUNT, CLASSES] */
static void run(ln_model *model, float *out) {
  ln_session *session = NULL;
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_OK);
  for (int32_t i = 0; i < COUNT; ++i) {
    assert_int_equal(fill(NULL, i, session, &err), LN_OK);
    assert_int_equal(ln_session_run(session, &err), LN_OK);
    memcpy(out + i * CLASSES, ln_session_output(session, 0)->data, CLASSES * sizeof *out);
  }
  ln_session_destroy(session);
}

/* ---- normalization ---- */

static const char *const normalized[] = {
    "Dense name=d units=3 use_bias=false",
    "BatchNormalization name=n momentum=0 gamma_initializer=he_normal beta_initializer=random_normal"};

/* Without momentum the averages are the last batch's: the result gives that batch normalized. */
static void test_statistics(void **state) {
  (void)state;
  ln_model *plain = build(normalized, 1, true), *source = build(normalized, 2, true);
  ln_trainer *t = begin(source, "0", "1");
  float before[COUNT * CLASSES], after[COUNT * CLASSES];
  const double loss = step(t);
  ln_model *result = make(t);
  assert_int_equal(result->graphs[0].op_count, 1); /* folded */
  run(plain, before);
  run(result, after);
  double wanted_loss = 0;
  const ln_graph *graph = &source->graphs[0];
  for (int32_t c = 0; c < CLASSES; ++c) {
    double mean = 0, variance = 0, gamma = 0, beta = 0;
    for (int32_t i = 0; i < graph->tensor_count; ++i) {
      if (strcmp(graph->tensors[i].name, "n/gamma") == 0) gamma = (double)((const float *)graph->tensors[i].data)[c];
      if (strcmp(graph->tensors[i].name, "n/beta") == 0) beta = (double)((const float *)graph->tensors[i].data)[c];
    }
    for (int32_t i = 0; i < COUNT; ++i) mean += (double)before[i * CLASSES + c] / COUNT;
    for (int32_t i = 0; i < COUNT; ++i) variance += pow((double)before[i * CLASSES + c] - mean, 2) / COUNT;
    for (int32_t i = 0; i < COUNT; ++i) {
      const double x = (double)before[i * CLASSES + c];
      const double wanted = (x - mean) / sqrt(variance + 1e-3) * gamma + beta;
      assert_true(fabs(wanted - (double)after[i * CLASSES + c]) < 1e-4);
      wanted_loss += pow(wanted - (double)targets[i * CLASSES + c], 2) / (COUNT * CLASSES);
    }
  }
  assert_true(fabs(wanted_loss - loss) < 1e-4 * wanted_loss);
  ln_model_destroy(result);
  ln_trainer_destroy(t);
  ln_model_destroy(source);
  ln_model_destroy(plain);
}

static int32_t find(const ln_graph *graph, const char *name) {
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    if (strcmp(graph->tensors[i].name, name) == 0) return i;
  }
  printf("no tensor %s\n", name);
  fail();
  return -1;
}

/* The loss of the batch with one number of a constant moved. */
static double moved_loss(const ln_model *source, const char *name, int32_t at, float by) {
  ln_model *edited = NULL, *snapshot = NULL;
  assert_int_equal(ln_edit_begin(source, &err, &edited), LN_OK);
  ln_tensor *tensor = &edited->graphs[0].tensors[find(&edited->graphs[0], name)];
  float *values = ln_arena_copy(&edited->arena, tensor->data, tensor->bytes);
  values[at] += by;
  ln_edit_set_data(tensor, LN_FLOAT32, values, tensor->bytes);
  assert_int_equal(ln_edit_snapshot(edited, &err, &snapshot), LN_OK);
  ln_trainer *t = begin(snapshot, "0", "1");
  const double loss = step(t);
  ln_trainer_destroy(t);
  ln_model_destroy(snapshot);
  ln_model_destroy(edited);
  return loss;
}

typedef struct moved {
  const char *name;
  int32_t at;
} moved;

/* Gradients of the step against differences of its loss. */
static void check_gradient(const ln_model *source, const moved *numbers, size_t count) {
  ln_trainer *t = begin(source, "1", "2");
  step(t);
  for (size_t i = 0; i < count; ++i) {
    const ln_param *param = ln_trainer_param(t, find(ln_optimizer_graph(&t->o), numbers[i].name));
    assert_non_null(param);
    const double up = moved_loss(source, numbers[i].name, numbers[i].at, 2e-3f);
    const double down = moved_loss(source, numbers[i].name, numbers[i].at, -2e-3f);
    const double gradient = (double)param->gradient[numbers[i].at], wanted = (up - down) / 4e-3;
    if (fabs(wanted - gradient) > 4e-3) printf("%s: %g, %g\n", numbers[i].name, gradient, wanted);
    assert_true(fabs(wanted - gradient) <= 4e-3);
  }
  ln_trainer_destroy(t);
}

/* Through the batch's mean and variance. */
static void test_gradient(void **state) {
  static const moved numbers[] = {{"d/kernel", 2}, {"d/kernel", 9}, {"n/gamma", 1}, {"n/beta", 2}};
  (void)state;
  ln_model *source = build(normalized, 2, true);
  check_gradient(source, numbers, LN_COUNT(numbers));
  ln_model_destroy(source);
}

/* Images have operators of their own. */
static void test_image_gradient(void **state) {
  static const char *const layers[] = {"Reshape target_shape=5,1,1",
                                       "Conv2D name=c filters=4 kernel_size=3,1 use_bias=false",
                                       "BatchNormalization name=n beta_initializer=ones",
                                       "ReLU max_value=6",
                                       "Flatten",
                                       "Dense name=d units=3"};
  static const moved numbers[] = {{"c/kernel", 2}, {"c/kernel", 7}, {"n/gamma", 1}, {"n/beta", 0}, {"d/kernel", 5}};
  (void)state;
  ln_model *source = build(layers, LN_COUNT(layers), true);
  check_gradient(source, numbers, LN_COUNT(numbers));
  ln_model_destroy(source);
}

/* A normalization that nothing can take stays, and what is said of it. */
static void test_what_stays(void **state) {
  static const char *const layers[] = {"BatchNormalization name=n", "Dense name=d units=3 activation=relu",
                                       "BatchNormalization name=m", "Dropout name=o rate=0.25"};
  (void)state;
  ln_model *source = build(layers, LN_COUNT(layers), true);
  ln_trainer *t = begin(source, "0.1", "1");
  step(t);
  ln_model *result = make(t);
  ln_layer_notes notes;
  ln_arena arena = {0};
  assert_int_equal(ln_layer_notes_read(result, &arena, &err, &notes), LN_OK);
  assert_int_equal(notes.count, 4);
  assert_string_equal(ln_layer_note_get(&notes.list[0], "inference"), "true");
  assert_string_equal(ln_layer_note_get(&notes.list[2], "inference"), "true");
  ln_arena_free(&arena);
  ln_trainer *again = begin(result, "0", "1");
  ln_model *same = NULL;
  float one[COUNT * CLASSES], two[COUNT * CLASSES];
  step(again); /* a scale and a shift like others */
  same = make(again);
  run(result, one);
  run(same, two);
  assert_memory_equal(one, two, sizeof one);
  ln_trainer_destroy(again);
  ln_model_destroy(same);
  ln_model_destroy(result);
  ln_trainer_destroy(t);
  ln_model_destroy(source);
}

/* Notes that name what is no scale of channels, or nothing that there is. */
static void test_false_notes(void **state) {
  static const struct {
    const char *key, *value;
    ln_status status;
  } cases[] = {{"gamma", "d", LN_ERR_MODEL}, {"gamma", "x", LN_OK},        {"gamma", "nothing", LN_OK},
               {"beta", "n/gamma", LN_OK},   {"momentum", "never", LN_OK}, {"epsilon", "-1", LN_OK},
               {"gamma", "n/beta", LN_OK}};
  (void)state;
  for (size_t i = 0; i < LN_COUNT(cases); ++i) {
    ln_model *source = build(normalized, 2, true), *edited = NULL, *snapshot = NULL;
    ln_layer_notes notes;
    assert_int_equal(ln_edit_begin(source, &err, &edited), LN_OK);
    assert_int_equal(ln_layer_notes_read(source, &edited->arena, &err, &notes), LN_OK);
    ln_layer_note_set(&notes.list[1], cases[i].key, cases[i].value);
    assert_int_equal(ln_layer_notes_write(edited, &notes, &err), LN_OK);
    assert_int_equal(ln_edit_snapshot(edited, &err, &snapshot), LN_OK);
    ln_trainer *t = begin(snapshot, "0", "1");
    int64_t index = 0;
    double loss = 0;
    assert_int_equal(ln_trainer_step(t, &index, 1, &err, &loss), cases[i].status);
    ln_trainer_destroy(t);
    ln_model_destroy(snapshot);
    ln_model_destroy(edited);
    ln_model_destroy(source);
  }
}

/* ---- dropout ---- */

static void test_dropout(void **state) {
  static const char *const layers[] = {"Dense name=wide units=64 activation=relu", "Dropout name=o rate=0.5",
                                       "Dense name=d units=3"};
  (void)state;
  for (int32_t unfolded = 0; unfolded < 2; ++unfolded) {
    ln_model *source = build(layers, LN_COUNT(layers), unfolded == 1);
    double losses[2][3];
    for (int32_t i = 0; i < 2; ++i) {
      ln_trainer *t = begin(source, "0", i == 0 ? "1" : "3");
      for (int32_t k = 0; k < 3; ++k) losses[i][k] = step(t);
      ln_model *result = make(t);
      assert_int_equal(result->graphs[0].op_count, 2);
      ln_train_event event = {.size = sizeof event};
      ln_train_data data = t->data;
      assert_int_equal(ln_trainer_evaluate(t, &data, &err, &event), LN_OK);
      assert_true(fabs(event.loss - losses[i][0]) > 1e-3); /* nothing is dropped */
      ln_model_destroy(result);
      ln_trainer_destroy(t);
    }
    assert_true(losses[0][0] != losses[0][1] && losses[0][1] != losses[0][2]);
    assert_memory_equal(losses[0], losses[1], sizeof losses[0]);
    ln_model_destroy(source);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_statistics),     cmocka_unit_test(test_gradient),
                                     cmocka_unit_test(test_image_gradient), cmocka_unit_test(test_what_stays),
                                     cmocka_unit_test(test_false_notes),    cmocka_unit_test(test_dropout)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

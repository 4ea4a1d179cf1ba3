/*
 * The trainer's own options: batches that make one step together, classes that weigh something, a teacher, training
 * that ends, slows down or goes back to its best epoch, and what callers may do in which order.
 */
#include <math.h>
#include <string.h>

#include "linnet/linnet.h"
#include "support/unit.h"

enum { COUNT = 96, WIDTH = 5, CLASSES = 3 };

static ln_error err;
static int32_t labels[COUNT], other_labels[COUNT];

static float value(int64_t sample, int32_t index) { return (float)sin((double)(sample * 29 + index * 13 + 1)); }

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *e) {
  float values[WIDTH];
  (void)user;
  for (int32_t i = 0; i < WIDTH; ++i) values[i] = value(index, i);
  return ln_session_set_input(session, 0, values, sizeof values, e);
}

static const ln_samples samples = {.size = sizeof samples, .count = COUNT, .fill = fill};

static int make_labels(void **state) {
  (void)state;
  for (int64_t i = 0; i < COUNT; ++i) {
    labels[i] = value(i, 0) > 0.3f ? 0 : value(i, 1) > 0 ? 1 : 2;
    other_labels[i] = (labels[i] + 1) % CLASSES;
  }
  return 0;
}

static ln_train_data data_of(const int32_t *its_labels) {
  ln_train_data data = LN_TRAIN_DATA_INIT;
  data.samples = &samples;
  data.labels = its_labels;
  return data;
}

static ln_model *build(void) {
  static const int32_t width = WIDTH;
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  ln_builder *b = NULL;
  ln_model *model = NULL;
  options.seed = 3;
  assert_int_equal(ln_builder_create(&options, &err, &b), LN_OK);
  assert_int_equal(ln_builder_input(b, "x", LN_FLOAT32, 1, &width, &err), LN_OK);
  assert_int_equal(ln_builder_add(b, "Dense units=12 activation=tanh", &err), LN_OK);
  assert_int_equal(ln_builder_add(b, "Dense units=3 activation=softmax", &err), LN_OK);
  assert_int_equal(ln_builder_make(b, &err, &model), LN_OK);
  ln_builder_destroy(b);
  return model;
}

typedef struct history {
  int32_t epochs;
  double losses[64], rates[64];
} history;

static bool keep(void *user, const ln_train_event *event) {
  history *h = user;
  if (!event->epoch_ended || h->epochs == 64) return true;
  h->losses[h->epochs] = isfinite(event->validation_loss) ? event->validation_loss : event->loss;
  h->rates[h->epochs++] = event->rate;
  return true;
}

/* `options` are names and values in turn. */
static ln_trainer *create(const ln_model *model, const ln_train_data *data, const ln_train_data *validation,
                          const char *const *options) {
  ln_trainer *t = NULL;
  assert_int_equal(ln_trainer_create(model, &err, &t), LN_OK);
  for (; *options != NULL; options += 2) {
    if (ln_trainer_set(t, options[0], options[1], &err) != LN_OK) fail_msg("%s", err.message);
  }
  assert_int_equal(ln_trainer_set_data(t, data, validation, &err), LN_OK);
  return t;
}

static ln_model *finish(ln_trainer *t, history *h) {
  ln_model *made = NULL;
  *h = (history){0};
  if (ln_trainer_run(t, keep, h, &err) != LN_OK) fail_msg("%s", err.message);
  if (ln_trainer_make(t, &err, &made) != LN_OK) fail_msg("%s", err.message);
  ln_trainer_destroy(t);
  return made;
}

/* The outputs for all samples. */
static void run(ln_model *model, float out[COUNT * CLASSES]) {
  ln_session *session = NULL;
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_OK);
  for (int64_t i = 0; i < COUNT; ++i) {
    assert_int_equal(fill(NULL, i, session, &err), LN_OK);
    assert_int_equal(ln_session_run(session, &err), LN_OK);
    memcpy(out + i * CLASSES, ln_tensor_data(ln_session_output(session, 0)), CLASSES * sizeof *out);
  }
  ln_session_destroy(session);
}

static int32_t class_of(const float *row) {
  int32_t best = 0;
  for (int32_t k = 1; k < CLASSES; ++k) best = row[k] > row[best] ? k : best;
  return best;
}

static int32_t count_right(ln_model *model, const int32_t *its_labels) {
  float out[COUNT * CLASSES];
  int32_t right = 0;
  run(model, out);
  for (int32_t i = 0; i < COUNT; ++i) right += class_of(out + i * CLASSES) == its_labels[i];
  return right;
}

/* ---- steps ---- */

static void test_accumulates(void **state) {
  (void)state;
  static const char *const whole[] = {"batch", "32", "optimizer", "sgd", "learning_rate", "0.1", "epochs", "3", NULL};
  static const char *const parts[] = {"batch",         "8",   "accumulate", "4", "optimizer", "sgd",
                                      "learning_rate", "0.1", "epochs",     "3", NULL};
  ln_model *model = build();
  const ln_train_data data = data_of(labels);
  history h;
  ln_model *one = finish(create(model, &data, NULL, whole), &h);
  ln_model *two = finish(create(model, &data, NULL, parts), &h);
  float a[COUNT * CLASSES], b[COUNT * CLASSES], before[COUNT * CLASSES];
  double moved = 0;
  run(one, a);
  run(two, b);
  run(model, before);
  for (int32_t i = 0; i < COUNT * CLASSES; ++i) {
    assert_true(fabs((double)a[i] - (double)b[i]) < 1e-5);
    moved = fmax(moved, fabs((double)a[i] - (double)before[i]));
  }
  assert_true(moved > 1e-2);
  ln_model_destroy(two);
  ln_model_destroy(one);
  ln_model_destroy(model);
}

/* A class that weighs nothing is as if its samples weighed nothing. */
static void test_class_weights(void **state) {
  (void)state;
  static const char *const classes[] = {"batch", "16", "epochs", "4", "class_weights", "1,0,2", NULL};
  static const char *const plain[] = {"batch", "16", "epochs", "4", NULL};
  float weights[COUNT], a[COUNT * CLASSES], b[COUNT * CLASSES];
  ln_model *model = build();
  history h;
  ln_train_data data = data_of(labels);
  ln_model *one = finish(create(model, &data, NULL, classes), &h);
  for (int32_t i = 0; i < COUNT; ++i) weights[i] = labels[i] == 0 ? 1 : labels[i] == 1 ? 0 : 2;
  data.weights = weights;
  ln_model *two = finish(create(model, &data, NULL, plain), &h);
  run(one, a);
  run(two, b);
  assert_memory_equal(a, b, sizeof a);
  data.weights = NULL;
  ln_trainer *t = create(model, &data, NULL, (const char *const[]){"class_weights", "1,2", NULL});
  assert_int_equal(ln_trainer_run(t, NULL, NULL, &err), LN_ERR_ARGUMENT);
  assert_non_null(strstr(err.message, "a number for each of 3 classes"));
  ln_trainer_destroy(t);
  ln_model_destroy(two);
  ln_model_destroy(one);
  ln_model_destroy(model);
}

/* ---- epochs ---- */

static void test_ends_early(void **state) {
  (void)state;
  static const char *const options[] = {"learning_rate", "0", "epochs", "40", "patience", "3", NULL};
  ln_model *model = build();
  const ln_train_data data = data_of(labels);
  history h;
  ln_model_destroy(finish(create(model, &data, &data, options), &h));
  assert_int_equal(h.epochs, 4); /* the first is the best so far */
  ln_model_destroy(model);
}

static void test_slows_down(void **state) {
  (void)state;
  static const char *const options[] = {
      "learning_rate", "1e-12",     "epochs", "7", "plateau_patience", "2", "plateau_factor",
      "0.5",           "min_delta", "1e-3",   NULL};
  ln_model *model = build();
  const ln_train_data data = data_of(labels);
  history h;
  ln_model_destroy(finish(create(model, &data, &data, options), &h));
  assert_int_equal(h.epochs, 7);
  assert_true(fabs(h.rates[1] / 1e-12 - 1) < 1e-6);
  assert_true(fabs(h.rates[6] / 1.25e-13 - 1) < 1e-6);
  ln_model_destroy(model);
}

static void test_keeps_the_best(void **state) {
  (void)state;
  static const char *const options[] = {"learning_rate", "0.8", "optimizer", "sgd",  "momentum", "0.9", "batch", "16",
                                        "epochs",        "12",  "best",      "true", "seed",     "4",   NULL};
  ln_model *model = build();
  const ln_train_data data = data_of(labels);
  history h;
  ln_model *best = finish(create(model, &data, &data, options), &h);
  double least = h.losses[0], loss = 0;
  float out[COUNT * CLASSES];
  for (int32_t i = 1; i < h.epochs; ++i) least = fmin(least, h.losses[i]);
  run(best, out);
  for (int32_t i = 0; i < COUNT; ++i) loss -= log((double)out[i * CLASSES + labels[i]]) / COUNT;
  if (fabs(loss - least) >= 1e-4) print_message("the result's loss is %g, the least was %g\n", loss, least);
  assert_true(fabs(loss - least) < 1e-4);
  ln_model_destroy(best);
  ln_model_destroy(model);
}

/* ---- a teacher ---- */

/* Of labels that are all wrong and a teacher that is right, it learns what the share says. */
static void test_teacher(void **state) {
  (void)state;
  static const char *const plain[] = {"learning_rate", "0.02", "epochs", "60", "batch", "16", NULL};
  static const char *const all[] = {"learning_rate",  "0.02", "epochs", "60", "batch", "16",
                                    "teacher_weight", "1",    NULL};
  static const char *const none[] = {"learning_rate",  "0.02", "epochs", "60", "batch", "16",
                                     "teacher_weight", "0",    NULL};
  ln_model *model = build();
  const ln_train_data right = data_of(labels), wrong = data_of(other_labels);
  history h;
  ln_model *teacher = finish(create(model, &right, NULL, plain), &h);
  assert_true(count_right(teacher, labels) > COUNT * 9 / 10);
  ln_trainer *t = create(model, &wrong, NULL, all);
  assert_int_equal(ln_trainer_set_teacher(t, teacher, &err), LN_OK);
  ln_model *pupil = finish(t, &h);
  assert_true(count_right(pupil, labels) > COUNT * 9 / 10);
  t = create(model, &wrong, NULL, none);
  assert_int_equal(ln_trainer_set_teacher(t, teacher, &err), LN_OK);
  ln_model *deaf = finish(t, &h);
  assert_true(count_right(deaf, other_labels) > COUNT * 9 / 10);
  ln_model_destroy(deaf);
  ln_model_destroy(pupil);
  ln_model_destroy(teacher);
  ln_model_destroy(model);
}

/* ---- callers ---- */

static void test_order_of_calls(void **state) {
  (void)state;
  static const char *const options[] = {"batch", "16", NULL};
  const int64_t some[3] = {0, 5, 7}, far[1] = {COUNT};
  double loss = 0;
  ln_model *model = build();
  const ln_train_data data = data_of(labels);
  ln_trainer *t = NULL;
  assert_int_equal(ln_trainer_create(model, &err, &t), LN_OK);
  assert_int_equal(ln_trainer_run(t, NULL, NULL, &err), LN_ERR_STATE);
  assert_int_equal(ln_trainer_set(t, "bach", "16", &err), LN_ERR_NOT_FOUND);
  assert_int_equal(ln_trainer_set(t, "batch", "0", &err), LN_ERR_ARGUMENT);
  ln_trainer_destroy(t);
  t = create(model, &data, NULL, (const char *const[]){"monitor", "accuracy", "best", "true", NULL});
  assert_int_equal(ln_trainer_run(t, NULL, NULL, &err), LN_ERR_ARGUMENT);
  assert_non_null(strstr(err.message, "on validation data"));
  ln_trainer_destroy(t);
  t = create(model, &data, NULL, options);
  assert_int_equal(ln_trainer_step(t, far, 1, &err, &loss), LN_ERR_ARGUMENT);
  assert_int_equal(ln_trainer_step(t, some, 3, &err, &loss), LN_OK);
  assert_true(isfinite(loss) && loss > 0);
  assert_int_equal(ln_trainer_set(t, "batch", "8", &err), LN_ERR_STATE);
  assert_int_equal(ln_trainer_set_data(t, &data, NULL, &err), LN_ERR_STATE);
  ln_train_event found = {.size = sizeof found};
  assert_int_equal(ln_trainer_evaluate(t, &data, &err, &found), LN_OK);
  assert_int_equal(found.metric_count, 1);
  assert_string_equal(found.metric_names[0], "accuracy");
  ln_trainer_destroy(t);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_accumulates),    cmocka_unit_test(test_class_weights),  cmocka_unit_test(test_ends_early),
      cmocka_unit_test(test_slows_down),     cmocka_unit_test(test_keeps_the_best), cmocka_unit_test(test_teacher),
      cmocka_unit_test(test_order_of_calls),
  };
  return cmocka_run_group_tests(tests, make_labels, NULL);
}

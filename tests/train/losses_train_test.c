/* Every loss makes a small model better, and every metric that fits its targets says something of it. */
#include <math.h>
#include <stdio.h>

#include "linnet/builder.h"
#include "linnet/linnet.h"
#include "support/unit.h"
#include "train/trainer.h"

enum { COUNT = 64, WIDTH = 6, OUTPUTS = 4 };

static ln_error err;

/* ---- data ---- */

static float value(int64_t sample, int32_t index) { return (float)sin((double)(sample * 37 + index * 11 + 3)); }

/* Output `index` of what is to be learned. */
static double wanted(int64_t sample, int32_t index) {
  return tanh((double)(value(sample, index) - value(sample, index + 1) + 0.5f * value(sample, index + 2)));
}

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *e) {
  float values[WIDTH];
  (void)user;
  for (int32_t i = 0; i < WIDTH; ++i) values[i] = value(index, i);
  return ln_session_set_input(session, 0, values, sizeof values, e);
}

static const ln_samples samples = {.size = sizeof samples, .count = COUNT, .fill = fill};

typedef enum targets { HOT, TANH, COUNTS, BOXES } targets;

/* What each loss of values learns; `layer` ends the model. */
static const struct {
  const char *loss, *layer;
  targets targets;
} of_values[] = {
    {"cross-entropy", "softmax", HOT}, {"binary-cross-entropy", "sigmoid", HOT},
    {"focal", "softmax", HOT},         {"binary-focal", "linear", HOT},
    {"kl-divergence", "softmax", HOT}, {"mse", "tanh", TANH},
    {"mae", "linear", TANH},           {"huber", "linear", TANH},
    {"log-cosh", "linear", TANH},      {"poisson", "exponential", COUNTS},
    {"hinge", "linear", HOT},          {"cosine", "linear", TANH},
    {"smooth-l1", "linear", BOXES},    {"iou", "linear", BOXES},
    {"giou", "linear", BOXES},
};

static int32_t labels[COUNT];
static float values[COUNT * OUTPUTS];

static void make_labels(void) {
  for (int64_t i = 0; i < COUNT; ++i) {
    labels[i] = 0;
    for (int32_t k = 1; k < OUTPUTS; ++k) labels[i] = wanted(i, k) > wanted(i, labels[i]) ? k : labels[i];
  }
}

static float target_of(targets kind, int64_t sample, int32_t index) {
  switch (kind) {
    case HOT: return index == labels[sample];
    case COUNTS: return (float)round(exp(1 + wanted(sample, index)));
    case BOXES: return (float)(wanted(sample, index) / 4) + (index < 2 ? -1 : 1);
    default: return (float)wanted(sample, index);
  }
}

/* ---- training ---- */

static ln_model *build_of(int32_t rank, const int32_t *dims, const char *hidden, const char *last) {
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  ln_builder *b = NULL;
  ln_model *model = NULL;
  options.seed = 5;
  assert_int_equal(ln_builder_create(&options, &err, &b), LN_OK);
  assert_int_equal(ln_builder_input(b, "x", LN_FLOAT32, rank, dims, &err), LN_OK);
  if (ln_builder_add(b, hidden, &err) != LN_OK) fail_msg("%s", err.message);
  if (ln_builder_add(b, last, &err) != LN_OK) fail_msg("%s", err.message);
  assert_int_equal(ln_builder_make(b, &err, &model), LN_OK);
  ln_builder_destroy(b);
  return model;
}

static ln_model *build(const char *activation) {
  char last[160];
  const int32_t width = WIDTH;
  snprintf(last, sizeof last, "Dense units=%d activation=%s", (int)OUTPUTS, activation);
  return build_of(1, &width, "Dense units=16 activation=tanh", last);
}

/* "accuracy,auc": all that take such targets. */
static const char *metrics_for(ln_target_kind kind, char text[256]) {
  text[0] = '\0';
  for (int32_t i = 0; ln_metric_at(i) != NULL; ++i) {
    if ((ln_metric_at(i)->targets >> kind & 1) == 0) continue;
    if (text[0] != '\0') strcat(text, ",");
    strcat(text, ln_metric_at(i)->name);
  }
  return text;
}

static bool keep(void *user, const ln_train_event *event) {
  double *losses = user;
  if (!event->epoch_ended) return true;
  if (event->epoch == 1) losses[0] = event->loss;
  losses[1] = event->loss;
  return true;
}

static void set(ln_trainer *t, const char *name, const char *value_) {
  if (ln_trainer_set(t, name, value_, &err) != LN_OK) fail_msg("%s", err.message);
}

/* `are` says what values are. */
static void check_loss(const char *loss, const char *activation, ln_target_kind kind, targets are) {
  ln_train_data data = LN_TRAIN_DATA_INIT;
  ln_trainer *t = NULL;
  double losses[2] = {0};
  char text[256];
  data.samples = &samples;
  if (kind == LN_TARGET_CLASS) data.labels = labels;
  if (kind == LN_TARGET_VALUES) data.targets = values;
  data.target_count = kind == LN_TARGET_VALUES ? OUTPUTS : 0;
  ln_model *model = build(activation);
  assert_int_equal(ln_trainer_create(model, &err, &t), LN_OK);
  set(t, "loss", loss);
  set(t, "learning_rate", "0.01");
  set(t, "batch", "16");
  set(t, "epochs", "12");
  set(t, "metrics", are == HOT ? metrics_for(kind, text) : "mae,mse,r2");
  assert_int_equal(ln_trainer_set_data(t, &data, NULL, &err), LN_OK);
  if (ln_trainer_run(t, keep, losses, &err) != LN_OK) fail_msg("%s: %s", loss, err.message);
  if (!(losses[1] < 0.85 * losses[0] || losses[1] < losses[0] - 0.1)) {
    fail_msg("%s went from %g to %g", loss, losses[0], losses[1]);
  }
  ln_train_event event = {.size = sizeof event};
  if (ln_trainer_evaluate(t, &data, &err, &event) != LN_OK) fail_msg("%s: %s", loss, err.message);
  assert_true(event.metric_count >= 3);
  for (int32_t i = 0; i < event.metric_count; ++i) {
    if (!isfinite(event.metrics[i])) fail_msg("%s: %s is %g", loss, event.metric_names[i], event.metrics[i]);
  }
  ln_trainer_destroy(t);
  ln_model_destroy(model);
}

static void test_classes(void **state) {
  (void)state;
  int32_t checked = 0;
  make_labels();
  for (int32_t i = 0; ln_loss_at(i) != NULL; ++i) {
    if (ln_loss_at(i)->target != LN_TARGET_CLASS) continue;
    check_loss(ln_loss_at(i)->name, "linear", LN_TARGET_CLASS, HOT);
    check_loss(ln_loss_at(i)->name, "softmax", LN_TARGET_CLASS, HOT);
    ++checked;
  }
  assert_true(checked >= 2);
}

static void test_values(void **state) {
  (void)state;
  make_labels();
  for (int32_t i = 0; ln_loss_at(i) != NULL; ++i) {
    bool found = ln_loss_at(i)->target == LN_TARGET_CLASS;
    for (size_t k = 0; k < LN_COUNT(of_values); ++k) {
      if (strcmp(of_values[k].loss, ln_loss_at(i)->name) != 0) continue;
      for (int32_t e = 0; e < COUNT * OUTPUTS; ++e) {
        values[e] = target_of(of_values[k].targets, e / OUTPUTS, e % OUTPUTS);
      }
      check_loss(of_values[k].loss, of_values[k].layer, LN_TARGET_VALUES, of_values[k].targets);
      found = true;
    }
    if (!found) fail_msg("no model learns with %s", ln_loss_at(i)->name);
  }
}

/* Labels do for losses of values, too. */
static void test_labels_as_values(void **state) {
  (void)state;
  make_labels();
  check_loss("cross-entropy", "softmax", LN_TARGET_CLASS, HOT);
  check_loss("binary-cross-entropy", "sigmoid", LN_TARGET_CLASS, HOT);
}

/* A label for each position of a sequence. */
static void test_sequences(void **state) {
  (void)state;
  enum { POSITIONS = 3 };
  static int32_t each[COUNT * POSITIONS];
  ln_train_data data = LN_TRAIN_DATA_INIT;
  ln_trainer *t = NULL;
  double losses[2] = {0};
  ln_train_event event = {.size = sizeof event};
  for (int32_t i = 0; i < COUNT * POSITIONS; ++i) {
    each[i] = value(i / POSITIONS, i % POSITIONS * 2) > value(i / POSITIONS, i % POSITIONS * 2 + 1);
  }
  data.samples = &samples;
  data.labels = each;
  data.label_count = POSITIONS;
  ln_model *model =
      build_of(2, (const int32_t[]){POSITIONS, WIDTH / POSITIONS}, "Dense units=8 activation=tanh", "Dense units=2");
  assert_int_equal(ln_trainer_create(model, &err, &t), LN_OK);
  set(t, "learning_rate", "0.03");
  set(t, "batch", "16");
  set(t, "epochs", "12");
  assert_int_equal(ln_trainer_set_data(t, &data, NULL, &err), LN_OK);
  if (ln_trainer_run(t, keep, losses, &err) != LN_OK) fail_msg("%s", err.message);
  assert_true(losses[1] < 0.5 * losses[0]);
  assert_int_equal(ln_trainer_evaluate(t, &data, &err, &event), LN_OK);
  assert_true(event.metrics[0] > 0.9); /* of positions */
  ln_trainer_destroy(t);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_classes),
      cmocka_unit_test(test_values),
      cmocka_unit_test(test_labels_as_values),
      cmocka_unit_test(test_sequences),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

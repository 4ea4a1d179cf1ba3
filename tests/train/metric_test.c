/*
 * Metrics: against what was counted by hand, and against the plainest way to count the same over random outputs with
 * many equal ones.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "support/unit.h"
#include "train/chosen.h"
#include "train/documented.h"

enum { SAMPLES = 200, MOST = 4 };

/* ---- running one ---- */

static const ln_metric_input three = {LN_TARGET_CLASS, 3, false, false},
                             three_hot = {LN_TARGET_VALUES, 3, false, false};
static const ln_metric_input one = {LN_TARGET_CLASS, 1, false, true}, one_logit = {LN_TARGET_VALUES, 1, true, true};
static const ln_metric_input several = {LN_TARGET_VALUES, 3, false, true}, values = {LN_TARGET_VALUES, 2, false, false};

static void *added(const char *name, const char *settings, const ln_metric_input *input, size_t count,
                   const float *outputs, const void *targets) {
  const ln_metric_def *metric = ln_metric_find(name);
  assert_non_null(metric);
  assert_true(metric->targets >> input->target & 1);
  ln_settings *s = chosen(settings);
  void *state = metric->create(s, metric->parameters, input);
  ln_settings_destroy(s);
  assert_non_null(state);
  const size_t each = input->target == LN_TARGET_CLASS ? 1 : input->outputs;
  for (size_t i = 0; i < count; ++i) {
    assert_true(metric->add(state, outputs + i * input->outputs, (const int32_t *)targets + i * each));
  }
  return state;
}

/* What the metric says of `count` targets; each has input->outputs outputs. */
static double result_of(const char *name, const char *settings, const ln_metric_input *input, size_t count,
                        const float *outputs, const void *targets) {
  void *state = added(name, settings, input, count, outputs, targets);
  const double result = ln_metric_find(name)->result(state);
  ln_metric_find(name)->destroy(state);
  return result;
}

#define assert_near(is, wanted)                                                               \
  do {                                                                                        \
    const double is_ = (is), wanted_ = (wanted);                                              \
    if (!(fabs(is_ - wanted_) <= 1e-12)) fail_msg("%s: %.17g, not %.17g", #is, is_, wanted_); \
  } while (0)

/* ---- by hand ---- */

static const float outputs[15] = {0.1f, 0.7f, 0.2f, 0.5f, 0.3f, 0.2f, 0.2f, 0.2f,
                                  0.6f, 0.4f, 0.4f, 0.2f, 0.1f, 0.2f, 0.7f};
static const int32_t labels[5] = {1, 2, 2, 0, 1}; /* taken for 1 0 2 0 2 */
static const float hot[15] = {0, 1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0, 0, 1, 0};

static void test_classes(void **state) {
  (void)state;
  assert_near(result_of("accuracy", "", &three, 5, outputs, labels), 0.6);
  assert_near(result_of("accuracy", "", &three_hot, 5, outputs, hot), 0.6);
  /* class 0: 1 of 2 taken, 1 of 1 there; class 1: 1 of 1, 1 of 2; class 2: 1 of 2, 1 of 2 */
  assert_near(result_of("precision", "", &three, 5, outputs, labels), (0.5 + 1 + 0.5) / 3);
  assert_near(result_of("recall", "", &three, 5, outputs, labels), (1 + 0.5 + 0.5) / 3);
  assert_near(result_of("f1", "", &three, 5, outputs, labels), (2.0 / 3 + 2.0 / 3 + 0.5) / 3);
  assert_near(result_of("top-k", "top_k=1", &three, 5, outputs, labels), 0.6);
  assert_near(result_of("top-k", "top_k=2", &three, 5, outputs, labels), 0.8); /* 2 is the last of sample 1 */
  assert_near(result_of("top-k", "top_k=3", &three_hot, 5, outputs, hot), 1);
  /* a class that is not there and was not named counts for nothing */
  assert_near(result_of("recall", "", &three, 1, outputs, labels), 1);
  const char *const names[] = {"accuracy", "precision", "recall",           "f1",        "top-k",
                               "auc",      "map",       "confusion-matrix", "perplexity"};
  for (size_t i = 0; i < LN_COUNT(names); ++i) assert_true(isnan(result_of(names[i], "", &three, 0, outputs, labels)));
}

static void test_matrix(void **state) {
  (void)state;
  const int64_t wanted[9] = {1, 0, 0, 0, 1, 1, 1, 0, 1};
  void *matrix = added("confusion-matrix", "", &three, 5, outputs, labels);
  const ln_metric_def *metric = ln_metric_find("confusion-matrix");
  const ln_metric_matrix counts = metric->matrix(matrix);
  assert_int_equal(counts.classes, 3);
  assert_memory_equal(counts.counts, wanted, sizeof wanted);
  assert_near(metric->result(matrix), (1 + 0.5 + 0.5) / 3);
  metric->destroy(matrix);
}

static void test_yes_or_no(void **state) {
  (void)state;
  const float scores[4] = {0.5f, 0.6f, 0.4f, 0.1f}, shifted[4] = {-0.5f, 0.1f, 0.2f, 1}, meant[4] = {0, 1, 1, 0};
  const int32_t binary[4] = {0, 1, 1, 0};
  assert_near(result_of("accuracy", "", &one, 4, scores, binary), 0.75);
  assert_near(result_of("accuracy", "decision_threshold=0.3", &one, 4, scores, binary), 0.75);
  assert_near(result_of("precision", "decision_threshold=0.3", &one, 4, scores, binary), 2.0 / 3);
  assert_near(result_of("recall", "", &one, 4, scores, binary), 0.5);
  assert_near(result_of("accuracy", "", &one_logit, 4, shifted, meant), 0.75);
  assert_near(result_of("accuracy", "decision_threshold=0.6", &one_logit, 4, shifted, meant), 0.25);
  /* 3 decisions a sample: 0.5 is no yes, so that one is wrong of samples 1 and 3, and two are of the last */
  assert_near(result_of("accuracy", "", &several, 5, outputs, hot), 11.0 / 15);
  const float both[6] = {0.9f, 0.8f, 0.1f, 0.2f, 0.9f, 0.8f}, are[6] = {1, 1, 0, 0, 1, 0};
  assert_near(result_of("accuracy", "", &several, 2, both, are), 5.0 / 6);
  assert_near(result_of("f1", "", &several, 2, both, are), 2.0 / 3); /* 1, 1 and none of one */
  void *matrix = added("confusion-matrix", "", &several, 2, both, are);
  const ln_metric_matrix counts = ln_metric_find("confusion-matrix")->matrix(matrix);
  const int64_t wanted[4] = {2, 1, 0, 3};
  assert_int_equal(counts.classes, 2);
  assert_memory_equal(counts.counts, wanted, sizeof wanted);
  ln_metric_find("confusion-matrix")->destroy(matrix);
}

static void test_order(void **state) {
  (void)state;
  const float scores[5] = {0.9f, 0.8f, 0.8f, 0.3f, 0.1f};
  const int32_t yes[5] = {1, 0, 1, 1, 0}, all[5] = {1, 1, 1, 1, 1};
  /* pairs: 0.9 above both, 0.8 half and one, 0.3 above one: (2 + 1.5 + 1) of 6 */
  assert_near(result_of("auc", "", &one, 5, scores, yes), 4.5 / 6);
  /* recall a third at precision 1, a third at 2 of 3, a third at 3 of 4 */
  assert_near(result_of("map", "", &one, 5, scores, yes), (1 + 2.0 / 3 + 3.0 / 4) / 3);
  assert_true(isnan(result_of("auc", "", &one, 5, scores, all)));
  assert_near(result_of("map", "", &one, 5, scores, all), 1);
}

/* Logits are ranked by the probabilities that they make: a sample's sum does not matter. */
static void test_order_of_logits(void **state) {
  (void)state;
  const float logits[12] = {0, 1, 2, 101, 100, 99, -5, -6, -7, 3, 3, 3};
  const int32_t classes[4] = {2, 0, 0, 1};
  const ln_metric_input input = {LN_TARGET_CLASS, 3, true, false};
  float parts[12];
  for (size_t i = 0; i < 12; ++i) {
    double sum = 0;
    for (size_t k = 0; k < 3; ++k) sum += exp((double)(logits[i / 3 * 3 + k] - logits[i]));
    parts[i] = (float)(1 / sum);
  }
  const double auc = result_of("auc", "", &three, 4, parts, classes);
  assert_near(result_of("auc", "", &input, 4, logits, classes), auc);
  assert_near(auc, (1 + 1 + 1) / 3.0);
  assert_near(result_of("map", "", &input, 4, logits, classes), result_of("map", "", &three, 4, parts, classes));
}

static void test_values(void **state) {
  (void)state;
  const float is[6] = {1, 2, 3, 4, 5, 6}, wanted[6] = {1, 3, 5, 4, 3, 8};
  assert_near(result_of("mae", "", &values, 3, is, wanted), 7.0 / 6);
  assert_near(result_of("mse", "", &values, 3, is, wanted), 13.0 / 6);
  /* errors 0 -2 2 of targets 1 5 3 around 3; -1 0 -2 of targets 3 4 8 around 5 */
  assert_near(result_of("r2", "", &values, 3, is, wanted), ((1 - 8.0 / 8) + (1 - 5.0 / 14)) / 2);
  assert_near(result_of("r2", "", &values, 3, wanted, wanted), 1);
  assert_true(isnan(result_of("r2", "", &values, 1, is, wanted)));
  assert_true(isnan(result_of("mae", "", &values, 0, is, wanted)));
}

static void test_perplexity(void **state) {
  (void)state;
  const float even[4] = {0.25f, 0.25f, 0.25f, 0.25f}, logits[8] = {1000, 1000, -1000, -1000, 7, 7, 7, 7};
  const int32_t classes[2] = {1, 3};
  const ln_metric_input four = {LN_TARGET_CLASS, 4, false, false}, four_logits = {LN_TARGET_CLASS, 4, true, false};
  assert_near(result_of("perplexity", "", &four, 1, even, classes), 4);
  assert_near(result_of("perplexity", "", &four_logits, 2, logits, classes), sqrt(8));
}

/* ---- against plain counting ---- */

static uint64_t seed = 20;

static uint32_t noise(uint32_t below) {
  seed = seed * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return (uint32_t)(seed >> 33) % below;
}

/* The chance that one of the class stands above one that is not. */
static double plain_auc(const float *scores, const int32_t *classes, size_t class_) {
  double pairs = 0, right = 0;
  for (size_t i = 0; i < SAMPLES; ++i) {
    for (size_t k = 0; k < SAMPLES; ++k) {
      if (classes[i] != (int32_t)class_ || classes[k] == (int32_t)class_) continue;
      const float a = scores[i * MOST + class_], b = scores[k * MOST + class_];
      pairs += 1;
      right += a > b ? 1 : a == b ? 0.5 : 0;
    }
  }
  return right / pairs;
}

/* The mean over the class's samples of the precision among all that score no less. */
static double plain_precision(const float *scores, const int32_t *classes, size_t class_) {
  double sum = 0, own = 0;
  for (size_t i = 0; i < SAMPLES; ++i) {
    double above = 0, right = 0;
    if (classes[i] != (int32_t)class_) continue;
    for (size_t k = 0; k < SAMPLES; ++k) {
      if (scores[k * MOST + class_] < scores[i * MOST + class_]) continue;
      above += 1;
      right += classes[k] == (int32_t)class_;
    }
    own += 1;
    sum += right / above;
  }
  return sum / own;
}

static void test_many(void **state) {
  (void)state;
  float scores[SAMPLES * MOST];
  int32_t classes[SAMPLES];
  double auc = 0, map = 0;
  const ln_metric_input input = {LN_TARGET_CLASS, MOST, false, false};
  for (size_t i = 0; i < SAMPLES; ++i) {
    classes[i] = (int32_t)noise(MOST - 1); /* the last one is never there */
    for (size_t c = 0; c < MOST; ++c) scores[i * MOST + c] = (float)(noise(20) + (c == (size_t)classes[i] ? 5 : 0));
  }
  for (size_t c = 0; c < MOST - 1; ++c) {
    auc += plain_auc(scores, classes, c) / (MOST - 1);
    map += plain_precision(scores, classes, c) / (MOST - 1);
  }
  assert_near(result_of("auc", "", &input, SAMPLES, scores, classes), auc);
  assert_near(result_of("map", "", &input, SAMPLES, scores, classes), map);
}

/* ---- memory ---- */

/* Every allocation fails once: a state is there or not, and says so. */
static void test_no_memory(void **state) {
  (void)state;
  for (int32_t m = 0; ln_metric_at(m) != NULL; ++m) {
    const ln_metric_def *metric = ln_metric_at(m);
    const bool classes = (metric->targets >> LN_TARGET_CLASS & 1) != 0;
    ln_settings *s = chosen("");
    assert_ptr_equal(ln_metric_find(metric->name), metric);
    for (long n = 1; n < 10; ++n) {
      ln_alloc_fail_after(n);
      void *made = metric->create(s, metric->parameters, classes ? &three : &values);
      if (made != NULL) (void)metric->add(made, outputs, classes ? (const void *)labels : hot);
      ln_alloc_fail_after(0);
      metric->destroy(made);
    }
    ln_settings_destroy(s);
  }
  assert_null(ln_metric_find("none"));
}

static const char *name_at(int32_t index) { return ln_metric_at(index) == NULL ? NULL : ln_metric_at(index)->name; }

static void test_documented(void **state) {
  (void)state;
  check_documented("Metrics", name_at);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_classes),         cmocka_unit_test(test_matrix),
      cmocka_unit_test(test_yes_or_no),       cmocka_unit_test(test_order),
      cmocka_unit_test(test_order_of_logits), cmocka_unit_test(test_values),
      cmocka_unit_test(test_perplexity),      cmocka_unit_test(test_many),
      cmocka_unit_test(test_no_memory),       cmocka_unit_test(test_documented),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

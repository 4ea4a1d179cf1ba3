/* Metrics against what was counted by hand. */
#include <math.h>

#include "support/unit.h"
#include "train/trainer.h"

/* What the metric says of `count` targets; each has input->outputs outputs. */
static double result_of(const char *name, const ln_metric_input *input, size_t count, const float *outputs,
                        const void *targets) {
  const ln_metric_def *metric = ln_metric_find(name);
  assert_non_null(metric);
  assert_true(metric->targets >> input->target & 1);
  void *state = metric->create(NULL, metric->parameters, input);
  assert_non_null(state);
  const size_t each = input->target == LN_TARGET_CLASS ? 1 : input->outputs;
  for (size_t i = 0; i < count; ++i) {
    assert_true(metric->add(state, outputs + i * input->outputs, (const int32_t *)targets + i * each));
  }
  const double result = metric->result(state);
  metric->destroy(state);
  return result;
}

static const float outputs[12] = {0.1f, 0.7f, 0.2f, 0.5f, 0.3f, 0.2f, 0.2f, 0.2f, 0.6f, 0.4f, 0.4f, 0.2f};
static const int32_t labels[4] = {1, 2, 2, 0};

static void test_accuracy(void **state) {
  (void)state;
  const ln_metric_input classes = {LN_TARGET_CLASS, 3, false, false}, values = {LN_TARGET_VALUES, 3, false, false};
  const ln_metric_input one = {LN_TARGET_CLASS, 1, false, true}, logit = {LN_TARGET_VALUES, 1, true, true};
  const float hot[12] = {0, 1, 0, 0, 0, 1, 0, 0, 1, 1, 0, 0};
  const int32_t binary[4] = {0, 1, 1, 0};
  const float shifted[4] = {-0.5f, 0.1f, 0.2f, 1}, wanted[4] = {0, 1, 1, 0};
  assert_true(result_of("accuracy", &classes, 4, outputs, labels) == 0.75);
  assert_true(result_of("accuracy", &values, 4, outputs, hot) == 0.75);
  assert_true(result_of("accuracy", &one, 4, (const float[]){0.5f, 0.6f, 0.4f, 0}, binary) == 0.75);
  assert_true(result_of("accuracy", &logit, 4, shifted, wanted) == 0.75);
  assert_true(isnan(result_of("accuracy", &classes, 0, outputs, labels)));
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_accuracy)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Equalization: the function stays, channels' ranges become alike, a scale a tensor then serves all; what clamps at 6
 * stays. */
#include <math.h>

#include "optimize/optimize.h"
#include "support/float_net.h"
#include "support/unit.h"

enum { RUNS = 16 };

/* Runs `equalize` with one setting (NULL: none), then `quantize` with settings of its own (NULL: not at all). */
static ln_model *run(ln_model *model, const char *relu6, const char *format, ln_optimize_report **report) {
  ln_recipe *recipe = NULL;
  ln_model *out = NULL;
  ln_error err = {0};
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  options.calibration = &float_net_samples;
  options.measure = false;
  assert_int_equal(ln_recipe_create(&err, &recipe), LN_OK);
  if (relu6 != NULL) {
    assert_int_equal(ln_recipe_add(recipe, "equalize", &err), LN_OK);
    assert_int_equal(ln_recipe_set(recipe, "relu6", relu6, &err), LN_OK);
  }
  if (format != NULL) {
    assert_int_equal(ln_recipe_add(recipe, "quantize", &err), LN_OK);
    assert_int_equal(ln_recipe_set(recipe, "format", format, &err), LN_OK);
    assert_int_equal(ln_recipe_set(recipe, "per-channel", "false", &err), LN_OK);
  }
  const ln_status status = ln_optimize(model, recipe, &options, &err, &out, report);
  if (status != LN_OK) fail_msg("%s", err.message);
  ln_recipe_destroy(recipe);
  return out;
}

static double error_of(ln_model *before, ln_model *after, double *worst) {
  double error = 0, power = 0, greatest = 0;
  *worst = 0;
  for (int64_t i = 0; i < RUNS; ++i) {
    float a[FLOAT_NET_CLASSES], b[FLOAT_NET_CLASSES];
    float_net_run(before, 500 + i, a);
    float_net_run(after, 500 + i, b);
    for (int32_t j = 0; j < FLOAT_NET_CLASSES; ++j) {
      const double gap = (double)a[j] - (double)b[j];
      error += gap * gap;
      power += (double)a[j] * (double)a[j];
      *worst = fmax(*worst, fabs(gap));
      greatest = fmax(greatest, fabs((double)a[j]));
    }
  }
  *worst /= greatest;
  return sqrt(error / power);
}

/* The greatest ratio of two rows' ranges, of the second convolution. */
static double unevenness(const ln_model *model) {
  const ln_graph *graph = &model->graphs[0];
  const ln_tensor *weights = &graph->tensors[graph->ops[1].inputs[1]];
  const int32_t rows = weights->shape.dims[0];
  size_t count;
  double low = INFINITY, high = 0;
  assert_true(ln_shape_elements(&weights->shape, &count));
  for (int32_t r = 0; r < rows; ++r) {
    double range = 0;
    for (size_t i = 0; i < count / (size_t)rows; ++i) {
      range = fmax(range, fabs((double)ln_tensor_get_f32(weights, (size_t)r * (count / (size_t)rows) + i)));
    }
    low = fmin(low, range);
    high = fmax(high, range);
  }
  return high / low;
}

static void keeps_the_function(void **state) {
  (void)state;
  ln_model *model = float_net(LN_ACT_RELU, 3);
  ln_optimize_report *report = NULL;
  ln_model *out = run(model, "keep", NULL, &report);
  double worst;
  error_of(model, out, &worst);
  print_message("worst %.2g, uneven %.3g -> %.3g\n", worst, unevenness(model), unevenness(out));
  assert_true(worst < 1e-4 && worst > 0);
  assert_true(unevenness(out) < 0.5 * unevenness(model));
  assert_int_equal(ln_optimize_report_layers(report), 5);
  ln_optimize_report_destroy(report);
  ln_model_destroy(out);
  ln_model_destroy(model);
}

static void serves_a_scale_a_tensor(void **state) {
  (void)state;
  ln_model *model = float_net(LN_ACT_RELU, 3);
  ln_model *plain = run(model, NULL, "int8-weights", NULL), *even = run(model, "keep", "int8-weights", NULL);
  double worst;
  const double a = error_of(model, plain, &worst), b = error_of(model, even, &worst);
  print_message("a scale a tensor: %.3g, equalized %.3g\n", a, b);
  assert_true(b < 0.7 * a);
  ln_model_destroy(even);
  ln_model_destroy(plain);
  ln_model_destroy(model);
}

static void minds_sixes(void **state) {
  (void)state;
  ln_model *model = float_net(LN_ACT_RELU6, 1);
  ln_model *kept = run(model, "keep", NULL, NULL), *scaled = run(model, "data", NULL, NULL);
  double worst;
  error_of(model, kept, &worst);
  assert_true(worst < 1e-4);
  for (int32_t i = 0; i < 3; ++i) { /* the last convolution, which clamps nothing, may be scaled */
    const ln_graph *a = &model->graphs[0], *b = &kept->graphs[0];
    const ln_tensor *was = &a->tensors[a->ops[i].inputs[1]], *is = &b->tensors[b->ops[i].inputs[1]];
    assert_memory_equal(was->data, is->data, was->bytes);
  }
  float a[FLOAT_NET_CLASSES], b[FLOAT_NET_CLASSES];
  for (int64_t s = 0; s < float_net_samples.count; ++s) { /* exact on what was seen */
    float_net_run(model, s, a);
    float_net_run(scaled, s, b);
    for (int32_t j = 0; j < FLOAT_NET_CLASSES; ++j) assert_true(fabsf(a[j] - b[j]) < 1e-4f * (1 + fabsf(a[j])));
  }
  const double error = error_of(model, scaled, &worst);
  print_message("unseen %.2g, uneven %.3g -> %.3g\n", error, unevenness(model), unevenness(scaled));
  assert_true(error < 0.01);
  const ln_graph *before = &model->graphs[0], *after = &scaled->graphs[0];
  const ln_tensor *was = &before->tensors[before->ops[0].inputs[1]], *is = &after->tensors[after->ops[0].inputs[1]];
  assert_memory_not_equal(was->data, is->data, was->bytes);
  ln_model_destroy(scaled);
  ln_model_destroy(kept);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(keeps_the_function),
      cmocka_unit_test(serves_a_scale_a_tensor),
      cmocka_unit_test(minds_sixes),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

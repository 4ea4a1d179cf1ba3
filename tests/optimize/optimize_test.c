/* The driver: recipes and their mistakes, copies that are edited and written, invariants, layers, accuracy. */
#include <math.h>
#include <string.h>

#include "optimize/optimize.h"
#include "optimize/recipe.h"
#include "support/unit.h"

#define MODEL LN_TESTS_DIR "/../models/fashion_mnist.tflite"

static ln_model *open_model(void) {
  ln_model *model = NULL;
  ln_error err;
  assert_int_equal(ln_model_open(MODEL, &err, &model), LN_OK);
  return model;
}

/* ---- samples that are numbers of their own index ---- */

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *err) {
  (void)user;
  (void)err;
  ln_tensor *input = ln_session_input(session, 0);
  for (size_t i = 0; i < ln_tensor_elements(input); ++i) {
    ln_tensor_set_f32(input, i, (float)((i * 7 + (size_t)index * 13) % 100) / 100.0f);
  }
  return LN_OK;
}

static const ln_samples samples = {sizeof samples, 6, fill, NULL};

static void edits_round_trip(void **state) {
  (void)state;
  ln_model *model = open_model(), *copy = NULL, *back = NULL;
  ln_error err;
  assert_int_equal(ln_edit_begin(model, &err, &copy), LN_OK);
  assert_int_equal(ln_edit_compact(copy, &err), LN_OK);
  assert_int_equal(ln_edit_snapshot(copy, &err, &back), LN_OK);
  assert_int_equal(back->graphs[0].op_count, model->graphs[0].op_count);
  ln_session *a = NULL, *b = NULL;
  assert_int_equal(ln_session_create(model, NULL, &err, &a), LN_OK);
  assert_int_equal(ln_session_create(back, NULL, &err, &b), LN_OK);
  for (int64_t i = 0; i < samples.count; ++i) {
    assert_int_equal(fill(NULL, i, a, &err), LN_OK);
    assert_int_equal(fill(NULL, i, b, &err), LN_OK);
    assert_int_equal(ln_session_run(a, &err), LN_OK);
    assert_int_equal(ln_session_run(b, &err), LN_OK);
    const ln_tensor *x = ln_session_output(a, 0), *y = ln_session_output(b, 0);
    assert_memory_equal(ln_tensor_data(x), ln_tensor_data(y), ln_tensor_bytes(x));
  }
  ln_session_destroy(a);
  ln_session_destroy(b);
  ln_model_destroy(copy);
  ln_model_destroy(back);
  ln_model_destroy(model);
}

static void recipes_refuse_mistakes(void **state) {
  (void)state;
  ln_error err;
  ln_recipe *recipe = NULL;
  assert_int_equal(ln_recipe_create(&err, &recipe), LN_OK);
  assert_int_equal(ln_recipe_set(recipe, "form", "auto", &err), LN_ERR_STATE);
  assert_int_equal(ln_recipe_add(recipe, "sharpen", &err), LN_ERR_NOT_FOUND);
  assert_string_equal(err.message, "there is no technique \"sharpen\"");
  assert_int_equal(ln_recipe_add(recipe, "encode", &err), LN_OK);
  assert_int_equal(ln_recipe_set(recipe, "hue", "1", &err), LN_ERR_NOT_FOUND);
  assert_int_equal(ln_recipe_exclude(recipe, "(", &err), LN_ERR_DATA);
  assert_int_equal(ln_recipe_exclude(recipe, "op:x", &err), LN_ERR_ARGUMENT);
  assert_int_equal(ln_recipe_exclude(recipe, "no such layer", &err), LN_OK);
  ln_model *model = open_model(), *out = NULL;
  assert_int_equal(ln_optimize(model, recipe, NULL, &err, &out, NULL), LN_ERR_NOT_FOUND);
  assert_null(out);
  ln_model_destroy(model);
  ln_recipe_destroy(recipe);
}

static void a_report_has_points(void **state) {
  (void)state;
  ln_error err;
  ln_recipe *recipe = NULL;
  ln_model *model = open_model(), *out = NULL;
  ln_optimize_report *report = NULL;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  const int32_t labels[6] = {0};
  const ln_labelled labelled = {sizeof labelled, &samples, labels, 10};
  options.calibration = &samples;
  options.evaluation = &labelled;
  assert_int_equal(ln_recipe_create(&err, &recipe), LN_OK);
  assert_int_equal(ln_recipe_add(recipe, "encode", &err), LN_OK);
  assert_int_equal(ln_optimize(model, recipe, &options, &err, &out, &report), LN_OK);
  assert_int_equal(ln_optimize_report_points(report), 2);
  ln_report_point point = {.size = sizeof point};
  assert_int_equal(ln_optimize_report_point(report, 1, &point), LN_OK);
  assert_string_equal(point.stage, "encode");
  assert_true(point.accuracy == 1.0); /* any of ten classes is among the ten greatest */
  assert_true(point.max_error == 0 && isinf(point.snr_db));
  assert_true(point.arena_bytes > 0 && point.latency_ms > 0);
  assert_int_equal(ln_optimize_report_point(report, 2, &point), LN_ERR_ARGUMENT);
  ln_optimize_report_destroy(report);
  ln_recipe_destroy(recipe);
  ln_model_destroy(out);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(edits_round_trip), cmocka_unit_test(recipes_refuse_mistakes),
                                     cmocka_unit_test(a_report_has_points)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

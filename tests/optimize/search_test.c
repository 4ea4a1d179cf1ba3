/* The technique search on a network of which one layer does not bear eight bits. */
#include <math.h>
#include <string.h>

#include "linnet/debug.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { WIDTH = 64, LAYERS = 5, SPIKED = 2 };

/* Far from symmetric, so that no two rows are alike; what layer SPIKED makes has one channel 60 times the others,
 * which the next layer hardly reads. */
static float weight(int32_t layer, int32_t row, int32_t column) {
  const float plain = (float)((row * 31 + column * 17 + layer * 53 + row * column * (layer + 3)) % 41 - 20) / 160.0f;
  if (layer == SPIKED && row == 3) return plain * 60.0f;
  return layer == SPIKED + 1 && column == 3 ? plain * 0.02f : plain;
}

static ln_model *network(void) {
  const int32_t dims[2] = {1, WIDTH}, square[2] = {WIDTH, WIDTH};
  float values[WIDTH * WIDTH];
  ln_model *model = build_model();
  int32_t at = build_input(model, LN_FLOAT32, 2, dims);
  for (int32_t i = 0; i < LAYERS; ++i) {
    for (int32_t k = 0; k < WIDTH * WIDTH; ++k) values[k] = weight(i, k / WIDTH, k % WIDTH);
    const int32_t weights = build_constant(model, LN_FLOAT32, 2, square, values, sizeof values);
    const int32_t out = build_output(model, LN_FLOAT32, 2, dims);
    build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, (const int32_t[]){at, weights, -1}, 1, &out);
    model->graphs[0].outputs[0] = at = out; /* only the last one stays an output */
    model->graphs[0].output_count = 1;
  }
  return model;
}

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *err) {
  (void)user;
  (void)err;
  ln_tensor *input = ln_session_input(session, 0);
  for (size_t i = 0; i < ln_tensor_elements(input); ++i) {
    ln_tensor_set_f32(input, i, (float)((i * 29 + (size_t)index * 13) % 200) / 100.0f - 1.0f);
  }
  return LN_OK;
}

static const ln_samples samples = {sizeof samples, 24, fill, NULL};

typedef struct outcome {
  ln_status status;
  ln_error err;
  ln_model *source, *model;
  ln_optimize_report *report;
} outcome;

static outcome search(const char *formats, const char *snr, const ln_optimize_options *options) {
  outcome o = {.source = network()};
  ln_recipe *recipe = NULL;
  assert_int_equal(ln_recipe_create(&o.err, &recipe), LN_OK);
  assert_int_equal(ln_recipe_add(recipe, "search", &o.err), LN_OK);
  assert_int_equal(ln_recipe_set(recipe, "formats", formats, &o.err), LN_OK);
  assert_int_equal(ln_recipe_set(recipe, "min-snr", snr, &o.err), LN_OK);
  assert_int_equal(ln_recipe_set(recipe, "samples", "8", &o.err), LN_OK); /* of labelled ones */
  if (options->evaluation == NULL && options->calibration == NULL)
    assert_int_equal(ln_recipe_set(recipe, "metric", "snr", &o.err), LN_OK);
  o.status = ln_optimize(o.source, recipe, options, &o.err, &o.model, &o.report);
  ln_recipe_destroy(recipe);
  return o;
}

static void drop(outcome *o) {
  ln_optimize_report_destroy(o->report);
  ln_model_destroy(o->model);
  ln_model_destroy(o->source);
}

static ln_report_try try_at(const outcome *o, int32_t index) {
  ln_report_try t = {.size = sizeof t};
  assert_int_equal(ln_optimize_report_try(o->report, index, &t), LN_OK);
  return t;
}

static int32_t chosen(const outcome *o) {
  int32_t found = -1;
  for (int32_t i = 0; i < ln_optimize_report_tries(o->report); ++i) {
    if (!try_at(o, i).chosen) continue;
    assert_int_equal(found, -1);
    found = i;
  }
  return found;
}

static void mixes_until_the_target_holds(void **state) {
  (void)state;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  options.calibration = &samples;
  options.measure = false; /* no timing */
  outcome o = search("int8,float32", "28", &options);
  if (o.status != LN_OK) fail_msg("%s", o.err.message);
  const int32_t at = chosen(&o), count = ln_optimize_report_tries(o.report);
  assert_true(at >= 2 && count > 3);
  const ln_report_try floats = try_at(&o, 0), bytes = try_at(&o, 1), best = try_at(&o, at);
  assert_string_equal(floats.what, "float32");
  assert_string_equal(bytes.what, "int8");
  assert_true(floats.holds && !bytes.holds && bytes.snr_db < 28);
  assert_true(best.holds && best.snr_db >= 28 && best.bytes < floats.bytes);
  assert_non_null(strstr(best.what, "float32"));
  assert_non_null(strstr(best.what, "int8"));
  for (int32_t i = 0; i < count; ++i) {
    const ln_report_try t = try_at(&o, i);
    assert_true(t.holds == (t.snr_db >= 28));
    assert_true(isnan(t.accuracy));
  }
  ln_report_point last = {.size = sizeof last};
  assert_int_equal(ln_optimize_report_point(o.report, 1, &last), LN_OK);
  assert_int_equal(last.bytes, best.bytes);
  assert_true(ln_optimize_report_notes(o.report) > 0);
  ln_quant_debug_options all = LN_QUANT_DEBUG_OPTIONS_INIT; /* the model that came out is the one that was tried */
  ln_quant_summary summary = {.size = sizeof summary};
  ln_quant_debug *debug = NULL;
  all.samples = &samples;
  assert_int_equal(ln_quant_debug_run(o.source, o.model, &all, &o.err, &debug), LN_OK);
  assert_int_equal(ln_quant_debug_summary(debug, &summary), LN_OK);
  assert_true(fabs(summary.output_snr_db - best.snr_db) < 2); /* on more samples */
  ln_quant_debug_destroy(debug);
  drop(&o);
}

static void keeps_the_cheapest_where_it_is_good(void **state) {
  (void)state;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  options.calibration = &samples;
  options.measure = false; /* no timing */
  outcome o = search("int8", "1", &options);
  if (o.status != LN_OK) fail_msg("%s", o.err.message);
  assert_int_equal(ln_optimize_report_tries(o.report), 2);
  assert_int_equal(chosen(&o), 1);
  drop(&o);
}

static void says_what_was_tried_in_vain(void **state) {
  (void)state;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  options.calibration = &samples;
  options.measure = false; /* no timing */
  outcome o = search("int8", "190", &options);
  assert_int_equal(o.status, LN_ERR_DATA);
  assert_null(o.model);
  assert_non_null(strstr(o.err.message, "int8 comes closest"));
  assert_int_equal(ln_optimize_report_tries(o.report), 2);
  assert_int_equal(chosen(&o), -1);
  drop(&o);
}

/* Labels that are the model's own answers: floats are right in all, and the mix in nearly all. */
static void keeps_accuracy(void **state) {
  (void)state;
  int32_t labels[24];
  ln_error err;
  ln_model *model = network();
  ln_session *session = NULL;
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_OK);
  for (int64_t i = 0; i < samples.count; ++i) {
    assert_int_equal(fill(NULL, i, session, &err), LN_OK);
    assert_int_equal(ln_session_run(session, &err), LN_OK);
    labels[i] = 0;
    for (int32_t k = 1; k < WIDTH; ++k) {
      const ln_tensor *out = ln_session_output(session, 0);
      if (ln_tensor_get_f32(out, (size_t)k) > ln_tensor_get_f32(out, (size_t)labels[i])) labels[i] = k;
    }
  }
  ln_session_destroy(session);
  ln_model_destroy(model);
  const ln_labelled labelled = {sizeof labelled, &samples, labels, 1};
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  options.calibration = &samples;
  options.measure = false; /* no timing */
  options.evaluation = &labelled;
  outcome o = search("int8,float32", "0", &options);
  if (o.status != LN_OK) fail_msg("%s", o.err.message);
  const ln_report_try best = try_at(&o, chosen(&o));
  assert_true(try_at(&o, 0).accuracy == 1.0);
  assert_true(best.accuracy >= 0.995);
  drop(&o);
}

static void refuses_what_cannot_be(void **state) {
  (void)state;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  outcome o = search("int8", "20", &options);
  assert_int_equal(o.status, LN_ERR_DATA);
  assert_non_null(strstr(o.err.message, "calibration"));
  drop(&o);
  options.calibration = &samples;
  options.measure = false; /* no timing */
  o = search("int8,sharp", "20", &options);
  assert_int_equal(o.status, LN_ERR_ARGUMENT);
  assert_non_null(strstr(o.err.message, "sharp"));
  drop(&o);
  o = search("", "20", &options);
  assert_int_equal(o.status, LN_ERR_ARGUMENT);
  drop(&o);
}

/* One in so many of its allocations fails. */
static void survives_failed_allocations(void **state) {
  (void)state;
  enum { STEP = 17 };
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  const ln_samples few = {sizeof few, 2, fill, NULL};
  options.calibration = &few;
  options.measure = false;
  bool done = false;
  for (long n = 1; !done; n += STEP) {
    ln_model *source = network(), *model = NULL;
    ln_optimize_report *report = NULL;
    ln_recipe *recipe = NULL;
    ln_error err;
    assert_int_equal(ln_recipe_create(&err, &recipe), LN_OK);
    assert_int_equal(ln_recipe_add(recipe, "search", &err), LN_OK);
    assert_int_equal(ln_recipe_set(recipe, "formats", "int8,float32", &err), LN_OK);
    ln_alloc_fail_after(n);
    const ln_status status = ln_optimize(source, recipe, &options, &err, &model, &report);
    done = ln_alloc_fail_pending() > 0;
    ln_alloc_fail_after(0);
    if (status != LN_OK && status != LN_ERR_MEMORY) fail_msg("allocation %ld: %s", n, err.message);
    assert_true((status == LN_OK) == (model != NULL));
    ln_optimize_report_destroy(report);
    ln_model_destroy(model);
    ln_model_destroy(source);
    ln_recipe_destroy(recipe);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(mixes_until_the_target_holds), cmocka_unit_test(keeps_the_cheapest_where_it_is_good),
      cmocka_unit_test(says_what_was_tried_in_vain),  cmocka_unit_test(keeps_accuracy),
      cmocka_unit_test(refuses_what_cannot_be),       cmocka_unit_test(survives_failed_allocations)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The library's compressors keep their contract, one that does not is found out, and a program's own is a stage like
 * others, whose work later stages keep. */
#include <math.h>
#include <stdio.h>

#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/unit.h"

static void own_ones_hold(void **state) {
  (void)state;
  int32_t count = 0;
  for (const ln_compressor *c; (c = ln_compressor_get(count)) != NULL; ++count) {
    ln_error err = {LN_OK, ""};
    if (ln_compressor_test(c, 0.05, &err) != LN_OK) fail_msg("%s", err.message);
  }
  assert_int_equal(count, 3);
  assert_null(ln_compressor_get(-1));
}

/* Halves what it promises, or writes a shape that does not fit. */
static enum { CHEATS, MISFITS } how;

static ln_status decompose(const ln_layer_weights *layer, const ln_parameter_values *values, ln_error *err,
                           void **state, int32_t *levels) {
  (void)layer, (void)values, (void)err, (void)state;
  *levels = 1;
  return LN_OK;
}

static ln_status cost(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                      ln_compressor_cost *out) {
  (void)state, (void)level, (void)err, (void)layer;
  out->bytes = out->macs = 1;
  out->error = 0.1;
  return LN_OK;
}

static ln_status rewrite(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                         ln_factor *factors, int32_t *count, float *bias) {
  (void)state, (void)level, (void)err, (void)bias;
  *count = 1;
  factors[0].rows = layer->rows + (how == MISFITS);
  factors[0].height = layer->height;
  factors[0].width = layer->width;
  factors[0].channels = layer->channels;
  for (int32_t i = 0; factors[0].values != NULL && i < layer->rows * layer->height * layer->width * layer->channels;
       ++i)
    factors[0].values[i] = 0.5f * layer->values[i];
  return LN_OK;
}

static ln_status fails(ln_error *err) {
  snprintf(err->message, sizeof err->message, "my own test");
  return LN_ERR_INTERNAL;
}

static void others_are_found_out(void **state) {
  (void)state;
  static const ln_parameter none[] = {{.name = NULL}};
  ln_compressor c = {sizeof c, "half", "", none, decompose, cost, rewrite, NULL, NULL};
  ln_error err = {LN_OK, ""};
  how = CHEATS;
  assert_int_equal(ln_compressor_test(&c, 0.05, &err), LN_ERR_INTERNAL);
  assert_non_null(strstr(err.message, "loses 0.25"));
  assert_int_equal(ln_compressor_test(&c, 0.5, &err), LN_OK);
  c.test = fails;
  assert_int_equal(ln_compressor_test(&c, 0.5, &err), LN_ERR_INTERNAL);
  assert_string_equal(err.message, "my own test");
  how = MISFITS;
  assert_int_equal(ln_compressor_test(&c, 0.5, &err), LN_ERR_SHAPE);
  c.cost = NULL;
  assert_int_equal(ln_compressor_test(&c, 0.5, &err), LN_ERR_ARGUMENT);
}

/* ---- in recipes: weights become their sign times a parameter ---- */

static ln_status take_signs(const ln_layer_weights *layer, const ln_parameter_values *values, ln_error *err,
                            void **state, int32_t *levels) {
  static double size;
  (void)layer, (void)err;
  size = ln_parameter_number(values, "size");
  assert_true(isnan(ln_parameter_number(values, "no such")));
  assert_null(ln_parameter_text(values, "no such"));
  assert_false(ln_parameter_flag(values, "no such"));
  *state = &size;
  *levels = ln_parameter_flag(values, "on") ? 1 : 0;
  return LN_OK;
}

static ln_status cost_of_signs(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                               ln_compressor_cost *out) {
  const ln_factor same = {sizeof same, layer->rows, layer->height, layer->width, layer->channels, 2, NULL};
  (void)state, (void)level;
  const ln_status status = ln_factors_cost(layer, &same, 1, err, out);
  out->bytes /= 32;
  out->error = 1;
  return status;
}

static ln_status write_signs(const void *state, const ln_layer_weights *layer, int32_t level, ln_error *err,
                             ln_factor *factors, int32_t *count, float *bias) {
  const double size = *(const double *)state;
  (void)level, (void)err, (void)bias;
  *count = 1;
  factors[0] =
      (ln_factor){sizeof *factors, layer->rows, layer->height, layer->width, layer->channels, 2, factors[0].values};
  for (int32_t i = 0; factors[0].values != NULL && i < layer->rows * layer->channels; ++i)
    factors[0].values[i] = (float)(layer->values[i] < 0 ? -size : size);
  return LN_OK;
}

static const ln_parameter of_signs[] = {{"size", LN_PARAMETER_NUMBER, "0.5", NULL, 0, 10, "of weights"},
                                        {"on", LN_PARAMETER_FLAG, "true", NULL, 0, 0, "whether anything is done"},
                                        {.name = NULL}};
static const ln_compressor signs = {
    sizeof signs, "signs", "weights become their signs", of_signs, take_signs, cost_of_signs, write_signs, NULL, NULL};

static ln_model *build_layer(void) {
  ln_model *model = build_model();
  const int32_t in_dims[] = {1, 40}, w_dims[] = {24, 40}, out_dims[] = {1, 24};
  float w[24 * 40];
  for (int32_t i = 0; i < 24 * 40; ++i) w[i] = (float)sin(i * 0.37 + i / 40);
  const int32_t in[] = {build_input(model, LN_FLOAT32, 2, in_dims),
                        build_constant(model, LN_FLOAT32, 2, w_dims, w, sizeof w)};
  const int32_t out = build_output(model, LN_FLOAT32, 2, out_dims);
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 2, in, 1, &out);
  return model;
}

static ln_recipe *recipe_of_signs(void) {
  ln_recipe *recipe;
  assert_int_equal(ln_recipe_create(NULL, &recipe), LN_OK);
  assert_int_equal(ln_recipe_add(recipe, "signs", NULL), LN_ERR_NOT_FOUND);
  assert_int_equal(ln_recipe_use(recipe, &signs, NULL), LN_OK);
  assert_int_equal(ln_recipe_add(recipe, "signs", NULL), LN_OK);
  return recipe;
}

static void run(const ln_recipe *recipe, ln_optimize_report **report) {
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  ln_model *in = build_layer(), *out = NULL;
  options.measure = false;
  if (ln_optimize(in, recipe, &options, NULL, &out, report) != LN_OK) fail_msg("not optimized");
  ln_model_destroy(out);
  ln_model_destroy(in);
}

static ln_report_layer layer_at(const ln_optimize_report *report, int32_t index) {
  ln_report_layer layer = {.size = sizeof layer};
  assert_int_equal(ln_optimize_report_layer(report, index, &layer), LN_OK);
  return layer;
}

static void recipes_take_a_programs_own(void **state) {
  (void)state;
  ln_recipe *recipe = recipe_of_signs();
  ln_compressor taken = signs;
  assert_int_equal(ln_recipe_use(recipe, &signs, NULL), LN_ERR_ARGUMENT);
  taken.name = "factorize";
  assert_int_equal(ln_recipe_use(recipe, &taken, NULL), LN_ERR_ARGUMENT);
  taken.name = NULL;
  assert_int_equal(ln_recipe_use(recipe, &taken, NULL), LN_ERR_ARGUMENT);
  assert_int_equal(ln_recipe_set(recipe, "size", "11", NULL), LN_ERR_ARGUMENT);
  assert_int_equal(ln_recipe_set(recipe, "size", "2", NULL), LN_OK);
  assert_int_equal(ln_recipe_add(recipe, "factorize", NULL), LN_OK);
  assert_int_equal(ln_recipe_set(recipe, "energy", "0.2", NULL), LN_OK);
  ln_optimize_report *report;
  run(recipe, &report);
  assert_non_null(strstr(layer_at(report, 0).what, "signs"));
  assert_int_equal(layer_at(report, 0).bytes_after, 24 * 40 / 8);
  assert_non_null(strstr(layer_at(report, 1).what, "left: an earlier stage's"));
  assert_int_equal(layer_at(report, 1).clusters, 2);
  ln_optimize_report_destroy(report);

  assert_int_equal(ln_recipe_set(recipe, "kept", "drop", NULL), LN_OK);
  run(recipe, &report);
  assert_non_null(strstr(layer_at(report, 1).what, "svd"));
  bool told = false;
  for (int32_t i = 0; i < ln_optimize_report_notes(report); ++i)
    told |= strstr(ln_optimize_report_note(report, i), "is dropped") != NULL;
  assert_true(told);
  ln_optimize_report_destroy(report);
  ln_recipe_destroy(recipe);
}

static void parameters_hold_for_a_layer(void **state) {
  (void)state;
  ln_recipe *recipe = recipe_of_signs();
  assert_int_equal(ln_recipe_set_for(recipe, "type:FULLY_CONNECTED", "on", "false", NULL), LN_OK);
  ln_optimize_report *report;
  run(recipe, &report);
  assert_non_null(strstr(layer_at(report, 0).what, "left: "));
  ln_optimize_report_destroy(report);
  ln_recipe_destroy(recipe);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(own_ones_hold), cmocka_unit_test(others_are_found_out),
                                     cmocka_unit_test(recipes_take_a_programs_own),
                                     cmocka_unit_test(parameters_hold_for_a_layer)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Quantization in integers: scales by the rows' rules, conversions between numbers, edges, what is refused, ranges. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "optimize/quantize.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { SIDE = 6, FILTERS = 4, CLASSES = 5, FLAT = SIDE * SIDE * FILTERS };

static float noise(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (float)(*state >> 8) / (1 << 23) - 1;
}

static int32_t constant(ln_model *model, int32_t rank, const int32_t *dims, float scale, uint32_t *state) {
  size_t count;
  const ln_shape shape = ln_shape_make(rank, dims);
  assert_true(ln_shape_elements(&shape, &count));
  float *values = malloc(count * sizeof *values);
  assert_non_null(values);
  for (size_t i = 0; i < count; ++i) values[i] = scale * noise(state);
  const int32_t index = build_constant(model, LN_FLOAT32, rank, dims, values, count * sizeof *values);
  free(values);
  return index;
}

static void op(ln_model *model, int32_t code, int32_t in_count, const int32_t *in, int32_t out) {
  assert_non_null(build_op(model, ln_op_find(code), in_count, in, 1, &out));
}

enum { T_INPUT, T_FILTER, T_BIAS, T_CONV, T_SIGMOID, T_BOTH, T_FLAT, T_SHAPE, T_WEIGHTS, T_SUMS, T_SIN, T_OUT };

/* CONV, LOGISTIC of it, both next to each other, RESHAPE, FULLY_CONNECTED, SIN, SOFTMAX. */
static ln_model *network(void) {
  ln_model *model = build_model();
  uint32_t state = 7;
  const int32_t dims[4] = {1, SIDE, SIDE, 2}, mid[4] = {1, SIDE, SIDE, FILTERS}, both[4] = {1, SIDE, SIDE, 2 * FILTERS};
  const int32_t flat[2] = {1, 2 * FLAT}, sums[2] = {1, CLASSES}, two = 2;
  build_input(model, LN_FLOAT32, 4, dims);
  constant(model, 4, (const int32_t[]){FILTERS, 3, 3, 2}, 0.5f, &state);
  constant(model, 1, (const int32_t[]){FILTERS}, 0.5f, &state);
  build_output(model, LN_FLOAT32, 4, mid);
  build_output(model, LN_FLOAT32, 4, mid);
  build_output(model, LN_FLOAT32, 4, both);
  build_output(model, LN_FLOAT32, 2, flat);
  build_constant(model, LN_INT32, 1, &two, flat, sizeof flat);
  constant(model, 2, (const int32_t[]){CLASSES, 2 * FLAT}, 0.2f, &state);
  build_output(model, LN_FLOAT32, 2, sums);
  build_output(model, LN_FLOAT32, 2, sums);
  build_output(model, LN_FLOAT32, 2, sums);
  op(model, LN_OP_CONV_2D, 3, (const int32_t[]){T_INPUT, T_FILTER, T_BIAS}, T_CONV);
  ln_conv2d_options *conv = BUILD_OPTIONS(&model->graphs[0].ops[0], conv2d_options);
  conv->stride_h = conv->stride_w = 1;
  op(model, LN_OP_LOGISTIC, 1, (const int32_t[]){T_CONV}, T_SIGMOID);
  op(model, LN_OP_CONCATENATION, 2, (const int32_t[]){T_CONV, T_SIGMOID}, T_BOTH);
  BUILD_OPTIONS(&model->graphs[0].ops[2], concatenation_options)->axis = 3;
  op(model, LN_OP_RESHAPE, 2, (const int32_t[]){T_BOTH, T_SHAPE}, T_FLAT);
  op(model, LN_OP_FULLY_CONNECTED, 2, (const int32_t[]){T_FLAT, T_WEIGHTS}, T_SUMS);
  op(model, LN_OP_SIN, 1, (const int32_t[]){T_SUMS}, T_SIN);
  op(model, LN_OP_SOFTMAX, 1, (const int32_t[]){T_SIN}, T_OUT);
  BUILD_OPTIONS(&model->graphs[0].ops[6], softmax_options)->beta = 1;
  model->graphs[0].outputs[0] = T_OUT;
  model->graphs[0].output_count = 1;
  return model;
}

/* ---- samples ---- */

typedef enum habit { VARIED, SAME, NOT_FINITE, ZERO } habit;

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *err) {
  const habit how = *(const habit *)user;
  ln_tensor *input = ln_session_input(session, 0);
  uint32_t state = how == SAME ? 1 : (uint32_t)index + 1;
  (void)err;
  for (size_t i = 0; i < ln_tensor_elements(input); ++i) {
    const float value = how == ZERO ? 0 : noise(&state);
    ln_tensor_set_f32(input, i, how == NOT_FINITE && index == 2 && i == 3 ? NAN : value);
  }
  return LN_OK;
}

static habit varied = VARIED;
static const ln_samples samples = {sizeof samples, 8, fill, &varied};

typedef struct setting {
  const char *selector, *name, *value; /* without a selector: of the stage */
} setting;

static ln_status quantize(const ln_model *model, const setting *settings, size_t count, const ln_samples *data,
                          ln_error *err, ln_model **out, ln_optimize_report **report) {
  ln_recipe *recipe = NULL;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  options.calibration = data;
  assert_int_equal(ln_recipe_create(err, &recipe), LN_OK);
  assert_int_equal(ln_recipe_add(recipe, "quantize", err), LN_OK);
  for (size_t i = 0; i < count; ++i) {
    const setting *s = &settings[i];
    assert_int_equal(s->selector == NULL ? ln_recipe_set(recipe, s->name, s->value, err)
                                         : ln_recipe_set_for(recipe, s->selector, s->name, s->value, err),
                     LN_OK);
  }
  const ln_status status = ln_optimize(model, recipe, &options, err, out, report);
  ln_recipe_destroy(recipe);
  return status;
}

/* The quantized network, whose outputs are near the floats'. */
static ln_model *quantized(const ln_model *model, const setting *settings, size_t count, double least_snr) {
  ln_error err = {0};
  ln_model *out = NULL;
  ln_optimize_report *report = NULL;
  ln_report_point point = {.size = sizeof point};
  const ln_status status = quantize(model, settings, count, &samples, &err, &out, &report);
  if (status != LN_OK) fail_msg("%s", err.message);
  assert_int_equal(ln_optimize_report_point(report, 1, &point), LN_OK);
  if (!(point.snr_db >= least_snr)) fail_msg("signal to noise: %g dB", point.snr_db);
  ln_optimize_report_destroy(report);
  return out;
}

static const ln_op *find(const ln_model *model, int32_t code, int32_t nth) {
  for (int32_t i = 0; i < model->graphs[0].op_count; ++i) {
    if (model->graphs[0].ops[i].def->code == code && nth-- == 0) return &model->graphs[0].ops[i];
  }
  return NULL;
}

static int32_t count_of(const ln_model *model, int32_t code) {
  int32_t count = 0;
  while (find(model, code, count) != NULL) ++count;
  return count;
}

static const ln_tensor *in(const ln_model *model, const ln_op *o, int32_t index) {
  return &model->graphs[0].tensors[o->inputs[index]];
}

static const ln_tensor *out_of(const ln_model *model, const ln_op *o) {
  return &model->graphs[0].tensors[o->outputs[0]];
}

/* ---- tests ---- */

static void operators_get_the_scales_of_their_rows(void **state) {
  (void)state;
  ln_model *model = network(), *out = quantized(model, NULL, 0, 25);
  const ln_op *conv = find(out, LN_OP_CONV_2D, 0), *sigmoid = find(out, LN_OP_LOGISTIC, 0);
  const ln_op *both = find(out, LN_OP_CONCATENATION, 0), *flat = find(out, LN_OP_RESHAPE, 0);
  assert_int_equal(in(out, conv, 1)->type, LN_INT8);
  assert_int_equal(in(out, conv, 1)->quant->count, FILTERS);
  assert_int_equal(in(out, conv, 2)->type, LN_INT32);
  for (int32_t i = 0; i < FILTERS; ++i) {
    const float wanted = ln_scale_of(in(out, conv, 0)) * in(out, conv, 1)->quant->scale[i];
    assert_true(in(out, conv, 2)->quant->scale[i] == wanted);
    assert_int_equal(in(out, conv, 1)->quant->zero_point[i], 0);
  }
  assert_true(ln_scale_of(out_of(out, sigmoid)) == 1.0f / 256);
  assert_int_equal(ln_zero_point_of(out_of(out, sigmoid)), -128);
  /* The logistic function's own scale is fixed, so it is requantized for the concatenation; the other input is not. */
  assert_int_equal(both->inputs[0], conv->outputs[0]);
  assert_int_not_equal(both->inputs[1], sigmoid->outputs[0]);
  for (int32_t i = 0; i < 2; ++i) assert_true(ln_scale_of(in(out, both, i)) == ln_scale_of(out_of(out, both)));
  assert_true(ln_scale_of(out_of(out, flat)) == ln_scale_of(out_of(out, both)));
  /* SIN has no integer form. */
  assert_int_equal(out_of(out, find(out, LN_OP_SIN, 0))->type, LN_FLOAT32);
  assert_int_equal(out_of(out, find(out, LN_OP_SOFTMAX, 0))->type, LN_INT8);
  assert_int_equal(count_of(out, LN_OP_QUANTIZE), 3);
  assert_int_equal(count_of(out, LN_OP_DEQUANTIZE), 2);
  assert_int_equal(conv->version, 3);
  assert_int_equal(find(out, LN_OP_FULLY_CONNECTED, 0)->version, 4);
  assert_string_equal(out->graphs[0].tensors[out->graphs[0].inputs[0]].name, "t0");
  assert_string_equal(out->graphs[0].tensors[out->graphs[0].outputs[0]].name, "t11");
  ln_model_destroy(out);
  ln_model_destroy(model);
}

static void activations_of_16_bits_are_symmetric(void **state) {
  (void)state;
  const setting wide = {NULL, "format", "int16x8"};
  ln_model *model = network(), *out = quantized(model, &wide, 1, 40);
  const ln_op *conv = find(out, LN_OP_CONV_2D, 0);
  assert_int_equal(in(out, conv, 0)->type, LN_INT16);
  assert_int_equal(in(out, conv, 1)->type, LN_INT8);
  assert_int_equal(in(out, conv, 2)->type, LN_INT64);
  assert_int_equal(ln_zero_point_of(out_of(out, conv)), 0);
  assert_true(ln_scale_of(out_of(out, find(out, LN_OP_LOGISTIC, 0))) == 1.0f / 32768);
  ln_model_destroy(out);
  ln_model_destroy(model);
}

static void layers_may_differ(void **state) {
  (void)state;
  const setting settings[] = {{"type:FULLY_CONNECTED", "format", "int16x8"}, {"type:LOGISTIC", "format", "float32"}};
  ln_model *model = network(), *out = quantized(model, settings, 2, 25);
  assert_int_equal(out_of(out, find(out, LN_OP_CONV_2D, 0))->type, LN_INT8);
  assert_int_equal(out_of(out, find(out, LN_OP_LOGISTIC, 0))->type, LN_FLOAT32);
  const ln_op *dense = find(out, LN_OP_FULLY_CONNECTED, 0);
  assert_int_equal(in(out, dense, 0)->type, LN_INT16);
  assert_int_equal(out_of(out, dense)->type, LN_INT16);
  ln_model_destroy(out);
  ln_model_destroy(model);
}

/* What only moves values moves them in the numbers that they are made in. */
static void moving_follows_what_is_moved(void **state) {
  (void)state;
  const setting wide = {"type:CONV_2D", "format", "int16x8"};
  ln_model *model = network(), *out = quantized(model, &wide, 1, 25);
  const ln_op *both = find(out, LN_OP_CONCATENATION, 0);
  assert_int_equal(both->inputs[0], find(out, LN_OP_CONV_2D, 0)->outputs[0]);
  assert_int_equal(out_of(out, both)->type, LN_INT16);
  assert_int_equal(out_of(out, find(out, LN_OP_LOGISTIC, 0))->type, LN_INT8);
  assert_int_equal(in(out, find(out, LN_OP_FULLY_CONNECTED, 0), 0)->type, LN_INT8);
  ln_model_destroy(out);
  ln_model_destroy(model);
}

static void edges_take_the_type_that_is_asked_for(void **state) {
  (void)state;
  static const struct {
    const char *name;
    ln_type type;
  } cases[] = {{"float", LN_FLOAT32}, {"int8", LN_INT8}, {"uint8", LN_UINT8}, {"int16", LN_INT16}};
  static const char *const formats[] = {"int8", "int16x8"};
  for (size_t i = 0; i < 2 * LN_COUNT(cases); ++i) {
    const setting settings[] = {{NULL, "io", cases[i / 2].name}, {NULL, "format", formats[i % 2]}};
    ln_model *model = network(), *out = quantized(model, settings, 2, 22);
    const ln_graph *graph = &out->graphs[0];
    assert_int_equal(graph->tensors[graph->inputs[0]].type, cases[i / 2].type);
    assert_int_equal(graph->tensors[graph->outputs[0]].type, cases[i / 2].type);
    assert_string_equal(graph->tensors[graph->inputs[0]].name, "t0");
    ln_model_destroy(out);
    ln_model_destroy(model);
  }
}

static void refused(const ln_model *model, const ln_samples *data, ln_status status, const char *text) {
  ln_error err = {0};
  ln_model *out = NULL;
  assert_int_equal(quantize(model, NULL, 0, data, &err, &out, NULL), status);
  assert_null(out);
  if (strstr(err.message, text) == NULL) fail_msg("\"%s\" is not in \"%s\"", text, err.message);
}

static void nonsense_is_refused(void **state) {
  (void)state;
  habit same = SAME, not_finite = NOT_FINITE, zero = ZERO;
  ln_model *model = network(), *out = quantized(model, NULL, 0, 25);
  refused(model, NULL, LN_ERR_DATA, "there are none");
  refused(model, &(ln_samples){sizeof(ln_samples), 4, fill, &same}, LN_ERR_DATA, "are the same");
  refused(model, &(ln_samples){sizeof(ln_samples), 4, fill, &not_finite}, LN_ERR_DATA, "sample 2: tensor \"t0\"");
  refused(model, &(ln_samples){sizeof(ln_samples), 4, fill, &zero}, LN_ERR_DATA, "the same");
  refused(model, &(ln_samples){sizeof(ln_samples), 1, fill, &zero}, LN_ERR_DATA, "are 0 in all");
  refused(out, &samples, LN_ERR_UNSUPPORTED, "quantized already");
  ln_model_destroy(out);
  ln_model_destroy(model);
}

static void every_method_gives_a_range(void **state) {
  (void)state;
  static const char *const methods[] = {"minmax", "moving-average", "percentile", "entropy", "mse"};
  for (size_t i = 0; i < LN_COUNT(methods); ++i) {
    const setting settings[] = {{NULL, "method", methods[i]}, {NULL, "percentile", "99.9"}};
    ln_model *model = network();
    ln_model_destroy(quantized(model, settings, 2, 10));
    ln_model_destroy(model);
  }
}

/* A bell about 0 and one value far out: whoever weighs errors lets it go. */
static void methods_let_outliers_go(void **state) {
  (void)state;
  uint32_t *bins = calloc(LN_HISTOGRAM_BINS, sizeof *bins), seed = 3;
  ln_histogram h = {0, bins};
  float values[1000];
  assert_non_null(bins);
  for (int32_t round = 0; round < 1000; ++round) {
    float most = 0;
    for (size_t i = 0; i < LN_COUNT(values); ++i) {
      values[i] = noise(&seed) + noise(&seed) + noise(&seed) + noise(&seed);
      most = fmaxf(most, fabsf(values[i]));
    }
    if (round == 50) values[0] = most = 64; /* the reach grows */
    ln_histogram_add(&h, values, LN_COUNT(values), most);
  }
  uint64_t total = 0;
  for (int32_t i = 0; i < LN_HISTOGRAM_BINS; ++i) total += bins[i];
  assert_int_equal(total, 1000 * LN_COUNT(values));
  assert_true(h.reach >= 64);
  const ln_range seen = {true, -4, 64, -4, 64};
  ln_range range = seen;
  ln_histogram_percentile(&h, 99.9, &range);
  assert_true(range.high < 4 && range.high > 2 && range.low < -2);
  range = seen;
  ln_histogram_least_squares(&h, &range);
  assert_true(range.high < 32 && range.high > 2 && range.low < -2);
  range = seen;
  ln_histogram_entropy(&h, &range);
  assert_true(range.high < 16 && range.high > 1 && range.low < -1);
  free(bins);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(operators_get_the_scales_of_their_rows),
      cmocka_unit_test(activations_of_16_bits_are_symmetric),
      cmocka_unit_test(layers_may_differ),
      cmocka_unit_test(moving_follows_what_is_moved),
      cmocka_unit_test(edges_take_the_type_that_is_asked_for),
      cmocka_unit_test(nonsense_is_refused),
      cmocka_unit_test(every_method_gives_a_range),
      cmocka_unit_test(methods_let_outliers_go),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

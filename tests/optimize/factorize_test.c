/* Layers of low rank come apart into smaller ones that give the same outputs; what must stay whole does. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "linnet/linnet.h"
#include "linnet/optimize.h"
#include "optimize/factorize.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { SIDE = 9, IN = 12, OUT = 16 };

typedef struct form {
  int32_t height, width; /* of the filter; 0: fully connected */
  int32_t rank;          /* of the weights as the method sees them */
  int32_t stride_h, stride_w, dilation, padding;
  const char *method;
  int32_t factors;
} form;

static float noise(uint64_t *state) {
  *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return (float)((double)(int64_t)(*state >> 11) / 4503599627370496.0 - 1);
}

/* Sums of products over (output, column) and (row, channel), or over output and all else. */
static void fill_weights(const form *f, float *w) {
  const int32_t h = f->height > 0 ? f->height : 1, wide = f->width > 0 ? f->width : 1;
  const bool spatial = strcmp(f->method, "spatial") == 0, tucker = strcmp(f->method, "tucker") == 0;
  uint64_t seed = 11;
  memset(w, 0, (size_t)(OUT * h * wide * IN) * sizeof *w);
  for (int32_t k = 0; k < f->rank; ++k) {
    float of_out[OUT * 5], of_in[IN * 25], of_channel[IN];
    for (size_t i = 0; i < LN_COUNT(of_out); ++i) of_out[i] = noise(&seed);
    for (size_t i = 0; i < LN_COUNT(of_in); ++i) of_in[i] = noise(&seed);
    for (size_t i = 0; i < LN_COUNT(of_channel); ++i) of_channel[i] = noise(&seed);
    for (int32_t o = 0; o < OUT; ++o) {
      for (int32_t y = 0; y < h; ++y) {
        for (int32_t x = 0; x < wide; ++x) {
          for (int32_t c = 0; c < IN; ++c) {
            const float a = spatial ? of_out[o * wide + x] : of_out[o];
            const float b = spatial  ? of_in[y * IN + c]
                            : tucker ? of_in[y * wide + x] * of_channel[c]
                                     : of_in[(y * wide + x) * IN + c];
            w[((o * h + y) * wide + x) * IN + c] += a * b;
          }
        }
      }
    }
  }
}

static int32_t out_extent(const form *f, int32_t kernel, int32_t stride) {
  const int32_t reach = (kernel - 1) * f->dilation + 1;
  return f->padding == LN_PADDING_SAME ? (SIDE + stride - 1) / stride : (SIDE - reach) / stride + 1;
}

static ln_model *build(const form *f) {
  static float w[OUT * 25 * IN], b[OUT];
  ln_model *model = build_model();
  const int32_t rows[] = {OUT};
  uint64_t seed = 5;
  fill_weights(f, w);
  for (int32_t i = 0; i < OUT; ++i) b[i] = noise(&seed);
  if (f->height == 0) {
    const int32_t in_dims[] = {3, IN}, w_dims[] = {OUT, IN}, out_dims[] = {3, OUT};
    const int32_t in[] = {build_input(model, LN_FLOAT32, 2, in_dims),
                          build_constant(model, LN_FLOAT32, 2, w_dims, w, sizeof(float) * OUT * IN),
                          build_constant(model, LN_FLOAT32, 1, rows, b, sizeof b)};
    const int32_t out = build_output(model, LN_FLOAT32, 2, out_dims);
    ln_op *op = build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, in, 1, &out);
    BUILD_OPTIONS(op, fully_connected_options)->fused_activation_function = LN_ACT_RELU;
    return model;
  }
  const int32_t in_dims[] = {2, SIDE, SIDE, IN}, w_dims[] = {OUT, f->height, f->width, IN};
  const int32_t out_dims[] = {2, out_extent(f, f->height, f->stride_h), out_extent(f, f->width, f->stride_w), OUT};
  const int32_t in[] = {
      build_input(model, LN_FLOAT32, 4, in_dims),
      build_constant(model, LN_FLOAT32, 4, w_dims, w, sizeof(float) * (size_t)(OUT * f->height * f->width * IN)),
      build_constant(model, LN_FLOAT32, 1, rows, b, sizeof b)};
  const int32_t out = build_output(model, LN_FLOAT32, 4, out_dims);
  ln_op *op = build_op(model, ln_op_find(LN_OP_CONV_2D), 3, in, 1, &out);
  ln_conv2d_options *options = BUILD_OPTIONS(op, conv2d_options);
  options->fused_activation_function = LN_ACT_RELU;
  options->padding = (int8_t)f->padding;
  options->stride_h = f->stride_h;
  options->stride_w = f->stride_w;
  options->dilation_h_factor = options->dilation_w_factor = f->dilation;
  return model;
}

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *err) {
  (void)user, (void)err;
  ln_tensor *input = ln_session_input(session, 0);
  float *values = ln_tensor_mutable_data(input);
  uint64_t seed = (uint64_t)index * 77 + 1;
  for (size_t i = 0; i < ln_tensor_elements(input); ++i) values[i] = noise(&seed) + 0.2f;
  return LN_OK;
}

static const ln_samples samples = {sizeof samples, 30, fill, NULL};

/* Largest difference of the outputs on some samples; `squares` (may be NULL) takes the sum of all. */
static double gap_of(ln_model *a, ln_model *b, double *squares) {
  ln_session *x = NULL, *y = NULL;
  double most = 0;
  assert_int_equal(ln_session_create(a, NULL, NULL, &x), LN_OK);
  assert_int_equal(ln_session_create(b, NULL, NULL, &y), LN_OK);
  for (int64_t i = 100; i < 103; ++i) {
    fill(NULL, i, x, NULL);
    fill(NULL, i, y, NULL);
    assert_int_equal(ln_session_run(x, NULL), LN_OK);
    assert_int_equal(ln_session_run(y, NULL), LN_OK);
    const ln_tensor *p = ln_session_output(x, 0), *q = ln_session_output(y, 0);
    assert_int_equal(ln_tensor_elements(p), ln_tensor_elements(q));
    const float *u = ln_tensor_data(p), *v = ln_tensor_data(q);
    for (size_t k = 0; k < ln_tensor_elements(p); ++k) most = fmax(most, fabs((double)u[k] - v[k]));
    for (size_t k = 0; squares != NULL && k < ln_tensor_elements(p); ++k)
      *squares += ((double)u[k] - v[k]) * ((double)u[k] - v[k]);
  }
  ln_session_destroy(x);
  ln_session_destroy(y);
  return most;
}

static double gap(ln_model *a, ln_model *b) { return gap_of(a, b, NULL); }

static ln_recipe *recipe_of(const char *const *settings) {
  ln_recipe *recipe;
  assert_int_equal(ln_recipe_create(NULL, &recipe), LN_OK);
  assert_int_equal(ln_recipe_add(recipe, "factorize", NULL), LN_OK);
  for (; settings[0] != NULL; settings += 2) {
    ln_error err = {LN_OK, ""};
    if (ln_recipe_set(recipe, settings[0], settings[1], &err) != LN_OK) fail_msg("%s", err.message);
  }
  return recipe;
}

/* The model in memory of its own, as the optimizer wants it. */
static ln_model *optimize(const ln_model *in, const char *const *settings, bool with_samples,
                          ln_optimize_report **report) {
  ln_recipe *recipe = recipe_of(settings);
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  ln_model *out = NULL;
  ln_error err = {LN_OK, ""};
  options.measure = false;
  if (with_samples) options.calibration = &samples;
  if (ln_optimize(in, recipe, &options, &err, &out, report) != LN_OK) fail_msg("%s", err.message);
  ln_recipe_destroy(recipe);
  return out;
}

static int64_t macs_of(ln_model *model) {
  ln_session *session = NULL;
  ln_session_stats stats = {.size = sizeof stats};
  assert_int_equal(ln_session_create(model, NULL, NULL, &session), LN_OK);
  assert_int_equal(ln_session_get_stats(session, &stats), LN_OK);
  ln_session_destroy(session);
  return stats.macs;
}

static const form forms[] = {
    {0, 0, 3, 1, 1, 1, LN_PADDING_SAME, "svd", 2},      {1, 1, 3, 1, 1, 1, LN_PADDING_SAME, "svd", 2},
    {1, 1, 3, 2, 2, 1, LN_PADDING_VALID, "svd", 2},     {3, 3, 4, 2, 1, 1, LN_PADDING_SAME, "svd", 2},
    {3, 3, 4, 1, 1, 1, LN_PADDING_SAME, "spatial", 2},  {3, 3, 4, 1, 1, 1, LN_PADDING_VALID, "spatial", 2},
    {3, 5, 4, 2, 3, 1, LN_PADDING_SAME, "spatial", 2},  {3, 3, 4, 1, 1, 2, LN_PADDING_SAME, "spatial", 2},
    {5, 3, 3, 1, 2, 1, LN_PADDING_VALID, "spatial", 2}, {3, 3, 4, 1, 1, 1, LN_PADDING_SAME, "tucker", 3},
    {3, 3, 4, 2, 2, 1, LN_PADDING_VALID, "tucker", 3},  {1, 5, 3, 1, 2, 1, LN_PADDING_SAME, "tucker", 3},
    {3, 3, 3, 1, 1, 2, LN_PADDING_VALID, "tucker", 3}};

static void low_rank_comes_apart_exactly(void **state) {
  (void)state;
  for (size_t i = 0; i < LN_COUNT(forms); ++i) {
    for (int32_t with_samples = 0; with_samples < 2; ++with_samples) {
      const char *const settings[] = {"method", forms[i].method, "energy", "0.99999", NULL};
      ln_model *in = build(&forms[i]);
      ln_optimize_report *report = NULL;
      ln_model *out = optimize(in, settings, with_samples == 1, &report);
      ln_report_layer layer = {.size = sizeof layer};
      assert_int_equal(ln_optimize_report_layers(report), 1);
      assert_int_equal(ln_optimize_report_layer(report, 0, &layer), LN_OK);
      if (out->graphs[0].op_count != forms[i].factors) fail_msg("form %zu: %s", i, layer.what);
      assert_non_null(strstr(layer.what, forms[i].method));
      assert_true(layer.bytes_after < layer.bytes_before);
      assert_true(macs_of(out) < macs_of(in));
      const double most = gap(in, out);
      if (!(most < (with_samples ? 2e-2 : 1e-4))) fail_msg("form %zu: %g", i, most);
      assert_int_equal(out->graphs[0].ops[0].index, 0);
      ln_optimize_report_destroy(report);
      ln_model_destroy(out);
      ln_model_destroy(in);
    }
  }
}

static void what_does_not_save_stays(void **state) {
  (void)state;
  form full = forms[4];
  full.rank = 60;
  ln_model *in = build(&full);
  const char *const settings[] = {"energy", "0.99999", NULL};
  ln_optimize_report *report = NULL;
  ln_model *out = optimize(in, settings, false, &report);
  ln_report_layer layer = {.size = sizeof layer};
  assert_int_equal(out->graphs[0].op_count, 1);
  assert_true(gap(in, out) == 0);
  assert_int_equal(ln_optimize_report_layer(report, 0, &layer), LN_OK);
  assert_non_null(strstr(layer.what, "left: "));
  assert_int_equal(ln_optimize_report_notes(report), 1);
  ln_optimize_report_destroy(report);
  ln_model_destroy(out);
  ln_model_destroy(in);
}

static void a_budget_is_kept(void **state) {
  (void)state;
  form full = forms[4];
  full.rank = 60;
  ln_model *in = build(&full);
  double before = 0;
  const char *const shares[] = {"0.7", "0.4", "0.15"};
  for (size_t i = 0; i < LN_COUNT(shares); ++i) {
    const char *const settings[] = {"budget", shares[i], NULL};
    ln_model *out = optimize(in, settings, true, NULL);
    const double share = (double)macs_of(out) / (double)macs_of(in), wanted = strtod(shares[i], NULL);
    assert_true(share <= wanted && share > wanted - 0.15);
    const double most = gap(in, out);
    assert_true(most > before);
    before = most;
    ln_model_destroy(out);
  }
  ln_model_destroy(in);
}

/* Two layers, one that loses little for a large saving: it is the first to pay. */
static void budgets_take_what_costs_least(void **state) {
  (void)state;
  const ln_choice choices[] = {{-1, -1, 100, 100, 0}, {0, 0, 10, 10, 0.5}, {0, 1, 50, 50, 0.01},
                               {0, 2, 60, 60, 0.4},   {-1, -1, 40, 40, 0}, {0, 0, 20, 20, 0.3}};
  const int32_t starts[] = {0, 4, 6};
  int32_t chosen[2];
  assert_true(ln_choose_by_budget(choices, starts, 2, 0.9, true, chosen));
  assert_int_equal(chosen[0], 2); /* past the point above the hull */
  assert_int_equal(chosen[1], 0);
  assert_true(ln_choose_by_budget(choices, starts, 2, 0.4, false, chosen));
  assert_int_equal(chosen[0], 1);
  assert_int_equal(chosen[1], 0);
  assert_true(ln_choose_by_budget(choices, starts, 2, 0, true, chosen));
  assert_int_equal(chosen[1], 1);
  assert_int_equal(ln_choose_by_error(choices, 4, 0.005), -1);
  assert_int_equal(ln_choose_by_error(choices, 4, 0.01), 2);
  assert_int_equal(ln_choose_by_error(choices, 4, 1), 1);
}

/* Two layers in a row, the second of which makes up for some of what the first loses. */
static void later_layers_mend(void **state) {
  (void)state;
  ln_model *in = build_model();
  static float w[3][OUT * 9 * IN];
  const form full = {3, 3, 60, 1, 1, 1, LN_PADDING_SAME, "spatial", 2};
  const int32_t in_dims[] = {2, SIDE, SIDE, IN}, middle_dims[] = {2, SIDE, SIDE, OUT};
  const int32_t first_dims[] = {OUT, 3, 3, IN}, second_dims[] = {IN, 1, 1, OUT};
  fill_weights(&full, w[0]);
  for (int32_t i = 0; i < IN * OUT; ++i) w[1][i] = w[0][i];
  const int32_t middle = build_output(in, LN_FLOAT32, 4, middle_dims);
  --in->graphs[0].output_count;
  const int32_t first[] = {build_input(in, LN_FLOAT32, 4, in_dims),
                           build_constant(in, LN_FLOAT32, 4, first_dims, w[0], sizeof(float) * OUT * 9 * IN)};
  const int32_t second[] = {middle, build_constant(in, LN_FLOAT32, 4, second_dims, w[1], sizeof(float) * IN * OUT)};
  ln_op *op = build_op(in, ln_op_find(LN_OP_CONV_2D), 2, first, 1, &middle);
  BUILD_OPTIONS(op, conv2d_options)->stride_h = BUILD_OPTIONS(op, conv2d_options)->stride_w = 1;
  BUILD_OPTIONS(op, conv2d_options)->fused_activation_function = LN_ACT_RELU;
  const int32_t out = build_output(in, LN_FLOAT32, 4, in_dims);
  op = build_op(in, ln_op_find(LN_OP_CONV_2D), 2, second, 1, &out);
  BUILD_OPTIONS(op, conv2d_options)->stride_h = BUILD_OPTIONS(op, conv2d_options)->stride_w = 1;
  double gaps[2] = {0};
  for (int32_t mend = 0; mend < 2; ++mend) {
    const char *const settings[] = {"energy", "0.8", "mend", mend ? "true" : "false", NULL};
    ln_model *made = optimize(in, settings, true, NULL);
    assert_int_equal(made->graphs[0].op_count, 4);
    gap_of(in, made, &gaps[mend]);
    ln_model_destroy(made);
  }
  if (!(gaps[1] < 0.995 * gaps[0])) fail_msg("%g, %g", gaps[0], gaps[1]);
  ln_model_destroy(in);
}

static void memory_may_be_short(void **state) {
  (void)state;
  ln_model *in = build(&forms[4]);
  const char *const settings[] = {"energy", "0.9", NULL};
  ln_recipe *recipe = recipe_of(settings);
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  options.measure = false;
  options.calibration = &samples;
  int32_t failures = 0;
  for (long n = 1; n < 100000; n += 1 + n / 40) {
    ln_model *out = NULL;
    ln_alloc_fail_after(n);
    const ln_status status = ln_optimize(in, recipe, &options, NULL, &out, NULL);
    const bool failed = ln_alloc_fail_pending() == 0;
    ln_alloc_fail_after(0);
    failures += status != LN_OK;
    if (status == LN_OK) ln_model_destroy(out);
    if (!failed) break;
  }
  assert_true(failures > 20);
  ln_recipe_destroy(recipe);
  ln_model_destroy(in);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(low_rank_comes_apart_exactly),
                                     cmocka_unit_test(what_does_not_save_stays),
                                     cmocka_unit_test(a_budget_is_kept),
                                     cmocka_unit_test(budgets_take_what_costs_least),
                                     cmocka_unit_test(later_layers_mend),
                                     cmocka_unit_test(memory_may_be_short)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

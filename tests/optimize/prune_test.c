/* Pruning: patterns and shares that hold, fitted weights that beat cut ones, and the surgeon against all subsets. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimize/linear.h"
#include "optimize/prune.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { N = 6, SAMPLES = 64, SIDE = 10, CHANNELS = 4, WIDE = 16 };

/* ---- a residual network: conv, depthwise, conv added to what came in, mean, fully connected ---- */

static int32_t weights(ln_model *model, int32_t rank, const int32_t *dims, uint32_t seed) {
  float values[WIDE * 9 * WIDE];
  size_t count = 1;
  for (int32_t i = 0; i < rank; ++i) count *= (size_t)dims[i];
  srand(seed);
  for (size_t i = 0; i < count; ++i) {
    const float x = (float)(rand() % 2001) / 1000 - 1;
    values[i] = 0.6f * x * x * x + 0.05f * x;
  }
  return build_constant(model, LN_FLOAT32, rank, dims, values, count * sizeof *values);
}

static int32_t activation(ln_model *model, int32_t side, int32_t channels) {
  return build_output(model, LN_FLOAT32, 4, (const int32_t[]){1, side, side, channels});
}

static int32_t conv(ln_model *model, int32_t in, int32_t from, int32_t to, int32_t kernel, int32_t act, uint32_t seed) {
  const int32_t w = weights(model, 4, (const int32_t[]){to, kernel, kernel, from}, seed);
  const int32_t b = weights(model, 1, &to, seed + 1), out = activation(model, SIDE, to);
  ln_op *op = build_op(model, ln_op_find(LN_OP_CONV_2D), 3, (const int32_t[]){in, w, b}, 1, &out);
  ln_conv2d_options *options = BUILD_OPTIONS(op, conv2d_options);
  options->padding = LN_PADDING_SAME;
  options->stride_w = options->stride_h = 1;
  options->fused_activation_function = (int8_t)act;
  return out;
}

static int32_t depthwise(ln_model *model, int32_t in) {
  const int32_t channels = WIDE, w = weights(model, 4, (const int32_t[]){1, 3, 3, WIDE}, 21);
  const int32_t b = weights(model, 1, &channels, 22), out = activation(model, SIDE, WIDE);
  ln_op *op = build_op(model, ln_op_find(LN_OP_DEPTHWISE_CONV_2D), 3, (const int32_t[]){in, w, b}, 1, &out);
  ln_depthwise_conv2d_options *options = BUILD_OPTIONS(op, depthwise_conv2d_options);
  options->padding = LN_PADDING_SAME;
  options->stride_w = options->stride_h = options->depth_multiplier = 1;
  options->fused_activation_function = LN_ACT_RELU;
  return out;
}

static ln_model *network(void) {
  ln_model *model = build_model();
  const int32_t axes[] = {1, 2}, two = 2, ten = 10;
  const int32_t in = build_input(model, LN_FLOAT32, 4, (const int32_t[]){1, SIDE, SIDE, CHANNELS});
  const int32_t first = conv(model, in, CHANNELS, WIDE, 3, LN_ACT_RELU6, 11);
  const int32_t branch = conv(model, depthwise(model, first), WIDE, WIDE, 1, LN_ACT_NONE, 31);
  const int32_t sum = activation(model, SIDE, WIDE);
  build_op(model, ln_op_find(LN_OP_ADD), 2, (const int32_t[]){first, branch}, 1, &sum);
  const int32_t wide = conv(model, sum, WIDE, WIDE, 3, LN_ACT_RELU, 41);
  const int32_t mean = build_output(model, LN_FLOAT32, 2, (const int32_t[]){1, WIDE});
  const int32_t over = build_constant(model, LN_INT32, 1, &two, axes, sizeof axes);
  build_op(model, ln_op_find(LN_OP_MEAN), 2, (const int32_t[]){wide, over}, 1, &mean);
  const int32_t w = weights(model, 2, (const int32_t[]){10, WIDE}, 51), b = weights(model, 1, &ten, 52);
  const int32_t out = build_output(model, LN_FLOAT32, 2, (const int32_t[]){1, 10});
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, (const int32_t[]){mean, w, b}, 1, &out);
  model->graphs[0].outputs[0] = out;
  model->graphs[0].output_count = 1;
  return model;
}

/* Smooth blobs: pictures enough for moments that are not all alike. */
static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *err) {
  (void)user;
  (void)err;
  ln_tensor *input = ln_session_input(session, 0);
  for (size_t i = 0; i < ln_tensor_elements(input); ++i) {
    const double place = (double)(i / CHANNELS), channel = (double)(i % CHANNELS + 1);
    const double wave = sin((double)index * 0.7 + place * 0.13 * channel) + sin(place * place * (double)(index + 1));
    ln_tensor_set_f32(input, i, (float)wave);
  }
  return LN_OK;
}

static const ln_samples samples = {sizeof samples, SAMPLES, fill, NULL};

static ln_status optimize(const char *const *settings, bool data, ln_error *err, ln_model **out,
                          ln_optimize_report **report) {
  ln_model *model = network();
  ln_recipe *recipe = NULL;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  options.calibration = data ? &samples : NULL;
  assert_int_equal(ln_recipe_create(err, &recipe), LN_OK);
  assert_int_equal(ln_recipe_add(recipe, "prune", err), LN_OK);
  for (; settings[0] != NULL; settings += 2)
    assert_int_equal(ln_recipe_set(recipe, settings[0], settings[1], err), LN_OK);
  /* As it is, so that weights can be looked at. */
  assert_int_equal(ln_recipe_add(recipe, "encode", err), LN_OK);
  assert_int_equal(ln_recipe_set(recipe, "form", "dense", err), LN_OK);
  const ln_status status = ln_optimize(model, recipe, &options, err, out, report);
  ln_recipe_destroy(recipe);
  ln_model_destroy(model);
  return status;
}

/* Zeros among all weights with two dimensions or more. */
static double pruned_share(const ln_model *model) {
  double zeros = 0, all = 0;
  for (int32_t i = 0; i < model->graphs[0].tensor_count; ++i) {
    const ln_tensor *t = &model->graphs[0].tensors[i];
    if (t->type != LN_FLOAT32 || t->shape.rank < 2 || !ln_tensor_const_data(t)) continue;
    for (size_t j = 0; j < t->bytes / sizeof(float); ++j) zeros += ((const float *)t->data)[j] == 0;
    all += (double)(t->bytes / sizeof(float));
  }
  return zeros / all;
}

static double output_error(ln_model *pruned) {
  ln_model *model = network();
  ln_session *a = NULL, *b = NULL;
  ln_error err;
  double error = 0;
  assert_int_equal(ln_session_create(model, NULL, &err, &a), LN_OK);
  assert_int_equal(ln_session_create(pruned, NULL, &err, &b), LN_OK);
  for (int64_t i = 0; i < SAMPLES; ++i) {
    fill(NULL, i, a, &err);
    fill(NULL, i, b, &err);
    assert_int_equal(ln_session_run(a, &err), LN_OK);
    assert_int_equal(ln_session_run(b, &err), LN_OK);
    const ln_tensor *x = ln_session_output(a, 0), *y = ln_session_output(b, 0);
    for (size_t j = 0; j < ln_tensor_elements(x); ++j)
      error += pow((double)ln_tensor_get_f32(x, j) - (double)ln_tensor_get_f32(y, j), 2);
  }
  ln_session_destroy(a);
  ln_session_destroy(b);
  ln_model_destroy(model);
  return error;
}

static void fitted_weights_beat_cut_ones(void **state) {
  (void)state;
  ln_error err;
  ln_model *cut = NULL, *fitted = NULL;
  assert_int_equal(optimize((const char *[]){"sparsity", "0.8", NULL}, false, &err, &cut, NULL), LN_OK);
  assert_int_equal(optimize((const char *[]){"sparsity", "0.8", NULL}, true, &err, &fitted, NULL), LN_OK);
  assert_true(fabs(pruned_share(cut) - 0.8) < 0.001);
  assert_true(fabs(pruned_share(fitted) - 0.8) < 0.001);
  assert_true(output_error(fitted) < 0.2 * output_error(cut));
  ln_model_destroy(cut);
  ln_model_destroy(fitted);
}

/* Every run of `m` along the innermost dimension of weights whose runs are whole. */
static void check_runs(const ln_model *model, int32_t m, int32_t most, bool all_or_none) {
  int32_t checked = 0;
  for (int32_t i = 0; i < model->graphs[0].tensor_count; ++i) {
    const ln_tensor *t = &model->graphs[0].tensors[i];
    if (t->type != LN_FLOAT32 || t->shape.rank < 2 || !ln_tensor_const_data(t)) continue;
    if (t->shape.dims[t->shape.rank - 1] % m != 0 || t->shape.dims[0] == 1) continue; /* depthwise: left */
    const float *values = t->data;
    for (size_t j = 0; j < t->bytes / sizeof(float); j += (size_t)m) {
      int32_t held = 0;
      for (int32_t k = 0; k < m; ++k) held += values[j + (size_t)k] != 0;
      assert_true(all_or_none ? held == 0 || held == m : held <= most);
    }
    ++checked;
  }
  assert_true(checked > 0);
}

static void patterns_hold(void **state) {
  (void)state;
  ln_error err;
  for (int32_t data = 0; data < 2; ++data) {
    ln_model *model = NULL;
    assert_int_equal(optimize((const char *[]){"pattern", "2:4", NULL}, data, &err, &model, NULL), LN_OK);
    check_runs(model, 4, 2, false);
    ln_model_destroy(model);
    assert_int_equal(optimize((const char *[]){"pattern", "1x4", "sparsity", "0.6", NULL}, data, &err, &model, NULL),
                     LN_OK);
    check_runs(model, 4, 4, true);
    assert_true(pruned_share(model) > 0.5);
    ln_model_destroy(model);
  }
}

static void bad_patterns_are_refused(void **state) {
  (void)state;
  ln_error err;
  ln_model *model = NULL;
  static const char *const bad[] = {"4:2", "2:", "0x4", "4x", "1x4x", "999x1", "sometimes"};
  for (size_t i = 0; i < LN_COUNT(bad); ++i) {
    assert_int_equal(optimize((const char *[]){"pattern", bad[i], NULL}, false, &err, &model, NULL), LN_ERR_ARGUMENT);
    assert_non_null(strstr(err.message, bad[i]));
  }
}

/* Least error of weights w of which those in `gone` are zero and the others free: g^T (M_gg)^-1 g of the gone ones. */
static double cost_of(const double *m, const double *w, uint32_t gone) {
  double a[N * N], b[N], sum = 0;
  int32_t index[N], k = 0;
  for (int32_t i = 0; i < N; ++i) {
    if (gone >> i & 1) index[k++] = i;
  }
  for (int32_t i = 0; i < k; ++i) {
    for (int32_t j = 0; j < k; ++j) a[i * k + j] = m[index[i] * N + index[j]];
    b[i] = w[index[i]];
  }
  assert_true(ln_linear_cholesky(a, k));
  ln_linear_solve(a, k, b, 1);
  for (int32_t i = 0; i < k; ++i) sum += w[index[i]] * b[i];
  return sum;
}

/* Costs add up to what leaving out so many at once costs, and the first to go is the cheapest of all. */
static void traces_add_up(void **state) {
  (void)state;
  double h[N * N], m[N * N], w[N];
  float rows[4 * N * N];
  srand(5);
  for (size_t i = 0; i < LN_COUNT(rows); ++i) rows[i] = (float)(rand() % 1000) / 500 - 1;
  for (int32_t i = 0; i < N; ++i) w[i] = (double)(rand() % 1000) / 500 - 1;
  memset(h, 0, sizeof h);
  ln_linear_add_moments(h, N, rows, 4 * N);
  assert_int_equal(ln_linear_inverse(h, N, 0, NULL), LN_OK);
  for (int32_t size = 1; size <= 3; ++size) {
    const ln_prune_pattern pattern = {.rows = 1, .columns = size};
    double cost[N], left[N], sum = 0;
    int32_t order[N], scratch[2 * N];
    memcpy(m, h, sizeof m);
    memcpy(left, w, sizeof left);
    assert_int_equal(ln_prune_trace(m, left, N, &pattern, order, cost, scratch), N / size);
    uint32_t gone = 0;
    const uint32_t block = (1u << size) - 1;
    for (int32_t i = 0; i < N / size; ++i) {
      gone |= block << (order[i] * size);
      sum += cost[i];
      assert_true(fabs(sum - cost_of(h, w, gone)) < 1e-6 * (1 + sum));
    }
    for (int32_t i = 0; i < N / size; ++i) assert_true(cost[0] <= cost_of(h, w, block << (i * size)) + 1e-9);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(fitted_weights_beat_cut_ones), cmocka_unit_test(patterns_hold),
                                     cmocka_unit_test(bad_patterns_are_refused), cmocka_unit_test(traces_add_up)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

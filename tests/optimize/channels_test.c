/*
 * Whole channels: a network every other channel of which repeats the one before, through all that channels are followed
 * through, loses half of them and gives what it gave; what mixes channels keeps them.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "optimize/channels.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { SIDE = 8, IN = 3, WIDE = 8, SAMPLES = 96, CLASSES = 5 };

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *err) {
  (void)user;
  (void)err;
  ln_tensor *input = ln_session_input(session, 0);
  for (size_t i = 0; i < ln_tensor_elements(input); ++i)
    ln_tensor_set_f32(input, i, sinf((float)(i * i % 97) * 0.3f + (float)index * (0.5f + (float)(i % IN))));
  return LN_OK;
}

static const ln_samples samples = {sizeof samples, SAMPLES, fill, NULL};

/* Weights whose index along `axis` 2 k + 1 repeats 2 k. */
static int32_t repeated(ln_model *model, int32_t rank, const int32_t *dims, int32_t axis, uint32_t seed) {
  float values[4 * WIDE * 9 * 2 * WIDE];
  size_t count = 1, inner = 1;
  for (int32_t i = 0; i < rank; ++i) count *= (size_t)dims[i];
  for (int32_t i = axis + 1; i < rank; ++i) inner *= (size_t)dims[i];
  assert_true(count <= LN_COUNT(values));
  srand(seed);
  for (size_t i = 0; i < count; ++i) {
    const size_t at = axis < 0 ? 0 : i / inner % (size_t)dims[axis];
    values[i] = axis >= 0 && at % 2 == 1 ? values[i - inner] : (float)(rand() % 2001) / 2000 - 0.5f;
  }
  return build_constant(model, LN_FLOAT32, rank, dims, values, count * sizeof *values);
}

static int32_t result(ln_model *model, int32_t side, int32_t channels) {
  return build_output(model, LN_FLOAT32, 4, (const int32_t[]){1, side, side, channels});
}

static int32_t conv(ln_model *model, int32_t in, int32_t from, int32_t to, int32_t kernel, int32_t act, uint32_t seed) {
  const int32_t w = repeated(model, 4, (const int32_t[]){to, kernel, kernel, from}, 0, seed);
  const int32_t b = repeated(model, 1, &to, 0, seed + 1), out = result(model, SIDE, to);
  ln_op *op = build_op(model, ln_op_find(LN_OP_CONV_2D), 3, (const int32_t[]){in, w, b}, 1, &out);
  ln_conv2d_options *options = BUILD_OPTIONS(op, conv2d_options);
  options->padding = LN_PADDING_SAME;
  options->stride_w = options->stride_h = 1;
  options->fused_activation_function = (int8_t)act;
  return out;
}

static int32_t depthwise(ln_model *model, int32_t in) {
  const int32_t channels = WIDE, out = result(model, SIDE, WIDE);
  const int32_t w = repeated(model, 4, (const int32_t[]){1, 3, 3, WIDE}, 3, 21),
                b = repeated(model, 1, &channels, 0, 22);
  ln_op *op = build_op(model, ln_op_find(LN_OP_DEPTHWISE_CONV_2D), 3, (const int32_t[]){in, w, b}, 1, &out);
  ln_depthwise_conv2d_options *options = BUILD_OPTIONS(op, depthwise_conv2d_options);
  options->padding = LN_PADDING_SAME;
  options->stride_w = options->stride_h = options->depth_multiplier = 1;
  return out;
}

static int32_t apply(ln_model *model, int32_t code, int32_t a, int32_t b, int32_t out) {
  build_op(model, ln_op_find(code), b < 0 ? 1 : 2, (const int32_t[]){a, b}, 1, &out);
  return out;
}

static int32_t ints(ln_model *model, int32_t rank, const int32_t *dims, const int32_t *values, size_t bytes) {
  return build_constant(model, LN_INT32, rank, dims, values, bytes);
}

/* Channels are joined by a sum and a concatenation, scaled, padded, pooled, and flattened for the classifier. With
 * `mix` a softmax over channels stands in between. */
static ln_model *network(bool mix) {
  ln_model *model = build_model();
  const int32_t four_two[] = {4, 2}, two = 2, wide = 2 * WIDE, pads[] = {0, 0, 1, 1, 1, 1, 0, 0};
  const int32_t in = build_input(model, LN_FLOAT32, 4, (const int32_t[]){1, SIDE, SIDE, IN});
  const int32_t first = conv(model, in, IN, WIDE, 3, LN_ACT_RELU, 1);
  const int32_t branch = conv(model, depthwise(model, first), WIDE, WIDE, 1, LN_ACT_NONE, 3);
  const int32_t sum = apply(model, LN_OP_ADD, first, branch, result(model, SIDE, WIDE));
  const int32_t other = apply(model, mix ? LN_OP_SOFTMAX : LN_OP_HARD_SWISH, conv(model, sum, WIDE, WIDE, 1, 0, 5), -1,
                              result(model, SIDE, WIDE));
  const int32_t both = result(model, SIDE, 2 * WIDE);
  ln_op *joined = build_op(model, ln_op_find(LN_OP_CONCATENATION), 2, (const int32_t[]){sum, other}, 1, &both);
  BUILD_OPTIONS(joined, concatenation_options)->axis = 3;
  const int32_t scales = repeated(model, 1, &wide, 0, 7);
  const int32_t scaled = apply(model, LN_OP_MUL, both, scales, result(model, SIDE, 2 * WIDE));
  const int32_t padded =
      apply(model, LN_OP_PAD, scaled, ints(model, 2, four_two, pads, sizeof pads), result(model, SIDE + 2, 2 * WIDE));
  const int32_t pooled = result(model, 2, 2 * WIDE);
  ln_op *pool = build_op(model, ln_op_find(LN_OP_AVERAGE_POOL_2D), 1, &padded, 1, &pooled);
  ln_pool2d_options *window = BUILD_OPTIONS(pool, pool2d_options);
  window->filter_width = window->filter_height = window->stride_w = window->stride_h = 5;
  window->padding = LN_PADDING_VALID;
  const int32_t flat[] = {1, 4 * 2 * WIDE};
  const int32_t line = apply(model, LN_OP_RESHAPE, pooled, ints(model, 1, &two, flat, sizeof flat),
                             build_output(model, LN_FLOAT32, 2, flat));
  const int32_t w = repeated(model, 2, (const int32_t[]){CLASSES, 4 * 2 * WIDE}, -1, 9);
  const int32_t out = build_output(model, LN_FLOAT32, 2, (const int32_t[]){1, CLASSES});
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, (const int32_t[]){line, w, -1}, 1, &out);
  model->graphs[0].outputs[0] = out;
  model->graphs[0].output_count = 1;
  return model;
}

static size_t weights_of(const ln_model *model) {
  size_t total = 0;
  for (int32_t i = 0; i < model->graphs[0].tensor_count; ++i) {
    const ln_tensor *t = &model->graphs[0].tensors[i];
    if (t->type == LN_FLOAT32 && ln_tensor_const_data(t) && t->shape.rank > 1) total += t->bytes / sizeof(float);
  }
  return total;
}

/* The outputs' squared distance over the power of those of `a`. */
static double distance(ln_model *a, ln_model *b) {
  ln_session *x = NULL, *y = NULL;
  ln_error err;
  double error = 0, power = 0;
  assert_int_equal(ln_session_create(a, NULL, &err, &x), LN_OK);
  assert_int_equal(ln_session_create(b, NULL, &err, &y), LN_OK);
  for (int64_t i = 0; i < SAMPLES; ++i) {
    fill(NULL, i, x, &err);
    fill(NULL, i, y, &err);
    assert_int_equal(ln_session_run(x, &err), LN_OK);
    assert_int_equal(ln_session_run(y, &err), LN_OK);
    for (size_t j = 0; j < CLASSES; ++j) {
      const double was = ln_tensor_get_f32(ln_session_output(x, 0), j);
      error += pow(was - (double)ln_tensor_get_f32(ln_session_output(y, 0), j), 2);
      power += was * was;
    }
  }
  ln_session_destroy(x);
  ln_session_destroy(y);
  return error / power;
}

static ln_model *prune(ln_model *model, const char *share, bool data) {
  ln_recipe *recipe = NULL;
  ln_model *out = NULL;
  ln_error err;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  options.calibration = data ? &samples : NULL;
  assert_int_equal(ln_recipe_create(&err, &recipe), LN_OK);
  assert_int_equal(ln_recipe_add(recipe, "prune", &err), LN_OK);
  assert_int_equal(ln_recipe_set(recipe, "pattern", "channel", &err), LN_OK);
  assert_int_equal(ln_recipe_set(recipe, "sparsity", share, &err), LN_OK);
  assert_int_equal(ln_recipe_set(recipe, "damping", "0.0001", &err), LN_OK);
  assert_int_equal(ln_optimize(model, recipe, &options, &err, &out, NULL), LN_OK);
  ln_recipe_destroy(recipe);
  return out;
}

static void repeated_channels_go_for_nothing(void **state) {
  (void)state;
  ln_model *model = network(false), *fitted = prune(model, "0.5", true), *cut = prune(model, "0.5", false);
  assert_true(weights_of(fitted) <= weights_of(model) / 2 + 16);
  assert_true(weights_of(cut) <= weights_of(model) / 2 + 16);
  assert_true(distance(model, fitted) < 1e-3);
  assert_true(distance(model, cut) > 10 * distance(model, fitted));
  ln_model_destroy(fitted);
  ln_model_destroy(cut);
  ln_model_destroy(model);
}

/* The softmax keeps its own channels; all others may still go. */
static void mixed_channels_stay(void **state) {
  (void)state;
  ln_model *model = network(true), *pruned = prune(model, "0.9", true);
  const ln_graph *graph = &pruned->graphs[0];
  bool seen = false;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    if (graph->ops[i].def->code != LN_OP_SOFTMAX) continue;
    assert_int_equal(graph->tensors[graph->ops[i].outputs[0]].shape.dims[3], WIDE);
    seen = true;
  }
  assert_true(seen);
  assert_true(weights_of(pruned) < weights_of(model) * 3 / 4);
  ln_model_destroy(pruned);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(repeated_channels_go_for_nothing),
                                     cmocka_unit_test(mixed_channels_stay)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

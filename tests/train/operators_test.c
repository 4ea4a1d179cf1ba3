/* The gradients' own operators: kernels of each tier against the generic ones, both forms of gradients against one
 * another, any number of threads, and numbers of windows that are none. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/unit.h"
#include "train/operators.h"

static ln_error err;
static uint32_t seed = 1;

static float noise(void) {
  seed = seed * 1664525u + 1013904223u;
  return (float)(seed >> 8) / 8388608.0f - 1;
}

/* Of exactly that size, so that sanitizers see what is read beyond. */
static float *noises(size_t count) {
  float *values = malloc(count * sizeof *values + 1);
  assert_non_null(values);
  for (size_t i = 0; i < count; ++i) values[i] = noise();
  return values;
}

static void assert_close(const float *got, const float *want, size_t count, float bound, const char *what) {
  for (size_t i = 0; i < count; ++i) {
    if (fabsf(got[i] - want[i]) <= bound * (1 + fabsf(want[i]))) continue;
    fail_msg("%s: element %zu is %.7g, not %.7g", what, i, (double)got[i], (double)want[i]);
  }
}

/* ---- kernels ---- */

static void check_sums(const ln_gradient_kernels *k, int32_t m, int32_t n, int32_t lines, int32_t pixels) {
  const ptrdiff_t a_stride = m > n ? m : n;
  float *a = noises((size_t)(a_stride * lines * pixels)), *b = noises((size_t)(n * lines * pixels));
  float *want = noises((size_t)(m * n)), *got = malloc((size_t)(m * n) * sizeof *got);
  ln_pixels line[8];
  for (int32_t l = 0; l < lines; ++l) {
    line[l] = (ln_pixels){a + l * pixels * a_stride, b + l * pixels * n, pixels};
  }
  memcpy(got, want, (size_t)(m * n) * sizeof *got);
  ln_pixel_sums s = {m, n, line, lines, a_stride, n, n, want, 0};
  ln_gradient_kernels_generic.outer_sums(&s);
  s.c = got;
  k->outer_sums(&s);
  assert_close(got, want, (size_t)(m * n), 1e-5f, "outer sums");
  s.c = want;
  s.m = m < LN_INNER_ROWS ? m : LN_INNER_ROWS;
  s.a_row = a_stride > n + 1 ? 1 : 0;
  ln_gradient_kernels_generic.inner_sums(&s);
  s.c = got;
  k->inner_sums(&s);
  assert_close(got, want, (size_t)(m * n), 1e-5f, "inner sums");
  free(a);
  free(b);
  free(want);
  free(got);
}

static void check_pool(const ln_gradient_kernels *k, ln_windows w) {
  const size_t in = (size_t)(w.in_h * w.in_w * w.channels), out = (size_t)(w.out_h * w.out_w * w.channels);
  float *x = noises(in), *dy = noises(out), *want = noises(in), *got = noises(in);
  for (size_t i = 0; i < in; i += 3) x[i] = 0.5f; /* many that are equal */
  ln_gradient_kernels_generic.max_pool_back(&w, x, dy, want);
  k->max_pool_back(&w, x, dy, got);
  assert_close(got, want, in, 1e-6f, "maxima");
  free(x);
  free(dy);
  free(want);
  free(got);
}

static void check_rows(const ln_gradient_kernels *k, int32_t n) {
  float *a = noises((size_t)n), *b = noises((size_t)n), *want = noises((size_t)n), *got = noises((size_t)n);
  const float *const lists[3] = {a, b, a};
  ln_gradient_kernels_generic.mask((size_t)n, a, b, -0.25f, 0.5f, want);
  k->mask((size_t)n, a, b, -0.25f, 0.5f, got);
  assert_memory_equal(got, want, (size_t)n * sizeof *got);
  const ln_fake_grid grid = {0.01f, 100.0f, -0.5f, 0.75f};
  float seen_want[2] = {INFINITY, -INFINITY}, seen_got[2] = {INFINITY, -INFINITY};
  ln_gradient_kernels_generic.fake_quant((size_t)n, a, &grid, want, seen_want);
  k->fake_quant((size_t)n, a, &grid, got, seen_got);
  assert_memory_equal(got, want, (size_t)n * sizeof *got);
  assert_memory_equal(seen_got, seen_want, sizeof seen_got);
  for (int32_t first = 1; first >= 0; --first) {
    ln_gradient_kernels_generic.taps(3, lists, lists, n, first != 0, want);
    k->taps(3, lists, lists, n, first != 0, got);
    assert_close(got, want, (size_t)n, 1e-6f, "taps");
  }
  ln_gradient_kernels_generic.square_sums(1, n, a, b, want);
  k->square_sums(1, n, a, b, got);
  assert_close(got, want, (size_t)n, 1e-6f, "squares");
  free(a);
  free(b);
  free(want);
  free(got);
}

static void check_tier(const ln_gradient_kernels *k) {
  for (int32_t m = 1; m < 30; m += 1 + m / 8) {
    for (int32_t n = 1; n < 80; n += 1 + n / 6) check_sums(k, m, n, 1 + n % 4, m % 7);
  }
  for (int32_t c = 1; c < 70; c += 1 + c / 5) {
    check_rows(k, c);
    check_pool(k, (ln_windows){5, 6, 2, 3, c, 2, 2, 2, 2, 1, 1, 0, 0});
    check_pool(k, (ln_windows){7, 7, 4, 4, c, 3, 3, 2, 2, 1, 1, 1, 1});
    check_pool(k, (ln_windows){4, 9, 2, 3, c, 1, 2, 2, 3, 1, 1, 0, 0});
    check_pool(k, (ln_windows){5, 5, 3, 3, c, 2, 2, 2, 2, 1, 1, 0, 0});
  }
}

static void test_kernels(void **state) {
  (void)state;
  check_tier(&ln_gradient_kernels_generic);
#if defined(LN_X86)
  if (ln_isa_includes(ln_cpu_isa(), LN_ISA_AVX2)) check_tier(&ln_gradient_kernels_avx2);
  if (ln_isa_includes(ln_cpu_isa(), LN_ISA_AVX512)) check_tier(&ln_gradient_kernels_avx512);
#endif
}

/* ---- both forms of an operator's gradients ---- */

typedef struct shape {
  int32_t batch, size, in_c, out_c, kernel, stride, dilation, padding, activation;
  bool depthwise, pooled;
} shape;

static const shape shapes[] = {
    {40, 13, 8, 16, 3, 1, 1, LN_PADDING_VALID, LN_ACT_RELU, false, true},
    {33, 9, 24, 96, 1, 1, 1, LN_PADDING_SAME, LN_ACT_RELU6, false, false},
    {20, 12, 1, 32, 3, 1, 1, LN_PADDING_VALID, LN_ACT_RELU, false, true},
    {20, 11, 1, 24, 3, 2, 1, LN_PADDING_SAME, LN_ACT_NONE, false, false},
    {9, 10, 20, 12, 3, 2, 1, LN_PADDING_SAME, LN_ACT_RELU, false, true},
    {5, 12, 3, 5, 3, 1, 2, LN_PADDING_VALID, LN_ACT_NONE, false, false},
    {7, 12, 10, 70, 5, 1, 2, LN_PADDING_SAME, LN_ACT_NONE, false, false},
    {30, 9, 96, 96, 3, 1, 1, LN_PADDING_SAME, LN_ACT_RELU6, true, false},
    {30, 10, 40, 40, 3, 2, 1, LN_PADDING_SAME, LN_ACT_NONE, true, true},
    {2, 9, 5, 5, 2, 1, 3, LN_PADDING_VALID, LN_ACT_NONE, true, false},
    {1, 40, 1, 1, 9, 1, 1, LN_PADDING_SAME, LN_ACT_NONE, true, false},
    {70, 1, 200, 10, 1, 1, 1, LN_PADDING_VALID, LN_ACT_NONE, false, false},
};

/* x -> convolution -> pool -> sum of elements times their own values */
static ln_model *make_model(const shape *s, int32_t *y) {
  ln_model *model = build_model();
  const int32_t image[4] = {s->batch, s->size, s->size, s->in_c};
  const int32_t conv[4] = {s->out_c, s->kernel, s->kernel, s->in_c}, depthwise[4] = {1, s->kernel, s->kernel, s->out_c};
  int32_t in[3] = {build_input(model, LN_FLOAT32, 4, image)}, made[2];
  in[1] = build_input(model, LN_FLOAT32, 4, s->depthwise ? depthwise : conv);
  in[2] = build_input(model, LN_FLOAT32, 1, &s->out_c);
  const int32_t unknown[4] = {1, 1, 1, 1};
  made[0] = build_output(model, LN_FLOAT32, 4, unknown);
  if (s->depthwise) {
    ln_op *op = build_op(model, ln_op_find(LN_OP_DEPTHWISE_CONV_2D), 3, in, 1, made);
    *BUILD_OPTIONS(op, depthwise_conv2d_options) =
        (ln_depthwise_conv2d_options){.padding = (int8_t)s->padding,
                                      .stride_h = s->stride,
                                      .stride_w = s->stride,
                                      .depth_multiplier = 1,
                                      .fused_activation_function = (int8_t)s->activation,
                                      .dilation_h_factor = s->dilation,
                                      .dilation_w_factor = s->dilation};
  } else {
    ln_op *op = build_op(model, ln_op_find(LN_OP_CONV_2D), 3, in, 1, made);
    *BUILD_OPTIONS(op, conv2d_options) = (ln_conv2d_options){.padding = (int8_t)s->padding,
                                                             .stride_h = s->stride,
                                                             .stride_w = s->stride,
                                                             .fused_activation_function = (int8_t)s->activation,
                                                             .dilation_h_factor = s->dilation,
                                                             .dilation_w_factor = s->dilation};
  }
  *y = made[0];
  if (!s->pooled) return model;
  *y = made[1] = build_output(model, LN_FLOAT32, 4, unknown);
  ln_op *op = build_op(model, ln_op_find(LN_OP_MAX_POOL_2D), 1, made, 1, made + 1);
  *BUILD_OPTIONS(op, pool2d_options) = (ln_pool2d_options){.padding = LN_PADDING_SAME,
                                                           .stride_h = 2,
                                                           .stride_w = 2,
                                                           .filter_height = s->stride + 1,
                                                           .filter_width = s->stride + 1};
  return model;
}

typedef struct result {
  float *values[3];
  size_t counts[3];
} result;

static void open_edit(ln_model *model, ln_optimizer *o, ln_session **session) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.keep_all_tensors = true;
  *o = (ln_optimizer){.source = model, .err = &err};
  assert_int_equal(ln_session_create(model, &options, &err, session), LN_OK);
  assert_int_equal(ln_edit_begin(model, &err, &o->model), LN_OK);
  assert_int_equal(ln_grad_take_shapes(o, *session), LN_OK);
}

static void gradients(const shape *s, bool fast, int32_t threads, result *out) {
  int32_t y = -1, made[3] = {-1, -1, -1};
  ln_model *model = make_model(s, &y), *snapshot = NULL;
  ln_optimizer o;
  ln_session *session = NULL;
  open_edit(model, &o, &session);
  ln_session_destroy(session);
  ln_grad g = {.o = &o};
  const int32_t square = ln_grad_sum(&g, ln_grad_mul(&g, y, y), 15);
  const int32_t loss = ln_grad_reshape_dims(&g, square, 0, NULL);
  ln_graph *graph = ln_optimizer_graph(&o);
  assert_int_equal((fast ? ln_grad_build_fast : ln_grad_build)(&o, loss, graph->inputs, 3, made), LN_OK);
  graph->outputs = ln_arena_copy(&o.model->arena, made, sizeof made);
  graph->output_count = 3;
  if (ln_grad_snapshot(o.model, &err, &snapshot) != LN_OK) fail_msg("%s", err.message);
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = threads;
  if (ln_session_create(snapshot, &options, &err, &session) != LN_OK) fail_msg("%s", err.message);
  seed = 7;
  for (int32_t i = 0; i < 3; ++i) {
    float *values = noises(ln_tensor_elements(ln_session_input(session, i)));
    assert_int_equal(ln_session_set_input(session, i, values, ln_tensor_bytes(ln_session_input(session, i)), &err),
                     LN_OK);
    free(values);
  }
  if (ln_session_run(session, &err) != LN_OK) fail_msg("%s", err.message);
  for (int32_t i = 0; i < 3; ++i) {
    const ln_tensor *tensor = ln_session_output(session, i);
    out->counts[i] = ln_tensor_elements(tensor);
    out->values[i] = malloc(ln_tensor_bytes(tensor));
    memcpy(out->values[i], ln_tensor_data(tensor), ln_tensor_bytes(tensor));
  }
  ln_session_destroy(session);
  ln_model_destroy(snapshot);
  ln_model_destroy(o.model);
  ln_model_destroy(model);
}

static void test_forms(void **state) {
  (void)state;
  for (size_t n = 0; n < LN_COUNT(shapes); ++n) {
    result plain, fast[2];
    char what[64];
    gradients(&shapes[n], false, 1, &plain);
    gradients(&shapes[n], true, 1, &fast[0]);
    gradients(&shapes[n], true, 3, &fast[1]);
    for (int32_t i = 0; i < 3; ++i) {
      float most = 0;
      for (size_t k = 0; k < plain.counts[i]; ++k) most = fmaxf(most, fabsf(plain.values[i][k]));
      snprintf(what, sizeof what, "shape %zu, by input %d", n, (int)i);
      assert_int_equal(plain.counts[i], fast[0].counts[i]);
      assert_close(fast[0].values[i], plain.values[i], plain.counts[i], 2e-5f * (1 + most), what);
      assert_memory_equal(fast[0].values[i], fast[1].values[i], plain.counts[i] * sizeof(float));
      free(plain.values[i]);
      free(fast[0].values[i]);
      free(fast[1].values[i]);
    }
  }
}

/* ---- moments ---- */

enum { PIXELS = 24 * 11 * 10, CHANNELS = 19, VALUES = PIXELS * CHANNELS };

/* Means, variances and d (sum of both) / dx of x [24, 11, 10, 19], one behind the other. */
static void run_moments(const float *x, int32_t threads, float *out) {
  ln_model *model = build_model(), *snapshot = NULL;
  const int32_t input = build_input(model, LN_FLOAT32, 4, (const int32_t[]){24, 11, 10, CHANNELS});
  ln_optimizer o = {.source = model, .err = &err};
  ln_session *session = NULL;
  assert_int_equal(ln_edit_begin(model, &err, &o.model), LN_OK);
  ln_grad g = {.o = &o};
  const int32_t mean = ln_grad_moments(&g, input);
  const int32_t sum = ln_grad_sum(&g, ln_grad_binary(&g, LN_OP_ADD, mean, mean + 1), 15);
  int32_t outputs[3] = {mean, mean + 1, -1};
  assert_int_equal(ln_grad_build_fast(&o, ln_grad_reshape_dims(&g, sum, 0, NULL), &input, 1, &outputs[2]), LN_OK);
  ln_graph *graph = ln_optimizer_graph(&o);
  graph->outputs = outputs;
  graph->output_count = 3;
  assert_int_equal(ln_grad_snapshot(o.model, &err, &snapshot), LN_OK);
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.threads = threads;
  assert_int_equal(ln_session_create(snapshot, &options, &err, &session), LN_OK);
  assert_int_equal(ln_session_set_input(session, 0, x, VALUES * sizeof *x, &err), LN_OK);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  for (int32_t i = 0; i < 3; ++i) {
    const ln_tensor *tensor = ln_session_output(session, i);
    memcpy(out, ln_tensor_data(tensor), ln_tensor_bytes(tensor));
    out += ln_tensor_elements(tensor);
  }
  ln_session_destroy(session);
  ln_model_destroy(snapshot);
  ln_model_destroy(o.model);
  ln_model_destroy(model);
}

/* Far from zero, where a mean of squares less the mean's square would be noise. */
static void test_moments(void **state) {
  (void)state;
  static float out[2][VALUES + 2 * CHANNELS], want[VALUES + 2 * CHANNELS];
  float *x = noises(VALUES);
  for (int32_t c = 0; c < CHANNELS; ++c) {
    double sum = 0, squares = 0;
    for (int32_t i = c; i < VALUES; i += CHANNELS) sum += (double)(x[i] += (float)(100 * c));
    const double mean = sum / PIXELS;
    for (int32_t i = c; i < VALUES; i += CHANNELS) squares += ((double)x[i] - mean) * ((double)x[i] - mean);
    want[c] = (float)mean;
    want[CHANNELS + c] = (float)(squares / PIXELS);
    for (int32_t i = c; i < VALUES; i += CHANNELS) {
      want[2 * CHANNELS + i] = (float)((1 + 2 * ((double)x[i] - mean)) / PIXELS);
    }
  }
  run_moments(x, 1, out[0]);
  run_moments(x, 3, out[1]);
  assert_close(out[0], want, CHANNELS, 1e-6f, "means");
  assert_close(out[0] + CHANNELS, want + CHANNELS, CHANNELS, 1e-4f, "variances");
  assert_close(out[0] + 2 * CHANNELS, want + 2 * CHANNELS, VALUES, 1e-6f, "gradients");
  assert_memory_equal(out[0], out[1], sizeof out[0]);
  free(x);
}

/* ---- what a file may hold ---- */

static void refuse(const ln_op_def *row, const void *options, size_t size, int32_t channels) {
  const int32_t image[4] = {1, 4, 4, 2}, filter[4] = {1, 2, 2, 2}, small[4] = {1, 3, 3, channels};
  ln_model *model = build_model(), *snapshot = NULL;
  ln_session *session = NULL;
  const bool takes_filter = row == &ln_op_depthwise_input_gradient;
  const int32_t in[2] = {build_input(model, LN_FLOAT32, 4, takes_filter ? filter : image),
                         build_input(model, LN_FLOAT32, 4, small)};
  const int32_t out = build_output(model, LN_FLOAT32, 4, image);
  ln_op *op = build_op(model, row, 2, in, 1, &out);
  op->custom_name = row->name;
  op->custom_options = options;
  op->custom_options_size = size;
  assert_int_equal(ln_grad_snapshot(model, &err, &snapshot), LN_OK);
  err.message[0] = '\0';
  assert_int_not_equal(ln_session_create(snapshot, NULL, &err, &session), LN_OK);
  assert_non_null(strstr(err.message, row->name));
  ln_model_destroy(snapshot);
  ln_model_destroy(model);
}

static void test_refusals(void **state) {
  (void)state;
  const ln_op_def *const rows[] = {&ln_op_max_pool_gradient, &ln_op_conv_filter_gradient,
                                   &ln_op_depthwise_filter_gradient, &ln_op_depthwise_input_gradient};
  const ln_grad_places good = {{2, 2}, {1, 1}, {1, 1}, {0, 0}, {4, 4}, 0, 0};
  for (size_t i = 0; i < LN_COUNT(rows); ++i) {
    ln_grad_places w = good;
    refuse(rows[i], &w, sizeof w - 1, 2);
    if (rows[i] != &ln_op_conv_filter_gradient) refuse(rows[i], &w, sizeof w, 3);
    w.stride[1] = 0;
    refuse(rows[i], &w, sizeof w, 2);
    w = good;
    w.kernel[0] = INT32_MAX;
    refuse(rows[i], &w, sizeof w, 2);
    w = good;
    w.dilation[0] = INT32_MAX;
    refuse(rows[i], &w, sizeof w, 2);
    w = good;
    w.before[0] = -1;
    refuse(rows[i], &w, sizeof w, 2);
  }
  refuse(&ln_op_mask_gradient, &good, sizeof good, 2); /* of two shapes */
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_kernels),
      cmocka_unit_test(test_forms),
      cmocka_unit_test(test_moments),
      cmocka_unit_test(test_refusals),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The quantization debugger on models whose errors are known because they were put there. */
#include <math.h>
#include <stdio.h>
#include <unistd.h>

#include "linnet/debug.h"
#include "optimize/optimize.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { WIDTH = 8, LAYERS = 3 };

/* Weights [out, in] of a layer; far from symmetric, so that no two layers or rows are alike. */
static float weight(int32_t layer, int32_t row, int32_t column) {
  return (float)((row * 31 + column * 17 + layer * 53 + row * column * (layer + 3)) % 41 - 20) / 60.0f;
}

/* The first output channel of `dead` loses its weights: -1 for none. */
typedef struct fault {
  int32_t dead;
  float last_scale; /* of the last result; 0: enough for all values */
} fault;

static int32_t constant_row(ln_model *model, int32_t layer, bool quantized, const fault *f) {
  float plain[WIDTH * WIDTH];
  int8_t bytes[WIDTH * WIDTH];
  const int32_t dims[2] = {WIDTH, WIDTH};
  for (int32_t i = 0; i < WIDTH * WIDTH; ++i) {
    plain[i] = weight(layer, i / WIDTH, i % WIDTH);
    if (f->dead == layer && i / WIDTH == 5) plain[i] = 0;
    bytes[i] = (int8_t)lroundf(plain[i] * 250.0f);
  }
  if (!quantized) return build_constant(model, LN_FLOAT32, 2, dims, plain, sizeof plain);
  const int32_t index = build_constant(model, LN_INT8, 2, dims, bytes, sizeof bytes);
  build_quantize(model, index, 1.0f / 250.0f, 0);
  return index;
}

static int32_t result(ln_model *model, ln_type type, float scale) {
  const int32_t dims[2] = {1, WIDTH}, index = build_output(model, type, 2, dims);
  if (scale > 0) build_quantize(model, index, scale, 0);
  model->graphs[0].outputs[0] = index; /* only the last one stays an output */
  model->graphs[0].output_count = 1;
  return index;
}

static void add_layers(ln_model *model, int32_t input, bool quantized, const fault *f) {
  static const float scales[LAYERS] = {0.008f, 0.0055f, 0.003f}; /* all that layers say */
  int32_t at = input;
  for (int32_t i = 0; i < LAYERS; ++i) {
    const int32_t weights = constant_row(model, i, quantized, f);
    const float scale = i == LAYERS - 1 && f->last_scale > 0 ? f->last_scale : scales[i];
    const int32_t out = result(model, quantized ? LN_INT8 : LN_FLOAT32, quantized ? scale : 0);
    build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, (const int32_t[]){at, weights, -1}, 1, &out);
    at = out;
  }
}

static ln_model *float_model(void) {
  const fault none = {-1, 0};
  const int32_t dims[2] = {1, WIDTH};
  ln_model *model = build_model();
  add_layers(model, build_input(model, LN_FLOAT32, 2, dims), false, &none);
  return model;
}

/* With QUANTIZE and DEQUANTIZE at the ends, so that every tensor's number and name differ from the float model's. */
static ln_model *quantized_model(const fault *f) {
  const int32_t dims[2] = {1, WIDTH};
  ln_model *model = build_model();
  const int32_t input = build_input(model, LN_FLOAT32, 2, dims), bytes = result(model, LN_INT8, 0.008f);
  build_op(model, ln_op_find(LN_OP_QUANTIZE), 1, &input, 1, &bytes);
  add_layers(model, bytes, true, f);
  const int32_t last = model->graphs[0].outputs[0], out = result(model, LN_FLOAT32, 0);
  build_op(model, ln_op_find(LN_OP_DEQUANTIZE), 1, &last, 1, &out);
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

static const ln_samples samples = {sizeof samples, 40, fill, NULL};

static ln_quant_debug *debug(ln_model *floats, ln_model *quantized) {
  ln_quant_debug_options options = LN_QUANT_DEBUG_OPTIONS_INIT;
  ln_quant_debug *out = NULL;
  ln_error err = {LN_OK, ""};
  options.samples = &samples;
  if (ln_quant_debug_run(floats, quantized, &options, &err, &out) != LN_OK) fail_msg("%s", err.message);
  return out;
}

/* The row of a computed tensor by its operator in floats, of its weights with `constant`. */
static ln_quant_row row_of(const ln_quant_debug *d, int32_t op, bool constant, int32_t *index) {
  ln_quant_row row = {.size = sizeof row};
  for (int32_t i = 0; i < ln_quant_debug_rows(d); ++i) {
    assert_int_equal(ln_quant_debug_row(d, i, &row), LN_OK);
    if (row.op != op || row.constant != constant) continue;
    if (index != NULL) *index = i;
    return row;
  }
  fail_msg("operator %d has no row", op);
  return row;
}

static void matches_without_names(void **state) {
  (void)state;
  const fault none = {-1, 0};
  ln_model *floats = float_model(), *quantized = quantized_model(&none);
  ln_quant_debug *d = debug(floats, quantized);
  ln_quant_summary summary = {.size = sizeof summary};
  assert_int_equal(ln_quant_debug_summary(d, &summary), LN_OK);
  assert_int_equal(summary.samples, 40);
  assert_int_equal(summary.matched, 1 + LAYERS);
  assert_int_equal(summary.unmatched, 0);
  assert_int_equal(ln_quant_debug_unmatched(d, 0), -1);
  assert_true(summary.output_snr_db > 25 && summary.output_snr_db < 60);
  for (int32_t i = 0; i < LAYERS; ++i) {
    const ln_quant_row row = row_of(d, i, false, NULL), weights = row_of(d, i, true, NULL);
    assert_int_equal(row.quantized_op, i + 1);
    assert_int_equal(row.type, LN_INT8);
    assert_true(row.own_snr_db > 30 && row.own_snr_db <= row.type_snr_db + 1);
    assert_true(row.snr_db <= row.own_snr_db + 1);
    assert_true(row.clipped == 0 && row.cosine > 0.999);
    assert_true(weights.snr_db > 35 && weights.rmse_steps < 0.35 && weights.rmse_steps > 0.2);
  }
  ln_quant_debug_destroy(d);
  ln_model_destroy(floats);
  ln_model_destroy(quantized);
}

/* What one layer does wrong is its own error alone; what comes after it inherits. */
static void tells_own_error_from_inherited(void **state) {
  (void)state;
  const fault dead = {1, 0};
  ln_model *floats = float_model(), *quantized = quantized_model(&dead);
  ln_quant_debug *d = debug(floats, quantized);
  int32_t at = -1;
  const ln_quant_row first = row_of(d, 0, false, NULL), second = row_of(d, 1, false, &at),
                     third = row_of(d, 2, false, NULL);
  assert_true(first.own_snr_db > 30);
  assert_true(second.own_snr_db < 20);
  assert_true(third.own_snr_db > 30 && third.snr_db < third.own_snr_db - 10);
  ln_quant_channel channel = {.size = sizeof channel};
  assert_int_equal(ln_quant_debug_channel(d, at, 0, &channel), LN_OK);
  assert_int_equal(channel.channel, 5);
  assert_true(channel.share > 0.9);
  assert_int_equal(ln_quant_debug_channel(d, at, WIDTH, &channel), LN_ERR_ARGUMENT);
  assert_int_equal(ln_quant_debug_suggestion(d, 0), at);
  assert_int_equal(ln_quant_debug_suggestion(d, 1), -1); /* a quarter of the noise is left */
  assert_int_equal(second.suggested, 1);
  assert_true(second.share > 0.9 && second.output_snr_db < 25);
  double width = 0;
  int64_t bins[LN_QUANT_BINS], sum = 0;
  assert_int_equal(ln_quant_debug_histogram(d, at, &width, bins), LN_OK);
  for (int32_t i = 0; i < LN_QUANT_BINS; ++i) sum += bins[i];
  assert_int_equal(sum, 40 * WIDTH);
  assert_true(width * (LN_QUANT_BINS / 2 + 0.5) >= second.max_error);
  ln_quant_debug_destroy(d);
  ln_model_destroy(floats);
  ln_model_destroy(quantized);
}

static void counts_what_a_scale_cannot_say(void **state) {
  (void)state;
  const fault narrow = {-1, 0.001f};
  ln_model *floats = float_model(), *quantized = quantized_model(&narrow);
  ln_quant_debug *d = debug(floats, quantized);
  const ln_quant_row row = row_of(d, LAYERS - 1, false, NULL);
  assert_true(row.clipped > 0.05 && row.saturated >= row.clipped * 0.9);
  assert_true(fabs(row.to - 0.127) < 1e-4 && fabs(row.from + 0.128) < 1e-4);
  assert_true(row.range_used > 1.2);
  assert_true(row.type_snr_db < 20 && fabs(row.type_snr_db - row.own_snr_db) < 1);
  ln_quant_debug_destroy(d);
  ln_model_destroy(floats);
  ln_model_destroy(quantized);
}

static void a_model_equals_itself(void **state) {
  (void)state;
  ln_model *model = float_model();
  ln_quant_debug *d = debug(model, model);
  for (int32_t i = 0; i < ln_quant_debug_rows(d); ++i) {
    ln_quant_row row = {.size = sizeof row};
    assert_int_equal(ln_quant_debug_row(d, i, &row), LN_OK);
    assert_true(row.snr_db >= 199 && row.max_error == 0 && isnan(row.scale));
    assert_int_equal(row.match, row.constant ? LN_QUANT_MATCH_STRUCTURE : row.match);
  }
  assert_int_equal(ln_quant_debug_suggestion(d, 0), -1);
  ln_quant_debug_destroy(d);
  ln_model_destroy(model);
}

static void refuses_models_that_differ(void **state) {
  (void)state;
  ln_quant_debug_options options = LN_QUANT_DEBUG_OPTIONS_INIT;
  ln_quant_debug *d = NULL;
  ln_error err;
  ln_model *model = float_model(), *other = NULL;
  assert_int_equal(ln_model_open(LN_TESTS_DIR "/../models/fashion_mnist.tflite", &err, &other), LN_OK);
  assert_int_equal(ln_quant_debug_run(model, model, &options, &err, &d), LN_ERR_DATA); /* no samples */
  options.samples = &samples;
  assert_int_equal(ln_quant_debug_run(model, other, &options, &err, &d), LN_ERR_SHAPE);
  assert_null(d);
  assert_non_null(strstr(err.message, "elements in one model"));
  assert_int_equal(ln_quant_debug_run(other, other, &options, &err, &d), LN_ERR_DATA); /* integers alone */
  assert_non_null(strstr(err.message, "computes nothing in floats"));
  ln_model_destroy(model);
  ln_model_destroy(other);
}

static void survives_failed_allocations(void **state) {
  (void)state;
  const fault none = {-1, 0};
  ln_quant_debug_options options = LN_QUANT_DEBUG_OPTIONS_INIT;
  options.samples = &samples;
  options.limit = 1;
  bool done = false;
  for (long n = 1; !done; ++n) {
    ln_model *floats = float_model(), *quantized = quantized_model(&none);
    ln_quant_debug *d = NULL;
    ln_error err;
    ln_alloc_fail_after(n);
    const ln_status status = ln_quant_debug_run(floats, quantized, &options, &err, &d);
    done = ln_alloc_fail_pending() > 0;
    ln_alloc_fail_after(0);
    if (status != LN_OK && status != LN_ERR_MEMORY) fail_msg("allocation %ld: %s", n, err.message);
    assert_true((status == LN_OK) == (d != NULL));
    ln_quant_debug_destroy(d);
    ln_model_destroy(floats);
    ln_model_destroy(quantized);
  }
}

/* Files that a converter made: with its names, and with none. */
static void matches_a_converters_file(void **state) {
  (void)state;
  const char *paths[2] = {LN_SHARED_DIR "/compress/fashion_mbnet_float.tflite",
                          LN_SHARED_DIR "/compress/fashion_mbnet_int8.tflite"};
  ln_model *models[2] = {NULL, NULL}, *edited = NULL, *nameless = NULL;
  ln_error err;
  if (access(paths[0], R_OK) != 0 || access(paths[1], R_OK) != 0) skip();
  for (int i = 0; i < 2; ++i) assert_int_equal(ln_model_open(paths[i], &err, &models[i]), LN_OK);
  assert_int_equal(ln_edit_begin(models[1], &err, &edited), LN_OK);
  for (int32_t i = 0; i < edited->graphs[0].tensor_count; ++i) edited->graphs[0].tensors[i].name = "";
  assert_int_equal(ln_edit_snapshot(edited, &err, &nameless), LN_OK);
  ln_quant_debug *named = debug(models[0], models[1]), *unnamed = debug(models[0], nameless);
  ln_quant_summary a = {.size = sizeof a}, b = {.size = sizeof b};
  assert_int_equal(ln_quant_debug_summary(named, &a), LN_OK);
  assert_int_equal(ln_quant_debug_summary(unnamed, &b), LN_OK);
  assert_int_equal(a.matched, 22);
  assert_int_equal(a.unmatched, 0);
  assert_int_equal(b.matched, a.matched);
  assert_int_equal(ln_quant_debug_rows(named), ln_quant_debug_rows(unnamed));
  for (int32_t i = 0; i < ln_quant_debug_rows(named); ++i) {
    ln_quant_row x = {.size = sizeof x}, y = {.size = sizeof y};
    assert_int_equal(ln_quant_debug_row(named, i, &x), LN_OK);
    assert_int_equal(ln_quant_debug_row(unnamed, i, &y), LN_OK);
    assert_int_equal(x.quantized_tensor, y.quantized_tensor);
    assert_true(x.snr_db == y.snr_db);
  }
  ln_quant_debug_destroy(named);
  ln_quant_debug_destroy(unnamed);
  ln_model_destroy(nameless);
  ln_model_destroy(edited);
  for (int i = 0; i < 2; ++i) ln_model_destroy(models[i]);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(matches_without_names),          cmocka_unit_test(tells_own_error_from_inherited),
      cmocka_unit_test(counts_what_a_scale_cannot_say), cmocka_unit_test(a_model_equals_itself),
      cmocka_unit_test(refuses_models_that_differ),     cmocka_unit_test(survives_failed_allocations),
      cmocka_unit_test(matches_a_converters_file)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

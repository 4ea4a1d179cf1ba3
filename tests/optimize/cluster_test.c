/* Clustering: centers along a line, layers whose weights take few values, zeros that stay, what fitting to samples
 * gains. */
#include <math.h>
#include <string.h>

#include "optimize/kmeans.h"
#include "optimize/optimize.h"
#include "optimize/recipe.h"
#include "optimize/report.h"
#include "support/build_model.h"
#include "support/unit.h"

/* ---- centers ---- */

static const float values[] = {-1.02f, -1.0f, -0.98f, 0.49f, 0.5f, 0.51f, 2.0f, 2.1f, 1.9f, 2.0f};

static void every_start_finds_the_groups(void **state) {
  (void)state;
  for (int32_t s = LN_KMEANS_PLUS_PLUS; s <= LN_KMEANS_RANDOM; ++s) {
    const ln_kmeans how = {.clusters = 3, .start = (ln_kmeans_start)s, .seed = 7};
    float centers[3], again[3];
    int32_t used = 0;
    assert_true(ln_kmeans_find(&how, values, NULL, LN_COUNT(values), centers, &used));
    assert_int_equal(used, 3);
    assert_float_equal(centers[0], -1.0f, 1e-5f);
    assert_float_equal(centers[1], 0.5f, 1e-5f);
    assert_float_equal(centers[2], 2.0f, 1e-5f);
    assert_true(ln_kmeans_find(&how, values, NULL, LN_COUNT(values), again, &used));
    assert_memory_equal(centers, again, sizeof centers);
  }
}

static void zero_is_kept_and_weights_count(void **state) {
  (void)state;
  const ln_kmeans how = {.clusters = 3, .start = LN_KMEANS_PLUS_PLUS, .keep_zero = true, .seed = 1};
  const float two[] = {1.0f, 3.0f, -1.0f, -1.0f}, weights[] = {3.0f, 1.0f, 1.0f, 1.0f};
  float centers[3];
  int32_t used = 0;
  assert_true(ln_kmeans_find(&how, values, NULL, LN_COUNT(values), centers, &used));
  assert_true(centers[0] == 0.0f || centers[1] == 0.0f || centers[2] == 0.0f);
  const ln_kmeans pair = {.clusters = 2, .start = LN_KMEANS_LINEAR};
  assert_true(ln_kmeans_find(&pair, two, weights, LN_COUNT(two), centers, &used));
  assert_float_equal(centers[0], -1.0f, 1e-6f);
  assert_float_equal(centers[1], 1.5f, 1e-6f); /* (3 * 1 + 1 * 3) / 4 */
  const ln_kmeans many = {.clusters = 5, .start = LN_KMEANS_DENSITY};
  float five[5];
  assert_true(ln_kmeans_find(&many, two, NULL, LN_COUNT(two), five, &used));
  assert_int_equal(used, 3); /* no more than there are */
  assert_int_equal(ln_kmeans_nearest(five, used, 1.9f), 1);
  assert_int_equal(ln_kmeans_nearest(five, used, 2.1f), 2);
}

/* ---- models ---- */

enum { SIZE = 12, CHANNELS = 3, FILTERS = 16, CLASSES = 10, WEIGHTS = FILTERS * 9 * CHANNELS };

static float noise(uint64_t *state) {
  *state = *state * 6364136223846793005u + 1442695040888963407u;
  return (float)(*state >> 40) / 8388608.0f - 1.0f;
}

static ln_status fill(void *user, int64_t index, ln_session *session, ln_error *err) {
  (void)user;
  (void)err;
  ln_tensor *input = ln_session_input(session, 0);
  uint64_t state = (uint64_t)index * 977 + 5;
  for (size_t i = 0; i < ln_tensor_elements(input); ++i) {
    const float wave = sinf((float)(i % (SIZE * CHANNELS)) * 0.2f + (float)index);
    ln_tensor_set_f32(input, i, wave + 0.3f * noise(&state));
  }
  return LN_OK;
}

/* A convolution of stride 2 and a fully-connected layer; the convolution's weights with `zeros` of them zero. */
static ln_model *make(int32_t zeros) {
  static const int32_t in_dims[] = {1, SIZE, SIZE, CHANNELS}, filter[] = {FILTERS, 3, 3, CHANNELS},
                       mid_dims[] = {1, SIZE / 2, SIZE / 2, FILTERS}, filters = FILTERS,
                       dense[] = {CLASSES, SIZE / 2 * SIZE / 2 * FILTERS}, out_dims[] = {1, CLASSES};
  static float weights[WEIGHTS], rows[CLASSES * SIZE / 2 * SIZE / 2 * FILTERS], bias[FILTERS];
  uint64_t state = 11;
  for (int32_t i = 0; i < WEIGHTS; ++i) weights[i] = i < zeros ? 0.0f : noise(&state) * 0.3f;
  for (size_t i = 0; i < LN_COUNT(rows); ++i) rows[i] = noise(&state) * noise(&state) * 0.2f;
  ln_model *model = build_model();
  const int32_t in = build_input(model, LN_FLOAT32, 4, in_dims);
  const int32_t w = build_constant(model, LN_FLOAT32, 4, filter, weights, sizeof weights);
  const int32_t b = build_constant(model, LN_FLOAT32, 1, &filters, bias, sizeof bias);
  const int32_t d = build_constant(model, LN_FLOAT32, 2, dense, rows, sizeof rows);
  const int32_t out = build_output(model, LN_FLOAT32, 2, out_dims);
  const int32_t mid = build_output(model, LN_FLOAT32, 4, mid_dims);
  --model->graphs[0].output_count;
  ln_op *conv = build_op(model, ln_op_find(LN_OP_CONV_2D), 3, (const int32_t[]){in, w, b}, 1, &mid);
  BUILD_OPTIONS(conv, conv2d_options)->stride_h = BUILD_OPTIONS(conv, conv2d_options)->stride_w = 2;
  BUILD_OPTIONS(conv, conv2d_options)->fused_activation_function = LN_ACT_RELU;
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, (const int32_t[]){mid, d, -1}, 1, &out);
  return model;
}

static const ln_samples samples = {sizeof samples, 24, fill, NULL};

typedef struct outcome {
  double snr;
  int32_t most; /* distinct values of a clustered layer's weights */
  int32_t rows, left;
} outcome;

static void cluster(const char *const *settings, bool with_samples, outcome *out) {
  ln_model *model = make(0), *made = NULL;
  ln_recipe *recipe = NULL;
  ln_optimize_report *report = NULL;
  ln_error err;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  options.calibration = &samples;
  assert_int_equal(ln_recipe_create(&err, &recipe), LN_OK);
  assert_int_equal(ln_recipe_add(recipe, "cluster", &err), LN_OK);
  if (!with_samples) assert_int_equal(ln_recipe_set(recipe, "fit", "false", &err), LN_OK);
  for (; settings[0] != NULL; settings += 2)
    assert_int_equal(ln_recipe_set(recipe, settings[0], settings[1], &err), LN_OK);
  if (ln_optimize(model, recipe, &options, &err, &made, &report) != LN_OK) fail_msg("%s", err.message);
  ln_report_point point = {.size = sizeof point};
  assert_int_equal(ln_optimize_report_point(report, 1, &point), LN_OK);
  *out = (outcome){.snr = point.snr_db};
  for (int32_t i = 0; i < ln_optimize_report_layers(report); ++i) {
    ln_report_layer layer = {.size = sizeof layer};
    assert_int_equal(ln_optimize_report_layer(report, i, &layer), LN_OK);
    if (strcmp(layer.stage, "cluster") != 0) continue;
    if (strncmp(layer.what, "left", 4) == 0) {
      ++out->left;
      continue;
    }
    ++out->rows;
    if (layer.clusters > out->most) out->most = layer.clusters;
  }
  ln_optimize_report_destroy(report);
  ln_recipe_destroy(recipe);
  ln_model_destroy(made);
  ln_model_destroy(model);
}

static void layers_take_few_values(void **state) {
  (void)state;
  outcome plain, fitted, small;
  cluster((const char *const[]){"clusters", "8", "smallest", "400", NULL}, false, &plain);
  cluster((const char *const[]){"clusters", "8", "smallest", "400", NULL}, true, &fitted);
  assert_int_equal(plain.rows, 2);
  assert_true(plain.most <= 8 && fitted.most <= 8);
  assert_true(fitted.snr > plain.snr + 3); /* dB */
  cluster((const char *const[]){"clusters", "8", "smallest", "1000000000", NULL}, true, &small);
  assert_int_equal(small.rows, 0);
  assert_int_equal(small.left, plain.rows + plain.left);
}

/* A stage that has an earlier one's zeros to keep. */
static void zeros_stay(void **state) {
  (void)state;
  enum { ZEROS = 200 };
  ln_model *model = make(ZEROS), *copy = NULL;
  ln_recipe *recipe = NULL;
  ln_optimize_options options = LN_OPTIMIZE_OPTIONS_INIT;
  ln_error err;
  options.calibration = &samples;
  assert_int_equal(ln_edit_begin(model, &err, &copy), LN_OK);
  assert_int_equal(ln_recipe_create(&err, &recipe), LN_OK);
  for (int32_t by_channel = 0; by_channel < 2; ++by_channel) {
    ln_optimizer o = {.source = model, .model = copy, .options = &options, .stage = "test", .err = &err};
    ln_optimize_report *report = ln_report_create();
    o.report = report;
    assert_int_equal(ln_recipe_add(recipe, "cluster", &err), LN_OK);
    assert_int_equal(ln_recipe_set(recipe, "smallest", "1", &err), LN_OK);
    assert_int_equal(ln_recipe_set(recipe, "clusters", "5", &err), LN_OK);
    assert_int_equal(ln_recipe_set(recipe, "scope", by_channel ? "channel" : "tensor", &err), LN_OK);
    const int32_t weights = copy->graphs[0].ops[0].inputs[1];
    assert_int_equal(ln_invariant_keep_zeros(&o, weights), LN_OK);
    const ln_stage *stage = recipe->first;
    while (stage->next != NULL) stage = stage->next;
    if (ln_technique_cluster(&o, stage) != LN_OK) fail_msg("%s", err.message);
    assert_int_equal(ln_invariants_verify(&o), LN_OK);
    int32_t axis;
    assert_int_equal(ln_invariant_clusters(&o, weights, &axis), 5);
    assert_int_equal(axis, by_channel ? 0 : -1);
    const float *made = copy->graphs[0].tensors[weights].data;
    for (int32_t i = 0; i < ZEROS; ++i) assert_true(made[i] == 0.0f);
    ((float *)(uintptr_t)made)[0] = 0.125f;
    assert_int_equal(ln_invariants_verify(&o), LN_ERR_INTERNAL);
    ((float *)(uintptr_t)made)[0] = 0.0f;
    ln_invariants_destroy(o.invariants);
    ln_optimize_report_destroy(report);
  }
  ln_recipe_destroy(recipe);
  ln_model_destroy(copy);
  ln_model_destroy(model);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(every_start_finds_the_groups),
                                     cmocka_unit_test(zero_is_kept_and_weights_count),
                                     cmocka_unit_test(layers_take_few_values), cmocka_unit_test(zeros_stay)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

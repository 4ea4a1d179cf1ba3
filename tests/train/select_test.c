/* Which constants count as weights, in models of many origins; integers that become floats where they are chosen. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "linnet/builder.h"
#include "linnet/linnet.h"
#include "support/unit.h"
#include "train/trainer.h"

static ln_error err;

static ln_model *open_shared(const char *file) {
  char path[512];
  ln_model *model = NULL;
  snprintf(path, sizeof path, "%s/models/%s.tflite", LN_SHARED_DIR, file);
  return ln_model_open(path, &err, &model) == LN_OK ? model : NULL;
}

static void edit(ln_model *source, ln_optimizer *o) {
  *o = (ln_optimizer){.source = source, .err = &err};
  assert_int_equal(ln_edit_begin(source, &err, &o->model), LN_OK);
}

static int32_t list(ln_optimizer *o, const char *regex, ln_param **params) {
  int32_t count = 0;
  err.message[0] = 0;
  if (ln_train_list(o, regex, params, &count) != LN_OK) printf("%s\n", err.message);
  return count;
}

static void check_params(ln_optimizer *o, const ln_param *params, int32_t count) {
  const ln_graph *graph = ln_optimizer_graph(o);
  for (int32_t i = 0; i < count; ++i) {
    const ln_tensor *tensor = &graph->tensors[params[i].tensor];
    assert_true(ln_tensor_const_data(tensor) && tensor->type == LN_FLOAT32);
    assert_int_equal(tensor->bytes, params[i].count * 4);
    bool read = false;
    for (int32_t k = 0; k < graph->ops[params[i].op].input_count; ++k) {
      read = read || graph->ops[params[i].op].inputs[k] == params[i].tensor;
    }
    assert_true(read);
    assert_true(params[i].axis >= 0 && params[i].axis < params[i].shape.rank);
    if (params[i].is_weight) assert_true(params[i].shape.rank >= 2);
  }
}

/* ---- counts ---- */

typedef struct counted {
  const char *file;
  int32_t weights, others;
} counted;

static const counted files[] = {
    {"mobilenet_v1_0.25_224_float", 28, 28},
    {"tiny_resnet_float", 10, 10},
    {"mp_face_detection_full_range_sparse", 91, 91},
    {"mp_hand_landmark_lite", 51, 51},
    {"tflm_trained_lstm", 9, 5},
    {"deeplabv3_float", 55, 55},
    {"mp_selfie_segmentation", 54, 54},
    {"movie_review", 3, 2},
    {"litert_conformer", 9, 6},
};

static void test_counts(void **state) {
  (void)state;
  for (size_t i = 0; i < LN_COUNT(files); ++i) {
    ln_model *source = open_shared(files[i].file);
    if (source == NULL) continue;
    ln_optimizer o;
    ln_param *params = NULL;
    ln_model *snapshot = NULL;
    edit(source, &o);
    const int32_t count = list(&o, NULL, &params);
    int32_t weights = 0;
    for (int32_t k = 0; k < count; ++k) weights += params[k].is_weight;
    assert_int_equal(weights, files[i].weights);
    assert_int_equal(count - weights, files[i].others);
    check_params(&o, params, count);
    assert_int_equal(ln_edit_snapshot(o.model, &err, &snapshot), LN_OK);
    ln_model_destroy(snapshot);
    ln_model_destroy(o.model);
    ln_model_destroy(source);
  }
}

/* ---- integers ---- */

static void test_dequantized(void **state) {
  static const char *const names[] = {"tiny_resnet_int8",   "tiny_kws_int8", "mobilenet_v2_1.0_224_quant",
                                      "tflm_person_detect", "tiny_vww_int8", "coral_tf2_mobilenet_v2_1.0_224_ptq"};
  (void)state;
  for (size_t i = 0; i < LN_COUNT(names); ++i) {
    ln_model *source = open_shared(names[i]);
    if (source == NULL) continue;
    ln_optimizer o;
    ln_param *params = NULL;
    ln_model *snapshot = NULL;
    ln_session *one = NULL, *two = NULL;
    edit(source, &o);
    const int32_t count = list(&o, NULL, &params);
    assert_true(count > 4);
    check_params(&o, params, count);
    assert_int_equal(ln_edit_snapshot(o.model, &err, &snapshot), LN_OK);
    assert_int_equal(ln_session_create(source, NULL, &err, &one), LN_OK);
    if (ln_session_create(snapshot, NULL, &err, &two) != LN_OK) printf("%s: %s\n", names[i], err.message);
    assert_non_null(two);
    uint32_t seed = 1;
    uint8_t *data = ln_session_input(one, 0)->data;
    for (size_t k = 0; k < ln_tensor_bytes(ln_session_input(one, 0)); ++k) {
      seed = seed * 1664525u + 1013904223u;
      data[k] = (uint8_t)((seed >> 24) / 4 + k / 97 % 128);
    }
    assert_int_equal(ln_session_set_input(two, 0, data, ln_tensor_bytes(ln_session_input(one, 0)), &err), LN_OK);
    assert_int_equal(ln_session_run(one, &err), LN_OK);
    assert_int_equal(ln_session_run(two, &err), LN_OK);
    const ln_tensor *a = ln_session_output(one, 0), *b = ln_session_output(two, 0);
    assert_int_equal(b->type, LN_FLOAT32);
    double worst = 0, top = 0;
    for (size_t k = 0; k < ln_tensor_bytes(b) / 4; ++k) {
      const double value = (double)ln_tensor_get_f32(a, k), other = (double)((const float *)b->data)[k];
      top = fmax(top, fabs(value));
      worst = fmax(worst, fabs(value - other));
    }
    if (worst > 0.15 * top) printf("%s: off by %g of %g\n", names[i], worst, top);
    assert_true(worst <= 0.15 * top);
    ln_session_destroy(one);
    ln_session_destroy(two);
    ln_model_destroy(snapshot);
    ln_model_destroy(o.model);
    ln_model_destroy(source);
  }
}

/* ---- names ---- */

static ln_model *build(const char *const *layers, int32_t count) {
  ln_builder *b = NULL;
  ln_model *model = NULL;
  assert_int_equal(ln_builder_create(NULL, &err, &b), LN_OK);
  assert_int_equal(ln_builder_input(b, "image", LN_FLOAT32, 3, (const int32_t[]){8, 8, 2}, &err), LN_OK);
  for (int32_t i = 0; i < count; ++i) assert_int_equal(ln_builder_add(b, layers[i], &err), LN_OK);
  assert_int_equal(ln_builder_make(b, &err, &model), LN_OK);
  ln_builder_destroy(b);
  return model;
}

static void test_layers(void **state) {
  static const char *const layers[] = {"Conv2D name=one filters=4 kernel_size=3",
                                       "BatchNormalization name=norm fold=false center=false", "Flatten",
                                       "Dense name=two units=5", "Dense name=three units=3"};
  (void)state;
  ln_model *source = build(layers, LN_COUNT(layers));
  ln_optimizer o;
  ln_param *params = NULL;
  edit(source, &o);
  assert_int_equal(list(&o, NULL, &params), 7); /* no beta */
  check_params(&o, params, 7);
  assert_string_equal(params[2].name, "norm/gamma");
  assert_string_equal(params[2].layer, "norm");
  assert_false(params[2].is_weight);
  assert_int_equal(list(&o, "^two$|^one", &params), 4);
  assert_string_equal(params[3].layer, "two");
  assert_int_equal(list(&o, "kernel", &params), 3);
  assert_int_equal(list(&o, "four", &params), 0);
  assert_non_null(strstr(err.message, "\"four\""));
  assert_int_equal(list(&o, "(", &params), 0);
  ln_model_destroy(o.model);
  ln_model_destroy(source);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_counts), cmocka_unit_test(test_dequantized),
                                     cmocka_unit_test(test_layers)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

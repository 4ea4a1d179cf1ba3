/* A batch of three different samples gives what three runs give, on real models and on what a batch meets on the way.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/unit.h"
#include "train/trainer.h"

enum { BATCH = 3 };

typedef struct expected {
  const char *file;
  const char *refusal; /* part of the message; NULL: it takes a batch */
} expected;

static const expected models[] = {
    {"mobilenet_v1_0.25_224_float", NULL},
    {"deeplabv3_float", NULL},
    {"mp_face_detection_short_range", NULL},
    {"mp_face_detection_full_range_sparse", NULL},
    {"mp_hand_landmark_lite", NULL},
    {"mp_pose_landmark_lite", NULL},
    {"mp_selfie_segmentation", NULL},
    {"tiny_resnet_float", NULL},
    {"tiny_vww_float", NULL},
    {"tiny_kws_float", NULL},
    {"tiny_ad01_fp32", NULL},
    {"tflm_trained_lstm", NULL},
    {"planestrike", NULL},
    {"tiny_resnet_int8", NULL},
    {"mobilenet_v2_1.0_224_quant", NULL},
    {"ssd_mobilenet_v1_quant", "TFLite_Detection_PostProcess"},
    {"coral_movenet_single_pose_lightning_ptq", "ADD \"add_2\": takes no batch of 3"},
    {"yamnet", "input \"waveform_binary\""},
    {"litert_conformer", "its first dimension is 335"},
    {"movie_review", NULL},
    {"coral_keras_lstm_mnist_ptq", NULL},
    {"tflm_dtln_noise_suppression", NULL},
    {"automl_labeler", NULL},
};

static uint32_t seed = 1;

static void fill(ln_tensor *tensor) {
  const size_t bytes = ln_tensor_bytes(tensor);
  uint8_t *data = tensor->data;
  for (size_t i = 0; i < (tensor->type == LN_FLOAT32 ? bytes / 4 : bytes); ++i) {
    seed = seed * 1664525u + 1013904223u;
    if (tensor->type == LN_FLOAT32) {
      ((float *)tensor->data)[i] = (float)(seed >> 8) / (float)(1 << 23) - 1;
    } else {
      data[i] = tensor->type == LN_INT8 || tensor->type == LN_UINT8 ? (uint8_t)(seed >> 24) : 0;
    }
  }
}

static ln_session *open(ln_model *model) {
  ln_session *session = NULL;
  ln_error err;
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.first_graph = true;
  if (ln_session_create(model, &options, &err, &session) != LN_OK) printf("%s\n", err.message);
  assert_non_null(session);
  return session;
}

static void compare(const ln_tensor *one, const ln_tensor *many, int32_t sample) {
  const size_t bytes = ln_tensor_bytes(one);
  assert_int_equal(ln_tensor_bytes(many), BATCH * bytes);
  const uint8_t *part = (const uint8_t *)many->data + (size_t)sample * bytes;
  if (one->type != LN_FLOAT32) {
    assert_memory_equal(one->data, part, bytes);
    return;
  }
  double top = 0, worst = 0;
  for (size_t i = 0; i < bytes / 4; ++i) {
    const double value = (double)((const float *)one->data)[i];
    top = fmax(top, fabs(value));
    worst = fmax(worst, fabs(value - (double)((const float *)part)[i]));
  }
  if (!(worst <= 1e-4 * top + 1e-6)) printf("'%s': off by %g of %g\n", one->name, worst, top);
  assert_true(worst <= 1e-4 * top + 1e-6);
}

/* Three samples in one run, and each in a run of its own. */
static void run_both(ln_model *source, ln_model *batched) {
  ln_error err;
  ln_session *one = open(source), *many = open(batched);
  for (int32_t i = 0; i < ln_session_input_count(many); ++i) fill(ln_session_input(many, i));
  assert_int_equal(ln_session_run(many, &err), LN_OK);
  for (int32_t sample = 0; sample < BATCH; ++sample) {
    ln_session_reset(one);
    for (int32_t i = 0; i < ln_session_input_count(one); ++i) {
      const ln_tensor *all = ln_session_input(many, i);
      ln_tensor *input = ln_session_input(one, i);
      const size_t bytes = ln_tensor_bytes(input);
      const size_t from = ln_tensor_bytes(all) == bytes ? 0 : (size_t)sample * bytes;
      assert_int_equal(ln_session_set_input(one, i, (const uint8_t *)all->data + from, bytes, &err), LN_OK);
    }
    assert_int_equal(ln_session_run(one, &err), LN_OK);
    for (int32_t i = 0; i < ln_session_output_count(one); ++i) {
      compare(ln_session_output(one, i), ln_session_output(many, i), sample);
    }
  }
  ln_session_destroy(many);
  ln_session_destroy(one);
}

static void check(const expected *e) {
  char path[512];
  ln_error err = {0};
  ln_model *source = NULL, *batched = NULL;
  snprintf(path, sizeof path, "%s/models/%s.tflite", LN_SHARED_DIR, e->file);
  if (ln_model_open(path, &err, &source) != LN_OK) {
    printf("%s is not there\n", path);
    return;
  }
  ln_optimizer o = {.source = source, .err = &err};
  assert_int_equal(ln_edit_begin(source, &err, &o.model), LN_OK);
  const ln_status status = ln_train_rebatch(&o, BATCH);
  if (status != LN_OK) printf("%s: %s\n", e->file, err.message);
  assert_int_equal(status, e->refusal == NULL ? LN_OK : LN_ERR_UNSUPPORTED);
  if (e->refusal != NULL) assert_non_null(strstr(err.message, e->refusal));
  if (status == LN_OK) {
    o.model->signature_count = 0;
    assert_int_equal(ln_edit_snapshot(o.model, &err, &batched), LN_OK);
    run_both(source, batched);
  }
  ln_model_destroy(batched);
  ln_model_destroy(o.model);
  ln_model_destroy(source);
}

static void test_models(void **state) {
  (void)state;
  for (size_t i = 0; i < LN_COUNT(models); ++i) check(&models[i]);
}

/* ---- operators that hold the batch, or work along it ---- */

typedef struct net {
  ln_model *model;
  int32_t input, last; /* tensors */
} net;

static int32_t constant(net *n, int32_t count, const int32_t *values) {
  return build_constant(n->model, LN_INT32, 1, &count, values, (size_t)count * sizeof *values);
}

/* An operator with the last tensor as input `at` among `inputs` others; its output becomes the last. */
static ln_op *then(net *n, int32_t code, int32_t count, const int32_t *inputs, int32_t rank, const int32_t *dims) {
  n->last = build_output(n->model, LN_FLOAT32, rank, dims);
  return build_op(n->model, ln_op_find(code), count, inputs, 1, &n->last);
}

static net begin_net(int32_t rank, const int32_t *dims) {
  net n = {.model = build_model()};
  n.input = n.last = build_input(n.model, LN_FLOAT32, rank, dims);
  return n;
}

/* Rebatches and compares, or is refused with `why` in the message. */
static void check_net(net *n, const char *why) {
  ln_error err = {0};
  ln_model *source = NULL, *batched = NULL;
  ln_graph *graph = &n->model->graphs[0];
  graph->outputs[0] = n->last;
  graph->output_count = 1;
  if (ln_edit_snapshot(n->model, &err, &source) != LN_OK) printf("%s\n", err.message);
  assert_non_null(source);
  ln_optimizer o = {.source = source, .err = &err};
  assert_int_equal(ln_edit_begin(source, &err, &o.model), LN_OK);
  const ln_status status = ln_train_rebatch(&o, BATCH);
  if (status != (why == NULL ? LN_OK : LN_ERR_UNSUPPORTED)) printf("%s\n", err.message);
  assert_int_equal(status, why == NULL ? LN_OK : LN_ERR_UNSUPPORTED);
  if (why == NULL) {
    assert_int_equal(ln_edit_snapshot(o.model, &err, &batched), LN_OK);
    run_both(source, batched);
  } else if (strstr(err.message, why) == NULL) {
    printf("%s\n", err.message);
    fail();
  }
  ln_model_destroy(batched);
  ln_model_destroy(o.model);
  ln_model_destroy(source);
  ln_model_destroy(n->model);
}

static void test_mended(void **state) {
  (void)state;
  net n = begin_net(2, (const int32_t[]){1, 6});
  then(&n, LN_OP_RESHAPE, 2, (const int32_t[]){n.last, constant(&n, 3, (const int32_t[]){1, 2, 3})}, 3,
       (const int32_t[]){1, 2, 3});
  then(&n, LN_OP_SLICE, 3,
       (const int32_t[]){n.last, constant(&n, 3, (const int32_t[]){0, 0, 1}),
                         constant(&n, 3, (const int32_t[]){1, 2, 2})},
       3, (const int32_t[]){1, 2, 2});
  then(&n, LN_OP_STRIDED_SLICE, 4,
       (const int32_t[]){n.last, constant(&n, 3, (const int32_t[]){0, 0, 0}),
                         constant(&n, 3, (const int32_t[]){1, 2, 1}), constant(&n, 3, (const int32_t[]){1, 1, 1})},
       3, (const int32_t[]){1, 2, 1});
  then(&n, LN_OP_TILE, 2, (const int32_t[]){n.last, constant(&n, 3, (const int32_t[]){1, 1, 2})}, 3,
       (const int32_t[]){1, 2, 2});
  then(&n, LN_OP_BROADCAST_TO, 2, (const int32_t[]){n.last, constant(&n, 4, (const int32_t[]){2, 1, 2, 2})}, 4,
       (const int32_t[]){2, 1, 2, 2});
  n.model->graphs[0].ops[n.model->graphs[0].op_count - 1].version = 2;
  then(&n, LN_OP_TRANSPOSE, 2, (const int32_t[]){n.last, constant(&n, 4, (const int32_t[]){1, 0, 2, 3})}, 4,
       (const int32_t[]){1, 2, 2, 2});
  const int32_t same =
      build_constant(n.model, LN_FLOAT32, 4, (const int32_t[]){1, 2, 2, 2}, (const float[8]){1, 2, 3}, 32);
  ln_op *op = then(&n, LN_OP_CONCATENATION, 2, (const int32_t[]){n.last, same}, 4, (const int32_t[]){1, 2, 4, 2});
  BUILD_OPTIONS(op, concatenation_options)->axis = 2;
  check_net(&n, NULL);
}

/* Time first: samples lie along the second dimension. */
static void test_second_dimension(void **state) {
  (void)state;
  net n = begin_net(3, (const int32_t[]){1, 4, 2});
  then(&n, LN_OP_TRANSPOSE, 2, (const int32_t[]){n.last, constant(&n, 3, (const int32_t[]){1, 0, 2})}, 3,
       (const int32_t[]){4, 1, 2});
  then(&n, LN_OP_RESHAPE, 2, (const int32_t[]){n.last, constant(&n, 4, (const int32_t[]){4, 1, 2, 1})}, 4,
       (const int32_t[]){4, 1, 2, 1});
  then(&n, LN_OP_CUMSUM, 2,
       (const int32_t[]){n.last, build_constant(n.model, LN_INT32, 0, NULL, (const int32_t[]){0}, 4)}, 4,
       (const int32_t[]){4, 1, 2, 1});
  then(&n, LN_OP_TRANSPOSE, 2, (const int32_t[]){n.last, constant(&n, 4, (const int32_t[]){1, 0, 2, 3})}, 4,
       (const int32_t[]){1, 4, 2, 1});
  check_net(&n, NULL);
}

static void test_refused(void **state) {
  (void)state;
  net n = begin_net(2, (const int32_t[]){1, 6});
  then(&n, LN_OP_TILE, 2, (const int32_t[]){n.last, constant(&n, 2, (const int32_t[]){2, 1})}, 2,
       (const int32_t[]){2, 6});
  check_net(&n, "TILE");
  n = begin_net(2, (const int32_t[]){1, 6});
  then(&n, LN_OP_CUMSUM, 2,
       (const int32_t[]){n.last, build_constant(n.model, LN_INT32, 0, NULL, (const int32_t[]){0}, 4)}, 2,
       (const int32_t[]){1, 6});
  check_net(&n, "along the dimension of samples");
  n = begin_net(2, (const int32_t[]){1, 6});
  then(&n, LN_OP_SLICE, 3,
       (const int32_t[]){n.last, constant(&n, 2, (const int32_t[]){0, 0}), constant(&n, 2, (const int32_t[]){0, 6})}, 2,
       (const int32_t[]){0, 6});
  check_net(&n, "between samples");
  n = begin_net(2, (const int32_t[]){1, 6});
  ln_op *op = then(&n, LN_OP_MEAN, 2, (const int32_t[]){n.last, constant(&n, 1, (const int32_t[]){0})}, 2,
                   (const int32_t[]){1, 6});
  BUILD_OPTIONS(op, reducer_options)->keep_dims = true;
  check_net(&n, "each sample's own");
  n = begin_net(2, (const int32_t[]){1, 6});
  op = then(&n, LN_OP_CONCATENATION, 2, (const int32_t[]){n.last, n.last}, 2, (const int32_t[]){2, 6});
  BUILD_OPTIONS(op, concatenation_options)->axis = 0;
  check_net(&n, "CONCATENATION");
  n = begin_net(1, (const int32_t[]){6});
  then(&n, LN_OP_RELU, 1, (const int32_t[]){n.last}, 1, (const int32_t[]){6});
  check_net(&n, "its first dimension is 6");
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_models), cmocka_unit_test(test_mended),
                                     cmocka_unit_test(test_second_dimension), cmocka_unit_test(test_refused)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

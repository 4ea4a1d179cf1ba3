/*
 * Steps that run inside others give the bits that they give alone: on the real models, and on graphs where the chain
 * may not write where its head still reads.
 */
#include <stdio.h>
#include <stdlib.h>

#include "linnet/linnet.h"
#include "runtime/runtime.h"
#include "support/build_model.h"
#include "support/unit.h"

static uint64_t state;

static uint32_t next_random(void) {
  state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
  return (uint32_t)(state >> 33);
}

static void fill(ln_tensor *tensor) {
  const size_t bytes = ln_tensor_bytes(tensor);
  uint8_t *data = ln_tensor_mutable_data(tensor);
  if (data == NULL || tensor->type == LN_STRING) return;
  for (size_t i = 0; i < bytes; ++i) data[i] = tensor->type == LN_BOOL ? next_random() % 2 : (uint8_t)next_random();
  for (size_t i = 0; tensor->type == LN_FLOAT32 && i < bytes / 4; ++i) {
    ((float *)(void *)data)[i] = (float)next_random() / (float)(1u << 31) - 0.5f;
  }
}

static ln_session *make(ln_model *model, int32_t threads, bool apart) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session *session = NULL;
  options.threads = threads;
  options.prepare_later = true;
  assert_int_equal(ln_session_create(model, &options, NULL, &session), LN_OK);
  session->apart = apart;
  assert_int_equal(ln_session_prepare(session, NULL), LN_OK);
  return session;
}

/* `want` runs every operator by itself. `got` runs twice, since inputs keep their memory. */
static void compare(ln_session *want, ln_session *got, const char *name) {
  state = 7;
  for (int32_t i = 0; i < ln_session_input_count(want); ++i) fill(ln_session_input(want, i));
  state = 7;
  for (int32_t i = 0; i < ln_session_input_count(got); ++i) fill(ln_session_input(got, i));
  assert_int_equal(ln_session_run(want, NULL), LN_OK);
  for (int32_t round = 0; round < 2; ++round) {
    assert_int_equal(ln_session_run(got, NULL), LN_OK);
    for (int32_t i = 0; i < ln_session_output_count(want); ++i) {
      const ln_tensor *a = ln_session_output(want, i), *b = ln_session_output(got, i);
      assert_int_equal(ln_tensor_bytes(a), ln_tensor_bytes(b));
      if (memcmp(ln_tensor_data(a), ln_tensor_data(b), ln_tensor_bytes(a)) != 0) fail_msg("%s: output %d", name, i);
    }
  }
}

static void check_model(ln_model *model, const char *name, bool has_chains) {
  ln_session *want = make(model, 1, true);
  for (int32_t threads = 1; threads <= 2; ++threads) {
    ln_session *got = make(model, threads, false);
    ln_session_stats stats = {.size = sizeof stats};
    assert_int_equal(ln_session_get_stats(got, &stats), LN_OK);
    if (has_chains) assert_true(stats.operators < model->graphs[0].op_count);
    compare(want, got, name);
    ln_session_destroy(got);
  }
  ln_session_destroy(want);
  ln_model_destroy(model);
}

static void real_models_keep_their_bits(void **unused) {
  static const char *const names[] = {
      "tiny_resnet_int8",       "tiny_resnet_float", "mp_face_detection_short_range", "mp_hand_landmark_lite",
      "mp_selfie_segmentation", "litert_conformer",  "mobilenet_v2_1.0_224_quant"};
  (void)unused;
  for (size_t i = 0; i < LN_COUNT(names); ++i) {
    char path[1024];
    ln_model *model = NULL;
    snprintf(path, sizeof path, "%s/models/%s.tflite", LN_SHARED_DIR, names[i]);
    if (ln_model_open(path, NULL, &model) != LN_OK) skip();
    check_model(model, names[i], true);
  }
}

enum { SIDE = 40, CHANNELS = 12 };

static const int32_t image[] = {1, SIDE, SIDE, CHANNELS};

static int32_t constant(ln_model *model, int32_t rank, const int32_t *dims, int32_t count) {
  float *values = malloc((size_t)count * sizeof *values);
  for (int32_t i = 0; i < count; ++i) values[i] = (float)next_random() / (float)(1u << 31) - 0.5f;
  const int32_t index = build_constant(model, LN_FLOAT32, rank, dims, values, (size_t)count * sizeof *values);
  free(values);
  return index;
}

static int32_t result(ln_model *model, int32_t code, int32_t a, int32_t b) {
  const int32_t out = build_output(model, LN_FLOAT32, 4, image);
  build_op(model, ln_op_find(code), b < 0 ? 1 : 2, (const int32_t[]){a, b}, 1, &out);
  model->graphs[0].output_count = 0; /* the caller says */
  return out;
}

static int32_t convolution(ln_model *model, int32_t in, int32_t kernel) {
  const int32_t dims[] = {CHANNELS, kernel, kernel, CHANNELS};
  const int32_t filter = constant(model, 4, dims, CHANNELS * CHANNELS * kernel * kernel);
  const int32_t out = build_output(model, LN_FLOAT32, 4, image);
  ln_op *op = build_op(model, ln_op_find(LN_OP_CONV_2D), 3, (const int32_t[]){in, filter, -1}, 1, &out);
  BUILD_OPTIONS(op, conv2d_options)->stride_h = BUILD_OPTIONS(op, conv2d_options)->stride_w = 1;
  BUILD_OPTIONS(op, conv2d_options)->padding = LN_PADDING_SAME;
  model->graphs[0].output_count = 0;
  return out;
}

static void give(ln_model *model, int32_t tensor) {
  model->graphs[0].outputs[0] = tensor;
  model->graphs[0].output_count = 1;
}

/* x + f(x) where f is the head: the sum may not take x's memory, which other stretches still read. */
static void a_head_keeps_its_input(void **unused) {
  (void)unused;
  for (int32_t kernel = 1; kernel <= 5; kernel += 4) { /* 3: Winograd hands no lines on */
    ln_model *model = build_model();
    const int32_t input = build_input(model, LN_FLOAT32, 4, image);
    const int32_t x = result(model, LN_OP_ABS, input, -1);
    const int32_t y = convolution(model, x, kernel);
    const int32_t sum = result(model, LN_OP_ADD, x, y);
    give(model, convolution(model, sum, kernel));
    check_model(model, "residual", true);
  }
}

/* Swish: what the chain made before is read again behind its last step in place. */
static void a_chain_reads_what_it_made(void **unused) {
  (void)unused;
  ln_model *model = build_model();
  const int32_t input = build_input(model, LN_FLOAT32, 4, image);
  const int32_t y = convolution(model, input, 3);
  const int32_t gate = result(model, LN_OP_LOGISTIC, y, -1);
  const int32_t swish = result(model, LN_OP_MUL, y, gate);
  const int32_t scale = constant(model, 1, (const int32_t[]){CHANNELS}, CHANNELS);
  const int32_t scaled = result(model, LN_OP_MUL, swish, scale);
  const int32_t line = constant(model, 4, (const int32_t[]){1, SIDE, 1, CHANNELS}, SIDE * CHANNELS);
  give(model, result(model, LN_OP_ADD, scaled, line));
  check_model(model, "swish", true);
}

/* A step that reads what comes after the head, or another size of it, runs by itself. */
static void strangers_do_not_follow(void **unused) {
  (void)unused;
  ln_model *model = build_model();
  const int32_t input = build_input(model, LN_FLOAT32, 4, image);
  const int32_t y = convolution(model, input, 1);
  const int32_t pooled = build_output(model, LN_FLOAT32, 4, (const int32_t[]){1, 1, 1, CHANNELS});
  ln_op *pool = build_op(model, ln_op_find(LN_OP_AVERAGE_POOL_2D), 1, &y, 1, &pooled);
  BUILD_OPTIONS(pool, pool2d_options)->stride_h = BUILD_OPTIONS(pool, pool2d_options)->stride_w = 1;
  BUILD_OPTIONS(pool, pool2d_options)->filter_height = BUILD_OPTIONS(pool, pool2d_options)->filter_width = SIDE;
  BUILD_OPTIONS(pool, pool2d_options)->padding = LN_PADDING_VALID;
  give(model, result(model, LN_OP_MUL, y, pooled));
  check_model(model, "squeeze", false);
}

enum { LINES = 64, LINE = 1200 };

static int32_t softmax_of(ln_model *model, int32_t in, int32_t width) {
  const int32_t dims[] = {LINES * LINE / width, width};
  const int32_t shape = build_constant(model, LN_INT32, 1, (const int32_t[]){2}, dims, sizeof dims);
  const int32_t rows = build_output(model, LN_FLOAT32, 2, dims), out = build_output(model, LN_FLOAT32, 2, dims);
  build_op(model, ln_op_find(LN_OP_RESHAPE), 2, (const int32_t[]){in, shape}, 1, &rows);
  build_op(model, ln_op_find(LN_OP_SOFTMAX), 1, &rows, 1, &out);
  return out;
}

/* Rows of 6 and of 4 in lines that are made of both: a stretch holds whole ones of either. */
static void stretches_are_whole_rows_of_all(void **unused) {
  (void)unused;
  ln_model *model = build_model();
  const int32_t input = build_input(model, LN_FLOAT32, 2, (const int32_t[]){LINES, CHANNELS});
  const int32_t weights = constant(model, 2, (const int32_t[]){LINE, CHANNELS}, LINE * CHANNELS);
  const int32_t lines = build_output(model, LN_FLOAT32, 2, (const int32_t[]){LINES, LINE});
  build_op(model, ln_op_find(LN_OP_FULLY_CONNECTED), 3, (const int32_t[]){input, weights, -1}, 1, &lines);
  give(model, softmax_of(model, softmax_of(model, lines, 6), 4));
  check_model(model, "rows", true);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(real_models_keep_their_bits),     cmocka_unit_test(a_head_keeps_its_input),
      cmocka_unit_test(a_chain_reads_what_it_made),      cmocka_unit_test(strangers_do_not_follow),
      cmocka_unit_test(stretches_are_whole_rows_of_all),
  };
  return cmocka_run_group_tests_name("runtime.chain", tests, NULL, NULL);
}

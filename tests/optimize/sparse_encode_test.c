/* The sparse encoding: written, read back and made dense it is what it was, smaller, and runs with the same results. */
#include <string.h>

#include "optimize/encode.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { OUT = 16, IN = 48 };

typedef struct fixture {
  ln_model *built, *model;
  ln_optimizer o;
  ln_optimize_options options;
  ln_error err;
  int32_t weights;
} fixture;

/* Every `step`-th block of four rows and `columns` columns is held; the others are zeros. */
static void fill(float *values, int32_t columns, int32_t step) {
  for (int32_t i = 0; i < OUT; ++i)
    for (int32_t j = 0; j < IN; ++j) {
      const int32_t at = (i / 4 * 7 + j / columns) % step;
      values[i * IN + j] = at == 0 ? 0.1f * (float)(i - j % 7) + 0.05f : 0;
    }
}

static void open_fixture(fixture *f, bool conv, int32_t columns, int32_t step) {
  float values[OUT * IN];
  fill(values, columns, step);
  memset(f, 0, sizeof *f);
  f->built = build_model();
  const int32_t flat[] = {OUT, IN}, filter[] = {OUT, 2, 2, IN / 4}, line[] = {1, IN}, image[] = {1, 2, 2, IN / 4};
  const int32_t in = build_input(f->built, LN_FLOAT32, conv ? 4 : 2, conv ? image : line);
  f->weights = build_constant(f->built, LN_FLOAT32, conv ? 4 : 2, conv ? filter : flat, values, sizeof values);
  const int32_t out = build_output(f->built, LN_FLOAT32, conv ? 4 : 2,
                                   conv ? (const int32_t[]){1, 1, 1, OUT} : (const int32_t[]){1, OUT});
  ln_op *op = build_op(f->built, ln_op_find(conv ? LN_OP_CONV_2D : LN_OP_FULLY_CONNECTED), 3,
                       (const int32_t[]){in, f->weights, -1}, 1, &out);
  if (conv) {
    ln_conv2d_options *options = BUILD_OPTIONS(op, conv2d_options);
    options->padding = LN_PADDING_VALID;
    options->stride_w = options->stride_h = 1;
  }
  assert_int_equal(ln_edit_begin(f->built, &f->err, &f->model), LN_OK);
  f->options = (ln_optimize_options)LN_OPTIMIZE_OPTIONS_INIT;
  f->o =
      (ln_optimizer){.source = f->built, .model = f->model, .options = &f->options, .stage = "encode", .err = &f->err};
}

static void close_fixture(fixture *f) {
  ln_model_destroy(f->model);
  ln_model_destroy(f->built);
}

static void run(ln_model *model, float *out) {
  ln_session *session = NULL;
  float in[IN];
  ln_error err;
  for (int32_t i = 0; i < IN; ++i) in[i] = 0.25f * (float)(i % 9) - 1;
  assert_int_equal(ln_session_create(model, NULL, &err, &session), LN_OK);
  assert_int_equal(ln_session_set_input(session, 0, in, sizeof in, &err), LN_OK);
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  assert_int_equal(ln_tensor_bytes(ln_session_output(session, 0)), OUT * sizeof(float));
  memcpy(out, ln_tensor_data(ln_session_output(session, 0)), OUT * sizeof(float));
  ln_session_destroy(session);
}

static void check(bool conv, int32_t columns, int32_t rows, bool stock, int32_t ops) {
  fixture f;
  ln_model *back = NULL;
  int64_t saved = 0;
  float before[OUT], after[OUT];
  open_fixture(&f, conv, columns, 5);
  run(f.built, before);
  const ln_status status = ln_sparse_encode(&f.o, f.weights, rows, rows == 0 ? 0 : columns, stock, &saved);
  assert_int_equal(status, LN_OK);
  assert_true(saved > 0);
  assert_int_equal(ln_edit_snapshot(f.model, &f.err, &back), LN_OK);
  assert_int_equal(back->graphs[0].op_count, ops);
  const ln_tensor *weights = &back->graphs[0].tensors[f.weights];
  assert_non_null(weights->sparsity);
  assert_true(weights->bytes < OUT * IN * sizeof(float) / 3);
  run(back, after);
  for (int32_t i = 0; i < OUT; ++i) assert_true(before[i] - after[i] < 1e-5f && after[i] - before[i] < 1e-5f);
  ln_model_destroy(back);
  close_fixture(&f);
}

static void encodings_run_with_the_same_results(void **state) {
  (void)state;
  static const struct { int32_t columns, rows; } blocks[] = {{1, 1}, {4, 1}, {4, 4}, {1, 4}, {4, 0}};
  for (size_t i = 0; i < LN_COUNT(blocks); ++i) {
    check(false, blocks[i].columns, blocks[i].rows, false, 1);
    check(true, blocks[i].columns, blocks[i].rows, false, 1);
    check(true, blocks[i].columns, blocks[i].rows, true, 2);
  }
  check(false, 4, 1, true, 2);
  check(false, 4, 4, true, 2);
}

static void dense_weights_stay_dense(void **state) {
  (void)state;
  fixture f;
  int64_t saved = 7;
  open_fixture(&f, false, 1, 1);
  assert_int_equal(ln_sparse_encode(&f.o, f.weights, 0, 0, true, &saved), LN_OK);
  assert_int_equal(saved, 0);
  assert_null(f.model->graphs[0].tensors[f.weights].sparsity);
  assert_int_equal(f.model->graphs[0].op_count, 1);
  close_fixture(&f);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(encodings_run_with_the_same_results),
                                     cmocka_unit_test(dense_weights_stay_dense)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

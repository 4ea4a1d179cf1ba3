/*
 * Parts of a tensor, and tensors joined to one, share its memory where they lie in one piece and nobody writes what
 * another still reads; the results are those of copies.
 */
#include "linnet/linnet.h"
#include "runtime/runtime.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { ROWS = 6, WIDTH = 16384, HALF = ROWS / 2 * WIDTH };

static int32_t tensor(ln_model *model, int32_t rows) {
  const int32_t index = build_output(model, LN_FLOAT32, 3, (const int32_t[]){1, rows, WIDTH});
  model->graphs[0].output_count = 0;
  return index;
}

static int32_t number(ln_model *model, int32_t value) {
  return build_constant(model, LN_INT32, 0, NULL, &value, sizeof value);
}

static int32_t list(ln_model *model, int32_t a, int32_t b, int32_t c) {
  const int32_t values[] = {a, b, c};
  return build_constant(model, LN_INT32, 1, (const int32_t[]){3}, values, sizeof values);
}

static int32_t computed(ln_model *model, int32_t code, int32_t a, int32_t rows) {
  const int32_t out = tensor(model, rows);
  build_op(model, ln_op_find(code), 1, &a, 1, &out);
  return out;
}

static void give(ln_model *model, int32_t index) { model->graphs[0].outputs[model->graphs[0].output_count++] = index; }

static ln_session *make(ln_model *model, bool keep_all) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  ln_session *session = NULL;
  options.keep_all_tensors = keep_all; /* and every tensor its own memory */
  assert_int_equal(ln_session_create(model, &options, NULL, &session), LN_OK);
  float *input = ln_tensor_mutable_data(ln_session_input(session, 0));
  for (int32_t i = 0; i < ROWS * WIDTH; ++i) input[i] = (float)(i % 97) - 40.0f;
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  assert_int_equal(ln_session_run(session, NULL), LN_OK);
  return session;
}

static void compare(ln_session *want, ln_session *got) {
  for (int32_t i = 0; i < ln_session_output_count(want); ++i) {
    const ln_tensor *a = ln_session_output(want, i), *b = ln_session_output(got, i);
    assert_int_equal(ln_tensor_bytes(a), ln_tensor_bytes(b));
    assert_memory_equal(ln_tensor_data(a), ln_tensor_data(b), ln_tensor_bytes(a));
  }
}

static const float *data_of(const ln_session *session, int32_t index) { return session->tensors[index].data; }

static void finish(ln_model *model, ln_session *want, ln_session *got) {
  compare(want, got);
  ln_session_destroy(want);
  ln_session_destroy(got);
  ln_model_destroy(model);
}

/* x is cut in two; one half is used twice, and an operator may not write over it in between. */
static void parts_lie_in_the_whole(void **unused) {
  (void)unused;
  ln_model *model = build_model();
  const int32_t input = build_input(model, LN_FLOAT32, 3, (const int32_t[]){1, ROWS, WIDTH});
  const int32_t x = computed(model, LN_OP_SQUARE, input, ROWS);
  const int32_t halves[] = {tensor(model, ROWS / 2), tensor(model, ROWS / 2)};
  build_op(model, ln_op_find(LN_OP_SPLIT), 2, (const int32_t[]){number(model, 1), x}, 2, halves);
  const int32_t slice = tensor(model, 1);
  build_op(model, ln_op_find(LN_OP_SLICE), 3, (const int32_t[]){x, list(model, 0, 4, 0), list(model, 1, 1, WIDTH)}, 1,
           &slice);
  const int32_t negative = computed(model, LN_OP_NEG, halves[1], ROWS / 2);
  const int32_t sum = tensor(model, ROWS / 2);
  build_op(model, ln_op_find(LN_OP_ADD), 2, (const int32_t[]){halves[0], negative}, 1, &sum);
  const int32_t absolute = computed(model, LN_OP_ABS, halves[1], ROWS / 2), line = computed(model, LN_OP_NEG, slice, 1);
  give(model, sum);
  give(model, absolute);
  give(model, line);
  ln_session *want = make(model, true), *got = make(model, false);
  assert_ptr_equal(data_of(got, halves[0]), data_of(got, x));
  assert_ptr_equal(data_of(got, halves[1]), data_of(got, x) + HALF);
  assert_ptr_equal(data_of(got, slice), data_of(got, x) + 4 * WIDTH);
  finish(model, want, got);
}

/* Two results are made where they are to stand; one that is read later, and one that stands twice, are copied. */
static void joined_tensors_are_made_in_place(void **unused) {
  (void)unused;
  ln_model *model = build_model();
  const int32_t input = build_input(model, LN_FLOAT32, 3, (const int32_t[]){1, ROWS, WIDTH});
  const int32_t a = computed(model, LN_OP_SQUARE, input, ROWS), b = computed(model, LN_OP_NEG, input, ROWS);
  const int32_t c = computed(model, LN_OP_ABS, input, ROWS), d = computed(model, LN_OP_SQUARE, input, ROWS);
  const int32_t all = tensor(model, 6 * ROWS);
  ln_op *join = build_op(model, ln_op_find(LN_OP_CONCATENATION), 6, (const int32_t[]){a, b, c, d, d, input}, 1, &all);
  BUILD_OPTIONS(join, concatenation_options)->axis = 1;
  const int32_t negative = computed(model, LN_OP_NEG, all, 6 * ROWS), again = computed(model, LN_OP_NEG, c, ROWS);
  give(model, negative);
  give(model, again);
  ln_session *want = make(model, true), *got = make(model, false);
  assert_ptr_equal(data_of(got, a), data_of(got, all));
  assert_ptr_equal(data_of(got, b), data_of(got, all) + ROWS * WIDTH);
  assert_ptr_not_equal(data_of(got, c), data_of(got, all) + 2 * ROWS * WIDTH);
  finish(model, want, got);
}

/* Columns do not lie in one piece. */
static void columns_are_copied(void **unused) {
  (void)unused;
  ln_model *model = build_model();
  const int32_t input = build_input(model, LN_FLOAT32, 3, (const int32_t[]){1, ROWS, WIDTH});
  const int32_t x = computed(model, LN_OP_SQUARE, input, ROWS);
  int32_t halves[2];
  for (int32_t i = 0; i < 2; ++i) halves[i] = build_output(model, LN_FLOAT32, 3, (const int32_t[]){1, ROWS, WIDTH / 2});
  build_op(model, ln_op_find(LN_OP_SPLIT), 2, (const int32_t[]){number(model, 2), x}, 2, halves);
  const int32_t joined = tensor(model, ROWS);
  ln_op *join =
      build_op(model, ln_op_find(LN_OP_CONCATENATION), 2, (const int32_t[]){halves[1], halves[0]}, 1, &joined);
  BUILD_OPTIONS(join, concatenation_options)->axis = 2;
  model->graphs[0].output_count = 0;
  give(model, joined);
  ln_session *want = make(model, true), *got = make(model, false);
  finish(model, want, got);
}

static int32_t combined(ln_model *model, int32_t code, int32_t a, int32_t b, int32_t rows) {
  const int32_t out = tensor(model, rows);
  build_op(model, ln_op_find(code), 2, (const int32_t[]){a, b}, 1, &out);
  return out;
}

static int32_t cut(ln_model *model, int32_t x, int32_t from, int32_t rows) {
  const int32_t out = tensor(model, rows);
  const int32_t inputs[] = {x, list(model, 0, from, 0), list(model, 1, rows, WIDTH)};
  build_op(model, ln_op_find(LN_OP_SLICE), 3, inputs, 1, &out);
  return out;
}

/* x less its first row, and parts that overlap: what writes in place would change what it reads later. */
static void parts_that_overlap_are_not_written(void **unused) {
  (void)unused;
  for (int32_t form = 0; form < 3; ++form) {
    ln_model *model = build_model();
    const int32_t input = build_input(model, LN_FLOAT32, 3, (const int32_t[]){1, ROWS, WIDTH});
    const int32_t x = computed(model, LN_OP_SQUARE, input, ROWS);
    const int32_t a = cut(model, x, form == 2 ? 1 : 0, form == 0 ? 1 : 3);
    int32_t out;
    if (form == 0) out = combined(model, LN_OP_SUB, x, a, ROWS);
    else out = combined(model, LN_OP_SUB, a, cut(model, x, form == 2 ? 0 : 2, 3), 3);
    give(model, out);
    ln_session *want = make(model, true), *got = make(model, false);
    finish(model, want, got);
  }
}

/* A session that is prepared again, as for other shapes, finds parts where they lie. */
static void parts_are_found_again(void **unused) {
  (void)unused;
  ln_model *model = build_model();
  const int32_t input = build_input(model, LN_FLOAT32, 3, (const int32_t[]){1, ROWS, WIDTH});
  const int32_t x = computed(model, LN_OP_SQUARE, input, ROWS);
  const int32_t slice = cut(model, x, 3, 2);
  give(model, computed(model, LN_OP_NEG, slice, 2));
  ln_session *want = make(model, true), *got = make(model, false);
  for (int32_t i = 0; i < 3; ++i) {
    got->prepared = false;
    assert_int_equal(ln_session_prepare(got, NULL), LN_OK);
    assert_ptr_equal(data_of(got, slice), data_of(got, x) + 3 * WIDTH);
  }
  float *in = ln_tensor_mutable_data(ln_session_input(got, 0));
  memcpy(in, ln_tensor_data(ln_session_input(want, 0)), ROWS * WIDTH * sizeof *in);
  assert_int_equal(ln_session_run(got, NULL), LN_OK);
  finish(model, want, got);
}

/* Parts that overlap, where what reads the first row and what would write over it run stretch by stretch in one chain.
 */
static void chains_do_not_write_what_they_read(void **unused) {
  (void)unused;
  ln_model *model = build_model();
  const int32_t input = build_input(model, LN_FLOAT32, 3, (const int32_t[]){1, ROWS, WIDTH});
  const int32_t x = computed(model, LN_OP_SQUARE, input, ROWS);
  const int32_t row = cut(model, x, 0, 1);
  const int32_t negative = computed(model, LN_OP_NEG, input, ROWS);
  const int32_t sum = combined(model, LN_OP_ADD, negative, row, ROWS);
  give(model, combined(model, LN_OP_SUB, x, sum, ROWS));
  ln_session *want = make(model, true), *got = make(model, false);
  finish(model, want, got);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(parts_lie_in_the_whole), cmocka_unit_test(joined_tensors_are_made_in_place),
      cmocka_unit_test(columns_are_copied),     cmocka_unit_test(parts_that_overlap_are_not_written),
      cmocka_unit_test(parts_are_found_again),  cmocka_unit_test(chains_do_not_write_what_they_read),
  };
  return cmocka_run_group_tests_name("runtime.parts", tests, NULL, NULL);
}

/* Sessions that requantize in floats: at most 1 from the exact ones, the same with two threads, only where asked for.
 */
#include <stdlib.h>

#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/unit.h"

enum { MOST_WEIGHTS = 160 * 3 * 3 * 32 };

static uint8_t next(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (uint8_t)(*state >> 24);
}

/* Convolutions of `side` by `side` pixels, `channels` to `outputs`. */
typedef struct form {
  int32_t side, channels, outputs, kernel;
  bool is_unsigned;
} form;

static const form forms[] = {{13, 32, 48, 3, false},
                             {13, 32, 48, 1, true},
                             {9, 5, 37, 3, true},
                             {1, 32, 160, 1, false},
                             {4, 24, 160, 1, false}}; /* 16 rows, of which one may be a thread's last */

static ln_model *make(const form *f) {
  static uint8_t weights[MOST_WEIGHTS];
  const ln_type type = f->is_unsigned ? LN_UINT8 : LN_INT8;
  const int32_t zero = f->is_unsigned ? 128 : 0;
  const int32_t in_dims[] = {1, f->side, f->side, f->channels}, out_dims[] = {1, f->side, f->side, f->outputs};
  const int32_t w_dims[] = {f->outputs, f->kernel, f->kernel, f->channels};
  const size_t count = (size_t)(f->outputs * f->kernel * f->kernel * f->channels);
  uint32_t state = 7;
  assert_true(count <= MOST_WEIGHTS);
  for (size_t i = 0; i < count; ++i) weights[i] = next(&state);
  ln_model *model = build_model();
  const int32_t in[] = {build_input(model, type, 4, in_dims), build_constant(model, type, 4, w_dims, weights, count),
                        -1};
  const int32_t out = build_output(model, type, 4, out_dims);
  build_quantize(model, in[0], 0.02f, zero + 3);
  build_quantize(model, in[1], 0.01f, zero);
  build_quantize(model, out, 0.0327f * (float)f->kernel, zero - 11);
  ln_op *op = build_op(model, ln_op_find(LN_OP_CONV_2D), 3, in, 1, &out);
  BUILD_OPTIONS(op, conv2d_options)->padding = LN_PADDING_SAME;
  BUILD_OPTIONS(op, conv2d_options)->stride_h = BUILD_OPTIONS(op, conv2d_options)->stride_w = 1;
  return model;
}

static ln_session *run(ln_model *model, const ln_requantize *requantize, int32_t threads) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  if (requantize != NULL) options.requantize = *requantize;
  options.threads = threads;
  ln_session *session = NULL;
  ln_error err = {0};
  if (ln_session_create(model, &options, &err, &session) != LN_OK) fail_msg("%s", err.message);
  ln_tensor *in = ln_session_input(session, 0);
  uint32_t state = 3;
  for (size_t i = 0; i < in->bytes; ++i) ((uint8_t *)in->data)[i] = next(&state);
  if (ln_session_run(session, &err) != LN_OK) fail_msg("%s", err.message);
  return session;
}

/* How many results of sessions in floats differ from the exact ones of a kernel table. */
static size_t check(const form *f) {
  static const ln_requantize exact = LN_REQUANTIZE_EXACT, floats = LN_REQUANTIZE_FLOAT;
  ln_model *model = make(f);
  ln_session *const sessions[] = {run(model, NULL, 1), run(model, &exact, 2), run(model, &floats, 1),
                                  run(model, &floats, 2), run(model, &floats, 3)};
  const ln_tensor *want = ln_session_output(sessions[0], 0), *got = ln_session_output(sessions[2], 0);
  assert_memory_equal(want->data, ln_session_output(sessions[1], 0)->data, want->bytes);
  assert_memory_equal(got->data, ln_session_output(sessions[3], 0)->data, got->bytes);
  assert_memory_equal(got->data, ln_session_output(sessions[4], 0)->data, got->bytes);
  size_t unequal = 0;
  for (size_t i = 0; i < want->bytes; ++i) {
    const int apart = f->is_unsigned ? ((const uint8_t *)want->data)[i] - ((const uint8_t *)got->data)[i]
                                     : ((const int8_t *)want->data)[i] - ((const int8_t *)got->data)[i];
    assert_true(abs(apart) <= 1);
    unequal += apart != 0;
  }
  for (size_t i = 0; i < LN_COUNT(sessions); ++i) ln_session_destroy(sessions[i]);
  ln_model_destroy(model);
  return unequal;
}

static void stays_near(void **state) {
  (void)state;
  for (ln_isa isa = LN_ISA_GENERIC; isa <= ln_cpu_isa(); ++isa) {
    if (!ln_isa_includes(ln_cpu_isa(), isa)) continue;
    const ln_kernels table = ln_kernels_for(isa);
    ln_kernels_use(&table);
    size_t unequal = 0;
    for (size_t i = 0; i < LN_COUNT(forms); ++i) unequal += check(&forms[i]);
    ln_kernels_use(NULL);
    if (!table.gemm.q8->has_floats) assert_int_equal(unequal, 0);
    print_message("%s: %zu results differ by 1\n", table.gemm.q8->name, unequal);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(stays_near)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Sessions of lower precision: near the float32 ones, the same with two threads, in less memory, on every tier. */
#include <math.h>

#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/unit.h"

static float next(uint32_t *state) {
  *state = *state * 1664525u + 1013904223u;
  return (float)(*state >> 8) / (float)(1 << 23) - 1.0f;
}

static int32_t weights(ln_model *model, int32_t rank, const int32_t *dims, bool halves) {
  static float values[64 * 3 * 3 * 64];
  static uint16_t bits[64 * 3 * 3 * 64];
  uint32_t state = 7;
  size_t count = 1;
  for (int32_t i = 0; i < rank; ++i) count *= (size_t)dims[i];
  for (size_t i = 0; i < count; ++i) {
    values[i] = next(&state);
    bits[i] = ln_k_float_to_half(values[i]);
  }
  return halves ? build_constant(model, LN_FLOAT16, rank, dims, bits, count * sizeof *bits)
                : build_constant(model, LN_FLOAT32, rank, dims, values, count * sizeof *values);
}

typedef enum product { CONV_SAME, CONV_POINTWISE, CONV_ODD, CONV_GROUPED, DENSE, BATCHED, PRODUCTS } product;

static ln_model *make(product form, bool halves) {
  ln_model *model = build_model();
  if (form == DENSE || form == BATCHED) {
    const int32_t in_dims[] = {19, 60}, w_dims[] = {37, 60}, turned[] = {60, 37}, out_dims[] = {19, 37};
    const int32_t in[] = {build_input(model, LN_FLOAT32, 2, in_dims),
                          weights(model, 2, form == DENSE ? w_dims : turned, halves), -1};
    const int32_t out = build_output(model, LN_FLOAT32, 2, out_dims);
    const int32_t code = form == DENSE ? LN_OP_FULLY_CONNECTED : LN_OP_BATCH_MATMUL;
    build_op(model, ln_op_find(code), form == DENSE ? 3 : 2, in, 1, &out);
    return model;
  }
  const int32_t channels = form == CONV_ODD ? 5 : 32, kernel = form == CONV_POINTWISE ? 1 : 3;
  const int32_t groups = form == CONV_GROUPED ? 2 : 1;
  const int32_t in_dims[] = {2, 9, 11, channels}, w_dims[] = {48, kernel, kernel, channels / groups};
  const int32_t out_dims[] = {2, 9, 11, 48};
  const int32_t in[] = {build_input(model, LN_FLOAT32, 4, in_dims), weights(model, 4, w_dims, halves), -1};
  const int32_t out = build_output(model, LN_FLOAT32, 4, out_dims);
  ln_op *op = build_op(model, ln_op_find(LN_OP_CONV_2D), 3, in, 1, &out);
  BUILD_OPTIONS(op, conv2d_options)->padding = LN_PADDING_SAME;
  BUILD_OPTIONS(op, conv2d_options)->stride_h = BUILD_OPTIONS(op, conv2d_options)->stride_w = 1;
  if (form == CONV_SAME) { /* keeps float32 from Winograd's sums, which are others */
    BUILD_OPTIONS(op, conv2d_options)->dilation_h_factor = BUILD_OPTIONS(op, conv2d_options)->dilation_w_factor = 2;
  }
  return model;
}

static ln_session *run(ln_model *model, ln_precision precision, int32_t threads, size_t *weight_bytes) {
  ln_session_options options = LN_SESSION_OPTIONS_INIT;
  options.precision = precision;
  options.threads = threads;
  ln_session *session = NULL;
  ln_error err = {0};
  if (ln_session_create(model, &options, &err, &session) != LN_OK) fail_msg("%s", err.message);
  ln_tensor *in = ln_session_input(session, 0);
  uint32_t state = 3;
  for (size_t i = 0; i < in->bytes / sizeof(float); ++i) ((float *)in->data)[i] = next(&state);
  if (ln_session_run(session, &err) != LN_OK) fail_msg("%s", err.message);
  ln_session_stats stats = {.size = sizeof stats};
  assert_int_equal(ln_session_get_stats(session, &stats), LN_OK);
  *weight_bytes = stats.weight_bytes;
  return session;
}

/* Root of the mean of squares, of the first, or of their differences. */
static double spread(const ln_tensor *a, const ln_tensor *b) {
  double sum = 0;
  const size_t count = a->bytes / sizeof(float);
  for (size_t i = 0; i < count; ++i) {
    const double x = ((const float *)a->data)[i] - (b == NULL ? 0.0f : ((const float *)b->data)[i]);
    sum += x * x;
  }
  return sqrt(sum / (double)count);
}

static void check(product form, ln_precision precision, double bound) {
  size_t wide, narrow, again;
  ln_model *model = make(form, false), *other = make(form, false);
  ln_session *exact = run(model, LN_PRECISION_FLOAT32, 1, &wide);
  ln_session *low = run(other, precision, 1, &narrow), *threads = run(other, precision, 2, &again);
  const ln_tensor *want = ln_session_output(exact, 0), *got = ln_session_output(low, 0);
  const double error = spread(want, got) / spread(want, NULL);
  if (!(error <= bound)) fail_msg("product %d, precision %d: an error of %g", form, precision, error);
  assert_memory_equal(got->data, ln_session_output(threads, 0)->data, got->bytes);
  if (error > 0.0 && form != CONV_ODD) assert_true(narrow < wide);
  assert_int_equal(narrow, again);
  ln_session_destroy(exact);
  ln_session_destroy(low);
  ln_session_destroy(threads);
  ln_model_destroy(model);
  ln_model_destroy(other);
}

static void check_all(void) {
  for (int32_t form = 0; form < PRODUCTS; ++form) {
    check((product)form, LN_PRECISION_BFLOAT16, 4e-3);
    check((product)form, LN_PRECISION_FLOAT16, 4e-4);
  }
}

static void stays_near(void **state) {
  (void)state;
  check_all();
  for (ln_isa isa = LN_ISA_GENERIC; isa < ln_cpu_isa(); ++isa) {
    if (!ln_isa_includes(ln_cpu_isa(), isa)) continue;
    const ln_kernels table = ln_kernels_for(isa);
    ln_kernels_use(&table);
    check_all();
    ln_kernels_use(NULL);
  }
}

/* Weights that the file keeps as float16 give the same bits packed either way. */
static void keeps_stored_halves(void **state) {
  (void)state;
  for (ln_isa isa = LN_ISA_GENERIC; isa <= ln_cpu_isa(); ++isa) {
    if (!ln_isa_includes(ln_cpu_isa(), isa)) continue;
    const ln_kernels table = ln_kernels_for(isa);
    ln_kernels_use(&table);
    for (int32_t form = 0; form < PRODUCTS; ++form) {
      size_t bytes;
      ln_model *model = make((product)form, true), *other = make((product)form, true);
      ln_session *plain = run(model, LN_PRECISION_FLOAT32, 1, &bytes);
      ln_session *halves = run(other, LN_PRECISION_FLOAT16, 1, &bytes);
      const ln_tensor *want = ln_session_output(plain, 0);
      assert_memory_equal(want->data, ln_session_output(halves, 0)->data, want->bytes);
      ln_session_destroy(plain);
      ln_session_destroy(halves);
      ln_model_destroy(model);
      ln_model_destroy(other);
    }
    ln_kernels_use(NULL);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(stays_near), cmocka_unit_test(keeps_stored_halves)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

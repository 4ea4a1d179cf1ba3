/* STABLEHLO_CONVOLUTION refuses what contradicts the specification, and says why; extreme attributes stay in bounds. */
#include "linnet/linnet.h"
#include "support/build_model.h"
#include "support/unit.h"

/* An input [2, 5, 5, 4] under a kernel [3, 3, 4, 6], as one case changes them. */
typedef struct form {
  ln_stablehlo_convolution_options o;
  uint8_t flags[4];
  uint32_t precisions[2];
  int32_t kernel[4], kernel_rank;
  ln_type types[3];
  bool quantized;
} form;

static const int64_t ones[] = {1, 1}, zeros[] = {0, 0, 0, 0}, middle[] = {1, 2}, front[] = {0, 1};

static form good(void) {
  form f = {.kernel = {3, 3, 4, 6}, .kernel_rank = 4, .types = {LN_FLOAT32, LN_FLOAT32, LN_FLOAT32}};
  f.o = (ln_stablehlo_convolution_options){.window_strides = {ones, 2},
                                           .padding = {zeros, 4},
                                           .lhs_dilation = {ones, 2},
                                           .rhs_dilation = {ones, 2},
                                           .input_feature_dimension = 3,
                                           .input_spatial_dimensions = {middle, 2},
                                           .kernel_input_feature_dimension = 2,
                                           .kernel_output_feature_dimension = 3,
                                           .kernel_spatial_dimensions = {front, 2},
                                           .output_feature_dimension = 3,
                                           .output_spatial_dimensions = {middle, 2},
                                           .feature_group_count = 1,
                                           .batch_group_count = 1};
  return f;
}

static ln_status create(const form *f, ln_error *err, ln_session **session, ln_model **model) {
  const int32_t in[4] = {2, 5, 5, 4}, none[4] = {0, 0, 0, 0};
  *model = build_model();
  const int32_t ins[2] = {build_input(*model, f->types[0], 4, in),
                          build_input(*model, f->types[1], f->kernel_rank, f->kernel)};
  const int32_t out = build_output(*model, f->types[2], 4, none);
  if (f->quantized) build_quantize(*model, ins[0], 0.5f, 0);
  ln_op *op = build_op(*model, ln_op_find(LN_OP_STABLEHLO_CONVOLUTION), 2, ins, 1, &out);
  *BUILD_OPTIONS(op, stablehlo_convolution_options) = f->o;
  return ln_session_create(*model, NULL, err, session);
}

static void refused(const form *f, ln_status code, const char *reason) {
  ln_error err = {0};
  ln_session *session = NULL;
  ln_model *model = NULL;
  assert_int_equal(create(f, &err, &session, &model), code);
  assert_null(session);
  if (strstr(err.message, reason) == NULL) fail_msg("\"%s\" does not say \"%s\"", err.message, reason);
  ln_model_destroy(model);
}

/* Runs on ones: the sum of the output's elements. */
static double sum_of(const form *f, const int32_t dims[4]) {
  static float values[2 * 5 * 5 * 4 * 8];
  ln_error err = {0};
  ln_session *session = NULL;
  ln_model *model = NULL;
  if (create(f, &err, &session, &model) != LN_OK) fail_msg("%s", err.message);
  for (size_t i = 0; i < sizeof values / sizeof *values; ++i) values[i] = 1.0f;
  for (int32_t i = 0; i < 2; ++i) {
    const size_t bytes = ln_tensor_bytes(ln_session_input(session, i));
    assert_int_equal(ln_session_set_input(session, i, values, bytes, &err), LN_OK);
  }
  assert_int_equal(ln_session_run(session, &err), LN_OK);
  const ln_tensor *out = ln_session_output(session, 0);
  assert_int_equal(ln_tensor_rank(out), 4);
  double sum = 0;
  size_t count = 1;
  for (int32_t i = 0; i < 4; ++i) {
    assert_int_equal(ln_tensor_dim(out, i), dims[i]);
    count *= (size_t)dims[i];
  }
  for (size_t i = 0; i < count; ++i) sum += ((const float *)ln_tensor_data(out))[i];
  ln_session_destroy(session);
  ln_model_destroy(model);
  return sum;
}

#define REFUSE(change, reason)         \
  do {                                 \
    form f = good();                   \
    change;                            \
    refused(&f, LN_ERR_SHAPE, reason); \
  } while (0)

static void test_dimensions(void **state) {
  const int64_t same[] = {1, 1}, far[] = {1, 4};
  (void)state;
  REFUSE(f.kernel_rank = 3, "an input of rank 4 and a kernel of rank 3");
  REFUSE(f.o.input_spatial_dimensions.count = 1, "1 spatial dimensions of the input for rank 4");
  REFUSE(f.o.kernel_spatial_dimensions.count = 0, "0 spatial dimensions of the kernel for rank 4");
  REFUSE(f.o.output_spatial_dimensions.count = 1, "1 spatial dimensions of the output for rank 4");
  REFUSE(f.o.input_spatial_dimensions.data = same, "the input's dimension numbers");
  REFUSE(f.o.input_batch_dimension = INT64_MIN, "the input's dimension numbers");
  REFUSE(f.o.kernel_spatial_dimensions.data = far, "the kernel's dimension numbers");
  REFUSE(f.o.kernel_input_feature_dimension = 3, "the kernel's dimension numbers");
  REFUSE(f.o.output_feature_dimension = 0, "the output's dimension numbers");
  REFUSE(f.o.output_batch_dimension = INT64_MAX, "the output's dimension numbers");
}

static void test_windows(void **state) {
  const int64_t nil[] = {1, 0}, negative[] = {INT64_MIN, 1}, huge[] = {0, 0, INT64_MAX, 0},
                wide[] = {INT32_MAX, INT32_MAX, 0, 0};
  (void)state;
  REFUSE(f.o.window_strides.count = 1, "1 strides for 2 dimensions");
  REFUSE(f.o.window_strides.data = nil, "0 among its strides");
  REFUSE(f.o.padding.count = 3, "3 paddings for 2 dimensions");
  REFUSE(f.o.padding.data = huge, "a padding of 9223372036854775807 and 0");
  REFUSE(f.o.padding.data = wide, "spatial dimension 0 is too long");
  REFUSE(f.o.lhs_dilation.count = 1, "1 input dilations for 2 dimensions");
  REFUSE(f.o.lhs_dilation.data = negative, "-9223372036854775808 among its input dilations");
  REFUSE(f.o.rhs_dilation.count = 1, "1 kernel dilations for 2 dimensions");
  REFUSE(f.o.rhs_dilation.data = nil, "0 among its kernel dilations");
  REFUSE((f.o.window_reversal.data = f.flags, f.o.window_reversal.count = 3), "3 window reversals for 2 dimensions");
  REFUSE((f.o.precision_config.data = f.precisions, f.o.precision_config.count = 1), "1 precisions for two operands");
}

static void test_groups(void **state) {
  (void)state;
  REFUSE(f.o.feature_group_count = 0, "0 feature groups and 1 batch groups");
  REFUSE(f.o.batch_group_count = -2, "1 feature groups and -2 batch groups");
  REFUSE((f.kernel[2] = 2, f.o.feature_group_count = f.o.batch_group_count = 2), "2 feature groups and 2 batch groups");
  REFUSE(f.o.batch_group_count = INT64_MAX, "a batch of 2 does not fall into 9223372036854775807 groups");
  REFUSE(f.o.feature_group_count = 3, "a kernel of 4 features does not fit 4 in 3 groups");
  REFUSE(f.kernel[2] = 3, "a kernel of 3 features does not fit 4 in 1 groups");
  REFUSE((f.kernel[2] = 1, f.o.feature_group_count = 4), "6 output features do not fall into 4 groups");
  REFUSE((f.kernel[3] = 5, f.o.batch_group_count = 2), "5 output features do not fall into 2 groups");
}

static void test_types(void **state) {
  (void)state;
  form f = good();
  f.types[1] = LN_INT32;
  refused(&f, LN_ERR_TYPE, "operand 1 is int32, the output float32");
  f = good();
  f.types[0] = f.types[1] = f.types[2] = LN_INT8;
  f.quantized = true;
  refused(&f, LN_ERR_UNSUPPORTED, "is quantized");
}

/* Places are counted in 64 bits: nothing wraps on the way to the one element that a window sees. */
static void test_extremes(void **state) {
  const int64_t most[] = {INT32_MAX, INT32_MAX}, crop[] = {-INT32_MAX, INT32_MAX, 0, 0},
                around[] = {INT32_MAX, 0, 0, 0};
  (void)state;
  form f = good();
  assert_true(sum_of(&f, (const int32_t[]){2, 3, 3, 6}) == 2 * 3 * 3 * 6 * 36.0);
  f.o.lhs_dilation.data = f.o.window_strides.data =
      most; /* a corner of the kernel is on an element, the rest between */
  assert_true(sum_of(&f, (const int32_t[]){2, 4, 4, 6}) == 2 * 4 * 4 * 6 * 4.0);
  f = good();
  f.o.rhs_dilation.data = most; /* wider than the input */
  assert_true(sum_of(&f, (const int32_t[]){2, 0, 0, 6}) == 0.0);
  f = good();
  f.o.padding.data = crop; /* padding alone is left */
  assert_true(sum_of(&f, (const int32_t[]){2, 3, 3, 6}) == 0.0);
  f = good();
  f.o.padding.data = around;
  f.o.window_strides.data = most; /* the first window on padding, the second on the input's beginning */
  assert_true(sum_of(&f, (const int32_t[]){2, 2, 1, 6}) == 2 * 6 * 36.0);
}

int main(void) {
  const struct CMUnitTest tests[] = {cmocka_unit_test(test_dimensions), cmocka_unit_test(test_windows),
                                     cmocka_unit_test(test_groups), cmocka_unit_test(test_types),
                                     cmocka_unit_test(test_extremes)};
  return cmocka_run_group_tests(tests, NULL, NULL);
}

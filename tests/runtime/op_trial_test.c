/* ln_op_try: passes what is right, and says where what is wrong parts. */
#include "linnet/linnet.h"
#include "support/unit.h"

static ln_status same_shape(void *state, ln_node *node, ln_error *err) {
  (void)state;
  const ln_tensor *input = ln_node_input(node, 0);
  const int32_t dims[] = {ln_tensor_dim(input, 0)};
  return ln_node_resize_output(node, 0, dims, 1, err);
}

/* y = x * factor, the factor being the operator's options. */
static ln_status scale(void *state, const ln_node *node, ln_error *err) {
  (void)state;
  size_t size;
  float factor;
  const void *options = ln_node_options(node, &size);
  if (size != sizeof factor) return ln_node_fail(node, err, LN_ERR_MODEL, "needs a factor");
  memcpy(&factor, options, sizeof factor);
  const float *x = ln_tensor_data(ln_node_input(node, 0));
  float *y = ln_tensor_mutable_data(ln_node_output(node, 0));
  for (size_t i = 0; i < ln_tensor_elements(ln_node_input(node, 0)); ++i) y[i] = x[i] * factor;
  return LN_OK;
}

static const int32_t three[] = {3};
static const float x[] = {1, 2, -3}, doubled[] = {2, 4, -6}, wrong[] = {2, 4.5f, -6}, factor = 2;
static const ln_custom_op scale_op = {.size = sizeof scale_op, .name = "Scale", .infer = same_shape, .run = scale};

static ln_trial_tensor vector(const float *data) {
  return (ln_trial_tensor){
      .size = sizeof(ln_trial_tensor), .type = LN_FLOAT32, .rank = 1, .dims = three, .data = data, .bytes = sizeof x};
}

static ln_op_trial trial_of(const char *name, const ln_custom_op *op, const ln_trial_tensor *in,
                            const ln_trial_tensor *out) {
  return (ln_op_trial){.size = sizeof(ln_op_trial),
                       .name = name,
                       .op = op,
                       .options = &factor,
                       .options_size = sizeof factor,
                       .inputs = in,
                       .input_count = 1,
                       .outputs = out,
                       .output_count = 1};
}

static void passes_what_is_right(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  const ln_trial_tensor in = vector(x), out = vector(doubled);
  const ln_op_trial trial = trial_of("Scale", &scale_op, &in, &out);
  if (ln_op_try(&trial, &err) != LN_OK) fail_msg("%s", err.message);
}

static void names_what_is_wrong(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  const ln_trial_tensor in = vector(x), out = vector(wrong);
  ln_op_trial trial = trial_of("Scale", &scale_op, &in, &out);
  assert_int_equal(ln_op_try(&trial, &err), LN_ERR_DATA);
  assert_non_null(strstr(err.message, "output 0: element 1 is 4, want 4.5"));
  trial.absolute = 0.5;
  assert_int_equal(ln_op_try(&trial, &err), LN_OK);
  trial.absolute = 0;
  trial.relative = 0.1;
  assert_int_equal(ln_op_try(&trial, &err), LN_OK);
  trial.options_size = 1;
  assert_int_equal(ln_op_try(&trial, &err), LN_ERR_MODEL);
  trial.op = NULL;
  assert_int_equal(ln_op_try(&trial, &err), LN_ERR_UNSUPPORTED);
}

static void runs_builtin_operators(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  const float positive[] = {1, 2, 0};
  const ln_trial_tensor in = vector(x), out = vector(positive);
  ln_op_trial trial = trial_of("RELU", NULL, &in, &out);
  if (ln_op_try(&trial, &err) != LN_OK) fail_msg("%s", err.message);
  ln_trial_tensor constant = in;
  constant.constant = true;
  const ln_trial_tensor both[] = {in, constant}, sum = vector(doubled);
  trial = trial_of("ADD", NULL, both, &sum);
  trial.input_count = 2;
  if (ln_op_try(&trial, &err) != LN_OK) fail_msg("%s", err.message);
}

static void refuses_what_is_no_trial(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  const ln_trial_tensor in = vector(x), out = vector(x);
  ln_op_trial trial = trial_of(NULL, NULL, &in, &out);
  assert_int_equal(ln_op_try(NULL, &err), LN_ERR_ARGUMENT);
  assert_int_equal(ln_op_try(&trial, &err), LN_ERR_ARGUMENT);
  ln_trial_tensor bad = in;
  const int32_t negative[] = {-3};
  bad.dims = negative;
  trial = trial_of("RELU", NULL, &bad, &out);
  assert_int_equal(ln_op_try(&trial, &err), LN_ERR_ARGUMENT);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(passes_what_is_right),
      cmocka_unit_test(names_what_is_wrong),
      cmocka_unit_test(runs_builtin_operators),
      cmocka_unit_test(refuses_what_is_no_trial),
  };
  return cmocka_run_group_tests_name("runtime.op_trial", tests, NULL, NULL);
}

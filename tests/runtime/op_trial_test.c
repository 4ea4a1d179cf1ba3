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

static ln_status same_shape_now(void *state, ln_node *node, ln_error *err) {
  return ln_tensor_data(ln_node_input(node, 0)) == NULL ? LN_INFER_LATER : same_shape(state, node, err);
}

/* Right only where the shape is known before the run. */
static ln_status shape_ahead(void *state, ln_node *node, ln_error *err) {
  const int32_t dims[] = {2};
  if (ln_tensor_data(ln_node_input(node, 0)) == NULL) return same_shape(state, node, err);
  return ln_node_resize_output(node, 0, dims, 1, err);
}

static ln_status count_outputs(void *user, int32_t index, const ln_tensor *output, ln_error *err) {
  int *seen = user;
  assert_int_equal(index, 0);
  assert_int_equal(ln_tensor_dim(output, 0), 3);
  assert_memory_equal(ln_tensor_data(output), doubled, sizeof doubled);
  if (++*seen <= 6) return LN_OK;
  err->status = LN_ERR_CANCELLED;
  return LN_ERR_CANCELLED;
}

static void shows_outputs_of_any_shape(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  int seen = 0;
  const ln_trial_tensor in = vector(x);
  ln_trial_tensor out = vector(NULL);
  out.rank = -1;
  out.dims = NULL;
  ln_op_trial trial = trial_of("Scale", &scale_op, &in, &out);
  trial.on_output = count_outputs;
  trial.user = &seen;
  if (ln_op_try(&trial, &err) != LN_OK) fail_msg("%s", err.message);
  assert_int_equal(seen, 6); /* three sessions, each run again after a reset */
  assert_int_equal(ln_op_try(&trial, &err), LN_ERR_CANCELLED);
}

static void tries_shapes_known_in_the_run(void **state) {
  (void)state;
  ln_error err = {LN_OK, ""};
  const ln_trial_tensor in = vector(x), out = vector(doubled);
  ln_custom_op op = scale_op;
  const ln_op_trial trial = trial_of("Scale", &op, &in, &out);
  op.infer = same_shape_now;
  if (ln_op_try(&trial, &err) != LN_OK) fail_msg("%s", err.message);
  op.infer = shape_ahead;
  assert_int_equal(ln_op_try(&trial, &err), LN_ERR_DATA);
  assert_non_null(strstr(err.message, "with shapes known only in the run"));
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
      cmocka_unit_test(passes_what_is_right),          cmocka_unit_test(names_what_is_wrong),
      cmocka_unit_test(runs_builtin_operators),        cmocka_unit_test(shows_outputs_of_any_shape),
      cmocka_unit_test(tries_shapes_known_in_the_run), cmocka_unit_test(refuses_what_is_no_trial),
  };
  return cmocka_run_group_tests_name("runtime.op_trial", tests, NULL, NULL);
}

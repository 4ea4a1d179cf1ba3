/* An operator compiled for Python, which api.py hands to linnet.Operator.from_library: y = 2 x. */
#include "linnet/op.h"

extern const ln_custom_op doubled;

static ln_status infer(void *state, ln_node *node, ln_error *err) {
  const ln_tensor *input = ln_node_input(node, 0);
  const int32_t dims[] = {ln_tensor_dim(input, 0)};
  (void)state;
  if (ln_tensor_type(input) != LN_FLOAT32) return ln_node_fail(node, err, LN_ERR_TYPE, "takes float32");
  return ln_node_resize_output(node, 0, dims, 1, err);
}

static ln_status run(void *state, const ln_node *node, ln_error *err) {
  const ln_tensor *input = ln_node_input(node, 0);
  const float *x = ln_tensor_data(input);
  float *y = ln_tensor_mutable_data(ln_node_output(node, 0));
  const size_t count = ln_tensor_bytes(input) / sizeof *x;
  (void)state;
  (void)err;
  for (size_t i = 0; i < count; ++i) y[i] = 2 * x[i];
  return LN_OK;
}

const ln_custom_op doubled = {sizeof doubled, "Mystery", NULL, NULL, NULL, infer, NULL, run};

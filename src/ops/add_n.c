/* ADD_N: the sum of any number of tensors of one shape. */
#include "ops/move.h"
#include "ops/rows.h"

ln_status ln_add_n_infer(ln_node *node, ln_error *err) {
  for (int32_t i = 1; i < node->in_count; ++i) {
    if (!ln_shape_equal(&node->in[0]->shape, &node->in[i]->shape)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d has another shape than input 0", i);
    }
  }
  return ln_infer_same(node, err);
}

static void add_f32(const ln_node *node, size_t elements) {
  float *out = node->out[0]->data;
  for (size_t i = 0; i < elements; ++i) {
    float sum = 0.0f;
    for (int32_t j = 0; j < node->in_count; ++j) sum += ((const float *)node->in[j]->data)[i];
    out[i] = sum;
  }
}

static void add_i32(const ln_node *node, size_t elements) {
  uint32_t *out = node->out[0]->data;
  for (size_t i = 0; i < elements; ++i) {
    uint32_t sum = 0;
    for (int32_t j = 0; j < node->in_count; ++j) sum += ((const uint32_t *)node->in[j]->data)[i];
    out[i] = sum;
  }
}

ln_status ln_add_n_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const ln_tensor *out = node->out[0];
  const size_t elements = ln_shape_span(&out->shape, 0, out->shape.rank);
  if (out->type == LN_FLOAT32) add_f32(node, elements);
  else add_i32(node, elements);
  return LN_OK;
}

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

#define ADD(name, type)                                                                         \
  static void name(const ln_node *node, size_t elements) {                                      \
    type *out = node->out[0]->data;                                                             \
    for (size_t i = 0; i < elements; ++i) {                                                     \
      type sum = 0;                                                                             \
      for (int32_t j = 0; j < node->in_count; ++j) sum += ((const type *)node->in[j]->data)[i]; \
      out[i] = sum;                                                                             \
    }                                                                                           \
  }

ADD(add_f32, float)
ADD(add_f64, double)
ADD(add_32, uint32_t)
ADD(add_64, uint64_t)

ln_status ln_add_n_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const ln_tensor *out = node->out[0];
  const size_t elements = ln_shape_span(&out->shape, 0, out->shape.rank);
  switch (out->type) {
    case LN_FLOAT32: add_f32(node, elements); break;
    case LN_FLOAT64: add_f64(node, elements); break;
    case LN_INT64: add_64(node, elements); break;
    case LN_COMPLEX64: add_f32(node, out->bytes / sizeof(float)); break;
    case LN_COMPLEX128: add_f64(node, out->bytes / sizeof(double)); break;
    default: add_32(node, elements); break;
  }
  return LN_OK;
}

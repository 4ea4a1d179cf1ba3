/* CUMSUM: running sums along an axis. */
#include "kernels/cumsum.h"

#include "ops/move.h"
#include "ops/rows.h"

ln_status ln_cumsum_infer(ln_node *node, ln_error *err) { return ln_infer_same(node, err); }

ln_status ln_cumsum_run(const ln_node *node, ln_exec *exec) {
  const ln_cumsum_options *options = LN_OPTIONS(node, cumsum_options);
  const ln_shape *shape = &node->in[0]->shape;
  int32_t axis = 0;
  LN_TRY(ln_node_axis(node, 1, shape->rank, &axis, exec->err));
  if (ln_tensor_is_empty(node->in[0])) return LN_OK;
  /* Complex numbers are two that are summed side by side. */
  const ln_type type = node->in[0]->type;
  const bool is_complex = type == LN_COMPLEX64 || type == LN_COMPLEX128;
  const ln_type parts = !is_complex ? type : (type == LN_COMPLEX64 ? LN_FLOAT32 : LN_FLOAT64);
  ln_cumsum sums = {.outer = ln_shape_span(shape, 0, axis),
                    .length = (size_t)shape->dims[axis],
                    .inner = ln_shape_span(shape, axis + 1, shape->rank),
                    .exclusive = options->exclusive,
                    .reverse = options->reverse};
  if (is_complex) sums.inner *= 2; /* bounded: the tensor's bytes are counted */
  ln_k_cumsum(parts, &sums, node->in[0]->data, node->out[0]->data);
  return LN_OK;
}

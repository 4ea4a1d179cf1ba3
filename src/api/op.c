/* What a program's own operator asks of its node: the public functions of linnet/op.h. */
#include "linnet/op.h"
#include "ops/ops.h"

int32_t ln_node_input_count(const ln_node *node) { return node->in_count; }

int32_t ln_node_output_count(const ln_node *node) { return node->out_count; }

const ln_tensor *ln_node_input(const ln_node *node, int32_t index) {
  return index < 0 || index >= node->in_count ? NULL : node->in[index];
}

ln_tensor *ln_node_output(const ln_node *node, int32_t index) {
  return index < 0 || index >= node->out_count ? NULL : node->out[index];
}

const void *ln_node_options(const ln_node *node, size_t *size) {
  if (size != NULL) *size = node->op->custom_options_size;
  return node->op->custom_options;
}

ln_status ln_node_resize_output(ln_node *node, int32_t index, const int32_t *dims, int32_t rank, ln_error *err) {
  size_t elements;
  if (index < 0 || index >= node->out_count) return ln_node_fail(node, err, LN_ERR_ARGUMENT, "has no output %d", index);
  if (rank < 0 || rank > LN_MAX_RANK || (rank > 0 && dims == NULL) || !ln_size_product(dims, rank, &elements)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "output %d cannot take such a shape", index);
  }
  const ln_shape shape = ln_shape_make(rank, dims);
  return ln_node_set_shape(node, index, &shape, err);
}

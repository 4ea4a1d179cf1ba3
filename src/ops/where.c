/* WHERE: the indices of the elements that are not zero. */
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/strings.h"

/* A float is zero as -0 too; of the other types all bytes are; an empty string is none. */
static bool is_set(const ln_tensor *tensor, size_t index) {
  switch (tensor->type) {
    case LN_FLOAT32: return ((const float *)tensor->data)[index] != 0.0f;
    case LN_FLOAT64: return ((const double *)tensor->data)[index] != 0.0;
    case LN_FLOAT16:
    case LN_BFLOAT16: return (((const uint16_t *)tensor->data)[index] & 0x7FFF) != 0;
    case LN_COMPLEX64:
      return ((const float *)tensor->data)[2 * index] != 0.0f || ((const float *)tensor->data)[2 * index + 1] != 0.0f;
    case LN_STRING: return ln_string_at(tensor, index).size > 0;
    default: break;
  }
  switch (ln_item_bytes(tensor)) {
    case 1: return ((const uint8_t *)tensor->data)[index] != 0;
    case 2: return ((const uint16_t *)tensor->data)[index] != 0;
    case 4: return ((const uint32_t *)tensor->data)[index] != 0;
    default: return ((const uint64_t *)tensor->data)[index] != 0;
  }
}

ln_status ln_where_infer(ln_node *node, ln_error *err) {
  const ln_tensor *in = node->in[0];
  size_t elements = 0;
  if (!ln_shape_elements(&in->shape, &elements)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the input's shape is not known");
  }
  if (elements > 0 && in->data == NULL) return (ln_status)LN_INFER_LATER;
  if (elements > 0) LN_TRY(ln_node_check_strings(node, 0, err));
  int64_t count = 0;
  for (size_t i = 0; i < elements; ++i) count += is_set(in, i);
  ln_shape shape = {0, {0}};
  if (!ln_shape_push(&shape, count) || !ln_shape_push(&shape, in->shape.rank)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "too many elements are set");
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_where_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *in = node->in[0];
  const int32_t rank = in->shape.rank;
  int64_t *out = node->out[0]->data;
  (void)exec;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  const size_t elements = ln_shape_span(&in->shape, 0, rank);
  for (size_t i = 0; i < elements; ++i) {
    if (!is_set(in, i)) continue;
    size_t left = i;
    for (int32_t d = rank - 1; d >= 0; --d) {
      out[d] = (int64_t)(left % (size_t)in->shape.dims[d]);
      left /= (size_t)in->shape.dims[d];
    }
    out += rank;
  }
  return LN_OK;
}

/* REVERSE_SEQUENCE: the first items along one dimension in reverse order, as many as input 1 says for each batch. */
#include "kernels/copy.h"

#include "ops/move.h"
#include "ops/rows.h"

ln_status ln_reverse_sequence_prepare(ln_node *node, ln_prep *prep) {
  const ln_reverse_sequence_options *options = LN_OPTIONS(node, reverse_sequence_options);
  const ln_shape *shape = &node->in[0]->shape, *lengths = &node->in[1]->shape;
  const int32_t along = options->seq_dim, batch = options->batch_dim;
  if (along < 0 || along >= shape->rank || batch < 0 || batch >= shape->rank || along == batch) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "sequences along %d in batches along %d of %d dimensions", along,
                        batch, shape->rank);
  }
  if (lengths->rank != 1 || lengths->dims[0] != shape->dims[batch]) {
    return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "needs one length for each of %d batches", shape->dims[batch]);
  }
  return LN_OK;
}

static int64_t length_at(const ln_tensor *lengths, int32_t index) {
  return lengths->type == LN_INT64 ? ((const int64_t *)lengths->data)[index] : ((const int32_t *)lengths->data)[index];
}

/* One batch: items along `along`, everything else copied. */
static void reverse_batch(const ln_node *node, const ln_exec *exec, int32_t index, int32_t length) {
  const ln_reverse_sequence_options *options = LN_OPTIONS(node, reverse_sequence_options);
  const ln_tensor *in = node->in[0];
  size_t strides[LN_MAX_RANK];
  ln_byte_strides(in, strides);
  for (int32_t part = 0; part < 2; ++part) { /* the reversed items, and those behind them */
    const int32_t count = part == 0 ? length : in->shape.dims[options->seq_dim] - length;
    if (count == 0) continue;
    const size_t base = (size_t)index * strides[options->batch_dim];
    const size_t step = strides[options->seq_dim];
    const size_t to = base + (part == 0 ? 0 : (size_t)length * step);
    const size_t from = part == 0 ? base + (size_t)(length - 1) * step : to;
    ln_copy_plan plan;
    ln_copy_begin(&plan, ln_item_bytes(in));
    for (int32_t i = 0; i < in->shape.rank; ++i) {
      if (i == options->batch_dim) continue;
      const bool along = i == options->seq_dim;
      ln_copy_dim(&plan, along ? (size_t)count : (size_t)in->shape.dims[i],
                  along && part == 0 ? 0 - strides[i] : strides[i], strides[i]);
    }
    ln_move(exec, &plan, (const char *)in->data + from, (char *)node->out[0]->data + to);
  }
}

ln_status ln_reverse_sequence_run(const ln_node *node, ln_exec *exec) {
  const ln_reverse_sequence_options *options = LN_OPTIONS(node, reverse_sequence_options);
  const ln_shape *shape = &node->in[0]->shape;
  if (ln_tensor_is_empty(node->in[0])) return LN_OK;
  for (int32_t i = 0; i < shape->dims[options->batch_dim]; ++i) {
    const int64_t length = length_at(node->in[1], i);
    if (length < 0 || length > shape->dims[options->seq_dim]) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "a length of %lld in sequences of %d", (long long)length,
                          shape->dims[options->seq_dim]);
    }
    reverse_batch(node, exec, i, (int32_t)length);
  }
  return LN_OK;
}

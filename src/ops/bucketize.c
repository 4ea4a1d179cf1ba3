/* BUCKETIZE: for each value the number of boundaries that are not above it. */
#include "ops/rows.h"

ln_status ln_bucketize_prepare(ln_node *node, ln_prep *prep) {
  const ln_vec_f32 *boundaries = &LN_OPTIONS(node, bucketize_options)->boundaries;
  for (uint32_t i = 1; i < boundaries->count; ++i) {
    if (!(boundaries->data[i - 1] <= boundaries->data[i])) {
      return ln_node_fail(node, prep->err, LN_ERR_MODEL, "boundaries %u and %u do not rise", i - 1, i);
    }
  }
  return LN_OK;
}

/* Integers meet a boundary as floats, doubles as doubles. */
static double comparable(const ln_tensor *in, size_t index) {
  switch (in->type) {
    case LN_FLOAT64: return ((const double *)in->data)[index];
    case LN_INT32: return (double)(float)((const int32_t *)in->data)[index];
    case LN_INT64: return (double)(float)((const int64_t *)in->data)[index];
    default: return (double)((const float *)in->data)[index];
  }
}

ln_status ln_bucketize_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const ln_vec_f32 *boundaries = &LN_OPTIONS(node, bucketize_options)->boundaries;
  int32_t *out = node->out[0]->data;
  const size_t elements = ln_shape_span(&node->in[0]->shape, 0, node->in[0]->shape.rank);
  for (size_t i = 0; i < elements; ++i) {
    const double value = comparable(node->in[0], i);
    uint32_t low = 0, high = boundaries->count;
    while (low < high) {
      const uint32_t middle = low + (high - low) / 2;
      if (value < (double)boundaries->data[middle]) high = middle;
      else low = middle + 1;
    }
    out[i] = (int32_t)low;
  }
  return LN_OK;
}

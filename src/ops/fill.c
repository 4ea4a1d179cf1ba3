/* FILL, ZEROS_LIKE, RANGE, ONE_HOT: tensors made from a few numbers. */
#include <math.h>
#include <string.h>

#include "kernels/copy.h"
#include "ops/move.h"
#include "ops/rows.h"

/* ---- FILL: dims, value ---- */

ln_status ln_fill_infer(ln_node *node, ln_error *err) {
  int64_t dims[LN_MAX_RANK];
  int32_t rank = 0;
  LN_TRY(ln_node_ints(node, 0, dims, LN_MAX_RANK, &rank, err));
  ln_shape shape = {0, {0}};
  for (int32_t i = 0; i < rank; ++i) {
    if (ln_shape_push(&shape, dims[i])) continue;
    return ln_node_fail(node, err, LN_ERR_SHAPE, "dimension %lld", (long long)dims[i]);
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_fill_prepare(ln_node *node, ln_prep *prep) {
  size_t elements = 0;
  if (ln_shape_elements(&node->in[1]->shape, &elements) && elements == 1) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "the value is no scalar");
}

ln_status ln_fill_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const size_t item = ln_item_bytes(node->out[0]);
  ln_k_fill(node->out[0]->data, node->in[1]->data, item, node->out[0]->bytes / item);
  return LN_OK;
}

ln_status ln_zeros_like_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  if (node->out[0]->bytes > 0) memset(node->out[0]->data, 0, node->out[0]->bytes);
  return LN_OK;
}

/* ---- RANGE: start, limit, delta ---- */

/* How many int64 values lie in [start, limit) at steps of delta, without overflow. */
static uint64_t integer_count(int64_t start, int64_t limit, int64_t delta) {
  if (delta > 0 ? start >= limit : start <= limit) return 0;
  const uint64_t distance = delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
  const uint64_t step = delta > 0 ? (uint64_t)delta : (uint64_t)0 - (uint64_t)delta;
  return (distance - 1) / step + 1;
}

ln_status ln_range_infer(ln_node *node, ln_error *err) {
  for (int32_t i = 0; i < 3; ++i) {
    size_t elements = 0;
    if (!ln_shape_elements(&node->in[i]->shape, &elements) || elements != 1) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d is no scalar", (int)i);
    }
    if (node->in[i]->data == NULL) return (ln_status)LN_INFER_LATER;
  }
  double count = 0.0;
  if (node->in[0]->type == LN_FLOAT32) {
    const float start = *(const float *)node->in[0]->data, limit = *(const float *)node->in[1]->data;
    const float delta = *(const float *)node->in[2]->data;
    count = delta > 0.0f ? start < limit : start > limit;
    if (count > 0.0) count = ceilf(fabsf((limit - start) / delta));
    if (!(delta != 0.0f)) count = NAN;
  } else {
    int64_t values[3] = {0};
    int32_t one = 0;
    for (int32_t i = 0; i < 3; ++i) LN_TRY(ln_node_ints(node, i, &values[i], 1, &one, err));
    count = values[2] == 0 ? NAN : (double)integer_count(values[0], values[1], values[2]);
  }
  if (!(count >= 0.0 && count <= INT32_MAX)) {
    return ln_node_fail(node, err, LN_ERR_DATA, "start, limit and delta give no sequence");
  }
  const ln_shape shape = {1, {(int32_t)count}};
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_range_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  ln_tensor *out = node->out[0];
  const int32_t count = out->shape.dims[0];
  if (out->type == LN_FLOAT32) {
    float value = *(const float *)node->in[0]->data;
    const float delta = *(const float *)node->in[2]->data;
    for (int32_t i = 0; i < count; ++i, value += delta) ((float *)out->data)[i] = value;
  } else if (out->type == LN_INT64) {
    uint64_t value = *(const uint64_t *)node->in[0]->data;
    const uint64_t delta = *(const uint64_t *)node->in[2]->data;
    for (int32_t i = 0; i < count; ++i, value += delta) ((uint64_t *)out->data)[i] = value;
  } else {
    uint32_t value = *(const uint32_t *)node->in[0]->data;
    const uint32_t delta = *(const uint32_t *)node->in[2]->data;
    for (int32_t i = 0; i < count; ++i, value += delta) ((uint32_t *)out->data)[i] = value;
  }
  return LN_OK;
}

/* ---- ONE_HOT: indices, depth, on value, off value ---- */

static ln_status one_hot_axis(const ln_node *node, int32_t *axis, ln_error *err) {
  const int32_t asked = LN_OPTIONS(node, one_hot_options)->axis;
  if (ln_axis_normalize(asked, node->in[0]->shape.rank + 1, axis)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "axis %d is out of range", (int)asked);
}

ln_status ln_one_hot_infer(ln_node *node, ln_error *err) {
  const ln_shape *indices = &node->in[0]->shape;
  int32_t axis = 0;
  int64_t depth = 0;
  LN_TRY(one_hot_axis(node, &axis, err));
  LN_TRY(ln_node_int(node, 1, &depth, err));
  for (int32_t i = 2; i < 4; ++i) {
    size_t elements = 0;
    if (ln_shape_elements(&node->in[i]->shape, &elements) && elements == 1) continue;
    return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d is no scalar", (int)i);
  }
  ln_shape shape = {0, {0}};
  bool fits = true;
  for (int32_t i = 0; i <= indices->rank; ++i) {
    if (i == axis) fits = fits && ln_shape_push(&shape, depth);
    if (i < indices->rank) fits = fits && ln_shape_push(&shape, indices->dims[i]);
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "depth %lld does not fit", (long long)depth);
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_one_hot_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *indices = node->in[0];
  ln_tensor *out = node->out[0];
  int32_t axis = 0;
  LN_TRY(one_hot_axis(node, &axis, exec->err));
  if (ln_tensor_is_empty(out)) return LN_OK;
  const size_t item = ln_item_bytes(out);
  const size_t outer = ln_shape_span(&indices->shape, 0, axis);
  const size_t inner = ln_shape_span(&indices->shape, axis, indices->shape.rank);
  const int64_t depth = out->shape.dims[axis];
  ln_k_fill(out->data, node->in[3]->data, item, out->bytes / item);
  char *block = out->data;
  for (size_t o = 0; o < outer; ++o, block += (size_t)depth * inner * item) {
    for (size_t i = 0; i < inner; ++i) {
      const size_t at = o * inner + i;
      const int64_t index =
          indices->type == LN_INT64 ? ((const int64_t *)indices->data)[at] : ((const int32_t *)indices->data)[at];
      if (index < 0 || index >= depth) continue; /* such a row has no element that is on */
      memcpy(block + ((size_t)index * inner + i) * item, node->in[2]->data, item);
    }
  }
  return LN_OK;
}

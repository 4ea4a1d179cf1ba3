/* FILL, ZEROS_LIKE, RANGE, ONE_HOT: tensors made from a few numbers. */
#include <math.h>
#include <string.h>

#include "kernels/copy.h"
#include "ops/elementwise.h"
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

/* The same of uint64, whose bits these are. */
static uint64_t natural_count(int64_t start, int64_t limit, int64_t delta) {
  if ((uint64_t)start >= (uint64_t)limit) return 0;
  return ((uint64_t)limit - (uint64_t)start - 1) / (uint64_t)delta + 1;
}

static bool is_real(ln_type type) {
  return type == LN_FLOAT32 || type == LN_FLOAT64 || type == LN_FLOAT16 || type == LN_BFLOAT16;
}

static double real_at(const ln_tensor *scalar) {
  double value = 0.0;
  ln_k_cast(scalar->data, ln_number_of(scalar->type), &value, LN_NUMBER_F64, 1);
  return value;
}

static int64_t whole_at(const ln_tensor *scalar) {
  int64_t value = 0;
  ln_k_cast(scalar->data, ln_number_of(scalar->type), &value, LN_NUMBER_I64, 1);
  return value;
}

/* Of floats as TFLite counts them, in their own precision. */
static double real_count(ln_type type, double start, double limit, double delta) {
  if (type == LN_FLOAT64) return ceil(fabs((limit - start) / delta));
  return (double)ceilf(fabsf(((float)limit - (float)start) / (float)delta));
}

ln_status ln_range_infer(ln_node *node, ln_error *err) {
  for (int32_t i = 0; i < 3; ++i) {
    size_t elements = 0;
    if (!ln_shape_elements(&node->in[i]->shape, &elements) || elements != 1) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d is no scalar", (int)i);
    }
    if (node->in[i]->data == NULL) return (ln_status)LN_INFER_LATER;
  }
  double count;
  if (is_real(node->in[0]->type)) {
    const double start = real_at(node->in[0]), limit = real_at(node->in[1]), delta = real_at(node->in[2]);
    count = delta > 0.0 ? start < limit : start > limit;
    if (count > 0.0) count = real_count(node->in[0]->type, start, limit, delta);
    if (!(delta != 0.0)) count = NAN;
  } else {
    const int64_t start = whole_at(node->in[0]), limit = whole_at(node->in[1]), delta = whole_at(node->in[2]);
    const bool natural = node->in[0]->type == LN_UINT64;
    count =
        delta == 0 ? NAN : (double)(natural ? natural_count(start, limit, delta) : integer_count(start, limit, delta));
  }
  if (!(count >= 0.0 && count <= INT32_MAX)) {
    return ln_node_fail(node, err, LN_ERR_DATA, "start, limit and delta give no sequence");
  }
  const ln_shape shape = {1, {(int32_t)count}};
  return ln_node_set_shape(node, 0, &shape, err);
}

/* Values are added up one after another, floats in float or, where they are wider, in double. */
ln_status ln_range_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  ln_tensor *out = node->out[0];
  const size_t bytes = ln_item_bytes(out);
  const ln_number type = ln_number_of(out->type);
  char *to = out->data;
  if (out->type == LN_FLOAT64) {
    double value = real_at(node->in[0]);
    for (int32_t i = 0; i < out->shape.dims[0]; ++i, value += real_at(node->in[2])) ((double *)out->data)[i] = value;
  } else if (is_real(out->type)) {
    float value = (float)real_at(node->in[0]);
    const float delta = (float)real_at(node->in[2]);
    for (int32_t i = 0; i < out->shape.dims[0]; ++i, value += delta, to += bytes) {
      ln_k_cast(&value, LN_NUMBER_F32, to, type, 1);
    }
  } else {
    uint64_t value = (uint64_t)whole_at(node->in[0]);
    const uint64_t delta = (uint64_t)whole_at(node->in[2]);
    for (int32_t i = 0; i < out->shape.dims[0]; ++i, value += delta, to += bytes) {
      ln_k_cast(&value, LN_NUMBER_I64, to, type, 1);
    }
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

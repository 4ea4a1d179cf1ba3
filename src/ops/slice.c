/* SLICE and STRIDED_SLICE: a box of the input, with steps. */
#include <string.h>

#include "ops/flex_resource.h"
#include "ops/move.h"
#include "ops/rows.h"

/* ---- SLICE ---- */

static ln_status slice_box(const ln_node *node, int64_t begin[LN_MAX_RANK], int64_t size[LN_MAX_RANK], ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  int32_t begins = 0, sizes = 0;
  LN_TRY(ln_node_ints(node, 1, begin, LN_MAX_RANK, &begins, err));
  LN_TRY(ln_node_ints(node, 2, size, LN_MAX_RANK, &sizes, err));
  if (begins != in->rank || sizes != in->rank) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "begin and size do not fit rank %d", (int)in->rank);
  }
  for (int32_t i = 0; i < in->rank; ++i) {
    const int64_t extent = in->dims[i];
    const bool starts_inside = begin[i] >= 0 && begin[i] <= extent;
    if (starts_inside && size[i] == -1) size[i] = extent - begin[i];
    if (!starts_inside || size[i] < 0 || size[i] > extent - begin[i]) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "begin %lld, size %lld leave dimension %d of %d",
                          (long long)begin[i], (long long)size[i], (int)i, (int)extent);
    }
  }
  return LN_OK;
}

ln_status ln_slice_infer(ln_node *node, ln_error *err) {
  int64_t begin[LN_MAX_RANK], size[LN_MAX_RANK];
  LN_TRY(slice_box(node, begin, size, err));
  ln_shape shape = node->in[0]->shape;
  for (int32_t i = 0; i < shape.rank; ++i) shape.dims[i] = (int32_t)size[i];
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_slice_prepare(ln_node *node, ln_prep *prep) {
  int64_t begin[LN_MAX_RANK], size[LN_MAX_RANK];
  size_t strides[LN_MAX_RANK];
  (void)prep;
  if (ln_type_bits(node->in[0]->type) < 8 || !ln_tensor_const_data(node->in[1]) || !ln_tensor_const_data(node->in[2]))
    return LN_OK;
  LN_TRY(slice_box(node, begin, size, prep->err));
  node->is_parts = ln_box_is_dense(&node->in[0]->shape, size);
  ln_byte_strides(node->in[0], strides);
  for (int32_t i = 0; i < node->in[0]->shape.rank; ++i) node->parts_at += (size_t)begin[i] * strides[i];
  return LN_OK;
}

ln_status ln_slice_run(const ln_node *node, ln_exec *exec) {
  int64_t begin[LN_MAX_RANK], size[LN_MAX_RANK];
  LN_TRY(slice_box(node, begin, size, exec->err));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  size_t in_strides[LN_MAX_RANK], out_strides[LN_MAX_RANK];
  ln_byte_strides(node->in[0], in_strides);
  ln_byte_strides(node->out[0], out_strides);
  const char *src = node->in[0]->data;
  ln_copy_plan plan;
  ln_copy_begin(&plan, ln_item_bytes(node->in[0]));
  for (int32_t i = 0; i < node->out[0]->shape.rank; ++i) {
    src += (size_t)begin[i] * in_strides[i];
    ln_copy_dim(&plan, (size_t)node->out[0]->shape.dims[i], in_strides[i], out_strides[i]);
  }
  ln_move(exec, &plan, src, node->out[0]->data);
  return LN_OK;
}

/* ---- STRIDED_SLICE ---- */

/* What is taken of each input dimension, and the shape of the result. */
typedef struct slice_spec {
  int64_t begin[LN_MAX_RANK], step[LN_MAX_RANK], extent[LN_MAX_RANK];
  ln_shape shape;
} slice_spec;

static int64_t clamp_index(int64_t value, int64_t low, int64_t high) {
  return value < low ? low : (value > high ? high : value);
}

/* Where index `value` of a dimension lies, negative ones counted from its end, in the range that the step allows. */
static int64_t place_index(int64_t value, int64_t extent, int64_t step) {
  if (value < 0) value += extent;
  return step > 0 ? clamp_index(value, 0, extent) : clamp_index(value, -1, extent - 1);
}

typedef struct slice_item {
  int64_t begin, end, step;
  bool open_begin, open_end, shrink;
} slice_item;

/* Fills in one input dimension; false when an index that names a single element is outside it. */
static bool take_dim(slice_spec *spec, int32_t dim, int64_t extent, const slice_item *item) {
  const int64_t step = item->step;
  int64_t begin = item->open_begin ? (step > 0 ? 0 : extent - 1) : place_index(item->begin, extent, step);
  spec->step[dim] = step;
  if (item->shrink) {
    begin = item->open_begin ? 0 : item->begin + (item->begin < 0 ? extent : 0);
    spec->begin[dim] = begin;
    spec->extent[dim] = 1;
    return begin >= 0 && begin < extent;
  }
  const int64_t end = item->open_end ? (step > 0 ? extent : -1) : place_index(item->end, extent, step);
  const int64_t distance = step > 0 ? end - begin : begin - end;
  const int64_t stride = step > 0 ? step : -step;
  spec->begin[dim] = begin;
  spec->extent[dim] = distance > 0 ? 1 + (distance - 1) / stride : 0;
  return ln_shape_push(&spec->shape, spec->extent[dim]);
}

/* How many new axes stand after item `from`: what an ellipsis must leave room for. */
static int32_t new_axes_after(int32_t mask, int32_t from, int32_t count) {
  int32_t axes = 0;
  for (int32_t i = from; i < count; ++i) axes += (mask >> i) & 1;
  return axes;
}

static ln_status slice_items(const ln_node *node, slice_item items[LN_MAX_RANK], int32_t *count, ln_error *err) {
  const ln_strided_slice_options *options = LN_OPTIONS(node, strided_slice_options);
  int64_t begin[LN_MAX_RANK], end[LN_MAX_RANK], step[LN_MAX_RANK];
  int32_t counts[3] = {0};
  LN_TRY(ln_node_ints(node, 1, begin, LN_MAX_RANK, &counts[0], err));
  LN_TRY(ln_node_ints(node, 2, end, LN_MAX_RANK, &counts[1], err));
  LN_TRY(ln_node_ints(node, 3, step, LN_MAX_RANK, &counts[2], err));
  if (counts[0] != counts[1] || counts[0] != counts[2]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "begin, end and strides differ in length");
  }
  for (int32_t i = 0; i < counts[0]; ++i) {
    if (step[i] == 0 || step[i] > INT32_MAX || step[i] < -INT32_MAX) {
      return ln_node_fail(node, err, LN_ERR_MODEL, "stride %lld", (long long)step[i]);
    }
    const int64_t limit = INT64_C(1) << 40; /* far outside any dimension, so that sums cannot overflow */
    begin[i] = clamp_index(begin[i], -limit, limit);
    end[i] = clamp_index(end[i], -limit, limit) + (options->offset ? begin[i] : 0);
    items[i] = (slice_item){begin[i],
                            end[i],
                            step[i],
                            (options->begin_mask >> i & 1) != 0,
                            (options->end_mask >> i & 1) != 0,
                            (options->shrink_axis_mask >> i & 1) != 0};
  }
  *count = counts[0];
  return LN_OK;
}

static ln_status slice_resolve(const ln_node *node, const ln_shape *in, slice_spec *spec, ln_error *err) {
  const ln_strided_slice_options *options = LN_OPTIONS(node, strided_slice_options);
  const slice_item whole = {0, 0, 1, true, true, false};
  slice_item items[LN_MAX_RANK];
  int32_t count = 0, dim = 0;
  bool fits = true, had_ellipsis = false;
  LN_TRY(slice_items(node, items, &count, err));
  spec->shape.rank = 0;
  for (int32_t i = 0; i < count && fits; ++i) {
    if (options->ellipsis_mask >> i & 1) {
      const int32_t taken_later = count - i - 1 - new_axes_after(options->new_axis_mask, i + 1, count);
      fits = !had_ellipsis;
      had_ellipsis = true;
      while (fits && dim < in->rank - taken_later) {
        fits = take_dim(spec, dim, in->dims[dim], &whole);
        ++dim;
      }
    } else if (options->new_axis_mask >> i & 1) {
      fits = ln_shape_push(&spec->shape, 1);
    } else {
      fits = dim < in->rank && take_dim(spec, dim, in->dims[dim], &items[i]);
      ++dim;
    }
  }
  for (; dim < in->rank && fits; ++dim) fits = take_dim(spec, dim, in->dims[dim], &whole);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the slice does not fit the input's shape");
  return LN_OK;
}

ln_status ln_strided_slice_infer(ln_node *node, ln_error *err) {
  slice_spec spec;
  LN_TRY(slice_resolve(node, &node->in[0]->shape, &spec, err));
  return ln_node_set_shape(node, 0, &spec.shape, err);
}

/* The plan between the whole tensor, whose strides it goes by, and the dense slice; *offset is where the slice begins.
 */
static ln_copy_plan slice_plan(const ln_tensor *whole, const slice_spec *spec, ptrdiff_t *offset) {
  size_t strides[LN_MAX_RANK];
  ln_byte_strides(whole, strides);
  size_t dense_stride = ln_item_bytes(whole);
  ln_copy_plan plan;
  ln_copy_begin(&plan, dense_stride);
  *offset = 0;
  for (int32_t i = whole->shape.rank - 1; i >= 0; --i) {
    *offset += (ptrdiff_t)spec->begin[i] * (ptrdiff_t)strides[i];
    const size_t extent = (size_t)spec->extent[i];
    /* A step over a dimension of one element is never taken, and may be too long to multiply. */
    ln_copy_dim(&plan, extent, extent > 1 ? (size_t)spec->step[i] * strides[i] : 0, dense_stride);
    dense_stride *= extent;
  }
  return plan;
}

ln_status ln_strided_slice_run(const ln_node *node, ln_exec *exec) {
  slice_spec spec;
  ptrdiff_t offset;
  LN_TRY(slice_resolve(node, &node->in[0]->shape, &spec, exec->err));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  ln_copy_plan plan = slice_plan(node->in[0], &spec, &offset);
  ln_move(exec, &plan, (const char *)node->in[0]->data + offset, node->out[0]->data);
  return LN_OK;
}

/* ---- StridedSliceGrad: shape, begin, end, strides, the slice's gradient; zeros around it ---- */

ln_status ln_strided_slice_grad_infer(ln_node *node, ln_error *err) {
  int64_t dims[LN_MAX_RANK];
  int32_t rank = 0;
  ln_shape shape = {0, {0}};
  slice_spec spec;
  bool fits = true;
  LN_TRY(ln_node_ints(node, 0, dims, LN_MAX_RANK, &rank, err));
  for (int32_t i = 0; i < rank; ++i) fits = fits && ln_shape_push(&shape, dims[i]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the shape holds a size out of range");
  LN_TRY(slice_resolve(node, &shape, &spec, err));
  if (!ln_shape_equal(&spec.shape, &node->in[4]->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the gradient is not of the slice's shape");
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

/* Input 4 goes to where the slice of `whole` was. */
static void put_slice(const ln_node *node, const ln_exec *exec, const slice_spec *spec, ln_tensor *whole) {
  ptrdiff_t offset;
  ln_copy_plan plan = slice_plan(whole, spec, &offset);
  for (int32_t i = 0; i < plan.rank; ++i) {
    const ptrdiff_t stride = plan.src_strides[i];
    plan.src_strides[i] = plan.dst_strides[i];
    plan.dst_strides[i] = stride;
  }
  ln_move(exec, &plan, node->in[4]->data, (char *)whole->data + offset);
}

ln_status ln_strided_slice_grad_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *out = node->out[0];
  slice_spec spec;
  LN_TRY(slice_resolve(node, &out->shape, &spec, exec->err));
  if (ln_tensor_is_empty(out)) return LN_OK;
  memset(out->data, 0, out->bytes);
  if (!ln_tensor_is_empty(node->in[4])) put_slice(node, exec, &spec, out);
  return LN_OK;
}

/* ---- TensorStridedSliceUpdate, ResourceStridedSliceAssign: what is written to, begin, end, strides, values ---- */

static ln_status check_values(const ln_node *node, const slice_spec *spec, ln_error *err) {
  char wanted[96], given[96];
  if (ln_shape_equal(&spec->shape, &node->in[4]->shape)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "the slice is %s, the values are %s",
                      ln_shape_format(&spec->shape, wanted, sizeof wanted),
                      ln_shape_format(&node->in[4]->shape, given, sizeof given));
}

ln_status ln_strided_slice_update_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *out = node->out[0];
  slice_spec spec;
  LN_TRY(slice_resolve(node, &out->shape, &spec, exec->err));
  LN_TRY(check_values(node, &spec, exec->err));
  ln_move_bytes(exec, node->in[0]->data, out->data, out->bytes);
  if (!ln_tensor_is_empty(node->in[4])) put_slice(node, exec, &spec, out);
  return LN_OK;
}

ln_status ln_strided_slice_assign_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *value = NULL;
  slice_spec spec;
  LN_TRY(ln_flex_variable(node, 0, node->in[4]->type, exec->err, &value));
  LN_TRY(slice_resolve(node, &value->shape, &spec, exec->err));
  LN_TRY(check_values(node, &spec, exec->err));
  if (!ln_tensor_is_empty(node->in[4])) put_slice(node, exec, &spec, value);
  return LN_OK;
}

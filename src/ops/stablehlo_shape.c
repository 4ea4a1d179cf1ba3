/*
 * StableHLO's data movement: RESHAPE, TRANSPOSE, SLICE, BROADCAST_IN_DIM, PAD (DILATE is a case of it), DYNAMIC_SLICE,
 * DYNAMIC_UPDATE_SLICE. One strided copy each.
 */
#include <string.h>

#include "ops/hlo.h"
#include "ops/rows.h"

/* ---- shared ---- */

ln_status ln_hlo_declared_shape(const ln_node *node, ln_shape *shape, ln_error *err) {
  const ln_tensor *out = node->out[0];
  *shape = out->has_signature ? out->signature : out->shape;
  if (ln_shape_known(shape)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "the output's declared shape is not known");
}

bool ln_hlo_find_axis(const ln_vec_i64 *values, int32_t axis, int32_t *place) {
  for (uint32_t i = 0; i < values->count; ++i) {
    if (values->data[i] != axis) continue;
    *place = (int32_t)i;
    return true;
  }
  return false;
}

bool ln_hlo_are_axes(const ln_vec_i64 *values, int32_t rank) {
  uint32_t seen = 0;
  if (values->count > (uint32_t)rank) return false;
  for (uint32_t i = 0; i < values->count; ++i) {
    const int64_t axis = values->data[i];
    if (axis < 0 || axis >= rank || (seen >> axis & 1) != 0) return false;
    seen |= UINT32_C(1) << axis;
  }
  return true;
}

ln_status ln_hlo_extents(const ln_node *node, const ln_vec_i64 *values, const char *name, int32_t rank,
                         int64_t out[LN_MAX_RANK], ln_error *err) {
  if (values->count != 0 && values->count != (uint32_t)rank) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%u %s for %d dimensions", (unsigned)values->count, name, rank);
  }
  for (int32_t i = 0; i < rank; ++i) {
    out[i] = values->count == 0 ? 1 : values->data[i];
    if (out[i] >= 1 && out[i] <= LN_HLO_EXTENT_LIMIT) continue;
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%lld among its %s", (long long)out[i], name);
  }
  return LN_OK;
}

ln_status ln_hlo_paddings(const ln_node *node, const ln_vec_i64 *values, int32_t rank, int64_t low[LN_MAX_RANK],
                          int64_t high[LN_MAX_RANK], ln_error *err) {
  const int64_t limit = LN_HLO_EXTENT_LIMIT;
  if (values->count != 0 && values->count != 2 * (uint32_t)rank) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%u paddings for %d dimensions", (unsigned)values->count, rank);
  }
  for (int32_t i = 0; i < rank; ++i) {
    low[i] = values->count == 0 ? 0 : values->data[2 * i];
    high[i] = values->count == 0 ? 0 : values->data[2 * i + 1];
    if (low[i] >= -limit && low[i] <= limit && high[i] >= -limit && high[i] <= limit) continue;
    return ln_node_fail(node, err, LN_ERR_SHAPE, "a padding of %lld and %lld", (long long)low[i], (long long)high[i]);
  }
  return LN_OK;
}

/* Copies input 0 from `src` on to output 0 from `dst` on, `dims` elements along each dimension. */
static void copy_box(const ln_node *node, const ln_exec *exec, const char *src, const size_t *src_strides, char *dst,
                     const size_t *dst_strides, const int32_t *dims, int32_t rank) {
  ln_copy_plan plan;
  ln_copy_begin(&plan, ln_item_bytes(node->out[0]));
  for (int32_t i = 0; i < rank; ++i) ln_copy_dim(&plan, (size_t)dims[i], src_strides[i], dst_strides[i]);
  ln_move(exec, &plan, src, dst);
}

/* ---- RESHAPE ---- */

ln_status ln_hlo_reshape_infer(ln_node *node, ln_error *err) {
  ln_shape shape;
  size_t from = 0, to = 0;
  LN_TRY(ln_hlo_declared_shape(node, &shape, err));
  if (!ln_shape_elements(&shape, &to) || !ln_shape_elements(&node->in[0]->shape, &from) || from != to) {
    char text[96];
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the input does not fit into %s",
                        ln_shape_format(&shape, text, sizeof text));
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

/* ---- TRANSPOSE ---- */

ln_status ln_hlo_transpose_infer(ln_node *node, ln_error *err) {
  const ln_vec_i64 *perm = &LN_OPTIONS(node, stablehlo_transpose_options)->permutation;
  const ln_shape *in = &node->in[0]->shape;
  if (perm->count != (uint32_t)in->rank || !ln_hlo_are_axes(perm, in->rank)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the axes are no permutation");
  }
  ln_shape shape = {in->rank, {0}};
  for (int32_t i = 0; i < in->rank; ++i) shape.dims[i] = in->dims[perm->data[i]];
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_hlo_transpose_run(const ln_node *node, ln_exec *exec) {
  const ln_vec_i64 *perm = &LN_OPTIONS(node, stablehlo_transpose_options)->permutation;
  const ln_tensor *out = node->out[0];
  size_t in_strides[LN_MAX_RANK], strides[LN_MAX_RANK], out_strides[LN_MAX_RANK];
  if (ln_tensor_is_empty(out)) return LN_OK;
  ln_byte_strides(node->in[0], in_strides);
  ln_byte_strides(out, out_strides);
  for (int32_t i = 0; i < out->shape.rank; ++i) strides[i] = in_strides[perm->data[i]];
  copy_box(node, exec, node->in[0]->data, strides, out->data, out_strides, out->shape.dims, out->shape.rank);
  return LN_OK;
}

/* ---- SLICE ---- */

ln_status ln_hlo_slice_infer(ln_node *node, ln_error *err) {
  const ln_stablehlo_slice_options *o = LN_OPTIONS(node, stablehlo_slice_options);
  const ln_shape *in = &node->in[0]->shape;
  const uint32_t rank = (uint32_t)in->rank;
  if (o->start_indices.count != rank || o->limit_indices.count != rank || o->strides.count != rank) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the bounds do not fit rank %d", (int)in->rank);
  }
  ln_shape shape = {in->rank, {0}};
  for (int32_t i = 0; i < in->rank; ++i) {
    const int64_t start = o->start_indices.data[i], limit = o->limit_indices.data[i], stride = o->strides.data[i];
    if (start < 0 || limit < start || limit > in->dims[i] || stride < 1) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "[%lld, %lld) by %lld leaves dimension %d", (long long)start,
                          (long long)limit, (long long)stride, (int)i);
    }
    shape.dims[i] = limit > start ? (int32_t)((limit - start - 1) / stride + 1) : 0;
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_hlo_slice_run(const ln_node *node, ln_exec *exec) {
  const ln_stablehlo_slice_options *o = LN_OPTIONS(node, stablehlo_slice_options);
  const ln_tensor *out = node->out[0];
  size_t strides[LN_MAX_RANK], out_strides[LN_MAX_RANK];
  if (ln_tensor_is_empty(out)) return LN_OK;
  ln_byte_strides(node->in[0], strides);
  ln_byte_strides(out, out_strides);
  const char *src = node->in[0]->data;
  for (int32_t i = 0; i < out->shape.rank; ++i) {
    src += (size_t)o->start_indices.data[i] * strides[i];
    /* A step over one element is never taken, and may be too long to multiply. */
    strides[i] = out->shape.dims[i] > 1 ? (size_t)o->strides.data[i] * strides[i] : 0;
  }
  copy_box(node, exec, src, strides, out->data, out_strides, out->shape.dims, out->shape.rank);
  return LN_OK;
}

/* ---- BROADCAST_IN_DIM ---- */

ln_status ln_hlo_broadcast_infer(ln_node *node, ln_error *err) {
  const ln_vec_i64 *dims = &LN_OPTIONS(node, stablehlo_broadcast_in_dim_options)->broadcast_dimensions;
  const ln_shape *in = &node->in[0]->shape;
  ln_shape shape;
  LN_TRY(ln_hlo_declared_shape(node, &shape, err));
  bool fits = dims->count == (uint32_t)in->rank && ln_hlo_are_axes(dims, shape.rank);
  for (int32_t i = 0; i < in->rank && fits; ++i) {
    fits = in->dims[i] == 1 || in->dims[i] == shape.dims[dims->data[i]];
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input does not broadcast to the output's shape");
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_hlo_broadcast_run(const ln_node *node, ln_exec *exec) {
  const ln_vec_i64 *dims = &LN_OPTIONS(node, stablehlo_broadcast_in_dim_options)->broadcast_dimensions;
  const ln_tensor *in = node->in[0], *out = node->out[0];
  size_t in_strides[LN_MAX_RANK], strides[LN_MAX_RANK] = {0}, out_strides[LN_MAX_RANK];
  if (ln_tensor_is_empty(out)) return LN_OK;
  ln_byte_strides(in, in_strides);
  ln_byte_strides(out, out_strides);
  for (int32_t i = 0; i < in->shape.rank; ++i) {
    if (in->shape.dims[i] != 1) strides[dims->data[i]] = in_strides[i];
  }
  copy_box(node, exec, in->data, strides, out->data, out_strides, out->shape.dims, out->shape.rank);
  return LN_OK;
}

/* ---- PAD: operand, value; DILATE: operand, dilations, value ---- */

/* What is added before and after a dimension (negative: taken off) and between neighbours. */
typedef struct padding {
  int64_t low, high, interior;
} padding;

enum { PAD_LIMIT = INT32_MAX };

static ln_status read_paddings(const ln_node *node, padding pads[LN_MAX_RANK], ln_error *err) {
  const ln_stablehlo_pad_options *o = LN_OPTIONS(node, stablehlo_pad_options);
  const int32_t rank = node->in[0]->shape.rank;
  const ln_vec_i64 *vectors[3] = {&o->edge_padding_low, &o->edge_padding_high, &o->interior_padding};
  for (int32_t v = 0; v < 3; ++v) {
    if (vectors[v]->count != (uint32_t)rank) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "%u paddings for rank %d", (unsigned)vectors[v]->count, (int)rank);
    }
    for (int32_t i = 0; i < rank; ++i) {
      const int64_t pad = vectors[v]->data[i];
      if (pad > PAD_LIMIT || pad < (v == 2 ? 0 : -PAD_LIMIT)) {
        return ln_node_fail(node, err, LN_ERR_SHAPE, "a padding of %lld", (long long)pad);
      }
    }
  }
  for (int32_t i = 0; i < rank; ++i) {
    pads[i] = (padding){o->edge_padding_low.data[i], o->edge_padding_high.data[i], o->interior_padding.data[i]};
  }
  return LN_OK;
}

static ln_status read_dilations(const ln_node *node, padding pads[LN_MAX_RANK], ln_error *err) {
  const int32_t rank = node->in[0]->shape.rank;
  int64_t dilations[LN_MAX_RANK];
  int32_t count = 0;
  LN_TRY(ln_node_ints(node, 1, dilations, LN_MAX_RANK, &count, err));
  if (count != rank) return ln_node_fail(node, err, LN_ERR_SHAPE, "%d dilations for rank %d", (int)count, (int)rank);
  for (int32_t i = 0; i < rank; ++i) {
    if (dilations[i] < 1 || dilations[i] > PAD_LIMIT) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "a dilation of %lld", (long long)dilations[i]);
    }
    pads[i] = (padding){0, 0, dilations[i] - 1};
  }
  return LN_OK;
}

static ln_status infer_padded(ln_node *node, const padding *pads, int32_t value, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  size_t elements = 0;
  ln_shape shape = {0, {0}};
  for (int32_t i = 0; i < in->rank; ++i) {
    const int64_t between = in->dims[i] > 0 ? in->dims[i] - 1 : 0;
    int64_t extent = in->dims[i] + between * pads[i].interior + pads[i].low + pads[i].high;
    if (extent < 0) extent = 0;
    if (!ln_shape_push(&shape, extent))
      return ln_node_fail(node, err, LN_ERR_SHAPE, "dimension %d grows too long", (int)i);
  }
  if (!ln_shape_elements(&node->in[value]->shape, &elements) || elements != 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the padding's value is no scalar");
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

/* Input index i of a dimension goes to low + i * (1 + interior), where that is inside. */
static void run_padded(const ln_node *node, const ln_exec *exec, const padding *pads, int32_t value) {
  const ln_tensor *in = node->in[0], *out = node->out[0];
  size_t in_strides[LN_MAX_RANK], out_strides[LN_MAX_RANK];
  int32_t dims[LN_MAX_RANK] = {0};
  if (ln_tensor_is_empty(out)) return;
  const size_t item = ln_item_bytes(out);
  ln_k_fill(out->data, node->in[value]->data, item, out->bytes / item);
  if (ln_tensor_is_empty(in)) return;
  const char *src = in->data;
  char *dst = out->data;
  ln_byte_strides(in, in_strides);
  ln_byte_strides(out, out_strides);
  for (int32_t i = 0; i < in->shape.rank; ++i) {
    const int64_t step = pads[i].interior + 1;
    const int64_t first = pads[i].low < 0 ? (-pads[i].low + step - 1) / step : 0;
    const int64_t room = out->shape.dims[i] - 1 - pads[i].low; /* of the last place inside, from index 0's */
    const int64_t last = room < 0 ? -1 : (room / step < in->shape.dims[i] - 1 ? room / step : in->shape.dims[i] - 1);
    if (last < first) return;
    src += (size_t)first * in_strides[i];
    dst += (size_t)(pads[i].low + first * step) * out_strides[i];
    dims[i] = (int32_t)(last - first + 1);
    out_strides[i] = dims[i] > 1 ? (size_t)step * out_strides[i] : 0;
  }
  copy_box(node, exec, src, in_strides, dst, out_strides, dims, in->shape.rank);
}

ln_status ln_hlo_pad_infer(ln_node *node, ln_error *err) {
  padding pads[LN_MAX_RANK];
  LN_TRY(read_paddings(node, pads, err));
  return infer_padded(node, pads, 1, err);
}

ln_status ln_hlo_pad_run(const ln_node *node, ln_exec *exec) {
  padding pads[LN_MAX_RANK];
  LN_TRY(read_paddings(node, pads, exec->err));
  run_padded(node, exec, pads, 1);
  return LN_OK;
}

ln_status ln_dilate_infer(ln_node *node, ln_error *err) {
  padding pads[LN_MAX_RANK];
  LN_TRY(read_dilations(node, pads, err));
  return infer_padded(node, pads, 2, err);
}

ln_status ln_dilate_run(const ln_node *node, ln_exec *exec) {
  padding pads[LN_MAX_RANK];
  LN_TRY(read_dilations(node, pads, exec->err));
  run_padded(node, exec, pads, 2);
  return LN_OK;
}

/* ---- DYNAMIC_SLICE: operand, start indices; DYNAMIC_UPDATE_SLICE: operand, update, start indices ---- */

/* Whether inputs from `first` on are one scalar for each dimension. */
static ln_status check_starts(const ln_node *node, int32_t first, ln_error *err) {
  const int32_t rank = node->in[0]->shape.rank;
  if (node->in_count - first != rank) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d start indices for rank %d", (int)(node->in_count - first),
                        (int)rank);
  }
  for (int32_t i = first; i < node->in_count; ++i) {
    size_t elements = 0;
    if (node->in[i] != NULL && ln_shape_elements(&node->in[i]->shape, &elements) && elements == 1) continue;
    return ln_node_fail(node, err, LN_ERR_SHAPE, "start index %d is no scalar", (int)(i - first));
  }
  return LN_OK;
}

/* The offset in bytes of a box of `dims` in input 0, moved to lie inside. */
static ln_status start_offset(const ln_node *node, int32_t first, const int32_t *dims, const size_t *strides,
                              size_t *out, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  *out = 0;
  for (int32_t i = 0; i < in->rank; ++i) {
    int64_t start = 0;
    int32_t one = 0;
    LN_TRY(ln_run_ints(node, first + i, &start, 1, &one, err));
    const int64_t most = in->dims[i] - dims[i];
    if (start > most) start = most;
    if (start < 0) start = 0;
    *out += (size_t)start * strides[i];
  }
  return LN_OK;
}

ln_status ln_hlo_dynamic_slice_infer(ln_node *node, ln_error *err) {
  const ln_vec_i64 *sizes = &LN_OPTIONS(node, stablehlo_dynamic_slice_options)->slice_sizes;
  const ln_shape *in = &node->in[0]->shape;
  LN_TRY(check_starts(node, 1, err));
  ln_shape shape = {0, {0}};
  bool fits = sizes->count == (uint32_t)in->rank;
  for (int32_t i = 0; i < in->rank && fits; ++i)
    fits = sizes->data[i] <= in->dims[i] && ln_shape_push(&shape, sizes->data[i]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the sizes do not fit the operand");
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_hlo_dynamic_slice_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *out = node->out[0];
  size_t strides[LN_MAX_RANK], out_strides[LN_MAX_RANK], offset = 0;
  if (ln_tensor_is_empty(out)) return LN_OK;
  ln_byte_strides(node->in[0], strides);
  ln_byte_strides(out, out_strides);
  LN_TRY(start_offset(node, 1, out->shape.dims, strides, &offset, exec->err));
  copy_box(node, exec, (const char *)node->in[0]->data + offset, strides, out->data, out_strides, out->shape.dims,
           out->shape.rank);
  return LN_OK;
}

ln_status ln_hlo_dynamic_update_slice_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape, *update = &node->in[1]->shape;
  LN_TRY(check_starts(node, 2, err));
  bool fits = update->rank == in->rank;
  for (int32_t i = 0; i < in->rank && fits; ++i) fits = update->dims[i] <= in->dims[i];
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the update does not fit the operand");
  return ln_node_set_shape(node, 0, in, err);
}

ln_status ln_hlo_dynamic_update_slice_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *update = node->in[1], *out = node->out[0];
  size_t strides[LN_MAX_RANK], update_strides[LN_MAX_RANK], offset = 0;
  if (ln_tensor_is_empty(out)) return LN_OK;
  ln_move_bytes(exec, node->in[0]->data, out->data, out->bytes);
  if (ln_tensor_is_empty(update)) return LN_OK;
  ln_byte_strides(out, strides);
  ln_byte_strides(update, update_strides);
  LN_TRY(start_offset(node, 2, update->shape.dims, strides, &offset, exec->err));
  copy_box(node, exec, update->data, update_strides, (char *)out->data + offset, strides, update->shape.dims,
           out->shape.rank);
  return LN_OK;
}

/* Select-TF operators whose data say where rows go: stitching, partitioning, scattering, rolling. */
#include <math.h>
#include <string.h>

#include "ops/elementwise.h"
#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/scatter.h"

/* ---- BroadcastGradientArgs: the axes over which each of two broadcast operands' gradients are added up ---- */

typedef struct gradient_axes {
  int64_t axes[2][LN_MAX_RANK];
  int32_t count[2];
} gradient_axes;

static ln_status find_axes(const ln_node *node, ln_error *err, gradient_axes *out) {
  int64_t dims[2][LN_MAX_RANK];
  int32_t rank[2] = {0, 0};
  LN_TRY(ln_node_ints(node, 0, dims[0], LN_MAX_RANK, &rank[0], err));
  LN_TRY(ln_node_ints(node, 1, dims[1], LN_MAX_RANK, &rank[1], err));
  out->count[0] = out->count[1] = 0;
  if (rank[0] == rank[1] && memcmp(dims[0], dims[1], (size_t)rank[0] * sizeof dims[0][0]) == 0) return LN_OK;
  const int32_t most = rank[0] > rank[1] ? rank[0] : rank[1];
  for (int32_t i = 0; i < most; ++i) {
    const int32_t own[2] = {i - (most - rank[0]), i - (most - rank[1])};
    const int64_t d[2] = {own[0] < 0 ? 1 : dims[0][own[0]], own[1] < 0 ? 1 : dims[1][own[1]]};
    if (d[0] != d[1] && d[0] != 1 && d[1] != 1) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "dimensions %lld and %lld do not broadcast", (long long)d[0],
                          (long long)d[1]);
    }
    for (int32_t side = 0; side < 2; ++side) {
      if (d[side] == 1) out->axes[side][out->count[side]++] = i;
    }
  }
  return LN_OK;
}

ln_status ln_broadcast_gradient_args_infer(ln_node *node, ln_error *err) {
  gradient_axes found;
  LN_TRY(find_axes(node, err, &found));
  for (int32_t side = 0; side < 2; ++side) {
    const ln_shape shape = ln_shape_make(1, &found.count[side]);
    LN_TRY(ln_node_set_shape(node, side, &shape, err));
  }
  return LN_OK;
}

ln_status ln_broadcast_gradient_args_run(const ln_node *node, ln_exec *exec) {
  gradient_axes found;
  LN_TRY(find_axes(node, exec->err, &found));
  for (int32_t side = 0; side < 2; ++side) {
    ln_tensor *out = node->out[side];
    if (out->shape.dims[0] != found.count[side]) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "the shapes changed in the run");
    }
    ln_k_cast(found.axes[side], LN_NUMBER_I64, out->data, ln_number_of(out->type), (size_t)found.count[side]);
  }
  return LN_OK;
}

/* ---- DynamicStitch, ParallelDynamicStitch: N lists of indices, then N tensors of rows ---- */

static size_t elements_of(const ln_tensor *tensor) { return ln_shape_span(&tensor->shape, 0, tensor->shape.rank); }

/* The rows' shape, and that of every tensor begins with its indices'. */
static ln_status stitch_row(const ln_node *node, ln_error *err, ln_shape *row) {
  const int32_t n = node->in_count / 2;
  if (n < 1 || node->in_count != 2 * n) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "%d inputs are no lists and rows", node->in_count);
  }
  for (int32_t i = 0; i < n; ++i) {
    const ln_tensor *indices = node->in[i], *data = node->in[n + i];
    bool fits =
        indices->type == LN_INT32 && data->type == node->out[0]->type && data->shape.rank >= indices->shape.rank;
    for (int32_t d = 0; fits && d < indices->shape.rank; ++d) fits = data->shape.dims[d] == indices->shape.dims[d];
    if (fits) {
      const ln_shape own =
          ln_shape_make(data->shape.rank - indices->shape.rank, data->shape.dims + indices->shape.rank);
      if (i == 0) *row = own;
      fits = ln_shape_equal(row, &own);
    }
    if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "rows %d do not fit their indices or the other rows", i);
  }
  return LN_OK;
}

ln_status ln_dynamic_stitch_infer(ln_node *node, ln_error *err) {
  ln_shape row = {0, {0}}, shape = {0, {0}};
  int64_t most = -1;
  LN_TRY(stitch_row(node, err, &row));
  for (int32_t i = 0; i < node->in_count / 2; ++i) {
    const int32_t *indices = node->in[i]->data;
    const size_t count = elements_of(node->in[i]);
    if (count > 0 && indices == NULL) return (ln_status)LN_INFER_LATER;
    for (size_t k = 0; k < count; ++k) {
      if (indices[k] < 0) return ln_node_fail(node, err, LN_ERR_DATA, "the index %d is negative", indices[k]);
      most = indices[k] > most ? indices[k] : most;
    }
  }
  bool fits = ln_shape_push(&shape, most + 1);
  for (int32_t i = 0; i < row.rank; ++i) fits = fits && ln_shape_push(&shape, row.dims[i]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "%lld rows of these", (long long)most + 1);
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_dynamic_stitch_run(const ln_node *node, ln_exec *exec) {
  ln_tensor *out = node->out[0];
  const int32_t n = node->in_count / 2;
  if (ln_tensor_is_empty(out)) return LN_OK;
  const size_t row = ln_shape_span(&out->shape, 1, out->shape.rank) * ln_item_bytes(out);
  memset(out->data, 0, out->bytes); /* rows that no index names */
  for (int32_t i = 0; i < n; ++i) {
    const int32_t *indices = node->in[i]->data;
    const size_t count = elements_of(node->in[i]);
    for (size_t k = 0; k < count; ++k) {
      if (indices[k] < 0 || indices[k] >= out->shape.dims[0]) {
        return ln_node_fail(node, exec->err, LN_ERR_DATA, "the index %d is outside %d rows", indices[k],
                            out->shape.dims[0]);
      }
      memcpy((char *)out->data + (size_t)indices[k] * row, (const char *)node->in[n + i]->data + k * row, row);
    }
  }
  return LN_OK;
}

/* ---- DynamicPartition: rows of input 0 to the outputs that input 1 names ---- */

static ln_status partition_of(const ln_node *node, ln_error *err, size_t row, int32_t *out) {
  *out = ((const int32_t *)node->in[1]->data)[row];
  if (*out >= 0 && *out < node->out_count) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_DATA, "row %zu goes to %d of %d partitions", row, *out, node->out_count);
}

ln_status ln_dynamic_partition_infer(ln_node *node, ln_error *err) {
  const ln_shape *data = &node->in[0]->shape, *parts = &node->in[1]->shape;
  bool fits = parts->rank <= data->rank;
  for (int32_t i = 0; fits && i < parts->rank; ++i) fits = parts->dims[i] == data->dims[i];
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the partitions' shape does not begin the data's");
  const size_t rows = elements_of(node->in[1]);
  if (rows > 0 && node->in[1]->data == NULL) return (ln_status)LN_INFER_LATER;
  for (int32_t p = 0; p < node->out_count; ++p) {
    ln_shape shape = {1, {0}};
    for (size_t r = 0; r < rows; ++r) {
      int32_t to;
      LN_TRY(partition_of(node, err, r, &to));
      if (to == p && shape.dims[0] < INT32_MAX) ++shape.dims[0];
    }
    fits = true;
    for (int32_t i = parts->rank; i < data->rank; ++i) fits = fits && ln_shape_push(&shape, data->dims[i]);
    if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the result has too many dimensions");
    LN_TRY(ln_node_set_shape(node, p, &shape, err));
  }
  return LN_OK;
}

ln_status ln_dynamic_partition_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *data = &node->in[0]->shape;
  const size_t rows = elements_of(node->in[1]);
  const size_t row = ln_shape_span(data, node->in[1]->shape.rank, data->rank) * ln_item_bytes(node->in[0]);
  for (int32_t p = 0; p < node->out_count; ++p) {
    char *out = node->out[p]->data;
    const char *end = out == NULL ? NULL : out + node->out[p]->bytes;
    for (size_t r = 0; r < rows && row > 0; ++r) {
      int32_t to;
      LN_TRY(partition_of(node, exec->err, r, &to));
      if (to != p) continue;
      if (out == NULL || (size_t)(end - out) < row) {
        return ln_node_fail(node, exec->err, LN_ERR_DATA, "the partitions changed in the run");
      }
      memcpy(out, (const char *)node->in[0]->data + r * row, row);
      out += row;
    }
  }
  return LN_OK;
}

/* ---- InvertPermutation ---- */

ln_status ln_invert_permutation_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *in = node->in[0];
  ln_tensor *out = node->out[0];
  if (in->shape.rank != 1) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the permutation is no list");
  const bool wide = in->type == LN_INT64;
  const int64_t count = in->shape.dims[0];
  if (count > 0) memset(out->data, 0xFF, out->bytes); /* -1: no one's place yet */
  for (int64_t i = 0; i < count; ++i) {
    const int64_t at = wide ? ((const int64_t *)in->data)[i] : ((const int32_t *)in->data)[i];
    const bool fits =
        at >= 0 && at < count && (wide ? ((const int64_t *)out->data)[at] : ((const int32_t *)out->data)[at]) == -1;
    if (!fits) return ln_node_fail(node, exec->err, LN_ERR_DATA, "%lld stands twice or is too large", (long long)at);
    if (wide) ((int64_t *)out->data)[at] = i;
    else ((int32_t *)out->data)[at] = (int32_t)i;
  }
  return LN_OK;
}

/* ---- TensorScatter*: tensor, indices [.., depth], updates; the row's variant joins an update to what is there ---- */

bool ln_scatter_fits(const ln_shape *tensor, const ln_shape *indices, const ln_shape *updates) {
  const int32_t depth = indices->rank > 0 ? indices->dims[indices->rank - 1] : -1, head = indices->rank - 1;
  bool fits = depth >= 0 && depth <= tensor->rank && updates->rank == head + tensor->rank - depth;
  for (int32_t i = 0; fits && i < updates->rank; ++i) {
    fits = updates->dims[i] == (i < head ? indices->dims[i] : tensor->dims[depth + i - head]);
  }
  return fits;
}

ln_status ln_tensor_scatter_infer(ln_node *node, ln_error *err) {
  if (ln_scatter_fits(&node->in[0]->shape, &node->in[1]->shape, &node->in[2]->shape)) {
    return ln_node_set_shape(node, 0, &node->in[0]->shape, err);
  }
  return ln_node_fail(node, err, LN_ERR_SHAPE, "tensor, indices and updates do not fit together");
}

ln_binary_fn *ln_scatter_kernel(int32_t op, ln_type type) {
  static const uint8_t types[LN_TYPE_COUNT] = {
      [LN_FLOAT32] = LN_BINARY_F32,   [LN_FLOAT64] = LN_BINARY_F64,     [LN_FLOAT16] = LN_BINARY_F16,
      [LN_BFLOAT16] = LN_BINARY_BF16, [LN_INT8] = LN_BINARY_I8,         [LN_UINT8] = LN_BINARY_U8,
      [LN_INT16] = LN_BINARY_I16,     [LN_UINT16] = LN_BINARY_U16,      [LN_INT32] = LN_BINARY_I32,
      [LN_UINT32] = LN_BINARY_U32,    [LN_INT64] = LN_BINARY_I64,       [LN_UINT64] = LN_BINARY_U64,
      [LN_COMPLEX64] = LN_BINARY_C64, [LN_COMPLEX128] = LN_BINARY_C128,
  };
  if (type != LN_FLOAT32) return ln_k_binary_find((ln_binary_op)op, (ln_binary_type)types[type]);
  switch (op) {
    case LN_BINARY_ADD: return LN_KERNEL_OF(binary, add_f32);
    case LN_BINARY_SUB: return LN_KERNEL_OF(binary, sub_f32);
    case LN_BINARY_MUL: return LN_KERNEL_OF(binary, mul_f32);
    case LN_BINARY_DIV: return LN_KERNEL_OF(binary, div_f32);
    case LN_BINARY_MAXIMUM: return LN_KERNEL_OF(binary, max_f32);
    default: return LN_KERNEL_OF(binary, min_f32);
  }
}

typedef struct scatter_args {
  ln_binary_fn *join; /* NULL: the update takes the place */
} scatter_args;

ln_status ln_tensor_scatter_prepare(ln_node *node, ln_prep *prep) {
  scatter_args *args = LN_NODE_ARGS(node, prep, scatter_args);
  const int32_t op = node->op->def->variant;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  if (op == LN_FLEX_SCATTER_UPDATE) return LN_OK;
  args->join = ln_scatter_kernel(op, node->in[0]->type);
  if (args->join != NULL) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "no kernel for %s", ln_type_name(node->in[0]->type));
}

static int64_t index_at(const ln_tensor *indices, size_t at) {
  return indices->type == LN_INT64 ? ((const int64_t *)indices->data)[at] : ((const int32_t *)indices->data)[at];
}

ln_status ln_scatter_run(const ln_node *node, const ln_scatter *s, ln_error *err) {
  static const ln_binary_params params = {.low_f = -INFINITY, .high_f = INFINITY, .low = INT32_MIN, .high = INT32_MAX};
  const ln_shape *shape = &s->to->shape;
  const size_t item = ln_item_bytes(s->to);
  const size_t count = ln_shape_span(shape, s->depth, shape->rank), bytes = count * item;
  const ln_block block = {1, count, {0}, {1, s->one_value ? 0 : 1}};
  for (size_t row = 0; row < s->rows; ++row) {
    size_t slice = 0;
    for (int32_t i = 0; i < s->depth; ++i) {
      const int64_t index = index_at(s->indices, row * (size_t)s->depth + (size_t)i);
      if (index < 0 || index >= shape->dims[i]) {
        return ln_node_fail(node, err, LN_ERR_DATA, "index %lld is outside 0..%d", (long long)index,
                            shape->dims[i] - 1);
      }
      slice = slice * (size_t)shape->dims[i] + (size_t)index;
    }
    if (bytes == 0) continue;
    char *to = (char *)s->to->data + slice * bytes;
    const char *from = (const char *)s->updates->data + (s->one_value ? 0 : row * bytes);
    if (s->join != NULL) s->join(to, from, to, &block, &params);
    else if (!s->one_value) memcpy(to, from, bytes);
    else
      for (size_t i = 0; i < count; ++i) memcpy(to + i * item, from, item);
  }
  return LN_OK;
}

ln_status ln_tensor_scatter_run(const ln_node *node, ln_exec *exec) {
  const scatter_args *args = node->args;
  const ln_tensor *indices = node->in[1];
  ln_tensor *out = node->out[0];
  ln_move_bytes(exec, node->in[0]->data, out->data, out->bytes);
  if (ln_tensor_is_empty(node->in[2])) return LN_OK;
  const ln_scatter s = {.to = out,
                        .indices = indices,
                        .updates = node->in[2],
                        .depth = indices->shape.dims[indices->shape.rank - 1],
                        .rows = ln_shape_span(&indices->shape, 0, indices->shape.rank - 1),
                        .join = args->join};
  return ln_scatter_run(node, &s, exec->err);
}

/* ---- Roll: input, shifts, axes ---- */

static ln_status total_shifts(const ln_node *node, ln_error *err, int64_t shift[LN_MAX_RANK]) {
  const ln_shape *in = &node->in[0]->shape;
  int64_t shifts[4 * LN_MAX_RANK], axes[4 * LN_MAX_RANK];
  int32_t shift_count = 0, axis_count = 0;
  memset(shift, 0, LN_MAX_RANK * sizeof *shift);
  LN_TRY(ln_run_ints(node, 1, shifts, 4 * LN_MAX_RANK, &shift_count, err));
  LN_TRY(ln_run_ints(node, 2, axes, 4 * LN_MAX_RANK, &axis_count, err));
  if (shift_count != axis_count) return ln_node_fail(node, err, LN_ERR_SHAPE, "shifts and axes differ in number");
  for (int32_t i = 0; i < axis_count; ++i) {
    int32_t axis = 0;
    if (!ln_axis_normalize(axes[i], in->rank, &axis)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "axis %lld is out of range", (long long)axes[i]);
    }
    if (in->dims[axis] > 0) shift[axis] = (shift[axis] + shifts[i] % in->dims[axis]) % in->dims[axis];
  }
  for (int32_t i = 0; i < in->rank; ++i) shift[i] += shift[i] < 0 ? in->dims[i] : 0;
  return LN_OK;
}

ln_status ln_roll_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *in = &node->in[0]->shape;
  int64_t shift[LN_MAX_RANK];
  LN_TRY(total_shifts(node, exec->err, shift));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  if (in->rank == 0) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "a scalar cannot be rolled");
  const int32_t last = in->rank - 1;
  const size_t item = ln_item_bytes(node->in[0]), columns = (size_t)in->dims[last];
  const size_t moved = (size_t)shift[last] * item, row = columns * item, rows = ln_shape_span(in, 0, last);
  for (size_t r = 0; r < rows; ++r) {
    size_t rest = r, to = 0, stride = 1;
    for (int32_t d = last - 1; d >= 0; --d) {
      const size_t extent = (size_t)in->dims[d];
      to += (rest % extent + (size_t)shift[d]) % extent * stride;
      rest /= extent;
      stride *= extent;
    }
    const char *src = (const char *)node->in[0]->data + r * row;
    char *dst = (char *)node->out[0]->data + to * row;
    memcpy(dst + moved, src, row - moved);
    memcpy(dst, src + row - moved, moved);
  }
  return LN_OK;
}

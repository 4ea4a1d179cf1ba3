/*
 * STABLEHLO_GATHER: windows of the operand, each where a vector of indices says, moved to lie inside.
 * STABLEHLO_SCATTER: windows of updates are folded into copies of the operands by a region; what falls outside is left
 * out.
 */
#include <string.h>

#include "ops/hlo.h"
#include "ops/region.h"
#include "ops/rows.h"

/* ---- vectors of indices ---- */

int64_t ln_hlo_index(const ln_tensor *tensor, size_t index) {
  const void *data = tensor->data;
  switch (tensor->type) {
    case LN_INT8: return ((const int8_t *)data)[index];
    case LN_UINT8: return ((const uint8_t *)data)[index];
    case LN_INT16: return ((const int16_t *)data)[index];
    case LN_UINT16: return ((const uint16_t *)data)[index];
    case LN_INT32: return ((const int32_t *)data)[index];
    case LN_UINT32: return ((const uint32_t *)data)[index];
    case LN_INT64: return ((const int64_t *)data)[index];
    default: {
      const uint64_t value = ((const uint64_t *)data)[index];
      return value > INT64_MAX ? INT64_MAX : (int64_t)value;
    }
  }
}

bool ln_hlo_vectors_make(const ln_shape *indices, int64_t index_vector_dim, ln_hlo_vectors *out) {
  if (index_vector_dim < 0 || index_vector_dim > indices->rank) return false;
  *out = (ln_hlo_vectors){.count = 1, .length = 1, .step = 1};
  for (int32_t i = 0; i < indices->rank; ++i) {
    const size_t stride = ln_shape_span(indices, i + 1, indices->rank);
    if (i == index_vector_dim) {
      out->length = indices->dims[i];
      out->step = stride;
    } else {
      out->strides[out->batch.rank] = stride;
      out->batch.dims[out->batch.rank++] = indices->dims[i];
    }
  }
  out->count = ln_shape_span(&out->batch, 0, out->batch.rank);
  return out->length <= LN_MAX_RANK;
}

void ln_hlo_vector_read(const ln_hlo_vectors *vectors, const ln_tensor *indices, const ln_vec_i64 *map, size_t place,
                        int64_t out[LN_MAX_RANK]) {
  size_t offset = 0;
  for (int32_t i = vectors->batch.rank - 1; i >= 0; --i) {
    offset += place % (size_t)vectors->batch.dims[i] * vectors->strides[i];
    place /= (size_t)vectors->batch.dims[i];
  }
  memset(out, 0, LN_MAX_RANK * sizeof *out);
  for (int32_t i = 0; i < vectors->length; ++i) {
    out[map->data[i]] = ln_hlo_index(indices, offset + (size_t)i * vectors->step);
  }
}

/* Different axes in rising order. */
static bool are_sorted_axes(const ln_vec_i64 *values, int32_t rank) {
  for (uint32_t i = 1; i < values->count; ++i) {
    if (values->data[i] <= values->data[i - 1]) return false;
  }
  return ln_hlo_are_axes(values, rank);
}

/* ---- GATHER: operand, start indices ---- */

static ln_status read_gather(const ln_node *node, ln_hlo_vectors *vectors, ln_error *err) {
  const ln_stablehlo_gather_options *o = LN_OPTIONS(node, stablehlo_gather_options);
  const ln_shape *operand = &node->in[0]->shape;
  if (!ln_hlo_vectors_make(&node->in[1]->shape, o->index_vector_dim, vectors)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "no vectors along dimension %lld of the indices",
                        (long long)o->index_vector_dim);
  }
  if (o->start_index_map.count != (uint32_t)vectors->length || !ln_hlo_are_axes(&o->start_index_map, operand->rank)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the map of start indices does not fit the operand");
  }
  bool fits = o->slice_sizes.count == (uint32_t)operand->rank;
  for (int32_t i = 0; fits && i < operand->rank; ++i) {
    fits = o->slice_sizes.data[i] >= 0 && o->slice_sizes.data[i] <= operand->dims[i];
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the slices do not fit the operand");
  fits = are_sorted_axes(&o->collapsed_slice_dims, operand->rank);
  for (uint32_t i = 0; fits && i < o->collapsed_slice_dims.count; ++i) {
    fits = o->slice_sizes.data[o->collapsed_slice_dims.data[i]] <= 1;
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "a collapsed dimension is none of one element");
  const int32_t rank = vectors->batch.rank + (int32_t)o->offset_dims.count;
  if (o->offset_dims.count + o->collapsed_slice_dims.count != (uint32_t)operand->rank || rank > LN_MAX_RANK ||
      !are_sorted_axes(&o->offset_dims, rank)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the slices' dimensions do not fit the output");
  }
  return LN_OK;
}

ln_status ln_hlo_gather_infer(ln_node *node, ln_error *err) {
  const ln_stablehlo_gather_options *o = LN_OPTIONS(node, stablehlo_gather_options);
  ln_hlo_vectors vectors;
  LN_TRY(read_gather(node, &vectors, err));
  ln_shape shape = {vectors.batch.rank + (int32_t)o->offset_dims.count, {0}};
  int32_t from = 0, batch = 0, unused;
  for (int32_t i = 0; i < shape.rank; ++i) {
    if (!ln_hlo_find_axis(&o->offset_dims, i, &unused)) {
      shape.dims[i] = vectors.batch.dims[batch++];
      continue;
    }
    while (ln_hlo_find_axis(&o->collapsed_slice_dims, from, &unused)) ++from;
    shape.dims[i] = (int32_t)o->slice_sizes.data[from++];
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

typedef struct gather_job {
  const ln_node *node;
  ln_hlo_vectors vectors;
  ln_copy_plan window;
  size_t strides[LN_MAX_RANK];       /* bytes of the operand */
  size_t batch_strides[LN_MAX_RANK]; /* bytes of the output, of each dimension of the batch */
  size_t chunk;                      /* windows of a task */
} gather_job;

static void gather_window(const gather_job *job, size_t place) {
  const ln_node *node = job->node;
  const ln_stablehlo_gather_options *o = LN_OPTIONS(node, stablehlo_gather_options);
  const ln_shape *operand = &node->in[0]->shape;
  int64_t start[LN_MAX_RANK];
  size_t from = 0, to = 0, left = place;
  ln_hlo_vector_read(&job->vectors, node->in[1], &o->start_index_map, place, start);
  for (int32_t i = 0; i < operand->rank; ++i) {
    const int64_t most = operand->dims[i] - o->slice_sizes.data[i];
    const int64_t at = start[i] > most ? most : (start[i] < 0 ? 0 : start[i]);
    from += (size_t)at * job->strides[i];
  }
  for (int32_t i = job->vectors.batch.rank - 1; i >= 0; --i) {
    to += left % (size_t)job->vectors.batch.dims[i] * job->batch_strides[i];
    left /= (size_t)job->vectors.batch.dims[i];
  }
  ln_k_copy_run(&job->window, (const char *)node->in[0]->data + from, (char *)node->out[0]->data + to);
}

static void gather_task(void *context, int32_t task, int32_t worker) {
  const gather_job *job = context;
  const size_t first = (size_t)task * job->chunk, left = job->vectors.count - first;
  (void)worker;
  for (size_t i = 0; i < (left < job->chunk ? left : job->chunk); ++i) gather_window(job, first + i);
}

ln_status ln_hlo_gather_run(const ln_node *node, ln_exec *exec) {
  const ln_stablehlo_gather_options *o = LN_OPTIONS(node, stablehlo_gather_options);
  const ln_tensor *out = node->out[0];
  gather_job job = {.node = node, .chunk = 1};
  size_t out_strides[LN_MAX_RANK];
  int32_t from = 0, batch = 0, unused;
  LN_TRY(read_gather(node, &job.vectors, exec->err));
  if (ln_tensor_is_empty(out)) return LN_OK;
  ln_byte_strides(node->in[0], job.strides);
  ln_byte_strides(out, out_strides);
  ln_copy_begin(&job.window, ln_item_bytes(out));
  for (int32_t i = 0; i < out->shape.rank; ++i) {
    if (!ln_hlo_find_axis(&o->offset_dims, i, &unused)) {
      job.batch_strides[batch++] = out_strides[i];
      continue;
    }
    while (ln_hlo_find_axis(&o->collapsed_slice_dims, from, &unused)) ++from;
    ln_copy_dim(&job.window, (size_t)out->shape.dims[i], job.strides[from++], out_strides[i]);
  }
  ln_k_copy_simplify(&job.window);
  const size_t bytes = ln_k_copy_bytes(&job.window);
  job.chunk = 1 + (64 << 10) / (bytes + 16);
  while (job.vectors.count / job.chunk >= INT32_MAX) job.chunk *= 2;
  ln_pool_run(exec->pool, (int32_t)((job.vectors.count + job.chunk - 1) / job.chunk), gather_task, &job);
  return LN_OK;
}

/* ---- SCATTER: N operands, indices, N updates ---- */

/* A dimension of the window: how far it reaches, and where it lies in the updates and the operands (in elements). */
typedef struct window_dim {
  int32_t axis; /* of the operands */
  size_t extent, update_stride, operand_stride;
} window_dim;

typedef struct scatter {
  int32_t operands;
  const ln_stablehlo_scatter_options *options;
  ln_hlo_vectors vectors;
  size_t update_strides[LN_MAX_RANK]; /* elements, of the updates' dimensions that are no window's */
  int32_t window_rank;
  window_dim window[LN_MAX_RANK];
  ln_region region;
} scatter;

static ln_status check_scatter_inputs(const ln_node *node, scatter *s, ln_error *err) {
  s->operands = node->out_count;
  if (s->operands < 1 || s->operands > LN_REGION_OPERANDS || node->in_count != 2 * s->operands + 1) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "%d inputs and %d outputs", node->in_count, node->out_count);
  }
  const ln_type index = node->in[s->operands]->type;
  const bool whole = index == LN_INT32 || index == LN_INT64 || index == LN_UINT32 || index == LN_UINT64 ||
                     index == LN_INT16 || index == LN_UINT16 || index == LN_INT8 || index == LN_UINT8;
  if (!whole) return ln_node_fail(node, err, LN_ERR_TYPE, "the indices are %s", ln_type_name(index));
  for (int32_t i = 0; i < s->operands; ++i) {
    const ln_tensor *operand = node->in[i], *update = node->in[s->operands + 1 + i];
    if (operand->type != update->type || operand->type != node->out[i]->type) {
      return ln_node_fail(node, err, LN_ERR_TYPE, "operand %d, its updates and output differ in type", i);
    }
    if (!ln_shape_equal(&operand->shape, &node->in[0]->shape) ||
        !ln_shape_equal(&update->shape, &node->in[s->operands + 1]->shape)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "operand %d or its updates have another shape than the first", i);
    }
  }
  return LN_OK;
}

/* Sorts the updates' dimensions into the window's and those of the vectors of indices. */
static bool map_updates(const ln_node *node, scatter *s) {
  const ln_stablehlo_scatter_options *o = s->options;
  const ln_shape *operand = &node->in[0]->shape, *updates = &node->in[s->operands + 1]->shape;
  int32_t axis = 0, batch = 0, unused;
  for (int32_t i = 0; i < updates->rank; ++i) {
    const size_t stride = ln_shape_span(updates, i + 1, updates->rank);
    if (!ln_hlo_find_axis(&o->update_window_dims, i, &unused)) {
      if (batch >= s->vectors.batch.rank || updates->dims[i] != s->vectors.batch.dims[batch]) return false;
      s->update_strides[batch++] = stride;
      continue;
    }
    while (ln_hlo_find_axis(&o->inserted_window_dims, axis, &unused)) ++axis;
    if (updates->dims[i] > operand->dims[axis]) return false;
    s->window[s->window_rank++] =
        (window_dim){axis, (size_t)updates->dims[i], stride, ln_shape_span(operand, axis + 1, operand->rank)};
    ++axis;
  }
  return batch == s->vectors.batch.rank;
}

static ln_status read_scatter(const ln_node *node, scatter *s, ln_error *err) {
  *s = (scatter){.options = LN_OPTIONS(node, stablehlo_scatter_options)};
  const ln_stablehlo_scatter_options *o = s->options;
  LN_TRY(check_scatter_inputs(node, s, err));
  const ln_shape *operand = &node->in[0]->shape, *updates = &node->in[s->operands + 1]->shape;
  if (!ln_hlo_vectors_make(&node->in[s->operands]->shape, o->index_vector_dim, &s->vectors)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "no vectors along dimension %lld of the indices",
                        (long long)o->index_vector_dim);
  }
  if (o->scatter_dims_to_operand_dims.count != (uint32_t)s->vectors.length ||
      !ln_hlo_are_axes(&o->scatter_dims_to_operand_dims, operand->rank)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the map of indices does not fit the operand");
  }
  if (!are_sorted_axes(&o->update_window_dims, updates->rank) ||
      !are_sorted_axes(&o->inserted_window_dims, operand->rank) ||
      o->update_window_dims.count + o->inserted_window_dims.count != (uint32_t)operand->rank || !map_updates(node, s)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the updates fit neither the operand nor the indices");
  }
  ln_type types[LN_REGION_ARGS];
  for (int32_t i = 0; i < 2 * s->operands; ++i) types[i] = node->in[i % s->operands]->type;
  const size_t row = s->window_rank > 0 ? s->window[s->window_rank - 1].extent : 1;
  return ln_region_open(node, o->update_computation_subgraph_index, types, 2 * s->operands, row, err, &s->region);
}

ln_status ln_hlo_scatter_infer(ln_node *node, ln_error *err) {
  scatter s;
  LN_TRY(read_scatter(node, &s, err));
  for (int32_t i = 0; i < s.operands; ++i) LN_TRY(ln_node_set_shape(node, i, &node->in[0]->shape, err));
  return LN_OK;
}

/* Lanes of operands and updates that do not lie beside one another, and the region's own. */
ln_status ln_hlo_scatter_prepare(ln_node *node, ln_prep *prep) {
  ln_type types[LN_REGION_ARGS];
  size_t staging = 0;
  const int32_t count = 2 * node->out_count;
  for (int32_t i = 0; i < count; ++i) types[i] = node->in[i % node->out_count]->type;
  if (ln_region_staging_bytes(types, count, &staging) && ln_size_mul(staging, 2, &node->scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

/* Moves `count` elements `stride` elements apart to or from a dense row. */
static void move_strided(char *dense, char *strided, size_t stride, size_t count, size_t bytes, bool back) {
  for (size_t i = 0; i < count; ++i) {
    char *place = strided + i * stride * bytes;
    memcpy(back ? place : dense + i * bytes, back ? dense + i * bytes : place, bytes);
  }
}

/* Folds a row of `count` updates from element `from` of the updates into the outputs from element `to` on. */
static ln_status scatter_row(const ln_node *node, const ln_exec *exec, const scatter *s, size_t from, size_t to,
                             size_t count, const window_dim *row) {
  const void *args[LN_REGION_ARGS];
  void *results[LN_REGION_OPERANDS];
  const bool dense = count == 1 || (row->update_stride == 1 && row->operand_stride == 1);
  for (size_t at = 0; at < count;) {
    const size_t left = count - at, part = dense || left < LN_REGION_LANES ? left : LN_REGION_LANES;
    char *space = exec->scratch;
    for (int32_t i = 0; i < s->operands; ++i) {
      const size_t bytes = s->region.arg_bytes[i];
      char *acc = (char *)node->out[i]->data + (to + at * row->operand_stride) * bytes;
      char *update = (char *)node->in[s->operands + 1 + i]->data + (from + at * row->update_stride) * bytes;
      if (!dense) {
        move_strided(space, acc, row->operand_stride, part, bytes, false);
        move_strided(space + LN_REGION_LANES * bytes, update, row->update_stride, part, bytes, false);
        acc = space;
        update = space + LN_REGION_LANES * bytes;
        space += 2 * LN_REGION_LANES * bytes;
      }
      args[i] = results[i] = acc;
      args[s->operands + i] = update;
    }
    LN_TRY(ln_region_run(node, &s->region, args, results, part, space, exec->err));
    for (int32_t i = 0; !dense && i < s->operands; ++i) {
      const size_t bytes = s->region.arg_bytes[i];
      move_strided(results[i], (char *)node->out[i]->data + (to + at * row->operand_stride) * bytes,
                   row->operand_stride, part, bytes, true);
    }
    at += part;
  }
  return LN_OK;
}

/* What of a window lies inside, or false. `from` and `to` move to where it begins. */
static bool clip(const scatter *s, const ln_shape *operand, const int64_t *start, size_t *extents, size_t *from,
                 size_t *to) {
  int32_t unused;
  for (int32_t i = 0; i < operand->rank; ++i) {
    if (!ln_hlo_find_axis(&s->options->inserted_window_dims, i, &unused)) continue;
    if (start[i] < 0 || start[i] >= operand->dims[i]) return false;
    *to += (size_t)start[i] * ln_shape_span(operand, i + 1, operand->rank);
  }
  for (int32_t i = 0; i < s->window_rank; ++i) {
    const window_dim *w = &s->window[i];
    const int64_t at = start[w->axis], dim = operand->dims[w->axis], extent = (int64_t)w->extent;
    if (at >= dim || at <= -extent) return false;
    const int64_t first = at < 0 ? -at : 0, last = extent < dim - at ? extent : dim - at;
    *from += (size_t)first * w->update_stride;
    *to += (size_t)(at + first) * w->operand_stride;
    extents[i] = (size_t)(last - first);
  }
  return true;
}

static ln_status scatter_window(const ln_node *node, const ln_exec *exec, const scatter *s, size_t place) {
  static const window_dim one = {0, 1, 1, 1};
  int64_t start[LN_MAX_RANK];
  size_t extents[LN_MAX_RANK], index[LN_MAX_RANK] = {0}, from = 0, to = 0, left = place;
  ln_hlo_vector_read(&s->vectors, node->in[s->operands], &s->options->scatter_dims_to_operand_dims, place, start);
  for (int32_t i = s->vectors.batch.rank - 1; i >= 0; --i) {
    from += left % (size_t)s->vectors.batch.dims[i] * s->update_strides[i];
    left /= (size_t)s->vectors.batch.dims[i];
  }
  if (!clip(s, &node->in[0]->shape, start, extents, &from, &to)) return LN_OK;
  const int32_t last = s->window_rank - 1;
  for (;;) {
    LN_TRY(scatter_row(node, exec, s, from, to, last < 0 ? 1 : extents[last], last < 0 ? &one : &s->window[last]));
    int32_t i = last - 1;
    for (; i >= 0; --i) {
      from += s->window[i].update_stride;
      to += s->window[i].operand_stride;
      if (++index[i] < extents[i]) break;
      from -= extents[i] * s->window[i].update_stride;
      to -= extents[i] * s->window[i].operand_stride;
      index[i] = 0;
    }
    if (i < 0) return LN_OK;
  }
}

ln_status ln_hlo_scatter_run(const ln_node *node, ln_exec *exec) {
  scatter s;
  LN_TRY(read_scatter(node, &s, exec->err));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  for (int32_t i = 0; i < s.operands; ++i) {
    ln_move_bytes(exec, node->in[i]->data, node->out[i]->data, node->out[i]->bytes);
  }
  if (ln_tensor_is_empty(node->in[s.operands + 1])) return LN_OK;
  for (size_t place = 0; place < s.vectors.count; ++place) LN_TRY(scatter_window(node, exec, &s, place));
  return LN_OK;
}

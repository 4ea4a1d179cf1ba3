/*
 * SEGMENT_SUM and UNSORTED_SEGMENT_*: rows gathered into segments that input 1 names. The row's variant says how the
 * rows of a segment become one.
 */
#include <float.h>

#include "ops/move.h"
#include "ops/rows.h"

static int64_t id_at(const ln_tensor *ids, size_t at) {
  return ids->type == LN_INT64 ? ((const int64_t *)ids->data)[at] : ((const int32_t *)ids->data)[at];
}

/* The segment of the last row is the last segment. */
ln_status ln_segment_sum_infer(ln_node *node, ln_error *err) {
  const ln_tensor *ids = node->in[1];
  ln_shape shape = node->in[0]->shape;
  if (shape.rank < 1 || ids->shape.rank != 1 || ids->shape.dims[0] != shape.dims[0]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs the segment of each row");
  }
  const int32_t rows = shape.dims[0];
  if (rows > 0 && ids->data == NULL) return (ln_status)LN_INFER_LATER;
  int64_t last = 0;
  for (int32_t i = 0; i < rows; ++i) {
    const int64_t id = id_at(ids, (size_t)i);
    if (id < last || id >= INT32_MAX) {
      return ln_node_fail(node, err, LN_ERR_DATA, "segment %lld of row %d: they must not be negative nor fall",
                          (long long)id, i);
    }
    last = id;
  }
  shape.dims[0] = rows > 0 ? (int32_t)last + 1 : 0;
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_unsorted_segment_infer(ln_node *node, ln_error *err) {
  const ln_shape *data = &node->in[0]->shape, *ids = &node->in[1]->shape;
  int64_t segments = 0;
  bool fits = ids->rank <= data->rank;
  for (int32_t i = 0; fits && i < ids->rank; ++i) fits = ids->dims[i] == data->dims[i];
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the segments' shape does not begin the data's");
  LN_TRY(ln_node_int(node, 2, &segments, err));
  ln_shape shape = {0, {0}};
  fits = ln_shape_push(&shape, segments);
  for (int32_t i = ids->rank; i < data->rank; ++i) fits = fits && ln_shape_push(&shape, data->dims[i]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "%lld segments of these rows", (long long)segments);
  return ln_node_set_shape(node, 0, &shape, err);
}

/* An empty segment's elements, and a row joined to a segment, for a type. */
#define SEGMENT_FUNCTIONS(name, type, wide, least, most)                                                      \
  static void start_##name(int32_t variant, type *out, size_t count) {                                        \
    static const type starts[4] = {[LN_SEGMENT_PROD] = 1, [LN_SEGMENT_MAX] = least, [LN_SEGMENT_MIN] = most}; \
    for (size_t i = 0; i < count; ++i) out[i] = starts[variant];                                              \
  }                                                                                                           \
  static void join_##name(int32_t variant, const type *row, type *out, size_t count) {                        \
    for (size_t i = 0; i < count; ++i) {                                                                      \
      switch (variant) {                                                                                      \
        case LN_SEGMENT_PROD: out[i] = (type)((wide)out[i] * (wide)row[i]); break;                            \
        case LN_SEGMENT_MAX: out[i] = out[i] < row[i] ? row[i] : out[i]; break;                               \
        case LN_SEGMENT_MIN: out[i] = row[i] < out[i] ? row[i] : out[i]; break;                               \
        default: out[i] = (type)((wide)out[i] + (wide)row[i]); break;                                         \
      }                                                                                                       \
    }                                                                                                         \
  }

SEGMENT_FUNCTIONS(f32, float, float, -FLT_MAX, FLT_MAX)
SEGMENT_FUNCTIONS(f64, double, double, -DBL_MAX, DBL_MAX)
SEGMENT_FUNCTIONS(i32, int32_t, uint32_t, INT32_MIN, INT32_MAX)
SEGMENT_FUNCTIONS(i64, int64_t, uint64_t, INT64_MIN, INT64_MAX)

static void start(int32_t variant, ln_tensor *out, size_t count) {
  switch (out->type) {
    case LN_COMPLEX64:
    case LN_FLOAT32: start_f32(variant, out->data, count); break;
    case LN_COMPLEX128:
    case LN_FLOAT64: start_f64(variant, out->data, count); break;
    case LN_INT64: start_i64(variant, out->data, count); break;
    default: start_i32(variant, out->data, count); break;
  }
}

static void join(int32_t variant, const ln_tensor *data, size_t from, ln_tensor *out, size_t to, size_t count) {
  switch (out->type) {
    case LN_COMPLEX64:
    case LN_FLOAT32: join_f32(variant, (const float *)data->data + from, (float *)out->data + to, count); break;
    case LN_COMPLEX128:
    case LN_FLOAT64: join_f64(variant, (const double *)data->data + from, (double *)out->data + to, count); break;
    case LN_INT64: join_i64(variant, (const int64_t *)data->data + from, (int64_t *)out->data + to, count); break;
    default: join_i32(variant, (const int32_t *)data->data + from, (int32_t *)out->data + to, count); break;
  }
}

ln_status ln_segment_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *data = node->in[0], *ids = node->in[1];
  ln_tensor *out = node->out[0];
  const int32_t variant = node->op->def->variant, segments = out->shape.dims[0];
  /* Complex numbers, which are only summed, are two numbers. */
  const size_t parts = out->type == LN_COMPLEX64 || out->type == LN_COMPLEX128 ? 2 : 1;
  const size_t width = ln_shape_span(&out->shape, 1, out->shape.rank) * parts; /* bounded: its bytes are counted */
  const size_t rows = ln_shape_span(&ids->shape, 0, ids->shape.rank);
  if (ln_tensor_is_empty(out) && rows == 0) return LN_OK;
  start(variant, out, width * (size_t)segments);
  for (size_t r = 0; r < rows; ++r) {
    const int64_t segment = id_at(ids, r);
    if (segment < 0) continue; /* dropped */
    if (segment >= segments) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "segment %lld of %d", (long long)segment, segments);
    }
    join(variant, data, r * width, out, (size_t)segment * width, width);
  }
  return LN_OK;
}

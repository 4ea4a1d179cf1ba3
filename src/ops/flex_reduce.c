/*
 * Select-TF norms, running products and segments in double precision (ops/wide.h): what reduce.c, cumsum.c and
 * segment.c have no kernel for.
 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "ops/move.h"
#include "ops/rows.h"
#include "ops/wide.h"

/* ---- reductions; EuclideanNorm ---- */

/* The step of the output along each of the input's dimensions; 0 where it is reduced. */
static ln_status output_steps(const ln_node *node, ln_error *err, size_t steps[LN_MAX_RANK]) {
  const ln_shape *in = &node->in[0]->shape;
  int64_t axes[4 * LN_MAX_RANK];
  int32_t count = 0;
  bool gone[LN_MAX_RANK] = {false};
  LN_TRY(ln_run_ints(node, 1, axes, 4 * LN_MAX_RANK, &count, err));
  for (int32_t i = 0; i < count; ++i) {
    int32_t axis = 0;
    if (in->rank > 0 && ln_axis_normalize(axes[i], in->rank, &axis)) gone[axis] = true;
  }
  size_t step = 1;
  for (int32_t i = in->rank - 1; i >= 0; --i) {
    steps[i] = gone[i] ? 0 : step;
    if (!gone[i]) step *= (size_t)in->dims[i];
  }
  return LN_OK;
}

typedef void visit_fn(const void *context, size_t in, size_t out);

/* Calls `visit` for each element of the input, with the output's that it is reduced into. */
static void visit_all(const ln_shape *in, const size_t *steps, visit_fn *visit, const void *context) {
  const size_t columns = in->rank > 0 ? (size_t)in->dims[in->rank - 1] : 1;
  const size_t rows = in->rank > 0 ? ln_shape_span(in, 0, in->rank - 1) : 1;
  const size_t step = in->rank > 0 ? steps[in->rank - 1] : 0;
  size_t at = 0;
  for (size_t r = 0; r < rows; ++r) {
    size_t rest = r, to = 0;
    for (int32_t d = in->rank - 2; d >= 0; --d) {
      to += rest % (size_t)in->dims[d] * steps[d];
      rest /= (size_t)in->dims[d];
    }
    for (size_t c = 0; c < columns; ++c, to += step) visit(context, at++, to);
  }
}

static void add_square(const void *context, size_t in, size_t out) {
  const ln_wide *w = context;
  w->out[0][out] += w->in[0][in] * w->in[0][in];
}

ln_status ln_euclidean_norm_run(const ln_node *node, ln_exec *exec) {
  size_t steps[LN_MAX_RANK];
  ln_wide w;
  LN_TRY(output_steps(node, exec->err, steps));
  ln_wide_open(node, exec, &w);
  const size_t count = ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank);
  for (size_t i = 0; i < count; ++i) w.out[0][i] = 0.0;
  visit_all(&node->in[0]->shape, steps, add_square, &w);
  for (size_t i = 0; i < count; ++i) w.out[0][i] = sqrt(w.out[0][i]);
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- Max, Min: as REDUCE_MAX and REDUCE_MIN, but that NaN goes through, and what nothing gives is infinite ---- */

static bool is_nan_at(const ln_tensor *tensor, size_t at) {
  return tensor->type == LN_FLOAT64 ? isnan(((const double *)tensor->data)[at]) != 0
                                    : isnan(((const float *)tensor->data)[at]) != 0;
}

static void store_real(ln_tensor *tensor, size_t at, double value) {
  if (tensor->type == LN_FLOAT64) ((double *)tensor->data)[at] = value;
  else ((float *)tensor->data)[at] = (float)value;
}

static void pass_nan(const void *context, size_t in, size_t out) {
  const ln_node *node = context;
  if (is_nan_at(node->in[0], in)) store_real(node->out[0], out, (double)NAN);
}

ln_status ln_flex_extreme_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *in = node->in[0];
  size_t steps[LN_MAX_RANK];
  LN_TRY(ln_reduce_run(node, exec));
  if (in->type != LN_FLOAT32 && in->type != LN_FLOAT64) return LN_OK;
  LN_TRY(output_steps(node, exec->err, steps));
  if (!ln_tensor_is_empty(in)) {
    visit_all(&in->shape, steps, pass_nan, node);
    return LN_OK;
  }
  const size_t count = ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank);
  const double nothing = node->op->def->variant == LN_VARIANT_REDUCE_MAX ? -(double)INFINITY : (double)INFINITY;
  for (size_t i = 0; i < count; ++i) store_real(node->out[0], i, nothing);
  return LN_OK;
}

/* ---- ArgMax, ArgMin: as the builtin operators, but that NaN is never the one ---- */

ln_status ln_flex_arg_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *in = node->in[0];
  ln_tensor *out = node->out[0];
  int32_t axis = 0;
  LN_TRY(ln_arg_minmax_run(node, exec));
  if (in->type != LN_FLOAT32 && in->type != LN_FLOAT64) return LN_OK;
  LN_TRY(ln_node_axis(node, 1, in->shape.rank, &axis, exec->err));
  const size_t extent = (size_t)in->shape.dims[axis], inner = ln_shape_span(&in->shape, axis + 1, in->shape.rank);
  const size_t count = ln_shape_span(&out->shape, 0, out->shape.rank);
  const double sign = node->op->def->variant == LN_VARIANT_ARG_MIN ? -1.0 : 1.0;
  for (size_t i = 0; i < count; ++i) {
    const size_t start = i / inner * extent * inner + i % inner;
    if (!is_nan_at(in, start)) continue; /* the builtin one began with a number */
    size_t best = 0;
    double most = 0.0;
    bool found = false;
    for (size_t k = 1; k < extent; ++k) {
      const size_t at = start + k * inner;
      const double x =
          sign * (in->type == LN_FLOAT64 ? ((const double *)in->data)[at] : (double)((const float *)in->data)[at]);
      if (isnan(x) || (found && x <= most)) continue;
      found = true;
      most = x;
      best = k;
    }
    if (out->type == LN_INT64) ((int64_t *)out->data)[i] = (int64_t)best;
    else ((int32_t *)out->data)[i] = (int32_t)best;
  }
  return LN_OK;
}

/* ---- Cumprod and CumulativeLogsumexp: LN_FLEX_REDUCE_PROD and _NORM ---- */

static double accumulate(ln_type type, int32_t op, double total, double x) {
  if (op == LN_FLEX_REDUCE_PROD)
    return ln_wide_is_whole(type) ? ln_wide_wrap(type, ln_wide_product(total, x)) : total * x;
  const double most = total > x ? total : x, least = total > x ? x : total;
  return isinf(most) ? most : most + log1p(exp(least - most));
}

ln_status ln_accumulate_run(const ln_node *node, ln_exec *exec) {
  const ln_cumsum_options *options = LN_OPTIONS(node, cumsum_options);
  const ln_shape *in = &node->in[0]->shape;
  const int32_t op = node->op->def->variant;
  int32_t axis = 0;
  ln_wide w;
  LN_TRY(ln_node_axis(node, 1, in->rank, &axis, exec->err));
  if (ln_tensor_is_empty(node->in[0])) return LN_OK;
  ln_wide_open(node, exec, &w);
  const size_t outer = ln_shape_span(in, 0, axis), inner = ln_shape_span(in, axis + 1, in->rank);
  const size_t extent = (size_t)in->dims[axis];
  for (size_t i = 0; i < outer * inner; ++i) {
    const size_t start = i / inner * extent * inner + i % inner;
    double total = op == LN_FLEX_REDUCE_PROD ? 1.0 : -INFINITY;
    for (size_t k = 0; k < extent; ++k) {
      const size_t at = start + (options->reverse ? extent - 1 - k : k) * inner;
      const double next = accumulate(node->out[0]->type, op, total, w.in[0][at]);
      w.out[0][at] = options->exclusive ? total : next;
      total = next;
    }
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- segments: data, [indices,] ids that do not fall, [number of segments]; the indices pick rows first ---- */

enum { IDS_MOST = INT32_MAX - 1 };

static bool picks_rows(const ln_node *node) { return node->in_count >= 3; }
static const ln_tensor *ids_of(const ln_node *node) { return node->in[picks_rows(node) ? 2 : 1]; }

static int64_t id_at(const ln_tensor *ids, size_t at) {
  return ids->type == LN_INT64 ? ((const int64_t *)ids->data)[at] : ((const int32_t *)ids->data)[at];
}

/* Each id within `limit` and none below the one before it. */
static ln_status check_ids(const ln_node *node, ln_error *err, int64_t limit, int64_t *last) {
  const ln_tensor *ids = ids_of(node);
  const size_t count = (size_t)ids->shape.dims[0];
  *last = -1;
  for (size_t i = 0; i < count; ++i) {
    const int64_t id = id_at(ids, i);
    if (id < 0 || id < *last || id > limit) {
      return ln_node_fail(node, err, LN_ERR_DATA, "segment %lld of row %zu: they must not be negative nor fall",
                          (long long)id, i);
    }
    *last = id;
  }
  return LN_OK;
}

ln_status ln_flex_segment_infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[0]->shape;
  const ln_tensor *ids = ids_of(node), *indices = picks_rows(node) ? node->in[1] : NULL;
  bool fits = shape.rank >= 1 && ids->shape.rank == 1;
  if (fits && indices != NULL) fits = ln_shape_equal(&indices->shape, &ids->shape);
  else if (fits) fits = ids->shape.dims[0] == shape.dims[0];
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "needs the segment of each row");
  int64_t last;
  if (node->in_count > 3) {
    LN_TRY(ln_node_int(node, 3, &last, err));
    if (last < 0 || last > INT32_MAX) return ln_node_fail(node, err, LN_ERR_SHAPE, "%lld segments", (long long)last);
    shape.dims[0] = (int32_t)last;
    return ln_node_set_shape(node, 0, &shape, err);
  }
  if (ids->shape.dims[0] > 0 && ids->data == NULL) return (ln_status)LN_INFER_LATER;
  LN_TRY(check_ids(node, err, IDS_MOST, &last));
  shape.dims[0] = (int32_t)(last + 1);
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_flex_segment_prepare(ln_node *node, ln_prep *prep) {
  return ln_wide_reserve(node, prep, (size_t)node->out[0]->shape.dims[0]);
}

static double join(int32_t op, double a, double x) {
  switch (op) {
    case LN_FLEX_REDUCE_PROD: return a * x;
    case LN_FLEX_REDUCE_MAX: return x > a || isnan(x) ? x : a;
    case LN_FLEX_REDUCE_MIN: return x < a || isnan(x) ? x : a;
    default: return a + x;
  }
}

/* As join, but that integers wrap around. */
static double join_whole(ln_type type, int32_t op, double a, double x) {
  if (!ln_wide_is_whole(type)) return join(op, a, x);
  if (op == LN_FLEX_REDUCE_PROD) return ln_wide_wrap(type, ln_wide_product(a, x));
  return ln_wide_wrap(type, (uint64_t)(int64_t)join(op, a, x));
}

/* Rows joined to their segments; w->extra counts those of each. */
static ln_status join_rows(const ln_node *node, ln_exec *exec, const ln_wide *w, int32_t op, size_t width) {
  const ln_tensor *ids = ids_of(node);
  const size_t rows = (size_t)ids->shape.dims[0];
  for (size_t r = 0; r < rows; ++r) {
    const int64_t row = picks_rows(node) ? id_at(node->in[1], r) : (int64_t)r;
    if (row < 0 || row >= node->in[0]->shape.dims[0]) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "row %lld of %d", (long long)row, node->in[0]->shape.dims[0]);
    }
    const double *from = w->in[0] + (size_t)row * width;
    double *to = w->out[0] + (size_t)id_at(ids, r) * width;
    const bool first = w->extra[id_at(ids, r)]++ == 0.0;
    for (size_t i = 0; i < width; ++i) to[i] = first ? from[i] : join_whole(node->out[0]->type, op, to[i], from[i]);
  }
  return LN_OK;
}

ln_status ln_flex_segment_run(const ln_node *node, ln_exec *exec) {
  const int32_t op = node->op->def->variant;
  const ln_shape *out = &node->out[0]->shape;
  const size_t segments = (size_t)out->dims[0], width = ln_shape_span(out, 1, out->rank);
  int64_t last;
  ln_wide w;
  LN_TRY(check_ids(node, exec->err, (int64_t)segments - 1, &last));
  ln_wide_open(node, exec, &w);
  for (size_t i = 0; i < segments * width; ++i) w.out[0][i] = op == LN_FLEX_REDUCE_PROD ? 1.0 : 0.0;
  for (size_t i = 0; i < segments; ++i) w.extra[i] = 0.0;
  LN_TRY(join_rows(node, exec, &w, op == LN_FLEX_REDUCE_NORM ? LN_FLEX_REDUCE_SUM : op, width));
  for (size_t i = 0; i < segments * width; ++i) {
    const double count = w.extra[i / width];
    if (count == 0.0) continue;
    if (op == LN_FLEX_REDUCE_MEAN) w.out[0][i] /= count;
    if (op == LN_FLEX_REDUCE_NORM) w.out[0][i] /= sqrt(count); /* SparseSegmentSqrtN */
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- UnsortedSegment*: data, ids, number of segments; some types have kernels of their own ---- */

static bool is_builtin_segment(const ln_node *node) {
  const ln_type type = node->in[0]->type;
  return type == LN_FLOAT32 || type == LN_INT32 || type == LN_INT64 || type == LN_COMPLEX64 || type == LN_COMPLEX128;
}

ln_status ln_flex_unsorted_segment_prepare(ln_node *node, ln_prep *prep) {
  return is_builtin_segment(node) ? LN_OK : ln_wide_reserve(node, prep, 0);
}

/* What TensorFlow gives for the least of nothing: the type's largest number. */
static bool is_signed(ln_type type) { return type == LN_INT8 || type == LN_INT16 || type == LN_INT32; }

static double largest_of(ln_type type) {
  switch (type) {
    case LN_FLOAT16: return 65504.0;
    case LN_BFLOAT16: return ldexp(255.0, 120);
    case LN_FLOAT32: return (double)FLT_MAX;
    case LN_FLOAT64: return DBL_MAX;
    default: return ldexp(1.0, ln_type_bits(type) - is_signed(type)) - 1.0;
  }
}

/* And for the greatest. */
static double lowest_of(ln_type type) {
  if (!ln_wide_is_whole(type)) return -largest_of(type);
  return is_signed(type) ? -largest_of(type) - 1.0 : 0.0;
}

static double empty_segment(const ln_node *node, int32_t op) {
  const ln_type type = node->in[0]->type;
  switch (op) {
    case LN_FLEX_REDUCE_PROD: return 1.0;
    case LN_FLEX_REDUCE_MAX: return lowest_of(type);
    case LN_FLEX_REDUCE_MIN: return largest_of(type);
    default: return 0.0;
  }
}

ln_status ln_flex_unsorted_segment_run(const ln_node *node, ln_exec *exec) {
  static const int32_t ops[4] = {[LN_SEGMENT_SUM] = LN_FLEX_REDUCE_SUM,
                                 [LN_SEGMENT_PROD] = LN_FLEX_REDUCE_PROD,
                                 [LN_SEGMENT_MAX] = LN_FLEX_REDUCE_MAX,
                                 [LN_SEGMENT_MIN] = LN_FLEX_REDUCE_MIN};
  if (is_builtin_segment(node)) return ln_segment_run(node, exec);
  const int32_t op = ops[node->op->def->variant];
  const ln_shape *out = &node->out[0]->shape;
  const ln_tensor *ids = node->in[1];
  const ln_type out_type = node->out[0]->type;
  const size_t width = ln_shape_span(out, 1, out->rank), rows = ln_shape_span(&ids->shape, 0, ids->shape.rank);
  ln_wide w;
  ln_wide_open(node, exec, &w);
  for (size_t i = 0; i < ln_shape_span(out, 0, out->rank); ++i) w.out[0][i] = empty_segment(node, op);
  for (size_t r = 0; r < rows; ++r) {
    const int64_t segment = id_at(ids, r);
    if (segment < 0) continue; /* dropped */
    if (segment >= out->dims[0]) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "segment %lld of %d", (long long)segment, out->dims[0]);
    }
    double *to = w.out[0] + (size_t)segment * width;
    for (size_t i = 0; i < width; ++i) to[i] = join_whole(out_type, op, to[i], w.in[0][r * width + i]);
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

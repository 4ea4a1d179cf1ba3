/* Select-TF operators that count, rank and search, and a few that make or take apart numbers. */
#include <math.h>
#include <string.h>

#include "ops/elementwise.h"
#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/wide.h"

static size_t elements_of(const ln_tensor *tensor) { return ln_shape_span(&tensor->shape, 0, tensor->shape.rank); }

/* ---- Bincount, DenseBincount: values, size, weights (none: ones) ---- */

static bool is_dense(const ln_node *node) { return node->op->def->variant != 0; }

ln_status ln_bincount_infer(ln_node *node, ln_error *err) {
  const ln_shape *values = &node->in[0]->shape, *weights = &node->in[2]->shape;
  int64_t size = 0;
  size_t count = 0;
  LN_TRY(ln_node_int(node, 1, &size, err));
  const bool no_weights = ln_shape_elements(weights, &count) && count == 0;
  bool fits = no_weights || ln_shape_equal(values, weights);
  if (is_dense(node)) fits = fits && values->rank <= 2;
  ln_shape shape = {0, {0}};
  if (is_dense(node) && values->rank == 2) fits = fits && ln_shape_push(&shape, values->dims[0]);
  if (!fits || !ln_shape_push(&shape, size)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%lld counts of these values and weights", (long long)size);
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

/* Integers are counted where they stand: doubles hold neither all of them nor how they wrap around. */
static void add_count(const ln_node *node, const ln_wide *w, size_t at, const size_t *weight, bool binary) {
  const ln_tensor *out = node->out[0], *weights = node->in[2];
  if (out->type == LN_INT64) {
    uint64_t *to = (uint64_t *)out->data + at;
    *to = binary ? 1 : *to + (weight != NULL ? ((const uint64_t *)weights->data)[*weight] : 1);
  } else if (out->type == LN_INT32) {
    uint32_t *to = (uint32_t *)out->data + at;
    *to = binary ? 1 : *to + (weight != NULL ? ((const uint32_t *)weights->data)[*weight] : 1);
  } else {
    double *to = w->out[0] + at;
    *to = binary ? 1.0 : *to + (weight != NULL ? w->in[2][*weight] : 1.0);
  }
}

ln_status ln_bincount_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *out = &node->out[0]->shape;
  const size_t size = (size_t)out->dims[out->rank - 1], rows = out->rank == 2 ? (size_t)out->dims[0] : 1;
  const size_t count = elements_of(node->in[0]);
  const bool weighted = elements_of(node->in[2]) > 0;
  const ln_tensor *counts = node->out[0];
  const bool whole = counts->type == LN_INT32 || counts->type == LN_INT64;
  bool binary = false;
  ln_wide w;
  if (is_dense(node)) LN_TRY(ln_attr_bool(node, exec->err, "binary_output", &binary));
  ln_wide_open(node, exec, &w);
  if (whole && rows * size > 0) memset(counts->data, 0, rows * size * ln_type_bytes(counts->type));
  for (size_t i = 0; i < rows * size && !whole; ++i) w.out[0][i] = 0.0;
  for (size_t i = 0; i < count; ++i) {
    const double value = w.in[0][i];
    if (value < 0.0) return ln_node_fail(node, exec->err, LN_ERR_DATA, "%.0f among the values", value);
    if (value >= (double)size) continue;
    add_count(node, &w, i / (count / rows) * size + (size_t)value, weighted ? &i : NULL, binary);
  }
  if (!whole) ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- InTopK (an attribute), InTopKV2 (an input): whether a class is among the k likeliest ---- */

ln_status ln_in_top_k_infer(ln_node *node, ln_error *err) {
  const ln_shape *predictions = &node->in[0]->shape, *targets = &node->in[1]->shape;
  if (predictions->rank != 2 || targets->rank != 1 || predictions->dims[0] != targets->dims[0]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "predictions and targets do not fit together");
  }
  return ln_node_set_shape(node, 0, targets, err);
}

static bool is_in_top_k(const float *row, size_t classes, int64_t target, int64_t k) {
  int64_t better = 0;
  if (target < 0 || (uint64_t)target >= classes || !isfinite(row[target])) return false;
  for (size_t c = 0; c < classes; ++c) {
    if (!isfinite(row[c])) return false;
    better += row[c] > row[target];
  }
  return better < k;
}

ln_status ln_in_top_k_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *shape = &node->in[0]->shape;
  const bool wide = node->in[1]->type == LN_INT64;
  int64_t k = 0;
  if (node->in_count > 2) LN_TRY(ln_node_int(node, 2, &k, exec->err));
  else LN_TRY(ln_attr_int(node, exec->err, "k", INT64_MIN, INT64_MAX, &k));
  uint8_t *out = node->out[0]->data;
  for (int32_t r = 0; r < shape->dims[0]; ++r) {
    const int64_t target = wide ? ((const int64_t *)node->in[1]->data)[r] : ((const int32_t *)node->in[1]->data)[r];
    const float *row = (const float *)node->in[0]->data + (size_t)r * (size_t)shape->dims[1];
    out[r] = is_in_top_k(row, (size_t)shape->dims[1], target, k);
  }
  return LN_OK;
}

/* ---- LowerBound, UpperBound: sorted [rows, n], values [rows, m] ---- */

ln_status ln_bound_infer(ln_node *node, ln_error *err) {
  const ln_shape *sorted = &node->in[0]->shape, *values = &node->in[1]->shape;
  if (sorted->rank != 2 || values->rank != 2 || sorted->dims[0] != values->dims[0]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "both inputs must be matrices of as many rows");
  }
  return ln_node_set_shape(node, 0, values, err);
}

ln_status ln_bound_run(const ln_node *node, ln_exec *exec) {
  const bool upper = node->op->def->variant != 0;
  const size_t width = (size_t)node->in[0]->shape.dims[1], columns = (size_t)node->in[1]->shape.dims[1];
  const size_t count = elements_of(node->in[1]);
  ln_wide w;
  ln_wide_open(node, exec, &w);
  for (size_t i = 0; i < count; ++i) {
    const double *row = w.in[0] + i / columns * width, x = w.in[1][i];
    size_t low = 0, high = width;
    while (low < high) {
      const size_t middle = low + (high - low) / 2;
      const bool before = upper ? row[middle] <= x : row[middle] < x;
      if (before) low = middle + 1;
      else high = middle;
    }
    w.out[0][i] = (double)low;
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- LinSpace: first, last, count ---- */

ln_status ln_lin_space_infer(ln_node *node, ln_error *err) {
  int64_t count = 0;
  ln_shape shape = {0, {0}};
  LN_TRY(ln_node_int(node, 2, &count, err));
  if (node->in[0]->shape.rank != 0 || node->in[1]->shape.rank != 0 || count < 1 || !ln_shape_push(&shape, count)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%lld points between two scalars", (long long)count);
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_lin_space_run(const ln_node *node, ln_exec *exec) {
  const int32_t count = node->out[0]->shape.dims[0];
  ln_wide w;
  ln_wide_open(node, exec, &w);
  const double first = w.in[0][0], last = w.in[1][0], step = count > 1 ? (last - first) / (double)(count - 1) : 0.0;
  for (int32_t i = 0; i < count; ++i) w.out[0][i] = i > 0 && i == count - 1 ? last : first + step * (double)i;
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- Cross: vectors of three along the last dimension ---- */

ln_status ln_cross_infer(ln_node *node, ln_error *err) {
  const ln_shape *a = &node->in[0]->shape;
  if (a->rank < 1 || a->dims[a->rank - 1] != 3 || !ln_shape_equal(a, &node->in[1]->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the inputs are no vectors of three");
  }
  return ln_infer_same(node, err);
}

ln_status ln_cross_run(const ln_node *node, ln_exec *exec) {
  const size_t count = elements_of(node->out[0]);
  const ln_type type = node->out[0]->type;
  const bool whole = ln_wide_is_whole(type);
  ln_wide w;
  ln_wide_open(node, exec, &w);
  for (size_t i = 0; i < count; ++i) {
    const size_t start = i / 3 * 3, y = (i + 1) % 3, z = (i + 2) % 3;
    const double *a = w.in[0] + start, *b = w.in[1] + start;
    /* i % 3 names the axis: start is a multiple of 3. */
    w.out[0][i] = whole ? ln_wide_wrap(type, ln_wide_product(a[y], b[z]) - ln_wide_product(a[z], b[y]))
                        : a[y] * b[z] - a[z] * b[y];
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- Complex: real and imaginary part, broadcast; Angle ---- */

typedef struct complex_args {
  ln_nest nest;
} complex_args;

ln_status ln_complex_prepare(ln_node *node, ln_prep *prep) {
  complex_args *args = LN_NODE_ARGS(node, prep, complex_args);
  const ln_shape *shapes[2] = {&node->in[0]->shape, &node->in[1]->shape};
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  ln_nest_make(&args->nest, &node->out[0]->shape, shapes, 2);
  return LN_OK;
}

static void complex_block(const void *context, const size_t *offsets, size_t out_offset, const ln_block *block) {
  const ln_node *node = context;
  const size_t bytes = ln_type_bytes(node->in[0]->type);
  char *out = (char *)node->out[0]->data + 2 * bytes * out_offset;
  for (size_t i = 0; i < block->rows * block->columns; ++i) {
    for (int32_t part = 0; part < 2; ++part) {
      const size_t at =
          offsets[part] + i / block->columns * block->row_step[part] + i % block->columns * block->column_step[part];
      memcpy(out + (2 * i + (size_t)part) * bytes, (const char *)node->in[part]->data + at * bytes, bytes);
    }
  }
}

ln_status ln_complex_run(const ln_node *node, ln_exec *exec) {
  ln_nest_run(&((const complex_args *)node->args)->nest, exec->pool, complex_block, node);
  return LN_OK;
}

ln_status ln_angle_run(const ln_node *node, ln_exec *exec) {
  const size_t count = elements_of(node->out[0]);
  ln_wide w;
  ln_wide_open(node, exec, &w);
  for (size_t i = 0; i < count; ++i) w.out[0][i] = atan2(w.in[0][2 * i + 1], w.in[0][2 * i]);
  ln_wide_close(node, &w);
  return LN_OK;
}

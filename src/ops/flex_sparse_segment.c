/*
 * The gradients of SparseSegmentSum, Mean and SqrtN: gradients of the segments, indices of the rows that were picked,
 * their segments, and how many rows there were. With LN_SEGMENT_GRAD_USED only rows that were picked come out, in
 * rising order, and beside them which.
 */
#include <math.h>

#include "ops/coo.h"
#include "ops/move.h"
#include "ops/rows.h"

typedef struct gradient {
  const ln_node *node;
  const ln_tensor *indices, *ids;
  size_t count, width, segments;
  int64_t rows;  /* of the data */
  double *weigh; /* [segments] */
  int64_t *used; /* [used_count] rows that were picked, rising; NULL: all rows come out */
  size_t used_count;
} gradient;

static ln_status open_gradient(const ln_node *node, ln_error *err, gradient *g) {
  const ln_shape *shape = &node->in[0]->shape;
  *g = (gradient){.node = node, .indices = node->in[1], .ids = node->in[2]};
  if (shape->rank < 1 || g->indices->shape.rank != 1 || !ln_shape_equal(&g->indices->shape, &g->ids->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs the segment of each index");
  }
  LN_TRY(ln_number_scalar(node, 3, err, &g->rows));
  if (g->rows < 0 || g->rows > INT32_MAX) {
    return ln_node_fail(node, err, LN_ERR_DATA, "%lld rows", (long long)g->rows);
  }
  g->count = ln_tensor_count(g->indices);
  g->segments = (size_t)shape->dims[0];
  g->width = ln_shape_span(shape, 1, shape->rank);
  for (size_t i = 0; i < g->count; ++i) {
    const int64_t row = ln_number_at(g->indices, i), segment = ln_number_at(g->ids, i);
    if (row < 0 || row >= g->rows || segment < 0 || (uint64_t)segment >= g->segments) {
      return ln_node_fail(node, err, LN_ERR_DATA, "row %lld of %lld in segment %lld of %zu", (long long)row,
                          (long long)g->rows, (long long)segment, g->segments);
    }
  }
  return LN_OK;
}

static ln_status weigh(gradient *g, int32_t kind, ln_error *err) {
  ln_status status;
  g->weigh = ln_run_alloc(g->node, g->segments, sizeof *g->weigh, err, &status);
  for (size_t i = 0; i < g->count && status == LN_OK; ++i) g->weigh[ln_number_at(g->ids, i)] += 1.0;
  for (size_t i = 0; i < g->segments && status == LN_OK; ++i) {
    const double held = g->weigh[i] < 1.0 ? 1.0 : g->weigh[i];
    g->weigh[i] = kind == LN_SEGMENT_GRAD_MEAN ? 1.0 / held : (kind == LN_SEGMENT_GRAD_NORM ? 1.0 / sqrt(held) : 1.0);
  }
  return status;
}

static int compare_indices(const void *context, size_t a, size_t b) {
  const ln_tensor *indices = context;
  const int64_t x = ln_number_at(indices, a), y = ln_number_at(indices, b);
  return (x > y) - (x < y);
}

static ln_status find_used(gradient *g, ln_error *err) {
  ln_status status;
  size_t twice = 0;
  if (!ln_size_mul(g->count, 2, &twice)) return LN_ERR_LIMIT;
  size_t *order = ln_run_alloc(g->node, twice, sizeof *order, err, &status);
  if (status == LN_OK) g->used = ln_run_alloc(g->node, g->count, sizeof *g->used, err, &status);
  if (status == LN_OK) ln_order(order, order + g->count, g->count, compare_indices, g->indices);
  for (size_t i = 0; i < g->count && status == LN_OK; ++i) {
    const int64_t row = ln_number_at(g->indices, order[i]);
    if (g->used_count == 0 || g->used[g->used_count - 1] != row) g->used[g->used_count++] = row;
  }
  ln_free(order);
  return status;
}

static size_t row_of(const gradient *g, int64_t index) {
  size_t low = 0, high = g->used_count;
  if (g->used == NULL) return (size_t)index;
  while (high - low > 1) {
    const size_t middle = low + (high - low) / 2;
    if (g->used[middle] <= index) low = middle;
    else high = middle;
  }
  return low;
}

static ln_status give_rows(const gradient *g, const ln_cells *in, ln_cells *out, ln_error *err) {
  ln_shape shape = g->node->in[0]->shape, list = {1, {0}};
  shape.dims[0] = g->used == NULL ? (int32_t)g->rows : (int32_t)g->used_count;
  size_t total;
  if (!ln_shape_elements(&shape, &total)) return ln_node_fail(g->node, err, LN_ERR_LIMIT, "too many rows");
  LN_TRY(ln_cells_make(g->node, in->type, total, err, out));
  for (size_t i = 0; i < g->count; ++i) {
    const size_t segment = (size_t)ln_number_at(g->ids, i), row = row_of(g, ln_number_at(g->indices, i));
    for (size_t k = 0; k < g->width; ++k) {
      out->at[row * g->width + k].real += in->at[segment * g->width + k].real * g->weigh[segment];
    }
  }
  LN_TRY(ln_cells_give(g->node, 0, &shape, out, err));
  list.dims[0] = shape.dims[0];
  return g->used == NULL ? LN_OK : ln_give_ints(g->node, 1, &list, g->used, err);
}

ln_status ln_sparse_segment_grad_run(const ln_node *node, ln_exec *exec) {
  const int32_t kind = node->op->def->variant;
  gradient g;
  ln_cells in = {0}, out = {0};
  LN_TRY(open_gradient(node, exec->err, &g));
  ln_status status = weigh(&g, kind & ~LN_SEGMENT_GRAD_USED, exec->err);
  if (status == LN_OK && (kind & LN_SEGMENT_GRAD_USED) != 0) status = find_used(&g, exec->err);
  if (status == LN_OK) status = ln_cells_load(node, node->in[0], exec->err, &in);
  if (status == LN_OK) status = give_rows(&g, &in, &out, exec->err);
  ln_cells_free(&in);
  ln_cells_free(&out);
  ln_free(g.weigh);
  ln_free(g.used);
  return status;
}

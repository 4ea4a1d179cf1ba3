/*
 * Select-TF operators that compute with sparse tensors (ops/coo.h): sums, extremes and products of two, reductions, and
 * sparse with dense ones. Their outputs have a size that only the run finds.
 */
#include <math.h>
#include <string.h>

#include "ops/coo.h"
#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/wide.h"

static ln_status dense_shape(const ln_node *node, const int64_t *dims, int32_t rank, ln_error *err, ln_shape *out) {
  size_t elements;
  *out = (ln_shape){0, {0}};
  bool fits = true;
  for (int32_t d = 0; d < rank; ++d) fits = fits && ln_shape_push(out, dims[d]);
  if (fits && ln_shape_elements(out, &elements)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_LIMIT, "the dense shape is too large");
}

/* Where an element stands in a dense tensor of the same shape, which has been made. */
static size_t dense_place(const ln_coo *coo, size_t at) {
  size_t place = 0;
  for (int32_t d = 0; d < coo->rank; ++d) place = place * (size_t)coo->dims[d] + (size_t)ln_coo_index(coo, at, d);
  return place;
}

/* ---- SparseTensorDenseMatMul: indices, values, shape [m, k], b [k, n] ---- */

static ln_status product_options(const ln_node *node, ln_error *err, bool *flip_a, bool *flip_b) {
  *flip_a = *flip_b = false;
  LN_TRY(ln_attr_bool(node, err, "adjoint_a", flip_a));
  return ln_attr_bool(node, err, "adjoint_b", flip_b);
}

ln_status ln_sparse_matmul_infer(ln_node *node, ln_error *err) {
  const ln_shape *b = &node->in[3]->shape;
  int64_t dims[2];
  int32_t rank = 0;
  bool flip_a, flip_b;
  LN_TRY(product_options(node, err, &flip_a, &flip_b));
  if (b->rank != 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "b must be a matrix");
  LN_TRY(ln_node_ints(node, 2, dims, 2, &rank, err));
  if (rank != 2 || dims[!flip_a] != b->dims[flip_b]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the matrices' shapes do not fit together");
  }
  ln_shape shape = {0, {0}};
  if (!ln_shape_push(&shape, dims[flip_a]) || !ln_shape_push(&shape, b->dims[!flip_b])) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%lld rows", (long long)dims[flip_a]);
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_sparse_matmul_prepare(ln_node *node, ln_prep *prep) {
  return node->in[1]->type == LN_INT32 ? LN_OK : ln_wide_reserve(node, prep, 0);
}

typedef struct steps {
  size_t row, column; /* of b: elements between neighbours */
  size_t columns;
} steps;

static void add_row_i32(const ln_tensor *b, steps s, size_t from, int32_t value, int32_t *out) {
  const int32_t *row = (const int32_t *)b->data + from * s.row;
  for (size_t c = 0; c < s.columns; ++c) {
    out[c] = (int32_t)((uint32_t)out[c] + (uint32_t)value * (uint32_t)row[c * s.column]);
  }
}

static void add_row(const double *row, steps s, const double *value, int parts, bool conjugate, double *out) {
  for (size_t c = 0; c < s.columns; ++c) {
    const double *x = row + c * s.column * (size_t)parts;
    if (parts == 1) {
      out[c] += value[0] * x[0];
      continue;
    }
    const double imaginary = conjugate ? -x[1] : x[1];
    out[2 * c] += value[0] * x[0] - value[1] * imaginary;
    out[2 * c + 1] += value[0] * imaginary + value[1] * x[0];
  }
}

ln_status ln_sparse_matmul_run(const ln_node *node, ln_exec *exec) {
  ln_coo a;
  bool flip_a, flip_b;
  ln_tensor *out = node->out[0];
  const ln_tensor *b = node->in[3];
  LN_TRY(product_options(node, exec->err, &flip_a, &flip_b));
  LN_TRY(ln_coo_open(node, 0, 1, 2, exec->err, &a));
  if (ln_tensor_is_empty(out)) return LN_OK;
  const size_t columns = (size_t)out->shape.dims[1], b_columns = (size_t)b->shape.dims[1];
  const steps s = {flip_b ? 1 : b_columns, flip_b ? b_columns : 1, columns};
  const bool integers = out->type == LN_INT32;
  const size_t parts = out->type == LN_COMPLEX64 || out->type == LN_COMPLEX128 ? 2 : 1;
  ln_wide w = {{0}, {0}, NULL};
  if (integers) memset(out->data, 0, out->bytes);
  else ln_wide_open(node, exec, &w);
  for (size_t i = 0; i < columns * (size_t)out->shape.dims[0] * parts && !integers; ++i) w.out[0][i] = 0.0;
  for (size_t i = 0; i < a.count; ++i) {
    const size_t row = (size_t)ln_coo_index(&a, i, flip_a), k = (size_t)ln_coo_index(&a, i, !flip_a);
    if (integers) {
      add_row_i32(b, s, k, ((const int32_t *)a.values->data)[i], (int32_t *)out->data + row * columns);
      continue;
    }
    const double value[2] = {w.in[1][i * parts], parts == 2 ? (flip_a ? -1.0 : 1.0) * w.in[1][i * parts + 1] : 0.0};
    add_row(w.in[3] + k * s.row * parts, s, value, (int)parts, flip_b, w.out[0] + row * columns * parts);
  }
  if (!integers) ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- SparseMatMul: two dense matrices, of which some elements are likely 0 ---- */

static ln_status transposes(const ln_node *node, ln_error *err, bool *flip_a, bool *flip_b) {
  *flip_a = *flip_b = false;
  LN_TRY(ln_attr_bool(node, err, "transpose_a", flip_a));
  return ln_attr_bool(node, err, "transpose_b", flip_b);
}

ln_status ln_zeros_matmul_infer(ln_node *node, ln_error *err) {
  const ln_shape *a = &node->in[0]->shape, *b = &node->in[1]->shape;
  bool flip_a, flip_b;
  LN_TRY(transposes(node, err, &flip_a, &flip_b));
  if (a->rank != 2 || b->rank != 2 || a->dims[!flip_a] != b->dims[flip_b]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the matrices' shapes do not fit together");
  }
  const ln_shape shape = {2, {a->dims[flip_a], b->dims[!flip_b]}};
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_zeros_matmul_run(const ln_node *node, ln_exec *exec) {
  bool flip_a, flip_b;
  ln_wide w;
  LN_TRY(transposes(node, exec->err, &flip_a, &flip_b));
  const ln_shape *a = &node->in[0]->shape, *b = &node->in[1]->shape, *out = &node->out[0]->shape;
  const size_t rows = (size_t)out->dims[0], depth = (size_t)a->dims[!flip_a], columns = (size_t)out->dims[1];
  const size_t a_columns = (size_t)a->dims[1], b_columns = (size_t)b->dims[1];
  const steps s = {flip_b ? 1 : b_columns, flip_b ? b_columns : 1, columns};
  ln_wide_open(node, exec, &w);
  for (size_t i = 0; i < rows * columns; ++i) w.out[0][i] = 0.0;
  for (size_t r = 0; r < rows; ++r) {
    for (size_t k = 0; k < depth; ++k) {
      const double *value = w.in[0] + (flip_a ? k * a_columns + r : r * a_columns + k);
      if (value[0] != 0.0) add_row(w.in[1] + k * s.row, s, value, 1, false, w.out[0] + r * columns);
    }
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- SparseTensorDenseAdd: a sparse tensor and a dense one of its shape ---- */

ln_status ln_sparse_dense_add_run(const ln_node *node, ln_exec *exec) {
  ln_coo a;
  ln_shape shape;
  ln_cells values = {0}, out = {0};
  const ln_shape *b = &node->in[3]->shape;
  LN_TRY(ln_coo_open(node, 0, 1, 2, exec->err, &a));
  LN_TRY(dense_shape(node, a.dims, a.rank, exec->err, &shape));
  if (!ln_shape_equal(&shape, b)) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the tensors' shapes differ");
  }
  ln_status status = ln_cells_load(node, node->in[3], exec->err, &out);
  if (status == LN_OK) status = ln_cells_load(node, a.values, exec->err, &values);
  for (size_t i = 0; i < a.count && status == LN_OK; ++i) {
    ln_cells_join(&out, dense_place(&a, i), LN_CELL_ADD, &values, i);
  }
  if (status == LN_OK) status = ln_cells_give(node, 0, &shape, &out, exec->err);
  ln_cells_free(&values);
  ln_cells_free(&out);
  return status;
}

/* ---- SparseDenseCwise*: a sparse tensor's values with those of a dense one, broadcast to its shape ---- */

static size_t broadcast_place(const ln_coo *a, size_t at, const ln_shape *dense) {
  size_t place = 0;
  for (int32_t d = 0; d < dense->rank; ++d) {
    const size_t extent = (size_t)dense->dims[d];
    place = place * extent + (extent == 1 ? 0 : (size_t)ln_coo_index(a, at, a->rank - dense->rank + d));
  }
  return place;
}

ln_status ln_sparse_dense_cwise_run(const ln_node *node, ln_exec *exec) {
  const ln_cell_op op = (ln_cell_op)node->op->def->variant;
  const ln_tensor *dense = node->in[3];
  ln_coo a;
  ln_cells out = {0}, others = {0};
  LN_TRY(ln_coo_open(node, 0, 1, 2, exec->err, &a));
  bool fits = dense->shape.rank <= a.rank;
  for (int32_t d = 0; d < dense->shape.rank && fits; ++d) {
    fits = dense->shape.dims[d] == 1 || dense->shape.dims[d] == a.dims[a.rank - dense->shape.rank + d];
  }
  if (!fits) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the dense tensor does not broadcast to the sparse one's shape");
  }
  ln_status status = ln_cells_load(node, a.values, exec->err, &out);
  if (status == LN_OK) status = ln_cells_load(node, dense, exec->err, &others);
  for (size_t i = 0; i < a.count && status == LN_OK; ++i) {
    const size_t place = broadcast_place(&a, i, &dense->shape);
    if (op == LN_CELL_DIVIDE && others.integers && others.at[place].integer == 0) {
      status = ln_node_fail(node, exec->err, LN_ERR_DATA, "value %zu is divided by 0", i);
    }
    ln_cells_join(&out, i, op, &others, place);
  }
  if (status == LN_OK) status = ln_cells_give(node, 0, &a.values->shape, &out, exec->err);
  ln_cells_free(&out);
  ln_cells_free(&others);
  return status;
}

/* ---- SparseSoftmax: of the values that stand in one row of the last dimension ---- */

static bool same_row(const ln_coo *a, size_t i, size_t k) {
  for (int32_t d = 0; d + 1 < a->rank; ++d) {
    if (ln_coo_index(a, i, d) != ln_coo_index(a, k, d)) return false;
  }
  return true;
}

static void softmax_row(ln_cell *x, size_t count) {
  double most = -INFINITY, sum = 0.0;
  for (size_t i = 0; i < count; ++i) most = x[i].real > most ? x[i].real : most;
  for (size_t i = 0; i < count; ++i) sum += x[i].real = exp(x[i].real - most);
  for (size_t i = 0; i < count; ++i) x[i].real /= sum;
}

ln_status ln_sparse_softmax_run(const ln_node *node, ln_exec *exec) {
  ln_coo a;
  ln_cells out = {0};
  LN_TRY(ln_coo_open(node, 0, 1, 2, exec->err, &a));
  if (a.rank < 2) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "%d dimensions, needs 2 or more", a.rank);
  LN_TRY(ln_coo_check_order(&a, exec->err));
  ln_status status = ln_cells_load(node, a.values, exec->err, &out);
  for (size_t first = 0, end = 0; first < a.count && status == LN_OK; first = end) {
    while (end < a.count && same_row(&a, first, end)) ++end;
    softmax_row(out.at + first, end - first);
  }
  if (status == LN_OK) status = ln_cells_give(node, 0, &a.values->shape, &out, exec->err);
  ln_cells_free(&out);
  return status;
}

/* ---- two sparse tensors of one shape: SparseSparseMinimum, SparseSparseMaximum, SparseAdd ---- */

typedef struct pairing {
  ln_coo a, b;
  ln_cells x, y, out; /* values of a, of b, of the result */
  int64_t *indices;
  size_t count;
} pairing;

static void pairing_free(pairing *p) {
  ln_cells_free(&p->x);
  ln_cells_free(&p->y);
  ln_cells_free(&p->out);
  ln_free(p->indices);
}

static ln_status pairing_open(const ln_node *node, ln_error *err, pairing *p) {
  size_t most = 0, numbers = 0;
  LN_TRY(ln_coo_open(node, 0, 1, 2, err, &p->a));
  LN_TRY(ln_coo_open(node, 3, 4, 5, err, &p->b));
  if (p->a.rank != p->b.rank || memcmp(p->a.dims, p->b.dims, (size_t)p->a.rank * sizeof p->a.dims[0]) != 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the tensors' shapes differ");
  }
  if (!ln_size_add(p->a.count, p->b.count, &most) || !ln_size_mul(most, (size_t)p->a.rank, &numbers)) {
    return ln_node_fail(node, err, LN_ERR_LIMIT, "too many indices");
  }
  ln_status status;
  LN_TRY(ln_cells_load(node, p->a.values, err, &p->x));
  LN_TRY(ln_cells_load(node, p->b.values, err, &p->y));
  LN_TRY(ln_cells_make(node, p->a.values->type, most, err, &p->out));
  p->indices = ln_run_alloc(node, numbers, sizeof *p->indices, err, &status);
  return status;
}

static bool reaches(const ln_cells *cells, size_t i, const ln_cells *threshold) {
  const ln_cell *x = cells->at + i * (size_t)cells->parts;
  if (cells->integers) {
    const int64_t size = x->integer < 0 && x->integer != INT64_MIN ? -x->integer : x->integer;
    return size >= threshold->at[0].integer;
  }
  return (cells->parts == 2 ? hypot(x[0].real, x[1].real) : fabs(x->real)) >= threshold->at[0].real;
}

/* Walks both in order; an element that one lacks is 0. Of sums of two, those below `threshold` go. */
static void pair_up(pairing *p, ln_cell_op op, const ln_cells *threshold) {
  ln_cell zero[2] = {{0}, {0}};
  const ln_cells none = {.at = zero};
  size_t i = 0, k = 0;
  const size_t rank = (size_t)p->a.rank, cell = (size_t)p->out.parts;
  while (i < p->a.count || k < p->b.count) {
    const int sign = i >= p->a.count ? 1 : (k >= p->b.count ? -1 : ln_coo_compare(&p->a, i, &p->b, k));
    const ln_coo *from = sign <= 0 ? &p->a : &p->b;
    const size_t at = sign <= 0 ? i : k;
    memset(p->out.at + p->count * cell, 0, cell * sizeof(ln_cell));
    if (sign <= 0) ln_cells_copy(&p->out, p->count, &p->x, i++);
    if (sign >= 0) ln_cells_join(&p->out, p->count, op, &p->y, k++);
    else ln_cells_join(&p->out, p->count, op, &none, 0);
    if (sign == 0 && threshold != NULL && !reaches(&p->out, p->count, threshold)) continue;
    for (int32_t d = 0; d < p->a.rank; ++d) p->indices[p->count * rank + (size_t)d] = ln_coo_index(from, at, d);
    ++p->count;
  }
}

static ln_status pairing_give(const ln_node *node, const pairing *p, ln_error *err) {
  ln_shape shape;
  LN_TRY(ln_give_indices(node, 0, p->indices, p->count, p->a.rank, err));
  LN_TRY(ln_text_vector_shape(node, p->count, err, &shape));
  LN_TRY(ln_cells_give(node, 1, &shape, &p->out, err));
  return node->out_count < 3 ? LN_OK : ln_give_dims(node, 2, p->a.dims, p->a.rank, err);
}

ln_status ln_sparse_pair_run(const ln_node *node, ln_exec *exec) {
  pairing p;
  memset(&p, 0, sizeof p);
  ln_cells threshold = {0};
  const bool bounded = node->in_count > 6;
  ln_status status = pairing_open(node, exec->err, &p);
  if (status == LN_OK && bounded && ln_tensor_count(node->in[6]) != 1) {
    status = ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the threshold must be one number");
  }
  if (status == LN_OK && bounded) status = ln_cells_load(node, node->in[6], exec->err, &threshold);
  if (status == LN_OK) pair_up(&p, (ln_cell_op)node->op->def->variant, bounded ? &threshold : NULL);
  if (status == LN_OK) status = pairing_give(node, &p, exec->err);
  ln_cells_free(&threshold);
  pairing_free(&p);
  return status;
}

/* ---- SparseAddGrad: the sum's gradients, indices of a, of b and of the sum ---- */

static ln_status give_gradients(const ln_node *node, int32_t side, const ln_coo *sum, const ln_cells *gradients,
                                ln_error *err) {
  ln_coo in;
  ln_cells out = {0};
  ln_shape shape;
  LN_TRY(ln_coo_open_list(node, 1 + side, -1, err, &in));
  if (in.rank != sum->rank) return ln_node_fail(node, err, LN_ERR_SHAPE, "indices of different ranks");
  LN_TRY(ln_text_vector_shape(node, in.count, err, &shape));
  ln_status status = ln_cells_make(node, gradients->type, in.count, err, &out);
  for (size_t i = 0, k = 0; i < in.count && k < sum->count && status == LN_OK;) {
    const int sign = ln_coo_compare(&in, i, sum, k);
    if (sign == 0) ln_cells_copy(&out, i, gradients, k);
    i += sign <= 0;
    k += sign >= 0;
  }
  if (status == LN_OK) status = ln_cells_give(node, side, &shape, &out, err);
  ln_cells_free(&out);
  return status;
}

ln_status ln_sparse_add_grad_run(const ln_node *node, ln_exec *exec) {
  ln_coo sum;
  ln_cells gradients = {0};
  LN_TRY(ln_coo_open_list(node, 3, 0, exec->err, &sum));
  ln_status status = ln_cells_load(node, sum.values, exec->err, &gradients);
  if (status == LN_OK) status = give_gradients(node, 0, &sum, &gradients, exec->err);
  if (status == LN_OK) status = give_gradients(node, 1, &sum, &gradients, exec->err);
  ln_cells_free(&gradients);
  return status;
}

/* ---- SparseReduceSum, SparseReduceMax: indices, values, shape, axes; to a dense or a sparse tensor ---- */

typedef struct reduction {
  ln_coo in;
  int32_t kept[LN_MAX_RANK], kept_count;
  bool gone[LN_MAX_RANK];
  bool keep_dims;
  int64_t dims[LN_MAX_RANK]; /* of the result */
  int32_t rank;
} reduction;

static ln_status reduction_open(const ln_node *node, ln_error *err, reduction *r) {
  const ln_tensor *axes = node->in[3];
  memset(r, 0, sizeof *r);
  LN_TRY(ln_coo_open(node, 0, 1, 2, err, &r->in));
  LN_TRY(ln_attr_bool(node, err, "keep_dims", &r->keep_dims));
  if (ln_tensor_count(axes) > 0 && axes->data == NULL) return ln_node_fail(node, err, LN_ERR_STATE, "no axes");
  for (size_t i = 0; i < ln_tensor_count(axes); ++i) {
    int32_t axis;
    if (!ln_axis_normalize(ln_number_at(axes, i), r->in.rank, &axis)) {
      return ln_node_fail(node, err, LN_ERR_DATA, "axis %lld of %d dimensions", (long long)ln_number_at(axes, i),
                          r->in.rank);
    }
    r->gone[axis] = true;
  }
  for (int32_t d = 0; d < r->in.rank; ++d) {
    if (!r->gone[d]) r->kept[r->kept_count++] = d;
    if (!r->gone[d] || r->keep_dims) r->dims[r->rank++] = r->gone[d] ? 1 : r->in.dims[d];
  }
  return LN_OK;
}

static bool same_group(const reduction *r, size_t i, size_t k) {
  for (int32_t d = 0; d < r->kept_count; ++d) {
    if (ln_coo_index(&r->in, i, r->kept[d]) != ln_coo_index(&r->in, k, r->kept[d])) return false;
  }
  return true;
}

static void group_index(const reduction *r, size_t at, int64_t *out) {
  for (int32_t d = 0, k = 0; d < r->in.rank; ++d) {
    if (!r->gone[d]) out[k++] = ln_coo_index(&r->in, at, d);
    else if (r->keep_dims) out[k++] = 0;
  }
}

/* Groups become one element each: out[g] and its index. Returns how many. */
static size_t reduce_groups(const reduction *r, const size_t *order, ln_cell_op op, const ln_cells *values,
                            ln_cells *out, int64_t *indices) {
  size_t groups = 0;
  for (size_t first = 0, end = 0; first < r->in.count; first = end, ++groups) {
    ln_cells_copy(out, groups, values, order[first]);
    for (end = first + 1; end < r->in.count && same_group(r, order[first], order[end]); ++end) {
      ln_cells_join(out, groups, op, values, order[end]);
    }
    group_index(r, order[first], indices + groups * (size_t)r->rank);
  }
  return groups;
}

static ln_status give_sparse(const ln_node *node, const reduction *r, const ln_cells *out, const int64_t *indices,
                             size_t groups, ln_error *err) {
  ln_shape shape;
  LN_TRY(ln_give_indices(node, 0, indices, groups, r->rank, err));
  LN_TRY(ln_text_vector_shape(node, groups, err, &shape));
  LN_TRY(ln_cells_give(node, 1, &shape, out, err));
  return ln_give_dims(node, 2, r->dims, r->rank, err);
}

static ln_status give_dense(const ln_node *node, const reduction *r, const ln_cells *out, const int64_t *indices,
                            size_t groups, ln_error *err) {
  ln_shape shape;
  ln_cells dense;
  LN_TRY(dense_shape(node, r->dims, r->rank, err, &shape));
  ln_status status = ln_cells_make(node, out->type, ln_shape_span(&shape, 0, shape.rank), err, &dense);
  for (size_t g = 0; g < groups && status == LN_OK; ++g) {
    size_t place = 0;
    for (int32_t d = 0; d < r->rank; ++d) {
      place = place * (size_t)r->dims[d] + (size_t)indices[g * (size_t)r->rank + (size_t)d];
    }
    ln_cells_copy(&dense, place, out, g);
  }
  if (status == LN_OK) status = ln_cells_give(node, 0, &shape, &dense, err);
  ln_cells_free(&dense);
  return status;
}

ln_status ln_sparse_reduce_run(const ln_node *node, ln_exec *exec) {
  reduction r;
  ln_cells values = {0}, out = {0};
  size_t *order = NULL, numbers = 0;
  int64_t *indices = NULL;
  LN_TRY(reduction_open(node, exec->err, &r));
  if (!ln_size_mul(r.in.count, (size_t)r.rank, &numbers)) return LN_ERR_LIMIT;
  ln_status status = ln_coo_order(&r.in, r.kept, r.kept_count, exec->err, &order);
  if (status == LN_OK) status = ln_cells_load(node, r.in.values, exec->err, &values);
  if (status == LN_OK) status = ln_cells_make(node, values.type, values.count, exec->err, &out);
  if (status == LN_OK) indices = ln_run_alloc(node, numbers, sizeof *indices, exec->err, &status);
  if (status == LN_OK) {
    const size_t groups = reduce_groups(&r, order, (ln_cell_op)node->op->def->variant, &values, &out, indices);
    status = node->out_count == 3 ? give_sparse(node, &r, &out, indices, groups, exec->err)
                                  : give_dense(node, &r, &out, indices, groups, exec->err);
  }
  ln_cells_free(&values);
  ln_cells_free(&out);
  ln_free(order);
  ln_free(indices);
  return status;
}

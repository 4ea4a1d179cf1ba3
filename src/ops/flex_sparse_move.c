/*
 * Select-TF operators that reorder, join, cut and fill up sparse tensors (ops/coo.h): values of any type are only
 * picked. Their outputs have a size that only the run finds.
 */
#include <string.h>

#include "ops/coo.h"
#include "ops/flex_attr.h"
#include "ops/rows.h"

/* A sparse result being made. */
typedef struct result {
  int64_t *indices; /* [count, rank] */
  ln_pick *picks;   /* [count] */
  size_t count;
  int32_t rank;
} result;

static ln_status result_make(const ln_node *node, size_t most, int32_t rank, ln_error *err, result *out) {
  ln_status status;
  size_t numbers = 0;
  *out = (result){.rank = rank};
  if (!ln_size_mul(most, (size_t)rank, &numbers)) return ln_node_fail(node, err, LN_ERR_LIMIT, "too many indices");
  out->indices = ln_run_alloc(node, numbers, sizeof *out->indices, err, &status);
  if (status == LN_OK) out->picks = ln_run_alloc(node, most, sizeof *out->picks, err, &status);
  return status;
}

static void result_free(result *r) {
  ln_free(r->indices);
  ln_free(r->picks);
}

static int64_t *result_add(result *r, const ln_tensor *from, size_t at) {
  r->picks[r->count] = (ln_pick){from, at};
  return r->indices + (size_t)r->rank * r->count++;
}

/* As outputs `index` and `index + step`. */
static ln_status result_give(const ln_node *node, int32_t index, int32_t step, const result *r, ln_error *err) {
  LN_TRY(ln_give_indices(node, index, r->indices, r->count, r->rank, err));
  return ln_give_picks(node, index + step, r->picks, r->count, err);
}

static void copy_row(const ln_coo *coo, size_t at, int64_t *out) {
  for (int32_t d = 0; d < coo->rank; ++d) out[d] = ln_coo_index(coo, at, d);
}

static ln_status sparse_axis(const ln_coo *coo, int64_t axis, ln_error *err, int32_t *out) {
  if (ln_axis_normalize(axis, coo->rank, out)) return LN_OK;
  return ln_node_fail(coo->node, err, LN_ERR_DATA, "axis %lld of %d dimensions", (long long)axis, coo->rank);
}

/* The integers of an input that must be a list of `count`. */
static ln_status read_list(const ln_node *node, int32_t input, int32_t count, ln_error *err, int64_t *out) {
  const ln_tensor *tensor = node->in[input];
  if (tensor->shape.rank != 1 || tensor->shape.dims[0] != count || (count > 0 && tensor->data == NULL)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d must be a list of %d", input, count);
  }
  for (int32_t i = 0; i < count; ++i) out[i] = ln_number_at(tensor, (size_t)i);
  return LN_OK;
}

/* ---- SparseReorder: indices, values, shape ---- */

ln_status ln_sparse_reorder_run(const ln_node *node, ln_exec *exec) {
  static const int32_t all[LN_MAX_RANK] = {0, 1, 2, 3, 4, 5, 6, 7};
  ln_coo in;
  result out = {0};
  size_t *order = NULL;
  LN_TRY(ln_coo_open(node, 0, 1, 2, exec->err, &in));
  ln_status status = ln_coo_order(&in, all, in.rank, exec->err, &order);
  if (status == LN_OK) status = result_make(node, in.count, in.rank, exec->err, &out);
  for (size_t i = 0; i < in.count && status == LN_OK; ++i)
    copy_row(&in, order[i], result_add(&out, in.values, order[i]));
  if (status == LN_OK) status = result_give(node, 0, 1, &out, exec->err);
  result_free(&out);
  ln_free(order);
  return status;
}

/* ---- SparseReshape: indices, shape, new shape, one of whose dimensions may be -1 ---- */

static ln_status fill_in(const ln_node *node, const ln_coo *in, int64_t *dims, int32_t rank, ln_error *err) {
  int64_t total, rest = 1;
  int32_t unknown = -1;
  bool fits = ln_coo_product(in->dims, in->rank, &total);
  for (int32_t d = 0; d < rank && fits; ++d) {
    fits = dims[d] >= 0 || (dims[d] == -1 && unknown < 0);
    if (dims[d] == -1) unknown = d;
  }
  if (!fits) return ln_node_fail(node, err, LN_ERR_DATA, "dimensions below 0, or too large");
  if (unknown >= 0) dims[unknown] = 1;
  fits = ln_coo_product(dims, rank, &rest);
  if (fits && unknown >= 0 && rest > 0) dims[unknown] = total / rest;
  if (!fits || (unknown >= 0 && rest == 0) || !ln_coo_product(dims, rank, &rest) || rest != total) {
    return ln_node_fail(node, err, LN_ERR_DATA, "%lld elements do not fill the new shape", (long long)total);
  }
  return LN_OK;
}

ln_status ln_sparse_reshape_run(const ln_node *node, ln_exec *exec) {
  ln_coo in;
  result out = {0};
  int64_t dims[LN_MAX_RANK];
  const ln_shape *wanted = &node->in[2]->shape;
  LN_TRY(ln_coo_open(node, 0, -1, 1, exec->err, &in));
  if (wanted->rank != 1 || wanted->dims[0] > LN_MAX_RANK) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the new shape must be a list of at most %d", (int)LN_MAX_RANK);
  }
  const int32_t rank = wanted->dims[0];
  LN_TRY(read_list(node, 2, rank, exec->err, dims));
  LN_TRY(fill_in(node, &in, dims, rank, exec->err));
  ln_status status = result_make(node, in.count, rank, exec->err, &out);
  for (size_t i = 0; i < in.count && status == LN_OK; ++i) {
    int64_t at = 0, *row = result_add(&out, NULL, 0);
    for (int32_t d = 0; d < in.rank; ++d) at = at * in.dims[d] + ln_coo_index(&in, i, d);
    for (int32_t d = rank - 1; d >= 0; at /= dims[d--]) row[d] = at % dims[d];
  }
  if (status == LN_OK) status = ln_give_indices(node, 0, out.indices, out.count, rank, exec->err);
  if (status == LN_OK) status = ln_give_dims(node, 1, dims, rank, exec->err);
  result_free(&out);
  return status;
}

/* ---- SparseConcat: N indices, N values, N shapes; the result is in order ---- */

static int compare_rows(const void *context, size_t a, size_t b) {
  const result *r = context;
  for (int32_t d = 0; d < r->rank; ++d) {
    const int64_t x = r->indices[a * (size_t)r->rank + (size_t)d], y = r->indices[b * (size_t)r->rank + (size_t)d];
    if (x != y) return x < y ? -1 : 1;
  }
  return 0;
}

/* All inputs' elements, one input after another; `dims` becomes the result's. */
static ln_status join_inputs(const ln_node *node, int64_t concat_dim, ln_error *err, result *all, int64_t *dims) {
  const int32_t parts = node->in_count / 3;
  ln_coo in;
  int32_t axis = 0;
  for (int32_t i = 0; i < parts; ++i) {
    LN_TRY(ln_coo_open(node, i, parts + i, 2 * parts + i, err, &in));
    LN_TRY(sparse_axis(&in, concat_dim, err, &axis));
    bool fits = i == 0 || in.rank == all->rank;
    for (int32_t d = 0; d < in.rank && fits; ++d) fits = i == 0 || d == axis || in.dims[d] == dims[d];
    if (!fits || in.dims[axis] > INT64_MAX - (i > 0 ? dims[axis] : 0)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "the shape of part %d differs from the first one's", i);
    }
    const int64_t before = i > 0 ? dims[axis] : 0;
    if (i == 0) memcpy(dims, in.dims, sizeof in.dims);
    else dims[axis] += in.dims[axis];
    for (size_t k = 0; k < in.count; ++k) {
      int64_t *row = result_add(all, in.values, k);
      copy_row(&in, k, row);
      row[axis] += before;
    }
  }
  return LN_OK;
}

ln_status ln_sparse_concat_run(const ln_node *node, ln_exec *exec) {
  const int32_t parts = node->in_count / 3;
  int64_t concat_dim = 0, dims[LN_MAX_RANK] = {0};
  size_t total = 0, twice = 0;
  result all = {0}, out = {0};
  LN_TRY(ln_attr_int(node, exec->err, "concat_dim", INT32_MIN, INT32_MAX, &concat_dim));
  if (parts < 1 || node->in_count != 3 * parts || node->in[0]->shape.rank != 2) {
    return ln_node_fail(node, exec->err, LN_ERR_MODEL, "needs indices, values and shape of each part");
  }
  const int32_t rank = node->in[0]->shape.dims[1];
  for (int32_t i = 0; i < parts; ++i) {
    const ln_shape *shape = &node->in[i]->shape;
    if (shape->rank != 2 || shape->dims[1] != rank || rank > LN_MAX_RANK ||
        !ln_size_add(total, (size_t)shape->dims[0], &total)) {
      return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the indices of part %d have another rank", i);
    }
  }
  if (!ln_size_mul(total, 2, &twice)) return ln_node_fail(node, exec->err, LN_ERR_LIMIT, "too many indices");
  ln_status status = result_make(node, total, rank, exec->err, &all);
  size_t *order = NULL;
  if (status == LN_OK) status = join_inputs(node, concat_dim, exec->err, &all, dims);
  if (status == LN_OK) status = result_make(node, total, rank, exec->err, &out);
  if (status == LN_OK) order = ln_run_alloc(node, twice, sizeof *order, exec->err, &status);
  if (status == LN_OK) {
    ln_order(order, order + total, total, compare_rows, &all);
    for (size_t i = 0; i < total; ++i) {
      const ln_pick *pick = &all.picks[order[i]];
      int64_t *row = result_add(&out, pick->from, pick->at);
      for (int32_t d = 0; d < rank; ++d) row[d] = all.indices[order[i] * (size_t)rank + (size_t)d];
    }
    status = result_give(node, 0, 1, &out, exec->err);
  }
  if (status == LN_OK) status = ln_give_dims(node, 2, dims, rank, exec->err);
  result_free(&all);
  result_free(&out);
  ln_free(order);
  return status;
}

/* ---- SparseSlice: indices, values, shape, start, size; SparseSplit: an axis, then the tensor ---- */

/* The elements within [start, start + size) of each dimension, counted from `start`, as outputs `index`, `index + step`
 * and `index + 2 * step`. */
static ln_status give_part(const ln_coo *in, const int64_t *start, const int64_t *size, int32_t index, int32_t step,
                           ln_error *err) {
  result out;
  ln_status status = result_make(in->node, in->count, in->rank, err, &out);
  for (size_t i = 0; i < in->count && status == LN_OK; ++i) {
    bool inside = true;
    for (int32_t d = 0; d < in->rank && inside; ++d) {
      const int64_t at = ln_coo_index(in, i, d);
      inside = at >= start[d] && (uint64_t)at - (uint64_t)start[d] < (uint64_t)size[d];
    }
    int64_t *row = inside ? result_add(&out, in->values, i) : NULL;
    for (int32_t d = 0; d < in->rank && inside; ++d)
      row[d] = (int64_t)((uint64_t)ln_coo_index(in, i, d) - (uint64_t)start[d]);
  }
  if (status == LN_OK) status = result_give(in->node, index, step, &out, err);
  if (status == LN_OK) status = ln_give_dims(in->node, index + 2 * step, size, in->rank, err);
  result_free(&out);
  return status;
}

ln_status ln_sparse_slice_run(const ln_node *node, ln_exec *exec) {
  ln_coo in;
  int64_t start[LN_MAX_RANK], size[LN_MAX_RANK];
  LN_TRY(ln_coo_open(node, 0, 1, 2, exec->err, &in));
  LN_TRY(read_list(node, 3, in.rank, exec->err, start));
  LN_TRY(read_list(node, 4, in.rank, exec->err, size));
  for (int32_t d = 0; d < in.rank; ++d) {
    if (size[d] < 0) return ln_node_fail(node, exec->err, LN_ERR_DATA, "a slice of %lld", (long long)size[d]);
    /* What a start below 0 leaves out stays in the shape. */
    const bool wide = start[d] < 0 && in.dims[d] > INT64_MAX + start[d];
    const int64_t left = start[d] >= in.dims[d] ? 0 : (wide ? INT64_MAX : in.dims[d] - start[d]);
    if (size[d] > left) size[d] = left;
  }
  return give_part(&in, start, size, 0, 1, exec->err);
}

ln_status ln_sparse_split_run(const ln_node *node, ln_exec *exec) {
  ln_coo in;
  int32_t axis = 0;
  int64_t wanted = 0, start[LN_MAX_RANK] = {0};
  const int32_t parts = node->out_count / 3;
  LN_TRY(ln_number_scalar(node, 0, exec->err, &wanted));
  LN_TRY(ln_coo_open(node, 1, 2, 3, exec->err, &in));
  LN_TRY(sparse_axis(&in, wanted, exec->err, &axis));
  if (parts < 1 || node->out_count != 3 * parts || parts > in.dims[axis]) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "%d parts of a dimension of %lld", parts,
                        (long long)in.dims[axis]);
  }
  for (int32_t i = 0; i < parts; ++i) {
    int64_t size[LN_MAX_RANK];
    memcpy(size, in.dims, sizeof size);
    size[axis] = in.dims[axis] / parts + (i < in.dims[axis] % parts);
    LN_TRY(give_part(&in, start, size, i, parts, exec->err));
    start[axis] += size[axis];
  }
  return LN_OK;
}

/* ---- SparseFillEmptyRows: indices, values, shape, default ---- */

/* first[r] becomes where row r begins in the result, one element for each empty row; returns the result's length. */
static size_t place_rows(const ln_coo *in, size_t rows, size_t *first, int64_t *empty) {
  for (size_t i = 0; i < in->count; ++i) ++first[ln_coo_index(in, i, 0)];
  size_t total = 0;
  for (size_t r = 0; r < rows; ++r) {
    empty[r] = first[r] == 0;
    const size_t held = first[r] + (first[r] == 0);
    first[r] = total;
    total += held;
  }
  return total;
}

static void fill_rows(const ln_coo *in, const ln_tensor *fill, size_t rows, size_t *next, const int64_t *empty,
                      int64_t *map, result *out) {
  for (size_t r = 0; r < rows; ++r) {
    if (!empty[r]) continue;
    out->picks[next[r]] = (ln_pick){fill, 0};
    out->indices[next[r] * (size_t)out->rank] = (int64_t)r;
  }
  for (size_t i = 0; i < in->count; ++i) {
    const size_t at = next[ln_coo_index(in, i, 0)]++;
    map[i] = (int64_t)at;
    out->picks[at] = (ln_pick){in->values, i};
    copy_row(in, i, out->indices + at * (size_t)out->rank);
  }
}

static ln_status give_filled(const ln_node *node, const result *out, size_t rows, const int64_t *empty, size_t count,
                             const int64_t *map, ln_error *err) {
  ln_shape shape;
  LN_TRY(result_give(node, 0, 1, out, err));
  LN_TRY(ln_text_vector_shape(node, rows, err, &shape));
  LN_TRY(ln_give_ints(node, 2, &shape, empty, err));
  LN_TRY(ln_text_vector_shape(node, count, err, &shape));
  return ln_give_ints(node, 3, &shape, map, err);
}

ln_status ln_sparse_fill_rows_run(const ln_node *node, ln_exec *exec) {
  ln_coo in;
  result out = {0};
  int64_t *empty = NULL, *map = NULL;
  ln_status status;
  LN_TRY(ln_coo_open(node, 0, 1, 2, exec->err, &in));
  const ln_tensor *fill = node->in[3];
  if (in.rank < 1 || in.dims[0] > INT32_MAX || ln_tensor_count(fill) != 1 || fill->data == NULL) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "needs rows that can be counted, and one default value");
  }
  if (fill->type == LN_STRING) {
    ln_texts texts;
    LN_TRY(ln_texts_open(node, 3, exec->err, &texts));
  }
  const size_t rows = (size_t)in.dims[0];
  size_t most = 0;
  size_t *first = ln_run_alloc(node, rows, sizeof *first, exec->err, &status);
  if (status == LN_OK) empty = ln_run_alloc(node, rows, sizeof *empty, exec->err, &status);
  if (status == LN_OK) map = ln_run_alloc(node, in.count, sizeof *map, exec->err, &status);
  if (status == LN_OK) most = place_rows(&in, rows, first, empty);
  if (status == LN_OK) status = result_make(node, most, in.rank, exec->err, &out);
  if (status == LN_OK) {
    out.count = most;
    fill_rows(&in, fill, rows, first, empty, map, &out);
    status = give_filled(node, &out, rows, empty, in.count, map, exec->err);
  }
  result_free(&out);
  ln_free(first);
  ln_free(empty);
  ln_free(map);
  return status;
}

/* ---- SparseFillEmptyRowsGrad: map, gradients; the default's gradient is what the map leaves out ---- */

static ln_status gather_gradients(const ln_node *node, ln_cells *left, ln_cells *values, ln_cells *fill,
                                  ln_error *err) {
  const ln_tensor *map = node->in[0];
  ln_cells zero = {0};
  LN_TRY(ln_cells_make(node, left->type, 1, err, &zero));
  ln_status status = LN_OK;
  for (size_t i = 0; i < values->count && status == LN_OK; ++i) {
    const int64_t at = ln_number_at(map, i);
    if (at >= 0 && (uint64_t)at < left->count) ln_cells_copy(values, i, left, (size_t)at);
    else status = ln_node_fail(node, err, LN_ERR_DATA, "element %lld of %zu gradients", (long long)at, left->count);
  }
  for (size_t i = 0; i < values->count && status == LN_OK; ++i) {
    ln_cells_copy(left, (size_t)ln_number_at(map, i), &zero, 0);
  }
  for (size_t i = 0; i < left->count && status == LN_OK; ++i) ln_cells_join(fill, 0, LN_CELL_ADD, left, i);
  ln_cells_free(&zero);
  return status;
}

ln_status ln_sparse_fill_rows_grad_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *map = node->in[0], *gradients = node->in[1];
  ln_cells left = {0}, values = {0}, fill = {0};
  const ln_shape scalar = {0, {0}};
  if (map->shape.rank != 1 || gradients->shape.rank != 1 || (ln_tensor_count(map) > 0 && map->data == NULL)) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the map and the gradients must be lists");
  }
  ln_status status = ln_cells_load(node, gradients, exec->err, &left);
  if (status == LN_OK) status = ln_cells_make(node, gradients->type, ln_tensor_count(map), exec->err, &values);
  if (status == LN_OK) status = ln_cells_make(node, gradients->type, 1, exec->err, &fill);
  if (status == LN_OK) status = gather_gradients(node, &left, &values, &fill, exec->err);
  if (status == LN_OK) status = ln_cells_give(node, 0, &map->shape, &values, exec->err);
  if (status == LN_OK) status = ln_cells_give(node, 1, &scalar, &fill, exec->err);
  ln_cells_free(&left);
  ln_cells_free(&values);
  ln_cells_free(&fill);
  return status;
}

/* ---- SparseSliceGrad: gradients of the slice, indices, start, indices of the slice ---- */

static bool is_sliced(const ln_coo *in, size_t i, const int64_t *start, const ln_coo *slice, size_t k) {
  for (int32_t d = 0; d < in->rank; ++d) {
    const uint64_t moved = (uint64_t)ln_coo_index(slice, k, d) + (uint64_t)start[d];
    if ((uint64_t)ln_coo_index(in, i, d) != moved) return false;
  }
  return true;
}

ln_status ln_sparse_slice_grad_run(const ln_node *node, ln_exec *exec) {
  ln_coo in, slice;
  ln_shape shape;
  int64_t start[LN_MAX_RANK];
  ln_cells gradients = {0}, out = {0};
  LN_TRY(ln_coo_open_list(node, 1, -1, exec->err, &in));
  LN_TRY(ln_coo_open_list(node, 3, 0, exec->err, &slice));
  if (slice.rank != in.rank) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "indices of different ranks");
  LN_TRY(read_list(node, 2, in.rank, exec->err, start));
  LN_TRY(ln_text_vector_shape(node, in.count, exec->err, &shape));
  ln_status status = ln_cells_load(node, slice.values, exec->err, &gradients);
  if (status == LN_OK) status = ln_cells_make(node, slice.values->type, in.count, exec->err, &out);
  size_t taken = 0;
  for (size_t i = 0; i < in.count && status == LN_OK; ++i) {
    if (taken < slice.count && is_sliced(&in, i, start, &slice, taken)) ln_cells_copy(&out, i, &gradients, taken++);
  }
  if (status == LN_OK && taken < slice.count) {
    status = ln_node_fail(node, exec->err, LN_ERR_DATA, "element %zu of the slice is none of the input's", taken);
  }
  if (status == LN_OK) status = ln_cells_give(node, 0, &shape, &out, exec->err);
  ln_cells_free(&gradients);
  ln_cells_free(&out);
  return status;
}

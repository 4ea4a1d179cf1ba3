/*
 * Select-TF operators on ragged tensors, which come as the row splits of each ragged dimension, outermost first, and
 * the values: RaggedRange, RaggedGather, RaggedTensorToSparse, RaggedBincount, RaggedFillEmptyRows; and
 * SparseFillEmptyRows.
 */
#include <math.h>

#include "ops/move.h"
#include "ops/rows.h"
#include "ops/strings.h"
#include "ops/text_lists.h"

/* ---- rows of values, picked ---- */

/* Output `index` of `shape`, made of rows of input `values` of `inner` elements: of which, -1 for the one value of
 * input `fallback`. */
static ln_status give_picked(const ln_node *node, int32_t values, int32_t fallback, const ln_number_list *rows,
                             const ln_shape *shape, int32_t index, ln_error *err) {
  const ln_tensor *from = node->in[values], *other = fallback >= 0 ? node->in[fallback] : NULL;
  const size_t inner = ln_shape_span(&from->shape, 1, from->shape.rank);
  size_t bytes;
  if (from->type == LN_STRING) {
    ln_text_list out = ln_text_list_make(node);
    for (size_t i = 0; i < rows->count && out.status == LN_OK; ++i) {
      for (size_t j = 0; j < inner; ++j) {
        const int64_t row = rows->items[i];
        ln_text_add(&out, row < 0 ? ln_string_at(other, 0) : ln_string_at(from, (size_t)row * inner + j));
      }
    }
    const ln_status status = ln_text_list_output(&out, index, shape, err);
    ln_text_list_free(&out);
    return status;
  }
  const size_t item = ln_item_bytes(from), row_bytes = inner * item;
  if (item == 0 || !ln_tensor_size(from->type, shape, &bytes) || node->out[index]->type != from->type) {
    return ln_node_fail(node, err, LN_ERR_TYPE, "cannot pick %s", ln_type_name(from->type));
  }
  LN_TRY(ln_host_output(node, index, shape, bytes, err));
  char *out = node->out[index]->data;
  for (size_t i = 0; i < rows->count && row_bytes > 0; ++i, out += row_bytes) {
    const int64_t row = rows->items[i];
    if (row < 0) memcpy(out, other->data, item);
    else memcpy(out, (const char *)from->data + (size_t)row * row_bytes, row_bytes);
  }
  return LN_OK;
}

static ln_status check_values(const ln_node *node, int32_t input, ln_error *err) {
  const ln_tensor *values = node->in[input];
  if (values->shape.rank < 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "\"%.100s\" is a scalar", values->name);
  return ln_tensor_count(values) > 0 ? ln_node_check_strings(node, input, err) : LN_OK;
}

/* Splits of `levels` dimensions from input `first` on, each over the rows of the next, the last over those of the
 * values.
 */
static ln_status check_splits(const ln_node *node, int32_t first, int32_t levels, size_t values, ln_error *err) {
  for (int32_t i = levels - 1; i >= 0; --i) {
    const ln_tensor *splits = node->in[first + i];
    size_t rows;
    if (splits->type != LN_INT32 && splits->type != LN_INT64) {
      return ln_node_fail(node, err, LN_ERR_TYPE, "the row splits \"%.100s\" are no integers", splits->name);
    }
    LN_TRY(ln_splits_check(node, first + i, values, err, &rows));
    if (ln_tensor_count(splits) == 0) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "the row splits \"%.100s\" are empty", splits->name);
    }
    values = rows;
  }
  return LN_OK;
}

/* ---- RaggedRange ---- */

static double real_at(const ln_tensor *tensor, size_t i) {
  if (tensor->type == LN_FLOAT32) return (double)((const float *)tensor->data)[i];
  if (tensor->type == LN_FLOAT64) return ((const double *)tensor->data)[i];
  return (double)ln_number_at(tensor, i);
}

/* How many values lie from start to limit; -1 for what there is no number of. */
static double range_size(const ln_node *node, const size_t at[3]) {
  const ln_type type = node->out[1]->type;
  if (type == LN_FLOAT32 || type == LN_FLOAT64) {
    const double start = real_at(node->in[0], at[0]), limit = real_at(node->in[1], at[1]);
    const double delta = real_at(node->in[2], at[2]);
    if ((delta > 0.0 && start >= limit) || (delta < 0.0 && start <= limit)) return 0.0;
    if (type == LN_FLOAT64) return delta == 0.0 ? -1.0 : ceil(fabs((limit - start) / delta));
    return delta == 0.0 ? -1.0 : (double)ceilf(fabsf(((float)limit - (float)start) / (float)delta));
  }
  const int64_t start = ln_number_at(node->in[0], at[0]), limit = ln_number_at(node->in[1], at[1]);
  const int64_t delta = ln_number_at(node->in[2], at[2]);
  if (delta == 0) return -1.0;
  if (delta > 0 ? start >= limit : start <= limit) return 0.0;
  const uint64_t span = delta > 0 ? (uint64_t)limit - (uint64_t)start : (uint64_t)start - (uint64_t)limit;
  const uint64_t step = delta > 0 ? (uint64_t)delta : 0 - (uint64_t)delta;
  return (double)(span / step) + (span % step > 0 ? 1.0 : 0.0);
}

/* Values as they come by adding, in their own type. */
static void put_range(const ln_node *node, const size_t at[3], size_t first, size_t count) {
  const ln_tensor *starts = node->in[0], *deltas = node->in[2];
  void *data = node->out[1]->data;
  switch (node->out[1]->type) {
    case LN_FLOAT32: {
      float value = ((const float *)starts->data)[at[0]];
      for (size_t i = 0; i < count; ++i, value += ((const float *)deltas->data)[at[2]])
        ((float *)data)[first + i] = value;
      break;
    }
    case LN_FLOAT64: {
      double value = ((const double *)starts->data)[at[0]];
      for (size_t i = 0; i < count; ++i, value += ((const double *)deltas->data)[at[2]])
        ((double *)data)[first + i] = value;
      break;
    }
    default: {
      uint64_t value = (uint64_t)ln_number_at(starts, at[0]);
      for (size_t i = 0; i < count; ++i, value += (uint64_t)ln_number_at(deltas, at[2])) {
        if (node->out[1]->type == LN_INT64) ((int64_t *)data)[first + i] = (int64_t)value;
        else ((int32_t *)data)[first + i] = (int32_t)(uint32_t)value;
      }
    }
  }
}

static void range_places(const ln_node *node, size_t row, size_t at[3]) {
  for (int32_t k = 0; k < 3; ++k) at[k] = node->in[k]->shape.rank == 0 ? 0 : row;
}

ln_status ln_ragged_range_run(const ln_node *node, ln_exec *exec) {
  int32_t rows = 1;
  bool broadcast = true;
  for (int32_t k = 0; k < 3; ++k) {
    const ln_shape *shape = &node->in[k]->shape;
    if (shape->rank > 1 || (shape->rank == 1 && !broadcast && shape->dims[0] != rows)) {
      return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "starts, limits and deltas are no lists of one length");
    }
    if (shape->rank == 0) continue;
    rows = shape->dims[0];
    broadcast = false;
  }
  ln_number_list splits = ln_number_list_make(node);
  ln_shape shape = {1, {0}};
  ln_status status = LN_OK;
  double total = 0.0;
  size_t at[3], bytes = 0;
  ln_number_add(&splits, 0);
  for (int32_t i = 0; i < rows && status == LN_OK; ++i) {
    range_places(node, (size_t)i, at);
    const double size = range_size(node, at);
    total += size;
    if (!(size >= 0.0)) status = ln_node_fail(node, exec->err, LN_ERR_DATA, "range %d has no step", i);
    else if (!(total <= (double)INT32_MAX)) status = ln_node_fail(node, exec->err, LN_ERR_LIMIT, "too many values");
    else ln_number_add(&splits, (int64_t)total);
  }
  shape.dims[0] = status == LN_OK ? (int32_t)total : 0;
  if (status == LN_OK && !ln_tensor_size(node->out[1]->type, &shape, &bytes)) status = LN_ERR_LIMIT;
  if (status == LN_OK) status = ln_number_vector(&splits, 0, exec->err);
  if (status == LN_OK) status = ln_host_output(node, 1, &shape, bytes, exec->err);
  for (int32_t i = 0; i < rows && status == LN_OK; ++i) {
    range_places(node, (size_t)i, at);
    put_range(node, at, (size_t)splits.items[i], (size_t)(splits.items[i + 1] - splits.items[i]));
  }
  ln_number_list_free(&splits);
  return status;
}

/* ---- RaggedGather: splits, values, indices ---- */

/* The rows of the next dimension that these rows hold; their number is added to `splits`, a new row each. */
static void open_rows(const ln_tensor *level, const ln_number_list *rows, ln_number_list *splits,
                      ln_number_list *next) {
  ln_number_add(splits, 0);
  for (size_t i = 0; i < rows->count && next->status == LN_OK; ++i) {
    const int64_t end = ln_number_at(level, (size_t)rows->items[i] + 1);
    for (int64_t j = ln_number_at(level, (size_t)rows->items[i]); j < end; ++j) {
      if (!ln_number_add(next, j)) break;
    }
    ln_number_add(splits, (int64_t)next->count);
  }
}

/* The dimensions of the indices but the first split their rows evenly. */
static ln_status give_even_splits(const ln_node *node, const ln_shape *indices, ln_error *err) {
  for (int32_t i = 1; i < indices->rank; ++i) {
    const size_t rows = ln_shape_span(indices, 0, i);
    ln_number_list splits = ln_number_list_make(node);
    for (size_t j = 0; j <= rows; ++j) {
      if (!ln_number_add(&splits, (int64_t)j * indices->dims[i])) break;
    }
    const ln_status status = ln_number_vector(&splits, i - 1, err);
    ln_number_list_free(&splits);
    LN_TRY(status);
  }
  return LN_OK;
}

static ln_status first_rows(const ln_node *node, const ln_tensor *indices, size_t available, ln_number_list *rows,
                            ln_error *err) {
  for (size_t i = 0; i < ln_tensor_count(indices); ++i) {
    const int64_t row = ln_number_at(indices, i);
    if (row < 0 || (uint64_t)row >= available) {
      return ln_node_fail(node, err, LN_ERR_DATA, "row %lld of %zu", (long long)row, available);
    }
    if (!ln_number_add(rows, row)) break;
  }
  return LN_OK;
}

ln_status ln_ragged_gather_run(const ln_node *node, ln_exec *exec) {
  const int32_t levels = node->in_count - 2, outer = node->in[node->in_count - 1]->shape.rank - 1;
  const ln_tensor *values = node->in[node->in_count - 2], *indices = node->in[node->in_count - 1];
  if (levels < 1 || node->out_count != levels + outer + 1 || (indices->type != LN_INT32 && indices->type != LN_INT64)) {
    return ln_node_fail(node, exec->err, LN_ERR_MODEL, "%d outputs of %d row splits and indices of %d dimensions",
                        node->out_count, levels, outer + 1);
  }
  LN_TRY(check_values(node, levels, exec->err));
  LN_TRY(check_splits(node, 0, levels, (size_t)values->shape.dims[0], exec->err));
  LN_TRY(give_even_splits(node, &indices->shape, exec->err));
  ln_number_list rows = ln_number_list_make(node);
  ln_status status = first_rows(node, indices, ln_tensor_count(node->in[0]) - 1, &rows, exec->err);
  for (int32_t i = 0; i < levels && status == LN_OK && rows.status == LN_OK; ++i) {
    ln_number_list next = ln_number_list_make(node), splits = next;
    open_rows(node->in[i], &rows, &splits, &next);
    if (outer + i >= 0) status = ln_number_vector(&splits, outer + i, exec->err);
    ln_number_list_free(&splits);
    ln_number_list_free(&rows);
    rows = next;
  }
  ln_shape shape = values->shape;
  if (status == LN_OK && rows.count > INT32_MAX) rows.status = LN_ERR_LIMIT;
  if (status == LN_OK && rows.status != LN_OK) {
    status = ln_node_fail(node, exec->err, rows.status, "the gathered rows take too much memory");
  }
  if (status == LN_OK) {
    shape.dims[0] = (int32_t)rows.count;
    status = give_picked(node, levels, -1, &rows, &shape, node->out_count - 1, exec->err);
  }
  ln_number_list_free(&rows);
  return status;
}

/* ---- RaggedTensorToSparse ---- */

typedef struct sparse_walk {
  const ln_node *node;
  int32_t levels;
  int64_t index[2 * LN_MAX_RANK + 64], shape[2 * LN_MAX_RANK + 64];
  size_t at[64]; /* the row of each level that the value lies in */
} sparse_walk;

enum { MOST_LEVELS = 64 };

/* Moves to the rows that hold value `i`, which is one after the last; empty rows are passed. */
static void move_to(sparse_walk *w, size_t i) {
  for (int32_t level = w->levels - 1; level >= 0; --level) {
    const ln_tensor *splits = w->node->in[level];
    while (ln_number_at(splits, w->at[level] + 1) <= (int64_t)i) ++w->at[level];
    w->index[level + 1] = (int64_t)i - ln_number_at(splits, w->at[level]);
    i = w->at[level];
  }
  w->index[0] = (int64_t)i;
}

static ln_status put_sparse_indices(sparse_walk *w, const ln_shape *values, ln_error *err) {
  const ln_node *node = w->node;
  const size_t inner = ln_shape_span(values, 1, values->rank);
  const int32_t width = w->levels + values->rank;
  ln_number_list indices = ln_number_list_make(node);
  for (int32_t i = 0; i < values->dims[0] && indices.status == LN_OK; ++i) {
    move_to(w, (size_t)i);
    for (size_t j = 0; j < inner; ++j) {
      size_t rest = j;
      for (int32_t k = values->rank - 1; k > 0; --k) {
        w->index[w->levels + k] = (int64_t)(rest % (size_t)values->dims[k]);
        rest /= (size_t)values->dims[k];
      }
      for (int32_t k = 0; k < width; ++k) ln_number_add(&indices, w->index[k]);
    }
  }
  const size_t count = ln_shape_span(values, 0, values->rank);
  const ln_shape shape = {2, {(int32_t)count, width}};
  const ln_status status = ln_number_list_output(&indices, 0, &shape, err);
  ln_number_list_free(&indices);
  return status;
}

static ln_status put_sparse_shape(const sparse_walk *w, const ln_shape *values, ln_error *err) {
  ln_number_list shape = ln_number_list_make(w->node);
  ln_number_add(&shape, (int64_t)ln_tensor_count(w->node->in[0]) - 1);
  for (int32_t level = 0; level < w->levels; ++level) {
    const ln_tensor *splits = w->node->in[level];
    int64_t widest = 0;
    for (size_t i = 0; i + 1 < ln_tensor_count(splits); ++i) {
      const int64_t size = ln_number_at(splits, i + 1) - ln_number_at(splits, i);
      widest = size > widest ? size : widest;
    }
    ln_number_add(&shape, widest);
  }
  for (int32_t i = 1; i < values->rank; ++i) ln_number_add(&shape, values->dims[i]);
  const ln_status status = ln_number_vector(&shape, 2, err);
  ln_number_list_free(&shape);
  return status;
}

ln_status ln_ragged_to_sparse_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *values = node->in[node->in_count - 1];
  sparse_walk w = {.node = node, .levels = node->in_count - 1};
  ln_number_list rows = ln_number_list_make(node);
  if (w.levels < 1 || w.levels > MOST_LEVELS) {
    return ln_node_fail(node, exec->err, LN_ERR_MODEL, "has %d ragged dimensions", w.levels);
  }
  LN_TRY(check_values(node, w.levels, exec->err));
  LN_TRY(check_splits(node, 0, w.levels, (size_t)values->shape.dims[0], exec->err));
  LN_TRY(put_sparse_indices(&w, &values->shape, exec->err));
  LN_TRY(put_sparse_shape(&w, &values->shape, exec->err));
  for (int32_t i = 0; i < values->shape.dims[0]; ++i) ln_number_add(&rows, i);
  const ln_shape flat = {1, {(int32_t)ln_tensor_count(values)}};
  const ln_status status = rows.status != LN_OK ? ln_node_fail(node, exec->err, rows.status, "no memory")
                                                : give_picked(node, w.levels, -1, &rows, &flat, 1, exec->err);
  ln_number_list_free(&rows);
  return status;
}

/* ---- RaggedFillEmptyRows (row ids, values, rows, default), SparseFillEmptyRows (indices, values, shape, default) ----
 */

typedef struct filling {
  ln_number_list order, rows, empty,
      reverse; /* which value each output is, its row; of each row whether it was empty */
} filling;

/* A row's values in their order, by counting. */
static ln_status fill_rows(const ln_node *node, size_t rows, filling *f, ln_error *err) {
  const ln_tensor *ids = node->in[0];
  const size_t count = (size_t)ids->shape.dims[0];
  int64_t *first = ln_alloc_array(rows + 1, sizeof *first), *order = ln_alloc_array(count, sizeof *order);
  ln_status status = first == NULL || order == NULL ? ln_node_fail(node, err, LN_ERR_MEMORY, "no memory") : LN_OK;
  for (size_t i = 0; i < count && status == LN_OK; ++i) {
    const int64_t row = ln_number_at(ids, i);
    if (row < 0 || (uint64_t)row >= rows) {
      status = ln_node_fail(node, err, LN_ERR_DATA, "value %zu lies in row %lld of %zu", i, (long long)row, rows);
    } else {
      ++first[row + 1];
    }
  }
  for (size_t r = 0; r < rows && status == LN_OK; ++r) first[r + 1] += first[r];
  for (size_t i = 0; i < count && status == LN_OK; ++i) {
    /* first[row] counts up to where the next row begins; empty rows before it are filled later */
    order[first[ln_number_at(ids, i)]++] = (int64_t)i;
  }
  int64_t done = 0;
  for (size_t r = 0; r < rows && status == LN_OK && f->order.status == LN_OK; ++r) {
    ln_number_add(&f->empty, first[r] == done);
    if (first[r] == done) {
      ln_number_add(&f->order, -1);
      ln_number_add(&f->rows, (int64_t)r);
    }
    for (; done < first[r]; ++done) {
      ln_number_add(&f->order, order[done]);
      ln_number_add(&f->rows, (int64_t)r);
    }
  }
  for (size_t i = 0; i < count && status == LN_OK; ++i) ln_number_add(&f->reverse, 0);
  for (size_t i = 0; i < f->order.count && status == LN_OK && f->reverse.status == LN_OK; ++i) {
    if (f->order.items[i] >= 0) f->reverse.items[f->order.items[i]] = (int64_t)i;
  }
  ln_free(first);
  ln_free(order);
  return status;
}

ln_status ln_fill_empty_rows_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *ids = node->in[0], *values = node->in[1];
  const ln_number_list none = ln_number_list_make(node);
  filling f = {none, none, none, none};
  int64_t rows;
  size_t bytes;
  LN_TRY(ln_number_scalar(node, 2, exec->err, &rows));
  if (ids->shape.rank != 1 || values->shape.rank != 1 || ids->shape.dims[0] != values->shape.dims[0] ||
      ln_tensor_count(node->in[3]) != 1) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "rows, values and their default do not fit together");
  }
  if (rows < 0 || rows > INT32_MAX || !ln_size_mul((size_t)rows + ln_tensor_count(ids), sizeof(int64_t), &bytes)) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "%lld rows", (long long)rows);
  }
  LN_TRY(ln_host_check_room(node, bytes, exec->err));
  if (ln_tensor_count(values) > 0) LN_TRY(ln_node_check_strings(node, 1, exec->err));
  LN_TRY(ln_node_check_strings(node, 3, exec->err));
  ln_status status = fill_rows(node, (size_t)rows, &f, exec->err);
  if (status == LN_OK && f.order.status != LN_OK) {
    status = ln_node_fail(node, exec->err, f.order.status, "the filled rows take too much memory");
  }
  if (status == LN_OK) status = ln_number_vector(&f.rows, 0, exec->err);
  if (status == LN_OK) status = ln_number_vector(&f.empty, 2, exec->err);
  if (status == LN_OK) status = ln_number_vector(&f.reverse, 3, exec->err);
  const ln_shape flat = {1, {(int32_t)f.order.count}};
  if (status == LN_OK) status = give_picked(node, 1, 3, &f.order, &flat, 1, exec->err);
  ln_number_list_free(&f.order);
  ln_number_list_free(&f.rows);
  ln_number_list_free(&f.empty);
  ln_number_list_free(&f.reverse);
  return status;
}

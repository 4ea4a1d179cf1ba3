/*
 * Select-TF operators that count the values of each row of a dense, sparse (ops/coo.h) or ragged tensor: into a dense
 * tensor of `size` counts a row (Bincount), or into a sparse one of those that are not 0 (CountSparseOutput).
 */
#include <string.h>

#include "ops/coo.h"
#include "ops/flex_attr.h"
#include "ops/rows.h"

typedef struct tally {
  const ln_node *node;
  const ln_tensor *values;
  size_t count, rows;
  int32_t rank;          /* of the values: 1 or 2 */
  int64_t *row;          /* [count] of each value */
  bool weighted, binary; /* binary: any number of values counts as one */
  ln_cells weights;      /* of each value when weighted */
} tally;

static void tally_free(tally *t) {
  ln_free(t->row);
  ln_cells_free(&t->weights);
}

static ln_status set_rows(tally *t, int64_t rows, int32_t rank, ln_error *err) {
  ln_status status;
  if (rank != 1 && rank != 2) return ln_node_fail(t->node, err, LN_ERR_SHAPE, "the values have %d dimensions", rank);
  if (rows > INT32_MAX) return ln_node_fail(t->node, err, LN_ERR_LIMIT, "%lld rows", (long long)rows);
  t->rank = rank;
  t->rows = rank == 2 ? (size_t)rows : 1;
  t->count = ln_tensor_count(t->values);
  if (t->count > 0 && t->values->data == NULL)
    return ln_node_fail(t->node, err, LN_ERR_STATE, "the values hold no data");
  t->row = ln_run_alloc(t->node, t->count, sizeof *t->row, err, &status);
  return status;
}

static ln_status open_dense(tally *t, ln_error *err) {
  const ln_shape *shape = &t->node->in[0]->shape;
  t->values = t->node->in[0];
  LN_TRY(set_rows(t, shape->rank > 0 ? shape->dims[0] : 0, shape->rank, err));
  for (size_t i = 0; i < t->count && t->rank == 2; ++i) t->row[i] = (int64_t)(i / (size_t)shape->dims[1]);
  return LN_OK;
}

static ln_status open_sparse(tally *t, ln_error *err) {
  ln_coo in;
  LN_TRY(ln_coo_open(t->node, 0, 1, 2, err, &in));
  t->values = in.values;
  LN_TRY(set_rows(t, in.rank > 0 ? in.dims[0] : 0, in.rank, err));
  for (size_t i = 0; i < t->count && t->rank == 2; ++i) t->row[i] = ln_coo_index(&in, i, 0);
  return LN_OK;
}

static ln_status open_ragged(tally *t, ln_error *err) {
  size_t rows;
  const ln_tensor *splits = t->node->in[0];
  t->values = t->node->in[1];
  LN_TRY(ln_splits_check(t->node, 0, ln_tensor_count(t->values), err, &rows));
  LN_TRY(set_rows(t, (int64_t)rows, 2, err));
  for (size_t r = 0; r < rows; ++r) {
    for (int64_t i = ln_number_at(splits, r); i < ln_number_at(splits, r + 1); ++i) t->row[i] = (int64_t)r;
  }
  return LN_OK;
}

/* `weights` is the input that holds them; none of them: each value counts 1. */
static ln_status tally_open(const ln_node *node, int32_t weights, ln_error *err, tally *t) {
  const int32_t kind = node->op->def->variant;
  memset(t, 0, sizeof *t);
  t->node = node;
  LN_TRY(ln_attr_bool(node, err, "binary_output", &t->binary));
  LN_TRY(kind == LN_COUNT_DENSE    ? open_dense(t, err)
         : kind == LN_COUNT_SPARSE ? open_sparse(t, err)
                                   : open_ragged(t, err));
  const size_t held = ln_tensor_count(node->in[weights]);
  t->weighted = held > 0;
  if (t->weighted && held != t->count) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%zu weights of %zu values", held, t->count);
  }
  return ln_cells_load(node, node->in[weights], err, &t->weights);
}

static void count_one(const tally *t, ln_cells *out, size_t at, size_t value) {
  ln_cell one[1];
  ln_cells ones = {.at = one};
  if (out->integers) one[0].integer = 1;
  else one[0].real = 1.0;
  if (t->binary) ln_cells_copy(out, at, &ones, 0);
  else ln_cells_join(out, at, LN_CELL_ADD, t->weighted ? &t->weights : &ones, t->weighted ? value : 0);
}

/* ---- SparseBincount: a sparse tensor, size, weights; RaggedBincount: row splits, values, size, weights ---- */

ln_status ln_sparse_bincount_run(const ln_node *node, ln_exec *exec) {
  const int32_t size_input = node->in_count - 2;
  tally t;
  ln_cells out = {0};
  int64_t size = 0;
  LN_TRY(ln_number_scalar(node, size_input, exec->err, &size));
  if (size < 0 || size > INT32_MAX) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "%lld counts a row", (long long)size);
  }
  ln_status status = tally_open(node, node->in_count - 1, exec->err, &t);
  ln_shape shape = {t.rank, {(int32_t)t.rows, (int32_t)size}};
  if (t.rank == 1) shape.dims[0] = (int32_t)size;
  size_t total = 0;
  if (status == LN_OK && !ln_shape_elements(&shape, &total)) {
    status = ln_node_fail(node, exec->err, LN_ERR_LIMIT, "%zu rows of %lld counts", t.rows, (long long)size);
  }
  if (status == LN_OK) status = ln_cells_make(node, node->out[0]->type, total, exec->err, &out);
  for (size_t i = 0; i < t.count && status == LN_OK; ++i) {
    const int64_t value = ln_number_at(t.values, i);
    if (value < 0 && t.rank == 1) { /* in rows TensorFlow leaves it out */
      status = ln_node_fail(node, exec->err, LN_ERR_DATA, "%lld among the values", (long long)value);
    }
    if (value >= 0 && value < size) count_one(&t, &out, (size_t)t.row[i] * (size_t)size + (size_t)value, i);
  }
  if (status == LN_OK) status = ln_cells_give(node, 0, &shape, &out, exec->err);
  ln_cells_free(&out);
  tally_free(&t);
  return status;
}

/* ---- DenseCountSparseOutput, SparseCountSparseOutput, RaggedCountSparseOutput ---- */

static int compare_counted(const void *context, size_t a, size_t b) {
  const tally *t = context;
  const int64_t x = ln_number_at(t->values, a), y = ln_number_at(t->values, b);
  if (t->row[a] != t->row[b]) return t->row[a] < t->row[b] ? -1 : 1;
  return (x > y) - (x < y);
}

typedef struct counts {
  int64_t *indices; /* [count, rank] */
  ln_cells numbers;
  size_t count;
  int64_t greatest; /* of the values counted; -1 when none */
} counts;

/* Counts values below `most` (-1: all), in the order of rows and values. */
static ln_status count_values(const tally *t, const size_t *order, int64_t most, counts *out, ln_error *err) {
  const size_t rank = (size_t)t->rank;
  for (size_t i = 0; i < t->count; ++i) {
    const int64_t value = ln_number_at(t->values, order[i]), row = t->row[order[i]];
    if (value < 0) return ln_node_fail(t->node, err, LN_ERR_DATA, "%lld among the values", (long long)value);
    if (most >= 0 && value >= most) continue;
    const int64_t *last = out->count > 0 ? out->indices + (out->count - 1) * rank : NULL;
    if (last == NULL || last[rank - 1] != value || (rank == 2 && last[0] != row)) {
      out->indices[out->count * rank] = row;
      out->indices[out->count++ * rank + rank - 1] = value;
    }
    count_one(t, &out->numbers, out->count - 1, order[i]);
    if (value > out->greatest) out->greatest = value;
  }
  return LN_OK;
}

static ln_status give_counts(const tally *t, const counts *out, int64_t least, int64_t most, ln_error *err) {
  ln_shape shape;
  const int64_t width = most > 0 ? most : (out->greatest + 1 > least ? out->greatest + 1 : least);
  const int64_t dims[2] = {t->rank == 1 ? width : (int64_t)t->rows, width};
  LN_TRY(ln_give_indices(t->node, 0, out->indices, out->count, t->rank, err));
  LN_TRY(ln_text_vector_shape(t->node, out->count, err, &shape));
  LN_TRY(ln_cells_give(t->node, 1, &shape, &out->numbers, err));
  return ln_give_dims(t->node, 2, dims, t->rank, err);
}

ln_status ln_count_sparse_run(const ln_node *node, ln_exec *exec) {
  tally t;
  counts out = {.greatest = -1};
  int64_t least = -1, most = -1;
  size_t *order = NULL, twice = 0;
  LN_TRY(ln_attr_int(node, exec->err, "minlength", -1, INT64_MAX, &least));
  LN_TRY(ln_attr_int(node, exec->err, "maxlength", -1, INT64_MAX, &most));
  ln_status status = tally_open(node, node->in_count - 1, exec->err, &t);
  if (status == LN_OK && !ln_size_mul(t.count, 2, &twice)) status = LN_ERR_LIMIT;
  if (status == LN_OK) order = ln_run_alloc(node, twice, sizeof *order, exec->err, &status);
  if (status == LN_OK) out.indices = ln_run_alloc(node, twice, sizeof *out.indices, exec->err, &status);
  if (status == LN_OK) status = ln_cells_make(node, node->out[1]->type, t.count, exec->err, &out.numbers);
  if (status == LN_OK) {
    ln_order(order, order + t.count, t.count, compare_counted, &t);
    status = count_values(&t, order, most, &out, exec->err);
  }
  if (status == LN_OK) status = give_counts(&t, &out, least, most, exec->err);
  ln_cells_free(&out.numbers);
  ln_free(out.indices);
  ln_free(order);
  tally_free(&t);
  return status;
}

/*
 * Select-TF operators on sets: each row of the last dimension of a tensor, dense or sparse (ops/coo.h), is a set of its
 * values. Results are sparse, the values of a row in rising order.
 */
#include <string.h>

#include "ops/coo.h"
#include "ops/flex_attr.h"
#include "ops/rows.h"

typedef struct member {
  int64_t row;
  ln_pick value;
} member;

typedef struct sets {
  member *members; /* [count] by row and value, each value of a row once */
  size_t count;
  int64_t dims[LN_MAX_RANK]; /* of the rows */
  int32_t rank;
} sets;

static int compare_members(const member *a, const member *b) {
  if (a->row != b->row) return a->row < b->row ? -1 : 1;
  return ln_pick_compare(&a->value, &b->value);
}

static int compare_numbered(const void *context, size_t a, size_t b) {
  const member *members = context;
  return compare_members(members + a, members + b);
}

/* In order, repeated ones dropped. */
static ln_status arrange(const ln_node *node, member *found, size_t count, ln_error *err, sets *out) {
  ln_status status;
  size_t twice = 0;
  if (!ln_size_mul(count, 2, &twice)) return LN_ERR_LIMIT;
  size_t *order = ln_run_alloc(node, twice, sizeof *order, err, &status);
  if (status == LN_OK) out->members = ln_run_alloc(node, count, sizeof *out->members, err, &status);
  if (status == LN_OK) ln_order(order, order + count, count, compare_numbered, found);
  for (size_t i = 0; i < count && status == LN_OK; ++i) {
    const member *next = found + order[i];
    if (out->count > 0 && compare_members(&out->members[out->count - 1], next) == 0) continue;
    out->members[out->count++] = *next;
  }
  ln_free(order);
  return status;
}

static ln_status open_dense(const ln_node *node, int32_t input, ln_error *err, sets *out) {
  const ln_tensor *in = node->in[input];
  const int32_t rank = in->shape.rank;
  const size_t count = ln_tensor_count(in);
  ln_status status;
  if (rank < 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "%d dimensions, needs 2 or more", rank);
  if (in->type == LN_STRING) {
    ln_texts texts;
    LN_TRY(ln_texts_open(node, input, err, &texts));
  }
  out->rank = rank - 1;
  for (int32_t d = 0; d < out->rank; ++d) out->dims[d] = in->shape.dims[d];
  member *found = ln_run_alloc(node, count, sizeof *found, err, &status);
  for (size_t i = 0; i < count && status == LN_OK; ++i) {
    found[i] = (member){(int64_t)(i / (size_t)in->shape.dims[rank - 1]), {in, i}};
  }
  if (status == LN_OK) status = arrange(node, found, count, err, out);
  ln_free(found);
  return status;
}

static ln_status open_sparse(const ln_node *node, int32_t input, ln_error *err, sets *out) {
  ln_coo in;
  bool validate = true;
  int64_t rows;
  ln_status status;
  LN_TRY(ln_coo_open(node, input, input + 1, input + 2, err, &in));
  LN_TRY(ln_attr_bool(node, err, "validate_indices", &validate));
  if (in.rank < 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "%d dimensions, needs 2 or more", in.rank);
  if (validate) LN_TRY(ln_coo_check_order(&in, err));
  out->rank = in.rank - 1;
  memcpy(out->dims, in.dims, sizeof in.dims);
  if (!ln_coo_product(in.dims, out->rank, &rows)) return ln_node_fail(node, err, LN_ERR_LIMIT, "too many sets");
  member *found = ln_run_alloc(node, in.count, sizeof *found, err, &status);
  for (size_t i = 0; i < in.count && status == LN_OK; ++i) {
    found[i].value = (ln_pick){in.values, i};
    for (int32_t d = 0; d < out->rank; ++d) found[i].row = found[i].row * in.dims[d] + ln_coo_index(&in, i, d);
  }
  if (status == LN_OK) status = arrange(node, found, in.count, err, out);
  ln_free(found);
  return status;
}

/* ---- DenseToDenseSetOperation, DenseToSparseSetOperation, SparseToSparseSetOperation ---- */

enum { A_ONLY = 1, B_ONLY = 2, BOTH = 4 };

static ln_status read_operation(const ln_node *node, ln_error *err, int *keeps) {
  static const char *const names[] = {"a-b", "b-a", "intersection", "union"};
  static const int kept[] = {A_ONLY, B_ONLY, BOTH, A_ONLY | B_ONLY | BOTH};
  int32_t choice = 0;
  LN_TRY(ln_attr_choice(node, err, "set_operation", names, 4, &choice));
  *keeps = kept[choice];
  return LN_OK;
}

/* The members that the operation keeps, in order; returns how many. */
static size_t combine(const sets *a, const sets *b, int keeps, member *out) {
  size_t i = 0, k = 0, count = 0;
  while (i < a->count || k < b->count) {
    const int sign = i >= a->count ? 1 : (k >= b->count ? -1 : compare_members(&a->members[i], &b->members[k]));
    const member *from = sign <= 0 ? &a->members[i] : &b->members[k];
    if ((keeps & (sign < 0 ? A_ONLY : (sign > 0 ? B_ONLY : BOTH))) != 0) out[count++] = *from;
    i += sign <= 0;
    k += sign >= 0;
  }
  return count;
}

/* indices [count, rank + 1] of the members; the last of `dims` becomes the size of the largest set. */
static void number_members(const sets *a, const member *members, size_t count, int64_t *indices, int64_t *dims) {
  int64_t place = 0;
  memcpy(dims, a->dims, sizeof a->dims);
  dims[a->rank] = 0;
  for (size_t i = 0; i < count; ++i) {
    int64_t row = members[i].row, *index = indices + i * (size_t)(a->rank + 1);
    place = i > 0 && members[i - 1].row == row ? place + 1 : 0;
    index[a->rank] = place;
    for (int32_t d = a->rank - 1; d >= 0; row /= a->dims[d--]) index[d] = row % a->dims[d];
    if (place >= dims[a->rank]) dims[a->rank] = place + 1;
  }
}

static ln_status give_sets(const ln_node *node, const sets *a, const member *members, size_t count, ln_error *err) {
  ln_status status;
  int64_t dims[LN_MAX_RANK], *indices = NULL;
  size_t numbers = 0;
  if (!ln_size_mul(count, (size_t)a->rank + 1, &numbers)) return LN_ERR_LIMIT;
  ln_pick *picks = ln_run_alloc(node, count, sizeof *picks, err, &status);
  if (status == LN_OK) indices = ln_run_alloc(node, numbers, sizeof *indices, err, &status);
  if (status == LN_OK) {
    number_members(a, members, count, indices, dims);
    for (size_t i = 0; i < count; ++i) picks[i] = members[i].value;
    status = ln_give_indices(node, 0, indices, count, a->rank + 1, err);
  }
  if (status == LN_OK) status = ln_give_picks(node, 1, picks, count, err);
  if (status == LN_OK) status = ln_give_dims(node, 2, dims, a->rank + 1, err);
  ln_free(picks);
  ln_free(indices);
  return status;
}

ln_status ln_set_operation_run(const ln_node *node, ln_exec *exec) {
  const int32_t kind = node->op->def->variant;
  const bool first_sparse = (kind & LN_SET_SPARSE) != 0;
  sets a = {0}, b = {0};
  member *kept = NULL;
  int keeps;
  size_t most = 0;
  LN_TRY(read_operation(node, exec->err, &keeps));
  ln_status status = first_sparse ? open_sparse(node, 0, exec->err, &a) : open_dense(node, 0, exec->err, &a);
  const int32_t second = first_sparse ? 3 : 1;
  if (status == LN_OK) {
    status = kind == LN_SET_DENSE ? open_dense(node, second, exec->err, &b) : open_sparse(node, second, exec->err, &b);
  }
  if (status == LN_OK && (a.rank != b.rank || memcmp(a.dims, b.dims, (size_t)a.rank * sizeof a.dims[0]) != 0)) {
    status = ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the two tensors have other numbers of sets");
  }
  if (status == LN_OK && !ln_size_add(a.count, b.count, &most)) status = LN_ERR_LIMIT;
  if (status == LN_OK) kept = ln_run_alloc(node, most, sizeof *kept, exec->err, &status);
  if (status == LN_OK) status = give_sets(node, &a, kept, combine(&a, &b, keeps, kept), exec->err);
  ln_free(a.members);
  ln_free(b.members);
  ln_free(kept);
  return status;
}

/* ---- SetSize: indices, values, shape ---- */

ln_status ln_set_size_run(const ln_node *node, ln_exec *exec) {
  sets in = {0};
  ln_shape shape = {0, {0}};
  size_t rows = 0;
  ln_status status = open_sparse(node, 0, exec->err, &in);
  int64_t *sizes = NULL;
  bool fits = true;
  shape.rank = in.rank;
  for (int32_t d = 0; d < in.rank; ++d) {
    fits = fits && in.dims[d] <= INT32_MAX;
    shape.dims[d] = fits ? (int32_t)in.dims[d] : 0;
  }
  if (status == LN_OK && (!fits || !ln_shape_elements(&shape, &rows))) {
    status = ln_node_fail(node, exec->err, LN_ERR_LIMIT, "too many sets");
  }
  if (status == LN_OK) sizes = ln_run_alloc(node, rows, sizeof *sizes, exec->err, &status);
  for (size_t i = 0; i < in.count && status == LN_OK; ++i) ++sizes[in.members[i].row];
  if (status == LN_OK) status = ln_give_ints(node, 0, &shape, sizes, exec->err);
  ln_free(in.members);
  ln_free(sizes);
  return status;
}

/* ---- ListDiff: what of x does not stand in y, and where ---- */

static ln_status open_list(const ln_node *node, int32_t input, ln_error *err, sets *out, member **all) {
  const ln_tensor *in = node->in[input];
  const size_t count = ln_tensor_count(in);
  ln_status status;
  *all = NULL;
  if (in->shape.rank != 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d must be a list", input);
  if (in->type == LN_STRING) {
    ln_texts texts;
    LN_TRY(ln_texts_open(node, input, err, &texts));
  }
  *all = ln_run_alloc(node, count, sizeof **all, err, &status);
  for (size_t i = 0; i < count && status == LN_OK; ++i) (*all)[i].value = (ln_pick){in, i};
  return status == LN_OK && out != NULL ? arrange(node, *all, count, err, out) : status;
}

static bool is_member(const sets *in, const member *wanted) {
  size_t low = 0, high = in->count;
  while (low < high) {
    const size_t middle = low + (high - low) / 2;
    const int sign = compare_members(&in->members[middle], wanted);
    if (sign == 0) return true;
    if (sign < 0) low = middle + 1;
    else high = middle;
  }
  return false;
}

ln_status ln_list_diff_run(const ln_node *node, ln_exec *exec) {
  sets known = {0};
  member *x = NULL, *y = NULL;
  ln_pick *picks = NULL;
  int64_t *places = NULL;
  const size_t count = ln_tensor_count(node->in[0]);
  size_t left = 0;
  ln_shape shape;
  ln_status status = open_list(node, 0, exec->err, NULL, &x);
  if (status == LN_OK) status = open_list(node, 1, exec->err, &known, &y);
  if (status == LN_OK) picks = ln_run_alloc(node, count, sizeof *picks, exec->err, &status);
  if (status == LN_OK) places = ln_run_alloc(node, count, sizeof *places, exec->err, &status);
  for (size_t i = 0; i < count && status == LN_OK; ++i) {
    if (is_member(&known, &x[i])) continue;
    picks[left] = x[i].value;
    places[left++] = (int64_t)i;
  }
  if (status == LN_OK) status = ln_give_picks(node, 0, picks, left, exec->err);
  if (status == LN_OK) status = ln_text_vector_shape(node, left, exec->err, &shape);
  if (status == LN_OK) status = ln_give_ints(node, 1, &shape, places, exec->err);
  ln_free(known.members);
  ln_free(x);
  ln_free(y);
  ln_free(picks);
  ln_free(places);
  return status;
}

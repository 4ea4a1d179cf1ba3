/*
 * Sparse tensors as Select-TF operators pass them, in coordinates: indices [count, rank], values [count] and the dense
 * shape [rank]; and results whose size only the run knows. What these functions allocate is checked against the
 * session's memory limit and freed by the operator.
 */
#ifndef LN_OPS_COO_H
#define LN_OPS_COO_H

#include "ops/text_lists.h"
#include "ops/variants.h"

typedef struct ln_coo {
  const ln_node *node;
  const ln_tensor *indices; /* [count, rank] int64 or int32, each within `dims` */
  const ln_tensor *values;  /* [count]; NULL where the operator has none */
  size_t count;
  int32_t rank;
  int64_t dims[LN_MAX_RANK];
} ln_coo;

/* The sparse tensor in three inputs, checked; `values` may be -1. */
ln_status ln_coo_open(const ln_node *node, int32_t indices, int32_t values, int32_t shape, ln_error *err, ln_coo *out);
/* Without the shape: indices and values alone, whose indices are not bounded. */
ln_status ln_coo_open_list(const ln_node *node, int32_t indices, int32_t values, ln_error *err, ln_coo *out);
static inline int64_t ln_coo_index(const ln_coo *coo, size_t at, int32_t dim) {
  return ln_number_at(coo->indices, at * (size_t)coo->rank + (size_t)dim);
}
/* Below, at or above 0 as element `i` of `a` stands before, with or after element `k` of `b`, row by row. */
int ln_coo_compare(const ln_coo *a, size_t i, const ln_coo *b, size_t k);
/* Fails unless every index stands behind the one before it. */
ln_status ln_coo_check_order(const ln_coo *coo, ln_error *err);
/* Whether `product` of `count` of the dimensions fits an int64. */
bool ln_coo_product(const int64_t *dims, int32_t count, int64_t *product);

/* Zeroed memory for the run, within the limit; NULL with the reason in *status. */
void *ln_run_alloc(const ln_node *node, size_t count, size_t item_bytes, ln_error *err, ln_status *status);

/* A stable sort of the numbers 0..count-1 in `order` by `compare`, with `spare` of as many. */
typedef int (*ln_order_fn)(const void *context, size_t a, size_t b);
void ln_order(size_t *order, size_t *spare, size_t count, ln_order_fn compare, const void *context);
/* The order of a sparse tensor's elements by the dimensions that `dims` lists. */
ln_status ln_coo_order(const ln_coo *coo, const int32_t *dims, int32_t count, ln_error *err, size_t **order);

/* An element of a tensor, of any type. */
typedef struct ln_pick {
  const ln_tensor *from;
  size_t at;
} ln_pick;
/* The sign of a - b, two elements of the same type of numbers or strings. */
int ln_pick_compare(const ln_pick *a, const ln_pick *b);

/* Outputs, given in the run: elements picked from tensors; integers; a shape. */
ln_status ln_give_picks(const ln_node *node, int32_t index, const ln_pick *picks, size_t count, ln_error *err);
ln_status ln_give_ints(const ln_node *node, int32_t index, const ln_shape *shape, const int64_t *items, ln_error *err);
ln_status ln_give_indices(const ln_node *node, int32_t index, const int64_t *items, size_t count, int32_t rank,
                          ln_error *err);
ln_status ln_give_dims(const ln_node *node, int32_t index, const int64_t *dims, int32_t rank, ln_error *err);

/* Numbers of any type for arithmetic: doubles (two for a complex number), or the 64 bits of an integer. */
typedef union ln_cell {
  double real;
  int64_t integer;
} ln_cell;
typedef struct ln_cells {
  ln_type type;
  int32_t parts; /* cells of a number */
  bool integers;
  size_t count; /* numbers */
  ln_cell *at;
} ln_cells;

/* `count` zeros of a type; a tensor's numbers. */
ln_status ln_cells_make(const ln_node *node, ln_type type, size_t count, ln_error *err, ln_cells *out);
ln_status ln_cells_load(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_cells *out);
/* to[i] = to[i] op from[k]. Integers wrap; their division by 0 gives 0. */
void ln_cells_join(ln_cells *to, size_t i, ln_cell_op op, const ln_cells *from, size_t k);
static inline void ln_cells_copy(ln_cells *to, size_t i, const ln_cells *from, size_t k) {
  for (int32_t p = 0; p < to->parts; ++p) {
    to->at[i * (size_t)to->parts + (size_t)p] = from->at[k * (size_t)to->parts + (size_t)p];
  }
}
ln_status ln_cells_give(const ln_node *node, int32_t index, const ln_shape *shape, const ln_cells *cells,
                        ln_error *err);
static inline void ln_cells_free(ln_cells *cells) { ln_free(cells->at); }

#endif

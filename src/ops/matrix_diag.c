/* MATRIX_DIAG: matrices with the given diagonals and zeros elsewhere; MATRIX_SET_DIAG: others' diagonals replaced. */
#include <string.h>

#include "ops/move.h"
#include "ops/rows.h"

/* Item [m, i] of `diagonals` [matrices, length] goes to [m, i, i] of `out` [matrices, rows, columns]. */
static void write_diagonals(const ln_tensor *diagonals, ln_tensor *out) {
  const int32_t rank = out->shape.rank;
  const size_t item = ln_item_bytes(out);
  const size_t rows = (size_t)out->shape.dims[rank - 2], columns = (size_t)out->shape.dims[rank - 1];
  const size_t length = rows < columns ? rows : columns;
  const size_t matrices = ln_shape_span(&out->shape, 0, rank - 2);
  const char *from = diagonals->data;
  for (size_t m = 0; m < matrices; ++m) {
    char *matrix = (char *)out->data + m * rows * columns * item;
    for (size_t i = 0; i < length; ++i, from += item) memcpy(matrix + i * (columns + 1) * item, from, item);
  }
}

ln_status ln_matrix_diag_infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[0]->shape;
  if (shape.rank < 1 || !ln_shape_push(&shape, shape.dims[shape.rank - 1])) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "no diagonals in %d dimensions", shape.rank);
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_matrix_diag_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  memset(node->out[0]->data, 0, node->out[0]->bytes);
  write_diagonals(node->in[0], node->out[0]);
  return LN_OK;
}

ln_status ln_matrix_set_diag_prepare(ln_node *node, ln_prep *prep) {
  const ln_shape *in = &node->in[0]->shape, *diagonals = &node->in[1]->shape;
  const int32_t rank = in->rank;
  bool fits = rank >= 2 && diagonals->rank == rank - 1;
  for (int32_t i = 0; fits && i < rank - 2; ++i) fits = diagonals->dims[i] == in->dims[i];
  if (fits) {
    const int32_t shorter = in->dims[rank - 2] < in->dims[rank - 1] ? in->dims[rank - 2] : in->dims[rank - 1];
    fits = diagonals->dims[rank - 2] == shorter;
  }
  return fits ? LN_OK : ln_node_fail(node, prep->err, LN_ERR_SHAPE, "the diagonals do not fit the matrices");
}

ln_status ln_matrix_set_diag_run(const ln_node *node, ln_exec *exec) {
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  ln_move_bytes(exec, node->in[0]->data, node->out[0]->data, node->out[0]->bytes);
  write_diagonals(node->in[1], node->out[0]);
  return LN_OK;
}

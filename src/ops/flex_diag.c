/* Select-TF operators on the diagonals of matrices: band, part, made and set ones. */
#include <string.h>

#include "kernels/copy.h"
#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"

/* Diagonals `high` (first) to `low` of [rows, columns] as lines of `longest` elements. */
typedef struct diagonals {
  int64_t rows, columns, low, high, longest;
  bool super_left, sub_left; /* where shorter ones stand in their line */
} diagonals;

static int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
static int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

static int64_t length_of(const diagonals *d, int64_t k) {
  return least(d->rows + least(k, 0), d->columns - most(k, 0));
}

static ln_status read_alignment(const ln_node *node, ln_error *err, diagonals *d) {
  static const char *const names[] = {"RIGHT_LEFT", "LEFT_RIGHT", "LEFT_LEFT", "RIGHT_RIGHT"};
  const bool has_it = (node->op->def->variant & LN_FLEX_DIAG_ALIGNED) != 0;
  int32_t align = has_it ? 0 : 2;
  if (has_it) LN_TRY(ln_attr_choice(node, err, "align", names, 4, &align));
  d->super_left = align == 1 || align == 2;
  d->sub_left = align == 0 || align == 2;
  return LN_OK;
}

/* Input `input`: one diagonal, or the lowest and the highest; 0 when the operator has no such input. */
static ln_status read_k(const ln_node *node, ln_error *err, int32_t input, diagonals *d) {
  int64_t k[2] = {0, 0};
  int32_t count = 0;
  if (input < node->in_count) LN_TRY(ln_node_ints(node, input, k, 2, &count, err));
  if (count == 1 || count == 0) k[1] = k[0];
  d->low = k[0];
  d->high = k[1];
  if (d->low <= d->high && d->low > -INT32_MAX && d->high < INT32_MAX) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "diagonals %lld to %lld", (long long)d->low, (long long)d->high);
}

/* Rows and columns from a tensor of matrices; its diagonals must lie within. */
static ln_status take_matrix(const ln_node *node, ln_error *err, const ln_shape *matrix, diagonals *d) {
  if (matrix->rank < 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input holds no matrices");
  d->rows = matrix->dims[matrix->rank - 2];
  d->columns = matrix->dims[matrix->rank - 1];
  const bool empty = d->rows == 0 || d->columns == 0;
  const bool inside = (d->low > -d->rows && d->high < d->columns) || (empty && d->low == 0 && d->high == 0);
  if (!inside)
    return ln_node_fail(node, err, LN_ERR_SHAPE, "diagonals outside %lld by %lld", (long long)d->rows,
                        (long long)d->columns);
  d->longest = least(d->rows + least(d->high, 0), d->columns + least(-d->low, 0));
  return LN_OK;
}

/* The shape of the lines beside `rank` batch dimensions. */
static bool push_lines(ln_shape *shape, const diagonals *d) {
  const int64_t count = d->high - d->low + 1;
  return (count == 1 || ln_shape_push(shape, count)) && ln_shape_push(shape, d->longest);
}

/* Copies all diagonals of one matrix out of it, or into it. */
static void move_diagonals(const diagonals *d, char *matrix, char *lines, size_t item, bool out_of_matrix) {
  for (int64_t k = d->high; k >= d->low; --k) {
    const int64_t length = length_of(d, k);
    const bool left = (k >= 0 && d->super_left) || (k <= 0 && d->sub_left);
    char *line = lines + (size_t)((d->high - k) * d->longest + (left ? 0 : d->longest - length)) * item;
    char *at = matrix + (size_t)(most(-k, 0) * d->columns + most(k, 0)) * item;
    for (int64_t i = 0; i < length; ++i, line += item, at += (size_t)(d->columns + 1) * item) {
      if (out_of_matrix) memcpy(line, at, item);
      else memcpy(at, line, item);
    }
  }
}

/* The filling: an input of one element, else zero. */
static ln_status read_filling(const ln_node *node, ln_error *err, int32_t input, char filling[16]) {
  memset(filling, 0, 16);
  if (input >= node->in_count) return LN_OK;
  size_t count = 0;
  if (!ln_shape_elements(&node->in[input]->shape, &count) || count != 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the filling is no scalar");
  }
  memcpy(filling, node->in[input]->data, ln_item_bytes(node->out[0]));
  return LN_OK;
}

/* ---- MatrixDiagPart: input [, k, filling] ---- */

static ln_status part_of(const ln_node *node, ln_error *err, diagonals *d) {
  LN_TRY(read_k(node, err, 1, d));
  LN_TRY(read_alignment(node, err, d));
  return take_matrix(node, err, &node->in[0]->shape, d);
}

ln_status ln_diag_part_infer(ln_node *node, ln_error *err) {
  diagonals d;
  LN_TRY(part_of(node, err, &d));
  ln_shape shape = ln_shape_make(node->in[0]->shape.rank - 2, node->in[0]->shape.dims);
  if (!push_lines(&shape, &d)) return ln_node_fail(node, err, LN_ERR_SHAPE, "too many diagonals");
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_diag_part_run(const ln_node *node, ln_exec *exec) {
  diagonals d;
  char filling[16];
  LN_TRY(part_of(node, exec->err, &d));
  LN_TRY(read_filling(node, exec->err, 2, filling));
  ln_tensor *out = node->out[0];
  if (ln_tensor_is_empty(out)) return LN_OK;
  const ln_shape *in = &node->in[0]->shape;
  const size_t item = ln_item_bytes(out), batches = ln_shape_span(in, 0, in->rank - 2);
  const size_t matrix = ln_shape_span(in, in->rank - 2, in->rank) * item, lines = out->bytes / batches;
  ln_k_fill(out->data, filling, item, out->bytes / item);
  for (size_t b = 0; b < batches; ++b) {
    move_diagonals(&d, (char *)node->in[0]->data + b * matrix, (char *)out->data + b * lines, item, true);
  }
  return LN_OK;
}

/* ---- MatrixDiagV2, V3: diagonal, k, rows, columns, filling ---- */

static ln_status made_of(const ln_node *node, ln_error *err, diagonals *d, ln_shape *shape) {
  const ln_shape *in = &node->in[0]->shape;
  LN_TRY(read_k(node, err, 1, d));
  LN_TRY(read_alignment(node, err, d));
  LN_TRY(ln_node_int(node, 2, &d->rows, err));
  LN_TRY(ln_node_int(node, 3, &d->columns, err));
  const int64_t count = d->high - d->low + 1;
  const int32_t own = count == 1 ? 1 : 2;
  if (in->rank < own || (own == 2 && in->dims[in->rank - 2] != count)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the diagonals are not %lld", (long long)count);
  }
  const int64_t longest = in->dims[in->rank - 1];
  const int64_t rows = longest - least(d->high, 0), columns = longest + most(d->low, 0);
  if (d->rows == -1 && d->columns == -1) d->rows = d->columns = most(rows, columns);
  if (d->rows == -1) d->rows = rows;
  if (d->columns == -1) d->columns = columns;
  *shape = ln_shape_make(in->rank - own, in->dims);
  if (d->rows < rows || d->columns < columns || !ln_shape_push(shape, d->rows) || !ln_shape_push(shape, d->columns)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "matrices of %lld by %lld cannot hold the diagonals",
                        (long long)d->rows, (long long)d->columns);
  }
  LN_TRY(take_matrix(node, err, shape, d));
  if (d->longest == longest) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "the diagonals are %lld long, should be %lld", (long long)longest,
                      (long long)d->longest);
}

ln_status ln_diag_infer(ln_node *node, ln_error *err) {
  diagonals d;
  ln_shape shape;
  LN_TRY(made_of(node, err, &d, &shape));
  return ln_node_set_shape(node, 0, &shape, err);
}

/* The lines of every matrix of the output. */
static void put_lines(const ln_node *node, const diagonals *d, const ln_tensor *lines) {
  ln_tensor *out = node->out[0];
  const size_t item = ln_item_bytes(out), batches = ln_shape_span(&out->shape, 0, out->shape.rank - 2);
  const size_t each = (size_t)(d->high - d->low + 1) * (size_t)d->longest * item; /* bounded: the input's own size */
  for (size_t b = 0; b < batches; ++b) {
    char *matrix = (char *)out->data + b * (out->bytes / batches);
    move_diagonals(d, matrix, (char *)lines->data + b * each, item, false);
  }
}

ln_status ln_diag_run(const ln_node *node, ln_exec *exec) {
  diagonals d;
  ln_shape shape;
  char filling[16];
  LN_TRY(made_of(node, exec->err, &d, &shape));
  LN_TRY(read_filling(node, exec->err, 4, filling));
  ln_tensor *out = node->out[0];
  if (ln_tensor_is_empty(out)) return LN_OK;
  const size_t item = ln_item_bytes(out);
  ln_k_fill(out->data, filling, item, out->bytes / item);
  put_lines(node, &d, node->in[0]);
  return LN_OK;
}

/* ---- MatrixSetDiagV2, V3: input, diagonal, k ---- */

static ln_status set_of(const ln_node *node, ln_error *err, diagonals *d) {
  const ln_shape *in = &node->in[0]->shape, *lines = &node->in[1]->shape;
  LN_TRY(read_k(node, err, 2, d));
  LN_TRY(read_alignment(node, err, d));
  LN_TRY(take_matrix(node, err, in, d));
  ln_shape shape = ln_shape_make(in->rank - 2, in->dims);
  if (push_lines(&shape, d) && ln_shape_equal(&shape, lines)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "the diagonals do not fit the matrices");
}

ln_status ln_set_diag_infer(ln_node *node, ln_error *err) {
  diagonals d;
  LN_TRY(set_of(node, err, &d));
  return ln_infer_same(node, err);
}

ln_status ln_set_diag_run(const ln_node *node, ln_exec *exec) {
  diagonals d;
  LN_TRY(set_of(node, exec->err, &d));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  ln_move_bytes(exec, node->in[0]->data, node->out[0]->data, node->out[0]->bytes);
  put_lines(node, &d, node->in[1]);
  return LN_OK;
}

/* ---- MatrixBandPart: input, diagonals kept below and above the main one; negative: all ---- */

ln_status ln_band_part_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *in = &node->in[0]->shape;
  int64_t below = 0, above = 0;
  LN_TRY(ln_node_int(node, 1, &below, exec->err));
  LN_TRY(ln_node_int(node, 2, &above, exec->err));
  if (in->rank < 2) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "the input holds no matrices");
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  const int64_t rows = in->dims[in->rank - 2], columns = in->dims[in->rank - 1];
  const size_t item = ln_item_bytes(node->in[0]), row = (size_t)columns * item;
  const size_t count = ln_shape_span(in, 0, in->rank - 1);
  if (below < 0 || below > rows) below = rows;
  if (above < 0 || above > columns) above = columns;
  for (size_t i = 0; i < count; ++i) {
    const int64_t r = (int64_t)(i % (size_t)rows);
    const int64_t from = least(most(r - below, 0), columns), to = most(least(r + above + 1, columns), from);
    char *out = (char *)node->out[0]->data + i * row;
    memcpy(out, (const char *)node->in[0]->data + i * row, row);
    memset(out, 0, (size_t)from * item);
    memset(out + (size_t)to * item, 0, (size_t)(columns - to) * item);
  }
  return LN_OK;
}

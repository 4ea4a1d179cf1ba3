/* Products of matrices: MatMul, Gemm, Einsum, Det. */
#include "import/onnx/onnx_lists.h"

void ln_onnx_matmul(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), b = ln_onnx_in(n, 1);
  ln_onnx_out(n, 0, ln_emit_matmul(n->e, a, b, false, false));
}

/* ---- Gemm ---- */

static int32_t scaled(ln_emit *e, int32_t a, double by) { return by == 1 ? a : ln_emit_mul_number(e, a, by); }

/* A constant of one dimension, but for those of 1 before it, that is as long as there are columns. */
static bool is_bias(const ln_emit *e, int32_t c, int32_t columns) {
  const int32_t rank = ln_emit_rank(e, c);
  if (!ln_emit_is_const(e, c) || rank < 1 || columns < 1) return false;
  return ln_emit_dim(e, c, -1) == columns && ln_emit_elements(e, c) == columns;
}

void ln_onnx_emit_gemm(ln_onnx_node *n) {
  ln_emit *e = n->e;
  int32_t a = ln_onnx_in(n, 0), b = ln_onnx_in(n, 1), c = ln_onnx_in(n, 2);
  const bool turn_a = ln_onnx_int(n, "transA", 0) != 0, turn_b = ln_onnx_int(n, "transB", 0) != 0;
  const double alpha = ln_onnx_float(n, "alpha", 1), beta = ln_onnx_float(n, "beta", 1);
  if (ln_emit_rank(e, a) != 2 || ln_emit_rank(e, b) != 2) {
    if (!ln_emit_failed(e)) ln_emit_wrong(e, "it multiplies matrices");
    return;
  }
  if (beta == 0) c = -1;
  const int32_t columns = ln_emit_dim(e, b, turn_b ? 0 : 1);
  if (c >= 0) c = scaled(e, c, beta);
  if (alpha != 1 && ln_emit_is_const(e, b)) b = scaled(e, b, alpha);
  else if (alpha != 1) a = scaled(e, a, alpha);
  if (!turn_a && ln_onnx_is_weight(e, b)) {
    const bool inside = c >= 0 && is_bias(e, c, columns);
    const ln_dim flat = LN_DIM(columns);
    const int32_t weights = turn_b ? b : ln_emit_swap(e, b, 0, 1);
    const int32_t product = ln_emit_dense(e, a, weights, inside ? ln_emit_reshape(e, c, 1, &flat) : -1);
    ln_onnx_out(n, 0, inside || c < 0 ? product : ln_emit_add(e, product, c));
    return;
  }
  const int32_t product = ln_emit_matmul(e, a, b, turn_a, turn_b);
  ln_onnx_out(n, 0, c < 0 ? product : ln_emit_add(e, product, c));
}

void ln_onnx_gemm(ln_onnx_node *n) { ln_onnx_emit_gemm(n); }

void ln_onnx_einsum(ln_onnx_node *n) {
  int32_t operands[16];
  const char *equation = ln_onnx_text(n, "equation", "");
  if (n->input_count > 16) {
    ln_emit_refuse(n->e, "more than 16 operands");
    return;
  }
  for (int32_t i = 0; i < n->input_count; ++i) operands[i] = ln_onnx_in(n, i);
  ln_onnx_out(n, 0, ln_emit_einsum(n->e, equation, n->input_count, operands));
}

/* ---- Det ---- */

/* One step of elimination over [batch, size, size]: the row of the largest element in the first column takes the first
 * one's place. Gives what the determinant gains [batch], and the matrix that is left. */
static int32_t eliminate(ln_emit *e, int32_t *matrix, int32_t size) {
  const int32_t a = *matrix, one = 1, two = 2;
  const int32_t column = ln_emit_pick(e, a, 2, 0);
  const int32_t row = ln_emit_arg(e, LN_OP_ARG_MAX, ln_emit_unary(e, LN_OP_ABS, column), 1, true, LN_INT32);
  const int32_t numbers = ln_emit_count_up(e, ln_emit_i32(e, size));
  const int32_t here = ln_emit_compare(e, LN_OP_EQUAL, numbers, row);
  const int32_t chosen = ln_emit_expand(e, ln_emit_cast(e, here, ln_emit_type(e, a)), 1, &two);
  const int32_t pivots = ln_emit_reduce(e, LN_OP_SUM, ln_emit_mul(e, a, chosen), 1, &one, true);
  const int32_t pivot = ln_emit_pick(e, ln_emit_squeeze(e, pivots, 1, &one), 1, 0);
  const int32_t is_first = ln_emit_compare(e, LN_OP_EQUAL, ln_emit_squeeze(e, row, 1, &one), ln_emit_i32(e, 0));
  const int32_t gain = ln_emit_select(e, is_first, pivot, ln_emit_unary(e, LN_OP_NEG, pivot));
  if (size > 1) {
    const int32_t first = ln_emit_slice(e, a, 1, 0, 1, 1);
    const int32_t swapped = ln_emit_add(e, a, ln_emit_mul(e, chosen, ln_emit_sub(e, first, pivots)));
    const int32_t rest = ln_emit_slice(e, swapped, 1, 1, INT32_MAX, 1);
    const int32_t is_zero = ln_emit_compare(e, LN_OP_EQUAL, pivot, ln_emit_scalar(e, ln_emit_type(e, a), 0));
    const int32_t divisor = ln_emit_select(e, is_zero, ln_emit_scalar(e, ln_emit_type(e, a), 1), pivot);
    const int32_t places[2] = {1, 2};
    const int32_t factor = ln_emit_div(e, ln_emit_slice(e, rest, 2, 0, 1, 1), ln_emit_expand(e, divisor, 2, places));
    *matrix = ln_emit_sub(e, ln_emit_slice(e, rest, 2, 1, INT32_MAX, 1),
                          ln_emit_mul(e, factor, ln_emit_slice(e, pivots, 2, 1, INT32_MAX, 1)));
  }
  return gain;
}

void ln_onnx_det(ln_onnx_node *n) {
  enum { LARGEST = 64 };
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(e, a), size = ln_emit_dim(e, a, -1);
  if (rank < 2 || size < 1 || size > LARGEST || ln_emit_dim(e, a, -2) != size) {
    if (!ln_emit_failed(e))
      ln_emit_refuse(e, "determinants of square matrices of at most %d rows can be written", LARGEST);
    return;
  }
  if (!ln_onnx_may_write(n, size)) return;
  const ln_dim batch[3] = {LN_DIM_REST, LN_DIM(size), LN_DIM(size)};
  ln_dim dims[LN_MAX_RANK];
  int32_t matrix = ln_emit_reshape(e, a, 3, batch), product = -1;
  for (int32_t left = size; left > 0; --left) {
    const int32_t gain = eliminate(e, &matrix, left);
    product = product < 0 ? gain : ln_emit_mul(e, product, gain);
  }
  for (int32_t i = 0; i < rank - 2; ++i) dims[i] = LN_DIM_OF(a, i);
  ln_onnx_out(n, 0, ln_emit_reshape(e, product, rank - 2, dims));
}

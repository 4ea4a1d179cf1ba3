/* Matrix products and dense layers of TFLite's operators. Integers and float64 are multiplied and summed. */
#include "import/emit.h"

/* BATCH_MATMUL of TFLite takes no more dimensions. */
enum { MATMUL_RANK = 5, MOST_ELEMENTS = 1 << 22 };

/* How a type is multiplied: as float32, or as integers or float64 that MUL and SUM have. */
static ln_type working_type(ln_type type) {
  if (type == LN_FLOAT16 || type == LN_BFLOAT16) return LN_FLOAT32;
  return type == LN_INT8 || type == LN_UINT8 || type == LN_INT16 || type == LN_UINT16 || type == LN_BOOL ? LN_INT32
                                                                                                         : type;
}

/* ---- dense layers ---- */

static int32_t fully_connected(ln_emit *e, int32_t a, int32_t weights, int32_t bias) {
  const ln_fully_connected_options options = {.keep_num_dims = ln_emit_rank(e, a) != 2};
  const int32_t inputs[] = {a, weights, bias < 0 ? LN_EMIT_NONE : bias};
  return ln_emit_op(e, LN_OP_FULLY_CONNECTED, &options, bias < 0 ? 2 : 3, inputs, LN_FLOAT32);
}

int32_t ln_emit_dense(ln_emit *e, int32_t a, int32_t weights, int32_t bias) {
  const int32_t first = 0;
  if (ln_emit_failed(e)) return -1;
  const ln_type type = ln_emit_type(e, a);
  if (ln_emit_rank(e, a) < 1 || ln_emit_rank(e, weights) != 2) return ln_emit_wrong(e, "a dense layer takes a matrix");
  if (working_type(type) != LN_FLOAT32) {
    const int32_t product = ln_emit_matmul(e, a, weights, false, true);
    return bias < 0 ? product : ln_emit_add(e, product, bias);
  }
  const bool vector = ln_emit_rank(e, a) == 1;
  a = ln_emit_cast(e, a, LN_FLOAT32);
  weights = ln_emit_cast(e, weights, LN_FLOAT32);
  if (bias >= 0) bias = ln_emit_cast(e, bias, LN_FLOAT32);
  if (vector) a = ln_emit_expand(e, a, 1, &first);
  const bool inside = bias >= 0 && ln_emit_rank(e, bias) == 1 && ln_emit_is_const(e, bias);
  int32_t result = fully_connected(e, a, weights, inside ? bias : -1);
  if (bias >= 0 && !inside) result = ln_emit_add(e, result, bias);
  if (vector) result = ln_emit_squeeze(e, result, 1, &first);
  return ln_emit_cast(e, result, type);
}

/* ---- products ---- */

/* Of batch dimensions counted from the end (3: the last one): the operand whose size it takes. */
static ln_dim batch_dim(ln_emit *e, int32_t a, int32_t b, int32_t from_end) {
  const int32_t in_a = ln_emit_rank(e, a) - from_end, in_b = ln_emit_rank(e, b) - from_end;
  if (in_a < 0 || (in_b >= 0 && ln_emit_dim(e, a, in_a) == 1)) return LN_DIM_OF(b, in_b);
  return LN_DIM_OF(a, in_a);
}

/* Batch dimensions of both become one: [batch, rows, columns]. */
static int32_t flat_batch(ln_emit *e, int32_t a, int32_t batch_rank, const ln_dim *batch) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t rank = ln_emit_rank(e, a);
  for (int32_t i = 0; i < batch_rank; ++i) dims[i] = batch[i];
  dims[batch_rank] = LN_DIM_OF(a, rank - 2);
  dims[batch_rank + 1] = LN_DIM_OF(a, rank - 1);
  const int32_t whole = ln_emit_broadcast(e, a, batch_rank + 2, dims);
  return batch_rank == 1 ? whole : ln_emit_flatten(e, whole, 0, batch_rank - 1);
}

static int32_t batch_matmul(ln_emit *e, int32_t a, int32_t b, bool adj_a, bool adj_b) {
  const ln_batch_mat_mul_options options = {.adj_x = adj_a, .adj_y = adj_b};
  const int32_t inputs[] = {a, b};
  return ln_emit_op(e, LN_OP_BATCH_MATMUL, &options, 2, inputs, LN_FLOAT32);
}

/* Sums of products of [..., rows, k, 1] and [..., 1, k, columns]. */
static int32_t multiply_and_sum(ln_emit *e, int32_t a, int32_t b, bool adj_a, bool adj_b) {
  const int32_t last = -1, third_last = -3, second_last = -2;
  if (adj_a) a = ln_emit_swap(e, a, -1, -2);
  if (adj_b) b = ln_emit_swap(e, b, -1, -2);
  const int32_t product = ln_emit_mul(e, ln_emit_expand(e, a, 1, &last), ln_emit_expand(e, b, 1, &third_last));
  return ln_emit_reduce(e, LN_OP_SUM, product, 1, &second_last, false);
}

/* For products too large for that: an operator that takes any type, of one batch dimension. */
static int32_t dot_general(ln_emit *e, int32_t a, int32_t b, bool adj_a, bool adj_b, ln_type type) {
  int64_t *axes = ln_arena_array(ln_emit_arena(e), 3, sizeof *axes);
  if (axes == NULL) return ln_import_no_memory(e->import);
  axes[1] = adj_a ? 1 : 2;
  axes[2] = adj_b ? 2 : 1;
  const ln_stablehlo_dot_general_options options = {.lhs_batching_dimensions = {axes, 1},
                                                    .rhs_batching_dimensions = {axes, 1},
                                                    .lhs_contracting_dimensions = {axes + 1, 1},
                                                    .rhs_contracting_dimensions = {axes + 2, 1}};
  const int32_t inputs[] = {a, b};
  return ln_emit_op(e, LN_OP_STABLEHLO_DOT_GENERAL, &options, 2, inputs, type);
}

static bool is_large(const ln_emit *e, int32_t a, int32_t b, bool adj_b) {
  const int64_t in_a = ln_emit_elements(e, a);
  const int32_t columns = ln_emit_dim(e, b, adj_b ? -2 : -1);
  return in_a < 0 || columns < 0 || in_a > MOST_ELEMENTS || in_a * columns > MOST_ELEMENTS;
}

/* Both of rank 2 and more. */
static int32_t product_of(ln_emit *e, int32_t a, int32_t b, bool adj_a, bool adj_b, ln_type type) {
  ln_dim batch[LN_MAX_RANK], back[LN_MAX_RANK];
  const int32_t rank_a = ln_emit_rank(e, a), rank_b = ln_emit_rank(e, b);
  const int32_t rank = rank_a > rank_b ? rank_a : rank_b;
  if (type == LN_FLOAT32 && rank_b == 2 && ln_emit_is_const(e, b) && rank_a <= MATMUL_RANK) {
    if (adj_a) a = ln_emit_swap(e, a, -1, -2);
    return fully_connected(e, a, adj_b ? b : ln_emit_swap(e, b, 0, 1), -1);
  }
  if (type == LN_FLOAT32 && rank <= MATMUL_RANK) return batch_matmul(e, a, b, adj_a, adj_b);
  if (type != LN_FLOAT32 && rank < LN_MAX_RANK - 2 && !is_large(e, a, b, adj_b)) {
    return multiply_and_sum(e, a, b, adj_a, adj_b);
  }
  for (int32_t i = 0; i < rank - 2; ++i) batch[i] = batch_dim(e, a, b, rank - i);
  if (rank == 2) batch[0] = LN_DIM(1);
  const int32_t batch_rank = rank > 2 ? rank - 2 : 1;
  const int32_t flat_a = flat_batch(e, a, batch_rank, batch), flat_b = flat_batch(e, b, batch_rank, batch);
  const int32_t flat = type == LN_FLOAT32 ? batch_matmul(e, flat_a, flat_b, adj_a, adj_b)
                                          : dot_general(e, flat_a, flat_b, adj_a, adj_b, type);
  for (int32_t i = 0; i < rank - 2; ++i) back[i] = batch[i];
  back[rank - 2] = LN_DIM_OF(flat, 1);
  back[rank - 1] = LN_DIM_OF(flat, 2);
  return ln_emit_reshape(e, flat, rank, back);
}

int32_t ln_emit_matmul(ln_emit *e, int32_t a, int32_t b, bool adj_a, bool adj_b) {
  const int32_t first = 0, last = -1, second_last = -2;
  if (ln_emit_failed(e)) return -1;
  const ln_type type = ln_emit_type(e, a), work = working_type(type);
  const bool row = ln_emit_rank(e, a) == 1, column = ln_emit_rank(e, b) == 1;
  if (ln_emit_rank(e, a) == 0 || ln_emit_rank(e, b) == 0) return ln_emit_wrong(e, "a matrix product of a scalar");
  a = ln_emit_cast(e, a, work);
  b = ln_emit_cast(e, b, work);
  if (row) a = ln_emit_expand(e, a, 1, &first);
  if (column) b = ln_emit_expand(e, b, 1, &last);
  if (ln_emit_failed(e)) return -1;
  int32_t result = product_of(e, a, b, adj_a && !row, adj_b && !column, work);
  if (column) result = ln_emit_squeeze(e, result, 1, &last);
  if (row) result = ln_emit_squeeze(e, result, 1, column ? &last : &second_last);
  return ln_emit_cast(e, result, type);
}

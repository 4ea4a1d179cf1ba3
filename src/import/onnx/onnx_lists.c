/* Lists and places that operators' files share: onnx_lists.h. */
#include "import/onnx/onnx_lists.h"

int32_t ln_onnx_length(ln_onnx_node *n, int32_t list) {
  if (ln_emit_failed(n->e)) return -1;
  const int64_t count = ln_emit_elements(n->e, list);
  if (count >= 0 && count <= INT32_MAX) return (int32_t)count;
  return ln_emit_refuse(n->e, "how long one of its lists is, is known only in the run; export it with a fixed length");
}

int32_t ln_onnx_scalar(ln_emit *e, int32_t a) { return ln_emit_rank(e, a) == 0 ? a : ln_emit_reshape(e, a, 0, NULL); }

int32_t ln_onnx_narrow(ln_emit *e, int32_t a) {
  if (ln_emit_type(e, a) == LN_INT64) {
    a = ln_emit_binary(e, LN_OP_MINIMUM, a, ln_emit_scalar(e, LN_INT64, INT32_MAX));
    a = ln_emit_binary(e, LN_OP_MAXIMUM, a, ln_emit_scalar(e, LN_INT64, INT32_MIN));
  }
  return ln_emit_cast(e, a, LN_INT32);
}

int32_t ln_onnx_vector(ln_onnx_node *n, int32_t list) {
  const ln_dim all = LN_DIM_REST;
  const int32_t narrow = ln_onnx_narrow(n->e, list);
  return ln_emit_rank(n->e, list) == 1 ? narrow : ln_emit_reshape(n->e, narrow, 1, &all);
}

int32_t ln_onnx_axes_mask(ln_onnx_node *n, int32_t axes, int32_t rank) {
  ln_emit *e = n->e;
  const ln_dim column[2] = {LN_DIM(rank), LN_DIM(1)};
  const int32_t last = 1, width = ln_emit_i32(e, rank);
  axes = ln_emit_binary(e, LN_OP_FLOOR_MOD, ln_onnx_vector(n, axes), width);
  const int32_t each = ln_emit_reshape(e, ln_emit_count_up(e, width), 2, column);
  return ln_emit_reduce(e, LN_OP_REDUCE_ANY, ln_emit_compare(e, LN_OP_EQUAL, each, axes), 1, &last, false);
}

static bool are_natural(const ln_emit *e, int32_t t) {
  const ln_fact *fact = &e->facts[t];
  for (int32_t p = 0; p < 2; ++p) {
    size_t count;
    if (fact->value[p] == NULL || ln_emit_type(e, t) != LN_INT32 || !ln_shape_elements(&fact->shape[p], &count))
      return false;
    for (size_t i = 0; i < count; ++i) {
      if (((const int32_t *)fact->value[p])[i] < 0) return false;
    }
  }
  return true;
}

int32_t ln_onnx_indices(ln_emit *e, int32_t indices, int32_t a, int32_t axis) {
  indices = ln_emit_cast(e, indices, LN_INT32);
  if (ln_emit_failed(e) || are_natural(e, indices)) return indices;
  const int32_t size = ln_emit_dim(e, a, axis);
  if (size == 0) return indices;
  return ln_emit_binary(e, LN_OP_FLOOR_MOD, indices, size > 0 ? ln_emit_i32(e, size) : ln_emit_size_of(e, a, axis));
}

int32_t ln_onnx_iota(ln_emit *e, int32_t like, int32_t axis, int32_t rank) {
  ln_dim dims[LN_MAX_RANK];
  const int32_t all = ln_emit_count_up(e, ln_emit_size_of(e, like, axis));
  for (int32_t i = 0; i < rank && i < LN_MAX_RANK; ++i) dims[i] = i == axis ? LN_DIM_OF(like, axis) : LN_DIM(1);
  return ln_emit_reshape(e, all, rank, dims);
}

bool ln_onnx_number_in(ln_onnx_node *n, int32_t input, double otherwise, double *out) {
  *out = otherwise;
  if (!ln_onnx_has(n, input)) return true;
  if (ln_emit_number(n->e, ln_onnx_in(n, input), out)) return true;
  if (!ln_emit_failed(n->e)) {
    ln_emit_refuse(n->e, "its input %d is computed when the model runs; export it as a constant", input);
  }
  return false;
}

/* Tensors and operators are made together, so that later ones have the greater numbers. */
const ln_op *ln_onnx_producer(const ln_emit *e, int32_t a) {
  const ln_graph *graph = ln_emit_graph(e);
  int32_t low = 0, high = graph->op_count;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    const ln_op *op = &graph->ops[middle];
    if (op->output_count > 0 && op->outputs[op->output_count - 1] >= a) high = middle;
    else low = middle + 1;
  }
  for (int32_t k = 0; low < graph->op_count && k < graph->ops[low].output_count; ++k) {
    if (graph->ops[low].outputs[k] == a) return &graph->ops[low];
  }
  return NULL;
}

bool ln_onnx_is_weight(const ln_emit *e, int32_t a) {
  if (a < 0 || ln_emit_is_const(e, a)) return a >= 0;
  const ln_op *op = ln_onnx_producer(e, a);
  return op != NULL && op->def->code == LN_OP_DEQUANTIZE && ln_emit_is_const(e, op->inputs[0]);
}

bool ln_onnx_may_write(ln_onnx_node *n, int64_t operators) {
  n->scope->onnx->budget -= operators;
  if (n->scope->onnx->budget >= 0) return true;
  ln_emit_refuse(n->e, "it would become too many operators");
  return false;
}

bool ln_onnx_may_take(ln_onnx_node *n, size_t bytes) { return ln_emit_may_take(n->e, bytes); }

/* ---- writing rows ---- */

/* Where each row comes from: its own place, or the last update that is written there, behind all rows. */
static int32_t replace_rows(ln_emit *e, int32_t rows, int32_t places, int32_t updates) {
  const ln_dim column[2] = {LN_DIM_OF(places, 0), LN_DIM(1)};
  const int32_t one = ln_emit_i32(e, 1), zero = ln_emit_i32(e, 0), count = ln_emit_size_of(e, rows, 0);
  const int32_t length = ln_emit_dims(e, 1, (const ln_dim[]){LN_DIM_OF(rows, 0)});
  const int32_t numbers =
      ln_emit_range(e, one, ln_emit_add(e, ln_emit_size_of(e, places, 0), one), one); /* 1 .. updates */
  const int32_t which = ln_emit_scatter(e, ln_emit_reshape(e, places, 2, column), numbers, length);
  const int32_t new_one = ln_emit_add(e, which, ln_emit_sub(e, count, one));
  const int32_t from =
      ln_emit_select(e, ln_emit_compare(e, LN_OP_GREATER, which, zero), new_one, ln_emit_count_up(e, count));
  return ln_emit_gather(e, ln_emit_concat(e, 0, 2, (const int32_t[]){rows, updates}), from, 0, 0);
}

static int32_t reduce_rows(ln_emit *e, int32_t rows, int32_t places, int32_t updates, int32_t reduce, int32_t join) {
  const int32_t inputs[3] = {updates, places, ln_emit_size_of(e, rows, 0)};
  return ln_emit_binary(e, join, rows, ln_emit_op(e, reduce, NULL, 3, inputs, ln_emit_type(e, rows)));
}

int32_t ln_onnx_scatter_rows(ln_emit *e, int32_t rows, int32_t places, int32_t updates, ln_onnx_reduction how) {
  if (ln_emit_failed(e)) return -1;
  if (ln_emit_elements(e, places) == 0) return rows;
  switch (how) {
    case LN_ONNX_ADD: return reduce_rows(e, rows, places, updates, LN_OP_UNSORTED_SEGMENT_SUM, LN_OP_ADD);
    case LN_ONNX_MULTIPLY: return reduce_rows(e, rows, places, updates, LN_OP_UNSORTED_SEGMENT_PROD, LN_OP_MUL);
    case LN_ONNX_MAXIMUM: return reduce_rows(e, rows, places, updates, LN_OP_UNSORTED_SEGMENT_MAX, LN_OP_MAXIMUM);
    case LN_ONNX_MINIMUM: return reduce_rows(e, rows, places, updates, LN_OP_UNSORTED_SEGMENT_MIN, LN_OP_MINIMUM);
    default: return replace_rows(e, rows, places, updates);
  }
}

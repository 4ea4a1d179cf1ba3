/* Gradient of STABLEHLO_DOT_GENERAL, as a product of matrices: batches in front, then rows or columns. */
#include "train/train.h"

typedef struct operand {
  int32_t order[LN_MAX_RANK], rank; /* axes: batch, then free or contracted ones */
  int32_t batch, free, contracted;  /* elements */
} operand;

static bool take(ln_grad *g, operand *o, bool seen[LN_MAX_RANK], const ln_shape *shape, const ln_vec_i64 *axes,
                 int32_t *size) {
  *size = 1;
  for (uint32_t i = 0; i < axes->count; ++i) {
    const int64_t axis = axes->data[i];
    if (axis < 0 || axis >= shape->rank || seen[axis]) {
      ln_grad_refuse(g, "an axis is out of range");
      return false;
    }
    seen[axis] = true;
    if (shape->dims[axis] > 0 && *size > INT32_MAX / shape->dims[axis]) {
      ln_grad_refuse(g, "a dimension would be too large");
      return false;
    }
    *size *= shape->dims[axis];
    o->order[o->rank++] = (int32_t)axis;
  }
  return true;
}

/* The free axes stand before the contracted ones of the first operand, behind those of the second. */
static int32_t as_matrices(ln_grad *g, int32_t tensor, const ln_vec_i64 *batch, const ln_vec_i64 *contracted,
                           bool free_first, operand *o) {
  const ln_shape shape = *ln_grad_shape(g, tensor);
  bool seen[LN_MAX_RANK] = {false}, later[LN_MAX_RANK] = {false};
  int32_t list[LN_MAX_RANK], count = 0;
  *o = (operand){.free = 1};
  if (!take(g, o, seen, &shape, batch, &o->batch)) return -1;
  operand other = *o;
  for (int32_t i = 0; i < shape.rank; ++i) later[i] = seen[i];
  if (!take(g, &other, later, &shape, contracted, &o->contracted)) return -1;
  for (int32_t i = 0; i < shape.rank; ++i) {
    if (later[i]) continue;
    list[count++] = i;
    if (shape.dims[i] > 0 && o->free > INT32_MAX / shape.dims[i]) ln_grad_refuse(g, "a dimension would be too large");
    else o->free *= shape.dims[i];
  }
  for (int32_t i = 0; free_first && i < count; ++i) o->order[o->rank++] = list[i];
  if (!take(g, o, seen, &shape, contracted, &o->contracted)) return -1;
  for (int32_t i = 0; !free_first && i < count; ++i) o->order[o->rank++] = list[i];
  const int32_t dims[3] = {o->batch, free_first ? o->free : o->contracted, free_first ? o->contracted : o->free};
  return ln_grad_reshape_dims(g, ln_grad_transpose(g, tensor, o->order), 3, dims);
}

void ln_gradient_dot_general(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_stablehlo_dot_general_options *options = op->options;
  const int32_t first = ln_optimizer_graph(g->o)->op_count;
  const ln_shape y = *ln_grad_shape(g, op->outputs[0]);
  operand a, b;
  const int32_t left = as_matrices(g, ln_grad_in(g, op, 0), &options->lhs_batching_dimensions,
                                   &options->lhs_contracting_dimensions, true, &a);
  const int32_t right = as_matrices(g, ln_grad_in(g, op, 1), &options->rhs_batching_dimensions,
                                    &options->rhs_contracting_dimensions, false, &b);
  if (g->status != LN_OK) return;
  ln_grad_through(g, first, ln_grad_reshape(g, ln_grad_matmul(g, left, right, false, false), &y), dy[0]);
}

/* Gradients of sums, means, extremes and products along axes, and of running sums. */
#include "train/train.h"

/* What a reduction's gradient is written with. */
typedef struct reduction {
  ln_shape in, kept; /* the input's shape, and that with 1 along the axes */
  uint32_t axes;
} reduction;

static bool read_reduction(ln_grad *g, const ln_op *op, reduction *r) {
  int64_t axes[64];
  int32_t count = 0;
  *r = (reduction){.in = *ln_grad_shape(g, op->inputs[0])};
  if (!ln_grad_constant_ints(g, op, 1, axes, LN_COUNT(axes), &count)) return false;
  r->kept = r->in;
  for (int32_t i = 0; i < count; ++i) {
    int32_t axis;
    if (!ln_axis_normalize(axes[i], r->in.rank, &axis)) {
      ln_grad_refuse(g, "an axis is out of range");
      return false;
    }
    r->axes |= 1u << axis;
    r->kept.dims[axis] = 1;
  }
  return true;
}

void ln_gradient_sum(ln_grad *g, const ln_op *op, const int32_t *dy) {
  reduction r;
  if (!read_reduction(g, op, &r)) return;
  ln_grad_add(g, op, 0, ln_grad_broadcast(g, ln_grad_reshape(g, dy[0], &r.kept), &r.in));
}

void ln_gradient_mean(ln_grad *g, const ln_op *op, const int32_t *dy) {
  reduction r;
  if (!read_reduction(g, op, &r)) return;
  float part = 1;
  for (int32_t i = 0; i < r.in.rank; ++i) {
    if ((r.axes >> i & 1) != 0 && r.in.dims[i] > 0) part /= (float)r.in.dims[i];
  }
  const int32_t kept = ln_grad_scale(g, ln_grad_reshape(g, dy[0], &r.kept), part);
  ln_grad_add(g, op, 0, ln_grad_broadcast(g, kept, &r.in));
}

/* Elements that are the extreme share the gradient. */
void ln_gradient_reduce_extreme(ln_grad *g, const ln_op *op, const int32_t *dy) {
  reduction r;
  if (!read_reduction(g, op, &r)) return;
  const int32_t y = ln_grad_reshape(g, ln_grad_out(g, op), &r.kept);
  const int32_t same = ln_grad_compare(g, LN_OP_EQUAL, ln_grad_in(g, op, 0), y);
  const int32_t ones = ln_grad_emit(g, LN_OP_CAST, LN_FLOAT32, NULL, 1, &same);
  const int32_t each = ln_grad_binary(g, LN_OP_DIV, ln_grad_reshape(g, dy[0], &r.kept), ln_grad_sum(g, ones, r.axes));
  ln_grad_add(g, op, 0, ln_grad_mul(g, ones, each));
}

/*
 * The product of all others: y / x where no element is 0; where one is, it alone has a gradient, the product of the
 * rest.
 */
void ln_gradient_reduce_prod(ln_grad *g, const ln_op *op, const int32_t *dy) {
  reduction r;
  if (!read_reduction(g, op, &r)) return;
  const int32_t x = ln_grad_in(g, op, 0), one = ln_grad_scalar(g, 1), none = ln_grad_scalar(g, 0);
  const int32_t zero = ln_grad_compare(g, LN_OP_EQUAL, x, none);
  const int32_t zeros = ln_grad_sum(g, ln_grad_emit(g, LN_OP_CAST, LN_FLOAT32, NULL, 1, &zero), r.axes);
  const int32_t rest = ln_grad_select(g, zero, one, x);
  const ln_reducer_options keep = {.keep_dims = true};
  const int32_t inputs[2] = {rest, op->inputs[1]};
  const int32_t product = ln_grad_emit(g, LN_OP_REDUCE_PROD, LN_FLOAT32, &keep, 2, inputs);
  const int32_t by = ln_grad_mul(g, ln_grad_reshape(g, dy[0], &r.kept), product);
  const int32_t alone = ln_grad_mask(g, ln_grad_compare(g, LN_OP_EQUAL, zeros, one), by);
  const int32_t among = ln_grad_mask(g, ln_grad_compare(g, LN_OP_EQUAL, zeros, none), by);
  ln_grad_add(g, op, 0, ln_grad_select(g, zero, alone, ln_grad_binary(g, LN_OP_DIV, among, rest)));
}

/* The same sum from the other end. */
void ln_gradient_cumsum(ln_grad *g, const ln_op *op, const int32_t *dy) {
  ln_cumsum_options options = *(const ln_cumsum_options *)op->options;
  options.reverse = !options.reverse;
  const int32_t inputs[2] = {dy[0], op->inputs[1]};
  ln_grad_add(g, op, 0, ln_grad_emit(g, LN_OP_CUMSUM, LN_FLOAT32, &options, 2, inputs));
}

/* Gradients of matrix products. */
#include "train/operators.h"

/* Everything but the last dimension as rows: [rows, depth] */
static int32_t as_rows(ln_grad *g, int32_t tensor, int32_t depth) {
  const ln_shape shape = *ln_grad_shape(g, tensor);
  const int32_t count = ln_grad_span(g, &shape, 0, shape.rank);
  const int32_t dims[2] = {depth > 0 ? count / depth : 0, depth};
  return ln_grad_reshape_dims(g, tensor, 2, dims);
}

/* Rows are images of one pixel to the operator of convolutions. */
static void fast_weights(ln_grad *g, const ln_op *op, int32_t dy) {
  const ln_shape weights = *ln_grad_shape(g, op->inputs[1]);
  const int32_t rows = ln_grad_shape(g, dy)->dims[0];
  const int32_t in[4] = {rows, 1, 1, weights.dims[1]}, out[4] = {rows, 1, 1, weights.dims[0]};
  const int32_t inputs[2] = {ln_grad_reshape_dims(g, ln_grad_in(g, op, 0), 4, in), ln_grad_reshape_dims(g, dy, 4, out)};
  const ln_grad_places window = {.kernel = {1, 1}, .stride = {1, 1}, .dilation = {1, 1}};
  const bool bias = ln_grad_wants(g, op, 2);
  int32_t made[2] = {-1, -1};
  ln_grad_emit_own(g, &ln_op_conv_filter_gradient, &window, inputs, bias ? 2 : 1, made);
  ln_grad_add(g, op, 1, ln_grad_reshape(g, made[0], &weights));
  if (!bias) return;
  const ln_shape shape = *ln_grad_shape(g, op->inputs[2]);
  ln_grad_add(g, op, 2, ln_grad_reshape(g, made[1], &shape));
}

/* x [rows, in], weights [out, in]: y = x W^T + b */
void ln_gradient_fully_connected(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_fully_connected_options *options = op->options;
  const ln_shape weights = *ln_grad_shape(g, op->inputs[1]), x = *ln_grad_shape(g, op->inputs[0]);
  if (options->weights_format != 0 || weights.rank != 2) {
    ln_grad_refuse(g, "its weights are shuffled");
    return;
  }
  const int32_t rows = as_rows(g, dy[0], weights.dims[0]);
  if (ln_grad_wants(g, op, 0)) {
    ln_grad_add(g, op, 0, ln_grad_reshape(g, ln_grad_matmul(g, rows, ln_grad_in(g, op, 1), false, false), &x));
  }
  if (g->fast && ln_grad_wants(g, op, 1)) {
    fast_weights(g, op, rows);
    return;
  }
  if (ln_grad_wants(g, op, 1)) {
    const int32_t in = as_rows(g, ln_grad_in(g, op, 0), weights.dims[1]);
    ln_grad_add(g, op, 1, ln_grad_matmul(g, rows, in, true, false));
  }
  if (ln_grad_wants(g, op, 2)) {
    const ln_shape bias = *ln_grad_shape(g, op->inputs[2]);
    ln_grad_add(g, op, 2, ln_grad_reshape(g, ln_grad_sum(g, rows, 1), &bias));
  }
}

/* Y = A' B', each of them as it is or transposed. */
void ln_gradient_batch_matmul(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_batch_mat_mul_options *options = op->options;
  const bool adj_a = options->adj_x, adj_b = options->adj_y;
  if (ln_grad_wants(g, op, 0)) {
    const int32_t b = ln_grad_in(g, op, 1);
    ln_grad_add(g, op, 0,
                adj_a ? ln_grad_matmul(g, b, dy[0], adj_b, true) : ln_grad_matmul(g, dy[0], b, false, !adj_b));
  }
  if (ln_grad_wants(g, op, 1)) {
    const int32_t a = ln_grad_in(g, op, 0);
    ln_grad_add(g, op, 1,
                adj_b ? ln_grad_matmul(g, dy[0], a, true, adj_a) : ln_grad_matmul(g, a, dy[0], !adj_a, false));
  }
}

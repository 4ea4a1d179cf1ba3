/* Gradients of what normalizes along the last axis, and of resized images. */
#include "train/train.h"

/* ---- softmax ---- */

static int32_t sum_last(ln_grad *g, int32_t a) {
  const int32_t rank = ln_grad_shape(g, a)->rank;
  return rank > 0 ? ln_grad_sum(g, a, 1u << (rank - 1)) : a;
}

/* beta * y * (dy - sum(dy * y)) */
void ln_gradient_softmax(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const float beta = ((const ln_softmax_options *)op->options)->beta;
  const int32_t y = ln_grad_out(g, op);
  const int32_t apart = ln_grad_binary(g, LN_OP_SUB, dy[0], sum_last(g, ln_grad_mul(g, dy[0], y)));
  const int32_t dx = ln_grad_mul(g, apart, y);
  ln_grad_add(g, op, 0, beta == 1 ? dx : ln_grad_scale(g, dx, beta));
}

/* dy - exp(y) * sum(dy) */
void ln_gradient_log_softmax(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const int32_t share = ln_grad_mul(g, ln_grad_unary(g, LN_OP_EXP, ln_grad_out(g, op)), sum_last(g, dy[0]));
  ln_grad_add(g, op, 0, ln_grad_binary(g, LN_OP_SUB, dy[0], share));
}

/* (dy - y * sum(dy * y)) / max(|x|, 1e-6) */
void ln_gradient_l2_normalization(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const int32_t x = ln_grad_in(g, op, 0), y = ln_grad_out(g, op);
  const int32_t length = ln_grad_unary(g, LN_OP_SQRT, sum_last(g, ln_grad_mul(g, x, x)));
  const int32_t norm = ln_grad_binary(g, LN_OP_MAXIMUM, length, ln_grad_scalar(g, 1e-6f));
  const int32_t along = ln_grad_mul(g, y, sum_last(g, ln_grad_mul(g, dy[0], y)));
  ln_grad_add(g, op, 0, ln_grad_binary(g, LN_OP_DIV, ln_grad_binary(g, LN_OP_SUB, dy[0], along), norm));
}

/* ---- local response ---- */

/* Sums over `radius` channels to both sides: windows along a dimension of pixels. */
static int32_t neighbours(ln_grad *g, int32_t a, int32_t radius) {
  const ln_shape shape = *ln_grad_shape(g, a);
  const int32_t c = shape.dims[shape.rank - 1];
  const int32_t list[4] = {ln_grad_span(g, &shape, 0, shape.rank - 1), c, 1, 1};
  const int32_t pads[4] = {0, radius, 0, 0};
  const int32_t framed = ln_grad_pad(g, ln_grad_reshape_dims(g, a, 4, list), pads, pads);
  const ln_pool2d_options options = {
      .padding = LN_PADDING_VALID, .stride_h = 1, .stride_w = 1, .filter_height = 2 * radius + 1, .filter_width = 1};
  const int32_t mean = ln_grad_emit(g, LN_OP_AVERAGE_POOL_2D, LN_FLOAT32, &options, 1, &framed);
  return ln_grad_reshape(g, ln_grad_scale(g, mean, 2 * (float)radius + 1), &shape);
}

/* y = x * s^-beta with s = bias + alpha * (sum of x^2 over neighbours):
 * dy * s^-beta - 2 * alpha * beta * x * (sum of dy * y / s over neighbours) */
void ln_gradient_local_response_normalization(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_local_response_normalization_options *options = op->options;
  const int32_t x = ln_grad_in(g, op, 0), y = ln_grad_out(g, op);
  if (options->radius < 0 || options->radius > 1 << 16) {
    ln_grad_refuse(g, "its radius is out of range");
    return;
  }
  const int32_t squares = ln_grad_scale(g, neighbours(g, ln_grad_mul(g, x, x), options->radius), options->alpha);
  const int32_t s = ln_grad_binary(g, LN_OP_ADD, squares, ln_grad_scalar(g, options->bias));
  const int32_t direct = ln_grad_mul(g, dy[0], ln_grad_binary(g, LN_OP_POW, s, ln_grad_scalar(g, -options->beta)));
  const int32_t each = ln_grad_binary(g, LN_OP_DIV, ln_grad_mul(g, dy[0], y), s);
  const int32_t around = ln_grad_mul(g, x, neighbours(g, each, options->radius));
  const int32_t part = ln_grad_scale(g, around, 2 * options->alpha * options->beta);
  ln_grad_add(g, op, 0, ln_grad_binary(g, LN_OP_SUB, direct, part));
}

/* ---- resized images ---- */

/*
 * How rows (or columns) of the output are mixed from the input's: [out, in], what the operator makes of images of one
 * row that is 1, a channel each. A constant: the runtime computes it once.
 */
static int32_t mixture(ln_grad *g, const ln_op *op, int32_t in, int32_t out) {
  const ln_shape shape = ln_shape_make(4, (const int32_t[]){1, in, 1, in});
  size_t count = 0;
  if (g->status != LN_OK || !ln_shape_elements(&shape, &count)) return -1;
  float *one = ln_arena_array(ln_optimizer_arena(g->o), count, sizeof *one);
  for (size_t i = 0; one != NULL && i < (size_t)in; ++i) one[i * (size_t)in + i] = 1;
  const int32_t image = ln_edit_add_constant(g->o, "gradient/rows", LN_FLOAT32, &shape, one, count * sizeof *one);
  if (image < 0) {
    ln_grad_fail_memory(g);
    return -1;
  }
  const int32_t size[2] = {out, 1}, matrix[3] = {1, out, in};
  const int32_t inputs[2] = {image, ln_grad_ints(g, 2, size)};
  return ln_grad_reshape_dims(g, ln_grad_emit(g, op->def->code, LN_FLOAT32, op->options, 2, inputs), 3, matrix);
}

/* Rows, then columns, are put together again by the transposed matrices. */
void ln_gradient_resize(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape in = *ln_grad_shape(g, op->inputs[0]), out = *ln_grad_shape(g, op->outputs[0]);
  const int32_t n = in.dims[0], ih = in.dims[1], iw = in.dims[2], oh = out.dims[1], ow = out.dims[2], c = in.dims[3];
  const int32_t lines[3] = {n, oh, ln_grad_span(g, &out, 2, 4)};
  const int32_t by_rows =
      ln_grad_matmul(g, mixture(g, op, ih, oh), ln_grad_reshape_dims(g, dy[0], 3, lines), true, false);
  const int32_t columns[3] = {ln_grad_span(g, &in, 0, 2), ow, c};
  const int32_t pixels = ln_grad_reshape_dims(g, by_rows, 3, columns);
  const int32_t all = ln_grad_matmul(g, mixture(g, op, iw, ow), pixels, true, false);
  ln_grad_add(g, op, 0, ln_grad_reshape(g, all, &in));
}

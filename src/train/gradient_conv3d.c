/* Gradients of convolutions over volumes, as gradient_conv.c has those over images. */
#include "ops/window.h"
#include "train/train.h"

enum { SIDES = 3 /* depth, height, width: dimensions 1 to 3 */ };

typedef struct conv3d {
  ln_window side[SIDES];
} conv3d;

static bool read_conv(ln_grad *g, const ln_op *op, const ln_shape *x, const ln_shape *filter, conv3d *c) {
  const ln_conv3d_options *o = op->options;
  const int32_t strides[SIDES] = {o->stride_d, o->stride_h, o->stride_w};
  const int32_t dilations[SIDES] = {o->dilation_d_factor, o->dilation_h_factor, o->dilation_w_factor};
  bool good = x->rank == 5 && filter->rank == 5;
  for (int32_t i = 0; i < SIDES && good; ++i) {
    c->side[i] = (ln_window){x->dims[i + 1], filter->dims[i], strides[i], dilations[i], 0, 0, 0};
    good = ln_window_resolve(&c->side[i], o->padding, false);
  }
  if (!good) ln_grad_refuse(g, "its window does not fit");
  return good;
}

/* The input padded, or cut, to what windows touch. */
static int32_t touched(ln_grad *g, const conv3d *c, int32_t x) {
  const ln_shape in = *ln_grad_shape(g, x);
  int32_t begin[5] = {0}, size[5] = {in.dims[0], 0, 0, 0, in.dims[4]}, low[5] = {0}, high[5] = {0};
  for (int32_t i = 0; i < SIDES; ++i) {
    const ln_window *w = &c->side[i];
    const int32_t length = (w->kernel - 1) * w->dilation + (w->out - 1) * w->stride + 1;
    low[i + 1] = w->before;
    size[i + 1] = length - w->before < w->in ? length - w->before : w->in;
    high[i + 1] = length - w->before - size[i + 1];
  }
  return ln_grad_pad(g, ln_grad_slice(g, x, begin, size), low, high);
}

static int32_t zeros(ln_grad *g, int32_t count) {
  const ln_shape shape = ln_shape_make(1, &count);
  return ln_grad_zeros(g, &shape);
}

/* x [n, d, h, w, in_c], dy [n, d, h, w, out_c]: [d, h, w, in_c, out_c], with channels as images and images as channels
 */
static int32_t filter_gradient(ln_grad *g, const conv3d *c, int32_t x, int32_t dy) {
  const int32_t images[5] = {4, 1, 2, 3, 0}, filters[5] = {1, 2, 3, 0, 4}, back[5] = {1, 2, 3, 0, 4};
  const ln_window *d = &c->side[0], *h = &c->side[1], *w = &c->side[2];
  const ln_conv3d_options options = {.padding = LN_PADDING_VALID,
                                     .stride_d = d->dilation,
                                     .stride_h = h->dilation,
                                     .stride_w = w->dilation,
                                     .dilation_d_factor = d->stride,
                                     .dilation_h_factor = h->stride,
                                     .dilation_w_factor = w->stride};
  const int32_t in = ln_grad_transpose(g, touched(g, c, x), images), by = ln_grad_transpose(g, dy, filters);
  const int32_t inputs[3] = {in, by, zeros(g, ln_grad_shape(g, dy)->dims[4])};
  return ln_grad_transpose(g, ln_grad_emit(g, LN_OP_CONV_3D, LN_FLOAT32, &options, 3, inputs), back);
}

static ln_conv3d_options without_activation(const ln_op *op) {
  ln_conv3d_options options = *(const ln_conv3d_options *)op->options;
  options.fused_activation_function = LN_ACT_NONE;
  return options;
}

static void add_bias(ln_grad *g, const ln_op *op, int32_t index, int32_t dy) {
  if (!ln_grad_wants(g, op, index)) return;
  const ln_shape shape = *ln_grad_shape(g, op->inputs[index]);
  ln_grad_add(g, op, index, ln_grad_reshape(g, ln_grad_sum(g, dy, 15), &shape));
}

/* x [n, d, h, w, in_c], filter [d, h, w, in_c, out_c] */
void ln_gradient_conv_3d(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape x = *ln_grad_shape(g, op->inputs[0]), filter = *ln_grad_shape(g, op->inputs[1]);
  conv3d c;
  if (!read_conv(g, op, &x, &filter, &c)) return;
  if (filter.dims[3] != x.dims[4]) {
    ln_grad_refuse(g, "it has groups");
    return;
  }
  add_bias(g, op, 2, dy[0]);
  if (ln_grad_wants(g, op, 0)) {
    const ln_conv3d_options options = without_activation(op);
    const int32_t inputs[4] = {ln_grad_ints(g, 5, x.dims), ln_grad_in(g, op, 1), dy[0], zeros(g, x.dims[4])};
    ln_grad_add(g, op, 0, ln_grad_emit(g, LN_OP_CONV_3D_TRANSPOSE, LN_FLOAT32, &options, 4, inputs));
  }
  if (ln_grad_wants(g, op, 1)) ln_grad_add(g, op, 1, filter_gradient(g, &c, ln_grad_in(g, op, 0), dy[0]));
}

/* x [n, d, h, w, in_c], filter [d, h, w, out_c, in_c]: the convolution whose input is this output */
void ln_gradient_conv_3d_transpose(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape x = *ln_grad_shape(g, op->inputs[2]), filter = *ln_grad_shape(g, op->inputs[1]);
  const ln_shape y = *ln_grad_shape(g, op->outputs[0]);
  conv3d c;
  if (!read_conv(g, op, &y, &filter, &c)) return;
  for (int32_t i = 0; i < SIDES; ++i) {
    if (c.side[i].out == x.dims[i + 1]) continue;
    ln_grad_refuse(g, "its output shape is not one that the convolution would take");
    return;
  }
  add_bias(g, op, 3, dy[0]);
  if (ln_grad_wants(g, op, 2)) {
    const ln_conv3d_options options = without_activation(op);
    const int32_t inputs[3] = {dy[0], ln_grad_in(g, op, 1), zeros(g, x.dims[4])};
    ln_grad_add(g, op, 2, ln_grad_emit(g, LN_OP_CONV_3D, LN_FLOAT32, &options, 3, inputs));
  }
  if (ln_grad_wants(g, op, 1)) ln_grad_add(g, op, 1, filter_gradient(g, &c, dy[0], ln_grad_in(g, op, 2)));
}

/* Gradients of MediaPipe's custom operators, by those of the operators that they extend. */
#include <string.h>

#include "train/train.h"

/* Options as memory: padding (1: SAME, 2: VALID), strides, windows, activation. */
static bool read_raw(ln_grad *g, const ln_op *op, int32_t count, int32_t *raw) {
  if (op->custom_options_size >= (size_t)count * sizeof *raw) {
    memcpy(raw, op->custom_options, (size_t)count * sizeof *raw);
    raw[0] = raw[0] == 1 ? LN_PADDING_SAME : LN_PADDING_VALID;
    return true;
  }
  ln_grad_refuse(g, "its options are too short");
  return false;
}

/* TRANSPOSE_CONV's inputs are shape, filter, image, bias. */
void ln_gradient_conv_transpose_bias(ln_grad *g, const ln_op *op, const int32_t *dy) {
  int32_t raw[3];
  if (!read_raw(g, op, 3, raw)) return;
  const ln_transpose_conv_options options = {.padding = (int8_t)raw[0], .stride_w = raw[1], .stride_h = raw[2]};
  int32_t inputs[4] = {-1, op->inputs[1], op->inputs[0], op->input_count > 2 ? op->inputs[2] : -1};
  ln_op plain = *op;
  plain.options = &options;
  plain.inputs = inputs;
  plain.input_count = 4;
  ln_gradient_transpose_conv(g, &plain, dy);
}

void ln_gradient_max_pool_argmax(ln_grad *g, const ln_op *op, const int32_t *dy) {
  int32_t raw[6];
  if (!read_raw(g, op, 6, raw) || dy[0] < 0) return;
  const ln_pool2d_options options = {.padding = (int8_t)raw[0],
                                     .stride_w = raw[1],
                                     .stride_h = raw[2],
                                     .filter_width = raw[3],
                                     .filter_height = raw[4]};
  const int32_t through = ln_grad_activation(g, raw[5], dy[0], ln_grad_out(g, op));
  ln_op plain = *op;
  plain.options = &options;
  ln_gradient_max_pool_2d(g, &plain, &through);
}

/*
 * PAD of height and width before a convolution becomes the convolution's own padding: both pad with zero (the zero
 * point, when quantized). The padding that SAME would add to the padded size is added to it.
 */
#include "passes/rewrite.h"

typedef struct window {
  int32_t padding, stride_h, stride_w, dilation_h, dilation_w;
} window;

static bool read_window(const ln_op *op, window *out) {
  if (ln_op_is(op, LN_OP_CONV_2D)) {
    const ln_conv2d_options *o = op->options;
    *out = (window){o->padding, o->stride_h, o->stride_w, o->dilation_h_factor, o->dilation_w_factor};
    return true;
  }
  if (ln_op_is(op, LN_OP_DEPTHWISE_CONV_2D)) {
    const ln_depthwise_conv2d_options *o = op->options;
    *out = (window){o->padding, o->stride_h, o->stride_w, o->dilation_h_factor, o->dilation_w_factor};
    return true;
  }
  return false;
}

/* What SAME adds before and after an extent; false for attributes that the operator itself will refuse. */
static bool same_padding(int64_t extent, int64_t kernel, int64_t stride, int64_t dilation, int32_t *before,
                         int32_t *after) {
  if (extent <= 0 || kernel <= 0 || stride <= 0 || dilation <= 0) return false;
  const int64_t reach = (kernel - 1) * dilation + 1;
  const int64_t outputs = (extent + stride - 1) / stride;
  int64_t total = (outputs - 1) * stride + reach - extent;
  if (total < 0) total = 0;
  if (total > INT32_MAX / 4) return false;
  *before = (int32_t)(total / 2);
  *after = (int32_t)(total - total / 2);
  return true;
}

/* The constant paddings of a PAD that touches height and width alone. */
static bool read_pads(const ln_graph *graph, const ln_op *pad, int64_t pads[8]) {
  if (!ln_op_is(pad, LN_OP_PAD) || pad->input_count != 2 || pad->inputs[0] < 0 || pad->inputs[1] < 0) return false;
  const ln_tensor *paddings = &graph->tensors[pad->inputs[1]];
  int32_t count = 0;
  if (!ln_tensor_const_data(paddings) || !ln_tensor_ints(paddings, pads, 8, &count) || count != 8) return false;
  if (pads[0] != 0 || pads[1] != 0 || pads[6] != 0 || pads[7] != 0) return false;
  for (int32_t i = 2; i < 6; ++i) {
    if (pads[i] < 0 || pads[i] > INT32_MAX / 4) return false;
  }
  return true;
}

static bool fuse(ln_graph *graph, const ln_op *pad, ln_op *conv) {
  int64_t pads[8];
  window w;
  if (conv->fused.pads || !read_window(conv, &w) || !read_pads(graph, pad, pads)) return false;
  const ln_tensor *input = &graph->tensors[pad->inputs[0]];
  const ln_tensor *padded = &graph->tensors[pad->outputs[0]];
  const ln_tensor *filter = ln_op_input_tensor(graph, conv, 1);
  if (filter == NULL || filter->shape.rank != 4 || input->shape.rank != 4 || !ln_same_quantization(input, padded))
    return false;
  ln_fused fused = {true, (int32_t)pads[2], (int32_t)pads[3], (int32_t)pads[4], (int32_t)pads[5]};
  if (w.padding == LN_PADDING_SAME) {
    int32_t top, bottom, left, right;
    if (!ln_shape_known(&input->shape) || !ln_shape_equal(&input->shape, &input->signature))
      return false; /* a resize would change it */
    if (!same_padding(input->shape.dims[1] + pads[2] + pads[3], filter->shape.dims[1], w.stride_h, w.dilation_h, &top,
                      &bottom) ||
        !same_padding(input->shape.dims[2] + pads[4] + pads[5], filter->shape.dims[2], w.stride_w, w.dilation_w, &left,
                      &right)) {
      return false;
    }
    fused.pad_top += top;
    fused.pad_bottom += bottom;
    fused.pad_left += left;
    fused.pad_right += right;
  }
  conv->fused = fused;
  conv->inputs[0] = pad->inputs[0];
  return true;
}

ln_status ln_pass_fuse_pads(ln_pass_context *context) {
  ln_graph *graph = context->graph;
  if (LN_OP_TYPES(PAD) == 0) return LN_OK; /* left out of this build */
  int32_t *producers = ln_graph_producers(graph, context->arena);
  if (producers == NULL) return ln_pass_out_of_memory(context, "fuse_pads");
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    if (op->input_count < 2 || op->inputs[0] < 0 || producers[op->inputs[0]] < 0) continue;
    if (fuse(graph, &graph->ops[producers[op->inputs[0]]], op)) ++context->changes;
  }
  return LN_OK;
}

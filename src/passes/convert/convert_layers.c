/*
 * What stands around layers goes into them: scales and shifts of channels behind those that the runtime's own pass
 * leaves (three dimensions, transposed convolutions) and before those that pad nothing, and zeros around a picture
 * where SAME puts the same.
 */
#include <math.h>
#include <string.h>

#include "passes/convert/convert_rewrite.h"

/* ---- layers ---- */

typedef struct layer {
  int32_t at, data, weights, bias; /* inputs */
  int32_t out_axis, in_axis;       /* of the weights; in_axis -1: one of each group */
  bool pads_nothing;
  int8_t *activation;
} layer;

static bool open_layer(const ln_rewriter *r, int32_t at, layer *out) {
  const ln_op *op = &r->graph->ops[at];
  switch (op->def->code) {
    case LN_OP_CONV_2D: {
      ln_conv2d_options *o = LN_REWRITE_OPTIONS(op, conv2d_options);
      *out = (layer){at, 0, 1, 2, 0, 3, o->padding == LN_PADDING_VALID, &o->fused_activation_function};
      break;
    }
    case LN_OP_FULLY_CONNECTED: {
      ln_fully_connected_options *o = LN_REWRITE_OPTIONS(op, fully_connected_options);
      *out = (layer){at, 0, 1, 2, 0, 1, o->weights_format == 0, &o->fused_activation_function};
      break;
    }
    case LN_OP_CONV_3D: {
      ln_conv3d_options *o = LN_REWRITE_OPTIONS(op, conv3d_options);
      *out = (layer){at, 0, 1, 2, 4, 3, o->padding == LN_PADDING_VALID, &o->fused_activation_function};
      break;
    }
    case LN_OP_CONV_3D_TRANSPOSE: {
      ln_conv3d_options *o = LN_REWRITE_OPTIONS(op, conv3d_options);
      *out = (layer){at, 2, 1, 3, 3, -1, false, &o->fused_activation_function};
      break;
    }
    case LN_OP_TRANSPOSE_CONV: {
      ln_transpose_conv_options *o = LN_REWRITE_OPTIONS(op, transpose_conv_options);
      *out = (layer){at, 2, 1, 3, 0, -1, false, &o->fused_activation_function};
      break;
    }
    default: return false;
  }
  const ln_tensor *weights = ln_op_input_tensor(r->graph, op, out->weights);
  const ln_tensor *bias = ln_op_input_tensor(r->graph, op, out->bias);
  const ln_tensor *data = ln_op_input_tensor(r->graph, op, out->data);
  if (weights == NULL || data == NULL || !ln_is_plain_constant(weights) || weights->type != LN_FLOAT32) return false;
  if (data->type != LN_FLOAT32 || weights->shape.rank <= out->out_axis || weights->shape.rank <= out->in_axis)
    return false;
  const size_t channels = (size_t)weights->shape.dims[out->out_axis];
  if (bias != NULL && (!ln_is_plain_constant(bias) || bias->bytes != channels * sizeof(float))) return false;
  return op->output_count == 1 && weights->bytes > 0;
}

static const ln_tensor *weights_of(const ln_rewriter *r, const layer *l) {
  return &r->graph->tensors[r->graph->ops[l->at].inputs[l->weights]];
}

static int32_t channels_of(const ln_rewriter *r, const layer *l) { return weights_of(r, l)->shape.dims[l->out_axis]; }

/* ---- arithmetic with constants of channels ---- */

typedef struct arithmetic {
  int32_t at, source;
  const float *values;
  size_t step; /* 0: one number for all */
  bool scales;
  int8_t activation;
} arithmetic;

static bool read_activation(const ln_op *op, int8_t *out) {
  switch (op->def->code) {
    case LN_OP_MUL: *out = ((const ln_mul_options *)op->options)->fused_activation_function; return true;
    case LN_OP_ADD: *out = ((const ln_add_options *)op->options)->fused_activation_function; return true;
    case LN_OP_SUB: *out = ((const ln_sub_options *)op->options)->fused_activation_function; return true;
    case LN_OP_DIV: *out = ((const ln_div_options *)op->options)->fused_activation_function; return true;
    default: return false;
  }
}

/* As a multiplication or an addition of `channels` numbers along the last dimension, which are copied. */
static bool read_arithmetic(ln_rewriter *r, int32_t at, int32_t channels, arithmetic *out) {
  const ln_op *op = &r->graph->ops[at];
  *out = (arithmetic){.at = at};
  if (!read_activation(op, &out->activation) || op->input_count != 2) return false;
  const bool commutes = ln_op_is(op, LN_OP_ADD) || ln_op_is(op, LN_OP_MUL);
  for (int32_t side = 1; side >= (commutes ? 0 : 1); --side) {
    const ln_tensor *constant = ln_op_input_tensor(r->graph, op, side);
    const ln_tensor *other = ln_op_input_tensor(r->graph, op, 1 - side);
    if (constant == NULL || other == NULL || !ln_is_plain_constant(constant) || constant->type != LN_FLOAT32) continue;
    const ln_shape *shape = &constant->shape;
    const bool single = constant->bytes == sizeof(float);
    const bool each = constant->bytes == (size_t)channels * sizeof(float) && shape->rank >= 1 &&
                      shape->dims[shape->rank - 1] == channels;
    if ((!single && !each) || shape->rank > other->signature.rank) continue;
    float *values = ln_arena_copy(r->arena, constant->data, constant->bytes);
    if (values == NULL) return false;
    const bool divides = ln_op_is(op, LN_OP_DIV), subtracts = ln_op_is(op, LN_OP_SUB);
    for (size_t i = 0; i < constant->bytes / sizeof(float); ++i) {
      if (divides) values[i] = 1.0f / values[i];
      if (subtracts) values[i] = -values[i];
      if (!isfinite(values[i])) return false;
    }
    out->values = values;
    out->step = single ? 0 : 1;
    out->scales = divides || ln_op_is(op, LN_OP_MUL);
    out->source = op->inputs[1 - side];
    return true;
  }
  return false;
}

/* ---- making layers anew ---- */

/* Index along an axis of element `i`. */
static size_t along(const ln_shape *shape, int32_t axis, size_t i) {
  return i / ln_shape_span(shape, axis + 1, shape->rank) % (size_t)shape->dims[axis];
}

static bool scale_weights(ln_rewriter *r, const layer *l, int32_t axis, const arithmetic *a) {
  const ln_tensor old = *weights_of(r, l);
  float *values = ln_arena_copy(r->arena, old.data, old.bytes);
  if (values == NULL) return false;
  for (size_t i = 0; i < old.bytes / sizeof(float); ++i) values[i] *= a->values[along(&old.shape, axis, i) * a->step];
  const int32_t made = ln_rewriter_constant(r, old.name, LN_FLOAT32, &old.shape, values);
  if (made < 0) return false;
  r->graph->ops[l->at].inputs[l->weights] = made;
  return true;
}

/* The layer's bias, zeros where it has none: copied. */
static float *bias_of(ln_rewriter *r, const layer *l, const char **name) {
  const ln_tensor *bias = ln_op_input_tensor(r->graph, &r->graph->ops[l->at], l->bias);
  const size_t bytes = (size_t)channels_of(r, l) * sizeof(float);
  *name = bias != NULL ? bias->name : "bias";
  return bias != NULL ? ln_arena_copy(r->arena, bias->data, bytes) : ln_arena_alloc(r->arena, bytes);
}

static bool set_bias(ln_rewriter *r, const layer *l, const char *name, const float *values) {
  ln_op *op = &r->graph->ops[l->at];
  const int32_t count = channels_of(r, l);
  const ln_shape shape = ln_shape_make(1, &count);
  const int32_t made = ln_rewriter_constant(r, name, LN_FLOAT32, &shape, values);
  int32_t *inputs = ln_arena_array(r->arena, (size_t)l->bias + 1, sizeof *inputs);
  if (made < 0 || inputs == NULL) return false;
  for (int32_t i = 0; i < op->input_count && i < l->bias; ++i) inputs[i] = op->inputs[i];
  inputs[l->bias] = made;
  op->inputs = inputs;
  op->input_count = l->bias + 1;
  return true;
}

/* ---- behind a layer ---- */

static bool fold_behind(ln_rewriter *r, int32_t at) {
  const ln_op *op = &r->graph->ops[at];
  layer l;
  arithmetic a;
  int8_t activation;
  const char *name;
  if (!read_activation(op, &activation)) return false;
  for (int32_t side = 0; side < op->input_count && side < 2; ++side) {
    const int32_t maker = op->inputs[side] < 0 ? -1 : r->producers[op->inputs[side]];
    if (maker < 0 || r->drop[maker] || r->uses[op->inputs[side]] != 1 || !open_layer(r, maker, &l)) continue;
    if (*l.activation != LN_ACT_NONE || !read_arithmetic(r, at, channels_of(r, &l), &a)) continue;
    if (a.source != op->inputs[side] || !ln_pass_may_grow(&r->context->pass, weights_of(r, &l)->bytes)) continue;
    float *bias = bias_of(r, &l, &name);
    if (bias == NULL) return false;
    const bool had = l.bias < r->graph->ops[l.at].input_count && r->graph->ops[l.at].inputs[l.bias] >= 0;
    for (int32_t c = 0; c < channels_of(r, &l); ++c) {
      const float value = a.values[(size_t)c * a.step];
      bias[c] = a.scales ? bias[c] * value : bias[c] + value;
    }
    if (a.scales && !scale_weights(r, &l, l.out_axis, &a)) return false;
    if ((had || !a.scales) && !set_bias(r, &l, name, bias)) return false;
    *l.activation = a.activation;
    r->graph->ops[l.at].outputs[0] = r->graph->ops[at].outputs[0];
    r->drop[at] = true;
    ln_rewriter_refresh(r);
    return true;
  }
  return false;
}

/* ---- before a layer that pads nothing ---- */

/* What the shift adds to each output: the sum of its weights times the shift of their channels. */
static bool shift_bias(ln_rewriter *r, const layer *l, const arithmetic *a) {
  const ln_tensor *weights = weights_of(r, l);
  const char *name;
  float *bias = bias_of(r, l, &name);
  double *sums = ln_arena_array(r->arena, (size_t)channels_of(r, l), sizeof *sums);
  if (bias == NULL || sums == NULL) return false;
  const float *values = weights->data;
  for (size_t i = 0; i < weights->bytes / sizeof(float); ++i) {
    sums[along(&weights->shape, l->out_axis, i)] +=
        (double)values[i] * a->values[along(&weights->shape, l->in_axis, i) * a->step];
  }
  for (int32_t c = 0; c < channels_of(r, l); ++c) bias[c] = (float)(bias[c] + sums[c]);
  return set_bias(r, l, name, bias);
}

static bool fold_before(ln_rewriter *r, int32_t at) {
  layer l;
  arithmetic a;
  if (!open_layer(r, at, &l) || !l.pads_nothing || l.in_axis < 0) return false;
  const int32_t input = r->graph->ops[at].inputs[l.data], maker = r->producers[input];
  const ln_shape *shape = &r->graph->tensors[input].signature;
  const int32_t channels = weights_of(r, &l)->shape.dims[l.in_axis];
  if (maker < 0 || r->drop[maker] || r->uses[input] != 1) return false;
  if (shape->rank < 1 || shape->dims[shape->rank - 1] != channels) return false; /* groups, and flattened ones */
  if (!read_arithmetic(r, maker, channels, &a) || a.activation != LN_ACT_NONE) return false;
  const ln_tensor *source = &r->graph->tensors[a.source];
  if (!ln_shape_equal(&source->signature, shape) || source->is_variable || source->type != LN_FLOAT32) return false;
  if (!ln_pass_may_grow(&r->context->pass, weights_of(r, &l)->bytes)) return false;
  if (a.scales ? !scale_weights(r, &l, l.in_axis, &a) : !shift_bias(r, &l, &a)) return false;
  r->graph->ops[at].inputs[l.data] = a.source;
  r->drop[maker] = true;
  ln_rewriter_refresh(r);
  return true;
}

/* ---- zeros around a picture ---- */

typedef struct window {
  int8_t *padding;
  int32_t stride[2], dilation[2];
} window;

static bool open_window(const ln_op *op, window *out) {
  if (ln_op_is(op, LN_OP_CONV_2D)) {
    ln_conv2d_options *o = LN_REWRITE_OPTIONS(op, conv2d_options);
    *out = (window){&o->padding, {o->stride_h, o->stride_w}, {o->dilation_h_factor, o->dilation_w_factor}};
    return true;
  }
  if (ln_op_is(op, LN_OP_DEPTHWISE_CONV_2D)) {
    ln_depthwise_conv2d_options *o = LN_REWRITE_OPTIONS(op, depthwise_conv2d_options);
    *out = (window){&o->padding, {o->stride_h, o->stride_w}, {o->dilation_h_factor, o->dilation_w_factor}};
    return true;
  }
  return false;
}

/* Whether SAME pads an extent (-1: open) by just so much. */
static bool is_same(int64_t extent, int64_t size, int64_t stride, int64_t dilation, int64_t before, int64_t after) {
  if (size < 1 || stride < 1 || dilation < 1) return false;
  const int64_t reach = (size - 1) * dilation + 1;
  if (extent < 1 && stride != 1) return false;
  const int64_t outputs = stride == 1 ? extent : (extent + stride - 1) / stride;
  int64_t total = stride == 1 ? reach - 1 : (outputs - 1) * stride + reach - extent;
  if (total < 0) total = 0;
  return before == total / 2 && after == total - total / 2;
}

static bool absorb_pad(ln_rewriter *r, int32_t at) {
  ln_op *op = &r->graph->ops[at];
  window w;
  int64_t pads[8];
  int32_t count = 0;
  if (!open_window(op, &w) || *w.padding != LN_PADDING_VALID || op->inputs[0] < 0) return false;
  const ln_op *pad = ln_rewriter_maker(r, op->inputs[0]);
  const ln_tensor *filter = ln_op_input_tensor(r->graph, op, 1);
  if (pad == NULL || !ln_op_is(pad, LN_OP_PAD) || filter == NULL || filter->signature.rank != 4) return false;
  const ln_tensor *sizes = ln_op_input_tensor(r->graph, pad, 1), *source = ln_op_input_tensor(r->graph, pad, 0);
  if (sizes == NULL || source == NULL || !ln_tensor_const_data(sizes) || source->signature.rank != 4) return false;
  if (!ln_tensor_ints(sizes, pads, 8, &count) || count != 8 || source->is_variable) return false;
  if (!ln_same_quantization(source, &r->graph->tensors[pad->outputs[0]])) return false;
  if (pads[0] != 0 || pads[1] != 0 || pads[6] != 0 || pads[7] != 0) return false;
  for (int32_t d = 0; d < 2; ++d) {
    if (!is_same(source->signature.dims[1 + d], filter->signature.dims[1 + d], w.stride[d], w.dilation[d],
                 pads[2 + 2 * d], pads[3 + 2 * d])) {
      return false;
    }
  }
  *w.padding = LN_PADDING_SAME;
  --r->uses[op->inputs[0]];
  op->inputs[0] = pad->inputs[0];
  ++r->uses[op->inputs[0]];
  return true;
}

ln_status ln_convert_pass_layers(ln_convert_context *context) {
  ln_rewriter r;
  int32_t changes = 0;
  LN_TRY(ln_rewriter_open(context, &r));
  const int32_t count = r.graph->op_count;
  for (int32_t i = 0; i < count && !r.failed; ++i) {
    if (r.drop[i]) continue;
    if (absorb_pad(&r, i)) ++changes;
    if (fold_behind(&r, i) || fold_before(&r, i)) ++changes;
  }
  return ln_rewriter_close(&r, changes);
}

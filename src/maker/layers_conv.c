/* Convolutions and what works on windows of [rows, columns, channels]. */
#include <string.h>

#include "maker/builder.h"

static int8_t padding_of(const ln_call *call) {
  return strcmp(ln_call_text(call, "padding"), "same") == 0 ? LN_PADDING_SAME : LN_PADDING_VALID;
}

/* Strides and dilation of the layer; false after a failure. */
static bool steps_of(ln_call *call, int32_t strides[2], int32_t dilation[2]) {
  if (!ln_call_pair(call, "strides", 1, strides) || !ln_call_pair(call, "dilation_rate", 1, dilation)) return false;
  if ((strides[0] > 1 || strides[1] > 1) && (dilation[0] > 1 || dilation[1] > 1)) {
    ln_call_fail(call, "dilation_rate", "strides and dilation cannot both be more than 1");
    return false;
  }
  return true;
}

/* ---- plain ---- */

const ln_parameter ln_layer_parameters_conv2d[] = {LN_P_COUNT("filters", "output channels"),
                                                   LN_P_PAIR("kernel_size", NULL, "the window"),
                                                   LN_P_PAIR("strides", "1", "steps of the window"),
                                                   LN_P_PADDING,
                                                   LN_P_PAIR("dilation_rate", "1", "steps within the window"),
                                                   LN_P_ACTIVATION,
                                                   LN_P_USE_BIAS,
                                                   LN_P_INITIALIZER("kernel_initializer", "glorot_uniform"),
                                                   LN_P_INITIALIZER("bias_initializer", "zeros"),
                                                   LN_P_END};

static int32_t conv(ln_call *call, const char *suffix, int32_t input, int32_t kernel, int32_t bias,
                    const int32_t strides[2], const int32_t dilation[2], int8_t padding) {
  ln_conv2d_options options;
  ln_schema_set_defaults(LN_TABLE_conv2d_options, &options);
  options.padding = padding;
  options.stride_h = strides[0];
  options.stride_w = strides[1];
  options.dilation_h_factor = dilation[0];
  options.dilation_w_factor = dilation[1];
  return ln_call_op(call, LN_OP_CONV_2D, suffix, &options, (const int32_t[]){input, kernel, bias}, 3);
}

/* LiteRT wants one; without it zeros that are not trained. */
static int32_t bias_of(ln_call *call, int32_t channels) {
  if (ln_call_flag(call, "use_bias")) return ln_call_weight(call, "bias", "bias_initializer", 1, &channels, NULL);
  return ln_call_zeros(call, "no_bias", channels);
}

static int32_t make_conv(ln_call *call, int32_t input, const int32_t window[2], const int32_t strides[2],
                         const int32_t dilation[2]) {
  const int32_t filters = ln_call_int(call, "filters");
  const int32_t dims[4] = {window[0], window[1], ln_call_shape(call, input)->dims[3], filters};
  const int32_t order[4] = {3, 0, 1, 2};
  const int32_t kernel = ln_call_weight(call, "kernel", "kernel_initializer", 4, dims, order);
  const int32_t bias = bias_of(call, filters);
  const int32_t made = conv(call, "product", input, kernel, bias, strides, dilation, padding_of(call));
  return ln_call_activate(call, "activation", ln_call_text(call, "activation"), made);
}

int32_t ln_layer_conv2d(ln_call *call) {
  int32_t window[2], strides[2], dilation[2];
  if (!ln_call_wants_rank(call, 0, 4) || !ln_call_pair(call, "kernel_size", 1, window)) return -1;
  if (!steps_of(call, strides, dilation)) return -1;
  return make_conv(call, call->inputs[0], window, strides, dilation);
}

/* As one of two dimensions, of one row. */
int32_t ln_layer_conv1d(ln_call *call) {
  int32_t window[2], strides[2], dilation[2];
  if (!ln_call_wants_rank(call, 0, 3) || !ln_call_pair(call, "kernel_size", 1, window)) return -1;
  if (!steps_of(call, strides, dilation)) return -1;
  window[0] = strides[0] = dilation[0] = 1;
  const ln_shape in = *ln_call_shape(call, call->inputs[0]);
  const int32_t row = ln_call_reshape(call, "row", call->inputs[0], 3, (const int32_t[]){1, in.dims[1], in.dims[2]});
  if (row < 0) return -1;
  const int32_t made = make_conv(call, row, window, strides, dilation);
  if (made < 0) return -1;
  const ln_shape out = *ln_call_shape(call, made);
  return ln_call_reshape(call, "steps", made, 2, out.dims + 2);
}

/* ---- depthwise ---- */

#define DEPTHWISE_PARAMETERS                                                                                      \
  LN_P_PAIR("kernel_size", NULL, "the window"), LN_P_PAIR("strides", "1", "steps of the window"), LN_P_PADDING,   \
      LN_P_PAIR("dilation_rate", "1", "steps within the window"),                                                 \
      {"depth_multiplier", LN_PARAMETER_INTEGER, "1", NULL, 1, 1024, "outputs of each channel"}, LN_P_ACTIVATION, \
      LN_P_USE_BIAS, LN_P_INITIALIZER("depthwise_initializer", "glorot_uniform")

const ln_parameter ln_layer_parameters_depthwise_conv2d[] = {DEPTHWISE_PARAMETERS,
                                                             LN_P_INITIALIZER("bias_initializer", "zeros"), LN_P_END};

const ln_parameter ln_layer_parameters_separable_conv2d[] = {
    LN_P_COUNT("filters", "output channels"), DEPTHWISE_PARAMETERS,
    LN_P_INITIALIZER("pointwise_initializer", "glorot_uniform"), LN_P_INITIALIZER("bias_initializer", "zeros"),
    LN_P_END};

static int32_t make_depthwise(ln_call *call, bool with_bias, int32_t *channels) {
  int32_t window[2], strides[2], dilation[2];
  if (!ln_call_wants_rank(call, 0, 4) || !ln_call_pair(call, "kernel_size", 1, window)) return -1;
  if (!steps_of(call, strides, dilation)) return -1;
  const int32_t multiplier = ln_call_int(call, "depth_multiplier");
  const int32_t dims[4] = {window[0], window[1], ln_call_shape(call, call->inputs[0])->dims[3], multiplier};
  size_t outputs;
  if (!ln_size_product(dims + 2, 2, &outputs) || outputs > 1 << 24) {
    return ln_call_fail(call, "depth_multiplier", "too many channels");
  }
  const int32_t kernel = ln_call_weight(call, "depthwise_kernel", "depthwise_initializer", 4, dims, NULL);
  if (kernel < 0) return -1;
  *channels = (int32_t)outputs;
  call->builder->model->graphs[0].tensors[kernel].shape =
      ln_shape_make(4, (const int32_t[]){1, window[0], window[1], *channels});
  call->builder->model->graphs[0].tensors[kernel].signature = call->builder->model->graphs[0].tensors[kernel].shape;
  const int32_t bias = with_bias ? bias_of(call, *channels) : ln_call_zeros(call, "no_depthwise_bias", *channels);
  ln_depthwise_conv2d_options options;
  ln_schema_set_defaults(LN_TABLE_depthwise_conv2d_options, &options);
  options.padding = padding_of(call);
  options.stride_h = strides[0];
  options.stride_w = strides[1];
  options.dilation_h_factor = dilation[0];
  options.dilation_w_factor = dilation[1];
  options.depth_multiplier = multiplier;
  return ln_call_op(call, LN_OP_DEPTHWISE_CONV_2D, "depthwise", &options,
                    (const int32_t[]){call->inputs[0], kernel, bias}, 3);
}

int32_t ln_layer_depthwise_conv2d(ln_call *call) {
  int32_t channels = 0;
  const int32_t made = make_depthwise(call, true, &channels);
  return ln_call_activate(call, "activation", ln_call_text(call, "activation"), made);
}

int32_t ln_layer_separable_conv2d(ln_call *call) {
  static const int32_t ones[2] = {1, 1}, order[4] = {3, 0, 1, 2};
  int32_t channels = 0;
  const int32_t filters = ln_call_int(call, "filters"), wide = make_depthwise(call, false, &channels);
  const int32_t dims[4] = {1, 1, channels, filters};
  const int32_t kernel = ln_call_weight(call, "pointwise_kernel", "pointwise_initializer", 4, dims, order);
  const int32_t bias = kernel < 0 ? -1 : bias_of(call, filters);
  const int32_t made = conv(call, "pointwise", wide, kernel, bias, ones, ones, LN_PADDING_VALID);
  return ln_call_activate(call, "activation", ln_call_text(call, "activation"), made);
}

/* ---- pools ---- */

const ln_parameter ln_layer_parameters_pool[] = {LN_P_PAIR("pool_size", "2", "the window"),
                                                 LN_P_PAIR("strides", "0", "steps of the window; 0: the window"),
                                                 LN_P_PADDING, LN_P_END};

static int32_t pool(ln_call *call, int32_t code) {
  int32_t window[2], strides[2];
  if (!ln_call_wants_rank(call, 0, 4)) return -1;
  if (!ln_call_pair(call, "pool_size", 1, window) || !ln_call_pair(call, "strides", 0, strides)) return -1;
  ln_pool2d_options options;
  ln_schema_set_defaults(LN_TABLE_pool2d_options, &options);
  options.padding = padding_of(call);
  options.filter_height = window[0];
  options.filter_width = window[1];
  options.stride_h = strides[0] > 0 ? strides[0] : window[0];
  options.stride_w = strides[1] > 0 ? strides[1] : window[1];
  return ln_call_op(call, code, "pool", &options, call->inputs, 1);
}

int32_t ln_layer_max_pooling2d(ln_call *call) { return pool(call, LN_OP_MAX_POOL_2D); }
int32_t ln_layer_average_pooling2d(ln_call *call) { return pool(call, LN_OP_AVERAGE_POOL_2D); }

const ln_parameter ln_layer_parameters_global_pool[] = {
    {"keepdims", LN_PARAMETER_FLAG, "false", NULL, 0, 0, "whether dimensions of 1 stay"}, LN_P_END};

static int32_t global_pool(ln_call *call, int32_t code, int32_t count) {
  static const int32_t axes[2] = {1, 2};
  if (!ln_call_wants_rank(call, 0, count + 2)) return -1;
  return ln_call_mean(call, code, "pool", call->inputs[0], axes, count, ln_call_flag(call, "keepdims"));
}

int32_t ln_layer_global_max_pooling2d(ln_call *call) { return global_pool(call, LN_OP_REDUCE_MAX, 2); }
int32_t ln_layer_global_average_pooling2d(ln_call *call) { return global_pool(call, LN_OP_MEAN, 2); }
int32_t ln_layer_global_max_pooling1d(ln_call *call) { return global_pool(call, LN_OP_REDUCE_MAX, 1); }
int32_t ln_layer_global_average_pooling1d(ln_call *call) { return global_pool(call, LN_OP_MEAN, 1); }

/* ---- extents ---- */

const ln_parameter ln_layer_parameters_up_sampling2d[] = {LN_P_PAIR("size", "2", "how often each is repeated"),
                                                          LN_P_END};

int32_t ln_layer_up_sampling2d(ln_call *call) {
  int32_t times[2], size[2];
  if (!ln_call_wants_rank(call, 0, 4) || !ln_call_pair(call, "size", 1, times)) return -1;
  const ln_shape in = *ln_call_shape(call, call->inputs[0]);
  for (int32_t i = 0; i < 2; ++i) {
    const int64_t extent = (int64_t)in.dims[i + 1] * times[i];
    if (extent > 1 << 24) return ln_call_fail(call, "size", "too large");
    size[i] = (int32_t)extent;
  }
  const int32_t constant = ln_call_ints_constant(call, "size", size, 2);
  ln_resize_nearest_neighbor_options options;
  ln_schema_set_defaults(LN_TABLE_resize_nearest_neighbor_options, &options);
  return ln_call_op(call, LN_OP_RESIZE_NEAREST_NEIGHBOR, "resized", &options,
                    (const int32_t[]){call->inputs[0], constant}, 2);
}

const ln_parameter ln_layer_parameters_zero_padding2d[] = {LN_P_PAIR("padding", "1", "zeros on each side"), LN_P_END};

int32_t ln_layer_zero_padding2d(ln_call *call) {
  int32_t by[2];
  if (!ln_call_wants_rank(call, 0, 4) || !ln_call_pair(call, "padding", 0, by)) return -1;
  const int32_t values[8] = {0, 0, by[0], by[0], by[1], by[1], 0, 0};
  const ln_shape shape = ln_shape_make(2, (const int32_t[]){4, 2});
  const int32_t pads = ln_call_ints_constant(call, "pads", values, 8);
  if (pads < 0) return -1;
  call->builder->model->graphs[0].tensors[pads].shape = shape;
  call->builder->model->graphs[0].tensors[pads].signature = shape;
  return ln_call_op(call, LN_OP_PAD, "padded", NULL, (const int32_t[]){call->inputs[0], pads}, 2);
}

/*
 * Gradients of convolutions as convolutions: the input's is one of the output's gradient with the filter turned round,
 * the filter's one of the input with the output's gradient as its filter (Dumoulin and Visin, A guide to convolution
 * arithmetic for deep learning, 2016).
 */
#include "train/operators.h"

enum { PART_PIXELS = 256 /* that a product over pixels takes at a time, at least */ };

typedef struct conv {
  ln_window h, w;
  int32_t batch, in_c, out_c;
} conv;

static bool resolve(ln_grad *g, conv *c, int32_t padding) {
  if (ln_window_resolve(&c->h, padding, false) && ln_window_resolve(&c->w, padding, false)) return true;
  ln_grad_refuse(g, "its window does not fit");
  return false;
}

/* ---- shapes of images ---- */

/* Puts `zeros` behind each index of a dimension by a dimension of its own. */
int32_t ln_grad_dilate(ln_grad *g, int32_t a, int32_t stride_h, int32_t stride_w) {
  const ln_shape in = *ln_grad_shape(g, a);
  const int32_t apart[6] = {in.dims[0], in.dims[1], 1, in.dims[2], 1, in.dims[3]};
  const int32_t none[6] = {0}, after[6] = {0, 0, stride_h - 1, 0, stride_w - 1, 0};
  if ((stride_h == 1 && stride_w == 1) || g->status != LN_OK) return a;
  const int32_t between = ln_grad_pad(g, ln_grad_reshape_dims(g, a, 6, apart), none, after);
  const ln_shape padded = *ln_grad_shape(g, between);
  const int32_t dims[4] = {in.dims[0], ln_grad_span(g, &padded, 1, 3), ln_grad_span(g, &padded, 3, 5), in.dims[3]};
  return ln_grad_reshape_dims(g, between, 4, dims);
}

/* Where an axis that begins `before` further out and is `size` long overlaps one of `extent`. */
static void overlap(int32_t before, int32_t extent, int32_t size, int32_t *begin, int32_t *count, int32_t *low,
                    int32_t *high) {
  *begin = before < 0 ? -before : 0;
  *low = before > 0 ? before : 0;
  const int32_t end = size - before < extent ? size - before : extent;
  *count = end > *begin ? end - *begin : 0;
  *high = size - *low - *count;
}

int32_t ln_grad_window(ln_grad *g, int32_t a, int32_t before_h, int32_t before_w, int32_t height, int32_t width) {
  const ln_shape in = *ln_grad_shape(g, a);
  int32_t begin[4] = {0}, size[4] = {in.dims[0], 0, 0, in.dims[3]}, low[4] = {0}, high[4] = {0};
  overlap(before_h, in.dims[1], height, &begin[1], &size[1], &low[1], &high[1]);
  overlap(before_w, in.dims[2], width, &begin[2], &size[2], &low[2], &high[2]);
  return ln_grad_pad(g, ln_grad_slice(g, a, begin, size), low, high);
}

/* ---- the parts of a gradient ---- */

/* TensorFlow Lite's convolutions ask for a bias. */
static int32_t no_bias(ln_grad *g, int32_t channels) {
  const ln_shape shape = ln_shape_make(1, &channels);
  return ln_grad_zeros(g, &shape);
}

static int32_t convolve(ln_grad *g, int32_t x, int32_t filter, int32_t stride_h, int32_t stride_w, int32_t dilation_h,
                        int32_t dilation_w) {
  const ln_conv2d_options options = {.padding = LN_PADDING_VALID,
                                     .stride_h = stride_h,
                                     .stride_w = stride_w,
                                     .dilation_h_factor = dilation_h,
                                     .dilation_w_factor = dilation_w};
  const int32_t inputs[3] = {x, filter, no_bias(g, ln_grad_shape(g, filter)->dims[0])};
  return ln_grad_emit(g, LN_OP_CONV_2D, LN_FLOAT32, &options, 3, inputs);
}

static int32_t convolve_channels(ln_grad *g, int32_t x, int32_t filter, int32_t multiplier, const int32_t strides[2],
                                 const int32_t dilations[2]) {
  const ln_depthwise_conv2d_options options = {.padding = LN_PADDING_VALID,
                                               .stride_h = strides[0],
                                               .stride_w = strides[1],
                                               .depth_multiplier = multiplier,
                                               .dilation_h_factor = dilations[0],
                                               .dilation_w_factor = dilations[1]};
  const int32_t inputs[3] = {x, filter, no_bias(g, ln_grad_shape(g, filter)->dims[3])};
  return ln_grad_emit(g, LN_OP_DEPTHWISE_CONV_2D, LN_FLOAT32, &options, 3, inputs);
}

/* dy with zeros between and around, so that a filter turned round gives an input's gradient without padding. */
static int32_t spread(ln_grad *g, const conv *c, int32_t dy) {
  const int32_t reach_h = (c->h.kernel - 1) * c->h.dilation, reach_w = (c->w.kernel - 1) * c->w.dilation;
  dy = ln_grad_dilate(g, dy, c->h.stride, c->w.stride);
  return ln_grad_window(g, dy, reach_h - c->h.before, reach_w - c->w.before, c->h.in + reach_h, c->w.in + reach_w);
}

static int32_t turned_round(ln_grad *g, int32_t filter) {
  const int32_t axes[2] = {1, 2};
  const ln_shape shape = *ln_grad_shape(g, filter);
  if (shape.dims[1] == 1 && shape.dims[2] == 1) return filter;
  return ln_grad_binary(g, LN_OP_REVERSE_V2, filter, ln_grad_ints(g, 2, axes));
}

/* The input as the filter's gradient reads it: padded or cut to what its windows touch. */
static int32_t touched(ln_grad *g, const conv *c, int32_t x) {
  const int32_t height = (c->h.kernel - 1) * c->h.dilation + (c->h.out - 1) * c->h.stride + 1;
  const int32_t width = (c->w.kernel - 1) * c->w.dilation + (c->w.out - 1) * c->w.stride + 1;
  return ln_grad_window(g, x, c->h.before, c->w.before, height, width);
}

/* d filter as [in_c, h, w, out_c]: images are the channels now, and channels the images. */
static int32_t filter_gradient(ln_grad *g, const conv *c, int32_t x, int32_t dy) {
  const int32_t turn[4] = {3, 1, 2, 0};
  const int32_t images = ln_grad_transpose(g, touched(g, c, x), turn); /* [in_c, h, w, n] */
  const int32_t filter = ln_grad_transpose(g, dy, turn);               /* [out_c, h, w, n] */
  return convolve(g, images, filter, c->h.dilation, c->w.dilation, c->h.stride, c->w.stride);
}

static void add_bias(ln_grad *g, const ln_op *op, int32_t index, int32_t dy) {
  if (!ln_grad_wants(g, op, index)) return;
  const ln_shape shape = *ln_grad_shape(g, op->inputs[index]);
  ln_grad_add(g, op, index, ln_grad_reshape(g, ln_grad_sum(g, dy, 7), &shape));
}

/* ---- by operators of the library's own ---- */

static ln_grad_places window_of(const conv *c) {
  return (ln_grad_places){.kernel = {c->h.kernel, c->w.kernel},
                          .stride = {c->h.stride, c->w.stride},
                          .dilation = {c->h.dilation, c->w.dilation},
                          .before = {c->h.before, c->w.before},
                          .image = {c->h.in, c->w.in}};
}

/* The filter's gradient, and the bias's of input 2 where `bias` says so: they are sums over the same pixels. */
static void fast_filter(ln_grad *g, const ln_op *op, const conv *c, const ln_op_def *row, bool bias, int32_t dy) {
  const ln_grad_places window = window_of(c);
  const int32_t inputs[2] = {ln_grad_in(g, op, 0), dy};
  int32_t made[2] = {-1, -1};
  ln_grad_emit_own(g, row, &window, inputs, bias ? 2 : 1, made);
  ln_grad_add(g, op, 1, made[0]);
  if (!bias) return;
  const ln_shape shape = *ln_grad_shape(g, op->inputs[2]);
  ln_grad_add(g, op, 2, ln_grad_reshape(g, made[1], &shape));
}

/* ---- CONV_2D: x [n, h, w, in_c], filter [out_c, h, w, in_c] ---- */

static bool is_plain(const conv *c) {
  return c->h.kernel == 1 && c->w.kernel == 1 && c->h.stride == 1 && c->w.stride == 1;
}

static int32_t input_gradient(ln_grad *g, const conv *c, int32_t filter, int32_t dy) {
  const int32_t turn[4] = {3, 1, 2, 0};
  filter = ln_grad_transpose(g, turned_round(g, filter), turn); /* [in_c, h, w, out_c] */
  return convolve(g, spread(g, c, dy), filter, 1, 1, c->h.dilation, c->w.dilation);
}

/* With a stride, most of what is spread would be zeros. */
static int32_t strided_input_gradient(ln_grad *g, const conv *c, int32_t padding, int32_t filter, int32_t dy) {
  const int32_t turn[4] = {3, 1, 2, 0};
  const int32_t dims[4] = {c->batch, c->h.in, c->w.in, c->in_c};
  const ln_transpose_conv_options options = {
      .padding = (int8_t)padding, .stride_h = c->h.stride, .stride_w = c->w.stride};
  const int32_t shape = ln_grad_ints(g, 4, dims);
  const int32_t inputs[3] = {shape, ln_grad_transpose(g, filter, turn), dy};
  return ln_grad_emit(g, LN_OP_TRANSPOSE_CONV, LN_FLOAT32, &options, 3, inputs);
}

/* The product over all pixels goes image by image, or a few at a time: parts that stay in the cache. */
static void add_plain_filter(ln_grad *g, const ln_op *op, const conv *c, int32_t dy) {
  const ln_shape x = *ln_grad_shape(g, op->inputs[0]), filter = *ln_grad_shape(g, op->inputs[1]);
  const int32_t pixels = ln_grad_span(g, &x, 0, 3), image = ln_grad_span(g, &x, 1, 3);
  int32_t together = 1;
  while (together < c->batch && (c->batch % together != 0 || image < PART_PIXELS / together)) ++together;
  const int32_t parts = c->batch > 0 ? c->batch / together : 1;
  const int32_t in[3] = {parts, pixels / parts, c->in_c}, out[3] = {parts, pixels / parts, c->out_c};
  const int32_t rows = ln_grad_reshape_dims(g, dy, 3, out);
  const int32_t each = ln_grad_matmul(g, rows, ln_grad_reshape_dims(g, ln_grad_in(g, op, 0), 3, in), true, false);
  ln_grad_add(g, op, 1, ln_grad_reshape(g, ln_grad_sum(g, each, 1), &filter));
}

/* The channels [first, first + count) of an axis. */
static int32_t channels(ln_grad *g, int32_t a, int32_t axis, int32_t first, int32_t count) {
  ln_shape shape = *ln_grad_shape(g, a);
  int32_t begin[LN_MAX_RANK] = {0};
  begin[axis] = first;
  shape.dims[axis] = count;
  return ln_grad_slice(g, a, begin, shape.dims);
}

/* Each group is a convolution of its own. */
static void conv_groups(ln_grad *g, const ln_op *op, const conv *whole, int32_t groups, int32_t dy) {
  int32_t *parts = ln_arena_array(ln_optimizer_arena(g->o), (size_t)groups * 2, sizeof *parts);
  conv c = *whole;
  c.in_c = whole->in_c / groups;
  c.out_c = whole->out_c / groups;
  if (parts == NULL) {
    ln_grad_fail_memory(g);
    return;
  }
  const int32_t back[4] = {3, 1, 2, 0};
  for (int32_t i = 0; i < groups && g->status == LN_OK; ++i) {
    const int32_t part = channels(g, dy, 3, i * c.out_c, c.out_c);
    if (ln_grad_wants(g, op, 0)) {
      parts[i] = input_gradient(g, &c, channels(g, ln_grad_in(g, op, 1), 0, i * c.out_c, c.out_c), part);
    }
    if (ln_grad_wants(g, op, 1)) {
      const int32_t x = channels(g, ln_grad_in(g, op, 0), 3, i * c.in_c, c.in_c);
      parts[groups + i] = ln_grad_transpose(g, filter_gradient(g, &c, x, part), back);
    }
  }
  if (ln_grad_wants(g, op, 0)) ln_grad_add(g, op, 0, ln_grad_concat(g, 3, groups, parts));
  if (ln_grad_wants(g, op, 1)) ln_grad_add(g, op, 1, ln_grad_concat(g, 0, groups, parts + groups));
}

void ln_gradient_conv_2d(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_conv2d_options *options = op->options;
  const ln_shape x = *ln_grad_shape(g, op->inputs[0]), filter = *ln_grad_shape(g, op->inputs[1]);
  conv c = {.h = {x.dims[1], filter.dims[1], options->stride_h, options->dilation_h_factor, 0, 0, 0},
            .w = {x.dims[2], filter.dims[2], options->stride_w, options->dilation_w_factor, 0, 0, 0},
            .batch = x.dims[0],
            .in_c = x.dims[3],
            .out_c = filter.dims[0]};
  if (!resolve(g, &c, options->padding)) return;
  const bool fast = g->fast && filter.dims[3] == c.in_c && ln_grad_wants(g, op, 1);
  if (!fast) add_bias(g, op, 2, dy[0]);
  if (filter.dims[3] != c.in_c) {
    conv_groups(g, op, &c, filter.dims[3] > 0 ? c.in_c / filter.dims[3] : 1, dy[0]);
    return;
  }
  const bool by_stride = (c.h.stride > 1 || c.w.stride > 1) && c.h.dilation == 1 && c.w.dilation == 1;
  if (ln_grad_wants(g, op, 0)) {
    const int32_t w = ln_grad_in(g, op, 1);
    ln_grad_add(
        g, op, 0,
        by_stride ? strided_input_gradient(g, &c, options->padding, w, dy[0]) : input_gradient(g, &c, w, dy[0]));
  }
  if (!ln_grad_wants(g, op, 1)) return;
  if (fast) {
    fast_filter(g, op, &c, &ln_op_conv_filter_gradient, ln_grad_wants(g, op, 2), dy[0]);
  } else if (is_plain(&c)) {
    add_plain_filter(g, op, &c, dy[0]);
  } else {
    const int32_t back[4] = {3, 1, 2, 0};
    ln_grad_add(g, op, 1, ln_grad_transpose(g, filter_gradient(g, &c, ln_grad_in(g, op, 0), dy[0]), back));
  }
}

/* ---- DEPTHWISE_CONV_2D: x [n, h, w, c], filter [1, h, w, c * m] ---- */

/* Each channel's own convolution, over images that are channels too; then their sum. */
static void depthwise_filter(ln_grad *g, const ln_op *op, const conv *c, int32_t dy) {
  const int32_t turn[4] = {1, 2, 0, 3};
  int32_t parts[2] = {touched(g, c, ln_grad_in(g, op, 0)), dy};
  for (int32_t i = 0; i < 2; ++i) { /* [1, h, w, n * channels] */
    const ln_shape shape = *ln_grad_shape(g, parts[i]);
    const int32_t dims[4] = {1, shape.dims[1], shape.dims[2],
                             ln_grad_span(g, &(ln_shape){2, {shape.dims[0], shape.dims[3]}}, 0, 2)};
    parts[i] = ln_grad_reshape_dims(g, ln_grad_transpose(g, parts[i], turn), 4, dims);
  }
  const int32_t strides[2] = {c->h.dilation, c->w.dilation}, dilations[2] = {c->h.stride, c->w.stride};
  const int32_t each = convolve_channels(g, parts[0], parts[1], c->out_c / c->in_c, strides, dilations);
  const int32_t apart[4] = {c->h.kernel, c->w.kernel, c->batch, c->out_c};
  const ln_shape filter = *ln_grad_shape(g, op->inputs[1]);
  ln_grad_add(g, op, 1, ln_grad_reshape(g, ln_grad_sum(g, ln_grad_reshape_dims(g, each, 4, apart), 4), &filter));
}

static void depthwise_input(ln_grad *g, const ln_op *op, const conv *c, int32_t dy) {
  const int32_t ones[2] = {1, 1}, dilations[2] = {c->h.dilation, c->w.dilation};
  const int32_t filter = turned_round(g, ln_grad_in(g, op, 1));
  const int32_t each = convolve_channels(g, spread(g, c, dy), filter, 1, ones, dilations);
  const ln_shape x = *ln_grad_shape(g, op->inputs[0]);
  const int32_t apart[5] = {x.dims[0], x.dims[1], x.dims[2], c->in_c, c->out_c / c->in_c};
  const int32_t sum = c->in_c == c->out_c ? each : ln_grad_sum(g, ln_grad_reshape_dims(g, each, 5, apart), 16);
  ln_grad_add(g, op, 0, ln_grad_reshape(g, sum, &x));
}

void ln_gradient_depthwise_conv_2d(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_depthwise_conv2d_options *options = op->options;
  const ln_shape x = *ln_grad_shape(g, op->inputs[0]), filter = *ln_grad_shape(g, op->inputs[1]);
  conv c = {.h = {x.dims[1], filter.dims[1], options->stride_h, options->dilation_h_factor, 0, 0, 0},
            .w = {x.dims[2], filter.dims[2], options->stride_w, options->dilation_w_factor, 0, 0, 0},
            .batch = x.dims[0],
            .in_c = x.dims[3],
            .out_c = filter.dims[3]};
  if (!resolve(g, &c, options->padding)) return;
  if (c.in_c < 1 || c.out_c % c.in_c != 0) {
    ln_grad_refuse(g, "its channels do not fit");
    return;
  }
  const bool fast = g->fast && c.in_c == c.out_c;
  if (fast && ln_grad_wants(g, op, 0)) {
    const ln_grad_places window = window_of(&c);
    ln_grad_add(g, op, 0, ln_grad_own(g, &ln_op_depthwise_input_gradient, &window, ln_grad_in(g, op, 1), dy[0]));
  }
  if (fast && ln_grad_wants(g, op, 1)) {
    fast_filter(g, op, &c, &ln_op_depthwise_filter_gradient, ln_grad_wants(g, op, 2), dy[0]);
    return;
  }
  add_bias(g, op, 2, dy[0]);
  if (!fast && ln_grad_wants(g, op, 0)) depthwise_input(g, op, &c, dy[0]);
  if (ln_grad_wants(g, op, 1)) depthwise_filter(g, op, &c, dy[0]);
}

/* ---- TRANSPOSE_CONV: x [n, h, w, in_c], filter [out_c, h, w, in_c]: the convolution whose input is this output ----
 */

void ln_gradient_transpose_conv(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_transpose_conv_options *options = op->options;
  const ln_shape x = *ln_grad_shape(g, op->inputs[2]), filter = *ln_grad_shape(g, op->inputs[1]);
  const ln_shape y = *ln_grad_shape(g, op->outputs[0]);
  conv c = {.h = {y.dims[1], filter.dims[1], options->stride_h, 1, 0, 0, 0},
            .w = {y.dims[2], filter.dims[2], options->stride_w, 1, 0, 0, 0},
            .batch = x.dims[0],
            .in_c = filter.dims[0],
            .out_c = filter.dims[3]};
  if (!resolve(g, &c, options->padding)) return;
  if (c.h.out != x.dims[1] || c.w.out != x.dims[2]) {
    ln_grad_refuse(g, "its output shape is not one that the convolution would take");
    return;
  }
  add_bias(g, op, 3, dy[0]);
  if (ln_grad_wants(g, op, 2)) {
    const int32_t turn[4] = {3, 1, 2, 0};
    const int32_t w = ln_grad_transpose(g, ln_grad_in(g, op, 1), turn);
    ln_grad_add(g, op, 2, convolve(g, touched(g, &c, dy[0]), w, c.h.stride, c.w.stride, 1, 1));
  }
  if (ln_grad_wants(g, op, 1)) ln_grad_add(g, op, 1, filter_gradient(g, &c, dy[0], ln_grad_in(g, op, 2)));
}

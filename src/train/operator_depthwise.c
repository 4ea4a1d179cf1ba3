/* The gradient of a depthwise convolution's input: each of its elements gathers from the outputs that it went into. */
#include "train/operators.h"

typedef struct input_args {
  ln_windows windows; /* channels are the output's, too */
  int32_t band;       /* rows of an image that a task takes */
  int32_t bands;      /* of an image */
} input_args;

/* Input 0 is the filter, input 1 the output's gradient. */
static ln_status read(const ln_node *node, ln_error *err, ln_windows *windows, ln_shape *image) {
  const ln_shape *filter = &node->in[0]->shape, *dy = &node->in[1]->shape;
  ln_grad_places w;
  LN_TRY(ln_grad_read_window(node, err, &w));
  if (dy->rank != 4 || w.image[0] < 0 || w.image[1] < 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "its gradient is of no images");
  }
  const int32_t dims[4] = {dy->dims[0], w.image[0], w.image[1], dy->dims[3]};
  *image = ln_shape_make(4, dims);
  LN_TRY(ln_grad_read_windows(node, err, image, dy, windows));
  if (filter->rank != 4 || filter->dims[0] != 1 || filter->dims[1] != windows->kernel_h ||
      filter->dims[2] != windows->kernel_w || filter->dims[3] != windows->channels) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "its filter does not fit");
  }
  return LN_OK;
}

static ln_status input_infer(ln_node *node, ln_error *err) {
  ln_windows windows;
  ln_shape image;
  LN_TRY(read(node, err, &windows, &image));
  return ln_node_set_shape(node, 0, &image, err);
}

static int64_t input_macs(const ln_node *node) {
  const ln_shape *filter = &node->in[0]->shape, *dy = &node->in[1]->shape;
  return filter->rank == 4 && dy->rank == 4 ? (int64_t)(ln_shape_span(dy, 0, 4) * ln_shape_span(filter, 1, 3)) : 0;
}

static ln_status input_prepare(ln_node *node, ln_prep *prep) {
  input_args *args = LN_NODE_ARGS(node, prep, input_args);
  ln_shape image;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(read(node, prep->err, &args->windows, &image));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  const int32_t enough = 32, h = args->windows.in_h; /* tasks of all images */
  args->bands = image.dims[0] >= enough ? 1 : (enough - 1) / image.dims[0] + 1;
  if (args->bands > h) args->bands = h;
  args->band = (h + args->bands - 1) / args->bands;
  args->bands = (h + args->band - 1) / args->band;
  node->finish_grain = ln_shape_span(&image, 2, 4);
  if (image.dims[0] > INT32_MAX / args->bands) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "more than 2^31 parts");
  }
  return LN_OK;
}

typedef struct input_job {
  const ln_node *node;
  const ln_exec *exec;
} input_job;

/* Taps that meet one element, to be summed when they are many or all. */
typedef struct gather {
  const float *a[LN_GRADIENT_TAPS], *b[LN_GRADIENT_TAPS];
  int32_t count;
  bool first;
} gather;

static void flush(const ln_gradient_kernels *kernels, gather *g, int32_t channels, float *out) {
  kernels->taps(g->count, g->a, g->b, channels, g->first, out);
  g->count = 0;
  g->first = false;
}

/* Where output `*out` has tap `at` on input `in`; false for none. */
static bool output_of(int32_t in, int32_t at, int32_t stride, int32_t dilation, int32_t before, int32_t extent,
                      int32_t *out) {
  const int32_t from = in + before - at * dilation;
  *out = from / stride;
  return from >= 0 && from % stride == 0 && *out < extent;
}

/* Element (row, column) of an image whose output's gradient is `dy`. */
static void pixel(const ln_gradient_kernels *kernels, const ln_windows *w, int32_t row, int32_t column,
                  const float *filter, const float *dy, float *out) {
  const ptrdiff_t channels = w->channels;
  gather g;
  g.count = 0;
  g.first = true;
  for (int32_t i = 0; i < w->kernel_h; ++i) {
    int32_t y, x;
    if (!output_of(row, i, w->stride_h, w->dilation_h, w->before_h, w->out_h, &y)) continue;
    for (int32_t j = 0; j < w->kernel_w; ++j) {
      if (!output_of(column, j, w->stride_w, w->dilation_w, w->before_w, w->out_w, &x)) continue;
      if (g.count == LN_GRADIENT_TAPS) flush(kernels, &g, w->channels, out);
      g.a[g.count] = dy + ((ptrdiff_t)y * w->out_w + x) * channels;
      g.b[g.count++] = filter + ((ptrdiff_t)i * w->kernel_w + j) * channels;
    }
  }
  flush(kernels, &g, w->channels, out);
}

static void input_task(void *context, int32_t task, int32_t worker) {
  const input_job *job = context;
  const ln_node *node = job->node;
  const input_args *args = node->args;
  const ln_windows *w = &args->windows;
  const ptrdiff_t image = task / args->bands, first = (ptrdiff_t)(task % args->bands) * args->band;
  const ptrdiff_t last = first + args->band < w->in_h ? first + args->band : w->in_h;
  const float *filter = node->in[0]->data;
  const float *dy = (const float *)node->in[1]->data + image * w->out_h * w->out_w * w->channels;
  float *out = (float *)node->out[0]->data + (image * w->in_h + first) * w->in_w * w->channels;
  (void)worker;
  for (ptrdiff_t row = first; row < last; ++row) {
    for (int32_t column = 0; column < w->in_w; ++column, out += w->channels) {
      pixel(ln_gradient_kernels_get(), w, (int32_t)row, column, filter, dy, out);
    }
  }
  const ptrdiff_t floats = (last - first) * w->in_w * w->channels;
  ln_exec_finish(job->exec, (size_t)(out - (float *)node->out[0]->data - floats), (size_t)floats);
}

static ln_status input_run(const ln_node *node, ln_exec *exec) {
  const input_args *args = node->args;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  input_job job = {node, exec};
  ln_pool_run(exec->pool, node->out[0]->shape.dims[0] * args->bands, input_task, &job);
  return LN_OK;
}

const ln_op_def ln_op_depthwise_input_gradient = {"LinnetDepthwiseInputGradient",
                                                  LN_OP_CUSTOM,
                                                  LN_TABLE_none,
                                                  "f32 f32 > f32",
                                                  input_infer,
                                                  input_prepare,
                                                  input_run,
                                                  input_macs,
                                                  0,
                                                  0,
                                                  NULL,
                                                  LN_NO_GRADIENT,
                                                  UINT32_MAX};

/* Gradients of pools, written with pools, slices and choices. */
#include <float.h>

#include "train/operators.h"

enum { MOST_TAPS = 256 /* of a window whose maxima are looked for one place after another */ };

typedef struct pool {
  ln_window h, w;
  ln_shape in, out;
} pool;

static bool read_pool(ln_grad *g, const ln_op *op, pool *p) {
  const ln_pool2d_options *options = op->options;
  p->in = *ln_grad_shape(g, op->inputs[0]);
  p->out = *ln_grad_shape(g, op->outputs[0]);
  p->h = (ln_window){p->in.dims[1], options->filter_height, options->stride_h, 1, 0, 0, 0};
  p->w = (ln_window){p->in.dims[2], options->filter_width, options->stride_w, 1, 0, 0, 0};
  if (ln_window_resolve(&p->h, options->padding, false) && ln_window_resolve(&p->w, options->padding, false))
    return true;
  ln_grad_refuse(g, "its window does not fit");
  return false;
}

/* The pool's output before its activation. */
static int32_t raw_output(ln_grad *g, const ln_op *op) {
  ln_pool2d_options options = *(const ln_pool2d_options *)op->options;
  if (options.fused_activation_function == LN_ACT_NONE) return ln_grad_out(g, op);
  options.fused_activation_function = LN_ACT_NONE;
  const int32_t x = ln_grad_in(g, op, 0);
  return ln_grad_emit(g, op->def->code, LN_FLOAT32, &options, 1, &x);
}

/* ---- averages ---- */

static int32_t under(const ln_window *w, int32_t at) {
  const int32_t begin = at * w->stride - w->before, end = begin + w->kernel;
  return (end < w->in ? end : w->in) - (begin > 0 ? begin : 0);
}

/* `times` over how many elements each window holds: [1, out_h, out_w, 1] */
static int32_t shares(ln_grad *g, const pool *p, float times) {
  const int32_t dims[4] = {1, p->h.out, p->w.out, 1};
  const ln_shape shape = ln_shape_make(4, dims);
  size_t count = 0;
  float *values =
      ln_shape_elements(&shape, &count) ? ln_arena_array(ln_optimizer_arena(g->o), count + 1, sizeof *values) : NULL;
  for (size_t i = 0; values != NULL && i < count; ++i) {
    const int32_t y = (int32_t)(i / (size_t)p->w.out), x = (int32_t)(i % (size_t)p->w.out);
    values[i] = times / ((float)under(&p->h, y) * (float)under(&p->w, x));
  }
  const int32_t made = values == NULL ? -1
                                      : ln_edit_add_constant(g->o, "gradient/shares", LN_FLOAT32, &shape, values,
                                                             count * sizeof *values);
  if (made < 0) ln_grad_fail_memory(g);
  return made;
}

/* Windows that lie side by side: each output's share is repeated. */
static int32_t repeat(ln_grad *g, const pool *p, int32_t each) {
  const ln_shape *out = &p->out;
  const int32_t dims[6] = {out->dims[0], p->h.out, 1, p->w.out, 1, out->dims[3]};
  const int32_t wide[6] = {out->dims[0], p->h.out, p->h.kernel, p->w.out, p->w.kernel, out->dims[3]};
  const ln_shape full = ln_shape_make(6, wide);
  const int32_t all = ln_grad_broadcast(g, ln_grad_reshape_dims(g, each, 6, dims), &full);
  const int32_t image[4] = {out->dims[0], ln_grad_span(g, &full, 1, 3), ln_grad_span(g, &full, 3, 5), out->dims[3]};
  return ln_grad_window(g, ln_grad_reshape_dims(g, all, 4, image), -p->h.before, -p->w.before, p->h.in, p->w.in);
}

/* Each element's part of the averages it went into. */
static int32_t average_back(ln_grad *g, const pool *p, int32_t dy) {
  const float area = (float)p->h.kernel * (float)p->w.kernel;
  if (p->h.stride == p->h.kernel && p->w.stride == p->w.kernel) {
    return repeat(g, p, ln_grad_mul(g, dy, shares(g, p, 1)));
  }
  dy = ln_grad_mul(g, dy, shares(g, p, area));
  dy = ln_grad_dilate(g, dy, p->h.stride, p->w.stride);
  dy = ln_grad_window(g, dy, p->h.kernel - 1 - p->h.before, p->w.kernel - 1 - p->w.before, p->h.in + p->h.kernel - 1,
                      p->w.in + p->w.kernel - 1);
  const ln_pool2d_options options = {.padding = LN_PADDING_VALID,
                                     .stride_h = 1,
                                     .stride_w = 1,
                                     .filter_height = p->h.kernel,
                                     .filter_width = p->w.kernel};
  return ln_grad_emit(g, LN_OP_AVERAGE_POOL_2D, LN_FLOAT32, &options, 1, &dy);
}

void ln_gradient_average_pool_2d(ln_grad *g, const ln_op *op, const int32_t *dy) {
  pool p;
  if (read_pool(g, op, &p)) ln_grad_add(g, op, 0, average_back(g, &p, dy[0]));
}

/* y = sqrt(mean(x^2)): x * (average's gradient of dy / y) */
void ln_gradient_l2_pool_2d(ln_grad *g, const ln_op *op, const int32_t *dy) {
  pool p;
  if (!read_pool(g, op, &p)) return;
  const int32_t y = ln_grad_binary(g, LN_OP_MAXIMUM, raw_output(g, op), ln_grad_scalar(g, FLT_MIN));
  const int32_t back = average_back(g, &p, ln_grad_binary(g, LN_OP_DIV, dy[0], y));
  ln_grad_add(g, op, 0, ln_grad_mul(g, ln_grad_in(g, op, 0), back));
}

/* ---- maxima ---- */

/* All of the input that windows touch, what they touch outside of it lower than any value. */
static int32_t framed(ln_grad *g, const pool *p, int32_t x) {
  const int32_t height = (p->h.out - 1) * p->h.stride + p->h.kernel, width = (p->w.out - 1) * p->w.stride + p->w.kernel;
  const int32_t begin[4] = {0};
  const int32_t rows = height - p->h.before < p->h.in ? height - p->h.before : p->h.in;
  const int32_t columns = width - p->w.before < p->w.in ? width - p->w.before : p->w.in;
  const int32_t size[4] = {p->in.dims[0], rows, columns, p->in.dims[3]};
  const int32_t low[4] = {0, p->h.before, p->w.before, 0};
  const int32_t high[4] = {0, height - p->h.before - rows, width - p->w.before - columns, 0};
  return ln_grad_pad_with(g, ln_grad_slice(g, x, begin, size), low, high, -FLT_MAX);
}

/* What stands at place (i, j) of each window. */
static int32_t tap(ln_grad *g, const pool *p, int32_t x, int32_t i, int32_t j) {
  const int32_t begin[4] = {0, i, j, 0}, step[4] = {1, p->h.stride, p->w.stride, 1};
  const int32_t end[4] = {p->in.dims[0], i + (p->h.out - 1) * p->h.stride + 1, j + (p->w.out - 1) * p->w.stride + 1,
                          p->in.dims[3]};
  const int32_t from = ln_grad_ints(g, 4, begin), to = ln_grad_ints(g, 4, end);
  const int32_t inputs[4] = {x, from, to, ln_grad_ints(g, 4, step)};
  return ln_grad_emit(g, LN_OP_STRIDED_SLICE, LN_FLOAT32, NULL, 4, inputs);
}

/* Taps that come to lie on the same rows and columns apart from whole strides: [reach_h, reach_w] more than outputs. */
typedef struct phases {
  int32_t *sums; /* [stride_h, stride_w] tensors [n, out_h + reach_h, out_w + reach_w, c]; -1 where no tap falls */
  int32_t reach_h, reach_w;
} phases;

static void add_tap(ln_grad *g, const pool *p, phases *f, int32_t i, int32_t j, int32_t gradient) {
  const int32_t down = i / p->h.stride, right = j / p->w.stride;
  const int32_t low[4] = {0, down, right, 0}, high[4] = {0, f->reach_h - down, f->reach_w - right, 0};
  int32_t *sum = &f->sums[(size_t)(i % p->h.stride) * (size_t)p->w.stride + (size_t)(j % p->w.stride)];
  const int32_t placed = ln_grad_pad(g, gradient, low, high);
  *sum = *sum < 0 ? placed : ln_grad_binary(g, LN_OP_ADD, *sum, placed);
}

/* Lets the phases' rows and columns alternate. */
static int32_t interleave(ln_grad *g, const pool *p, phases *f) {
  const ln_shape shape =
      ln_shape_make(4, (const int32_t[]){p->out.dims[0], p->h.out + f->reach_h, p->w.out + f->reach_w, p->out.dims[3]});
  const int32_t n = shape.dims[0], c = shape.dims[3];
  const int32_t width = ln_grad_span(g, &(ln_shape){2, {shape.dims[2], p->w.stride}}, 0, 2);
  const int32_t height = ln_grad_span(g, &(ln_shape){2, {shape.dims[1], p->h.stride}}, 0, 2);
  const int32_t line[4] = {n, shape.dims[1], width, c}, image[4] = {n, height, width, c};
  const ln_pack_options columns = {.axis = 3, .values_count = p->w.stride};
  const ln_pack_options rows = {.axis = 2, .values_count = p->h.stride};
  for (int32_t i = 0; i < p->h.stride && g->status == LN_OK; ++i) {
    int32_t *parts = f->sums + (size_t)i * (size_t)p->w.stride;
    for (int32_t j = 0; j < p->w.stride; ++j) {
      if (parts[j] < 0) parts[j] = ln_grad_zeros(g, &shape);
    }
    const int32_t packed = ln_grad_emit(g, LN_OP_PACK, LN_FLOAT32, &columns, p->w.stride, parts);
    f->sums[i] = ln_grad_reshape_dims(g, packed, 4, line); /* behind those that are still to be read */
  }
  const int32_t packed = ln_grad_emit(g, LN_OP_PACK, LN_FLOAT32, &rows, p->h.stride, f->sums);
  const int32_t all = ln_grad_reshape_dims(g, packed, 4, image);
  return ln_grad_window(g, all, -p->h.before, -p->w.before, p->h.in, p->w.in);
}

/* The first of a window's largest elements has its gradient. */
static int32_t maxima_back(ln_grad *g, const pool *p, int32_t x, int32_t y, int32_t dy) {
  size_t count = 0;
  phases f = {.reach_h = (p->h.kernel - 1) / p->h.stride, .reach_w = (p->w.kernel - 1) / p->w.stride};
  if (ln_size_mul((size_t)p->h.stride, (size_t)p->w.stride, &count)) {
    f.sums = ln_arena_array(ln_optimizer_arena(g->o), count, sizeof *f.sums);
  }
  if (f.sums == NULL) {
    ln_grad_fail_memory(g);
    return -1;
  }
  for (size_t i = 0; i < count; ++i) f.sums[i] = -1;
  const int32_t none = ln_grad_scalar(g, 0), all = framed(g, p, x);
  for (int32_t i = 0; i < p->h.kernel; ++i) {
    for (int32_t j = 0; j < p->w.kernel && g->status == LN_OK; ++j) {
      const int32_t here = ln_grad_compare(g, LN_OP_EQUAL, tap(g, p, all, i, j), y);
      add_tap(g, p, &f, i, j, ln_grad_select(g, here, dy, none));
      if (i < p->h.kernel - 1 || j < p->w.kernel - 1) dy = ln_grad_select(g, here, none, dy);
    }
  }
  return interleave(g, p, &f);
}

/* One window over everything: elements that are the largest share its gradient. */
static int32_t largest_back(ln_grad *g, int32_t x, int32_t y, int32_t dy) {
  const int32_t same = ln_grad_compare(g, LN_OP_EQUAL, x, y);
  const int32_t ones = ln_grad_emit(g, LN_OP_CAST, LN_FLOAT32, NULL, 1, &same);
  return ln_grad_mul(g, ones, ln_grad_binary(g, LN_OP_DIV, dy, ln_grad_sum(g, ones, 6)));
}

void ln_gradient_max_pool_2d(ln_grad *g, const ln_op *op, const int32_t *dy) {
  pool p;
  if (!read_pool(g, op, &p)) return;
  const int32_t x = ln_grad_in(g, op, 0);
  if (g->fast) {
    const ln_grad_places window = {.kernel = {p.h.kernel, p.w.kernel},
                                   .stride = {p.h.stride, p.w.stride},
                                   .dilation = {1, 1},
                                   .before = {p.h.before, p.w.before}};
    ln_grad_add(g, op, 0, ln_grad_own(g, &ln_op_max_pool_gradient, &window, x, dy[0]));
    return;
  }
  const int32_t y = raw_output(g, op);
  const bool whole = p.h.out == 1 && p.w.out == 1 && p.h.kernel >= p.h.in && p.w.kernel >= p.w.in;
  if (whole) {
    ln_grad_add(g, op, 0, largest_back(g, x, y, dy[0]));
  } else if (p.h.kernel > MOST_TAPS / p.w.kernel || p.h.stride > MOST_TAPS || p.w.stride > MOST_TAPS) {
    ln_grad_refuse(g, "its window is too large");
  } else {
    ln_grad_add(g, op, 0, maxima_back(g, &p, x, y, dy[0]));
  }
}

/*
 * The gradient of a convolution's filter, and of its bias: sums over all output pixels of products of what a tap saw
 * with the output's gradient. The pixels are cut into parts, by their shape alone, that are summed each by itself and
 * then one after the other, so that results do not depend on the number of threads.
 */
#include <string.h>

#include "train/operators.h"

enum {
  BLOCK_PIXELS = 192, /* that stay in the cache while all taps go over them */
  MOST_LINES = 192,
  NEAR_FLOATS = 3072,  /* of a depthwise block, once more of what it multiplies: they are read anew for each tap */
  GATHERED_RUN = 8,    /* taps of fewer floats are copied side by side first */
  GATHERED_MOST = 256, /* floats of all taps */
  MOST_PARTS = 16,
  PART_PIXELS = 512, /* that are worth sums of their own */
  PARTS_BYTES = 4 << 20
};

typedef struct filter_args {
  ln_windows w;
  bool depthwise, bias, empty;
  bool plain;               /* of 1 x 1: lines are stretches of pixels */
  bool gathered;            /* taps are copied side by side: one run */
  bool by_column;           /* c has a row an output channel: vectors run along the taps; else along output channels */
  bool direct;              /* one part, which lies in the outputs */
  int32_t out_c, taps, run; /* runs of contiguous floats, and their length */
  size_t k;                 /* floats of a filter's output channel */
  size_t pixels, rows;      /* rows: lines of output pixels */
  int32_t line, block;      /* pixels of a line, lines of a block */
  int32_t parts, splits, split; /* a task is a part's output channels [n * split, (n + 1) * split) */
  size_t filter_floats, part_floats;
} filter_args;

/* ---- shapes ---- */

static bool is_depthwise(const ln_node *node) { return node->op->def->variant != 0; }

static ln_status filter_shape(const ln_node *node, ln_error *err, ln_windows *w, ln_shape *filter) {
  const ln_shape *x = &node->in[0]->shape, *dy = &node->in[1]->shape;
  LN_TRY(ln_grad_read_windows(node, err, x, dy, w));
  if (is_depthwise(node) && dy->dims[3] != x->dims[3]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "its inputs have not the same channels");
  }
  const int32_t dims[4] = {is_depthwise(node) ? 1 : dy->dims[3], w->kernel_h, w->kernel_w, x->dims[3]};
  *filter = ln_shape_make(4, dims);
  return LN_OK;
}

static ln_status filter_infer(ln_node *node, ln_error *err) {
  ln_windows w;
  ln_shape filter;
  LN_TRY(filter_shape(node, err, &w, &filter));
  const ln_shape bias = ln_shape_make(1, &node->in[1]->shape.dims[3]);
  if (node->out_count > 1) LN_TRY(ln_node_set_shape(node, 1, &bias, err));
  return ln_node_set_shape(node, 0, &filter, err);
}

static int64_t filter_macs(const ln_node *node) {
  const ln_shape *filter = &node->out[0]->shape, *dy = &node->in[1]->shape;
  if (filter->rank != 4 || dy->rank != 4) return 0;
  return (int64_t)(ln_shape_span(dy, 0, 4) * ln_shape_span(filter, 1, is_depthwise(node) ? 3 : 4));
}

/* ---- preparing ---- */

/* How much more than `n` whole vectors of `lanes` hold, in 64ths. */
static int32_t waste(int64_t n, int32_t lanes) { return (int32_t)((n + lanes - 1) / lanes * lanes * 64 / n); }

static void choose_form(filter_args *a, int32_t lanes) {
  const ln_windows *w = &a->w;
  const bool near =
      w->before_w == 0 && w->dilation_w == 1 && ((int64_t)w->out_w - 1) * w->stride_w + w->kernel_w <= w->in_w;
  const int64_t row = (int64_t)w->kernel_w * w->channels;
  a->plain = !a->depthwise && w->kernel_h == 1 && w->kernel_w == 1 && w->stride_h == 1 && w->stride_w == 1 &&
             w->before_h == 0 && w->before_w == 0 && w->in_h == w->out_h && w->in_w == w->out_w;
  a->taps = w->kernel_h * (near && !a->depthwise ? 1 : w->kernel_w);
  a->run = near && !a->depthwise ? (int32_t)row : w->channels;
  a->gathered = !a->depthwise && !a->plain && a->run < GATHERED_RUN && a->k <= GATHERED_MOST;
  if (a->gathered) {
    a->taps = 1;
    a->run = (int32_t)a->k;
  }
  a->by_column = !a->depthwise && waste(a->run, lanes) <= waste(a->out_c, lanes);
}

static void choose_parts(filter_args *a, const ln_gradient_kernels *kernels) {
  const int32_t tile = a->by_column ? kernels->mr : kernels->nr;
  const size_t bytes = a->part_floats * sizeof(float);
  size_t parts = a->pixels / PART_PIXELS;
  if (parts > PARTS_BYTES / bytes) parts = PARTS_BYTES / bytes;
  if (parts > MOST_PARTS) parts = MOST_PARTS;
  if (parts > a->rows) parts = a->rows;
  a->parts = parts < 1 ? 1 : (int32_t)parts;
  const int32_t wanted = MOST_PARTS / a->parts;
  a->split = ((a->out_c + wanted - 1) / wanted + tile - 1) / tile * tile;
  a->splits = (a->out_c + a->split - 1) / a->split;
  a->direct = a->parts == 1 && (a->by_column || a->depthwise);
}

static ln_status filter_prepare(ln_node *node, ln_prep *prep) {
  filter_args *a = LN_NODE_ARGS(node, prep, filter_args);
  const ln_gradient_kernels *kernels = ln_gradient_kernels_get();
  ln_shape filter;
  if (a == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(filter_shape(node, prep->err, &a->w, &filter));
  const ln_shape *dy = &node->in[1]->shape;
  a->depthwise = is_depthwise(node);
  a->bias = node->out_count > 1;
  a->empty = ln_tensor_is_empty(node->out[0]);
  if (a->empty) return LN_OK;
  a->out_c = dy->dims[3];
  a->k = ln_shape_span(&filter, 1, 4);
  if (a->k > INT32_MAX || a->out_c > INT32_MAX / 2) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "a filter of this size");
  }
  a->pixels = ln_shape_span(dy, 0, 3);
  choose_form(a, kernels->nr / 2);
  a->line = a->plain ? BLOCK_PIXELS : a->w.out_w;
  a->rows = a->plain ? (a->pixels + BLOCK_PIXELS - 1) / BLOCK_PIXELS : ln_shape_span(dy, 0, 2);
  const int32_t near = NEAR_FLOATS / a->w.channels, pixels = a->depthwise && near < BLOCK_PIXELS ? near : BLOCK_PIXELS;
  a->block = a->plain || a->line < 1 ? 1 : pixels / a->line + 1;
  if (a->block > MOST_LINES) a->block = MOST_LINES;
  a->filter_floats = ln_shape_span(&filter, 0, 4);
  size_t bytes, gathered = 0;
  bool good = ln_size_add(a->filter_floats, a->bias ? (size_t)a->out_c : 0, &a->part_floats) &&
              ln_size_mul(a->part_floats, sizeof(float), &bytes);
  if (good) choose_parts(a, kernels);
  good = good && ln_size_mul(bytes, (size_t)a->parts, &bytes);
  good = good && (!a->gathered || (ln_size_mul((size_t)a->line * (size_t)a->block, a->k, &gathered) &&
                                   ln_size_mul(gathered, sizeof(float), &gathered)));
  if (!good) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "it takes too much memory");
  node->scratch_bytes = a->direct ? 0 : bytes;
  node->thread_scratch_bytes = gathered;
  return LN_OK;
}

/* ---- running ---- */

typedef struct filter_job {
  const filter_args *a;
  const ln_gradient_kernels *kernels;
  const ln_exec *exec;
  const float *x, *dy;
  size_t x_floats;
  float *parts, *filter, *bias;
} filter_job;

/* Output pixels [begin, end) of line `row`, and what tap (i, j) of the kernel sees for the first; none outside. */
static ln_pixels pixels_of(const filter_job *job, size_t row, int32_t i, int32_t j, int32_t begin, int32_t end) {
  const filter_args *a = job->a;
  const ln_windows *w = &a->w;
  const int64_t y = (int64_t)(row % (size_t)w->out_h) * w->stride_h + (int64_t)i * w->dilation_h - w->before_h;
  if (y < 0 || y >= w->in_h || end <= begin) return (ln_pixels){NULL, NULL, 0};
  const size_t image = row / (size_t)w->out_h * (size_t)w->in_h;
  const size_t column = (size_t)((int64_t)begin * w->stride_w + (int64_t)j * w->dilation_w - w->before_w);
  return (ln_pixels){job->x + ((image + (size_t)y) * (size_t)w->in_w + column) * (size_t)w->channels,
                     job->dy + (row * (size_t)w->out_w + (size_t)begin) * (size_t)a->out_c, end - begin};
}

static void clip(const ln_windows *w, int32_t j, int32_t *begin, int32_t *end) {
  ln_grad_clip(j, w->stride_w, w->dilation_w, w->before_w, w->in_w, w->out_w, begin, end);
}

/* Output pixels of line `row` that see tap `tap` inside the image; none: a count of 0. */
static ln_pixels line_of(const filter_job *job, size_t row, int32_t tap) {
  const filter_args *a = job->a;
  const ln_windows *w = &a->w;
  if (a->plain) {
    const size_t first = row * (size_t)a->line, left = a->pixels - first;
    return (ln_pixels){job->x + first * (size_t)w->channels, job->dy + first * (size_t)a->out_c,
                       left < (size_t)a->line ? (int32_t)left : a->line};
  }
  const bool wide = a->taps == w->kernel_h; /* a tap is a line of the kernel */
  const int32_t i = wide ? tap : tap / w->kernel_w, j = wide ? 0 : tap % w->kernel_w;
  int32_t begin, end;
  clip(w, j, &begin, &end);
  return pixels_of(job, row, i, j, begin, end);
}

/* What all taps see of lines [row, row + count), a row of `to` a pixel. */
static void gather(const filter_job *job, size_t row, size_t count, float *to) {
  const filter_args *a = job->a;
  const ln_windows *w = &a->w;
  const size_t c = (size_t)w->channels, step = (size_t)w->stride_w * c;
  memset(to, 0, count * (size_t)w->out_w * a->k * sizeof *to);
  for (size_t n = 0; n < count; ++n, to += (size_t)w->out_w * a->k) {
    for (int32_t i = 0; i < w->kernel_h; ++i) {
      const size_t out_y = (row + n) % (size_t)w->out_h, image = (row + n) / (size_t)w->out_h * (size_t)w->in_h;
      const int64_t y = (int64_t)out_y * w->stride_h + (int64_t)i * w->dilation_h - w->before_h;
      if (y < 0 || y >= w->in_h) continue;
      const float *line = job->x + (image + (size_t)y) * (size_t)w->in_w * c;
      for (int32_t j = 0; j < w->kernel_w; ++j) {
        int32_t begin, end;
        clip(w, j, &begin, &end);
        if (end <= begin) continue;
        const int64_t column = (int64_t)begin * w->stride_w + (int64_t)j * w->dilation_w - w->before_w;
        for (size_t q = 0; q < c; ++q) {
          const float *from = line + (size_t)column * c + q;
          float *place = to + (size_t)begin * a->k + ((size_t)i * (size_t)w->kernel_w + (size_t)j) * c + q;
          for (int32_t p = begin; p < end; ++p, from += step, place += a->k) *place = *from;
        }
      }
    }
  }
}

/* Adds what lines [row, row + count) give for tap `tap` and output channels [first, last). */
static void add_tap(const filter_job *job, const ln_pixels *lines, int32_t line_count, int32_t tap, int32_t first,
                    int32_t last, float *part) {
  const filter_args *a = job->a;
  const ptrdiff_t x_stride = a->gathered ? a->run : (ptrdiff_t)a->w.stride_w * a->w.channels;
  ln_pixel_sums s = {.lines = lines, .line_count = line_count, .a_stride = x_stride, .b_stride = a->out_c};
  const size_t at = (size_t)tap * (size_t)a->run;
  s.n = last - first;
  if (a->by_column) {
    s.a_stride = a->out_c;
    s.b_stride = x_stride;
    s.m = last - first;
    s.n = a->run;
    s.c_stride = (ptrdiff_t)a->k;
    s.c = part + (size_t)first * a->k + at;
    job->kernels->outer_sums(&s);
  } else {
    s.m = a->run;
    s.c_stride = a->out_c;
    s.c = part + at * (size_t)a->out_c + first;
    job->kernels->outer_sums(&s);
  }
}

/* Moves a line's pointers to the output channels and puts what runs along rows of c first. */
static bool turn(const filter_args *a, int32_t first, ln_pixels *line) {
  if (line->count <= 0) return false;
  line->b += first;
  if (!a->by_column) return true;
  const float *x = line->a;
  line->a = line->b;
  line->b = x;
  return true;
}

/* What output pixels [begin, end) of `count` lines give for taps (i, j), (i, j + 1) ... of each channel by itself. */
static void add_channels(const filter_job *job, size_t row, size_t count, int32_t i, int32_t j, int32_t taps,
                         int32_t begin, int32_t end, int32_t first, int32_t last, float *part) {
  const filter_args *a = job->a;
  ln_pixels lines[MOST_LINES];
  int32_t found = 0;
  for (size_t n = 0; n < count; ++n) {
    lines[found] = pixels_of(job, row + n, i, j, begin, end);
    if (lines[found].count == 0) continue;
    lines[found].a += first;
    lines[found++].b += first;
  }
  const ptrdiff_t c = a->out_c;
  const ln_pixel_sums s = {.m = taps,
                           .n = last - first,
                           .lines = lines,
                           .line_count = found,
                           .a_stride = a->w.stride_w * c,
                           .b_stride = c,
                           .c_stride = c,
                           .c = part + ((ptrdiff_t)i * a->w.kernel_w + j) * c + first,
                           .a_row = a->w.dilation_w * c};
  if (found > 0) job->kernels->inner_sums(&s);
}

/* Taps side by side share the output's gradient where all of them are inside the image. */
static void add_depthwise(const filter_job *job, size_t row, size_t count, int32_t first, int32_t last, float *part) {
  const ln_windows *w = &job->a->w;
  for (int32_t i = 0; i < w->kernel_h; ++i) {
    for (int32_t j = 0, taps; j < w->kernel_w; j += taps) {
      int32_t low = 0, high = w->out_w, begin, end;
      taps = w->kernel_w - j < LN_INNER_ROWS ? w->kernel_w - j : LN_INNER_ROWS;
      for (int32_t t = 0; t < taps; ++t) {
        clip(w, j + t, &begin, &end);
        if (begin > low) low = begin;
        if (end < high) high = end;
      }
      if (high < low) high = low;
      add_channels(job, row, count, i, j, taps, low, high, first, last, part);
      for (int32_t t = 0; t < taps; ++t) {
        clip(w, j + t, &begin, &end);
        add_channels(job, row, count, i, j + t, 1, begin, end < low ? end : low, first, last, part);
        add_channels(job, row, count, i, j + t, 1, begin > high ? begin : high, end, first, last, part);
      }
    }
  }
}

static void add_bias(const filter_job *job, size_t pixel, size_t count, int32_t first, int32_t last, float *sums) {
  static const float one = 1;
  const size_t out_c = (size_t)job->a->out_c;
  const ln_pixels line = {&one, job->dy + pixel * out_c + first, (int32_t)count};
  const ln_pixel_sums s = {.m = 1,
                           .n = last - first,
                           .lines = &line,
                           .line_count = 1,
                           .b_stride = (ptrdiff_t)out_c,
                           .c_stride = 0,
                           .c = sums + first};
  job->kernels->outer_sums(&s);
}

static void add_block(const filter_job *job, size_t row, size_t count, int32_t first, int32_t last, float *part,
                      float *bias, float *gathered) {
  const filter_args *a = job->a;
  const size_t pixel = row * (size_t)a->line, left = a->pixels - pixel;
  const size_t pixels = count * (size_t)a->line < left ? count * (size_t)a->line : left;
  ln_pixels lines[MOST_LINES];
  if (a->gathered) gather(job, row, count, gathered);
  if (a->depthwise) add_depthwise(job, row, count, first, last, part);
  for (int32_t tap = 0; !a->depthwise && tap < a->taps; ++tap) {
    int32_t found = 0;
    if (a->gathered) {
      lines[0] = (ln_pixels){gathered, job->dy + pixel * (size_t)a->out_c, (int32_t)pixels};
      found = turn(a, first, &lines[0]);
    }
    for (size_t n = 0; !a->gathered && n < count; ++n) {
      lines[found] = line_of(job, row + n, tap);
      found += turn(a, first, &lines[found]);
    }
    if (found > 0) add_tap(job, lines, found, tap, first, last, part);
  }
  if (a->bias) add_bias(job, pixel, pixels, first, last, bias);
}

/* Zeros where output channels [first, last) of a part lie. */
static void clear(const filter_args *a, int32_t first, int32_t last, float *part, float *bias) {
  const size_t count = (size_t)(last - first);
  const size_t height = a->by_column ? 1 : (a->depthwise ? (size_t)a->taps : a->k);
  const size_t width = a->by_column ? count * a->k : count;
  float *at = part + (a->by_column ? (size_t)first * a->k : (size_t)first);
  for (size_t i = 0; i < height; ++i, at += a->out_c) memset(at, 0, width * sizeof *at);
  if (a->bias) memset(bias + first, 0, count * sizeof *bias);
}

/* Brings what lines [row, row + count) read nearer: kernels go over it in stretches that hardware does not foresee. */
static void fetch(const filter_job *job, size_t row, size_t count) {
  const filter_args *a = job->a;
  const ln_windows *w = &a->w;
  const size_t line = (size_t)w->in_w * (size_t)w->channels, out_line = (size_t)w->out_w * (size_t)a->out_c;
  const size_t out_h = (size_t)w->out_h, top = row / out_h * (size_t)w->in_h + row % out_h * (size_t)w->stride_h;
  const size_t first = top * line, last = first + count * (size_t)w->stride_h * line; /* bounded: lines of x */
  for (size_t i = first; i < last && i < job->x_floats; i += 16) __builtin_prefetch(job->x + i, 0, 2);
  for (size_t i = row * out_line; i < (row + count) * out_line; i += 16) __builtin_prefetch(job->dy + i, 0, 2);
}

static void part_task(void *context, int32_t task, int32_t worker) {
  const filter_job *job = context;
  const filter_args *a = job->a;
  const size_t n = (size_t)(task / a->splits), parts = (size_t)a->parts;
  const int32_t first = task % a->splits * a->split;
  const int32_t last = a->out_c - first < a->split ? a->out_c : first + a->split;
  float *part = a->direct ? job->filter : job->parts + n * a->part_floats;
  float *bias = a->direct ? job->bias : part + a->filter_floats;
  const size_t end = a->rows * (n + 1) / parts, block = (size_t)a->block; /* bounded: few parts */
  clear(a, first, last, part, bias);
  for (size_t row = a->rows * n / parts; row < end; row += block) {
    const size_t count = end - row < block ? end - row : block, left = end - row - count;
    if (a->depthwise && left > 0) fetch(job, row + count, left < block ? left : block);
    add_block(job, row, count, first, last, part, bias, ln_exec_thread_scratch(job->exec, worker));
  }
}

/* Sums the parts' output channel `task * split` and those behind it. */
static void sum_task(void *context, int32_t task, int32_t worker) {
  const filter_job *job = context;
  const filter_args *a = job->a;
  const size_t out_c = (size_t)a->out_c, first = (size_t)task * (size_t)a->split;
  const size_t last = out_c - first < (size_t)a->split ? out_c : first + (size_t)a->split;
  const size_t rows = a->depthwise ? (size_t)a->taps : a->k;
  (void)worker;
  for (int32_t n = 0; n < a->parts; ++n) {
    const float *part = job->parts + (size_t)n * a->part_floats, *bias = part + a->filter_floats;
    if (a->by_column) {
      float *to = job->filter;
      for (size_t i = first * a->k; i < last * a->k; ++i) to[i] = n == 0 ? part[i] : to[i] + part[i];
    }
    for (size_t i = 0; !a->by_column && i < rows; ++i) {
      for (size_t c = first; c < last; ++c) {
        float *to = job->filter + (a->depthwise ? i * out_c + c : c * a->k + i);
        *to = n == 0 ? part[i * out_c + c] : *to + part[i * out_c + c];
      }
    }
    for (size_t c = first; a->bias && c < last; ++c) job->bias[c] = n == 0 ? bias[c] : job->bias[c] + bias[c];
  }
}

static ln_status filter_run(const ln_node *node, ln_exec *exec) {
  const filter_args *a = node->args;
  if (a->empty) {
    for (int32_t i = 0; i < node->out_count; ++i) memset(node->out[i]->data, 0, node->out[i]->bytes);
    return LN_OK;
  }
  filter_job job = {.a = a,
                    .kernels = ln_gradient_kernels_get(),
                    .exec = exec,
                    .x = node->in[0]->data,
                    .x_floats = node->in[0]->bytes / sizeof(float),
                    .dy = node->in[1]->data,
                    .parts = exec->scratch,
                    .filter = node->out[0]->data,
                    .bias = a->bias ? node->out[1]->data : NULL};
  ln_pool_run(exec->pool, a->parts * a->splits, part_task, &job);
  if (!a->direct) ln_pool_run(exec->pool, a->splits, sum_task, &job);
  return LN_OK;
}

#define FILTER_GRADIENT(stem, name, variant)                                             \
  const ln_op_def ln_op_##stem##_filter_gradient = {name,          LN_OP_CUSTOM,         \
                                                    LN_TABLE_none, "f32 f32 > f32 f32?", \
                                                    filter_infer,  filter_prepare,       \
                                                    filter_run,    filter_macs,          \
                                                    variant,       0,                    \
                                                    NULL,          LN_NO_GRADIENT,       \
                                                    UINT32_MAX}
FILTER_GRADIENT(conv, "LinnetConvFilterGradient", 0);
FILTER_GRADIENT(depthwise, "LinnetDepthwiseFilterGradient", 1);

/* Convolution as matrix products over image lines: choosing the form and running it. */
#include "ops/conv_plan.h"

#include <string.h>

enum {
  NARROW = 6,             /* output lines of fewer pixels are gathered, */
  GATHER_DEPTH = 16,      /* where pixels are of so many channels that copying them one by one costs little */
  BLOCK_PIXELS = 192,     /* of a task, where the image has as many */
  BLOCK_BYTES = 640 << 10 /* of copied lines or windows of a task */
};

static bool is_plain(const ln_conv_shape *s) {
  const bool unpadded = s->h.before == 0 && s->h.after == 0 && s->w.before == 0 && s->w.after == 0;
  if (!unpadded || s->groups != 1) return false;
  if (s->h.kernel == 1 && s->w.kernel == 1 && s->h.stride == 1 && s->w.stride == 1) return true;
  return s->h.kernel == s->h.in && s->w.kernel == s->w.in && s->h.dilation == 1 && s->w.dilation == 1;
}

/* Dilated so far that lines would hold mostly padding. */
static bool is_sparse(const ln_window *w) {
  return w->dilation > 1 && (int64_t)(w->kernel - 1) * w->dilation > 2 * (int64_t)w->in + 64;
}

bool ln_conv_is_countable(const ln_conv_shape *s) {
  const int64_t limit = INT32_MAX / 4;
  const int64_t reach_h =
      (int64_t)s->h.in + s->h.before + s->h.after + (int64_t)s->h.kernel * s->h.dilation + s->h.stride;
  const int64_t reach_w =
      (int64_t)s->w.in + s->w.before + s->w.after + (int64_t)s->w.kernel * s->w.dilation + s->w.stride;
  if (reach_h > limit || reach_w > limit || (int64_t)s->h.kernel * s->w.kernel > limit) return false;
  if ((int64_t)s->h.kernel * s->w.kernel * s->in_c > limit) return false;
  const int64_t lines = (int64_t)s->batch * s->h.out;
  return lines <= limit && lines * s->w.out <= limit && reach_w * s->in_c <= limit &&
         (int64_t)s->w.stride * s->in_c <= limit;
}

void ln_conv_plan_begin(ln_conv_plan *conv, const ln_conv_shape *shape) {
  *conv = (ln_conv_plan){.shape = *shape};
  ln_conv_shape *s = &conv->shape;
  if (s->w.in == 1 && s->w.kernel == 1 && s->w.out == 1) {
    /* One pixel a line lies in memory as one line of pixels. */
    const ln_window line = s->w;
    s->w = s->h;
    s->h = line;
  }
  const int32_t group_c = s->in_c / s->groups;
  const bool narrow = s->w.out < NARROW && s->in_c >= GATHER_DEPTH;
  if (is_plain(s)) {
    conv->mode = LN_CONV_PLAIN;
    conv->segments = 1;
    conv->segment_length = s->h.kernel * s->w.kernel * s->in_c;
  } else if ((narrow && s->groups == 1) || is_sparse(&s->h) || is_sparse(&s->w)) {
    conv->mode = LN_CONV_GATHER;
    conv->segments = s->groups == 1 ? 1 : s->h.kernel * s->w.kernel;
    conv->segment_length = s->groups == 1 ? s->h.kernel * s->w.kernel * s->in_c : group_c;
  } else {
    const bool whole_lines = s->groups == 1 && s->w.dilation == 1;
    conv->mode = LN_CONV_LINES;
    conv->segments = whole_lines ? s->h.kernel : s->h.kernel * s->w.kernel;
    conv->segment_length = whole_lines ? s->w.kernel * group_c : group_c;
  }
}

/* Input elements along an axis that the windows reach over. */
static int32_t reach(const ln_window *w, int32_t outputs) {
  return (outputs - 1) * w->stride + (w->kernel - 1) * w->dilation + 1;
}

static bool finish_lines(ln_conv_plan *conv, const ln_gemm_plan *plan, size_t *thread_bytes) {
  const ln_conv_shape *s = &conv->shape;
  const size_t pixel = (size_t)s->in_c * (size_t)plan->a_bytes;
  const size_t slack = (size_t)plan->k_group * (size_t)plan->a_bytes;
  const bool inside = s->w.before == 0 && reach(&s->w, s->w.out) <= s->w.in;
  conv->direct = inside && ln_gemm_a_is_direct(plan);
  if (!ln_size_mul((size_t)reach(&s->w, s->w.out), pixel, &conv->line_bytes)) return false;
  if (!ln_size_align(conv->line_bytes + slack, LN_ALIGNMENT, &conv->line_bytes)) return false;
  conv->block = s->w.out >= BLOCK_PIXELS ? 1 : (BLOCK_PIXELS + s->w.out - 1) / s->w.out;
  if (conv->block > s->h.out) conv->block = s->h.out;
  const int32_t blocks = (s->h.out + conv->block - 1) / conv->block;
  conv->block = (s->h.out + blocks - 1) / blocks;
  while (!conv->direct && conv->block > 1 && (size_t)reach(&s->h, conv->block) > BLOCK_BYTES / conv->line_bytes)
    --conv->block;
  conv->lines = conv->direct ? 1 : reach(&s->h, conv->block);
  if (!ln_size_mul(conv->line_bytes, (size_t)conv->lines, &conv->copy_bytes)) return false;
  size_t pointers, terms;
  if (!ln_size_mul((size_t)conv->block * sizeof(void *), (size_t)conv->segments, &pointers)) return false;
  if (!ln_size_align(pointers, LN_ALIGNMENT, &conv->pointer_bytes)) return false;
  if (!ln_size_mul((size_t)conv->block * sizeof(int32_t), (size_t)s->w.out, &terms)) return false;
  conv->term_bytes = ln_gemm_needs_row_terms(plan) ? terms : 0;
  return ln_size_add(conv->copy_bytes, conv->pointer_bytes, thread_bytes) &&
         ln_size_add(*thread_bytes, conv->term_bytes, thread_bytes);
}

static bool finish_gather(ln_conv_plan *conv, const ln_gemm_plan *plan, size_t *thread_bytes) {
  const ln_conv_shape *s = &conv->shape;
  const size_t k = (size_t)s->h.kernel * (size_t)s->w.kernel * (size_t)s->in_c; /* bounded: plan_begin's caller */
  const size_t padded = (k + (size_t)plan->k_group - 1) / (size_t)plan->k_group * (size_t)plan->k_group;
  if (!ln_size_mul(padded, (size_t)plan->a_bytes, &conv->line_bytes)) return false;
  size_t pixels = BLOCK_BYTES / conv->line_bytes;
  if (pixels > BLOCK_PIXELS) pixels = BLOCK_PIXELS;
  if (pixels < (size_t)plan->mr) pixels = (size_t)plan->mr;
  conv->block = (int32_t)pixels;
  size_t copies;
  if (!ln_size_mul(conv->line_bytes, pixels, &copies)) return false;
  const size_t slack = (size_t)plan->k_group * (size_t)plan->a_bytes;
  if (!ln_size_align(copies + slack, LN_ALIGNMENT, &conv->copy_bytes)) return false;
  if (!ln_size_align((size_t)conv->segments * sizeof(void *), LN_ALIGNMENT, &conv->pointer_bytes)) return false;
  conv->term_bytes = ln_gemm_needs_row_terms(plan) ? pixels * sizeof(int32_t) : 0;
  return ln_size_add(conv->copy_bytes, conv->pointer_bytes, thread_bytes) &&
         ln_size_add(*thread_bytes, conv->term_bytes, thread_bytes);
}

bool ln_conv_plan_finish(ln_conv_plan *conv, const ln_gemm_plan *plan, size_t *thread_bytes) {
  const ln_conv_shape *s = &conv->shape;
  if (conv->mode == LN_CONV_LINES) return finish_lines(conv, plan, thread_bytes);
  if (conv->mode == LN_CONV_GATHER) return finish_gather(conv, plan, thread_bytes);
  return ln_gemm_thread_bytes(plan, s->batch * s->h.out * s->w.out, thread_bytes);
}

/* ---- running ---- */

typedef struct conv_run {
  const ln_conv_plan *conv;
  const ln_gemm_plan *plan;
  const ln_gemm_b *b;
  const ln_exec *exec;
  const char *in;
  char *out;
  size_t item;    /* bytes of an element of the input tensor */
  int32_t block;  /* output lines or pixels of a task */
  int32_t blocks; /* LINES: in an image */
  int32_t pixels; /* GATHER: of all images */
} conv_run;

/* `count` elements of padding in the kernel's form of A. */
static void fill_padding(const ln_gemm_plan *plan, size_t count, char *a) {
  if (ln_gemm_is_float(plan) || plan->a_bytes == 2) {
    memset(a, 0, count * (size_t)plan->a_bytes); /* zero, and int16 without its zero point */
    return;
  }
  memset(a, plan->quant.a_zero + ln_gemm_a_offset(plan->q8, plan->quant.a_unsigned), count);
}

/* One image line with its padding on both sides, as far as the windows reach; y may be outside of the image. */
static void copy_line(const conv_run *run, const char *image, int32_t y, char *line) {
  const ln_conv_shape *s = &run->conv->shape;
  const size_t c = (size_t)s->in_c;
  const int32_t width = reach(&s->w, s->w.out);
  if (y < 0 || y >= s->h.in) {
    fill_padding(run->plan, (size_t)width * c, line);
    return;
  }
  const size_t a_bytes = (size_t)run->plan->a_bytes;
  const int32_t before = s->w.before < width ? s->w.before : width;
  const int32_t inside = width - before < s->w.in ? width - before : s->w.in;
  const int32_t after = width - before - inside;
  const char *from = image + (size_t)y * (size_t)s->w.in * c * run->item;
  if (before > 0) fill_padding(run->plan, (size_t)before * c, line);
  if (inside > 0) ln_gemm_convert_a(run->plan, from, (size_t)inside * c, line + (size_t)before * c * a_bytes);
  if (after > 0) fill_padding(run->plan, (size_t)after * c, line + (size_t)(before + inside) * c * a_bytes);
}

/* Whether line `index` of a block's lines is under a kernel row of one of the block's output lines. */
static bool line_is_used(const ln_window *h, int32_t index, int32_t outputs) {
  for (int32_t ky = 0; ky < h->kernel; ++ky) {
    const int32_t top = index - ky * h->dilation;
    if (top >= 0 && top % h->stride == 0 && top / h->stride < outputs) return true;
  }
  return false;
}

/* The segments of each output line of a block: pointers into the image or into its copied lines. */
static void point_segments(const conv_run *run, const char *image, int32_t out_y, int32_t outputs, const char *copies,
                           const void **segments) {
  const ln_conv_plan *conv = run->conv;
  const ln_conv_shape *s = &conv->shape;
  const int32_t columns = conv->segments / s->h.kernel;
  const size_t pixel = (size_t)s->in_c * (size_t)run->plan->a_bytes;
  for (int32_t r = 0; r < outputs; ++r) {
    for (int32_t ky = 0; ky < s->h.kernel; ++ky) {
      const int32_t index = r * s->h.stride + ky * s->h.dilation;
      const int32_t y = out_y * s->h.stride - s->h.before + index;
      const bool outside = y < 0 || y >= s->h.in;
      const char *line = !conv->direct ? copies + (size_t)index * conv->line_bytes
                         : outside     ? copies
                                       : image + (size_t)y * (size_t)s->w.in * pixel;
      for (int32_t kx = 0; kx < columns; ++kx) *segments++ = line + (size_t)(kx * s->w.dilation) * pixel;
    }
  }
}

static void lines_task(void *context, int32_t task, int32_t worker) {
  const conv_run *run = context;
  const ln_conv_plan *conv = run->conv;
  const ln_conv_shape *s = &conv->shape;
  const ln_gemm_plan *plan = run->plan;
  const int32_t out_y = task % run->blocks * run->block;
  const int32_t outputs = s->h.out - out_y < run->block ? s->h.out - out_y : run->block;
  const size_t image_items = (size_t)s->h.in * (size_t)s->w.in * (size_t)s->in_c;
  const char *image = run->in + (size_t)(task / run->blocks) * image_items * run->item;
  char *copies = ln_exec_thread_scratch(run->exec, worker);
  const void **segments = (const void **)(void *)(copies + conv->copy_bytes);
  int32_t *terms = (int32_t *)(void *)(copies + conv->copy_bytes + conv->pointer_bytes);

  if (conv->direct) {
    if (s->h.before > 0 || s->h.after > 0) fill_padding(plan, (size_t)reach(&s->w, s->w.out) * (size_t)s->in_c, copies);
  } else {
    const int32_t lines = reach(&s->h, outputs);
    for (int32_t i = 0; i < lines; ++i) {
      if (!line_is_used(&s->h, i, outputs)) continue;
      copy_line(run, image, out_y * s->h.stride - s->h.before + i, copies + (size_t)i * conv->line_bytes);
    }
  }
  point_segments(run, image, out_y, outputs, copies, segments);

  const int32_t group_c = s->in_c / s->groups;
  const size_t out_line = (size_t)s->w.out * (size_t)s->out_c * (size_t)plan->c_bytes;
  char *out = run->out + ((size_t)(task / run->blocks) * (size_t)s->h.out + (size_t)out_y) * out_line;
  ln_gemm_a a = {NULL, conv->segments, conv->segment_length, (ptrdiff_t)s->w.stride * s->in_c * plan->a_bytes};
  for (int32_t g = 0; g < s->groups; ++g) {
    if (g > 0) {
      for (int32_t i = 0; i < outputs * conv->segments; ++i) {
        segments[i] = (const char *)segments[i] + (size_t)group_c * (size_t)plan->a_bytes;
      }
    }
    const bool with_terms = ln_gemm_needs_row_terms(plan);
    for (int32_t r = 0; with_terms && r < outputs; ++r) {
      a.segments = segments + (size_t)r * (size_t)conv->segments;
      ln_gemm_row_terms(plan, s->w.out, &a, terms + (size_t)r * (size_t)s->w.out);
    }
    char *group_out = out + (size_t)g * (size_t)plan->n * (size_t)plan->c_bytes;
    for (int32_t panel = 0; panel < plan->panels; ++panel) {
      for (int32_t r = 0; r < outputs; ++r) {
        a.segments = segments + (size_t)r * (size_t)conv->segments;
        ln_gemm_rows(plan, run->b, g, panel, panel + 1, s->w.out, &a,
                     with_terms ? terms + (size_t)r * (size_t)s->w.out : NULL, group_out + (size_t)r * out_line,
                     s->out_c);
      }
    }
  }
  const size_t line = (size_t)s->w.out * (size_t)s->out_c;
  ln_exec_finish(run->exec, (size_t)(out - run->out) / (size_t)plan->c_bytes, (size_t)outputs * line);
}

/* The window of one output pixel as a row of A. */
static void gather_window(const conv_run *run, int32_t pixel, char *row) {
  const ln_conv_shape *s = &run->conv->shape;
  const int32_t x = pixel % s->w.out * s->w.stride - s->w.before;
  const int32_t y = pixel / s->w.out % s->h.out * s->h.stride - s->h.before;
  const size_t c = (size_t)s->in_c;
  const size_t a_bytes = (size_t)run->plan->a_bytes;
  const char *image =
      run->in + (size_t)(pixel / s->w.out / s->h.out) * (size_t)s->h.in * (size_t)s->w.in * c * run->item;
  const bool whole = s->w.dilation == 1 && x >= 0 && x + s->w.kernel <= s->w.in;
  for (int32_t ky = 0; ky < s->h.kernel; ++ky) {
    const int32_t iy = y + ky * s->h.dilation;
    const size_t length = (size_t)s->w.kernel * c;
    if (iy < 0 || iy >= s->h.in) {
      fill_padding(run->plan, length, row);
    } else if (whole) {
      ln_gemm_convert_a(run->plan, image + ((size_t)iy * (size_t)s->w.in + (size_t)x) * c * run->item, length, row);
    } else {
      for (int32_t kx = 0; kx < s->w.kernel; ++kx) {
        const int32_t ix = x + kx * s->w.dilation;
        char *to = row + (size_t)kx * c * a_bytes;
        if (ix < 0 || ix >= s->w.in) fill_padding(run->plan, c, to);
        else ln_gemm_convert_a(run->plan, image + ((size_t)iy * (size_t)s->w.in + (size_t)ix) * c * run->item, c, to);
      }
    }
    row += length * a_bytes;
  }
}

static void gather_task(void *context, int32_t task, int32_t worker) {
  const conv_run *run = context;
  const ln_conv_plan *conv = run->conv;
  const ln_gemm_plan *plan = run->plan;
  const int32_t first = task * run->block;
  const int32_t m = run->pixels - first < run->block ? run->pixels - first : run->block;
  char *rows = ln_exec_thread_scratch(run->exec, worker);
  for (int32_t i = 0; i < m; ++i) gather_window(run, first + i, rows + (size_t)i * conv->line_bytes);
  const ln_conv_shape *s = &conv->shape;
  const void **segments = (const void **)(void *)(rows + conv->copy_bytes);
  const size_t pixel = (size_t)s->in_c * (size_t)plan->a_bytes;
  const size_t group = pixel / (size_t)s->groups;
  for (int32_t i = 0; i < conv->segments; ++i) segments[i] = rows + (size_t)i * pixel;
  const ln_gemm_a a = {segments, conv->segments, conv->segment_length, (ptrdiff_t)conv->line_bytes};
  int32_t *terms = NULL;
  if (ln_gemm_needs_row_terms(plan)) terms = (int32_t *)(void *)(rows + conv->copy_bytes + conv->pointer_bytes);
  char *out = run->out + (size_t)first * (size_t)s->out_c * (size_t)plan->c_bytes;
  for (int32_t g = 0; g < s->groups; ++g, out += (size_t)plan->n * (size_t)plan->c_bytes) {
    for (int32_t i = 0; g > 0 && i < conv->segments; ++i) segments[i] = (const char *)segments[i] + group;
    if (terms != NULL) ln_gemm_row_terms(plan, m, &a, terms);
    ln_gemm_rows(plan, run->b, g, 0, plan->panels, m, &a, terms, out, s->out_c);
  }
  ln_exec_finish(run->exec, (size_t)first * (size_t)s->out_c, (size_t)m * (size_t)s->out_c);
}

bool ln_conv_finishes(const ln_conv_plan *conv, const ln_gemm_plan *plan) {
  const ln_conv_shape *s = &conv->shape;
  return conv->mode != LN_CONV_PLAIN || ln_gemm_finishes(plan, s->batch * s->h.out * s->w.out);
}

void ln_conv_run(const ln_conv_plan *conv, const ln_gemm_plan *plan, const ln_gemm_b *b, const ln_exec *exec,
                 int32_t batch, const void *in, void *out) {
  const ln_conv_shape *s = &conv->shape;
  const int32_t pixels = batch * s->h.out * s->w.out;
  if (conv->mode == LN_CONV_PLAIN) {
    ln_gemm_run(plan, b, 0, exec, pixels, in, conv->segment_length, out, s->out_c);
    return;
  }
  conv_run run = {.conv = conv,
                  .plan = plan,
                  .b = b,
                  .exec = exec,
                  .in = in,
                  .out = out,
                  .item = ln_gemm_a_item(plan),
                  .pixels = pixels};
  const int64_t work = ln_gemm_nanoseconds(plan, pixels) * s->groups;
  if (conv->mode == LN_CONV_LINES) {
    run.block = ln_pool_share(exec->pool, s->h.out, conv->block, work / batch);
    run.blocks = (s->h.out - 1) / run.block + 1;
    ln_pool_run(exec->pool, batch * run.blocks, lines_task, &run);
  } else {
    run.block = ln_pool_share(exec->pool, pixels, conv->block, work);
    ln_pool_run(exec->pool, (pixels - 1) / run.block + 1, gather_task, &run);
  }
}

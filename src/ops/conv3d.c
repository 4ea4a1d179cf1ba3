/*
 * CONV_3D: windows are copied into rows of a matrix, block by block, and multiplied by the filter as it lies.
 * CONV_3D_TRANSPOSE: every line of the output sums up what reaches it.
 */
#include <string.h>

#include "ops/gemm_plan.h"
#include "ops/rows.h"
#include "ops/window.h"

enum { BLOCK_BYTES = 1 << 20, BLOCK_LEAST = 16 /* rows of windows that are multiplied together */ };

typedef struct conv3d_args {
  ln_window d, h, w; /* of the transposed form: the window slides over its output */
  int32_t batches, in_c, out_c;
  int32_t lines; /* of the transposed form's output */
  float low, high;
  ln_gemm_plan plan;
  bool pack_in_run;
  int32_t block;
  size_t windows_at; /* in node scratch, behind a filter packed in run */
} conv3d_args;

/* The window's extents over `image` [batches, d, h, w, c]; the filter begins with kernel extents. */
static ln_status resolve(const ln_node *node, const ln_shape *image, const ln_shape *filter, ln_error *err,
                         conv3d_args *a) {
  const ln_conv3d_options *o = LN_OPTIONS(node, conv3d_options);
  a->d = (ln_window){image->dims[1], filter->dims[0], o->stride_d, o->dilation_d_factor, 0, 0, 0};
  a->h = (ln_window){image->dims[2], filter->dims[1], o->stride_h, o->dilation_h_factor, 0, 0, 0};
  a->w = (ln_window){image->dims[3], filter->dims[2], o->stride_w, o->dilation_w_factor, 0, 0, 0};
  a->batches = image->dims[0];
  if (!ln_window_resolve(&a->d, o->padding, false) || !ln_window_resolve(&a->h, o->padding, false) ||
      !ln_window_resolve(&a->w, o->padding, false)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "a %dx%dx%d window does not fit %dx%dx%d", a->d.kernel, a->h.kernel,
                        a->w.kernel, a->d.in, a->h.in, a->w.in);
  }
  return ln_node_float_range(node, o->fused_activation_function, err, &a->low, &a->high);
}

static ln_status check_bias(const ln_node *node, int32_t input, int32_t channels, ln_error *err) {
  const ln_tensor *bias = node->in_count > input ? node->in[input] : NULL;
  if (bias == NULL || (bias->shape.rank == 1 && bias->shape.dims[0] == channels)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "the bias must be a list of %d", channels);
}

/* ---- CONV_3D: input, filter [d, h, w, in_c, out_c], bias ---- */

static ln_status read_conv3d(const ln_node *node, ln_error *err, conv3d_args *a) {
  const ln_shape *in = &node->in[0]->shape, *filter = &node->in[1]->shape;
  if (in->rank != 5 || filter->rank != 5 || filter->dims[3] != in->dims[4]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs an input [n, d, h, w, c] and a filter [d, h, w, c, out]");
  }
  LN_TRY(resolve(node, in, filter, err, a));
  a->in_c = in->dims[4];
  a->out_c = filter->dims[4];
  return check_bias(node, 2, a->out_c, err);
}

ln_status ln_conv3d_infer(ln_node *node, ln_error *err) {
  conv3d_args a;
  LN_TRY(read_conv3d(node, err, &a));
  const int32_t dims[5] = {a.batches, a.d.out, a.h.out, a.w.out, a.out_c};
  const ln_shape shape = ln_shape_make(5, dims);
  return ln_node_set_shape(node, 0, &shape, err);
}

static ln_gemm_source filter_source(const conv3d_args *a, const ln_weights *filter) {
  return (ln_gemm_source){.weights = filter, .k_stride = a->out_c, .n_stride = 1};
}

/* Node scratch: the packed filter where that is made in run, then a block of windows. */
static bool plan_scratch(ln_node *node, conv3d_args *a, size_t k) {
  size_t packed = 0, row, windows;
  if (a->pack_in_run && !ln_gemm_pack_bytes(&a->plan, &packed)) return false;
  if (!ln_size_align(packed, LN_ALIGNMENT, &a->windows_at) || !ln_size_mul(k, sizeof(float), &row)) return false;
  const size_t rows = BLOCK_BYTES / row;
  a->block = rows < BLOCK_LEAST ? BLOCK_LEAST : (rows > 4096 ? 4096 : (int32_t)rows);
  return ln_size_mul(row, (size_t)a->block, &windows) && ln_size_add(windows, LN_ALIGNMENT, &windows) &&
         ln_size_add(a->windows_at, windows, &node->scratch_bytes) &&
         ln_gemm_thread_bytes(&a->plan, a->block, &node->thread_scratch_bytes);
}

ln_status ln_conv3d_prepare(ln_node *node, ln_prep *prep) {
  conv3d_args *a = LN_NODE_ARGS(node, prep, conv3d_args);
  if (a == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(read_conv3d(node, prep->err, a));
  const size_t k = ln_shape_span(&node->in[1]->shape, 0, 4);
  if (ln_shape_span(&node->out[0]->shape, 0, 5) == 0) return LN_OK;
  if (k == 0 || k > INT32_MAX) return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "windows of %zu elements", k);
  a->pack_in_run = !ln_tensor_const_data(node->in[1]);
  ln_weights weights;
  LN_TRY(ln_weights_open(node, node->in[1], prep->err, &weights));
  ln_status status = ln_gemm_plan_f32(&a->plan, 1, a->out_c, 1, (int32_t)k, a->low, a->high) ? LN_OK : LN_ERR_MEMORY;
  a->plan.staged = !ln_weights_is_plain(&weights);
  if (status == LN_OK && !a->pack_in_run) {
    const ln_gemm_source source = filter_source(a, &weights);
    status = ln_gemm_plan_constant_b(&a->plan, prep, &source, NULL);
  }
  ln_weights_close(&weights);
  if (status == LN_OK && !plan_scratch(node, a, k)) status = LN_ERR_MEMORY;
  return status == LN_ERR_MEMORY ? ln_node_fail(node, prep->err, status, "no memory for the packed filter") : status;
}

typedef struct window_job {
  const conv3d_args *a;
  const float *in;
  float *windows;
  size_t first, count, k;
} window_job;

/* The window of output pixel `index`, zeros where it stands outside. */
static void copy_window(const window_job *job, size_t index, float *row) {
  const conv3d_args *a = job->a;
  const int32_t x = (int32_t)(index % (size_t)a->w.out) * a->w.stride - a->w.before;
  index /= (size_t)a->w.out;
  const int32_t y = (int32_t)(index % (size_t)a->h.out) * a->h.stride - a->h.before;
  index /= (size_t)a->h.out;
  const int32_t z = (int32_t)(index % (size_t)a->d.out) * a->d.stride - a->d.before;
  const size_t image = index / (size_t)a->d.out * (size_t)a->d.in, c = (size_t)a->in_c;
  for (int32_t kz = 0; kz < a->d.kernel; ++kz) {
    const int64_t iz = z + (int64_t)kz * a->d.dilation;
    for (int32_t ky = 0; ky < a->h.kernel; ++ky) {
      const int64_t iy = y + (int64_t)ky * a->h.dilation;
      for (int32_t kx = 0; kx < a->w.kernel; ++kx, row += c) {
        const int64_t ix = x + (int64_t)kx * a->w.dilation;
        if (iz < 0 || iz >= a->d.in || iy < 0 || iy >= a->h.in || ix < 0 || ix >= a->w.in) {
          memset(row, 0, c * sizeof(float));
          continue;
        }
        const size_t at = ((image + (size_t)iz) * (size_t)a->h.in + (size_t)iy) * (size_t)a->w.in + (size_t)ix;
        memcpy(row, job->in + at * c, c * sizeof(float));
      }
    }
  }
}

static void copy_task(void *context, int32_t task, int32_t worker) {
  (void)worker;
  const window_job *job = context;
  const size_t from = (size_t)task * BLOCK_LEAST;
  const size_t to = from + BLOCK_LEAST < job->count ? from + BLOCK_LEAST : job->count;
  for (size_t i = from; i < to; ++i) copy_window(job, job->first + i, job->windows + i * job->k);
}

ln_status ln_conv3d_run(const ln_node *node, ln_exec *exec) {
  const conv3d_args *a = node->args;
  const ln_tensor *bias = node->in_count > 2 ? node->in[2] : NULL;
  const size_t pixels = ln_shape_span(&node->out[0]->shape, 0, 4);
  if (pixels == 0 || a->out_c == 0) return LN_OK;
  ln_gemm_b b = a->plan.b;
  if (a->pack_in_run) {
    ln_weights weights;
    LN_TRY(ln_weights_open(node, node->in[1], exec->err, &weights));
    const ln_gemm_source source = filter_source(a, &weights);
    ln_gemm_pack(&a->plan, &source, NULL, exec->scratch, &b);
  }
  b.bias = bias == NULL ? NULL : bias->data;
  window_job job = {.a = a,
                    .in = node->in[0]->data,
                    .windows = (float *)(void *)((char *)exec->scratch + a->windows_at),
                    .k = ln_shape_span(&node->in[1]->shape, 0, 4)};
  for (; job.first < pixels; job.first += job.count) {
    job.count = pixels - job.first < (size_t)a->block ? pixels - job.first : (size_t)a->block;
    ln_pool_run(exec->pool, (int32_t)((job.count + BLOCK_LEAST - 1) / BLOCK_LEAST), copy_task, &job);
    ln_gemm_run(&a->plan, &b, 0, exec, (int32_t)job.count, job.windows, (ptrdiff_t)job.k,
                (float *)node->out[0]->data + job.first * (size_t)a->out_c, a->out_c);
  }
  return LN_OK;
}

int64_t ln_conv3d_macs(const ln_node *node) {
  const double macs =
      (double)ln_shape_span(&node->out[0]->shape, 0, 5) * (double)ln_shape_span(&node->in[1]->shape, 0, 4);
  return macs < 0x1p62 ? (int64_t)macs : 0;
}

/* ---- CONV_3D_TRANSPOSE: output shape, filter [d, h, w, out_c, in_c], input, bias ---- */

static ln_status check_transpose(const ln_node *node, const ln_shape *out, ln_error *err) {
  const ln_shape *filter = &node->in[1]->shape, *in = &node->in[2]->shape;
  const bool fits = in->rank == 5 && filter->rank == 5 && out->rank == 5 && filter->dims[4] == in->dims[4] &&
                    filter->dims[3] == out->dims[4] && in->dims[0] == out->dims[0];
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "output shape, filter and input do not fit together");
  return check_bias(node, 3, out->dims[4], err);
}

ln_status ln_conv3d_transpose_infer(ln_node *node, ln_error *err) {
  int64_t dims[LN_MAX_RANK];
  int32_t rank = 0;
  LN_TRY(ln_node_ints(node, 0, dims, LN_MAX_RANK, &rank, err));
  ln_shape shape = {.rank = rank};
  for (int32_t i = 0; i < rank; ++i) {
    if (dims[i] < 0 || dims[i] > INT32_MAX)
      return ln_node_fail(node, err, LN_ERR_SHAPE, "an extent of %lld", (long long)dims[i]);
    shape.dims[i] = (int32_t)dims[i];
  }
  LN_TRY(check_transpose(node, &shape, err));
  return ln_node_set_shape(node, 0, &shape, err);
}

/* Of filters that are not stored as floats each line is unpacked where it is used. */
static ln_status line_scratch(ln_node *node, ln_prep *prep, conv3d_args *a) {
  const int32_t dims[3] = {a->w.kernel, a->out_c, a->in_c};
  size_t items;
  ln_weights filter;
  LN_TRY(ln_weights_open(node, node->in[1], prep->err, &filter));
  if (ln_weights_is_plain(&filter)) return LN_OK;
  if (ln_size_product(dims, 3, &items) && ln_size_mul(items, sizeof(float), &node->thread_scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "the filter is too large");
}

ln_status ln_conv3d_transpose_prepare(ln_node *node, ln_prep *prep) {
  conv3d_args *a = LN_NODE_ARGS(node, prep, conv3d_args);
  if (a == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const ln_shape *out = &node->out[0]->shape;
  LN_TRY(check_transpose(node, out, prep->err));
  LN_TRY(resolve(node, out, &node->in[1]->shape, prep->err, a));
  size_t lines;
  if (!ln_size_product(out->dims, 3, &lines) || lines > INT32_MAX) {
    return ln_node_fail(node, prep->err, LN_ERR_LIMIT, "more lines of output than can be counted");
  }
  a->lines = (int32_t)lines;
  a->in_c = node->in[2]->shape.dims[4];
  a->out_c = out->dims[4];
  return line_scratch(node, prep, a);
}

/* The input's element that a kernel's element k brings to the output's element `at`; -1 for none. */
static int32_t source_of(const ln_window *w, int32_t at, int32_t k, int32_t extent) {
  const int64_t from = (int64_t)at + w->before - (int64_t)k * w->dilation;
  if (from < 0 || from % w->stride != 0 || from / w->stride >= extent) return -1;
  return (int32_t)(from / w->stride);
}

/* Adds what one line of the input, under one line of the kernel [w, out_c, in_c], brings to a line of the output. */
static void add_line(const conv3d_args *a, const float *in, int32_t in_w, const float *filter, float *out) {
  const ptrdiff_t in_c = a->in_c, out_c = a->out_c;
  for (int32_t x = 0; x < a->w.in; ++x, out += out_c) {
    for (int32_t k = 0; k < a->w.kernel; ++k) {
      const int32_t from = source_of(&a->w, x, k, in_w);
      if (from < 0) continue;
      const float *pixel = in + from * in_c, *weights = filter + k * out_c * in_c;
      for (ptrdiff_t j = 0; j < out_c; ++j, weights += in_c) {
        float sum = 0.0f;
        for (ptrdiff_t p = 0; p < in_c; ++p) sum += pixel[p] * weights[p];
        out[j] += sum;
      }
    }
  }
}

typedef struct transpose_job {
  const ln_node *node;
  const ln_exec *exec;
  ln_weights filter;
} transpose_job;

/* Line `index` of the kernel, [w, out_c, in_c]. */
static const float *filter_line(const transpose_job *job, size_t index, int32_t worker) {
  const conv3d_args *a = job->node->args;
  const size_t items = (size_t)a->w.kernel * (size_t)a->out_c * (size_t)a->in_c; /* bounded: line_scratch */
  if (ln_weights_is_plain(&job->filter)) return (const float *)job->filter.data + index * items;
  float *line = ln_exec_thread_scratch(job->exec, worker);
  ln_weights_read(&job->filter, index * items, items, line);
  return line;
}

static void transpose_task(void *context, int32_t task, int32_t worker) {
  const transpose_job *job = context;
  const ln_node *node = job->node;
  const conv3d_args *a = node->args;
  const ln_shape *in = &node->in[2]->shape;
  const ln_tensor *bias = node->in_count > 3 ? node->in[3] : NULL;
  const int32_t y = task % a->h.in, z = task / a->h.in % a->d.in, batch = task / a->h.in / a->d.in;
  const size_t width = (size_t)a->w.in * (size_t)a->out_c;
  float *out = (float *)node->out[0]->data + (size_t)task * width;
  memset(out, 0, width * sizeof(float));
  for (int32_t kz = 0; kz < a->d.kernel; ++kz) {
    const int32_t iz = source_of(&a->d, z, kz, in->dims[1]);
    for (int32_t ky = 0; iz >= 0 && ky < a->h.kernel; ++ky) {
      const int32_t iy = source_of(&a->h, y, ky, in->dims[2]);
      if (iy < 0) continue;
      const size_t line = ((size_t)batch * (size_t)in->dims[1] + (size_t)iz) * (size_t)in->dims[2] + (size_t)iy;
      add_line(a, (const float *)node->in[2]->data + line * (size_t)in->dims[3] * (size_t)a->in_c, in->dims[3],
               filter_line(job, (size_t)kz * (size_t)a->h.kernel + (size_t)ky, worker), out);
    }
  }
  for (size_t i = 0; i < width; ++i) {
    const float offset = bias == NULL ? 0.0f : ((const float *)bias->data)[i % (size_t)a->out_c];
    out[i] = ln_clamp_f32(out[i] + offset, a->low, a->high);
  }
}

ln_status ln_conv3d_transpose_run(const ln_node *node, ln_exec *exec) {
  const conv3d_args *a = node->args;
  if (ln_shape_span(&node->out[0]->shape, 0, 5) == 0) return LN_OK;
  transpose_job job = {.node = node, .exec = exec};
  LN_TRY(ln_weights_open(node, node->in[1], exec->err, &job.filter));
  ln_pool_run(exec->pool, a->lines, transpose_task, &job);
  return LN_OK;
}

int64_t ln_conv3d_transpose_macs(const ln_node *node) {
  const double pixels = (double)ln_shape_span(&node->in[2]->shape, 0, 4);
  const double macs = pixels * (double)ln_shape_span(&node->in[1]->shape, 0, 5);
  return macs < 0x1p62 ? (int64_t)macs : 0;
}

/* RFFT2D over the last two dimensions, and what leads from complex numbers back to real ones. */
#include "kernels/fft.h"

#include <math.h>
#include <string.h>

#include "ops/rows.h"

/* ---- RFFT2D: the input, cropped or padded with zeros to fft_length (input 1: height and width) ---- */

typedef struct rfft2d_args {
  int32_t in_rows, in_columns; /* of a slice of the input that are used */
  size_t in_row_stride, in_slice_stride;
  int32_t height, width, bins; /* of the transform; bins = width / 2 + 1 */
  int32_t slices, slices_a_task;
  ln_fft_f32 along_rows;    /* of width / 2 points; length 0 for a width of 1 */
  ln_fft_f32 along_columns; /* of height points; length 0 for a height of 1 */
} rfft2d_args;

/* Lengths that are no powers of two go by way of flex_fft.c, in double. */
static ln_status is_direct(const ln_node *node, ln_error *err, bool *direct) {
  int64_t lengths[2];
  int32_t count;
  LN_TRY(ln_node_ints(node, 1, lengths, 2, &count, err));
  if (count != 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "needs two lengths");
  *direct = ln_fft_length_ok(lengths[0]) && ln_fft_length_ok(lengths[1]);
  return LN_OK;
}

static bool make_plan(ln_fft_f32 *plan, int32_t length, ln_arena *arena) {
  plan->length = length;
  plan->order = ln_arena_array(arena, (size_t)length, sizeof(int32_t));
  plan->twiddles = ln_arena_array(arena, (size_t)length, 2 * sizeof(float));
  plan->split = ln_arena_array(arena, (size_t)length, sizeof(float));
  if (plan->order == NULL || plan->twiddles == NULL || plan->split == NULL) return false;
  ln_k_fft_init_f32(plan);
  return true;
}

ln_status ln_rfft2d_prepare(ln_node *node, ln_prep *prep) {
  const ln_shape *in = &node->in[0]->shape, *out = &node->out[0]->shape;
  bool direct = false;
  LN_TRY(is_direct(node, prep->err, &direct));
  if (!direct) return ln_flex_fft_prepare(node, prep);
  rfft2d_args *args = LN_NODE_ARGS(node, prep, rfft2d_args);
  if (args == NULL) return LN_ERR_MEMORY;
  const int32_t in_height = in->dims[in->rank - 2], in_width = in->dims[in->rank - 1];
  args->height = out->dims[out->rank - 2];
  args->bins = out->dims[out->rank - 1];
  args->width = args->bins == 1 ? 1 : 2 * (args->bins - 1);
  args->in_rows = in_height < args->height ? in_height : args->height;
  args->in_columns = in_width < args->width ? in_width : args->width;
  args->in_row_stride = (size_t)in_width;
  args->in_slice_stride = ln_shape_span(in, in->rank - 2, in->rank);
  const size_t slices = ln_shape_span(out, 0, out->rank - 2);
  const size_t slice_size = ln_shape_span(out, out->rank - 2, out->rank);
  if (slices > INT32_MAX) return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "more than 2^31 transforms");
  args->slices = (int32_t)slices;
  args->slices_a_task = slice_size < 4096 ? (int32_t)(4096 / slice_size) : 1;
  if ((args->width > 1 && !make_plan(&args->along_rows, args->width / 2, prep->arena)) ||
      (args->height > 1 && !make_plan(&args->along_columns, args->height, prep->arena))) {
    return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory for the tables of a Fourier transform");
  }
  /* A row padded and a row mixed, or a column before and after; lengths are at most LN_FFT_MAX_LENGTH. */
  const size_t longest = args->width > 2 * args->height ? (size_t)args->width : 2 * (size_t)args->height;
  node->thread_scratch_bytes = 2 * longest * sizeof(float);
  return LN_OK;
}

static void transform_row(const rfft2d_args *args, const float *row, float *scratch, float *out) {
  float *padded = scratch, *work = scratch + args->width;
  memset(padded, 0, (size_t)args->width * sizeof(float));
  if (row != NULL) memcpy(padded, row, (size_t)args->in_columns * sizeof(float));
  if (args->width > 1) {
    ln_k_rfft_f32(&args->along_rows, padded, work, out);
  } else {
    out[0] = padded[0];
    out[1] = 0.0f;
  }
}

static void transform_column(const rfft2d_args *args, float *scratch, float *column) {
  const size_t stride = 2 * (size_t)args->bins;
  float *before = scratch, *after = scratch + 2 * (size_t)args->height;
  for (int32_t r = 0; r < args->height; ++r) {
    before[2 * r] = column[(size_t)r * stride];
    before[2 * r + 1] = column[(size_t)r * stride + 1];
  }
  ln_k_fft_f32(&args->along_columns, before, after);
  for (int32_t r = 0; r < args->height; ++r) {
    column[(size_t)r * stride] = after[2 * r];
    column[(size_t)r * stride + 1] = after[2 * r + 1];
  }
}

typedef struct rfft2d_run {
  const rfft2d_args *args;
  const ln_exec *exec;
  const float *in;
  float *out;
} rfft2d_run;

static void rfft2d_task(void *context, int32_t task, int32_t worker) {
  const rfft2d_run *run = context;
  const rfft2d_args *args = run->args;
  float *scratch = ln_exec_thread_scratch(run->exec, worker);
  const size_t out_row = 2 * (size_t)args->bins, out_slice = out_row * (size_t)args->height;
  const int32_t from = task * args->slices_a_task;
  const int32_t to = args->slices - from < args->slices_a_task ? args->slices : from + args->slices_a_task;
  for (int32_t s = from; s < to; ++s) {
    const float *in = run->in + (size_t)s * args->in_slice_stride;
    float *out = run->out + (size_t)s * out_slice;
    for (int32_t r = 0; r < args->height; ++r) {
      const bool given = r < args->in_rows && args->in_columns > 0;
      transform_row(args, given ? in + (size_t)r * args->in_row_stride : NULL, scratch, out + (size_t)r * out_row);
    }
    for (int32_t c = 0; args->height > 1 && c < args->bins; ++c) transform_column(args, scratch, out + 2 * (size_t)c);
  }
}

ln_status ln_rfft2d_run(const ln_node *node, ln_exec *exec) {
  bool direct = false;
  LN_TRY(is_direct(node, exec->err, &direct));
  if (!direct) return ln_flex_fft_run(node, exec);
  const rfft2d_args *args = node->args;
  rfft2d_run run = {args, exec, node->in[0]->data, node->out[0]->data};
  const int32_t tasks = args->slices / args->slices_a_task + (args->slices % args->slices_a_task != 0);
  ln_pool_run(exec->pool, tasks, rfft2d_task, &run);
  return LN_OK;
}

/* ---- COMPLEX_ABS, REAL, IMAG ---- */

static size_t elements_of(const ln_tensor *tensor) { return ln_shape_span(&tensor->shape, 0, tensor->shape.rank); }

ln_status ln_complex_abs_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const size_t count = elements_of(node->out[0]);
  if (node->in[0]->type == LN_COMPLEX64) {
    const float *in = node->in[0]->data;
    float *out = node->out[0]->data;
    /* In double neither the squares nor their sum can overflow. */
    for (size_t i = 0; i < count; ++i) {
      const double re = in[2 * i], im = in[2 * i + 1];
      out[i] = (float)sqrt(re * re + im * im);
    }
    return LN_OK;
  }
  const double *in = node->in[0]->data;
  double *out = node->out[0]->data;
  for (size_t i = 0; i < count; ++i) out[i] = hypot(in[2 * i], in[2 * i + 1]);
  return LN_OK;
}

/* The row's variant is the part that is taken: 0 real, 1 imaginary. */
ln_status ln_complex_part_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const size_t count = elements_of(node->out[0]), part = (size_t)node->op->def->variant;
  if (node->in[0]->type == LN_COMPLEX64) {
    const float *in = node->in[0]->data;
    float *out = node->out[0]->data;
    for (size_t i = 0; i < count; ++i) out[i] = in[2 * i + part];
    return LN_OK;
  }
  const double *in = node->in[0]->data;
  double *out = node->out[0]->data;
  for (size_t i = 0; i < count; ++i) out[i] = in[2 * i + part];
  return LN_OK;
}

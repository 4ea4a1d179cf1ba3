/*
 * Select-TF convolutions and pools, their gradients among them. The row's variant says what is computed; the number of
 * spatial dimensions is two, or three where the operator's name says so.
 */
#include <string.h>

#include "kernels/conv_nd.h"
#include "ops/elementwise.h"
#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/window.h"

typedef struct conv_args {
  ln_conv_nd c;
  size_t batches;
} conv_args;

static int32_t kind_of(const ln_node *node) { return node->op->def->variant & LN_CONV_ND_KIND; }
static int32_t spatial_dims(const ln_node *node) { return (node->op->def->variant & LN_CONV_ND_3D) != 0 ? 3 : 2; }
static bool is_depthwise(const ln_node *node) { return (node->op->def->variant & LN_CONV_ND_DEPTHWISE) != 0; }
static bool is_pool(const ln_node *node) { return kind_of(node) >= LN_CONV_ND_MAX_POOL; }

/* ---- the window's attributes ---- */

/* A list of one number a dimension, into the three places of `out`; those of batches and channels must be 1. */
static ln_status read_list(const ln_node *node, ln_error *err, const char *key, int32_t *out) {
  const int32_t dims = spatial_dims(node), offset = LN_CONV_ND_DIMS - dims;
  int64_t values[LN_CONV_ND_DIMS + 2] = {1, 1, 1, 1, 1};
  int32_t count = dims + 2;
  LN_TRY(ln_attr_ints(node, err, key, values, LN_CONV_ND_DIMS + 2, &count));
  bool fits = count == dims + 2 && values[0] == 1 && values[count - 1] == 1;
  for (int32_t i = 0; fits && i < dims; ++i) {
    fits = values[i + 1] >= 1 && values[i + 1] <= LN_WINDOW_MOST;
    out[offset + i] = (int32_t)values[i + 1];
  }
  return fits ? LN_OK : ln_node_fail(node, err, LN_ERR_MODEL, "the attribute %s does not fit images", key);
}

/* Explicit paddings: two numbers a dimension. */
static ln_status read_pads(const ln_node *node, ln_error *err, int32_t *before, int32_t *after) {
  const int32_t dims = spatial_dims(node), offset = LN_CONV_ND_DIMS - dims;
  int64_t values[2 * (LN_CONV_ND_DIMS + 2)] = {0};
  int32_t count = 0;
  LN_TRY(ln_attr_ints(node, err, "explicit_paddings", values, 2 * (LN_CONV_ND_DIMS + 2), &count));
  bool fits = count == 2 * (dims + 2);
  for (int32_t i = 0; fits && i < dims; ++i) {
    const int64_t low = values[2 * i + 2], high = values[2 * i + 3];
    fits = low >= 0 && low <= LN_WINDOW_MOST && high >= 0 && high <= LN_WINDOW_MOST;
    before[offset + i] = (int32_t)low;
    after[offset + i] = (int32_t)high;
  }
  return fits ? LN_OK : ln_node_fail(node, err, LN_ERR_MODEL, "explicit_paddings do not fit images");
}

/* Fills all but the kernel's extents (a pool's too) and channels from the attributes and the image's extents. */
static ln_status read_window(const ln_node *node, ln_error *err, ln_conv_nd *c) {
  static const char *const paddings[] = {"SAME", "VALID", "EXPLICIT"};
  static const char *const formats[] = {"NHWC", "NDHWC"};
  int32_t padding = -1, format = 0, after[LN_CONV_ND_DIMS] = {0};
  LN_TRY(read_list(node, err, "strides", c->stride));
  if (!is_pool(node)) LN_TRY(read_list(node, err, "dilations", c->dilation));
  LN_TRY(ln_attr_choice(node, err, "data_format", formats, 2, &format));
  LN_TRY(ln_attr_choice(node, err, "padding", paddings, 3, &padding));
  if (padding < 0) return ln_node_fail(node, err, LN_ERR_MODEL, "the attribute padding is missing");
  if (padding == 2) LN_TRY(read_pads(node, err, c->before, after));
  c->in_points = c->out_points = 1;
  for (int32_t i = 0; i < LN_CONV_ND_DIMS; ++i) {
    ln_window w = {c->in[i], c->kernel[i], c->stride[i], c->dilation[i], c->before[i], after[i], 0};
    if (!ln_window_resolve(&w, padding == 0 ? LN_PADDING_SAME : LN_PADDING_VALID, padding == 2)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "a window of %d does not fit into %d points", w.kernel, w.in);
    }
    c->before[i] = w.before;
    c->out[i] = w.out;
    if (!ln_size_mul(c->in_points, (size_t)w.in, &c->in_points) ||
        !ln_size_mul(c->out_points, (size_t)w.out, &c->out_points)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "the image is too large");
    }
  }
  return LN_OK;
}

static ln_conv_nd plain_window(void) {
  ln_conv_nd c;
  memset(&c, 0, sizeof c);
  for (int32_t i = 0; i < LN_CONV_ND_DIMS; ++i) c.in[i] = c.out[i] = c.kernel[i] = c.stride[i] = c.dilation[i] = 1;
  return c;
}

/* ---- shapes ---- */

/* A shape given as a tensor of sizes. */
static ln_status read_sizes(const ln_node *node, int32_t input, ln_shape *out, ln_error *err) {
  int64_t values[LN_MAX_RANK];
  int32_t count = 0;
  LN_TRY(ln_node_ints(node, input, values, LN_MAX_RANK, &count, err));
  out->rank = 0;
  for (int32_t i = 0; i < count; ++i) {
    if (!ln_shape_push(out, values[i])) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d holds the size %lld", input, (long long)values[i]);
    }
  }
  return LN_OK;
}

/* What a convolution works on. */
typedef struct conv_shapes {
  ln_shape image, filter;
  const ln_shape *gradient; /* NULL for the convolution itself */
} conv_shapes;

/* Sizes of an image without batches and channels get these from the gradient and the filter. */
static void complete_sizes(const ln_node *node, conv_shapes *s) {
  const int32_t dims = spatial_dims(node);
  if (s->image.rank != dims || s->gradient->rank != dims + 2 || s->filter.rank != dims + 2) return;
  ln_shape whole = {0, {0}};
  ln_shape_push(&whole, s->gradient->dims[0]);
  for (int32_t i = 0; i < dims; ++i) ln_shape_push(&whole, s->image.dims[i]);
  ln_shape_push(&whole, s->filter.dims[dims]);
  s->image = whole;
}

static ln_status conv_shapes_of(const ln_node *node, conv_shapes *s, ln_error *err) {
  const int32_t kind = kind_of(node);
  s->gradient = NULL;
  if (kind == LN_CONV_ND_FORWARD) {
    s->image = node->in[0]->shape;
    s->filter = node->in[1]->shape;
    return LN_OK;
  }
  s->gradient = &node->in[2]->shape;
  if (kind == LN_CONV_ND_INPUT) {
    s->filter = node->in[1]->shape;
    LN_TRY(read_sizes(node, 0, &s->image, err));
    complete_sizes(node, s);
    return LN_OK;
  }
  s->image = node->in[0]->shape;
  return read_sizes(node, 1, &s->filter, err);
}

/* The convolution's numbers from its shapes; a gradient must be of the result's shape. */
static ln_status conv_geometry(const ln_node *node, const conv_shapes *s, ln_error *err, ln_conv_nd *c,
                               ln_shape *result) {
  const int32_t dims = spatial_dims(node), offset = LN_CONV_ND_DIMS - dims;
  const ln_shape *image = &s->image, *filter = &s->filter;
  *c = plain_window();
  if (image->rank != dims + 2 || filter->rank != dims + 2) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "image and filter must have %d dimensions", dims + 2);
  }
  const int32_t channels = image->dims[dims + 1], inner = filter->dims[dims], last = filter->dims[dims + 1];
  size_t out_channels = (size_t)last;
  if (is_depthwise(node) && !ln_size_mul((size_t)inner, (size_t)last, &out_channels)) out_channels = SIZE_MAX;
  const bool fits = is_depthwise(node) ? inner == channels : inner > 0 && channels % inner == 0;
  c->in_channels = (size_t)channels;
  c->out_channels = out_channels;
  c->groups = !fits ? 0 : (is_depthwise(node) ? (size_t)channels : (size_t)(channels / inner));
  if (channels < 1 || last < 1 || c->groups == 0 || out_channels > INT32_MAX || out_channels % c->groups != 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "a filter of %d and %d channels does not fit an image of %d", inner,
                        last, channels);
  }
  for (int32_t i = 0; i < dims; ++i) {
    c->in[offset + i] = image->dims[i + 1];
    c->kernel[offset + i] = filter->dims[i];
  }
  LN_TRY(read_window(node, err, c));
  result->rank = 0;
  ln_shape_push(result, image->dims[0]);
  for (int32_t i = 0; i < dims; ++i) ln_shape_push(result, c->out[offset + i]);
  ln_shape_push(result, (int64_t)out_channels);
  if (s->gradient != NULL && !ln_shape_equal(result, s->gradient)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the gradient is not of the convolution's shape");
  }
  return LN_OK;
}

ln_status ln_conv_nd_infer(ln_node *node, ln_error *err) {
  conv_shapes s;
  ln_conv_nd c;
  ln_shape result;
  LN_TRY(conv_shapes_of(node, &s, err));
  LN_TRY(conv_geometry(node, &s, err, &c, &result));
  const int32_t kind = kind_of(node);
  return ln_node_set_shape(node, 0,
                           kind == LN_CONV_ND_FORWARD ? &result
                           : kind == LN_CONV_ND_INPUT ? &s.image
                                                      : &s.filter,
                           err);
}

ln_status ln_conv_nd_prepare(ln_node *node, ln_prep *prep) {
  conv_args *args = LN_NODE_ARGS(node, prep, conv_args);
  conv_shapes s;
  ln_shape result;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  /* What infer read of the sizes are the output's shape now. */
  const int32_t kind = kind_of(node);
  s.image = kind == LN_CONV_ND_INPUT ? node->out[0]->shape : node->in[0]->shape;
  s.filter = kind == LN_CONV_ND_FILTER ? node->out[0]->shape : node->in[1]->shape;
  s.gradient = kind == LN_CONV_ND_FORWARD ? NULL : &node->in[2]->shape;
  args->batches = (size_t)s.image.dims[0];
  return conv_geometry(node, &s, prep->err, &args->c, &result);
}

int64_t ln_conv_nd_macs(const ln_node *node) {
  const conv_args *args = node->args;
  if (args == NULL) return 0;
  const ln_conv_nd *c = &args->c;
  int64_t macs = (int64_t)(c->in_channels / c->groups);
  for (int32_t i = 0; i < LN_CONV_ND_DIMS; ++i) macs *= c->kernel[i];
  return macs * (int64_t)(args->batches * c->out_points * c->out_channels); /* bounded: tensors of these sizes exist */
}

/* ---- running: both types through one set of tasks ---- */

typedef struct conv_job {
  const ln_conv_nd *c;
  const char *a, *b; /* the first and second tensor of numbers */
  char *out;
  int64_t *arg;
  size_t batches, item;
  int32_t kind;
  bool is_double;
} conv_job;

#define CALL(job, stem, ...)  \
  do {                        \
    if ((job)->is_double) {   \
      typedef double real;    \
      stem##_f64 __VA_ARGS__; \
    } else {                  \
      typedef float real;     \
      stem##_f32 __VA_ARGS__; \
    }                         \
  } while (0)

static void line_task(void *context, int32_t task, int32_t worker) {
  const conv_job *job = context;
  const ln_conv_nd *c = job->c;
  const size_t lines = (size_t)c->out[0] * (size_t)c->out[1]; /* bounded: out_points is checked */
  const size_t batch = (size_t)task / lines, line = (size_t)task % lines;
  const void *image = job->a + batch * c->in_points * c->in_channels * job->item;
  void *out = job->out + (size_t)task * (size_t)c->out[2] * c->out_channels * job->item;
  (void)worker;
  CALL(job, ln_k_conv_nd, (c, (const real *)image, (const real *)(const void *)job->b, line, (real *)out));
}

static void place_task(void *context, int32_t task, int32_t worker) {
  const conv_job *job = context;
  const ln_conv_nd *c = job->c;
  void *out = job->out + (size_t)task * (c->in_channels / c->groups) * c->out_channels * job->item;
  (void)worker;
  CALL(job, ln_k_conv_nd_filter,
       (c, (size_t)task, job->batches, (const real *)(const void *)job->a, (const real *)(const void *)job->b,
        (real *)out));
}

static void image_task(void *context, int32_t task, int32_t worker) {
  const conv_job *job = context;
  const ln_conv_nd *c = job->c;
  const size_t inputs = (size_t)task * c->in_points * c->in_channels * job->item;
  const size_t outputs = (size_t)task * c->out_points * c->out_channels * job->item;
  const void *image = job->a == NULL ? NULL : job->a + inputs;     /* an average's gradient has only its shape */
  const void *gradient = job->b == NULL ? NULL : job->b + outputs; /* there is none to a pool forward */
  (void)worker;
  switch (job->kind) {
    case LN_CONV_ND_INPUT:
      CALL(job, ln_k_conv_nd_input,
           (c, (const real *)(const void *)job->a, (const real *)gradient, (real *)(void *)(job->out + inputs)));
      break;
    case LN_CONV_ND_MAX_POOL:
      CALL(job, ln_k_max_pool_nd,
           (c, (const real *)image, (real *)(void *)(job->out + outputs),
            job->arg == NULL ? NULL : job->arg + (size_t)task * c->out_points * c->out_channels));
      break;
    case LN_CONV_ND_AVG_POOL:
      CALL(job, ln_k_avg_pool_nd, (c, (const real *)image, (real *)(void *)(job->out + outputs)));
      break;
    case LN_CONV_ND_MAX_GRAD:
      CALL(job, ln_k_max_pool_grad_nd,
           (c, (const real *)image, (const real *)gradient, (real *)(void *)(job->out + inputs)));
      break;
    default: CALL(job, ln_k_avg_pool_grad_nd, (c, (const real *)gradient, (real *)(void *)(job->out + inputs))); break;
  }
}

static ln_status run_tasks(const ln_node *node, ln_exec *exec, size_t count, ln_task_fn fn, conv_job *job) {
  if (count > INT32_MAX) return ln_node_fail(node, exec->err, LN_ERR_UNSUPPORTED, "more than 2^31 parts");
  ln_pool_run(exec->pool, (int32_t)count, fn, job);
  return LN_OK;
}

static conv_job make_job(const ln_node *node, int32_t a, int32_t b) {
  const conv_args *args = node->args;
  const ln_type type = node->out[0]->type;
  conv_job job = {.c = &args->c, .out = node->out[0]->data, .batches = args->batches, .kind = kind_of(node)};
  if (a >= 0) job.a = node->in[a]->data;
  if (b >= 0) job.b = node->in[b]->data;
  job.item = ln_type_bytes(type);
  job.is_double = type == LN_FLOAT64;
  return job;
}

ln_status ln_conv_nd_run(const ln_node *node, ln_exec *exec) {
  const conv_args *args = node->args;
  const ln_conv_nd *c = &args->c;
  const int32_t kind = kind_of(node);
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  conv_job job = make_job(node, kind == LN_CONV_ND_INPUT ? 1 : 0, kind == LN_CONV_ND_FORWARD ? 1 : 2);
  if (kind == LN_CONV_ND_INPUT) return run_tasks(node, exec, args->batches, image_task, &job);
  size_t count = 0;
  bool fits;
  if (kind == LN_CONV_ND_FORWARD) {
    fits = ln_size_mul(args->batches, (size_t)c->out[0], &count) && ln_size_mul(count, (size_t)c->out[1], &count);
    if (fits) return run_tasks(node, exec, count, line_task, &job);
  } else {
    fits = ln_size_product(c->kernel, LN_CONV_ND_DIMS, &count);
    if (fits) return run_tasks(node, exec, count, place_task, &job);
  }
  return ln_node_fail(node, exec->err, LN_ERR_UNSUPPORTED, "too many parts");
}

/* ---- pools ---- */

/* Image shape of a pool: input 0 itself, or the sizes it holds. */
static ln_status pool_geometry(const ln_node *node, const ln_shape *image, const ln_shape *gradient, ln_error *err,
                               ln_conv_nd *c, ln_shape *result) {
  const int32_t dims = spatial_dims(node), offset = LN_CONV_ND_DIMS - dims;
  *c = plain_window();
  if (image->rank != dims + 2) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the image must have %d dimensions", dims + 2);
  }
  for (int32_t i = 0; i < dims; ++i) c->in[offset + i] = image->dims[i + 1];
  c->in_channels = c->out_channels = c->groups = (size_t)image->dims[dims + 1];
  LN_TRY(read_list(node, err, "ksize", c->kernel));
  LN_TRY(read_window(node, err, c));
  result->rank = 0;
  ln_shape_push(result, image->dims[0]);
  for (int32_t i = 0; i < dims; ++i) ln_shape_push(result, c->out[offset + i]);
  ln_shape_push(result, image->dims[dims + 1]);
  if (gradient != NULL && !ln_shape_equal(result, gradient)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the gradient is not of the pool's shape");
  }
  return LN_OK;
}

static const ln_shape *pool_gradient(const ln_node *node) {
  switch (kind_of(node)) {
    case LN_CONV_ND_MAX_GRAD: return &node->in[2]->shape;
    case LN_CONV_ND_AVG_GRAD: return &node->in[1]->shape;
    default: return NULL;
  }
}

ln_status ln_pool_nd_infer(ln_node *node, ln_error *err) {
  ln_shape image = node->in[0]->shape, result;
  ln_conv_nd c;
  const ln_shape *gradient = pool_gradient(node);
  if (kind_of(node) == LN_CONV_ND_AVG_GRAD) LN_TRY(read_sizes(node, 0, &image, err));
  LN_TRY(pool_geometry(node, &image, gradient, err, &c, &result));
  for (int32_t i = 0; i < node->out_count; ++i) {
    LN_TRY(ln_node_set_shape(node, i, gradient == NULL ? &result : &image, err));
  }
  return LN_OK;
}

ln_status ln_pool_nd_prepare(ln_node *node, ln_prep *prep) {
  conv_args *args = LN_NODE_ARGS(node, prep, conv_args);
  ln_shape result;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  const ln_shape *gradient = pool_gradient(node);
  const ln_shape *image = gradient == NULL ? &node->in[0]->shape : &node->out[0]->shape;
  args->batches = (size_t)image->dims[0];
  if (kind_of(node) == LN_CONV_ND_MAX_GRAD && !ln_shape_equal(gradient, &node->in[1]->shape)) {
    return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "the pool's output and its gradient differ in shape");
  }
  /* Positions are found as int64. */
  const ln_shape *out = &node->out[0]->shape;
  if (node->out_count == 2 && !ln_size_mul(ln_shape_span(out, 0, out->rank), sizeof(int64_t), &node->scratch_bytes)) {
    return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  }
  return pool_geometry(node, image, gradient, prep->err, &args->c, &result);
}

/* Positions of maxima count from each image's beginning, or from the batch's. */
static ln_status store_positions(const ln_node *node, ln_exec *exec, int64_t *arg) {
  const conv_args *args = node->args;
  const size_t each = args->c.out_points * args->c.out_channels, image = args->c.in_points * args->c.in_channels;
  bool from_batch = false;
  LN_TRY(ln_attr_bool(node, exec->err, "include_batch_in_index", &from_batch));
  for (size_t i = 0; from_batch && i < args->batches * each; ++i) arg[i] += (int64_t)(i / each * image);
  ln_k_cast(arg, LN_NUMBER_I64, node->out[1]->data, ln_number_of(node->out[1]->type), args->batches * each);
  return LN_OK;
}

ln_status ln_pool_nd_run(const ln_node *node, ln_exec *exec) {
  const conv_args *args = node->args;
  const int32_t kind = kind_of(node);
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  conv_job job = make_job(node, kind == LN_CONV_ND_AVG_GRAD ? -1 : 0,
                          kind == LN_CONV_ND_MAX_GRAD ? 2 : (kind == LN_CONV_ND_AVG_GRAD ? 1 : -1));
  if (node->out_count == 2) job.arg = exec->scratch;
  LN_TRY(run_tasks(node, exec, args->batches, image_task, &job));
  return job.arg == NULL ? LN_OK : store_positions(node, exec, job.arg);
}

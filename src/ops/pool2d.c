/* AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D: rows of outputs by the kernels of kernels/pool2d.h, in bands. */
#include "ops/rows.h"
#include "ops/window.h"

#define AVERAGES (LN_OP_TYPES(AVERAGE_POOL_2D) | LN_OP_TYPES(FlexAvgPool))
#define MAXIMA (LN_OP_TYPES(MAX_POOL_2D) | LN_OP_TYPES(FlexMaxPool))
#define ROOTS LN_OP_TYPES(L2_POOL_2D)
#define TYPES (AVERAGES | MAXIMA | ROOTS)

enum { BAND_ELEMENTS = 20000 /* a task's least work, in input elements under windows */ };

typedef struct pool2d_args {
  ln_window h, w;
  int32_t batches, channels;
  int32_t rows_per_band, bands;
  size_t in_row, out_row, bytes;  /* elements of a row, bytes of an element */
  ln_pool2d_f32_fn *float_kernel; /* one of the two */
  ln_pool2d_int_fn *int_kernel;
  float float_low, float_high;
  int32_t low, high;
} pool2d_args;

static ln_status resolve(const ln_node *node, pool2d_args *a, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  const ln_pool2d_options *options = LN_OPTIONS(node, pool2d_options);
  if (in->rank != 4) return ln_node_fail(node, err, LN_ERR_SHAPE, "the input must be [n, h, w, c]");
  a->batches = in->dims[0];
  a->channels = in->dims[3];
  a->h = (ln_window){in->dims[1], options->filter_height, options->stride_h, 1, 0, 0, 0};
  a->w = (ln_window){in->dims[2], options->filter_width, options->stride_w, 1, 0, 0, 0};
  if (!ln_window_resolve(&a->h, options->padding, false) || !ln_window_resolve(&a->w, options->padding, false) ||
      (int64_t)a->batches * a->h.out > INT32_MAX) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "a %dx%d window with strides %dx%d does not fit a %dx%d input",
                        a->h.kernel, a->w.kernel, a->h.stride, a->w.stride, a->h.in, a->w.in);
  }
  return LN_OK;
}

ln_status ln_pool2d_infer(ln_node *node, ln_error *err) {
  pool2d_args a;
  LN_TRY(resolve(node, &a, err));
  const int32_t dims[4] = {a.batches, a.h.out, a.w.out, a.channels};
  const ln_shape shape = ln_shape_make(4, dims);
  return ln_node_set_shape(node, 0, &shape, err);
}

#define CHOOSE(types, type_, fn, slot) \
  if (LN_IN(types, type_) && type == (type_)) a->fn = LN_KERNEL_OF(pool2d, slot);

/* Neither kernel for what is left out of this build. */
static void choose_kernel(pool2d_args *a, ln_type type, int32_t variant) {
  if (variant == LN_POOL_AVERAGE) {
    CHOOSE(AVERAGES, LN_FLOAT32, float_kernel, average_f32)
    CHOOSE(AVERAGES, LN_INT8, int_kernel, average_i8)
    CHOOSE(AVERAGES, LN_UINT8, int_kernel, average_u8)
    CHOOSE(AVERAGES, LN_INT16, int_kernel, average_i16)
  } else if (variant == LN_POOL_MAX) {
    CHOOSE(MAXIMA, LN_FLOAT32, float_kernel, max_f32)
    CHOOSE(MAXIMA, LN_INT8, int_kernel, max_i8)
    CHOOSE(MAXIMA, LN_UINT8, int_kernel, max_u8)
    CHOOSE(MAXIMA, LN_INT16, int_kernel, max_i16)
  } else if (ROOTS != 0) {
    a->float_kernel = ln_k_pool2d_l2_f32;
  }
}

ln_status ln_pool2d_prepare(ln_node *node, ln_prep *prep) {
  pool2d_args *a = LN_NODE_ARGS(node, prep, pool2d_args);
  if (a == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(resolve(node, a, prep->err));
  const ln_tensor *in = node->in[0];
  const int32_t activation = LN_OPTIONS(node, pool2d_options)->fused_activation_function;
  LN_TRY(ln_node_check_built(node, TYPES, prep->err));
  choose_kernel(a, in->type, node->op->def->variant);
  if (a->float_kernel == NULL && a->int_kernel == NULL) return ln_node_check_built(node, 0, prep->err);
  if (LN_MEETS(TYPES, in->type, LN_FLOAT32)) {
    LN_TRY(ln_node_float_range(node, activation, prep->err, &a->float_low, &a->float_high));
  } else {
    LN_TRY(ln_node_quantized_range(node, activation, node->out[0], prep->err, &a->low, &a->high));
  }
  a->in_row = ln_shape_span(&in->shape, 2, 4);
  a->out_row = ln_shape_span(&node->out[0]->shape, 2, 4);
  a->bytes = (size_t)ln_type_bits(in->type) / 8;
  const int64_t window_h = a->h.kernel < a->h.in ? a->h.kernel : a->h.in;
  const int64_t window_w = a->w.kernel < a->w.in ? a->w.kernel : a->w.in;
  const int64_t work = (int64_t)a->out_row * window_h * window_w + 1; /* under one output row */
  const int64_t rows = (int64_t)a->batches * a->h.out;
  const int64_t rows_per_band = BAND_ELEMENTS / work + 1;
  a->rows_per_band = (int32_t)rows_per_band;
  a->bands = (int32_t)((rows + rows_per_band - 1) / rows_per_band);
  return LN_OK;
}

typedef struct band_context {
  const pool2d_args *a;
  const char *in;
  char *out;
} band_context;

static void run_row(const band_context *b, int32_t index) {
  const pool2d_args *a = b->a;
  const int64_t from = (int64_t)(index % a->h.out) * a->h.stride - a->h.before;
  const int64_t to = from + a->h.kernel < a->h.in ? from + a->h.kernel : a->h.in;
  const int64_t first = from < 0 ? 0 : from;
  const size_t row = (size_t)(index / a->h.out) * (size_t)a->h.in + (size_t)first;
  const ln_pool2d_row args = {.in = b->in + row * a->in_row * a->bytes,
                              .out = b->out + (size_t)index * a->out_row * a->bytes,
                              .rows = (int32_t)(to - first),
                              .in_w = a->w.in,
                              .channels = a->channels,
                              .window_w = a->w.kernel,
                              .stride_w = a->w.stride,
                              .pad_left = a->w.before,
                              .out_w = a->w.out};
  if (a->float_kernel != NULL) a->float_kernel(&args, a->float_low, a->float_high);
  else a->int_kernel(&args, a->low, a->high);
}

static void run_band(void *context, int32_t task, int32_t worker) {
  (void)worker;
  const band_context *b = context;
  const int64_t rows = (int64_t)b->a->batches * b->a->h.out;
  const int64_t from = (int64_t)task * b->a->rows_per_band;
  const int64_t to = from + b->a->rows_per_band < rows ? from + b->a->rows_per_band : rows;
  for (int64_t index = from; index < to; ++index) run_row(b, (int32_t)index);
}

ln_status ln_pool2d_run(const ln_node *node, ln_exec *exec) {
  const pool2d_args *a = node->args;
  band_context b = {a, node->in[0]->data, node->out[0]->data};
  ln_pool_run(exec->pool, a->bands, run_band, &b);
  return LN_OK;
}

int64_t ln_pool2d_macs(const ln_node *node) {
  const ln_pool2d_options *options = LN_OPTIONS(node, pool2d_options);
  return (int64_t)ln_shape_span(&node->out[0]->shape, 0, 4) * options->filter_height * options->filter_width;
}

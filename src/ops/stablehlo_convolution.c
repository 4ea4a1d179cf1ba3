/*
 * STABLEHLO_CONVOLUTION: any number of spatial dimensions, dilated on both sides, reversed, in groups of features or of
 * the batch. Operands are brought into the order [batch, spatial..., feature] and [spatial..., in, out] where they do
 * not lie so. Floats of up to two spatial dimensions go to CONV_2D's plans, DEPTHWISE_CONV_2D and TRANSPOSE_CONV where
 * those know the form; all else copies windows into rows of a matrix, block by block, and multiplies those by the
 * kernel.
 */
#include <math.h>
#include <string.h>

#include "kernels/product.h"
#include "ops/conv_plan.h"
#include "ops/hlo_product.h"
#include "ops/rows.h"

enum {
  BLOCK_BYTES = 512 << 10 /* of windows of a task */,
  BLOCK_LEAST = 16,
  BLOCK_MOST = 192,
  DEPTHWISE_TAPS = 1 << 20
};

/* One spatial dimension. Output o sees, under tap k, place o * stride + k * dilation - low of the dilated input. */
typedef struct axis {
  int32_t in, kernel;
  int64_t out, stride, dilation, base, low, high;
} axis;

typedef struct convolution {
  int32_t spatial;
  axis axes[LN_MAX_RANK];
  /* Dimensions of the operands and the output: [batch, spatial..., feature], of the kernel [spatial..., in, out]. */
  int32_t orders[3][LN_MAX_RANK];
  uint32_t reversed;                    /* dimensions of the kernel, a mask */
  int32_t batch, in_c, kernel_c, out_c; /* batch: of the output */
  int64_t feature_groups, batch_groups; /* one of them is 1 */
} convolution;

typedef enum form {
  FORM_ZEROS, /* nothing to sum up */
  FORM_WINDOWS,
  FORM_LINES,     /* conv_plan.h */
  FORM_DEPTHWISE, /* DEPTHWISE_CONV_2D's own functions */
  FORM_TRANSPOSED /* TRANSPOSE_CONV's */
} form;

/* DEPTHWISE_CONV_2D or TRANSPOSE_CONV as their functions see it. */
typedef struct inner_op {
  ln_node node;
  ln_op op;
  ln_depthwise_conv2d_options depthwise;
  ln_transpose_conv_options transposed;
  ln_tensor tensors[3]; /* input, kernel, output */
  ln_tensor *in[3], *out[1];
} inner_op;

typedef struct conv_args {
  convolution c;
  ln_hlo_compute compute;
  form form;
  ln_conv_plan lines;
  ln_gemm_plan plan; /* where it is packed */
  inner_op *inner;
  ln_tensor kernel;          /* as the file has it; a constant one in its order */
  bool constant;             /* it is packed in prepare */
  bool must_order[3];        /* input, kernel, output */
  size_t k_stride, n_stride; /* of a packed kernel that lies as one of these needs it */
  int32_t block;             /* WINDOWS: output pixels of a task */
  size_t window;             /* elements of a window of one group */
  size_t cast_at[2], ordered_at[2], packed_at, out_at, back_at, inner_at; /* node scratch */
} conv_args;

/* ---- shapes ---- */

static bool push_axis(int32_t *order, int32_t *count, int64_t dimension, int32_t rank) {
  if (dimension < 0 || dimension >= rank) return false;
  for (int32_t i = 0; i < *count; ++i) {
    if (order[i] == dimension) return false;
  }
  order[(*count)++] = (int32_t)dimension;
  return true;
}

/* `lead` (absent: -1), the spatial dimensions, then `tail`, all different. */
static ln_status read_order(const ln_node *node, const char *name, const int64_t *lead, const ln_vec_i64 *spatial,
                            const int64_t *tail, int32_t tails, int32_t rank, ln_error *err, int32_t *order) {
  if (spatial->count != (uint32_t)rank - 2) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%u spatial dimensions of the %s for rank %d",
                        (unsigned)spatial->count, name, rank);
  }
  int32_t count = 0;
  bool fits = lead == NULL || push_axis(order, &count, *lead, rank);
  for (uint32_t i = 0; fits && i < spatial->count; ++i) fits = push_axis(order, &count, spatial->data[i], rank);
  for (int32_t i = 0; fits && i < tails; ++i) fits = push_axis(order, &count, tail[i], rank);
  if (fits) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "the %s's dimension numbers are no order of %d dimensions", name, rank);
}

static ln_status read_orders(const ln_node *node, ln_error *err, convolution *c) {
  const ln_stablehlo_convolution_options *o = LN_OPTIONS(node, stablehlo_convolution_options);
  const int32_t rank = node->in[0]->shape.rank;
  const int64_t kernel_tail[2] = {o->kernel_input_feature_dimension, o->kernel_output_feature_dimension};
  if (rank < 2 || node->in[1]->shape.rank != rank) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "an input of rank %d and a kernel of rank %d", rank,
                        node->in[1]->shape.rank);
  }
  LN_TRY(read_order(node, "input", &o->input_batch_dimension, &o->input_spatial_dimensions, &o->input_feature_dimension,
                    1, rank, err, c->orders[0]));
  LN_TRY(read_order(node, "kernel", NULL, &o->kernel_spatial_dimensions, kernel_tail, 2, rank, err, c->orders[1]));
  return read_order(node, "output", &o->output_batch_dimension, &o->output_spatial_dimensions,
                    &o->output_feature_dimension, 1, rank, err, c->orders[2]);
}

static ln_status read_groups(const ln_node *node, ln_error *err, convolution *c) {
  const ln_stablehlo_convolution_options *o = LN_OPTIONS(node, stablehlo_convolution_options);
  const int64_t features = o->feature_group_count, batches = o->batch_group_count;
  const ln_shape *in = &node->in[0]->shape, *kernel = &node->in[1]->shape;
  const int32_t batch = in->dims[c->orders[0][0]];
  c->in_c = in->dims[c->orders[0][c->spatial + 1]];
  c->kernel_c = kernel->dims[c->orders[1][c->spatial]];
  c->out_c = kernel->dims[c->orders[1][c->spatial + 1]];
  c->feature_groups = features;
  c->batch_groups = batches;
  if (features < 1 || batches < 1 || (features > 1 && batches > 1)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%lld feature groups and %lld batch groups", (long long)features,
                        (long long)batches);
  }
  if (batch % batches != 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "a batch of %d does not fall into %lld groups", batch,
                        (long long)batches);
  }
  c->batch = (int32_t)(batch / batches);
  if (c->in_c % features != 0 || c->in_c / features != c->kernel_c) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "a kernel of %d features does not fit %d in %lld groups", c->kernel_c,
                        c->in_c, (long long)features);
  }
  if (c->out_c % features == 0 && c->out_c % batches == 0) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "%d output features do not fall into %lld groups", c->out_c,
                      (long long)(features > 1 ? features : batches));
}

static ln_status read_windows(const ln_node *node, ln_error *err, convolution *c) {
  const ln_stablehlo_convolution_options *o = LN_OPTIONS(node, stablehlo_convolution_options);
  int64_t stride[LN_MAX_RANK], base[LN_MAX_RANK], dilation[LN_MAX_RANK], low[LN_MAX_RANK], high[LN_MAX_RANK];
  LN_TRY(ln_hlo_extents(node, &o->window_strides, "strides", c->spatial, stride, err));
  LN_TRY(ln_hlo_extents(node, &o->lhs_dilation, "input dilations", c->spatial, base, err));
  LN_TRY(ln_hlo_extents(node, &o->rhs_dilation, "kernel dilations", c->spatial, dilation, err));
  LN_TRY(ln_hlo_paddings(node, &o->padding, c->spatial, low, high, err));
  if (o->window_reversal.count != 0 && o->window_reversal.count != (uint32_t)c->spatial) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%u window reversals for %d dimensions",
                        (unsigned)o->window_reversal.count, c->spatial);
  }
  c->reversed = 0;
  for (int32_t i = 0; i < c->spatial; ++i) {
    const int32_t in = node->in[0]->shape.dims[c->orders[0][i + 1]], place = c->orders[1][i];
    const int32_t kernel = node->in[1]->shape.dims[place];
    const int64_t padded = ln_hlo_dilated(in, base[i]) + low[i] + high[i], reach = ln_hlo_dilated(kernel, dilation[i]);
    const int64_t out = padded <= 0 || padded < reach ? 0 : (padded - reach) / stride[i] + 1;
    if (out > INT32_MAX) return ln_node_fail(node, err, LN_ERR_SHAPE, "spatial dimension %d is too long", i);
    c->axes[i] = (axis){in, kernel, out, stride[i], dilation[i], base[i], low[i], high[i]};
    if (kernel > 1 && o->window_reversal.count != 0 && o->window_reversal.data[i]) c->reversed |= UINT32_C(1) << place;
  }
  return LN_OK;
}

static ln_status read_convolution(const ln_node *node, ln_error *err, convolution *c) {
  const ln_stablehlo_convolution_options *o = LN_OPTIONS(node, stablehlo_convolution_options);
  LN_TRY(ln_hlo_check_product_types(node, err));
  LN_TRY(read_orders(node, err, c));
  c->spatial = node->in[0]->shape.rank - 2;
  LN_TRY(read_groups(node, err, c));
  LN_TRY(read_windows(node, err, c));
  if (o->precision_config.count == 0 || o->precision_config.count == 2) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_SHAPE, "%u precisions for two operands", (unsigned)o->precision_config.count);
}

ln_status ln_hlo_convolution_infer(ln_node *node, ln_error *err) {
  convolution c;
  LN_TRY(read_convolution(node, err, &c));
  ln_shape shape = {.rank = c.spatial + 2};
  shape.dims[c.orders[2][0]] = c.batch;
  for (int32_t i = 0; i < c.spatial; ++i) shape.dims[c.orders[2][i + 1]] = (int32_t)c.axes[i].out;
  shape.dims[c.orders[2][c.spatial + 1]] = c.out_c;
  return ln_node_set_shape(node, 0, &shape, err);
}

static size_t window_elements(const convolution *c) {
  size_t elements = (size_t)c->kernel_c;
  for (int32_t i = 0; i < c->spatial; ++i) elements *= (size_t)c->axes[i].kernel; /* bounded: of the kernel's */
  return elements;
}

int64_t ln_hlo_convolution_macs(const ln_node *node) {
  convolution c;
  if (read_convolution(node, NULL, &c) != LN_OK) return 0;
  const double macs =
      (double)ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank) * (double)window_elements(&c);
  return macs < 0x1p62 ? (int64_t)macs : 0;
}

/* ---- preparing ---- */

static int64_t groups_of(const convolution *c) { return c->feature_groups > 1 ? c->feature_groups : c->batch_groups; }

/* One and two spatial dimensions without dilation of the input, as CONV_2D has them. */
static bool as_conv2d(const convolution *c, ln_conv_shape *s) {
  const ln_window point = {.in = 1, .kernel = 1, .stride = 1, .dilation = 1, .out = 1};
  ln_window *windows[2] = {&s->h, &s->w};
  if (c->spatial > 2 || c->batch_groups > 1) return false;
  *s = (ln_conv_shape){c->batch, c->in_c, c->out_c, (int32_t)c->feature_groups, point, point};
  for (int32_t i = 0; i < c->spatial; ++i) {
    const axis *a = &c->axes[i];
    ln_window *w = windows[i + 2 - c->spatial];
    if (a->base != 1 || a->low < 0 || a->high < 0) return false;
    *w = (ln_window){a->in, a->kernel, (int32_t)a->stride, (int32_t)a->dilation, (int32_t)a->low, (int32_t)a->high, 0};
    if (!ln_window_resolve(w, LN_PADDING_VALID, true) || w->out != a->out) return false;
  }
  return ln_conv_is_countable(s);
}

/* A dilated input under a kernel that moves by one: TRANSPOSE_CONV of the reversed kernel. `before` is its padding. */
static bool as_transposed(const convolution *c, ln_conv_shape *s) {
  const ln_window point = {.in = 1, .kernel = 1, .stride = 1, .dilation = 1, .out = 1};
  ln_window *windows[2] = {&s->h, &s->w};
  bool dilated = false;
  if (c->spatial > 2 || c->batch_groups > 1 || c->feature_groups > 1) return false;
  *s = (ln_conv_shape){c->batch, c->in_c, c->out_c, 1, point, point};
  for (int32_t i = 0; i < c->spatial; ++i) {
    const axis *a = &c->axes[i];
    const int64_t before = a->kernel - 1 - a->low, reach = ln_hlo_dilated(a->in, a->base) + a->kernel;
    if (a->stride != 1 || a->dilation != 1 || before < 0) return false;
    if (before > LN_WINDOW_MOST || reach > LN_WINDOW_MOST || a->out > LN_WINDOW_MOST) return false;
    *windows[i + 2 - c->spatial] = (ln_window){.in = a->in,
                                               .kernel = a->kernel,
                                               .stride = (int32_t)a->base,
                                               .before = (int32_t)before,
                                               .out = (int32_t)a->out};
    dilated = dilated || a->base > 1;
  }
  return dilated;
}

static form choose_form(const ln_node *node, conv_args *args, ln_conv_shape *s) {
  const convolution *c = &args->c;
  if (args->window == 0 || ln_tensor_is_empty(node->in[0])) return FORM_ZEROS;
  if (args->compute.packed && as_transposed(c, s)) return FORM_TRANSPOSED;
  if (!as_conv2d(c, s)) return FORM_WINDOWS;
  const bool each = c->kernel_c == 1 && c->in_c > 1 && (int64_t)s->h.kernel * s->w.kernel <= DEPTHWISE_TAPS;
  if (args->compute.packed && each) return FORM_DEPTHWISE;
  args->compute = ln_hlo_compute_of(node, true);
  return args->compute.packed ? FORM_LINES : FORM_WINDOWS;
}

/* TRANSPOSE_CONV's kernel: [out, spatial..., in], read from the other end. */
static void turn_kernel(convolution *c) {
  int32_t *order = c->orders[1];
  const int32_t out = order[c->spatial + 1];
  for (int32_t i = 0; i < c->spatial; ++i) {
    if (c->axes[i].kernel > 1) c->reversed ^= UINT32_C(1) << order[i];
  }
  order[c->spatial + 1] = order[c->spatial];
  memmove(order + 1, order, (size_t)c->spatial * sizeof *order);
  order[0] = out;
}

/* Which of the three must be copied into their order: a packed kernel may lie as its products' rows or columns do. */
static void choose_orders(const ln_node *node, conv_args *args) {
  const convolution *c = &args->c;
  const ln_shape *kernel = &node->in[1]->shape;
  size_t elements, k_stride, n_stride;
  args->must_order[0] = !ln_hlo_in_order(&node->in[0]->shape, c->orders[0]);
  args->must_order[1] = c->reversed != 0 || !ln_hlo_in_order(kernel, c->orders[1]);
  args->must_order[2] = !ln_hlo_in_order(&node->out[0]->shape, c->orders[2]);
  args->k_stride = (size_t)c->out_c;
  args->n_stride = 1;
  const bool inner = args->form == FORM_DEPTHWISE || args->form == FORM_TRANSPOSED;
  if (inner || !args->compute.packed || !args->must_order[1] || c->reversed != 0) return;
  if (ln_hlo_merge_axes(kernel, c->orders[1], c->spatial + 1, &elements, &k_stride) &&
      ln_hlo_merge_axes(kernel, c->orders[1] + c->spatial + 1, 1, &elements, &n_stride) && k_stride == 1) {
    args->must_order[1] = false;
    args->k_stride = k_stride;
    args->n_stride = n_stride;
  }
}

/* The elements of a constant kernel as they are multiplied and in their order, once for all sessions. */
static ln_status order_constant(const ln_node *node, ln_prep *prep, conv_args *args) {
  const ln_tensor *kernel = node->in[1];
  const convolution *c = &args->c;
  const int32_t *dims = kernel->shape.dims;
  const size_t elements = ln_shape_span(&kernel->shape, 0, kernel->shape.rank);
  const ln_number number = args->compute.in[1];
  const size_t item = ln_hlo_number_bytes(number);
  const bool native = ln_hlo_is_native(kernel, number);
  const ln_exec alone = {.pool = NULL};
  int64_t numbers[4] = {c->reversed, kernel->type, 0, 0};
  size_t bytes;
  for (int32_t i = 0; i < c->spatial + 2; ++i) { /* of four dimensions at most: nothing is lost */
    numbers[0] = numbers[0] << 4 | c->orders[1][i];
    numbers[2 + i / 2] = (int64_t)((uint64_t)numbers[2 + i / 2] << 32 | (uint32_t)dims[i]);
  }
  if (!ln_size_mul(elements, item, &bytes)) return LN_ERR_MEMORY;
  void *cast = native ? NULL : ln_alloc(bytes);
  if (cast == NULL && !native) return LN_ERR_MEMORY;
  bool fresh = false;
  void *block = ln_pack_cache_get(prep->cache, kernel->data, "stablehlo kernel", numbers, bytes, &fresh);
  if (block != NULL && fresh) {
    ln_hlo_reorder(&alone, &kernel->shape, c->orders[1], c->reversed, false, item,
                   ln_hlo_cast_operand(kernel, number, cast), block);
  }
  ln_free(cast);
  if (block == NULL) return LN_ERR_MEMORY;
  if (!native) args->kernel.type = LN_FLOAT32;
  args->kernel.data = block;
  args->kernel.bytes = bytes;
  args->must_order[1] = false;
  return LN_OK;
}

/* Whether the kernel is packed in prepare, and from where. */
static ln_status choose_kernel(const ln_node *node, ln_prep *prep, conv_args *args) {
  const bool known = args->compute.packed && ln_tensor_const_data(node->in[1]);
  args->kernel = *node->in[1];
  args->constant = known && (!args->must_order[1] || args->c.spatial <= 2);
  return args->constant && args->must_order[1] ? order_constant(node, prep, args) : LN_OK;
}

static ln_gemm_source source_of(const conv_args *args, const ln_weights *weights) {
  const size_t columns = (size_t)args->c.out_c / (size_t)groups_of(&args->c);
  return (ln_gemm_source){.weights = weights,
                          .group_stride = (ptrdiff_t)(columns * args->n_stride), /* bounded: of the tensor's */
                          .k_stride = (ptrdiff_t)args->k_stride,
                          .n_stride = (ptrdiff_t)args->n_stride};
}

static ln_status plan_packed(ln_node *node, ln_prep *prep, conv_args *args, int32_t segments, int32_t length,
                             size_t *total) {
  const int32_t groups = (int32_t)groups_of(&args->c); /* bounded: divides out_c, which is not 0 */
  size_t packed = 0;
  LN_TRY(ln_hlo_plan(&args->plan, &args->compute, groups, args->c.out_c / groups, segments, length));
  if (args->constant) {
    ln_weights weights;
    LN_TRY(ln_weights_open(node, &args->kernel, prep->err, &weights));
    const ln_gemm_source source = source_of(args, &weights);
    const ln_status status = ln_gemm_plan_constant_b(&args->plan, prep, &source, NULL);
    ln_weights_close(&weights);
    return status;
  }
  return ln_gemm_pack_bytes(&args->plan, &packed) && ln_hlo_reserve(total, packed, 1, &args->packed_at) ? LN_OK
                                                                                                        : LN_ERR_MEMORY;
}

static ln_status plan_lines(ln_node *node, ln_prep *prep, conv_args *args, const ln_conv_shape *s, size_t *total) {
  ln_conv_plan_begin(&args->lines, s);
  LN_TRY(plan_packed(node, prep, args, args->lines.segments, args->lines.segment_length, total));
  return ln_conv_plan_finish(&args->lines, &args->plan, &node->thread_scratch_bytes) ? LN_OK : LN_ERR_MEMORY;
}

static ln_status plan_windows(ln_node *node, ln_prep *prep, conv_args *args, size_t *total) {
  const size_t item = ln_hlo_number_bytes(args->compute.in[0]);
  size_t row, pixels = ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank) / (size_t)args->c.out_c;
  if (args->window > INT32_MAX || !ln_size_mul(args->window, item, &row)) return LN_ERR_MEMORY;
  size_t block = BLOCK_BYTES / row;
  block = block < BLOCK_LEAST ? BLOCK_LEAST : block > BLOCK_MOST ? BLOCK_MOST : block;
  args->block = (int32_t)(block < pixels ? block : pixels);
  if (args->compute.packed) LN_TRY(plan_packed(node, prep, args, 1, (int32_t)args->window, total));
  if ((pixels - 1) / block >= INT32_MAX) {
    return ln_node_fail(node, prep->err, LN_ERR_LIMIT, "more windows than can be counted");
  }
  return ln_size_mul(row, (size_t)args->block, &node->thread_scratch_bytes) ? LN_OK : LN_ERR_MEMORY;
}

/* A tensor of floats as another operator takes it. */
static ln_tensor plain_tensor(const ln_tensor *original, int32_t a, int32_t b, int32_t c, int32_t d) {
  const int32_t dims[4] = {a, b, c, d};
  ln_tensor tensor = {
      .name = original->name, .type = LN_FLOAT32, .shape = ln_shape_make(4, dims), .quant = &ln_quant_none};
  tensor.bytes = ln_shape_span(&tensor.shape, 0, 4) * sizeof(float); /* bounded: outputs, or operands reserved */
  return tensor;
}

static void make_depthwise(const conv_args *args, const ln_conv_shape *s, inner_op *inner) {
  inner->op.def = ln_op_find(LN_OP_DEPTHWISE_CONV_2D);
  inner->depthwise = (ln_depthwise_conv2d_options){.padding = LN_PADDING_VALID,
                                                   .stride_h = s->h.stride,
                                                   .stride_w = s->w.stride,
                                                   .depth_multiplier = s->out_c / s->in_c,
                                                   .dilation_h_factor = s->h.dilation,
                                                   .dilation_w_factor = s->w.dilation};
  inner->op.options = &inner->depthwise;
  inner->tensors[1] = plain_tensor(&args->kernel, 1, s->h.kernel, s->w.kernel, s->out_c);
  inner->in[0] = &inner->tensors[0];
  inner->node.in_count = 2;
}

static void make_transposed(const ln_node *node, const conv_args *args, const ln_conv_shape *s, inner_op *inner) {
  inner->op.def = ln_op_find(LN_OP_TRANSPOSE_CONV);
  inner->transposed =
      (ln_transpose_conv_options){.padding = LN_PADDING_VALID, .stride_h = s->h.stride, .stride_w = s->w.stride};
  inner->op.options = &inner->transposed;
  inner->tensors[1] = plain_tensor(&args->kernel, s->out_c, s->h.kernel, s->w.kernel, s->in_c);
  inner->in[0] = node->in[0]; /* the output's shape, which only its infer reads */
  inner->in[2] = &inner->tensors[0];
  inner->node.in_count = 3;
}

static ln_status plan_inner(ln_node *node, ln_prep *prep, conv_args *args, const ln_conv_shape *s, size_t *total) {
  inner_op *inner = args->inner = ln_arena_alloc(prep->arena, sizeof *inner);
  if (inner == NULL) return LN_ERR_MEMORY;
  *inner = (inner_op){.node = *node, .op = *node->op};
  inner->op.fused = (ln_fused){true, s->h.before, s->h.after, s->w.before, s->w.after};
  inner->node.op = &inner->op;
  inner->node.in = inner->in;
  inner->node.out = inner->out;
  inner->node.scratch_bytes = 0;
  inner->tensors[0] = plain_tensor(node->in[0], s->batch, s->h.in, s->w.in, s->in_c);
  inner->tensors[2] = plain_tensor(node->out[0], s->batch, s->h.out, s->w.out, s->out_c);
  inner->in[1] = &inner->tensors[1];
  inner->out[0] = &inner->tensors[2];
  if (args->form == FORM_DEPTHWISE) make_depthwise(args, s, inner);
  else make_transposed(node, args, s, inner);
  if (inner->op.def == NULL) return ln_node_check_built(node, 0, prep->err);
  if (args->constant) {
    const ln_shape shape = inner->tensors[1].shape;
    inner->tensors[1] = args->kernel;
    inner->tensors[1].shape = shape;
  }
  LN_TRY(inner->op.def->prepare(&inner->node, prep));
  node->thread_scratch_bytes = inner->node.thread_scratch_bytes;
  return ln_hlo_reserve(total, inner->node.scratch_bytes, 1, &args->inner_at) ? LN_OK : LN_ERR_MEMORY;
}

/* Scratch for operands and output in the computed type and in their order. */
static bool reserve_tensors(const ln_node *node, conv_args *args, size_t *total) {
  const size_t outputs = ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank);
  for (int32_t i = 0; i < (args->constant ? 1 : 2); ++i) {
    const ln_number number = args->compute.in[i];
    const size_t elements = ln_shape_span(&node->in[i]->shape, 0, node->in[i]->shape.rank);
    const size_t bytes = ln_hlo_number_bytes(number);
    if (!ln_hlo_reserve(total, ln_hlo_is_native(node->in[i], number) ? 0 : elements, bytes, &args->cast_at[i]) ||
        !ln_hlo_reserve(total, args->must_order[i] ? elements : 0, bytes, &args->ordered_at[i])) {
      return false;
    }
  }
  const bool native = ln_hlo_is_native(node->out[0], args->compute.out);
  return ln_hlo_reserve(total, native && !args->must_order[2] ? 0 : outputs, ln_hlo_number_bytes(args->compute.out),
                        &args->out_at) &&
         ln_hlo_reserve(total, native || !args->must_order[2] ? 0 : outputs, ln_item_bytes(node->out[0]),
                        &args->back_at);
}

ln_status ln_hlo_convolution_prepare(ln_node *node, ln_prep *prep) {
  conv_args *args = LN_NODE_ARGS(node, prep, conv_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  *args = (conv_args){.form = FORM_ZEROS};
  LN_TRY(read_convolution(node, prep->err, &args->c));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  ln_conv_shape s;
  size_t total = 0;
  args->compute = ln_hlo_compute_of(node, false);
  args->window = window_elements(&args->c);
  args->form = choose_form(node, args, &s);
  if (args->form == FORM_ZEROS) return LN_OK;
  if (args->form == FORM_TRANSPOSED) turn_kernel(&args->c);
  choose_orders(node, args);
  ln_status status = choose_kernel(node, prep, args);
  if (status == LN_OK && !reserve_tensors(node, args, &total)) status = LN_ERR_MEMORY;
  if (status == LN_OK && args->form == FORM_WINDOWS) status = plan_windows(node, prep, args, &total);
  else if (status == LN_OK && args->form == FORM_LINES) status = plan_lines(node, prep, args, &s, &total);
  else if (status == LN_OK) status = plan_inner(node, prep, args, &s, &total);
  node->scratch_bytes = total;
  if (status != LN_ERR_MEMORY) return status;
  return ln_node_fail(node, prep->err, status, "the convolution takes too much memory");
}

/* ---- windows ---- */

typedef struct window_job {
  const conv_args *args;
  const ln_exec *exec;
  const ln_gemm_b *b;
  const char *in, *kernel; /* in their order */
  char *out;
  size_t item, pixels;
  bool whole_rows;             /* the taps of a row are one piece of the input */
  size_t strides[LN_MAX_RANK]; /* bytes of the input */
  size_t spans[LN_MAX_RANK];   /* bytes of a window under one tap of a dimension */
} window_job;

/* The input's index that output `out` sees under tap `tap`; -1 for none. */
static int64_t place(const axis *a, int64_t out, int64_t tap) {
  const int64_t at = out * a->stride + tap * a->dilation - a->low;
  if (at < 0 || at > ((int64_t)a->in - 1) * a->base) return -1;
  if (a->base == 1) return at;
  return at % a->base == 0 ? at / a->base : -1;
}

/* Taps of the last dimension that stand one behind another in the input. */
static char *gather_row(const window_job *job, int64_t out, const char *in, char *row) {
  const axis *a = &job->args->c.axes[job->args->c.spatial - 1];
  const size_t pixel = job->strides[job->args->c.spatial - 1];
  const int64_t start = out * a->stride - a->low;
  int64_t before = start < 0 ? -start : 0, inside = a->in - start < a->kernel ? a->in - start : a->kernel;
  if (before > a->kernel) before = a->kernel;
  if (inside < before) inside = before;
  memset(row, 0, (size_t)before * pixel);
  row += (size_t)before * pixel;
  if (inside > before) memcpy(row, in + (size_t)(start + before) * pixel, (size_t)(inside - before) * pixel);
  row += (size_t)(inside - before) * pixel;
  memset(row, 0, (size_t)(a->kernel - inside) * pixel);
  return row + (size_t)(a->kernel - inside) * pixel;
}

/* The window from dimension `i` on of the output that stands at `at`; returns the row's end. */
static char *gather(const window_job *job, int32_t i, const int64_t *at, const char *in, char *row) {
  const convolution *c = &job->args->c;
  if (i == c->spatial) {
    const size_t bytes = (size_t)c->kernel_c * job->item;
    memcpy(row, in, bytes);
    return row + bytes;
  }
  if (i == c->spatial - 1 && job->whole_rows) return gather_row(job, at[i], in, row);
  for (int64_t tap = 0; tap < c->axes[i].kernel; ++tap) {
    const int64_t index = place(&c->axes[i], at[i], tap);
    if (index >= 0) {
      row = gather(job, i + 1, at, in + (size_t)index * job->strides[i], row);
    } else {
      memset(row, 0, job->spans[i]);
      row += job->spans[i];
    }
  }
  return row;
}

/* The window that group `group` sees of output pixel `pixel`. */
static void copy_window(const window_job *job, size_t pixel, size_t group, char *row) {
  const convolution *c = &job->args->c;
  const size_t image = job->strides[0] * (c->spatial > 0 ? (size_t)c->axes[0].in : 1);
  int64_t at[LN_MAX_RANK];
  for (int32_t i = c->spatial - 1; i >= 0; --i) {
    at[i] = (int64_t)(pixel % (size_t)c->axes[i].out);
    pixel /= (size_t)c->axes[i].out;
  }
  const bool of_batch = c->batch_groups > 1;
  const size_t batch = pixel + (of_batch ? group * (size_t)c->batch : 0);
  gather(job, 0, at, job->in + batch * image + (of_batch ? 0 : group * (size_t)c->kernel_c * job->item), row);
}

static void windows_task(void *context, int32_t task, int32_t worker) {
  const window_job *job = context;
  const conv_args *args = job->args;
  const size_t first = (size_t)task * (size_t)args->block, groups = (size_t)groups_of(&args->c);
  const size_t m = job->pixels - first < (size_t)args->block ? job->pixels - first : (size_t)args->block;
  const size_t out_c = (size_t)args->c.out_c, n = out_c / groups, k = args->window;
  char *rows = ln_exec_thread_scratch(job->exec, worker);
  const void *segment = rows;
  const ln_gemm_a a = {&segment, 1, (int32_t)k, (ptrdiff_t)(k * job->item)};
  for (size_t g = 0; g < groups; ++g) {
    char *out = job->out + (first * out_c + g * n) * job->item;
    for (size_t i = 0; i < m; ++i) copy_window(job, first + i, g, rows + i * k * job->item);
    if (args->compute.packed) {
      ln_gemm_rows(&args->plan, job->b, (int32_t)g, 0, args->plan.panels, (int32_t)m, &a, NULL, out, (ptrdiff_t)out_c);
    } else {
      const ln_product product = {m, n, k, rows, job->kernel + g * n * job->item, out, k, out_c, out_c};
      ln_k_product(args->compute.out, &product);
    }
  }
}

static void run_windows(const conv_args *args, ln_exec *exec, const ln_gemm_b *b, const char *in, const char *kernel,
                        char *out) {
  const convolution *c = &args->c;
  window_job job = {.args = args, .exec = exec, .b = b, .in = in, .kernel = kernel, .out = out};
  job.item = ln_hlo_number_bytes(args->compute.in[0]);
  job.pixels = (size_t)c->batch;
  const axis *last = c->spatial > 0 ? &c->axes[c->spatial - 1] : NULL;
  job.whole_rows = last != NULL && last->dilation == 1 && last->base == 1 && c->feature_groups == 1;
  job.strides[0] = (size_t)c->in_c * job.item;
  size_t stride = (size_t)c->in_c * job.item, span = (size_t)c->kernel_c * job.item;
  for (int32_t i = c->spatial - 1; i >= 0; --i) { /* bounded: sizes of tensors */
    job.strides[i] = stride;
    job.spans[i] = span;
    stride *= (size_t)c->axes[i].in;
    span *= (size_t)c->axes[i].kernel;
    job.pixels *= (size_t)c->axes[i].out;
  }
  ln_pool_run(exec->pool, (int32_t)((job.pixels - 1) / (size_t)args->block + 1), windows_task, &job);
}

/* ---- running ---- */

static char *arrange(const ln_node *node, const ln_exec *exec, const conv_args *args, int32_t side) {
  char *scratch = exec->scratch, *to = scratch + args->ordered_at[side];
  const void *from = ln_hlo_cast_operand(node->in[side], args->compute.in[side], scratch + args->cast_at[side]);
  if (!args->must_order[side]) return (char *)from;
  ln_hlo_reorder(exec, &node->in[side]->shape, args->c.orders[side], side == 1 ? args->c.reversed : 0, false,
                 ln_hlo_number_bytes(args->compute.in[side]), from, to);
  return to;
}

/* The output in its own type, then in its own order. */
static void give_output(const ln_node *node, const ln_exec *exec, const conv_args *args, const char *made) {
  const ln_tensor *out = node->out[0];
  if (!ln_hlo_is_native(out, args->compute.out)) {
    char *to = args->must_order[2] ? (char *)exec->scratch + args->back_at : out->data;
    ln_k_cast(made, args->compute.out, to, ln_number_of(out->type), ln_shape_span(&out->shape, 0, out->shape.rank));
    made = to;
  }
  if (args->must_order[2]) {
    ln_hlo_reorder(exec, &out->shape, args->c.orders[2], 0, true, ln_item_bytes(out), made, out->data);
  }
}

static ln_status run_inner(const conv_args *args, const ln_exec *exec, char *in, char *kernel, char *out) {
  inner_op *inner = args->inner;
  ln_exec own = *exec;
  own.scratch = (char *)exec->scratch + args->inner_at;
  inner->tensors[0].data = in;
  if (!args->constant) inner->tensors[1].data = kernel;
  inner->tensors[2].data = out;
  return inner->op.def->run(&inner->node, &own);
}

ln_status ln_hlo_convolution_run(const ln_node *node, ln_exec *exec) {
  const conv_args *args = node->args;
  ln_tensor *out = node->out[0];
  if (args->form == FORM_ZEROS) {
    if (!ln_tensor_is_empty(out)) memset(out->data, 0, out->bytes);
    return LN_OK;
  }
  char *scratch = exec->scratch;
  const bool direct = ln_hlo_is_native(out, args->compute.out) && !args->must_order[2];
  char *made = direct ? (char *)out->data : scratch + args->out_at;
  char *in = arrange(node, exec, args, 0), *kernel = args->constant ? NULL : arrange(node, exec, args, 1);
  ln_gemm_b b = args->plan.b;
  if (args->inner == NULL && args->compute.packed && !args->constant) {
    ln_tensor stand_in;
    const ln_weights weights = ln_hlo_plain_weights(kernel, args->compute.in[1], &stand_in);
    const ln_gemm_source source = source_of(args, &weights);
    ln_gemm_pack(&args->plan, &source, NULL, scratch + args->packed_at, &b);
  }
  if (args->inner != NULL) LN_TRY(run_inner(args, exec, in, kernel, made));
  else if (args->form == FORM_LINES) ln_conv_run(&args->lines, &args->plan, &b, exec, args->c.batch, in, made);
  else run_windows(args, exec, &b, in, kernel, made);
  give_output(node, exec, args, made);
  return LN_OK;
}

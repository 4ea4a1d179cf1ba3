/*
 * TRANSPOSE_CONV and MediaPipe's Convolution2DTransposeBias. An output line is the sum, over the kernel rows that reach
 * it, of a line of input pixels times that row's weights: each such product is needed once, so output lines are
 * independent tasks.
 */
#include "kernels/transpose_conv.h"

#include <math.h>
#include <string.h>

#include "kernels/hybrid.h"
#include "kernels/quant.h"
#include "ops/gemm_plan.h"
#include "ops/move.h"
#include "ops/product_scales.h"
#include "ops/rows.h"

enum { TCONV_TASK_MACS = 1 << 19 };

/* Input [batch, in_h, in_w, in_c], weights [out_c, kernel_h, kernel_w, in_c], output [batch, out_h, out_w, out_c]. */
typedef struct tconv_shape {
  int32_t batch, in_h, in_w, in_c, out_h, out_w, out_c, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w;
  int32_t padding, activation;
} tconv_shape;

typedef enum tconv_form {
  TCONV_F32,
  TCONV_HYBRID, /* floats with integer weights: each image is quantized in run */
  TCONV_BYTES,
  TCONV_I16
} tconv_form;

typedef struct tconv_args {
  tconv_form form;
  tconv_shape shape;
  ln_gemm_plan plan;   /* one group a kernel row, n = kernel_w * out_c; not for int16 */
  const void *weights; /* int16: rearranged constant weights, NULL when they are not constant */
  bool constant;
  bool empty;                              /* no input or no weights: the output is the bias */
  bool apart;                              /* floats: no two kernels overlap, products are output lines */
  size_t image_items, image_at, folded_at; /* hybrid: of an image; in node scratch, the image and what folds its zero */
  ln_hybrid_scales scales;
  float low, high;
  int32_t quantized_low, quantized_high;
  const ln_multiplier *multipliers;              /* [out_c] */
  size_t part_offset, pixel_offset, term_offset; /* in a thread's scratch, behind the line of sums */
  ptrdiff_t pixel_stride;                        /* bytes between pixels in the kernel's form */
  int32_t lines;                                 /* of a task */
} tconv_args;

static bool is_media_pipe(const ln_node *node) { return node->op->def->variant == LN_VARIANT_TRANSPOSE_CONV_BIAS; }
static const ln_tensor *input_of(const ln_node *node) { return node->in[is_media_pipe(node) ? 0 : 2]; }
static const ln_tensor *weights_of(const ln_node *node) { return node->in[1]; }
static const ln_tensor *bias_of(const ln_node *node) {
  const int32_t index = is_media_pipe(node) ? 2 : 3;
  return index < node->in_count ? node->in[index] : NULL;
}

/* ---- shapes ---- */

static ln_status read_options(const ln_node *node, tconv_shape *s, ln_error *err) {
  if (is_media_pipe(node)) {
    int32_t raw[3]; /* TfLiteTransposeConvParams as memory: padding (1 same, 2 valid), stride_width, stride_height */
    if (node->op->custom_options_size < sizeof raw) {
      return ln_node_fail(node, err, LN_ERR_MODEL, "the options are too short");
    }
    memcpy(raw, node->op->custom_options, sizeof raw);
    if (raw[0] != 1 && raw[0] != 2) return ln_node_fail(node, err, LN_ERR_MODEL, "padding %d", (int)raw[0]);
    s->padding = raw[0] == 1 ? LN_PADDING_SAME : LN_PADDING_VALID;
    s->stride_w = raw[1];
    s->stride_h = raw[2];
    s->activation = LN_ACT_NONE;
  } else {
    const ln_transpose_conv_options *options = LN_OPTIONS(node, transpose_conv_options);
    s->padding = options->padding;
    s->stride_w = options->stride_w;
    s->stride_h = options->stride_h;
    s->activation = options->fused_activation_function;
  }
  if (s->stride_w < 1 || s->stride_h < 1) return ln_node_fail(node, err, LN_ERR_MODEL, "a stride below 1");
  if (s->padding != LN_PADDING_SAME && s->padding != LN_PADDING_VALID) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "padding %d is neither SAME nor VALID", (int)s->padding);
  }
  return LN_OK;
}

static ln_status read_inputs(const ln_node *node, tconv_shape *s, ln_error *err) {
  const ln_shape *in = &input_of(node)->shape, *weights = &weights_of(node)->shape;
  if (in->rank != 4 || weights->rank != 4 || in->dims[3] != weights->dims[3]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "input and weights do not fit together");
  }
  s->batch = in->dims[0];
  s->in_h = in->dims[1];
  s->in_w = in->dims[2];
  s->in_c = in->dims[3];
  s->out_c = weights->dims[0];
  s->kernel_h = weights->dims[1];
  s->kernel_w = weights->dims[2];
  size_t count = 0;
  const ln_tensor *bias = bias_of(node);
  if (bias != NULL && (!ln_shape_elements(&bias->shape, &count) || count != (size_t)s->out_c)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "bias \"%s\" has not %d values", bias->name, (int)s->out_c);
  }
  return read_options(node, s, err);
}

/* What the forward convolution from the output's extent would pad in front. */
static int32_t front_padding(int32_t padding, int32_t out, int32_t kernel, int32_t stride) {
  if (padding == LN_PADDING_VALID) return 0;
  const int64_t steps = ((int64_t)out + stride - 1) / stride;
  const int64_t total = (steps - 1) * stride + kernel - out;
  return total > 0 ? (int32_t)(total / 2) : 0;
}

ln_status ln_transpose_conv_infer(ln_node *node, ln_error *err) {
  tconv_shape s;
  LN_TRY(read_inputs(node, &s, err));
  int64_t dims[4] = {s.batch, 0, 0, s.out_c};
  if (is_media_pipe(node)) {
    const bool same = s.padding == LN_PADDING_SAME;
    dims[1] = same ? (int64_t)s.in_h * s.stride_h : ((int64_t)s.in_h - 1) * s.stride_h + s.kernel_h;
    dims[2] = same ? (int64_t)s.in_w * s.stride_w : ((int64_t)s.in_w - 1) * s.stride_w + s.kernel_w;
  } else {
    int32_t count = 0;
    LN_TRY(ln_node_ints(node, 0, dims, 4, &count, err));
    if (count != 4) return ln_node_fail(node, err, LN_ERR_SHAPE, "the output's shape has %d numbers", (int)count);
  }
  ln_shape shape = {0, {0}};
  bool fits = dims[0] == s.batch && dims[3] == s.out_c;
  for (int32_t i = 0; i < 4 && fits; ++i) fits = ln_shape_push(&shape, dims[i]);
  if (!fits) return ln_node_fail(node, err, LN_ERR_SHAPE, "the output's shape does not fit the input and the weights");
  return ln_node_set_shape(node, 0, &shape, err);
}

int64_t ln_transpose_conv_macs(const ln_node *node) {
  const ln_tensor *in = input_of(node), *weights = weights_of(node);
  const size_t pixels = ln_shape_span(&in->shape, 0, 3);
  return (int64_t)(pixels * ln_shape_span(&weights->shape, 0, 4));
}

/* ---- preparing ---- */

/* int16: weights as [kernel_h, kernel_w, out_c, in_c] int8. */
static void rearrange_weights(const tconv_shape *s, const ln_weights *weights, int8_t *to) {
  const size_t inner = (size_t)s->in_c, taps = (size_t)s->kernel_h * (size_t)s->kernel_w;
  for (size_t tap = 0; tap < taps; ++tap) {
    for (size_t c = 0; c < (size_t)s->out_c; ++c, to += inner)
      ln_weights_read(weights, (c * taps + tap) * inner, inner, to);
  }
}

/* A kernel row is a group; its columns are [kernel_w, out_c]. */
static ln_gemm_source weight_source(const tconv_shape *s, const ln_weights *weights) {
  const ptrdiff_t row = (ptrdiff_t)s->kernel_w * s->in_c;
  return (ln_gemm_source){.weights = weights,
                          .group_stride = row,
                          .k_stride = 1,
                          .n_stride = row * s->kernel_h,
                          .n_block = s->out_c,
                          .block_stride = s->in_c};
}

static ln_status prepare_i16_weights(ln_node *node, ln_prep *prep, tconv_args *args, const ln_weights *weights) {
  const tconv_shape *s = &args->shape;
  const size_t bytes = ln_shape_span(&weights->tensor->shape, 0, 4);
  if (!args->constant) {
    node->scratch_bytes = bytes;
    return LN_OK;
  }
  const int64_t numbers[4] = {s->out_c, ((int64_t)s->kernel_h << 32) | s->kernel_w, s->in_c, ln_weights_form(weights)};
  bool fresh = false;
  void *block = ln_pack_cache_get(prep->cache, weights->tensor->data, "transpose_conv", numbers, bytes, &fresh);
  if (block == NULL) return LN_ERR_MEMORY;
  if (fresh) rearrange_weights(s, weights, block);
  args->weights = block;
  return LN_OK;
}

/* Finds constant weights packed in the cache, or asks for scratch to pack them in the run. */
static ln_status prepare_weights(ln_node *node, ln_prep *prep, tconv_args *args) {
  ln_weights weights;
  LN_TRY(ln_weights_open(node, weights_of(node), prep->err, &weights));
  args->constant = ln_tensor_const_data(weights_of(node));
  ln_status status = LN_OK;
  if (args->form == TCONV_I16) {
    status = prepare_i16_weights(node, prep, args, &weights);
  } else if (args->constant) {
    const ln_gemm_source source = weight_source(&args->shape, &weights);
    status = ln_gemm_plan_constant_b(&args->plan, prep, &source, NULL);
  } else {
    args->plan.staged = true;
    status = ln_gemm_pack_bytes(&args->plan, &node->scratch_bytes) ? LN_OK : LN_ERR_MEMORY;
  }
  ln_weights_close(&weights);
  return status;
}

/* Behind weights packed in run: an image of bytes, and the bias that takes off its zero point. */
static ln_status prepare_hybrid(ln_node *node, ln_prep *prep, tconv_args *args) {
  const ln_tensor *weights = weights_of(node);
  const ln_quant *quant = weights->quant;
  if (quant->count != 1 && (quant->count != args->shape.out_c || quant->axis != 0)) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "weights \"%s\" have %d scales for %d channels", weights->name,
                        quant->count, args->shape.out_c);
  }
  args->scales = (ln_hybrid_scales){
      .a_count = 1, .b_scales = quant->scale, .b_count = quant->count, .low = args->low, .high = args->high};
  args->image_items = ln_shape_span(&input_of(node)->shape, 1, 4);
  size_t end;
  const bool fits = ln_size_align(node->scratch_bytes, LN_ALIGNMENT, &args->image_at) &&
                    ln_size_add(args->image_at, args->image_items, &end) &&
                    ln_size_align(end, LN_ALIGNMENT, &args->folded_at) &&
                    ln_size_add(args->folded_at, ln_gemm_bias_bytes(&args->plan), &node->scratch_bytes);
  return fits ? LN_OK : LN_ERR_MEMORY;
}

static ln_status prepare_scales(ln_node *node, ln_prep *prep, tconv_args *args) {
  const ln_tensor *in = input_of(node);
  const double *scales = NULL;
  int32_t count = 0;
  const int32_t channels = args->shape.out_c;
  LN_TRY(ln_node_quantized_range(node, args->shape.activation, node->out[0], prep->err, &args->quantized_low,
                                 &args->quantized_high));
  LN_TRY(ln_product_scales(node, prep->arena, in, weights_of(node), node->out[0], channels, 0,
                           in->type == LN_UINT8 ? LN_SCALES_PER_TENSOR : LN_SCALES_PER_CHANNEL, prep->err, &scales,
                           &count));
  ln_multiplier *multipliers = ln_arena_array(prep->arena, (size_t)channels, sizeof *multipliers);
  if (multipliers == NULL) return LN_ERR_MEMORY;
  for (int32_t c = 0; c < channels; ++c) multipliers[c] = ln_quantize_multiplier(scales[count == 1 ? 0 : c]);
  args->multipliers = multipliers;
  return LN_OK;
}

/*
 * Whether kernels stand side by side in the output, as strides of their size place them: then the product of an input
 * line and a kernel row is an output line as it stands.
 */
static bool is_apart(const ln_node *node, const tconv_args *args) {
  const tconv_shape *s = &args->shape;
  const ln_tensor *bias = bias_of(node);
  return args->form == TCONV_F32 && !args->empty && s->stride_h == s->kernel_h && s->stride_w == s->kernel_w &&
         s->pad_h == 0 && s->pad_w == 0 && (int64_t)s->in_h * s->kernel_h == s->out_h &&
         (int64_t)s->in_w * s->kernel_w == s->out_w && (bias == NULL || ln_tensor_const_data(bias));
}

/* The bias of every column of the products: [kernel_h, kernel_w, out_c]. */
static ln_status spread_bias(const ln_node *node, ln_prep *prep, tconv_args *args) {
  const tconv_shape *s = &args->shape;
  const ln_tensor *bias = bias_of(node);
  if (bias == NULL) return LN_OK;
  size_t count;
  if (!ln_size_mul((size_t)s->kernel_h * (size_t)s->kernel_w, (size_t)s->out_c, &count)) return LN_ERR_MEMORY;
  float *spread = ln_arena_array(prep->arena, count, sizeof *spread);
  if (spread == NULL) return LN_ERR_MEMORY;
  ln_k_fill(spread, bias->data, (size_t)s->out_c * sizeof *spread, (size_t)s->kernel_h * (size_t)s->kernel_w);
  args->plan.b.bias = spread;
  return LN_OK;
}

static ln_status plan_products(ln_node *node, tconv_args *args) {
  const tconv_shape *s = &args->shape;
  const ln_tensor *in = input_of(node), *weights = weights_of(node);
  const int32_t n = s->kernel_w * s->out_c;
  if (args->form == TCONV_F32) {
    const float low = args->apart ? args->low : -INFINITY, high = args->apart ? args->high : INFINITY;
    return ln_gemm_plan_f32(&args->plan, s->kernel_h, n, 1, s->in_c, low, high) ? LN_OK : LN_ERR_MEMORY;
  }
  const bool bytes = args->form == TCONV_BYTES;
  const ln_gemm_quant quant = {.a_unsigned = in->type == LN_UINT8,
                               .b_unsigned = bytes && weights->type == LN_UINT8,
                               .a_zero = bytes ? ln_zero_point_of(in) : 0,
                               .b_zero = bytes && weights->type == LN_UINT8 ? ln_zero_point_of(weights) : 0};
  return ln_gemm_plan_i32(&args->plan, s->kernel_h, n, 1, s->in_c, &quant);
}

static tconv_form form_of(const ln_node *node) {
  switch (input_of(node)->type) {
    case LN_INT16: return TCONV_I16;
    case LN_FLOAT32: return ln_weights_plain_type(weights_of(node)) == LN_FLOAT32 ? TCONV_F32 : TCONV_HYBRID;
    default: return TCONV_BYTES;
  }
}

/* Adds `count` items to a thread's scratch; the result is where they begin. */
static bool take_scratch(size_t *total, size_t count, size_t item, size_t *offset) {
  size_t bytes = 0;
  *offset = *total;
  return ln_size_mul(count, item, &bytes) && ln_size_add(*total, bytes, total) &&
         ln_size_align(*total, LN_ALIGNMENT, total);
}

static bool size_scratch(ln_node *node, tconv_args *args) {
  const tconv_shape *s = &args->shape;
  size_t total = 0, sums = 0;
  const size_t in_w = (size_t)s->in_w, line = (size_t)s->out_w * (size_t)s->out_c;
  const bool wide = args->form == TCONV_I16;
  if (args->form != TCONV_F32 && !take_scratch(&total, line, wide ? 8 : 4, &sums)) return false;
  if (wide) {
    node->thread_scratch_bytes = total;
    return true;
  }
  if (!take_scratch(&total, in_w, (size_t)args->plan.n * 4, &args->part_offset)) return false;
  args->pixel_stride = (ptrdiff_t)s->in_c * (args->form == TCONV_F32 ? 4 : 1);
  if (args->empty) {
    node->thread_scratch_bytes = total;
    return true;
  }
  if (!ln_gemm_a_is_direct(&args->plan)) {
    const int32_t group = args->plan.k_group;
    args->pixel_stride = (ptrdiff_t)((s->in_c + group - 1) / group * group) * args->plan.a_bytes;
    if (!take_scratch(&total, in_w + 1, (size_t)args->pixel_stride, &args->pixel_offset)) return false;
  }
  if (!take_scratch(&total, in_w, sizeof(int32_t), &args->term_offset)) return false;
  node->thread_scratch_bytes = total;
  return true;
}

ln_status ln_transpose_conv_prepare(ln_node *node, ln_prep *prep) {
  tconv_args *args = LN_NODE_ARGS(node, prep, tconv_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  tconv_shape *s = &args->shape;
  LN_TRY(read_inputs(node, s, prep->err));
  s->out_h = node->out[0]->shape.dims[1];
  s->out_w = node->out[0]->shape.dims[2];
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  const ln_fused *fused = &node->op->fused;
  s->pad_h = fused->pads ? fused->pad_top : front_padding(s->padding, s->out_h, s->kernel_h, s->stride_h);
  s->pad_w = fused->pads ? fused->pad_left : front_padding(s->padding, s->out_w, s->kernel_w, s->stride_w);
  args->form = form_of(node);
  const bool floats = args->form == TCONV_F32 || args->form == TCONV_HYBRID;
  if (floats) LN_TRY(ln_node_float_range(node, s->activation, prep->err, &args->low, &args->high));
  else LN_TRY(prepare_scales(node, prep, args));
  args->empty = ln_tensor_is_empty(input_of(node)) || ln_tensor_is_empty(weights_of(node));
  args->apart = is_apart(node, args);
  const int64_t columns = (int64_t)s->kernel_w * s->out_c;
  const double line_macs = (double)s->in_w * s->in_c * s->kernel_h / s->stride_h * (double)columns;
  ln_status status = columns > INT32_MAX / 8 ? LN_ERR_MEMORY : LN_OK;
  if (status == LN_OK && args->form != TCONV_I16 && !args->empty) {
    status = plan_products(node, args);
    if (status == LN_OK) node->kernel = ln_gemm_kernel_name(&args->plan);
  }
  if (status == LN_OK && !args->empty) status = prepare_weights(node, prep, args);
  if (status == LN_OK && args->apart) status = spread_bias(node, prep, args);
  if (status == LN_OK && args->form == TCONV_HYBRID) status = prepare_hybrid(node, prep, args);
  if (status == LN_OK && !size_scratch(node, args)) status = LN_ERR_MEMORY;
  if (status == LN_ERR_MEMORY) return ln_node_fail(node, prep->err, status, "the weights take too much memory");
  LN_TRY(status);
  const int64_t lines = (int64_t)(TCONV_TASK_MACS / (line_macs + 1.0)) + 1;
  args->lines = (int32_t)(lines < s->out_h ? lines : s->out_h);
  return LN_OK;
}

/* ---- running ---- */

typedef struct tconv_job {
  const tconv_args *args;
  const ln_exec *exec;
  const ln_gemm_b *b;
  const ln_gemm_plan *plan;
  const char *in; /* [batch, in_h, in_w, in_c]; hybrid: the one image `first`, of bytes */
  const ln_tensor *bias;
  ln_tensor *out;
  const void *weights; /* int16: [kernel_h, kernel_w, out_c, in_c] */
  int32_t first;       /* of the images that tasks count from */
  float in_scale;      /* hybrid */
} tconv_job;

/* part[x][kernel_w][out_c] = the pixels of an input line times kernel row `row`. */
static void line_product(const tconv_job *job, const char *pixels, int32_t row, char *scratch, void *part) {
  const tconv_args *args = job->args;
  const tconv_shape *s = &args->shape;
  const ln_gemm_plan *plan = job->plan;
  const void *first = pixels;
  int32_t *terms = NULL;
  if (!ln_gemm_a_is_direct(plan)) {
    char *converted = scratch + args->pixel_offset;
    for (int32_t x = 0; x < s->in_w; ++x) {
      const char *pixel = pixels + (ptrdiff_t)x * s->in_c;
      ln_gemm_convert_a(plan, pixel, (size_t)s->in_c, converted + x * args->pixel_stride);
    }
    first = converted;
  }
  const ln_gemm_a a = {&first, 1, s->in_c, args->pixel_stride};
  if (!ln_gemm_is_float(plan) && ln_gemm_needs_row_terms(plan)) {
    terms = (int32_t *)(void *)(scratch + args->term_offset);
    ln_gemm_row_terms(plan, s->in_w, &a, terms);
  }
  ln_gemm_rows(plan, job->b, row, 0, plan->panels, s->in_w, &a, terms, part, plan->n);
}

static ln_tconv_line line_shape(const tconv_shape *s) {
  return (ln_tconv_line){s->in_w, s->out_w, s->out_c, s->kernel_w, s->stride_w, s->pad_w};
}

/* Adds what every kernel row that reaches output line y contributes. */
static void add_rows(const tconv_job *job, int32_t batch, int32_t y, void *line, char *scratch) {
  const tconv_shape *s = &job->args->shape;
  const ln_tconv_line shape = line_shape(s);
  const tconv_form form = job->args->form;
  const size_t item = form == TCONV_F32 ? 4 : (form == TCONV_I16 ? 2 : 1);
  const size_t in_line = (size_t)s->in_w * (size_t)s->in_c * item;
  for (int32_t row = 0; row < s->kernel_h && !job->args->empty; ++row) {
    const int64_t reach = (int64_t)y + s->pad_h - row;
    if (reach < 0 || reach % s->stride_h != 0 || reach / s->stride_h >= s->in_h) continue;
    const int32_t image = form == TCONV_HYBRID ? 0 : batch;
    const size_t in_y = (size_t)image * (size_t)s->in_h + (size_t)(reach / s->stride_h);
    const char *pixels = job->in + in_y * in_line;
    if (form == TCONV_I16) {
      const int8_t *weights = (const int8_t *)job->weights + (ptrdiff_t)row * s->kernel_w * s->out_c * s->in_c;
      ln_k_tconv_line_i16(&shape, s->in_c, (const int16_t *)(const void *)pixels, weights, line);
      continue;
    }
    void *part = scratch + job->args->part_offset;
    line_product(job, pixels, row, scratch, part);
    if (form == TCONV_F32) ln_k_tconv_add_f32(&shape, part, line);
    else ln_k_tconv_add_i32(&shape, part, line);
  }
}

static void float_line(const tconv_job *job, int32_t batch, int32_t y, char *scratch) {
  const tconv_shape *s = &job->args->shape;
  const size_t count = (size_t)s->out_w * (size_t)s->out_c;
  float *line = (float *)job->out->data + ((size_t)batch * (size_t)s->out_h + (size_t)y) * count;
  const float low = job->args->low, high = job->args->high;
  if (job->args->apart) {
    const size_t in_line = (size_t)s->in_w * (size_t)s->in_c * sizeof(float);
    const size_t in_y = (size_t)batch * (size_t)s->in_h + (size_t)(y / s->kernel_h);
    line_product(job, job->in + in_y * in_line, y % s->kernel_h, scratch, line);
    return;
  }
  if (job->bias != NULL) ln_k_fill(line, job->bias->data, (size_t)s->out_c * sizeof(float), (size_t)s->out_w);
  else memset(line, 0, count * sizeof(float));
  add_rows(job, batch, y, line, scratch);
  if (job->args->shape.activation == LN_ACT_NONE) return;
  for (size_t i = 0; i < count; ++i) line[i] = ln_clamp_f32(line[i], low, high);
}

static void hybrid_line(const tconv_job *job, int32_t batch, int32_t y, char *scratch) {
  const tconv_shape *s = &job->args->shape;
  const size_t count = (size_t)s->out_w * (size_t)s->out_c;
  float *line = (float *)job->out->data + ((size_t)batch * (size_t)s->out_h + (size_t)y) * count;
  ln_hybrid_scales scales = job->args->scales;
  scales.a_scales = &job->in_scale;
  scales.bias = job->bias == NULL ? NULL : job->bias->data;
  memset(scratch, 0, count * sizeof(int32_t));
  add_rows(job, batch, y, scratch, scratch);
  ln_k_scale_sums(s->out_w, s->out_c, (const int32_t *)(const void *)scratch, &scales, line);
}

static int64_t bias_at(const ln_tensor *bias, int32_t channel) {
  if (bias == NULL) return 0;
  return bias->type == LN_INT64 ? ((const int64_t *)bias->data)[channel] : ((const int32_t *)bias->data)[channel];
}

static void store(ln_tensor *out, size_t index, int32_t value) {
  if (out->type == LN_INT16) ((int16_t *)out->data)[index] = (int16_t)value;
  else ((uint8_t *)out->data)[index] = (uint8_t)value;
}

static void integer_line(const tconv_job *job, int32_t batch, int32_t y, char *scratch) {
  const tconv_args *args = job->args;
  const tconv_shape *s = &args->shape;
  const bool wide = args->form == TCONV_I16;
  const size_t pixels = (size_t)s->out_w, channels = (size_t)s->out_c;
  const size_t at = ((size_t)batch * (size_t)s->out_h + (size_t)y) * pixels * channels;
  int64_t *wide_sums = (int64_t *)(void *)scratch;
  int32_t *sums = (int32_t *)(void *)scratch;
  memset(scratch, 0, pixels * channels * (wide ? sizeof *wide_sums : sizeof *sums));
  add_rows(job, batch, y, scratch, scratch);
  for (size_t c = 0; c < channels; ++c) {
    const ln_multiplier m = args->multipliers[c];
    const int64_t bias = bias_at(job->bias, (int32_t)c);
    for (size_t i = c; i < pixels * channels; i += channels) {
      const int32_t narrow = wide ? 0 : (int32_t)((uint32_t)sums[i] + (uint32_t)bias);
      const int32_t scaled = wide ? ln_multiply_quantized_i64(wide_sums[i] + bias, m.multiplier, m.shift)
                                  : ln_multiply_quantized(narrow, m.multiplier, m.shift);
      const int32_t value = (int32_t)((uint32_t)scaled + (uint32_t)ln_zero_point_of(job->out));
      store(job->out, at + i, ln_clamp_i32(value, args->quantized_low, args->quantized_high));
    }
  }
}

static void tconv_task(void *context, int32_t task, int32_t worker) {
  const tconv_job *job = context;
  const tconv_args *args = job->args;
  const int32_t blocks = (args->shape.out_h + args->lines - 1) / args->lines;
  const int32_t batch = job->first + task / blocks, begin = task % blocks * args->lines;
  const int32_t end = args->shape.out_h - begin < args->lines ? args->shape.out_h : begin + args->lines;
  char *scratch = ln_exec_thread_scratch(job->exec, worker);
  for (int32_t y = begin; y < end; ++y) {
    if (args->form == TCONV_F32) float_line(job, batch, y, scratch);
    else if (args->form == TCONV_HYBRID) hybrid_line(job, batch, y, scratch);
    else integer_line(job, batch, y, scratch);
  }
}

static ln_status pack_in_run(const ln_node *node, tconv_job *job, ln_gemm_b *b) {
  const tconv_args *args = job->args;
  ln_weights weights;
  LN_TRY(ln_weights_open(node, weights_of(node), job->exec->err, &weights));
  if (args->form == TCONV_I16) {
    rearrange_weights(&args->shape, &weights, job->exec->scratch);
    job->weights = job->exec->scratch;
    return LN_OK;
  }
  const ln_gemm_source source = weight_source(&args->shape, &weights);
  ln_gemm_pack(&args->plan, &source, args->plan.b.bias, job->exec->scratch, b);
  return LN_OK;
}

/* Image by image: each has a scale and a zero point of its own. */
static void run_hybrid(const ln_node *node, tconv_job *job, ln_gemm_b *b, int32_t blocks) {
  const tconv_args *args = job->args;
  char *scratch = job->exec->scratch;
  ln_gemm_plan plan = args->plan;
  int32_t *folded = (int32_t *)(void *)(scratch + args->folded_at);
  int8_t *image = (int8_t *)(scratch + args->image_at);
  job->plan = &plan;
  job->in = scratch + args->image_at;
  b->bias = folded;
  for (; job->first < args->shape.batch; ++job->first) {
    const float *from = (const float *)input_of(node)->data + (size_t)job->first * args->image_items;
    ln_k_quantize_asymmetric(from, args->image_items, image, &job->in_scale, &plan.quant.a_zero);
    if (!args->empty) ln_gemm_fold_bias(&plan, plan.quant.a_zero, NULL, b->column_sums, folded);
    ln_pool_run(job->exec->pool, blocks, tconv_task, job);
  }
}

ln_status ln_transpose_conv_run(const ln_node *node, ln_exec *exec) {
  const tconv_args *args = node->args;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  const tconv_shape *s = &args->shape;
  ln_gemm_b b = args->plan.b;
  tconv_job job = {.args = args,
                   .exec = exec,
                   .b = &b,
                   .plan = &args->plan,
                   .in = input_of(node)->data,
                   .bias = bias_of(node),
                   .out = node->out[0],
                   .weights = args->weights};
  if (!args->constant && !args->empty) LN_TRY(pack_in_run(node, &job, &b));
  const int64_t blocks = (s->out_h + args->lines - 1) / args->lines;
  if (blocks * s->batch > INT32_MAX) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "too many output lines");
  if (args->form == TCONV_HYBRID) run_hybrid(node, &job, &b, (int32_t)blocks);
  else ln_pool_run(exec->pool, (int32_t)(blocks * s->batch), tconv_task, &job);
  return LN_OK;
}

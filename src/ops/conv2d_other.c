/* CONV_2D of int16 images, and of floats with int8 filters whose input is quantized image by image in run. */
#include "kernels/conv_i16.h"
#include "kernels/hybrid.h"
#include "kernels/quant.h"
#include "ops/conv2d.h"
#include "ops/product_scales.h"

/* ---- int16 ---- */

typedef struct i16_form {
  ln_conv_i16 conv;
  const void *filter; /* int8; NULL when it is unpacked in run */
} i16_form;

typedef struct i16_run {
  const ln_conv_i16 *conv;
  const int16_t *in;
  const int8_t *filter;
  const void *bias;
  int16_t *out;
  int32_t out_h;
} i16_run;

static void i16_task(void *context, int32_t task, int32_t worker) {
  (void)worker;
  const i16_run *run = context;
  const ln_conv_i16 *c = run->conv;
  const ptrdiff_t image = (ptrdiff_t)c->in_h * c->in_w * c->in_c;
  ln_k_conv_i16_line(c, run->in + task / run->out_h * image, run->filter, run->bias, task % run->out_h,
                     run->out + (ptrdiff_t)task * c->out_w * c->out_c);
}

static ln_status i16_run_node(const ln_node *node, ln_exec *exec) {
  const conv2d_args *args = node->args;
  const i16_form *form = args->other;
  const ln_tensor *bias = node->in_count > 2 ? node->in[2] : NULL;
  i16_run run = {.conv = &form->conv,
                 .in = node->in[0]->data,
                 .filter = form->filter,
                 .bias = bias == NULL ? NULL : bias->data,
                 .out = node->out[0]->data,
                 .out_h = node->out[0]->shape.dims[1]};
  if (run.filter == NULL) {
    const ln_shape *shape = &node->in[1]->shape;
    ln_weights weights;
    LN_TRY(ln_weights_open(node, node->in[1], exec->err, &weights));
    run.filter = weights.data;
    if (!ln_weights_is_plain(&weights)) {
      ln_weights_read(&weights, 0, ln_shape_span(shape, 0, shape->rank), exec->scratch);
      run.filter = exec->scratch;
    }
  }
  ln_pool_run(exec->pool, node->out[0]->shape.dims[0] * run.out_h, i16_task, &run);
  return LN_OK;
}

static bool has_wide_bias(const ln_conv2d_options *options, const ln_tensor *bias) {
  return bias != NULL ? bias->type == LN_INT64 : options->quantized_bias_type != LN_INT32;
}

static ln_status check_i16_zero_points(const ln_node *node, ln_prep *prep) {
  if (ln_zero_point_of(node->in[0]) == 0 && ln_zero_point_of(node->out[0]) == 0) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MODEL, "int16 tensors must have zero point 0");
}

static ln_status i16_scales(ln_node *node, ln_prep *prep, int32_t out_c, const double **scales, int32_t *count) {
  LN_TRY(ln_product_scales(node, prep->arena, node->in[0], node->in[1], node->out[0], out_c, 0, LN_SCALES_PER_CHANNEL,
                           prep->err, scales, count));
  for (int32_t j = 0; j < *count; ++j) {
    if (ln_quantize_multiplier((*scales)[j]).shift > 14)
      return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "scales that multiply by more than 2^14");
  }
  return LN_OK;
}

static ln_status i16_multipliers(ln_node *node, ln_prep *prep, int32_t out_c, ln_conv_i16 *c) {
  const double *scales;
  int32_t count;
  LN_TRY(i16_scales(node, prep, out_c, &scales, &count));
  int32_t *multiplier = ln_arena_array(prep->arena, (size_t)out_c, sizeof *multiplier);
  int32_t *shift = ln_arena_array(prep->arena, (size_t)out_c, sizeof *shift);
  if (multiplier == NULL || shift == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  for (int32_t j = 0; j < out_c; ++j) {
    const ln_multiplier fixed = ln_quantize_multiplier(scales[count == 1 ? 0 : j]);
    multiplier[j] = fixed.multiplier;
    shift[j] = fixed.shift;
  }
  c->multiplier = multiplier;
  c->shift = shift;
  return LN_OK;
}

bool ln_conv2d_is_fixed_i16(const ln_node *node) {
  const ln_tensor *bias = node->in_count > 2 ? node->in[2] : NULL;
  return ln_tensor_const_data(node->in[1]) && (bias == NULL || ln_tensor_const_data(bias));
}

ln_status ln_conv2d_plan_i16(ln_node *node, ln_prep *prep, conv2d_args *args) {
  const ln_conv2d_options *options = LN_OPTIONS(node, conv2d_options);
  const ln_conv_plan *conv = &args->conv;
  const int32_t groups = conv->shape.groups, out_c = conv->shape.out_c;
  const ln_tensor *bias = node->in_count > 2 ? node->in[2] : NULL;
  ln_gemm_quant quant = {.wide_bias = has_wide_bias(options, bias)};
  LN_TRY(check_i16_zero_points(node, prep));
  LN_TRY(i16_scales(node, prep, out_c, &quant.scales, &quant.scale_count));
  LN_TRY(ln_node_quantized_range(node, options->fused_activation_function, node->out[0], prep->err, &quant.low,
                                 &quant.high));
  return ln_gemm_plan_i16(&args->plan, prep->arena, groups, out_c / groups, conv->segments, conv->segment_length,
                          &quant);
}

ln_status ln_conv2d_prepare_i16(ln_node *node, ln_prep *prep, conv2d_args *args, const ln_conv_shape *s) {
  const ln_conv2d_options *options = LN_OPTIONS(node, conv2d_options);
  const ln_tensor *bias = node->in_count > 2 ? node->in[2] : NULL;
  i16_form *form = ln_arena_alloc(prep->arena, sizeof *form);
  if (form == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  ln_conv_i16 *c = &form->conv;
  LN_TRY(check_i16_zero_points(node, prep));
  *c = (ln_conv_i16){.in_h = s->h.in,
                     .in_w = s->w.in,
                     .in_c = s->in_c,
                     .out_w = s->w.out,
                     .out_c = s->out_c,
                     .filter_c = s->in_c / s->groups,
                     .kernel_h = s->h.kernel,
                     .kernel_w = s->w.kernel,
                     .stride_h = s->h.stride,
                     .stride_w = s->w.stride,
                     .dilation_h = s->h.dilation,
                     .dilation_w = s->w.dilation,
                     .pad_top = s->h.before,
                     .pad_left = s->w.before,
                     .wide_bias = has_wide_bias(options, bias)};
  LN_TRY(i16_multipliers(node, prep, s->out_c, c));
  const ln_status status = ln_weights_unpack(node, prep, node->in[1], &form->filter);
  if (status == LN_ERR_MEMORY) return ln_node_fail(node, prep->err, status, "no memory for the unpacked filter");
  LN_TRY(status);
  if (form->filter == NULL) node->scratch_bytes = ln_shape_span(&node->in[1]->shape, 0, 4);
  args->other = form;
  args->run_other = i16_run_node;
  return ln_node_quantized_range(node, options->fused_activation_function, node->out[0], prep->err, &c->low, &c->high);
}

/* ---- hybrid ---- */

typedef struct hybrid {
  bool per_channel; /* then the input is quantized asymmetrically */
  size_t image_items, out_items;
  size_t quantized_at, sums_at; /* in node scratch, behind the bias or the packed filter */
  ln_hybrid_scales scales;
} hybrid;

enum {
  ALONE_NS = 10000,    /* products below it stay on the thread that quantizes: their sums would go from core to core */
  QUANTIZED_IN_NS = 8, /* floats in a nanosecond, about: their range, and their bytes */
  RANGES = 64          /* parts of an image, at most, whose ranges are found by themselves */
};

/* One image, in parts: first the range of each, then its bytes. */
typedef struct quantize_run {
  const float *in;
  int8_t *out;
  size_t items, part;
  float low[RANGES], high[RANGES];
  ln_hybrid_form form;
} quantize_run;

static size_t part_items(const quantize_run *run, int32_t task) {
  const size_t left = run->items - (size_t)task * run->part;
  return left < run->part ? left : run->part;
}

static void range_task(void *context, int32_t task, int32_t worker) {
  quantize_run *run = context;
  (void)worker;
  LN_KERNEL_OF(hybrid, range_f32)
  (run->in + (size_t)task * run->part, part_items(run, task), &run->low[task], &run->high[task]);
}

static void round_task(void *context, int32_t task, int32_t worker) {
  const quantize_run *run = context;
  const size_t first = (size_t)task * run->part;
  (void)worker;
  LN_KERNEL_OF(hybrid, round_i8)
  (run->in + first, part_items(run, task), run->form.factor, run->form.offset, run->form.low, run->form.high,
   run->out + first);
}

/* Asymmetric with a scale for each channel of the filter, symmetric else. */
static void quantize_image(ln_pool *pool, quantize_run *run, bool per_channel) {
  int32_t parts = ln_pool_parts(pool, (int64_t)(run->items / QUANTIZED_IN_NS));
  if (parts > RANGES) parts = RANGES;
  run->part = (run->items + (size_t)parts - 1) / (size_t)parts;
  if (run->part > 0) parts = (int32_t)((run->items + run->part - 1) / run->part);
  ln_pool_run(pool, parts, range_task, run);
  float low = 0, high = 0;
  for (int32_t i = 0; i < parts; ++i) {
    if (run->low[i] < low) low = run->low[i];
    if (run->high[i] > high) high = run->high[i];
  }
  if (per_channel) ln_k_form_asymmetric(low, high, &run->form);
  else ln_k_form_symmetric(low, high, &run->form);
  ln_pool_run(pool, parts, round_task, run);
}

/* What the product hands its sums to while they are in the cache. */
typedef struct scale_run {
  ln_finish finish; /* first */
  const ln_hybrid_scales *scales;
  const int32_t *sums;
  float *out;
  int32_t n;
  size_t before;       /* elements of the images before this one */
  const ln_exec *exec; /* what follows the node */
} scale_run;

static void scale_stretch(ln_finish *finish, size_t first, size_t count) {
  const scale_run *run = (const scale_run *)(const void *)finish;
  ln_k_scale_sums((int32_t)(count / (size_t)run->n), run->n, run->sums + first, run->scales, run->out + first);
  ln_exec_finish(run->exec, run->before + first, count);
}

static ln_status hybrid_run_node(const ln_node *node, ln_exec *exec) {
  const conv2d_args *args = node->args;
  const hybrid *h = args->other;
  const ln_conv_shape *s = &args->conv.shape;
  const ln_tensor *bias = node->in_count > 2 ? node->in[2] : NULL;
  char *scratch = exec->scratch;
  int8_t *quantized = (int8_t *)(scratch + h->quantized_at);
  int32_t *sums = (int32_t *)(void *)(scratch + h->sums_at);
  ln_gemm_plan plan = args->plan; /* each image has a zero point of its own */
  ln_gemm_b b = plan.b;
  int32_t *folded = exec->scratch;
  if (args->pack_in_run) {
    LN_TRY(ln_conv2d_pack_in_run(node, args, NULL, exec, &b));
    folded = (int32_t *)b.bias;
  }
  b.bias = folded;
  ln_hybrid_scales scales = h->scales;
  scales.bias = bias == NULL ? NULL : bias->data;
  scale_run run = {.finish = {scale_stretch},
                   .scales = &scales,
                   .sums = sums,
                   .out = node->out[0]->data,
                   .n = s->out_c,
                   .exec = exec};
  ln_exec shared = *exec;
  shared.finish = &run.finish;
  if (ln_gemm_nanoseconds(&plan, (int64_t)s->h.out * s->w.out) < ALONE_NS) shared.pool = NULL;
  for (int32_t image = 0; image < s->batch; ++image, run.out += h->out_items, run.before += h->out_items) {
    quantize_run input = {.in = (const float *)node->in[0]->data + (size_t)image * h->image_items,
                          .out = quantized,
                          .items = h->image_items};
    quantize_image(shared.pool, &input, h->per_channel);
    plan.quant.a_zero = input.form.zero_point;
    ln_gemm_fold_bias(&plan, plan.quant.a_zero, NULL, b.column_sums, folded);
    scales.a_scales = &input.form.scale;
    ln_conv_run(&args->conv, &plan, &b, &shared, 1, quantized, sums);
  }
  return LN_OK;
}

static ln_status hybrid_scratch(ln_node *node, conv2d_args *args, hybrid *h) {
  size_t bytes = args->pack_in_run ? node->scratch_bytes : ln_gemm_bias_bytes(&args->plan), sums;
  h->image_items = ln_shape_span(&node->in[0]->shape, 1, 4);
  h->out_items = ln_shape_span(&node->out[0]->shape, 1, 4);
  if (!ln_size_align(bytes, LN_ALIGNMENT, &h->quantized_at)) return LN_ERR_MEMORY;
  if (!ln_size_add(h->quantized_at, h->image_items, &bytes) || !ln_size_align(bytes, LN_ALIGNMENT, &h->sums_at))
    return LN_ERR_MEMORY;
  if (!ln_size_mul(h->out_items, sizeof(int32_t), &sums) || !ln_size_add(h->sums_at, sums, &node->scratch_bytes))
    return LN_ERR_MEMORY;
  return LN_OK;
}

ln_status ln_conv2d_prepare_hybrid(ln_node *node, ln_prep *prep, conv2d_args *args) {
  const ln_conv2d_options *options = LN_OPTIONS(node, conv2d_options);
  const ln_conv_shape *s = &args->conv.shape;
  const ln_quant *quant = node->in[1]->quant;
  hybrid *h = ln_arena_alloc(prep->arena, sizeof *h);
  if (h == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  if (quant->count != 1 && (quant->count != s->out_c || quant->axis != 0)) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "filter \"%s\" has %d scales for %d channels", node->in[1]->name,
                        quant->count, s->out_c);
  }
  h->per_channel = quant->count > 1;
  h->scales = (ln_hybrid_scales){.a_count = 1, .b_scales = quant->scale, .b_count = quant->count};
  LN_TRY(ln_node_float_range(node, options->fused_activation_function, prep->err, &h->scales.low, &h->scales.high));
  const ln_gemm_quant numbers = {0};
  ln_status status = ln_gemm_plan_i32(&args->plan, s->groups, s->out_c / s->groups, args->conv.segments,
                                      args->conv.segment_length, &numbers);
  if (status == LN_OK) status = ln_conv2d_pack_filter(node, prep, args, NULL);
  if (status == LN_OK) status = hybrid_scratch(node, args, h);
  if (status == LN_OK && !ln_conv_plan_finish(&args->conv, &args->plan, &node->thread_scratch_bytes))
    status = LN_ERR_MEMORY;
  if (status == LN_ERR_MEMORY) return ln_node_fail(node, prep->err, status, "no memory for the packed filter");
  LN_TRY(status);
  args->other = h;
  args->run_other = hybrid_run_node;
  node->finish_grain = (size_t)s->out_c; /* rows are never cut: see ln_gemm_run */
  return LN_OK;
}

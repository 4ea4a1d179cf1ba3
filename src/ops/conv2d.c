/* CONV_2D: infer and prepare; the work is conv_plan.c's. int16 and hybrid forms stand in conv2d_other.c. */
#include <limits.h>

#include "ops/conv2d.h"
#include "ops/conv_winograd.h"
#include "ops/product_scales.h"
#include "ops/rows.h"

#define TYPES LN_OP_TYPES(CONV_2D)

ln_status ln_conv2d_shape(const ln_node *node, ln_error *err, ln_conv_shape *out) {
  const ln_conv2d_options *options = LN_OPTIONS(node, conv2d_options);
  const ln_shape *in = &node->in[0]->shape;
  const ln_shape *filter = &node->in[1]->shape;
  const ln_fused *fused = &node->op->fused;
  if (in->rank != 4 || filter->rank != 4) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "input and filter must have rank 4, have %d and %d", in->rank,
                        filter->rank);
  }
  const int32_t filter_c = filter->dims[3];
  if (filter_c < 1 || in->dims[3] < 1 || in->dims[3] % filter_c != 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d input channels do not fit a filter of %d", in->dims[3], filter_c);
  }
  *out = (ln_conv_shape){.batch = in->dims[0],
                         .in_c = in->dims[3],
                         .out_c = filter->dims[0],
                         .groups = in->dims[3] / filter_c,
                         .h = {.in = in->dims[1],
                               .kernel = filter->dims[1],
                               .stride = options->stride_h,
                               .dilation = options->dilation_h_factor,
                               .before = fused->pad_top,
                               .after = fused->pad_bottom},
                         .w = {.in = in->dims[2],
                               .kernel = filter->dims[2],
                               .stride = options->stride_w,
                               .dilation = options->dilation_w_factor,
                               .before = fused->pad_left,
                               .after = fused->pad_right}};
  if (out->out_c < 0 || out->out_c % out->groups != 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d output channels do not fall into %d groups", out->out_c,
                        out->groups);
  }
  if (options->padding != LN_PADDING_SAME && options->padding != LN_PADDING_VALID) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "padding %d is neither SAME nor VALID", options->padding);
  }
  if (!ln_window_resolve(&out->h, options->padding, fused->pads) ||
      !ln_window_resolve(&out->w, options->padding, fused->pads)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE,
                        "a %dx%d filter with strides %dx%d and dilation %dx%d does not fit an input of %dx%d",
                        out->h.kernel, out->w.kernel, out->h.stride, out->w.stride, out->h.dilation, out->w.dilation,
                        out->h.in, out->w.in);
  }
  return LN_OK;
}

ln_status ln_conv2d_infer(ln_node *node, ln_error *err) {
  ln_conv_shape shape;
  LN_TRY(ln_conv2d_shape(node, err, &shape));
  const int32_t dims[4] = {shape.batch, shape.h.out, shape.w.out, shape.out_c};
  const ln_shape out = ln_shape_make(4, dims);
  return ln_node_set_shape(node, 0, &out, err);
}

static ln_status check_bias(const ln_node *node, int32_t channels, ln_error *err) {
  if (node->in_count < 3 || node->in[2] == NULL) return LN_OK;
  size_t count;
  if (!ln_shape_elements(&node->in[2]->shape, &count) || count != (size_t)channels) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "bias \"%s\" has not %d values", node->in[2]->name, channels);
  }
  return LN_OK;
}

/* The product for floats or bytes; LN_ERR_MEMORY stands for sizes that overflow, too. */
static ln_status plan_product(ln_node *node, ln_prep *prep, conv2d_args *args) {
  const ln_conv2d_options *options = LN_OPTIONS(node, conv2d_options);
  const ln_conv_plan *conv = &args->conv;
  const ln_conv_shape *s = &conv->shape;
  const int32_t n = s->out_c / s->groups;
  if (LN_MEETS(TYPES, node->in[0]->type, LN_FLOAT32)) {
    float low, high;
    LN_TRY(ln_node_float_range(node, options->fused_activation_function, prep->err, &low, &high));
    return ln_gemm_plan_weights(&args->plan, prep, node->in[1], s->groups, n, conv->segments, conv->segment_length, low,
                                high)
               ? LN_OK
               : LN_ERR_MEMORY;
  }
  if (LN_MEETS(TYPES, node->in[0]->type, LN_INT16)) return ln_conv2d_plan_i16(node, prep, args);
  const ln_tensor *filter = node->in[1];
  ln_gemm_quant quant = {.a_unsigned = node->in[0]->type == LN_UINT8,
                         .b_unsigned = filter->type == LN_UINT8,
                         .c_unsigned = node->out[0]->type == LN_UINT8,
                         .a_zero = ln_zero_point_of(node->in[0]),
                         .c_zero = ln_zero_point_of(node->out[0])};
  const ln_scale_rule rule = quant.a_unsigned ? LN_SCALES_PER_TENSOR : LN_SCALES_PER_CHANNEL;
  LN_TRY(ln_product_scales(node, prep->arena, node->in[0], filter, node->out[0], s->out_c, 0, rule, prep->err,
                           &quant.scales, &quant.scale_count));
  /* The reference takes int8 filters as symmetric whatever their zero point says. */
  quant.b_zero = quant.b_unsigned ? ln_zero_point_of(filter) : 0;
  LN_TRY(ln_node_quantized_range(node, options->fused_activation_function, node->out[0], prep->err, &quant.low,
                                 &quant.high));
  return ln_gemm_plan_q8(&args->plan, prep->arena, s->groups, n, conv->segments, conv->segment_length, &quant);
}

ln_gemm_source ln_conv2d_filter(const conv2d_args *args, const ln_weights *filter) {
  const ln_conv_shape *s = &args->conv.shape;
  const ptrdiff_t k = (ptrdiff_t)args->conv.segments * args->conv.segment_length;
  return (ln_gemm_source){.weights = filter, .group_stride = k * (s->out_c / s->groups), .k_stride = 1, .n_stride = k};
}

ln_status ln_conv2d_pack_filter(ln_node *node, ln_prep *prep, conv2d_args *args, const void *bias) {
  ln_weights weights;
  LN_TRY(ln_weights_open_rows(node, node->in[1], prep->err, &weights));
  args->pack_in_run = !ln_tensor_const_data(node->in[1]);
  if (args->pack_in_run) {
    args->plan.staged = !ln_weights_is_plain(&weights);
    return ln_gemm_pack_bytes(&args->plan, &node->scratch_bytes) ? LN_OK : LN_ERR_MEMORY;
  }
  const ln_gemm_source source = ln_conv2d_filter(args, &weights);
  const ln_status status = ln_gemm_plan_constant_b(&args->plan, prep, &source, bias);
  ln_weights_close(&weights);
  return status;
}

ln_status ln_conv2d_pack_in_run(const ln_node *node, const conv2d_args *args, const void *bias, ln_exec *exec,
                                ln_gemm_b *b) {
  ln_weights weights;
  LN_TRY(ln_weights_open(node, node->in[1], exec->err, &weights));
  const ln_gemm_source source = ln_conv2d_filter(args, &weights);
  ln_gemm_pack(&args->plan, &source, bias, exec->scratch, b);
  return LN_OK;
}

/* Packs what is constant and asks for memory for what is not. */
static ln_status pack_weights(ln_node *node, ln_prep *prep, conv2d_args *args) {
  const ln_tensor *bias = node->in_count > 2 ? node->in[2] : NULL;
  const bool quantized = !ln_gemm_is_float(&args->plan);
  args->fold_in_run = quantized && bias != NULL && !ln_tensor_const_data(bias);
  if (args->fold_in_run) node->scratch_bytes = ln_gemm_bias_bytes(&args->plan);
  return ln_conv2d_pack_filter(node, prep, args, quantized && bias != NULL && !args->fold_in_run ? bias->data : NULL);
}

/* ---- floats by way of Winograd's transforms ---- */

static ln_status winograd_run_node(const ln_node *node, ln_exec *exec) {
  const conv2d_args *args = node->args;
  return ln_winograd_run(args->other, node, exec);
}

static bool may_take_winograd(const ln_node *node, const ln_prep *prep, const ln_conv_shape *shape) {
  return LN_MEETS(TYPES, node->in[0]->type, LN_FLOAT32) && prep->precision == LN_PRECISION_FLOAT32 &&
         ln_weights_plain_type(node->in[1]) == LN_FLOAT32 && ln_winograd_fits(shape);
}

static bool takes_winograd(const ln_node *node, const ln_prep *prep, const ln_conv_shape *shape) {
  enum { DIRECT = 1, WINOGRAD = 2 };
  if (!may_take_winograd(node, prep, shape)) return false;
  const int32_t way = ln_tune_way(node, prep, "direct, Winograd", 0, 2);
  return way == LN_WAY_BY_RULE ? ln_winograd_wins(shape) : way == WINOGRAD;
}

static ln_status prepare_winograd(ln_node *node, ln_prep *prep, conv2d_args *args, const ln_conv_shape *shape) {
  float low, high;
  LN_TRY(
      ln_node_float_range(node, LN_OPTIONS(node, conv2d_options)->fused_activation_function, prep->err, &low, &high));
  ln_winograd *winograd = NULL;
  const ln_status status = ln_winograd_prepare(node, prep, shape, low, high, &winograd);
  if (status == LN_ERR_MEMORY) return ln_node_fail(node, prep->err, status, "no memory for the packed filter");
  args->other = winograd;
  args->run_other = winograd_run_node;
  return status;
}

ln_status ln_conv2d_prepare(ln_node *node, ln_prep *prep) {
  conv2d_args *args = LN_NODE_ARGS(node, prep, conv2d_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  ln_conv_shape shape;
  LN_TRY(ln_node_check_built(node, TYPES, prep->err));
  LN_TRY(ln_conv2d_shape(node, prep->err, &shape));
  LN_TRY(check_bias(node, shape.out_c, prep->err));
  size_t elements;
  if (!ln_shape_elements(&node->out[0]->shape, &elements) || elements == 0) {
    args->empty = true;
    return LN_OK;
  }
  if (!ln_conv_is_countable(&shape))
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "a convolution of this size");
  if (LN_MEETS(TYPES, node->in[0]->type, LN_INT16) && !ln_conv2d_is_fixed_i16(node))
    return ln_conv2d_prepare_i16(node, prep, args, &shape);
  if (takes_winograd(node, prep, &shape)) return prepare_winograd(node, prep, args, &shape);
  ln_conv_plan_begin(&args->conv, &shape);
  if (LN_WEIGHTS_IN_BYTES(TYPES) && LN_MEETS(TYPES, node->in[0]->type, LN_FLOAT32) &&
      ln_weights_plain_type(node->in[1]) != LN_FLOAT32)
    return ln_conv2d_prepare_hybrid(node, prep, args);
  ln_status status = plan_product(node, prep, args);
  if (LN_HAS_SPARSE && status == LN_OK) status = ln_conv2d_try_sparse(node, prep, args);
  if (status == LN_OK && args->run_other != NULL) return LN_OK;
  if (status == LN_OK) node->kernel = ln_gemm_kernel_name(&args->plan);
  if (status == LN_OK) status = pack_weights(node, prep, args);
  if (status == LN_OK && !ln_conv_plan_finish(&args->conv, &args->plan, &node->thread_scratch_bytes))
    status = LN_ERR_MEMORY;
  if (status == LN_OK && ln_conv_finishes(&args->conv, &args->plan)) node->finish_grain = (size_t)shape.out_c;
  return status == LN_ERR_MEMORY ? ln_node_fail(node, prep->err, status, "no memory for the packed filter") : status;
}

ln_status ln_conv2d_run(const ln_node *node, ln_exec *exec) {
  const conv2d_args *args = node->args;
  if (args->empty) return LN_OK;
  if (args->run_other != NULL) return args->run_other(node, exec);
  const ln_gemm_plan *plan = &args->plan;
  const void *bias = node->in_count > 2 && node->in[2] != NULL ? node->in[2]->data : NULL;
  ln_gemm_b b = plan->b;
  if (args->pack_in_run) {
    LN_TRY(ln_conv2d_pack_in_run(node, args, bias, exec, &b));
  } else if (args->fold_in_run) {
    ln_gemm_fold_bias(plan, plan->quant.a_zero, bias, b.column_sums, exec->scratch);
    b.bias = exec->scratch;
  } else if (ln_gemm_is_float(plan)) {
    b.bias = bias;
  }
  ln_conv_run(&args->conv, plan, &b, exec, args->conv.shape.batch, node->in[0]->data, node->out[0]->data);
  return LN_OK;
}

int64_t ln_conv2d_macs(const ln_node *node) {
  const ln_shape *filter = &node->in[1]->shape;
  size_t outputs;
  if (filter->rank != 4 || !ln_shape_elements(&node->out[0]->shape, &outputs)) return 0;
  return (int64_t)outputs * (int64_t)ln_shape_span(filter, 1, 4);
}

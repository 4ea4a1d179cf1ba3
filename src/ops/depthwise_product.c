/* Depthwise convolution of one channel as a matrix product. */
#include "ops/depthwise_product.h"

#include "ops/product_scales.h"
#include "ops/rows.h"

#define TYPES LN_OP_TYPES(DEPTHWISE_CONV_2D)

struct ln_depthwise_product {
  ln_conv_plan conv;
  ln_gemm_plan plan;
};

static ln_status plan_product(ln_node *node, ln_prep *prep, ln_depthwise_product *p) {
  const ln_tensor *in = node->in[0], *filter = node->in[1], *out = node->out[0];
  const int32_t activation = LN_OPTIONS(node, depthwise_conv2d_options)->fused_activation_function;
  const ln_conv_plan *conv = &p->conv;
  const int32_t n = conv->shape.out_c;
  if (LN_MEETS(TYPES, in->type, LN_FLOAT32)) {
    float low, high;
    LN_TRY(ln_node_float_range(node, activation, prep->err, &low, &high));
    return ln_gemm_plan_f32(&p->plan, 1, n, conv->segments, conv->segment_length, low, high) ? LN_OK : LN_ERR_MEMORY;
  }
  ln_gemm_quant quant = {.a_unsigned = in->type == LN_UINT8,
                         .b_unsigned = filter->type == LN_UINT8,
                         .c_unsigned = out->type == LN_UINT8,
                         .a_zero = ln_zero_point_of(in),
                         .b_zero = filter->type == LN_UINT8 ? ln_zero_point_of(filter) : 0,
                         .c_zero = ln_zero_point_of(out)};
  const ln_scale_rule rule = quant.a_unsigned ? LN_SCALES_PER_TENSOR : LN_SCALES_PER_CHANNEL;
  LN_TRY(
      ln_product_scales(node, prep->arena, in, filter, out, n, 3, rule, prep->err, &quant.scales, &quant.scale_count));
  LN_TRY(ln_node_quantized_range(node, activation, out, prep->err, &quant.low, &quant.high));
  return ln_gemm_plan_q8(&p->plan, prep->arena, 1, n, conv->segments, conv->segment_length, &quant);
}

static ln_status pack_filter(ln_node *node, ln_prep *prep, ln_depthwise_product *p) {
  const ln_tensor *bias = node->in_count > 2 ? node->in[2] : NULL;
  ln_weights weights;
  LN_TRY(ln_weights_open(node, node->in[1], prep->err, &weights));
  const ln_gemm_source source = {.weights = &weights, .k_stride = p->plan.n, .n_stride = 1};
  const ln_status status = ln_gemm_plan_constant_b(&p->plan, prep, &source, bias == NULL ? NULL : bias->data);
  ln_weights_close(&weights);
  return status;
}

ln_status ln_depthwise_product_prepare(ln_node *node, ln_prep *prep, const ln_conv_shape *shape,
                                       ln_depthwise_product **out) {
  ln_depthwise_product *p = ln_arena_alloc(prep->arena, sizeof *p);
  if (p == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  ln_conv_plan_begin(&p->conv, shape);
  ln_status status = plan_product(node, prep, p);
  if (status == LN_OK) status = pack_filter(node, prep, p);
  if (status == LN_OK && !ln_conv_plan_finish(&p->conv, &p->plan, &node->thread_scratch_bytes)) status = LN_ERR_MEMORY;
  if (status == LN_OK) node->kernel = ln_gemm_kernel_name(&p->plan);
  *out = p;
  return status == LN_ERR_MEMORY ? ln_node_fail(node, prep->err, status, "no memory for the packed filter") : status;
}

void ln_depthwise_product_run(const ln_depthwise_product *p, const ln_node *node, const ln_exec *exec) {
  ln_gemm_b b = p->plan.b;
  if (ln_gemm_is_float(&p->plan) && node->in_count > 2 && node->in[2] != NULL) b.bias = node->in[2]->data;
  ln_conv_run(&p->conv, &p->plan, &b, exec, p->conv.shape.batch, node->in[0]->data, node->out[0]->data);
}

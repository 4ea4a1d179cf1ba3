/*
 * FULLY_CONNECTED: rows of the input against the rows of the weights [units, k]. Floats and bytes are a plain product;
 * floats with int8 or int4 weights quantize each row in run; weights in blocks are unpacked to floats once.
 */
#include "kernels/fully_connected.h"

#include <limits.h>

#include "kernels/hybrid.h"
#include "kernels/quant.h"
#include "ops/gemm_plan.h"
#include "ops/product_scales.h"
#include "ops/rows.h"
#include "ops/weights.h"

typedef struct fc_args {
  ln_gemm_plan plan;
  int32_t m, n, k;
  bool empty;
  bool pack_in_run, fold_in_run; /* weights, or the bias alone, are no constants */
  bool hybrid, asymmetric;
  ln_hybrid_scales scales;                           /* hybrid: of the weights */
  size_t quantized_at, sums_at, scales_at, zeros_at; /* hybrid: in node scratch */
  ln_fc_i16 i16;
} fc_args;

/* Rows, units and depth of the product; the depth must divide the input. */
static ln_status extents(const ln_node *node, ln_error *err, int32_t *m, int32_t *n, int32_t *k) {
  const ln_shape *weights = &node->in[1]->shape;
  size_t elements;
  if (weights->rank != 2 || weights->dims[0] < 0 || weights->dims[1] < 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "weights \"%s\" are no matrix", node->in[1]->name);
  }
  *n = weights->dims[0];
  *k = weights->dims[1];
  if (!ln_shape_elements(&node->in[0]->shape, &elements) || elements % (size_t)*k != 0 ||
      elements / (size_t)*k > INT32_MAX / 4) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the input does not fall into rows of %d", *k);
  }
  *m = (int32_t)(elements / (size_t)*k);
  return LN_OK;
}

ln_status ln_fully_connected_infer(ln_node *node, ln_error *err) {
  const ln_fully_connected_options *options = LN_OPTIONS(node, fully_connected_options);
  int32_t m, n, k;
  LN_TRY(extents(node, err, &m, &n, &k));
  ln_shape out = {.rank = 2, .dims = {m, n}};
  if (options->keep_num_dims) {
    out = node->in[0]->shape;
    if (out.rank < 1 || out.dims[out.rank - 1] != k) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "the input's last dimension is not %d", k);
    }
    out.dims[out.rank - 1] = n;
  }
  return ln_node_set_shape(node, 0, &out, err);
}

static const ln_tensor *bias_of(const ln_node *node) { return node->in_count > 2 ? node->in[2] : NULL; }

/* ---- int16 ---- */

static ln_status prepare_i16(ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_fully_connected_options *options = LN_OPTIONS(node, fully_connected_options);
  const double *scales;
  int32_t count;
  LN_TRY(ln_product_scales(node, prep->arena, node->in[0], node->in[1], node->out[0], args->n, 0, LN_SCALES_PER_CHANNEL,
                           prep->err, &scales, &count));
  if (ln_zero_point_of(node->in[0]) != 0 || ln_zero_point_of(node->out[0]) != 0) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "int16 tensors must have zero point 0");
  }
  if (node->in[1]->sparsity != NULL)
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "sparse weights of int16 inputs");
  const ln_tensor *bias = bias_of(node);
  args->i16 =
      (ln_fc_i16){.n = args->n,
                  .k = args->k,
                  .weights_zero = ln_zero_point_of(node->in[1]),
                  .scales = scales,
                  .scale_count = count,
                  .wide_bias = bias != NULL ? bias->type == LN_INT64 : options->quantized_bias_type != LN_INT32};
  return ln_node_quantized_range(node, options->fused_activation_function, node->out[0], prep->err, &args->i16.low,
                                 &args->i16.high);
}

typedef struct i16_run {
  const fc_args *args;
  const ln_node *node;
} i16_run;

static void i16_task(void *context, int32_t task, int32_t worker) {
  (void)worker;
  const i16_run *run = context;
  const fc_args *args = run->args;
  const ln_tensor *bias = bias_of(run->node);
  ln_k_fc_i16(&args->i16, (const int16_t *)run->node->in[0]->data + (ptrdiff_t)task * args->k, run->node->in[1]->data,
              bias == NULL ? NULL : bias->data, (int16_t *)run->node->out[0]->data + (ptrdiff_t)task * args->n);
}

/* ---- floats with integer weights ---- */

static ln_status plan_hybrid(ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_fully_connected_options *options = LN_OPTIONS(node, fully_connected_options);
  const ln_quant *quant = node->in[1]->quant;
  if (quant->count < 1 || (quant->count > 1 && (quant->count != args->n || quant->axis != 0))) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "weights \"%s\" have %d scales for %d units", node->in[1]->name,
                        quant->count, args->n);
  }
  args->hybrid = true;
  args->asymmetric = options->asymmetric_quantize_inputs;
  args->scales = (ln_hybrid_scales){.b_scales = quant->scale, .b_count = quant->count};
  LN_TRY(
      ln_node_float_range(node, options->fused_activation_function, prep->err, &args->scales.low, &args->scales.high));
  const ln_gemm_quant numbers = {0};
  return ln_gemm_plan_i32(&args->plan, 1, args->n, 1, args->k, &numbers);
}

/* Behind the packed weights of node scratch: the quantized input, the sums, a scale and a zero point for each row. */
static bool hybrid_scratch(ln_node *node, fc_args *args) {
  size_t rows, sums, inputs, at = node->scratch_bytes;
  if (!ln_size_mul((size_t)args->m, sizeof(float), &rows) || !ln_size_mul(rows, (size_t)args->n, &sums)) return false;
  if (!ln_size_mul((size_t)args->m, (size_t)args->k, &inputs)) return false;
  if (!ln_size_align(at, LN_ALIGNMENT, &args->quantized_at) || !ln_size_add(args->quantized_at, inputs, &at))
    return false;
  if (!ln_size_align(at, LN_ALIGNMENT, &args->sums_at) || !ln_size_add(args->sums_at, sums, &args->scales_at))
    return false;
  return ln_size_add(args->scales_at, rows, &args->zeros_at) && ln_size_add(args->zeros_at, rows, &node->scratch_bytes);
}

static void run_hybrid(const ln_node *node, const fc_args *args, const ln_gemm_b *b, const ln_exec *exec) {
  char *scratch = exec->scratch;
  int8_t *quantized = (int8_t *)(scratch + args->quantized_at);
  int32_t *sums = (int32_t *)(void *)(scratch + args->sums_at);
  float *row_scales = (float *)(void *)(scratch + args->scales_at);
  int32_t *zeros = (int32_t *)(void *)(scratch + args->zeros_at);
  const float *in = node->in[0]->data;
  for (int32_t i = 0; i < args->m; ++i) {
    const ptrdiff_t at = (ptrdiff_t)i * args->k;
    zeros[i] = 0;
    if (args->asymmetric) ln_k_quantize_asymmetric(in + at, (size_t)args->k, quantized + at, &row_scales[i], &zeros[i]);
    else ln_k_quantize_symmetric(in + at, (size_t)args->k, quantized + at, &row_scales[i]);
  }
  ln_gemm_run(&args->plan, b, 0, exec, args->m, quantized, args->k, sums, args->n);
  for (int32_t i = 0; i < args->m; ++i) {
    int32_t *row = sums + (ptrdiff_t)i * args->n;
    for (int32_t j = 0; zeros[i] != 0 && j < args->n; ++j) {
      row[j] = (int32_t)((uint32_t)row[j] - (uint32_t)zeros[i] * (uint32_t)b->column_sums[j]);
    }
  }
  ln_hybrid_scales scales = args->scales;
  scales.a_scales = row_scales;
  scales.a_count = args->m;
  scales.bias = bias_of(node) == NULL ? NULL : bias_of(node)->data;
  ln_k_scale_sums(args->m, args->n, sums, &scales, node->out[0]->data);
}

/* ---- prepare and run ---- */

static ln_status plan_product(ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_fully_connected_options *options = LN_OPTIONS(node, fully_connected_options);
  const ln_tensor *in = node->in[0];
  const ln_tensor *weights = node->in[1];
  if (in->type == LN_FLOAT32 && (weights->type == LN_FLOAT32 || weights->quant->kind == LN_QUANT_BLOCKWISE)) {
    float low, high;
    LN_TRY(ln_node_float_range(node, options->fused_activation_function, prep->err, &low, &high));
    return ln_gemm_plan_f32(&args->plan, 1, args->n, 1, args->k, low, high) ? LN_OK : LN_ERR_MEMORY;
  }
  if (in->type == LN_FLOAT32) return plan_hybrid(node, prep, args);
  ln_gemm_quant quant = {.a_unsigned = in->type == LN_UINT8,
                         .b_unsigned = weights->type == LN_UINT8,
                         .c_unsigned = node->out[0]->type == LN_UINT8,
                         .a_zero = ln_zero_point_of(in),
                         .b_zero = ln_zero_point_of(weights),
                         .c_zero = ln_zero_point_of(node->out[0]),
                         .scale_real = true};
  LN_TRY(ln_product_scales(node, prep->arena, in, weights, node->out[0], args->n, 0, LN_SCALES_PER_CHANNEL, prep->err,
                           &quant.scales, &quant.scale_count));
  LN_TRY(ln_node_quantized_range(node, options->fused_activation_function, node->out[0], prep->err, &quant.low,
                                 &quant.high));
  return ln_gemm_plan_q8(&args->plan, prep->arena, 1, args->n, 1, args->k, &quant);
}

static ln_gemm_source source_of(const fc_args *args, const void *data) {
  return (ln_gemm_source){.data = data, .k_stride = 1, .n_stride = args->k};
}

static ln_status pack_weights(ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_tensor *weights = node->in[1];
  const ln_tensor *bias = bias_of(node);
  const bool quantized = args->plan.kind == LN_GEMM_Q8;
  if (!ln_tensor_const_data(weights)) {
    if (weights->type == LN_INT4)
      return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "int4 weights that are no constant");
    args->pack_in_run = true;
    return ln_gemm_pack_bytes(&args->plan, &node->scratch_bytes) ? LN_OK : LN_ERR_MEMORY;
  }
  args->fold_in_run = quantized && bias != NULL && !ln_tensor_const_data(bias);
  if (args->fold_in_run) node->scratch_bytes = ln_gemm_bias_bytes(&args->plan);
  ln_weights dense;
  LN_TRY(ln_weights_open(node, weights, prep->err, &dense));
  ln_gemm_source source = source_of(args, dense.data);
  source.key = weights->data;
  const void *constant_bias = quantized && bias != NULL && !args->fold_in_run ? bias->data : NULL;
  const ln_status status = ln_gemm_plan_constant_b(&args->plan, prep, &source, constant_bias);
  ln_weights_free(&dense);
  return status;
}

static ln_status check(const ln_node *node, const fc_args *args, ln_error *err) {
  const ln_fully_connected_options *options = LN_OPTIONS(node, fully_connected_options);
  const ln_tensor *bias = bias_of(node);
  size_t count;
  if (options->weights_format != 0) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "shuffled weights, which only some Arm builds of TFLite read");
  }
  if (bias != NULL && (!ln_shape_elements(&bias->shape, &count) || count != (size_t)args->n)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "bias \"%s\" has not %d values", bias->name, args->n);
  }
  return LN_OK;
}

ln_status ln_fully_connected_prepare(ln_node *node, ln_prep *prep) {
  fc_args *args = LN_NODE_ARGS(node, prep, fc_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(extents(node, prep->err, &args->m, &args->n, &args->k));
  LN_TRY(check(node, args, prep->err));
  args->empty = args->m == 0 || args->n == 0;
  if (args->empty) return LN_OK;
  if (node->in[0]->type == LN_INT16) return prepare_i16(node, prep, args);
  ln_status status = plan_product(node, prep, args);
  if (status == LN_OK) status = pack_weights(node, prep, args);
  if (status == LN_OK && args->hybrid && !hybrid_scratch(node, args)) status = LN_ERR_MEMORY;
  if (status == LN_OK && !ln_gemm_thread_bytes(&args->plan, args->m, &node->thread_scratch_bytes))
    status = LN_ERR_MEMORY;
  return status == LN_ERR_MEMORY ? ln_node_fail(node, prep->err, status, "no memory for the packed weights") : status;
}

ln_status ln_fully_connected_run(const ln_node *node, ln_exec *exec) {
  const fc_args *args = node->args;
  const ln_gemm_plan *plan = &args->plan;
  const void *bias = bias_of(node) == NULL ? NULL : bias_of(node)->data;
  if (args->empty) return LN_OK;
  if (node->in[0]->type == LN_INT16) {
    i16_run run = {args, node};
    ln_pool_run(exec->pool, args->m, i16_task, &run);
    return LN_OK;
  }
  ln_gemm_b b = plan->b;
  if (args->pack_in_run) {
    const ln_gemm_source source = source_of(args, node->in[1]->data);
    ln_gemm_pack(plan, &source, args->hybrid ? NULL : bias, exec->scratch, &b);
  } else if (args->fold_in_run) {
    ln_gemm_fold_bias(plan, plan->quant.a_zero, bias, b.column_sums, exec->scratch);
    b.bias = exec->scratch;
  } else if (plan->kind == LN_GEMM_F32) {
    b.bias = bias;
  }
  if (args->hybrid) run_hybrid(node, args, &b, exec);
  else ln_gemm_run(plan, &b, 0, exec, args->m, node->in[0]->data, args->k, node->out[0]->data, args->n);
  return LN_OK;
}

int64_t ln_fully_connected_macs(const ln_node *node) {
  const ln_shape *weights = &node->in[1]->shape;
  size_t outputs;
  if (weights->rank != 2 || !ln_shape_elements(&node->out[0]->shape, &outputs)) return 0;
  return (int64_t)outputs * weights->dims[1];
}

/*
 * FULLY_CONNECTED: rows of the input against the rows of the weights [units, k]. Floats (weights in blocks count as
 * floats, but for those of 4 bits: fc_blocks.h) and bytes are a plain product; floats with integer weights quantize
 * each row in run.
 */
#include "kernels/fully_connected.h"

#include <limits.h>

#include "kernels/hybrid.h"
#include "kernels/quant.h"
#include "ops/fc_blocks.h"
#include "ops/fc_table.h"
#include "ops/gemm_plan.h"
#include "ops/product_scales.h"
#include "ops/rows.h"
#include "ops/sparse_plan.h"
#include "ops/weights.h"

#define TYPES LN_OP_TYPES(FULLY_CONNECTED)

typedef enum fc_form {
  FC_PRODUCT, /* floats, or bytes to bytes */
  FC_HYBRID,  /* floats with integer weights */
  FC_BLOCKS,  /* floats with weights of 4 bits in blocks */
  FC_TABLE,   /* int8 with weights that stay by table */
  FC_TO_I16,  /* bytes to int16: the product's sums are scaled afterwards */
  FC_I16      /* int16 input */
} fc_form;

typedef struct fc_args {
  fc_form form;
  ln_gemm_plan plan;
  int32_t m, n, k;
  bool empty;
  bool pack_in_run, fold_in_run; /* weights, or the bias alone, are no constants */
  bool asymmetric;               /* hybrid */
  bool shuffled;
  ln_hybrid_scales scales;                           /* hybrid: of the weights */
  size_t quantized_at, sums_at, scales_at, zeros_at; /* in node scratch: hybrid; sums to int16, too */
  ln_fc_i16 i16;
  const void *weights; /* int16 input: [n, k] int8, NULL when they are unpacked in run */
  ln_fc_blocks blocks;
  ln_fc_table table;
  const int32_t *bias; /* bytes: a constant bias, narrowed if it was int64 */
  ln_sparse_plan sparse;
} fc_args;

/* Forms but the product, where this build has their types. */
static bool is_form(const fc_args *args, fc_form form) {
  const bool built =
      form == FC_HYBRID ? LN_IN(TYPES, LN_FLOAT32) && LN_WEIGHTS_IN_BYTES(TYPES) : LN_IN(TYPES, LN_INT16);
  return built && args->form == form;
}

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
  if (node->out_count > 1) { /* shuffled weights: what the input becomes in the order of their blocks */
    const ln_shape rows = {.rank = 2, .dims = {m, k}};
    LN_TRY(ln_node_set_shape(node, 1, &rows, err));
  }
  return ln_node_set_shape(node, 0, &out, err);
}

static const ln_tensor *bias_of(const ln_node *node) { return node->in_count > 2 ? node->in[2] : NULL; }

/* ---- int16 ---- */

/* What scales results of int16; the range of the output. */
static ln_status plan_i16(ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_fully_connected_options *options = LN_OPTIONS(node, fully_connected_options);
  ln_fc_i16 *fc = &args->i16;
  *fc = (ln_fc_i16){.n = args->n, .k = args->k, .out_zero = ln_zero_point_of(node->out[0])};
  LN_TRY(ln_product_scales(node, prep->arena, node->in[0], node->in[1], node->out[0], args->n, 0, LN_SCALES_PER_CHANNEL,
                           prep->err, &fc->scales, &fc->scale_count));
  return ln_node_quantized_range(node, options->fused_activation_function, node->out[0], prep->err, &fc->low,
                                 &fc->high);
}

/* To the reference, int8 weights with a scale for each unit are symmetric. */
static int32_t weights_zero(const ln_tensor *weights) {
  return weights->quant->count == 1 || weights->type == LN_UINT8 ? ln_zero_point_of(weights) : 0;
}

static ln_gemm_source source_of(const fc_args *args, const ln_weights *weights) {
  return (ln_gemm_source){.weights = weights, .k_stride = 1, .n_stride = args->k};
}

/* With constants: a product as any other. */
static ln_status prepare_fixed_i16(ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_fc_i16 *fc = &args->i16;
  const ln_gemm_quant quant = {.b_zero = fc->weights_zero,
                               .low = fc->low,
                               .high = fc->high,
                               .scales = fc->scales,
                               .scale_count = fc->scale_count,
                               .scale_real = true,
                               .wide_bias = fc->wide_bias};
  args->form = FC_PRODUCT;
  ln_weights weights;
  LN_TRY(ln_gemm_plan_i16(&args->plan, prep->arena, 1, args->n, 1, args->k, &quant));
  node->kernel = ln_gemm_kernel_name(&args->plan);
  LN_TRY(ln_weights_open_rows(node, node->in[1], prep->err, &weights));
  const ln_gemm_source source = source_of(args, &weights);
  const ln_tensor *bias = bias_of(node);
  const ln_status status = ln_gemm_plan_constant_b(&args->plan, prep, &source, bias == NULL ? NULL : bias->data);
  ln_weights_close(&weights);
  LN_TRY(status);
  if (!ln_gemm_thread_bytes(&args->plan, args->m, &node->thread_scratch_bytes)) return LN_ERR_MEMORY;
  if (ln_gemm_finishes(&args->plan, args->m)) node->finish_grain = (size_t)args->n;
  return LN_OK;
}

static ln_status prepare_i16(ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_fully_connected_options *options = LN_OPTIONS(node, fully_connected_options);
  const ln_tensor *bias = bias_of(node);
  args->form = FC_I16;
  if (ln_zero_point_of(node->in[0]) != 0 || ln_zero_point_of(node->out[0]) != 0) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "int16 tensors must have zero point 0");
  }
  LN_TRY(plan_i16(node, prep, args));
  args->i16.weights_zero = weights_zero(node->in[1]);
  args->i16.wide_bias = bias != NULL ? bias->type == LN_INT64 : options->quantized_bias_type != LN_INT32;
  if (ln_tensor_const_data(node->in[1]) && (bias == NULL || ln_tensor_const_data(bias))) {
    const ln_status fixed = prepare_fixed_i16(node, prep, args);
    return fixed == LN_ERR_MEMORY ? ln_node_fail(node, prep->err, fixed, "no memory for the packed weights") : fixed;
  }
  const ln_status status = ln_weights_unpack(node, prep, node->in[1], &args->weights);
  if (status == LN_ERR_MEMORY) return ln_node_fail(node, prep->err, status, "no memory for unpacked weights");
  if (args->weights == NULL && !ln_size_mul((size_t)args->n, (size_t)args->k, &node->scratch_bytes)) {
    return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory for unpacked weights");
  }
  return status;
}

typedef struct i16_run {
  const fc_args *args;
  const ln_node *node;
  const void *weights;
} i16_run;

static void i16_task(void *context, int32_t task, int32_t worker) {
  (void)worker;
  const i16_run *run = context;
  const fc_args *args = run->args;
  const ln_tensor *bias = bias_of(run->node);
  ln_k_fc_i16(&args->i16, (const int16_t *)run->node->in[0]->data + (ptrdiff_t)task * args->k, run->weights,
              bias == NULL ? NULL : bias->data, (int16_t *)run->node->out[0]->data + (ptrdiff_t)task * args->n);
}

static ln_status run_i16(const ln_node *node, const fc_args *args, ln_exec *exec) {
  i16_run run = {args, node, args->weights};
  if (run.weights == NULL) {
    ln_weights weights;
    LN_TRY(ln_weights_open(node, node->in[1], exec->err, &weights));
    run.weights = weights.data;
    if (!ln_weights_is_plain(&weights)) {
      ln_weights_read(&weights, 0, (size_t)args->n * (size_t)args->k, exec->scratch);
      run.weights = exec->scratch;
    }
  }
  ln_pool_run(exec->pool, args->m, i16_task, &run);
  return LN_OK;
}

/* ---- bytes to int16 ---- */

static ln_status plan_to_i16(ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_tensor *in = node->in[0];
  args->form = FC_TO_I16;
  LN_TRY(plan_i16(node, prep, args));
  /* Shuffled weights are stored less 128, which their and the input's zero point have to be. */
  const ln_gemm_quant quant = {.a_unsigned = in->type == LN_UINT8,
                               .b_unsigned = node->in[1]->type == LN_UINT8 && !args->shuffled,
                               .a_zero = args->shuffled ? 128 : ln_zero_point_of(in),
                               .b_zero = args->shuffled ? 0 : weights_zero(node->in[1])};
  return ln_gemm_plan_i32(&args->plan, 1, args->n, 1, args->k, &quant);
}

static bool sum_scratch(ln_node *node, fc_args *args) {
  size_t sums;
  if (!ln_size_mul((size_t)args->m, sizeof(int32_t), &sums) || !ln_size_mul(sums, (size_t)args->n, &sums)) return false;
  return ln_size_align(node->scratch_bytes, LN_ALIGNMENT, &args->sums_at) &&
         ln_size_add(args->sums_at, sums, &node->scratch_bytes);
}

static void run_to_i16(const ln_node *node, const fc_args *args, const ln_gemm_b *b, const ln_exec *exec) {
  int32_t *sums = (int32_t *)(void *)((char *)exec->scratch + args->sums_at);
  ln_gemm_run(&args->plan, b, 0, exec, args->m, node->in[0]->data, args->k, sums, args->n);
  for (int32_t i = 0; i < args->m; ++i) {
    const ptrdiff_t at = (ptrdiff_t)i * args->n;
    ln_k_fc_scale_i16(&args->i16, args->shuffled, sums + at, (int16_t *)node->out[0]->data + at);
  }
  if (node->out_count > 1) ln_k_fc_shuffle(args->m, args->k, node->in[0]->data, node->out[1]->data);
}

/* ---- floats with integer weights ---- */

static ln_status plan_hybrid(ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_fully_connected_options *options = LN_OPTIONS(node, fully_connected_options);
  const ln_quant *quant = node->in[1]->quant;
  if (quant->count < 1 || (quant->count > 1 && (quant->count != args->n || quant->axis != 0))) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "weights \"%s\" have %d scales for %d units", node->in[1]->name,
                        quant->count, args->n);
  }
  args->form = FC_HYBRID;
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

/* ---- floats with blocks of 4 bits ---- */

#define HAS_BLOCKS (LN_HAS_BLOCKWISE && LN_HAS(LN_INT4) && LN_IN(TYPES, LN_FLOAT32))

/* Whether the layer is one, prepared if it is. */
static ln_status prepare_blocks(ln_node *node, ln_prep *prep, fc_args *args, bool *applies) {
  const ln_fully_connected_options *options = LN_OPTIONS(node, fully_connected_options);
  ln_fc_blocks *fc = &args->blocks;
  ln_weights weights;
  *applies = false;
  if (node->in[0]->type != LN_FLOAT32 || node->in[1]->quant->kind != LN_QUANT_BLOCKWISE) return LN_OK;
  LN_TRY(ln_weights_open(node, node->in[1], prep->err, &weights));
  ln_status status = LN_OK;
  if (!ln_fc_blocks_apply(&weights)) goto out;
  *applies = true;
  args->form = FC_BLOCKS;
  *fc = (ln_fc_blocks){.m = args->m, .n = args->n, .k = args->k};
  status = ln_node_float_range(node, options->fused_activation_function, prep->err, &fc->low, &fc->high);
  if (status == LN_OK) status = ln_fc_blocks_prepare(fc, node, prep, &weights);
  if (status == LN_ERR_MEMORY) status = ln_node_fail(node, prep->err, status, "no memory for the packed weights");
out:
  ln_weights_close(&weights);
  return status;
}

/* ---- bytes by table ---- */

#define HAS_TABLES (LN_HAS_CODEBOOKS && LN_IN(TYPES, LN_INT8))

static ln_status narrow_bias(const ln_node *node, ln_prep *prep, fc_args *args);

/* Whether the layer, whose product has been planned, keeps its weights as they are, prepared if it does. */
static ln_status prepare_table(ln_node *node, ln_prep *prep, fc_args *args, bool *applies) {
  const ln_tensor *bias = bias_of(node);
  ln_weights weights;
  *applies = false;
  if (node->in[1]->codebook == NULL || args->form != FC_PRODUCT || args->shuffled) return LN_OK;
  if (bias != NULL && !ln_tensor_const_data(bias)) return LN_OK;
  LN_TRY(ln_weights_open(node, node->in[1], prep->err, &weights));
  ln_status status = LN_OK;
  if (ln_fc_table_applies(&args->plan, &weights, args->m)) {
    *applies = true;
    args->form = FC_TABLE;
    node->kernel = "matvec_table";
    status = narrow_bias(node, prep, args);
    if (status == LN_OK)
      status = ln_fc_table_prepare(&args->table, node, prep, &args->plan, &weights, args->bias, args->m);
  }
  ln_weights_close(&weights);
  return status == LN_ERR_MEMORY ? ln_node_fail(node, prep->err, status, "no memory for the packed weights") : status;
}

/* ---- prepare and run ---- */

static ln_status plan_product(ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_fully_connected_options *options = LN_OPTIONS(node, fully_connected_options);
  const ln_tensor *in = node->in[0];
  const ln_tensor *weights = node->in[1];
  if (LN_MEETS(TYPES, in->type, LN_FLOAT32) &&
      (!LN_WEIGHTS_IN_BYTES(TYPES) || ln_weights_plain_type(weights) == LN_FLOAT32)) {
    float low, high;
    LN_TRY(ln_node_float_range(node, options->fused_activation_function, prep->err, &low, &high));
    return ln_gemm_plan_weights(&args->plan, prep, weights, 1, args->n, 1, args->k, low, high) ? LN_OK : LN_ERR_MEMORY;
  }
  if (LN_MEETS(TYPES, in->type, LN_FLOAT32)) return plan_hybrid(node, prep, args);
  if (LN_MEETS(TYPES, node->out[0]->type, LN_INT16)) return plan_to_i16(node, prep, args);
  ln_gemm_quant quant = {.a_unsigned = in->type == LN_UINT8,
                         .b_unsigned = weights->type == LN_UINT8,
                         .c_unsigned = node->out[0]->type == LN_UINT8,
                         .a_zero = ln_zero_point_of(in),
                         .b_zero = weights_zero(weights),
                         .c_zero = ln_zero_point_of(node->out[0]),
                         .scale_real = true};
  LN_TRY(ln_product_scales(node, prep->arena, in, weights, node->out[0], args->n, 0, LN_SCALES_PER_CHANNEL, prep->err,
                           &quant.scales, &quant.scale_count));
  LN_TRY(ln_node_quantized_range(node, options->fused_activation_function, node->out[0], prep->err, &quant.low,
                                 &quant.high));
  return ln_gemm_plan_q8(&args->plan, prep->arena, 1, args->n, 1, args->k, &quant);
}

/* The bias of a product of bytes in 32 bits; int64 ones only as constants. */
static ln_status narrow_bias(const ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_tensor *bias = bias_of(node);
  args->fold_in_run = bias != NULL && !ln_tensor_const_data(bias);
  if (bias == NULL) return LN_OK;
  if (bias->type != LN_INT64) {
    args->bias = args->fold_in_run ? NULL : bias->data;
    return LN_OK;
  }
  if (args->fold_in_run) return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "an int64 bias that is no constant");
  int32_t *narrow = ln_arena_array(prep->arena, (size_t)args->n, sizeof *narrow);
  if (narrow == NULL) return LN_ERR_MEMORY;
  for (int32_t j = 0; j < args->n; ++j) {
    const int64_t wide = ((const int64_t *)bias->data)[j];
    if (wide < INT32_MIN || wide > INT32_MAX) {
      return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "bias \"%s\" is beyond int32", bias->name);
    }
    narrow[j] = (int32_t)wide;
  }
  args->bias = narrow;
  return LN_OK;
}

/* Shuffled weights in order, as int8: packed once and not kept. */
static ln_status pack_shuffled(ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_tensor *stored = node->in[1];
  int8_t *ordered = ln_alloc(stored->bytes);
  if (ordered == NULL) return LN_ERR_MEMORY;
  ln_k_fc_unshuffle(args->n, args->k, stored->data, ordered);
  ln_weights weights = {.tensor = stored, .data = ordered, .plain = stored->type};
  ln_gemm_source source = source_of(args, &weights);
  const ln_status status = ln_gemm_plan_constant_b(&args->plan, prep, &source, args->bias);
  ln_free(ordered);
  return status;
}

static ln_status pack_weights(ln_node *node, ln_prep *prep, fc_args *args) {
  const ln_tensor *tensor = node->in[1];
  ln_weights weights;
  if (!ln_gemm_is_float(&args->plan) && !is_form(args, FC_HYBRID)) LN_TRY(narrow_bias(node, prep, args));
  LN_TRY(ln_weights_open_rows(node, tensor, prep->err, &weights));
  if (!ln_tensor_const_data(tensor)) {
    args->pack_in_run = true;
    args->plan.staged = !ln_weights_is_plain(&weights);
    return ln_gemm_pack_bytes(&args->plan, &node->scratch_bytes) ? LN_OK : LN_ERR_MEMORY;
  }
  if (args->fold_in_run) node->scratch_bytes = ln_gemm_bias_bytes(&args->plan);
  ln_status status = LN_OK;
  if (LN_HAS_SPARSE && !args->fold_in_run && !args->shuffled)
    status = ln_sparse_plan_b(&args->sparse, node, prep, &args->plan, &weights, args->bias, args->m);
  const bool dense = status == LN_OK && !ln_sparse_is_chosen(&args->sparse);
  if (LN_IN(TYPES, LN_UINT8) && dense && args->shuffled) {
    status = pack_shuffled(node, prep, args);
  } else if (dense) {
    const ln_gemm_source source = source_of(args, &weights);
    status = ln_gemm_plan_constant_b(&args->plan, prep, &source, args->bias);
  }
  ln_weights_close(&weights);
  return status;
}

/* The one other format of weights: blocks of 4 units by 16 of the depth, for one or four rows of uint8. */
static ln_status check_format(const ln_node *node, fc_args *args, ln_error *err) {
  const ln_fully_connected_options *options = LN_OPTIONS(node, fully_connected_options);
  args->shuffled = options->weights_format == LN_FC_WEIGHTS_SHUFFLED;
  if (!args->shuffled) {
    if (options->weights_format == 0 && node->out_count == 1) return LN_OK;
    return ln_node_fail(node, err, LN_ERR_MODEL, "weights in format %d with %d outputs", options->weights_format,
                        node->out_count);
  }
  const bool bytes = node->in[0]->type == LN_UINT8 && node->in[1]->type == LN_UINT8 && node->in[1]->sparsity == NULL &&
                     node->in[1]->codebook == NULL;
  if (!bytes || node->out[0]->type != LN_INT16 || !ln_tensor_const_data(node->in[1])) {
    return ln_node_fail(node, err, LN_ERR_MODEL, "shuffled weights must be uint8 constants that make int16 of uint8");
  }
  if (args->n % 4 != 0 || args->k % 16 != 0 || (args->m != 1 && args->m != 4)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d rows of %d with %d shuffled units", args->m, args->k, args->n);
  }
  return LN_OK;
}

static ln_status check(const ln_node *node, fc_args *args, ln_error *err) {
  const ln_tensor *bias = bias_of(node);
  size_t count;
  if (bias != NULL && (!ln_shape_elements(&bias->shape, &count) || count != (size_t)args->n)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "bias \"%s\" has not %d values", bias->name, args->n);
  }
  return check_format(node, args, err);
}

ln_status ln_fully_connected_prepare(ln_node *node, ln_prep *prep) {
  fc_args *args = LN_NODE_ARGS(node, prep, fc_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(ln_node_check_built(node, TYPES, prep->err));
  LN_TRY(extents(node, prep->err, &args->m, &args->n, &args->k));
  args->empty = args->m == 0 || args->n == 0;
  if (args->empty) return LN_OK;
  LN_TRY(check(node, args, prep->err));
  if (LN_MEETS(TYPES, node->in[0]->type, LN_INT16)) return prepare_i16(node, prep, args);
  if (HAS_BLOCKS) {
    bool applies;
    LN_TRY(prepare_blocks(node, prep, args, &applies));
    if (applies) return LN_OK;
  }
  ln_status status = plan_product(node, prep, args);
  if (status == LN_OK) node->kernel = ln_gemm_kernel_name(&args->plan);
  if (status == LN_OK && HAS_TABLES) {
    bool applies;
    LN_TRY(prepare_table(node, prep, args, &applies));
    if (applies) return LN_OK;
  }
  if (status == LN_OK) status = pack_weights(node, prep, args);
  if (status == LN_OK && is_form(args, FC_HYBRID) && !hybrid_scratch(node, args)) status = LN_ERR_MEMORY;
  if (status == LN_OK && is_form(args, FC_TO_I16) && !sum_scratch(node, args)) status = LN_ERR_MEMORY;
  if (status == LN_OK && ln_sparse_is_chosen(&args->sparse)) return LN_OK;
  if (status == LN_OK && !ln_gemm_thread_bytes(&args->plan, args->m, &node->thread_scratch_bytes))
    status = LN_ERR_MEMORY;
  const bool plain = !is_form(args, FC_HYBRID) && !is_form(args, FC_TO_I16);
  if (status == LN_OK && plain && ln_gemm_finishes(&args->plan, args->m)) node->finish_grain = (size_t)args->n;
  return status == LN_ERR_MEMORY ? ln_node_fail(node, prep->err, status, "no memory for the packed weights") : status;
}

/* What prepare could not pack or fold. */
static ln_status complete_b(const ln_node *node, const fc_args *args, const ln_exec *exec, ln_gemm_b *b) {
  const ln_gemm_plan *plan = &args->plan;
  const void *bias = bias_of(node) == NULL ? NULL : bias_of(node)->data;
  if (args->pack_in_run) {
    ln_weights weights;
    LN_TRY(ln_weights_open(node, node->in[1], exec->err, &weights));
    const ln_gemm_source source = source_of(args, &weights);
    const void *folded = args->bias != NULL ? args->bias : bias;
    ln_gemm_pack(plan, &source, is_form(args, FC_HYBRID) ? NULL : folded, exec->scratch, b);
  } else if (args->fold_in_run) {
    ln_gemm_fold_bias(plan, plan->quant.a_zero, bias, b->column_sums, exec->scratch);
    b->bias = exec->scratch;
  } else if (ln_gemm_is_float(plan)) {
    b->bias = bias;
  }
  return LN_OK;
}

ln_status ln_fully_connected_run(const ln_node *node, ln_exec *exec) {
  const fc_args *args = node->args;
  if (args->empty) return LN_OK;
  if (is_form(args, FC_I16)) return run_i16(node, args, exec);
  if (ln_sparse_is_chosen(&args->sparse)) {
    ln_sparse_run(&args->sparse, exec, args->m, node->in[0]->data, bias_of(node) == NULL ? NULL : bias_of(node)->data,
                  node->out[0]->data);
    return LN_OK;
  }
  if (HAS_BLOCKS && args->form == FC_BLOCKS) {
    ln_fc_blocks_run(&args->blocks, exec, node->in[0]->data, bias_of(node) == NULL ? NULL : bias_of(node)->data,
                     node->out[0]->data);
    return LN_OK;
  }
  if (HAS_TABLES && args->form == FC_TABLE) {
    ln_fc_table_run(&args->table, exec, node->in[0]->data, node->out[0]->data);
    return LN_OK;
  }
  ln_gemm_b b = args->plan.b;
  LN_TRY(complete_b(node, args, exec, &b));
  if (is_form(args, FC_HYBRID)) run_hybrid(node, args, &b, exec);
  else if (is_form(args, FC_TO_I16)) run_to_i16(node, args, &b, exec);
  else ln_gemm_run(&args->plan, &b, 0, exec, args->m, node->in[0]->data, args->k, node->out[0]->data, args->n);
  return LN_OK;
}

int64_t ln_fully_connected_macs(const ln_node *node) {
  const ln_shape *weights = &node->in[1]->shape;
  size_t outputs;
  if (weights->rank != 2 || !ln_shape_elements(&node->out[0]->shape, &outputs)) return 0;
  return (int64_t)outputs * weights->dims[1];
}

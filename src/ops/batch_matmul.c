/*
 * BATCH_MATMUL: products of the last two dimensions, the others broadcast. Int16 has a loop of its own; floats with
 * integer weights quantize each row of x in run.
 */
#include <math.h>
#include <string.h>

#include "kernels/batch_matmul.h"
#include "kernels/convert.h"
#include "kernels/hybrid.h"
#include "kernels/quant.h"
#include "ops/gemm_plan.h"
#include "ops/move.h"
#include "ops/rows.h"

enum { BLOCK_BYTES = 128 << 10 };    /* of rows that are handed on together */
enum { BATCH_TASK_LIMIT = 8 << 20 }; /* batches of more multiplications than this are cut into tasks themselves */

/* x [batches, m, k] (or [.., k, m]), y [batches, k, n] (or [.., n, k]), output [batches, m, n]. */
typedef struct matmul_shape {
  int32_t m, n, k;
  bool adj_x, adj_y;
  ln_shape batch; /* of the output */
  size_t batches, y_batches;
} matmul_shape;

typedef struct matmul_args {
  matmul_shape shape;
  ln_gemm_plan plan;
  bool constant;            /* y is packed already, one group a batch of it */
  int32_t task_rows;        /* of a batch that such a task computes before it hands them on */
  bool batch_tasks;         /* a task is a whole batch, y packed in the thread's scratch */
  size_t x_bytes;           /* node scratch: x with its last two dimensions exchanged, in front of y packed; int16: y */
  ln_multiplier multiplier; /* int16 */
  bool hybrid, asymmetric;
  ln_hybrid_scales scales;                           /* hybrid: of y */
  size_t quantized_at, sums_at, scales_at, zeros_at; /* hybrid: in node scratch, for one batch */
} matmul_args;

static ln_status read_shape(const ln_node *node, matmul_shape *s, ln_error *err) {
  const ln_batch_mat_mul_options *options = LN_OPTIONS(node, batch_mat_mul_options);
  const ln_shape *x = &node->in[0]->shape, *y = &node->in[1]->shape;
  if (x->rank < 2 || y->rank < 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "an input has no two dimensions");
  s->adj_x = options->adj_x;
  s->adj_y = options->adj_y;
  s->m = x->dims[x->rank - (s->adj_x ? 1 : 2)];
  s->k = x->dims[x->rank - (s->adj_x ? 2 : 1)];
  s->n = y->dims[y->rank - (s->adj_y ? 2 : 1)];
  const ln_shape x_batch = ln_shape_make(x->rank - 2, x->dims), y_batch = ln_shape_make(y->rank - 2, y->dims);
  if (y->dims[y->rank - (s->adj_y ? 1 : 2)] != s->k || !ln_shape_broadcast(&x_batch, &y_batch, &s->batch)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the inputs' shapes do not fit a product");
  }
  return LN_OK;
}

ln_status ln_batch_matmul_infer(ln_node *node, ln_error *err) {
  matmul_shape s;
  LN_TRY(read_shape(node, &s, err));
  ln_shape shape = s.batch;
  if (!ln_shape_push(&shape, s.m) || !ln_shape_push(&shape, s.n)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the result has too many dimensions");
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

int64_t ln_batch_matmul_macs(const ln_node *node) {
  matmul_shape s;
  if (read_shape(node, &s, NULL) != LN_OK) return 0;
  const ln_shape *out = &node->out[0]->shape;
  return (int64_t)(ln_shape_span(out, 0, out->rank) * (size_t)s.k);
}

/* ---- preparing ---- */

static ln_status real_multiplier(const ln_node *node, ln_error *err, double *real) {
  const ln_tensor *out = node->out[0];
  *real = (double)(ln_scale_of(node->in[0]) * ln_scale_of(node->in[1])) / (double)ln_scale_of(out);
  if (*real > 0.0 && isfinite(*real)) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_MODEL, "the scales do not fit a product");
}

/* Floats with an integer y, which has one scale, or one for each column. */
static ln_status plan_hybrid(const ln_node *node, ln_prep *prep, matmul_args *args, int32_t groups) {
  const matmul_shape *s = &args->shape;
  const ln_tensor *y = node->in[1];
  const ln_quant *quant = y->quant;
  const bool by_column =
      quant->kind == LN_QUANT_AXIS && quant->count == s->n && quant->axis == y->shape.rank - (s->adj_y ? 2 : 1);
  if (quant->count != 1 && !by_column) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "\"%.100s\" must have one scale, or one for each of %d columns",
                        y->name, s->n);
  }
  args->hybrid = true;
  args->asymmetric = LN_OPTIONS(node, batch_mat_mul_options)->asymmetric_quantize_inputs;
  args->scales =
      (ln_hybrid_scales){.b_scales = quant->scale, .b_count = quant->count, .low = -INFINITY, .high = INFINITY};
  const ln_gemm_quant numbers = {0};
  return ln_gemm_plan_i32(&args->plan, groups, s->n, 1, s->k, &numbers);
}

/* Behind what else node scratch holds: a batch of x quantized, its sums, and a scale and a zero point for each row. */
static bool hybrid_scratch(ln_node *node, matmul_args *args) {
  const size_t rows = (size_t)args->shape.m * sizeof(float);
  size_t inputs, sums, at;
  if (!ln_size_mul((size_t)args->shape.m, (size_t)args->shape.k, &inputs) ||
      !ln_size_mul(rows, (size_t)args->shape.n, &sums) ||
      !ln_size_align(node->scratch_bytes, LN_ALIGNMENT, &args->quantized_at) ||
      !ln_size_add(args->quantized_at, inputs, &at) || !ln_size_align(at, LN_ALIGNMENT, &args->sums_at)) {
    return false;
  }
  return ln_size_add(args->sums_at, sums, &args->scales_at) && ln_size_add(args->scales_at, rows, &args->zeros_at) &&
         ln_size_add(args->zeros_at, rows, &node->scratch_bytes);
}

static ln_status plan_product(ln_node *node, ln_prep *prep, matmul_args *args, int32_t groups) {
  const matmul_shape *s = &args->shape;
  if (node->in[0]->type == LN_FLOAT32 && ln_weights_plain_type(node->in[1]) != LN_FLOAT32) {
    return plan_hybrid(node, prep, args, groups);
  }
  if (node->in[0]->type == LN_FLOAT32) {
    const ln_tensor *y = node->in[1];
    if (args->constant && s->batches == 1) {
      return ln_gemm_plan_weights(&args->plan, prep, y, groups, s->n, 1, s->k, -INFINITY, INFINITY) ? LN_OK
                                                                                                    : LN_ERR_MEMORY;
    }
    return ln_gemm_plan_f32(&args->plan, groups, s->n, 1, s->k, -INFINITY, INFINITY) ? LN_OK : LN_ERR_MEMORY;
  }
  if (node->out[0]->type == LN_INT32) { /* the sums of what is stored, as the reference leaves them */
    const ln_gemm_quant none = {0};
    return ln_gemm_plan_i32(&args->plan, groups, s->n, 1, s->k, &none);
  }
  double scale = 0.0;
  LN_TRY(real_multiplier(node, prep->err, &scale));
  const ln_gemm_quant quant = {.a_zero = ln_zero_point_of(node->in[0]),
                               .b_zero = ln_zero_point_of(node->in[1]),
                               .c_zero = ln_zero_point_of(node->out[0]),
                               .low = INT8_MIN,
                               .high = INT8_MAX,
                               .scales = &scale,
                               .scale_count = 1};
  return ln_gemm_plan_q8(&args->plan, prep->arena, groups, s->n, 1, s->k, &quant);
}

static ln_gemm_source y_source(const matmul_shape *s, const ln_weights *y, size_t batch) {
  const size_t items = (size_t)s->k * (size_t)s->n; /* bounded: a batch of y */
  return (ln_gemm_source){.weights = y,
                          .first = batch * items,
                          .group_stride = (ptrdiff_t)s->k * s->n,
                          .k_stride = s->adj_y ? 1 : s->n,
                          .n_stride = s->adj_y ? s->k : 1};
}

/* Packs a constant y, or sizes the scratch to pack one batch of it at a time; and scratch for an exchanged x. */
static ln_status prepare_operands(ln_node *node, ln_prep *prep, matmul_args *args) {
  const matmul_shape *s = &args->shape;
  size_t packed = 0;
  ln_weights y;
  LN_TRY(ln_weights_open(node, node->in[1], prep->err, &y));
  args->plan.staged = !ln_weights_is_plain(&y);
  args->batch_tasks = ln_gemm_is_float(&args->plan) && s->batches > 1 && s->batches <= INT32_MAX &&
                      (int64_t)s->m * s->n <= BATCH_TASK_LIMIT / s->k;
  if (args->batch_tasks) {
    int32_t rows = BLOCK_BYTES / 4 / s->n / args->plan.mr * args->plan.mr;
    args->task_rows = rows < 4 * args->plan.mr ? 4 * args->plan.mr : rows;
    node->finish_grain = (size_t)s->n;
  } else if (s->batches == 1 && !args->hybrid && ln_gemm_finishes(&args->plan, s->m)) {
    node->finish_grain = (size_t)s->n;
  }
  if (args->constant) {
    const ln_gemm_source source = y_source(s, &y, 0);
    const ln_status status = ln_gemm_plan_constant_b(&args->plan, prep, &source, NULL);
    ln_weights_close(&y);
    LN_TRY(status);
  } else if (!ln_gemm_pack_bytes(&args->plan, &packed)) {
    return LN_ERR_MEMORY;
  }
  if (args->batch_tasks) node->thread_scratch_bytes = packed;
  else if (!ln_gemm_thread_bytes(&args->plan, s->m, &node->thread_scratch_bytes)) return LN_ERR_MEMORY;
  args->x_bytes = 0;
  if (s->adj_x) {
    if (!ln_tensor_size(node->in[0]->type, &node->in[0]->shape, &args->x_bytes)) return LN_ERR_MEMORY;
    if (!ln_size_align(args->x_bytes, LN_ALIGNMENT, &args->x_bytes)) return LN_ERR_MEMORY;
  }
  if (!ln_size_add(args->x_bytes, args->batch_tasks ? 0 : packed, &node->scratch_bytes)) return LN_ERR_MEMORY;
  return !args->hybrid || hybrid_scratch(node, args) ? LN_OK : LN_ERR_MEMORY;
}

/* A y without batches makes one tall product of all batches of x. */
static void fold_batches(matmul_shape *s) {
  if (s->y_batches != 1 || s->adj_x || s->batches <= 1 || s->batches > (size_t)INT32_MAX / (size_t)s->m) return;
  s->m *= (int32_t)s->batches;
  s->batches = 1;
  s->batch.rank = 0;
}

/* An int8 y is widened in run. */
static ln_status prepare_i16(ln_node *node, ln_prep *prep, matmul_args *args) {
  double real = 0.0;
  LN_TRY(real_multiplier(node, prep->err, &real));
  args->multiplier = ln_quantize_multiplier(real);
  if (node->in[1]->type == LN_INT16) return LN_OK;
  return ln_tensor_size(LN_INT16, &node->in[1]->shape, &node->scratch_bytes)
             ? LN_OK
             : ln_node_fail(node, prep->err, LN_ERR_MEMORY, "the product takes too much memory");
}

ln_status ln_batch_matmul_prepare(ln_node *node, ln_prep *prep) {
  matmul_args *args = LN_NODE_ARGS(node, prep, matmul_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  matmul_shape *s = &args->shape;
  LN_TRY(read_shape(node, s, prep->err));
  if (ln_tensor_is_empty(node->out[0]) || s->k == 0) return LN_OK;
  s->batches = ln_shape_span(&s->batch, 0, s->batch.rank);
  s->y_batches = ln_shape_span(&node->in[1]->shape, 0, node->in[1]->shape.rank - 2);
  if (node->in[0]->type == LN_INT16) return prepare_i16(node, prep, args);
  fold_batches(s);
  args->constant = ln_tensor_const_data(node->in[1]) && s->y_batches <= INT32_MAX;
  ln_status status = plan_product(node, prep, args, args->constant ? (int32_t)s->y_batches : 1);
  if (status == LN_OK) node->kernel = ln_gemm_kernel_name(&args->plan);
  if (status == LN_OK) status = prepare_operands(node, prep, args);
  if (status == LN_ERR_MEMORY) return ln_node_fail(node, prep->err, status, "the product takes too much memory");
  return status;
}

/* ---- running ---- */

typedef struct matmul_job {
  const matmul_args *args;
  const ln_node *node;
  const ln_exec *exec;
  const char *x; /* [batches of x, m, k] */
  ln_weights y;  /* fed in the run */
} matmul_job;

/* y's batch in packed form, in `block` unless it is constant. Returns the group of it. */
static int32_t pack_batch(const matmul_job *job, size_t batch, void *block, ln_gemm_b *b) {
  const matmul_args *args = job->args;
  const matmul_shape *s = &args->shape;
  const size_t y_batch = ln_batch_of(&job->node->out[0]->shape, &job->node->in[1]->shape, batch);
  if (args->constant) {
    *b = args->plan.b;
    return (int32_t)y_batch;
  }
  const ln_gemm_source source = y_source(s, &job->y, y_batch);
  ln_gemm_pack(&args->plan, &source, NULL, block, b);
  return 0;
}

static const char *x_batch(const matmul_job *job, size_t batch) {
  const matmul_shape *s = &job->args->shape;
  const size_t bytes = (size_t)s->m * (size_t)s->k * ln_item_bytes(job->node->in[0]);
  return job->x + ln_batch_of(&job->node->out[0]->shape, &job->node->in[0]->shape, batch) * bytes;
}

static char *out_batch(const matmul_job *job, size_t batch) {
  const matmul_shape *s = &job->args->shape;
  return (char *)job->node->out[0]->data + batch * (size_t)s->m * (size_t)s->n * ln_item_bytes(job->node->out[0]);
}

static void batch_task(void *context, int32_t task, int32_t worker) {
  const matmul_job *job = context;
  const matmul_args *args = job->args;
  const matmul_shape *s = &args->shape;
  ln_gemm_b b;
  const int32_t group = pack_batch(job, (size_t)task, ln_exec_thread_scratch(job->exec, worker), &b);
  const void *rows = x_batch(job, (size_t)task);
  const ln_gemm_a a = {&rows, 1, s->k, (ptrdiff_t)s->k * (ptrdiff_t)sizeof(float)};
  const int32_t most = args->task_rows;
  for (int32_t row = 0, m; row < s->m; row += m) {
    m = s->m - row < most ? s->m - row : most;
    float *out = (float *)(void *)out_batch(job, (size_t)task) + (size_t)row * (size_t)s->n;
    ln_gemm_rows(&args->plan, &b, group, 0, args->plan.panels, m, &a, NULL, out, s->n);
    ln_exec_finish(job->exec, ((size_t)task * (size_t)s->m + (size_t)row) * (size_t)s->n, (size_t)m * (size_t)s->n);
    rows = (const char *)rows + (size_t)m * (size_t)s->k * sizeof(float);
  }
}

static void hybrid_batch(const matmul_job *job, const ln_gemm_b *b, int32_t group, size_t batch) {
  const matmul_args *args = job->args;
  const matmul_shape *s = &args->shape;
  char *scratch = job->exec->scratch;
  int8_t *quantized = (int8_t *)(scratch + args->quantized_at);
  int32_t *sums = (int32_t *)(void *)(scratch + args->sums_at);
  float *row_scales = (float *)(void *)(scratch + args->scales_at);
  int32_t *zeros = (int32_t *)(void *)(scratch + args->zeros_at);
  const float *x = (const float *)(const void *)x_batch(job, batch);
  for (int32_t i = 0; i < s->m; ++i) {
    const ptrdiff_t at = (ptrdiff_t)i * s->k;
    zeros[i] = 0;
    if (args->asymmetric) ln_k_quantize_asymmetric(x + at, (size_t)s->k, quantized + at, &row_scales[i], &zeros[i]);
    else ln_k_quantize_symmetric(x + at, (size_t)s->k, quantized + at, &row_scales[i]);
  }
  ln_gemm_run(&args->plan, b, group, job->exec, s->m, quantized, s->k, sums, s->n);
  const int32_t *column_sums = b->column_sums + (ptrdiff_t)group * s->n;
  for (int32_t i = 0; i < s->m; ++i) {
    int32_t *row = sums + (ptrdiff_t)i * s->n;
    for (int32_t j = 0; zeros[i] != 0 && j < s->n; ++j) {
      row[j] = (int32_t)((uint32_t)row[j] - (uint32_t)zeros[i] * (uint32_t)column_sums[j]);
    }
  }
  ln_hybrid_scales scales = args->scales;
  scales.a_scales = row_scales;
  scales.a_count = s->m;
  ln_k_scale_sums(s->m, s->n, sums, &scales, (float *)(void *)out_batch(job, batch));
}

static void i16_batch(const matmul_job *job, size_t batch) {
  const matmul_shape *s = &job->args->shape;
  const ln_tensor *x = job->node->in[0], *y = job->node->in[1];
  const int16_t *values = y->type == LN_INT16 ? y->data : job->exec->scratch;
  const size_t y_items = (size_t)s->k * (size_t)s->n;
  const ln_i16_product product = {.m = s->m,
                                  .n = s->n,
                                  .k = s->k,
                                  .x = (const int16_t *)(const void *)x_batch(job, batch),
                                  .y = values + ln_batch_of(&job->node->out[0]->shape, &y->shape, batch) * y_items,
                                  .x_row = s->adj_x ? 1 : s->k,
                                  .x_step = s->adj_x ? s->m : 1,
                                  .y_step = s->adj_y ? 1 : s->n,
                                  .y_column = s->adj_y ? s->k : 1,
                                  .x_zero = ln_zero_point_of(x),
                                  .y_zero = ln_zero_point_of(y),
                                  .out_zero = ln_zero_point_of(job->node->out[0]),
                                  .multiplier = job->args->multiplier.multiplier,
                                  .shift = job->args->multiplier.shift};
  ln_k_batch_matmul_i16(&product, (int16_t *)(void *)out_batch(job, batch));
}

/* x with its last two dimensions exchanged, so that rows are contiguous. */
static void exchange_x(const ln_node *node, const ln_exec *exec, const matmul_shape *s) {
  const size_t item = ln_item_bytes(node->in[0]);
  const size_t matrix = (size_t)s->m * (size_t)s->k * item;
  ln_copy_plan plan;
  ln_copy_begin(&plan, item);
  ln_copy_dim(&plan, ln_shape_span(&node->in[0]->shape, 0, node->in[0]->shape.rank - 2), matrix, matrix);
  ln_copy_dim(&plan, (size_t)s->m, item, (size_t)s->k * item);
  ln_copy_dim(&plan, (size_t)s->k, (size_t)s->m * item, item);
  ln_move(exec, &plan, node->in[0]->data, exec->scratch);
}

/* Sums over nothing: the stored value of zero. */
static void fill_with_zero(ln_tensor *out) {
  const int16_t wide = (int16_t)ln_zero_point_of(out);
  if (out->type == LN_INT16) ln_k_fill(out->data, &wide, sizeof wide, out->bytes / sizeof wide);
  else memset(out->data, out->type == LN_INT8 ? ln_zero_point_of(out) : 0, out->bytes);
}

ln_status ln_batch_matmul_run(const ln_node *node, ln_exec *exec) {
  const matmul_args *args = node->args;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  const matmul_shape *s = &args->shape;
  matmul_job job = {.args = args, .node = node, .exec = exec, .x = node->in[0]->data};
  if (s->k == 0) {
    fill_with_zero(node->out[0]);
    return LN_OK;
  }
  if (node->in[0]->type == LN_INT16) {
    const ln_tensor *y = node->in[1];
    if (y->type == LN_INT8) {
      ln_k_cast(y->data, LN_NUMBER_I8, exec->scratch, LN_NUMBER_I16, ln_shape_span(&y->shape, 0, y->shape.rank));
    }
    for (size_t i = 0; i < s->batches; ++i) i16_batch(&job, i);
    return LN_OK;
  }
  if (!args->constant) LN_TRY(ln_weights_open(node, node->in[1], exec->err, &job.y));
  if (s->adj_x) {
    exchange_x(node, exec, s);
    job.x = exec->scratch;
  }
  if (args->batch_tasks) {
    ln_pool_run(exec->pool, (int32_t)s->batches, batch_task, &job);
    return LN_OK;
  }
  for (size_t i = 0; i < s->batches; ++i) {
    ln_gemm_b b;
    const int32_t group = pack_batch(&job, i, (char *)exec->scratch + args->x_bytes, &b);
    if (args->hybrid) hybrid_batch(&job, &b, group, i);
    else ln_gemm_run(&args->plan, &b, group, exec, s->m, x_batch(&job, i), s->k, out_batch(&job, i), s->n);
  }
  return LN_OK;
}

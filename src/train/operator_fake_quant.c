/*
 * Fake quantization over a range that changes from step to step: the values that integers of 8 or 16 bits will stand
 * for, as the runtime's own QUANTIZE rounds and clamps them, with what the tensor held in the same pass over memory;
 * and its gradient.
 */
#include <math.h>
#include <string.h>

#include "train/operators.h"

enum { BLOCK = 1 << 15 };

typedef struct quant_args {
  int32_t bits, tasks;
  bool by_range; /* the range's gradient is asked for */
} quant_args;

/* What the range, [low, high] with zero in it, means: `ends` are those of the integers. */
static ln_fake_grid grid_of(const float *range, int32_t bits) {
  const float low = fminf(range[0], 0), high = fmaxf(range[1], 0);
  float scale = bits == 16 ? fmaxf(-low, high) / 32767 : (high - low) / 255;
  if (!(scale > 0)) scale = 1.0f / 255;
  const float zero = bits == 16 ? 0 : fminf(fmaxf(roundf(-128 - low / scale), -128), 127);
  const float least = bits == 16 ? -32768 : -128, most = bits == 16 ? 32767 : 127;
  return (ln_fake_grid){scale, 1 / scale, (least - zero) * scale, (most - zero) * scale};
}

static size_t elements(const ln_tensor *tensor) { return ln_shape_span(&tensor->shape, 0, tensor->shape.rank); }

static ln_status prepare(ln_node *node, ln_prep *prep) {
  quant_args *args = LN_NODE_ARGS(node, prep, quant_args);
  const size_t tasks = (elements(node->in[0]) + BLOCK - 1) / BLOCK;
  ln_grad_places places;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(ln_grad_read_window(node, prep->err, &places));
  if (tasks > INT32_MAX / 16 || (places.kernel[0] != 8 && places.kernel[0] != 16)) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "it has too many elements, or other bits than 8 and 16");
  }
  *args = (quant_args){places.kernel[0], (int32_t)tasks, places.kernel[1] != 0};
  node->scratch_bytes = tasks * 2 * sizeof(double);
  return LN_OK;
}

typedef struct quant_job {
  const ln_node *node;
  ln_fake_grid grid;
  double *parts; /* [tasks, 2] */
} quant_job;

static size_t block_of(const ln_node *node, int32_t task, size_t *first) {
  const size_t count = elements(node->in[0]);
  *first = (size_t)task * BLOCK;
  return count - *first < BLOCK ? count - *first : BLOCK;
}

/* ---- x, range [2] > y, seen [2]: the least and greatest of x ---- */

static ln_status quant_infer(ln_node *node, ln_error *err) {
  const ln_shape *range = &node->in[1]->shape;
  if (range->rank != 1 || range->dims[0] != 2) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "its range is not two numbers");
  }
  LN_TRY(ln_node_set_shape(node, 0, &node->in[0]->shape, err));
  return ln_node_set_shape(node, 1, range, err);
}

static void quant_task(void *context, int32_t task, int32_t worker) {
  const quant_job *job = context;
  float seen[2] = {INFINITY, -INFINITY};
  size_t first, count = block_of(job->node, task, &first);
  (void)worker;
  ln_gradient_kernels_get()->fake_quant(count, (const float *)job->node->in[0]->data + first, &job->grid,
                                        (float *)job->node->out[0]->data + first, seen);
  job->parts[2 * task] = (double)seen[0];
  job->parts[2 * task + 1] = (double)seen[1];
}

static ln_status quant_run(const ln_node *node, ln_exec *exec) {
  const quant_args *args = node->args;
  quant_job job = {node, grid_of(node->in[1]->data, args->bits), exec->scratch};
  float *seen = node->out[1]->data;
  seen[0] = seen[1] = 0;
  ln_pool_run(exec->pool, args->tasks, quant_task, &job);
  for (int32_t i = 0; i < args->tasks; ++i) {
    seen[0] = i == 0 ? (float)job.parts[0] : fminf(seen[0], (float)job.parts[2 * i]);
    seen[1] = i == 0 ? (float)job.parts[1] : fmaxf(seen[1], (float)job.parts[2 * i + 1]);
  }
  return LN_OK;
}

/* ---- x, range [2], dy > dx, d range [2]: each end has the gradient of what lies beyond it ---- */

static ln_status back_infer(ln_node *node, ln_error *err) {
  if (!ln_shape_equal(&node->in[0]->shape, &node->in[2]->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "its inputs are not of one shape");
  }
  return quant_infer(node, err);
}

static void back_task(void *context, int32_t task, int32_t worker) {
  const quant_job *job = context;
  const quant_args *args = job->node->args;
  size_t first, count = block_of(job->node, task, &first);
  const float *x = (const float *)job->node->in[0]->data + first;
  const float *dy = (const float *)job->node->in[2]->data + first;
  const float low = job->grid.low - job->grid.scale / 2, high = job->grid.high + job->grid.scale / 2;
  double *sums = job->parts + 2 * task;
  (void)worker;
  sums[0] = sums[1] = 0;
  for (size_t i = 0; args->by_range && i < count; ++i) {
    if (x[i] <= low) sums[0] += (double)dy[i];
    if (x[i] >= high) sums[1] += (double)dy[i];
  }
  ln_gradient_kernels_get()->mask(count, dy, x, low, high, (float *)job->node->out[0]->data + first);
}

static ln_status back_run(const ln_node *node, ln_exec *exec) {
  const quant_args *args = node->args;
  quant_job job = {node, grid_of(node->in[1]->data, args->bits), exec->scratch};
  double sums[2] = {0, 0};
  ln_pool_run(exec->pool, args->tasks, back_task, &job);
  for (int32_t i = 0; i < 2 * args->tasks; ++i) sums[i % 2] += job.parts[i];
  for (int32_t end = 0; end < 2; ++end) ((float *)node->out[1]->data)[end] = (float)sums[end];
  return LN_OK;
}

#define ROW(name, types, infer, run, gradient) \
  { name, LN_OP_CUSTOM, LN_TABLE_none, types, infer, prepare, run, ln_no_macs, 0, 0, NULL, gradient, UINT32_MAX }
const ln_op_def ln_op_fake_quant_step =
    ROW("LinnetFakeQuant", "f32 f32 > f32 f32", quant_infer, quant_run, LN_HAS_GRADIENT);
const ln_op_def ln_op_fake_quant_gradient =
    ROW("LinnetFakeQuantGradient", "f32 f32 f32 > f32 f32", back_infer, back_run, LN_NO_GRADIENT);
#undef ROW

/* ---- adding them ---- */

static const ln_type two_floats[] = {LN_FLOAT32, LN_FLOAT32};

static int32_t emit(ln_grad *g, const ln_op_def *row, int32_t bits, bool by_range, int32_t count,
                    const int32_t *inputs) {
  const ln_grad_places places = {.kernel = {bits, by_range}};
  const ln_op like = {.def = row,
                      .version = 1,
                      .custom_name = row->name,
                      .custom_options = ln_arena_copy(ln_optimizer_arena(g->o), &places, sizeof places),
                      .custom_options_size = sizeof places};
  if (like.custom_options == NULL) ln_grad_fail_memory(g);
  return g->status == LN_OK ? ln_grad_emit_row(g, &like, NULL, count, inputs, 2, two_floats, NULL) : -1;
}

int32_t ln_grad_fake_quant_step(ln_grad *g, int32_t x, int32_t range, int32_t bits, int32_t *seen) {
  const int32_t y = emit(g, &ln_op_fake_quant_step, bits, false, 2, (const int32_t[]){x, range});
  if (seen != NULL) *seen = y < 0 ? -1 : y + 1;
  return y;
}

void ln_gradient_fake_quant_step(ln_grad *g, const ln_op *op, const int32_t *dy) {
  ln_grad_places places;
  if (dy[0] < 0) return;
  memcpy(&places, op->custom_options, sizeof places);
  const bool by_range = ln_grad_wants(g, op, 1);
  const int32_t inputs[] = {op->inputs[0], op->inputs[1], dy[0]};
  const int32_t dx = emit(g, &ln_op_fake_quant_gradient, places.kernel[0], by_range, 3, inputs);
  ln_grad_add(g, op, 0, dx);
  if (by_range) ln_grad_add(g, op, 1, dx + 1);
}

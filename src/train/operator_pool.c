/* Gradients of pools' maxima and of what clamps. */
#include "train/operators.h"

/* ---- masks ---- */

typedef struct mask_args {
  float low, high;
} mask_args;

static void mask_span(const ln_node *node, size_t first, size_t count) {
  const mask_args *args = node->args;
  const float *dy = node->in[0]->data, *y = node->in[1]->data;
  float *dx = node->out[0]->data;
  ln_gradient_kernels_get()->mask(count, dy + first, y + first, args->low, args->high, dx + first);
}

static ln_status mask_infer(ln_node *node, ln_error *err) {
  if (!ln_shape_equal(&node->in[0]->shape, &node->in[1]->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "its inputs are not of one shape");
  }
  return ln_node_set_shape(node, 0, &node->in[0]->shape, err);
}

static ln_status mask_prepare(ln_node *node, ln_prep *prep) {
  mask_args *args = LN_NODE_ARGS(node, prep, mask_args);
  ln_grad_places window;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(ln_grad_read_window(node, prep->err, &window));
  *args = (mask_args){window.low, window.high};
  node->span = mask_span;
  return LN_OK;
}

enum { MASK_BLOCK = 1 << 15 };

static void mask_task(void *context, int32_t task, int32_t worker) {
  const ln_node *node = context;
  const size_t count = ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank);
  const size_t first = (size_t)task * MASK_BLOCK;
  (void)worker;
  mask_span(node, first, count - first < MASK_BLOCK ? count - first : MASK_BLOCK);
}

static ln_status mask_run(const ln_node *node, ln_exec *exec) {
  const size_t count = ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank);
  const size_t tasks = (count + MASK_BLOCK - 1) / MASK_BLOCK;
  if (tasks > INT32_MAX) return ln_node_fail(node, exec->err, LN_ERR_UNSUPPORTED, "more than 2^31 parts");
  ln_pool_run(exec->pool, (int32_t)tasks, mask_task, (void *)(uintptr_t)node);
  return LN_OK;
}

const ln_op_def ln_op_mask_gradient = {"LinnetMaskGradient",
                                       LN_OP_CUSTOM,
                                       LN_TABLE_none,
                                       "f32 f32 > f32",
                                       mask_infer,
                                       mask_prepare,
                                       mask_run,
                                       ln_no_macs,
                                       0,
                                       LN_OPF_IN_PLACE,
                                       NULL,
                                       LN_NO_GRADIENT,
                                       UINT32_MAX};

/* ---- maxima ---- */

typedef struct pool_args {
  ln_windows windows;
  size_t image, pooled; /* floats of an image, of its output */
} pool_args;

static ln_status pool_infer(ln_node *node, ln_error *err) {
  ln_windows windows;
  LN_TRY(ln_grad_read_windows(node, err, &node->in[0]->shape, &node->in[1]->shape, &windows));
  if (node->in[1]->shape.dims[3] != windows.channels) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "its inputs have not the same channels");
  }
  return ln_node_set_shape(node, 0, &node->in[0]->shape, err);
}

static ln_status pool_prepare(ln_node *node, ln_prep *prep) {
  pool_args *args = LN_NODE_ARGS(node, prep, pool_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(ln_grad_read_windows(node, prep->err, &node->in[0]->shape, &node->in[1]->shape, &args->windows));
  args->image = ln_shape_span(&node->in[0]->shape, 1, 4);
  args->pooled = ln_shape_span(&node->in[1]->shape, 1, 4);
  node->finish_grain = args->image;
  return LN_OK;
}

typedef struct pool_job {
  const ln_node *node;
  const ln_exec *exec;
} pool_job;

static void pool_task(void *context, int32_t task, int32_t worker) {
  const pool_job *job = context;
  const pool_args *args = job->node->args;
  const size_t at = (size_t)task * args->image;
  const float *x = job->node->in[0]->data, *dy = job->node->in[1]->data;
  float *dx = job->node->out[0]->data;
  (void)worker;
  ln_gradient_kernels_get()->max_pool_back(&args->windows, x + at, dy + (size_t)task * args->pooled, dx + at);
  ln_exec_finish(job->exec, at, args->image);
}

static ln_status pool_run(const ln_node *node, ln_exec *exec) {
  pool_job job = {node, exec};
  if (!ln_tensor_is_empty(node->out[0])) {
    ln_pool_run(exec->pool, node->out[0]->shape.dims[0], pool_task, &job);
  }
  return LN_OK;
}

const ln_op_def ln_op_max_pool_gradient = {"LinnetMaxPoolGradient",
                                           LN_OP_CUSTOM,
                                           LN_TABLE_none,
                                           "f32 f32 > f32",
                                           pool_infer,
                                           pool_prepare,
                                           pool_run,
                                           ln_no_macs,
                                           0,
                                           0,
                                           NULL,
                                           LN_NO_GRADIENT,
                                           UINT32_MAX};

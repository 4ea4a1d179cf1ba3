/* L2_NORMALIZATION along the last dimension. */
#include "kernels/l2_normalization.h"

#include "ops/move.h"
#include "ops/rows.h"

enum { NORM_TASK_ELEMENTS = 32 << 10 };

ln_status ln_l2_normalization_prepare(ln_node *node, ln_prep *prep) {
  if (LN_OPTIONS(node, l2_norm_options)->fused_activation_function != LN_ACT_NONE) {
    return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "a fused activation");
  }
  if (node->in[0]->shape.rank < 1) return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "a scalar");
  return LN_OK;
}

typedef struct norm_job {
  const ln_tensor *in;
  ln_tensor *out;
  size_t rows, depth;
  int32_t tasks;
} norm_job;

static void norm_part(void *context, int32_t task, int32_t worker) {
  const norm_job *job = context;
  (void)worker;
  const size_t begin = job->rows * (size_t)task / (size_t)job->tasks;
  const size_t rows = job->rows * ((size_t)task + 1) / (size_t)job->tasks - begin;
  const size_t offset = begin * job->depth * ln_item_bytes(job->in);
  const char *in = (const char *)job->in->data + offset;
  char *out = (char *)job->out->data + offset;
  if (job->in->type == LN_FLOAT32) {
    ln_k_l2_normalize_f32((const float *)(const void *)in, (float *)(void *)out, rows, job->depth);
  } else {
    ln_k_l2_normalize_q8(in, out, rows, job->depth, job->in->type == LN_UINT8, ln_zero_point_of(job->in));
  }
}

ln_status ln_l2_normalization_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *in = node->in[0];
  if (ln_tensor_is_empty(in)) return LN_OK;
  norm_job job = {in, node->out[0], ln_shape_span(&in->shape, 0, in->shape.rank - 1),
                  (size_t)in->shape.dims[in->shape.rank - 1], 1};
  const size_t wanted = job.rows * job.depth / NORM_TASK_ELEMENTS;
  if (wanted > 1) job.tasks = (int32_t)(wanted > 128 ? 128 : wanted);
  if (job.rows < (size_t)job.tasks) job.tasks = (int32_t)job.rows;
  ln_pool_run(exec->pool, job.tasks, norm_part, &job);
  return LN_OK;
}

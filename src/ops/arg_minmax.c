/* ARG_MAX and ARG_MIN: the index of the extreme along an axis. */
#include "kernels/arg_minmax.h"

#include "ops/move.h"
#include "ops/rows.h"

enum { ARG_TASK_ELEMENTS = 64 << 10 };

ln_status ln_arg_minmax_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  int32_t axis = 0;
  LN_TRY(ln_node_axis(node, 1, in->rank, &axis, err));
  ln_shape shape = {0, {0}};
  for (int32_t i = 0; i < in->rank; ++i) {
    if (i != axis) ln_shape_push(&shape, in->dims[i]);
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

typedef struct arg_job {
  const ln_tensor *in;
  ln_tensor *out;
  bool least;
  size_t length, inner;
  size_t outputs;
  int32_t tasks;
} arg_job;

static void arg_part(void *context, int32_t task, int32_t worker) {
  const arg_job *job = context;
  (void)worker;
  const size_t item = ln_item_bytes(job->in);
  const size_t end = job->outputs * ((size_t)task + 1) / (size_t)job->tasks;
  size_t count = 0;
  for (size_t begin = job->outputs * (size_t)task / (size_t)job->tasks; begin < end; begin += count) {
    int32_t indices[LN_ARG_BLOCK];
    const size_t column = begin % job->inner;
    count = end - begin < LN_ARG_BLOCK ? end - begin : (size_t)LN_ARG_BLOCK;
    if (job->inner > 1 && count > job->inner - column) count = job->inner - column;
    const char *src = (const char *)job->in->data + (begin / job->inner * job->length * job->inner + column) * item;
    if (job->inner == 1) ln_k_arg_rows(job->in->type, job->least, src, job->length, count, indices);
    else ln_k_arg_columns(job->in->type, job->least, src, job->length, job->inner, count, indices);
    for (size_t i = 0; i < count; ++i) {
      if (job->out->type == LN_INT64) ((int64_t *)job->out->data)[begin + i] = indices[i];
      else ((int32_t *)job->out->data)[begin + i] = indices[i];
    }
  }
}

ln_status ln_arg_minmax_run(const ln_node *node, ln_exec *exec) {
  const ln_tensor *in = node->in[0];
  int32_t axis = 0;
  LN_TRY(ln_node_axis(node, 1, in->shape.rank, &axis, exec->err));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  if (in->shape.dims[axis] == 0) return ln_node_fail(node, exec->err, LN_ERR_DATA, "the axis is empty");
  arg_job job = {.in = in, .out = node->out[0], .least = node->op->def->variant == LN_VARIANT_ARG_MIN, .tasks = 1};
  job.length = (size_t)in->shape.dims[axis];
  job.inner = ln_shape_span(&in->shape, axis + 1, in->shape.rank);
  job.outputs = ln_shape_span(&in->shape, 0, axis) * job.inner;
  const size_t wanted = job.outputs * job.length / ARG_TASK_ELEMENTS;
  if (wanted > 1) job.tasks = (int32_t)(wanted > 128 ? 128 : wanted);
  if (job.outputs < (size_t)job.tasks) job.tasks = (int32_t)job.outputs;
  ln_pool_run(exec->pool, job.tasks, arg_part, &job);
  return LN_OK;
}

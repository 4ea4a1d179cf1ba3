/* TOPK_V2: the greatest elements along the last dimension, and their indices. */
#include "kernels/topk.h"

#include "ops/move.h"
#include "ops/rows.h"

ln_status ln_topk_infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[0]->shape;
  int64_t k = 0;
  LN_TRY(ln_node_int(node, 1, &k, err));
  if (shape.rank < 1 || k < 0 || k > shape.dims[shape.rank - 1]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "k is %lld", (long long)k);
  }
  if (node->out[1]->type == LN_INT16 && shape.dims[shape.rank - 1] > INT16_MAX) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "int16 holds no index into %d elements", shape.dims[shape.rank - 1]);
  }
  shape.dims[shape.rank - 1] = (int32_t)k;
  LN_TRY(ln_node_set_shape(node, 0, &shape, err));
  return ln_node_set_shape(node, 1, &shape, err);
}

/* The kernel's indices are int32: those of other types pass through a row of them for each thread. */
ln_status ln_topk_prepare(ln_node *node, ln_prep *prep) {
  const ln_shape *shape = &node->out[1]->shape;
  if (node->out[1]->type == LN_INT32) return LN_OK;
  if (ln_size_mul((size_t)shape->dims[shape->rank - 1], sizeof(int32_t), &node->thread_scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "k is too large");
}

typedef struct topk_job {
  const ln_tensor *in;
  ln_tensor *values, *indices;
  const ln_exec *exec;
  int32_t length, k;
} topk_job;

static void topk_row(void *context, int32_t task, int32_t worker) {
  const topk_job *job = context;
  const bool narrow = job->indices->type == LN_INT16;
  const size_t item = ln_item_bytes(job->in), row = (size_t)task;
  const size_t first = row * (size_t)job->k;
  int32_t *indices = narrow ? ln_exec_thread_scratch(job->exec, worker) : (int32_t *)job->indices->data + first;
  ln_k_topk(job->in->type, (const char *)job->in->data + row * (size_t)job->length * item, job->length, job->k,
            (char *)job->values->data + first * item, indices);
  for (int32_t i = 0; narrow && i < job->k; ++i)
    ((int16_t *)job->indices->data)[first + (size_t)i] = (int16_t)indices[i];
}

ln_status ln_topk_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *in = &node->in[0]->shape;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  topk_job job = {node->in[0], node->out[0],           node->out[1],
                  exec,        in->dims[in->rank - 1], node->out[0]->shape.dims[in->rank - 1]};
  const size_t rows = ln_shape_span(in, 0, in->rank - 1);
  if (rows > INT32_MAX) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "too many rows");
  ln_pool_run(job.length >= 4096 ? exec->pool : NULL, (int32_t)rows, topk_row, &job);
  return LN_OK;
}

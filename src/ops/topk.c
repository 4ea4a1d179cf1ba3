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
  shape.dims[shape.rank - 1] = (int32_t)k;
  LN_TRY(ln_node_set_shape(node, 0, &shape, err));
  return ln_node_set_shape(node, 1, &shape, err);
}

typedef struct topk_job {
  const ln_tensor *in;
  ln_tensor *values, *indices;
  int32_t length, k;
} topk_job;

static void topk_row(void *context, int32_t task, int32_t worker) {
  const topk_job *job = context;
  (void)worker;
  const size_t item = ln_item_bytes(job->in), row = (size_t)task;
  ln_k_topk(job->in->type, (const char *)job->in->data + row * (size_t)job->length * item, job->length, job->k,
            (char *)job->values->data + row * (size_t)job->k * item,
            (int32_t *)job->indices->data + row * (size_t)job->k);
}

ln_status ln_topk_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *in = &node->in[0]->shape;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  topk_job job = {node->in[0], node->out[0], node->out[1], in->dims[in->rank - 1],
                  node->out[0]->shape.dims[in->rank - 1]};
  const size_t rows = ln_shape_span(in, 0, in->rank - 1);
  if (rows > INT32_MAX) return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "too many rows");
  ln_pool_run(job.length >= 4096 ? exec->pool : NULL, (int32_t)rows, topk_row, &job);
  return LN_OK;
}

/* PAD and PADV2 with a constant, MIRROR_PAD with the tensor's own reflection. */
#include "kernels/pad.h"

#include <string.h>

#include "ops/move.h"
#include "ops/rows.h"

enum { PAD_TASK_BYTES = 64 << 10 };

/* The paddings input, checked: [rank, 2], none negative. */
static ln_status pad_plan(const ln_node *node, ln_pad_plan *plan, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  int64_t pads[2 * LN_MAX_RANK];
  int32_t count = 0;
  LN_TRY(ln_node_ints(node, 1, pads, 2 * LN_MAX_RANK, &count, err));
  if (count != 2 * in->rank) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "%d paddings for rank %d", (int)count, (int)in->rank);
  }
  plan->rank = in->rank;
  plan->item_bytes = ln_item_bytes(node->in[0]);
  for (int32_t i = 0; i < in->rank; ++i) {
    for (int32_t side = 0; side < 2; ++side) {
      const int64_t pad = pads[2 * i + side];
      if (pad < 0 || pad > INT32_MAX) return ln_node_fail(node, err, LN_ERR_SHAPE, "a padding of %lld", (long long)pad);
    }
    plan->dims[i] = (size_t)in->dims[i];
    plan->before[i] = (size_t)pads[2 * i];
    plan->after[i] = (size_t)pads[2 * i + 1];
  }
  if (plan->rank == 0) { /* a scalar: one element without paddings */
    plan->rank = 1;
    plan->dims[0] = 1;
    plan->before[0] = plan->after[0] = 0;
  }
  return LN_OK;
}

ln_status ln_pad_infer(ln_node *node, ln_error *err) {
  ln_pad_plan plan;
  LN_TRY(pad_plan(node, &plan, err));
  ln_shape shape = {0, {0}};
  for (int32_t i = 0; i < node->in[0]->shape.rank; ++i) {
    if (!ln_shape_push(&shape, (int64_t)(plan.before[i] + plan.dims[i] + plan.after[i]))) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "dimension %d grows too long", (int)i);
    }
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

/* One item of the padding: the given value, else zero, which quantized tensors store as their zero point. */
static void pad_value(const ln_node *node, unsigned char value[16]) {
  const ln_tensor *out = node->out[0];
  memset(value, 0, 16);
  if (node->in_count > 2 && node->in[2] != NULL) {
    memcpy(value, node->in[2]->data, ln_item_bytes(out));
  } else if (out->type == LN_INT8 || out->type == LN_UINT8) {
    value[0] = (unsigned char)ln_zero_point_of(out);
  } else if (out->type == LN_INT16) {
    const int16_t zero_point = (int16_t)ln_zero_point_of(out);
    memcpy(value, &zero_point, sizeof zero_point);
  }
}

ln_status ln_pad_prepare(ln_node *node, ln_prep *prep) {
  size_t elements = 1;
  if (node->in_count > 2 && node->in[2] != NULL) ln_shape_elements(&node->in[2]->shape, &elements);
  if (elements == 1) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "the padding's value is no scalar");
}

typedef struct pad_job {
  const ln_pad_plan *plan;
  const void *src;
  void *dst;
  const void *value;
  size_t rows;
  int32_t tasks;
} pad_job;

static void pad_part(void *context, int32_t task, int32_t worker) {
  const pad_job *job = context;
  (void)worker;
  const size_t begin = job->rows * (size_t)task / (size_t)job->tasks;
  const size_t end = job->rows * ((size_t)task + 1) / (size_t)job->tasks;
  ln_k_pad(job->plan, job->src, job->dst, job->value, begin, end);
}

ln_status ln_pad_run(const ln_node *node, ln_exec *exec) {
  ln_pad_plan plan;
  unsigned char value[16];
  LN_TRY(pad_plan(node, &plan, exec->err));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  pad_value(node, value);
  /* A leading dimension of one element says nothing, and would leave nothing to share among threads. */
  while (plan.rank > 1 && plan.dims[0] == 1 && plan.before[0] + plan.after[0] == 0) {
    --plan.rank;
    memmove(plan.dims, plan.dims + 1, (size_t)plan.rank * sizeof plan.dims[0]);
    memmove(plan.before, plan.before + 1, (size_t)plan.rank * sizeof plan.before[0]);
    memmove(plan.after, plan.after + 1, (size_t)plan.rank * sizeof plan.after[0]);
  }
  ln_k_pad_simplify(&plan);
  ln_k_pad_strides(&plan);
  pad_job job = {&plan, node->in[0]->data, node->out[0]->data, value, plan.before[0] + plan.dims[0] + plan.after[0], 1};
  const size_t wanted = node->out[0]->bytes / PAD_TASK_BYTES;
  if (wanted > 1) job.tasks = (int32_t)(wanted > 256 ? 256 : wanted);
  if (job.rows < (size_t)job.tasks) job.tasks = (int32_t)job.rows;
  ln_pool_run(exec->pool, job.tasks, pad_part, &job);
  return LN_OK;
}

/* ---- MIRROR_PAD ---- */

static ln_status mirror_plan(const ln_node *node, ln_pad_plan *plan, size_t *edge, ln_error *err) {
  LN_TRY(pad_plan(node, plan, err));
  *edge = LN_OPTIONS(node, mirror_pad_options)->mode == 0 ? 1 : 0; /* REFLECT leaves the border out */
  for (int32_t i = 0; i < plan->rank; ++i) {
    const size_t most = plan->dims[i] > *edge ? plan->dims[i] - *edge : 0;
    if (plan->before[i] > most || plan->after[i] > most) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "dimension %d is shorter than its reflection", (int)i);
    }
  }
  return LN_OK;
}

ln_status ln_mirror_pad_infer(ln_node *node, ln_error *err) {
  ln_pad_plan plan;
  size_t edge = 0;
  LN_TRY(mirror_plan(node, &plan, &edge, err));
  return ln_pad_infer(node, err);
}

ln_status ln_mirror_pad_run(const ln_node *node, ln_exec *exec) {
  ln_pad_plan plan;
  size_t edge = 0;
  LN_TRY(mirror_plan(node, &plan, &edge, exec->err));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  ln_k_pad_strides(&plan);
  ln_k_mirror_pad(&plan, node->in[0]->data, node->out[0]->data, edge);
  return LN_OK;
}

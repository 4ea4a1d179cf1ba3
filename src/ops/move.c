/* The common part of the data-moving operators. */
#include "ops/move.h"

#include <string.h>

enum {
  PARALLEL_BYTES = 256 << 10, /* below this, waking a thread costs more than it saves */
  TASK_BYTES = 64 << 10,
  LEAST_LINE = 16 /* items that lie side by side and are moved by one task, where there are as many */
};

size_t ln_item_bytes(const ln_tensor *tensor) {
  const int32_t bits = ln_type_bits(tensor->type);
  return bits % 8 == 0 ? (size_t)bits / 8 : 0;
}

bool ln_tensor_is_empty(const ln_tensor *tensor) {
  for (int32_t i = 0; i < tensor->shape.rank; ++i) {
    if (tensor->shape.dims[i] == 0) return true;
  }
  return false;
}

void ln_byte_strides(const ln_tensor *tensor, size_t strides[LN_MAX_RANK]) {
  size_t stride = ln_item_bytes(tensor);
  for (int32_t i = tensor->shape.rank - 1; i >= 0; --i) {
    strides[i] = stride;
    stride *= (size_t)tensor->shape.dims[i];
  }
}

ln_status ln_node_int(const ln_node *node, int32_t input, int64_t *value, ln_error *err) {
  int32_t count = 0;
  LN_TRY(ln_node_ints(node, input, value, 1, &count, err));
  if (count != 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d should hold one number", (int)input);
  return LN_OK;
}

ln_status ln_node_axis(const ln_node *node, int32_t input, int32_t rank, int32_t *axis, ln_error *err) {
  int64_t value = 0;
  LN_TRY(ln_node_int(node, input, &value, err));
  if (!ln_axis_normalize(value, rank, axis)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "axis %lld is out of range for rank %d", (long long)value, (int)rank);
  }
  return LN_OK;
}

ln_status ln_run_ints(const ln_node *node, int32_t input, int64_t *values, int32_t capacity, int32_t *count,
                      ln_error *err) {
  const ln_status status = ln_node_ints(node, input, values, capacity, count, err);
  if ((int)status != LN_INFER_LATER) return status;
  return ln_node_fail(node, err, LN_ERR_INTERNAL, "input %d holds no data", (int)input);
}

bool ln_shape_push(ln_shape *shape, int64_t extent) {
  if (shape->rank >= LN_MAX_RANK || extent < 0 || extent > INT32_MAX) return false;
  shape->dims[shape->rank++] = (int32_t)extent;
  return true;
}

typedef struct move_job {
  const ln_copy_plan *plan;
  const char *src;
  char *dst;
  int32_t dim;
  int32_t tasks;
} move_job;

static void move_part(void *context, int32_t task, int32_t worker) {
  const move_job *job = context;
  (void)worker;
  const size_t extent = job->plan->dims[job->dim];
  const size_t begin = extent * (size_t)task / (size_t)job->tasks;
  const size_t end = extent * ((size_t)task + 1) / (size_t)job->tasks;
  ln_copy_plan part = *job->plan;
  part.dims[job->dim] = end - begin;
  ln_k_copy_run(&part, job->src + (ptrdiff_t)begin * part.src_strides[job->dim],
                job->dst + (ptrdiff_t)begin * part.dst_strides[job->dim]);
}

/* Whether items lie side by side along the dimension, on either side: a transpose of shorter lines reads or writes the
 * same lines of the cache again and again. */
static bool is_line(const ln_copy_plan *plan, int32_t dim) {
  const ptrdiff_t item = (ptrdiff_t)plan->item_bytes;
  return plan->src_strides[dim] == item || plan->dst_strides[dim] == item;
}

void ln_move(const ln_exec *exec, ln_copy_plan *plan, const void *src, void *dst) {
  ln_k_copy_simplify(plan);
  const size_t bytes = ln_k_copy_bytes(plan);
  if (plan->rank == 0) {
    if (src == dst) return; /* the plan has put it there */
    ln_move_bytes(exec, src, dst, bytes);
    return;
  }
  move_job job = {plan, src, dst, 0, 1};
  for (int32_t i = 1; i < plan->rank; ++i) {
    const bool larger = plan->dims[i] > plan->dims[job.dim] && plan->dims[job.dim] < LEAST_LINE;
    const bool whole = is_line(plan, job.dim) && !is_line(plan, i) && plan->dims[i] >= LEAST_LINE;
    if (larger || whole) job.dim = i;
  }
  const size_t extent = plan->dims[job.dim];
  if (bytes >= PARALLEL_BYTES && extent > 1) {
    const size_t wanted = bytes / TASK_BYTES;
    job.tasks = (int32_t)(wanted > 256 ? 256 : wanted);
    const size_t most = is_line(plan, job.dim) ? (extent + LEAST_LINE - 1) / LEAST_LINE : extent;
    if (most < (size_t)job.tasks) job.tasks = (int32_t)most;
  }
  if (job.tasks == 1) ln_k_copy_run(plan, src, dst);
  else ln_pool_run(exec->pool, job.tasks, move_part, &job);
}

typedef struct bytes_job {
  const char *src;
  char *dst;
  size_t bytes;
} bytes_job;

static void move_bytes_part(void *context, int32_t task, int32_t worker) {
  const bytes_job *job = context;
  (void)worker;
  const size_t begin = (size_t)task * PARALLEL_BYTES;
  const size_t left = job->bytes - begin;
  memcpy(job->dst + begin, job->src + begin, left < PARALLEL_BYTES ? left : (size_t)PARALLEL_BYTES);
}

void ln_move_bytes(const ln_exec *exec, const void *src, void *dst, size_t bytes) {
  if (bytes == 0 || src == dst) return;
  const size_t tasks = bytes / PARALLEL_BYTES + (bytes % PARALLEL_BYTES != 0);
  bytes_job job = {src, dst, bytes};
  if (tasks == 1 || tasks > INT32_MAX) memcpy(dst, src, bytes);
  else ln_pool_run(exec->pool, (int32_t)tasks, move_bytes_part, &job);
}

bool ln_box_is_dense(const ln_shape *in, const int64_t *extents) {
  int32_t i = 0;
  while (i < in->rank && extents[i] == 1) ++i;
  for (++i; i < in->rank; ++i) {
    if (extents[i] != in->dims[i]) return false;
  }
  return true;
}

/*
 * STABLEHLO_REDUCE: N operands, N initial values; elements along `dimensions` become one by a region of 2 N scalars.
 * The region is associative, as the specification asks, but need not commute: values meet in their order where it is a
 * graph.
 */
#include <string.h>

#include "kernels/fold.h"
#include "kernels/reduce.h"
#include "ops/hlo.h"
#include "ops/region.h"
#include "ops/rows.h"

enum {
  COLUMNS = 4096, /* outputs of a task whose inputs lie beside one another */
  TASK_ELEMENTS = 32 << 10
};

static const ln_stablehlo_reduce_options *options_of(const ln_node *node) {
  return LN_OPTIONS(node, stablehlo_reduce_options);
}

/* ---- shapes ---- */

static ln_status reduced_dims(const ln_node *node, bool reduced[LN_MAX_RANK], ln_error *err) {
  const ln_vec_i64 *dims = &options_of(node)->dimensions;
  const int32_t rank = node->in[0]->shape.rank;
  if (!ln_hlo_are_axes(dims, rank)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "its dimensions are no different axes of rank %d", rank);
  }
  for (int32_t i = 0; i < rank; ++i) {
    int32_t place;
    reduced[i] = ln_hlo_find_axis(dims, i, &place);
  }
  return LN_OK;
}

static ln_status open_region(const ln_node *node, ln_error *err, ln_region *region) {
  const ln_shape *in = &node->in[0]->shape;
  return ln_region_open_fold(node, options_of(node)->body_subgraph_index, ln_shape_span(in, 0, in->rank), err, region);
}

ln_status ln_hlo_reduce_infer(ln_node *node, ln_error *err) {
  bool reduced[LN_MAX_RANK];
  ln_region region;
  LN_TRY(ln_region_check_fold(node, err));
  LN_TRY(reduced_dims(node, reduced, err));
  const ln_shape *in = &node->in[0]->shape;
  ln_shape shape = {0, {0}};
  for (int32_t i = 0; i < in->rank; ++i) {
    if (!reduced[i]) ln_shape_push(&shape, in->dims[i]);
  }
  for (int32_t i = 0; i < node->out_count; ++i) LN_TRY(ln_node_set_shape(node, i, &shape, err));
  return open_region(node, err, &region);
}

/* Lanes of the values, of those they are folded into, and the region's own. */
ln_status ln_hlo_reduce_prepare(ln_node *node, ln_prep *prep) {
  if (ln_region_fold_bytes(node, &node->scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

/* ---- kernels: big rows on several threads ---- */

typedef struct kernel_job {
  const ln_region *region;
  const ln_reduce_plan *plan;
  const char *in, *init;
  char *out;
  size_t bytes;          /* of an element */
  size_t outputs, width; /* width: outputs that lie beside one another in the input; 1 for none */
  size_t chunk;          /* outputs of a task */
} kernel_job;

/* Elements from the beginning to index `index`, in row-major order, of the first `rank` of strided dimensions. */
static size_t offset_of(const size_t *dims, const size_t *strides, int32_t rank, size_t index) {
  size_t offset = 0;
  for (int32_t i = rank - 1; i >= 0; --i) {
    offset += index % dims[i] * strides[i];
    index /= dims[i];
  }
  return offset;
}

static size_t product(const size_t *dims, int32_t rank) {
  size_t count = 1;
  for (int32_t i = 0; i < rank; ++i) count *= dims[i];
  return count;
}

/* `count` outputs whose inputs lie beside one another: rows are folded into one. */
static void fold_columns(const kernel_job *job, size_t first, size_t count) {
  const ln_reduce_plan *p = job->plan;
  const size_t rows = product(p->reduced, p->reduced_rank);
  const char *in = job->in + offset_of(p->kept, p->kept_strides, p->kept_rank, first) * job->bytes;
  char *out = job->out + first * job->bytes;
  ln_k_fill(out, job->init, job->bytes, count);
  for (size_t r = 0; r < rows; ++r) {
    const size_t row = offset_of(p->reduced, p->reduced_strides, p->reduced_rank, r) * job->bytes;
    ln_k_fold_into(job->region->fn, &ln_region_params, out, in + row, count);
  }
}

/* Outputs whose inputs lie in rows of their own. */
static void fold_rows(const kernel_job *job, size_t first, size_t count) {
  const ln_reduce_plan *p = job->plan;
  const int32_t outer = p->reduced_rank > 0 ? p->reduced_rank - 1 : 0;
  const size_t length = p->reduced_rank > 0 ? p->reduced[outer] : 1;
  const size_t rows = product(p->reduced, outer);
  for (size_t i = first; i < first + count; ++i) {
    char *out = job->out + i * job->bytes;
    const char *in = job->in + offset_of(p->kept, p->kept_strides, p->kept_rank, i) * job->bytes;
    memcpy(out, job->init, job->bytes);
    for (size_t r = 0; r < rows; ++r) {
      const size_t row = offset_of(p->reduced, p->reduced_strides, outer, r) * job->bytes;
      ln_k_fold_row(job->region->fn, &ln_region_params, job->bytes, in + row, length, out);
    }
  }
}

static void kernel_task(void *context, int32_t task, int32_t worker) {
  const kernel_job *job = context;
  const size_t first = (size_t)task * job->chunk;
  const size_t end = job->outputs - first < job->chunk ? job->outputs : first + job->chunk;
  (void)worker;
  if (job->width == 1) {
    fold_rows(job, first, end - first);
    return;
  }
  for (size_t i = first; i < end;) {
    const size_t left = job->width - i % job->width, count = left < end - i ? left : end - i;
    fold_columns(job, i, count);
    i += count;
  }
}

static void run_kernel(const ln_node *node, const ln_exec *exec, const ln_region *region, const ln_reduce_plan *plan) {
  const int32_t last = plan->kept_rank - 1;
  kernel_job job = {region,
                    plan,
                    node->in[0]->data,
                    node->in[1]->data,
                    node->out[0]->data,
                    region->arg_bytes[0],
                    product(plan->kept, plan->kept_rank),
                    last >= 0 && plan->kept_strides[last] == 1 ? plan->kept[last] : 1,
                    1};
  const size_t each = product(plan->reduced, plan->reduced_rank);
  job.chunk = job.width > 1 ? COLUMNS : 1 + TASK_ELEMENTS / (each + 1);
  while (job.outputs / job.chunk >= INT32_MAX) job.chunk *= 2;
  ln_pool_run(exec->pool, (int32_t)((job.outputs + job.chunk - 1) / job.chunk), kernel_task, &job);
}

/* ---- graphs: lanes are [parts, outputs of the block]; each part folds its share of the values in order ---- */

typedef struct graph_job {
  const ln_node *node;
  ln_region_fold fold;
  const ln_reduce_plan *plan;
  size_t each; /* values of an output */
} graph_job;

/* Value `value` of outputs [first, first + width) as lanes [lane, lane + width) of each operand. */
static void gather(const graph_job *job, char *const *to, size_t lane, size_t first, size_t width, size_t value) {
  const ln_reduce_plan *p = job->plan;
  const size_t along = offset_of(p->reduced, p->reduced_strides, p->reduced_rank, value);
  for (size_t k = 0; k < width; ++k) {
    const size_t at = offset_of(p->kept, p->kept_strides, p->kept_rank, first + k) + along;
    for (int32_t i = 0; i < job->fold.region->result_count; ++i) {
      const size_t bytes = job->fold.region->arg_bytes[i];
      memcpy(to[i] + (lane + k) * bytes, (const char *)job->node->in[i]->data + at * bytes, bytes);
    }
  }
}

/* Neighbouring parts become one, in order, until there is one. */
static ln_status join_parts(const graph_job *job, size_t parts, size_t width) {
  while (parts > 1) {
    const size_t pairs = parts / 2;
    for (int32_t i = 0; i < job->fold.region->result_count; ++i) {
      const size_t bytes = width * job->fold.region->arg_bytes[i];
      for (size_t p = 0; p < pairs; ++p) {
        memcpy(job->fold.values[i] + p * bytes, job->fold.acc[i] + (2 * p + 1) * bytes, bytes);
        if (p > 0) memcpy(job->fold.acc[i] + p * bytes, job->fold.acc[i] + 2 * p * bytes, bytes);
      }
    }
    LN_TRY(ln_region_fold_lanes(&job->fold, pairs * width));
    for (int32_t i = 0; parts % 2 != 0 && i < job->fold.region->result_count; ++i) {
      const size_t bytes = width * job->fold.region->arg_bytes[i];
      memcpy(job->fold.acc[i] + pairs * bytes, job->fold.acc[i] + (parts - 1) * bytes, bytes);
    }
    parts -= pairs;
  }
  return LN_OK;
}

static ln_status fold_block(const graph_job *job, size_t first, size_t width) {
  const size_t most = (size_t)job->fold.region->lanes / width;
  size_t parts = most < 1 ? 1 : (most > job->each ? job->each : most);
  const size_t share = parts == 0 ? 0 : (job->each + parts - 1) / parts;
  const int32_t operands = job->fold.region->result_count;
  for (int32_t i = 0; i < operands; ++i) {
    ln_k_fill(job->fold.acc[i], job->node->in[operands + i]->data, job->fold.region->arg_bytes[i], width);
  }
  if (share > 0) parts = (job->each + share - 1) / share; /* only the last one may be shorter */
  for (size_t step = 0; step < share; ++step) {
    size_t active = 0; /* a prefix: parts that have a value for this step */
    for (size_t part = 0; part < parts && part * share + step < job->each; ++part) {
      gather(job, step == 0 && part > 0 ? job->fold.acc : job->fold.values, part * width, first, width,
             part * share + step);
      ++active;
    }
    LN_TRY(ln_region_fold_lanes(&job->fold, step == 0 ? width : active * width));
  }
  LN_TRY(join_parts(job, parts, width));
  for (int32_t i = 0; i < operands; ++i) {
    const size_t bytes = job->fold.region->arg_bytes[i];
    memcpy((char *)job->node->out[i]->data + first * bytes, job->fold.acc[i], width * bytes);
  }
  return LN_OK;
}

static ln_status run_graph(const ln_node *node, const ln_exec *exec, const ln_region *region,
                           const ln_reduce_plan *plan) {
  graph_job job = {.node = node, .plan = plan, .each = product(plan->reduced, plan->reduced_rank)};
  job.fold = ln_region_fold_begin(node, region, exec);
  const size_t outputs = product(plan->kept, plan->kept_rank), lanes = (size_t)region->lanes;
  for (size_t first = 0; first < outputs; first += lanes) {
    LN_TRY(fold_block(&job, first, outputs - first < lanes ? outputs - first : lanes));
  }
  return LN_OK;
}

/* ---- running ---- */

ln_status ln_hlo_reduce_run(const ln_node *node, ln_exec *exec) {
  bool reduced[LN_MAX_RANK];
  ln_region region;
  const ln_shape *in = &node->in[0]->shape;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  LN_TRY(reduced_dims(node, reduced, exec->err));
  LN_TRY(open_region(node, exec->err, &region));
  const ln_reduce_plan plan = ln_k_reduce_plan(in->dims, in->rank, reduced);
  if (region.kind != LN_REGION_KERNEL) return run_graph(node, exec, &region, &plan);
  run_kernel(node, exec, &region, &plan);
  return LN_OK;
}

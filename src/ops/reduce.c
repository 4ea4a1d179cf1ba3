/* MEAN, SUM, REDUCE_PROD, REDUCE_MAX, REDUCE_MIN, REDUCE_ANY, REDUCE_ALL; quantized ones as TFLite rounds them. */
#include "kernels/reduce.h"

#include <math.h>

#include "kernels/quant.h"
#include "ops/elementwise.h"
#include "ops/move.h"
#include "ops/rows.h"

enum {
  TASK_ELEMENTS = 16 << 10, /* input elements worth a task */
  LINE_ELEMENTS = 16        /* of float32, in a line of the cache */
};

typedef enum finish_kind {
  FINISH_STORE,   /* narrowed to the output's type */
  FINISH_DIVIDE,  /* by the number of elements */
  FINISH_PRODUCT, /* a product of scaled integers, rescaled factor by factor */
  FINISH_RESCALE  /* (sum - count * input zero point) * multiplier + output zero point, clamped */
} finish_kind;

typedef struct reduce_args {
  ln_reduce_op op;
  finish_kind finish;
  ln_multiplier multiplier; /* from the input's scale to the output's */
  bool is_mean;
} reduce_args;

/* Which dimensions are reduced; axes may repeat. An empty list reduces none. */
static ln_status reduced_dims(const ln_node *node, bool reduced[LN_MAX_RANK], ln_error *err) {
  const int32_t rank = node->in[0]->shape.rank;
  int64_t axes[4 * LN_MAX_RANK];
  int32_t count = 0;
  LN_TRY(ln_node_ints(node, 1, axes, 4 * LN_MAX_RANK, &count, err));
  for (int32_t i = 0; i < rank; ++i) reduced[i] = false;
  for (int32_t i = 0; i < count; ++i) {
    int32_t axis = 0;
    if (rank == 0 && (axes[i] == 0 || axes[i] == -1)) continue;
    if (!ln_axis_normalize(axes[i], rank, &axis)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "axis %lld is out of range", (long long)axes[i]);
    }
    reduced[axis] = true;
  }
  return LN_OK;
}

ln_status ln_reduce_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  const bool keep_dims = LN_OPTIONS(node, reducer_options)->keep_dims;
  bool reduced[LN_MAX_RANK];
  LN_TRY(reduced_dims(node, reduced, err));
  ln_shape shape = {0, {0}};
  for (int32_t i = 0; i < in->rank; ++i) {
    if (!reduced[i]) ln_shape_push(&shape, in->dims[i]);
    else if (keep_dims) ln_shape_push(&shape, 1);
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

static ln_status make_args(ln_node *node, ln_prep *prep, ln_reduce_op op, finish_kind finish) {
  reduce_args *args = LN_NODE_ARGS(node, prep, reduce_args);
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  args->op = op;
  args->finish = finish;
  return LN_OK;
}

static bool is_quantized_type(const ln_tensor *tensor) {
  return tensor->type == LN_INT8 || tensor->type == LN_UINT8 || tensor->type == LN_INT16;
}

/* The step from the input's scale to the output's; 1 when neither has one. */
static ln_status set_rescale(ln_node *node, ln_prep *prep) {
  const ln_tensor *in = node->in[0], *out = node->out[0];
  reduce_args *args = node->args;
  double real = 1.0;
  if (in->quant->count > 0 || out->quant->count > 0) real = (double)ln_scale_of(in) / (double)ln_scale_of(out);
  if (!(real > 0.0) || !isfinite(real)) {
    return ln_node_fail(node, prep->err, LN_ERR_MODEL, "the scales %g and %g do not fit", (double)ln_scale_of(in),
                        (double)ln_scale_of(out));
  }
  args->multiplier = ln_quantize_multiplier(real);
  return LN_OK;
}

static bool is_complex(const ln_tensor *tensor) {
  return tensor->type == LN_COMPLEX64 || tensor->type == LN_COMPLEX128;
}

/* Each factor brings in the input's scale and its share of the output's: s / out^(1/n), for n factors. */
static ln_status set_factor(ln_node *node, ln_prep *prep) {
  const ln_tensor *in = node->in[0], *out = node->out[0];
  const size_t elements = ln_shape_span(&in->shape, 0, in->shape.rank);
  const size_t outputs = ln_shape_span(&out->shape, 0, out->shape.rank);
  double in_scale, out_scale;
  int32_t zero_point;
  LN_TRY(ln_node_scale(node, in, prep->err, &in_scale, &zero_point));
  LN_TRY(ln_node_scale(node, out, prep->err, &out_scale, &zero_point));
  const double factors = outputs > 0 && elements > 0 ? (double)(elements / outputs) : 1.0;
  ((reduce_args *)node->args)->multiplier = ln_quantize_multiplier(in_scale / pow(out_scale, 1.0 / factors));
  return LN_OK;
}

ln_status ln_reduce_prepare(ln_node *node, ln_prep *prep) {
  const ln_reduce_op op = (ln_reduce_op)node->op->def->variant;
  const bool scaled = node->in[0]->quant->count > 0 && is_quantized_type(node->in[0]) && op == LN_REDUCE_PROD;
  LN_TRY(make_args(node, prep, op, scaled ? FINISH_PRODUCT : FINISH_STORE));
  if (!scaled) return LN_OK;
  if (node->in[0]->type != LN_UINT8) return set_factor(node, prep);
  return ln_node_fail(node, prep->err, LN_ERR_UNSUPPORTED, "products of quantized uint8");
}

static ln_status check_complex(const ln_node *node, ln_error *err) {
  if (!is_complex(node->in[0]) || node->in[0]->shape.rank < LN_MAX_RANK) return LN_OK;
  return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "complex numbers of rank %d", LN_MAX_RANK);
}

ln_status ln_sum_prepare(ln_node *node, ln_prep *prep) {
  LN_TRY(check_complex(node, prep->err));
  const bool quantized = is_quantized_type(node->in[0]);
  LN_TRY(make_args(node, prep, LN_REDUCE_SUM, quantized ? FINISH_RESCALE : FINISH_STORE));
  return quantized ? set_rescale(node, prep) : LN_OK;
}

/* The mean's division goes into the multiplier, at the precision that is left in 64 bits. */
static void divide_multiplier(ln_multiplier *multiplier, uint64_t count) {
  int32_t shift = 0;
  while (shift < 32 && count >> (shift + 1) != 0) ++shift;
  if (shift > 31 + multiplier->shift) shift = 31 + multiplier->shift;
  multiplier->multiplier = (int32_t)(((int64_t)multiplier->multiplier << shift) / (int64_t)count);
  multiplier->shift -= shift;
}

static size_t reduced_count(const ln_reduce_plan *plan) {
  size_t count = 1;
  for (int32_t i = 0; i < plan->reduced_rank; ++i) count *= plan->reduced[i];
  return count;
}

ln_status ln_mean_prepare(ln_node *node, ln_prep *prep) {
  LN_TRY(check_complex(node, prep->err));
  const bool quantized = is_quantized_type(node->in[0]);
  LN_TRY(make_args(node, prep, LN_REDUCE_SUM, quantized ? FINISH_RESCALE : FINISH_DIVIDE));
  ((reduce_args *)node->args)->is_mean = true;
  return quantized ? set_rescale(node, prep) : LN_OK;
}

typedef struct reduce_job {
  const ln_tensor *in;
  ln_type type; /* of the parts of complex numbers, else the input's */
  ln_tensor *out;
  ln_reduce_plan plan;
  reduce_args args;
  size_t outputs, per_output; /* output elements; input elements of each */
  int32_t tasks;
} reduce_job;

static int64_t finish_integer(const reduce_job *job, int64_t wide) {
  switch (job->args.finish) {
    case FINISH_STORE: return wide;
    case FINISH_PRODUCT: /* of nothing */
    case FINISH_DIVIDE: return job->per_output == 0 ? 0 : wide / (int64_t)job->per_output;
    default: break;
  }
  const uint64_t offset = (uint64_t)(int64_t)ln_zero_point_of(job->in) * job->per_output;
  const int32_t centred = (int32_t)(uint32_t)((uint64_t)wide - offset);
  const ln_multiplier *m = &job->args.multiplier;
  const int64_t scaled = (int64_t)ln_multiply_quantized(centred, m->multiplier, m->shift) + ln_zero_point_of(job->out);
  const int64_t low = job->out->type == LN_INT8 ? INT8_MIN : job->out->type == LN_UINT8 ? 0 : INT16_MIN;
  const int64_t high = job->out->type == LN_INT8 ? INT8_MAX : job->out->type == LN_UINT8 ? UINT8_MAX : INT16_MAX;
  return scaled < low ? low : (scaled > high ? high : scaled);
}

static void store_integer(void *data, size_t index, ln_type type, int64_t value) {
  switch (type) {
    case LN_INT16: ((int16_t *)data)[index] = (int16_t)(uint16_t)(uint64_t)value; break;
    case LN_INT32: ((int32_t *)data)[index] = (int32_t)(uint32_t)(uint64_t)value; break;
    case LN_INT64: ((int64_t *)data)[index] = value; break;
    case LN_BOOL: ((uint8_t *)data)[index] = value != 0; break;
    default: ((uint8_t *)data)[index] = (uint8_t)value; break;
  }
}

static void reduce_floats(const reduce_job *job, size_t begin, size_t count) {
  double wide[LN_REDUCE_BLOCK];
  const double divisor = job->args.finish == FINISH_DIVIDE ? (double)job->per_output : 1.0;
  ln_k_reduce(job->type, job->args.op, &job->plan, job->in->data, begin, count, wide);
  for (size_t i = 0; i < count; ++i) {
    if (job->type == LN_FLOAT32) ((float *)job->out->data)[begin + i] = (float)(wide[i] / divisor);
    else ((double *)job->out->data)[begin + i] = wide[i] / divisor;
  }
}

static void reduce_integers(const reduce_job *job, size_t begin, size_t count) {
  int64_t wide[LN_REDUCE_BLOCK];
  ln_k_reduce(job->type, job->args.op, &job->plan, job->in->data, begin, count, wide);
  for (size_t i = 0; i < count; ++i) {
    store_integer(job->out->data, begin + i, job->out->type, finish_integer(job, wide[i]));
  }
}

static void reduce_products(const reduce_job *job, size_t begin, size_t count) {
  int32_t products[LN_REDUCE_BLOCK];
  const int64_t low = job->type == LN_INT8 ? INT8_MIN : INT16_MIN, high = job->type == LN_INT8 ? INT8_MAX : INT16_MAX;
  ln_k_reduce_quantized_prod(job->type, &job->plan, job->in->data, begin, count, ln_zero_point_of(job->in),
                             job->args.multiplier, products);
  for (size_t i = 0; i < count; ++i) {
    const int64_t value = (int64_t)products[i] + ln_zero_point_of(job->out);
    store_integer(job->out->data, begin + i, job->type, value < low ? low : (value > high ? high : value));
  }
}

static void reduce_block(const reduce_job *job, size_t begin, size_t count) {
  if (job->type == LN_FLOAT32 || job->type == LN_FLOAT64) reduce_floats(job, begin, count);
  else if (job->args.finish == FINISH_PRODUCT && job->per_output > 0) reduce_products(job, begin, count);
  else reduce_integers(job, begin, count);
}

static void reduce_part(void *context, int32_t task, int32_t worker) {
  const reduce_job *job = context;
  (void)worker;
  const size_t end = job->outputs * ((size_t)task + 1) / (size_t)job->tasks;
  for (size_t i = job->outputs * (size_t)task / (size_t)job->tasks; i < end; i += LN_REDUCE_BLOCK) {
    reduce_block(job, i, end - i < LN_REDUCE_BLOCK ? end - i : (size_t)LN_REDUCE_BLOCK);
  }
}

ln_status ln_reduce_run(const ln_node *node, ln_exec *exec) {
  bool reduced[LN_MAX_RANK];
  LN_TRY(reduced_dims(node, reduced, exec->err));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  ln_shape in = node->in[0]->shape;
  reduce_job job = {.in = node->in[0], .out = node->out[0], .args = *(const reduce_args *)node->args, .tasks = 1};
  job.type = job.in->type;
  job.outputs = ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank);
  if (is_complex(job.in)) { /* as pairs of numbers, which stay apart */
    job.type = job.type == LN_COMPLEX64 ? LN_FLOAT32 : LN_FLOAT64;
    job.outputs *= 2;
    reduced[in.rank] = false;
    in.dims[in.rank++] = 2;
  }
  job.plan = ln_k_reduce_plan(in.dims, in.rank, reduced);
  job.per_output = reduced_count(&job.plan);
  if (job.args.is_mean && job.args.finish == FINISH_RESCALE && job.per_output > 0) {
    divide_multiplier(&job.args.multiplier, job.per_output);
  }
  const size_t wanted = job.per_output == 0 ? 1 : job.outputs * job.per_output / TASK_ELEMENTS;
  if (wanted > 1) job.tasks = (int32_t)(wanted > 128 ? 128 : wanted);
  /* Outputs that lie side by side in the input are combined as vectors, and read whole lines of the cache. */
  const bool beside = job.plan.kept_rank > 0 && job.plan.kept_strides[job.plan.kept_rank - 1] == 1;
  const size_t most = beside ? (job.outputs + LINE_ELEMENTS - 1) / LINE_ELEMENTS : job.outputs;
  if (most < (size_t)job.tasks) job.tasks = (int32_t)most;
  ln_pool_run(exec->pool, job.tasks, reduce_part, &job);
  return LN_OK;
}

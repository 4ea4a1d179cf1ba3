/*
 * Mean and variance of each channel over all pixels, in one pass over memory: blocks that stay in the cache are looked
 * at twice, and their moments are merged (Chan, Golub and LeVeque, Updating formulae and a pairwise algorithm for
 * computing sample variances, 1979). Parts of the pixels depend on the shape alone, so that threads change nothing.
 */
#include <string.h>

#include "train/operators.h"

enum { BLOCK_FLOATS = 4096, MOST_PARTS = 16, PART_PIXELS = 256 };

typedef struct moments_args {
  size_t pixels, channels, block; /* block: pixels */
  int32_t parts;
} moments_args;

static ln_status infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[0]->shape;
  if (shape.rank < 1) return ln_node_fail(node, err, LN_ERR_SHAPE, "its input has no channels");
  for (int32_t i = 0; i < shape.rank - 1; ++i) shape.dims[i] = 1;
  LN_TRY(ln_node_set_shape(node, 1, &shape, err));
  return ln_node_set_shape(node, 0, &shape, err);
}

static ln_status prepare(ln_node *node, ln_prep *prep) {
  moments_args *a = LN_NODE_ARGS(node, prep, moments_args);
  const ln_shape *shape = &node->in[0]->shape;
  if (a == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  a->channels = (size_t)shape->dims[shape->rank - 1];
  a->pixels = ln_shape_span(shape, 0, shape->rank - 1);
  if (a->channels == 0 || a->pixels == 0) return LN_OK;
  const size_t parts = a->pixels / PART_PIXELS;
  a->parts = parts < 1 ? 1 : parts > MOST_PARTS ? MOST_PARTS : (int32_t)parts;
  a->block = BLOCK_FLOATS / a->channels > 8 ? BLOCK_FLOATS / a->channels : 8;
  if (!ln_size_mul(a->channels, 2 * sizeof(float), &node->thread_scratch_bytes) ||
      !ln_size_mul(node->thread_scratch_bytes, (size_t)a->parts, &node->scratch_bytes)) {
    return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "it takes too much memory");
  }
  return LN_OK;
}

typedef struct moments_job {
  const moments_args *a;
  const ln_exec *exec;
  const float *x;
  float *parts; /* [parts, 2, channels]: means, sums of squared differences from them */
} moments_job;

/* Joins `count` pixels of such moments to `before`. */
static void merge(size_t channels, float *restrict mean, float *restrict square, double before,
                  const float *restrict other, const float *restrict other_square, double count) {
  const float share = (float)(count / (before + count)), both = (float)(before * count / (before + count));
  for (size_t i = 0; i < channels; ++i) {
    const float apart = other[i] - mean[i];
    mean[i] += apart * share;
    square[i] += other_square[i] + apart * apart * both;
  }
}

static void part_task(void *context, int32_t task, int32_t worker) {
  static const float one = 1;
  const moments_job *job = context;
  const moments_args *a = job->a;
  const ln_gradient_kernels *kernels = ln_gradient_kernels_get();
  const size_t c = a->channels, n = (size_t)task, parts = (size_t)a->parts;
  const size_t begin = a->pixels * n / parts, end = a->pixels * (n + 1) / parts; /* bounded: few parts */
  float *part = job->parts + 2 * n * c, *mean = ln_exec_thread_scratch(job->exec, worker), *square = mean + c;
  memset(part, 0, 2 * c * sizeof *part);
  for (size_t at = begin, count; at < end; at += count) {
    count = end - at < a->block ? end - at : a->block;
    const ln_pixels line = {&one, job->x + at * c, (int32_t)count};
    const ln_pixel_sums sums = {
        .m = 1, .n = (int32_t)c, .lines = &line, .line_count = 1, .b_stride = (ptrdiff_t)c, .c = mean};
    memset(mean, 0, c * sizeof *mean);
    kernels->outer_sums(&sums);
    for (size_t i = 0; i < c; ++i) mean[i] *= 1 / (float)count;
    kernels->square_sums(count, (int32_t)c, job->x + at * c, mean, square);
    merge(c, part, part + c, (double)(at - begin), mean, square, (double)count);
  }
}

static ln_status run(const ln_node *node, ln_exec *exec) {
  const moments_args *a = node->args;
  const size_t c = a->channels, parts = (size_t)a->parts;
  moments_job job = {a, exec, node->in[0]->data, exec->scratch};
  float *mean = node->out[0]->data, *variance = node->out[1]->data;
  memset(mean, 0, node->out[0]->bytes);
  memset(variance, 0, node->out[1]->bytes);
  if (c == 0 || a->pixels == 0) return LN_OK;
  ln_pool_run(exec->pool, a->parts, part_task, &job);
  for (size_t n = 0; n < parts; ++n) {
    const size_t begin = a->pixels * n / parts, count = a->pixels * (n + 1) / parts - begin; /* bounded: few parts */
    const float *part = job.parts + 2 * n * c;
    merge(c, mean, variance, (double)begin, part, part + c, (double)count);
  }
  for (size_t i = 0; i < c; ++i) variance[i] *= 1 / (float)a->pixels;
  return LN_OK;
}

const ln_op_def ln_op_moments = {
    "LinnetMoments", LN_OP_CUSTOM, LN_TABLE_none, "f32 > f32 f32", infer, prepare, run, ln_no_macs, 0, 0, NULL,
    LN_HAS_GRADIENT, UINT32_MAX};

int32_t ln_grad_moments(ln_grad *g, int32_t x) {
  static const ln_type types[2] = {LN_FLOAT32, LN_FLOAT32};
  const ln_op like = {.def = &ln_op_moments, .version = 1, .custom_name = ln_op_moments.name};
  return ln_grad_emit_row(g, &like, NULL, 1, &x, 2, types, NULL);
}

/* With n pixels: d mean / n + 2 (x - mean) d variance / n, as a factor and a shift of channels. */
void ln_gradient_moments(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const int32_t x = ln_grad_in(g, op, 0);
  const ln_shape shape = *ln_grad_shape(g, x);
  const float each = 1 / (float)ln_shape_span(&shape, 0, shape.rank - 1);
  int32_t shift = dy[0] < 0 ? -1 : ln_grad_scale(g, dy[0], each), gradient = shift;
  if (dy[1] >= 0) {
    const int32_t factor = ln_grad_scale(g, dy[1], 2 * each), far = ln_grad_mul(g, op->outputs[0], factor);
    shift = shift < 0 ? ln_grad_unary(g, LN_OP_NEG, far) : ln_grad_binary(g, LN_OP_SUB, shift, far);
    gradient = ln_grad_binary(g, LN_OP_ADD, ln_grad_mul(g, x, factor), shift);
  }
  ln_grad_add(g, op, 0, ln_grad_broadcast(g, gradient, &shape));
}

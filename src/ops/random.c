/*
 * RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL and MULTINOMIAL: the numbers that LiteRT gives for the same seeds, run after
 * run. node->state counts the generator's blocks that are spent; without seeds a session takes one from the clock.
 */
#include <math.h>

#include "kernels/philox.h"
#include "ops/move.h"
#include "ops/rows.h"

typedef struct stream {
  uint64_t seed, seed2, next; /* next: the block to come */
} stream;

static stream open_stream(const ln_node *node) {
  const ln_random_options *options = LN_OPTIONS(node, random_options);
  /* Seeds count as int32, as LiteRT keeps them. */
  stream s = {(uint64_t)(int32_t)options->seed, (uint64_t)(int32_t)options->seed2, node->state->spent};
  if (s.seed == 0 && s.seed2 == 0) {
    if (node->state->seed == 0) node->state->seed = (uint64_t)ln_clock_ns() | 1;
    s.seed = node->state->seed;
    s.seed2 = (uint64_t)(uintptr_t)node->state; /* sessions of the same moment differ */
  }
  return s;
}

/* ---- RANDOM_UNIFORM, RANDOM_STANDARD_NORMAL: input 0 is the shape ---- */

ln_status ln_random_infer(ln_node *node, ln_error *err) {
  int64_t dims[LN_MAX_RANK];
  int32_t rank = 0;
  LN_TRY(ln_node_ints(node, 0, dims, LN_MAX_RANK, &rank, err));
  ln_shape shape = {0, {0}};
  for (int32_t i = 0; i < rank; ++i) {
    if (!ln_shape_push(&shape, dims[i])) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "the shape holds %lld", (long long)dims[i]);
    }
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_random_run(const ln_node *node, ln_exec *exec) {
  (void)exec;
  const ln_tensor *tensor = node->out[0];
  const size_t count = ln_shape_span(&tensor->shape, 0, tensor->shape.rank);
  const bool normal = node->op->def->variant == LN_RANDOM_NORMAL;
  float *out = tensor->data;
  stream s = open_stream(node);
  for (size_t i = 0; i < count; i += LN_PHILOX_WORDS) {
    uint32_t words[LN_PHILOX_WORDS];
    float values[LN_PHILOX_WORDS];
    ln_philox_block(s.seed, s.seed2, s.next++, words);
    if (normal) {
      ln_philox_normal(words, values);
      ln_philox_normal(words + 2, values + 2);
    } else {
      for (int32_t j = 0; j < LN_PHILOX_WORDS; ++j) values[j] = ln_philox_f32(words[j]);
    }
    for (size_t j = 0; j < LN_PHILOX_WORDS && i + j < count; ++j) out[i + j] = values[j];
  }
  node->state->spent = s.next;
  return LN_OK;
}

/* ---- MULTINOMIAL: classes drawn by the logits [batches, classes] of input 0, as many as input 1 says ---- */

ln_status ln_multinomial_infer(ln_node *node, ln_error *err) {
  const ln_shape *logits = &node->in[0]->shape;
  int64_t samples = 0;
  if (logits->rank != 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "the logits must be a matrix");
  LN_TRY(ln_node_int(node, 1, &samples, err));
  ln_shape shape = ln_shape_make(1, logits->dims);
  if (!ln_shape_push(&shape, samples)) return ln_node_fail(node, err, LN_ERR_SHAPE, "%lld samples", (long long)samples);
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_multinomial_prepare(ln_node *node, ln_prep *prep) {
  const ln_shape *logits = &node->in[0]->shape;
  if (logits->dims[1] < 1 && !ln_tensor_is_empty(node->out[0])) {
    return ln_node_fail(node, prep->err, LN_ERR_SHAPE, "no classes to draw from");
  }
  if (ln_size_mul((size_t)logits->dims[1], sizeof(double), &node->scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

/* sums[i]: what the classes up to i weigh together. Classes whose logit is not finite weigh nothing. */
static void add_up(const float *logits, int32_t classes, double *sums) {
  float most = -INFINITY;
  double total = 0.0;
  for (int32_t i = 0; i < classes; ++i) {
    if (isfinite(logits[i]) && logits[i] > most) most = logits[i];
  }
  for (int32_t i = 0; i < classes; ++i) {
    if (isfinite(logits[i])) total += exp((double)logits[i] - (double)most);
    sums[i] = total;
  }
}

static int32_t draw(const double *sums, int32_t classes, double uniform) {
  const double wanted = uniform * sums[classes - 1];
  int32_t low = 0, high = classes;
  while (low < high) {
    const int32_t middle = low + (high - low) / 2;
    if (wanted < sums[middle]) high = middle;
    else low = middle + 1;
  }
  return low < classes ? low : classes - 1;
}

ln_status ln_multinomial_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *shape = &node->out[0]->shape;
  const int32_t batches = shape->dims[0], samples = shape->dims[1], classes = node->in[0]->shape.dims[1];
  double *sums = exec->scratch;
  stream s = open_stream(node);
  uint32_t words[LN_PHILOX_WORDS];
  size_t at = 0; /* samples drawn; two to a block */
  for (int32_t b = 0; b < batches && samples > 0; ++b) {
    add_up((const float *)node->in[0]->data + (ptrdiff_t)b * classes, classes, sums);
    for (int32_t i = 0; i < samples; ++i, ++at) {
      if (at % 2 == 0) ln_philox_block(s.seed, s.seed2, s.next + at / 2, words);
      const uint32_t *pair = words + at % 2 * 2;
      const int32_t found = draw(sums, classes, ln_philox_f64(pair[0], pair[1]));
      if (node->out[0]->type == LN_INT64) ((int64_t *)node->out[0]->data)[at] = found;
      else ((int32_t *)node->out[0]->data)[at] = found;
    }
  }
  /* LiteRT sets this much of the stream aside, whatever it uses. */
  node->state->spent += (uint64_t)batches * (((uint64_t)samples + 3) / 4 * 4) * 512;
  return LN_OK;
}

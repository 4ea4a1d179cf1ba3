/*
 * Select-TF random numbers: those that TensorFlow gives on CPUs for the same seeds. The stateful operators count the
 * blocks that earlier runs have set aside (node->state); the stateless ones take a seed, or a key and a counter.
 */
#include <math.h>
#include <string.h>

#include "kernels/philox.h"
#include "ops/elementwise.h"
#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"

/* A stream of blocks: a key, and a 128-bit counter. */
typedef struct stream {
  uint64_t key, low, high;
} stream;

static void block_at(const stream *s, uint64_t index, uint32_t words[LN_PHILOX_WORDS]) {
  const uint64_t low = s->low + index;
  ln_philox_block(s->key, s->high + (low < index ? 1 : 0), low, words);
}

static int32_t kind_of(const ln_node *node) { return node->op->def->variant & LN_FLEX_RANDOM_KIND; }
static int32_t source_of(const ln_node *node) { return node->op->def->variant & LN_FLEX_RANDOM_SOURCE; }
static bool has_range(const ln_node *node) { return kind_of(node) == LN_FLEX_RANDOM_INT; }

/* Where the range of integers stands among the inputs. */
static int32_t range_at(const ln_node *node) { return node->in_count - 2; }

/* The stream that a stateless operator's two seeds stand for: scrambled, so that any of their bits will do. */
static stream scramble(uint64_t seed, uint64_t seed2) {
  uint32_t mixed[LN_PHILOX_WORDS];
  ln_philox_block(UINT64_C(0x02461E293EC8F720), seed2, seed, mixed);
  const stream s = {mixed[0] | (uint64_t)mixed[1] << 32, 0, mixed[2] | (uint64_t)mixed[3] << 32};
  return s;
}

static ln_status stateful_stream(const ln_node *node, ln_error *err, stream *s) {
  int64_t seed = 0, seed2 = 0;
  LN_TRY(ln_attr_int(node, err, "seed", INT64_MIN, INT64_MAX, &seed));
  LN_TRY(ln_attr_int(node, err, "seed2", INT64_MIN, INT64_MAX, &seed2));
  *s = (stream){(uint64_t)seed, node->state->spent, (uint64_t)seed2};
  if (seed != 0 || seed2 != 0) return LN_OK;
  if (node->state->seed == 0) node->state->seed = (uint64_t)ln_clock_ns() | 1;
  s->key = node->state->seed;
  s->high = (uint64_t)(uintptr_t)node->state; /* sessions of the same moment differ */
  return LN_OK;
}

static ln_status two_seeds(const ln_node *node, int32_t input, ln_error *err, stream *s) {
  int64_t seeds[2];
  int32_t count = 0;
  LN_TRY(ln_run_ints(node, input, seeds, 2, &count, err));
  if (count != 2) return ln_node_fail(node, err, LN_ERR_SHAPE, "the seed is no pair");
  *s = scramble((uint64_t)seeds[0], (uint64_t)seeds[1]);
  return LN_OK;
}

/* Inputs 1 to 3: the key, the counter, the algorithm's number. */
static ln_status key_and_counter(const ln_node *node, ln_error *err, stream *s) {
  enum { PHILOX = 1, ANY = 3 };
  const ln_tensor *key = node->in[1], *counter = node->in[2], *algorithm = node->in[3];
  size_t keys = 0, counters = 0, algorithms = 0;
  if (!ln_shape_elements(&key->shape, &keys) || !ln_shape_elements(&counter->shape, &counters) ||
      !ln_shape_elements(&algorithm->shape, &algorithms) || keys < 1 || counters < 2 || algorithms != 1) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the key or the counter is too short");
  }
  const int32_t number = *(const int32_t *)algorithm->data;
  if (number != PHILOX && number != ANY) {
    return ln_node_fail(node, err, LN_ERR_UNSUPPORTED, "the algorithm %d: only Philox is known", number);
  }
  const uint64_t *count = counter->data;
  *s = (stream){*(const uint64_t *)key->data, count[0], count[1]};
  return LN_OK;
}

static ln_status open_stream(const ln_node *node, ln_error *err, stream *s) {
  switch (source_of(node)) {
    case LN_FLEX_RANDOM_SEEDS: return two_seeds(node, 1, err, s);
    case LN_FLEX_RANDOM_KEY: return key_and_counter(node, err, s);
    default: return stateful_stream(node, err, s);
  }
}

/* ---- distributions ---- */

/* Two numbers of the standard normal distribution, after Box and Muller, from four words. */
static void normal_pair_f64(const uint32_t *words, double out[2]) {
  const double uniform = ln_philox_f64(words[0], words[1]);
  const double radius = sqrt(-2.0 * log(uniform < 1.0e-7 ? 1.0e-7 : uniform));
  const double angle = 2.0 * 3.14159265358979323846 * ln_philox_f64(words[2], words[3]);
  out[0] = sin(angle) * radius;
  out[1] = cos(angle) * radius;
}

static double uniform_of(ln_type type, const uint32_t *words, int32_t i) {
  switch (type) {
    case LN_FLOAT64: return ln_philox_f64(words[2 * i], words[2 * i + 1]);
    case LN_FLOAT16: return (double)(words[i] & 0x3FFu) / 1024.0;
    case LN_BFLOAT16: return (double)(words[i] & 0x7Fu) / 128.0;
    default: return (double)ln_philox_f32(words[i]);
  }
}

static void normal_group(ln_type type, const uint32_t *words, double *out) {
  float pair[2];
  if (type == LN_FLOAT64) {
    normal_pair_f64(words, out);
    return;
  }
  for (int32_t i = 0; i < 4; i += 2) {
    ln_philox_normal(words + i, pair);
    out[i] = (double)pair[0];
    out[i + 1] = (double)pair[1];
  }
}

/* Normal numbers within two deviations: a group has 256 blocks for each of its outputs to try. */
static void truncated_group(const stream *s, ln_type type, uint64_t group, int32_t size, double *out) {
  enum { TRIES = 256 };
  const int32_t used = type == LN_FLOAT64 ? 4 : 2; /* words of a try */
  const uint64_t first = group * (uint64_t)(size * TRIES / LN_PHILOX_WORDS);
  uint32_t words[LN_PHILOX_WORDS];
  int32_t found = 0;
  /* Whatever the words are, nearly all pairs have one within; the end is for those that have none. */
  for (int32_t at = 0; found < size && at < 1 << 20; at += used) {
    float pair[2];
    double both[2];
    if (at % LN_PHILOX_WORDS == 0) block_at(s, first + (uint64_t)(at / LN_PHILOX_WORDS), words);
    if (type == LN_FLOAT64) {
      normal_pair_f64(words, both);
    } else {
      ln_philox_normal(words + at % LN_PHILOX_WORDS, pair);
      both[0] = (double)pair[0];
      both[1] = (double)pair[1];
    }
    for (int32_t i = 0; i < 2 && found < size; ++i) {
      if (fabs(both[i]) < 2.0) out[found++] = both[i];
    }
  }
  for (; found < size; ++found) out[found] = 0.0;
}

static void fill_floats(const ln_node *node, const stream *s, size_t count) {
  ln_tensor *out = node->out[0];
  const ln_type type = out->type;
  const int32_t size = type == LN_FLOAT64 ? 2 : 4, kind = kind_of(node);
  for (size_t i = 0; i < count; i += (size_t)size) {
    uint32_t words[LN_PHILOX_WORDS];
    double values[LN_PHILOX_WORDS];
    if (kind == LN_FLEX_RANDOM_TRUNCATED) {
      truncated_group(s, type, i / (size_t)size, size, values);
    } else {
      block_at(s, i / (size_t)size, words);
      if (kind == LN_FLEX_RANDOM_NORMAL) normal_group(type, words, values);
      else
        for (int32_t k = 0; k < size; ++k) values[k] = uniform_of(type, words, k);
    }
    const size_t left = count - i < (size_t)size ? count - i : (size_t)size;
    ln_k_cast(values, LN_NUMBER_F64, (char *)out->data + i * ln_type_bytes(type), ln_number_of(type), left);
  }
}

/* Integers of all bits, or low + bits % range. */
static void fill_integers(const ln_node *node, const stream *s, size_t count, uint64_t low, uint64_t range) {
  ln_tensor *out = node->out[0];
  const bool wide = ln_type_bytes(out->type) == 8;
  const size_t size = wide ? 2 : 4;
  uint32_t words[LN_PHILOX_WORDS];
  for (size_t i = 0; i < count; ++i) {
    if (i % size == 0) block_at(s, i / size, words);
    const size_t at = i % size;
    uint64_t bits = wide ? words[2 * at] | (uint64_t)words[2 * at + 1] << 32 : words[at];
    if (range != 0) bits = low + bits % range;
    if (wide) ((uint64_t *)out->data)[i] = bits;
    else ((uint32_t *)out->data)[i] = (uint32_t)bits;
  }
}

static ln_status read_range(const ln_node *node, ln_error *err, uint64_t *low, uint64_t *range) {
  const int32_t at = range_at(node);
  uint64_t ends[2];
  size_t count = 0;
  for (int32_t i = 0; i < 2; ++i) {
    if (!ln_shape_elements(&node->in[at + i]->shape, &count) || count != 1) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "an end of the range is no scalar");
    }
    ln_k_cast(node->in[at + i]->data, ln_number_of(node->in[at + i]->type), &ends[i], LN_NUMBER_I64, 1);
  }
  const ln_type type = node->in[at]->type;
  const bool is_signed = type == LN_INT32 || type == LN_INT64;
  if (is_signed ? (int64_t)ends[0] >= (int64_t)ends[1] : ends[0] >= ends[1]) {
    return ln_node_fail(node, err, LN_ERR_DATA, "a range from %lld to %lld", (long long)ends[0], (long long)ends[1]);
  }
  *low = ends[0];
  *range = ends[1] - ends[0];
  return LN_OK;
}

ln_status ln_flex_random_run(const ln_node *node, ln_exec *exec) {
  enum { SET_ASIDE = 256 }; /* blocks for each output of a stateful operator, whatever it uses */
  const size_t count = ln_shape_span(&node->out[0]->shape, 0, node->out[0]->shape.rank);
  const int32_t kind = kind_of(node);
  stream s;
  uint64_t low = 0, range = 0;
  LN_TRY(open_stream(node, exec->err, &s));
  if (has_range(node)) LN_TRY(read_range(node, exec->err, &low, &range));
  if (kind == LN_FLEX_RANDOM_INT || kind == LN_FLEX_RANDOM_FULL_INT) fill_integers(node, &s, count, low, range);
  else fill_floats(node, &s, count);
  if (source_of(node) == 0) node->state->spent += (uint64_t)count * SET_ASIDE;
  return LN_OK;
}

/* ---- RandomShuffle: rows in another order ---- */

ln_status ln_random_shuffle_prepare(ln_node *node, ln_prep *prep) {
  const ln_shape *shape = &node->in[0]->shape;
  const size_t rows = shape->rank > 0 ? (size_t)shape->dims[0] : 1;
  if (ln_size_mul(rows, sizeof(int32_t), &node->scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

ln_status ln_random_shuffle_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *shape = &node->in[0]->shape;
  const uint32_t rows = shape->rank > 0 ? (uint32_t)shape->dims[0] : 1;
  int32_t *order = exec->scratch;
  uint32_t words[LN_PHILOX_WORDS];
  stream s;
  LN_TRY(stateful_stream(node, exec->err, &s));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  for (uint32_t i = 0; i < rows; ++i) order[i] = (int32_t)i;
  for (uint32_t i = 0; i + 1 < rows; ++i) {
    if (i % LN_PHILOX_WORDS == 0) block_at(&s, i / LN_PHILOX_WORDS, words);
    const uint32_t other = i + words[i % LN_PHILOX_WORDS] % (rows - i);
    const int32_t held = order[i];
    order[i] = order[other];
    order[other] = held;
  }
  node->state->spent += (rows - 1 + LN_PHILOX_WORDS - 1) / LN_PHILOX_WORDS;
  const size_t row = node->out[0]->bytes / rows;
  for (uint32_t i = 0; i < rows; ++i) {
    memcpy((char *)node->out[0]->data + i * row, (const char *)node->in[0]->data + (size_t)order[i] * row, row);
  }
  return LN_OK;
}

/* ---- StatelessRandomGetKeyCounter[Alg], StatelessRandomGetAlg: outputs key [1], counter [2], algorithm ---- */

ln_status ln_random_key_infer(ln_node *node, ln_error *err) {
  static const int32_t sizes[2] = {1, 2};
  const ln_shape scalar = {0, {0}};
  for (int32_t i = 0; i < node->out_count; ++i) {
    const bool is_algorithm = node->out[i]->type == LN_INT32;
    const ln_shape list = ln_shape_make(1, &sizes[i < 2 ? i : 0]);
    LN_TRY(ln_node_set_shape(node, i, is_algorithm ? &scalar : &list, err));
  }
  return LN_OK;
}

ln_status ln_random_key_run(const ln_node *node, ln_exec *exec) {
  enum { PHILOX = 1 };
  if (node->in_count > 0) {
    stream s;
    LN_TRY(two_seeds(node, 0, exec->err, &s));
    *(uint64_t *)node->out[0]->data = s.key;
    ((uint64_t *)node->out[1]->data)[0] = s.low;
    ((uint64_t *)node->out[1]->data)[1] = s.high;
  }
  const ln_tensor *last = node->out[node->out_count - 1];
  if (last->type == LN_INT32) *(int32_t *)last->data = PHILOX;
  return LN_OK;
}

/*
 * How weights begin. The numbers are those of Philox4x32-10 (kernels/philox.h) under the model's seed and a hash of the
 * weight's name: a weight begins alike whatever stands around it.
 */
#include <math.h>
#include <string.h>

#include "kernels/philox.h"
#include "maker/builder.h"

typedef enum distribution { CONSTANT, UNIFORM, NORMAL, TRUNCATED_NORMAL, ORTHOGONAL, IDENTITY } distribution;
typedef enum fan_mode { PLAIN, FAN_IN, FAN_AVG } fan_mode;

typedef struct initializer {
  const char *name;
  distribution kind;
  fan_mode mode;
  double scale;
} initializer;

static const initializer initializers[] = {
#define LN_INITIALIZER(name, kind, mode, scale) {#name, kind, mode, scale},
#include "maker/initializers.def"
};

const char *ln_builder_initializer(int32_t index) {
  return index < 0 || index >= (int32_t)LN_COUNT(initializers) ? NULL : initializers[index].name;
}

static const initializer *find(const char *name) {
  for (size_t i = 0; i < LN_COUNT(initializers); ++i) {
    if (strcmp(initializers[i].name, name) == 0) return &initializers[i];
  }
  return NULL;
}

bool ln_initializer_known(const char *name) { return find(name) != NULL; }

/* ---- numbers ---- */

typedef struct stream {
  uint64_t seed, name, index;
  uint32_t words[LN_PHILOX_WORDS];
  int left;
} stream;

/* In [0, 1): 24 bits. */
static double next_uniform(stream *s) {
  if (s->left == 0) {
    ln_philox_block(s->seed, s->name, s->index++, s->words);
    s->left = LN_PHILOX_WORDS;
  }
  return (s->words[LN_PHILOX_WORDS - s->left--] >> 8) * 0x1p-24;
}

/* After Box and Muller; of each pair one is used. */
static double next_normal(stream *s) {
  const double radius = sqrt(-2 * log(1 - next_uniform(s)));
  return radius * cos(2 * 3.14159265358979323846 * next_uniform(s));
}

static double next_truncated(stream *s) {
  for (;;) {
    const double value = next_normal(s);
    if (fabs(value) < 2) return value;
  }
}

/* ---- shapes ---- */

/* Keras's: of a filter [height, width, in, out] both counts times its window. */
static void fans(int32_t rank, const int32_t *dims, double *in, double *out) {
  double window = 1;
  for (int32_t i = 0; i < rank - 2; ++i) window *= dims[i];
  *in = rank == 0 ? 1 : rank == 1 ? dims[0] : window * dims[rank - 2];
  *out = rank == 0 ? 1 : rank == 1 ? dims[0] : window * dims[rank - 1];
}

static double spread(const initializer *one, int32_t rank, const int32_t *dims) {
  double in, out;
  if (one->mode == PLAIN) return one->scale;
  fans(rank, dims, &in, &out);
  const double fan = one->mode == FAN_IN ? in : (in + out) / 2;
  const double variance = one->scale / (fan < 1 ? 1 : fan);
  if (one->kind == UNIFORM) return sqrt(3 * variance);
  return sqrt(variance) / (one->kind == TRUNCATED_NORMAL ? 0.87962566103423978 : 1); /* what the cut leaves of it */
}

/* ---- matrices ---- */

static double dot(const double *a, const double *b, size_t count) {
  double sum = 0;
  for (size_t i = 0; i < count; ++i) sum += a[i] * b[i];
  return sum;
}

/* `count` orthonormal vectors of `length` >= count, from normal ones, by Gram and Schmidt, twice for accuracy. */
static void orthonormal(double *vectors, size_t count, size_t length, stream *s) {
  for (size_t i = 0; i < count; ++i) {
    double *v = vectors + i * length;
    for (size_t k = 0; k < length; ++k) v[k] = next_normal(s);
    for (int pass = 0; pass < 2; ++pass) {
      for (size_t j = 0; j < i; ++j) {
        const double *u = vectors + j * length;
        const double along = dot(u, v, length);
        for (size_t k = 0; k < length; ++k) v[k] -= along * u[k];
      }
    }
    const double norm = sqrt(dot(v, v, length));
    for (size_t k = 0; k < length; ++k) v[k] /= norm;
  }
}

static bool fill_orthogonal(size_t rows, size_t columns, stream *s, float *values) {
  const size_t count = rows < columns ? rows : columns, length = rows < columns ? columns : rows;
  size_t total;
  if (!ln_size_mul(count, length, &total)) return false;
  double *vectors = ln_alloc_array(total, sizeof *vectors);
  if (vectors == NULL) return false;
  orthonormal(vectors, count, length, s);
  for (size_t i = 0; i < count; ++i) {
    for (size_t k = 0; k < length; ++k) {
      const size_t row = rows < columns ? i : k, column = rows < columns ? k : i;
      values[row * columns + column] = (float)vectors[i * length + k];
    }
  }
  ln_free(vectors);
  return true;
}

const char *ln_initializer_refuses(const char *name, int32_t rank, size_t count) {
  const initializer *one = find(name);
  if (one->kind == ORTHOGONAL && rank < 2) return "orthogonal is for weights of two dimensions or more";
  if (one->kind == ORTHOGONAL && count > LN_ORTHOGONAL_MOST) return "orthogonal is for 2^24 numbers at most";
  if (one->kind == IDENTITY && rank != 2) return "identity is for weights of two dimensions";
  return NULL;
}

bool ln_initialize(const char *name, uint64_t seed, const char *weight, int32_t rank, const int32_t *dims,
                   float *values) {
  const initializer *one = find(name);
  size_t count, columns = rank > 0 ? (size_t)dims[rank - 1] : 1;
  if (!ln_size_product(dims, rank, &count)) return false;
  stream s = {.seed = seed, .name = ln_hash64(weight, strlen(weight))};
  const double size = spread(one, rank, dims);
  switch (one->kind) {
    case ORTHOGONAL: return fill_orthogonal(count / columns, columns, &s, values);
    case IDENTITY:
      for (size_t i = 0; i < count; ++i) values[i] = i / columns == i % columns ? 1.0f : 0.0f;
      return true;
    case CONSTANT:
      for (size_t i = 0; i < count; ++i) values[i] = (float)size;
      return true;
    case UNIFORM:
      for (size_t i = 0; i < count; ++i) values[i] = (float)(size * (2 * next_uniform(&s) - 1));
      return true;
    case NORMAL:
      for (size_t i = 0; i < count; ++i) values[i] = (float)(size * next_normal(&s));
      return true;
    case TRUNCATED_NORMAL:
      for (size_t i = 0; i < count; ++i) values[i] = (float)(size * next_truncated(&s));
      return true;
  }
  return false;
}

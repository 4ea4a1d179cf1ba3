/* Clipped gradients, and norms that do not depend on how many threads take them. */
#include <math.h>

#include "train/trainer.h"

enum { LANES = 16 };

#define APART __attribute__((noinline)) /* small: what is long is inside of it */

static double sum_lanes(double *lanes) {
  for (int half = LANES / 2; half > 0; half /= 2) {
    for (int k = 0; k < half; ++k) lanes[k] += lanes[k + half];
  }
  return lanes[0];
}

static APART double block_square(const float *values, size_t count) {
  double lanes[LANES] = {0};
  size_t i = 0;
  for (; i + LANES <= count; i += LANES) {
    for (int k = 0; k < LANES; ++k) lanes[k] += (double)values[i + (size_t)k] * (double)values[i + (size_t)k];
  }
  for (; i < count; ++i) lanes[i % LANES] += (double)values[i] * (double)values[i];
  return sum_lanes(lanes);
}

static size_t block_end(size_t begin, size_t end) { return end - begin > LN_NORM_BLOCK ? begin + LN_NORM_BLOCK : end; }

/* Of blocks [first, first + blocks). */
static APART double square_sum(const float *values, size_t count, size_t first, size_t blocks) {
  if (blocks < 2) {
    const size_t begin = first * LN_NORM_BLOCK;
    return blocks == 0 ? 0 : block_square(values + begin, block_end(begin, count) - begin);
  }
  return square_sum(values, count, first, blocks / 2) +
         square_sum(values, count, first + blocks / 2, blocks - blocks / 2);
}

double ln_norm_square(const float *values, size_t count) {
  return square_sum(values, count, 0, count / LN_NORM_BLOCK + (count % LN_NORM_BLOCK != 0));
}

double ln_norm(const float *values, size_t count) { return sqrt(ln_norm_square(values, count)); }

void ln_clip_value(float *values, size_t begin, size_t end, double most) {
  const float limit = (float)most;
  for (size_t i = begin; i < end; ++i) {
    const float below = values[i] > limit ? limit : values[i];
    values[i] = below < -limit ? -limit : below;
  }
}

APART void ln_scale(float *values, size_t begin, size_t end, double by) {
  const float factor = (float)by;
  for (size_t i = begin; i < end; ++i) values[i] *= factor;
}

double ln_clip_factor(double norm, double most) { return norm > most ? most / norm : 1; }

void ln_clip_norm(float *values, size_t count, double most) {
  const double by = ln_clip_factor(ln_norm(values, count), most);
  if (by != 1) ln_scale(values, 0, count, by);
}

/*
 * What optimizers compute for each weight. Loops run over whole vectors of LN_UPDATE_MULTIPLE elements: the arrays have
 * room for the last one, so that no loop needs a second form for what is left over.
 */
#include <math.h>

#include "train/update.h"

/* Elements from `begin` on, of arrays that are moved there. */
#define LENGTH (((end - begin) + LN_UPDATE_MULTIPLE - 1) & ~(size_t)(LN_UPDATE_MULTIPLE - 1))
#define SLOT(k) (slots[k] + begin)
#define TAKE(name, place) const float name = numbers[LN_NUMBER_##place]
#define ALWAYS_INLINE inline __attribute__((always_inline))

/* ---- sgd, lars, lion ---- */

static void sgd_plain(const float *numbers, float *restrict values, const float *restrict gradient, size_t count) {
  TAKE(keep, KEEP);
  TAKE(rate, RATE);
  for (size_t i = 0; i < count; ++i) values[i] = (values[i] - values[i] * keep) - gradient[i] * rate;
}

static ALWAYS_INLINE void sgd_moving(const float *numbers, float *restrict values, const float *restrict gradient,
                                     float *restrict velocity, size_t count, bool nesterov) {
  TAKE(keep, KEEP);
  TAKE(rate, RATE);
  TAKE(momentum, MOMENTUM);
  for (size_t i = 0; i < count; ++i) {
    const float w = values[i] - values[i] * keep, move = gradient[i] * rate, v = velocity[i] * momentum - move;
    velocity[i] = v;
    values[i] = w + (nesterov ? v * momentum - move : v);
  }
}

void ln_update_loop_sgd(LN_UPDATE_ARGUMENTS) {
  const size_t count = LENGTH;
  if (numbers[LN_NUMBER_MOMENTUM] == 0) {
    sgd_plain(numbers, values + begin, gradient + begin, count);
  } else if (numbers[LN_NUMBER_NESTEROV] == 0) {
    sgd_moving(numbers, values + begin, gradient + begin, SLOT(0), count, false);
  } else {
    sgd_moving(numbers, values + begin, gradient + begin, SLOT(0), count, true);
  }
}

static void lars(const float *numbers, float *restrict values, const float *restrict gradient, float *restrict velocity,
                 float rate, size_t count) {
  TAKE(decay, KEEP);
  TAKE(momentum, MOMENTUM);
  for (size_t i = 0; i < count; ++i) {
    const float v = velocity[i] * momentum + (gradient[i] + values[i] * decay) * rate;
    velocity[i] = v;
    values[i] -= v;
  }
}

void ln_update_loop_lars(LN_UPDATE_ARGUMENTS) {
  const float top = numbers[LN_NUMBER_WEIGHTS], by = numbers[LN_NUMBER_GRADIENT];
  const float all = by + numbers[LN_NUMBER_KEEP] * top;
  const float ratio = top > 0 && by > 0 ? numbers[LN_NUMBER_TRUST] * top / all : 1;
  lars(numbers, values + begin, gradient + begin, SLOT(0), numbers[LN_NUMBER_RATE] * ratio, LENGTH);
}

static void lion(const float *numbers, float *restrict values, const float *restrict gradient, float *restrict mean,
                 size_t count) {
  TAKE(keep, KEEP);
  TAKE(rate, RATE);
  TAKE(first, FIRST);
  TAKE(first_rest, BIAS_1);
  TAKE(second, SECOND);
  TAKE(second_rest, BIAS_2);
  for (size_t i = 0; i < count; ++i) {
    const float w = values[i] - values[i] * keep, d = gradient[i], c = mean[i] * first + d * first_rest;
    mean[i] = mean[i] * second + d * second_rest;
    const float size = c == 0 ? 0 : rate; /* branches for both signs would not become vectors */
    values[i] = w - copysignf(size, c);
  }
}

void ln_update_loop_lion(LN_UPDATE_ARGUMENTS) { lion(numbers, values + begin, gradient + begin, SLOT(0), LENGTH); }

/* ---- adam and those made from it ---- */

typedef enum adam_kind { ADAM, AMSGRAD, NADAM, LAMB, ADAMAX } adam_kind;

/* `most` is of AMSGrad alone; LAMB leaves its step in `gradient`; `square` is AdaMax's largest gradient. */
static ALWAYS_INLINE void adam(const float *numbers, float *restrict values, float *restrict gradient,
                               float *restrict mean, float *restrict square, float *restrict most, size_t count,
                               adam_kind kind) {
  TAKE(keep, KEEP);
  TAKE(rate, RATE);
  TAKE(epsilon, EPSILON);
  TAKE(first, FIRST);
  TAKE(second, SECOND);
  TAKE(bias_1, BIAS_1);
  TAKE(bias_2, BIAS_2);
  TAKE(ahead, AHEAD);
  for (size_t i = 0; i < count; ++i) {
    const float w = values[i] - values[i] * keep, d = gradient[i], m = mean[i] + (d - mean[i]) * first;
    mean[i] = m;
    if (kind == ADAMAX) {
      const float size = fabsf(d), old = square[i] * second, u = old > size ? old : size;
      square[i] = u;
      values[i] = w - m * rate / (u + epsilon);
      continue;
    }
    const float v = square[i] + (d * d - square[i]) * second;
    square[i] = v;
    if (kind == ADAM) {
      values[i] = w - m * rate / (sqrtf(v) + epsilon);
    } else if (kind == AMSGRAD) {
      const float top = most[i] > v ? most[i] : v;
      most[i] = top;
      values[i] = w - m * rate / (sqrtf(top) + epsilon);
    } else if (kind == NADAM) {
      values[i] = w - (m * ahead + d * bias_1) / (sqrtf(v * bias_2) + epsilon);
    } else {
      gradient[i] = m * bias_1 / (sqrtf(v * bias_2) + epsilon);
      values[i] = w;
    }
  }
}

/* They do not write to it. */
#define GRADIENT ((float *)(uintptr_t)gradient + begin)

void ln_update_loop_adam(LN_UPDATE_ARGUMENTS) {
  const size_t count = LENGTH;
  if (numbers[LN_NUMBER_AMSGRAD] != 0) {
    adam(numbers, values + begin, GRADIENT, SLOT(0), SLOT(1), SLOT(2), count, AMSGRAD);
  } else {
    adam(numbers, values + begin, GRADIENT, SLOT(0), SLOT(1), NULL, count, ADAM);
  }
}

void ln_update_loop_nadam(LN_UPDATE_ARGUMENTS) {
  adam(numbers, values + begin, GRADIENT, SLOT(0), SLOT(1), NULL, LENGTH, NADAM);
}

void ln_update_loop_adamax(LN_UPDATE_ARGUMENTS) {
  adam(numbers, values + begin, GRADIENT, SLOT(0), SLOT(1), NULL, LENGTH, ADAMAX);
}

void ln_update_loop_lamb_before(const float numbers[LN_UPDATE_NUMBERS], float *values, float *gradient,
                                float *const *slots, size_t begin, size_t end) {
  adam(numbers, values + begin, gradient + begin, SLOT(0), SLOT(1), NULL, LENGTH, LAMB);
}

void ln_update_loop_lamb(LN_UPDATE_ARGUMENTS) {
  (void)slots;
  const float top = numbers[LN_NUMBER_WEIGHTS], by = numbers[LN_NUMBER_GRADIENT];
  const float scaled[3] = {0, numbers[LN_NUMBER_RATE] * (top > 0 && by > 0 ? top / by : 1)}; /* nothing to keep */
  sgd_plain(scaled, values + begin, gradient + begin, LENGTH);
}

/* ---- those that divide by a root of squares ---- */

/* Four loops: `mean` is there where it is centered, `velocity` where it is moving. */
static ALWAYS_INLINE void rmsprop(const float *numbers, float *restrict values, const float *restrict gradient,
                                  float *restrict square, float *restrict mean, float *restrict velocity, size_t count,
                                  bool centered, bool moving) {
  TAKE(keep, KEEP);
  TAKE(rate, RATE);
  TAKE(epsilon, EPSILON);
  TAKE(rho, FIRST);
  TAKE(rest, SECOND);
  TAKE(momentum, MOMENTUM);
  for (size_t i = 0; i < count; ++i) {
    const float w = values[i] - values[i] * keep, d = gradient[i], v = square[i] * rho + d * d * rest;
    float by = v;
    square[i] = v;
    if (centered) { /* the variance, which rounding must not make negative */
      const float m = mean[i] * rho + d * rest;
      mean[i] = m;
      by = v - m * m;
      by = by > 0 ? by : 0;
    }
    float move = d * rate / sqrtf(by + epsilon);
    if (moving) {
      move += velocity[i] * momentum;
      velocity[i] = move;
    }
    values[i] = w - move;
  }
}

void ln_update_loop_rmsprop(LN_UPDATE_ARGUMENTS) {
  const bool centered = numbers[LN_NUMBER_CENTERED] != 0, moving = numbers[LN_NUMBER_MOMENTUM] > 0;
  const size_t count = LENGTH;
  values += begin;
  gradient += begin;
  if (centered && moving) {
    rmsprop(numbers, values, gradient, SLOT(0), SLOT(1), SLOT(2), count, true, true);
  } else if (centered) {
    rmsprop(numbers, values, gradient, SLOT(0), SLOT(1), NULL, count, true, false);
  } else if (moving) {
    rmsprop(numbers, values, gradient, SLOT(0), NULL, SLOT(2), count, false, true);
  } else {
    rmsprop(numbers, values, gradient, SLOT(0), NULL, NULL, count, false, false);
  }
}

static void adagrad(const float *numbers, float *restrict values, const float *restrict gradient, float *restrict sum,
                    size_t count) {
  TAKE(keep, KEEP);
  TAKE(rate, RATE);
  TAKE(epsilon, EPSILON);
  for (size_t i = 0; i < count; ++i) {
    const float w = values[i] - values[i] * keep, d = gradient[i], v = sum[i] + d * d;
    sum[i] = v;
    values[i] = w - d * rate / sqrtf(v + epsilon);
  }
}

void ln_update_loop_adagrad(LN_UPDATE_ARGUMENTS) {
  adagrad(numbers, values + begin, gradient + begin, SLOT(0), LENGTH);
}

static void adadelta(const float *numbers, float *restrict values, const float *restrict gradient,
                     float *restrict square, float *restrict moved, size_t count) {
  TAKE(keep, KEEP);
  TAKE(rate, RATE);
  TAKE(epsilon, EPSILON);
  TAKE(rho, FIRST);
  TAKE(rest, SECOND);
  for (size_t i = 0; i < count; ++i) {
    const float w = values[i] - values[i] * keep, d = gradient[i], v = square[i] * rho + d * d * rest;
    const float move = d * sqrtf(moved[i] + epsilon) / sqrtf(v + epsilon);
    square[i] = v;
    moved[i] = moved[i] * rho + move * move * rest;
    values[i] = w - move * rate;
  }
}

void ln_update_loop_adadelta(LN_UPDATE_ARGUMENTS) {
  adadelta(numbers, values + begin, gradient + begin, SLOT(0), SLOT(1), LENGTH);
}

static ALWAYS_INLINE void ftrl(const float *numbers, float *restrict values, const float *restrict gradient,
                               float *restrict sum, float *restrict linear, size_t count, bool root) {
  TAKE(keep, KEEP);
  TAKE(power, POWER);
  TAKE(per_rate, PER_RATE);
  TAKE(l1, L1);
  TAKE(l2, L2);
  TAKE(shrinkage, SHRINKAGE);
  for (size_t i = 0; i < count; ++i) {
    const float w = values[i] - values[i] * keep, d = gradient[i], v = sum[i] + d * d;
    const float top = root ? sqrtf(v) : powf(v, power), before = root ? sqrtf(sum[i]) : powf(sum[i], power);
    const float z = linear[i] + ((d + w * shrinkage) - (top - before) * per_rate * w);
    const float below = z > l1 ? l1 : z, inside = below < -l1 ? -l1 : below;
    sum[i] = v;
    linear[i] = z;
    values[i] = (inside - z) / (top * per_rate + l2);
  }
}

/* A rate of 0 moves nothing. */
void ln_update_loop_ftrl(LN_UPDATE_ARGUMENTS) {
  const size_t count = LENGTH;
  if (numbers[LN_NUMBER_PER_RATE] == 0) return;
  if (numbers[LN_NUMBER_POWER] == 0.5f) {
    ftrl(numbers, values + begin, gradient + begin, SLOT(0), SLOT(1), count, true);
  } else {
    ftrl(numbers, values + begin, gradient + begin, SLOT(0), SLOT(1), count, false);
  }
}

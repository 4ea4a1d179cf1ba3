/*
 * Logistic and hyperbolic tangent in 16-bit fixed point, bit for bit gemmlowp's (which TFLite's integer LSTM uses): a
 * polynomial for exp on [-1/4, 0), a factor for each higher bit of the argument, and three Newton steps for the
 * quotient. Values with n integer bits have 15 - n fraction bits. Carried out in int32 lanes without branches.
 */
#ifndef LN_KERNELS_FIXED16_H
#define LN_KERNELS_FIXED16_H

#include <stdint.h>

/* Products of two values: the high half of 2ab, rounded. */
static inline int32_t ln_fixed16_mul(int32_t a, int32_t b) { return (a * b + (1 << 14)) >> 15; }

static inline int32_t ln_fixed16_saturate(int32_t x) {
  return x < INT16_MIN ? INT16_MIN : x > INT16_MAX ? INT16_MAX : x;
}

/* x / 2^n, rounded to nearest with ties away from zero; n in [1, 15]. */
static inline int32_t ln_fixed16_halve(int32_t x, int32_t n) { return (x + (1 << (n - 1)) - (x < 0)) >> n; }

/* exp(a) for a <= 0 with `bits` integer bits, 0 to 7; the result has none, so that 1 is 32767. */
static inline int32_t ln_fixed16_exp(int32_t a, int32_t bits) {
  /* exp(-2^k) for k = -2 .. 4 */
  static const int32_t factors[7] = {25520, 19875, 12055, 4435, 600, 11, 0};
  const int32_t fraction = 15 - bits;
  const int32_t quarter = 1 << (fraction - 2);
  const int32_t low = (a & (quarter - 1)) - quarter; /* in [-1/4, 0) */
  const int32_t x = ln_fixed16_saturate(low * (1 << bits)) + (1 << 12);
  const int32_t x2 = ln_fixed16_mul(x, x), x3 = ln_fixed16_mul(x2, x), x4 = ln_fixed16_mul(x2, x2);
  const int32_t high = ln_fixed16_halve(ln_fixed16_mul(ln_fixed16_halve(x4, 2) + x3, 10923) + x2, 1);
  int32_t result = ln_fixed16_saturate(28918 + ln_fixed16_mul(28918, x + high)); /* around exp(-1/8) */
  const int32_t rest = low - a;
  for (int32_t k = 0; k < bits + 2 && k < 7; ++k) {
    result = rest & (1 << (fraction - 2 + k)) ? ln_fixed16_mul(result, factors[k]) : result;
  }
  if (bits > 5) result = a < -(1 << (20 - bits)) ? 0 : result; /* exp(-32) and below */
  return a == 0 ? INT16_MAX : result;
}

/* 1 / ((1 + x) / 2) for x in [0, 1], with two integer bits. */
static inline int32_t ln_fixed16_reciprocal(int32_t x) {
  const int32_t half = (x + INT16_MAX + 1) >> 1;
  int32_t y = 23130 + ln_fixed16_mul(half, -15420); /* 48/17 - 32/17 half */
  for (int32_t i = 0; i < 3; ++i) {
    const int32_t error = (1 << 13) - ln_fixed16_mul(half, y);
    y += ln_fixed16_saturate(ln_fixed16_mul(y, error) * 4);
  }
  return y;
}

/* a has three integer bits. */
static inline int16_t ln_fixed16_logistic(int16_t a) {
  const int32_t x = a;
  const int32_t positive = ln_fixed16_saturate(ln_fixed16_reciprocal(ln_fixed16_exp(x > 0 ? -x : x, 3)) * 2);
  return (int16_t)(x == 0 ? 1 << 14 : x > 0 ? positive : INT16_MAX - positive);
}

/* a has `bits` integer bits, 0 to 6. */
static inline int16_t ln_fixed16_tanh(int16_t a, int32_t bits) {
  const int32_t x = a;
  const int32_t y = ln_fixed16_reciprocal(ln_fixed16_exp(x > 0 ? -x : x, bits + 1));
  const int32_t magnitude = ln_fixed16_saturate((y - (1 << 13)) * 4);
  return (int16_t)(x == 0 ? 0 : x > 0 ? magnitude : -magnitude);
}

/* Whole vectors; x and out may be the same. */
typedef void ln_fixed16_logistic_fn(const int16_t *x, int32_t count, int16_t *out);
typedef void ln_fixed16_tanh_fn(const int16_t *x, int32_t bits, int32_t count, int16_t *out);

typedef struct ln_fixed16_kernels {
  ln_fixed16_logistic_fn *logistic;
  ln_fixed16_tanh_fn *tanh;
} ln_fixed16_kernels;

#endif

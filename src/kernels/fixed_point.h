/*
 * Fixed-point transcendental functions after gemmlowp's definitions (github.com/google/gemmlowp, fixedpoint.h), bit for
 * bit: exp, logistic, tanh and reciprocals on int32 words. "Qm" below is a word with m integer and 31 - m fractional
 * bits.
 */
#ifndef LN_KERNELS_FIXED_POINT_H
#define LN_KERNELS_FIXED_POINT_H

#include <stdbool.h>
#include <stdint.h>

#include "kernels/quant.h"

static inline int32_t ln_fx_mul(int32_t a, int32_t b) { return ln_rounding_doubling_high_mul(a, b); }

/* x * 2^exponent, saturating; exponent in [0, 31]. */
static inline int32_t ln_fx_shift_left(int32_t x, int32_t exponent) {
  const int64_t wide = (int64_t)x * (INT64_C(1) << exponent);
  return wide > INT32_MAX ? INT32_MAX : (wide < INT32_MIN ? INT32_MIN : (int32_t)wide);
}

/* a + b modulo 2^32. */
static inline int32_t ln_fx_add(int32_t a, int32_t b) { return (int32_t)((uint32_t)a + (uint32_t)b); }
static inline int32_t ln_fx_sub(int32_t a, int32_t b) { return (int32_t)((uint32_t)a - (uint32_t)b); }

/* (a + b) / 2 with ties away from zero. */
static inline int32_t ln_fx_half_sum(int32_t a, int32_t b) {
  const int64_t sum = (int64_t)a + b;
  return (int32_t)((sum + (sum >= 0 ? 1 : -1)) / 2);
}

static inline int32_t ln_leading_zeros_u32(uint32_t x) {
  int32_t count = 0;
  if (x == 0) return 32;
  while ((x & UINT32_C(0x80000000)) == 0) {
    x <<= 1;
    ++count;
  }
  return count;
}

/* Leading bits that equal the sign, the sign itself not counted. */
static inline int32_t ln_leading_sign_bits_i32(int32_t x) {
  if (x == INT32_MIN) return 0;
  return ln_leading_zeros_u32((uint32_t)(x < 0 ? ~x : x)) - 1;
}

/* e^a for a Q0 in [-1/4, 0): a Taylor series about -1/8. */
static inline int32_t ln_fx_exp_quarter(int32_t a) {
  const int32_t exp_minus_eighth = 1895147668;
  const int32_t third = 715827883;
  const int32_t x = ln_fx_add(a, 1 << 28);
  const int32_t x2 = ln_fx_mul(x, x);
  const int32_t x3 = ln_fx_mul(x2, x);
  const int32_t x4 = ln_fx_mul(x2, x2);
  const int32_t x4_over_4 = ln_rounding_divide_by_pot(x4, 2);
  const int32_t high = ln_fx_add(ln_fx_mul(ln_fx_add(x4_over_4, x3), third), x2);
  const int32_t tail = ln_fx_add(x, ln_rounding_divide_by_pot(high, 1));
  return ln_fx_add(exp_minus_eighth, ln_fx_mul(exp_minus_eighth, tail));
}

/* e^a as Q0 for a <= 0 with `integer_bits` (0..15) integer bits. */
static inline int32_t ln_fx_exp_negative(int32_t a, int32_t integer_bits) {
  /* e^-(2^(i-2)) as Q0 */
  static const int32_t factors[7] = {1672461947, 1302514674, 790015084, 290630308, 39332535, 720401, 242};
  const int32_t fraction_bits = 31 - integer_bits;
  const int32_t quarter = 1 << (fraction_bits - 2);
  const int32_t rest = (a & (quarter - 1)) - quarter;
  const int32_t whole = ln_fx_sub(rest, a);
  int32_t result = ln_fx_exp_quarter(ln_fx_shift_left(rest, integer_bits));
  int32_t i;
  for (i = 0; i < 7; ++i) {
    const int32_t exponent = i - 2;
    if (exponent < integer_bits && (whole & (INT32_C(1) << (fraction_bits + exponent))) != 0) {
      result = ln_fx_mul(result, factors[i]);
    }
  }
  if (integer_bits > 5 && a < -(1 << (fraction_bits + 5))) result = 0;
  return a == 0 ? INT32_MAX : result;
}

/* 2 / (1 + a) as Q2 for a Q0 in [0, 1]: three Newton-Raphson steps. */
static inline int32_t ln_fx_two_over_one_plus(int32_t a) {
  const int32_t half_denominator = ln_fx_half_sum(a, INT32_MAX);
  int32_t x = ln_fx_add(1515870810, ln_fx_mul(half_denominator, -1010580540)); /* 48/17 - 32/17 d */
  int32_t step;
  for (step = 0; step < 3; ++step) {
    const int32_t error = ln_fx_sub(1 << 29, ln_fx_mul(half_denominator, x));
    x = ln_fx_add(x, ln_fx_shift_left(ln_fx_mul(x, error), 2));
  }
  return x;
}

/* 1 / (1 + a) as Q0 for a Q0 in [0, 1]. */
static inline int32_t ln_fx_one_over_one_plus(int32_t a) { return ln_fx_shift_left(ln_fx_two_over_one_plus(a), 1); }

/* (1 - a) / (1 + a) as Q0 for a Q0 in [0, 1]. */
static inline int32_t ln_fx_one_minus_over_one_plus(int32_t a) {
  return ln_fx_shift_left(ln_fx_sub(ln_fx_two_over_one_plus(a), 1 << 29), 2);
}

/* 1 / (1 + e^-a) as Q0 for a with `integer_bits` integer bits. */
static inline int32_t ln_fx_logistic(int32_t a, int32_t integer_bits) {
  int32_t positive;
  if (a == 0) return 1 << 30;
  positive = ln_fx_one_over_one_plus(ln_fx_exp_negative(a > 0 ? -a : a, integer_bits));
  return a > 0 ? positive : INT32_MAX - positive;
}

/* tanh(a) as Q0 for a with `integer_bits` integer bits. */
static inline int32_t ln_fx_tanh(int32_t a, int32_t integer_bits) {
  int32_t magnitude;
  if (a == 0) return 0;
  magnitude = ln_fx_one_minus_over_one_plus(ln_fx_exp_negative(a > 0 ? -a : a, integer_bits + 1));
  return a > 0 ? magnitude : -magnitude;
}

/* 1 / x as Q0 scaled into [1/2, 1] for x > 0 with `integer_bits` integer bits; 1 / x = result * 2^-*bits_over_unit. */
static inline int32_t ln_fx_reciprocal(int32_t x, int32_t integer_bits, int32_t *bits_over_unit) {
  const int32_t zeros = ln_leading_zeros_u32((uint32_t)x);
  *bits_over_unit = integer_bits - zeros;
  return ln_fx_one_over_one_plus((int32_t)(((uint32_t)x << zeros) - UINT32_C(0x80000000)));
}

/*
 * 1 / sqrt(x) for x >= 0 as *out * 2^(-shift - 31), the shift returned: five Newton-Raphson steps. For x <= 1 the
 * largest word with shift 0.
 */
static inline int32_t ln_fx_inverse_sqrt(int32_t x, int32_t *out) {
  int32_t shift = 11;
  int32_t pairs, half, y, step;
  if (x <= 1) {
    *out = INT32_MAX;
    return 0;
  }
  for (; x >= 1 << 29; x /= 4) ++shift;
  pairs = (ln_leading_zeros_u32((uint32_t)x) - 1) / 2 - 1;
  shift -= pairs;
  x <<= 2 * pairs;
  half = ln_rounding_divide_by_pot(x >> 1, 1);
  y = 1 << 28;
  for (step = 0; step < 5; ++step) {
    const int32_t cube = ln_fx_shift_left(ln_fx_mul(ln_fx_mul(y, y), y), 6);
    y = ln_fx_shift_left(ln_fx_sub(ln_fx_mul((1 << 28) + (1 << 27), y), ln_fx_mul(half, cube)), 3);
  }
  y = ln_fx_mul(y, 1518500250); /* sqrt(1/2) */
  if (shift < 0) {
    y = (int32_t)((uint32_t)y << -shift);
    shift = 0;
  }
  *out = y;
  return shift;
}

#endif

/*
 * The fixed-point arithmetic of TFLite's reference kernels, bit for bit (after gemmlowp's definitions, as TFLite's
 * common.h uses them: two roundings). All of it is defined for every input.
 */
#ifndef LN_KERNELS_QUANT_H
#define LN_KERNELS_QUANT_H

#include <math.h>
#include <stdint.h>

/* A real multiplier as a 31-bit mantissa and a power of two: real = multiplier * 2^(shift - 31). */
typedef struct ln_multiplier {
  int32_t multiplier;
  int32_t shift; /* positive: to the left */
} ln_multiplier;

static inline ln_multiplier ln_quantize_multiplier(double real) {
  ln_multiplier out = {0, 0};
  if (!(real != 0.0) || !isfinite(real)) return out; /* zero, NaN and infinities: refused before, harmless here */
  int shift;
  const double mantissa = frexp(real, &shift);
  int64_t fixed = (int64_t)round(mantissa * 2147483648.0);
  if (fixed == INT64_C(2147483648)) {
    fixed /= 2;
    ++shift;
  }
  if (shift < -31) {
    shift = 0;
    fixed = 0;
  }
  if (shift > 30) {
    shift = 30;
    fixed = INT32_MAX;
  }
  out.multiplier = (int32_t)fixed;
  out.shift = shift;
  return out;
}

/* The high half of 2ab, rounded to nearest with ties upward; saturates only for a = b = INT32_MIN. */
static inline int32_t ln_rounding_doubling_high_mul(int32_t a, int32_t b) {
  if (a == INT32_MIN && b == INT32_MIN) return INT32_MAX;
  return (int32_t)(((int64_t)a * b + (INT64_C(1) << 30)) >> 31);
}

/* x / 2^exponent, rounded to nearest with ties away from zero; exponent in [0, 31]. */
static inline int32_t ln_rounding_divide_by_pot(int32_t x, int32_t exponent) {
  const int32_t mask = (int32_t)((INT64_C(1) << exponent) - 1);
  const int32_t remainder = x & mask;
  const int32_t threshold = (mask >> 1) + (x < 0 ? 1 : 0);
  return (x >> exponent) + (remainder > threshold ? 1 : 0);
}

/* x * real multiplier, as the reference kernels compute it. A left shift that overflows wraps, as theirs does. */
static inline int32_t ln_multiply_quantized(int32_t x, int32_t multiplier, int32_t shift) {
  const int32_t left = shift > 0 ? shift : 0;
  const int32_t right = shift > 0 ? 0 : -shift;
  const int32_t shifted = (int32_t)((uint32_t)x << left);
  return ln_rounding_divide_by_pot(ln_rounding_doubling_high_mul(shifted, multiplier), right);
}

/* The form for 64-bit accumulators (int16 activations): multiplier reduced to 15 bits, one rounding; |x| < 2^47. */
static inline int32_t ln_multiply_quantized_i64(int64_t x, int32_t multiplier, int32_t shift) {
  const int32_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
  const int32_t total = 15 - shift;
  const uint64_t product = (uint64_t)x * (uint64_t)reduced;
  if (total < 1) return (int32_t)(uint32_t)(product << -total); /* beyond what the reference takes */
  return (int32_t)((int64_t)(product + (UINT64_C(1) << (total - 1))) >> total);
}

/* x * real, rounded to nearest with ties away from zero: what the reference computes for fully-connected layers. Beyond
 * 2^30 the result is 2^30. */
static inline int32_t ln_multiply_real(double x, double real) {
  double product = x * real;
  product = product < 1073741824.0 ? product : 1073741824.0;
  product = product > -1073741824.0 ? product : -1073741824.0;
  const int32_t whole = (int32_t)product;
  const double rest = product - (double)whole;
  return whole + (rest >= 0.5 ? 1 : 0) - (rest <= -0.5 ? 1 : 0);
}

static inline int32_t ln_clamp_i32(int32_t x, int32_t low, int32_t high) {
  return x < low ? low : (x > high ? high : x);
}

static inline float ln_clamp_f32(float x, float low, float high) {
  /* NaN passes through, as it does in std::min(std::max(x, low), high). */
  const float raised = x < low ? low : x;
  return raised > high ? high : raised;
}

#endif

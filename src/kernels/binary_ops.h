/*
 * Operations on two elements by type, for the files that make kernels of them: each macro defines those of a type `t`
 * by OPERATION(name, in_type, out_type, expression of x and y), which the includer defines first, and the macro of the
 * same name with _ROW puts them into a table by ln_binary_op.
 */
#ifndef LN_KERNELS_BINARY_OPS_H
#define LN_KERNELS_BINARY_OPS_H

#include <math.h>

#include "kernels/binary.h"

/* Integer arithmetic is done in 64 bits, without overflow, and stored modulo the type. */
static inline int64_t wide_add(int64_t x, int64_t y) { return (int64_t)((uint64_t)x + (uint64_t)y); }
static inline int64_t wide_sub(int64_t x, int64_t y) { return (int64_t)((uint64_t)x - (uint64_t)y); }
static inline int64_t wide_mul(int64_t x, int64_t y) { return (int64_t)((uint64_t)x * (uint64_t)y); }
static inline int64_t wide_div(int64_t x, int64_t y) { return y == -1 ? wide_sub(0, x) : x / y; }
static inline int64_t wide_squared_difference(int64_t x, int64_t y) { return wide_mul(wide_sub(x, y), wide_sub(x, y)); }

static inline int64_t wide_floor_div(int64_t x, int64_t y) {
  if (y == -1) return wide_sub(0, x);
  return x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0);
}

static inline int64_t wide_floor_mod(int64_t x, int64_t y) {
  const int64_t rest = y == -1 ? 0 : x % y;
  return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

static inline int64_t wide_remainder(int64_t x, int64_t y) { return y == -1 ? 0 : x % y; }

/* A negative number of bits is a large one here. */
static inline uint64_t wide_shift_left(uint64_t x, uint64_t bits, size_t width) { return bits < width ? x << bits : 0; }

static inline uint64_t natural_pow(uint64_t base, uint64_t exponent) {
  uint64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result *= base;
    base *= base;
  }
  return result;
}

/* Exponents are not negative. */
static inline int64_t wide_pow(int64_t base, int64_t exponent) {
  return (int64_t)natural_pow((uint64_t)base, (uint64_t)exponent);
}

/* A range's end at the end of int32 leaves wider types open. */
static inline int64_t in_range(int64_t x, const ln_binary_params *params) {
  if (params->low > INT32_MIN && x < params->low) return params->low;
  if (params->high < INT32_MAX && x > params->high) return params->high;
  return x;
}

static inline uint64_t in_range_u64(uint64_t x, const ln_binary_params *params) {
  if (params->low > 0 && x < (uint64_t)params->low) return (uint64_t)params->low;
  if (params->high < INT32_MAX && x > (uint64_t)params->high) return (uint64_t)params->high;
  return x;
}

/* NaN passes. */
static inline double in_range_real(double x, const ln_binary_params *params) {
  if (x < (double)params->low_f) return (double)params->low_f;
  return x > (double)params->high_f ? (double)params->high_f : x;
}

static inline float floor_mod_f32(float x, float y) {
  const float rest = fmodf(x, y);
  return rest != 0.0f && (rest < 0.0f) != (y < 0.0f) ? rest + y : rest;
}

static inline double floor_mod_f64(double x, double y) {
  const double rest = fmod(x, y);
  return rest != 0.0 && (rest < 0.0) != (y < 0.0) ? rest + y : rest;
}

static inline uint64_t squared_difference_u64(uint64_t x, uint64_t y) { return (x - y) * (x - y); }

/* Shifts `x` by `y`, of a type of `bits` bits. */
static inline int64_t wide_right_shift(int64_t x, int64_t y, int32_t bits) {
  return x >> (y < 0 ? 0 : (y > bits - 1 ? bits - 1 : y));
}

#define CLAMPED(type, function) in_range((type)function(x, y), params)
#define ARITHMETIC(t, type)                                                    \
  OPERATION(t##_add, type, type, CLAMPED(type, wide_add))                      \
  OPERATION(t##_sub, type, type, CLAMPED(type, wide_sub))                      \
  OPERATION(t##_mul, type, type, CLAMPED(type, wide_mul))                      \
  OPERATION(t##_div, type, type, CLAMPED(type, wide_div))                      \
  OPERATION(t##_squared_difference, type, type, wide_squared_difference(x, y)) \
  OPERATION(t##_pow, type, type, wide_pow(x, y))
#define DIVISION(t, type)                                    \
  OPERATION(t##_floor_div, type, type, wide_floor_div(x, y)) \
  OPERATION(t##_floor_mod, type, type, wide_floor_mod(x, y))
#define EXTREMES(t, type)                           \
  OPERATION(t##_minimum, type, type, x < y ? x : y) \
  OPERATION(t##_maximum, type, type, x > y ? x : y)
#define EQUALITY(t, type)                     \
  OPERATION(t##_equal, type, uint8_t, x == y) \
  OPERATION(t##_not_equal, type, uint8_t, x != y)
#define ORDER(t, type)                             \
  OPERATION(t##_less, type, uint8_t, x < y)        \
  OPERATION(t##_less_equal, type, uint8_t, x <= y) \
  OPERATION(t##_greater, type, uint8_t, x > y)     \
  OPERATION(t##_greater_equal, type, uint8_t, x >= y)
#define BITS(t, type)                           \
  OPERATION(t##_bitwise_xor, type, type, x ^ y) \
  OPERATION(t##_right_shift, type, type, wide_right_shift(x, y, 8 * (int32_t)sizeof(type)))
#define LOGIC(t, type)                                       \
  OPERATION(t##_remainder, type, type, wide_remainder(x, y)) \
  OPERATION(t##_and, type, type, (x & y))                    \
  OPERATION(t##_or, type, type, x | y)                       \
  OPERATION(t##_shift_left, type, type, wide_shift_left((uint64_t)x, (uint64_t)y, 8 * sizeof(type)))
#define INTEGER(t, type) DIVISION(t, type) EXTREMES(t, type) EQUALITY(t, type) ORDER(t, type)

/* Floats of other widths; LOAD and STORE lead to the type that is computed in. */
#define IN_RANGE(x) in_range_real(x, params)
#define FLOATS(t, type, LOAD, STORE, power, rest, floor_mod, whole, angle)                        \
  OPERATION(t##_add, type, type, STORE(IN_RANGE(LOAD(x) + LOAD(y))))                              \
  OPERATION(t##_sub, type, type, STORE(IN_RANGE(LOAD(x) - LOAD(y))))                              \
  OPERATION(t##_mul, type, type, STORE(IN_RANGE(LOAD(x) * LOAD(y))))                              \
  OPERATION(t##_div, type, type, STORE(IN_RANGE(LOAD(x) / LOAD(y))))                              \
  OPERATION(t##_squared_difference, type, type, STORE((LOAD(x) - LOAD(y)) * (LOAD(x) - LOAD(y)))) \
  OPERATION(t##_pow, type, type, STORE(power(LOAD(x), LOAD(y))))                                  \
  OPERATION(t##_remainder, type, type, STORE(rest(LOAD(x), LOAD(y))))                             \
  OPERATION(t##_floor_div, type, type, STORE(whole(LOAD(x) / LOAD(y))))                           \
  OPERATION(t##_floor_mod, type, type, STORE(floor_mod(LOAD(x), LOAD(y))))                        \
  OPERATION(t##_prelu, type, type, LOAD(x) >= 0 ? x : STORE(LOAD(x) * LOAD(y)))                   \
  OPERATION(t##_atan2, type, type, STORE(angle(LOAD(x), LOAD(y))))                                \
  OPERATION(t##_minimum, type, type, LOAD(x) < LOAD(y) ? x : y)                                   \
  OPERATION(t##_maximum, type, type, LOAD(x) > LOAD(y) ? x : y)                                   \
  OPERATION(t##_equal, type, uint8_t, LOAD(x) == LOAD(y))                                         \
  OPERATION(t##_not_equal, type, uint8_t, LOAD(x) != LOAD(y))                                     \
  OPERATION(t##_less, type, uint8_t, LOAD(x) < LOAD(y))                                           \
  OPERATION(t##_less_equal, type, uint8_t, LOAD(x) <= LOAD(y))                                    \
  OPERATION(t##_greater, type, uint8_t, LOAD(x) > LOAD(y))                                        \
  OPERATION(t##_greater_equal, type, uint8_t, LOAD(x) >= LOAD(y))
#define COMPLEX(t, type)                  \
  OPERATION(t##_add, type, type, x + y)   \
  OPERATION(t##_sub, type, type, x - y)   \
  OPERATION(t##_mul, type, type, (x * y)) \
  OPERATION(t##_div, type, type, x / y)   \
  EQUALITY(t, type)
#define ARITHMETIC_ROW(t)                                                                                     \
  [LN_BINARY_ADD] = t##_add, [LN_BINARY_SUB] = t##_sub, [LN_BINARY_MUL] = t##_mul, [LN_BINARY_DIV] = t##_div, \
  [LN_BINARY_SQUARED_DIFFERENCE] = t##_squared_difference, [LN_BINARY_POW] = t##_pow
#define EQUALITY_ROW(t) [LN_BINARY_EQUAL] = t##_equal, [LN_BINARY_NOT_EQUAL] = t##_not_equal
#define ORDER_ROW(t)                                                                                       \
  [LN_BINARY_LESS] = t##_less, [LN_BINARY_LESS_EQUAL] = t##_less_equal, [LN_BINARY_GREATER] = t##_greater, \
  [LN_BINARY_GREATER_EQUAL] = t##_greater_equal
#define BITS_ROW(t) [LN_BINARY_BITWISE_XOR] = t##_bitwise_xor, [LN_BINARY_RIGHT_SHIFT] = t##_right_shift
#define LOGIC_ROW(t)                                                                         \
  [LN_BINARY_REMAINDER] = t##_remainder, [LN_BINARY_AND] = t##_and, [LN_BINARY_OR] = t##_or, \
  [LN_BINARY_SHIFT_LEFT] = t##_shift_left
#define EXTREMES_ROW(t) [LN_BINARY_MINIMUM] = t##_minimum, [LN_BINARY_MAXIMUM] = t##_maximum
#define FLOATS_ROW(t)                                                               \
  ARITHMETIC_ROW(t), EXTREMES_ROW(t), EQUALITY_ROW(t), ORDER_ROW(t),                \
      [LN_BINARY_REMAINDER] = t##_remainder, [LN_BINARY_FLOOR_DIV] = t##_floor_div, \
      [LN_BINARY_FLOOR_MOD] = t##_floor_mod, [LN_BINARY_PRELU] = t##_prelu, [LN_BINARY_ATAN2] = t##_atan2
#define COMPLEX_ROW(t)                                                                                        \
  [LN_BINARY_ADD] = t##_add, [LN_BINARY_SUB] = t##_sub, [LN_BINARY_MUL] = t##_mul, [LN_BINARY_DIV] = t##_div, \
  EQUALITY_ROW(t)
#define INTEGER_ROW(t)                                                                                         \
  [LN_BINARY_MINIMUM] = t##_minimum, [LN_BINARY_MAXIMUM] = t##_maximum, [LN_BINARY_FLOOR_DIV] = t##_floor_div, \
  [LN_BINARY_FLOOR_MOD] = t##_floor_mod, EQUALITY_ROW(t), ORDER_ROW(t)

#endif

/* Element-wise arithmetic and comparisons on stored values, in plain C: what has no faster tier. */
#include <math.h>
#include <stdbool.h>

#include "kernels/binary.h"
#include "kernels/binary_body.h"
#include "kernels/binary_scalar.h"
#include "kernels/convert.h"

/* Integer arithmetic is done in 64 bits, without overflow, and stored modulo the type. */
static int64_t wide_add(int64_t x, int64_t y) { return (int64_t)((uint64_t)x + (uint64_t)y); }
static int64_t wide_sub(int64_t x, int64_t y) { return (int64_t)((uint64_t)x - (uint64_t)y); }
static int64_t wide_mul(int64_t x, int64_t y) { return (int64_t)((uint64_t)x * (uint64_t)y); }
static int64_t wide_div(int64_t x, int64_t y) { return y == -1 ? wide_sub(0, x) : x / y; }
static int64_t wide_squared_difference(int64_t x, int64_t y) { return wide_mul(wide_sub(x, y), wide_sub(x, y)); }

static int64_t wide_floor_div(int64_t x, int64_t y) {
  if (y == -1) return wide_sub(0, x);
  return x / y - (x % y != 0 && (x < 0) != (y < 0) ? 1 : 0);
}

static int64_t wide_floor_mod(int64_t x, int64_t y) {
  const int64_t rest = y == -1 ? 0 : x % y;
  return rest != 0 && (rest < 0) != (y < 0) ? rest + y : rest;
}

static int64_t wide_remainder(int64_t x, int64_t y) { return y == -1 ? 0 : x % y; }

/* A negative number of bits is a large one here. */
static uint64_t wide_shift_left(uint64_t x, uint64_t bits, size_t width) { return bits < width ? x << bits : 0; }

static uint64_t natural_pow(uint64_t base, uint64_t exponent) {
  uint64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0) result *= base;
    base *= base;
  }
  return result;
}

/* Exponents are not negative. */
static int64_t wide_pow(int64_t base, int64_t exponent) {
  return (int64_t)natural_pow((uint64_t)base, (uint64_t)exponent);
}

/* A range's end at the end of int32 leaves wider types open. */
static int64_t in_range(int64_t x, const ln_binary_params *params) {
  if (params->low > INT32_MIN && x < params->low) return params->low;
  if (params->high < INT32_MAX && x > params->high) return params->high;
  return x;
}

static float floor_mod_f32(float x, float y) {
  const float rest = fmodf(x, y);
  return rest != 0.0f && (rest < 0.0f) != (y < 0.0f) ? rest + y : rest;
}

#define CLAMPED(type, function) in_range((type)function(x, y), params)
#define ARITHMETIC(t, type)                                                                   \
  LN_BINARY_KERNEL(static, t##_add, type, type, CLAMPED(type, wide_add))                      \
  LN_BINARY_KERNEL(static, t##_sub, type, type, CLAMPED(type, wide_sub))                      \
  LN_BINARY_KERNEL(static, t##_mul, type, type, CLAMPED(type, wide_mul))                      \
  LN_BINARY_KERNEL(static, t##_div, type, type, CLAMPED(type, wide_div))                      \
  LN_BINARY_KERNEL(static, t##_squared_difference, type, type, wide_squared_difference(x, y)) \
  LN_BINARY_KERNEL(static, t##_pow, type, type, wide_pow(x, y))
#define DIVISION(t, type)                                                   \
  LN_BINARY_KERNEL(static, t##_floor_div, type, type, wide_floor_div(x, y)) \
  LN_BINARY_KERNEL(static, t##_floor_mod, type, type, wide_floor_mod(x, y))
#define EXTREMES(t, type)                                          \
  LN_BINARY_KERNEL(static, t##_minimum, type, type, x < y ? x : y) \
  LN_BINARY_KERNEL(static, t##_maximum, type, type, x > y ? x : y)
#define EQUALITY(t, type)                                    \
  LN_BINARY_KERNEL(static, t##_equal, type, uint8_t, x == y) \
  LN_BINARY_KERNEL(static, t##_not_equal, type, uint8_t, x != y)
#define ORDER(t, type)                                            \
  LN_BINARY_KERNEL(static, t##_less, type, uint8_t, x < y)        \
  LN_BINARY_KERNEL(static, t##_less_equal, type, uint8_t, x <= y) \
  LN_BINARY_KERNEL(static, t##_greater, type, uint8_t, x > y)     \
  LN_BINARY_KERNEL(static, t##_greater_equal, type, uint8_t, x >= y)
/* Shifts `x` by `y`, of a type of `bits` bits. */
static int64_t wide_right_shift(int64_t x, int64_t y, int32_t bits) {
  return x >> (y < 0 ? 0 : (y > bits - 1 ? bits - 1 : y));
}

#define BITS(t, type)                                          \
  LN_BINARY_KERNEL(static, t##_bitwise_xor, type, type, x ^ y) \
  LN_BINARY_KERNEL(static, t##_right_shift, type, type, wide_right_shift(x, y, 8 * (int32_t)sizeof(type)))
#define LOGIC(t, type)                                                      \
  LN_BINARY_KERNEL(static, t##_remainder, type, type, wide_remainder(x, y)) \
  LN_BINARY_KERNEL(static, t##_and, type, type, (x & y))                    \
  LN_BINARY_KERNEL(static, t##_or, type, type, x | y)                       \
  LN_BINARY_KERNEL(static, t##_shift_left, type, type, wide_shift_left((uint64_t)x, (uint64_t)y, 8 * sizeof(type)))
#define INTEGER(t, type) DIVISION(t, type) EXTREMES(t, type) EQUALITY(t, type) ORDER(t, type)

INTEGER(i8, int8_t)
INTEGER(u8, uint8_t)
INTEGER(u32, uint32_t)
INTEGER(i16, int16_t)
INTEGER(i32, int32_t)
INTEGER(i64, int64_t)
BITS(i8, int8_t)
BITS(u8, uint8_t)
BITS(i16, int16_t)
BITS(u16, uint16_t)
BITS(i32, int32_t)
BITS(u32, uint32_t)
BITS(i64, int64_t)
ARITHMETIC(i16, int16_t)
ARITHMETIC(i32, int32_t)
ARITHMETIC(i64, int64_t)
ARITHMETIC(i8, int8_t)
ARITHMETIC(u8, uint8_t)
ARITHMETIC(u16, uint16_t)
ARITHMETIC(u32, uint32_t)
LOGIC(i8, int8_t)
LOGIC(u8, uint8_t)
LOGIC(i16, int16_t)
LOGIC(u16, uint16_t)
LOGIC(i32, int32_t)
LOGIC(u32, uint32_t)
LOGIC(i64, int64_t)
EXTREMES(u16, uint16_t)
EQUALITY(u16, uint16_t)
ORDER(u16, uint16_t)
EQUALITY(f32, float)
ORDER(f32, float)
LN_BINARY_KERNEL(static, f32_floor_div, float, float, floorf(x / y))
LN_BINARY_KERNEL(static, f32_floor_mod, float, float, floor_mod_f32(x, y))
LN_BINARY_KERNEL(static, f32_pow, float, float, powf(x, y))
LN_BINARY_KERNEL(static, f32_prelu, float, float, x >= 0.0f ? x : x * y)
LN_BINARY_KERNEL(static, f32_atan2, float, float, atan2f(x, y))
LN_BINARY_KERNEL(static, f64_atan2, double, double, atan2(x, y))
LN_BINARY_KERNEL(static, bool_equal, uint8_t, uint8_t, (x != 0) == (y != 0))
LN_BINARY_KERNEL(static, bool_not_equal, uint8_t, uint8_t, (x != 0) != (y != 0))
LN_BINARY_KERNEL(static, bool_logical_and, uint8_t, uint8_t, x != 0 && y != 0)
LN_BINARY_KERNEL(static, bool_logical_or, uint8_t, uint8_t, x != 0 || y != 0)

LN_BINARY_KERNEL(static, f32_remainder, float, float, fmodf(x, y))

/* 64 bits without a sign: sums, differences and products are those of int64. */
LN_BINARY_KERNEL(static, u64_add, uint64_t, uint64_t, x + y)
LN_BINARY_KERNEL(static, u64_sub, uint64_t, uint64_t, x - y)
LN_BINARY_KERNEL(static, u64_mul, uint64_t, uint64_t, (x * y))
LN_BINARY_KERNEL(static, u64_div, uint64_t, uint64_t, x / y)
LN_BINARY_KERNEL(static, u64_pow, uint64_t, uint64_t, natural_pow(x, y))
LN_BINARY_KERNEL(static, u64_remainder, uint64_t, uint64_t, x % y)
LN_BINARY_KERNEL(static, u64_and, uint64_t, uint64_t, (x & y))
LN_BINARY_KERNEL(static, u64_or, uint64_t, uint64_t, x | y)
LN_BINARY_KERNEL(static, u64_shift_left, uint64_t, uint64_t, wide_shift_left(x, y, 64))
EXTREMES(u64, uint64_t)
EQUALITY(u64, uint64_t)
ORDER(u64, uint64_t)

/* Floats of other widths; LOAD and STORE lead to the type that is computed in. */
#define FLOATS(t, type, LOAD, STORE, power, rest)                                    \
  LN_BINARY_KERNEL(static, t##_add, type, type, STORE(LOAD(x) + LOAD(y)))            \
  LN_BINARY_KERNEL(static, t##_sub, type, type, STORE(LOAD(x) - LOAD(y)))            \
  LN_BINARY_KERNEL(static, t##_mul, type, type, STORE(LOAD(x) * LOAD(y)))            \
  LN_BINARY_KERNEL(static, t##_div, type, type, STORE(LOAD(x) / LOAD(y)))            \
  LN_BINARY_KERNEL(static, t##_pow, type, type, STORE(power(LOAD(x), LOAD(y))))      \
  LN_BINARY_KERNEL(static, t##_remainder, type, type, STORE(rest(LOAD(x), LOAD(y)))) \
  LN_BINARY_KERNEL(static, t##_minimum, type, type, LOAD(x) < LOAD(y) ? x : y)       \
  LN_BINARY_KERNEL(static, t##_maximum, type, type, LOAD(x) > LOAD(y) ? x : y)       \
  LN_BINARY_KERNEL(static, t##_equal, type, uint8_t, LOAD(x) == LOAD(y))             \
  LN_BINARY_KERNEL(static, t##_not_equal, type, uint8_t, LOAD(x) != LOAD(y))         \
  LN_BINARY_KERNEL(static, t##_less, type, uint8_t, LOAD(x) < LOAD(y))               \
  LN_BINARY_KERNEL(static, t##_less_equal, type, uint8_t, LOAD(x) <= LOAD(y))        \
  LN_BINARY_KERNEL(static, t##_greater, type, uint8_t, LOAD(x) > LOAD(y))            \
  LN_BINARY_KERNEL(static, t##_greater_equal, type, uint8_t, LOAD(x) >= LOAD(y))
FLOATS(f16, uint16_t, ln_k_half_to_float, ln_k_float_to_half, powf, fmodf)
FLOATS(bf16, uint16_t, ln_k_bfloat_to_float, ln_k_float_to_bfloat, powf, fmodf)
FLOATS(f64, double, , , pow, fmod)

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
#define FLOATS_ROW(t)                                                                                         \
  [LN_BINARY_ADD] = t##_add, [LN_BINARY_SUB] = t##_sub, [LN_BINARY_MUL] = t##_mul, [LN_BINARY_DIV] = t##_div, \
  [LN_BINARY_POW] = t##_pow, [LN_BINARY_REMAINDER] = t##_remainder, EXTREMES_ROW(t), EQUALITY_ROW(t), ORDER_ROW(t)
#define INTEGER_ROW(t)                                                                                         \
  [LN_BINARY_MINIMUM] = t##_minimum, [LN_BINARY_MAXIMUM] = t##_maximum, [LN_BINARY_FLOOR_DIV] = t##_floor_div, \
  [LN_BINARY_FLOOR_MOD] = t##_floor_mod, EQUALITY_ROW(t), ORDER_ROW(t), BITS_ROW(t)

static ln_binary_fn *const table[LN_BINARY_TYPE_COUNT][LN_BINARY_OP_COUNT] = {
    [LN_BINARY_F32] = {EQUALITY_ROW(f32), ORDER_ROW(f32), [LN_BINARY_FLOOR_DIV] = f32_floor_div,
                       [LN_BINARY_FLOOR_MOD] = f32_floor_mod, [LN_BINARY_POW] = f32_pow, [LN_BINARY_PRELU] = f32_prelu,
                       [LN_BINARY_ATAN2] = f32_atan2, [LN_BINARY_REMAINDER] = f32_remainder},
    [LN_BINARY_I8] = {INTEGER_ROW(i8), ARITHMETIC_ROW(i8), LOGIC_ROW(i8)},
    [LN_BINARY_U8] = {INTEGER_ROW(u8), ARITHMETIC_ROW(u8), LOGIC_ROW(u8)},
    [LN_BINARY_U16] = {EXTREMES_ROW(u16), EQUALITY_ROW(u16), ORDER_ROW(u16), ARITHMETIC_ROW(u16), LOGIC_ROW(u16),
                       BITS_ROW(u16)},
    [LN_BINARY_U32] = {INTEGER_ROW(u32), ARITHMETIC_ROW(u32), LOGIC_ROW(u32)},
    [LN_BINARY_U64] = {EXTREMES_ROW(u64), EQUALITY_ROW(u64), ORDER_ROW(u64),
                       LOGIC_ROW(u64), [LN_BINARY_ADD] = u64_add, [LN_BINARY_SUB] = u64_sub, [LN_BINARY_MUL] = u64_mul,
                       [LN_BINARY_DIV] = u64_div, [LN_BINARY_POW] = u64_pow},
    [LN_BINARY_I16] = {INTEGER_ROW(i16), ARITHMETIC_ROW(i16), LOGIC_ROW(i16)},
    [LN_BINARY_I32] = {INTEGER_ROW(i32), ARITHMETIC_ROW(i32), LOGIC_ROW(i32)},
    [LN_BINARY_I64] = {INTEGER_ROW(i64), ARITHMETIC_ROW(i64), LOGIC_ROW(i64)},
    [LN_BINARY_F64] = {FLOATS_ROW(f64), [LN_BINARY_ATAN2] = f64_atan2},
    [LN_BINARY_F16] = {FLOATS_ROW(f16)},
    [LN_BINARY_BF16] = {FLOATS_ROW(bf16)},
    [LN_BINARY_BOOL] = {EQUALITY_ROW(bool), [LN_BINARY_LESS] = u8_less, [LN_BINARY_LESS_EQUAL] = u8_less_equal,
                        [LN_BINARY_GREATER] = u8_greater, [LN_BINARY_GREATER_EQUAL] = u8_greater_equal,
                        [LN_BINARY_LOGICAL_AND] = bool_logical_and, [LN_BINARY_LOGICAL_OR] = bool_logical_or,
                        [LN_BINARY_AND] = bool_logical_and, [LN_BINARY_OR] = bool_logical_or,
                        [LN_BINARY_ADD] = bool_logical_or, [LN_BINARY_MUL] = bool_logical_and,
                        [LN_BINARY_MAXIMUM] = bool_logical_or, [LN_BINARY_MINIMUM] = bool_logical_and},
};

ln_binary_fn *ln_k_binary_find(ln_binary_op op, ln_binary_type type) {
  return type == LN_BINARY_C64 ? ln_k_binary_find_c64(op) : table[type][op];
}

/* Bits of a float as an integer in the total order. */
static int64_t total_f32(float value) {
  union {
    float f;
    int32_t i;
  } bits;
  bits.f = value;
  return bits.i < 0 ? (int64_t)INT32_MIN - bits.i - 1 : bits.i;
}
static int64_t total_f64(double value) {
  union {
    double f;
    int64_t i;
  } bits;
  bits.f = value;
  return bits.i < 0 ? INT64_MIN - (bits.i + 1) : bits.i;
}
static int64_t total_half(uint16_t value) { return value >= 0x8000 ? 0x7FFF - (int64_t)value : value; }

#define TOTAL(t, type, key)                                                 \
  LN_BINARY_KERNEL(static, t##_equal, type, uint8_t, key(x) == key(y))      \
  LN_BINARY_KERNEL(static, t##_not_equal, type, uint8_t, key(x) != key(y))  \
  LN_BINARY_KERNEL(static, t##_less, type, uint8_t, key(x) < key(y))        \
  LN_BINARY_KERNEL(static, t##_less_equal, type, uint8_t, key(x) <= key(y)) \
  LN_BINARY_KERNEL(static, t##_greater, type, uint8_t, key(x) > key(y))     \
  LN_BINARY_KERNEL(static, t##_greater_equal, type, uint8_t, key(x) >= key(y))
TOTAL(to32, float, total_f32)
TOTAL(to64, double, total_f64)
TOTAL(to16, uint16_t, total_half)

ln_binary_fn *ln_k_binary_find_total_order(ln_binary_op op, ln_binary_type type) {
  static ln_binary_fn *const singles[LN_BINARY_OP_COUNT] = {EQUALITY_ROW(to32), ORDER_ROW(to32)};
  static ln_binary_fn *const doubles[LN_BINARY_OP_COUNT] = {EQUALITY_ROW(to64), ORDER_ROW(to64)};
  static ln_binary_fn *const halves[LN_BINARY_OP_COUNT] = {EQUALITY_ROW(to16), ORDER_ROW(to16)};
  switch (type) {
    case LN_BINARY_F32: return singles[op];
    case LN_BINARY_F64: return doubles[op];
    default: return halves[op];
  }
}

#define SCALED_A ln_binary_scale_a(x, params)
#define SCALED_B ln_binary_scale_b(y, params)
#define QUANTIZED_COMPARISONS(t, type)                                          \
  LN_BINARY_KERNEL(static, t##_equal, type, uint8_t, SCALED_A == SCALED_B)      \
  LN_BINARY_KERNEL(static, t##_not_equal, type, uint8_t, SCALED_A != SCALED_B)  \
  LN_BINARY_KERNEL(static, t##_less, type, uint8_t, SCALED_A < SCALED_B)        \
  LN_BINARY_KERNEL(static, t##_less_equal, type, uint8_t, SCALED_A <= SCALED_B) \
  LN_BINARY_KERNEL(static, t##_greater, type, uint8_t, SCALED_A > SCALED_B)     \
  LN_BINARY_KERNEL(static, t##_greater_equal, type, uint8_t, SCALED_A >= SCALED_B)

QUANTIZED_COMPARISONS(qi8, int8_t)
QUANTIZED_COMPARISONS(qu8, uint8_t)

ln_binary_fn *ln_k_binary_find_quantized_compare(ln_binary_op op, ln_binary_type type) {
  static ln_binary_fn *const signed_bytes[LN_BINARY_OP_COUNT] = {EQUALITY_ROW(qi8), ORDER_ROW(qi8)};
  static ln_binary_fn *const bytes[LN_BINARY_OP_COUNT] = {EQUALITY_ROW(qu8), ORDER_ROW(qu8)};
  return type == LN_BINARY_I8 ? signed_bytes[op] : (type == LN_BINARY_U8 ? bytes[op] : NULL);
}

static int64_t read_signed(const void *values, size_t index, size_t bytes) {
  switch (bytes) {
    case 1: return ((const int8_t *)values)[index];
    case 2: return ((const int16_t *)values)[index];
    case 4: return ((const int32_t *)values)[index];
    default: return ((const int64_t *)values)[index];
  }
}

bool ln_k_any_equal(const void *values, size_t count, size_t bytes, int64_t value) {
  size_t i;
  for (i = 0; i < count; ++i) {
    if (read_signed(values, i, bytes) == value) return true;
  }
  return false;
}

bool ln_k_any_negative(const void *values, size_t count, size_t bytes) {
  size_t i;
  for (i = 0; i < count; ++i) {
    if (read_signed(values, i, bytes) < 0) return true;
  }
  return false;
}

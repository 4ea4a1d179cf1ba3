/*
 * The operations and types that binary_plain.c leaves: one short loop each, built for size. IEEE 754's total order.
 */
#include <complex.h>

#include "base/selection.h"
#include "kernels/binary_body.h"
#include "kernels/convert.h"
#include "linnet/tensor.h"

#define OPERATION(name, in_type, out_type, expression)                                                               \
  static void name(const void *a, const void *b, void *out, const ln_block *block, const ln_binary_params *params) { \
    out_type *to = (out_type *)out;                                                                                  \
    size_t r, i;                                                                                                     \
    (void)params;                                                                                                    \
    for (r = 0; r < block->rows; ++r) {                                                                              \
      const in_type *row_a = (const in_type *)a + r * block->row_step[0];                                            \
      const in_type *row_b = (const in_type *)b + r * block->row_step[1];                                            \
      for (i = 0; i < block->columns; ++i) {                                                                         \
        const in_type x = row_a[i * block->column_step[0]];                                                          \
        const in_type y = row_b[i * block->column_step[1]];                                                          \
        *to++ = (out_type)(expression);                                                                              \
      }                                                                                                              \
    }                                                                                                                \
  }
#include "kernels/binary_ops.h"

ARITHMETIC(i8, int8_t)
ARITHMETIC(u8, uint8_t)
ARITHMETIC(i16, int16_t)
ARITHMETIC(u16, uint16_t)
ARITHMETIC(u32, uint32_t)
INTEGER(u16, uint16_t)
INTEGER(u32, uint32_t)
BITS(i8, int8_t)
BITS(u8, uint8_t)
BITS(i16, int16_t)
BITS(u16, uint16_t)
BITS(i32, int32_t)
BITS(u32, uint32_t)
BITS(i64, int64_t)
LOGIC(i8, int8_t)
LOGIC(u8, uint8_t)
LOGIC(i16, int16_t)
LOGIC(u16, uint16_t)
LOGIC(i32, int32_t)
LOGIC(u32, uint32_t)
LOGIC(i64, int64_t)

/* 64 bits without a sign: sums, differences and products are those of int64. */
OPERATION(u64_add, uint64_t, uint64_t, in_range_u64(x + y, params))
OPERATION(u64_sub, uint64_t, uint64_t, in_range_u64(x - y, params))
OPERATION(u64_mul, uint64_t, uint64_t, in_range_u64(x *y, params))
OPERATION(u64_div, uint64_t, uint64_t, in_range_u64(x / y, params))
OPERATION(u64_squared_difference, uint64_t, uint64_t, squared_difference_u64(x, y))
OPERATION(u64_pow, uint64_t, uint64_t, natural_pow(x, y))
OPERATION(u64_bitwise_xor, uint64_t, uint64_t, x ^ y)
OPERATION(u64_right_shift, uint64_t, uint64_t, x >> (y > 63 ? 63 : y))
OPERATION(u64_remainder, uint64_t, uint64_t, x % y)
OPERATION(u64_and, uint64_t, uint64_t, (x & y))
OPERATION(u64_or, uint64_t, uint64_t, x | y)
OPERATION(u64_shift_left, uint64_t, uint64_t, wide_shift_left(x, y, 64))
EXTREMES(u64, uint64_t)
EQUALITY(u64, uint64_t)
ORDER(u64, uint64_t)

#define TO_HALF(x) ln_k_float_to_half((float)(x))
#define TO_BFLOAT(x) ln_k_float_to_bfloat((float)(x))
FLOATS(f16, uint16_t, ln_k_half_to_float, TO_HALF, powf, fmodf, floor_mod_f32, floorf, atan2f)
FLOATS(bf16, uint16_t, ln_k_bfloat_to_float, TO_BFLOAT, powf, fmodf, floor_mod_f32, floorf, atan2f)
FLOATS(f64, double, , , pow, fmod, floor_mod_f64, floor, atan2)

COMPLEX(c128, double _Complex)

/* The operations of one type, where this build holds it. */
#define TYPE(name, type, ...)                                           \
  case LN_BINARY_##name: {                                              \
    static ln_binary_fn *const row[LN_BINARY_OP_COUNT] = {__VA_ARGS__}; \
    return LN_HAS(type) ? row[op] : NULL;                               \
  }

ln_binary_fn *ln_k_binary_find_rare(ln_binary_op op, ln_binary_type type) {
  switch (type) {
    TYPE(I8, LN_INT8, ARITHMETIC_ROW(i8), LOGIC_ROW(i8), BITS_ROW(i8))
    TYPE(U8, LN_UINT8, ARITHMETIC_ROW(u8), LOGIC_ROW(u8), BITS_ROW(u8))
    TYPE(I16, LN_INT16, ARITHMETIC_ROW(i16), LOGIC_ROW(i16), BITS_ROW(i16))
    TYPE(I32, LN_INT32, LOGIC_ROW(i32), BITS_ROW(i32))
    TYPE(I64, LN_INT64, LOGIC_ROW(i64), BITS_ROW(i64))
    TYPE(U16, LN_UINT16, INTEGER_ROW(u16), ARITHMETIC_ROW(u16), LOGIC_ROW(u16), BITS_ROW(u16))
    TYPE(U32, LN_UINT32, INTEGER_ROW(u32), ARITHMETIC_ROW(u32), LOGIC_ROW(u32), BITS_ROW(u32))
    TYPE(U64, LN_UINT64, EXTREMES_ROW(u64), EQUALITY_ROW(u64), ORDER_ROW(u64), LOGIC_ROW(u64), ARITHMETIC_ROW(u64),
         BITS_ROW(u64), [LN_BINARY_FLOOR_DIV] = u64_div, [LN_BINARY_FLOOR_MOD] = u64_remainder)
    TYPE(F64, LN_FLOAT64, FLOATS_ROW(f64))
    TYPE(F16, LN_FLOAT16, FLOATS_ROW(f16))
    TYPE(BF16, LN_BFLOAT16, FLOATS_ROW(bf16))
    TYPE(C128, LN_COMPLEX128, COMPLEX_ROW(c128))
    default: return NULL;
  }
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

#define TOTAL(t, type, key)                                  \
  OPERATION(t##_equal, type, uint8_t, key(x) == key(y))      \
  OPERATION(t##_not_equal, type, uint8_t, key(x) != key(y))  \
  OPERATION(t##_less, type, uint8_t, key(x) < key(y))        \
  OPERATION(t##_less_equal, type, uint8_t, key(x) <= key(y)) \
  OPERATION(t##_greater, type, uint8_t, key(x) > key(y))     \
  OPERATION(t##_greater_equal, type, uint8_t, key(x) >= key(y))
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

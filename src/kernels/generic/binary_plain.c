/* Element-wise arithmetic and comparisons on stored values, in plain C: what has no faster tier. */
#include "base/selection.h"
#include "kernels/binary_body.h"
#include "kernels/binary_scalar.h"
#include "linnet/tensor.h"

#define OPERATION(name, in_type, out_type, expression) LN_BINARY_KERNEL(static, name, in_type, out_type, expression)
#include "kernels/binary_ops.h"

INTEGER(i8, int8_t)
INTEGER(u8, uint8_t)
INTEGER(i16, int16_t)
INTEGER(i32, int32_t)
INTEGER(i64, int64_t)
ARITHMETIC(i32, int32_t)
ARITHMETIC(i64, int64_t)
EQUALITY(f32, float)
ORDER(f32, float)
OPERATION(f32_floor_div, float, float, floorf(x / y))
OPERATION(f32_floor_mod, float, float, floor_mod_f32(x, y))
OPERATION(f32_pow, float, float, powf(x, y))
OPERATION(f32_prelu, float, float, x >= 0.0f ? x : x * y)
OPERATION(f32_atan2, float, float, atan2f(x, y))
OPERATION(f32_remainder, float, float, fmodf(x, y))
OPERATION(bool_equal, uint8_t, uint8_t, (x != 0) == (y != 0))
OPERATION(bool_not_equal, uint8_t, uint8_t, (x != 0) != (y != 0))
OPERATION(bool_logical_and, uint8_t, uint8_t, x != 0 && y != 0)
OPERATION(bool_logical_or, uint8_t, uint8_t, x != 0 || y != 0)

/* The operations of one type, where this build holds it. */
#define TYPE(name, type, ...)                                           \
  case LN_BINARY_##name: {                                              \
    static ln_binary_fn *const row[LN_BINARY_OP_COUNT] = {__VA_ARGS__}; \
    return LN_HAS(type) ? row[op] : NULL;                               \
  }

static ln_binary_fn *find(ln_binary_op op, ln_binary_type type) {
  switch (type) {
    TYPE(F32, LN_FLOAT32, EQUALITY_ROW(f32), ORDER_ROW(f32), [LN_BINARY_FLOOR_DIV] = f32_floor_div,
         [LN_BINARY_FLOOR_MOD] = f32_floor_mod, [LN_BINARY_POW] = f32_pow, [LN_BINARY_PRELU] = f32_prelu,
         [LN_BINARY_ATAN2] = f32_atan2, [LN_BINARY_REMAINDER] = f32_remainder)
    TYPE(I8, LN_INT8, INTEGER_ROW(i8))
    TYPE(U8, LN_UINT8, INTEGER_ROW(u8))
    TYPE(I16, LN_INT16, INTEGER_ROW(i16))
    TYPE(I32, LN_INT32, INTEGER_ROW(i32), ARITHMETIC_ROW(i32))
    TYPE(I64, LN_INT64, INTEGER_ROW(i64), ARITHMETIC_ROW(i64))
    TYPE(BOOL, LN_BOOL, EQUALITY_ROW(bool), [LN_BINARY_LESS] = u8_less, [LN_BINARY_LESS_EQUAL] = u8_less_equal,
         [LN_BINARY_GREATER] = u8_greater, [LN_BINARY_GREATER_EQUAL] = u8_greater_equal,
         [LN_BINARY_LOGICAL_AND] = bool_logical_and, [LN_BINARY_LOGICAL_OR] = bool_logical_or,
         [LN_BINARY_AND] = bool_logical_and, [LN_BINARY_OR] = bool_logical_or, [LN_BINARY_ADD] = bool_logical_or,
         [LN_BINARY_MUL] = bool_logical_and, [LN_BINARY_MAXIMUM] = bool_logical_or,
         [LN_BINARY_MINIMUM] = bool_logical_and)
    default: return NULL;
  }
}

ln_binary_fn *ln_k_binary_find(ln_binary_op op, ln_binary_type type) {
  if (LN_HAS(LN_COMPLEX64) && type == LN_BINARY_C64) return ln_k_binary_find_c64(op);
  ln_binary_fn *const found = find(op, type);
  return found != NULL ? found : ln_k_binary_find_rare(op, type);
}

#define SCALED_A ln_binary_scale_a(x, params)
#define SCALED_B ln_binary_scale_b(y, params)
#define QUANTIZED_COMPARISONS(t, type)                           \
  OPERATION(t##_equal, type, uint8_t, SCALED_A == SCALED_B)      \
  OPERATION(t##_not_equal, type, uint8_t, SCALED_A != SCALED_B)  \
  OPERATION(t##_less, type, uint8_t, SCALED_A < SCALED_B)        \
  OPERATION(t##_less_equal, type, uint8_t, SCALED_A <= SCALED_B) \
  OPERATION(t##_greater, type, uint8_t, SCALED_A > SCALED_B)     \
  OPERATION(t##_greater_equal, type, uint8_t, SCALED_A >= SCALED_B)

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

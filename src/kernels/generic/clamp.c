/* Clamping between two tensors (clamp.h): one loop for each type. */
#include "kernels/clamp.h"

#define CLAMP(t, type, value)                                                                                 \
  static void clamp_##t(const void *low, const void *x, const void *high, void *out, const ln_block *block) { \
    size_t r, i;                                                                                              \
    for (r = 0; r < block->rows; ++r) {                                                                       \
      const type *row_low = (const type *)low + r * block->row_step[0];                                       \
      const type *row_x = (const type *)x + r * block->row_step[1];                                           \
      const type *row_high = (const type *)high + r * block->row_step[2];                                     \
      type *row_out = (type *)out + r * block->columns;                                                       \
      for (i = 0; i < block->columns; ++i) {                                                                  \
        const type from = row_low[i * block->column_step[0]], to = row_high[i * block->column_step[2]];       \
        type result = row_x[i * block->column_step[1]];                                                       \
        if (value(result) < value(from)) result = from;                                                       \
        if (value(result) > value(to)) result = to;                                                           \
        row_out[i] = result;                                                                                  \
      }                                                                                                       \
    }                                                                                                         \
  }

CLAMP(f32, float, )
CLAMP(f16, uint16_t, ln_k_half_to_float)
CLAMP(bf16, uint16_t, ln_k_bfloat_to_float)
CLAMP(f64, double, )
CLAMP(i8, int8_t, )
CLAMP(u8, uint8_t, )
CLAMP(i16, int16_t, )
CLAMP(u16, uint16_t, )
CLAMP(i32, int32_t, )
CLAMP(u32, uint32_t, )
CLAMP(i64, int64_t, )
CLAMP(u64, uint64_t, )

ln_clamp_fn *ln_k_clamp_find(ln_number type) {
  static ln_clamp_fn *const table[LN_NUMBER_COUNT] = {
      [LN_NUMBER_F32] = clamp_f32, [LN_NUMBER_F16] = clamp_f16, [LN_NUMBER_BF16] = clamp_bf16,
      [LN_NUMBER_F64] = clamp_f64, [LN_NUMBER_I8] = clamp_i8,   [LN_NUMBER_U8] = clamp_u8,
      [LN_NUMBER_I16] = clamp_i16, [LN_NUMBER_U16] = clamp_u16, [LN_NUMBER_I32] = clamp_i32,
      [LN_NUMBER_U32] = clamp_u32, [LN_NUMBER_I64] = clamp_i64, [LN_NUMBER_U64] = clamp_u64,
  };
  return table[type];
}

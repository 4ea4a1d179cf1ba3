/* Changes of element type: floats of several widths, quantized integers, casts. Dense arrays; `in` and `out` are apart
 * unless their elements have one size. */
#ifndef LN_KERNELS_CONVERT_H
#define LN_KERNELS_CONVERT_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/quant.h"

typedef void ln_half_to_float_fn(const uint16_t *in, float *out, size_t count);
typedef void ln_float_to_half_fn(const float *in, uint16_t *out, size_t count);
/* out = scale * (in - zero_point), correctly rounded; |in - zero_point| < 2^24. */
typedef void ln_dequantize_fn(const void *in, float *out, size_t count, float scale, int32_t zero_point);
/* out = round(in / scale) + zero_point, ties away from zero, clamped to the type; NaN gives the zero point. */
typedef void ln_quantize_fn(const float *in, void *out, size_t count, float scale, int32_t zero_point);

typedef struct ln_convert_kernels {
  ln_half_to_float_fn *f16_to_f32;  /* exact; NaN stays NaN */
  ln_float_to_half_fn *f32_to_f16;  /* to nearest even, beyond the range to infinity */
  ln_float_to_half_fn *f32_to_bf16; /* to nearest even; below the normal range maybe to 0 */
  ln_dequantize_fn *dequantize_i8, *dequantize_u8, *dequantize_i16;
  ln_quantize_fn *quantize_i8, *quantize_u8, *quantize_i16;
} ln_convert_kernels;

/* One version only. Types are those of the schema, by name. */
typedef enum ln_number {
  LN_NUMBER_F32,
  LN_NUMBER_F16,
  LN_NUMBER_BF16,
  LN_NUMBER_F64,
  LN_NUMBER_I8,
  LN_NUMBER_U8,
  LN_NUMBER_I16,
  LN_NUMBER_U16,
  LN_NUMBER_I32,
  LN_NUMBER_U32,
  LN_NUMBER_I64,
  LN_NUMBER_U64,
  LN_NUMBER_BOOL,
  LN_NUMBER_C64,
  LN_NUMBER_COUNT
} ln_number;

/*
 * Any number to any other: integers wrap, floats are rounded to nearest even and truncated toward zero into integers,
 * where NaN gives 0 and values beyond the range its nearest end; non-zero is true; a complex number gives its real
 * part.
 */
void ln_k_cast(const void *in, ln_number from, void *out, ln_number to, size_t count);

/* out = rescale(in - in_zero, multiplier) + out_zero, clamped to the type; types i8, u8, i16, i32. */
void ln_k_requantize(const void *in, ln_number from, int32_t in_zero, ln_multiplier by, void *out, ln_number to,
                     int32_t out_zero, size_t count);
/* As ln_quantize_fn for int32, in double precision. */
void ln_k_quantize_i32(const float *in, int32_t *out, size_t count, double scale, int32_t zero_point);
/* As ln_dequantize_fn for int32, in double precision. */
void ln_k_dequantize_i32(const int32_t *in, float *out, size_t count, double scale, int32_t zero_point);
/* Elements first..first+count of an array packed in 2 or 4 bits, the first in the lowest, as int8. */
void ln_k_unpack_bits(const uint8_t *in, size_t first, size_t count, int32_t bits, int is_signed, int8_t *out);
/* The way back from the first element on: the low bits of each byte; what is left of the last byte becomes 0. */
void ln_k_pack_bits(const uint8_t *in, size_t count, int32_t bits, uint8_t *out);

float ln_k_half_to_float(uint16_t half);
uint16_t ln_k_float_to_half(float value);
static inline float ln_k_bfloat_to_float(uint16_t bits) {
  union {
    uint32_t u;
    float f;
  } value;
  value.u = (uint32_t)bits << 16;
  return value.f;
}
uint16_t ln_k_float_to_bfloat(float value);

#endif

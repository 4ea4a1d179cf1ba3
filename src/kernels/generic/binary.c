/* The quantized element-wise kernels of binary.h in plain C, and the float ones of the generic tier. */
#include "kernels/binary.h"
#include "kernels/binary_body.h"
#include "kernels/binary_scalar.h"
#include "kernels/fixed_point.h"
#include "kernels/rows.h"

#define KERNEL(stem) ln_##stem##_generic
#include "kernels/binary_f32.inc"

LN_BINARY_KERNEL(, ln_add_i8_generic, int8_t, int8_t, ln_binary_add_quantized(x, y, params))
LN_BINARY_KERNEL(, ln_add_u8_generic, uint8_t, uint8_t, ln_binary_add_quantized(x, y, params))
LN_BINARY_KERNEL(, ln_sub_i8_generic, int8_t, int8_t, ln_binary_sub_quantized(x, y, params))
LN_BINARY_KERNEL(, ln_sub_u8_generic, uint8_t, uint8_t, ln_binary_sub_quantized(x, y, params))
LN_BINARY_KERNEL(, ln_mul_i8_generic, int8_t, int8_t, ln_binary_mul_quantized(x, y, params))
LN_BINARY_KERNEL(, ln_mul_u8_generic, uint8_t, uint8_t, ln_binary_mul_quantized(x, y, params))
LN_BINARY_KERNEL(, ln_k_add_q16, int16_t, int16_t, ln_binary_add_quantized(x, y, params))
LN_BINARY_KERNEL(, ln_k_sub_q16, int16_t, int16_t, ln_binary_sub_quantized(x, y, params))
LN_BINARY_KERNEL(, ln_k_mul_q16, int16_t, int16_t, ln_binary_mul_quantized(x, y, params))

static int32_t clamp_params(int32_t x, const ln_binary_params *params) {
  return ln_clamp_i32(x, params->low, params->high);
}

/* A sum of two int16 values, saturated. */
static int32_t saturate16(int32_t x) { return ln_clamp_i32(x, INT16_MIN, INT16_MAX); }

static int32_t shifted_a(int32_t x, const ln_binary_params *params) {
  return ln_rounding_divide_by_pot(x, -params->a.shift);
}
static int32_t shifted_b(int32_t y, const ln_binary_params *params) {
  return ln_rounding_divide_by_pot(y, -params->b.shift);
}

LN_BINARY_KERNEL(, ln_k_add_pot16, int16_t, int16_t,
                 clamp_params(saturate16(shifted_a(x, params) + shifted_b(y, params)), params))
LN_BINARY_KERNEL(, ln_k_sub_pot16, int16_t, int16_t,
                 clamp_params(saturate16(shifted_a(x, params) - shifted_b(y, params)), params))

static int32_t div_quantized(int32_t x, int32_t y, const ln_binary_params *params) {
  int32_t dividend = x + params->a_offset;
  int32_t divisor = y + params->b_offset;
  int32_t recip_shift, reciprocal, headroom, quotient, shift;
  if (divisor < 0) {
    dividend = -dividend;
    divisor = -divisor;
  }
  reciprocal = ln_fx_reciprocal(divisor, 31, &recip_shift);
  headroom = ln_leading_sign_bits_i32(dividend);
  quotient = ln_rounding_doubling_high_mul((int32_t)((uint32_t)dividend << headroom), reciprocal);
  shift = params->out.shift - recip_shift - headroom;
  /* Beyond 31 bits to the right nothing is left but the sign's rounding, which is zero. */
  if (shift < -31) shift = -31;
  quotient = ln_multiply_quantized(quotient, params->out.multiplier, shift);
  return clamp_params(ln_binary_wrap_add(quotient, params->out_offset), params);
}

LN_BINARY_KERNEL(, ln_k_div_i8, int8_t, int8_t, div_quantized(x, y, params))
LN_BINARY_KERNEL(, ln_k_div_i16, int16_t, int16_t, div_quantized(x, y, params))
LN_BINARY_KERNEL(, ln_k_div_u8, uint8_t, uint8_t, div_quantized(x, y, params))

static int32_t squared_difference_quantized(int32_t x, int32_t y, const ln_binary_params *params) {
  const int32_t difference = ln_binary_wrap_sub(ln_binary_scale_a(x, params), ln_binary_scale_b(y, params));
  return ln_binary_finish(ln_binary_wrap_mul(difference, difference), params);
}

LN_BINARY_KERNEL(, ln_k_squared_difference_i8, int8_t, int8_t, squared_difference_quantized(x, y, params))

static int32_t prelu_quantized(int32_t x, int32_t y, const ln_binary_params *params) {
  const int32_t value = x + params->a_offset;
  const int32_t scaled =
      value >= 0 ? ln_multiply_quantized(value, params->a.multiplier, params->a.shift)
                 : ln_multiply_quantized(value * (y + params->b_offset), params->out.multiplier, params->out.shift);
  return clamp_params(ln_binary_wrap_add(scaled, params->out_offset), params);
}

LN_BINARY_KERNEL(, ln_k_prelu_i8, int8_t, int8_t, prelu_quantized(x, y, params))
LN_BINARY_KERNEL(, ln_k_prelu_i16, int16_t, int16_t, prelu_quantized(x, y, params))
LN_BINARY_KERNEL_OF(, ln_k_prelu_i16_i8, int16_t, int8_t, int16_t, prelu_quantized(x, y, params))
LN_BINARY_KERNEL(, ln_k_prelu_u8, uint8_t, uint8_t, prelu_quantized(x, y, params))

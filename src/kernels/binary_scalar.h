/* One element of the quantized kernels of binary.h. */
#ifndef LN_KERNELS_BINARY_SCALAR_H
#define LN_KERNELS_BINARY_SCALAR_H

#include "kernels/binary.h"

static inline int32_t ln_binary_scale(int32_t x, int32_t offset, int32_t left_shift, ln_multiplier by) {
  const int32_t shifted = (int32_t)((uint32_t)(x + offset) << left_shift);
  return ln_multiply_quantized(shifted, by.multiplier, by.shift);
}

static inline int32_t ln_binary_finish(int32_t raw, const ln_binary_params *params) {
  const int64_t scaled =
      (int64_t)ln_multiply_quantized(raw, params->out.multiplier, params->out.shift) + params->out_offset;
  return scaled < params->low ? params->low : (scaled > params->high ? params->high : (int32_t)scaled);
}

static inline int32_t ln_binary_scale_a(int32_t x, const ln_binary_params *params) {
  return ln_binary_scale(x, params->a_offset, params->left_shift, params->a);
}

static inline int32_t ln_binary_scale_b(int32_t y, const ln_binary_params *params) {
  return ln_binary_scale(y, params->b_offset, params->left_shift, params->b);
}

static inline int32_t ln_binary_wrap_add(int32_t x, int32_t y) { return (int32_t)((uint32_t)x + (uint32_t)y); }
static inline int32_t ln_binary_wrap_sub(int32_t x, int32_t y) { return (int32_t)((uint32_t)x - (uint32_t)y); }
static inline int32_t ln_binary_wrap_mul(int32_t x, int32_t y) { return (int32_t)((uint32_t)x * (uint32_t)y); }

static inline int32_t ln_binary_add_quantized(int32_t x, int32_t y, const ln_binary_params *params) {
  return ln_binary_finish(ln_binary_wrap_add(ln_binary_scale_a(x, params), ln_binary_scale_b(y, params)), params);
}

static inline int32_t ln_binary_sub_quantized(int32_t x, int32_t y, const ln_binary_params *params) {
  return ln_binary_finish(ln_binary_wrap_sub(ln_binary_scale_a(x, params), ln_binary_scale_b(y, params)), params);
}

static inline int32_t ln_binary_mul_quantized(int32_t x, int32_t y, const ln_binary_params *params) {
  return ln_binary_finish(ln_binary_wrap_mul(x + params->a_offset, y + params->b_offset), params);
}

#endif

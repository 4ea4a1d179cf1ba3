/* Changes of element type in plain C: half floats, quantizing, requantizing, packed bits (convert.h). */
#include "kernels/convert.h"

#include <math.h>
#include <string.h>

#include "kernels/rows.h"

#define KERNEL(stem) ln_##stem##_generic
#include "kernels/convert_body.inc"

typedef union bits32 {
  uint32_t u;
  float f;
} bits32;

float ln_k_half_to_float(uint16_t half) {
  const uint32_t sign = (uint32_t)(half & 0x8000u) << 16;
  const uint32_t exponent = (half >> 10) & 0x1Fu;
  const uint32_t mantissa = half & 0x3FFu;
  bits32 out;
  if (exponent == 0) {
    out.f = (float)mantissa * 5.9604644775390625e-8f; /* 2^-24 */
    out.u |= sign;
  } else if (exponent == 31) {
    out.u = sign | 0x7F800000u | mantissa << 13 | (mantissa != 0 ? 0x400000u : 0u);
  } else {
    out.u = sign | (exponent + 112) << 23 | mantissa << 13;
  }
  return out.f;
}

uint16_t ln_k_float_to_half(float value) {
  bits32 in;
  uint32_t sign, magnitude;
  in.f = value;
  sign = (in.u >> 16) & 0x8000u;
  magnitude = in.u & 0x7FFFFFFFu;
  if (magnitude > 0x7F800000u) return (uint16_t)(sign | 0x7E00u | ((magnitude >> 13) & 0x3FFu));
  if (magnitude >= 0x47800000u) return (uint16_t)(sign | 0x7C00u); /* 2^16 and more */
  if (magnitude < 0x38800000u) {
    /* Below the normal range: adding 1/2 leaves the multiples of 2^-24, rounded to even, in the low bits. */
    bits32 shifted;
    shifted.u = magnitude;
    shifted.f += 0.5f;
    return (uint16_t)(sign | (shifted.u - 0x3F000000u));
  }
  /* Rounding may carry into the exponent, up to infinity: that is as it should be. */
  return (uint16_t)(sign | ((magnitude - 0x38000000u + 0xFFFu + ((magnitude >> 13) & 1u)) >> 13));
}

uint16_t ln_k_float_to_bfloat(float value) {
  bits32 in;
  in.f = value;
  if (value != value) return (uint16_t)((in.u >> 16) | 0x40u);
  return (uint16_t)((in.u + 0x7FFFu + ((in.u >> 16) & 1u)) >> 16);
}

void ln_f32_to_bf16_generic(const float *in, uint16_t *out, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) out[i] = ln_k_float_to_bfloat(in[i]);
}

void ln_f16_to_f32_generic(const uint16_t *in, float *out, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) out[i] = ln_k_half_to_float(in[i]);
}

void ln_f32_to_f16_generic(const float *in, uint16_t *out, size_t count) {
  size_t i;
  for (i = 0; i < count; ++i) out[i] = ln_k_float_to_half(in[i]);
}

void ln_k_quantize_i32(const float *in, int32_t *out, size_t count, double scale, int32_t zero_point) {
  size_t i;
  for (i = 0; i < count; ++i) {
    const double x = round((double)in[i] / scale) + (double)zero_point;
    out[i] = x != x ? zero_point : (x <= INT32_MIN ? INT32_MIN : (x >= INT32_MAX ? INT32_MAX : (int32_t)x));
  }
}

void ln_k_dequantize_i32(const int32_t *in, float *out, size_t count, double scale, int32_t zero_point) {
  size_t i;
  for (i = 0; i < count; ++i) out[i] = (float)(scale * (double)((int64_t)in[i] - zero_point));
}

void ln_k_unpack_bits(const uint8_t *in, size_t first, size_t count, int32_t bits, int is_signed, int8_t *out) {
  const int32_t per_byte = 8 / bits;
  const int32_t mask = (1 << bits) - 1;
  const int32_t sign = is_signed != 0 ? 1 << (bits - 1) : 0;
  size_t i = 0;
  if (bits == 4 && first % 2 == 0) { /* two by two, in a form that compilers make vectors of */
    const uint8_t *pairs = in + first / 2;
    for (; i + 2 <= count; i += 2) {
      const int32_t low = pairs[i / 2] & 15, high = pairs[i / 2] >> 4;
      out[i] = (int8_t)((low ^ sign) - sign);
      out[i + 1] = (int8_t)((high ^ sign) - sign);
    }
  }
  for (; i < count; ++i) {
    const size_t at = first + i;
    const int32_t value = (in[at / (size_t)per_byte] >> (at % (size_t)per_byte * (size_t)bits)) & mask;
    out[i] = (int8_t)((value ^ sign) - sign);
  }
}

void ln_k_pack_bits(const uint8_t *in, size_t count, int32_t bits, uint8_t *out) {
  const size_t per_byte = 8 / (size_t)bits;
  const uint32_t mask = (1u << bits) - 1;
  size_t i, j;
  for (i = 0; i < count; i += per_byte) {
    uint32_t byte = 0;
    for (j = 0; j < per_byte && i + j < count; ++j) byte |= (in[i + j] & mask) << (j * (size_t)bits);
    *out++ = (uint8_t)byte;
  }
}

/* ---- requantizing ---- */

enum { CHUNK = 256 };

static void widen(const void *in, ln_number from, size_t at, size_t count, int32_t *out) {
  size_t i;
  switch (from) {
    case LN_NUMBER_I8:
      for (i = 0; i < count; ++i) out[i] = ((const int8_t *)in)[at + i];
      break;
    case LN_NUMBER_U8:
      for (i = 0; i < count; ++i) out[i] = ((const uint8_t *)in)[at + i];
      break;
    case LN_NUMBER_I16:
      for (i = 0; i < count; ++i) out[i] = ((const int16_t *)in)[at + i];
      break;
    default: memcpy(out, (const int32_t *)in + at, count * sizeof *out); break;
  }
}

static void narrow(const int64_t *in, void *out, ln_number to, size_t at, size_t count) {
  size_t i;
#define STORE(type, low, high) \
  for (i = 0; i < count; ++i) ((type *)out)[at + i] = (type)(in[i] < (low) ? (low) : (in[i] > (high) ? (high) : in[i]))
  switch (to) {
    case LN_NUMBER_I8: STORE(int8_t, INT8_MIN, INT8_MAX); break;
    case LN_NUMBER_U8: STORE(uint8_t, 0, UINT8_MAX); break;
    case LN_NUMBER_I16: STORE(int16_t, INT16_MIN, INT16_MAX); break;
    default: STORE(int32_t, INT32_MIN, INT32_MAX); break;
  }
#undef STORE
}

void ln_k_requantize(const void *in, ln_number from, int32_t in_zero, ln_multiplier by, void *out, ln_number to,
                     int32_t out_zero, size_t count) {
  int32_t stored[CHUNK];
  int64_t result[CHUNK];
  size_t at, i;
  for (at = 0; at < count; at += CHUNK) {
    const size_t part = count - at < CHUNK ? count - at : CHUNK;
    widen(in, from, at, part, stored);
    for (i = 0; i < part; ++i) {
      const int32_t x = (int32_t)((uint32_t)stored[i] - (uint32_t)in_zero);
      result[i] = (int64_t)ln_multiply_quantized(x, by.multiplier, by.shift) + out_zero;
    }
    narrow(result, out, to, at, part);
  }
}

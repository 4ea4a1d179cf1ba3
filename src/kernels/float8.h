/* Numbers of eight bits: E4M3FN (no infinity, NaN where all bits but the sign are set) and E5M2 (as IEEE's, the upper
 * half of a float16). Rounded to the nearest, ties to even; what is too large becomes NaN or infinite. */
#ifndef LN_KERNELS_FLOAT8_H
#define LN_KERNELS_FLOAT8_H

#include <math.h>
#include <stdint.h>

typedef struct ln_float8 {
  int32_t fraction, bias; /* bits, and what exponents are stored with */
  int32_t most, beyond;   /* the largest number's bits, and those of what is larger */
  int32_t nan;
} ln_float8;

static const ln_float8 ln_float8_e4m3fn = {3, 7, 0x7e, 0x7f, 0x7f};
static const ln_float8 ln_float8_e5m2 = {2, 15, 0x7b, 0x7c, 0x7e};

static inline float ln_float8_read(const ln_float8 *form, uint8_t byte) {
  const int32_t bits = byte & 0x7f, field = bits >> form->fraction, part = bits & ((1 << form->fraction) - 1);
  float value;
  if (bits > form->most) value = form->beyond == bits && form->beyond != form->nan ? INFINITY : NAN;
  else if (field == 0) value = ldexpf((float)part, 1 - form->bias - form->fraction);
  else value = ldexpf((float)(part + (1 << form->fraction)), field - form->bias - form->fraction);
  return (byte & 0x80) != 0 ? -value : value;
}

static inline uint8_t ln_float8_write(const ln_float8 *form, float value) {
  const int32_t sign = signbit(value) ? 0x80 : 0;
  const float size = fabsf(value);
  int32_t exponent, bits;
  if (isnan(value)) return (uint8_t)(sign | form->nan);
  if (size == 0) return (uint8_t)sign;
  if (isinf(value)) return (uint8_t)(sign | form->beyond);
  frexpf(size, &exponent);
  exponent = exponent - 1 < 1 - form->bias ? 1 - form->bias : exponent - 1;
  if (exponent > form->bias + 2) return (uint8_t)(sign | form->beyond);
  bits = ((exponent + form->bias - 1) << form->fraction) + (int32_t)rintf(ldexpf(size, form->fraction - exponent));
  return (uint8_t)(sign | (bits > form->most ? form->beyond : bits));
}

#endif

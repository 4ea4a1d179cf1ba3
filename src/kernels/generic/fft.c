/* The Fourier transforms of kernels/fft.h: one body, instantiated for each scalar type. */
#include "kernels/fft.h"

#include <math.h>

static bool fft_has_radix2(int32_t length) {
  int32_t bits = 0;
  while ((INT32_C(1) << bits) < length) ++bits;
  return bits % 2 != 0;
}

/* order[i]: digits of i in the mixed radix of the stages (the innermost, lowest, of radix 2 when there is one),
 * reversed. */
static void fft_order(int32_t length, int32_t *order) {
  const bool has_radix2 = fft_has_radix2(length);
  for (int32_t i = 0; i < length; ++i) {
    int32_t rest = i, reversed = 0, weight = length;
    if (has_radix2) {
      weight /= 2;
      reversed += (rest % 2) * weight;
      rest /= 2;
    }
    while (weight > 1) {
      weight /= 4;
      reversed += (rest % 4) * weight;
      rest /= 4;
    }
    order[i] = reversed;
  }
}

#define PASTE(verb, suffix) verb##_##suffix

#define ADD(a, b) ((a) + (b))
#define SUB(a, b) ((a) - (b))
#define DOT_SUB(a, b, c, d) ((a) * (b) - (c) * (d))
#define DOT_ADD(a, b, c, d) ((a) * (b) + (c) * (d))
#define SCALE_DOWN(x, radix) ((void)(radix), (x))
/* The split form of a transform that was not scaled down: the halves of the sums stand in for the fixed point's two. */
#define HALF_SUM(a, b) (((a) + (b)) * (SCALAR).5)
#define HALF_DIFFERENCE(a, b) (((a) - (b)) * (SCALAR).5)

#define SCALAR float
#define PLAN ln_fft_f32
#define NAME(verb) PASTE(verb, f32)
#define FROM_DOUBLE(x) ((float)(x))
#include "kernels/generic/fft_tmpl.inc"
#undef SCALAR
#undef PLAN
#undef NAME
#undef FROM_DOUBLE

#define SCALAR double
#define PLAN ln_fft_f64
#define NAME(verb) PASTE(verb, f64)
#define FROM_DOUBLE(x) (x)
#include "kernels/generic/fft_tmpl.inc"
#undef SCALAR
#undef PLAN
#undef NAME
#undef ADD
#undef SUB
#undef DOT_SUB
#undef DOT_ADD
#undef SCALE_DOWN
#undef FROM_DOUBLE
#undef HALF_SUM
#undef HALF_DIFFERENCE

static inline int16_t wrap16(int32_t x) { return (int16_t)(uint16_t)(uint32_t)x; }
/* Products wrap in 32 bits, then round at the 15 fraction bits. */
static inline int16_t round16(uint32_t x) { return wrap16((int32_t)(x + (UINT32_C(1) << 14)) >> 15); }
static inline uint32_t product16(int16_t a, int16_t b) { return (uint32_t)((int32_t)a * b); }

#define SCALAR int16_t
#define PLAN ln_fft_i16
#define NAME(verb) PASTE(verb, i16)
#define ADD(a, b) wrap16((int32_t)(a) + (b))
#define SUB(a, b) wrap16((int32_t)(a) - (b))
#define DOT_SUB(a, b, c, d) round16(product16(a, b) - product16(c, d))
#define DOT_ADD(a, b, c, d) round16(product16(a, b) + product16(c, d))
#define SCALE_DOWN(x, radix) round16(product16(x, (int16_t)(INT16_MAX / (radix))))
#define FROM_DOUBLE(x) ((int16_t)floor(.5 + INT16_MAX * (x)))
/* The sum itself is taken in 32 bits: only its half is stored. */
#define HALF_SUM(a, b) wrap16(((int32_t)(a) + (b)) >> 1)
#define HALF_DIFFERENCE(a, b) wrap16(((int32_t)(a) - (b)) >> 1)
#include "kernels/generic/fft_tmpl.inc"
#undef SCALAR
#undef PLAN
#undef NAME
#undef ADD
#undef SUB
#undef DOT_SUB
#undef DOT_ADD
#undef SCALE_DOWN
#undef FROM_DOUBLE
#undef HALF_SUM
#undef HALF_DIFFERENCE

static inline int32_t wrap32(uint32_t x) { return (int32_t)x; }
static inline int32_t round32(uint64_t x) {
  return wrap32((uint32_t)(uint64_t)((int64_t)(x + (UINT64_C(1) << 30)) >> 31));
}
static inline uint64_t product32(int32_t a, int32_t b) { return (uint64_t)((int64_t)a * b); }

#define SCALAR int32_t
#define PLAN ln_fft_i32
#define NAME(verb) PASTE(verb, i32)
#define ADD(a, b) wrap32((uint32_t)(a) + (uint32_t)(b))
#define SUB(a, b) wrap32((uint32_t)(a) - (uint32_t)(b))
#define DOT_SUB(a, b, c, d) round32(product32(a, b) - product32(c, d))
#define DOT_ADD(a, b, c, d) round32(product32(a, b) + product32(c, d))
#define SCALE_DOWN(x, radix) round32(product32(x, INT32_MAX / (radix)))
#define FROM_DOUBLE(x) ((int32_t)floor(.5 + INT32_MAX * (x)))
#define HALF_SUM(a, b) (wrap32((uint32_t)(a) + (uint32_t)(b)) >> 1)
#define HALF_DIFFERENCE(a, b) (wrap32((uint32_t)(a) - (uint32_t)(b)) >> 1)
#include "kernels/generic/fft_tmpl.inc"

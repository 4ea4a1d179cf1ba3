/* Matrix times vector in bytes with NEON's dot products. */
#include <arm_neon.h>

#define LN_INLINE static inline __attribute__((always_inline))

LN_INLINE int32x4_t add_products(int32x4_t sum, int8x16_t w, int8x16_t x) { return vdotq_s32(sum, w, x); }

#define MATVEC_I8 ln_matvec_i8_neondot
#include "kernels/arm/matvec_i8.inc"

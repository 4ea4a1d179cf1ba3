/* Matrix products of floats with B of float16, for NEON. */
#include "kernels/arm/vec_f32.h"

LN_INLINE vf load_b(const uint16_t *p) { return vcvt_f32_f16(vreinterpret_f16_u16(vld1_u16(p))); }

#define GEMM_B uint16_t
#include "kernels/arm/gemm_f32_tmpl.inc"

const ln_gemm_half_kernel ln_gemm_f16_8x8_neon = {"gemm_f16_8x8_neon", MR, NR, 1, true, run};

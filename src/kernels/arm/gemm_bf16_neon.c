/* Matrix products of floats with B of bfloat16, for NEON. */
#include "kernels/arm/vec_f32.h"

LN_INLINE vf load_b(const uint16_t *p) { return vreinterpretq_f32_u32(vshll_n_u16(vld1_u16(p), 16)); }

#define GEMM_B uint16_t
#include "kernels/arm/gemm_f32_tmpl.inc"

const ln_gemm_half_kernel ln_gemm_bf16_8x8_neon = {"gemm_bf16_8x8_neon", MR, NR, 1, true, run};

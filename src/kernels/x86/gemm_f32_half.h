/* Part of gemm_f32_14x32_avx512: up to eight columns of a panel, which may begin inside of it (ln_gemm_f32_fn). */
#ifndef LN_KERNELS_X86_GEMM_F32_HALF_H
#define LN_KERNELS_X86_GEMM_F32_HALF_H

#include "kernels/gemm.h"

void ln_gemm_f32_half_avx512(int32_t m, int32_t n, const ln_gemm_a *a, const float *panel, const float *bias, float *c,
                             ptrdiff_t c_stride, float low, float high);

#endif

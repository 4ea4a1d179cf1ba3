/* Depthwise rows of half a vector of AVX-512: twice as many multiply-adds of 8 lanes are done in a cycle as of 16. */
#ifndef LN_KERNELS_X86_DWCONV_F32_HALF_H
#define LN_KERNELS_X86_DWCONV_F32_HALF_H

#include "kernels/dwconv.h"

/* At most 8 channels of one block of `block` packed channels; otherwise as ln_dwconv_f32_fn. */
void ln_dwconv_f32_half_avx2(const ln_dwconv_f32 *args, const ln_dwconv_row *row, int32_t block);

#endif

/* Float depthwise convolution with AVX2 and FMA: blocks of 8 channels. */
#include "kernels/x86/dwconv_f32_half.h"

#include "kernels/x86/dwconv_f32.inc"

static void run(const ln_dwconv_f32 *args, const ln_dwconv_row *row) { rows(args, row, VF_LANES); }

void ln_dwconv_f32_half_avx2(const ln_dwconv_f32 *args, const ln_dwconv_row *row, int32_t block) {
  rows(args, row, block);
}

const ln_dwconv_f32_kernel dwconv_f32_8_avx2 = {run, VF_LANES};

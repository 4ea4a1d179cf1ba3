/* Float depthwise convolution with AVX-512: blocks of 16 channels; up to 8 alone by halves of vectors. */
#include "kernels/x86/dwconv_f32.inc"
#include "kernels/x86/dwconv_f32_half.h"

static void run(const ln_dwconv_f32 *args, const ln_dwconv_row *row) {
  if (row->last - row->first > VF_LANES / 2) rows(args, row, VF_LANES);
  else ln_dwconv_f32_half_avx2(args, row, VF_LANES);
}

const ln_dwconv_f32_kernel dwconv_f32_16_avx512 = {run, VF_LANES};

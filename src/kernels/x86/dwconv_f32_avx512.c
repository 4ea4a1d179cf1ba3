/* Float depthwise convolution with AVX-512: blocks of 16 channels, the last one of up to 8 by halves of vectors. */
#include "kernels/x86/dwconv_f32.inc"
#include "kernels/x86/dwconv_f32_half.h"

static void run(const ln_dwconv_f32 *args, const ln_dwconv_row *row) {
  const int32_t left = (row->last - row->first) % VF_LANES;
  if (left == 0 || left > VF_LANES / 2) {
    rows(args, row, VF_LANES);
    return;
  }
  ln_dwconv_row part = *row;
  part.last = row->last - left;
  if (part.first < part.last) rows(args, &part, VF_LANES);
  part.first = part.last;
  part.last = row->last;
  ln_dwconv_f32_half_avx2(args, &part, VF_LANES);
}

const ln_dwconv_f32_kernel dwconv_f32_16_avx512 = {run, VF_LANES};

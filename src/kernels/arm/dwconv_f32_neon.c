/* Float depthwise convolution with NEON: blocks of 4 channels. */
#include "kernels/x86/dwconv_f32.inc"

static void run(const ln_dwconv_f32 *args, const ln_dwconv_row *row) { rows(args, row, VF_LANES); }

const ln_dwconv_f32_kernel dwconv_f32_4_neon = {run, VF_LANES};

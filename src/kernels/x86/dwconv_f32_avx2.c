/* Float depthwise convolution with AVX2. */
#define DWCONV_F32 dwconv_f32_8_avx2
#include "kernels/x86/dwconv_f32.inc"

/* Float depthwise convolution with AVX-512. */
#define DWCONV_F32 dwconv_f32_16_avx512
#include "kernels/x86/dwconv_f32.inc"

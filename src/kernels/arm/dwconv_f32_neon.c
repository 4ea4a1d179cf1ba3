/* Float depthwise rows with NEON. */
#define DWCONV_F32 dwconv_f32_4_neon
#include "kernels/x86/dwconv_f32.inc"

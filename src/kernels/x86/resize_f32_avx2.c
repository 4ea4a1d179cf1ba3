/* Float resizing with AVX2. */
#define RESIZE_MIX resize_mix_f32_avx2
#define RESIZE_COLUMNS resize_columns_f32_avx2
#include "kernels/x86/resize_f32.inc"

/* Float resizing with AVX-512. */
#define RESIZE_MIX resize_mix_f32_avx512
#define RESIZE_COLUMNS resize_columns_f32_avx512
#include "kernels/x86/resize_f32.inc"

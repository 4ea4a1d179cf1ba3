/* Float resizing with NEON. */
#define RESIZE_MIX resize_mix_f32_neon
#define RESIZE_COLUMNS resize_columns_f32_neon
#include "kernels/x86/resize_f32.inc"

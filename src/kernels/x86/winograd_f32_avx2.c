/* Winograd's transforms with AVX2. */
#define WINOGRAD_INPUT winograd_input_avx2
#define WINOGRAD_OUTPUT winograd_output_avx2
#include "kernels/x86/winograd_f32.inc"

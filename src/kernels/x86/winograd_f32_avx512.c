/* Winograd's transforms with AVX-512. */
#define WINOGRAD_INPUT winograd_input_avx512
#define WINOGRAD_OUTPUT winograd_output_avx512
#include "kernels/x86/winograd_f32.inc"

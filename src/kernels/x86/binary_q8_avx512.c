/* Quantized 8-bit arithmetic of two tensors for AVX-512. */
#define KERNEL(stem) ln_##stem##_avx512
#include "kernels/x86/binary_q8.inc"

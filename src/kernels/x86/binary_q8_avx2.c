/* Quantized 8-bit arithmetic of two tensors for AVX2. */
#define KERNEL(stem) ln_##stem##_avx2
#include "kernels/x86/binary_q8.inc"

/* Quantized 8-bit arithmetic of two tensors with NEON. */
#define KERNEL(stem) ln_##stem##_neon
#include "kernels/x86/binary_q8.inc"

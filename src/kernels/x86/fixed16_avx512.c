/* Logistic and tanh in 16-bit fixed point, AVX-512. */
#define NAME(stem) stem##_avx512
#include "kernels/generic/fixed16_tmpl.inc"

/* Logistic and tanh in 16-bit fixed point, AVX2. */
#define NAME(stem) stem##_avx2
#include "kernels/generic/fixed16_tmpl.inc"

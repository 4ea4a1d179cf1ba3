/* Logistic and tanh in 16-bit fixed point, NEON. */
#define NAME(stem) stem##_neon
#include "kernels/generic/fixed16_tmpl.inc"

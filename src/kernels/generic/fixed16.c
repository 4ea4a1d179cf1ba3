/* Logistic and tanh in 16-bit fixed point, plain C. */
#define NAME(stem) stem##_generic
#include "kernels/generic/fixed16_tmpl.inc"

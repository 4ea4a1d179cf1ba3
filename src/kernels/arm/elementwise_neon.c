/*
 * Functions of floats by the steps of math_f32.h with NEON, vectorized by the compiler; every step is one IEEE
 * operation, so that an element's bits do not depend on where in a vector (or in the tail) it stands. What plain C
 * computes with the same instructions already has no kernel here.
 */
#include "kernels/math_f32.h"
#include "kernels/rows.h"

#define KERNEL(stem) ln_##stem##_neon
#define EXP ln_exp_f32
#define EXPM1 ln_expm1_negative_f32
#define LOGISTIC ln_logistic_f32
#define TANH ln_tanh_f32

#include "kernels/unary_body.inc"

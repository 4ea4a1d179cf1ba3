/*
 * Element-wise kernels for AVX2: the shared bodies, vectorized by the compiler. Every step is one IEEE
 * operation, so that an element's bits do not depend on where in a vector (or in the tail) it stands.
 */
#include "kernels/binary_body.h"
#include "kernels/math_f32.h"
#include "kernels/rows.h"

#define KERNEL(stem) ln_##stem##_avx2
#define UNARY_EXP_ELSEWHERE
#define LOG ln_log_f32
#define ERF_PLUS_ONE ln_erf_plus_one_f32

#include "kernels/binary_f32.inc"
#include "kernels/convert_body.inc"
#include "kernels/hybrid_body.inc"
#include "kernels/unary_body.inc"
#include "kernels/unary_log_body.inc"
#include "kernels/x86/unary_exp.inc"

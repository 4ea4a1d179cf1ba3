/* Softmax of floats with AVX2. */
#include "kernels/softmax.h"

ln_softmax_f32_fn ln_softmax_f32_avx2;
#define KERNEL ln_softmax_f32_avx2
#include "kernels/x86/softmax_f32.inc"

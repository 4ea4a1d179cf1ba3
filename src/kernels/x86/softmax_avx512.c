/* Softmax of floats with AVX-512. */
#include "kernels/softmax.h"

ln_softmax_f32_fn ln_softmax_f32_avx512;
#define KERNEL ln_softmax_f32_avx512
#include "kernels/x86/softmax_f32.inc"

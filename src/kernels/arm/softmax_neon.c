/* Softmax of floats with NEON. */
#include "kernels/softmax.h"

ln_softmax_f32_fn ln_softmax_f32_neon;
#define KERNEL ln_softmax_f32_neon
#include "kernels/x86/softmax_f32.inc"

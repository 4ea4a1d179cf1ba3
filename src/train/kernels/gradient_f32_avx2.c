/* The gradients' kernels with AVX2 and FMA. */
#define TABLE ln_gradient_kernels_avx2
#define INNER 2
#define MR 6
#define TILES(CASE) CASE(6) CASE(4) CASE(3) CASE(2) CASE(1)
#include "train/kernels/gradient_f32.inc"

/* The gradients' kernels with AVX-512. */
#define TABLE ln_gradient_kernels_avx512
#define INNER 2
#define MR 12
#define TILES(CASE) CASE(12) CASE(9) CASE(6) CASE(4) CASE(3) CASE(2) CASE(1)
#include "train/kernels/gradient_f32.inc"

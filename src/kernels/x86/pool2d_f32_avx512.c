/* Float pooling with AVX-512. */
#define POOL2D_AVERAGE pool2d_average_f32_avx512
#define POOL2D_MAX pool2d_max_f32_avx512
#include "kernels/x86/pool2d_f32.inc"

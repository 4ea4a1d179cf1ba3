/* Float pooling with AVX2. */
#define POOL2D_AVERAGE pool2d_average_f32_avx2
#define POOL2D_MAX pool2d_max_f32_avx2
#include "kernels/x86/pool2d_f32.inc"

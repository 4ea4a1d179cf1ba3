/* Float pooling with NEON. */
#define POOL2D_AVERAGE pool2d_average_f32_neon
#define POOL2D_MAX pool2d_max_f32_neon
#include "kernels/x86/pool2d_f32.inc"

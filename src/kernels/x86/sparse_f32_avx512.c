/* Products of floats with a sparse B with AVX-512. */
#define RUN sparse_f32_avx512
#define TRANSPOSE transpose_x32_avx2
#define MOST 16
#define EACH_VECTOR_COUNT(CASE) CASE(1) CASE(2) CASE(3) CASE(4)
#include "kernels/x86/sparse_f32.inc"

/* Products of floats with a sparse B with AVX2. */
#define RUN sparse_f32_avx2
#define TRANSPOSE transpose_x32_avx2
#define MOST 8
#define EACH_VECTOR_COUNT(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#include "kernels/x86/sparse_f32.inc"

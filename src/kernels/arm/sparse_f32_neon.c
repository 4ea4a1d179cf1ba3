/* Products of floats with a sparse B with NEON. */
#define RUN sparse_f32_neon
#define TRANSPOSE transpose_x32_neon
#define MOST 16
#define FIRST_EIGHT(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#define LAST_EIGHT(CASE) CASE(9) CASE(10) CASE(11) CASE(12) CASE(13) CASE(14) CASE(15) CASE(16)
#define EACH_VECTOR_COUNT(CASE) FIRST_EIGHT(CASE) LAST_EIGHT(CASE)
#include "kernels/x86/sparse_f32.inc"

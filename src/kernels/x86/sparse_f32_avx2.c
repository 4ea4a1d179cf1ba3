/* Products of floats with a sparse B with AVX2. */
#define RUN sparse_f32_avx2
#define TRANSPOSE transpose_x32_avx2
#define MOST 8
#define EACH_VECTOR_COUNT(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8)
#include "kernels/x86/sparse_f32.inc"

#define RUN_FEW few
#define TABLE __m256
#define INDEX __m256i
#define LOAD_TABLE(p) _mm256_loadu_ps(p)
#define LOAD_INDEX(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define NEXT_INDEX(x) _mm256_srli_epi32(x, 8)
#define LOOK_UP(table, index) _mm256_permutevar8x32_ps(table, index)
#include "kernels/x86/sparse_few.inc"

const ln_sparse_few_kernel sparse_few_avx2 = {few, VF_LANES, VF_LANES, true};

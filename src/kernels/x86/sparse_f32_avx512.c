/* Products of floats with a sparse B with AVX-512. */
#define RUN sparse_f32_avx512
#define TRANSPOSE transpose_x32_avx2
#define MOST 16
#define EACH_VECTOR_COUNT(CASE) CASE(1) CASE(2) CASE(3) CASE(4)
#include "kernels/x86/sparse_f32.inc"

typedef struct few_table {
  __m512 low, high;
} few_table;

static inline __attribute__((always_inline)) few_table load_table(const float *p) {
  return (few_table){_mm512_loadu_ps(p), _mm512_loadu_ps(p + VF_LANES)};
}

#define RUN_FEW few
#define TABLE few_table
#define INDEX __m512i
#define LOAD_TABLE(p) load_table(p)
#define LOAD_INDEX(p) _mm512_loadu_si512(p)
#define NEXT_INDEX(x) _mm512_srli_epi32(x, 8)
#define LOOK_UP(table, index) _mm512_permutex2var_ps((table).low, index, (table).high)
#include "kernels/x86/sparse_few.inc"

const ln_sparse_few_kernel sparse_few_avx512 = {few, VF_LANES, 2 * VF_LANES, true};

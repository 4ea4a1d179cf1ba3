/* Matrix products of floats with B of float16, for AVX-512. */
#include <immintrin.h>

enum { MR = 14 };
#define GEMM_ROWS(CASE) FEW_ROW_COUNTS(CASE)
#define GEMM_NEXT_ROWS(left, most) tile_rows_of_few(left, most)
#define GEMM_HALF NULL
#define GEMM_B uint16_t
#define GEMM_GROUP 1
#define GEMM_FN ln_gemm_half_fn
#define VEC_B_BYTES 32
#define VEC_LOAD(p) _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(const void *)(p)))
#define VEC_SPREAD(p) vf_set(*(const float *)(const void *)(p))
#define VEC_FMA(sum, a, b) vf_fma(a, b, sum)
#include "kernels/x86/gemm_f32_tmpl.inc"

const ln_gemm_half_kernel ln_gemm_f16_14x32_avx512 = {"gemm_f16_14x32_avx512", MR, NR, 1, false, run};

/* Matrix products of floats with B of float16, for AVX2 and F16C. */
#include <immintrin.h>

enum { MR = 6 };
#define GEMM_ROWS(CASE) CASE(1) CASE(2) CASE(4) CASE(6)
#define GEMM_NEXT_ROWS(left, most) tile_rows_of_few(left, most)
#define GEMM_HALF NULL
#define GEMM_B uint16_t
#define GEMM_GROUP 1
#define GEMM_FN ln_gemm_half_fn
#define VEC_B_BYTES 16
#define VEC_LOAD(p) _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define VEC_SPREAD(p) vf_set(*(const float *)(const void *)(p))
#define VEC_FMA(sum, a, b) vf_fma(a, b, sum)
#include "kernels/x86/gemm_f32_tmpl.inc"

const ln_gemm_half_kernel ln_gemm_f16_6x16_avx2 = {"gemm_f16_6x16_avx2", MR, NR, 1, true, run};

/* Matrix products of floats with B of bfloat16, for AVX2. */
#include <immintrin.h>

enum { MR = 6 };
#define GEMM_ROWS(CASE) CASE(1) CASE(2) CASE(4) CASE(6)
#define GEMM_NEXT_ROWS(left, most) tile_rows_of_few(left, most)
#define GEMM_HALF NULL
#define GEMM_B uint16_t
#define GEMM_GROUP 1
#define GEMM_FN ln_gemm_half_fn
#define VEC_B_BYTES 16
#define WIDEN(p) _mm256_cvtepu16_epi32(_mm_loadu_si128((const __m128i *)(const void *)(p)))
#define VEC_LOAD(p) _mm256_castsi256_ps(_mm256_slli_epi32(WIDEN(p), 16))
#define VEC_SPREAD(p) vf_set(*(const float *)(const void *)(p))
#define VEC_FMA(sum, a, b) vf_fma(a, b, sum)
#include "kernels/x86/gemm_f32_tmpl.inc"

const ln_gemm_half_kernel ln_gemm_bf16_6x16_avx2 = {"gemm_bf16_6x16_avx2", MR, NR, 1, true, run};

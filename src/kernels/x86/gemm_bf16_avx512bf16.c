/* Matrix products of bfloat16 with AVX-512 BF16: two products of every sum at a time. */
#include <immintrin.h>

enum { MR = 14 };
#define GEMM_ROWS(CASE) FEW_ROW_COUNTS(CASE)
#define GEMM_NEXT_ROWS(left, most) tile_rows_of_few(left, most)
#define GEMM_HALF NULL
#define GEMM_B uint16_t
#define GEMM_GROUP 2
#define GEMM_FN ln_gemm_half_fn
#define VEC_LOAD(p) vf_load((const float *)(const void *)(p))
#define VEC_SPREAD(p) vf_set(*(const float *)(const void *)(p))
#define VEC_FMA(sum, a, b) _mm512_dpbf16_ps(sum, (__m512bh)(a), (__m512bh)(b))
#include "kernels/x86/gemm_f32_tmpl.inc"

const ln_gemm_half_kernel ln_gemm_bf16_14x32_avx512bf16 = {"gemm_bf16_14x32_avx512bf16", MR, NR, 2, true, run};

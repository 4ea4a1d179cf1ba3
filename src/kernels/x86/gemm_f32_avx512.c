/* Matrix products of floats with AVX-512: tiles of 14 rows by two vectors of columns. */
#include "kernels/x86/gemm_f32_half.h"

enum { MR = 14 };
#define GEMM_ROWS(CASE) EACH_ROW_COUNT(CASE)
#define GEMM_NEXT_ROWS(left) tile_rows(left, MR)
#define GEMM_HALF ln_gemm_f32_half_avx512
#include "kernels/x86/gemm_f32_tmpl.inc"

const ln_gemm_f32_kernel ln_gemm_f32_14x32_avx512 = {"gemm_f32_14x32_avx512", MR, NR, run};

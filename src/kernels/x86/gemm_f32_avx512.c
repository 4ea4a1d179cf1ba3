/* Matrix products of floats with AVX-512: tiles of 14 rows by two vectors of columns. */
enum { MR = 14 };
#define GEMM_ROWS(CASE) EACH_ROW_COUNT(CASE)
#include "kernels/x86/gemm_f32_tmpl.inc"

const ln_gemm_f32_kernel ln_gemm_f32_14x32_avx512 = {"gemm_f32_14x32_avx512", MR, NR, run};

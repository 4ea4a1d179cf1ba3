/* Matrix products of floats with AVX2 and FMA: tiles of 6 rows by two vectors of columns. */
enum { MR = 6 };
#define GEMM_ROWS(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#define GEMM_NEXT_ROWS(left, most) tile_rows(left, most)
#define GEMM_HALF NULL
#include "kernels/x86/gemm_f32_tmpl.inc"

const ln_gemm_f32_kernel ln_gemm_f32_6x16_avx2 = {"gemm_f32_6x16_avx2", MR, NR, run};

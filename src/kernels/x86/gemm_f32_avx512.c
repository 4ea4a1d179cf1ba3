/* Matrix products of floats with AVX-512: tiles of 14 rows by two vectors of columns. */
#include "kernels/x86/gemm_f32_half.h"

enum { MR = 14 };
/* Without heights that two tiles make up for as well. */
#define GEMM_ROWS(CASE) CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6) CASE(7) CASE(8) CASE(10) CASE(12) CASE(14)
#define GEMM_NEXT_ROWS(left, most) next_rows(left, most)
#define GEMM_HALF ln_gemm_f32_half_avx512

static inline int next_rows(int left, int most) {
  const int tiles = (left + most - 1) / most, rows = (left + tiles - 1) / tiles;
  if (rows < 9 || rows % 2 == 0) return rows;
  return rows < left ? rows + 1 : (rows + 1) / 2;
}

#include "kernels/x86/gemm_f32_tmpl.inc"

const ln_gemm_f32_kernel ln_gemm_f32_14x32_avx512 = {"gemm_f32_14x32_avx512", MR, NR, run};

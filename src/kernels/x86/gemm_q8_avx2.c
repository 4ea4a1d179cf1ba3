/* Matrix products of bytes with AVX2: pairs of int16, zero points taken off beforehand; tiles of 6 rows by two vectors.
 */
#include <immintrin.h>
#include <string.h>

#include "base/selection.h"
#include "kernels/kernels.h"
#include "kernels/x86/gemm_pack.h"
#include "kernels/x86/requantize_avx2.h"

static inline __m256i spread(const char *p) {
  int32_t pair;
  memcpy(&pair, p, sizeof pair);
  return _mm256_set1_epi32(pair);
}

/* The statement keeps products and sums in this order: compilers else make all products first and have no registers. */
static inline __m256i add_products(__m256i sum, __m256i a, __m256i b) {
  sum = _mm256_add_epi32(sum, _mm256_madd_epi16(a, b));
  __asm__ volatile("" : "+x"(sum));
  return sum;
}

#define VEC __m256i
#define VEC_LANES 8
#define VEC_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define VEC_SPREAD(p) spread(p)
#define VEC_FMA(sum, a, b) add_products(sum, a, b)
#include "kernels/x86/gemm_tile_tmpl.inc"

enum { GROUP = 2 };

#include "kernels/x86/gemm_q8_256.inc"

#include "kernels/x86/gemm_i16_form.inc"

const ln_gemm_q8_kernel ln_gemm_q8_6x16_avx2 = {
    "gemm_q8_6x16_avx2", MR, NR, GROUP, LN_GEMM_A_I16, run_q8, run_i32, convert_a, pack_b, 2, NULL, 0, NULL,
    LN_IS_WHOLE};

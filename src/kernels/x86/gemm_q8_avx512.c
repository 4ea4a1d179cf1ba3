/* Matrix products of bytes with AVX-512 but without VNNI: pairs of int16, zero points taken off beforehand. */
#include <immintrin.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/x86/gemm_pack.h"
#include "kernels/x86/requantize_avx512.h"

static inline __m512i spread(const char *p) {
  int32_t pair;
  memcpy(&pair, p, sizeof pair);
  return _mm512_set1_epi32(pair);
}

#define VEC __m512i
#define VEC_LANES 16
#define VEC_LOAD(p) _mm512_loadu_si512(p)
#define VEC_SPREAD(p) spread(p)
#define VEC_FMA(sum, a, b) _mm512_add_epi32(sum, _mm512_madd_epi16(a, b))
#include "kernels/x86/gemm_tile_tmpl.inc"

enum { MR = 14, NR = 32, GROUP = 2 };

#include "kernels/x86/requantize_floats.h"
#include "kernels/x86/gemm_q8_tmpl.inc"

#include "kernels/x86/gemm_i16_form.inc"

const ln_gemm_q8_kernel ln_gemm_q8_14x32_avx512 = {
    "gemm_q8_14x32_avx512",  MR,          NR,  GROUP, LN_GEMM_A_I16, run_q8, run_i32, convert_a, pack_b, 2, NULL,
    sizeof(ln_floats_panel), floats_fold, true};

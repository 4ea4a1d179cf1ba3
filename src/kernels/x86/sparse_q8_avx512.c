/* Products of bytes with a sparse B with AVX-512. */
#include <immintrin.h>
#include <string.h>

#include "kernels/x86/requantize_avx512.h"
#include "kernels/x86/sparse_q8.h"

#define V __m512i
#define V_BYTES 64
#define VI(name) _mm512_##name
#define V_LOAD(p) _mm512_loadu_si512(p)
#define SCALE ln_requantize_avx512
#define SCALE_MAKE ln_requantize_avx512_make
#define SCALE_NARROW ln_requantize_avx512_narrow
#define V_STORE_BYTES(p, x) _mm256_storeu_si256((__m256i *)(void *)(p), _mm512_cvtsepi16_epi8(x))
#define ROWS_VECTORS 2
#include "kernels/x86/sparse_q8_pairs.inc"

const ln_sparse_q8_kernel ln_sparse_q8_avx512 = {"sparse_q8_avx512", 2, 2, 0, run};

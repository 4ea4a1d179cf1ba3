/* Products of bytes with a sparse B with AVX2. */
#include <immintrin.h>
#include <string.h>

#include "kernels/x86/requantize_avx2.h"
#include "kernels/x86/sparse_q8.h"

#define V __m256i
#define V_BYTES 32
#define VI(name) _mm256_##name
#define V_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define SCALE ln_requantize_avx2
#define SCALE_MAKE ln_requantize_avx2_make
#define SCALE_NARROW ln_requantize_avx2_narrow
#define SCALE_REAL ln_multiply_real_avx2
#define V_STORE_BYTES(p, x)                \
  _mm_storeu_si128((__m128i *)(void *)(p), \
                   _mm256_castsi256_si128(_mm256_permute4x64_epi64(_mm256_packs_epi16(x, x), 0x08)))
#define ROWS_VECTORS 1
#include "kernels/x86/sparse_q8_pairs.inc"

const ln_sparse_q8_kernel ln_sparse_q8_avx2 = {"sparse_q8_avx2", 2, 2, 0, run};

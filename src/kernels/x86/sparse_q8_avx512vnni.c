/* Products of bytes with a sparse B with AVX-512 VNNI: 64 pixels at a time, or 32 where there are no more. */
#include <immintrin.h>
#include <string.h>

#include "kernels/x86/requantize_avx2.h"
#include "kernels/x86/requantize_avx512.h"
#include "kernels/x86/sparse_q8.h"

#define V __m512i
#define V_BYTES 64
#define VI(name) _mm512_##name
#define V_LOAD(p) _mm512_loadu_si512(p)
#define V_STORE(p, x) _mm512_storeu_si512(p, x)
#define SCALE ln_requantize_avx512
#define SCALE_MAKE ln_requantize_avx512_make
#define SCALE_NARROW ln_requantize_avx512_narrow
#define GROUP_SUMS group_sums_64
#include "kernels/x86/sparse_q8_quads.inc"

#define V __m256i
#define V_BYTES 32
#define VI(name) _mm256_##name
#define V_LOAD(p) _mm256_loadu_si256((const __m256i *)(const void *)(p))
#define V_STORE(p, x) _mm256_storeu_si256((__m256i *)(void *)(p), x)
#define SCALE ln_requantize_avx2
#define SCALE_MAKE ln_requantize_avx2_make
#define SCALE_NARROW ln_requantize_avx2_narrow
#define GROUP_SUMS group_sums_32
#include "kernels/x86/sparse_q8_quads.inc"

static void band(const ln_sparse_b *b, int32_t from, int32_t to, int32_t pixels, const void *a,
                 const ln_gemm_q8_params *params, int8_t *out) {
  for (int32_t g = from; g < to; ++g, out += b->rows * PIXELS) {
    switch (b->rows + (pixels > 32 ? 0 : 8)) {
      case 1: group_sums_64(1, b, g, a, params, out); break;
      case 4: group_sums_64(4, b, g, a, params, out); break;
      case 9: group_sums_32(1, b, g, a, params, out); break;
      default: group_sums_32(4, b, g, a, params, out); break;
    }
  }
}

static void run(int32_t m, const ln_sparse_b *b, const int8_t *a, ptrdiff_t a_stride, const ln_gemm_q8_params *params,
                int8_t *c, ptrdiff_t c_stride, void *scratch) {
  int8_t *by_channel = scratch, *results = by_channel + (size_t)b->k * PIXELS;
  const __m512i flip = _mm512_set1_epi8(-128);
  for (int32_t first = 0; first < m; first += PIXELS) {
    const int32_t pixels = m - first < PIXELS ? m - first : PIXELS;
    transpose_x8_avx2((size_t)b->k, (size_t)pixels, a + first * a_stride, a_stride, by_channel, PIXELS);
    for (int32_t p = 0; p < b->k; ++p) {
      int8_t *channel = by_channel + (ptrdiff_t)p * PIXELS;
      _mm512_storeu_si512(channel, _mm512_xor_si512(_mm512_loadu_si512(channel), flip));
    }
    ln_sparse_bands(band, b, pixels, by_channel, params, results, c + first * c_stride, c_stride);
  }
}

const ln_sparse_q8_kernel ln_sparse_q8_avx512vnni = {"sparse_q8_avx512vnni", 4, 1, 128, run};

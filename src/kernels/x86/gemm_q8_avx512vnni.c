/*
 * Matrix products of bytes with AVX-512 VNNI: unsigned bytes of A times signed bytes of B, tiles of 14 rows by two
 * vectors of columns.
 */
#include <immintrin.h>
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/x86/gemm_pack.h"
#include "kernels/x86/reduce_avx512.h"
#include "kernels/x86/requantize_avx512.h"

static inline __m512i spread(const char *p) {
  int32_t bytes;
  memcpy(&bytes, p, sizeof bytes);
  return _mm512_set1_epi32(bytes);
}

#define VEC __m512i
#define VEC_LANES 16
#define VEC_LOAD(p) _mm512_loadu_si512(p)
#define VEC_SPREAD(p) spread(p)
#define VEC_FMA(sum, a, b) _mm512_dpbusd_epi32(sum, a, b)
#include "kernels/x86/gemm_tile_tmpl.inc"

enum { MR = 14, NR = 32, GROUP = 4 };

#include "kernels/x86/requantize_floats.h"
#include "kernels/x86/gemm_q8_tmpl.inc"

static void convert_a(const void *source, bool is_unsigned, int32_t zero_point, size_t count, void *a) {
  (void)zero_point;
  const __m512i flip = _mm512_set1_epi8((char)(is_unsigned ? 0 : -128));
  const char *in = source;
  char *out = a;
  size_t i = 0;
  for (; i + 64 <= count; i += 64) _mm512_storeu_si512(out + i, _mm512_xor_si512(_mm512_loadu_si512(in + i), flip));
  if (i < count) {
    const __mmask64 mask = (__mmask64)((UINT64_C(1) << (count - i)) - 1);
    _mm512_mask_storeu_epi8(out + i, mask, _mm512_xor_si512(_mm512_maskz_loadu_epi8(mask, in + i), flip));
  }
}

LN_DEFINE_PACK(pack_groups, int8_t, GROUP)

static void pack_b(int32_t n, int32_t segments, int32_t segment_length, const void *b, bool is_unsigned,
                   int32_t zero_point, ptrdiff_t s_stride, ptrdiff_t p_stride, ptrdiff_t n_stride, void *packed,
                   int32_t *column_sums) {
  (void)zero_point;
  const ln_pack_bytes p = {NR, n, segments, segment_length, b, is_unsigned, s_stride, p_stride, n_stride};
  if (ln_pack_bytes_by_registers(&p, packed, column_sums)) return;
  pack_groups(&p, is_unsigned ? 128 : 0, packed, column_sums);
}

/* Sixteen rows at a time; rows past `rows` repeat the last one. */
static inline __attribute__((always_inline)) __m512i sixteen_sums(int32_t rows, const ln_gemm_a *a, ptrdiff_t offset) {
  const __m512i ones = _mm512_set1_epi8(1);
  const __mmask64 tail = (__mmask64)((UINT64_C(1) << (a->segment_length % 64)) - 1);
  const ptrdiff_t stride = a->row_stride;
  __m512i sums[16];
#pragma GCC unroll 16
  for (int i = 0; i < 16; ++i) sums[i] = _mm512_setzero_si512();
  for (int32_t s = 0; s < a->segment_count; ++s) {
    const char *first = (const char *)a->segments[s] + offset;
    int32_t p = 0;
    for (; p + 64 <= a->segment_length; p += 64) {
#pragma GCC unroll 16
      for (int i = 0; i < 16; ++i) {
        const char *row = first + (i < rows ? i : rows - 1) * stride + p;
        sums[i] = _mm512_dpbusd_epi32(sums[i], _mm512_loadu_si512(row), ones);
      }
    }
    if (tail == 0) continue;
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i) {
      const char *row = first + (i < rows ? i : rows - 1) * stride + p;
      sums[i] = _mm512_dpbusd_epi32(sums[i], _mm512_maskz_loadu_epi8(tail, row), ones);
    }
  }
  return ln_reduce16_epi32(sums);
}

static void row_sums(int32_t m, const ln_gemm_a *a, int32_t *sums) {
  int32_t i = 0;
  for (; i + 16 <= m; i += 16) _mm512_storeu_si512(sums + i, sixteen_sums(16, a, i * a->row_stride));
  if (i < m) {
    _mm512_mask_storeu_epi32(sums + i, (__mmask16)(0xFFFF >> (16 - (m - i))),
                             sixteen_sums(m - i, a, i * a->row_stride));
  }
}

const ln_gemm_q8_kernel ln_gemm_q8_14x32_avx512vnni = {
    "gemm_q8_14x32_avx512vnni", MR,          NR,  GROUP, LN_GEMM_A_U8, run_q8, run_i32, convert_a, pack_b, 1, row_sums,
    sizeof(ln_floats_panel),    floats_fold, true};

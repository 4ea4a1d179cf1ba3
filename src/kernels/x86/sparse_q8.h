/* What the products of bytes with a sparse B share: the loop over bands of columns, and scaling without vectors. */
#ifndef LN_KERNELS_X86_SPARSE_Q8_H
#define LN_KERNELS_X86_SPARSE_Q8_H

#include "kernels/quant.h"
#include "kernels/sparse.h"
#include "kernels/transpose.h"

#define SPARSE_INLINE static inline __attribute__((always_inline))

extern ln_transpose_fn transpose_x8_avx2;

enum { PIXELS = LN_SPARSE_PIXELS, BAND = 64 }; /* BAND: columns whose results are brought back together */

/* Sums of one column that fit no vector path. */
static inline void ln_sparse_scale(int32_t count, int32_t column, const int32_t *sums, const ln_gemm_q8_params *params,
                                   int8_t *out) {
  for (int32_t i = 0; i < count; ++i) {
    const int32_t scaled = params->reals != NULL
                               ? ln_multiply_real(sums[i], params->reals[column])
                               : ln_multiply_quantized(sums[i], params->multiplier[column], params->shift[column]);
    const int64_t moved = (int64_t)scaled + params->zero_point;
    out[i] = (int8_t)(moved < params->low ? params->low : moved > params->high ? params->high : moved);
  }
}

/* Columns of groups [from, to) for the block's pixels: out [columns][PIXELS]. */
typedef void ln_sparse_band_fn(const ln_sparse_b *b, int32_t from, int32_t to, int32_t pixels, const void *a,
                               const ln_gemm_q8_params *params, int8_t *out);

/* Each band of a block of pixels, whose channels lie at `a` in the kernel's form, into C. */
static inline void ln_sparse_bands(ln_sparse_band_fn *band, const ln_sparse_b *b, int32_t pixels, const void *a,
                                   const ln_gemm_q8_params *params, int8_t *results, int8_t *c, ptrdiff_t c_stride) {
  for (int32_t j = 0; j < b->n; j += BAND) {
    const int32_t columns = b->n - j < BAND ? b->n - j : BAND;
    band(b, j / b->rows, (j + columns) / b->rows, pixels, a, params, results);
    transpose_x8_avx2((size_t)pixels, (size_t)columns, results, PIXELS, c + j, c_stride);
  }
}

#endif

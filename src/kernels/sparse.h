/*
 * Products with a sparse B: C[m, n] = A[m, k] * B[k, n] + bias[n], clamped, where only B's nonzero elements are stored
 * and multiplied. A and C are rows of pixels as tensors hold them. Kernels bring LN_SPARSE_PIXELS pixels of A at a time
 * into scratch, channel by channel, so that an element of B meets vectors of pixels (Elsen et al., "Fast Sparse
 * ConvNets", 2019, have the whole tensor so), and bring the results back.
 *
 * An output is the bias and then its terms in the order of k, so it depends neither on m nor on threads. Zeros of B are
 * no terms: where A holds infinities or NaN, the dense product has NaN that this one has not.
 */
#ifndef LN_KERNELS_SPARSE_H
#define LN_KERNELS_SPARSE_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/gemm.h"

enum { LN_SPARSE_PIXELS = 64, LN_SPARSE_MOST_K = UINT16_MAX, LN_SPARSE_FEW = 4 };

/*
 * B by groups of `rows` columns (1 or 4) that have their nonzeros at the same k: entries starts[g] .. starts[g + 1] of
 * group g, in rising order of `index` within it. n is a multiple of `rows`.
 */
typedef struct ln_sparse_b {
  int32_t n, k; /* k <= LN_SPARSE_MOST_K */
  int32_t rows;
  const int32_t *starts; /* [n / rows + 1] */
  const uint16_t *index; /* [entries] below k */
  const void *values;    /* [entries][rows], float or as ln_sparse_q8_kernel has them */
} ln_sparse_b;

/* m >= 1 rows of k floats, a_stride elements apart; `bias` is NULL or holds n values. `scratch`: LN_ALIGNMENT-aligned,
 * of ln_sparse_scratch_bytes. c[i * c_stride + j] = min(max(sum, low), high); NaN stays NaN. */
typedef void ln_sparse_f32_fn(int32_t m, const ln_sparse_b *b, const float *a, ptrdiff_t a_stride, const float *bias,
                              float *c, ptrdiff_t c_stride, float low, float high, void *scratch);

/*
 * int8 with symmetric weights. `values` of a group stand in steps of `group` entries, [steps][rows][group], int8 or,
 * with value_bytes 2, int16; columns are filled up with values of 0 at any index, so starts are multiples of `group`.
 */
typedef struct ln_sparse_q8_kernel {
  const char *name;
  int32_t group, value_bytes;
  int32_t a_offset; /* that the kernel adds to A: to be corrected for in params->bias, as A's zero point */
  /*
   * As ln_gemm_q8_fn, with C of int8 and no row_terms: c = clamp(scaled + zero_point), of bias + sum of (a + a_offset)
   * * b. `scales` are those of gemm's q8 kernel of the same tier, or NULL.
   */
  void (*run)(int32_t m, const ln_sparse_b *b, const int8_t *a, ptrdiff_t a_stride, const ln_gemm_q8_params *params,
              int8_t *c, ptrdiff_t c_stride, void *scratch);
} ln_sparse_q8_kernel;

/* ---- a few rows ---- */

/*
 * B for one row or a few, by blocks of `lanes` columns: where dense weights are waited for, those that are no zeros
 * come sooner. A step takes LN_SPARSE_FEW elements of each column of its block from `window` rows of B that begin at
 * `base`; a column that has fewer there takes values of 0. Elements of A are looked up in registers.
 */
typedef struct ln_sparse_few_b {
  int32_t n, k;
  const int32_t *starts; /* [blocks + 1] of their steps */
  const uint16_t *base;  /* [steps] at most k - window */
  const uint8_t *index;  /* [steps][lanes][LN_SPARSE_FEW] below window */
  const float *values;   /* [steps][LN_SPARSE_FEW][lanes] */
} ln_sparse_few_b;

typedef struct ln_sparse_few_kernel {
  /* Blocks [from, to) of m rows a[m, k], c[m, n]: as ln_sparse_f32_fn, but for the order of the terms, which is of the
   * steps alone. */
  void (*run)(int32_t m, const ln_sparse_few_b *b, int32_t from, int32_t to, const float *a, const float *bias,
              float *c, float low, float high);
  int32_t lanes, window;
  bool is_fast; /* worth to be thought of */
} ln_sparse_few_kernel;

/* While it is packed. */
typedef struct ln_sparse_few_parts {
  float *values;
  int32_t *starts;
  uint16_t *base;
  uint8_t *index;
} ln_sparse_few_parts;

/* Of A's pixels by channels, and as many results of 64 columns. */
static inline size_t ln_sparse_scratch_bytes(int32_t k) { return ((size_t)k + 64) * LN_SPARSE_PIXELS * sizeof(float); }

/* ---- packing, the same for all tiers ---- */

/* held[p] = which of the four columns, as bits, have an element other than zero at p. `columns` [4][k]. */
void ln_k_sparse_find_f32(int32_t k, const float *columns, uint8_t *held);
void ln_k_sparse_find_i8(int32_t k, const int8_t *columns, uint8_t *held);
/* Adds the elements of each column to out[0..3], and those of their union to out[4]. */
void ln_k_sparse_count(int32_t k, const uint8_t *held, int64_t out[5]);
/* The sum of a column's values, and of their magnitudes. */
void ln_k_sparse_sum_i8(int32_t k, const int8_t *column, int32_t *sum, int32_t *size);

typedef struct ln_sparse_kernels {
  ln_sparse_f32_fn *f32;
  const ln_sparse_q8_kernel *q8;
  const ln_sparse_few_kernel *few;
} ln_sparse_kernels;

#endif

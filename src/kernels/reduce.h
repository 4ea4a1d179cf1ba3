/*
 * Reductions of strided data. Results are "wide": double for floats, int64 for integers and bool (sums and products
 * wrap), so that the caller divides, rescales or narrows as its operator asks.
 */
#ifndef LN_KERNELS_REDUCE_H
#define LN_KERNELS_REDUCE_H

#include <stdbool.h>
#include <stddef.h>

#include "kernels/quant.h"
#include "linnet/tensor.h"

enum { LN_REDUCE_BLOCK = 256 };

typedef enum ln_reduce_op {
  LN_REDUCE_SUM = 0,
  LN_REDUCE_PROD = 1,
  LN_REDUCE_MAX = 2, /* of nothing: the type's lowest value; a NaN never wins */
  LN_REDUCE_MIN = 3
} ln_reduce_op;

/* Kept and reduced dimensions, each outermost first; strides in elements. */
typedef struct ln_reduce_plan {
  int32_t kept_rank, reduced_rank;
  size_t kept[LN_MAX_RANK], reduced[LN_MAX_RANK];
  size_t kept_strides[LN_MAX_RANK], reduced_strides[LN_MAX_RANK];
} ln_reduce_plan;

/* Removes dimensions of one element and joins neighbours of one kind. */
ln_reduce_plan ln_k_reduce_plan(const int32_t *dims, int32_t rank, const bool *is_reduced);

/*
 * Output elements [begin, begin + count) in row-major order, count at most LN_REDUCE_BLOCK. The order in which elements
 * are combined depends on the plan only. `type`: float32, float64, int8, uint8, int16, int32, int64 or bool (as uint8).
 */
void ln_k_reduce(ln_type type, ln_reduce_op op, const ln_reduce_plan *plan, const void *src, size_t begin, size_t count,
                 void *wide);

/*
 * The product of int8 or int16 values less their zero point, rescaled after each factor but the first and once more at
 * the end, factors in row-major order. No reduced dimension is 0.
 */
void ln_k_reduce_quantized_prod(ln_type type, const ln_reduce_plan *plan, const void *src, size_t begin, size_t count,
                                int32_t zero_point, ln_multiplier by, int32_t *out);

#endif

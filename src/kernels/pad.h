/* Surrounding a tensor with a value, or with its own mirror image. */
#ifndef LN_KERNELS_PAD_H
#define LN_KERNELS_PAD_H

#include <stddef.h>

#include "base/base.h"
#include "linnet/tensor.h"

/* Dimensions stand outermost first, at least one of them. */
typedef struct ln_pad_plan {
  int32_t rank;
  size_t item_bytes;
  size_t dims[LN_MAX_RANK];                            /* of the input */
  size_t before[LN_MAX_RANK], after[LN_MAX_RANK];      /* elements added along each dimension */
  size_t src_rows[LN_MAX_RANK], dst_rows[LN_MAX_RANK]; /* bytes from one index to the next: set by ln_k_pad_strides */
} ln_pad_plan;

/* Joins inner dimensions that are not padded to the one before them. Not for mirrored padding. */
void ln_k_pad_simplify(ln_pad_plan *plan);
void ln_k_pad_strides(ln_pad_plan *plan);
/* Output indices [begin, end) of dimension 0; `value` is one item. */
void ln_k_pad(const ln_pad_plan *plan, const void *src, void *dst, const void *value, size_t begin, size_t end);
/*
 * Mirrored: `edge` 0 repeats the border element (SYMMETRIC), 1 does not (REFLECT). Paddings are at most the dimension
 * less `edge`.
 */
void ln_k_mirror_pad(const ln_pad_plan *plan, const void *src, void *dst, size_t edge);

#endif

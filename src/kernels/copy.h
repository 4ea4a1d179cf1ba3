/*
 * Moving elements between two strided layouts: what transposing, slicing, joining, splitting, tiling, broadcasting,
 * reversing and the space/depth/batch rearrangements all come down to.
 */
#ifndef LN_KERNELS_COPY_H
#define LN_KERNELS_COPY_H

#include <stddef.h>
#include <stdint.h>

enum { LN_COPY_MAX_RANK = 20 };

/*
 * For every index (i0, i1, ...) below `dims`, the item at src + sum(i * src_stride) goes to dst + sum(i * dst_stride).
 * Strides are in bytes; those of the source may be zero (repeat) or negative (reverse). No two items share a place in
 * the destination, so that the order of the dimensions does not matter.
 */
typedef struct ln_copy_plan {
  int32_t rank;
  size_t item_bytes;
  size_t dims[LN_COPY_MAX_RANK];
  ptrdiff_t src_strides[LN_COPY_MAX_RANK];
  ptrdiff_t dst_strides[LN_COPY_MAX_RANK];
} ln_copy_plan;

static inline void ln_copy_begin(ln_copy_plan *plan, size_t item_bytes) {
  plan->rank = 0;
  plan->item_bytes = item_bytes;
}

static inline void ln_copy_dim(ln_copy_plan *plan, size_t extent, size_t src_stride, size_t dst_stride) {
  plan->dims[plan->rank] = extent;
  plan->src_strides[plan->rank] = (ptrdiff_t)src_stride;
  plan->dst_strides[plan->rank] = (ptrdiff_t)dst_stride;
  ++plan->rank;
}

/*
 * The same movement in the fewest dimensions, in order of the destination: dimensions of one element go, adjacent ones
 * that are contiguous on both sides become one, and contiguous innermost ones grow the item.
 */
void ln_k_copy_simplify(ln_copy_plan *plan);
/* Bytes that a plan writes. */
size_t ln_k_copy_bytes(const ln_copy_plan *plan);
/* Runs a simplified plan. */
void ln_k_copy_run(const ln_copy_plan *plan, const void *src, void *dst);

/* Writes `count` copies of an item of any size. */
void ln_k_fill(void *dst, const void *item, size_t item_bytes, size_t count);

#endif

/* Running sums. */
#ifndef LN_KERNELS_CUMSUM_H
#define LN_KERNELS_CUMSUM_H

#include <stdbool.h>
#include <stddef.h>

#include "linnet/tensor.h"

/* Of [outer, length, inner] along `length`. */
typedef struct ln_cumsum {
  size_t outer, length, inner;
  bool exclusive; /* an element's own value is left out of its sum */
  bool reverse;   /* from the end */
} ln_cumsum;

/* float32, float64, int32 or int64 (which wrap). None of the extents is 0. */
void ln_k_cumsum(ln_type type, const ln_cumsum *sums, const void *in, void *out);

#endif

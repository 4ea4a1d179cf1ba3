/* Where the greatest or least element lies; the first of equals. */
#ifndef LN_KERNELS_ARG_MINMAX_H
#define LN_KERNELS_ARG_MINMAX_H

#include <stdbool.h>
#include <stddef.h>

#include "linnet/tensor.h"

enum { LN_ARG_BLOCK = 256 };

/*
 * Of src [length, inner] (inner elements side by side), for each of `count` of them from src on, the index along
 * `length` of the greatest (least) element. A NaN is never better than what stood before it. count at most
 * LN_ARG_BLOCK, length at least 1. `type`: float32, int8, uint8, int16, int32 or bool.
 */
void ln_k_arg_columns(ln_type type, bool least, const void *src, size_t length, size_t inner, size_t count,
                      int32_t *indices);
/* The same of src [count, length]. */
void ln_k_arg_rows(ln_type type, bool least, const void *src, size_t length, size_t count, int32_t *indices);

#endif

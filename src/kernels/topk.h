/* The greatest elements of rows. */
#ifndef LN_KERNELS_TOPK_H
#define LN_KERNELS_TOPK_H

#include <stddef.h>
#include <stdint.h>

#include "linnet/tensor.h"

/*
 * The k greatest of `length` elements in falling order, equal ones by rising index; 1 <= k <= length.
 * `type`: float32, float64, int8, uint8, int16, int32 or int64.
 */
void ln_k_topk(ln_type type, const void *row, int32_t length, int32_t k, void *values, int32_t *indices);

#endif

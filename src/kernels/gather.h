/* Moving and adding up the slices that indices name. */
#ifndef LN_KERNELS_GATHER_H
#define LN_KERNELS_GATHER_H

#include <stddef.h>
#include <string.h>

#include "linnet/tensor.h"

/* memcpy that does not call for the sizes of one element. */
static inline void ln_k_copy_item(void *dst, const void *src, size_t bytes) {
  switch (bytes) {
    case 1: memcpy(dst, src, 1); break;
    case 4: memcpy(dst, src, 4); break;
    case 8: memcpy(dst, src, 8); break;
    default:
      if (bytes % 16 != 0 || bytes > 256) {
        memcpy(dst, src, bytes);
        break;
      }
      for (size_t i = 0; i < bytes; i += 16) memcpy((char *)dst + i, (const char *)src + i, 16); /* no call for a row */
  }
}

/*
 * sums[i] += items[i] for float32, float64, their complex numbers and integers (wrapping); bool: or. No other types.
 */
void ln_k_add_items(ln_type type, void *sums, const void *items, size_t count);

#endif

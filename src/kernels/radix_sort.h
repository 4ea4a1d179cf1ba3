/* A stable sort of numbers by keys that compare as unsigned integers (least significant digit first). */
#ifndef LN_KERNELS_RADIX_SORT_H
#define LN_KERNELS_RADIX_SORT_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/convert.h"

typedef struct ln_sort_item {
  uint64_t key;
  uint32_t index; /* where the element stood */
} ln_sort_item;

typedef enum ln_sort_order {
  LN_SORT_UP,       /* -0 equals 0; NaNs come last */
  LN_SORT_DOWN,     /* the same, the other way round */
  LN_SORT_TOTAL_UP, /* floats by IEEE 754's total order */
  LN_SORT_TOTAL_DOWN
} ln_sort_order;

/* Keys of `count` elements, `stride` elements apart; any type but complex ones. */
void ln_k_sort_keys(const void *values, ln_number type, size_t stride, size_t count, ln_sort_order order,
                    ln_sort_item *items);
/* Sorts by the low `bytes` bytes of the keys. `spare` is as long as `items`. */
void ln_k_radix_sort(ln_sort_item *items, ln_sort_item *spare, size_t count, size_t bytes);

#endif

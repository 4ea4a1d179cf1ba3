/* Adding slices up in plain C. Sums of integers wrap. */
#include "kernels/gather.h"

#include <stdint.h>

#define ADD_ITEMS(type, unsigned_type)                                                                \
  {                                                                                                   \
    type *to = sums;                                                                                  \
    const type *from = items;                                                                         \
    for (size_t i = 0; i < count; ++i) to[i] = (type)((unsigned_type)to[i] + (unsigned_type)from[i]); \
  }                                                                                                   \
  break

void ln_k_add_items(ln_type type, void *sums, const void *items, size_t count) {
  switch (type) {
    case LN_FLOAT32: ADD_ITEMS(float, float);
    case LN_FLOAT64: ADD_ITEMS(double, double);
    case LN_COMPLEX64: ln_k_add_items(LN_FLOAT32, sums, items, 2 * count); break;
    case LN_COMPLEX128: ln_k_add_items(LN_FLOAT64, sums, items, 2 * count); break;
    case LN_INT8:
    case LN_UINT8: ADD_ITEMS(uint8_t, uint32_t);
    case LN_INT16:
    case LN_UINT16: ADD_ITEMS(uint16_t, uint32_t);
    case LN_INT32:
    case LN_UINT32: ADD_ITEMS(uint32_t, uint32_t);
    case LN_INT64:
    case LN_UINT64: ADD_ITEMS(uint64_t, uint64_t);
    case LN_BOOL: {
      unsigned char *to = sums;
      const unsigned char *from = items;
      for (size_t i = 0; i < count; ++i) to[i] = (unsigned char)(to[i] | from[i]);
      break;
    }
    default: break;
  }
}

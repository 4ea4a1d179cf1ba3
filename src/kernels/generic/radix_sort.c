/* Keys that sort as unsigned integers, and the sort (radix_sort.h). */
#include "kernels/radix_sort.h"

#include <string.h>

enum { FEW = 48 }; /* items that are sooner put in place one by one */

static uint64_t signed_key(int64_t value) { return (uint64_t)value ^ (UINT64_C(1) << 63); }

/* The bits of a float of `bits` bits, so that they compare as the floats do. */
static uint64_t float_key(uint64_t value, int32_t bits) {
  const uint64_t sign = UINT64_C(1) << (bits - 1), all = sign | (sign - 1);
  return (value & sign) != 0 ? ~value & all : value | sign;
}

typedef struct float_form {
  int32_t bits;
  uint64_t infinity; /* magnitudes above are NaNs */
} float_form;

static uint64_t order_float(uint64_t value, float_form form, ln_sort_order order) {
  const uint64_t sign = UINT64_C(1) << (form.bits - 1), all = sign | (sign - 1), magnitude = value & (sign - 1);
  if (order == LN_SORT_UP || order == LN_SORT_DOWN) {
    if (magnitude > form.infinity) return all;
    if (magnitude == 0) value = 0;
  }
  const uint64_t key = float_key(value, form.bits);
  return order == LN_SORT_UP || order == LN_SORT_TOTAL_UP ? key : ~key & all;
}

#define KEYS(type, expression)                         \
  for (i = 0; i < count; ++i) {                        \
    const type x = ((const type *)values)[i * stride]; \
    items[i].key = (expression);                       \
    items[i].index = (uint32_t)i;                      \
  }
#define WHOLE_KEYS(type, key, mask) KEYS(type, (up ? (uint64_t)(key) : ~(uint64_t)(key)) & (mask))

void ln_k_sort_keys(const void *values, ln_number type, size_t stride, size_t count, ln_sort_order order,
                    ln_sort_item *items) {
  static const float_form single = {32, 0x7F800000}, half = {16, 0x7C00}, brain = {16, 0x7F80};
  static const float_form wide = {64, UINT64_C(0x7FF0000000000000)};
  const int up = order == LN_SORT_UP || order == LN_SORT_TOTAL_UP;
  size_t i;
  switch (type) {
    case LN_NUMBER_F32: KEYS(uint32_t, order_float(x, single, order)) break;
    case LN_NUMBER_F16: KEYS(uint16_t, order_float(x, half, order)) break;
    case LN_NUMBER_BF16: KEYS(uint16_t, order_float(x, brain, order)) break;
    case LN_NUMBER_F64: KEYS(uint64_t, order_float(x, wide, order)) break;
    case LN_NUMBER_I8: WHOLE_KEYS(int8_t, x + 128, 0xFF) break;
    case LN_NUMBER_U8: WHOLE_KEYS(uint8_t, x, 0xFF) break;
    case LN_NUMBER_BOOL: WHOLE_KEYS(uint8_t, x != 0 ? 1 : 0, 0xFF) break;
    case LN_NUMBER_I16: WHOLE_KEYS(int16_t, x + 32768, 0xFFFF) break;
    case LN_NUMBER_U16: WHOLE_KEYS(uint16_t, x, 0xFFFF) break;
    case LN_NUMBER_I32: WHOLE_KEYS(int32_t, (uint32_t)x ^ UINT32_C(0x80000000), UINT32_MAX) break;
    case LN_NUMBER_U32: WHOLE_KEYS(uint32_t, x, UINT32_MAX) break;
    case LN_NUMBER_I64: WHOLE_KEYS(int64_t, signed_key(x), UINT64_MAX) break;
    default: WHOLE_KEYS(uint64_t, x, UINT64_MAX) break;
  }
}

static void insertion_sort(ln_sort_item *items, size_t count) {
  size_t i;
  for (i = 1; i < count; ++i) {
    const ln_sort_item item = items[i];
    size_t at = i;
    for (; at > 0 && items[at - 1].key > item.key; --at) items[at] = items[at - 1];
    items[at] = item;
  }
}

void ln_k_radix_sort(ln_sort_item *items, ln_sort_item *spare, size_t count, size_t bytes) {
  ln_sort_item *from = items, *to = spare, *exchanged;
  size_t byte, i;
  if (count < FEW) {
    insertion_sort(items, count);
    return;
  }
  for (byte = 0; byte < bytes; ++byte) {
    size_t starts[256] = {0}, sum = 0;
    for (i = 0; i < count; ++i) ++starts[from[i].key >> (8 * byte) & 0xFF];
    if (starts[from[0].key >> (8 * byte) & 0xFF] == count) continue; /* all the same */
    for (i = 0; i < 256; ++i) {
      const size_t here = starts[i];
      starts[i] = sum;
      sum += here;
    }
    for (i = 0; i < count; ++i) to[starts[from[i].key >> (8 * byte) & 0xFF]++] = from[i];
    exchanged = from;
    from = to;
    to = exchanged;
  }
  if (from != items) memcpy(items, from, count * sizeof *items);
}

/* Folding a row of elements in lanes (fold.h). */
#include "kernels/fold.h"

#include <string.h>

enum { LANES = 256, LARGEST_ITEM = 16 };

void ln_k_fold_row(ln_binary_fn *fn, const ln_binary_params *params, size_t item_bytes, const void *row, size_t count,
                   void *acc) {
  union {
    double aligned[2];
    char bytes[LANES * LARGEST_ITEM];
  } lanes;
  const char *from = row;
  size_t width = count < LANES ? count : LANES;
  size_t at;
  if (count == 0) return;
  memcpy(lanes.bytes, from, width * item_bytes);
  for (at = width; at < count; at += width) {
    const size_t left = count - at;
    ln_k_fold_into(fn, params, lanes.bytes, from + at * item_bytes, left < width ? left : width);
  }
  while (width > 1) {
    const size_t half = (width + 1) / 2;
    ln_k_fold_into(fn, params, lanes.bytes, lanes.bytes + half * item_bytes, width - half);
    width = half;
  }
  ln_k_fold_into(fn, params, acc, lanes.bytes, 1);
}

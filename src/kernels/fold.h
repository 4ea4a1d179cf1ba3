/* Folding rows of elements with a commutative and associative function of two (binary.h). */
#ifndef LN_KERNELS_FOLD_H
#define LN_KERNELS_FOLD_H

#include "kernels/binary.h"

/* acc[i] = fn(acc[i], row[i]) for dense arrays of `count`. */
static inline void ln_k_fold_into(ln_binary_fn *fn, const ln_binary_params *params, void *acc, const void *row,
                                  size_t count) {
  const ln_block block = {1, count, {0, 0, 0}, {1, 1, 0}};
  fn(acc, row, acc, &block, params);
}

/* acc[i] = fn(acc[i], value): one value for all. */
static inline void ln_k_fold_value(ln_binary_fn *fn, const ln_binary_params *params, void *acc, const void *value,
                                   size_t count) {
  const ln_block block = {1, count, {0, 0, 0}, {1, 0, 0}};
  fn(acc, value, acc, &block, params);
}

/* acc[0] = fn(acc[0], row[0], row[1], ...): in lanes, which are folded together at the end. item_bytes is 16 at most.
 */
void ln_k_fold_row(ln_binary_fn *fn, const ln_binary_params *params, size_t item_bytes, const void *row, size_t count,
                   void *acc);

#endif

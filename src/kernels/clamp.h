/* out = min(max(x, low), high) on blocks of broadcast rows; inputs of the block: low, x, high. NaN passes. */
#ifndef LN_KERNELS_CLAMP_H
#define LN_KERNELS_CLAMP_H

#include "kernels/convert.h"
#include "kernels/nest.h"

typedef void ln_clamp_fn(const void *low, const void *x, const void *high, void *out, const ln_block *block);

/* NULL for complex numbers and bool. */
ln_clamp_fn *ln_k_clamp_find(ln_number type);

#endif

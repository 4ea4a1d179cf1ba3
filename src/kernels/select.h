/* Chooses between two tensors' elements by a third's: out = condition ? a : b, on blocks of broadcast rows. */
#ifndef LN_KERNELS_SELECT_H
#define LN_KERNELS_SELECT_H

#include "kernels/nest.h"

/* `bytes` is the size of an element of a, b and out: 1, 2, 4 or 8. Inputs of the block: condition, a, b. */
void ln_k_select(const uint8_t *condition, const void *a, const void *b, void *out, size_t bytes,
                 const ln_block *block);

#endif

/* Elements that are stored as numbers of a few bits into a table of values. */
#ifndef LN_KERNELS_CODEBOOK_H
#define LN_KERNELS_CODEBOOK_H

#include <stddef.h>
#include <stdint.h>

/*
 * Values of the elements whose numbers are first .. first + count of `numbers`: `bits` (1..8) bits each, one behind the
 * other, highest bit first. values: items of `item` (1, 2, 4 or 8) bytes, as many as the numbers need; aligned for
 * them.
 */
void ln_k_codebook_read(const uint8_t *numbers, size_t first, size_t count, int32_t bits, const void *values,
                        int32_t item, void *out);
/* The largest of the numbers first .. first + count. */
int32_t ln_k_codebook_largest(const uint8_t *numbers, size_t first, size_t count, int32_t bits);
/* Writes number `at`; `numbers` was zero there. */
void ln_k_codebook_write(uint8_t *numbers, size_t at, int32_t bits, int32_t number);

#endif

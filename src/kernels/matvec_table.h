/*
 * Weights that take at most 16 values times bytes: the weights stay numbers of 4 bits, which are looked up in
 * registers. Part of the matvec family (matvec.h).
 *
 * A panel holds 64 rows: for every 8 columns 4 bytes a row, of which the low halves are the first 4 columns, the high
 * ones the others.
 */
#ifndef LN_KERNELS_MATVEC_TABLE_H
#define LN_KERNELS_MATVEC_TABLE_H

#include <stddef.h>
#include <stdint.h>

enum { LN_TABLE_ROWS = 64, LN_TABLE_STEP = 8, LN_TABLE_VALUES = 16 };

/* out[r] = sum of values[number of r, c] * x[c], 64 rows; `columns` is a multiple of LN_TABLE_STEP; values: [16]. */
typedef void ln_matvec_table_fn(const uint8_t *x, int32_t columns, const int8_t *values, const void *panel,
                                int32_t *out);

static inline size_t ln_table_panel_bytes(int32_t columns) { return (size_t)columns * (LN_TABLE_ROWS / 2); }
/* Numbers of row `row`, a byte each, into a panel that was zeros there. */
void ln_k_table_pack(const uint8_t *numbers, int32_t row, int32_t columns, uint8_t *panel);

#endif

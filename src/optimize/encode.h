/* Forms of constants, which the technique `encode` (encode.c) chooses from: encode_table.c and sparse_encode.c make
 * them. */
#ifndef LN_OPTIMIZE_ENCODE_H
#define LN_OPTIMIZE_ENCODE_H

#include "optimize/optimize.h"

/* ---- by table (encode_table.c) ---- */

/* Bytes that a constant takes of the file by table, of a sparse one its stored values; SIZE_MAX where it takes too many
 * values. */
size_t ln_table_bytes(const ln_tensor *tensor);
/* Stores the constant by table; it has been found to fit one. */
ln_status ln_table_encode(const ln_optimizer *o, ln_tensor *tensor);

/* ---- sparse (sparse_encode.c) ---- */

/*
 * TFLite's sparse encoding of constant `tensor`, by blocks of rows (its first dimension) x columns (its last one); 0:
 * the block that takes least. `*saved` says how many bytes the file loses by it; 0 where nothing was done: it would be
 * no smaller, has another type than float32, float16 and int8, quantized zeros that are not 0, or readers that take no
 * sparse constants. With `stock`, operators read it through a DENSIFY, which LiteRT takes everywhere
 * and this library's runtime takes away again where the constant holds floats; without, zeros may also be left out
 * along the first dimension.
 */
ln_status ln_sparse_encode(ln_optimizer *o, int32_t tensor, int32_t block_rows, int32_t block_columns, bool stock,
                           int64_t *saved);

#endif

/* Forms that constants are stored in: encode.c chooses, encode_table.c and encode_sparse.c make them. */
#ifndef LN_OPTIMIZE_ENCODE_H
#define LN_OPTIMIZE_ENCODE_H

#include "optimize/optimize.h"

/* ---- by table (encode_table.c) ---- */

/* Distinct values of a dense constant, of the table that holds most; 0 where a table cannot hold them. */
int32_t ln_encode_values(const ln_tensor *tensor, int32_t *tables);
/* Bytes that the file takes for a constant of `count` stored elements that has so many values. */
size_t ln_encode_table_bytes(const ln_tensor *tensor, size_t count, int32_t values, int32_t tables);
/* Stores the constant by table. */
ln_status ln_encode_table(const ln_optimizer *o, ln_tensor *tensor);

/* ---- sparse (encode_sparse.c) ---- */

typedef struct ln_sparse_form {
  int32_t compressed; /* the dimension whose zeros are left out */
  size_t stored;      /* elements */
  size_t bytes;       /* of the lists of indices */
} ln_sparse_form;

/* The form in TFLite's sparse encoding with the shortest lists, of a dense constant; false where there is none. */
bool ln_encode_sparse_form(const ln_tensor *tensor, ln_sparse_form *out);
ln_status ln_encode_sparse(const ln_optimizer *o, ln_tensor *tensor, const ln_sparse_form *form);

/* ---- in blocks, and for LiteRT (sparse_encode.c) ---- */

/*
 * TFLite's sparse encoding of constant `tensor`, by blocks of rows (its first dimension) x columns (its last one); 0:
 * the block that takes least. `*saved` says how many bytes the file loses by it; 0 where nothing was done: it would be
 * no smaller, has another type than float32, float16 and int8, quantized zeros that are not 0, or readers that take no
 * sparse constants. With `stock`, operators read it through a DENSIFY, which LiteRT
 * takes everywhere and this library's runtime takes away again where the constant holds floats.
 */
ln_status ln_sparse_encode(ln_optimizer *o, int32_t tensor, int32_t block_rows, int32_t block_columns, bool stock,
                           int64_t *saved);

#endif

/* What the files of the verifier share. */
#ifndef LN_IR_VERIFY_H
#define LN_IR_VERIFY_H

#include "ir/ir.h"

/* The sparse encoding of a constant: every index in range, as many values as the indices say (verify_sparse.c). */
ln_status ln_sparsity_verify(const ln_tensor *tensor, ln_error *err);
/* A constant stored by table, of `elements` stored elements: the table as large as it says, every number in it
 * (codebook.c). */
ln_status ln_codebook_verify(const ln_tensor *tensor, size_t elements, ln_error *err);

#endif

/* Products of a few rows of floats with a constant B of mostly zeros (ln_sparse_few_b): what sparse_plan.h takes then.
 */
#ifndef LN_OPS_SPARSE_FEW_H
#define LN_OPS_SPARSE_FEW_H

#include "ops/gemm_plan.h"

enum { LN_SPARSE_FEW_ROWS = 4 }; /* more of them read dense weights once for all */

/* Whether m rows of the dense product can be taken so. */
bool ln_sparse_few_applies(const ln_gemm_plan *dense, int32_t m);
/* Steps that `weights` [n, k] take, and whether they cost less than m rows of the dense product. `columns` has room for
 * ln_sparse_few_columns() columns of k floats. */
int64_t ln_sparse_few_count(const ln_gemm_plan *dense, const ln_weights *weights, float *columns);
bool ln_sparse_few_is_cheaper(const ln_gemm_plan *dense, int64_t steps, int32_t m);
int32_t ln_sparse_few_columns(void);
/* Fills *b through the cache. LN_ERR_MEMORY. */
ln_status ln_sparse_few_pack(ln_sparse_few_b *b, ln_prep *prep, const ln_weights *weights, int64_t steps,
                             float *columns);
void ln_sparse_few_run(const ln_gemm_plan *dense, const ln_sparse_few_b *b, const ln_exec *exec, int32_t m,
                       const float *a, const float *bias, float *c);

#endif

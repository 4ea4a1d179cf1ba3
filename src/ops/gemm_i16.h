/* Products of int16 tensors with int8 weights: what gemm_plan.c does with them. */
#ifndef LN_OPS_GEMM_I16_H
#define LN_OPS_GEMM_I16_H

#include "ops/gemm_plan.h"

/* With B packed: what plan->b.bias points to of a constant bias, int64 or int32 as the plan says. LN_ERR_MEMORY. */
ln_status ln_gemm_i16_fold(ln_gemm_plan *plan, ln_arena *arena, const void *bias);
/* m rows against n columns that begin with `panel`, counted over all groups; `panels` is what it packs. */
void ln_gemm_i16_rows(const ln_gemm_plan *plan, const ln_gemm_i16_bias *bias, const char *panels, int32_t panel,
                      int32_t m, int32_t n, const ln_gemm_a *a, int16_t *c, ptrdiff_t c_stride);

#endif

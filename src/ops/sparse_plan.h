/*
 * Products whose constant B is mostly zeros (kernels/sparse.h), chosen where they cost less than the dense ones. In a
 * row's prepare, once the weights are known to be constant:
 *
 *   ln_sparse_plan_f32(&plan, prep, weights, m, n, k)       and, where ln_sparse_is_chosen(&plan),
 *   node->thread_scratch_bytes = plan.thread_bytes
 * and in its run: ln_sparse_run_f32(&plan, exec, m, a, bias, c, low, high). Otherwise the product is dense
 * (gemm_plan.h).
 */
#ifndef LN_OPS_SPARSE_PLAN_H
#define LN_OPS_SPARSE_PLAN_H

#include "ops/ops.h"
#include "ops/weights.h"

typedef struct ln_sparse_plan {
  ln_sparse_b b; /* packed; values NULL: the dense product costs less */
  int32_t blocks_of_columns;
  size_t thread_bytes;
} ln_sparse_plan;

static inline bool ln_sparse_is_chosen(const ln_sparse_plan *plan) { return LN_HAS_SPARSE && plan->b.values != NULL; }

/* Weights [n, k], read as floats, against m rows. LN_ERR_MEMORY. */
ln_status ln_sparse_plan_f32(ln_sparse_plan *plan, ln_prep *prep, const ln_weights *weights, int32_t m, int32_t n,
                             int32_t k);
/* a [m, k], bias NULL or [n], c [m, n]. */
void ln_sparse_run_f32(const ln_sparse_plan *plan, const ln_exec *exec, int32_t m, const float *a, const float *bias,
                       float *c, float low, float high);

#endif

/*
 * Products whose constant B is mostly zeros (kernels/sparse.h), chosen where they cost less than the dense ones. In a
 * row's prepare, with the dense product planned and the weights known to be constant:
 *
 *   ln_sparse_plan_b(&plan, node, prep, &dense, weights, bias, m)
 * and, where ln_sparse_is_chosen(&plan), in its run: ln_sparse_run(&plan, exec, m, a, bias, c). Otherwise the product
 * is dense (gemm_plan.h).
 */
#ifndef LN_OPS_SPARSE_PLAN_H
#define LN_OPS_SPARSE_PLAN_H

#include "ops/gemm_plan.h"
#include "ops/sparse_few.h"

typedef struct ln_sparse_plan {
  const ln_gemm_plan *dense; /* what it stands for: type, range and multipliers are read from there */
  ln_sparse_b b;             /* packed; values NULL: the dense product costs less, or few rows have `few` */
  ln_sparse_few_b few;
  const int32_t *bias; /* int8: with the corrections */
  const void *scales;  /* int8: as ln_gemm_q8_params has them */
  bool narrow;         /* int8: as ln_gemm_q8_params has it */
  int32_t column_blocks;
} ln_sparse_plan;

static inline bool ln_sparse_is_chosen(const ln_sparse_plan *plan) {
  return LN_HAS_SPARSE && (plan->b.values != NULL || plan->few.values != NULL);
}

/*
 * Weights [n, k] of a dense product of one group and one segment, floats or int8 with symmetric weights, against m
 * rows; anything else stays dense. `dense` outlives the plan. `bias`: of int8, [n] or NULL. Where it is chosen, the
 * node's kernel, scratch and finish_grain are set. LN_ERR_MEMORY.
 */
ln_status ln_sparse_plan_b(ln_sparse_plan *plan, ln_node *node, ln_prep *prep, const ln_gemm_plan *dense,
                           const ln_weights *weights, const int32_t *bias, int32_t m);
/* a [m, k], c [m, n]; bias: of floats, [n] or NULL. */
void ln_sparse_run(const ln_sparse_plan *plan, const ln_exec *exec, int32_t m, const void *a, const void *bias,
                   void *c);

#endif

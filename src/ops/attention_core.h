/*
 * Attention of one head: out = softmax(beta (scale q k + mask)) v, a block of rows at a time, so that the scores stay
 * in a core's caches. What fused products of a graph and LiteRT's attention operator share.
 */
#ifndef LN_OPS_ATTENTION_CORE_H
#define LN_OPS_ATTENTION_CORE_H

#include "ops/gemm_plan.h"

/* Strides in elements. Scores are [m, n]. */
typedef struct ln_attention_plan {
  int32_t m, n, depth, width;
  ptrdiff_t q_row;              /* queries [m, depth] */
  ptrdiff_t k_row, k_column;    /* keys [n, depth] */
  ptrdiff_t v_row, v_column;    /* values [n, width] */
  ptrdiff_t out_row;            /* [m, width] */
  size_t mask_row, mask_column; /* 0: the same again */
  float scale, beta;
  /* From here on set by ln_attention_plan_finish. */
  ln_gemm_plan scores, mix;
  int32_t block, stride; /* rows of scores at a time, and elements between them */
  size_t mix_at, scores_at;
} ln_attention_plan;

/* With the members above set, no extent 0: the products, and bytes of scratch for each thread. False when sizes
 * overflow. */
bool ln_attention_plan_finish(ln_attention_plan *plan, size_t *thread_bytes);

/* One head's keys and values packed into a thread's scratch. */
typedef struct ln_attention_head {
  ln_gemm_b keys, values;
  float *scores;
} ln_attention_head;

/* Elements of the tensors' data that the head's keys and values begin at. */
void ln_attention_pack(const ln_attention_plan *plan, const ln_tensor *keys, size_t keys_at, const ln_tensor *values,
                       size_t values_at, void *scratch, ln_attention_head *head);
/* Rows [from, to) of the head; `mask` (NULL: none) and the others are those of its row 0. */
void ln_attention_rows(const ln_attention_plan *plan, const ln_attention_head *head, int32_t from, int32_t to,
                       const float *q, const float *mask, float *out);

/* Parts that a head's rows are cut into, so that there are tasks enough: each packs keys and values for itself. */
static inline int32_t ln_attention_parts(const ln_attention_plan *plan, size_t heads) {
  enum { TASKS = 8 };
  const int32_t blocks = (plan->m + plan->block - 1) / plan->block;
  const int32_t wanted = heads >= TASKS ? 1 : (int32_t)(TASKS / (heads > 0 ? heads : 1));
  return blocks < wanted ? blocks : wanted;
}

#endif

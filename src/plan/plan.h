/* Memory planning: offsets in one arena for blocks that live over ranges of steps. */
#ifndef LN_PLAN_H
#define LN_PLAN_H

#include "base/base.h"

typedef struct ln_plan_block {
  size_t bytes;
  int32_t first, last; /* steps, inclusive, in which the block holds data */
  size_t offset;       /* set by the planner; a multiple of LN_ALIGNMENT */
} ln_plan_block;

typedef struct ln_plan_result {
  size_t arena_bytes;
  size_t lower_bound; /* the largest sum of blocks that live in one step */
  int32_t fullest;    /* that step */
} ln_plan_result;

/*
 * Blocks whose ranges meet never share a byte. Several orders are tried, and a search of limited length where none of
 * them reaches the lower bound; the best is kept. The same blocks give the same plan everywhere.
 */
ln_status ln_plan_arena(ln_plan_block *blocks, int32_t count, ln_error *err, ln_plan_result *out);

#endif

/*
 * Offsets by first fit: each block, in some order, takes the lowest gap among the blocks placed before it whose ranges
 * of steps meet its own. No order is best for all models, so several are tried; where none of them reaches the lower
 * bound, a search of limited length changes the best one by moving forward a block that lies at the top.
 */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

enum {
  MOST_BREADTHS = 2048,    /* blocks that are ordered by the fullest step they live in */
  MOST_VISITS = 1 << 27,   /* of placed blocks, after which no further order is tried: models of many thousand steps */
  SEARCH_VISITS = 1 << 20, /* in a search: about a millisecond */
  SEARCH_SEED = 20240607
};

typedef struct planner {
  ln_plan_block *blocks;
  int32_t count;
  ln_plan_block **order, **placed, **best_order;
  size_t *best_offsets; /* [count] of blocks */
  size_t *breadths;     /* [count] of blocks: the largest sum of a step in which it lives; NULL: not known */
  size_t best, bound;
  int64_t visits; /* of placed blocks, by all orders */
} planner;

static bool meet(const ln_plan_block *a, const ln_plan_block *b) { return a->first <= b->last && b->first <= a->last; }

/* ---- placing ---- */

/* Below or between the blocks placed so far, which are sorted by offset; false on overflow. */
static bool place(planner *p, ln_plan_block *block, int32_t placed_count) {
  size_t offset = 0, end;
  for (int32_t i = 0; i < placed_count; ++i) {
    const ln_plan_block *other = p->placed[i];
    if (!meet(block, other)) continue;
    if (other->offset >= offset && other->offset - offset >= block->bytes) break;
    if (other->offset + other->bytes > offset) offset = other->offset + other->bytes;
  }
  block->offset = offset;
  if (!ln_size_add(offset, block->bytes, &end) || end > PTRDIFF_MAX) return false;
  int32_t at = placed_count;
  while (at > 0 && p->placed[at - 1]->offset > offset) {
    p->placed[at] = p->placed[at - 1];
    --at;
  }
  p->placed[at] = block;
  p->visits += placed_count;
  return true;
}

/* Places all blocks in `order`; true when that takes less than the best before, or as little with `equal`. */
static bool try_order(planner *p, bool equal) {
  size_t arena_bytes = 0;
  int32_t placed_count = 0;
  for (int32_t i = 0; i < p->count; ++i) {
    ln_plan_block *block = p->order[i];
    block->offset = 0;
    if (block->bytes == 0) continue;
    if (!place(p, block, placed_count++)) return false;
    if (block->offset + block->bytes > arena_bytes) arena_bytes = block->offset + block->bytes;
    if (arena_bytes > p->best) return false;
  }
  if (arena_bytes == p->best && !equal) return false;
  p->best = arena_bytes;
  for (int32_t i = 0; i < p->count; ++i) p->best_offsets[i] = p->blocks[i].offset;
  memcpy(p->best_order, p->order, (size_t)p->count * sizeof(ln_plan_block *));
  return true;
}

/* ---- orders ---- */

/* One order on every platform: by place in the caller's array where all else is the same. */
static int by_size_only(const ln_plan_block *a, const ln_plan_block *b) {
  if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
  if (a->first != b->first) return a->first < b->first ? -1 : 1;
  return a < b ? -1 : a > b;
}

static int by_size(const void *x, const void *y) {
  return by_size_only(*(const ln_plan_block *const *)x, *(const ln_plan_block *const *)y);
}

static int by_step(const void *x, const void *y) {
  const ln_plan_block *a = *(const ln_plan_block *const *)x, *b = *(const ln_plan_block *const *)y;
  if (a->first != b->first) return a->first < b->first ? -1 : 1;
  return by_size_only(a, b);
}

/* What lives longest first: it meets the most others. */
static int by_life(const void *x, const void *y) {
  const ln_plan_block *a = *(const ln_plan_block *const *)x, *b = *(const ln_plan_block *const *)y;
  const int32_t life_a = a->last - a->first, life_b = b->last - b->first;
  return life_a != life_b ? (life_a > life_b ? -1 : 1) : by_size_only(a, b);
}

/* `offset` holds the breadth while blocks are sorted by it. */
static int by_breadth(const void *x, const void *y) {
  const ln_plan_block *a = *(const ln_plan_block *const *)x, *b = *(const ln_plan_block *const *)y;
  return a->offset != b->offset ? (a->offset > b->offset ? -1 : 1) : by_size_only(a, b);
}

/* ---- the sum of each step ---- */

/* A start or an end of a block, sorted by step. */
typedef struct edge {
  int32_t step;
  bool ends;
  size_t bytes;
} edge;

static int by_edge(const void *x, const void *y) {
  const edge *a = x;
  const edge *b = y;
  if (a->step != b->step) return a->step < b->step ? -1 : 1;
  return (int)b->ends - (int)a->ends; /* an end (given as last + 1) before a start in the same step */
}

static void sum_steps(planner *p, edge *edges, ln_plan_result *out) {
  for (int32_t i = 0; i < p->count; ++i) {
    edges[2 * i] = (edge){p->blocks[i].first, false, p->blocks[i].bytes};
    edges[2 * i + 1] = (edge){p->blocks[i].last + 1, true, p->blocks[i].bytes};
    p->breadths[i] = 0;
  }
  qsort(edges, (size_t)p->count * 2, sizeof *edges, by_edge);
  size_t live = 0;
  for (int32_t i = 0; i < 2 * p->count; ++i) {
    live = edges[i].ends ? live - edges[i].bytes : live + edges[i].bytes;
    if (live > out->lower_bound) {
      out->lower_bound = live;
      out->fullest = edges[i].step;
    }
    for (int32_t k = 0; p->count <= MOST_BREADTHS && k < p->count; ++k) {
      const bool lives = p->blocks[k].first <= edges[i].step && edges[i].step <= p->blocks[k].last;
      if (lives && live > p->breadths[k]) p->breadths[k] = live;
    }
  }
}

/* ---- the search ---- */

static uint32_t next_random(uint64_t *state, int32_t limit) {
  *state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
  return (uint32_t)(*state >> 33) % (uint32_t)limit;
}

/* Moves a block that ends at the top to a random earlier place of the best order, and keeps what is no worse. */
static void search(planner *p) {
  uint64_t random = SEARCH_SEED;
  const int64_t end = p->visits + SEARCH_VISITS;
  while (p->best > p->bound && p->visits < end) {
    int32_t from = 0;
    for (int32_t i = 0; i < p->count; ++i) {
      const ln_plan_block *block = p->best_order[i];
      if (block->bytes > 0 && p->best_offsets[block - p->blocks] + block->bytes == p->best) from = i;
    }
    p->visits += p->count;
    if (from == 0) return;
    /* Now and then another block, since the top may not depend on this one alone. */
    if (next_random(&random, 4) == 0) from = 1 + (int32_t)next_random(&random, p->count - 1);
    const int32_t to = (int32_t)next_random(&random, from);
    memcpy(p->order, p->best_order, (size_t)p->count * sizeof(ln_plan_block *));
    memmove(p->order + to + 1, p->order + to, (size_t)(from - to) * sizeof(ln_plan_block *));
    p->order[to] = p->best_order[from];
    try_order(p, true);
  }
}

static void plan(planner *p) {
  static int (*const orders[])(const void *, const void *) = {by_size, by_step, by_breadth, by_life};
  p->best = SIZE_MAX;
  for (size_t k = 0; k < LN_COUNT(orders) && p->best > p->bound && p->visits < MOST_VISITS; ++k) {
    if (orders[k] == by_breadth && p->count > MOST_BREADTHS) continue;
    for (int32_t i = 0; i < p->count; ++i) {
      p->order[i] = &p->blocks[i];
      p->blocks[i].offset = p->breadths[i];
    }
    qsort(p->order, (size_t)p->count, sizeof *p->order, orders[k]);
    try_order(p, false);
  }
  if (p->best != SIZE_MAX && p->visits < MOST_VISITS) search(p);
  for (int32_t i = 0; i < p->count; ++i) p->blocks[i].offset = p->best_offsets[i];
}

static bool round_sizes(planner *p) {
  size_t total = 0;
  for (int32_t i = 0; i < p->count; ++i) {
    size_t *bytes = &p->blocks[i].bytes;
    if (!ln_size_align(*bytes, LN_ALIGNMENT, bytes) || !ln_size_add(total, *bytes, &total) || total > PTRDIFF_MAX)
      return false;
  }
  return true;
}

ln_status ln_plan_arena(ln_plan_block *blocks, int32_t count, ln_error *err, ln_plan_result *out) {
  *out = (ln_plan_result){0};
  if (count <= 0) return LN_OK;
  ln_arena work = {0};
  planner p = {.blocks = blocks,
               .count = count,
               .order = ln_arena_array(&work, (size_t)count, sizeof *p.order),
               .placed = ln_arena_array(&work, (size_t)count, sizeof *p.placed),
               .best_order = ln_arena_array(&work, (size_t)count, sizeof *p.best_order),
               .best_offsets = ln_arena_array(&work, (size_t)count, sizeof *p.best_offsets),
               .breadths = ln_arena_array(&work, (size_t)count, sizeof *p.breadths)};
  edge *edges = ln_arena_array(&work, (size_t)count, 2 * sizeof *edges);
  ln_status status = LN_OK;
  if (p.order == NULL || p.placed == NULL || p.best_order == NULL || p.best_offsets == NULL || p.breadths == NULL ||
      edges == NULL) {
    status = ln_fail(err, LN_ERR_MEMORY, "no memory to plan %d blocks", count);
  } else if (!round_sizes(&p)) {
    status = ln_fail(err, LN_ERR_MEMORY, "the tensors take more memory than can be addressed");
  } else {
    sum_steps(&p, edges, out);
    p.bound = out->lower_bound;
    plan(&p);
    out->arena_bytes = p.best;
    if (p.best == SIZE_MAX) {
      status = ln_fail(err, LN_ERR_MEMORY, "the tensors take more memory than can be addressed");
    }
  }
  ln_arena_free(&work);
  return status;
}

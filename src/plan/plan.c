/*
 * Offsets by first fit: each block, in some order, takes the lowest gap among the blocks placed before it whose ranges
 * of steps meet its own. Largest first is best for most models, first-come best for some: both are tried.
 */
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

static bool meet(const ln_plan_block *a, const ln_plan_block *b) { return a->first <= b->last && b->first <= a->last; }

static int by_size(const void *x, const void *y) {
  const ln_plan_block *a = *(const ln_plan_block *const *)x;
  const ln_plan_block *b = *(const ln_plan_block *const *)y;
  if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
  if (a->first != b->first) return a->first < b->first ? -1 : 1;
  return a < b ? -1 : a > b; /* one order on every platform */
}

static int by_step(const void *x, const void *y) {
  const ln_plan_block *a = *(const ln_plan_block *const *)x;
  const ln_plan_block *b = *(const ln_plan_block *const *)y;
  if (a->first != b->first) return a->first < b->first ? -1 : 1;
  if (a->bytes != b->bytes) return a->bytes > b->bytes ? -1 : 1;
  return a < b ? -1 : a > b;
}

/* Places order[at] below or between the blocks in `placed`, which are sorted by offset; false on overflow. */
static bool place(ln_plan_block *block, ln_plan_block **placed, int32_t placed_count) {
  size_t offset = 0;
  for (int32_t i = 0; i < placed_count; ++i) {
    const ln_plan_block *other = placed[i];
    if (!meet(block, other)) continue;
    if (other->offset >= offset && other->offset - offset >= block->bytes) break;
    const size_t end = other->offset + other->bytes;
    if (end > offset) offset = end;
  }
  block->offset = offset;
  size_t end;
  if (!ln_size_add(offset, block->bytes, &end) || end > PTRDIFF_MAX) return false;
  int32_t at = placed_count;
  while (at > 0 && placed[at - 1]->offset > offset) {
    placed[at] = placed[at - 1];
    --at;
  }
  placed[at] = block;
  return true;
}

static bool place_all(ln_plan_block **order, ln_plan_block **placed, int32_t count, size_t *arena_bytes) {
  *arena_bytes = 0;
  int32_t placed_count = 0;
  for (int32_t i = 0; i < count; ++i) {
    if (order[i]->bytes == 0) {
      order[i]->offset = 0;
      continue;
    }
    if (!place(order[i], placed, placed_count++)) return false;
    const size_t end = order[i]->offset + order[i]->bytes;
    if (end > *arena_bytes) *arena_bytes = end;
  }
  return true;
}

/* The largest sum of blocks in one step: a sum over starts and ends, sorted by step. */
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

static size_t lower_bound(const ln_plan_block *blocks, int32_t count, edge *edges, int32_t *fullest) {
  for (int32_t i = 0; i < count; ++i) {
    edges[2 * i] = (edge){blocks[i].first, false, blocks[i].bytes};
    edges[2 * i + 1] = (edge){blocks[i].last + 1, true, blocks[i].bytes};
  }
  qsort(edges, (size_t)count * 2, sizeof *edges, by_edge);
  size_t live = 0, most = 0;
  for (int32_t i = 0; i < 2 * count; ++i) {
    live = edges[i].ends ? live - edges[i].bytes : live + edges[i].bytes;
    if (live <= most) continue;
    most = live;
    *fullest = edges[i].step;
  }
  return most;
}

ln_status ln_plan_arena(ln_plan_block *blocks, int32_t count, ln_error *err, ln_plan_result *out) {
  ln_status status = LN_OK;
  *out = (ln_plan_result){0};
  if (count <= 0) return LN_OK;
  ln_plan_block **order = ln_alloc_array((size_t)count, sizeof *order);
  ln_plan_block **placed = ln_alloc_array((size_t)count, sizeof *placed);
  size_t *first_offsets = ln_alloc_array((size_t)count, sizeof *first_offsets);
  edge *edges = ln_alloc_array((size_t)count, 2 * sizeof *edges);
  if (order == NULL || placed == NULL || first_offsets == NULL || edges == NULL) {
    status = ln_fail(err, LN_ERR_MEMORY, "no memory to plan %d blocks", count);
    goto out;
  }
  size_t total = 0;
  for (int32_t i = 0; i < count; ++i) {
    order[i] = &blocks[i];
    if (!ln_size_align(blocks[i].bytes, LN_ALIGNMENT, &blocks[i].bytes) ||
        !ln_size_add(total, blocks[i].bytes, &total) || total > PTRDIFF_MAX) {
      status = ln_fail(err, LN_ERR_MEMORY, "the tensors take more memory than can be addressed");
      goto out;
    }
  }
  size_t by_size_bytes, by_step_bytes;
  qsort(order, (size_t)count, sizeof *order, by_size);
  bool good = place_all(order, placed, count, &by_size_bytes);
  for (int32_t i = 0; i < count; ++i) first_offsets[i] = blocks[i].offset;
  qsort(order, (size_t)count, sizeof *order, by_step);
  good = good && place_all(order, placed, count, &by_step_bytes);
  if (!good) {
    status = ln_fail(err, LN_ERR_MEMORY, "the tensors take more memory than can be addressed");
    goto out;
  }
  out->arena_bytes = by_step_bytes;
  if (by_size_bytes <= by_step_bytes) {
    out->arena_bytes = by_size_bytes;
    for (int32_t i = 0; i < count; ++i) blocks[i].offset = first_offsets[i];
  }
  out->lower_bound = lower_bound(blocks, count, edges, &out->fullest);
out:
  ln_free(order);
  ln_free(placed);
  ln_free(first_offsets);
  ln_free(edges);
  return status;
}

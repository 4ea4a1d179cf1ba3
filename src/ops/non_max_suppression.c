/*
 * NON_MAX_SUPPRESSION_V4 and V5: the best boxes that do not overlap better ones. V5 can also lower the scores of boxes
 * that overlap a little (soft suppression). Lists are filled up with zeros to the greatest number asked for.
 */
#include <math.h>
#include <string.h>

#include "kernels/nms.h"
#include "ops/move.h"
#include "ops/rows.h"

enum { IN_BOXES, IN_SCORES, IN_MOST, IN_OVERLAP, IN_LEAST, IN_SIGMA };

typedef struct candidate {
  int32_t index;
  float score;
  int32_t compared; /* selected boxes that it has been compared with */
} candidate;

typedef struct limits {
  float overlap, least, sigma;
  int32_t most;
} limits;

static bool is_soft(const ln_node *node) { return node->op->def->variant == LN_NON_MAX_SOFT; }

ln_status ln_non_max_infer(ln_node *node, ln_error *err) {
  const ln_shape *boxes = &node->in[IN_BOXES]->shape, *scores = &node->in[IN_SCORES]->shape;
  if (boxes->rank != 2 || boxes->dims[1] != 4 || scores->rank != 1 || scores->dims[0] != boxes->dims[0]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs boxes [n, 4] and scores [n]");
  }
  for (int32_t i = IN_OVERLAP; i < node->in_count; ++i) {
    if (ln_shape_span(&node->in[i]->shape, 0, node->in[i]->shape.rank) != 1) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "input %d should hold one number", i);
    }
  }
  const ln_shape one = {0, {0}};
  LN_TRY(ln_node_set_shape(node, node->out_count - 1, &one, err));
  int64_t most = 0;
  LN_TRY(ln_node_int(node, IN_MOST, &most, err));
  ln_shape list = {0, {0}};
  if (!ln_shape_push(&list, most)) return ln_node_fail(node, err, LN_ERR_DATA, "at most %lld boxes", (long long)most);
  for (int32_t i = 0; i < node->out_count - 1; ++i) LN_TRY(ln_node_set_shape(node, i, &list, err));
  return LN_OK;
}

ln_status ln_non_max_prepare(ln_node *node, ln_prep *prep) {
  if (ln_size_mul((size_t)node->in[IN_SCORES]->shape.dims[0], sizeof(candidate), &node->scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

static bool is_better(const candidate *a, const candidate *b) {
  return a->score > b->score || (a->score == b->score && a->index < b->index);
}

/* Lets the item at `at` sink to its place in a heap with the best on top. */
static void sink(candidate *heap, int32_t count, int32_t at) {
  const candidate moved = heap[at];
  for (int64_t child = 2 * (int64_t)at + 1; child < count; child = 2 * (int64_t)at + 1) {
    if (child + 1 < count && is_better(&heap[child + 1], &heap[child])) ++child;
    if (!is_better(&heap[child], &moved)) break;
    heap[at] = heap[child];
    at = (int32_t)child;
  }
  heap[at] = moved;
}

static int32_t gather(const float *scores, int32_t count, float least, candidate *heap) {
  int32_t kept = 0;
  for (int32_t i = 0; i < count; ++i) {
    if (scores[i] > least) heap[kept++] = (candidate){i, scores[i], 0};
  }
  for (int32_t at = kept / 2 - 1; at >= 0; --at) sink(heap, kept, at);
  return kept;
}

/* Corners may stand in any order. */
static ln_box box_at(const float *boxes, int32_t index) {
  const float *b = boxes + (ptrdiff_t)index * 4;
  const ln_box box = {b[2] < b[0] ? b[2] : b[0], b[3] < b[1] ? b[3] : b[1], b[0] < b[2] ? b[2] : b[0],
                      b[1] < b[3] ? b[3] : b[1]};
  return box;
}

/* Compares with the boxes selected since the last time; false when one of them suppresses this one for good. */
static bool weigh(const float *boxes, const limits *l, const int32_t *selected, int32_t count, candidate *c) {
  const float scale = l->sigma > 0.0f ? -0.5f / l->sigma : 0.0f;
  const ln_box box = box_at(boxes, c->index);
  for (int32_t j = count - 1; j >= c->compared; --j) {
    const ln_box other = box_at(boxes, selected[j]);
    const float overlap = ln_k_box_overlap(&box, &other);
    if (overlap >= l->overlap) return false;
    if (l->sigma > 0.0f) c->score *= expf(scale * overlap * overlap);
    if (c->score <= l->least) break;
  }
  c->compared = count;
  return true;
}

static int32_t select_boxes(const ln_node *node, const limits *l, candidate *heap, int32_t *selected, float *scores) {
  const float *boxes = node->in[IN_BOXES]->data;
  int32_t left = gather(node->in[IN_SCORES]->data, node->in[IN_SCORES]->shape.dims[0], l->least, heap);
  int32_t count = 0;
  while (left > 0 && count < l->most) {
    const float before = heap[0].score;
    const bool stays = weigh(boxes, l, selected, count, &heap[0]);
    const candidate best = heap[0];
    if (stays && best.score != before && best.score > l->least) { /* its turn comes later */
      sink(heap, left, 0);
      continue;
    }
    heap[0] = heap[--left];
    if (left > 0) sink(heap, left, 0);
    if (!stays || best.score != before) continue;
    selected[count] = best.index;
    if (scores != NULL) scores[count] = best.score;
    ++count;
  }
  return count;
}

ln_status ln_non_max_run(const ln_node *node, ln_exec *exec) {
  const limits l = {.overlap = *(const float *)node->in[IN_OVERLAP]->data,
                    .least = *(const float *)node->in[IN_LEAST]->data,
                    .sigma = is_soft(node) ? *(const float *)node->in[IN_SIGMA]->data : 0.0f,
                    .most = node->out[0]->shape.dims[0]};
  if (!(l.overlap >= 0.0f && l.overlap <= 1.0f) || !(l.sigma >= 0.0f)) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "an overlap of %g or a sigma of %g", (double)l.overlap,
                        (double)l.sigma);
  }
  for (int32_t i = 0; i < node->out_count - 1 && l.most > 0; ++i) memset(node->out[i]->data, 0, node->out[i]->bytes);
  const int32_t count =
      select_boxes(node, &l, exec->scratch, node->out[0]->data, is_soft(node) ? node->out[1]->data : NULL);
  *(int32_t *)node->out[node->out_count - 1]->data = count;
  return LN_OK;
}

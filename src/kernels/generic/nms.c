/* Boxes of detections: see kernels/nms.h. */
#include "kernels/nms.h"

#include <math.h>
#include <stddef.h>
#include <string.h>

ln_box ln_k_box_decode(ln_box_offset offset, ln_box_offset anchor, ln_box_offset scale) {
  const float y = (float)((double)offset.y / (double)scale.y * (double)anchor.h + (double)anchor.y);
  const float x = (float)((double)offset.x / (double)scale.x * (double)anchor.w + (double)anchor.x);
  const float half_h = (float)(0.5 * exp((double)offset.h / (double)scale.h) * (double)anchor.h);
  const float half_w = (float)(0.5 * exp((double)offset.w / (double)scale.w) * (double)anchor.w);
  const ln_box box = {y - half_h, x - half_w, y + half_h, x + half_w};
  return box;
}

static float larger(float a, float b) { return a < b ? b : a; }
static float smaller(float a, float b) { return b < a ? b : a; }
static float area_of(const ln_box *box) { return (box->y_max - box->y_min) * (box->x_max - box->x_min); }

float ln_k_box_overlap(const ln_box *a, const ln_box *b) {
  const float area_a = area_of(a), area_b = area_of(b);
  if (area_a <= 0.0f || area_b <= 0.0f) return 0.0f;
  const float height = smaller(a->y_max, b->y_max) - larger(a->y_min, b->y_min);
  const float width = smaller(a->x_max, b->x_max) - larger(a->x_min, b->x_min);
  const float common = larger(height, 0.0f) * larger(width, 0.0f);
  return common / (area_a + area_b - common);
}

/* Merges two runs that lie behind one another: [0, middle) and [middle, count). */
static void merge(const float *values, int32_t middle, int32_t count, const int32_t *from, int32_t *to) {
  int32_t left = 0, right = middle;
  for (int32_t i = 0; i < count; ++i) {
    const int take_right = left >= middle || (right < count && values[from[right]] > values[from[left]]);
    to[i] = from[take_right ? right++ : left++];
  }
}

void ln_k_sort_falling(const float *values, int32_t count, int32_t *indices, int32_t *work) {
  int32_t *from = indices, *to = work;
  for (int64_t run = 1; run < count; run *= 2) {
    for (int64_t at = 0; at < count; at += 2 * run) {
      const int32_t length = (int32_t)(count - at < 2 * run ? count - at : 2 * run);
      merge(values, (int32_t)(run < length ? run : length), length, from + at, to + at);
    }
    int32_t *sorted = to;
    to = from;
    from = sorted;
  }
  if (from != indices) memcpy(indices, from, (size_t)count * sizeof(int32_t));
}

uint8_t ln_k_max_u8(const uint8_t *values, int32_t count) {
  uint8_t most = values[0];
  for (int32_t i = 1; i < count; ++i) most = values[i] > most ? values[i] : most;
  return most;
}

int8_t ln_k_max_i8(const int8_t *values, int32_t count) {
  int8_t most = values[0];
  for (int32_t i = 1; i < count; ++i) most = values[i] > most ? values[i] : most;
  return most;
}

/* ---- candidates: a heap with the best on top ---- */

static int is_better(const float *scores, int32_t a, int32_t b) {
  return scores[a] > scores[b] || (scores[a] == scores[b] && a < b);
}

static void sift_down(const float *scores, int32_t at, int32_t count, int32_t *heap) {
  const int32_t moved = heap[at];
  for (int64_t child = 2 * (int64_t)at + 1; child < count; child = 2 * (int64_t)at + 1) {
    if (child + 1 < count && is_better(scores, heap[child + 1], heap[child])) ++child;
    if (!is_better(scores, heap[child], moved)) break;
    heap[at] = heap[child];
    at = (int32_t)child;
  }
  heap[at] = moved;
}

int32_t ln_k_candidates_gather(const float *scores, int32_t count, float least, int32_t *candidates) {
  int32_t kept = 0;
  for (int32_t i = 0; i < count; ++i) {
    if (scores[i] >= least) candidates[kept++] = i;
  }
  for (int32_t at = kept / 2 - 1; at >= 0; --at) sift_down(scores, at, kept, candidates);
  return kept;
}

int32_t ln_k_candidates_pop(const float *scores, int32_t count, int32_t *candidates) {
  const int32_t best = candidates[0];
  candidates[0] = candidates[count - 1];
  if (count > 1) sift_down(scores, 0, count - 1, candidates);
  return best;
}

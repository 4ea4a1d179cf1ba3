/*
 * Mean average precision of boxes, as the COCO benchmark counts it (Lin et al., Microsoft COCO, 2014): for each class
 * precision at 101 recalls, where boxes in falling order of their scores each take the truth of their picture that they
 * cover best.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/base.h"
#include "linnet/train.h"

typedef struct ranked {
  ln_image_box box;
  int64_t place; /* as it was given: equal scores stay in that order */
  bool taken;    /* a truth, by a better box */
} ranked;

typedef struct box_map {
  ranked *found, *truths;
  size_t found_count, truth_count;
  double *precision; /* [found_count] of a class, up to each of its boxes */
  size_t *right;     /* [found_count] how many of these have a truth */
} box_map;

static int order(int64_t a, int64_t b) { return (a > b) - (a < b); }

static int by_score(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->box.label != y->box.label) return order(x->box.label, y->box.label);
  if (x->box.score != y->box.score) return x->box.score > y->box.score ? -1 : 1;
  return order(x->place, y->place);
}

static int by_image(const void *a, const void *b) {
  const ranked *x = a, *y = b;
  if (x->box.label != y->box.label) return order(x->box.label, y->box.label);
  if (x->box.image != y->box.image) return order(x->box.image, y->box.image);
  return order(x->place, y->place);
}

static ranked *copy(const ln_image_box *boxes, int64_t count, int (*compare)(const void *, const void *)) {
  ranked *all = ln_alloc_array((size_t)count + 1, sizeof *all);
  if (all == NULL) return NULL;
  for (int64_t i = 0; i < count; ++i) {
    all[i] = (ranked){boxes[i], i, false};
    if (isnan(boxes[i].score)) all[i].box.score = -INFINITY;
  }
  qsort(all, (size_t)count, sizeof *all, compare);
  return all;
}

static double side(float low, float high) { return high > low ? (double)high - (double)low : 0; }

static double overlap(const ln_image_box *a, const ln_image_box *b) {
  const double shared = side(fmaxf(a->y1, b->y1), fminf(a->y2, b->y2)) * side(fmaxf(a->x1, b->x1), fminf(a->x2, b->x2));
  const double both = side(a->y1, a->y2) * side(a->x1, a->x2) + side(b->y1, b->y2) * side(b->x1, b->x2);
  return shared > 0 ? shared / (both - shared) : 0;
}

/* The first of the class's truths that are of this picture, or of a later one. */
static size_t first_of(const ranked *truths, size_t count, int64_t image) {
  size_t low = 0;
  while (low < count) {
    const size_t middle = low + (count - low) / 2;
    if (truths[middle].box.image < image) low = middle + 1;
    else count = middle;
  }
  return low;
}

/* The best truth that is still free and covered enough is the box's. */
static bool takes(const ln_image_box *box, ranked *truths, size_t count, double least) {
  ranked *best = NULL;
  for (size_t i = first_of(truths, count, box->image); i < count && truths[i].box.image == box->image; ++i) {
    const double is = truths[i].taken ? -1 : overlap(box, &truths[i].box);
    if (is < least) continue;
    best = &truths[i];
    least = is;
  }
  if (best != NULL) best->taken = true;
  return best != NULL;
}

/* Of one class: its boxes, its truths. */
static double average_precision(const box_map *m, const ranked *found, size_t found_count, ranked *truths,
                                size_t truth_count, double least) {
  double sum = 0;
  size_t right = 0, at = 0;
  for (size_t i = 0; i < truth_count; ++i) truths[i].taken = false;
  for (size_t i = 0; i < found_count; ++i) {
    right += takes(&found[i].box, truths, truth_count, least);
    m->right[i] = right;
    m->precision[i] = (double)right / (double)(i + 1);
  }
  for (size_t i = found_count; i-- > 1;) m->precision[i - 1] = fmax(m->precision[i - 1], m->precision[i]);
  for (size_t recall = 0; recall <= 100; ++recall) {
    while (at < found_count && m->right[at] * 100 < recall * truth_count) ++at;
    if (at < found_count) sum += m->precision[at];
  }
  return sum / 101;
}

static size_t end_of_class(const ranked *boxes, size_t from, size_t count) {
  size_t end = from;
  while (end < count && boxes[end].box.label == boxes[from].box.label) ++end;
  return end;
}

static double mean(const box_map *m, double first, int32_t thresholds) {
  double sum = 0;
  int64_t classes = 0;
  size_t at = 0;
  for (size_t from = 0, end; from < m->truth_count; from = end, ++classes) {
    end = end_of_class(m->truths, from, m->truth_count);
    const int32_t label = m->truths[from].box.label;
    while (at < m->found_count && m->found[at].box.label < label) ++at;
    const bool any = at < m->found_count && m->found[at].box.label == label;
    const size_t count = any ? end_of_class(m->found, at, m->found_count) - at : 0;
    for (int32_t t = 0; t < thresholds; ++t) {
      sum += average_precision(m, m->found + at, count, m->truths + from, end - from, first + 0.05 * t);
    }
  }
  return classes > 0 ? sum / ((double)classes * thresholds) : (double)NAN;
}

ln_status ln_box_map(const ln_image_box *found, int64_t found_count, const ln_image_box *truths, int64_t truth_count,
                     double first, int32_t thresholds, ln_error *err, double *out) {
  if (out == NULL || found_count < 0 || truth_count < 0 || (found == NULL && found_count > 0) ||
      (truths == NULL && truth_count > 0) || thresholds < 1 || thresholds > 20 || !(first > 0)) {
    return ln_fail(err, LN_ERR_ARGUMENT, "ln_box_map: an argument is missing or out of range");
  }
  const size_t room = (size_t)found_count + 1;
  box_map m = {.found = copy(found, found_count, by_score),
               .truths = copy(truths, truth_count, by_image),
               .found_count = (size_t)found_count,
               .truth_count = (size_t)truth_count,
               .precision = ln_alloc_array(room, sizeof *m.precision),
               .right = ln_alloc_array(room, sizeof *m.right)};
  const bool ready = m.found != NULL && m.truths != NULL && m.precision != NULL && m.right != NULL;
  if (ready) *out = mean(&m, first, thresholds);
  ln_free(m.found);
  ln_free(m.truths);
  ln_free(m.precision);
  ln_free(m.right);
  return ready ? LN_OK : ln_fail(err, LN_ERR_MEMORY, "out of memory for boxes");
}

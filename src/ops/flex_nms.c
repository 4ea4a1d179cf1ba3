/*
 * Select-TF suppression of overlapping boxes: NonMaxSuppression, V2 and V3, whose output is as long as there are boxes
 * left, and CombinedNonMaxSuppression, which does it for every class of every image.
 */
#include <float.h>
#include <string.h>

#include "kernels/nms.h"
#include "ops/flex_attr.h"
#include "ops/host.h"
#include "ops/move.h"
#include "ops/rows.h"

typedef struct thresholds {
  float overlap, score;
  int32_t most; /* boxes that may be kept */
} thresholds;

/* Boxes of one class and what is kept of them; all arrays have room for `count`. */
typedef struct suppression {
  int32_t count;
  ln_box *boxes;
  int32_t *candidates, *kept;
} suppression;

static bool scalar_f32(const ln_tensor *tensor, float *out) {
  size_t count = 0;
  if (tensor->type != LN_FLOAT32 || !ln_shape_elements(&tensor->shape, &count) || count != 1) return false;
  *out = *(const float *)tensor->data;
  return true;
}

/* Corners in any order, `stride` floats from box to box. */
static void read_boxes(const float *corners, size_t stride, const suppression *s) {
  for (int32_t i = 0; i < s->count; ++i, corners += stride) {
    const bool down = corners[0] < corners[2], across = corners[1] < corners[3];
    s->boxes[i] = (ln_box){down ? corners[0] : corners[2], across ? corners[1] : corners[3],
                           down ? corners[2] : corners[0], across ? corners[3] : corners[1]};
  }
}

/* Greedily: the best box first, then each that overlaps none of those kept by more than the threshold. */
static int32_t suppress(const suppression *s, const float *scores, const thresholds *t) {
  int32_t left = ln_k_candidates_gather(scores, s->count, t->score, s->candidates), kept = 0;
  while (left > 0 && kept < t->most) {
    const int32_t best = ln_k_candidates_pop(scores, left--, s->candidates);
    bool apart = scores[best] > t->score;
    for (int32_t i = kept - 1; i >= 0 && apart; --i) {
      apart = !(ln_k_box_overlap(&s->boxes[best], &s->boxes[s->kept[i]]) > t->overlap);
    }
    if (apart) s->kept[kept++] = best;
  }
  return kept;
}

static suppression open_scratch(void *scratch, int32_t count) {
  suppression s = {count, scratch, NULL, NULL};
  s.candidates = (int32_t *)(void *)(s.boxes + count);
  s.kept = s.candidates + count;
  return s;
}

enum { EACH_BOX = sizeof(ln_box) + 2 * sizeof(int32_t) };

/* ---- NonMaxSuppression: boxes [n, 4], scores [n], most [, overlap [, score]] ---- */

ln_status ln_flex_nms_infer(ln_node *node, ln_error *err) {
  const ln_shape *boxes = &node->in[0]->shape, *scores = &node->in[1]->shape;
  if (boxes->rank != 2 || boxes->dims[1] != 4 || scores->rank != 1 || scores->dims[0] != boxes->dims[0]) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "boxes and scores do not fit together");
  }
  return (ln_status)LN_INFER_IN_RUN;
}

ln_status ln_flex_nms_prepare(ln_node *node, ln_prep *prep) {
  if (ln_size_mul((size_t)node->in[0]->shape.dims[0], EACH_BOX, &node->scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
}

ln_status ln_flex_nms_run(const ln_node *node, ln_exec *exec) {
  thresholds t = {0.5f, -FLT_MAX, 0};
  int64_t most = 0;
  LN_TRY(ln_node_int(node, 2, &most, exec->err));
  bool good = true;
  if (node->in_count > 3) good = scalar_f32(node->in[3], &t.overlap);
  else LN_TRY(ln_attr_float(node, exec->err, "iou_threshold", &t.overlap));
  if (node->in_count > 4) good = good && scalar_f32(node->in[4], &t.score);
  if (!good || !(t.overlap >= 0.0f && t.overlap <= 1.0f) || most < 0) {
    return ln_node_fail(node, exec->err, LN_ERR_DATA, "at most %lld boxes that overlap by %g", (long long)most,
                        (double)t.overlap);
  }
  suppression s = open_scratch(exec->scratch, node->in[0]->shape.dims[0]);
  t.most = most < s.count ? (int32_t)most : s.count;
  if (s.count > 0) read_boxes(node->in[0]->data, 4, &s);
  const int32_t kept = s.count > 0 ? suppress(&s, node->in[1]->data, &t) : 0;
  const ln_shape shape = ln_shape_make(1, &kept);
  LN_TRY(ln_host_output(node, 0, &shape, (size_t)kept * sizeof(int32_t), exec->err));
  if (kept > 0) memcpy(node->out[0]->data, s.kept, (size_t)kept * sizeof(int32_t));
  return LN_OK;
}

/* ---- CombinedNonMaxSuppression: boxes [b, n, classes or 1, 4], scores [b, n, classes], most of a class, most of all,
 * overlap, score ---- */

typedef struct combined_args {
  int32_t images, boxes, box_classes, classes, each, total; /* each: of a class */
  bool clip;
} combined_args;

static ln_status combined_sizes(const ln_node *node, ln_error *err, combined_args *a) {
  const ln_shape *boxes = &node->in[0]->shape, *scores = &node->in[1]->shape;
  int64_t each = 0, total = 0;
  bool pad = false;
  a->clip = true;
  LN_TRY(ln_attr_bool(node, err, "pad_per_class", &pad));
  LN_TRY(ln_attr_bool(node, err, "clip_boxes", &a->clip));
  LN_TRY(ln_node_int(node, 2, &each, err));
  LN_TRY(ln_node_int(node, 3, &total, err));
  bool fits = boxes->rank == 4 && boxes->dims[3] == 4 && scores->rank == 3;
  fits = fits && boxes->dims[0] == scores->dims[0] && boxes->dims[1] == scores->dims[1];
  fits = fits && (boxes->dims[2] == 1 || boxes->dims[2] == scores->dims[2]);
  if (!fits || each < 1 || total < 1 || each > INT32_MAX || total > INT32_MAX) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "boxes, scores and sizes do not fit together");
  }
  a->images = scores->dims[0];
  a->boxes = scores->dims[1];
  a->classes = scores->dims[2];
  a->box_classes = boxes->dims[2];
  if (pad && total > each * a->classes) total = each * a->classes;
  a->total = (int32_t)total;
  a->each = each < a->boxes ? (int32_t)each : a->boxes;
  return LN_OK;
}

ln_status ln_combined_nms_infer(ln_node *node, ln_error *err) {
  combined_args a;
  LN_TRY(combined_sizes(node, err, &a));
  const int32_t dims[3] = {a.images, a.total, 4};
  const ln_shape boxes = ln_shape_make(3, dims), list = ln_shape_make(2, dims), count = ln_shape_make(1, dims);
  LN_TRY(ln_node_set_shape(node, 0, &boxes, err));
  LN_TRY(ln_node_set_shape(node, 1, &list, err));
  LN_TRY(ln_node_set_shape(node, 2, &list, err));
  return ln_node_set_shape(node, 3, &count, err);
}

/* A box that was kept, whatever its class. */
typedef struct detection {
  int32_t box, class_index;
} detection;

/* One class's boxes and scores; all classes' detections, their scores, an order and room to sort. */
static bool combined_bytes(const combined_args *a, size_t *kept, size_t *bytes) {
  size_t own = 0, all = 0;
  return ln_size_mul((size_t)a->classes, (size_t)a->each, kept) && *kept <= INT32_MAX &&
         ln_size_mul((size_t)a->boxes, EACH_BOX + sizeof(float), &own) &&
         ln_size_mul(*kept, sizeof(detection) + sizeof(float) + 2 * sizeof(int32_t), &all) &&
         ln_size_add(own, all, bytes);
}

ln_status ln_combined_nms_prepare(ln_node *node, ln_prep *prep) {
  combined_args *args = LN_NODE_ARGS(node, prep, combined_args);
  size_t kept = 0;
  if (args == NULL) return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory");
  LN_TRY(combined_sizes(node, prep->err, args));
  if (combined_bytes(args, &kept, &node->scratch_bytes)) return LN_OK;
  return ln_node_fail(node, prep->err, LN_ERR_MEMORY, "no memory for what is kept of %d boxes", args->boxes);
}

typedef struct combined_work {
  suppression s;
  float *class_scores, *scores;
  detection *found;
  int32_t *order, *sorting;
} combined_work;

static combined_work open_work(const combined_args *a, void *scratch) {
  combined_work w = {.s = open_scratch(scratch, a->boxes)};
  size_t kept = 0, bytes = 0;
  (void)combined_bytes(a, &kept, &bytes);
  w.found = (detection *)(void *)(w.s.kept + a->boxes);
  w.class_scores = (float *)(void *)(w.found + kept);
  w.scores = w.class_scores + a->boxes;
  w.order = (int32_t *)(void *)(w.scores + kept);
  w.sorting = w.order + kept;
  return w;
}

static int32_t find_all(const ln_node *node, const combined_args *a, const thresholds *t, int32_t image,
                        const combined_work *w) {
  const size_t box_stride = 4 * (size_t)a->box_classes, first = (size_t)image * (size_t)a->boxes;
  const float *boxes = (const float *)node->in[0]->data + first * box_stride;
  const float *scores = (const float *)node->in[1]->data + first * (size_t)a->classes;
  int32_t found = 0;
  for (int32_t c = 0; c < a->classes; ++c) {
    if (c == 0 || a->box_classes > 1) read_boxes(boxes + 4 * (size_t)c, box_stride, &w->s);
    for (int32_t i = 0; i < a->boxes; ++i) w->class_scores[i] = scores[(size_t)i * (size_t)a->classes + (size_t)c];
    const int32_t kept = suppress(&w->s, w->class_scores, t);
    for (int32_t i = 0; i < kept; ++i, ++found) {
      w->found[found] = (detection){w->s.kept[i], c};
      w->scores[found] = w->class_scores[w->s.kept[i]];
      w->order[found] = found;
    }
  }
  ln_k_sort_falling(w->scores, found, w->order, w->sorting);
  return found < a->total ? found : a->total;
}

static float clipped(float x, bool clip) { return !clip ? x : (x < 0.0f ? 0.0f : (x > 1.0f ? 1.0f : x)); }

ln_status ln_combined_nms_run(const ln_node *node, ln_exec *exec) {
  const combined_args *a = node->args;
  thresholds t = {0.5f, 0.0f, a->each};
  if (!scalar_f32(node->in[4], &t.overlap) || !scalar_f32(node->in[5], &t.score)) {
    return ln_node_fail(node, exec->err, LN_ERR_SHAPE, "a threshold is no scalar");
  }
  for (int32_t i = 0; i < 4; ++i) {
    if (!ln_tensor_is_empty(node->out[i])) memset(node->out[i]->data, 0, node->out[i]->bytes);
  }
  if (a->boxes == 0 || a->classes == 0) return LN_OK;
  const combined_work w = open_work(a, exec->scratch);
  for (int32_t image = 0; image < a->images; ++image) {
    const int32_t count = find_all(node, a, &t, image, &w);
    for (int32_t i = 0; i < count; ++i) {
      const size_t to = (size_t)image * (size_t)a->total + (size_t)i;
      const detection *d = &w.found[w.order[i]];
      const size_t row = ((size_t)image * (size_t)a->boxes + (size_t)d->box) * (size_t)a->box_classes;
      const float *box =
          (const float *)node->in[0]->data + 4 * (row + (size_t)(a->box_classes > 1 ? d->class_index : 0));
      for (int32_t k = 0; k < 4; ++k) ((float *)node->out[0]->data)[4 * to + (size_t)k] = clipped(box[k], a->clip);
      ((float *)node->out[1]->data)[to] = w.scores[w.order[i]];
      ((float *)node->out[2]->data)[to] = (float)d->class_index;
    }
    ((int32_t *)node->out[3]->data)[image] = count;
  }
  return LN_OK;
}

/* Boxes of detections: decoding from anchors, and greedy suppression of those that overlap better ones. */
#ifndef LN_KERNELS_NMS_H
#define LN_KERNELS_NMS_H

#include <stdint.h>

typedef struct ln_box {
  float y_min, x_min, y_max, x_max;
} ln_box;

/* A box as its centre and size, in units of an anchor. */
typedef struct ln_box_offset {
  float y, x, h, w;
} ln_box_offset;

/* anchor: centre and size. scale: what each part of the offset was multiplied by when it was trained. In double inside. */
ln_box ln_k_box_decode(ln_box_offset offset, ln_box_offset anchor, ln_box_offset scale);

/* Area of the intersection over that of the union; 0 when either box has no area. */
float ln_k_box_overlap(const ln_box *a, const ln_box *b);

/*
 * Picks up to `most` of `count` boxes with scores of at least `least`: the best first (of equals the earlier), and none
 * that overlaps a picked one by more than `overlap`. selected: [min(most, count)], numbers of boxes; work: [2 * count].
 * Returns how many were picked.
 */
int32_t ln_k_nms(const ln_box *boxes, const float *scores, int32_t count, int32_t most, float least, float overlap,
                 int32_t *work, int32_t *selected);

/* Sorts `count` indices into `values` by falling value, equals in their present order. work: [count] */
void ln_k_sort_falling(const float *values, int32_t count, int32_t *indices, int32_t *work);

#endif

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

/* anchor: centre and size. scale: what each part of the offset was multiplied by when it was trained. In double inside.
 */
ln_box ln_k_box_decode(ln_box_offset offset, ln_box_offset anchor, ln_box_offset scale);

/* Area of the intersection over that of the union; 0 when either box has no area. */
float ln_k_box_overlap(const ln_box *a, const ln_box *b);

/* The greatest of `count` bytes, count >= 1. */
uint8_t ln_k_max_u8(const uint8_t *values, int32_t count);
int8_t ln_k_max_i8(const int8_t *values, int32_t count);

/*
 * Candidates in falling order of score, of equals the lower number first, without sorting them all: gather numbers of
 * `scores` that are at least `least` (returns how many there are), then pop them one by one (`count` of them are left).
 */
int32_t ln_k_candidates_gather(const float *scores, int32_t count, float least, int32_t *candidates);
int32_t ln_k_candidates_pop(const float *scores, int32_t count, int32_t *candidates);

/* Sorts `count` indices into `values` by falling value, equals in their present order. work: [count] */
void ln_k_sort_falling(const float *values, int32_t count, int32_t *indices, int32_t *work);

#endif

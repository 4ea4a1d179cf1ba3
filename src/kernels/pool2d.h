/* Pooling over windows of pixels, one output row at a time. */
#ifndef LN_KERNELS_POOL2D_H
#define LN_KERNELS_POOL2D_H

#include <stddef.h>
#include <stdint.h>

typedef struct ln_pool2d_row {
  const void *in; /* [rows, in_w, channels]: the input rows under the window that lie inside the image, rows >= 1 */
  void *out;      /* [out_w, channels] */
  int32_t rows, in_w, channels;
  int32_t window_w, stride_w, pad_left, out_w; /* output x covers columns [x * stride_w - pad_left, + window_w) */
} ln_pool2d_row;

/* The columns [begin, end) of output x that lie inside the row: at least one, as SAME and VALID paddings give them. */
static inline void ln_pool2d_columns(const ln_pool2d_row *row, int32_t x, int32_t *begin, int32_t *end) {
  const int64_t from = (int64_t)x * row->stride_w - row->pad_left;
  const int64_t to = from + row->window_w;
  *begin = (int32_t)(from < 0 ? 0 : from);
  *end = (int32_t)(to < row->in_w ? to : row->in_w);
}

/* The mean or the maximum of the pixels inside the image, clamped. Float sums may run in any fixed order. */
typedef void ln_pool2d_f32_fn(const ln_pool2d_row *row, float low, float high);
/* Means of integers are rounded to nearest, ties away from zero. */
typedef void ln_pool2d_int_fn(const ln_pool2d_row *row, int32_t low, int32_t high);

/* The root of the mean of the squares, in every tier. */
void ln_k_pool2d_l2_f32(const ln_pool2d_row *row, float low, float high);

typedef struct ln_pool2d_kernels {
  ln_pool2d_f32_fn *average_f32, *max_f32;
  ln_pool2d_int_fn *average_i8, *average_u8, *average_i16, *max_i8, *max_u8, *max_i16;
} ln_pool2d_kernels;

#endif

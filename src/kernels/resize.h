/* Resizing pictures: rows are mixed first, then columns. */
#ifndef LN_KERNELS_RESIZE_H
#define LN_KERNELS_RESIZE_H

#include <stddef.h>
#include <stdint.h>

/* Where an output column comes from. Offsets in elements of a line: column * channels. */
typedef struct ln_resize_column {
  int32_t low, high;
  float fraction;     /* of the way from low to high; may lie a little outside [0, 1] at the borders */
  int32_t fraction10; /* the same in 1024ths, as the integer form computes it by itself */
} ln_resize_column;

/* out = a + (b - a) * fraction, each step rounded or fused. */
typedef void ln_resize_mix_f32_fn(size_t count, const float *a, const float *b, float fraction, float *out);
/* out[x, c] = the same between line[low + c] and line[high + c]. */
typedef void ln_resize_columns_f32_fn(const float *line, const ln_resize_column *columns, int32_t out_w,
                                      int32_t channels, float *out);

/* out = a * (1024 - fraction10) + b * fraction10. */
typedef void ln_resize_mix_i8_fn(size_t count, const int8_t *a, const int8_t *b, int32_t fraction10, int32_t *out);
/* out = the same between line[low + c] and line[high + c], divided by 2^20: to nearest, ties away from zero. */
typedef void ln_resize_columns_i8_fn(const int32_t *line, const ln_resize_column *columns, int32_t out_w,
                                     int32_t channels, int8_t *out);

/*
 * uint8, in floats as TFLite's reference does it, every product and sum rounded by itself:
 * upper = a * (1 - fraction), lower = b * fraction, and then
 * out = (int)(upper[low] * (1 - f) + lower[low] * (1 - f) + upper[high] * f + lower[high] * f + 0.5).
 */
typedef void ln_resize_mix_u8_fn(size_t count, const uint8_t *a, const uint8_t *b, float fraction, float *upper,
                                 float *lower);
typedef void ln_resize_columns_u8_fn(const float *upper, const float *lower, const ln_resize_column *columns,
                                     int32_t out_w, int32_t channels, uint8_t *out);

typedef struct ln_resize_kernels {
  ln_resize_mix_f32_fn *mix_f32;
  ln_resize_columns_f32_fn *columns_f32;
  ln_resize_mix_i8_fn *mix_i8;
  ln_resize_columns_i8_fn *columns_i8;
  ln_resize_mix_u8_fn *mix_u8;
  ln_resize_columns_u8_fn *columns_u8;
} ln_resize_kernels;

/* int16, generic only: one output row from two input rows, in the arithmetic of int8 with wider sums. */
void ln_k_resize_row_i16(const int16_t *a, const int16_t *b, int32_t fraction10, const ln_resize_column *columns,
                         int32_t out_w, int32_t channels, int16_t *out);
/* Copies `bytes` bytes to each output column from line + low[x]; offsets in bytes. */
void ln_k_resize_nearest_row(const char *line, const size_t *low, int32_t out_w, size_t bytes, char *out);

#endif

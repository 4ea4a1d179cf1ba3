/* The loops of MediaPipe's custom operators, in float. A row below is a row of the output. */
#ifndef LN_KERNELS_MEDIAPIPE_H
#define LN_KERNELS_MEDIAPIPE_H

#include <stdint.h>

/* A pooling window; `before` are the paddings above and to the left. */
typedef struct ln_argmax_window {
  int32_t in_h, in_w, channels, out_w;
  int32_t kernel_h, kernel_w, stride_h, stride_w, before_h, before_w;
} ln_argmax_window;

/* Row `y` of one picture: the greatest value under each window, clamped, and where in the window it stands, row by row,
 * as a float 0.1 above the number. image: [in_h, in_w, channels]; out, places: [out_w, channels] */
void ln_k_max_pool_argmax_row(const ln_argmax_window *window, const float *image, int32_t y, float low, float high,
                              float *out, float *places);

/* The way back for one picture: every value goes where `places` says it came from, the rest is 0. Places outside the
 * picture are left out. values, places: [rows, columns, channels]; out: [in_h, in_w, channels] of the window. */
void ln_k_max_unpool(const ln_argmax_window *window, const float *values, const float *places, int32_t rows,
                     int32_t columns, float *out);

/* Row `y` of the picture seen through an affine map: out(x, y) = image(matrix * (x, y)), bilinear, 0 outside.
 * image: [in_h, in_w, channels]; matrix: rows (a, b, c) of x' = ax + by + c; out: [out_w, channels] */
typedef struct ln_affine {
  float x[3], y[3];
} ln_affine;
void ln_k_warp_bilinear_row(const float *image, int32_t in_h, int32_t in_w, int32_t channels, const ln_affine *matrix,
                            int32_t y, int32_t out_w, float *out);

/* Points of `dims` (2 or 3) coordinates: the first two through the map, the third as it is. */
void ln_k_transform_points(const float *points, int32_t count, int32_t dims, const ln_affine *matrix, float *out);

#endif

/* MediaPipe's custom operators: see kernels/mediapipe.h. */
#include "kernels/mediapipe.h"

#include <float.h>
#include <math.h>
#include <stddef.h>
#include <string.h>

static int32_t least(int32_t a, int32_t b) { return a < b ? a : b; }
static int32_t greatest(int32_t a, int32_t b) { return a > b ? a : b; }
static float clamp(float x, float low, float high) {
  const float raised = x < low ? low : x;
  return raised > high ? high : raised;
}

void ln_k_max_pool_argmax_row(const ln_argmax_window *w, const float *image, int32_t y, float low, float high,
                              float *out, float *places) {
  const int32_t top = y * w->stride_h - w->before_h;
  const int32_t from_y = greatest(0, -top), to_y = least(w->kernel_h, w->in_h - top);
  for (int32_t x = 0; x < w->out_w; ++x) {
    const int32_t left = x * w->stride_w - w->before_w;
    const int32_t from_x = greatest(0, -left), to_x = least(w->kernel_w, w->in_w - left);
    for (int32_t c = 0; c < w->channels; ++c, ++out, ++places) {
      float best = -FLT_MAX;
      int32_t place = 0;
      for (int32_t ky = from_y; ky < to_y; ++ky) {
        const float *row = image + ((size_t)(top + ky) * (size_t)w->in_w) * (size_t)w->channels + c;
        for (int32_t kx = from_x; kx < to_x; ++kx) {
          const float value = row[(size_t)(left + kx) * (size_t)w->channels];
          if (!(value > best)) continue;
          best = value;
          place = ky * w->kernel_w + kx;
        }
      }
      *out = clamp(best, low, high);
      *places = (float)place + 0.1f;
    }
  }
}

void ln_k_max_unpool(const ln_argmax_window *w, const float *values, const float *places, int32_t rows, int32_t columns,
                     float *out) {
  memset(out, 0, (size_t)w->in_h * (size_t)w->in_w * (size_t)w->channels * sizeof(float));
  for (int32_t y = 0; y < rows; ++y) {
    for (int32_t x = 0; x < columns; ++x) {
      for (int32_t c = 0; c < w->channels; ++c, ++values, ++places) {
        if (!(*places > -1.0f && *places < 1073741824.0f)) continue;
        const int32_t place = (int32_t)*places;
        const int64_t to_x = (int64_t)x * w->stride_w - w->before_w + place % w->kernel_w;
        const int64_t to_y = (int64_t)y * w->stride_h - w->before_h + place / w->kernel_w;
        if (to_x < 0 || to_x >= w->in_w || to_y < 0 || to_y >= w->in_h) continue;
        out[((size_t)to_y * (size_t)w->in_w + (size_t)to_x) * (size_t)w->channels + (size_t)c] = *values;
      }
    }
  }
}

void ln_k_warp_bilinear_row(const float *image, int32_t in_h, int32_t in_w, int32_t channels, const ln_affine *m,
                            int32_t y, int32_t out_w, float *out) {
  const size_t depth = (size_t)channels;
  for (int32_t x = 0; x < out_w; ++x, out += depth) {
    const float from_x = m->x[0] * (float)x + m->x[1] * (float)y + m->x[2];
    const float from_y = m->y[0] * (float)x + m->y[1] * (float)y + m->y[2];
    if (!(from_x >= 0.0f && from_x <= (float)(in_w - 1) && from_y >= 0.0f && from_y <= (float)(in_h - 1))) {
      memset(out, 0, depth * sizeof(float));
      continue;
    }
    /* On the last row or column the neighbour beyond has no weight; the value itself stands in for it. */
    const int32_t left = least((int32_t)from_x, in_w - 1), top = least((int32_t)from_y, in_h - 1);
    const float right_part = from_x - (float)left, lower_part = from_y - (float)top;
    const size_t right = left + 1 < in_w ? depth : 0, below = top + 1 < in_h ? (size_t)in_w * depth : 0;
    const float *at = image + ((size_t)top * (size_t)in_w + (size_t)left) * depth;
    for (size_t c = 0; c < depth; ++c) {
      const float upper = (1.0f - right_part) * at[c] + right_part * at[c + right];
      const float lower = (1.0f - right_part) * at[c + below] + right_part * at[c + below + right];
      out[c] = lower_part * lower + (1.0f - lower_part) * upper;
    }
  }
}

void ln_k_transform_points(const float *points, int32_t count, int32_t dims, const ln_affine *m, float *out) {
  for (int32_t i = 0; i < count; ++i, points += dims, out += dims) {
    const float x = points[0], y = points[1];
    if (dims == 3) out[2] = points[2];
    out[0] = m->x[0] * x + m->x[1] * y + m->x[2];
    out[1] = m->y[0] * x + m->y[1] * y + m->y[2];
  }
}

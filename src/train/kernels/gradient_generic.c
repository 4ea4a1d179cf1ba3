/* The contract of the gradients' kernels. */
#include <math.h>
#include <string.h>

#include "train/kernels/gradient.h"

static void outer_sums(const ln_pixel_sums *s) {
  for (int32_t l = 0; l < s->line_count; ++l) {
    const float *a = s->lines[l].a, *b = s->lines[l].b;
    for (int32_t p = 0; p < s->lines[l].count; ++p, a += s->a_stride, b += s->b_stride) {
      for (int32_t i = 0; i < s->m; ++i) {
        float *c = s->c + i * s->c_stride;
        for (int32_t j = 0; j < s->n; ++j) c[j] += a[i] * b[j];
      }
    }
  }
}

static void inner_sums(const ln_pixel_sums *s) {
  for (int32_t l = 0; l < s->line_count; ++l) {
    const float *a = s->lines[l].a, *b = s->lines[l].b;
    for (int32_t p = 0; p < s->lines[l].count; ++p, a += s->a_stride, b += s->b_stride) {
      for (int32_t i = 0; i < s->m; ++i) {
        float *c = s->c + i * s->c_stride;
        for (int32_t j = 0; j < s->n; ++j) c[j] += a[i * s->a_row + j] * b[j];
      }
    }
  }
}

static void mask(size_t count, const float *dy, const float *y, float low, float high, float *dx) {
  for (size_t i = 0; i < count; ++i) dx[i] = low < y[i] && y[i] < high ? dy[i] : 0;
}

/* The rows or columns of a window that lie inside. */
static void clip(int32_t from, int32_t kernel, int32_t extent, int32_t *begin, int32_t *end) {
  *begin = from < 0 ? 0 : from;
  *end = kernel < extent - from ? from + kernel : extent;
}

static void max_pool_back(const ln_windows *w, const float *x, const float *dy, float *dx) {
  const ptrdiff_t channels = w->channels;
  memset(dx, 0, (size_t)w->in_h * (size_t)w->in_w * (size_t)channels * sizeof *dx);
  for (int32_t i = 0; i < w->out_h * w->out_w; ++i, dy += channels) {
    int32_t top, bottom, left, right;
    clip(i / w->out_w * w->stride_h - w->before_h, w->kernel_h, w->in_h, &top, &bottom);
    clip(i % w->out_w * w->stride_w - w->before_w, w->kernel_w, w->in_w, &left, &right);
    for (ptrdiff_t c = 0; c < channels; ++c) {
      ptrdiff_t best = -1;
      for (ptrdiff_t row = top; row < bottom; ++row) {
        for (ptrdiff_t column = left; column < right; ++column) {
          const ptrdiff_t at = (row * w->in_w + column) * channels + c;
          if (best < 0 || x[at] > x[best]) best = at;
        }
      }
      if (best >= 0) dx[best] += dy[c];
    }
  }
}

static void taps(int32_t count, const float *const *a, const float *const *b, int32_t channels, bool first,
                 float *out) {
  for (int32_t c = 0; c < channels; ++c) {
    float sum = first ? 0 : out[c];
    for (int32_t i = 0; i < count; ++i) sum += a[i][c] * b[i][c];
    out[c] = sum;
  }
}

static void fake_quant(size_t count, const float *x, const ln_fake_grid *grid, float *y, float seen[2]) {
  for (size_t i = 0; i < count; ++i) {
    const float value = x[i], above = value < grid->low ? grid->low : value;
    if (value < seen[0]) seen[0] = value;
    if (value > seen[1]) seen[1] = value;
    y[i] = rintf((above > grid->high ? grid->high : above) * grid->inverse) * grid->scale + 0.0f; /* no -0 */
  }
}

static void square_sums(size_t count, int32_t channels, const float *x, const float *mean, float *out) {
  memset(out, 0, (size_t)channels * sizeof *out);
  for (size_t p = 0; p < count; ++p, x += channels) {
    for (int32_t c = 0; c < channels; ++c) out[c] += (x[c] - mean[c]) * (x[c] - mean[c]);
  }
}

const ln_gradient_kernels ln_gradient_kernels_generic = {4,    8,          outer_sums, inner_sums, mask, max_pool_back,
                                                         taps, fake_quant, square_sums};

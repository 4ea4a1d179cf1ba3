/* See kernels/conv_nd.h. */
#include "kernels/conv_nd.h"

#include <math.h>

/* The places of the kernel that lie within the image at a result's point: a box of them. */
typedef struct window {
  int64_t first[LN_CONV_ND_DIMS]; /* the image's point under place 0 */
  size_t from[LN_CONV_ND_DIMS], count[LN_CONV_ND_DIMS];
  size_t places; /* the product of count */
} window;

static window open_window(const ln_conv_nd *c, size_t point) {
  window w;
  int32_t i;
  w.places = 1;
  for (i = LN_CONV_ND_DIMS - 1; i >= 0; --i) {
    const int64_t first = (int64_t)(point % (size_t)c->out[i]) * c->stride[i] - c->before[i];
    const int64_t step = c->dilation[i], left = c->in[i] - first;
    const int64_t from = first < 0 ? (-first + step - 1) / step : 0;
    int64_t to = left > 0 ? (left + step - 1) / step : 0;
    if (to > c->kernel[i]) to = c->kernel[i];
    w.first[i] = first;
    w.from[i] = (size_t)from;
    w.count[i] = to > from ? (size_t)(to - from) : 0;
    w.places *= w.count[i];
    point /= (size_t)c->out[i];
  }
  return w;
}

/* The n-th place of the box: its number in the kernel, and the image's point under it. */
static size_t place_at(const ln_conv_nd *c, const window *w, size_t n, size_t *at) {
  size_t k[LN_CONV_ND_DIMS], place = 0, point = 0;
  int32_t i;
  for (i = LN_CONV_ND_DIMS - 1; i >= 0; --i) {
    k[i] = w->from[i] + n % w->count[i];
    n /= w->count[i];
  }
  for (i = 0; i < LN_CONV_ND_DIMS; ++i) {
    place = place * (size_t)c->kernel[i] + k[i];
    point = point * (size_t)c->in[i] + (size_t)(w->first[i] + (int64_t)k[i] * c->dilation[i]);
  }
  *at = point;
  return place;
}

/* The image's point under kernel place `place` at a result's point; 0 where that is outside. */
static int point_under(const ln_conv_nd *c, size_t point, size_t place, size_t *at) {
  int64_t x[LN_CONV_ND_DIMS];
  int32_t i;
  for (i = LN_CONV_ND_DIMS - 1; i >= 0; --i) {
    x[i] = (int64_t)(point % (size_t)c->out[i]) * c->stride[i] - c->before[i] +
           (int64_t)(place % (size_t)c->kernel[i]) * c->dilation[i];
    if (x[i] < 0 || x[i] >= c->in[i]) return 0;
    point /= (size_t)c->out[i];
    place /= (size_t)c->kernel[i];
  }
  *at = ((size_t)x[0] * (size_t)c->in[1] + (size_t)x[1]) * (size_t)c->in[2] + (size_t)x[2];
  return 1;
}

#define REAL float
#define NAME(stem) stem##_f32
#include "kernels/conv_nd_body.inc"
#undef REAL
#undef NAME

#define REAL double
#define NAME(stem) stem##_f64
#include "kernels/conv_nd_body.inc"

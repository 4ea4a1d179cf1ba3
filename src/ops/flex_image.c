/* Select-TF operators on images: crops, patches, colours, and the gradient of local response normalization. */
#include <math.h>
#include <string.h>

#include "ops/elementwise.h"
#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/wide.h"
#include "ops/window.h"

/* ---- CropAndResize: images, boxes [n, 4] (y1, x1, y2, x2 of 0 to 1), the image of each box, the crops' size ---- */

ln_status ln_crop_and_resize_infer(ln_node *node, ln_error *err) {
  const ln_shape *images = &node->in[0]->shape, *boxes = &node->in[1]->shape, *which = &node->in[2]->shape;
  int64_t size[2];
  int32_t count = 0;
  LN_TRY(ln_node_ints(node, 3, size, 2, &count, err));
  const bool fits = images->rank == 4 && images->dims[1] > 0 && images->dims[2] > 0 && boxes->rank == 2 &&
                    boxes->dims[1] == 4 && which->rank == 1 && which->dims[0] == boxes->dims[0] && count == 2;
  ln_shape shape = {0, {0}};
  if (!fits || !ln_shape_push(&shape, boxes->dims[0]) || size[0] < 1 || size[1] < 1 ||
      !ln_shape_push(&shape, size[0]) || !ln_shape_push(&shape, size[1]) || !ln_shape_push(&shape, images->dims[3])) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "images, boxes and size do not fit together");
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

/* Where line `at` of `count` between `first` and `last` (of 0 to 1) lies in an image of `extent` lines. */
static float crop_place(float first, float last, int32_t at, int32_t count, int32_t extent) {
  const float lines = (float)(extent - 1);
  if (count == 1) return 0.5f * (first + last) * lines;
  return first * lines + (float)at * ((last - first) * lines / (float)(count - 1));
}

typedef struct crop {
  const double *image; /* [h, w, d] */
  int32_t h, w, d;
  bool nearest;
  float outside;
} crop;

/* A line that floats found, kept within the image: large extents are not exact in them. */
static size_t line_at(float at, int32_t extent) {
  const int64_t line = (int64_t)at;
  return (size_t)(line < extent ? line : extent - 1);
}

static void crop_pixel(const crop *c, float y, float x, float *out) {
  const bool inside = y >= 0.0f && y <= (float)(c->h - 1) && x >= 0.0f && x <= (float)(c->w - 1);
  for (int32_t d = 0; d < c->d && !inside; ++d) out[d] = c->outside;
  if (!inside) return;
  const size_t row = (size_t)c->w * (size_t)c->d, depth = (size_t)c->d;
  if (c->nearest) {
    const double *from = c->image + line_at(roundf(y), c->h) * row + line_at(roundf(x), c->w) * depth;
    for (size_t d = 0; d < depth; ++d) out[d] = (float)from[d];
    return;
  }
  const double *low = c->image + line_at(floorf(y), c->h) * row, *high = c->image + line_at(ceilf(y), c->h) * row;
  const size_t left = line_at(floorf(x), c->w) * depth, right = line_at(ceilf(x), c->w) * depth;
  const double down = (double)(y - floorf(y)), across = (double)(x - floorf(x));
  for (size_t d = 0; d < depth; ++d) {
    const double top = low[left + d] + (low[right + d] - low[left + d]) * across;
    const double bottom = high[left + d] + (high[right + d] - high[left + d]) * across;
    out[d] = (float)(top + (bottom - top) * down);
  }
}

ln_status ln_crop_and_resize_run(const ln_node *node, ln_exec *exec) {
  static const char *const methods[] = {"bilinear", "nearest"};
  const ln_shape *images = &node->in[0]->shape, *shape = &node->out[0]->shape;
  crop c = {NULL, images->dims[1], images->dims[2], images->dims[3], false, 0.0f};
  int32_t method = 0;
  LN_TRY(ln_attr_choice(node, exec->err, "method", methods, 2, &method));
  LN_TRY(ln_attr_float(node, exec->err, "extrapolation_value", &c.outside));
  c.nearest = method == 1;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  const float *boxes = node->in[1]->data;
  const int32_t *which = node->in[2]->data;
  float *out = node->out[0]->data;
  ln_wide w;
  ln_wide_open(node, exec, &w);
  for (int32_t n = 0; n < shape->dims[0]; ++n, boxes += 4) {
    if (which[n] < 0 || which[n] >= images->dims[0]) {
      return ln_node_fail(node, exec->err, LN_ERR_DATA, "box %d is of image %d of %d", n, which[n], images->dims[0]);
    }
    c.image = w.in[0] + (size_t)which[n] * ln_shape_span(images, 1, 4);
    for (int32_t y = 0; y < shape->dims[1]; ++y) {
      const float place = crop_place(boxes[0], boxes[2], y, shape->dims[1], c.h);
      for (int32_t x = 0; x < shape->dims[2]; ++x, out += c.d) {
        crop_pixel(&c, place, crop_place(boxes[1], boxes[3], x, shape->dims[2], c.w), out);
      }
    }
  }
  return LN_OK;
}

/* ---- ExtractImagePatches: each window of the image as one pixel ---- */

static ln_status pair_attr(const ln_node *node, ln_error *err, const char *key, int32_t out[2]) {
  int64_t values[4] = {1, 1, 1, 1};
  int32_t count = 4;
  LN_TRY(ln_attr_ints(node, err, key, values, 4, &count));
  bool fits = count == 4 && values[0] == 1 && values[3] == 1;
  for (int32_t i = 0; fits && i < 2; ++i) {
    fits = values[i + 1] >= 1 && values[i + 1] <= LN_WINDOW_MOST;
    out[i] = (int32_t)values[i + 1];
  }
  return fits ? LN_OK : ln_node_fail(node, err, LN_ERR_MODEL, "the attribute %s does not fit images", key);
}

static ln_status patch_windows(const ln_node *node, ln_error *err, ln_window windows[2]) {
  static const char *const paddings[] = {"SAME", "VALID"};
  const ln_shape *in = &node->in[0]->shape;
  int32_t sizes[2], strides[2], rates[2], padding = 0;
  if (in->rank != 4) return ln_node_fail(node, err, LN_ERR_SHAPE, "the images must be [n, h, w, c]");
  LN_TRY(pair_attr(node, err, "ksizes", sizes));
  LN_TRY(pair_attr(node, err, "strides", strides));
  LN_TRY(pair_attr(node, err, "rates", rates));
  LN_TRY(ln_attr_choice(node, err, "padding", paddings, 2, &padding));
  for (int32_t i = 0; i < 2; ++i) {
    windows[i] = (ln_window){in->dims[i + 1], sizes[i], strides[i], rates[i], 0, 0, 0};
    if (!ln_window_resolve(&windows[i], padding == 0 ? LN_PADDING_SAME : LN_PADDING_VALID, false)) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "a window of %d does not fit into %d lines", sizes[i],
                          in->dims[i + 1]);
    }
  }
  return LN_OK;
}

ln_status ln_image_patches_infer(ln_node *node, ln_error *err) {
  ln_window w[2];
  LN_TRY(patch_windows(node, err, w));
  const ln_shape *in = &node->in[0]->shape;
  const int32_t factors[3] = {w[0].kernel, w[1].kernel, in->dims[3]};
  size_t depth = 0;
  ln_shape shape = {0, {0}};
  const bool fits = ln_size_product(factors, 3, &depth) && depth <= INT32_MAX;
  if (!fits || !ln_shape_push(&shape, in->dims[0]) || !ln_shape_push(&shape, w[0].out) ||
      !ln_shape_push(&shape, w[1].out) || !ln_shape_push(&shape, (int64_t)depth)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the patches are too large");
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

ln_status ln_image_patches_run(const ln_node *node, ln_exec *exec) {
  ln_window w[2];
  LN_TRY(patch_windows(node, exec->err, w));
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  const ln_shape *in = &node->in[0]->shape, *shape = &node->out[0]->shape;
  const size_t pixel = (size_t)in->dims[3] * ln_item_bytes(node->in[0]);
  const size_t patches = ln_shape_span(shape, 0, 3);
  char *out = node->out[0]->data;
  for (size_t p = 0; p < patches; ++p) {
    const int64_t x0 = (int64_t)(p % (size_t)w[1].out) * w[1].stride - w[1].before;
    const size_t above = p / (size_t)w[1].out;
    const int64_t y0 = (int64_t)(above % (size_t)w[0].out) * w[0].stride - w[0].before;
    const char *image = (const char *)node->in[0]->data + above / (size_t)w[0].out * ln_shape_span(in, 1, 3) * pixel;
    for (int64_t y = y0; y < y0 + (int64_t)w[0].kernel * w[0].dilation; y += w[0].dilation) {
      for (int64_t x = x0; x < x0 + (int64_t)w[1].kernel * w[1].dilation; x += w[1].dilation, out += pixel) {
        const bool inside = y >= 0 && y < in->dims[1] && x >= 0 && x < in->dims[2];
        if (inside) memcpy(out, image + ((size_t)y * (size_t)in->dims[2] + (size_t)x) * pixel, pixel);
        else memset(out, 0, pixel);
      }
    }
  }
  return LN_OK;
}

/* ---- RGBToHSV, HSVToRGB ---- */

ln_status ln_colour_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  if (in->rank < 1 || in->dims[in->rank - 1] != 3) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "the last dimension is no colour of three numbers");
  }
  return ln_infer_same(node, err);
}

static void to_hsv(const double *rgb, double *hsv) {
  const double r = rgb[0], g = rgb[1], b = rgb[2];
  const double most = r > g ? (r > b ? r : b) : (g > b ? g : b), least = r < g ? (r < b ? r : b) : (g < b ? g : b);
  const double range = most - least;
  double hue = 0.0;
  if (range > 0.0) {
    if (r == most) hue = (g - b) / range;
    else if (g == most) hue = 2.0 + (b - r) / range;
    else hue = 4.0 + (r - g) / range;
  }
  hue /= 6.0;
  hsv[0] = hue < 0.0 ? hue + 1.0 : hue;
  hsv[1] = most > 0.0 ? range / most : 0.0;
  hsv[2] = most;
}

static double clamp01(double x) { return x < 0.0 ? 0.0 : (x > 1.0 ? 1.0 : x); }

static void to_rgb(const double *hsv, double *rgb) {
  const double h = hsv[0] * 6.0, s = hsv[1], v = hsv[2];
  const double r = clamp01(fabs(h - 3.0) - 1.0), g = clamp01(2.0 - fabs(h - 2.0)), b = clamp01(2.0 - fabs(h - 4.0));
  rgb[0] = (1.0 - s + s * r) * v;
  rgb[1] = (1.0 - s + s * g) * v;
  rgb[2] = (1.0 - s + s * b) * v;
}

ln_status ln_colour_run(const ln_node *node, ln_exec *exec) {
  const bool back = node->op->def->variant != 0;
  const size_t count = ln_shape_span(&node->in[0]->shape, 0, node->in[0]->shape.rank);
  ln_wide w;
  ln_wide_open(node, exec, &w);
  for (size_t i = 0; i < count; i += 3) {
    if (back) to_rgb(w.in[0] + i, w.out[0] + i);
    else to_hsv(w.in[0] + i, w.out[0] + i);
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- AdjustContrastv2: images, factor; around each channel's mean ---- */

ln_status ln_contrast_infer(ln_node *node, ln_error *err) {
  if (node->in[0]->shape.rank < 3 || node->in[1]->shape.rank != 0) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "needs images and one factor");
  }
  return ln_infer_same(node, err);
}

ln_status ln_contrast_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *in = &node->in[0]->shape;
  const size_t channels = (size_t)in->dims[in->rank - 1], image = ln_shape_span(in, in->rank - 3, in->rank);
  const size_t images = ln_shape_span(in, 0, in->rank - 3);
  ln_wide w;
  if (ln_tensor_is_empty(node->in[0])) return LN_OK;
  ln_wide_open(node, exec, &w);
  for (size_t i = 0; i < images * channels; ++i) {
    const size_t start = i / channels * image + i % channels, end = (i / channels + 1) * image;
    double mean = 0.0;
    for (size_t k = start; k < end; k += channels) mean += w.in[0][k];
    mean /= (double)(image / channels);
    for (size_t k = start; k < end; k += channels) w.out[0][k] = (w.in[0][k] - mean) * w.in[1][0] + mean;
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- LRNGrad: gradient, image, the normalization's output ---- */

ln_status ln_lrn_grad_infer(ln_node *node, ln_error *err) {
  const ln_shape *in = &node->in[0]->shape;
  if (in->rank != 4 || !ln_shape_equal(in, &node->in[1]->shape) || !ln_shape_equal(in, &node->in[2]->shape)) {
    return ln_node_fail(node, err, LN_ERR_SHAPE, "gradient, image and output are not of one shape [n, h, w, c]");
  }
  return ln_infer_same(node, err);
}

ln_status ln_lrn_grad_run(const ln_node *node, ln_exec *exec) {
  const ln_local_response_normalization_options *options = LN_OPTIONS(node, local_response_normalization_options);
  const ln_shape *in = &node->in[0]->shape;
  const int64_t depth = in->dims[3], radius = options->radius < 0 ? 0 : options->radius;
  const size_t pixels = ln_shape_span(in, 0, 3);
  const double alpha = (double)options->alpha, beta = (double)options->beta;
  ln_wide w;
  ln_wide_open(node, exec, &w);
  for (size_t p = 0; p < pixels; ++p) {
    const double *gradient = w.in[0] + p * (size_t)depth, *x = w.in[1] + p * (size_t)depth;
    const double *y = w.in[2] + p * (size_t)depth;
    double *out = w.out[0] + p * (size_t)depth;
    for (int64_t i = 0; i < depth; ++i) out[i] = 0.0;
    for (int64_t i = 0; i < depth; ++i) {
      const int64_t from = i > radius ? i - radius : 0, to = radius < depth - 1 - i ? i + radius : depth - 1;
      double norm = 0.0;
      for (int64_t k = from; k <= to; ++k) norm += x[k] * x[k];
      norm = norm * alpha + (double)options->bias;
      for (int64_t k = from; k <= to; ++k) out[k] -= 2.0 * alpha * beta * x[k] * y[i] / norm * gradient[i];
      out[i] += pow(norm, -beta) * gradient[i];
    }
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* Gradients of resizing and padding images: what each output got is added up where it came from. */
#include <math.h>
#include <string.h>

#include "ops/elementwise.h"
#include "ops/flex_attr.h"
#include "ops/move.h"
#include "ops/rows.h"
#include "ops/wide.h"

/* ---- ResizeBilinearGrad: gradient, the image; ResizeNearestNeighborGrad: gradient, the image's height and width ----
 */

static bool is_nearest(const ln_node *node) { return node->op->def->variant == LN_RESIZE_NEAREST; }

ln_status ln_resize_grad_infer(ln_node *node, ln_error *err) {
  ln_shape shape = node->in[0]->shape;
  if (shape.rank != 4) return ln_node_fail(node, err, LN_ERR_SHAPE, "the gradient must be [n, h, w, c]");
  if (is_nearest(node)) {
    int64_t size[2];
    int32_t count = 0;
    LN_TRY(ln_node_ints(node, 1, size, 2, &count, err));
    if (count != 2 || size[0] < 1 || size[1] < 1 || size[0] > INT32_MAX || size[1] > INT32_MAX) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "the size must be two positive numbers");
    }
    shape.dims[1] = (int32_t)size[0];
    shape.dims[2] = (int32_t)size[1];
  } else {
    const ln_shape *image = &node->in[1]->shape;
    if (image->rank != 4 || image->dims[0] != shape.dims[0] || image->dims[3] != shape.dims[3] || image->dims[1] < 1 ||
        image->dims[2] < 1) {
      return ln_node_fail(node, err, LN_ERR_SHAPE, "the image does not fit the gradient");
    }
    shape = *image;
  }
  return ln_node_set_shape(node, 0, &shape, err);
}

typedef struct resize_axis {
  int32_t image, result;
  bool corners, centers, nearest;
  float scale;
} resize_axis;

/* Which two of the image's points result point `at` came from, and how much of it from the upper one. */
typedef struct resize_source {
  int32_t low, high;
  double part;
} resize_source;

static resize_source source_of(const resize_axis *a, int32_t at) {
  const float place = a->centers ? ((float)at + 0.5f) * a->scale - (a->nearest ? 0.0f : 0.5f) : (float)at * a->scale;
  const int32_t last = a->image - 1;
  resize_source s = {0, 0, 0.0};
  if (a->nearest) {
    const float near = a->corners ? roundf(place) : floorf(place);
    s.low = near < (float)last ? (near > 0.0f ? (int32_t)near : 0) : last;
    return s;
  }
  const float below = floorf(place);
  s.low = below > 0.0f ? (below < (float)last ? (int32_t)below : last) : 0;
  s.high = below + 1.0f < (float)last ? (below + 1.0f > 0.0f ? (int32_t)below + 1 : 0) : last;
  s.part = (double)(place - below);
  return s;
}

static ln_status resize_axes(const ln_node *node, ln_error *err, resize_axis axes[2]) {
  bool corners = false, centers = false;
  LN_TRY(ln_attr_bool(node, err, "align_corners", &corners));
  LN_TRY(ln_attr_bool(node, err, "half_pixel_centers", &centers));
  for (int32_t i = 0; i < 2; ++i) {
    resize_axis *a = &axes[i];
    *a = (resize_axis){
        node->out[0]->shape.dims[i + 1], node->in[0]->shape.dims[i + 1], corners, centers, is_nearest(node), 0.0f};
    const bool spread = corners && a->result > 1;
    a->scale = spread ? (float)(a->image - 1) / (float)(a->result - 1) : (float)a->image / (float)a->result;
  }
  return LN_OK;
}

static void add_scaled(double scale, const double *in, double *out, size_t count) {
  if (scale == 0.0) return;
  for (size_t i = 0; i < count; ++i) out[i] += scale * in[i];
}

ln_status ln_resize_grad_run(const ln_node *node, ln_exec *exec) {
  resize_axis axes[2];
  ln_wide w;
  if (ln_tensor_is_empty(node->out[0])) return LN_OK;
  LN_TRY(resize_axes(node, exec->err, axes));
  ln_wide_open(node, exec, &w);
  const ln_shape *out = &node->out[0]->shape;
  const size_t channels = (size_t)out->dims[3], row = (size_t)out->dims[2] * channels;
  memset(w.out[0], 0, ln_shape_span(out, 0, 4) * sizeof(double));
  const double *from = w.in[0];
  for (int32_t n = 0; n < out->dims[0]; ++n) {
    double *image = w.out[0] + (size_t)n * (size_t)out->dims[1] * row;
    for (int32_t y = 0; y < axes[0].result; ++y) {
      const resize_source sy = source_of(&axes[0], y);
      double *low = image + (size_t)sy.low * row, *high = image + (size_t)sy.high * row;
      for (int32_t x = 0; x < axes[1].result; ++x, from += channels) {
        const resize_source sx = source_of(&axes[1], x);
        const size_t left = (size_t)sx.low * channels, right = (size_t)sx.high * channels;
        add_scaled((1.0 - sy.part) * (1.0 - sx.part), from, low + left, channels);
        add_scaled((1.0 - sy.part) * sx.part, from, low + right, channels);
        add_scaled(sy.part * (1.0 - sx.part), from, high + left, channels);
        add_scaled(sy.part * sx.part, from, high + right, channels);
      }
    }
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

/* ---- MirrorPadGrad: gradient of the padded tensor, paddings [rank, 2] ---- */

typedef struct mirror_dims {
  size_t before[LN_MAX_RANK], extent[LN_MAX_RANK]; /* of the tensor without paddings */
  size_t edge;                                     /* 1 where the border is not repeated */
} mirror_dims;

static ln_status mirror_dims_of(const ln_node *node, ln_error *err, mirror_dims *m) {
  const ln_shape *in = &node->in[0]->shape;
  int64_t pads[2 * LN_MAX_RANK];
  int32_t count = 0;
  LN_TRY(ln_node_ints(node, 1, pads, 2 * LN_MAX_RANK, &count, err));
  bool fits = count == 2 * in->rank;
  m->edge = LN_OPTIONS(node, mirror_pad_options)->mode == 0 ? 1 : 0;
  for (int32_t i = 0; fits && i < in->rank; ++i) {
    const int64_t before = pads[2 * i], after = pads[2 * i + 1];
    fits = before >= 0 && after >= 0 && before <= in->dims[i] && after <= in->dims[i] - before;
    const int64_t extent = fits ? in->dims[i] - before - after : 0;
    const int64_t most = extent > (int64_t)m->edge ? extent - (int64_t)m->edge : 0;
    fits = fits && before <= most && after <= most;
    m->before[i] = fits ? (size_t)before : 0;
    m->extent[i] = (size_t)extent;
  }
  return fits ? LN_OK : ln_node_fail(node, err, LN_ERR_SHAPE, "the paddings do not fit the gradient");
}

ln_status ln_mirror_pad_grad_infer(ln_node *node, ln_error *err) {
  mirror_dims m;
  LN_TRY(mirror_dims_of(node, err, &m));
  ln_shape shape = node->in[0]->shape;
  for (int32_t i = 0; i < shape.rank; ++i) shape.dims[i] = (int32_t)m.extent[i];
  return ln_node_set_shape(node, 0, &shape, err);
}

/* The place that padded place `at` shows. */
static size_t mirrored(size_t at, size_t before, size_t extent, size_t edge) {
  if (at < before) return before - at - 1 + edge;
  if (at < before + extent) return at - before;
  return 2 * extent - (at - before) - 1 - edge;
}

ln_status ln_mirror_pad_grad_run(const ln_node *node, ln_exec *exec) {
  const ln_shape *in = &node->in[0]->shape, *out = &node->out[0]->shape;
  mirror_dims m;
  ln_wide w;
  LN_TRY(mirror_dims_of(node, exec->err, &m));
  ln_wide_open(node, exec, &w);
  memset(w.out[0], 0, ln_shape_span(out, 0, out->rank) * sizeof(double));
  const size_t count = ln_shape_span(in, 0, in->rank);
  for (size_t i = 0; i < count; ++i) {
    size_t rest = i, to = 0, stride = 1;
    for (int32_t d = in->rank - 1; d >= 0; --d) {
      to += stride * mirrored(rest % (size_t)in->dims[d], m.before[d], m.extent[d], m.edge);
      stride *= m.extent[d];
      rest /= (size_t)in->dims[d];
    }
    w.out[0][to] += w.in[0][i];
  }
  ln_wide_close(node, &w);
  return LN_OK;
}

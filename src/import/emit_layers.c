/*
 * Convolutions and pools of one to three spatial dimensions, as operators of TensorFlow Lite. Those of one dimension
 * are of two of which the first is 1. What its operators have no padding, dilation or dimension for is put together.
 */
#include "import/emit_layers.h"

/* ---- windows ---- */

/* Elements that a window spans along a dimension. */
static int64_t span_of(const ln_window *w, int32_t i) { return ((int64_t)w->size[i] - 1) * w->dilation[i] + 1; }

static bool in_range(const ln_window *w, int32_t i) {
  enum { MOST = 1 << 28 };
  return w->size[i] >= 1 && w->size[i] <= MOST && w->stride[i] >= 1 && w->dilation[i] >= 1 && w->stride[i] <= MOST &&
         w->dilation[i] <= MOST && span_of(w, i) <= MOST && w->before[i] >= -MOST && w->before[i] <= MOST &&
         w->after[i] >= -MOST && w->after[i] <= MOST;
}

/* The window with its zeros filled in; false and a failure where it is none for the tensor. */
bool ln_emit_window(ln_emit *e, int32_t a, const ln_window *given, ln_window *out) {
  *out = *given;
  if (a < 0 || ln_emit_failed(e)) return false;
  if (given->rank < 1 || given->rank > 3) {
    ln_emit_refuse(e, "%d spatial dimensions; 1 to 3 are possible", given->rank);
    return false;
  }
  if (ln_emit_rank(e, a) != given->rank + 2) {
    ln_emit_wrong(e, "its input has %d dimensions, not %d", ln_emit_rank(e, a), given->rank + 2);
    return false;
  }
  for (int32_t i = 0; i < given->rank; ++i) {
    if (out->stride[i] == 0) out->stride[i] = 1;
    if (out->dilation[i] == 0) out->dilation[i] = 1;
    if (in_range(out, i)) continue;
    ln_emit_wrong(e, "a window of %d with stride %d, dilation %d, pads %d and %d", out->size[i], out->stride[i],
                  out->dilation[i], out->before[i], out->after[i]);
    return false;
  }
  return true;
}

/* A window of one dimension as one of two, over [n, 1, w, c]. */
void ln_emit_widen_window(ln_window *w) {
  w->rank = 2;
  w->size[1] = w->size[0], w->stride[1] = w->stride[0], w->dilation[1] = w->dilation[0];
  w->before[1] = w->before[0], w->after[1] = w->after[0];
  w->size[0] = w->stride[0] = w->dilation[0] = 1;
  w->before[0] = w->after[0] = 0;
}

/* Whether SAME pads as the window says. Of an open dimension only steps of one tell. */
static bool is_same(const ln_emit *e, int32_t a, const ln_window *w, int32_t i) {
  const int64_t in = ln_emit_dim(e, a, i + 1), span = span_of(w, i);
  if (w->before[i] < 0 || w->after[i] < 0) return false;
  if (in < 0 && w->stride[i] > 1) return false;
  const int64_t steps = in < 0 ? 0 : (in + w->stride[i] - 1) / w->stride[i];
  const int64_t total = in < 0 ? span - 1 : (steps - 1) * w->stride[i] + span - in;
  const int64_t pads = total > 0 ? total : 0;
  return w->before[i] == pads / 2 && w->after[i] == pads - pads / 2;
}

bool ln_emit_pads_same(const ln_emit *e, int32_t a, const ln_window *w) {
  for (int32_t i = 0; i < w->rank; ++i) {
    if (!is_same(e, a, w, i)) return false;
  }
  return true;
}

/* Explicit pads that one of the two paddings gives become it; others are put around `a`, `value` in them. */
int32_t ln_emit_settle_pads(ln_emit *e, int32_t a, ln_window *w, double value) {
  int32_t before[LN_MAX_RANK] = {0}, after[LN_MAX_RANK] = {0};
  bool none = true;
  if (w->padding != LN_EMIT_EXPLICIT) return a;
  for (int32_t i = 0; i < w->rank; ++i) {
    none = none && w->before[i] == 0 && w->after[i] == 0;
    before[i + 1] = w->before[i];
    after[i + 1] = w->after[i];
  }
  const bool same = ln_emit_pads_same(e, a, w);
  w->padding = same && !none ? LN_EMIT_SAME : LN_EMIT_VALID;
  return same || none ? a : ln_emit_pad(e, a, before, after, value);
}

static int8_t padding_of(const ln_window *w) { return w->padding == LN_EMIT_SAME ? LN_PADDING_SAME : LN_PADDING_VALID; }

/* ---- convolutions ---- */

/* Stock runtimes want a bias. */
static int32_t bias_or_zeros(ln_emit *e, int32_t bias, int32_t channels) {
  return bias >= 0 ? bias : ln_emit_filled(e, LN_FLOAT32, 1, &channels, 0);
}

/* filter [h, w, in / groups, out] */
static int32_t conv_2d(ln_emit *e, int32_t a, int32_t filter, int32_t bias, const ln_window *w) {
  const int32_t order[4] = {3, 0, 1, 2};
  const ln_conv2d_options options = {.padding = padding_of(w),
                                     .stride_h = w->stride[0],
                                     .stride_w = w->stride[1],
                                     .dilation_h_factor = w->dilation[0],
                                     .dilation_w_factor = w->dilation[1]};
  const int32_t inputs[3] = {a, ln_emit_transpose(e, filter, order), bias_or_zeros(e, bias, ln_emit_dim(e, filter, 3))};
  return ln_emit_op(e, LN_OP_CONV_2D, &options, 3, inputs, ln_emit_type(e, a));
}

/* filter [h, w, 1, in * multiplier] */
static int32_t depthwise_2d(ln_emit *e, int32_t a, int32_t filter, int32_t bias, const ln_window *w) {
  const int32_t out = ln_emit_dim(e, filter, 3), channels = ln_emit_dim(e, a, 3);
  const ln_dim dims[4] = {LN_DIM(1), LN_DIM_OF(filter, 0), LN_DIM_OF(filter, 1), LN_DIM_OF(filter, 3)};
  const ln_depthwise_conv2d_options options = {.padding = padding_of(w),
                                               .stride_h = w->stride[0],
                                               .stride_w = w->stride[1],
                                               .depth_multiplier = out / channels,
                                               .dilation_h_factor = w->dilation[0],
                                               .dilation_w_factor = w->dilation[1]};
  const int32_t inputs[3] = {a, ln_emit_reshape(e, filter, 4, dims), bias_or_zeros(e, bias, out)};
  return ln_emit_op(e, LN_OP_DEPTHWISE_CONV_2D, &options, 3, inputs, ln_emit_type(e, a));
}

static int32_t conv_3d(ln_emit *e, int32_t a, int32_t filter, int32_t bias, const ln_window *w) {
  const ln_conv3d_options options = {.padding = padding_of(w),
                                     .stride_d = w->stride[0],
                                     .stride_h = w->stride[1],
                                     .stride_w = w->stride[2],
                                     .dilation_d_factor = w->dilation[0],
                                     .dilation_h_factor = w->dilation[1],
                                     .dilation_w_factor = w->dilation[2]};
  const int32_t inputs[3] = {a, filter, bias_or_zeros(e, bias, ln_emit_dim(e, filter, 4))};
  return ln_emit_op(e, LN_OP_CONV_3D, &options, 3, inputs, ln_emit_type(e, a));
}

/* The bias's part for a group; -1 stays. */
static bool split_bias(ln_emit *e, int32_t bias, int32_t groups, const int32_t *sizes, int32_t *parts) {
  for (int32_t g = 0; g < groups; ++g) parts[g] = -1;
  return bias < 0 || ln_emit_split(e, bias, 0, groups, sizes, parts);
}

int32_t ln_emit_by_groups(ln_emit *e, int32_t a, int32_t filter, int32_t bias, int32_t groups,
                          const ln_group_job *job) {
  enum { MOST = 256 };
  int32_t in[MOST], filters[MOST], biases[MOST], sizes[MOST], out[MOST];
  const int32_t rank = ln_emit_rank(e, a), channels = ln_emit_dim(e, a, rank - 1);
  const int32_t width = ln_emit_dim(e, filter, job->filter_axis);
  const int32_t outputs = bias >= 0 ? ln_emit_dim(e, bias, 0) : 0;
  if (groups > MOST) return ln_emit_refuse(e, "%d groups; at most %d are possible in this form", groups, MOST);
  for (int32_t g = 0; g < groups; ++g) sizes[g] = channels / groups;
  if (!ln_emit_split(e, a, rank - 1, groups, sizes, in)) return -1;
  for (int32_t g = 0; g < groups; ++g) sizes[g] = width / groups;
  if (!ln_emit_split(e, filter, job->filter_axis, groups, sizes, filters)) return -1;
  for (int32_t g = 0; g < groups; ++g) sizes[g] = outputs / groups;
  if (!split_bias(e, bias, groups, sizes, biases)) return -1;
  for (int32_t g = 0; g < groups; ++g) out[g] = job->run(e, in[g], filters[g], biases[g], job);
  return ln_emit_concat(e, rank - 1, groups, out);
}

static int32_t conv_3d_group(ln_emit *e, int32_t a, int32_t filter, int32_t bias, const ln_group_job *job) {
  return conv_3d(e, a, filter, bias, job->window);
}

static int32_t conv_3d_groups(ln_emit *e, int32_t a, int32_t filter, int32_t bias, int32_t groups, const ln_window *w) {
  const ln_group_job job = {.filter_axis = 4, .window = w, .run = conv_3d_group};
  return groups == 1 ? conv_3d(e, a, filter, bias, w) : ln_emit_by_groups(e, a, filter, bias, groups, &job);
}

static bool check_filter(ln_emit *e, int32_t a, int32_t filter, int32_t bias, int32_t groups, const ln_window *w) {
  const int32_t rank = ln_emit_rank(e, a), channels = ln_emit_dim(e, a, rank - 1);
  if (ln_emit_failed(e) || filter < 0) return false;
  if (ln_emit_rank(e, filter) != rank || !ln_emit_is_fixed(e, filter)) {
    ln_emit_refuse(e, "its filter has not %d known dimensions", rank);
    return false;
  }
  const int32_t in = ln_emit_dim(e, filter, rank - 2), out = ln_emit_dim(e, filter, rank - 1);
  if (channels < 0) {
    ln_emit_refuse(e, "the number of its channels is open; fix it with --shape");
    return false;
  }
  bool fits = groups > 0 && in > 0 && out % groups == 0 && (int64_t)in * groups == channels;
  for (int32_t i = 0; i < w->rank; ++i) fits = fits && ln_emit_dim(e, filter, i) == w->size[i];
  if (bias >= 0) fits = fits && ln_emit_rank(e, bias) == 1 && ln_emit_dim(e, bias, 0) == out;
  if (!fits) ln_emit_wrong(e, "its filter or bias does not fit %d channels in %d groups", channels, groups);
  return fits;
}

int32_t ln_emit_conv(ln_emit *e, int32_t a, int32_t filter, int32_t bias, int32_t groups, const ln_window *window) {
  ln_window w;
  const int32_t first = 0, row = 1;
  if (!ln_emit_window(e, a, window, &w) || !check_filter(e, a, filter, bias, groups, &w)) return -1;
  if (w.rank == 1) {
    ln_emit_widen_window(&w);
    const int32_t wide = ln_emit_expand(e, a, 1, &row);
    const int32_t out = ln_emit_conv(e, wide, ln_emit_expand(e, filter, 1, &first), bias, groups, &w);
    return ln_emit_squeeze(e, out, 1, &row);
  }
  a = ln_emit_settle_pads(e, a, &w, 0);
  if (w.rank == 3) return conv_3d_groups(e, a, filter, bias, groups, &w);
  const bool depthwise = groups > 1 && groups == ln_emit_dim(e, a, 3);
  return depthwise ? depthwise_2d(e, a, filter, bias, &w) : conv_2d(e, a, filter, bias, &w);
}

int32_t ln_emit_depthwise(ln_emit *e, int32_t a, int32_t filter, int32_t bias, const ln_window *window) {
  const int32_t rank = ln_emit_rank(e, filter);
  ln_dim dims[LN_MAX_RANK];
  if (ln_emit_failed(e) || filter < 0 || rank < 3) return ln_emit_wrong(e, "its filter has %d dimensions", rank);
  const int32_t groups = ln_emit_dim(e, filter, rank - 2), multiplier = ln_emit_dim(e, filter, rank - 1);
  int64_t out = (int64_t)groups * multiplier;
  if (groups < 1 || multiplier < 1 || out > INT32_MAX) return ln_emit_wrong(e, "its filter has no known channels");
  for (int32_t i = 0; i < rank - 2; ++i) dims[i] = LN_DIM_OF(filter, i);
  dims[rank - 2] = LN_DIM(1);
  dims[rank - 1] = LN_DIM((int32_t)out);
  return ln_emit_conv(e, a, ln_emit_reshape(e, filter, rank, dims), bias, groups, window);
}

/* ---- resizing ---- */

int32_t ln_emit_resize(ln_emit *e, int32_t a, int32_t size, bool bilinear, ln_emit_resizing how) {
  const bool corners = how == LN_EMIT_ALIGN_CORNERS, half = how == LN_EMIT_HALF_PIXEL;
  const ln_resize_bilinear_options smooth = {.align_corners = corners, .half_pixel_centers = half};
  const ln_resize_nearest_neighbor_options nearest = {.align_corners = corners, .half_pixel_centers = half};
  return ln_emit_op(e, bilinear ? LN_OP_RESIZE_BILINEAR : LN_OP_RESIZE_NEAREST_NEIGHBOR,
                    bilinear ? (const void *)&smooth : &nearest, 2, (const int32_t[]){a, size}, ln_emit_type(e, a));
}

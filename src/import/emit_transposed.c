/*
 * Transposed convolutions. TensorFlow Lite's is told the output's shape and takes pads off both ends as SAME or VALID
 * has them; others are computed whole and cut.
 */
#include "import/emit_layers.h"

static int64_t span_of(const ln_window *w, int32_t i) { return ((int64_t)w->size[i] - 1) * w->dilation[i] + 1; }

/* What is cut off the whole result at both ends of each dimension, beside what is added behind it. */
typedef struct cut {
  int32_t before[3], after[3], more[3];
} cut;

static cut cut_of(const ln_window *w, const int32_t *output_padding) {
  cut c = {{0}, {0}, {0}};
  for (int32_t i = 0; i < w->rank; ++i) {
    const int32_t more = output_padding != NULL ? output_padding[i] : 0;
    if (w->padding == LN_EMIT_EXPLICIT) c.before[i] = w->before[i], c.after[i] = w->after[i];
    c.after[i] -= more; /* what is added first makes up for what is cut */
    if (c.after[i] < 0) c.more[i] = -c.after[i], c.after[i] = 0;
  }
  return c;
}

/* in * stride + plus, of the spatial dimension. */
static ln_dim size_of(ln_emit *e, int32_t a, int32_t i, int32_t stride, int64_t plus) {
  const int32_t in = ln_emit_dim(e, a, i + 1);
  const int64_t size = (int64_t)in * stride + plus;
  if (in >= 0 && (size < 0 || size > INT32_MAX)) {
    ln_emit_wrong(e, "its output would have %lld elements in a dimension", (long long)size);
    return LN_DIM(0);
  }
  if (in >= 0) return LN_DIM((int32_t)size);
  const int32_t scaled = ln_emit_mul_number(e, ln_emit_size_of(e, a, i + 1), stride);
  return LN_DIM_IS(ln_emit_add_number(e, scaled, (double)plus));
}

/* Zeros between a filter's elements: the operators have no dilation. */
static int32_t dilate(ln_emit *e, int32_t filter, ln_window *w) {
  const int32_t rank = ln_emit_rank(e, filter);
  int32_t by[LN_MAX_RANK];
  bool any = false;
  for (int32_t i = 0; i < rank; ++i) by[i] = i < w->rank ? w->dilation[i] : 1;
  for (int32_t i = 0; i < w->rank; ++i) {
    any = any || (w->dilation[i] > 1 && w->size[i] > 1);
    w->size[i] = (int32_t)span_of(w, i);
    w->dilation[i] = 1;
  }
  if (!any) return filter;
  const int32_t inputs[3] = {filter, ln_emit_vector(e, rank, by), ln_emit_scalar(e, ln_emit_type(e, filter), 0)};
  return ln_emit_op(e, LN_OP_DILATE, NULL, 3, inputs, ln_emit_type(e, filter));
}

/* filter [h, w, out, in] */
static int32_t run_2d(ln_emit *e, int32_t a, int32_t filter, int32_t bias, const ln_window *w, const ln_dim *sizes,
                      bool same) {
  const int32_t order[4] = {2, 0, 1, 3}, out = ln_emit_dim(e, filter, 2);
  const ln_dim dims[4] = {LN_DIM_OF(a, 0), sizes[0], sizes[1], LN_DIM(out)};
  const ln_transpose_conv_options options = {
      .padding = same ? LN_PADDING_SAME : LN_PADDING_VALID, .stride_h = w->stride[0], .stride_w = w->stride[1]};
  const int32_t inputs[4] = {ln_emit_dims(e, 4, dims), ln_emit_transpose(e, filter, order), a, bias};
  return ln_emit_op(e, LN_OP_TRANSPOSE_CONV, &options, bias >= 0 ? 4 : 3, inputs, ln_emit_type(e, a));
}

static int32_t run_3d(ln_emit *e, int32_t a, int32_t filter, int32_t bias, const ln_window *w, const ln_dim *sizes,
                      bool same) {
  const ln_dim dims[5] = {LN_DIM_OF(a, 0), sizes[0], sizes[1], sizes[2], LN_DIM(ln_emit_dim(e, filter, 3))};
  const ln_conv3d_options options = {.padding = same ? LN_PADDING_SAME : LN_PADDING_VALID,
                                     .stride_d = w->stride[0],
                                     .stride_h = w->stride[1],
                                     .stride_w = w->stride[2],
                                     .dilation_d_factor = 1,
                                     .dilation_h_factor = 1,
                                     .dilation_w_factor = 1};
  const int32_t inputs[4] = {ln_emit_dims(e, 5, dims), filter, a, bias};
  return ln_emit_op(e, LN_OP_CONV_3D_TRANSPOSE, &options, bias >= 0 ? 4 : 3, inputs, ln_emit_type(e, a));
}

static int32_t run(ln_emit *e, int32_t a, int32_t filter, int32_t bias, const ln_window *w, const ln_dim *sizes,
                   bool same) {
  return w->rank == 3 ? run_3d(e, a, filter, bias, w, sizes, same) : run_2d(e, a, filter, bias, w, sizes, same);
}

/* Whether SAME, which pads the convolution that this one turns round, cuts alike. */
static bool cuts_same(const ln_emit *e, int32_t a, const ln_window *w, const cut *c) {
  for (int32_t i = 0; i < w->rank; ++i) {
    const int64_t in = ln_emit_dim(e, a, i + 1), probe = in < 0 ? 64 : in;
    const int64_t out = (probe - 1) * w->stride[i] + w->size[i] - c->before[i] - c->after[i] + c->more[i];
    const int64_t total = (probe - 1) * w->stride[i] + w->size[i] - out;
    if (out < 1 || (out + w->stride[i] - 1) / w->stride[i] != probe) return false;
    if ((total > 0 ? total / 2 : 0) != c->before[i]) return false;
  }
  return true;
}

static int32_t one_group(ln_emit *e, int32_t a, int32_t filter, int32_t bias, const ln_group_job *job) {
  ln_window w = *job->window;
  ln_dim sizes[3];
  filter = dilate(e, filter, &w);
  if (ln_emit_failed(e)) return -1;
  if (w.padding == LN_EMIT_SAME) {
    for (int32_t i = 0; i < w.rank; ++i) {
      const int32_t more = job->output_padding != NULL ? job->output_padding[i] : 0;
      sizes[i] = size_of(e, a, i, w.stride[i], more);
    }
    return run(e, a, filter, bias, &w, sizes, true);
  }
  const cut c = cut_of(&w, job->output_padding);
  const bool same = cuts_same(e, a, &w, &c);
  for (int32_t i = 0; i < w.rank; ++i) {
    const int64_t whole = (int64_t)w.size[i] - w.stride[i] + c.more[i];
    sizes[i] = size_of(e, a, i, w.stride[i], same ? whole - c.before[i] - c.after[i] : whole);
  }
  int32_t out = run(e, a, filter, bias, &w, sizes, same);
  for (int32_t i = 0; i < w.rank && !same; ++i) {
    out = ln_emit_slice(e, out, i + 1, c.before[i], c.after[i] > 0 ? -c.after[i] : INT32_MAX, 1);
  }
  return out;
}

static bool check(ln_emit *e, int32_t a, int32_t filter, int32_t bias, int32_t groups, const ln_window *w) {
  const int32_t rank = ln_emit_rank(e, a), channels = ln_emit_dim(e, a, rank - 1);
  if (ln_emit_failed(e) || filter < 0) return false;
  if (ln_emit_rank(e, filter) != rank || !ln_emit_is_fixed(e, filter) || channels < 0) {
    ln_emit_refuse(e, "its filter or channels are not known; fix them with --shape");
    return false;
  }
  const int64_t out = (int64_t)ln_emit_dim(e, filter, rank - 2) * groups;
  bool fits = groups > 0 && ln_emit_dim(e, filter, rank - 1) == channels && channels % groups == 0;
  for (int32_t i = 0; i < w->rank; ++i) fits = fits && ln_emit_dim(e, filter, i) == w->size[i];
  if (bias >= 0) fits = fits && ln_emit_rank(e, bias) == 1 && ln_emit_dim(e, bias, 0) == out;
  if (!fits) ln_emit_wrong(e, "its filter or bias does not fit %d channels in %d groups", channels, groups);
  return fits;
}

int32_t ln_emit_conv_transpose(ln_emit *e, int32_t a, int32_t filter, int32_t bias, int32_t groups,
                               const ln_window *window, const int32_t *output_padding) {
  const int32_t first = 0, row = 1;
  ln_window w;
  if (!ln_emit_window(e, a, window, &w) || !check(e, a, filter, bias, groups, &w)) return -1;
  if (w.rank == 1) {
    const int32_t more[2] = {0, output_padding != NULL ? output_padding[0] : 0};
    ln_emit_widen_window(&w);
    const int32_t wide = ln_emit_expand(e, a, 1, &row), flat = ln_emit_expand(e, filter, 1, &first);
    return ln_emit_squeeze(e, ln_emit_conv_transpose(e, wide, flat, bias, groups, &w, more), 1, &row);
  }
  const ln_group_job job = {
      .filter_axis = w.rank + 1, .window = &w, .output_padding = output_padding, .run = one_group};
  return groups == 1 ? one_group(e, a, filter, bias, &job) : ln_emit_by_groups(e, a, filter, bias, groups, &job);
}

/*
 * Pools. TensorFlow Lite has them over two dimensions, without dilation, and with pads that do not count: others are
 * pools one dimension after another, or made of slices.
 */
#include <math.h>

#include "import/emit_layers.h"

typedef enum pool_kind { POOL_MAX, POOL_AVERAGE } pool_kind;

static int64_t span_of(const ln_window *w, int32_t i) { return ((int64_t)w->size[i] - 1) * w->dilation[i] + 1; }

/*
 * With `ceil` the last window may reach over the end, as long as it begins within the input: pads behind that are
 * a step less one more, at most what a window beginning at the last element needs.
 */
static void resolve_ceil(ln_window *w, int32_t *extra) {
  for (int32_t i = 0; i < w->rank; ++i) {
    extra[i] = 0;
    if (!w->ceil || w->padding == LN_EMIT_SAME) continue;
    if (w->padding == LN_EMIT_VALID) w->before[i] = w->after[i] = 0;
    int64_t after = (int64_t)w->after[i] + w->stride[i] - 1;
    if (after > span_of(w, i) - 1) after = span_of(w, i) - 1;
    extra[i] = (int32_t)after - w->after[i];
  }
  if (w->ceil && w->padding == LN_EMIT_VALID) w->padding = LN_EMIT_EXPLICIT;
}

/* Pads that do not fill the last window are dropped, where the size is known: fewer pads, and perhaps SAME. */
static void trim_extra(const ln_emit *e, int32_t a, const ln_window *w, int32_t *extra) {
  for (int32_t i = 0; i < w->rank; ++i) {
    const int64_t in = ln_emit_dim(e, a, i + 1);
    const int64_t padded = in + w->before[i] + w->after[i] + extra[i] - span_of(w, i);
    if (in < 0 || padded < 0) continue;
    const int64_t unused = padded % w->stride[i];
    extra[i] -= (int32_t)(unused < extra[i] ? unused : extra[i]);
  }
}

static double lowest(ln_type type) {
  switch (type) {
    case LN_INT8: return -128;
    case LN_INT16: return -32768;
    case LN_INT32: return (double)INT32_MIN;
    case LN_INT64: return (double)INT64_MIN;
    case LN_UINT8:
    case LN_UINT16:
    case LN_UINT32:
    case LN_UINT64:
    case LN_BOOL: return 0;
    default: return -INFINITY;
  }
}

/* ---- over two dimensions ---- */

static bool has_operator(const ln_emit *e, int32_t a) {
  const ln_type type = ln_emit_type(e, a);
  return type == LN_FLOAT32 || type == LN_FLOAT16 || type == LN_BFLOAT16;
}

static int32_t pool_2d(ln_emit *e, int32_t a, const ln_window *w, pool_kind kind) {
  const ln_pool2d_options options = {.padding = w->padding == LN_EMIT_SAME ? LN_PADDING_SAME : LN_PADDING_VALID,
                                     .stride_h = w->stride[0],
                                     .stride_w = w->stride[1],
                                     .filter_height = w->size[0],
                                     .filter_width = w->size[1]};
  return ln_emit_op(e, kind == POOL_MAX ? LN_OP_MAX_POOL_2D : LN_OP_AVERAGE_POOL_2D, &options, 1, &a,
                    ln_emit_type(e, a));
}

/* Windows along one axis as slices of everything, one for each of a window's elements; `a` is padded already. */
static int32_t slide(ln_emit *e, int32_t a, const ln_window *w, int32_t i, pool_kind kind) {
  enum { MOST = 256 };
  const int32_t rest = (int32_t)span_of(w, i) - 1;
  int32_t out = -1;
  if (w->size[i] > MOST)
    return ln_emit_refuse(e, "a window of %d; at most %d are possible in this form", w->size[i], MOST);
  for (int32_t k = 0; k < w->size[i]; ++k) {
    const int32_t at = k * w->dilation[i], end = at == rest ? INT32_MAX : at - rest;
    const int32_t part = ln_emit_slice(e, a, i + 1, at, end, w->stride[i]);
    if (k == 0) out = part;
    else out = ln_emit_binary(e, kind == POOL_MAX ? LN_OP_MAXIMUM : LN_OP_ADD, out, part);
  }
  return kind == POOL_MAX || w->size[i] == 1 ? out : ln_emit_mul_number(e, out, 1.0 / w->size[i]);
}

/* [n, d, h, w, c]: first [n * d, h, w, c], then [n, d, h * w, c]. */
static int32_t pool_3d(ln_emit *e, int32_t a, const ln_window *w, pool_kind kind) {
  ln_window last = {.rank = 2, .padding = w->padding}, first = {.rank = 2, .padding = w->padding};
  for (int32_t i = 0; i < 2; ++i) last.size[i] = w->size[i + 1], last.stride[i] = w->stride[i + 1];
  first.size[0] = w->size[0], first.stride[0] = w->stride[0];
  first.size[1] = first.stride[1] = 1;
  const int32_t flat = pool_2d(e, ln_emit_flatten(e, a, 0, 1), &last, kind);
  const ln_dim back[5] = {LN_DIM_OF(a, 0), LN_DIM_OF(a, 1), LN_DIM_OF(flat, 1), LN_DIM_OF(flat, 2), LN_DIM_OF(flat, 3)};
  const int32_t middle = ln_emit_reshape(e, flat, 5, back);
  const int32_t out = pool_2d(e, ln_emit_flatten(e, middle, 2, 3), &first, kind);
  const ln_dim dims[5] = {LN_DIM_OF(out, 0), LN_DIM_OF(out, 1), LN_DIM_OF(middle, 2), LN_DIM_OF(middle, 3),
                          LN_DIM_OF(out, 3)};
  return ln_emit_reshape(e, out, 5, dims);
}

static bool is_dilated(const ln_window *w) {
  for (int32_t i = 0; i < w->rank; ++i) {
    if (w->dilation[i] > 1 && w->size[i] > 1) return true;
  }
  return false;
}

/* SAME as the pads that it stands for; what hangs on an open size cannot be told. */
static bool make_explicit(ln_emit *e, int32_t a, ln_window *w) {
  for (int32_t i = 0; i < w->rank && w->padding == LN_EMIT_SAME; ++i) {
    const int64_t in = ln_emit_dim(e, a, i + 1);
    if (in < 0 && w->stride[i] > 1) {
      ln_emit_refuse(e, "dilated windows with padding \"same\" and strides over an open size; fix it with --shape");
      return false;
    }
    const int64_t steps = in < 0 ? 0 : (in + w->stride[i] - 1) / w->stride[i];
    const int64_t total = in < 0 ? span_of(w, i) - 1 : (steps - 1) * w->stride[i] + span_of(w, i) - in;
    w->before[i] = total > 0 ? (int32_t)(total / 2) : 0;
    w->after[i] = total > 0 ? (int32_t)(total - total / 2) : 0;
  }
  if (w->padding == LN_EMIT_VALID) {
    for (int32_t i = 0; i < w->rank; ++i) w->before[i] = w->after[i] = 0;
  }
  w->padding = LN_EMIT_EXPLICIT;
  return true;
}

static int32_t pad_by(ln_emit *e, int32_t a, const ln_window *w, const int32_t *extra, double value) {
  int32_t before[LN_MAX_RANK] = {0}, after[LN_MAX_RANK] = {0};
  for (int32_t i = 0; i < w->rank; ++i) {
    before[i + 1] = w->before[i];
    after[i + 1] = w->after[i] + extra[i];
  }
  return ln_emit_pad(e, a, before, after, value);
}

/* Pools what is padded, or takes no pads. */
static int32_t pool_padded(ln_emit *e, int32_t a, const ln_window *w, pool_kind kind) {
  if (is_dilated(w) || !has_operator(e, a)) {
    for (int32_t i = 0; i < w->rank; ++i) a = slide(e, a, w, i, kind);
    return a;
  }
  return w->rank == 3 ? pool_3d(e, a, w, kind) : pool_2d(e, a, w, kind);
}

/* ---- maxima ---- */

static int32_t max_pool(ln_emit *e, int32_t a, ln_window *w) {
  int32_t extra[3];
  resolve_ceil(w, extra);
  if ((is_dilated(w) || !has_operator(e, a)) && !make_explicit(e, a, w)) return -1;
  if (w->padding == LN_EMIT_EXPLICIT) {
    trim_extra(e, a, w, extra);
    for (int32_t i = 0; i < w->rank; ++i) w->after[i] += extra[i];
    const double low = lowest(ln_emit_type(e, a));
    const int32_t none[3] = {0};
    if (!is_dilated(w) && has_operator(e, a)) {
      a = ln_emit_settle_pads(e, a, w, low);
    } else {
      a = pad_by(e, a, w, none, low);
      w->padding = LN_EMIT_VALID;
    }
  }
  return pool_padded(e, a, w, POOL_MAX);
}

/* ---- averages ---- */

/* [1, size..., 1] of ones. */
static int32_t ones_like(ln_emit *e, int32_t a, const ln_window *w) {
  ln_dim dims[LN_MAX_RANK];
  for (int32_t i = 0; i < w->rank + 2; ++i) dims[i] = i == 0 || i > w->rank ? LN_DIM(1) : LN_DIM_OF(a, i);
  return ln_emit_broadcast(e, ln_emit_scalar(e, ln_emit_type(e, a), 1), w->rank + 2, dims);
}

static bool pads_anything(const ln_window *w, const int32_t *extra) {
  bool any = w->padding == LN_EMIT_SAME;
  for (int32_t i = 0; i < w->rank && w->padding == LN_EMIT_EXPLICIT; ++i) {
    any = any || w->before[i] != 0 || w->after[i] != 0 || extra[i] != 0;
  }
  return any;
}

/* Averages of what is padded by zeros, over the part of each window that counts. */
static int32_t average_padded(ln_emit *e, int32_t a, ln_window *w, const int32_t *extra) {
  const int32_t none[3] = {0};
  ln_window bare = *w;
  bare.padding = LN_EMIT_VALID;
  bool partial = !w->count_pads;
  for (int32_t i = 0; i < w->rank; ++i) partial = partial || extra[i] > 0;
  const int32_t out = pool_padded(e, pad_by(e, a, w, extra, 0), &bare, POOL_AVERAGE);
  if (!partial) return out;
  int32_t ones = ones_like(e, a, w);
  if (w->count_pads) {
    ones = pad_by(e, ones, w, none, 1);
    ln_window behind = {.rank = w->rank};
    ones = pad_by(e, ones, &behind, extra, 0);
  } else {
    ones = pad_by(e, ones, w, extra, 0);
  }
  return ln_emit_div(e, out, pool_padded(e, ones, &bare, POOL_AVERAGE));
}

static int32_t average_pool(ln_emit *e, int32_t a, ln_window *w) {
  int32_t extra[3];
  resolve_ceil(w, extra);
  if (w->padding == LN_EMIT_EXPLICIT) trim_extra(e, a, w, extra);
  const bool plain = !is_dilated(w) && has_operator(e, a);
  if (!pads_anything(w, extra)) {
    if (!plain && !make_explicit(e, a, w)) return -1;
    w->padding = LN_EMIT_VALID;
    return pool_padded(e, a, w, POOL_AVERAGE);
  }
  if (plain && !w->count_pads) { /* what SAME leaves out */
    ln_window same = *w;
    for (int32_t i = 0; i < w->rank; ++i) same.after[i] += extra[i];
    if (same.padding == LN_EMIT_SAME || ln_emit_pads_same(e, a, &same)) {
      same.padding = LN_EMIT_SAME;
      return pool_padded(e, a, &same, POOL_AVERAGE);
    }
  }
  return make_explicit(e, a, w) ? average_padded(e, a, w, extra) : -1;
}

/* ---- of any number of dimensions ---- */

static int32_t pool(ln_emit *e, int32_t a, const ln_window *window, int32_t (*run)(ln_emit *, int32_t, ln_window *)) {
  const int32_t row = 1;
  ln_window w;
  if (!ln_emit_window(e, a, window, &w)) return -1;
  if (w.rank != 1) return run(e, a, &w);
  ln_emit_widen_window(&w);
  return ln_emit_squeeze(e, run(e, ln_emit_expand(e, a, 1, &row), &w), 1, &row);
}

int32_t ln_emit_max_pool(ln_emit *e, int32_t a, const ln_window *window) { return pool(e, a, window, max_pool); }
int32_t ln_emit_average_pool(ln_emit *e, int32_t a, const ln_window *window) {
  return pool(e, a, window, average_pool);
}

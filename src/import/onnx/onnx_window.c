/* Windows of attributes, and where in a window the largest element is. */
#include "import/onnx/onnx_window.h"

#include <math.h>
#include <string.h>

bool ln_onnx_spatial(ln_onnx_node *n, const char *attribute, int32_t rank, int32_t otherwise, int32_t *out) {
  int32_t count;
  if (!ln_onnx_list(n, attribute, -1, rank, out, &count)) return false;
  if (count >= 0 && count != rank) {
    ln_emit_wrong(n->e, "%s has %d values for %d spatial dimensions", attribute, count, rank);
    return false;
  }
  for (int32_t i = 0; i < rank && count < 0; ++i) out[i] = otherwise;
  return true;
}

static bool read_pads(ln_onnx_node *n, ln_window *w) {
  int32_t pads[6], count;
  if (!ln_onnx_list(n, "pads", -1, 6, pads, &count)) return false;
  if (count >= 0 && count != 2 * w->rank) {
    ln_emit_wrong(n->e, "pads has %d values for %d spatial dimensions", count, w->rank);
    return false;
  }
  for (int32_t i = 0; i < w->rank && count >= 0; ++i) w->before[i] = pads[i], w->after[i] = pads[i + w->rank];
  w->padding = LN_EMIT_EXPLICIT;
  return true;
}

/* SAME_LOWER has the larger half in front. */
static bool pad_lower(ln_onnx_node *n, int32_t a, ln_window *w) {
  for (int32_t i = 0; i < w->rank; ++i) {
    const int64_t in = ln_emit_dim(n->e, a, i + 2), span = ((int64_t)w->size[i] - 1) * w->dilation[i] + 1;
    if (in < 0 && w->stride[i] != 1) {
      ln_emit_refuse(n->e, "auto_pad SAME_LOWER with strides over an open size; fix it with --shape");
      return false;
    }
    if (w->stride[i] < 1 || span > INT32_MAX) {
      ln_emit_wrong(n->e, "a stride of %d", w->stride[i]);
      return false;
    }
    const int64_t steps = in < 0 ? 0 : (in + w->stride[i] - 1) / w->stride[i];
    const int64_t total = in < 0 ? span - 1 : (steps - 1) * w->stride[i] + span - in;
    const int64_t pads = total > 0 ? total : 0;
    w->after[i] = (int32_t)(pads / 2);
    w->before[i] = (int32_t)(pads - pads / 2);
  }
  w->padding = LN_EMIT_EXPLICIT;
  return true;
}

static bool read_padding(ln_onnx_node *n, int32_t a, ln_window *w) {
  const char *how = ln_onnx_text(n, "auto_pad", "NOTSET");
  if (strcmp(how, "SAME_LOWER") == 0) return pad_lower(n, a, w);
  if (strcmp(how, "NOTSET") == 0 || how[0] == '\0') return read_pads(n, w);
  w->padding = strcmp(how, "SAME_UPPER") == 0 ? LN_EMIT_SAME : LN_EMIT_VALID;
  if (w->padding == LN_EMIT_SAME || strcmp(how, "VALID") == 0) return true;
  ln_emit_wrong(n->e, "no auto_pad is called %.80s", how);
  return false;
}

bool ln_onnx_read_window(ln_onnx_node *n, int32_t a, int32_t weights, ln_window *out) {
  const int32_t rank = ln_emit_rank(n->e, a) - 2;
  *out = (ln_window){.rank = rank};
  if (ln_emit_failed(n->e)) return false;
  if (rank < 1 || rank > 3) {
    ln_emit_refuse(n->e, "%d spatial dimensions; 1 to 3 are possible", rank);
    return false;
  }
  if (!ln_onnx_spatial(n, "kernel_shape", rank, 0, out->size) || !ln_onnx_spatial(n, "strides", rank, 1, out->stride) ||
      !ln_onnx_spatial(n, "dilations", rank, 1, out->dilation)) {
    return false;
  }
  for (int32_t i = 0; i < rank && weights >= 0; ++i) out->size[i] = ln_emit_dim(n->e, weights, i + 2);
  return read_padding(n, a, out);
}

/* ---- where the largest is ---- */

static int64_t span_of(const ln_window *w, int32_t i) { return ((int64_t)w->size[i] - 1) * w->dilation[i] + 1; }

/* SAME and the reach of ceil_mode as pads. */
static bool settle(ln_onnx_node *n, int32_t a, ln_window *w) {
  for (int32_t i = 0; i < w->rank; ++i) {
    const int64_t in = ln_emit_dim(n->e, a, i + 2);
    if (w->size[i] < 1 || w->stride[i] < 1 || w->dilation[i] < 1 || span_of(w, i) > INT32_MAX / 4) {
      ln_emit_wrong(n->e, "a window of %d", w->size[i]);
      return false;
    }
    if (w->padding == LN_EMIT_SAME) {
      if (in < 0) {
        ln_emit_refuse(n->e, "indices with auto_pad over an open size; fix it with --shape");
        return false;
      }
      const int64_t steps = (in + w->stride[i] - 1) / w->stride[i];
      const int64_t total = (steps - 1) * w->stride[i] + span_of(w, i) - in, pads = total > 0 ? total : 0;
      w->before[i] = (int32_t)(pads / 2);
      w->after[i] = (int32_t)(pads - pads / 2);
    } else if (w->ceil) {
      const int64_t reach = (int64_t)w->after[i] + w->stride[i] - 1, most = span_of(w, i) - 1;
      w->after[i] = (int32_t)(reach < most ? reach : most);
    }
  }
  return true;
}

static int32_t count_spatial(ln_emit *e, int32_t a) {
  int32_t out = ln_emit_size_of(e, a, 2);
  for (int32_t i = 3; i < ln_emit_rank(e, a); ++i) out = ln_emit_mul(e, out, ln_emit_size_of(e, a, i));
  return out;
}

/* int32 [1, 1, ...]: the number of each spatial element. */
static int32_t spatial_places(ln_emit *e, int32_t a, bool by_column) {
  const int32_t rank = ln_emit_rank(e, a);
  ln_dim dims[LN_MAX_RANK] = {LN_DIM(1), LN_DIM(1)};
  int32_t order[LN_MAX_RANK] = {0, 1};
  for (int32_t i = 2; i < rank; ++i) {
    order[i] = by_column ? rank + 1 - i : i;
    dims[i] = LN_DIM_OF(a, order[i]);
  }
  const int32_t all = ln_emit_count_up(e, count_spatial(e, a));
  return ln_emit_transpose(e, ln_emit_reshape(e, all, rank, dims), order);
}

/* int32 [n, c, 1...]: how many elements stand before each image. */
static int32_t image_places(ln_emit *e, int32_t a) {
  const int32_t rank = ln_emit_rank(e, a);
  ln_dim dims[LN_MAX_RANK] = {LN_DIM_OF(a, 0), LN_DIM_OF(a, 1)};
  for (int32_t i = 2; i < rank; ++i) dims[i] = LN_DIM(1);
  const int32_t images = ln_emit_mul(e, ln_emit_size_of(e, a, 0), ln_emit_size_of(e, a, 1));
  const int32_t all = ln_emit_count_up(e, images);
  return ln_emit_reshape(e, ln_emit_mul(e, all, count_spatial(e, a)), rank, dims);
}

/* The elements at `tap` of all windows. */
static int32_t take(ln_emit *e, int32_t a, const ln_window *w, int32_t tap) {
  for (int32_t i = w->rank - 1; i >= 0; --i) {
    const int32_t at = tap % w->size[i] * w->dilation[i], rest = (int32_t)span_of(w, i) - 1;
    tap /= w->size[i];
    a = ln_emit_slice(e, a, i + 2, at, at == rest ? INT32_MAX : at - rest, w->stride[i]);
  }
  return a;
}

int32_t ln_onnx_window_places(ln_onnx_node *n, int32_t a, const ln_window *given, bool by_column) {
  enum { MOST = 256 };
  ln_emit *e = n->e;
  ln_window w = *given;
  int32_t before[LN_MAX_RANK] = {0}, after[LN_MAX_RANK] = {0};
  int64_t taps = 1;
  if (ln_emit_failed(e) || !settle(n, a, &w)) return -1;
  for (int32_t i = 0; i < w.rank; ++i) {
    before[i + 2] = w.before[i];
    after[i + 2] = w.after[i];
    taps *= w.size[i];
    if (taps > MOST) return ln_emit_refuse(e, "indices of windows of more than %d elements", MOST);
  }
  const ln_type type = ln_emit_type(e, a);
  const double low = type == LN_INT8 ? -128 : type == LN_UINT8 ? 0 : -INFINITY;
  const int32_t padded = ln_emit_pad(e, a, before, after, low);
  const int32_t places = ln_emit_pad(e, spatial_places(e, a, by_column), before, after, 0);
  int32_t best = take(e, padded, &w, 0), at = take(e, places, &w, 0);
  for (int32_t tap = 1; tap < taps; ++tap) {
    const int32_t part = take(e, padded, &w, tap);
    at = ln_emit_select(e, ln_emit_compare(e, LN_OP_GREATER, part, best), take(e, places, &w, tap), at);
    best = ln_emit_binary(e, LN_OP_MAXIMUM, best, part);
  }
  return ln_emit_cast(e, ln_emit_add(e, at, image_places(e, a)), LN_INT64);
}

/* Convolutions over NCHW tensors: weights turn into what emit_layers.c takes, and channels go last for a while. */
#include <string.h>

#include "import/onnx/onnx_window.h"

/* There are no convolutions of doubles. */
static int32_t narrow(ln_emit *e, int32_t a) {
  return a >= 0 && ln_emit_type(e, a) == LN_FLOAT64 ? ln_emit_cast(e, a, LN_FLOAT32) : a;
}

/* [first, second, spatial...] with the first two at the end, in this or the other order. */
static int32_t turn_weights(ln_emit *e, int32_t weights, bool swapped) {
  const int32_t rank = ln_emit_rank(e, weights);
  int32_t order[LN_MAX_RANK];
  if (ln_emit_failed(e) || rank < 3)
    return ln_emit_failed(e) ? -1 : ln_emit_wrong(e, "its weights have %d dimensions", rank);
  for (int32_t i = 0; i < rank - 2; ++i) order[i] = i + 2;
  order[rank - 2] = swapped ? 1 : 0;
  order[rank - 1] = swapped ? 0 : 1;
  return ln_emit_transpose(e, weights, order);
}

int32_t ln_onnx_emit_conv(ln_onnx_node *n, int32_t a, int32_t weights, int32_t bias) {
  ln_emit *e = n->e;
  const int32_t groups = ln_onnx_int32(n, "group", 1);
  ln_window w;
  if (!ln_onnx_read_window(n, a, weights, &w)) return -1;
  const int32_t filter = turn_weights(e, narrow(e, weights), true);
  const int32_t out = ln_emit_conv(e, ln_emit_channels_last(e, narrow(e, a)), filter, narrow(e, bias), groups, &w);
  return ln_emit_failed(e) ? -1 : ln_emit_cast(e, ln_emit_channels_first(e, out), ln_emit_type(e, a));
}

void ln_onnx_conv(ln_onnx_node *n) {
  ln_onnx_out(n, 0, ln_onnx_emit_conv(n, ln_onnx_in(n, 0), ln_onnx_in(n, 1), ln_onnx_in(n, 2)));
}

/* ---- ConvTranspose ---- */

/* What the whole result has more than `output`: cut at both ends, the larger half where auto_pad says. */
static bool pads_of_output(ln_onnx_node *n, int32_t a, ln_window *w, const int32_t *output, const int32_t *more) {
  const bool lower = strcmp(ln_onnx_text(n, "auto_pad", "NOTSET"), "SAME_UPPER") != 0;
  for (int32_t i = 0; i < w->rank; ++i) {
    const int64_t in = ln_emit_dim(n->e, a, i + 2), span = ((int64_t)w->size[i] - 1) * w->dilation[i] + 1;
    if (in < 0) {
      ln_emit_refuse(n->e, "output_shape of an open size; fix it with --shape");
      return false;
    }
    const int64_t total = (in - 1) * w->stride[i] + more[i] + span - output[i];
    if (total < INT32_MIN || total > INT32_MAX) {
      ln_emit_wrong(n->e, "output_shape says %d", output[i]);
      return false;
    }
    const int64_t half = total > 0 ? total / 2 : 0; /* what is missing stands at the end */
    w->before[i] = (int32_t)(total > 0 && lower ? total - half : half);
    w->after[i] = (int32_t)(total - w->before[i]);
  }
  w->padding = LN_EMIT_EXPLICIT;
  return true;
}

/* auto_pad SAME: the input's size times the stride. */
static bool read_output(ln_onnx_node *n, int32_t a, ln_window *w, int32_t *more) {
  int32_t output[3], count, all[LN_MAX_RANK];
  if (!ln_onnx_spatial(n, "output_padding", w->rank, 0, more)) return false;
  if (!ln_onnx_list(n, "output_shape", -1, LN_MAX_RANK, all, &count)) return false;
  if (count >= w->rank) { /* batch and channels may stand in front */
    for (int32_t i = 0; i < w->rank; ++i) output[i] = all[count - w->rank + i];
    return pads_of_output(n, a, w, output, more);
  }
  const char *how = ln_onnx_text(n, "auto_pad", "NOTSET");
  if (strncmp(how, "SAME", 4) != 0) return true;
  for (int32_t i = 0; i < w->rank; ++i) {
    const int64_t size = (int64_t)ln_emit_dim(n->e, a, i + 2) * w->stride[i];
    output[i] = size > INT32_MAX ? INT32_MAX : (int32_t)size;
  }
  return pads_of_output(n, a, w, output, more);
}

void ln_onnx_conv_transpose(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), weights = ln_onnx_in(n, 1), bias = narrow(e, ln_onnx_in(n, 2));
  const int32_t groups = ln_onnx_int32(n, "group", 1);
  int32_t more[3];
  ln_window w;
  if (!ln_onnx_read_window(n, a, weights, &w) || !read_output(n, a, &w, more)) return;
  const int32_t filter = turn_weights(e, narrow(e, weights), true); /* [..., out / groups, in] */
  const int32_t last = ln_emit_channels_last(e, narrow(e, a));
  const int32_t out = ln_emit_conv_transpose(e, last, filter, bias, groups, &w, more);
  if (!ln_emit_failed(e)) ln_onnx_out(n, 0, ln_emit_cast(e, ln_emit_channels_first(e, out), ln_emit_type(e, a)));
}

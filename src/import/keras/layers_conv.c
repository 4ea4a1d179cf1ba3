/* Convolutions and pools of one to three dimensions; channels go last inside. */
#include <stdlib.h>
#include <string.h>

#include "import/keras/keras.h"

#ifdef LN_HAVE_CJSON

/* The first input with its channels last; what comes out goes back through channels_as_before. */
static int32_t channels_last(ln_keras_call *call, int32_t rank) {
  const int32_t a = ln_keras_input(call);
  if (ln_emit_failed(call->e)) return -1;
  if (ln_emit_rank(call->e, a) != rank + 2) {
    return ln_emit_refuse(call->e, "an input of %d dimensions is wanted, not %d", (int)rank + 2,
                          (int)ln_emit_rank(call->e, a));
  }
  return ln_keras_channels_first(call->config) ? ln_emit_channels_last(call->e, a) : a;
}

static int32_t channels_as_before(ln_keras_call *call, int32_t a) {
  return ln_keras_channels_first(call->config) ? ln_emit_channels_first(call->e, a) : a;
}

static bool read_window(ln_keras_call *call, int32_t rank, ln_window *window) {
  *window = (ln_window){.rank = rank};
  if (!ln_keras_tuple(call, "kernel_size", rank, 1, window->size)) return false;
  if (!ln_keras_tuple(call, "strides", rank, 1, window->stride)) return false;
  if (!ln_keras_tuple(call, "dilation_rate", rank, 1, window->dilation)) return false;
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t limit = 1 << 20;
    if (window->size[i] < 1 || window->stride[i] < 1 || window->dilation[i] < 1 || window->size[i] > limit ||
        window->stride[i] > limit || window->dilation[i] > limit) {
      ln_emit_wrong(call->e, "kernel_size, strides or dilation_rate are out of range");
      return false;
    }
  }
  const char *padding = ln_keras_text(call->config, "padding", "valid");
  if (strcmp(padding, "same") == 0) {
    window->padding = LN_EMIT_SAME;
  } else if (strcmp(padding, "causal") == 0) {
    window->padding = LN_EMIT_EXPLICIT;
    const int64_t before = (int64_t)(window->size[0] - 1) * window->dilation[0];
    if (before > INT32_MAX) return ln_emit_wrong(call->e, "dilation_rate is out of range") > 0;
    window->before[0] = (int32_t)before;
  } else if (strcmp(padding, "valid") != 0) {
    return ln_emit_refuse(call->e, "padding %.40s is not known", padding) > 0;
  }
  return true;
}

int32_t ln_keras_conv(ln_keras_call *call) {
  ln_window window;
  const int32_t rank = call->row->code;
  if (!read_window(call, rank, &window)) return -1;
  const int32_t a = channels_last(call, rank), kernel = ln_keras_weight(call, "kernel");
  const int32_t bias = ln_keras_weight(call, "bias"), groups = ln_keras_int(call->config, "groups", 1);
  const int32_t made = ln_emit_conv(call->e, a, kernel, bias, groups, &window);
  return channels_as_before(call, ln_keras_activate(call, made, "activation"));
}

int32_t ln_keras_depthwise(ln_keras_call *call) {
  ln_window window;
  const int32_t rank = call->row->code;
  if (!read_window(call, rank, &window)) return -1;
  const int32_t a = channels_last(call, rank);
  const int32_t kernel = ln_keras_weight(call, "kernel");
  const int32_t made = ln_emit_depthwise(call->e, a, kernel, ln_keras_weight(call, "bias"), &window);
  return channels_as_before(call, ln_keras_activate(call, made, "activation"));
}

int32_t ln_keras_separable(ln_keras_call *call) {
  ln_window window, point = {.rank = call->row->code, .size = {1, 1, 1}};
  const int32_t rank = call->row->code;
  if (!read_window(call, rank, &window)) return -1;
  const int32_t a = channels_last(call, rank), depthwise = ln_keras_weight(call, "depthwise_kernel");
  const int32_t pointwise = ln_keras_weight(call, "pointwise_kernel"), bias = ln_keras_weight(call, "bias");
  const int32_t made =
      ln_emit_conv(call->e, ln_emit_depthwise(call->e, a, depthwise, -1, &window), pointwise, bias, 1, &point);
  return channels_as_before(call, ln_keras_activate(call, made, "activation"));
}

/*
 * How much of the full result (steps - 1) * stride + kernel TensorFlow cuts off, half of it in front; what is negative
 * is added at the end.
 */
static int32_t cut_off(const ln_keras_call *call, const ln_window *window, int32_t axis, int32_t given) {
  const int32_t kernel = (window->size[axis] - 1) * window->dilation[axis] + 1, stride = window->stride[axis];
  const bool same = ln_keras_is(call->config, "padding", "same");
  if (given >= 0) return same ? 2 * (kernel / 2) - given : -given;
  if (same) return kernel - stride;
  return kernel < stride ? kernel - stride : 0;
}

int32_t ln_keras_conv_transpose(ln_keras_call *call) {
  ln_window window;
  int32_t given[3] = {-1, -1, -1}, more[3] = {0};
  const int32_t rank = call->row->code;
  if (!read_window(call, rank, &window) || !ln_keras_tuple(call, "output_padding", rank, -1, given)) return -1;
  window.padding = LN_EMIT_EXPLICIT;
  for (int32_t i = 0; i < rank; ++i) {
    if ((int64_t)(window.size[i] - 1) * window.dilation[i] > 1 << 24)
      return ln_emit_wrong(call->e, "dilation_rate is out of range");
    const int32_t cut = cut_off(call, &window, i, given[i]);
    window.before[i] = cut > 0 && ln_keras_is(call->config, "padding", "same") ? cut / 2 : 0;
    window.after[i] = cut > 0 ? cut - window.before[i] : 0;
    more[i] = cut < 0 ? -cut : 0;
  }
  const int32_t a = channels_last(call, rank), kernel = ln_keras_weight(call, "kernel");
  const int32_t bias = ln_keras_weight(call, "bias"), groups = ln_keras_int(call->config, "groups", 1);
  const int32_t made = ln_emit_conv_transpose(call->e, a, kernel, bias, groups, &window, more);
  return channels_as_before(call, ln_keras_activate(call, made, "activation"));
}

/* ---- pools ---- */

/* code: the rank, negative for averages. */
int32_t ln_keras_pool(ln_keras_call *call) {
  const int32_t rank = abs(call->row->code);
  ln_window window = {.rank = rank};
  if (!ln_keras_tuple(call, "pool_size", rank, 2, window.size)) return -1;
  memcpy(window.stride, window.size, sizeof window.size);
  if (ln_keras_option(call->config, "strides") != NULL && !ln_keras_tuple(call, "strides", rank, 1, window.stride)) {
    return -1;
  }
  for (int32_t i = 0; i < rank; ++i) {
    if (window.size[i] < 1 || window.stride[i] < 1)
      return ln_emit_wrong(call->e, "pool_size or strides are out of range");
  }
  window.padding = ln_keras_is(call->config, "padding", "same") ? LN_EMIT_SAME : LN_EMIT_VALID;
  const int32_t a = channels_last(call, rank);
  const int32_t made =
      call->row->code > 0 ? ln_emit_max_pool(call->e, a, &window) : ln_emit_average_pool(call->e, a, &window);
  return channels_as_before(call, made);
}

/* The mean of the steps that a mask [batch, time] leaves. */
static int32_t masked_mean(ln_keras_call *call, int32_t a, bool keep) {
  static const int32_t time = 1, last = 2;
  ln_emit *e = call->e;
  const int32_t mask = ln_emit_expand(e, ln_emit_cast(e, call->mask, LN_FLOAT32), 1, &last);
  const int32_t sum = ln_emit_reduce(e, LN_OP_SUM, ln_emit_mul(e, a, mask), 1, &time, keep);
  return ln_emit_div(e, sum, ln_emit_reduce(e, LN_OP_SUM, mask, 1, &time, keep));
}

int32_t ln_keras_global_pool(ln_keras_call *call) {
  const int32_t rank = abs(call->row->code), a = ln_keras_input(call);
  const bool first = ln_keras_channels_first(call->config), keep = ln_keras_flag(call->config, "keepdims", false);
  int32_t axes[3];
  if (ln_emit_failed(call->e)) return -1;
  if (ln_emit_rank(call->e, a) != rank + 2)
    return ln_emit_refuse(call->e, "an input of %d dimensions is wanted", (int)rank + 2);
  if (rank == 1 && call->row->code < 0 && call->mask >= 0 && !first) return masked_mean(call, a, keep);
  for (int32_t i = 0; i < rank; ++i) axes[i] = i + 1 + first;
  return ln_emit_reduce(call->e, call->row->code > 0 ? LN_OP_REDUCE_MAX : LN_OP_MEAN, a, rank, axes, keep);
}

/* Pools whose result has a given size: windows from floor(i * in / out) to ceil((i + 1) * in / out). */
static int32_t adaptive_axis(ln_keras_call *call, int32_t a, int32_t axis, int32_t out, bool max) {
  ln_emit *e = call->e;
  const int32_t in = ln_emit_dim(e, a, axis);
  int32_t parts[LN_KERAS_VALUES];
  if (in < 1) return ln_emit_refuse(e, "the size of its input is open; give it with --shape");
  if (out < 1 || out > LN_KERAS_VALUES) return ln_emit_refuse(e, "output_size is beyond 1 to %d", LN_KERAS_VALUES);
  for (int32_t i = 0; i < out; ++i) {
    const int32_t from = (int32_t)((int64_t)i * in / out), to = (int32_t)(((int64_t)(i + 1) * in + out - 1) / out);
    const int32_t part = ln_emit_slice(e, a, axis, from, to, 1);
    parts[i] = ln_emit_reduce(e, max ? LN_OP_REDUCE_MAX : LN_OP_MEAN, part, 1, &axis, true);
  }
  return out == 1 ? parts[0] : ln_emit_concat(e, axis, out, parts);
}

int32_t ln_keras_adaptive_pool(ln_keras_call *call) {
  const int32_t rank = abs(call->row->code);
  int32_t sizes[3], a = channels_last(call, rank);
  if (!ln_keras_tuple(call, "output_size", rank, 1, sizes)) return -1;
  for (int32_t i = 0; i < rank && a >= 0; ++i) a = adaptive_axis(call, a, i + 1, sizes[i], call->row->code > 0);
  return channels_as_before(call, a);
}

#endif

/* The extents of a sliding window along one axis: what convolutions and pools share. */
#ifndef LN_OPS_WINDOW_H
#define LN_OPS_WINDOW_H

#include <stdbool.h>
#include <stdint.h>

#include "ir/schema.h"

/* Columns, padded or under a kernel: few enough that kernels count in 32 bits. */
enum { LN_WINDOW_MOST = 1 << 29 };

/* A window's numbers along one axis. `before` and `after` are paddings, in input elements. */
typedef struct ln_window {
  int32_t in, kernel, stride, dilation;
  int32_t before, after;
  int32_t out;
} ln_window;

/*
 * Fills `out` and the paddings from the rest. With `explicit_pads` the paddings are given, else they follow from
 * `padding` as in TFLite: SAME pads so that out = ceil(in / stride), the smaller half before.
 * False when a number is out of range or the kernel is larger than the padded input; as in TFLite, one that is larger
 * than a VALID input by less than two strides leaves an output without elements.
 */
static inline bool ln_window_resolve(ln_window *window, int32_t padding, bool explicit_pads) {
  ln_window *w = window;
  if (w->in < 0 || w->kernel < 1 || w->stride < 1 || w->dilation < 1 || w->in > LN_WINDOW_MOST) return false;
  const int64_t span = ((int64_t)w->kernel - 1) * w->dilation + 1; /* input elements under the kernel */
  int64_t out;
  if (explicit_pads) {
    if (w->before < 0 || w->after < 0) return false;
    const int64_t padded = (int64_t)w->in + w->before + w->after;
    if (padded > LN_WINDOW_MOST) return false;
    out = padded < span ? -1 : (padded - span) / w->stride + 1;
  } else if (padding == LN_PADDING_SAME) {
    out = ((int64_t)w->in + w->stride - 1) / w->stride;
    const int64_t needed = out > 0 ? (out - 1) * w->stride + span - w->in : 0;
    w->before = needed > 0 ? (int32_t)(needed / 2) : 0;
    w->after = needed > 0 ? (int32_t)(needed - needed / 2) : 0;
  } else {
    out =
        w->in < span ? (w->in == 0 || span - w->in < 2 * (int64_t)w->stride ? 0 : -1) : (w->in - span) / w->stride + 1;
    w->before = w->after = 0;
  }
  if (out < 0 || out > LN_WINDOW_MOST || span > LN_WINDOW_MOST) return false;
  w->out = (int32_t)out;
  return true;
}

#endif

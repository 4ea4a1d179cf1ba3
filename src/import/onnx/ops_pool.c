/* Pools over NCHW tensors. */
#include <math.h>
#include <string.h>

#include "import/onnx/onnx_window.h"

static void finish(ln_onnx_node *n, int32_t pooled) { ln_onnx_out(n, 0, ln_emit_channels_first(n->e, pooled)); }

/* ---- MaxPool ---- */

/*
 * Where each maximum stands in the input: the place of each element, pooled like the element itself. Windows become a
 * last dimension, whose first maximum counts.
 */
static void max_indices(ln_onnx_node *n, int32_t a, const ln_window *w) {
  ln_onnx_out(n, 1, ln_onnx_window_places(n, a, w, ln_onnx_int(n, "storage_order", 0) != 0));
}

void ln_onnx_max_pool(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0);
  ln_window w;
  if (!ln_onnx_read_window(n, a, -1, &w)) return;
  w.ceil = ln_onnx_int(n, "ceil_mode", 0) != 0;
  finish(n, ln_emit_max_pool(n->e, ln_emit_channels_last(n->e, a), &w));
  if (ln_onnx_wants(n, 1)) max_indices(n, a, &w);
}

/* ---- AveragePool, LpPool ---- */

/* Other floats than float32 go by it: there is no such pool of doubles. */
static int32_t average(ln_emit *e, int32_t a, const ln_window *w) {
  const ln_type type = ln_emit_type(e, a);
  const int32_t wide = type == LN_FLOAT64 ? ln_emit_cast(e, a, LN_FLOAT32) : a;
  const int32_t out = ln_emit_average_pool(e, wide, w);
  return type == LN_FLOAT64 ? ln_emit_cast(e, out, type) : out;
}

void ln_onnx_average_pool(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0);
  ln_window w;
  if (!ln_onnx_read_window(n, a, -1, &w)) return;
  w.ceil = ln_onnx_int(n, "ceil_mode", 0) != 0;
  w.count_pads = ln_onnx_int(n, "count_include_pad", 0) != 0;
  finish(n, average(n->e, ln_emit_channels_last(n->e, a), &w));
}

static int32_t power(ln_emit *e, int32_t a, double p) {
  if (p == 1) return a;
  if (p == 2) return ln_emit_mul(e, a, a);
  return ln_emit_failed(e) ? -1 : ln_emit_pow(e, a, ln_emit_scalar(e, ln_emit_type(e, a), p));
}

static int32_t root(ln_emit *e, int32_t a, double p) {
  return p == 2 ? ln_emit_unary(e, LN_OP_SQRT, a) : power(e, a, 1 / p);
}

/* (sum of |x|^p)^(1/p): the average with all pads counted, times the window. What `ceil_mode` reaches beyond the end is
 * pads like others. */
void ln_onnx_lp_pool(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0);
  const double p = n->version < 2 ? ln_onnx_float(n, "p", 2) : (double)ln_onnx_int(n, "p", 2);
  ln_window w;
  double size = 1;
  if (!ln_onnx_read_window(n, a, -1, &w)) return;
  w.count_pads = true;
  for (int32_t i = 0; i < w.rank; ++i) {
    const int64_t span = ((int64_t)w.size[i] - 1) * w.dilation[i], reach = (int64_t)w.after[i] + w.stride[i] - 1;
    if (ln_onnx_int(n, "ceil_mode", 0) != 0) w.after[i] = (int32_t)(reach < span ? reach : span);
    size *= w.size[i];
  }
  const int32_t powers = power(e, ln_emit_unary(e, LN_OP_ABS, ln_emit_channels_last(e, a)), p);
  finish(n, root(e, ln_emit_mul_number(e, average(e, powers, &w), size), p));
}

/* ---- over everything ---- */

void ln_onnx_global_pool(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(e, a);
  int32_t axes[LN_MAX_RANK];
  if (ln_emit_failed(e)) return;
  if (rank < 3) {
    ln_emit_wrong(e, "its input has %d dimensions", rank);
    return;
  }
  const int32_t last = ln_emit_channels_last(e, a);
  for (int32_t i = 0; i < rank - 2; ++i) axes[i] = i + 1;
  finish(n, ln_emit_reduce(e, n->variant, last, rank - 2, axes, true));
}

void ln_onnx_global_lp_pool(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), rank = ln_emit_rank(e, a);
  const double p = n->version < 2 ? ln_onnx_float(n, "p", 2) : (double)ln_onnx_int(n, "p", 2);
  int32_t axes[LN_MAX_RANK];
  if (ln_emit_failed(e)) return;
  if (rank < 3) {
    ln_emit_wrong(e, "its input has %d dimensions", rank);
    return;
  }
  for (int32_t i = 0; i < rank - 2; ++i) axes[i] = i + 1;
  const int32_t powers = power(e, ln_emit_unary(e, LN_OP_ABS, ln_emit_channels_last(e, a)), p);
  finish(n, root(e, ln_emit_reduce(e, LN_OP_SUM, powers, rank - 2, axes, true), p));
}

/*
 * Pad. Pads may be known only in the run. What is not constant is mirrored, repeated or wrapped around by taking each
 * element along an axis from where it comes.
 */
#include <string.h>

#include "import/onnx/onnx_lists.h"

typedef enum pad_mode { PAD_CONSTANT, PAD_EDGE, PAD_REFLECT, PAD_WRAP, PAD_UNKNOWN } pad_mode;

static pad_mode mode_of(ln_onnx_node *n) {
  static const char *const names[] = {"constant", "edge", "reflect", "wrap"};
  const char *mode = ln_onnx_text(n, "mode", "constant");
  for (int32_t i = 0; i < PAD_UNKNOWN; ++i) {
    if (strcmp(mode, names[i]) == 0) return (pad_mode)i;
  }
  ln_emit_wrong(n->e, "no mode is called %.80s", mode);
  return PAD_UNKNOWN;
}

/* ---- known pads ---- */

static bool known_pads(ln_onnx_node *n, int32_t rank, int32_t *before, int32_t *after) {
  int32_t pads[2 * LN_MAX_RANK], axes[LN_MAX_RANK], count, axis_count;
  if (!ln_onnx_list(n, n->version < 2 ? "paddings" : "pads", 1, 2 * LN_MAX_RANK, pads, &count)) return false;
  if (!ln_onnx_axes(n, NULL, 3, rank, axes, &axis_count)) return false;
  if (axis_count < 0) {
    for (axis_count = 0; axis_count < rank; ++axis_count) axes[axis_count] = axis_count;
  }
  if (count != 2 * axis_count) {
    ln_emit_wrong(n->e, "%d pads do not fit %d axes", count, axis_count);
    return false;
  }
  for (int32_t i = 0; i < rank; ++i) before[i] = after[i] = 0;
  for (int32_t i = 0; i < axis_count; ++i) {
    before[axes[i]] = pads[i];
    after[axes[i]] = pads[i + axis_count];
  }
  return true;
}

/* ---- indices along an axis ---- */

/* int32 [size]: where each padded element comes from; `from` and `to` are scalars: the first and behind the last. */
static int32_t sources(ln_emit *e, pad_mode mode, int32_t from, int32_t to, int32_t size) {
  const int32_t at = ln_emit_range(e, from, to, ln_emit_i32(e, 1)), zero = ln_emit_i32(e, 0);
  const int32_t last = ln_emit_add_number(e, size, -1);
  if (mode == PAD_WRAP) return ln_emit_binary(e, LN_OP_FLOOR_MOD, at, size);
  if (mode == PAD_EDGE) {
    return ln_emit_binary(e, LN_OP_MINIMUM, ln_emit_binary(e, LN_OP_MAXIMUM, at, zero), last);
  }
  const int32_t period = ln_emit_binary(e, LN_OP_MAXIMUM, ln_emit_mul_number(e, last, 2), ln_emit_i32(e, 1));
  const int32_t turn = ln_emit_binary(e, LN_OP_FLOOR_MOD, at, period);
  return ln_emit_sub(e, last, ln_emit_unary(e, LN_OP_ABS, ln_emit_sub(e, last, turn)));
}

static bool can_mirror(const ln_emit *e, int32_t a, const int32_t *before, const int32_t *after) {
  const int32_t rank = ln_emit_rank(e, a);
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t size = ln_emit_dim(e, a, i);
    const bool none = before[i] == 0 && after[i] == 0;
    if (!none && (size < 0 || before[i] < 0 || after[i] < 0 || before[i] >= size || after[i] >= size)) return false;
  }
  return rank <= 5;
}

static int32_t pad_known(ln_emit *e, int32_t a, pad_mode mode, const int32_t *before, const int32_t *after) {
  const int32_t rank = ln_emit_rank(e, a);
  if (mode == PAD_REFLECT && can_mirror(e, a, before, after)) {
    int32_t pads[2 * LN_MAX_RANK];
    for (int32_t i = 0; i < rank; ++i) pads[2 * i] = before[i], pads[2 * i + 1] = after[i];
    const ln_mirror_pad_options options = {.mode = 0};
    const int32_t by = ln_emit_const(e, LN_INT32, 2, (const int32_t[]){rank, 2}, pads);
    return ln_emit_op(e, LN_OP_MIRROR_PAD, &options, 2, (const int32_t[]){a, by}, ln_emit_type(e, a));
  }
  for (int32_t i = 0; i < rank; ++i) {
    if (before[i] == 0 && after[i] == 0) continue;
    const int32_t size = ln_emit_size_of(e, a, i);
    const int32_t at = sources(e, mode, ln_emit_i32(e, -before[i]), ln_emit_add_number(e, size, after[i]), size);
    a = ln_emit_gather(e, a, at, i, 0);
  }
  return a;
}

/* ---- pads that the run says ---- */

/* int32 [rank, 2] before and after each axis. */
static int32_t run_pads(ln_onnx_node *n, int32_t rank) {
  ln_emit *e = n->e;
  const int32_t pads = ln_onnx_narrow(e, ln_onnx_in(n, 1)), order[2] = {1, 0}, second = 1;
  const ln_dim halves[2] = {LN_DIM(2), LN_DIM_REST};
  const int32_t pairs = ln_emit_transpose(e, ln_emit_reshape(e, pads, 2, halves), order);
  if (!ln_onnx_has(n, 3)) return pairs;
  int32_t axes = ln_onnx_narrow(e, ln_onnx_in(n, 3));
  const int32_t is_back = ln_emit_compare(e, LN_OP_LESS, axes, ln_emit_i32(e, 0));
  axes = ln_emit_select(e, is_back, ln_emit_add_number(e, axes, rank), axes);
  const int32_t shape = ln_emit_vector(e, 2, (const int32_t[]){rank, 2});
  return ln_emit_scatter(e, ln_emit_expand(e, axes, 1, &second), pairs, shape);
}

static int32_t pad_in_run(ln_onnx_node *n, int32_t a, pad_mode mode, int32_t value) {
  ln_emit *e = n->e;
  const int32_t rank = ln_emit_rank(e, a), pads = run_pads(n, rank);
  if (mode == PAD_CONSTANT) {
    const int32_t inputs[3] = {a, pads, value};
    return ln_emit_op(e, LN_OP_PADV2, NULL, 3, inputs, ln_emit_type(e, a));
  }
  for (int32_t i = 0; i < rank; ++i) {
    const int32_t own = ln_emit_pick(e, pads, 0, i), size = ln_emit_size_of(e, a, i);
    const int32_t from = ln_emit_unary(e, LN_OP_NEG, ln_emit_pick(e, own, 0, 0));
    a = ln_emit_gather(e, a, sources(e, mode, from, ln_emit_add(e, size, ln_emit_pick(e, own, 0, 1)), size), i, 0);
  }
  return a;
}

/* ---- Pad ---- */

/* What constant pads hold: a scalar of a's type. */
static int32_t value_of(ln_onnx_node *n, int32_t a) {
  ln_emit *e = n->e;
  if (ln_emit_failed(e)) return -1;
  if (n->version >= 11 && ln_onnx_has(n, 2)) return ln_onnx_scalar(e, ln_onnx_in(n, 2));
  return ln_emit_scalar(e, ln_emit_type(e, a), n->version < 11 ? ln_onnx_float(n, "value", 0) : 0);
}

static bool is_in_run(ln_onnx_node *n) {
  const int32_t pads = ln_onnx_in(n, 1), axes = ln_onnx_in(n, 3);
  return n->version >= 11 &&
         ((pads >= 0 && !ln_emit_is_const(n->e, pads)) || (axes >= 0 && !ln_emit_is_const(n->e, axes)));
}

static int32_t pad_constant(ln_emit *e, int32_t a, const int32_t *before, const int32_t *after, int32_t value) {
  const int32_t rank = ln_emit_rank(e, a);
  double number;
  int32_t pads[2 * LN_MAX_RANK];
  if (ln_emit_number(e, value, &number)) return ln_emit_pad(e, a, before, after, number);
  int32_t cut[LN_MAX_RANK], end[LN_MAX_RANK];
  for (int32_t i = 0; i < rank; ++i) {
    cut[i] = before[i] < 0 ? before[i] : 0;
    end[i] = after[i] < 0 ? after[i] : 0;
    pads[2 * i] = before[i] > 0 ? before[i] : 0;
    pads[2 * i + 1] = after[i] > 0 ? after[i] : 0;
  }
  const int32_t by = ln_emit_const(e, LN_INT32, 2, (const int32_t[]){rank, 2}, pads);
  const int32_t inputs[3] = {ln_emit_pad(e, a, cut, end, 0), by, value};
  return ln_emit_op(e, LN_OP_PADV2, NULL, 3, inputs, ln_emit_type(e, a));
}

void ln_onnx_pad(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0);
  const pad_mode mode = mode_of(n);
  int32_t before[LN_MAX_RANK], after[LN_MAX_RANK], out;
  if (ln_emit_failed(e)) return;
  const int32_t value = mode == PAD_CONSTANT ? value_of(n, a) : -1;
  if (is_in_run(n)) {
    out = pad_in_run(n, a, mode, value);
  } else if (known_pads(n, ln_emit_rank(e, a), before, after)) {
    out = mode == PAD_CONSTANT ? pad_constant(e, a, before, after, value) : pad_known(e, a, mode, before, after);
  } else {
    return;
  }
  ln_onnx_out(n, 0, out);
}

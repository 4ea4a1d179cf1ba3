/* Casts between element types. */
#include "import/onnx/onnx.h"

/* The lowest bits of a number, as float32: what a type of fewer bits than a byte keeps of it. */
static int32_t low_bits(ln_emit *e, int32_t a, ln_type to) {
  const int32_t count = 1 << ln_type_bits(to), half = to == LN_UINT4 ? 0 : count / 2;
  const int32_t whole = ln_emit_add_number(e, ln_emit_cast(e, a, LN_INT32), half);
  const int32_t kept = ln_emit_binary(e, LN_OP_FLOOR_MOD, whole, ln_emit_i32(e, count));
  return ln_emit_cast(e, ln_emit_add_number(e, kept, -half), LN_FLOAT32);
}

static double largest_float8(ln_type type) { return type == LN_FLOAT8_E4M3FN ? 448 : 57344; }

static bool is_float8(ln_type type) { return type == LN_FLOAT8_E4M3FN || type == LN_FLOAT8_E5M2; }

/* float32 within what numbers of eight bits hold; NaN stays. */
static int32_t saturated(ln_emit *e, int32_t a, ln_type to) {
  const int32_t high = ln_emit_f32(e, largest_float8(to)), low = ln_emit_f32(e, -largest_float8(to));
  const int32_t below = ln_emit_select(e, ln_emit_compare(e, LN_OP_GREATER, a, high), high, a);
  return ln_emit_select(e, ln_emit_compare(e, LN_OP_LESS, below, low), low, below);
}

/* Numbers of a byte or less go by float32, which is what there are kernels for. */
static int32_t cast(ln_onnx_node *n, int32_t a, ln_type to) {
  ln_emit *e = n->e;
  if (ln_emit_failed(e) || a < 0) return -1;
  const ln_type from = ln_emit_type(e, a);
  if (from == to) return a;
  if (from == LN_STRING || to == LN_STRING) {
    return ln_emit_refuse(e, "casts from and to strings are not in TensorFlow Lite; do them outside of the model");
  }
  if (ln_type_bits(from) < 8 || is_float8(from) || is_float8(to)) a = ln_emit_cast(e, a, LN_FLOAT32);
  if (ln_type_bits(to) < 8) a = low_bits(e, a, to);
  if (is_float8(to) && ln_onnx_int(n, "saturate", 1) != 0) a = saturated(e, a, to);
  return ln_emit_cast(e, a, to);
}

void ln_onnx_cast(ln_onnx_node *n) {
  ln_type to = LN_FLOAT32;
  if (ln_onnx_type(n, "to", LN_FLOAT32, &to)) ln_onnx_out(n, 0, cast(n, ln_onnx_in(n, 0), to));
}

void ln_onnx_cast_like(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0), like = ln_onnx_in(n, 1);
  if (!ln_emit_failed(n->e)) ln_onnx_out(n, 0, cast(n, a, ln_emit_type(n->e, like)));
}

/* The same bits as another type of that size. */
void ln_onnx_bit_cast(ln_onnx_node *n) {
  ln_emit *e = n->e;
  ln_type to = LN_FLOAT32;
  const int32_t a = ln_onnx_in(n, 0);
  if (ln_emit_failed(e) || !ln_onnx_stored_type(e, ln_onnx_int(n, "to", 0), &to)) return;
  if (ln_type_bits(to) != ln_type_bits(ln_emit_type(e, a))) {
    ln_emit_refuse(e, "bits of %s as %s: halves are float32 inside of the model", ln_type_name(ln_emit_type(e, a)),
                   ln_type_name(to));
    return;
  }
  const int32_t out = to == ln_emit_type(e, a) ? a : ln_emit_op(e, LN_OP_BITCAST, NULL, 1, &a, to);
  ln_onnx_out(n, 0, ln_onnx_widen(e, out));
}

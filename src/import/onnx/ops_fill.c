/* Operators that make tensors of nothing but numbers: constants, ranges, triangles. */
#include <string.h>

#include "import/onnx/onnx_lists.h"

/* ---- Constant ---- */

static int32_t constant_of(ln_onnx_node *n) {
  int32_t count = 0;
  if (ln_onnx_has_attribute(n, "value")) return ln_onnx_tensor(n, "value");
  if (ln_onnx_has_attribute(n, "sparse_value")) return ln_onnx_sparse(n, "sparse_value");
  if (ln_onnx_has_attribute(n, "value_float")) return ln_emit_f32(n->e, ln_onnx_float(n, "value_float", 0));
  if (ln_onnx_has_attribute(n, "value_int")) {
    const int64_t value = ln_onnx_int(n, "value_int", 0);
    return ln_emit_const(n->e, LN_INT64, 0, NULL, &value);
  }
  const float *floats = ln_onnx_floats(n, "value_floats", &count);
  if (floats != NULL) return ln_emit_const(n->e, LN_FLOAT32, 1, &count, floats);
  const int64_t *ints = ln_onnx_ints(n, "value_ints", &count);
  if (ints != NULL) return ln_emit_vector64(n->e, count, ints);
  const size_t *lengths;
  const char *const *texts = ln_onnx_texts(n, "value_strings", &count, &lengths);
  if (texts != NULL) return ln_emit_strings(n->e, 1, &count, texts, lengths);
  const char *text = ln_onnx_text(n, "value_string", NULL);
  if (text == NULL) return ln_emit_wrong(n->e, "it holds no value");
  const size_t length = strlen(text);
  return ln_emit_strings(n->e, 0, NULL, &text, &length);
}

void ln_onnx_constant_node(ln_onnx_node *n) { ln_onnx_out(n, 0, constant_of(n)); }

void ln_onnx_constant_of_shape(ln_onnx_node *n) {
  ln_emit *e = n->e;
  int32_t value = ln_onnx_tensor(n, "value");
  if (ln_emit_failed(e)) return;
  value = value < 0 ? ln_emit_f32(e, 0) : ln_onnx_scalar(e, value);
  const int32_t dims = ln_onnx_narrow(e, ln_onnx_in(n, 0));
  ln_onnx_out(n, 0, ln_emit_op(e, LN_OP_FILL, NULL, 2, (const int32_t[]){dims, value}, ln_emit_type(e, value)));
}

/* ---- Range, EyeLike, Trilu ---- */

void ln_onnx_range(ln_onnx_node *n) {
  int32_t inputs[3];
  for (int32_t i = 0; i < 3; ++i) inputs[i] = ln_onnx_scalar(n->e, ln_onnx_in(n, i));
  ln_onnx_out(n, 0, ln_emit_op(n->e, LN_OP_RANGE, NULL, 3, inputs, ln_emit_type(n->e, inputs[0])));
}

void ln_onnx_eye_like(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0);
  ln_type type;
  if (!ln_onnx_type(n, "dtype", ln_emit_type(e, a), &type)) return;
  if (ln_emit_rank(e, a) != 2) {
    ln_emit_wrong(e, "it is for matrices");
    return;
  }
  const int32_t on = ln_emit_compare(e, LN_OP_EQUAL, ln_emit_diagonals(e, a), ln_emit_i32(e, ln_onnx_int32(n, "k", 0)));
  ln_onnx_out(n, 0, ln_emit_cast(e, on, type));
}

void ln_onnx_trilu(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0);
  int32_t k = ln_onnx_in(n, 1);
  if (ln_emit_rank(e, a) < 2) {
    if (!ln_emit_failed(e)) ln_emit_wrong(e, "it is for matrices");
    return;
  }
  k = k < 0 ? ln_emit_i32(e, 0) : ln_onnx_scalar(e, ln_onnx_narrow(e, k));
  const int32_t code = ln_onnx_int(n, "upper", 1) != 0 ? LN_OP_GREATER_EQUAL : LN_OP_LESS_EQUAL;
  const int32_t kept = ln_emit_compare(e, code, ln_emit_diagonals(e, a), k);
  ln_onnx_out(n, 0, ln_emit_select(e, kept, a, ln_emit_scalar(e, ln_emit_type(e, a), 0)));
}

/* ---- windows ---- */

/* a0 - a1 cos(2 pi i / n) + a2 cos(4 pi i / n), over the size itself or one less where it is no period. */
void ln_onnx_cosine_window(ln_onnx_node *n) {
  static const double weights[][3] = {{0.5, 0.5, 0}, {25.0 / 46, 21.0 / 46, 0}, {0.42, 0.5, 0.08}};
  const double *w = weights[n->variant], pi = 3.14159265358979323846;
  ln_emit *e = n->e;
  ln_type type;
  if (!ln_onnx_type(n, "output_datatype", LN_FLOAT32, &type)) return;
  const int32_t size = ln_onnx_scalar(e, ln_emit_cast(e, ln_onnx_in(n, 0), LN_FLOAT32));
  const int32_t over = ln_onnx_int(n, "periodic", 1) != 0 ? size : ln_emit_add_number(e, size, -1);
  const int32_t at = ln_emit_range(e, ln_emit_f32(e, 0), size, ln_emit_f32(e, 1));
  const int32_t angle = ln_emit_div(e, ln_emit_mul_number(e, at, 2 * pi), over);
  int32_t y = ln_emit_add_number(e, ln_emit_mul_number(e, ln_emit_unary(e, LN_OP_COS, angle), -w[1]), w[0]);
  if (w[2] != 0) {
    const int32_t twice = ln_emit_unary(e, LN_OP_COS, ln_emit_mul_number(e, angle, 2));
    y = ln_emit_add(e, y, ln_emit_mul_number(e, twice, w[2]));
  }
  ln_onnx_out(n, 0, ln_emit_cast(e, y, type));
}

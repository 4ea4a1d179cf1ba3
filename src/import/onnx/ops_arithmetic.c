/* Operators on each element: arithmetic, comparing, bits, and functions that TensorFlow Lite has or emit_math.c makes.
 */
#include <math.h>

#include "import/onnx/onnx.h"

static bool is_unsigned(ln_type type) {
  return type == LN_UINT8 || type == LN_UINT16 || type == LN_UINT32 || type == LN_UINT64 || type == LN_BOOL;
}

/* ---- of two ---- */

/* Before version 7 the second one's dimensions began at an axis of the first. */
static int32_t second_of(ln_onnx_node *n, int32_t a) {
  ln_emit *e = n->e;
  const int32_t b = ln_onnx_in(n, 1), rank = ln_emit_rank(e, a), own = ln_emit_rank(e, b);
  if (n->version >= 7 || ln_onnx_int(n, "broadcast", 0) == 0 || !ln_onnx_has_attribute(n, "axis")) return b;
  const int32_t axis = ln_onnx_axis(n, "axis", 0, rank);
  int32_t axes[LN_MAX_RANK];
  if (axis < 0 || axis + own > rank) return ln_emit_failed(e) ? -1 : ln_emit_wrong(e, "its inputs do not broadcast");
  const int32_t count = rank - axis - own;
  for (int32_t i = 0; i < count; ++i) axes[i] = own + i;
  return ln_emit_expand(e, b, count, axes);
}

void ln_onnx_binary(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0);
  ln_onnx_out(n, 0, ln_emit_binary(n->e, n->variant, a, second_of(n, a)));
}

void ln_onnx_compare(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0);
  ln_onnx_out(n, 0, ln_emit_compare(n->e, n->variant, a, second_of(n, a)));
}

void ln_onnx_mod(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), b = ln_onnx_in(n, 1);
  const ln_type type = ln_emit_type(e, a);
  if (ln_onnx_int(n, "fmod", 0) == 0 || is_unsigned(type)) {
    ln_onnx_out(n, 0, ln_emit_binary(e, LN_OP_FLOOR_MOD, a, b));
    return;
  }
  ln_onnx_out(n, 0, ln_emit_remainder(e, a, b));
}

/* The result is of the first one's type; what mixes types is computed in floats unless both are integers. */
void ln_onnx_pow(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0), b = second_of(n, a);
  const ln_type type = ln_emit_type(e, a);
  if (ln_emit_type(e, b) == type || ln_emit_is_float(type) || !ln_emit_is_float(ln_emit_type(e, b))) {
    ln_onnx_out(n, 0, ln_emit_pow(e, a, ln_emit_cast(e, b, type)));
    return;
  }
  const ln_type wide = ln_emit_type(e, b) == LN_FLOAT64 ? LN_FLOAT64 : LN_FLOAT32;
  const int32_t power = ln_emit_pow(e, ln_emit_cast(e, a, wide), ln_emit_cast(e, b, wide));
  ln_onnx_out(n, 0, ln_emit_cast(e, power, type));
}

/* Sum, Mean, Max, Min of any number. */
static int32_t chain(ln_onnx_node *n, int32_t code) {
  int32_t out = ln_onnx_in(n, 0);
  for (int32_t i = 1; i < n->input_count; ++i) out = ln_emit_binary(n->e, code, out, ln_onnx_in(n, i));
  return out;
}

void ln_onnx_variadic(ln_onnx_node *n) { ln_onnx_out(n, 0, chain(n, n->variant)); }

void ln_onnx_mean(ln_onnx_node *n) {
  ln_onnx_out(n, 0, ln_emit_mul_number(n->e, chain(n, LN_OP_ADD), 1.0 / n->input_count));
}

void ln_onnx_where(ln_onnx_node *n) {
  ln_onnx_out(n, 0, ln_emit_select(n->e, ln_onnx_in(n, 0), ln_onnx_in(n, 1), ln_onnx_in(n, 2)));
}

/* ---- bits ---- */

/* By how much: what lies outside of a signed type shifts all of its bits out, and leaves the sign. */
static int32_t shift_within(ln_emit *e, int32_t b) {
  const ln_type type = ln_emit_type(e, b);
  if (ln_emit_failed(e) || is_unsigned(type)) return b;
  const int32_t most = ln_emit_scalar(e, type, ln_type_bits(type) - 1);
  const int32_t below = ln_emit_compare(e, LN_OP_LESS, b, ln_emit_scalar(e, type, 0));
  return ln_emit_binary(e, LN_OP_MINIMUM, ln_emit_select(e, below, most, b), most);
}

void ln_onnx_bit_shift(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const char *direction = ln_onnx_text(n, "direction", "");
  const int32_t a = ln_onnx_in(n, 0), b = ln_onnx_in(n, 1);
  const bool left = direction[0] == 'L';
  ln_onnx_out(n, 0,
              left ? ln_emit_binary(e, LN_OP_STABLEHLO_SHIFT_LEFT, a, b)
                   : ln_emit_binary(e, LN_OP_RIGHT_SHIFT, a, shift_within(e, b)));
}

void ln_onnx_bitwise_not(ln_onnx_node *n) {
  ln_emit *e = n->e;
  const int32_t a = ln_onnx_in(n, 0);
  const uint64_t ones = UINT64_MAX;
  if (ln_emit_failed(e)) return;
  const int32_t all = ln_emit_const(e, ln_emit_type(e, a), 0, NULL, &ones);
  ln_onnx_out(n, 0, ln_emit_binary(e, LN_OP_BITWISE_XOR, a, all));
}

/* ---- of one ---- */

void ln_onnx_unary(ln_onnx_node *n) { ln_onnx_out(n, 0, ln_emit_unary(n->e, n->variant, ln_onnx_in(n, 0))); }

void ln_onnx_abs(ln_onnx_node *n) {
  const int32_t a = ln_onnx_in(n, 0);
  ln_onnx_out(n, 0, is_unsigned(ln_emit_type(n->e, a)) ? a : ln_emit_unary(n->e, LN_OP_ABS, a));
}

#define FUNCTION(stem, emit) \
  void ln_onnx_##stem(ln_onnx_node *n) { ln_onnx_out(n, 0, emit(n->e, ln_onnx_in(n, 0))); }
FUNCTION(tan, ln_emit_tan)
FUNCTION(sinh, ln_emit_sinh)
FUNCTION(cosh, ln_emit_cosh)
FUNCTION(asin, ln_emit_asin)
FUNCTION(acos, ln_emit_acos)
FUNCTION(atan, ln_emit_atan)
FUNCTION(asinh, ln_emit_asinh)
FUNCTION(acosh, ln_emit_acosh)
FUNCTION(atanh, ln_emit_atanh)
FUNCTION(erf, ln_emit_erf)
FUNCTION(reciprocal, ln_emit_reciprocal)
FUNCTION(is_nan, ln_emit_is_nan)

void ln_onnx_is_inf(ln_onnx_node *n) {
  ln_onnx_out(n, 0,
              ln_emit_is_inf(n->e, ln_onnx_in(n, 0), ln_onnx_int(n, "detect_positive", 1) != 0,
                             ln_onnx_int(n, "detect_negative", 1) != 0));
}

/* ---- limits ---- */

static int32_t limit(ln_onnx_node *n, int32_t a, int32_t input, int32_t code) {
  const int32_t bound = ln_onnx_in(n, input);
  return bound < 0 ? a : ln_emit_binary(n->e, code, a, bound);
}

/* The number of a constant bound of floats: clips to common ranges have operators of their own. */
static bool known_bound(ln_onnx_node *n, int32_t input, double otherwise, double *out) {
  *out = otherwise;
  const int32_t bound = ln_onnx_in(n, input);
  return bound < 0 || ln_emit_number(n->e, bound, out);
}

void ln_onnx_clip(ln_onnx_node *n) {
  ln_emit *e = n->e;
  double low, high;
  int32_t a = ln_onnx_in(n, 0);
  if (n->version < 11) {
    low = ln_onnx_float(n, "min", -INFINITY);
    high = ln_onnx_float(n, "max", INFINITY);
    a = ln_emit_clip(e, a, low, high);
  } else if (ln_emit_type(e, a) == LN_FLOAT32 && known_bound(n, 1, -INFINITY, &low) &&
             known_bound(n, 2, INFINITY, &high) && low <= high) {
    a = ln_emit_clip(e, a, low, high);
  } else {
    a = limit(n, limit(n, a, 1, LN_OP_MAXIMUM), 2, LN_OP_MINIMUM);
  }
  ln_onnx_out(n, 0, a);
}

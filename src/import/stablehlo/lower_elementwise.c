/* Element-wise operations of real numbers, integers and truth values; those of complex ones are lower_complex.c's. */
#include <string.h>

#include "import/stablehlo/lower.h"

static bool is_float(const ln_mlir_element_info *info) { return info->kind == LN_MLIR_REAL; }

/* ---- one operand ---- */

bool ln_shlo_unary(ln_shlo_frame *f, const ln_mlir_op *op, int32_t code) {
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  if (v.tensor < 0) return false;
  if (v.imag >= 0) return ln_shlo_complex_unary(f, op);
  return ln_shlo_give_like(f, op, ln_emit_unary(f->e, code, v.tensor), 1, &v);
}

bool ln_shlo_abs(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  const ln_mlir_element_info *info = ln_shlo_element(op, 0);
  (void)unused;
  if (v.tensor < 0) return false;
  if (v.imag >= 0) return ln_shlo_complex_unary(f, op);
  if (info->kind == LN_MLIR_UNSIGNED) return ln_shlo_give_like(f, op, v.tensor, 1, &v);
  if (info->inside != LN_INT64)
    return ln_shlo_give_like(f, op, ln_shlo_wrap(f->e, ln_emit_unary(f->e, LN_OP_ABS, v.tensor), info), 1, &v);
  const int32_t other = ln_emit_unary(f->e, LN_OP_NEG, v.tensor);
  return ln_shlo_give_like(f, op, ln_emit_binary(f->e, LN_OP_MAXIMUM, v.tensor, other), 1, &v);
}

bool ln_shlo_negate(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  (void)unused;
  if (v.tensor < 0) return false;
  if (v.imag >= 0) return ln_shlo_complex_unary(f, op);
  return ln_shlo_give_like(f, op, ln_shlo_wrap(f->e, ln_emit_unary(f->e, LN_OP_NEG, v.tensor), ln_shlo_element(op, 0)),
                           1, &v);
}

bool ln_shlo_sign(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  const ln_mlir_element_info *info = ln_shlo_element(op, 0);
  (void)unused;
  if (v.tensor < 0) return false;
  if (v.imag >= 0) return ln_shlo_complex_unary(f, op);
  if (is_float(info)) return ln_shlo_give_like(f, op, ln_emit_unary(f->e, LN_OP_SIGN, v.tensor), 1, &v);
  const int32_t zero = ln_emit_scalar(f->e, info->inside, 0);
  const int32_t below = info->kind == LN_MLIR_UNSIGNED ? LN_OP_NOT_EQUAL : LN_OP_GREATER;
  int32_t sign = ln_emit_cast(f->e, ln_emit_compare(f->e, below, v.tensor, zero), info->inside);
  if (info->kind == LN_MLIR_SIGNED) {
    sign = ln_emit_sub(f->e, sign, ln_emit_cast(f->e, ln_emit_compare(f->e, LN_OP_LESS, v.tensor, zero), info->inside));
  }
  return ln_shlo_give_like(f, op, sign, 1, &v);
}

/* Of an integer the bits that its type has. */
bool ln_shlo_not(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  const ln_mlir_element_info *info = ln_shlo_element(op, 0);
  (void)unused;
  if (v.tensor < 0) return false;
  if (info->kind == LN_MLIR_BOOL)
    return ln_shlo_give_like(f, op, ln_emit_unary(f->e, LN_OP_LOGICAL_NOT, v.tensor), 1, &v);
  const bool narrow = info->kind == LN_MLIR_UNSIGNED && info->bits < 32;
  const int32_t all = ln_emit_scalar(f->e, info->inside, narrow ? (1 << info->bits) - 1 : -1);
  return ln_shlo_give_like(f, op, ln_shlo_bitwise(f->e, v.tensor, all, '^'), 1, &v);
}

/* ---- shifts ---- */

static int32_t power_of_two(ln_emit *e, int32_t by, const ln_mlir_element_info *info) {
  int64_t amount;
  int32_t count;
  if (!ln_emit_ints(e, by, &amount, 1, &count) || count != 1 || amount < 0 || amount >= info->bits) return -1;
  const int64_t factor = (int64_t)((uint64_t)1 << amount);
  const int32_t narrow = (int32_t)((uint32_t)1 << (amount & 31));
  return info->inside == LN_INT64 ? ln_emit_const(e, LN_INT64, 0, NULL, &factor) : ln_emit_i32(e, narrow);
}

/* Zero (or `over`) where more bits are shifted than there are. */
static int32_t within_bits(ln_emit *e, int32_t a, int32_t by, int32_t over, const ln_mlir_element_info *info) {
  double amount;
  if (ln_emit_number(e, by, &amount) && amount >= 0 && amount < info->bits) return a;
  const int32_t none = ln_emit_scalar(e, info->inside, 0), bits = ln_emit_scalar(e, info->inside, info->bits);
  const int32_t fits = ln_emit_unary(e, LN_OP_LOGICAL_NOT,
                                     ln_emit_binary(e, LN_OP_LOGICAL_OR, ln_emit_compare(e, LN_OP_LESS, by, none),
                                                    ln_emit_compare(e, LN_OP_GREATER_EQUAL, by, bits)));
  return ln_emit_select(e, fits, a, over);
}

static int32_t shift_left(ln_emit *e, int32_t a, int32_t by, const ln_mlir_element_info *info) {
  const int32_t factor = power_of_two(e, by, info);
  if (factor >= 0) return ln_shlo_wrap(e, ln_emit_mul(e, a, factor), info);
  const int32_t shifted = ln_emit_binary(e, LN_OP_STABLEHLO_SHIFT_LEFT, a, by);
  return ln_shlo_wrap(e, within_bits(e, shifted, by, ln_emit_scalar(e, info->inside, 0), info), info);
}

static int32_t shift_right(ln_emit *e, int32_t a, int32_t by, bool logical, const ln_mlir_element_info *info) {
  const int32_t none = ln_emit_scalar(e, info->inside, 0);
  if (!logical) { /* the operator keeps the amount below the number of bits */
    return ln_emit_binary(e, LN_OP_RIGHT_SHIFT, a, by);
  }
  const bool wide = info->inside == LN_INT64;
  const ln_type plain = wide ? LN_UINT64 : LN_UINT32;
  if (info->kind == LN_MLIR_SIGNED && info->bits < 32) { /* without the sign's copies above it */
    a = ln_shlo_bitwise(e, a, ln_emit_i32(e, (1 << info->bits) - 1), '&');
  }
  const int32_t bits = ln_shlo_bitcast(e, a, plain), count = ln_shlo_bitcast(e, by, plain);
  const int32_t shifted = ln_shlo_bitcast(e, ln_emit_binary(e, LN_OP_RIGHT_SHIFT, bits, count), info->inside);
  return ln_shlo_wrap(e, within_bits(e, shifted, by, none, info), info);
}

/* ---- two operands ---- */

typedef enum {
  ADD,
  SUBTRACT,
  MULTIPLY,
  DIVIDE,
  REMAINDER,
  MAXIMUM,
  MINIMUM,
  POWER,
  ATAN2,
  AND,
  OR,
  XOR,
  LEFT,
  RIGHT,
  RIGHT_SIGNED,
  NONE
} ln_step;
static const char *const kind_names[] = {"add",
                                         "subtract",
                                         "multiply",
                                         "divide",
                                         "remainder",
                                         "maximum",
                                         "minimum",
                                         "power",
                                         "atan2",
                                         "and",
                                         "or",
                                         "xor",
                                         "shift_left",
                                         "shift_right_logical",
                                         "shift_right_arithmetic"};

static ln_step kind_of(const char *name) {
  static const char *const heads[] = {"stablehlo.", "chlo.broadcast_", "chlo."};
  for (size_t h = 0; h < LN_COUNT(heads); ++h) {
    const size_t length = strlen(heads[h]);
    for (size_t i = 0; strncmp(name, heads[h], length) == 0 && i < LN_COUNT(kind_names); ++i) {
      if (strcmp(name + length, kind_names[i]) == 0) return (ln_step)i;
    }
  }
  return NONE;
}

static int32_t refuse_kind(ln_emit *e, ln_step kind) {
  return ln_emit_refuse(e, "%s is not possible of this type", kind_names[kind < NONE ? kind : 0]);
}

static int32_t truth(ln_emit *e, ln_step kind, int32_t a, int32_t b) {
  switch (kind) {
    case ADD:
    case MAXIMUM:
    case OR: return ln_emit_binary(e, LN_OP_LOGICAL_OR, a, b);
    case MULTIPLY:
    case MINIMUM:
    case AND: return ln_emit_binary(e, LN_OP_LOGICAL_AND, a, b);
    case XOR: return ln_emit_compare(e, LN_OP_NOT_EQUAL, a, b);
    default: return refuse_kind(e, kind);
  }
}

static int32_t real(ln_emit *e, ln_step kind, int32_t a, int32_t b) {
  switch (kind) {
    case ADD: return ln_emit_add(e, a, b);
    case SUBTRACT: return ln_emit_sub(e, a, b);
    case MULTIPLY: return ln_emit_mul(e, a, b);
    case DIVIDE: return ln_emit_div(e, a, b);
    case REMAINDER: return ln_emit_remainder(e, a, b);
    case MAXIMUM: return ln_emit_binary(e, LN_OP_MAXIMUM, a, b);
    case MINIMUM: return ln_emit_binary(e, LN_OP_MINIMUM, a, b);
    case POWER: return ln_emit_pow(e, a, b);
    case ATAN2: return ln_emit_binary(e, LN_OP_ATAN2, a, b);
    default: return refuse_kind(e, kind);
  }
}

/* Of half the dividend as int32, and one more where what is left reaches the divisor; of a divisor of 2^31 and more 0
 * or 1. */
static int32_t unsigned_ratio(ln_emit *e, int32_t a, int32_t b, const ln_mlir_element_info *info) {
  const int32_t one = ln_emit_i32(e, 1), zero = ln_emit_i32(e, 0);
  const int32_t large = ln_emit_compare(e, LN_OP_LESS, b, zero);
  const int32_t small = ln_emit_select(e, large, one, b);
  const int32_t twice = ln_emit_mul(e, ln_emit_div(e, shift_right(e, a, one, true, info), small), ln_emit_i32(e, 2));
  const int32_t rest = ln_emit_select(e, large, a, ln_emit_sub(e, a, ln_emit_mul(e, twice, small)));
  const int32_t more =
      ln_emit_compare(e, LN_OP_GREATER_EQUAL, ln_shlo_ordered(e, rest, info), ln_shlo_ordered(e, b, info));
  return ln_emit_add(e, ln_emit_select(e, large, zero, twice), ln_emit_cast(e, more, LN_INT32));
}

static int32_t unsigned_quotient(ln_emit *e, ln_step kind, int32_t a, int32_t b, const ln_mlir_element_info *info) {
  if (info->bits == 64) return ln_emit_refuse(e, "division of uint64 is not in TensorFlow Lite; use int64");
  if (kind == DIVIDE) return unsigned_ratio(e, a, b, info);
  a = ln_emit_cast(e, ln_shlo_bitcast(e, a, LN_UINT32), LN_INT64); /* which holds all of uint32 */
  b = ln_emit_cast(e, ln_shlo_bitcast(e, b, LN_UINT32), LN_INT64);
  return ln_emit_cast(e, ln_emit_binary(e, LN_OP_FLOOR_MOD, a, b), LN_INT32);
}

/* By zero there is -1 and, of a remainder, the dividend: TFLite's operator stops there. */
static int32_t quotient(ln_emit *e, ln_step kind, int32_t a, int32_t b, const ln_mlir_element_info *info) {
  double by;
  const bool is_safe = ln_emit_number(e, b, &by) && by != 0;
  const int32_t zero = is_safe ? -1 : ln_emit_compare(e, LN_OP_EQUAL, b, ln_emit_scalar(e, info->inside, 0));
  const int32_t safe = is_safe ? b : ln_emit_select(e, zero, ln_emit_scalar(e, info->inside, 1), b);
  if (info->kind == LN_MLIR_UNSIGNED && info->bits >= 32) {
    const int32_t out = unsigned_quotient(e, kind, a, safe, info);
    if (is_safe) return out;
    return ln_emit_select(e, zero, kind == DIVIDE ? ln_emit_scalar(e, info->inside, -1) : a, out);
  }
  const int32_t ratio = ln_emit_div(e, a, safe);
  if (kind == REMAINDER) return ln_emit_sub(e, a, ln_emit_mul(e, ratio, b));
  return is_safe ? ratio : ln_shlo_wrap(e, ln_emit_select(e, zero, ln_emit_scalar(e, info->inside, -1), ratio), info);
}

static int32_t extreme(ln_emit *e, ln_step kind, int32_t a, int32_t b, const ln_mlir_element_info *info) {
  const int32_t code = kind == MAXIMUM ? LN_OP_MAXIMUM : LN_OP_MINIMUM;
  return ln_shlo_ordered(e, ln_emit_binary(e, code, ln_shlo_ordered(e, a, info), ln_shlo_ordered(e, b, info)), info);
}

static int32_t integer(ln_emit *e, ln_step kind, int32_t a, int32_t b, const ln_mlir_element_info *info) {
  switch (kind) {
    case ADD: return ln_shlo_wrap(e, ln_emit_add(e, a, b), info);
    case SUBTRACT: return ln_shlo_wrap(e, ln_emit_sub(e, a, b), info);
    case MULTIPLY: return ln_shlo_wrap(e, ln_emit_mul(e, a, b), info);
    case DIVIDE:
    case REMAINDER: return quotient(e, kind, a, b, info);
    case MAXIMUM:
    case MINIMUM: return extreme(e, kind, a, b, info);
    case POWER:
      return info->inside == LN_INT64 ? refuse_kind(e, kind)
                                      : ln_shlo_wrap(e, ln_emit_binary(e, LN_OP_POW, a, b), info);
    case AND: return ln_shlo_bitwise(e, a, b, '&');
    case OR: return ln_shlo_bitwise(e, a, b, '|');
    case XOR: return ln_shlo_bitwise(e, a, b, '^');
    case LEFT: return shift_left(e, a, b, info);
    case RIGHT: return shift_right(e, a, b, true, info);
    case RIGHT_SIGNED: return shift_right(e, a, b, false, info);
    default: return refuse_kind(e, kind);
  }
}

int32_t ln_shlo_combine(ln_shlo_frame *f, const char *name, int32_t a, int32_t b, const ln_mlir_element_info *info) {
  const ln_step kind = kind_of(name);
  if (a < 0 || b < 0 || ln_emit_failed(f->e)) return -1;
  if (kind == NONE) return ln_emit_refuse(f->e, "%.60s cannot combine values here", name);
  if (info->kind == LN_MLIR_BOOL) return truth(f->e, kind, a, b);
  return is_float(info) ? real(f->e, kind, a, b) : integer(f->e, kind, a, b, info);
}

/* ---- lists of sizes, number by number: some are known where others are not ---- */

int32_t ln_shlo_part_at(ln_shlo_frame *f, ln_shlo_value v, int32_t index) {
  if (v.tensor < 0) return -1;
  int32_t one = index < v.count ? v.parts[index].tensor : v.tensor;
  if (index >= v.count && ln_emit_elements(f->e, one) != 1) return ln_emit_pick(f->e, one, 0, index);
  return ln_emit_rank(f->e, one) == 0 ? one : ln_emit_reshape(f->e, one, 0, NULL);
}

typedef int32_t (*ln_by_part)(ln_shlo_frame *f, const ln_mlir_op *op, const int32_t *parts);

static void by_parts(ln_shlo_frame *f, const ln_mlir_op *op, int32_t count, const ln_shlo_value *v, ln_by_part run) {
  int32_t length = 0;
  for (int32_t i = 0; i < count; ++i) length = v[i].count > length ? v[i].count : length;
  if (length == 0 || ln_emit_failed(f->e) || op->results[0].type->rank != 1) return;
  ln_shlo_value out = ln_shlo_get(f, &op->results[0]);
  out.parts = ln_mlir_new(f->s->m, (size_t)length, sizeof *out.parts);
  for (int32_t k = 0; out.parts != NULL && k < length; ++k) {
    int32_t parts[3];
    for (int32_t i = 0; i < count; ++i) parts[i] = ln_shlo_part_at(f, v[i], k);
    out.parts[out.count++] = ln_shlo_of(f, run(f, op, parts));
  }
  ln_shlo_set(f, &op->results[0], out);
}

static int32_t part_of_two(ln_shlo_frame *f, const ln_mlir_op *op, const int32_t *parts) {
  return ln_shlo_combine(f, op->name, parts[0], parts[1], ln_shlo_element(op, 0));
}

static int32_t part_of_clamp(ln_shlo_frame *f, const ln_mlir_op *op, const int32_t *parts) {
  const ln_mlir_element_info *info = ln_shlo_element(op, 1);
  return ln_shlo_combine(f, "stablehlo.minimum", ln_shlo_combine(f, "stablehlo.maximum", parts[1], parts[0], info),
                         parts[2], info);
}

/* ATAN2 and shifts of TFLite take two operands of one shape. */
static bool wants_one_shape(ln_step kind) { return kind == ATAN2 || kind == LEFT; }

bool ln_shlo_binary(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  ln_shlo_value v[2] = {ln_shlo_in(f, op, 0), ln_shlo_in(f, op, 1)};
  (void)unused;
  if (v[0].tensor < 0 || v[1].tensor < 0) return false;
  if (v[0].imag >= 0 || v[1].imag >= 0) return ln_shlo_complex_binary(f, op, op->name);
  const ln_step kind = kind_of(op->name);
  const bool shifts = kind == LEFT && power_of_two(f->e, v[1].tensor, ln_shlo_element(op, 0)) >= 0;
  if (wants_one_shape(kind) && !shifts && !ln_emit_same_shape(f->e, v[0].tensor, v[1].tensor)) {
    for (int32_t i = 0; i < 2; ++i) v[i] = ln_shlo_spread(f, v[i], ln_shlo_type(op, i));
  }
  const int32_t out = ln_shlo_combine(f, op->name, v[0].tensor, v[1].tensor, ln_shlo_element(op, 0));
  if (!ln_shlo_give_like(f, op, out, 2, v)) return false;
  by_parts(f, op, 2, v, part_of_two);
  return true;
}

/* ---- comparing and choosing ---- */

bool ln_shlo_compare(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  static const char *const names[] = {"EQ", "NE", "GE", "GT", "LE", "LT"};
  static const int32_t codes[] = {LN_OP_EQUAL,   LN_OP_NOT_EQUAL,  LN_OP_GREATER_EQUAL,
                                  LN_OP_GREATER, LN_OP_LESS_EQUAL, LN_OP_LESS};
  const char *direction = ln_shlo_enum(op, "comparison_direction", (int32_t)LN_COUNT(names), names);
  const ln_shlo_value v[2] = {ln_shlo_in(f, op, 0), ln_shlo_in(f, op, 1)};
  (void)unused;
  if (v[0].tensor < 0 || v[1].tensor < 0) return false;
  const ln_mlir_element_info *info = ln_shlo_element(op, 0);
  for (size_t i = 0; i < LN_COUNT(names); ++i) {
    if (strcmp(direction, names[i]) != 0) continue;
    if (v[0].imag >= 0) { /* EQ and NE of both parts */
      const int32_t re = ln_emit_compare(f->e, codes[i], v[0].tensor, v[1].tensor);
      const int32_t im = ln_emit_compare(f->e, codes[i], v[0].imag, v[1].imag);
      return ln_shlo_give_like(f, op, ln_emit_binary(f->e, i == 0 ? LN_OP_LOGICAL_AND : LN_OP_LOGICAL_OR, re, im), 2,
                               v);
    }
    int32_t a = v[0].tensor, b = v[1].tensor;
    if (i >= 2 && info->kind == LN_MLIR_BOOL) {
      a = ln_emit_cast(f->e, a, LN_INT32);
      b = ln_emit_cast(f->e, b, LN_INT32);
    }
    if (i >= 2) {
      a = ln_shlo_ordered(f->e, a, info);
      b = ln_shlo_ordered(f->e, b, info);
    }
    return ln_shlo_give_like(f, op, ln_emit_compare(f->e, codes[i], a, b), 2, v);
  }
  return ln_shlo_refuse(f, "its direction is not known");
}

bool ln_shlo_select(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  ln_shlo_value v[3] = {ln_shlo_in(f, op, 0), ln_shlo_in(f, op, 1), ln_shlo_in(f, op, 2)};
  double chosen;
  (void)unused;
  if (v[0].tensor < 0 || v[1].tensor < 0 || v[2].tensor < 0) return false;
  if (ln_shlo_type(op, 0)->rank == 0) v[0].small = false; /* one for all: the others say the shape */
  if (v[0].small == false && ln_emit_number(f->e, v[0].tensor, &chosen) && ln_shlo_type(op, 0)->rank == 0) {
    ln_shlo_set(f, &op->results[0], v[chosen != 0 ? 1 : 2]);
    return true;
  }
  const int32_t first = ln_shlo_type(op, 0)->rank == 0 ? 1 : 0;
  if (v[1].imag < 0 && v[2].imag < 0) {
    return ln_shlo_give_like(f, op, ln_emit_select(f->e, v[0].tensor, v[1].tensor, v[2].tensor), 3 - first, v + first);
  }
  for (int32_t i = 1; i < 3; ++i) v[i] = ln_shlo_spread(f, v[i], ln_shlo_type(op, i));
  ln_shlo_value out = ln_shlo_of(f, ln_emit_select(f->e, v[0].tensor, v[1].tensor, v[2].tensor));
  out.imag = ln_emit_select(f->e, v[0].tensor, v[1].imag, v[2].imag);
  ln_shlo_set(f, &op->results[0], out);
  return out.tensor >= 0 && out.imag >= 0;
}

bool ln_shlo_clamp(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  ln_shlo_value v[3] = {ln_shlo_in(f, op, 0), ln_shlo_in(f, op, 1), ln_shlo_in(f, op, 2)};
  const ln_mlir_element_info *info = ln_shlo_element(op, 1);
  (void)unused;
  if (v[0].tensor < 0 || v[1].tensor < 0 || v[2].tensor < 0) return false;
  const int32_t above = ln_shlo_combine(f, "stablehlo.maximum", v[1].tensor, v[0].tensor, info);
  const int32_t out = ln_shlo_combine(f, "stablehlo.minimum", above, v[2].tensor, info);
  const ln_shlo_value given[] = {v[0], v[1], v[2]};
  for (int32_t i = 0; i < 3; i += 2) { /* bounds that are scalars say nothing of the shape */
    if (ln_shlo_type(op, i)->rank == 0) v[i] = v[1];
  }
  if (!ln_shlo_give_like(f, op, out, 3, v)) return false;
  by_parts(f, op, 3, given, part_of_clamp);
  return true;
}

/* ---- bodies applied to all elements ---- */

bool ln_shlo_apply(ln_shlo_frame *f, const ln_mlir_region *body, const int32_t *in, int32_t count, int32_t *out) {
  enum { MOST = 64 };
  ln_shlo_value results[MOST];
  ln_shlo_frame inside;
  if (count > MOST || !ln_shlo_open(&inside, f, f->e, f->function, f->s))
    return ln_shlo_refuse(f, "its body has too many results");
  for (int32_t i = 0; i < body->arg_count; ++i) {
    ln_shlo_value v = ln_shlo_of(f, in[i]);
    v.small = false;
    ln_shlo_set(&inside, &body->args[i], v);
  }
  const bool good = ln_shlo_region(&inside, body, count, results);
  ln_shlo_close(&inside);
  for (int32_t i = 0; good && i < count; ++i) out[i] = results[i].tensor;
  return good;
}

bool ln_shlo_map(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  enum { MOST = 64 };
  int32_t in[MOST], out;
  (void)unused;
  if (op->region_count != 1 || op->regions[0].arg_count != op->operand_count || op->operand_count > MOST) {
    return ln_shlo_refuse(f, "a body that fits is missing");
  }
  for (int32_t i = 0; i < op->operand_count; ++i) in[i] = ln_shlo_full(f, op, i);
  /* A body of constants alone gives less than the shape. */
  return !ln_emit_failed(f->e) && ln_shlo_apply(f, op->regions, in, 1, &out) && ln_shlo_give_small(f, op, out, -1);
}

bool ln_shlo_batch_norm(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  ln_dim dims[LN_MAX_RANK];
  int32_t parts[4];
  const int32_t a = ln_shlo_full(f, op, 0), rank = ln_emit_rank(f->e, a);
  const int64_t axis = ln_mlir_int(op, "feature_index", rank - 1);
  (void)unused;
  if (a < 0 || op->operand_count != 5 || axis < 0 || axis >= rank) return ln_shlo_refuse(f, "its operands do not fit");
  for (int32_t i = 0; i < 4; ++i) {
    const int32_t part = ln_shlo_full(f, op, i + 1);
    for (int32_t d = 0; d < rank; ++d) dims[d] = d == axis ? LN_DIM_OF(part, 0) : LN_DIM(1);
    parts[i] = axis == rank - 1 ? part : ln_emit_reshape(f->e, part, rank, dims);
  }
  const double epsilon = ln_mlir_float(op, "epsilon", 0);
  int32_t scale, shift;
  if (!ln_emit_batch_factors(f->e, parts[2], parts[3], parts[0], parts[1], epsilon, &scale, &shift)) return false;
  return ln_shlo_give(f, op, 0, ln_emit_add(f->e, ln_emit_mul(f->e, a, scale), shift));
}

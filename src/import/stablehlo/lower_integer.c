/*
 * Element types: constants, what comes in and goes out, conversions, and integers that lie in wider ones with the bits
 * that their type has.
 */
#include <string.h>

#include "import/stablehlo/lower.h"
#include "kernels/convert.h"

/* ---- within the range of a type ---- */

int32_t ln_shlo_bitcast(ln_emit *e, int32_t a, ln_type type) {
  if (ln_emit_failed(e) || ln_emit_type(e, a) == type) return a;
  return ln_emit_op(e, LN_OP_BITCAST, NULL, 1, &a, type);
}

int32_t ln_shlo_wrap(ln_emit *e, int32_t a, const ln_mlir_element_info *info) {
  if (info->bits >= 32 || info->kind == LN_MLIR_BOOL) return a;
  if (info->bits >= 8) return ln_emit_cast(e, ln_emit_cast(e, a, info->outside), LN_INT32);
  const int32_t half = info->kind == LN_MLIR_SIGNED ? 1 << (info->bits - 1) : 0;
  const int32_t shifted = half != 0 ? ln_emit_add_number(e, a, half) : a;
  const int32_t rest = ln_emit_binary(e, LN_OP_FLOOR_MOD, shifted, ln_emit_i32(e, 1 << info->bits));
  return half != 0 ? ln_emit_add_number(e, rest, -half) : rest;
}

static bool is_wide_unsigned(const ln_mlir_element_info *info) {
  return info->kind == LN_MLIR_UNSIGNED && info->bits >= 32;
}

int32_t ln_shlo_ordered(ln_emit *e, int32_t a, const ln_mlir_element_info *info) {
  if (!is_wide_unsigned(info)) return a;
  const int64_t lowest = INT64_MIN;
  const int32_t sign = info->bits == 64 ? ln_emit_const(e, LN_INT64, 0, NULL, &lowest) : ln_emit_i32(e, INT32_MIN);
  return ln_emit_binary(e, LN_OP_BITWISE_XOR, a, sign);
}

/* LiteRT has "and", of operands of one shape, and "exclusive or": the third is both of them. */
int32_t ln_shlo_bitwise(ln_emit *e, int32_t a, int32_t b, int32_t which) {
  const int32_t different = ln_emit_binary(e, LN_OP_BITWISE_XOR, a, b);
  if (which == '^' || ln_emit_failed(e)) return different;
  const int32_t shape = ln_emit_shape_of(e, different);
  if (!ln_emit_same_shape(e, a, different)) a = ln_emit_broadcast_to(e, a, shape);
  if (!ln_emit_same_shape(e, b, different)) b = ln_emit_broadcast_to(e, b, shape);
  const int32_t both = ln_emit_binary(e, LN_OP_STABLEHLO_AND, a, b);
  return which == '&' ? both : ln_emit_binary(e, LN_OP_BITWISE_XOR, different, both);
}

/* ---- in and out ---- */

int32_t ln_shlo_enter(ln_emit *e, int32_t a, const ln_mlir_element_info *info) {
  if (is_wide_unsigned(info)) return ln_shlo_bitcast(e, a, info->inside);
  return ln_emit_cast(e, a, info->inside);
}

int32_t ln_shlo_leave(ln_emit *e, int32_t a, const ln_mlir_element_info *info) {
  if (is_wide_unsigned(info)) return ln_shlo_bitcast(e, a, info->outside);
  return ln_emit_cast(e, a, info->outside);
}

/* ---- constants ---- */

static float real_at(const ln_mlir_attr *value, size_t index) {
  const ln_mlir_element_info *info = ln_mlir_element_at(value->type->element);
  const uint8_t *at = value->data + index * (size_t)info->bytes;
  uint16_t half;
  double wide;
  float narrow;
  if (info->bytes == 8) {
    memcpy(&wide, at, sizeof wide);
    return (float)wide;
  }
  if (info->bytes == 2) {
    memcpy(&half, at, sizeof half);
    ln_k_cast(&half, value->type->element == LN_MLIR_F16 ? LN_NUMBER_F16 : LN_NUMBER_BF16, &narrow, LN_NUMBER_F32, 1);
    return narrow;
  }
  memcpy(&narrow, at, sizeof narrow);
  return narrow;
}

/* Constants of narrow and wide types as what is computed with. */
static const void *converted(ln_shlo_frame *f, const ln_mlir_attr *value, size_t count) {
  const ln_mlir_element_info *info = ln_mlir_element_at(value->type->element);
  const size_t bytes = info->inside == LN_INT64 ? 8 : info->inside == LN_BOOL ? 1 : 4;
  uint8_t *out = ln_arena_array(ln_emit_arena(f->e), count + 1, bytes);
  if (out == NULL) ln_import_no_memory(f->e->import);
  for (size_t i = 0; out != NULL && i < count; ++i) {
    if (info->kind == LN_MLIR_REAL) {
      const float real = real_at(value, i);
      memcpy(out + i * bytes, &real, sizeof real);
    } else {
      const int64_t number = ln_mlir_dense_int(value, i);
      memcpy(out + i * bytes, &number, bytes);
    }
  }
  return out;
}

static bool is_aligned(const void *data) { return (uintptr_t)data % 8 == 0; }

int32_t ln_shlo_constant(ln_shlo_frame *f, const ln_mlir_attr *value) {
  const ln_mlir_element_info *info = ln_mlir_element_at(value->type->element);
  size_t count;
  if (info->kind == LN_MLIR_COMPLEX || !ln_mlir_elements(value->type, &count))
    return ln_emit_refuse(f->e, "a constant of its type");
  const int32_t rank = value->splat ? 0 : value->type->rank;
  if (value->splat) count = 1;
  const bool direct = info->inside == info->outside || (info->bits == 32 && info->kind == LN_MLIR_UNSIGNED) ||
                      (info->bits == 64 && info->kind == LN_MLIR_UNSIGNED);
  if (direct && is_aligned(value->data))
    return ln_emit_const_view(f->e, info->inside, rank, value->type->dims, value->data);
  if (direct) return ln_emit_const(f->e, info->inside, rank, value->type->dims, value->data);
  const void *data = converted(f, value, count);
  return data == NULL ? -1 : ln_emit_const_view(f->e, info->inside, rank, value->type->dims, data);
}

/* The real or imaginary part of a complex constant. */
static int32_t constant_part(ln_shlo_frame *f, const ln_mlir_attr *value, size_t part) {
  const bool wide = value->type->element == LN_MLIR_C128;
  size_t count;
  if (!ln_mlir_elements(value->type, &count)) return ln_emit_wrong(f->e, "a constant has open dimensions");
  if (value->splat) count = 1;
  float *out = ln_arena_array(ln_emit_arena(f->e), count + 1, sizeof *out);
  if (out == NULL) return ln_import_no_memory(f->e->import);
  for (size_t i = 0; i < count; ++i) {
    const uint8_t *at = value->data + (2 * i + part) * (wide ? 8 : 4);
    double number;
    if (!wide) {
      memcpy(&out[i], at, sizeof out[i]);
      continue;
    }
    memcpy(&number, at, sizeof number);
    out[i] = (float)number;
  }
  return ln_emit_const_view(f->e, LN_FLOAT32, value->splat ? 0 : value->type->rank, value->type->dims, out);
}

bool ln_shlo_literal(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_mlir_attr *value = ln_mlir_attr_of(op, "value");
  (void)unused;
  if (value == NULL || value->kind != LN_MLIR_DENSE || op->result_count != 1)
    return ln_shlo_refuse(f, "a constant without numbers");
  if (ln_mlir_element_at(value->type->element)->kind != LN_MLIR_COMPLEX) {
    return ln_shlo_give_small(f, op, ln_shlo_constant(f, value), -1);
  }
  ln_shlo_value v = ln_shlo_of(f, constant_part(f, value, 0));
  v.imag = constant_part(f, value, 1);
  v.small = value->splat;
  ln_shlo_set(f, &op->results[0], v);
  return v.tensor >= 0 && v.imag >= 0;
}

/* ---- conversions ---- */

static int32_t to_real(ln_emit *e, int32_t a, const ln_mlir_element_info *from, const ln_mlir_element_info *to) {
  if (from->kind != LN_MLIR_REAL) {
    if (is_wide_unsigned(from)) a = ln_shlo_bitcast(e, a, from->outside);
    a = ln_emit_cast(e, a, LN_FLOAT32);
  }
  const bool rounds = to->bits == 16 && from->outside != to->outside;
  return rounds ? ln_emit_cast(e, ln_emit_cast(e, a, to->outside), LN_FLOAT32) : a;
}

static int32_t real_to_integer(ln_emit *e, int32_t a, const ln_mlir_element_info *to) {
  const bool is_signed = to->kind == LN_MLIR_SIGNED;
  if (to->bits < 32) {
    const double high = is_signed ? (1 << (to->bits - 1)) - 1 : (1 << to->bits) - 1;
    return ln_emit_cast(e, ln_emit_clip(e, a, is_signed ? -high - 1 : 0, high), LN_INT32);
  }
  if (is_signed || to->bits == 64) return ln_emit_cast(e, a, to->inside);
  a = ln_emit_clip(e, a, 0, 4294967040.0);
  return ln_emit_cast(e, ln_emit_cast(e, a, LN_INT64), LN_INT32);
}

static int32_t integer_to_integer(ln_emit *e, int32_t a, const ln_mlir_element_info *from,
                                  const ln_mlir_element_info *to) {
  if (to->inside == LN_INT64 && from->inside != LN_INT64 && is_wide_unsigned(from)) {
    a = ln_shlo_bitcast(e, a, from->outside);
  }
  a = ln_emit_cast(e, a, to->inside);
  const bool fits =
      from->kind == to->kind ? from->bits <= to->bits : from->kind == LN_MLIR_UNSIGNED && from->bits < to->bits;
  return fits || from->kind == LN_MLIR_BOOL ? a : ln_shlo_wrap(e, a, to);
}

int32_t ln_shlo_convert(ln_shlo_frame *f, int32_t a, const ln_mlir_element_info *from, const ln_mlir_element_info *to) {
  ln_emit *e = f->e;
  if (ln_emit_failed(e) || from == to) return a;
  if (to->kind == LN_MLIR_BOOL) return ln_emit_compare(e, LN_OP_NOT_EQUAL, a, ln_emit_scalar(e, from->inside, 0));
  if (to->kind == LN_MLIR_REAL) return to_real(e, a, from, to);
  return from->kind == LN_MLIR_REAL ? real_to_integer(e, a, to) : integer_to_integer(e, a, from, to);
}

bool ln_shlo_convert_op(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  ln_shlo_value v = ln_shlo_in(f, op, 0);
  const ln_mlir_element_info *from = ln_shlo_element(op, 0), *to = ln_shlo_result_element(op);
  (void)unused;
  if (v.tensor < 0) return false;
  const ln_mlir_element_info *real = ln_mlir_element_at(LN_MLIR_F32);
  if (from->kind == LN_MLIR_COMPLEX && to->kind != LN_MLIR_COMPLEX) { /* its real part */
    return ln_shlo_give_like(f, op, ln_shlo_convert(f, v.tensor, real, to), 1, &v);
  }
  if (to->kind == LN_MLIR_COMPLEX) {
    if (v.imag < 0) {
      v.tensor = ln_shlo_convert(f, v.tensor, from, real);
      const bool folds = ln_emit_is_fixed(f->e, v.tensor);
      const ln_shape shape = ln_emit_shape(f->e, v.tensor);
      v.imag =
          folds ? ln_emit_filled(f->e, LN_FLOAT32, shape.rank, shape.dims, 0) : ln_emit_mul_number(f->e, v.tensor, 0);
    }
    ln_shlo_set(f, &op->results[0], v);
    return v.tensor >= 0 && v.imag >= 0;
  }
  return ln_shlo_give_like(f, op, ln_shlo_convert(f, v.tensor, from, to), 1, &v);
}

bool ln_shlo_bitcast_op(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const ln_mlir_element_info *from = ln_shlo_element(op, 0), *to = ln_shlo_result_element(op);
  const ln_shlo_value v = ln_shlo_in(f, op, 0);
  (void)unused;
  if (v.tensor < 0) return false;
  if (from->kind == LN_MLIR_COMPLEX || to->kind == LN_MLIR_COMPLEX || from->outside == LN_FLOAT64 ||
      to->outside == LN_FLOAT64) {
    return ln_shlo_refuse(f, "the bits of float64 and complex numbers are not kept; use float32");
  }
  if (from->bits == to->bits && from->bits >= 8) {
    const int32_t bits = from->bits >= 32 ? v.tensor : ln_shlo_leave(f->e, v.tensor, from);
    const int32_t out = ln_shlo_bitcast(f->e, bits, to->bits >= 32 ? to->inside : to->outside);
    return ln_shlo_give_like(f, op, to->bits >= 32 ? out : ln_shlo_enter(f->e, out, to), 1, &v);
  }
  if (from->bits < 8 || to->bits < 8)
    return ln_shlo_refuse(f, "the bits of types narrower than 8 bits cannot be taken apart");
  const int32_t bits = ln_shlo_leave(f->e, ln_shlo_full(f, op, 0), from);
  return ln_shlo_give(f, op, 0, ln_shlo_enter(f->e, ln_shlo_bitcast(f->e, bits, to->outside), to));
}

/* Normalizations: by what a tensor itself holds along some axes, and by statistics that were stored. */
#include "import/emit_private.h"

int32_t ln_emit_variance(ln_emit *e, int32_t a, int32_t count, const int32_t *axes, bool keep, int32_t *mean,
                         int32_t *apart) {
  *mean = ln_emit_reduce(e, LN_OP_MEAN, a, count, axes, true);
  *apart = ln_emit_sub(e, a, *mean);
  return ln_emit_reduce(e, LN_OP_MEAN, ln_emit_mul(e, *apart, *apart), count, axes, keep);
}

static int32_t inverse_root(ln_emit *e, int32_t a, double epsilon) {
  return ln_emit_unary(e, LN_OP_RSQRT, ln_emit_add_number(e, a, epsilon));
}

int32_t ln_emit_standardize(ln_emit *e, int32_t a, int32_t count, const int32_t *axes, double epsilon) {
  int32_t mean, apart;
  const int32_t variance = ln_emit_variance(e, a, count, axes, true, &mean, &apart);
  return ln_emit_mul(e, apart, inverse_root(e, variance, epsilon));
}

/* float32 with what multiplies it and is added, in the type that it came in. */
static int32_t scaled(ln_emit *e, int32_t a, int32_t scale, int32_t shift, ln_type type) {
  if (scale >= 0) a = ln_emit_mul(e, a, ln_emit_cast(e, scale, LN_FLOAT32));
  if (shift >= 0) a = ln_emit_add(e, a, ln_emit_cast(e, shift, LN_FLOAT32));
  return ln_emit_is_other_float(type) ? ln_emit_cast(e, a, type) : a;
}

int32_t ln_emit_layer_norm(ln_emit *e, int32_t a, int32_t count, const int32_t *axes, double epsilon, int32_t scale,
                           int32_t shift) {
  if (ln_emit_failed(e)) return -1;
  const ln_type type = ln_emit_type(e, a);
  const int32_t even = ln_emit_standardize(e, ln_emit_cast(e, a, LN_FLOAT32), count, axes, epsilon);
  return scaled(e, even, scale, shift, type);
}

int32_t ln_emit_rms_norm(ln_emit *e, int32_t a, int32_t count, const int32_t *axes, double epsilon, int32_t scale) {
  if (ln_emit_failed(e)) return -1;
  const ln_type type = ln_emit_type(e, a);
  a = ln_emit_cast(e, a, LN_FLOAT32);
  const int32_t square = ln_emit_reduce(e, LN_OP_MEAN, ln_emit_mul(e, a, a), count, axes, true);
  return scaled(e, ln_emit_mul(e, a, inverse_root(e, square, epsilon)), scale, -1, type);
}

int32_t ln_emit_unit_norm(ln_emit *e, int32_t a, int32_t count, const int32_t *axes, double least) {
  const int32_t sum = ln_emit_reduce(e, LN_OP_SUM, ln_emit_mul(e, a, a), count, axes, true);
  const int32_t limited = ln_emit_binary(e, LN_OP_MAXIMUM, sum, ln_emit_f32(e, least));
  return ln_emit_mul(e, a, ln_emit_unary(e, LN_OP_RSQRT, limited));
}

bool ln_emit_batch_factors(ln_emit *e, int32_t mean, int32_t variance, int32_t scale, int32_t shift, double epsilon,
                           int32_t *factor, int32_t *offset) {
  *factor = inverse_root(e, variance, epsilon);
  if (scale >= 0) *factor = ln_emit_mul(e, *factor, scale);
  const int32_t moved = ln_emit_mul(e, mean, *factor);
  *offset = shift >= 0 ? ln_emit_sub(e, shift, moved) : ln_emit_unary(e, LN_OP_NEG, moved);
  return !ln_emit_failed(e);
}

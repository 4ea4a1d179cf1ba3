/* Places and what is written to them: numbers that count up, one-hot vectors, scattering, products along an axis. */
#include "import/emit.h"
#include "ops/ops.h"

int32_t ln_emit_count_up(ln_emit *e, int32_t end) {
  return ln_emit_range(e, ln_emit_i32(e, 0), end, ln_emit_i32(e, 1));
}

int32_t ln_emit_diagonals(ln_emit *e, int32_t a) {
  const int32_t first = 0, last = 1;
  const int32_t rows = ln_emit_count_up(e, ln_emit_size_of(e, a, -2));
  const int32_t columns = ln_emit_count_up(e, ln_emit_size_of(e, a, -1));
  return ln_emit_sub(e, ln_emit_expand(e, columns, 1, &first), ln_emit_expand(e, rows, 1, &last));
}

int32_t ln_emit_filled_like(ln_emit *e, int32_t a, ln_type type, double value) {
  const int32_t inputs[2] = {ln_emit_shape_of(e, a), ln_emit_scalar(e, type, value)};
  return ln_emit_op(e, LN_OP_FILL, NULL, 2, inputs, type);
}

int32_t ln_emit_one_hot(ln_emit *e, int32_t places, int32_t depth, int32_t axis, int32_t on, int32_t off) {
  if (ln_emit_failed(e)) return -1;
  const ln_type type = ln_emit_type(e, places);
  if (type != LN_INT32 && type != LN_INT64) places = ln_emit_cast(e, places, LN_INT32);
  const ln_one_hot_options options = {.axis = axis == ln_emit_rank(e, places) ? -1 : axis};
  const int32_t inputs[4] = {places, ln_emit_cast(e, depth, LN_INT32), on, off};
  return ln_emit_op(e, LN_OP_ONE_HOT, &options, 4, inputs, ln_emit_type(e, on));
}

int32_t ln_emit_ones(ln_emit *e, int32_t places, int32_t depth, int32_t axis, ln_type type) {
  return ln_emit_one_hot(e, places, depth, axis, ln_emit_scalar(e, type, 1), ln_emit_scalar(e, type, 0));
}

/* ---- scattering ---- */

int32_t ln_emit_scatter(ln_emit *e, int32_t places, int32_t updates, int32_t shape) {
  if (ln_emit_failed(e)) return -1;
  const int32_t inputs[3] = {ln_emit_cast(e, places, LN_INT32), updates, ln_emit_cast(e, shape, LN_INT32)};
  return ln_emit_op(e, LN_OP_SCATTER_ND, NULL, 3, inputs, ln_emit_type(e, updates));
}

int32_t ln_emit_write_at(ln_emit *e, int32_t a, int32_t places, int32_t updates) {
  if (ln_emit_failed(e)) return -1;
  const ln_type type = ln_emit_type(e, updates);
  const int32_t shape = ln_emit_shape_of(e, a), ones = ln_emit_filled_like(e, updates, LN_INT32, 1);
  if (type == LN_BOOL) updates = ln_emit_cast(e, updates, LN_INT32);
  const int32_t made = ln_emit_cast(e, ln_emit_scatter(e, places, updates, shape), type);
  const int32_t hit = ln_emit_compare(e, LN_OP_GREATER, ln_emit_scatter(e, places, ones, shape), ln_emit_i32(e, 0));
  return ln_emit_select(e, hit, made, a);
}

/* ---- products along an axis ---- */

/* The axis moved on by `steps`, ones coming in; its size stays. */
static int32_t moved_on(ln_emit *e, int32_t a, int32_t axis, int32_t steps) {
  int32_t before[LN_MAX_RANK] = {0};
  const int32_t after[LN_MAX_RANK] = {0};
  before[axis] = steps;
  return ln_emit_pad(e, ln_emit_slice(e, a, axis, 0, -steps, 1), before, after, 1);
}

/* Of ever longer stretches: 1, 2, 4 .. */
int32_t ln_emit_cumprod(ln_emit *e, int32_t a, int32_t axis, bool exclusive, bool reverse) {
  int32_t at = 0;
  if (ln_emit_failed(e)) return -1;
  if (!ln_axis_normalize(axis, ln_emit_rank(e, a), &at))
    return ln_emit_wrong(e, "axis %d is none of %d", (int)axis, (int)ln_emit_rank(e, a));
  const int32_t size = ln_emit_dim(e, a, at);
  if (size < 0) return ln_emit_refuse(e, "products along an open dimension; fix it with --shape");
  if (reverse) a = ln_emit_reverse(e, a, at);
  if (exclusive && size > 0) a = moved_on(e, a, at, 1);
  for (int64_t steps = 1; steps < size; steps *= 2) a = ln_emit_mul(e, a, moved_on(e, a, at, (int32_t)steps));
  return reverse ? ln_emit_reverse(e, a, at) : a;
}

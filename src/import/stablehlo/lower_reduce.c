/* Reductions with bodies that are recognized: sums, extremes, all, any, the place of an extreme; and those of windows.
 */
#include <math.h>
#include <string.h>

#include "import/stablehlo/lower.h"

/* What a body of one operation is as a reduction. */
typedef struct {
  const char *name;
  int32_t code, truth; /* of numbers and of truth values; -1: none */
} ln_reduction;
static const ln_reduction reductions[] = {
    {"stablehlo.add", LN_OP_SUM, LN_OP_REDUCE_ANY},
    {"stablehlo.multiply", LN_OP_REDUCE_PROD, LN_OP_REDUCE_ALL},
    {"stablehlo.maximum", LN_OP_REDUCE_MAX, LN_OP_REDUCE_ANY},
    {"stablehlo.minimum", LN_OP_REDUCE_MIN, LN_OP_REDUCE_ALL},
    {"stablehlo.and", -1, LN_OP_REDUCE_ALL},
    {"stablehlo.or", -1, LN_OP_REDUCE_ANY},
    {"stablehlo.xor", -1, -1},
};

/* Whether the value to begin with changes nothing. */
static bool is_neutral(const ln_emit *e, int32_t init, const char *name, const ln_mlir_element_info *info) {
  double value;
  if (!ln_emit_number(e, init, &value)) return false;
  if (strcmp(name, "stablehlo.add") == 0 || strcmp(name, "stablehlo.or") == 0 || strcmp(name, "stablehlo.xor") == 0)
    return value == 0;
  if (strcmp(name, "stablehlo.multiply") == 0) return value == 1;
  const bool highest = strcmp(name, "stablehlo.minimum") == 0;
  if (info->kind == LN_MLIR_BOOL) return value == (strcmp(name, "stablehlo.maximum") == 0 ? 0 : 1);
  if (strcmp(name, "stablehlo.and") == 0) return value == -1;
  if (info->kind == LN_MLIR_REAL) return value == (highest ? (double)INFINITY : -(double)INFINITY);
  const bool is_signed = info->kind == LN_MLIR_SIGNED;
  if (!is_signed) return value == (highest ? -1 : 0);
  return value == (highest ? ldexp(1, info->bits - 1) - (info->bits < 64) : -ldexp(1, info->bits - 1));
}

/* Two halves of an axis are combined again and again, by whatever the body is. */
enum { MOST_PAIRS = 16 };
static bool halved(ln_shlo_frame *f, const ln_mlir_region *body, int32_t pairs, int32_t axis, int32_t *values) {
  int32_t size = ln_emit_dim(f->e, values[0], axis);
  if (size < 1) return ln_shlo_refuse(f, "a reduction of this body over an open dimension is not in TensorFlow Lite");
  while (size > 1) {
    int32_t in[2 * MOST_PAIRS], out[MOST_PAIRS];
    const int32_t half = size / 2;
    for (int32_t i = 0; i < pairs; ++i) {
      in[i] = ln_emit_slice(f->e, values[i], axis, 0, half, 1);
      in[pairs + i] = ln_emit_slice(f->e, values[i], axis, half, 2 * half, 1);
    }
    if (!ln_shlo_apply(f, body, in, pairs, out)) return false;
    for (int32_t i = 0; i < pairs; ++i) {
      const int32_t parts[] = {out[i], ln_emit_slice(f->e, values[i], axis, size - 1, size, 1)};
      values[i] = size % 2 == 0 ? out[i] : ln_emit_concat(f->e, axis, 2, parts);
    }
    size = half + size % 2;
  }
  for (int32_t i = 0; i < pairs; ++i) values[i] = ln_emit_squeeze(f->e, values[i], 1, &axis);
  return !ln_emit_failed(f->e);
}

static void sort_axes(int32_t *axes, int32_t count) {
  for (int32_t i = 1; i < count; ++i) {
    for (int32_t k = i; k > 0 && axes[k] < axes[k - 1]; --k) {
      const int32_t lower = axes[k];
      axes[k] = axes[k - 1];
      axes[k - 1] = lower;
    }
  }
}

/* The operator that a body is of this type; NULL where there is none. */
static const ln_reduction *operator_of(const char *name, const ln_mlir_element_info *info) {
  for (size_t i = 0; name != NULL && i < LN_COUNT(reductions); ++i) {
    if (strcmp(reductions[i].name, name) != 0) continue;
    return (info->kind == LN_MLIR_BOOL ? reductions[i].truth : reductions[i].code) < 0 ? NULL : &reductions[i];
  }
  return NULL;
}

static int32_t reduced(ln_shlo_frame *f, const ln_reduction *r, int32_t a, int32_t count, const int32_t *axes,
                       const ln_mlir_element_info *info) {
  const bool truth = info->kind == LN_MLIR_BOOL;
  const int32_t code = truth ? r->truth : r->code;
  const bool ordered = code == LN_OP_REDUCE_MAX || code == LN_OP_REDUCE_MIN;
  if (count == 0) return a;
  int32_t out = ln_emit_reduce(f->e, code, ordered ? ln_shlo_ordered(f->e, a, info) : a, count, axes, false);
  if (ordered) out = ln_shlo_ordered(f->e, out, info);
  return ordered || truth ? out : ln_shlo_wrap(f->e, out, info);
}

/* ---- the place of an extreme ---- */

/* Whether the operand counts along the axis: 0, 1, 2 ..., under either size of open dimensions. */
static bool counts_under(const ln_emit *e, int32_t t, int32_t at, int32_t probe) {
  const ln_fact *fact = &e->facts[t];
  const bool wide = ln_emit_type(e, t) == LN_INT64;
  size_t elements, inner;
  if (fact->value[probe] == NULL || !ln_shape_elements(&fact->shape[probe], &elements)) return false;
  if (!ln_size_product(fact->shape[probe].dims + at + 1, fact->shape[probe].rank - at - 1, &inner) || inner == 0)
    return false;
  const size_t size = (size_t)fact->shape[probe].dims[at];
  for (size_t i = 0; i < elements; ++i) {
    const int64_t value = wide ? ((const int64_t *)fact->value[probe])[i] : ((const int32_t *)fact->value[probe])[i];
    if (value != (int64_t)(i / inner % size)) return false;
  }
  return elements > 0;
}

static bool counts(const ln_emit *e, ln_shlo_value v, int32_t rank, int32_t axis) {
  const int32_t at = axis - (rank - ln_emit_rank(e, v.tensor));
  if (at < 0 || (ln_emit_type(e, v.tensor) != LN_INT32 && ln_emit_type(e, v.tensor) != LN_INT64)) return false;
  return counts_under(e, v.tensor, at, 0) && counts_under(e, v.tensor, at, 1);
}

/* The direction of the body's first comparison of its values: 1 for the largest, -1 for the smallest, 0 for neither. */
static int32_t compared(const ln_mlir_region *body) {
  static const char *const names[] = {"EQ", "NE", "GE", "GT", "LE", "LT"};
  for (int32_t i = 0; i < body->op_count; ++i) {
    const ln_mlir_op *op = &body->ops[i];
    if (strcmp(op->name, "stablehlo.compare") != 0 || op->operand_count != 2) continue;
    const int32_t a = ln_shlo_argument(body, op->operands[0]), b = ln_shlo_argument(body, op->operands[1]);
    const char *direction = ln_shlo_enum(op, "comparison_direction", (int32_t)LN_COUNT(names), names);
    if (!(a == 0 && b == 2) && !(a == 2 && b == 0)) continue;
    if (direction[0] != 'G' && direction[0] != 'L') continue;
    return (direction[0] == 'G') == (a == 0) ? 1 : -1;
  }
  return 0;
}

/* The values to begin with join at the end. */
static bool any_body(ln_shlo_frame *f, const ln_mlir_op *op, int32_t count, int32_t *axes) {
  const int32_t pairs = op->operand_count / 2;
  int32_t values[2 * MOST_PAIRS], out[MOST_PAIRS];
  if (pairs > MOST_PAIRS) return ln_shlo_refuse(f, "it reduces too many tensors");
  for (int32_t i = 0; i < 2 * pairs; ++i) values[i] = ln_shlo_full(f, op, i);
  sort_axes(axes, count);
  for (int32_t i = count - 1; i >= 0; --i) { /* axes ascend: those before stay where they are */
    if (!halved(f, op->regions, pairs, axes[i], values)) return false;
  }
  if (!ln_shlo_apply(f, op->regions, values, pairs, out)) return false;
  for (int32_t i = 0; i < pairs; ++i) {
    if (!ln_shlo_give(f, op, i, out[i])) return false;
  }
  return true;
}

static bool place_of_extreme(ln_shlo_frame *f, const ln_mlir_op *op, int32_t axis) {
  const int32_t rank = ln_shlo_type(op, 0)->rank, which = compared(op->regions);
  const ln_shlo_value index = ln_shlo_in(f, op, 1);
  if (which == 0 || !counts(f->e, index, rank, axis)) return any_body(f, op, 1, &axis);
  const ln_mlir_element_info *info = ln_shlo_element(op, 0);
  int32_t a = ln_shlo_full(f, op, 0);
  if (info->kind == LN_MLIR_BOOL) a = ln_emit_cast(f->e, a, LN_INT32);
  const int32_t key = ln_shlo_ordered(f->e, a, info);
  int32_t best = ln_emit_reduce(f->e, which > 0 ? LN_OP_REDUCE_MAX : LN_OP_REDUCE_MIN, key, 1, &axis, false);
  if (info->kind == LN_MLIR_BOOL) best = ln_emit_cast(f->e, best, LN_BOOL);
  const ln_type type = ln_mlir_element_at(op->results[1].type->element)->inside;
  return ln_shlo_give(f, op, 0, ln_shlo_ordered(f->e, best, info)) &&
         ln_shlo_give(f, op, 1, ln_emit_arg(f->e, which > 0 ? LN_OP_ARG_MAX : LN_OP_ARG_MIN, key, axis, false, type));
}

static bool complex_sum(ln_shlo_frame *f, const ln_mlir_op *op, int32_t count, const int32_t *axes) {
  const ln_shlo_value v = ln_shlo_spread(f, ln_shlo_in(f, op, 0), ln_shlo_type(op, 0)), init = ln_shlo_in(f, op, 1);
  if (strcmp(ln_shlo_simple_body(op->regions, 0), "stablehlo.add") != 0)
    return ln_shlo_refuse(f, "complex numbers can only be summed");
  ln_shlo_value out =
      ln_shlo_of(f, ln_emit_add(f->e, ln_emit_reduce(f->e, LN_OP_SUM, v.tensor, count, axes, false), init.tensor));
  out.imag = ln_emit_add(f->e, ln_emit_reduce(f->e, LN_OP_SUM, v.imag, count, axes, false), init.imag);
  ln_shlo_set(f, &op->results[0], out);
  return out.tensor >= 0 && out.imag >= 0;
}

bool ln_shlo_reduce(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const int32_t pairs = op->operand_count / 2;
  int32_t axes[LN_MAX_RANK], count;
  (void)unused;
  if (pairs < 1 || op->region_count != 1 || op->result_count != pairs || op->regions[0].arg_count != 2 * pairs)
    return ln_shlo_refuse(f, "its operands do not fit its body");
  if (!ln_shlo_axes(f, op, "dimensions", ln_shlo_type(op, 0)->rank, axes, &count)) return false;
  if (ln_shlo_is_complex(op, 0))
    return pairs == 1 ? complex_sum(f, op, count, axes) : ln_shlo_refuse(f, "complex numbers can only be summed");
  if (pairs == 2 && count == 1 && ln_shlo_simple_body(op->regions, 0) == NULL) return place_of_extreme(f, op, axes[0]);
  for (int32_t i = 0; i < pairs; ++i) {
    if (operator_of(ln_shlo_simple_body(op->regions, i), ln_shlo_element(op, i)) == NULL)
      return any_body(f, op, count, axes);
  }
  for (int32_t i = 0; i < pairs; ++i) {
    const char *name = ln_shlo_simple_body(op->regions, i);
    const ln_mlir_element_info *info = ln_shlo_element(op, i);
    const int32_t init = ln_shlo_full(f, op, pairs + i);
    int32_t out = reduced(f, operator_of(name, info), ln_shlo_full(f, op, i), count, axes, info);
    if (!is_neutral(f->e, init, name, info)) out = ln_shlo_combine(f, name, out, init, info);
    if (!ln_shlo_give(f, op, i, out)) return false;
  }
  return true;
}

/* ---- windows ---- */

typedef struct {
  int32_t rank, size[LN_MAX_RANK], stride[LN_MAX_RANK], spread[LN_MAX_RANK], dilation[LN_MAX_RANK], low[LN_MAX_RANK],
      high[LN_MAX_RANK];
} ln_windows;

static bool read_windows(ln_shlo_frame *f, const ln_mlir_op *op, ln_windows *w) {
  int32_t pads[2 * LN_MAX_RANK];
  w->rank = ln_shlo_type(op, 0)->rank;
  if (!ln_shlo_list(f, op, "window_dimensions", w->rank, 1, w->size) ||
      !ln_shlo_list(f, op, "window_strides", w->rank, 1, w->stride) ||
      !ln_shlo_list(f, op, "base_dilations", w->rank, 1, w->spread) ||
      !ln_shlo_list(f, op, "window_dilations", w->rank, 1, w->dilation) ||
      !ln_shlo_list(f, op, "padding", 2 * w->rank, 0, pads)) {
    return false;
  }
  for (int32_t i = 0; i < w->rank; ++i) {
    w->low[i] = pads[2 * i];
    w->high[i] = pads[2 * i + 1];
    if (w->size[i] < 1 || w->stride[i] < 1 || w->spread[i] < 1 || w->dilation[i] < 1)
      return ln_shlo_refuse(f, "its windows have no elements");
  }
  return true;
}

static bool is_plain_axis(const ln_windows *w, int32_t i) {
  return w->size[i] == 1 && w->stride[i] == 1 && w->spread[i] == 1 && w->low[i] == 0 && w->high[i] == 0;
}

/* A running sum along one axis: windows as long as the axis that end (or begin) at each element. */
static int32_t running_sum(ln_emit *e, const ln_windows *w, int32_t a) {
  int32_t axis = -1;
  for (int32_t i = 0; i < w->rank; ++i) {
    if (is_plain_axis(w, i)) continue;
    if (axis >= 0 || w->stride[i] != 1 || w->spread[i] != 1 || w->dilation[i] != 1 ||
        w->size[i] != ln_emit_dim(e, a, i))
      return -1;
    axis = i;
  }
  if (axis < 0 || w->size[axis] < 2) return -1;
  const bool before = w->low[axis] == w->size[axis] - 1 && w->high[axis] == 0;
  const bool behind = w->high[axis] == w->size[axis] - 1 && w->low[axis] == 0;
  return before || behind ? ln_emit_cumsum(e, a, axis, false, behind) : -1;
}

/* Pools of TFLite, where the windows lie over the middle dimensions. */
static int32_t pooled(ln_shlo_frame *f, const ln_windows *w, const char *name, int32_t a) {
  const bool largest = strcmp(name, "stablehlo.maximum") == 0;
  ln_window window = {.rank = w->rank - 2, .padding = LN_EMIT_EXPLICIT, .count_pads = true};
  double elements = 1;
  if (!largest && strcmp(name, "stablehlo.add") != 0) return -1;
  if (w->rank < 3 || w->rank > 5 || !is_plain_axis(w, 0) || !is_plain_axis(w, w->rank - 1)) return -1;
  for (int32_t i = 0; i < window.rank; ++i) {
    if (w->spread[i + 1] != 1 || w->dilation[i + 1] != 1 || w->low[i + 1] < 0 || w->high[i + 1] < 0) return -1;
    window.size[i] = w->size[i + 1];
    window.stride[i] = w->stride[i + 1];
    window.dilation[i] = 1;
    window.before[i] = w->low[i + 1];
    window.after[i] = w->high[i + 1];
    elements *= window.size[i];
  }
  if (largest) return ln_emit_max_pool(f->e, a, &window);
  return ln_emit_mul_number(f->e, ln_emit_average_pool(f->e, a, &window), elements);
}

/* One axis after another, each as slices that are combined. */
static bool by_slices(ln_shlo_frame *f, const ln_mlir_op *op, const ln_windows *w, int32_t pairs, int32_t *values,
                      const int32_t *inits) {
  enum { MOST = 1024 };
  int32_t inner[LN_MAX_RANK], in[2 * MOST_PAIRS];
  for (int32_t i = 0; i < w->rank; ++i) inner[i] = w->spread[i] - 1;
  for (int32_t v = 0; v < pairs; ++v) values[v] = ln_shlo_pad(f, values[v], inits[v], w->low, w->high, inner);
  for (int32_t i = 0; i < w->rank; ++i) {
    const int64_t rest = ((int64_t)w->size[i] - 1) * w->dilation[i];
    int32_t out[MOST_PAIRS];
    if (w->size[i] > MOST || rest > INT32_MAX)
      return ln_shlo_refuse(f, "a window of more than 1024 elements is not possible in this form");
    for (int32_t k = 0; k < w->size[i]; ++k) {
      const int32_t at = k * w->dilation[i], end = at == rest ? INT32_MAX : at - (int32_t)rest;
      for (int32_t v = 0; v < pairs; ++v) {
        in[v] = out[v];
        in[pairs + v] = ln_emit_slice(f->e, values[v], i, at, end, w->stride[i]);
        if (k == 0) out[v] = in[pairs + v];
      }
      if (k > 0 && !ln_shlo_apply(f, op->regions, in, pairs, out)) return false;
    }
    for (int32_t v = 0; v < pairs; ++v) values[v] = out[v];
  }
  for (int32_t v = 0; v < pairs; ++v) { /* the value to begin with */
    in[v] = values[v];
    in[pairs + v] = inits[v];
  }
  return ln_shlo_apply(f, op->regions, in, pairs, values);
}

/* What TFLite has an operator for; -1 for all others. */
static int32_t windowed(ln_shlo_frame *f, const ln_windows *w, const char *name, int32_t a, int32_t init,
                        const ln_mlir_element_info *info) {
  if (name == NULL || !is_neutral(f->e, init, name, info)) return -1;
  if (strcmp(name, "stablehlo.add") == 0 && info->kind != LN_MLIR_BOOL && info->bits >= 32) {
    const int32_t sums = running_sum(f->e, w, a);
    if (sums >= 0) return sums;
  }
  return info->kind == LN_MLIR_REAL ? pooled(f, w, name, a) : -1;
}

bool ln_shlo_reduce_window(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  const int32_t pairs = op->operand_count / 2;
  int32_t values[MOST_PAIRS], inits[MOST_PAIRS];
  ln_windows w;
  (void)unused;
  if (pairs < 1 || pairs > MOST_PAIRS || op->region_count != 1 || op->result_count != pairs ||
      op->regions[0].arg_count != 2 * pairs) {
    return ln_shlo_refuse(f, "its operands do not fit its body");
  }
  if (ln_shlo_is_complex(op, 0)) return ln_shlo_refuse(f, "it is of real numbers only");
  if (!read_windows(f, op, &w)) return false;
  for (int32_t i = 0; i < pairs; ++i) {
    values[i] = ln_shlo_full(f, op, i);
    inits[i] = ln_shlo_full(f, op, pairs + i);
    if (values[i] < 0 || inits[i] < 0) return false;
  }
  const int32_t out =
      pairs > 1 ? -1
                : windowed(f, &w, ln_shlo_simple_body(op->regions, 0), values[0], inits[0], ln_shlo_element(op, 0));
  if (out >= 0 || ln_emit_failed(f->e)) return ln_shlo_give(f, op, 0, out);
  if (!by_slices(f, op, &w, pairs, values, inits)) return false;
  for (int32_t i = 0; i < pairs; ++i) {
    if (!ln_shlo_give(f, op, i, values[i])) return false;
  }
  return true;
}

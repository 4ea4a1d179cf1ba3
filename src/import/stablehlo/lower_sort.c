/*
 * Sorting by TOPK_V2, which orders the last dimension from the largest on and keeps the order of equal ones. Sorting by
 * several keys is sorting by the last one first.
 */
#include <string.h>

#include "import/stablehlo/lower.h"

/* Numbers that are largest where `a` comes first. */
static int32_t key_of(ln_emit *e, int32_t a, const ln_mlir_element_info *info, bool largest) {
  if (info->kind == LN_MLIR_BOOL) a = ln_emit_cast(e, a, LN_INT32);
  a = ln_shlo_ordered(e, a, info);
  if (largest) return a;
  if (info->kind == LN_MLIR_REAL) return ln_emit_unary(e, LN_OP_NEG, a);
  return ln_emit_sub(e, ln_emit_scalar(e, ln_emit_type(e, a), -1), a); /* -1 - a: there is no overflow */
}

static int32_t value_of(ln_emit *e, int32_t key, const ln_mlir_element_info *info, bool largest) {
  if (!largest && info->kind == LN_MLIR_REAL) key = ln_emit_unary(e, LN_OP_NEG, key);
  else if (!largest) key = ln_emit_sub(e, ln_emit_scalar(e, ln_emit_type(e, key), -1), key);
  key = ln_shlo_ordered(e, key, info);
  return info->kind == LN_MLIR_BOOL ? ln_emit_cast(e, key, LN_BOOL) : key;
}

bool ln_shlo_top(ln_shlo_frame *f, int32_t a, const ln_mlir_element_info *info, int32_t k, bool largest,
                 int32_t *values, int32_t *indices) {
  int32_t out[2];
  const int32_t key = key_of(f->e, a, info, largest);
  if (key < 0) return false;
  const ln_type types[] = {ln_emit_type(f->e, key), LN_INT32};
  const int32_t count = k >= 0 ? ln_emit_i32(f->e, k) : ln_emit_size_of(f->e, a, -1);
  if (!ln_emit_ops(f->e, LN_OP_TOPK_V2, NULL, 2, (const int32_t[]){key, count}, 2, types, out)) return false;
  if (values != NULL) *values = value_of(f->e, out[0], info, largest);
  if (indices != NULL) *indices = out[1];
  return !ln_emit_failed(f->e);
}

bool ln_shlo_top_k(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  int32_t values, indices;
  int64_t k = ln_mlir_int(op, "k", -1);
  const ln_mlir_attr *largest = ln_mlir_attr_of(op, "largest");
  (void)unused;
  const int32_t a = ln_shlo_full(f, op, 0);
  if (a < 0 || op->result_count < 1) return ln_shlo_refuse(f, "its operands do not fit");
  if (k < 0)
    k = op->results[0].type->form == LN_MLIR_TENSOR && op->results[0].type->rank > 0
            ? op->results[0].type->dims[op->results[0].type->rank - 1]
            : -1;
  const int32_t size = ln_emit_dim(f->e, a, -1);
  if (k < 0 || k > INT32_MAX || (size >= 0 && k > size))
    return ln_shlo_refuse(f, "it takes more elements than there are");
  if (!ln_shlo_top(f, a, ln_shlo_element(op, 0), (int32_t)k, largest == NULL || largest->i != 0, &values, &indices))
    return false;
  if (op->result_count == 1) { /* a tuple */
    ln_shlo_value v = ln_shlo_of(f, -1);
    v.parts = ln_mlir_new(f->s->m, 2, sizeof *v.parts);
    if (v.parts == NULL) return false;
    v.count = 2;
    v.parts[0] = ln_shlo_of(f, values);
    v.parts[1] = ln_shlo_of(f, indices);
    ln_shlo_set(f, &op->results[0], v);
    return true;
  }
  const ln_type type = ln_mlir_element_at(op->results[1].type->element)->inside;
  return ln_shlo_give(f, op, 0, values) && ln_shlo_give(f, op, 1, ln_emit_cast(f->e, indices, type));
}

/* ---- comparators ---- */

/* The argument that a value is made of, through what brings zeros and NaNs of floats to one form; -1: several or none.
 */
static int32_t argument_behind(const ln_mlir_region *body, const ln_mlir_value *value, int32_t depth) {
  const int32_t direct = ln_shlo_argument(body, value);
  if (direct >= 0 || depth > 16) return direct;
  const ln_mlir_op *op = ln_shlo_source(body, value);
  int32_t found = -1;
  if (op == NULL || strcmp(op->name, "stablehlo.compare") == 0) return -1;
  static const char *const passed[] = {"stablehlo.select", "stablehlo.bitcast_convert", "stablehlo.convert",
                                       "stablehlo.maximum", "stablehlo.subtract"};
  bool passes = false;
  for (size_t i = 0; i < LN_COUNT(passed); ++i) passes = passes || strcmp(op->name, passed[i]) == 0;
  for (int32_t i = 0; passes && i < op->operand_count; ++i) {
    const int32_t behind = argument_behind(body, op->operands[i], depth + 1);
    if (behind >= 0 && found >= 0 && behind != found) return -1;
    if (behind >= 0) found = behind;
  }
  return found;
}

typedef struct {
  int32_t operand;
  bool largest;
} ln_key;

/* The keys that a comparator looks at, the first that decides first. */
static int32_t keys_of(const ln_mlir_region *body, int32_t operands, ln_key *out) {
  static const char *const names[] = {"EQ", "NE", "GE", "GT", "LE", "LT"};
  int32_t count = 0;
  for (int32_t operand = 0; operand < operands; ++operand) {
    for (int32_t i = 0; i < body->op_count; ++i) {
      const ln_mlir_op *op = &body->ops[i];
      if (strcmp(op->name, "stablehlo.compare") != 0 || op->operand_count != 2) continue;
      const char *direction = ln_shlo_enum(op, "comparison_direction", (int32_t)LN_COUNT(names), names);
      const int32_t a = argument_behind(body, op->operands[0], 0), b = argument_behind(body, op->operands[1], 0);
      if ((direction[0] != 'G' && direction[0] != 'L') || a / 2 != operand || b / 2 != operand || a == b || a < 0 ||
          b < 0)
        continue;
      out[count++] = (ln_key){operand, (direction[0] == 'G') == (a < b)};
      break;
    }
  }
  return count;
}

/* ---- sorting ---- */

/* Rows [other, n] taken in an order [other, n]. */
static int32_t reordered(ln_emit *e, int32_t a, int32_t order) {
  if (ln_emit_rank(e, a) == 1) return ln_emit_gather(e, a, order, 0, 0);
  const ln_dim rows[] = {LN_DIM_REST, LN_DIM_OF(a, -1)}, same[] = {LN_DIM_REST, LN_DIM_OF(order, -1)};
  const bool flat = ln_emit_rank(e, a) == 2;
  const int32_t x = flat ? a : ln_emit_reshape(e, a, 2, rows), y = flat ? order : ln_emit_reshape(e, order, 2, same);
  return ln_emit_reshape_like(e, ln_emit_gather(e, x, y, 1, 1), order);
}

/* Swaps a dimension with the last. */
static int32_t turned(ln_emit *e, int32_t a, int32_t axis, int32_t rank) {
  return axis == rank - 1 ? a : ln_emit_swap(e, a, axis, rank - 1);
}

bool ln_shlo_sort(ln_shlo_frame *f, const ln_mlir_op *op, int32_t unused) {
  enum { MOST = 32 };
  ln_key keys[MOST];
  int32_t parts[MOST], order = -1, sorted = -1;
  const int32_t count = op->operand_count, rank = count > 0 ? ln_shlo_type(op, 0)->rank : 0;
  int64_t axis = ln_mlir_int(op, "dimension", -1);
  (void)unused;
  if (axis < 0) axis += rank;
  if (count < 1 || count > MOST || op->region_count != 1 || op->result_count != count ||
      op->regions[0].arg_count != 2 * count || axis < 0 || axis >= rank) {
    return ln_shlo_refuse(f, "its operands do not fit its comparator");
  }
  const int32_t key_count = keys_of(op->regions, count, keys);
  if (key_count == 0) return ln_shlo_refuse(f, "its comparator is none that is recognized");
  for (int32_t i = 0; i < count; ++i) {
    parts[i] = turned(f->e, ln_shlo_full(f, op, i), (int32_t)axis, rank);
    if (parts[i] < 0) return false;
  }
  for (int32_t k = key_count - 1; k >= 0; --k) {
    const ln_mlir_element_info *info = ln_shlo_element(op, keys[k].operand);
    const int32_t key = order < 0 ? parts[keys[k].operand] : reordered(f->e, parts[keys[k].operand], order);
    int32_t next;
    if (!ln_shlo_top(f, key, info, -1, keys[k].largest, &sorted, &next)) return false;
    order = order < 0 ? next : reordered(f->e, order, next);
  }
  for (int32_t i = 0; i < count; ++i) {
    const int32_t out = i == keys[0].operand ? sorted : reordered(f->e, parts[i], order);
    if (!ln_shlo_give(f, op, i, turned(f->e, out, (int32_t)axis, rank))) return false;
  }
  return true;
}

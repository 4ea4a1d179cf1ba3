/*
 * Drops what changes nothing: casts to the type that is there, reshapes to the shape that is there, x * 1, x + 0, pads
 * of nothing, transposes that stay, slices of everything; joins reshapes that follow one another.
 */
#include <math.h>
#include <string.h>

#include "passes/convert/convert_rewrite.h"

static const ln_tensor *in(const ln_rewriter *r, const ln_op *op, int32_t input) {
  return ln_op_input_tensor(r->graph, op, input);
}
static const ln_tensor *out(const ln_rewriter *r, const ln_op *op) { return &r->graph->tensors[op->outputs[0]]; }

/* Both shapes are the same whatever open dimensions are: all are known, or `inferred` says that they stay. */
static bool same_shape(const ln_tensor *a, const ln_tensor *b, bool inferred) {
  return ln_shape_equal(&a->signature, &b->signature) && (inferred || ln_shape_known(&a->signature));
}

static bool all_are(const ln_tensor *tensor, double value) {
  if (tensor == NULL || !ln_is_plain_constant(tensor)) return false;
  const size_t count = tensor->bytes / (size_t)(ln_type_bits(tensor->type) / 8);
  for (size_t i = 0; i < count; ++i) {
    if (tensor->type == LN_FLOAT32 && (double)((const float *)tensor->data)[i] != value) return false;
    if (tensor->type == LN_INT32 && (double)((const int32_t *)tensor->data)[i] != value) return false;
    if (tensor->type == LN_INT64 && (double)((const int64_t *)tensor->data)[i] != value) return false;
  }
  return count > 0 && (tensor->type == LN_FLOAT32 || tensor->type == LN_INT32 || tensor->type == LN_INT64);
}

/* Element-wise with a constant that changes nothing: the other input; -1. */
static int32_t neutral(const ln_rewriter *r, const ln_op *op, double value, bool commutes, int8_t activation) {
  if (activation != LN_ACT_NONE || op->input_count != 2 || out(r, op)->quant->kind != LN_QUANT_NONE) return -1;
  for (int32_t side = 0; side < (commutes ? 2 : 1); ++side) {
    const ln_tensor *kept = in(r, op, side), *other = in(r, op, 1 - side);
    if (kept == NULL || !all_are(other, value) || other->signature.rank > kept->signature.rank) continue;
    bool widens = false; /* an open dimension may be 1, which a longer constant would widen */
    for (int32_t d = 0; d < other->signature.rank; ++d) {
      const int32_t at = kept->signature.rank - other->signature.rank + d;
      widens = widens || (other->signature.dims[d] != 1 && kept->signature.dims[at] != other->signature.dims[d]);
    }
    if (!widens) return op->inputs[side];
  }
  return -1;
}

static int32_t neutral_arithmetic(const ln_rewriter *r, const ln_op *op) {
  switch (op->def->code) {
    case LN_OP_ADD: return neutral(r, op, 0, true, ((const ln_add_options *)op->options)->fused_activation_function);
    case LN_OP_SUB: return neutral(r, op, 0, false, ((const ln_sub_options *)op->options)->fused_activation_function);
    case LN_OP_MUL: return neutral(r, op, 1, true, ((const ln_mul_options *)op->options)->fused_activation_function);
    case LN_OP_DIV: return neutral(r, op, 1, false, ((const ln_div_options *)op->options)->fused_activation_function);
    case LN_OP_POW: return neutral(r, op, 1, false, LN_ACT_NONE);
    default: return -1;
  }
}

static bool keeps_order(const ln_rewriter *r, const ln_op *op) {
  int64_t axes[LN_MAX_RANK];
  int32_t count = 0;
  const ln_tensor *order = in(r, op, 1);
  if (order == NULL || !ln_tensor_const_data(order) || !ln_tensor_ints(order, axes, LN_MAX_RANK, &count)) return false;
  for (int32_t i = 0; i < count; ++i) {
    if (axes[i] != i) return false;
  }
  return true;
}

/* A slice from 0 to the end of all dimensions. */
static bool takes_all(const ln_rewriter *r, const ln_op *op) {
  int64_t size[LN_MAX_RANK];
  int32_t count = 0;
  if (!all_are(in(r, op, 1), 0) || in(r, op, 2) == NULL || !ln_tensor_const_data(in(r, op, 2))) return false;
  if (!ln_tensor_ints(in(r, op, 2), size, LN_MAX_RANK, &count)) return false;
  const ln_shape *shape = &in(r, op, 0)->signature;
  for (int32_t i = 0; i < count; ++i) {
    if (size[i] != -1 && (shape->dims[i] < 0 || size[i] != shape->dims[i])) return false;
  }
  return count == shape->rank;
}

/* Whether the operator hands its input 0 on as it is. */
static bool is_identity(const ln_rewriter *r, const ln_op *op) {
  const ln_tensor *a = in(r, op, 0);
  if (a == NULL || op->output_count != 1 || a->type != out(r, op)->type) return false;
  if (!ln_same_quantization(a, out(r, op))) return false;
  switch (op->def->code) {
    case LN_OP_CAST: return true;
    case LN_OP_RESHAPE:
    case LN_OP_BROADCAST_TO: return same_shape(a, out(r, op), false);
    case LN_OP_SQUEEZE: return a->signature.rank == out(r, op)->signature.rank;
    case LN_OP_TRANSPOSE: return keeps_order(r, op);
    case LN_OP_PAD:
    case LN_OP_PADV2:
    case LN_OP_MIRROR_PAD: return all_are(in(r, op, 1), 0);
    case LN_OP_TILE: return all_are(in(r, op, 1), 1);
    case LN_OP_SLICE: return takes_all(r, op);
    case LN_OP_CONCATENATION: return op->input_count == 1;
    case LN_OP_ADD_N: return op->input_count == 1;
    default: return false;
  }
}

/* Readers of the operator's result read `source`; the graph's own names stay: of an output the source's maker writes
 * it. */
static bool pass_on(ln_rewriter *r, int32_t at, int32_t source) {
  ln_op *op = &r->graph->ops[at];
  const int32_t result = op->outputs[0];
  if (!ln_rewriter_is_output(r, result)) {
    ln_rewriter_replace(r, result, source);
    r->drop[at] = true;
    return true;
  }
  ln_op *maker = ln_rewriter_maker(r, source);
  if (maker == NULL || ln_rewriter_is_output(r, source) || r->graph->tensors[source].is_variable) return false;
  for (int32_t j = 0; j < maker->output_count; ++j) {
    if (maker->outputs[j] == source) maker->outputs[j] = result;
  }
  r->drop[at] = true;
  r->producers[result] = r->producers[source];
  r->producers[source] = -1;
  ln_rewriter_replace(r, source, result);
  return true;
}

/* ---- reshapes one behind the other ---- */

static bool only_reshapes(const ln_op *op) {
  return ln_op_is(op, LN_OP_RESHAPE) || ln_op_is(op, LN_OP_SQUEEZE) || ln_op_is(op, LN_OP_EXPAND_DIMS);
}

static int32_t open_dims(const ln_shape *shape) {
  int32_t count = 0;
  for (int32_t i = 0; i < shape->rank; ++i) count += shape->dims[i] < 0;
  return count;
}

/* Makes the operator a RESHAPE of `source`, to the shape that its result has. */
static bool reshape_from(ln_rewriter *r, int32_t at, int32_t source) {
  const ln_shape shape = r->graph->tensors[r->graph->ops[at].outputs[0]].signature;
  const int32_t wanted = ln_rewriter_ints(r, "shape", shape.rank, shape.dims);
  const int32_t result = r->graph->ops[at].outputs[0];
  const ln_op from = r->graph->ops[at];
  if (ln_rewriter_op(r, LN_OP_RESHAPE, NULL, 2, (const int32_t[]){source, wanted}, 1, &result, &from) < 0) return false;
  r->drop[at] = true;
  return true;
}

/* A reshape of what another made reads what that one read. */
static bool join(ln_rewriter *r, int32_t at) {
  ln_op *op = &r->graph->ops[at];
  const ln_op *before = only_reshapes(op) ? ln_rewriter_maker(r, op->inputs[0]) : NULL;
  if (before == NULL || r->drop[at] || !only_reshapes(before) || before->inputs[0] < 0) return false;
  const int32_t source = before->inputs[0];
  const ln_tensor *a = &r->graph->tensors[source], *b = out(r, op);
  if (!ln_same_quantization(a, b) || a->is_variable) return false;
  if (same_shape(a, b, false)) return pass_on(r, at, source);
  if (ln_op_is(op, LN_OP_RESHAPE)) { /* its own shape does not hang on the shape of what it reads */
    --r->uses[op->inputs[0]];
    ++r->uses[source];
    op->inputs[0] = source;
    return true;
  }
  if (open_dims(&b->signature) > 1) return false;
  return reshape_from(r, at, source);
}

/* SQUEEZE and EXPAND_DIMS that undo one another, whatever dimensions are open. */
static bool undo(ln_rewriter *r, int32_t at) {
  const ln_op *op = &r->graph->ops[at];
  const ln_op *before = ln_rewriter_maker(r, op->inputs[0]);
  if (before == NULL || r->drop[at] || before->inputs[0] < 0) return false;
  const bool squeezes = ln_op_is(op, LN_OP_SQUEEZE) && ln_op_is(before, LN_OP_EXPAND_DIMS);
  const bool expands = ln_op_is(op, LN_OP_EXPAND_DIMS) && ln_op_is(before, LN_OP_SQUEEZE);
  if (!squeezes && !expands) return false;
  const ln_op *squeeze = squeezes ? op : before, *expand = squeezes ? before : op;
  const ln_vec_i32 *axes = &((const ln_squeeze_options *)squeeze->options)->squeeze_dims;
  int64_t axis;
  int32_t count = 0, plain[2];
  const int32_t rank = out(r, expand)->signature.rank;
  if (axes->count != 1 || !ln_tensor_ints(in(r, expand, 1), &axis, 1, &count) || count != 1) return false;
  if (!ln_axis_normalize(axis, rank, &plain[0]) || !ln_axis_normalize(axes->data[0], rank, &plain[1])) return false;
  return plain[0] == plain[1] && pass_on(r, at, before->inputs[0]);
}

/* A shape that is computed is a constant where one dimension at most is open: -1 stands for it. */
static bool fix_shape(ln_rewriter *r, int32_t at) {
  ln_op *op = &r->graph->ops[at];
  if (!ln_op_is(op, LN_OP_RESHAPE) || op->input_count != 2 || op->inputs[1] < 0) return false;
  const ln_shape shape = out(r, op)->signature;
  if (ln_tensor_const_data(in(r, op, 1)) || open_dims(&shape) > 1) return false;
  for (int32_t i = 0; i < shape.rank; ++i) {
    if (shape.dims[i] == 0) return false;
  }
  const int32_t wanted = ln_rewriter_ints(r, "shape", shape.rank, shape.dims);
  if (wanted < 0) return false;
  --r->uses[op->inputs[1]];
  op->inputs[1] = wanted;
  ++r->uses[wanted];
  return true;
}

/* ---- casts one behind the other ---- */

/* How many bits of whole numbers a type holds exactly; 0 for others. Floats hold those of their fraction. */
static int32_t whole_bits(ln_type type) {
  switch (type) {
    case LN_BOOL: return 1;
    case LN_UINT8: return 9;
    case LN_INT8: return 8;
    case LN_INT16: return 16;
    case LN_UINT16: return 17;
    case LN_INT32: return 32;
    case LN_INT64: return 64;
    default: return 0;
  }
}

static bool is_exact(ln_type from, ln_type to) {
  if (from == LN_FLOAT16 || from == LN_BFLOAT16) return to == LN_FLOAT32 || to == LN_FLOAT64;
  if (from == LN_FLOAT32) return to == LN_FLOAT64;
  const int32_t bits = whole_bits(from);
  if (to == LN_FLOAT32) return bits > 0 && bits <= 24;
  if (to == LN_FLOAT64) return bits > 0 && bits <= 53;
  const bool has_signs = to != LN_UINT8 && to != LN_UINT16 && to != LN_BOOL;
  return bits > 0 && has_signs && bits <= whole_bits(to);
}

/* Numbers of a byte or less that are no integers of it come from float32 alone. */
static bool wants_float32(ln_type type) {
  return ln_type_bits(type) < 8 || type == LN_FLOAT8_E4M3FN || type == LN_FLOAT8_E5M2;
}

/* A cast of what another cast made without loss reads what that one read. */
static bool join_casts(ln_rewriter *r, int32_t at) {
  ln_op *op = &r->graph->ops[at];
  const ln_op *before = ln_op_is(op, LN_OP_CAST) ? ln_rewriter_maker(r, op->inputs[0]) : NULL;
  if (before == NULL || !ln_op_is(before, LN_OP_CAST) || before->inputs[0] < 0) return false;
  const int32_t source = before->inputs[0];
  const ln_tensor *a = &r->graph->tensors[source];
  if (a->is_variable || ln_tensor_const_data(a) || !is_exact(a->type, in(r, op, 0)->type)) return false;
  if (a->type == out(r, op)->type) return pass_on(r, at, source);
  if (wants_float32(out(r, op)->type)) return false;
  --r->uses[op->inputs[0]];
  op->inputs[0] = source;
  ++r->uses[source];
  LN_REWRITE_OPTIONS(op, cast_options)->in_data_type = (int8_t)a->type;
  return true;
}

/* ---- picks of picks ---- */

/* Constant indices by which a vector is picked from a vector. */
static bool read_picks(const ln_rewriter *r, const ln_op *op, int64_t *picks, int32_t *count) {
  if (!ln_op_is(op, LN_OP_GATHER) || op->input_count != 2 || op->inputs[0] < 0) return false;
  const ln_gather_options *o = op->options;
  const ln_tensor *vector = in(r, op, 0), *indices = in(r, op, 1);
  if (o->batch_dims != 0 || vector->signature.rank != 1 || vector->signature.dims[0] < 0 || indices == NULL)
    return false;
  if (indices->signature.rank != 1 || !ln_tensor_const_data(indices)) return false;
  if (!ln_tensor_ints(indices, picks, LN_MAX_RANK, count)) return false;
  for (int32_t i = 0; i < *count; ++i) {
    if (picks[i] < 0 || picks[i] >= vector->signature.dims[0]) return false;
  }
  return true;
}

/* What orders of dimensions leave of shapes: picks of picks, and picks of everything in order. */
static bool join_picks(ln_rewriter *r, int32_t at) {
  int64_t picks[LN_MAX_RANK], earlier[LN_MAX_RANK];
  int32_t count, earlier_count, joined[LN_MAX_RANK];
  ln_op *op = &r->graph->ops[at];
  if (!read_picks(r, op, picks, &count)) return false;
  bool all = count == in(r, op, 0)->signature.dims[0];
  for (int32_t i = 0; i < count; ++i) all = all && picks[i] == i;
  if (all) return pass_on(r, at, op->inputs[0]);
  const ln_op *before = ln_rewriter_maker(r, op->inputs[0]);
  if (before == NULL || !read_picks(r, before, earlier, &earlier_count)) return false;
  for (int32_t i = 0; i < count; ++i) joined[i] = (int32_t)earlier[picks[i]];
  const int32_t source = before->inputs[0], indices = ln_rewriter_ints(r, "order", count, joined);
  if (indices < 0 || r->graph->tensors[source].is_variable) return false;
  --r->uses[op->inputs[0]];
  op->inputs[0] = source;
  op->inputs[1] = indices;
  ++r->uses[source];
  ++r->uses[indices];
  return true;
}

static bool simplify(ln_rewriter *r, int32_t at) {
  const ln_op *op = &r->graph->ops[at];
  if (op->input_count < 1 || op->output_count != 1 || op->inputs[0] < 0 || r->drop[at]) return false;
  const int32_t other = neutral_arithmetic(r, op);
  if (other >= 0) return pass_on(r, at, other);
  if (is_identity(r, op)) return pass_on(r, at, op->inputs[0]);
  return undo(r, at) || join(r, at) || join_casts(r, at) || fix_shape(r, at) || join_picks(r, at);
}

ln_status ln_convert_pass_identities(ln_convert_context *context) {
  ln_rewriter r;
  int32_t changes = 0;
  LN_TRY(ln_rewriter_open(context, &r));
  const int32_t count = r.graph->op_count;
  for (int32_t i = 0; i < count && !r.failed; ++i) {
    if (simplify(&r, i)) ++changes;
  }
  return ln_rewriter_close(&r, changes);
}

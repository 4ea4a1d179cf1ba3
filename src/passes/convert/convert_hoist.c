/*
 * A reshape of each part of a tensor becomes one reshape of the whole: what attention takes apart into queries, keys
 * and values and then into heads is first seen as heads, so that one transpose of the whole can serve all three.
 */
#include <string.h>

#include "passes/convert/convert_rewrite.h"

enum { MOST_PARTS = 16 };

typedef struct part {
  int32_t at, reshape; /* operators */
} part;

typedef struct parts {
  part list[MOST_PARTS];
  int32_t count;
  ln_shape shape; /* of each part behind its reshape */
} parts;

static const ln_shape *shape_of(const ln_rewriter *r, int32_t tensor) { return &r->graph->tensors[tensor].signature; }

static bool read_ints(const ln_rewriter *r, const ln_op *op, int32_t input, int64_t *values, int32_t count) {
  int32_t read = 0;
  const ln_tensor *tensor = ln_op_input_tensor(r->graph, op, input);
  return tensor != NULL && ln_tensor_const_data(tensor) && ln_tensor_ints(tensor, values, LN_MAX_RANK, &read) &&
         read == count;
}

/* Whether the operator picks one index of the first dimension and leaves all else. */
static bool picks_first(const ln_rewriter *r, const ln_op *op) {
  const int32_t rank = shape_of(r, op->inputs[0])->rank;
  if (ln_op_is(op, LN_OP_GATHER)) {
    const ln_gather_options *o = op->options;
    const ln_tensor *index = ln_op_input_tensor(r->graph, op, 1);
    return (o->axis == 0 || o->axis == -rank) && o->batch_dims == 0 && index != NULL && ln_tensor_const_data(index) &&
           index->signature.rank == 0;
  }
  if (!ln_op_is(op, LN_OP_STRIDED_SLICE)) return false;
  const ln_strided_slice_options *o = op->options;
  const int32_t rest = ((1 << rank) - 1) & ~1;
  int64_t steps[LN_MAX_RANK];
  if (o->shrink_axis_mask != 1 || o->ellipsis_mask != 0 || o->new_axis_mask != 0) return false;
  if ((o->begin_mask & rest) != rest || (o->end_mask & rest) != rest || (o->begin_mask & 1) != 0) return false;
  if (!read_ints(r, op, 3, steps, rank)) return false;
  for (int32_t i = 0; i < rank; ++i) {
    if (steps[i] != 1) return false;
  }
  return read_ints(r, op, 1, steps, rank);
}

/* The reshape that alone reads a tensor; -1. */
static int32_t only_reshape(const ln_rewriter *r, int32_t tensor) {
  if (r->uses[tensor] != 1 || ln_rewriter_is_output(r, tensor)) return -1;
  for (int32_t i = 0; i < r->graph->op_count; ++i) {
    const ln_op *op = &r->graph->ops[i];
    if (!r->drop[i] && op->input_count > 0 && op->inputs[0] == tensor) return ln_op_is(op, LN_OP_RESHAPE) ? i : -1;
  }
  return -1;
}

/* All readers of `whole`, if each picks one part and reshapes it alike. */
static bool find_parts(const ln_rewriter *r, int32_t whole, parts *out) {
  *out = (parts){.count = 0};
  for (int32_t i = 0; i < r->graph->op_count; ++i) {
    const ln_op *op = &r->graph->ops[i];
    if (r->drop[i] || op->input_count < 1 || op->inputs[0] != whole) continue;
    if (out->count == MOST_PARTS || op->output_count != 1 || !picks_first(r, op)) return false;
    const int32_t reshape = only_reshape(r, op->outputs[0]);
    if (reshape < 0) return false;
    const ln_shape *shape = shape_of(r, r->graph->ops[reshape].outputs[0]);
    if (out->count == 0) out->shape = *shape;
    if (!ln_shape_equal(&out->shape, shape)) return false;
    out->list[out->count++] = (part){i, reshape};
  }
  return out->count > 1 && out->count == r->uses[whole];
}

static bool pick_anew(ln_rewriter *r, const part *p, int32_t whole, int32_t rank) {
  const ln_op from = r->graph->ops[p->at];
  const int32_t out = r->graph->ops[p->reshape].outputs[0];
  bool good;
  if (ln_op_is(&from, LN_OP_GATHER)) {
    const ln_gather_options options = {0};
    const int32_t inputs[] = {whole, from.inputs[1]};
    good = ln_rewriter_op(r, LN_OP_GATHER, &options, 2, inputs, 1, &out, &from) >= 0;
  } else {
    int64_t begin[LN_MAX_RANK];
    int32_t from_[LN_MAX_RANK] = {0}, to[LN_MAX_RANK] = {0}, steps[LN_MAX_RANK];
    if (!read_ints(r, &from, 1, begin, shape_of(r, from.inputs[0])->rank)) return false;
    from_[0] = (int32_t)begin[0];
    to[0] = from_[0] + 1;
    for (int32_t i = 0; i < rank; ++i) steps[i] = 1;
    const int32_t rest = ((1 << rank) - 1) & ~1;
    const ln_strided_slice_options options = {
        .begin_mask = rest, .end_mask = rest | (to[0] == 0), .shrink_axis_mask = 1};
    const int32_t inputs[] = {whole, ln_rewriter_ints(r, "begin", rank, from_), ln_rewriter_ints(r, "end", rank, to),
                              ln_rewriter_ints(r, "steps", rank, steps)};
    good = ln_rewriter_op(r, LN_OP_STRIDED_SLICE, &options, 4, inputs, 1, &out, &from) >= 0;
  }
  r->drop[p->at] = r->drop[p->reshape] = true;
  return good;
}

static bool hoist(ln_rewriter *r, int32_t whole) {
  const ln_tensor old = r->graph->tensors[whole];
  parts p;
  if (old.signature.rank < 2 || old.signature.dims[0] < 2 || old.is_variable || ln_tensor_const_data(&old))
    return false;
  if (!find_parts(r, whole, &p) || p.shape.rank >= LN_MAX_RANK || p.shape.rank < 1) return false;
  ln_shape shape = {.rank = p.shape.rank + 1, .dims = {old.signature.dims[0]}};
  int32_t open = 0;
  for (int32_t i = 0; i < p.shape.rank; ++i) {
    shape.dims[i + 1] = p.shape.dims[i];
    open += p.shape.dims[i] < 0;
  }
  if (open > 1 || ln_shape_equal(&shape, &old.signature)) return false;
  const ln_op from = r->graph->ops[p.list[0].reshape];
  const int32_t made = ln_rewriter_tensor(r, r->graph->tensors[from.outputs[0]].name, old.type, &shape, old.quant);
  const int32_t wanted = ln_rewriter_ints(r, "shape", shape.rank, shape.dims);
  if (made < 0 || ln_rewriter_op(r, LN_OP_RESHAPE, NULL, 2, (const int32_t[]){whole, wanted}, 1, &made, &from) < 0)
    return false;
  for (int32_t i = 0; i < p.count; ++i) {
    if (!pick_anew(r, &p.list[i], made, shape.rank)) return false;
  }
  ln_rewriter_refresh(r);
  return true;
}

ln_status ln_convert_pass_hoist(ln_convert_context *context) {
  ln_rewriter r;
  int32_t changes = 0;
  LN_TRY(ln_rewriter_open(context, &r));
  const int32_t count = r.graph->op_count;
  for (int32_t i = 0; i < count && !r.failed; ++i) {
    if (r.drop[i]) continue;
    for (int32_t j = 0; j < r.graph->ops[i].output_count; ++j) {
      const int32_t whole = r.graph->ops[i].outputs[j];
      if (r.uses[whole] > 1 && r.uses[whole] <= MOST_PARTS && hoist(&r, whole)) ++changes;
    }
  }
  return ln_rewriter_close(&r, changes);
}

/*
 * What is known of an operator's outputs: shapes under both assignments of the open dimensions, by the operator's own
 * inference, and values where all inputs have one, by its own kernel.
 */
#include <string.h>

#include "import/emit_private.h"

enum {
  MOST_OPERANDS = 1024,
  MOST_KNOWN = 1 << 14 /* bytes of a value that is no constant */
};

/* The operator's tensors as they are under one assignment. */
typedef struct probe {
  ln_node node;
  ln_tensor *tensors; /* [in + out] copies */
  ln_tensor **pointers;
} probe;

static bool open_probe(const ln_emit *e, const ln_op *op, int32_t which, probe *out) {
  const ln_graph *graph = ln_emit_graph(e);
  const size_t count = (size_t)op->input_count + (size_t)op->output_count;
  *out = (probe){.tensors = ln_alloc_array(count, sizeof(ln_tensor)),
                 .pointers = ln_alloc_array(count, sizeof(ln_tensor *))};
  if (out->tensors == NULL || out->pointers == NULL) return false;
  for (size_t i = 0; i < count; ++i) {
    const bool is_input = i < (size_t)op->input_count;
    const int32_t index = is_input ? op->inputs[i] : op->outputs[i - (size_t)op->input_count];
    if (index < 0) continue;
    ln_tensor *t = &out->tensors[i];
    const ln_fact *fact = &e->facts[index];
    out->pointers[i] = t;
    *t = graph->tensors[index];
    if (!is_input || fact->constant) continue;
    t->shape = t->signature = fact->shape[which];
    if (fact->value[which] == NULL || !ln_tensor_size(t->type, &t->shape, &t->bytes)) continue;
    t->data = (void *)(uintptr_t)fact->value[which];
    t->storage = LN_STORAGE_CONST;
  }
  out->node = (ln_node){.op = op,
                        .in = out->pointers,
                        .in_count = op->input_count,
                        .out = out->pointers + op->input_count,
                        .out_count = op->output_count,
                        .tensors = graph->tensors,
                        .tensor_count = graph->tensor_count};
  return true;
}

static void close_probe(probe *p) {
  for (int32_t i = 0; p->tensors != NULL && i < p->node.out_count; ++i) {
    if (p->node.out[i]->storage == LN_STORAGE_HEAP) ln_free(p->node.out[i]->data);
  }
  ln_free(p->tensors);
  ln_free(p->pointers);
}

/* ---- values ---- */

static bool computable(const ln_emit *e, const ln_op *op) {
  if (e->without_fold || op->def->run == NULL || (op->def->flags & (LN_OPF_STATEFUL | LN_OPF_KEEPS_ARGS)) != 0)
    return false;
  if (op->input_count == 0 || op->custom_name != NULL || ln_op_each_graph(op, ln_import_refuse_graph, NULL) != LN_OK)
    return false;
  for (int32_t i = 0; i < op->output_count; ++i) {
    if (ln_type_bits(ln_emit_graph(e)->tensors[op->outputs[i]].type) < 8) return false;
  }
  return true;
}

static bool all_known(const ln_emit *e, const ln_op *op, int32_t which, bool *constant) {
  *constant = true;
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (op->inputs[i] < 0) continue;
    const ln_fact *fact = &e->facts[op->inputs[i]];
    if (fact->value[which] == NULL || ln_emit_graph(e)->tensors[op->inputs[i]].type == LN_STRING) return false;
    *constant = *constant && fact->constant;
  }
  return true;
}

/* Whether outputs may be kept: constants within what the passes of the runtime may make, others while they are small.
 */
static bool may_keep(ln_import *import, const probe *p, bool constant) {
  size_t total = 0, limit;
  for (int32_t i = 0; i < p->node.out_count; ++i) {
    size_t bytes;
    if (!ln_tensor_size(p->node.out[i]->type, &p->node.out[i]->shape, &bytes) || !ln_size_add(total, bytes, &total))
      return false;
  }
  if (!constant) return total <= MOST_KNOWN;
  if (!ln_size_mul(import->source->map.size, 16, &limit) || !ln_size_add(limit, (size_t)256 << 20, &limit))
    return false;
  if (!ln_size_add(import->folded, total, &total) || total > limit) return false;
  import->folded = total;
  return true;
}

/* SHAPE and RANK want no data. */
static bool evaluate_shape(const ln_emit *e, const ln_op *op, int32_t which, ln_fact *fact) {
  const ln_shape *shape = &e->facts[op->inputs[0]].shape[which];
  const bool wide = ln_emit_graph(e)->tensors[op->outputs[0]].type == LN_INT64;
  int64_t values[LN_MAX_RANK + 1] = {shape->rank};
  int32_t narrow[LN_MAX_RANK + 1];
  const int32_t count = op->def->code == LN_OP_RANK ? 1 : shape->rank;
  for (int32_t i = 0; op->def->code == LN_OP_SHAPE && i < count; ++i) values[i] = shape->dims[i];
  for (int32_t i = 0; i < count; ++i) narrow[i] = (int32_t)values[i];
  const void *from = wide ? (const void *)values : narrow;
  fact->value[which] = ln_arena_copy(ln_emit_arena(e), from, (size_t)(count > 0 ? count : 1) * (wide ? 8 : 4));
  return fact->value[which] != NULL;
}

/* Only a lack of memory is an error: an operator that cannot be computed now stays one. */
static bool evaluate(ln_emit *e, const ln_op *op, int32_t which, bool constant, ln_fact *facts) {
  probe p;
  bool good = open_probe(e, op, which, &p);
  if (good && op->def->infer(&p.node, NULL) == LN_OK && may_keep(e->import, &p, constant) &&
      ln_node_evaluate(&p.node, NULL) == LN_OK) {
    for (int32_t i = 0; good && i < op->output_count; ++i) {
      ln_tensor *out = p.node.out[i];
      const bool owned = out->storage == LN_STORAGE_HEAP;
      out->storage = LN_STORAGE_NONE; /* the arena's now, whatever comes of it */
      facts[i].value[which] = owned ? ln_arena_adopt(ln_emit_arena(e), out->data, out->bytes)
                                    : ln_arena_copy(ln_emit_arena(e), out->data, out->bytes);
      good = facts[i].value[which] != NULL;
    }
  }
  close_probe(&p);
  return good;
}

static bool find_values(ln_emit *e, const ln_op *op, ln_fact *facts) {
  bool constant = false;
  if (!e->without_fold && (op->def->code == LN_OP_SHAPE || op->def->code == LN_OP_RANK)) {
    return evaluate_shape(e, op, 0, facts) && evaluate_shape(e, op, 1, facts);
  }
  if (!computable(e, op)) return true;
  for (int32_t which = 0; which < 2; ++which) {
    if (!all_known(e, op, which, &constant)) continue;
    if (!evaluate(e, op, which, constant, facts)) return false;
    if (!constant) continue;
    for (int32_t i = 0; i < op->output_count; ++i) facts[i].value[1] = facts[i].value[0];
    break;
  }
  return true;
}

/* ---- shapes that hang on data ---- */

static int32_t value_count(const ln_emit *e, const ln_op *op, int32_t index) {
  const ln_shape *shape = &e->facts[op->inputs[index]].shape[0];
  return shape->rank == 1 ? shape->dims[0] : shape->rank == 0 ? 1 : -1;
}

/* The rank of an output that only the run can shape, as the operator has it; -1: not known. */
static int32_t late_rank(const ln_emit *e, const ln_op *op) {
  const int32_t rank = op->input_count > 0 && op->inputs[0] >= 0 ? e->facts[op->inputs[0]].shape[0].rank : 0;
  switch (op->def->code) {
    case LN_OP_RESHAPE:
    case LN_OP_BROADCAST_TO: return value_count(e, op, 1);
    case LN_OP_FILL:
    case LN_OP_SPARSE_TO_DENSE: return value_count(e, op, op->def->code == LN_OP_FILL ? 0 : 1);
    case LN_OP_SCATTER_ND: return value_count(e, op, 2);
    case LN_OP_TRANSPOSE_CONV:
    case LN_OP_CONV_3D_TRANSPOSE: return value_count(e, op, 0);
    case LN_OP_WHERE: return 2;
    case LN_OP_UNIQUE:
    case LN_OP_RANGE: return 1;
    case LN_OP_EXPAND_DIMS:
    case LN_OP_ONE_HOT: return rank + 1;
    case LN_OP_STRIDED_SLICE: {
      const ln_strided_slice_options *o = op->options;
      return rank - __builtin_popcount((unsigned)o->shrink_axis_mask) + __builtin_popcount((unsigned)o->new_axis_mask);
    }
    case LN_OP_SUM:
    case LN_OP_MEAN:
    case LN_OP_REDUCE_PROD:
    case LN_OP_REDUCE_MAX:
    case LN_OP_REDUCE_MIN:
    case LN_OP_REDUCE_ANY:
    case LN_OP_REDUCE_ALL:
      return ((const ln_reducer_options *)op->options)->keep_dims ? rank
             : value_count(e, op, 1) < 0                          ? -1
                                                                  : rank - value_count(e, op, 1);
    case LN_OP_NON_MAX_SUPPRESSION_V4:
    case LN_OP_NON_MAX_SUPPRESSION_V5: return 1;
    default: return rank;
  }
}

/* The last output of those that choose boxes is how many there are. */
static bool is_count(const ln_op *op, int32_t output) {
  const int32_t code = op->def->code;
  return (code == LN_OP_NON_MAX_SUPPRESSION_V4 || code == LN_OP_NON_MAX_SUPPRESSION_V5) &&
         output == op->output_count - 1;
}

/* Keeps the dimensions that the operator cannot change. */
static void guess(ln_emit *e, const ln_op *op, int32_t output, ln_fact *fact) {
  int32_t dims[LN_MAX_RANK] = {0};
  const int32_t rank = late_rank(e, op);
  if (rank < 0 || rank > LN_MAX_RANK) {
    ln_emit_refuse(e, "how many dimensions %s gives is known only in the run", op->def->name);
    return;
  }
  for (int32_t i = 0; i < rank; ++i) dims[i] = -1;
  if (op->def->code == LN_OP_WHERE) dims[1] = e->facts[op->inputs[0]].shape[0].rank;
  if (is_count(op, output)) {
    *fact = ln_emit_fact(e, 0, dims);
    return;
  }
  *fact = ln_emit_fact(e, rank, dims);
  const bool keeps = op->def->code == LN_OP_TOPK_V2 || op->def->code == LN_OP_RESIZE_BILINEAR ||
                     op->def->code == LN_OP_RESIZE_NEAREST_NEIGHBOR;
  if (!keeps) return;
  for (int32_t i = 0; i < rank; ++i) {
    const bool changes = op->def->code == LN_OP_TOPK_V2 ? i == rank - 1 : i == 1 || i == 2;
    for (int32_t p = 0; p < 2 && !changes; ++p) fact->shape[p].dims[i] = e->facts[op->inputs[0]].shape[p].dims[i];
  }
}

/* Joins dimension `axis` from the end of an input with what others have there; false where they cannot fit. */
static bool join_dim(const ln_fact *fact, int32_t axis, int32_t *sizes, bool *open) {
  const int32_t at = fact->shape[0].rank - 1 - axis;
  if (at < 0) return true;
  const int32_t a = fact->shape[0].dims[at], b = fact->shape[1].dims[at];
  if ((a == 1 && b == 1) || (a == sizes[0] && b == sizes[1])) return true;
  const bool is_fixed = a == b, was_fixed = sizes[0] == sizes[1];
  if (is_fixed && was_fixed && sizes[0] != 1) return false;
  if (!is_fixed && !was_fixed) *open = true;
  if (!is_fixed && was_fixed && sizes[0] != 1) return true;
  sizes[0] = a;
  sizes[1] = b;
  return true;
}

/* Parts of an open dimension: each of a size of its own, which is open, too. */
static bool may_split(ln_emit *e, const ln_op *op, ln_fact *out) {
  int32_t dims[LN_MAX_RANK], axis;
  const int32_t *where = op->def->code == LN_OP_SPLIT ? e->facts[op->inputs[0]].value[0] : NULL;
  if (where == NULL) return false;
  const ln_fact *in = &e->facts[op->inputs[1]];
  if (!ln_axis_normalize(*where, in->shape[0].rank, &axis)) return false;
  if (in->shape[0].dims[axis] == in->shape[1].dims[axis]) return false;
  for (int32_t i = 0; i < in->shape[0].rank; ++i) dims[i] = i == axis ? -1 : in->shape[0].dims[i];
  const ln_fact made = ln_emit_fact(e, in->shape[0].rank, dims);
  for (int32_t i = 0; i < op->output_count; ++i) {
    out[i] = e->facts[op->inputs[1]];
    out[i].value[0] = out[i].value[1] = NULL;
    out[i].constant = false;
    for (int32_t p = 0; p < 2; ++p) out[i].shape[p].dims[axis] = made.shape[p].dims[axis];
  }
  return !ln_emit_failed(e);
}

/* Dimensions beside the axis that differ but are open are taken to be the same. */
static bool may_concatenate(const ln_emit *e, const ln_op *op, ln_fact *out) {
  int32_t axis;
  if (op->def->code != LN_OP_CONCATENATION) return false;
  *out = (ln_fact){.shape = {e->facts[op->inputs[0]].shape[0], e->facts[op->inputs[0]].shape[1]}};
  const ln_concatenation_options *options = op->options;
  if (!ln_axis_normalize(options->axis, out->shape[0].rank, &axis)) return false;
  for (int32_t i = 1; i < op->input_count; ++i) {
    const ln_fact *in = &e->facts[op->inputs[i]];
    if (in->shape[0].rank != out->shape[0].rank) return false;
    for (int32_t d = 0; d < out->shape[0].rank; ++d) {
      int32_t *a[2] = {&out->shape[0].dims[d], &out->shape[1].dims[d]};
      const int32_t b[2] = {in->shape[0].dims[d], in->shape[1].dims[d]};
      const bool same = *a[0] == b[0] && *a[1] == b[1], was_fixed = *a[0] == *a[1], is_fixed = b[0] == b[1];
      if (d != axis && !same && was_fixed && is_fixed) return false;
      for (int32_t p = 0; p < 2; ++p) {
        if (d == axis && b[p] > INT32_MAX - *a[p]) return false;
        if (d == axis) *a[p] += b[p];
        else if (is_fixed) *a[p] = b[p];
      }
    }
  }
  return true;
}

/* Open dimensions that differ here may be the same in the run, or one of them 1: what they broadcast to is open. */
static bool may_broadcast(ln_emit *e, const ln_op *op, ln_fact *out) {
  int32_t rank = 0, sizes[LN_MAX_RANK][2], dims[LN_MAX_RANK];
  if (op->def->infer != ln_infer_broadcast && op->def->code != LN_OP_SELECT_V2) return false;
  for (int32_t i = 0; i < op->input_count; ++i) {
    const ln_shape *shape = &e->facts[op->inputs[i]].shape[0];
    if (shape->rank > rank) rank = shape->rank;
  }
  for (int32_t axis = 0; axis < rank; ++axis) {
    bool open = false;
    const int32_t at = rank - 1 - axis;
    sizes[at][0] = sizes[at][1] = 1;
    for (int32_t i = 0; i < op->input_count; ++i) {
      if (!join_dim(&e->facts[op->inputs[i]], axis, sizes[at], &open)) return false;
    }
    dims[at] = open && sizes[at][0] != sizes[at][1] ? -1 : sizes[at][0];
  }
  *out = ln_emit_fact(e, rank, dims);
  for (int32_t i = 0; i < rank; ++i) {
    for (int32_t p = 0; p < 2 && dims[i] >= 0; ++p) out->shape[p].dims[i] = sizes[i][p];
  }
  return !ln_emit_failed(e);
}

static bool find_shapes(ln_emit *e, const ln_op *op, ln_fact *facts) {
  ln_error said = {LN_OK, ""};
  bool late = false;
  for (int32_t which = 0; which < 2; ++which) {
    probe p;
    if (!open_probe(e, op, which, &p)) {
      close_probe(&p);
      ln_import_no_memory(e->import);
      return false;
    }
    const ln_status status = op->def->infer(&p.node, &said);
    if ((int)status == (int)LN_INFER_LATER || (int)status == (int)LN_INFER_IN_RUN) late = true;
    for (int32_t i = 0; i < op->output_count; ++i) facts[i].shape[which] = p.node.out[i]->shape;
    close_probe(&p);
    if (late) break;
    if (status == LN_OK || late) continue;
    if (may_broadcast(e, op, facts) || may_split(e, op, facts) || may_concatenate(e, op, facts)) return true;
    ln_emit_say(e, status, said.message);
    return false;
  }
  for (int32_t i = 0; late && i < op->output_count && !ln_emit_failed(e); ++i) guess(e, op, i, &facts[i]);
  return !ln_emit_failed(e);
}

bool ln_emit_infer(ln_emit *e, const ln_op *op, ln_fact *facts) {
  if (op->input_count > MOST_OPERANDS * 16) {
    ln_emit_refuse(e, "it has %d inputs", op->input_count);
    return false;
  }
  if (!find_shapes(e, op, facts)) return false;
  if (!find_values(e, op, facts)) {
    ln_import_no_memory(e->import);
    return false;
  }
  return true;
}

/*
 * Transposes that only undo one another, with reshapes between them, become a reshape of what they began with, which
 * moves nothing; two that undo one another directly leave their source itself. A transpose of the last two dimensions
 * before a BATCH_MATMUL becomes its adj_y. The elements are the same in the same order.
 *
 * A tensor is followed back through such operators as a view of its source: dimensions and strides, outermost first.
 * Rewrites that depend on extents want a reshape to a constant shape on the way, so that the model cannot be resized
 * there in any case.
 */
#include <string.h>

#include "passes/rewrite.h"

enum { MOST_STEPS = 8 };

typedef struct view {
  int32_t rank;
  int64_t dims[LN_MAX_RANK], strides[LN_MAX_RANK];
} view;

typedef struct search {
  ln_graph *graph;
  const int32_t *producers;
  int32_t *uses;
  ln_arena *arena;
} search;

static bool is_static(const ln_tensor *tensor) {
  return !tensor->is_variable && ln_shape_known(&tensor->shape) && ln_shape_equal(&tensor->shape, &tensor->signature);
}

static view plain_view(const ln_shape *shape) {
  view v = {.rank = shape->rank};
  int64_t stride = 1;
  for (int32_t i = shape->rank - 1; i >= 0; --i) {
    v.dims[i] = shape->dims[i];
    v.strides[i] = stride;
    stride *= shape->dims[i]; /* bounded: elements of a static tensor, checked by is_small */
  }
  return v;
}

/* Whether elements can be counted in 31 bits, none of them missing. */
static bool is_small(const ln_shape *shape) {
  size_t elements;
  return ln_shape_elements(shape, &elements) && elements > 0 && elements <= INT32_MAX;
}

static bool permute(view *v, const ln_tensor *permutation) {
  int64_t axes[LN_MAX_RANK];
  int32_t count = 0;
  bool seen[LN_MAX_RANK] = {false};
  view out = {.rank = v->rank};
  if (!ln_tensor_const_data(permutation) || !ln_tensor_ints(permutation, axes, LN_MAX_RANK, &count)) return false;
  if (count != v->rank) return false;
  for (int32_t i = 0; i < count; ++i) {
    int32_t axis;
    if (!ln_axis_normalize(axes[i], v->rank, &axis) || seen[axis]) return false;
    seen[axis] = true;
    out.dims[i] = v->dims[axis];
    out.strides[i] = v->strides[axis];
  }
  *v = out;
  return true;
}

/* Splits and joins dimensions where that needs no copy: runs of old and new dimensions of one product each. */
static bool reshape(view *v, const ln_shape *shape) {
  view old = {0}, out = {.rank = shape->rank};
  for (int32_t i = 0; i < v->rank; ++i) {
    if (v->dims[i] == 1) continue;
    old.dims[old.rank] = v->dims[i];
    old.strides[old.rank++] = v->strides[i];
  }
  int32_t at = 0, to = 0;
  while (to < shape->rank) {
    int64_t old_product = 1, new_product = shape->dims[to];
    int32_t old_end = at, new_end = to + 1;
    while (old_product != new_product) {
      if (old_product < new_product) {
        if (old_end == old.rank) return false;
        old_product *= old.dims[old_end++];
      } else {
        if (new_end == shape->rank) return false;
        new_product *= shape->dims[new_end++];
      }
    }
    for (int32_t i = at; i + 1 < old_end; ++i) {
      if (old.strides[i] != old.strides[i + 1] * old.dims[i + 1]) return false;
    }
    int64_t stride = old_end > at ? old.strides[old_end - 1] : 1;
    for (int32_t i = new_end - 1; i >= to; --i) {
      out.dims[i] = shape->dims[i];
      out.strides[i] = stride;
      stride *= shape->dims[i];
    }
    at = old_end;
    to = new_end;
  }
  if (at != old.rank) return false;
  *v = out;
  return true;
}

static bool is_plain(const view *v) {
  int64_t stride = 1;
  for (int32_t i = v->rank - 1; i >= 0; --i) {
    if (v->dims[i] != 1 && v->strides[i] != stride) return false;
    stride *= v->dims[i];
  }
  return true;
}

static bool to_constant_shape(const ln_graph *graph, const ln_op *op) {
  if (!ln_op_is(op, LN_OP_RESHAPE)) return false;
  const ln_tensor *shape = ln_op_input_tensor(graph, op, 1);
  return shape == NULL || ln_tensor_const_data(shape);
}

/* The operators that tensor `index` came through, the last one first; transposes and reshapes of static shapes. */
static int32_t way_back(const search *s, int32_t index, const ln_op *way[MOST_STEPS]) {
  int32_t count = 0;
  while (count < MOST_STEPS && s->producers[index] >= 0) {
    const ln_op *op = &s->graph->ops[s->producers[index]];
    const bool moves = ln_op_is(op, LN_OP_TRANSPOSE) || to_constant_shape(s->graph, op);
    if (!moves || op->inputs[0] < 0 || !is_static(&s->graph->tensors[op->inputs[0]]) ||
        !is_static(&s->graph->tensors[index]) || !is_small(&s->graph->tensors[index].shape)) {
      break;
    }
    way[count++] = op;
    index = op->inputs[0];
  }
  return count;
}

/* The view that the first `count` operators of a way make of their source; false where it has none. */
static bool view_of(const search *s, const ln_op *const *way, int32_t count, view *v, bool *fixed) {
  const ln_shape *source = &s->graph->tensors[way[count - 1]->inputs[0]].shape;
  if (!is_small(source)) return false;
  *v = plain_view(source);
  *fixed = false;
  for (int32_t i = count - 1; i >= 0; --i) {
    const ln_tensor *out = &s->graph->tensors[way[i]->outputs[0]];
    if (ln_op_is(way[i], LN_OP_TRANSPOSE)) {
      const ln_tensor *permutation = ln_op_input_tensor(s->graph, way[i], 1);
      if (permutation == NULL || !permute(v, permutation)) return false;
    } else if (!reshape(v, &out->shape)) {
      return false;
    }
    *fixed = *fixed || ln_op_is(way[i], LN_OP_RESHAPE);
    if (v->rank != out->shape.rank) return false;
    for (int32_t d = 0; d < v->rank; ++d) {
      if (v->dims[d] != out->shape.dims[d]) return false;
    }
  }
  return true;
}

/* A reader goes from one tensor to another. */
static void move_reader(const search *s, int32_t *input, int32_t to) {
  --s->uses[*input];
  ++s->uses[to];
  *input = to;
}

/* Makes `op` a reshape of `source` to `shape`. */
static bool make_reshape(const search *s, ln_op *op, int32_t source, const ln_shape *shape) {
  const ln_op_def *def = ln_op_find(LN_OP_RESHAPE);
  int32_t *inputs = ln_arena_array(s->arena, 2, sizeof *inputs);
  void *options = ln_arena_alloc(s->arena, ln_schema_table(LN_TABLE_reshape_options)->struct_size);
  ln_tensor like = {.name = "shape", .type = LN_INT32, .quant = &ln_quant_none, .storage = LN_STORAGE_CONST};
  like.shape = like.signature = ln_shape_make(1, &shape->rank);
  like.bytes = (size_t)shape->rank * sizeof(int32_t);
  like.data = ln_arena_copy(s->arena, shape->dims, like.bytes);
  if (inputs == NULL || options == NULL || like.data == NULL) return false;
  inputs[1] = ln_graph_add_tensor(s->graph, s->arena, &like);
  if (inputs[1] < 0) return false;
  inputs[0] = op->inputs[0];
  move_reader(s, &inputs[0], source);
  ln_schema_set_defaults(LN_TABLE_reshape_options, options);
  op->def = def;
  op->options = options;
  op->options_table = LN_TABLE_reshape_options;
  op->inputs = inputs;
  op->input_count = 2;
  return true;
}

/* A transpose that moves nothing, seen from the farthest source for which that is so. */
static ln_status cancel(ln_pass_context *context, const search *s, ln_op *op) {
  const ln_op *way[MOST_STEPS];
  view v;
  bool fixed;
  for (int32_t count = way_back(s, op->outputs[0], way); count > 0; --count) {
    const int32_t source = way[count - 1]->inputs[0];
    if (!view_of(s, way, count, &v, &fixed) || !is_plain(&v) || !fixed) continue;
    if (!ln_same_quantization(&s->graph->tensors[source], &s->graph->tensors[op->outputs[0]])) continue;
    const ln_shape shape = s->graph->tensors[op->outputs[0]].shape;
    if (!make_reshape(s, op, source, &shape)) return ln_pass_out_of_memory(context, "cancel_transposes");
    ++context->changes;
    return LN_OK;
  }
  return LN_OK;
}

/* The source of two transposes of which one undoes the other, whatever the extents; -1 for others. */
static int32_t undone_source(const search *s, const ln_op *op) {
  static const int32_t distinct[LN_MAX_RANK] = {2, 3, 5, 7, 11, 13, 17, 19};
  const int32_t between = op->inputs[0];
  if (between < 0 || s->producers[between] < 0) return -1;
  const ln_op *first = &s->graph->ops[s->producers[between]];
  const ln_tensor *a = ln_op_input_tensor(s->graph, op, 1);
  const ln_tensor *b = ln_op_is(first, LN_OP_TRANSPOSE) ? ln_op_input_tensor(s->graph, first, 1) : NULL;
  if (a == NULL || b == NULL || first->inputs[0] < 0 || s->graph->tensors[first->inputs[0]].is_variable) return -1;
  const ln_shape shape = ln_shape_make(s->graph->tensors[first->inputs[0]].shape.rank, distinct);
  view v = plain_view(&shape);
  const bool same = ln_same_quantization(&s->graph->tensors[first->inputs[0]], &s->graph->tensors[op->outputs[0]]);
  return same && permute(&v, b) && permute(&v, a) && is_plain(&v) ? first->inputs[0] : -1;
}

/* y of a product of batches, its last two dimensions exchanged on the way: read as it lay before. */
static ln_status absorb(ln_pass_context *context, const search *s, ln_op *product) {
  const ln_op *way[MOST_STEPS];
  view v;
  bool fixed;
  const int32_t y = product->inputs[1];
  if (y < 0 || s->uses[y] != 1 || s->graph->tensors[y].type != LN_FLOAT32) return LN_OK;
  for (int32_t count = way_back(s, y, way); count > 0; --count) {
    if (!view_of(s, way, count, &v, &fixed) || !fixed || v.rank < 2 || is_plain(&v)) continue;
    ln_shape shape = s->graph->tensors[y].shape;
    const int32_t last = v.rank - 1;
    const int64_t dim = v.dims[last], stride = v.strides[last];
    v.dims[last] = v.dims[last - 1];
    v.strides[last] = v.strides[last - 1];
    v.dims[last - 1] = dim;
    v.strides[last - 1] = stride;
    if (!is_plain(&v)) continue;
    shape.dims[last] = (int32_t)v.dims[last];
    shape.dims[last - 1] = (int32_t)v.dims[last - 1];
    ln_tensor exchanged = s->graph->tensors[y];
    exchanged.shape = exchanged.signature = shape;
    ln_op *maker = &s->graph->ops[s->producers[y]]; /* nobody else reads what it makes */
    const int32_t made = ln_graph_add_tensor(s->graph, s->arena, &exchanged);
    if (made < 0 || !make_reshape(s, maker, way[count - 1]->inputs[0], &shape))
      return ln_pass_out_of_memory(context, "cancel_transposes");
    maker->outputs[0] = made;
    product->inputs[1] = made;
    ln_batch_mat_mul_options *options = (ln_batch_mat_mul_options *)(uintptr_t)product->options; /* the graph's own */
    options->adj_y = !options->adj_y;
    ++context->changes;
    return LN_OK;
  }
  return LN_OK;
}

ln_status ln_pass_cancel_transposes(ln_pass_context *context) {
  ln_graph *graph = context->graph;
  if (LN_OP_TYPES(TRANSPOSE) == 0 || ln_op_find(LN_OP_RESHAPE) == NULL) return LN_OK; /* left out of this build */
  const search s = {graph, ln_graph_producers(graph, context->arena), ln_graph_count_uses(graph, context->arena),
                    context->arena};
  int32_t *instead = ln_arena_array(context->arena, (size_t)graph->tensor_count, sizeof *instead);
  if (s.producers == NULL || s.uses == NULL || instead == NULL)
    return ln_pass_out_of_memory(context, "cancel_transposes");
  for (int32_t i = 0; i < graph->tensor_count; ++i) instead[i] = i;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] >= 0) move_reader(&s, &op->inputs[j], instead[op->inputs[j]]);
    }
    /* `producers` and `uses` do not know the tensors that rewrites add: products read them, and nothing follows. */
    if (ln_op_is(op, LN_OP_TRANSPOSE) && op->input_count == 2) {
      const int32_t source = undone_source(&s, op);
      if (source < 0) LN_TRY(cancel(context, &s, op));
      else instead[op->outputs[0]] = source; /* a graph output keeps its operator: only readers move */
      context->changes += source >= 0;
    } else if (ln_op_is(op, LN_OP_BATCH_MATMUL) && op->input_count == 2) {
      LN_TRY(absorb(context, &s, op));
    }
  }
  return LN_OK;
}

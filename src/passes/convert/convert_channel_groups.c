/*
 * Normalization over groups of channels, written on [n, groups, all the rest], is done on [n, groups, channels, ...]:
 * the same elements under more dimensions, which the layout pass can then keep channels last.
 */
#include <string.h>

#include "passes/convert/layout/layout.h"

enum { MOST_TENSORS = 32 };

typedef struct region {
  int32_t at;           /* the reshape that it begins with */
  int32_t source;       /* [n, c, ...] */
  int32_t groups, each; /* channels of a group */
  int32_t tensors[MOST_TENSORS];
  bool whole[MOST_TENSORS]; /* [n, groups, rest]; else [n, groups, 1] */
  int32_t count;
  int32_t ops[MOST_TENSORS], op_count;
} region;

typedef struct search {
  ln_rewriter *r;
  const ln_sizes *sizes;
} search;

static bool same_under_all(const ln_sizes *sizes, int32_t a, int32_t b) {
  for (int32_t probe = 0; probe < 2; ++probe) {
    const ln_shape *x = ln_sizes_of(sizes, probe, a), *y = ln_sizes_of(sizes, probe, b);
    if (x == NULL || y == NULL || !ln_shape_equal(x, y)) return false;
  }
  return true;
}

/* [n, c, ...] as [n, groups, rest] under both assignments of open dimensions. */
static bool opens(const search *s, int32_t at, region *g) {
  const ln_op *op = &s->r->graph->ops[at];
  if (!ln_op_is(op, LN_OP_RESHAPE) || op->inputs[0] < 0) return false;
  const ln_shape *in = &s->r->graph->tensors[op->inputs[0]].signature;
  const ln_shape *out = &s->r->graph->tensors[op->outputs[0]].signature;
  if (in->rank < 3 || in->rank > 5 || out->rank != 3 || in->dims[1] < 2 || out->dims[1] < 1) return false;
  if (in->dims[1] % out->dims[1] != 0 || s->r->graph->tensors[op->inputs[0]].type != LN_FLOAT32) return false;
  *g = (region){.at = at, .source = op->inputs[0], .groups = out->dims[1], .each = in->dims[1] / out->dims[1]};
  for (int32_t probe = 0; probe < 2; ++probe) {
    const ln_shape *a = ln_sizes_of(s->sizes, probe, op->inputs[0]), *b = ln_sizes_of(s->sizes, probe, op->outputs[0]);
    if (a == NULL || b == NULL || a->rank != in->rank || b->rank != 3 || a->dims[0] != b->dims[0]) return false;
    if ((size_t)b->dims[2] != ln_shape_span(a, 2, a->rank) * (size_t)g->each || b->dims[1] != g->groups) return false;
  }
  return true;
}

static int32_t place_of(const region *g, int32_t tensor) {
  for (int32_t i = 0; i < g->count; ++i) {
    if (g->tensors[i] == tensor) return i;
  }
  return -1;
}

static bool add(const search *s, region *g, int32_t tensor, bool whole) {
  if (place_of(g, tensor) >= 0) return true;
  if (g->count == MOST_TENSORS || s->r->graph->tensors[tensor].signature.rank != 3 ||
      ln_rewriter_is_output(s->r, tensor)) {
    return false;
  }
  g->tensors[g->count] = tensor;
  g->whole[g->count++] = whole;
  return true;
}

static bool is_each(const ln_op *op) {
  switch (op->def->code) {
    case LN_OP_ADD:
    case LN_OP_SUB:
    case LN_OP_MUL:
    case LN_OP_DIV:
    case LN_OP_SQUARED_DIFFERENCE:
    case LN_OP_MAXIMUM:
    case LN_OP_MINIMUM:
    case LN_OP_SQUARE:
    case LN_OP_SQRT:
    case LN_OP_RSQRT:
    case LN_OP_ABS:
    case LN_OP_NEG:
    case LN_OP_RELU: return true;
    default: return false;
  }
}

static bool is_reduction(const ln_op *op) {
  return ln_op_is(op, LN_OP_MEAN) || ln_op_is(op, LN_OP_SUM) || ln_op_is(op, LN_OP_REDUCE_MAX);
}

/* Constants that stay as they are, or get ones behind them. */
static bool is_fitting_constant(const ln_tensor *tensor) {
  return ln_is_plain_constant(tensor) &&
         (tensor->shape.rank == 0 || (tensor->shape.rank <= 3 && tensor->shape.dims[tensor->shape.rank - 1] == 1));
}

static bool take_each(const search *s, region *g, const ln_op *op) {
  bool whole = false;
  for (int32_t j = 0; j < op->input_count; ++j) {
    const int32_t place = op->inputs[j] < 0 ? -1 : place_of(g, op->inputs[j]);
    if (op->inputs[j] < 0 || (place < 0 && !is_fitting_constant(&s->r->graph->tensors[op->inputs[j]]))) return false;
    whole = whole || (place >= 0 && g->whole[place]);
  }
  return add(s, g, op->outputs[0], whole);
}

static bool take_reduction(const search *s, region *g, const ln_op *op) {
  int64_t axis;
  int32_t count = 0, plain;
  const int32_t place = place_of(g, op->inputs[0]);
  const ln_tensor *axes = ln_op_input_tensor(s->r->graph, op, 1);
  if (place < 0 || !g->whole[place] || !((const ln_reducer_options *)op->options)->keep_dims) return false;
  if (axes == NULL || !ln_tensor_const_data(axes) || !ln_tensor_ints(axes, &axis, 1, &count) || count != 1)
    return false;
  return ln_axis_normalize(axis, 3, &plain) && plain == 2 && add(s, g, op->outputs[0], false);
}

static bool reads(const region *g, const ln_op *op) {
  for (int32_t j = 0; j < op->input_count; ++j) {
    if (op->inputs[j] >= 0 && place_of(g, op->inputs[j]) >= 0) return true;
  }
  return false;
}

/* Operators stand in an order that can be run: one walk finds all that hang on the reshape. */
static bool collect(const search *s, region *g) {
  const ln_graph *graph = s->r->graph;
  bool reduces = false;
  if (!add(s, g, graph->ops[g->at].outputs[0], true)) return false;
  for (int32_t i = g->at + 1; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    if (s->r->drop[i] || !reads(g, op)) continue;
    if (ln_op_is(op, LN_OP_RESHAPE)) { /* back to what it was */
      const int32_t place = place_of(g, op->inputs[0]);
      if (place < 0 || !g->whole[place] || !same_under_all(s->sizes, op->outputs[0], g->source)) return false;
      continue;
    }
    if (op->output_count != 1 || g->op_count == MOST_TENSORS) return false;
    if (!(is_each(op) ? take_each(s, g, op) : is_reduction(op) && take_reduction(s, g, op))) return false;
    reduces = reduces || is_reduction(op);
    g->ops[g->op_count++] = i;
  }
  return reduces;
}

/* ---- more dimensions ---- */

/* The shape of the whole as a tensor, computed where more than one dimension is open. */
static int32_t shape_tensor(ln_rewriter *r, const region *g, const ln_shape *whole) {
  int32_t open = 0;
  for (int32_t i = 0; i < whole->rank; ++i) open += whole->dims[i] < 0;
  if (open <= 1) return ln_rewriter_ints(r, "shape", whole->rank, whole->dims);
  const ln_op from = r->graph->ops[g->at];
  const int32_t rank = whole->rank - 1, zero = 0, one = 1, two = 2, rest = rank - 2;
  const ln_shape all = ln_shape_make(1, &rank), first = ln_shape_make(1, &one), last = ln_shape_make(1, &rest);
  const ln_shape made = ln_shape_make(1, &whole->rank);
  const int32_t sizes = ln_rewriter_tensor(r, "sizes", LN_INT32, &all, &ln_quant_none);
  const int32_t batch = ln_rewriter_tensor(r, "batch", LN_INT32, &first, &ln_quant_none);
  const int32_t spatial = ln_rewriter_tensor(r, "spatial", LN_INT32, &last, &ln_quant_none);
  const int32_t out = ln_rewriter_tensor(r, "shape", LN_INT32, &made, &ln_quant_none);
  const int32_t channels = ln_rewriter_ints(r, "channels", 2, (const int32_t[]){g->groups, g->each});
  const ln_shape_options int32 = {.out_type = LN_INT32};
  ln_rewriter_op(r, LN_OP_SHAPE, &int32, 1, &g->source, 1, &sizes, &from);
  const int32_t in0[] = {sizes, ln_rewriter_ints(r, "begin", 1, &zero), ln_rewriter_ints(r, "size", 1, &one)};
  ln_rewriter_op(r, LN_OP_SLICE, NULL, 3, in0, 1, &batch, &from);
  const int32_t in1[] = {sizes, ln_rewriter_ints(r, "begin", 1, &two), ln_rewriter_ints(r, "size", 1, &rest)};
  ln_rewriter_op(r, LN_OP_SLICE, NULL, 3, in1, 1, &spatial, &from);
  ln_rewriter_op(r, LN_OP_CONCATENATION, NULL, 3, (const int32_t[]){batch, channels, spatial}, 1, &out, &from);
  return out;
}

static void widen_constants(ln_rewriter *r, int32_t at, const region *g, int32_t more) {
  for (int32_t j = 0; j < r->graph->ops[at].input_count; ++j) {
    const int32_t tensor = r->graph->ops[at].inputs[j];
    const ln_tensor old = r->graph->tensors[tensor];
    if (place_of(g, tensor) >= 0 || old.shape.rank == 0) continue;
    ln_shape shape = old.shape;
    for (int32_t i = 0; i < more; ++i) shape.dims[shape.rank++] = 1;
    const int32_t made = ln_rewriter_constant(r, old.name, old.type, &shape, old.data);
    if (made >= 0) r->graph->ops[at].inputs[j] = made;
  }
}

static bool rewrite(ln_rewriter *r, const region *g) {
  const ln_shape in = r->graph->tensors[g->source].signature;
  ln_shape whole = {.rank = in.rank + 1, .dims = {in.dims[0], g->groups, g->each}}, small = whole;
  for (int32_t i = 2; i < in.rank; ++i) whole.dims[i + 1] = in.dims[i];
  for (int32_t i = 2; i < small.rank; ++i) small.dims[i] = 1;
  int32_t axes[LN_MAX_RANK];
  for (int32_t i = 2; i < whole.rank; ++i) axes[i - 2] = i;
  const int32_t reduced = ln_rewriter_ints(r, "axes", whole.rank - 2, axes), wanted = shape_tensor(r, g, &whole);
  const int32_t out = r->graph->ops[g->at].outputs[0];
  const ln_op from = r->graph->ops[g->at];
  if (reduced < 0 || wanted < 0) return false;
  for (int32_t i = 0; i < g->count; ++i)
    ln_rewriter_set_shape(&r->graph->tensors[g->tensors[i]], g->whole[i] ? &whole : &small);
  ln_rewriter_op(r, LN_OP_RESHAPE, NULL, 2, (const int32_t[]){g->source, wanted}, 1, &out, &from);
  r->drop[g->at] = true;
  for (int32_t i = 0; i < g->op_count; ++i) {
    if (is_reduction(&r->graph->ops[g->ops[i]])) r->graph->ops[g->ops[i]].inputs[1] = reduced;
    else widen_constants(r, g->ops[i], g, whole.rank - 3);
  }
  ln_rewriter_refresh(r);
  return !r->failed;
}

ln_status ln_convert_pass_channel_groups(ln_convert_context *context) {
  ln_rewriter r;
  int32_t changes = 0;
  LN_TRY(ln_rewriter_open(context, &r));
  ln_sizes *sizes = ln_sizes_create(r.graph);
  if (sizes == NULL) r.failed = true;
  const search s = {&r, sizes};
  const int32_t count = r.graph->op_count;
  for (int32_t i = 0; i < count && !r.failed; ++i) {
    region g;
    if (r.drop[i] || !opens(&s, i, &g) || !collect(&s, &g)) continue;
    if (rewrite(&r, &g)) ++changes;
  }
  ln_sizes_destroy(sizes);
  return ln_rewriter_close(&r, changes);
}

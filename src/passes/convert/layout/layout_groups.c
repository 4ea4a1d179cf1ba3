/*
 * What a reshape leaves together. Dimensions of 1 are nothing to it; the others fall into groups of equal product, and
 * a frame that keeps each group's dimensions together and in order moves whole groups through the reshape.
 */
#include "passes/convert/layout/layout.h"

enum { MOST_STEPS = 16 };
/* Stand for open dimensions of the input, by place: primes that no product of sizes in files comes to by chance. */
static const int64_t open_sizes[LN_MAX_RANK] = {1000003, 1000033, 1000037, 1000039, 1000081, 1000099, 1000117, 1000121};

/* Operators that are followed from the shape's tensor back to the input's dimensions. */
typedef struct trace {
  const ln_layout *l;
  int32_t base; /* of the reshape's input */
  const ln_perm *view;
} trace;

/* The value of element `at` of a vector of dimensions: a number, an open dimension of the reshape's input, or -1. */
static int64_t element(const trace *t, int32_t tensor, int32_t at, int32_t depth);

static bool constant_int(const ln_layout *l, const ln_op *op, int32_t input, int32_t at, int64_t *out) {
  int64_t values[64];
  int32_t count = 0;
  const ln_tensor *tensor = ln_op_input_tensor(l->graph, op, input);
  if (tensor == NULL || !ln_tensor_const_data(tensor) || !ln_tensor_ints(tensor, values, 64, &count)) return false;
  if (at < 0 || at >= count) return false;
  *out = values[at];
  return true;
}

static int64_t dimension_of(const trace *t, const ln_op *shape_op, int32_t at) {
  const int32_t source = shape_op->inputs[0];
  const ln_shape *signature = &t->l->graph->tensors[source].signature;
  if (at < 0 || at >= signature->rank) return -1;
  if (signature->dims[at] >= 0) return signature->dims[at];
  if (t->l->base[source] < 0 || t->l->base[source] != t->base) return -1;
  const int32_t axis = t->l->view[source].axis[at]; /* of the base */
  return open_sizes[ln_perm_place(t->view, axis)];
}

static int64_t joined(const trace *t, const ln_op *op, int32_t at, int32_t depth) {
  for (int32_t i = 0; i < op->input_count; ++i) {
    const ln_shape *shape = &t->l->graph->tensors[op->inputs[i]].signature;
    const int32_t count = ln_op_is(op, LN_OP_PACK) ? 1 : shape->rank == 1 ? shape->dims[0] : -1;
    if (count < 0) return -1;
    if (at < count) return element(t, op->inputs[i], at, depth);
    at -= count;
  }
  return -1;
}

static int64_t sliced(const trace *t, const ln_op *op, int32_t at, int32_t depth) {
  int64_t begin, step = 1;
  if (!constant_int(t->l, op, 1, 0, &begin) || begin < 0) return -1;
  if (ln_op_is(op, LN_OP_STRIDED_SLICE)) {
    const ln_strided_slice_options *o = op->options;
    if (!constant_int(t->l, op, 3, 0, &step) || o->ellipsis_mask != 0 || o->new_axis_mask != 0 || step < 1) return -1;
    if ((o->begin_mask & 1) != 0) begin = 0;
  }
  const int64_t index = begin + at * step;
  return index > LN_MAX_RANK ? -1 : element(t, op->inputs[0], (int32_t)index, depth);
}

static int64_t element(const trace *t, int32_t tensor, int32_t at, int32_t depth) {
  const ln_graph *graph = t->l->graph;
  const ln_tensor *held = &graph->tensors[tensor];
  int64_t values[LN_MAX_RANK], index;
  int32_t count = 0;
  if (ln_tensor_const_data(held)) {
    return ln_tensor_ints(held, values, LN_MAX_RANK, &count) && at < count ? values[at] : -1;
  }
  const ln_op *op = ln_rewriter_maker(t->l->r, tensor);
  if (op == NULL || depth == MOST_STEPS || op->input_count < 1 || op->inputs[0] < 0) return -1;
  switch (op->def->code) {
    case LN_OP_SHAPE: return dimension_of(t, op, at);
    case LN_OP_PACK:
    case LN_OP_CONCATENATION: return joined(t, op, at, depth + 1);
    case LN_OP_SLICE:
    case LN_OP_STRIDED_SLICE: return sliced(t, op, at, depth + 1);
    case LN_OP_GATHER:
      return constant_int(t->l, op, 1, at, &index) && index >= 0 && index < LN_MAX_RANK
                 ? element(t, op->inputs[0], (int32_t)index, depth + 1)
                 : -1;
    case LN_OP_RESHAPE:
    case LN_OP_SQUEEZE:
    case LN_OP_EXPAND_DIMS:
    case LN_OP_CAST: return element(t, op->inputs[0], at, depth + 1);
    default: return -1;
  }
}

/* Sizes of the output's dimensions, open ones as the input's that they are; false where one cannot be told. */
static bool output_sizes(const ln_layout *l, const ln_op *op, const int64_t *in, int32_t in_rank, int64_t *out) {
  const ln_shape *signature = &l->graph->tensors[op->outputs[0]].signature;
  const int32_t input = op->inputs[0];
  const trace t = {l, l->base[input], &l->view[input]};
  int32_t open = -1;
  for (int32_t i = 0; i < signature->rank; ++i) {
    out[i] = signature->dims[i];
    if (out[i] >= 0) continue;
    out[i] = op->input_count > 1 && op->inputs[1] >= 0 ? element(&t, op->inputs[1], i, 0) : -1;
    if (out[i] >= 0) continue;
    if (open >= 0) return false;
    open = i;
  }
  if (open < 0) return true;
  /* One is left: whatever makes the products equal. */
  double whole = 1, rest = 1;
  for (int32_t i = 0; i < in_rank; ++i) whole *= (double)in[i];
  for (int32_t i = 0; i < signature->rank; ++i) rest *= i == open ? 1.0 : (double)out[i];
  const double left = rest > 0 ? whole / rest : 0;
  if (left < 1 || left > 9e15 || (double)(int64_t)left != left || left * rest != whole) return false;
  out[open] = (int64_t)left;
  return true;
}

static bool split_groups(const int64_t *in, const int64_t *out, ln_reshape_groups *g) {
  int32_t i = 0, j = 0;
  for (;;) {
    while (i < g->in_rank && in[i] == 1) ++i;
    while (j < g->out_rank && out[j] == 1) ++j;
    if (i == g->in_rank || j == g->out_rank) return i == g->in_rank && j == g->out_rank;
    double a = (double)in[i], b = (double)out[j];
    g->in[g->count] = (uint8_t)(1u << i++);
    g->out[g->count] = (uint8_t)(1u << j++);
    while (a != b) {
      if (a < b) {
        if (i == g->in_rank) return false;
        a *= (double)in[i];
        if (in[i] != 1) g->in[g->count] |= (uint8_t)(1u << i);
        ++i;
      } else {
        if (j == g->out_rank) return false;
        b *= (double)out[j];
        if (out[j] != 1) g->out[g->count] |= (uint8_t)(1u << j);
        ++j;
      }
    }
    ++g->count;
  }
}

bool ln_layout_find_groups(const ln_layout *l, const ln_op *op, ln_reshape_groups *out) {
  const int32_t input = op->inputs[0];
  if (input < 0 || l->base[input] < 0) return false;
  const ln_shape *a = &l->graph->tensors[input].signature, *b = &l->graph->tensors[op->outputs[0]].signature;
  int64_t in[LN_MAX_RANK], made[LN_MAX_RANK];
  *out = (ln_reshape_groups){.in_rank = a->rank, .out_rank = b->rank};
  for (int32_t i = 0; i < a->rank; ++i) {
    in[i] = a->dims[i] >= 0 ? a->dims[i] : open_sizes[i];
    if (in[i] == 0) return false;
  }
  if (!output_sizes(l, op, in, a->rank, made)) return false;
  for (int32_t i = 0; i < b->rank; ++i) {
    if (made[i] <= 0) return false;
  }
  return split_groups(in, made, out);
}

/* The group that holds a dimension; -1 for one of 1. */
static int32_t group_of(const uint8_t *bits, int32_t count, int32_t axis) {
  for (int32_t i = 0; i < count; ++i) {
    if ((bits[i] >> axis & 1) != 0) return i;
  }
  return -1;
}

/* The order of groups under an order of dimensions; false where it takes one apart. */
static bool group_order(const uint8_t *bits, int32_t count, const ln_perm *p, int32_t *order) {
  int32_t last = -1, next = -1, found = 0;
  uint32_t seen = 0;
  for (int32_t i = 0; i < p->rank; ++i) {
    const int32_t g = group_of(bits, count, p->axis[i]);
    if (g < 0) continue;
    if (g != last) {
      if ((seen >> g & 1) != 0) return false;
      seen |= 1u << g;
      order[found++] = g;
      last = g;
      next = -1;
    }
    if (p->axis[i] < next) return false;
    next = p->axis[i];
  }
  return found == count;
}

/* Dimensions in the order of their groups, those of 1 behind the dimension before them. */
static ln_perm expand(const uint8_t *bits, int32_t count, const int32_t *order, int32_t rank) {
  ln_perm out = {0};
  uint32_t ones = (1u << rank) - 1;
  for (int32_t i = 0; i < count; ++i) {
    for (int32_t axis = 0; axis < rank; ++axis) {
      if ((bits[order[i]] >> axis & 1) == 0) continue;
      out.axis[out.rank++] = (int8_t)axis;
      ones &= ~(1u << axis);
    }
  }
  ln_perm kept = {0}; /* numbered without the ones, as ln_perm_with wants it */
  int8_t number[LN_MAX_RANK];
  int8_t next = 0;
  for (int32_t axis = 0; axis < rank; ++axis) number[axis] = (ones >> axis & 1) != 0 ? -1 : next++;
  for (int32_t i = 0; i < out.rank; ++i) kept.axis[kept.rank++] = number[out.axis[i]];
  return ln_perm_with(&kept, ones, rank);
}

bool ln_groups_allow(const ln_reshape_groups *g, const ln_perm *frame) {
  int32_t order[LN_MAX_RANK];
  return group_order(g->in, g->count, frame, order);
}

ln_perm ln_groups_forward(const ln_reshape_groups *g, const ln_perm *frame) {
  int32_t order[LN_MAX_RANK];
  if (!group_order(g->in, g->count, frame, order)) return ln_perm_identity(g->out_rank);
  return expand(g->out, g->count, order, g->out_rank);
}

bool ln_groups_backward(const ln_reshape_groups *g, const ln_perm *out, ln_perm *frame) {
  int32_t order[LN_MAX_RANK];
  if (!group_order(g->out, g->count, out, order)) return false;
  *frame = expand(g->in, g->count, order, g->in_rank);
  return true;
}

/* What each operator makes of a frame: which inputs follow it, how outputs come. */
#include "passes/convert/layout/layout.h"

enum { SMALL_COST = 8, RESHAPE_COST = 16 };

static const struct {
  int32_t code;
  ln_layout_kind kind;
} kinds[] = {
#define LN_LAYOUT(name, kind) {LN_OP_##name, LN_LAYOUT_##kind},
#include "passes/convert/layout/layout.def"
};

static ln_layout_kind kind_of(const ln_op *op) {
  for (size_t i = 0; i < LN_COUNT(kinds); ++i) {
    if (kinds[i].code == op->def->code) return kinds[i].kind;
  }
  return LN_LAYOUT_FIXED;
}

static const ln_shape *shape_of(const ln_layout *l, int32_t tensor) { return &l->graph->tensors[tensor].signature; }

/* The input whose order the frame is, -1: the first output. */
static int32_t main_input(ln_layout_kind kind) {
  switch (kind) {
    case LN_LAYOUT_EACH:
    case LN_LAYOUT_BROADCAST:
    case LN_LAYOUT_PACK:
    case LN_LAYOUT_EXPAND: return -1;
    case LN_LAYOUT_SPLIT: return 1;
    default: return 0;
  }
}

static bool takes_all(ln_layout_kind kind) {
  return kind == LN_LAYOUT_EACH || kind == LN_LAYOUT_CONCAT || kind == LN_LAYOUT_PACK;
}

static bool is_operand(ln_layout_kind kind, int32_t input) {
  if (takes_all(kind)) return true;
  if (kind == LN_LAYOUT_UPDATE) return input < 2;
  return input == (kind == LN_LAYOUT_SPLIT ? 1 : 0);
}

static bool has_small_inputs(ln_layout_kind kind) { return kind == LN_LAYOUT_PACK || kind == LN_LAYOUT_EXPAND; }

/* Constant axes in an input, as bits. */
static bool read_axes(const ln_layout *l, const ln_op *op, int32_t input, int32_t rank, uint32_t *bits) {
  int64_t values[LN_MAX_RANK];
  int32_t count = 0, axis;
  const ln_tensor *tensor = ln_op_input_tensor(l->graph, op, input);
  *bits = 0;
  if (tensor == NULL || !ln_tensor_const_data(tensor) || !ln_tensor_ints(tensor, values, LN_MAX_RANK, &count))
    return false;
  for (int32_t i = 0; i < count; ++i) {
    if (!ln_axis_normalize(values[i], rank, &axis)) return false;
    *bits |= 1u << axis;
  }
  return true;
}

static bool bit_of(int64_t asked, int32_t rank, uint32_t *bits) {
  int32_t axis;
  if (!ln_axis_normalize(asked, rank, &axis)) return false;
  *bits = 1u << axis;
  return true;
}

/* A vector with an element for each dimension. */
static bool is_vector(const ln_layout *l, const ln_op *op, int32_t input, int32_t rank) {
  const ln_tensor *tensor = ln_op_input_tensor(l->graph, op, input);
  return tensor != NULL && tensor->signature.rank >= 1 && tensor->signature.dims[0] == rank &&
         (tensor->type == LN_INT32 || tensor->type == LN_INT64);
}

static bool classify_squeeze(const ln_layout *l, const ln_op *op, ln_layout_node *n) {
  const ln_vec_i32 *axes = &((const ln_squeeze_options *)op->options)->squeeze_dims;
  const ln_shape *in = shape_of(l, op->inputs[0]);
  for (int32_t i = 0; axes->count == 0 && i < in->rank; ++i) {
    if (in->dims[i] < 0) return false;
    if (in->dims[i] == 1) n->removed |= 1u << i;
  }
  for (uint32_t i = 0; i < axes->count; ++i) {
    uint32_t bit;
    if (!bit_of(axes->data[i], in->rank, &bit)) return false;
    n->removed |= bit;
  }
  return true;
}

static bool classify_strided(const ln_layout *l, const ln_op *op, ln_layout_node *n) {
  const ln_strided_slice_options *o = op->options;
  if (o->ellipsis_mask != 0 || o->new_axis_mask != 0) return false;
  n->removed = (uint32_t)o->shrink_axis_mask & ((1u << n->rank) - 1);
  return is_vector(l, op, 1, n->rank) && is_vector(l, op, 2, n->rank) && is_vector(l, op, 3, n->rank);
}

static bool classify_gather(const ln_layout *l, const ln_op *op, ln_layout_node *n) {
  const ln_gather_options *o = op->options;
  const int32_t indices = op->inputs[1] < 0 ? -1 : shape_of(l, op->inputs[1])->rank;
  uint32_t bit;
  if (o->batch_dims != 0 || indices < 0 || indices > 1 || !bit_of(o->axis, n->rank, &bit)) return false;
  n->removed = indices == 0 ? bit : 0;
  return true;
}

static bool classify_vectors(const ln_layout *l, const ln_op *op, const ln_layout_node *n) {
  const int32_t count = ln_op_is(op, LN_OP_SLICE) ? 3 : 2;
  for (int32_t i = 1; i < count; ++i) {
    if (!is_vector(l, op, i, n->rank)) return false;
  }
  return true;
}

static bool classify_reshape(ln_layout *l, const ln_op *op, ln_layout_node *n) {
  ln_reshape_groups groups;
  if (!ln_layout_find_groups(l, op, &groups)) return false;
  n->groups = ln_arena_copy(l->r->arena, &groups, sizeof groups);
  if (n->groups == NULL) l->r->failed = true;
  return n->groups != NULL;
}

static bool read_parameters(ln_layout *l, const ln_op *op, ln_layout_node *n) {
  uint32_t bits;
  switch (n->kind) {
    case LN_LAYOUT_REDUCE:
      if (!read_axes(l, op, 1, n->rank, &bits)) return false;
      n->removed = ((const ln_reducer_options *)op->options)->keep_dims ? 0 : bits;
      return true;
    case LN_LAYOUT_ARG: return read_axes(l, op, 1, n->rank, &n->removed);
    case LN_LAYOUT_CUMSUM:
    case LN_LAYOUT_REVERSE: return read_axes(l, op, 1, n->rank, &bits);
    case LN_LAYOUT_SPLIT: return read_axes(l, op, 0, n->rank, &bits);
    case LN_LAYOUT_SPLIT_V: return read_axes(l, op, 2, n->rank, &bits);
    case LN_LAYOUT_CONCAT: return bit_of(((const ln_concatenation_options *)op->options)->axis, n->rank, &bits);
    case LN_LAYOUT_PACK: return bit_of(((const ln_pack_options *)op->options)->axis, n->rank, &n->removed);
    case LN_LAYOUT_UNPACK: return bit_of(((const ln_unpack_options *)op->options)->axis, n->rank, &n->removed);
    case LN_LAYOUT_EXPAND: return read_axes(l, op, 1, n->rank, &n->removed);
    case LN_LAYOUT_SQUEEZE: return classify_squeeze(l, op, n);
    case LN_LAYOUT_STRIDED: return classify_strided(l, op, n);
    case LN_LAYOUT_GATHER: return classify_gather(l, op, n);
    case LN_LAYOUT_VECTORS: return classify_vectors(l, op, n);
    case LN_LAYOUT_BROADCAST: return is_vector(l, op, 1, n->rank);
    case LN_LAYOUT_UPDATE: return is_vector(l, op, 2, n->rank);
    case LN_LAYOUT_RESHAPE: return classify_reshape(l, op, n);
    case LN_LAYOUT_DENSE: return n->rank > 2 && ((const ln_fully_connected_options *)op->options)->keep_num_dims;
    default: return true;
  }
}

static bool is_movable(const ln_tensor *tensor) {
  return !tensor->is_variable && ln_type_bits(tensor->type) >= 8 && tensor->quant->kind <= LN_QUANT_TENSOR;
}

/* Tensors of data can be stored in another order, and constants among them can be made anew. */
static bool check_operands(const ln_layout *l, const ln_op *op, const ln_layout_node *n) {
  const int32_t in_rank = n->rank - (n->kind == LN_LAYOUT_PACK || n->kind == LN_LAYOUT_EXPAND ? 1 : 0);
  const bool broadcasts = n->kind == LN_LAYOUT_EACH || n->kind == LN_LAYOUT_BROADCAST;
  for (int32_t i = 0; i < op->output_count; ++i) {
    if (!is_movable(&l->graph->tensors[op->outputs[i]])) return false;
  }
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (!is_operand(n->kind, i)) continue;
    if (op->inputs[i] < 0) return false;
    const ln_tensor *tensor = &l->graph->tensors[op->inputs[i]];
    if (!is_movable(tensor) || tensor->signature.rank > n->rank) return false;
    if (!broadcasts && tensor->signature.rank != in_rank) return false;
    const bool may_be_constant = broadcasts || takes_all(n->kind) || n->kind == LN_LAYOUT_UPDATE;
    if (l->base[op->inputs[i]] < 0 && !(may_be_constant && ln_is_plain_constant(tensor)) &&
        tensor->signature.rank > 0) {
      return false;
    }
  }
  return true;
}

/* Whether outputs have the dimensions that the parameters leave: a file may say what it likes. */
static bool check_outputs(const ln_layout *l, const ln_op *op, const ln_layout_node *n) {
  int32_t rank = n->rank;
  for (int32_t i = 0; i < LN_MAX_RANK && !has_small_inputs(n->kind); ++i) rank -= (int32_t)(n->removed >> i & 1);
  if (n->kind == LN_LAYOUT_RESHAPE) rank = n->groups->out_rank;
  for (int32_t i = 0; i < op->output_count; ++i) {
    if (shape_of(l, op->outputs[i])->rank != rank) return false;
  }
  return true;
}

bool ln_layout_classify(ln_layout *l, int32_t index, ln_layout_node *out) {
  const ln_op *op = &l->graph->ops[index];
  *out = (ln_layout_node){.kind = kind_of(op)};
  if (out->kind == LN_LAYOUT_FIXED || op->output_count < 1 || op->input_count < 1) {
    out->kind = LN_LAYOUT_FIXED;
    return true;
  }
  const int32_t main = main_input(out->kind);
  const int32_t tensor = main < 0 ? op->outputs[0] : main < op->input_count ? op->inputs[main] : -1;
  out->rank = tensor < 0 ? 0 : shape_of(l, tensor)->rank;
  if (out->rank < 2 || !check_operands(l, op, out) || !read_parameters(l, op, out) || !check_outputs(l, op, out)) {
    *out = (ln_layout_node){.kind = LN_LAYOUT_FIXED};
  }
  out->frame = ln_perm_identity(out->rank);
  return !l->r->failed;
}

bool ln_layout_allows(const ln_layout *l, int32_t node, const ln_perm *frame) {
  const ln_layout_node *n = &l->nodes[node];
  if (frame->rank != n->rank) return false;
  switch (n->kind) {
    case LN_LAYOUT_FIXED: return false;
    case LN_LAYOUT_LAST:
    case LN_LAYOUT_DENSE: return frame->axis[frame->rank - 1] == frame->rank - 1;
    case LN_LAYOUT_RESHAPE: return ln_groups_allow(n->groups, frame);
    case LN_LAYOUT_INPUT:
      if (ln_perm_is_identity(frame)) return true;
      for (int32_t i = 0; i < frame->rank; ++i) {
        if (frame->axis[i] != (i == 0 ? 0 : i == frame->rank - 1 ? 1 : i + 1)) return false;
      }
      return true;
    default: return true;
  }
}

bool ln_layout_is_data(const ln_layout *l, int32_t node, int32_t input) {
  const ln_layout_node *n = &l->nodes[node];
  if (n->kind == LN_LAYOUT_FIXED || n->kind == LN_LAYOUT_INPUT) return false;
  return is_operand(n->kind, input);
}

/* Of an input of fewer dimensions that broadcasts: its own order, where the frame leaves what is in front. */
static bool trailing(const ln_perm *frame, int32_t rank, ln_perm *out) {
  const int32_t lead = frame->rank - rank;
  *out = (ln_perm){.rank = (int8_t)rank};
  for (int32_t i = 0; i < frame->rank; ++i) {
    if (i < lead && frame->axis[i] != i) return false;
    if (i >= lead) out->axis[i - lead] = (int8_t)(frame->axis[i] - lead);
  }
  return true;
}

ln_perm ln_layout_input(const ln_layout *l, int32_t node, const ln_perm *frame, int32_t input) {
  const ln_layout_node *n = &l->nodes[node];
  const int32_t rank = shape_of(l, l->graph->ops[node].inputs[input])->rank;
  ln_perm out;
  if (!ln_layout_is_data(l, node, input)) return ln_perm_identity(rank);
  if (has_small_inputs(n->kind)) return ln_perm_without(frame, n->removed);
  if (rank == frame->rank) return *frame;
  return trailing(frame, rank, &out) ? out : ln_perm_identity(rank);
}

ln_perm ln_layout_output(const ln_layout *l, int32_t node, const ln_perm *frame, int32_t output) {
  const ln_layout_node *n = &l->nodes[node];
  if (n->kind == LN_LAYOUT_INPUT) return *frame;
  if (n->kind == LN_LAYOUT_FIXED) return ln_perm_identity(shape_of(l, l->graph->ops[node].outputs[output])->rank);
  if (n->kind == LN_LAYOUT_RESHAPE) return ln_groups_forward(n->groups, frame);
  if (has_small_inputs(n->kind)) return *frame;
  return ln_perm_without(frame, n->removed);
}

bool ln_layout_frame_of_input(const ln_layout *l, int32_t node, int32_t input, const ln_perm *wanted, ln_perm *frame) {
  const ln_layout_node *n = &l->nodes[node];
  if (!ln_layout_is_data(l, node, input)) return false;
  if (has_small_inputs(n->kind)) {
    *frame = ln_perm_with(wanted, n->removed, n->rank);
  } else {
    const int32_t lead = n->rank - wanted->rank;
    *frame = ln_perm_identity(n->rank);
    for (int32_t i = lead; i < n->rank; ++i) frame->axis[i] = (int8_t)(wanted->axis[i - lead] + lead);
  }
  return ln_layout_allows(l, node, frame);
}

bool ln_layout_frame_of_output(const ln_layout *l, int32_t node, int32_t output, const ln_perm *wanted,
                               ln_perm *frame) {
  const ln_layout_node *n = &l->nodes[node];
  (void)output;
  if (n->kind == LN_LAYOUT_FIXED) return false;
  if (n->kind == LN_LAYOUT_RESHAPE) {
    if (!ln_groups_backward(n->groups, wanted, frame)) return false;
  } else if (has_small_inputs(n->kind) || n->removed == 0) {
    *frame = *wanted;
  } else {
    *frame = ln_perm_with(wanted, n->removed, n->rank);
  }
  return ln_layout_allows(l, node, frame);
}

static int64_t vector_cost(const ln_layout *l, const ln_op *op, int32_t input) {
  const ln_tensor *tensor = ln_op_input_tensor(l->graph, op, input);
  return tensor == NULL || ln_tensor_const_data(tensor) ? 0 : SMALL_COST;
}

/* An input of fewer dimensions that does not follow the frame gets the ones in front of it first. */
static int64_t widening_cost(const ln_layout *l, int32_t node, const ln_perm *frame, int32_t input) {
  const int32_t tensor = l->graph->ops[node].inputs[input];
  const ln_shape *shape = shape_of(l, tensor);
  ln_perm out;
  if (l->base[tensor] < 0 || shape->rank == frame->rank || trailing(frame, shape->rank, &out)) return 0;
  ln_shape wide = {.rank = frame->rank};
  const int32_t lead = frame->rank - shape->rank;
  for (int32_t i = 0; i < frame->rank; ++i) wide.dims[i] = i < lead ? 1 : shape->dims[i - lead];
  const ln_perm plain = ln_perm_identity(frame->rank);
  return ln_layout_is_reshape(&wide, &plain, frame) ? RESHAPE_COST : 4096;
}

int64_t ln_layout_extra(const ln_layout *l, int32_t node, const ln_perm *frame) {
  const ln_layout_node *n = &l->nodes[node];
  int64_t cost = 0;
  if (node >= l->op_count || n->kind == LN_LAYOUT_FIXED || ln_perm_is_identity(frame)) return 0;
  const ln_op *op = &l->graph->ops[node];
  const bool has_vectors = n->kind == LN_LAYOUT_VECTORS || n->kind == LN_LAYOUT_STRIDED ||
                           n->kind == LN_LAYOUT_BROADCAST || n->kind == LN_LAYOUT_UPDATE ||
                           n->kind == LN_LAYOUT_RESHAPE;
  for (int32_t i = 0; i < op->input_count; ++i) {
    if (is_operand(n->kind, i)) {
      if (n->kind == LN_LAYOUT_EACH || n->kind == LN_LAYOUT_BROADCAST) cost += widening_cost(l, node, frame, i);
    } else if (has_vectors) {
      cost += vector_cost(l, op, i);
    }
  }
  return cost;
}

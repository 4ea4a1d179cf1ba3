/* Operators' parameters under another frame: axes, vectors with an element for each dimension, constants. */
#include <string.h>

#include "passes/convert/layout/layout.h"

static ln_op *op_at(const ln_layout *l, int32_t node) { return &l->graph->ops[node]; }

static void set_input(const ln_layout *l, int32_t node, int32_t input, int32_t tensor) {
  if (tensor >= 0) op_at(l, node)->inputs[input] = tensor;
}

/* ---- constants ---- */

/* Where the element at `index` of the permuted shape stood before. */
static size_t source_of(const ln_perm *order, const ln_shape *to, const size_t *strides, size_t index) {
  size_t at = 0;
  for (int32_t d = to->rank - 1; d >= 0; --d) {
    const size_t extent = (size_t)to->dims[d];
    at += index % extent * strides[order->axis[d]];
    index /= extent;
  }
  return at;
}

static void permute_elements(const ln_shape *from, const ln_perm *order, size_t item, const void *in, void *out) {
  const ln_shape to = ln_perm_shape(order, from);
  size_t strides[LN_MAX_RANK], count = 1;
  for (int32_t d = from->rank - 1; d >= 0; --d) {
    strides[d] = count;
    count *= (size_t)from->dims[d];
  }
  for (size_t i = 0; i < count; ++i) {
    memcpy((char *)out + i * item, (const char *)in + source_of(order, &to, strides, i) * item, item);
  }
}

int32_t ln_layout_permute_constant(ln_rewriter *r, int32_t tensor, const ln_perm *order) {
  const ln_tensor old = r->graph->tensors[tensor];
  const int32_t lead = order->rank - old.shape.rank;
  ln_shape wide = {.rank = order->rank};
  for (int32_t i = 0; i < order->rank; ++i) wide.dims[i] = i < lead ? 1 : old.shape.dims[i - lead];
  ln_shape to = ln_perm_shape(order, &wide);
  int32_t ones = 0;
  while (ones < lead && to.dims[ones] == 1) ++ones;
  to.rank -= ones;
  memmove(to.dims, to.dims + ones, (size_t)to.rank * sizeof to.dims[0]);
  if (ln_shape_equal(&to, &old.shape) && ln_layout_is_reshape(&wide, NULL, order)) return tensor;
  void *data = ln_arena_alloc(r->arena, old.bytes);
  if (data == NULL) {
    r->failed = true;
    return -1;
  }
  permute_elements(&wide, order, (size_t)ln_type_bits(old.type) / 8, old.data, data);
  const int32_t made = ln_rewriter_constant(r, old.name, old.type, &to, data);
  if (made >= 0) r->graph->tensors[made].quant = old.quant;
  return made;
}

void ln_layout_permute_weights(ln_layout *l, int32_t node, const ln_shape *stored, const ln_perm *order) {
  const int32_t weights = op_at(l, node)->inputs[1];
  const ln_tensor old = l->graph->tensors[weights];
  const ln_perm back = ln_perm_inverse(order);
  ln_shape from = ln_perm_shape(&back, stored); /* as the columns were written */
  from.dims[0] = old.shape.dims[0];
  void *data = ln_arena_alloc(l->r->arena, old.bytes);
  if (data == NULL) {
    l->r->failed = true;
    return;
  }
  permute_elements(&from, order, (size_t)ln_type_bits(old.type) / 8, old.data, data);
  const int32_t made = ln_rewriter_constant(l->r, old.name, old.type, &old.shape, data);
  if (made >= 0) l->graph->tensors[made].quant = old.quant;
  set_input(l, node, 1, made);
}

/* ---- vectors ---- */

/* Element i becomes what element order[i] was; rows of a matrix alike. */
static void permute_vector(ln_layout *l, int32_t node, int32_t input, const ln_perm *order) {
  const int32_t tensor = op_at(l, node)->inputs[input];
  const ln_tensor held = l->graph->tensors[tensor];
  if (ln_tensor_const_data(&held)) {
    const size_t row = held.bytes / (size_t)order->rank;
    char data[LN_MAX_RANK * 2 * sizeof(int64_t)];
    if (held.bytes > sizeof data) return;
    for (int32_t i = 0; i < order->rank; ++i)
      memcpy(data + (size_t)i * row, (const char *)held.data + (size_t)order->axis[i] * row, row);
    set_input(l, node, input, ln_rewriter_constant(l->r, held.name, held.type, &held.shape, data));
    return;
  }
  int32_t axes[LN_MAX_RANK];
  for (int32_t i = 0; i < order->rank; ++i) axes[i] = order->axis[i];
  const int32_t indices = ln_rewriter_ints(l->r, "order", order->rank, axes);
  const int32_t out = ln_rewriter_tensor(l->r, held.name, held.type, &held.signature, &ln_quant_none);
  ln_rewriter_op(l->r, LN_OP_GATHER, NULL, 2, (const int32_t[]){tensor, indices}, 1, &out, op_at(l, node));
  set_input(l, node, input, out);
}

/* ---- axes ---- */

static int32_t moved_axis(const ln_perm *frame, int64_t axis) {
  int32_t plain;
  return ln_axis_normalize(axis, frame->rank, &plain) ? ln_perm_place(frame, plain) : 0;
}

static void move_axes(ln_layout *l, int32_t node, int32_t input, const ln_perm *frame) {
  const ln_tensor held = l->graph->tensors[op_at(l, node)->inputs[input]];
  int64_t values[LN_MAX_RANK];
  int32_t axes[LN_MAX_RANK], count = 0;
  if (!ln_tensor_ints(&held, values, LN_MAX_RANK, &count)) return;
  for (int32_t i = 0; i < count; ++i) {
    const int32_t moved = moved_axis(frame, values[i]);
    int32_t at = i;
    for (; at > 0 && axes[at - 1] > moved; --at) axes[at] = axes[at - 1];
    axes[at] = moved;
  }
  set_input(l, node, input, ln_rewriter_constant(l->r, held.name, LN_INT32, &held.shape, axes));
}

static int32_t moved_bits(const ln_perm *frame, int32_t bits) {
  int32_t out = 0;
  for (int32_t i = 0; i < frame->rank; ++i) out |= (bits >> frame->axis[i] & 1) << i;
  return out;
}

static void adapt_strided(ln_layout *l, int32_t node, const ln_perm *frame) {
  for (int32_t i = 1; i < 4; ++i) permute_vector(l, node, i, frame);
  ln_strided_slice_options *o = LN_REWRITE_OPTIONS(op_at(l, node), strided_slice_options);
  o->begin_mask = moved_bits(frame, o->begin_mask);
  o->end_mask = moved_bits(frame, o->end_mask);
  o->shrink_axis_mask = moved_bits(frame, o->shrink_axis_mask);
}

static void adapt_squeeze(ln_layout *l, int32_t node, const ln_perm *frame) {
  ln_squeeze_options *o = LN_REWRITE_OPTIONS(op_at(l, node), squeeze_options);
  int32_t *axes = ln_arena_array(l->r->arena, (size_t)o->squeeze_dims.count + 1, sizeof *axes);
  if (axes == NULL) {
    l->r->failed = true;
    return;
  }
  for (uint32_t i = 0; i < o->squeeze_dims.count; ++i) axes[i] = moved_axis(frame, o->squeeze_dims.data[i]);
  o->squeeze_dims.data = axes;
}

/* Gives a RESHAPE its shape as an input, where only its options hold it. */
static bool shape_as_input(ln_layout *l, int32_t node) {
  ln_op *op = op_at(l, node);
  if (op->input_count > 1 && op->inputs[1] >= 0) return true;
  const ln_vec_i32 wanted = ((const ln_reshape_options *)op->options)->new_shape;
  int32_t *inputs = ln_arena_array(l->r->arena, 2, sizeof *inputs);
  const int32_t made = ln_rewriter_ints(l->r, "shape", (int32_t)wanted.count, wanted.data);
  if (inputs == NULL || made < 0) return false;
  op = op_at(l, node);
  inputs[0] = op->inputs[0];
  inputs[1] = made;
  op->inputs = inputs;
  op->input_count = 2;
  return true;
}

static void adapt_reshape(ln_layout *l, int32_t node, const ln_perm *frame) {
  const ln_perm out = ln_groups_forward(l->nodes[node].groups, frame);
  if (!shape_as_input(l, node)) return;
  if (!ln_perm_is_identity(&out)) permute_vector(l, node, 1, &out);
  LN_REWRITE_OPTIONS(op_at(l, node), reshape_options)->new_shape = (ln_vec_i32){0};
}

static void adapt_constants(ln_layout *l, int32_t node, const ln_perm *frame) {
  const ln_layout_node *n = &l->nodes[node];
  for (int32_t i = 0; i < op_at(l, node)->input_count; ++i) {
    const int32_t tensor = op_at(l, node)->inputs[i];
    if (!ln_layout_is_data(l, node, i) || !ln_is_plain_constant(&l->graph->tensors[tensor])) continue;
    const bool broadcasts = n->kind == LN_LAYOUT_EACH || n->kind == LN_LAYOUT_BROADCAST;
    if (l->graph->tensors[tensor].shape.rank == 0) continue;
    const ln_perm order = broadcasts ? *frame : ln_layout_input(l, node, frame, i);
    set_input(l, node, i, ln_layout_permute_constant(l->r, tensor, &order));
  }
}

void ln_layout_adapt(ln_layout *l, int32_t node) {
  const ln_layout_node *n = &l->nodes[node];
  const ln_perm *f = &n->frame;
  if (n->kind == LN_LAYOUT_FIXED || n->kind == LN_LAYOUT_INPUT || ln_perm_is_identity(f)) return;
  adapt_constants(l, node, f);
  switch (n->kind) {
    case LN_LAYOUT_REDUCE:
    case LN_LAYOUT_ARG:
    case LN_LAYOUT_CUMSUM:
    case LN_LAYOUT_REVERSE:
    case LN_LAYOUT_EXPAND: move_axes(l, node, 1, f); break;
    case LN_LAYOUT_SPLIT: move_axes(l, node, 0, f); break;
    case LN_LAYOUT_SPLIT_V: move_axes(l, node, 2, f); break;
    case LN_LAYOUT_CONCAT: {
      ln_concatenation_options *o = LN_REWRITE_OPTIONS(op_at(l, node), concatenation_options);
      o->axis = moved_axis(f, o->axis);
      break;
    }
    case LN_LAYOUT_PACK: {
      ln_pack_options *o = LN_REWRITE_OPTIONS(op_at(l, node), pack_options);
      o->axis = moved_axis(f, o->axis);
      break;
    }
    case LN_LAYOUT_UNPACK: {
      ln_unpack_options *o = LN_REWRITE_OPTIONS(op_at(l, node), unpack_options);
      o->axis = moved_axis(f, o->axis);
      break;
    }
    case LN_LAYOUT_GATHER: {
      ln_gather_options *o = LN_REWRITE_OPTIONS(op_at(l, node), gather_options);
      o->axis = moved_axis(f, o->axis);
      break;
    }
    case LN_LAYOUT_VECTORS:
      permute_vector(l, node, 1, f);
      if (ln_op_is(op_at(l, node), LN_OP_SLICE)) permute_vector(l, node, 2, f);
      break;
    case LN_LAYOUT_BROADCAST: permute_vector(l, node, 1, f); break;
    case LN_LAYOUT_UPDATE: permute_vector(l, node, 2, f); break;
    case LN_LAYOUT_STRIDED: adapt_strided(l, node, f); break;
    case LN_LAYOUT_SQUEEZE: adapt_squeeze(l, node, f); break;
    case LN_LAYOUT_RESHAPE: adapt_reshape(l, node, f); break;
    default: break;
  }
}

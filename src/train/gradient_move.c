/* Gradients of operators that only move elements. */
#include "train/train.h"

/* ---- views ---- */

void ln_gradient_view(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape shape = ln_grad_gradient_shape(g, op->inputs[0]);
  ln_grad_add(g, op, 0, ln_grad_reshape(g, dy[0], &shape));
}

/* ---- whatever an operator does: it is asked where each element comes from ---- */

static int32_t flat_numbers(ln_grad *g, const ln_shape *shape) {
  size_t count = 0;
  if (g->status != LN_OK) return -1;
  if (!ln_shape_elements(shape, &count) || count >= INT32_MAX) {
    ln_grad_refuse(g, "too many elements");
    return -1;
  }
  int32_t *numbers = ln_arena_array(ln_optimizer_arena(g->o), count + 1, sizeof *numbers);
  if (numbers == NULL) {
    ln_grad_fail_memory(g);
    return -1;
  }
  for (size_t i = 0; i < count; ++i) numbers[i] = (int32_t)i + 1; /* 0 is what padding holds */
  const int32_t tensor =
      ln_edit_add_constant(g->o, "gradient/places", LN_INT32, shape, numbers, count * sizeof *numbers);
  if (tensor < 0) ln_grad_fail_memory(g);
  return tensor;
}

/* dy's elements added up where `from` says that they came from: numbers from 1, 0 for nowhere. */
static int32_t scatter_back(ln_grad *g, int32_t from, int32_t dy, const ln_shape *shape) {
  const ln_shape out = *ln_grad_shape(g, from);
  const int32_t moved = ln_grad_span(g, &out, 0, out.rank), count = ln_grad_span(g, shape, 0, shape->rank);
  const ln_shape column = ln_shape_make(2, (const int32_t[]){moved, 1}), list = ln_shape_make(1, &moved);
  const ln_shape numbered = ln_shape_make(1, (const int32_t[]){count + 1});
  const int32_t places = ln_grad_reshape(g, from, &column), values = ln_grad_reshape(g, dy, &list);
  const int32_t inputs[3] = {places, values, ln_grad_ints(g, 1, numbered.dims)};
  const int32_t all = ln_grad_emit(g, LN_OP_SCATTER_ND, LN_FLOAT32, NULL, 3, inputs);
  const int32_t begin = 1;
  return ln_grad_reshape(g, ln_grad_slice(g, all, &begin, &count), shape);
}

/*
 * The operator run on the elements' numbers tells where each output element comes from; the gradient is scattered back
 * there. The numbers are constants wherever the operator's other inputs are.
 */
static void move_back(ln_grad *g, const ln_op *op, int32_t index, int32_t dy) {
  if (!ln_grad_wants(g, op, index)) return;
  const ln_shape shape = *ln_grad_shape(g, op->inputs[index]);
  int32_t *inputs = ln_arena_copy(ln_optimizer_arena(g->o), op->inputs, (size_t)op->input_count * sizeof *inputs);
  if (inputs == NULL) {
    ln_grad_fail_memory(g);
    return;
  }
  inputs[index] = flat_numbers(g, &shape);
  const int32_t from = ln_grad_emit(g, op->def->code, LN_INT32, op->options, op->input_count, inputs);
  ln_grad_add(g, op, index, scatter_back(g, from, dy, &shape));
}

void ln_gradient_moved(ln_grad *g, const ln_op *op, const int32_t *dy) { move_back(g, op, 0, dy[0]); }

/* An operator on floats alone moves the numbers as floats, which are exact up to 2^24. */
void ln_gradient_moved_floats(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape shape = *ln_grad_shape(g, op->inputs[0]);
  const ln_type type = LN_FLOAT32;
  const int32_t whole = flat_numbers(g, &shape);
  if (ln_grad_span(g, &shape, 0, shape.rank) >= 1 << 24) ln_grad_refuse(g, "too many elements");
  const int32_t inputs[2] = {ln_grad_emit(g, LN_OP_CAST, type, NULL, 1, &whole), op->inputs[1]};
  if (g->status != LN_OK) return;
  const int32_t moved = ln_grad_emit_row(g, op, op->options, op->input_count, inputs, 1, &type, NULL);
  ln_grad_add(g, op, 0, scatter_back(g, ln_grad_emit(g, LN_OP_CAST, LN_INT32, NULL, 1, &moved), dy[0], &shape));
}

/* SPARSE_TO_DENSE: where, the shape, values, what stands elsewhere. */
void ln_gradient_sparse_to_dense(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape values = *ln_grad_shape(g, op->inputs[2]), other = *ln_grad_shape(g, op->inputs[3]);
  const int32_t none = ln_grad_ints(g, 1, (const int32_t[]){0}), rank = ln_grad_shape(g, dy[0])->rank;
  const int32_t inputs[4] = {op->inputs[0], op->inputs[1], flat_numbers(g, &values), ln_grad_reshape(g, none, &other)};
  const int32_t from = ln_grad_emit(g, LN_OP_SPARSE_TO_DENSE, LN_INT32, op->options, 4, inputs);
  ln_grad_add(g, op, 2, scatter_back(g, from, dy[0], &values));
  if (!ln_grad_wants(g, op, 3)) return;
  const int32_t free = ln_grad_compare(g, LN_OP_EQUAL, from, none);
  ln_grad_add(g, op, 3, ln_grad_reshape(g, ln_grad_sum(g, ln_grad_mask(g, free, dy[0]), (1u << rank) - 1), &other));
}

/* ---- orders of axes and elements ---- */

void ln_gradient_transpose(ln_grad *g, const ln_op *op, const int32_t *dy) {
  int64_t order[LN_MAX_RANK];
  int32_t count, back[LN_MAX_RANK] = {0};
  if (!ln_grad_constant_ints(g, op, 1, order, LN_MAX_RANK, &count)) return;
  for (int32_t i = 0; i < count; ++i) {
    int32_t axis;
    if (!ln_axis_normalize(order[i], count, &axis)) {
      ln_grad_refuse(g, "an axis is out of range");
      return;
    }
    back[axis] = i;
  }
  ln_grad_add(g, op, 0, ln_grad_transpose(g, dy[0], back));
}

/* The operator itself undoes what it did: REVERSE_V2, REVERSE_SEQUENCE. */
void ln_gradient_reverse(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const int32_t inputs[2] = {dy[0], op->inputs[1]};
  ln_grad_add(g, op, 0, ln_grad_emit(g, op->def->code, LN_FLOAT32, op->options, 2, inputs));
}

void ln_gradient_space_to_depth(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_depth_to_space_options options = {.block_size =
                                                 ((const ln_space_to_depth_options *)op->options)->block_size};
  ln_grad_add(g, op, 0, ln_grad_emit(g, LN_OP_DEPTH_TO_SPACE, LN_FLOAT32, &options, 1, dy));
}

void ln_gradient_depth_to_space(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_space_to_depth_options options = {.block_size =
                                                 ((const ln_depth_to_space_options *)op->options)->block_size};
  ln_grad_add(g, op, 0, ln_grad_emit(g, LN_OP_SPACE_TO_DEPTH, LN_FLOAT32, &options, 1, dy));
}

/* ---- parts and wholes ---- */

/* [rank, 2] of PAD; the part of dy that the input fills, and PADV2's value has the rest. */
void ln_gradient_pad(ln_grad *g, const ln_op *op, const int32_t *dy) {
  int64_t pads[2 * LN_MAX_RANK];
  int32_t count, begin[LN_MAX_RANK] = {0};
  if (!ln_grad_constant_ints(g, op, 1, pads, LN_COUNT(pads), &count)) return;
  const ln_shape shape = *ln_grad_shape(g, op->inputs[0]);
  for (int32_t i = 0; i < shape.rank && 2 * i < count; ++i) {
    if (pads[2 * i] < 0 || pads[2 * i] > INT32_MAX) {
      ln_grad_refuse(g, "a padding is out of range");
      return;
    }
    begin[i] = (int32_t)pads[2 * i];
  }
  const int32_t inside = ln_grad_slice(g, dy[0], begin, shape.dims);
  ln_grad_add(g, op, 0, inside);
  if (!ln_grad_wants(g, op, 2)) return;
  const uint32_t all = (1u << shape.rank) - 1;
  const ln_shape value = *ln_grad_shape(g, op->inputs[2]);
  const int32_t rest = ln_grad_binary(g, LN_OP_SUB, ln_grad_sum(g, dy[0], all), ln_grad_sum(g, inside, all));
  ln_grad_add(g, op, 2, ln_grad_reshape(g, rest, &value));
}

void ln_gradient_slice(ln_grad *g, const ln_op *op, const int32_t *dy) {
  int64_t begin[LN_MAX_RANK];
  int32_t count, before[LN_MAX_RANK] = {0}, after[LN_MAX_RANK] = {0};
  if (!ln_tensor_const_data(&ln_optimizer_graph(g->o)->tensors[op->inputs[1]])) {
    move_back(g, op, 0, dy[0]);
    return;
  }
  if (!ln_grad_constant_ints(g, op, 1, begin, LN_MAX_RANK, &count)) return;
  const ln_shape in = *ln_grad_shape(g, op->inputs[0]), out = *ln_grad_shape(g, dy[0]);
  for (int32_t i = 0; i < in.rank && i < count; ++i) {
    before[i] = (int32_t)begin[i];
    after[i] = in.dims[i] - before[i] - out.dims[i];
  }
  ln_grad_add(g, op, 0, ln_grad_pad(g, dy[0], before, after));
}

void ln_gradient_concatenation(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_concatenation_options *options = op->options;
  int32_t axis, begin[LN_MAX_RANK] = {0};
  const ln_shape whole = *ln_grad_shape(g, dy[0]);
  if (!ln_axis_normalize(options->axis, whole.rank, &axis)) {
    ln_grad_refuse(g, "its axis is out of range");
    return;
  }
  const int32_t through = ln_grad_activation(g, options->fused_activation_function, dy[0], ln_grad_out(g, op));
  for (int32_t i = 0; i < op->input_count && g->status == LN_OK; ++i) {
    const ln_shape part = *ln_grad_shape(g, op->inputs[i]);
    if (part.rank != whole.rank) continue; /* an empty one */
    if (ln_grad_wants(g, op, i)) ln_grad_add(g, op, i, ln_grad_slice(g, through, begin, part.dims));
    begin[axis] += part.dims[axis];
  }
}

/* The parts' gradients side by side, zeros where there are none. */
static void join(ln_grad *g, const ln_op *op, int32_t index, int32_t axis, const int32_t *dy) {
  int32_t *parts = ln_arena_array(ln_optimizer_arena(g->o), (size_t)op->output_count, sizeof *parts);
  int32_t count = 0;
  if (parts == NULL) {
    ln_grad_fail_memory(g);
    return;
  }
  for (int32_t i = 0; i < op->output_count; ++i) {
    const ln_shape shape = *ln_grad_shape(g, op->outputs[i]);
    if (shape.dims[axis] == 0) continue;
    parts[count++] = dy[i] >= 0 ? dy[i] : ln_grad_zeros(g, &shape);
  }
  if (count > 0) ln_grad_add(g, op, index, ln_grad_concat(g, axis, count, parts));
}

static void split(ln_grad *g, const ln_op *op, int32_t input, int32_t axis_input, const int32_t *dy) {
  int64_t value;
  int32_t count, axis;
  if (!ln_grad_constant_ints(g, op, axis_input, &value, 1, &count)) return;
  if (count != 1 || !ln_axis_normalize(value, ln_grad_shape(g, op->inputs[input])->rank, &axis)) {
    ln_grad_refuse(g, "its axis is out of range");
    return;
  }
  join(g, op, input, axis, dy);
}

void ln_gradient_split(ln_grad *g, const ln_op *op, const int32_t *dy) { split(g, op, 1, 0, dy); }
void ln_gradient_split_v(ln_grad *g, const ln_op *op, const int32_t *dy) { split(g, op, 0, 2, dy); }

void ln_gradient_pack(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape whole = *ln_grad_shape(g, dy[0]);
  int32_t axis, begin[LN_MAX_RANK] = {0}, size[LN_MAX_RANK];
  if (!ln_axis_normalize(((const ln_pack_options *)op->options)->axis, whole.rank, &axis)) {
    ln_grad_refuse(g, "its axis is out of range");
    return;
  }
  for (int32_t i = 0; i < whole.rank; ++i) size[i] = i == axis ? 1 : whole.dims[i];
  for (int32_t i = 0; i < op->input_count; ++i) {
    const ln_shape part = *ln_grad_shape(g, op->inputs[i]);
    begin[axis] = i;
    if (ln_grad_wants(g, op, i)) {
      ln_grad_add(g, op, i, ln_grad_reshape(g, ln_grad_slice(g, dy[0], begin, size), &part));
    }
  }
}

void ln_gradient_unpack(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const int32_t rank = ln_grad_shape(g, op->inputs[0])->rank;
  int32_t axis;
  if (!ln_axis_normalize(((const ln_unpack_options *)op->options)->axis, rank, &axis)) {
    ln_grad_refuse(g, "its axis is out of range");
    return;
  }
  int32_t *parts = ln_arena_array(ln_optimizer_arena(g->o), (size_t)op->output_count, sizeof *parts);
  if (parts == NULL) {
    ln_grad_fail_memory(g);
    return;
  }
  for (int32_t i = 0; i < op->output_count; ++i) {
    const ln_shape shape = *ln_grad_shape(g, op->outputs[i]);
    parts[i] = dy[i] >= 0 ? dy[i] : ln_grad_zeros(g, &shape);
  }
  const ln_pack_options options = {.axis = axis, .values_count = op->output_count};
  ln_grad_add(g, op, 0, ln_grad_emit(g, LN_OP_PACK, LN_FLOAT32, &options, op->output_count, parts));
}

void ln_gradient_stablehlo_concatenate(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_stablehlo_concatenate_options *options = op->options;
  ln_op plain = *op;
  const ln_concatenation_options axis = {.axis = (int32_t)options->dimension};
  plain.options = &axis;
  ln_gradient_concatenation(g, &plain, dy);
}

/* Elements that are moved among a value: STABLEHLO_PAD. */
void ln_gradient_stablehlo_pad(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape shape = *ln_grad_shape(g, op->inputs[0]), value = *ln_grad_shape(g, op->inputs[1]);
  const int32_t none = ln_grad_ints(g, 1, (const int32_t[]){0});
  const int32_t inputs[2] = {flat_numbers(g, &shape), ln_grad_reshape(g, none, &value)};
  const int32_t from = ln_grad_emit(g, op->def->code, LN_INT32, op->options, 2, inputs);
  const int32_t inside = scatter_back(g, from, dy[0], &shape);
  ln_grad_add(g, op, 0, inside);
  if (!ln_grad_wants(g, op, 1)) return;
  const int32_t rank = ln_grad_shape(g, dy[0])->rank;
  const uint32_t all = (1u << rank) - 1;
  const int32_t rest = ln_grad_binary(g, LN_OP_SUB, ln_grad_sum(g, dy[0], all), ln_grad_sum(g, inside, all));
  ln_grad_add(g, op, 1, ln_grad_reshape(g, rest, &value));
}

/* DILATE puts a value between elements. */
void ln_gradient_dilate(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape shape = *ln_grad_shape(g, op->inputs[0]), value = *ln_grad_shape(g, op->inputs[2]);
  const int32_t none = ln_grad_ints(g, 1, (const int32_t[]){0}), rank = ln_grad_shape(g, dy[0])->rank;
  const int32_t inputs[3] = {flat_numbers(g, &shape), op->inputs[1], ln_grad_reshape(g, none, &value)};
  const int32_t from = ln_grad_emit(g, LN_OP_DILATE, LN_INT32, op->options, 3, inputs);
  ln_grad_add(g, op, 0, scatter_back(g, from, dy[0], &shape));
  if (!ln_grad_wants(g, op, 2)) return;
  const int32_t between = ln_grad_mask(g, ln_grad_compare(g, LN_OP_EQUAL, from, none), dy[0]);
  ln_grad_add(g, op, 2, ln_grad_reshape(g, ln_grad_sum(g, between, (1u << rank) - 1), &value));
}

/* ---- repetition ---- */

void ln_gradient_broadcast_to(ln_grad *g, const ln_op *op, const int32_t *dy) { ln_grad_add(g, op, 0, dy[0]); }

/* [r0, d0, r1, d1, ...] summed along the r */
void ln_gradient_tile(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape in = *ln_grad_shape(g, op->inputs[0]), out = *ln_grad_shape(g, dy[0]);
  int32_t dims[LN_MAX_RANK], rank = 0;
  uint32_t axes = 0;
  for (int32_t i = 0; i < in.rank; ++i) {
    const bool repeated = out.dims[i] != in.dims[i];
    if (rank + 2 > LN_MAX_RANK) {
      move_back(g, op, 0, dy[0]);
      return;
    }
    if (repeated) axes |= 1u << rank;
    if (repeated) dims[rank++] = in.dims[i] == 0 ? 0 : out.dims[i] / in.dims[i];
    dims[rank++] = in.dims[i];
  }
  ln_grad_add(g, op, 0, ln_grad_reshape(g, ln_grad_sum(g, ln_grad_reshape_dims(g, dy[0], rank, dims), axes), &in));
}

/* ---- rows by number ---- */

/* Gradients [places, width] of a table's rows. */
static void add_rows(ln_grad *g, const ln_op *op, int32_t table, int32_t ids, int32_t dy) {
  const ln_shape of = *ln_grad_shape(g, op->inputs[table]), places = *ln_grad_shape(g, ids);
  const int32_t count = ln_grad_span(g, &places, 0, places.rank), width = ln_grad_span(g, &of, 1, of.rank);
  if (ln_optimizer_graph(g->o)->tensors[ids].type == LN_INT16) {
    ids = ln_grad_emit(g, LN_OP_CAST, LN_INT32, NULL, 1, &ids);
  }
  const int32_t column[2] = {count, 1}, lines[2] = {count, width};
  ids = ln_grad_reshape_dims(g, ids, 2, column);
  const ln_type type = g->status == LN_OK ? ln_optimizer_graph(g->o)->tensors[ids].type : LN_INT32;
  const int32_t rows[2] = {of.dims[0], width};
  int32_t to = ln_grad_ints(g, 2, rows);
  if (type == LN_INT64) to = ln_grad_emit(g, LN_OP_CAST, LN_INT64, NULL, 1, &to);
  const int32_t inputs[3] = {ids, ln_grad_reshape_dims(g, dy, 2, lines), to};
  ln_grad_add(g, op, table, ln_grad_reshape(g, ln_grad_emit(g, LN_OP_SCATTER_ND, LN_FLOAT32, NULL, 3, inputs), &of));
}

void ln_gradient_embedding_lookup(ln_grad *g, const ln_op *op, const int32_t *dy) {
  if (ln_grad_wants(g, op, 1)) add_rows(g, op, 1, op->inputs[0], dy[0]);
}

void ln_gradient_gather(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_gather_options *options = op->options;
  int32_t axis;
  if (!ln_axis_normalize(options->axis, ln_grad_shape(g, op->inputs[0])->rank, &axis)) {
    ln_grad_refuse(g, "its axis is out of range");
  } else if (axis == 0 && options->batch_dims == 0) {
    if (ln_grad_wants(g, op, 0)) add_rows(g, op, 0, op->inputs[1], dy[0]);
  } else {
    move_back(g, op, 0, dy[0]);
  }
}

/* The largest along the last axis come from where their numbers say. */
void ln_gradient_topk_v2(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape in = *ln_grad_shape(g, op->inputs[0]), out = *ln_grad_shape(g, op->outputs[0]);
  if (dy[0] < 0 || in.rank < 1) return;
  const int32_t length = in.dims[in.rank - 1], k = out.dims[out.rank - 1], all = ln_grad_span(g, &in, 0, in.rank);
  const int32_t rows = ln_grad_span(g, &in, 0, in.rank - 1), moved = ln_grad_span(g, &out, 0, out.rank);
  int32_t *starts = ln_arena_array(ln_optimizer_arena(g->o), (size_t)rows + 1, sizeof *starts);
  if (starts == NULL) {
    ln_grad_fail_memory(g);
    return;
  }
  for (int32_t i = 0; i < rows; ++i) starts[i] = i * length;
  int32_t ids = op->outputs[1];
  if (ln_optimizer_graph(g->o)->tensors[ids].type != LN_INT32)
    ids = ln_grad_emit(g, LN_OP_CAST, LN_INT32, NULL, 1, &ids);
  const int32_t lines[2] = {rows, k}, column[2] = {rows, 1}, places[2] = {moved, 1};
  const int32_t from = ln_grad_reshape_dims(g, ln_grad_ints(g, rows, starts), 2, column);
  const int32_t sums[2] = {ln_grad_reshape_dims(g, ids, 2, lines), from};
  const int32_t flat = ln_grad_reshape_dims(g, ln_grad_emit(g, LN_OP_ADD, LN_INT32, NULL, 2, sums), 2, places);
  const int32_t inputs[3] = {flat, ln_grad_reshape_dims(g, dy[0], 1, &moved), ln_grad_ints(g, 1, &all)};
  ln_grad_add(g, op, 0, ln_grad_reshape(g, ln_grad_emit(g, LN_OP_SCATTER_ND, LN_FLOAT32, NULL, 3, inputs), &in));
}

/* ---- one tensor into another ---- */

/* SCATTER_ND's updates come from where they went. */
void ln_gradient_scatter_nd(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape shape = *ln_grad_shape(g, op->inputs[1]);
  const int32_t inputs[2] = {dy[0], op->inputs[0]};
  if (!ln_grad_wants(g, op, 1)) return;
  ln_grad_add(g, op, 1, ln_grad_reshape(g, ln_grad_emit(g, LN_OP_GATHER_ND, LN_FLOAT32, NULL, 2, inputs), &shape));
}

/* What stands for its segment at each row; 0 for rows with a negative number, which went nowhere. */
static int32_t from_segments(ln_grad *g, const ln_op *op, int32_t of) {
  const ln_gather_options options = {0};
  const int32_t ids = op->inputs[1];
  ln_shape shape = *ln_grad_shape(g, ids);
  const int32_t none = ln_grad_ints(g, 1, (const int32_t[]){0});
  const int32_t safe = ln_grad_emit(g, LN_OP_MAXIMUM, LN_INT32, NULL, 2, (const int32_t[]){ids, none});
  const int32_t inputs[2] = {of, ln_grad_reshape(g, safe, &shape)};
  const int32_t each = ln_grad_emit(g, LN_OP_GATHER, LN_FLOAT32, &options, 2, inputs);
  const int32_t there = ln_grad_compare(g, LN_OP_GREATER_EQUAL, ids, none), rank = ln_grad_shape(g, each)->rank;
  while (shape.rank < rank) shape.dims[shape.rank++] = 1;
  return ln_grad_mask(g, ln_grad_reshape(g, there, &shape), each);
}

void ln_gradient_segment_sum(ln_grad *g, const ln_op *op, const int32_t *dy) {
  if (ln_grad_wants(g, op, 0)) ln_grad_add(g, op, 0, from_segments(g, op, dy[0]));
}

/* Rows' elements that are their segment's extreme share its gradient. */
void ln_gradient_segment_extreme(ln_grad *g, const ln_op *op, const int32_t *dy) {
  if (!ln_grad_wants(g, op, 0)) return;
  const int32_t y = from_segments(g, op, ln_grad_out(g, op));
  const int32_t same = ln_grad_compare(g, LN_OP_EQUAL, ln_grad_in(g, op, 0), y);
  const int32_t ones = ln_grad_emit(g, LN_OP_CAST, LN_FLOAT32, NULL, 1, &same);
  const int32_t inputs[3] = {ones, op->inputs[1], op->inputs[2]};
  const int32_t count = ln_grad_emit(g, LN_OP_UNSORTED_SEGMENT_SUM, LN_FLOAT32, NULL, 3, inputs);
  const int32_t each =
      ln_grad_binary(g, LN_OP_DIV, dy[0], ln_grad_binary(g, LN_OP_MAXIMUM, count, ln_grad_scalar(g, 1)));
  ln_grad_add(g, op, 0, ln_grad_mul(g, ones, from_segments(g, op, each)));
}

/* The product of all others: y / x where no row of the segment is 0; where one is, it alone has a gradient. */
void ln_gradient_segment_prod(ln_grad *g, const ln_op *op, const int32_t *dy) {
  if (!ln_grad_wants(g, op, 0)) return;
  const int32_t x = ln_grad_in(g, op, 0), zero = ln_grad_scalar(g, 0), one = ln_grad_scalar(g, 1);
  const int32_t none = ln_grad_compare(g, LN_OP_EQUAL, x, zero);
  const int32_t safe = ln_grad_select(g, none, one, x);
  const int32_t count = ln_grad_select(g, none, one, zero);
  const int32_t of[3] = {safe, op->inputs[1], op->inputs[2]}, counted[3] = {count, op->inputs[1], op->inputs[2]};
  const int32_t product = ln_grad_emit(g, LN_OP_UNSORTED_SEGMENT_PROD, LN_FLOAT32, NULL, 3, of);
  const int32_t zeros = ln_grad_emit(g, LN_OP_UNSORTED_SEGMENT_SUM, LN_FLOAT32, NULL, 3, counted);
  const int32_t each = from_segments(g, op, ln_grad_mul(g, dy[0], product));
  const int32_t others = ln_grad_binary(g, LN_OP_SUB, from_segments(g, op, zeros), count);
  const int32_t alone = ln_grad_compare(g, LN_OP_EQUAL, others, zero);
  ln_grad_add(g, op, 0, ln_grad_mask(g, alone, ln_grad_binary(g, LN_OP_DIV, each, safe)));
}

/* Rows of the table, weighted, added up by place, divided by the weights' sum or the root of that of their squares. */
void ln_gradient_embedding_lookup_sparse(ln_grad *g, const ln_op *op, const int32_t *dy) {
  enum { IN_ROWS, IN_PLACES, IN_EXTENTS, IN_WEIGHTS, IN_TABLE };
  const int32_t first = ln_optimizer_graph(g->o)->op_count;
  const int32_t combiner = ((const ln_embedding_lookup_sparse_options *)op->options)->combiner;
  const ln_shape table = *ln_grad_shape(g, op->inputs[IN_TABLE]), y = *ln_grad_shape(g, op->outputs[0]);
  const ln_shape places = *ln_grad_shape(g, op->inputs[IN_PLACES]);
  if (places.rank != 2 || places.dims[1] < 1 || places.dims[1] > y.rank + 1 || table.rank < 1) {
    ln_grad_refuse(g, "its places do not fit its output");
    return;
  }
  const int32_t n = places.dims[0], depth = places.dims[1], width = ln_grad_span(g, &table, 1, table.rank);
  const int32_t lists = ln_grad_span(g, &y, 0, depth - 1), flat[2] = {table.dims[0], width}, column[2] = {n, 1};
  int32_t strides[LN_MAX_RANK] = {0}, stride = 1;
  for (int32_t i = depth - 2; i >= 0; --i) {
    strides[i] = stride;
    stride *= y.dims[i];
  }
  const int32_t steps[2] = {op->inputs[IN_PLACES], ln_grad_ints(g, depth, strides)};
  const int32_t last = 1, by[2] = {ln_grad_emit(g, LN_OP_MUL, LN_INT32, NULL, 2, steps), ln_grad_ints(g, 1, &last)};
  const int32_t place = ln_grad_emit(g, LN_OP_SUM, LN_INT32, NULL, 2, by);
  const ln_gather_options options = {0};
  const int32_t of[2] = {ln_grad_reshape_dims(g, ln_grad_in(g, op, IN_TABLE), 2, flat), op->inputs[IN_ROWS]};
  const int32_t weights = ln_grad_reshape_dims(g, ln_grad_in(g, op, IN_WEIGHTS), 2, column);
  const int32_t rows = ln_grad_emit(g, LN_OP_GATHER, LN_FLOAT32, &options, 2, of);
  const int32_t parts[3] = {ln_grad_mul(g, rows, weights), place, ln_grad_int(g, lists)};
  int32_t sum = ln_grad_emit(g, LN_OP_UNSORTED_SEGMENT_SUM, LN_FLOAT32, NULL, 3, parts);
  if (combiner > 0) { /* 1: mean, 2: root; places without rows stay 0 */
    const int32_t each[3] = {combiner == 1 ? weights : ln_grad_mul(g, weights, weights), place, parts[2]};
    int32_t all = ln_grad_emit(g, LN_OP_UNSORTED_SEGMENT_SUM, LN_FLOAT32, NULL, 3, each);
    const int32_t empty = ln_grad_compare(g, LN_OP_EQUAL, all, ln_grad_scalar(g, 0));
    all = ln_grad_select(g, empty, ln_grad_scalar(g, 1), all);
    sum = ln_grad_binary(g, LN_OP_DIV, sum, combiner == 1 ? all : ln_grad_unary(g, LN_OP_SQRT, all));
  }
  ln_grad_through(g, first, ln_grad_reshape(g, sum, &y), dy[0]);
}

/* FILL repeats its value. */
void ln_gradient_fill(ln_grad *g, const ln_op *op, const int32_t *dy) { ln_grad_add(g, op, 1, dy[0]); }

/* MATRIX_SET_DIAG and DYNAMIC_UPDATE_SLICE: each output element is one of either input's. */
void ln_gradient_updated(ln_grad *g, const ln_op *op, const int32_t *dy) {
  const ln_shape shape = *ln_grad_shape(g, op->inputs[1]);
  int32_t *inputs = ln_arena_copy(ln_optimizer_arena(g->o), op->inputs, (size_t)op->input_count * sizeof *inputs);
  if (inputs == NULL) {
    ln_grad_fail_memory(g);
    return;
  }
  if (ln_grad_wants(g, op, 0)) {
    inputs[0] = dy[0];
    inputs[1] = ln_grad_zeros(g, &shape);
    ln_grad_add(g, op, 0, ln_grad_emit(g, op->def->code, LN_FLOAT32, op->options, op->input_count, inputs));
  }
  if (!ln_grad_wants(g, op, 1)) return;
  const ln_shape whole = *ln_grad_shape(g, op->inputs[0]);
  const int32_t none = ln_grad_ints(g, 1, (const int32_t[]){0}), all = ln_grad_ints(g, whole.rank, whole.dims);
  inputs[0] = ln_grad_emit(g, LN_OP_BROADCAST_TO, LN_INT32, NULL, 2, (const int32_t[]){none, all});
  inputs[1] = flat_numbers(g, &shape);
  const int32_t from = ln_grad_emit(g, op->def->code, LN_INT32, op->options, op->input_count, inputs);
  ln_grad_add(g, op, 1, scatter_back(g, from, dy[0], &shape));
}

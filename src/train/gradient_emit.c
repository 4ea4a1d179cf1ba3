/* What gradient functions are written with: operators at the graph's end, constants, sums of gradients. */
#include <stdio.h>
#include <string.h>

#include "train/train.h"

/* ---- failures ---- */

void ln_grad_refuse(ln_grad *g, const char *why) {
  if (g->status != LN_OK) return;
  const char *name =
      g->op != NULL && g->op->output_count > 0 ? ln_optimizer_graph(g->o)->tensors[g->op->outputs[0]].name : "";
  g->status = ln_fail(g->o->err, LN_ERR_UNSUPPORTED, "no gradient of %s '%s': %s",
                      g->op != NULL ? g->op->def->name : "the loss", name, why);
}

void ln_grad_fail_memory(ln_grad *g) {
  if (g->status == LN_OK) g->status = ln_optimizer_no_memory(g->o);
}

static int32_t made(ln_grad *g, int32_t tensor) {
  if (tensor < 0) ln_grad_fail_memory(g);
  return tensor;
}

/* ---- the graph as it is ---- */

const ln_shape *ln_grad_shape(const ln_grad *g, int32_t tensor) {
  static const ln_shape none = {0};
  return tensor < 0 ? &none : &ln_optimizer_graph(g->o)->tensors[tensor].shape;
}

ln_shape ln_grad_gradient_shape(const ln_grad *g, int32_t tensor) {
  ln_shape shape = *ln_grad_shape(g, tensor);
  const bool pairs = tensor >= 0 && ln_optimizer_graph(g->o)->tensors[tensor].type == LN_COMPLEX64;
  if (pairs && shape.rank < LN_MAX_RANK) shape.dims[shape.rank++] = 2;
  return shape;
}

bool ln_grad_wants(const ln_grad *g, const ln_op *op, int32_t index) {
  return index < op->input_count && op->inputs[index] >= 0 && g->wanted[op->inputs[index]];
}

void ln_grad_add(ln_grad *g, const ln_op *op, int32_t index, int32_t gradient) {
  if (g->status != LN_OK || !ln_grad_wants(g, op, index)) return;
  const int32_t tensor = op->inputs[index];
  const ln_shape shape = ln_grad_gradient_shape(g, tensor);
  gradient = ln_grad_sum_to(g, gradient, &shape);
  g->of[tensor] = g->of[tensor] < 0 ? gradient : ln_grad_binary(g, LN_OP_ADD, g->of[tensor], gradient);
}

static int32_t make_dense(ln_grad *g, int32_t tensor) {
  const ln_tensor *t = &ln_optimizer_graph(g->o)->tensors[tensor];
  const ln_quant *quant = t->quant;
  const int32_t dense = ln_grad_emit(g, LN_OP_DENSIFY, t->type, NULL, 1, &tensor);
  if (dense >= 0) ln_optimizer_graph(g->o)->tensors[dense].quant = quant;
  return dense;
}

int32_t ln_grad_value(ln_grad *g, int32_t tensor) {
  if (g->status != LN_OK || tensor < 0) return -1;
  const ln_tensor *t = &ln_optimizer_graph(g->o)->tensors[tensor];
  if (t->sparsity == NULL && (t->type == LN_FLOAT32 || t->type == LN_BOOL)) return tensor;
  if (tensor < g->forward_count && g->values[tensor] >= 0) return g->values[tensor];
  const bool stored = t->quant->kind != LN_QUANT_NONE || t->type == LN_FLOAT16 || t->type == LN_BFLOAT16;
  const bool is_float = t->type == LN_FLOAT32;
  int32_t value = t->sparsity == NULL ? tensor : make_dense(g, tensor);
  if (!is_float) value = ln_grad_emit(g, stored ? LN_OP_DEQUANTIZE : LN_OP_CAST, LN_FLOAT32, NULL, 1, &value);
  if (tensor < g->forward_count) g->values[tensor] = value;
  return value;
}

bool ln_grad_constant_ints(ln_grad *g, const ln_op *op, int32_t index, int64_t *values, int32_t capacity,
                           int32_t *count) {
  const ln_graph *graph = ln_optimizer_graph(g->o);
  const int32_t tensor = index < op->input_count ? op->inputs[index] : -1;
  if (tensor >= 0 && ln_tensor_const_data(&graph->tensors[tensor]) &&
      ln_tensor_ints(&graph->tensors[tensor], values, capacity, count)) {
    return true;
  }
  ln_grad_refuse(g, "it depends on integers that are no constant");
  return false;
}

/* ---- operators ---- */

ln_status ln_grad_infer(ln_grad *g, ln_op *op) {
  ln_graph *graph = ln_optimizer_graph(g->o);
  ln_arena *arena = ln_optimizer_arena(g->o);
  ln_tensor **tensors = ln_arena_array(arena, (size_t)op->input_count + (size_t)op->output_count, sizeof(ln_tensor *));
  if (tensors == NULL) return ln_optimizer_no_memory(g->o);
  for (int32_t i = 0; i < op->input_count; ++i) tensors[i] = op->inputs[i] < 0 ? NULL : &graph->tensors[op->inputs[i]];
  ln_node node = {.op = op,
                  .in = tensors,
                  .in_count = op->input_count,
                  .out = tensors + op->input_count,
                  .out_count = op->output_count,
                  .tensors = graph->tensors,
                  .tensor_count = graph->tensor_count};
  bool given = true; /* what is known only in the run has the shape that it was given */
  for (int32_t i = 0; i < op->output_count; ++i) {
    node.out[i] = &graph->tensors[op->outputs[i]];
    given = given && node.out[i]->has_rank && ln_shape_known(&node.out[i]->shape);
  }
  const ln_status status = op->def->infer(&node, g->o->err);
  if (status != LN_OK && (int)status != (int)LN_INFER_LATER && (int)status != (int)LN_INFER_IN_RUN) return status;
  for (int32_t i = 0; i < op->output_count; ++i) {
    ln_tensor *out = node.out[i];
    if (!ln_shape_known(&out->shape) || (status != LN_OK && !given)) {
      ln_grad_refuse(g, "shapes are not known");
      return g->status;
    }
    out->signature = out->shape;
    out->has_rank = out->shape.rank > 0;
  }
  return LN_OK;
}

static int32_t add_output(ln_grad *g, ln_type type, const ln_shape *shape) {
  char name[48];
  snprintf(name, sizeof name, "gradient/%d", (int)ln_optimizer_graph(g->o)->tensor_count);
  const int32_t out = ln_edit_add_tensor(g->o, name, type, shape, &ln_quant_none);
  if (out >= 0) ln_optimizer_graph(g->o)->tensors[out].has_rank = shape->rank > 0;
  return made(g, out);
}

int32_t ln_grad_emit_row(ln_grad *g, const ln_op *like, const void *options, int32_t count, const int32_t *inputs,
                         int32_t output_count, const ln_type *types, const ln_shape *shapes) {
  static const ln_shape none = {0};
  const int32_t first = ln_optimizer_graph(g->o)->tensor_count;
  for (int32_t i = 0; i < output_count && g->status == LN_OK; ++i) {
    add_output(g, types[i], shapes == NULL ? &none : &shapes[i]);
  }
  if (g->status != LN_OK) return -1;
  void *room = NULL;
  ln_op *op = ln_edit_insert_op(g->o, ln_optimizer_graph(g->o)->op_count, like->def->code, count, output_count, &room);
  if (op == NULL) return made(g, -1);
  if (count > 0) memcpy(op->inputs, inputs, (size_t)count * sizeof *inputs);
  for (int32_t i = 0; i < output_count; ++i) op->outputs[i] = first + i;
  if (options != NULL && room != NULL) memcpy(room, options, ln_schema_table(op->options_table)->struct_size);
  op->def = like->def;
  op->custom_name = like->custom_name;
  op->custom_options = like->custom_options;
  op->custom_options_size = like->custom_options_size;
  if (like->version > op->version) op->version = like->version;
  if (shapes == NULL) g->status = ln_grad_infer(g, op);
  return g->status == LN_OK ? first : -1;
}

int32_t ln_grad_emit(ln_grad *g, int32_t code, ln_type type, const void *options, int32_t count,
                     const int32_t *inputs) {
  if (g->status != LN_OK) return -1;
  ln_op like = {.def = ln_op_find(code), .version = 1};
  ln_shape shape;
  if (like.def == NULL) {
    g->status = ln_fail(g->o->err, LN_ERR_UNSUPPORTED, "this build leaves out an operator that gradients need");
    return -1;
  }
  if (code == LN_OP_BROADCAST_TO) like.version = 2; /* the least that TensorFlow Lite knows */
  if (g->op == NULL || g->op->def->code != code) {
    return ln_grad_emit_row(g, &like, options, count, inputs, 1, &type, NULL);
  }
  shape = *ln_grad_shape(g, g->op->outputs[0]); /* StableHLO's say theirs by their output */
  const int32_t out = ln_grad_emit_row(g, &like, options, count, inputs, 1, &type, &shape);
  if (out >= 0) g->status = ln_grad_infer(g, &ln_optimizer_graph(g->o)->ops[ln_optimizer_graph(g->o)->op_count - 1]);
  return g->status == LN_OK ? out : -1;
}

int32_t ln_grad_unary(ln_grad *g, int32_t code, int32_t a) { return ln_grad_emit(g, code, LN_FLOAT32, NULL, 1, &a); }

int32_t ln_grad_binary(ln_grad *g, int32_t code, int32_t a, int32_t b) {
  return ln_grad_emit(g, code, LN_FLOAT32, NULL, 2, (const int32_t[]){a, b});
}

int32_t ln_grad_compare(ln_grad *g, int32_t code, int32_t a, int32_t b) {
  return ln_grad_emit(g, code, LN_BOOL, NULL, 2, (const int32_t[]){a, b});
}

int32_t ln_grad_select(ln_grad *g, int32_t condition, int32_t yes, int32_t no) {
  return ln_grad_emit(g, LN_OP_SELECT_V2, LN_FLOAT32, NULL, 3, (const int32_t[]){condition, yes, no});
}

int32_t ln_grad_mask(ln_grad *g, int32_t condition, int32_t a) {
  return ln_grad_select(g, condition, a, ln_grad_scalar(g, 0));
}

int32_t ln_grad_scale(ln_grad *g, int32_t a, float by) { return ln_grad_mul(g, a, ln_grad_scalar(g, by)); }

/* ---- constants ---- */

static int32_t constant(ln_grad *g, ln_type type, const ln_shape *shape, const void *data, size_t bytes) {
  if (g->status != LN_OK) return -1;
  char name[48];
  snprintf(name, sizeof name, "gradient/%d", (int)ln_optimizer_graph(g->o)->tensor_count);
  void *copy = ln_arena_copy(ln_optimizer_arena(g->o), data, bytes);
  return made(g, ln_edit_add_constant(g->o, name, type, shape, copy, bytes));
}

int32_t ln_grad_scalar(ln_grad *g, float value) {
  const ln_shape shape = {0};
  return constant(g, LN_FLOAT32, &shape, &value, sizeof value);
}

int32_t ln_grad_int(ln_grad *g, int32_t value) {
  const ln_shape shape = {0};
  return constant(g, LN_INT32, &shape, &value, sizeof value);
}

int32_t ln_grad_ints(ln_grad *g, int32_t count, const int32_t *values) {
  const ln_shape shape = ln_shape_make(1, &count);
  return constant(g, LN_INT32, &shape, values, (size_t)count * sizeof *values);
}

int32_t ln_grad_zeros(ln_grad *g, const ln_shape *shape) { return ln_grad_broadcast(g, ln_grad_scalar(g, 0), shape); }

/* ---- shapes ---- */

int32_t ln_grad_reshape(ln_grad *g, int32_t a, const ln_shape *shape) {
  if (g->status != LN_OK || ln_shape_equal(ln_grad_shape(g, a), shape)) return a;
  const ln_shape wanted = *shape; /* may lie among the tensors, which move */
  const int32_t to = ln_grad_ints(g, wanted.rank, wanted.dims);
  const ln_type type = g->status == LN_OK ? ln_optimizer_graph(g->o)->tensors[a].type : LN_FLOAT32;
  return ln_grad_emit(g, LN_OP_RESHAPE, type, NULL, 2, (const int32_t[]){a, to});
}

int32_t ln_grad_reshape_dims(ln_grad *g, int32_t a, int32_t rank, const int32_t *dims) {
  const ln_shape shape = ln_shape_make(rank, dims);
  return ln_grad_reshape(g, a, &shape);
}

int32_t ln_grad_transpose(ln_grad *g, int32_t a, const int32_t *order) {
  const int32_t rank = ln_grad_shape(g, a)->rank;
  return ln_grad_binary(g, LN_OP_TRANSPOSE, a, ln_grad_ints(g, rank, order));
}

int32_t ln_grad_broadcast(ln_grad *g, int32_t a, const ln_shape *shape) {
  if (g->status != LN_OK || ln_shape_equal(ln_grad_shape(g, a), shape)) return a;
  const ln_shape wanted = *shape;
  return ln_grad_binary(g, LN_OP_BROADCAST_TO, a, ln_grad_ints(g, wanted.rank, wanted.dims));
}

int32_t ln_grad_sum(ln_grad *g, int32_t a, uint32_t axes) {
  int32_t list[LN_MAX_RANK], count = 0;
  for (int32_t i = 0; i < LN_MAX_RANK; ++i) {
    if ((axes >> i & 1) != 0) list[count++] = i;
  }
  if (count == 0) return a;
  const ln_reducer_options options = {.keep_dims = true};
  const int32_t inputs[2] = {a, ln_grad_ints(g, count, list)};
  return ln_grad_emit(g, LN_OP_SUM, LN_FLOAT32, &options, 2, inputs);
}

int32_t ln_grad_sum_to(ln_grad *g, int32_t a, const ln_shape *shape) {
  if (g->status != LN_OK) return -1;
  const ln_shape from = *ln_grad_shape(g, a), to = *shape;
  uint32_t axes = 0;
  for (int32_t i = 0; i < from.rank; ++i) {
    const int32_t k = i - (from.rank - to.rank);
    if (from.dims[i] != 1 && (k < 0 || to.dims[k] == 1)) axes |= 1u << i;
  }
  return ln_grad_reshape(g, ln_grad_sum(g, a, axes), &to);
}

int32_t ln_grad_pad_with(ln_grad *g, int32_t a, const int32_t *before, const int32_t *after, float value) {
  const int32_t rank = ln_grad_shape(g, a)->rank;
  int32_t pads[2 * LN_MAX_RANK];
  bool none = true;
  for (int32_t i = 0; i < rank; ++i) {
    pads[2 * i] = before[i];
    pads[2 * i + 1] = after[i];
    none = none && before[i] == 0 && after[i] == 0;
  }
  if (none || g->status != LN_OK) return a;
  const ln_shape shape = ln_shape_make(2, (const int32_t[]){rank, 2});
  const int32_t by = constant(g, LN_INT32, &shape, pads, (size_t)rank * 2 * sizeof *pads);
  if (value == 0) return ln_grad_binary(g, LN_OP_PAD, a, by);
  return ln_grad_emit(g, LN_OP_PADV2, LN_FLOAT32, NULL, 3, (const int32_t[]){a, by, ln_grad_scalar(g, value)});
}

int32_t ln_grad_pad(ln_grad *g, int32_t a, const int32_t *before, const int32_t *after) {
  return ln_grad_pad_with(g, a, before, after, 0);
}

int32_t ln_grad_slice(ln_grad *g, int32_t a, const int32_t *begin, const int32_t *size) {
  if (g->status != LN_OK) return -1;
  const ln_shape shape = *ln_grad_shape(g, a);
  if (memcmp(shape.dims, size, (size_t)shape.rank * sizeof *size) == 0) return a;
  const int32_t from = ln_grad_ints(g, shape.rank, begin);
  const int32_t inputs[3] = {a, from, ln_grad_ints(g, shape.rank, size)};
  return ln_grad_emit(g, LN_OP_SLICE, LN_FLOAT32, NULL, 3, inputs);
}

int32_t ln_grad_concat(ln_grad *g, int32_t axis, int32_t count, const int32_t *parts) {
  if (count == 1) return parts[0];
  const ln_concatenation_options options = {.axis = axis};
  return ln_grad_emit(g, LN_OP_CONCATENATION, LN_FLOAT32, &options, count, parts);
}

int32_t ln_grad_matmul(ln_grad *g, int32_t a, int32_t b, bool adj_a, bool adj_b) {
  const ln_batch_mat_mul_options options = {.adj_x = adj_a, .adj_y = adj_b};
  return ln_grad_emit(g, LN_OP_BATCH_MATMUL, LN_FLOAT32, &options, 2, (const int32_t[]){a, b});
}

int32_t ln_grad_span(ln_grad *g, const ln_shape *shape, int32_t from, int32_t to) {
  const size_t span = ln_shape_span(shape, from, to);
  if (span <= INT32_MAX) return (int32_t)span;
  ln_grad_refuse(g, "a dimension would be too large");
  return 0;
}

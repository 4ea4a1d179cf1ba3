/*
 * Operators that read weights in any form take a constant as it is stored, where a DEQUANTIZE, a CAST of half precision
 * or a DENSIFY stands between: the same numbers, without an unpacked copy of them. What nobody reads any more is
 * dropped. Integers with a scale for each index of the first dimension become weights in blocks of such a row each: as
 * they are, they would ask for a product of integers.
 */
#include "passes/rewrite.h"

enum { WEIGHTS_INPUT = 1 };

typedef struct keeper {
  ln_pass_context *context;
  int32_t *producers; /* [tensor_count] of the graph as it came */
  int32_t *rows;      /* the same: a tensor's integers in blocks; 0: none yet */
} keeper;

/* How an operator gives the numbers of its input: not at all, as they are, or as integers with their scales. */
typedef enum giving { GIVES_OTHERS, GIVES_SAME, GIVES_SCALED } giving;

static bool is_scaled_by_row(const ln_tensor *tensor) {
  const ln_quant *quant = tensor->quant;
  const bool integers = tensor->type == LN_INT8 || tensor->type == LN_INT4 || tensor->type == LN_INT2;
  const bool by_row = quant->kind == LN_QUANT_TENSOR || (quant->kind == LN_QUANT_AXIS && quant->axis == 0);
  if (!LN_IS_WHOLE || !integers || !by_row || tensor->shape.rank < 2) return false;
  for (int32_t i = 0; i < quant->count; ++i) {
    if (quant->zero_point[i] != 0) return false;
  }
  return true;
}

static giving giving_of(const ln_graph *graph, const ln_op *op) {
  if (op->input_count < 1 || op->inputs[0] < 0) return GIVES_OTHERS;
  const ln_tensor *from = &graph->tensors[op->inputs[0]];
  const ln_tensor *to = &graph->tensors[op->outputs[0]];
  const bool halves = from->type == LN_FLOAT16 || from->type == LN_BFLOAT16;
  if (!ln_shape_equal(&from->shape, &to->shape)) return GIVES_OTHERS;
  if (ln_op_is(op, LN_OP_DENSIFY)) return GIVES_SAME;
  if (ln_op_is(op, LN_OP_CAST)) return halves && to->type == LN_FLOAT32 ? GIVES_SAME : GIVES_OTHERS;
  if (!ln_op_is(op, LN_OP_DEQUANTIZE)) return GIVES_OTHERS;
  return halves ? GIVES_SAME : is_scaled_by_row(from) ? GIVES_SCALED : GIVES_OTHERS;
}

/* The stored form of tensor `index`, and the integers with scales that it comes from (-1: none); `index` itself when
 * there is none. */
static int32_t stored_form(const keeper *k, int32_t index, int32_t *scaled) {
  const ln_graph *graph = k->context->graph;
  *scaled = -1;
  for (;;) {
    const int32_t producer = k->producers[index];
    const giving way = producer < 0 ? GIVES_OTHERS : giving_of(graph, &graph->ops[producer]);
    if (way == GIVES_OTHERS) return index;
    index = graph->ops[producer].inputs[0];
    if (way == GIVES_SCALED) *scaled = index;
  }
}

static int32_t add_scales(keeper *k, const ln_quant *quant, int32_t rows) {
  ln_arena *arena = k->context->arena;
  ln_tensor scales = {.name = "", .type = LN_FLOAT32, .storage = LN_STORAGE_CONST, .quant = &ln_quant_none};
  scales.shape = scales.signature = ln_shape_make(1, &rows);
  scales.data = (void *)(uintptr_t)quant->scale;
  if (!ln_tensor_size(LN_FLOAT32, &scales.shape, &scales.bytes)) return -1;
  if (quant->count != rows) {
    float *each = ln_arena_array(arena, (size_t)rows, sizeof *each);
    for (int32_t i = 0; each != NULL && i < rows; ++i) each[i] = quant->scale[0];
    scales.data = each;
  }
  return scales.data == NULL ? -1 : ln_graph_add_tensor(k->context->graph, arena, &scales);
}

/* The constant `stored`, quantized as `scaled` is, as a tensor with a block for each row; -1 when memory is short. */
static int32_t in_rows(keeper *k, int32_t stored, int32_t scaled) {
  ln_graph *graph = k->context->graph;
  if (k->rows[scaled] > 0) return k->rows[scaled];
  const ln_quant *from = graph->tensors[scaled].quant;
  const ln_shape *shape = &graph->tensors[stored].shape;
  const size_t row = ln_shape_span(shape, 1, shape->rank);
  ln_quant *quant = ln_arena_alloc(k->context->arena, sizeof *quant);
  if (quant == NULL) return -1;
  *quant = ln_quant_none;
  quant->kind = LN_QUANT_BLOCKWISE;
  quant->block_size = (int32_t)row;
  quant->scales_tensor = add_scales(k, from, shape->dims[0]);
  if (quant->scales_tensor < 0) return -1;
  ln_tensor rows = graph->tensors[stored];
  rows.quant = quant;
  k->rows[scaled] = ln_graph_add_tensor(graph, k->context->arena, &rows);
  return k->rows[scaled];
}

/* Whether the operator takes what is stored, which then is input `*out`: `from` where it does not. */
static ln_status find_kept(keeper *k, const ln_op *op, int32_t from, int32_t *constant, int32_t *out) {
  const ln_graph *graph = k->context->graph;
  int32_t scaled;
  const int32_t stored = stored_form(k, from, &scaled);
  const ln_tensor *kept = &graph->tensors[stored];
  *constant = stored;
  *out = from;
  if (stored == from || !ln_tensor_const_data(kept)) return LN_OK;
  if (kept->sparsity != NULL && (op->def->flags & LN_OPF_TAKES_SPARSE) == 0) return LN_OK;
  if (kept->codebook != NULL && (scaled >= 0 || (op->def->flags & LN_OPF_READS_CODEBOOK) == 0)) return LN_OK;
  *out = stored;
  if (scaled < 0) return LN_OK;
  const size_t row = ln_shape_span(&kept->shape, 1, kept->shape.rank);
  *out = row == 0 || row > INT32_MAX || kept->shape.dims[0] < 1 ? from : in_rows(k, stored, scaled);
  return *out < 0 ? ln_pass_out_of_memory(k->context, "keep_stored_weights") : LN_OK;
}

/* Gives the operator the constant, unless its row does not read that type. */
static bool take(const ln_graph *graph, ln_op *op, int32_t from, int32_t kept) {
  if (kept == from) return false;
  op->inputs[WEIGHTS_INPUT] = kept;
  if (ln_op_check_types(graph, op, NULL) == LN_OK) return true;
  op->inputs[WEIGHTS_INPUT] = from;
  return false;
}

ln_status ln_pass_keep_stored_weights(ln_pass_context *context) {
  ln_graph *graph = context->graph;
  if ((LN_OP_TYPES(DENSIFY) | LN_OP_TYPES(DEQUANTIZE) | LN_OP_TYPES(CAST)) == 0) return LN_OK; /* left out */
  keeper k = {context, ln_graph_producers(graph, context->arena), NULL};
  k.rows = ln_arena_array(context->arena, (size_t)graph->tensor_count, sizeof *k.rows);
  int32_t *uses = ln_graph_count_uses(graph, context->arena);
  bool *drop = ln_arena_array(context->arena, (size_t)graph->op_count, sizeof *drop);
  if (k.producers == NULL || k.rows == NULL || uses == NULL || drop == NULL) {
    return ln_pass_out_of_memory(context, "keep_stored_weights");
  }
  for (int32_t i = 0; i < graph->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    const ln_tensor *weights = ln_op_input_tensor(graph, op, WEIGHTS_INPUT);
    if ((op->def->flags & LN_OPF_READS_WEIGHTS) == 0 || weights == NULL || weights->type != LN_FLOAT32) continue;
    const int32_t from = op->inputs[WEIGHTS_INPUT];
    int32_t stored, kept;
    LN_TRY(find_kept(&k, op, from, &stored, &kept));
    if (!take(graph, op, from, kept)) continue;
    ++uses[stored];
    ++context->changes;
    /* What stood between, from the operator's side on. */
    for (int32_t unread = from; unread != stored && --uses[unread] == 0;
         unread = graph->ops[k.producers[unread]].inputs[0])
      drop[k.producers[unread]] = true;
  }
  ln_graph_drop_ops(graph, drop);
  return LN_OK;
}

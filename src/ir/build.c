/* Making and changing graphs. */
#include <string.h>

#include "ir/ir.h"

const ln_quant ln_quant_none = {.kind = LN_QUANT_NONE, .scales_tensor = -1, .zero_points_tensor = -1};

const ln_quant *ln_quant_make(ln_arena *arena, float scale, int64_t zero_point) {
  ln_quant *quant = ln_arena_alloc(arena, sizeof *quant);
  float *scales = ln_arena_copy(arena, &scale, sizeof scale);
  int64_t *zero_points = ln_arena_copy(arena, &zero_point, sizeof zero_point);
  if (quant == NULL || scales == NULL || zero_points == NULL) return NULL;
  *quant = ln_quant_none;
  quant->kind = LN_QUANT_TENSOR;
  quant->count = 1;
  quant->scale = scales;
  quant->zero_point = zero_points;
  return quant;
}

ln_model *ln_model_create(void) { return ln_alloc_zero(sizeof(ln_model)); }

const ln_signature *ln_model_default_signature(const ln_model *model) {
  for (int32_t i = 0; i < model->signature_count; ++i) {
    if (strcmp(model->signatures[i].key, "serving_default") == 0) return &model->signatures[i];
  }
  return model->signature_count > 0 ? model->signatures : NULL;
}

static int32_t *copy_indices(ln_arena *arena, const int32_t *indices, int32_t count) {
  return ln_arena_copy(arena, indices, (size_t)count * sizeof *indices);
}

ln_graph *ln_graph_clone(const ln_graph *source, ln_arena *arena) {
  ln_graph *graph = ln_arena_copy(arena, source, sizeof *source);
  if (graph == NULL) return NULL;
  graph->tensor_capacity = source->tensor_count;
  graph->op_capacity = source->op_count;
  graph->tensors = ln_arena_array(arena, (size_t)source->tensor_count, sizeof *graph->tensors);
  graph->ops = ln_arena_array(arena, (size_t)source->op_count, sizeof *graph->ops);
  graph->inputs = copy_indices(arena, source->inputs, source->input_count);
  graph->outputs = copy_indices(arena, source->outputs, source->output_count);
  if (graph->tensors == NULL || graph->ops == NULL || graph->inputs == NULL || graph->outputs == NULL) return NULL;
  for (int32_t i = 0; i < source->tensor_count; ++i) graph->tensors[i] = source->tensors[i];
  for (int32_t i = 0; i < source->op_count; ++i) {
    ln_op *op = &graph->ops[i];
    *op = source->ops[i];
    op->inputs = copy_indices(arena, op->inputs, op->input_count);
    op->outputs = copy_indices(arena, op->outputs, op->output_count);
    if (op->inputs == NULL || op->outputs == NULL) return NULL;
    if (op->options_table != LN_TABLE_none && op->options != NULL) {
      op->options = ln_arena_copy(arena, op->options, ln_schema_table(op->options_table)->struct_size);
      if (op->options == NULL) return NULL;
    }
  }
  return graph;
}

int32_t ln_graph_add_tensor(ln_graph *graph, ln_arena *arena, const ln_tensor *like) {
  const ln_tensor added = *like; /* `like` may be in the array that moves */
  if (graph->tensor_count >= graph->tensor_capacity) {
    if (graph->tensor_count > INT32_MAX / 2) return -1;
    const int32_t capacity = graph->tensor_count * 2 + 8;
    ln_tensor *moved = ln_arena_array(arena, (size_t)capacity, sizeof *moved);
    if (moved == NULL) return -1;
    for (int32_t i = 0; i < graph->tensor_count; ++i) moved[i] = graph->tensors[i];
    graph->tensors = moved;
    graph->tensor_capacity = capacity;
  }
  graph->tensors[graph->tensor_count] = added;
  return graph->tensor_count++;
}

void ln_graph_drop_ops(ln_graph *graph, const bool *drop) {
  int32_t kept = 0;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    if (!drop[i]) graph->ops[kept++] = graph->ops[i];
  }
  graph->op_count = kept;
}

int32_t *ln_graph_count_uses(const ln_graph *graph, ln_arena *arena) {
  int32_t *uses = ln_arena_array(arena, (size_t)graph->tensor_count, sizeof *uses);
  if (uses == NULL) return NULL;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    const ln_op *op = &graph->ops[i];
    for (int32_t j = 0; j < op->input_count; ++j) {
      if (op->inputs[j] >= 0) ++uses[op->inputs[j]];
    }
  }
  for (int32_t i = 0; i < graph->output_count; ++i) ++uses[graph->outputs[i]];
  return uses;
}

int32_t *ln_graph_producers(const ln_graph *graph, ln_arena *arena) {
  int32_t *producers = ln_arena_array(arena, (size_t)graph->tensor_count, sizeof *producers);
  if (producers == NULL) return NULL;
  for (int32_t i = 0; i < graph->tensor_count; ++i) producers[i] = -1;
  for (int32_t i = 0; i < graph->op_count; ++i) {
    for (int32_t j = 0; j < graph->ops[i].output_count; ++j) producers[graph->ops[i].outputs[j]] = i;
  }
  return producers;
}

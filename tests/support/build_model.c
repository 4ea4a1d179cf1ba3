/* Models of one graph, built by hand in the IR. */
#include "build_model.h"

#include <stdlib.h>
#include <string.h>

static void *sure(void *memory) {
  if (memory == NULL) abort();
  return memory;
}

ln_model *build_model(void) {
  ln_model *model = sure(ln_model_create());
  ln_graph *graph = sure(ln_arena_alloc(&model->arena, sizeof *graph));
  graph->name = "main";
  graph->tensors = sure(ln_arena_array(&model->arena, BUILD_MAX_TENSORS, sizeof *graph->tensors));
  graph->ops = sure(ln_arena_array(&model->arena, BUILD_MAX_OPS, sizeof *graph->ops));
  graph->inputs = sure(ln_arena_array(&model->arena, BUILD_MAX_TENSORS, sizeof *graph->inputs));
  graph->outputs = sure(ln_arena_array(&model->arena, BUILD_MAX_TENSORS, sizeof *graph->outputs));
  graph->tensor_capacity = BUILD_MAX_TENSORS;
  graph->op_capacity = BUILD_MAX_OPS;
  graph->debug_metadata_index = -1;
  model->version = 3;
  model->graphs = graph;
  model->graph_count = 1;
  return model;
}

static int32_t add(ln_model *model, ln_type type, int32_t rank, const int32_t *dims) {
  ln_graph *graph = &model->graphs[0];
  if (graph->tensor_count >= BUILD_MAX_TENSORS) abort();
  ln_tensor *tensor = &graph->tensors[graph->tensor_count];
  *tensor = (ln_tensor){.type = type, .has_rank = true, .quant = &ln_quant_none};
  tensor->name = sure(ln_arena_printf(&model->arena, "t%d", graph->tensor_count));
  tensor->shape = tensor->signature = ln_shape_make(rank, dims);
  return graph->tensor_count++;
}

int32_t build_constant(ln_model *model, ln_type type, int32_t rank, const int32_t *dims, const void *data,
                       size_t bytes) {
  const int32_t index = add(model, type, rank, dims);
  ln_tensor *tensor = build_tensor_at(model, index);
  tensor->data = sure(ln_arena_copy(&model->arena, data, bytes));
  tensor->bytes = bytes;
  tensor->storage = LN_STORAGE_CONST;
  return index;
}

int32_t build_input(ln_model *model, ln_type type, int32_t rank, const int32_t *dims) {
  ln_graph *graph = &model->graphs[0];
  const int32_t index = add(model, type, rank, dims);
  graph->inputs[graph->input_count++] = index;
  return index;
}

int32_t build_variable(ln_model *model, ln_type type, int32_t rank, const int32_t *dims) {
  const int32_t index = add(model, type, rank, dims);
  build_tensor_at(model, index)->is_variable = true;
  return index;
}

int32_t build_output(ln_model *model, ln_type type, int32_t rank, const int32_t *dims) {
  ln_graph *graph = &model->graphs[0];
  const int32_t index = add(model, type, rank, dims);
  graph->outputs[graph->output_count++] = index;
  return index;
}

ln_tensor *build_tensor_at(ln_model *model, int32_t index) { return &model->graphs[0].tensors[index]; }

void build_quantize(ln_model *model, int32_t tensor, float scale, int64_t zero_point) {
  build_tensor_at(model, tensor)->quant = sure((void *)(uintptr_t)ln_quant_make(&model->arena, scale, zero_point));
}

ln_op *build_op(ln_model *model, const ln_op_def *def, int32_t in_count, const int32_t *in, int32_t out_count,
                const int32_t *out) {
  ln_graph *graph = &model->graphs[0];
  if (graph->op_count >= BUILD_MAX_OPS) abort();
  ln_op *op = &graph->ops[graph->op_count];
  *op = (ln_op){.def = def, .input_count = in_count, .output_count = out_count, .version = 1};
  op->index = graph->op_count++;
  op->debug_metadata_index = -1;
  op->custom_name = def->code == LN_OP_CUSTOM ? def->name : NULL;
  op->inputs = sure(ln_arena_copy(&model->arena, in, (size_t)in_count * sizeof *in));
  op->outputs = sure(ln_arena_copy(&model->arena, out, (size_t)out_count * sizeof *out));
  op->options_table = def->options;
  if (def->options == LN_TABLE_none) return op;
  void *options = sure(ln_arena_alloc(&model->arena, ln_schema_table(def->options)->struct_size));
  ln_schema_set_defaults(def->options, options);
  op->options = options;
  op->has_options = true;
  return op;
}

bool model_has_loop(const ln_model *model) {
  for (int32_t g = 0; g < model->graph_count; ++g) {
    for (int32_t i = 0; i < model->graphs[g].op_count; ++i) {
      if (strstr(model->graphs[g].ops[i].def->name, "WHILE") != NULL) return true;
    }
  }
  return false;
}

/* Graphs, functions and the model: inputs, nodes one after the other, outputs. */
#include <stdio.h>
#include <string.h>

#include "import/onnx/onnx.h"
#include "onnx.pb-c.h"

static const char *text_of(const char *text) { return text != NULL ? text : ""; }

/* ---- subgraphs ---- */

const Onnx__Graph *ln_onnx_graph(const ln_onnx_node *n, const char *name) {
  for (size_t i = 0; i < n->proto->n_attribute; ++i) {
    const Onnx__Attribute *attribute = n->proto->attribute[i];
    if (strcmp(text_of(attribute->name), name) == 0) return attribute->g;
  }
  return NULL;
}

int32_t ln_onnx_graph_inputs(const Onnx__Graph *graph) { return (int32_t)graph->n_input; }
int32_t ln_onnx_graph_outputs(const Onnx__Graph *graph) { return (int32_t)graph->n_output; }

static void define_constants(ln_onnx_scope *scope, const Onnx__Graph *graph) {
  for (size_t i = 0; i < graph->n_initializer; ++i) {
    ln_onnx_define_later(scope, text_of(graph->initializer[i]->name), graph->initializer[i], NULL);
  }
  for (size_t i = 0; i < graph->n_sparse_initializer; ++i) {
    const Onnx__SparseTensor *sparse = graph->sparse_initializer[i];
    if (sparse->values != NULL) ln_onnx_define_later(scope, text_of(sparse->values->name), NULL, sparse);
  }
}

/* The names of a graph's outputs; NULL when memory is short. */
static char **output_names(ln_onnx_scope *scope, const Onnx__Graph *graph) {
  char **names = ln_arena_array(ln_emit_arena(scope->e), graph->n_output, sizeof *names);
  if (names == NULL) ln_import_no_memory(scope->onnx->import);
  for (size_t i = 0; names != NULL && i < graph->n_output; ++i) names[i] = graph->output[i]->name;
  return names;
}

static void note_graph(ln_onnx_scope *scope, const Onnx__Graph *graph) {
  char **names = output_names(scope, graph);
  if (names != NULL) ln_onnx_note_uses(scope, graph->n_node, graph->node, graph->n_output, names);
}

static bool emit_nodes(ln_onnx_scope *scope, size_t count, Onnx__Node *const *nodes) {
  if (scope->depth > LN_ONNX_DEEPEST) {
    ln_emit_refuse(scope->e, "graphs and functions nest deeper than %d", LN_ONNX_DEEPEST);
  }
  for (size_t i = 0; i < count && !ln_emit_failed(scope->e); ++i) ln_onnx_emit_node(scope, nodes[i]);
  return !ln_emit_failed(scope->e);
}

bool ln_onnx_emit_graph(ln_onnx_node *n, const Onnx__Graph *graph, ln_emit *e, int32_t input_count,
                        const ln_onnx_value *inputs, int32_t output_count, ln_onnx_value *outputs) {
  ln_onnx_scope scope = {.onnx = n->scope->onnx,
                         .outer = n->scope,
                         .e = e,
                         .function = n->scope->function,
                         .caller = n->scope->caller,
                         .prefix = n->scope->prefix,
                         .depth = n->scope->depth + 1};
  if (graph->n_input != (size_t)input_count || graph->n_output != (size_t)output_count) {
    ln_emit_wrong(e, "a graph of it has %zu inputs and %zu outputs; %d and %d are wanted", graph->n_input,
                  graph->n_output, input_count, output_count);
    return false;
  }
  define_constants(&scope, graph);
  note_graph(&scope, graph);
  for (int32_t i = 0; i < input_count; ++i) ln_onnx_define(&scope, text_of(graph->input[i]->name), inputs[i]);
  if (!emit_nodes(&scope, graph->n_node, graph->node)) return false;
  for (int32_t i = 0; i < output_count; ++i) {
    if (!ln_onnx_find(&scope, text_of(graph->output[i]->name), &outputs[i])) return false;
  }
  return true;
}

/* ---- functions: their nodes stand in place of the call ---- */

static void bind_function(ln_onnx_scope *scope, ln_onnx_node *n, const Onnx__Function *function) {
  for (size_t i = 0; i < function->n_input; ++i) {
    const ln_onnx_value value = ln_onnx_in_value(n, (int32_t)i);
    ln_onnx_define(scope, text_of(function->input[i]), value);
  }
}

void ln_onnx_emit_function(ln_onnx_node *n, const Onnx__Function *function) {
  const char *name = n->e->origin != NULL ? n->e->origin : text_of(function->name);
  ln_onnx_scope scope = {.onnx = n->scope->onnx,
                         .e = n->e,
                         .function = function,
                         .caller = n,
                         .prefix = ln_arena_printf(ln_emit_arena(n->e), "%.200s/", name),
                         .depth = n->scope->depth + 1};
  if (function->n_input < (size_t)n->input_count || function->n_output < (size_t)n->output_count) {
    ln_emit_wrong(n->e, "the function takes %zu inputs and gives %zu outputs", function->n_input, function->n_output);
    return;
  }
  if (scope.prefix == NULL) {
    ln_import_no_memory(n->e->import);
    return;
  }
  bind_function(&scope, n, function);
  ln_onnx_note_uses(&scope, function->n_node, function->node, function->n_output, function->output);
  if (!emit_nodes(&scope, function->n_node, function->node)) return;
  for (int32_t i = 0; i < n->output_count; ++i) {
    ln_onnx_value value;
    if (ln_onnx_wants(n, i) && ln_onnx_find(&scope, text_of(function->output[i]), &value))
      ln_onnx_out_value(n, i, value);
  }
}

/* ---- the main graph ---- */

static bool is_shaped_by_caller(const ln_import *import, const char *name, int32_t *rank) {
  const size_t length = strlen(name);
  for (int32_t i = 0; i < import->options->shape_count; ++i) {
    const char *text = import->options->shapes[i];
    if (strncmp(text, name, length) != 0 || text[length] != '=') continue;
    *rank = text[length + 1] != '\0' ? 1 : 0;
    for (const char *at = text + length + 1; *at != '\0'; ++at) *rank += *at == ',';
    return true;
  }
  return false;
}

static ln_input_dim dim_of(ln_onnx *onnx, const Onnx__Dimension *dim) {
  if (dim->has_dim_value && dim->dim_value >= 0 && dim->dim_value <= INT32_MAX) {
    return (ln_input_dim){.size = (int32_t)dim->dim_value, .symbol = -1};
  }
  const bool named = dim->dim_param != NULL && dim->dim_param[0] != '\0';
  return (ln_input_dim){.size = -1, .symbol = named ? ln_import_symbol(onnx->import, dim->dim_param, 1) : -1};
}

static void add_tensor_input(ln_onnx_scope *scope, const char *name, const Onnx__TensorType *type) {
  ln_input_dim dims[LN_MAX_RANK];
  int32_t rank = 0;
  ln_type element = LN_FLOAT32;
  if (!ln_onnx_stored_type(scope->e, type->elem_type, &element)) return;
  const bool said = is_shaped_by_caller(scope->onnx->import, name, &rank);
  if (type->shape == NULL && !said) {
    ln_emit_refuse(scope->e, "the model does not say its shape; give one with --shape %.80s=1,2,3", name);
    return;
  }
  if (type->shape != NULL && type->shape->n_dim <= LN_MAX_RANK) rank = (int32_t)type->shape->n_dim;
  if (rank > LN_MAX_RANK || (type->shape != NULL && type->shape->n_dim > LN_MAX_RANK)) {
    ln_emit_refuse(scope->e, "has more than %d dimensions", LN_MAX_RANK);
    return;
  }
  for (int32_t i = 0; i < rank; ++i) {
    dims[i] = type->shape != NULL ? dim_of(scope->onnx, type->shape->dim[i]) : (ln_input_dim){-1, -1};
  }
  const int32_t input = ln_emit_input(scope->e, name, element, rank, dims);
  ln_onnx_define(scope, name, ln_onnx_of(ln_onnx_widen(scope->e, input)));
}

/* An optional tensor is one that is always given. */
static void add_input(ln_onnx_scope *scope, const Onnx__ValueInfo *input) {
  const Onnx__Type *type = input->type;
  const char *name = text_of(input->name);
  ln_emit_at(scope->e, name, "input");
  if (type != NULL && type->optional_type != NULL) type = type->optional_type->elem_type;
  if (type == NULL || type->tensor_type == NULL) {
    ln_emit_refuse(scope->e, "is a sequence, a map or a sparse tensor: TensorFlow Lite's inputs are tensors");
    return;
  }
  add_tensor_input(scope, name, type->tensor_type);
}

/* Halves are float32 inside. */
static int32_t narrow_output(ln_emit *e, const Onnx__ValueInfo *output, int32_t tensor) {
  ln_type type;
  if (output->type == NULL || output->type->tensor_type == NULL || ln_emit_failed(e)) return tensor;
  if (ln_emit_type(e, tensor) != LN_FLOAT32 || !output->type->tensor_type->has_elem_type) return tensor;
  if (!ln_onnx_stored_type(e, output->type->tensor_type->elem_type, &type)) return -1;
  return type == LN_FLOAT16 || type == LN_BFLOAT16 ? ln_emit_cast(e, tensor, type) : tensor;
}

static void add_output(ln_onnx_scope *scope, const Onnx__ValueInfo *output) {
  ln_onnx_value value;
  const char *name = text_of(output->name);
  ln_emit_at(scope->e, name, "output");
  if (!ln_onnx_find(scope, name, &value)) return;
  if (value.kind == LN_ONNX_TENSOR) ln_emit_output(scope->e, name, narrow_output(scope->e, output, value.tensor));
  else ln_emit_refuse(scope->e, "is a sequence or an empty optional: TensorFlow Lite's outputs are tensors");
}

void ln_onnx_emit_model(ln_onnx *onnx) {
  static const char *const key = "serving_default";
  const Onnx__Graph *graph = onnx->model->graph;
  ln_emit *e = ln_emit_begin(onnx->import, graph->name != NULL && graph->name[0] != '\0' ? graph->name : "main");
  if (e == NULL) return;
  ln_onnx_scope scope = {.onnx = onnx, .e = e, .prefix = ""};
  if (!ln_import_wants_signature(onnx->import, key)) {
    ln_import_fail(onnx->import, LN_ERR_ARGUMENT, "an ONNX model has one signature, %s", key);
    return;
  }
  define_constants(&scope, graph);
  note_graph(&scope, graph);
  for (size_t i = 0; i < graph->n_input && !ln_emit_failed(e); ++i) {
    if (!ln_onnx_defines(&scope, text_of(graph->input[i]->name))) add_input(&scope, graph->input[i]);
  }
  if (!emit_nodes(&scope, graph->n_node, graph->node)) return;
  for (size_t i = 0; i < graph->n_output && !ln_emit_failed(e); ++i) add_output(&scope, graph->output[i]);
  ln_emit_sign(e, key);
}

/* Looking into models: the public functions of linnet/inspect.h. */
#include "linnet/inspect.h"

#include "backends/backend.h"

static const ln_signature *find_signature(const ln_model *model, int32_t index) {
  return index < 0 || index >= model->signature_count ? NULL : &model->signatures[index];
}

static int32_t item(const int32_t *items, int32_t count, int32_t index) {
  return index < 0 || index >= count ? -1 : items[index];
}

int32_t ln_model_graph_count(const ln_model *model) { return model->graph_count; }

const ln_graph *ln_model_graph(const ln_model *model, int32_t index) {
  return index < 0 || index >= model->graph_count ? NULL : &model->graphs[index];
}

int32_t ln_model_signature_graph(const ln_model *model, int32_t signature) {
  const ln_signature *found = find_signature(model, signature);
  return found == NULL ? -1 : found->graph;
}

int32_t ln_model_signature_arity(const ln_model *model, int32_t signature, bool outputs) {
  const ln_signature *found = find_signature(model, signature);
  if (found == NULL) return 0;
  return outputs ? found->output_count : found->input_count;
}

const char *ln_model_signature_key(const ln_model *model, int32_t signature, bool outputs, int32_t index) {
  if (index < 0 || index >= ln_model_signature_arity(model, signature, outputs)) return NULL;
  const ln_signature *found = find_signature(model, signature);
  return outputs ? found->output_keys[index] : found->input_keys[index];
}

int32_t ln_model_signature_tensor(const ln_model *model, int32_t signature, bool outputs, int32_t index) {
  if (index < 0 || index >= ln_model_signature_arity(model, signature, outputs)) return -1;
  const ln_signature *found = find_signature(model, signature);
  return outputs ? found->outputs[index] : found->inputs[index];
}

const char *ln_graph_name(const ln_graph *graph) { return graph->name == NULL ? "" : graph->name; }

int32_t ln_graph_tensor_count(const ln_graph *graph) { return graph->tensor_count; }

const ln_tensor *ln_graph_tensor(const ln_graph *graph, int32_t index) {
  return index < 0 || index >= graph->tensor_count ? NULL : &graph->tensors[index];
}

int32_t ln_graph_input_count(const ln_graph *graph) { return graph->input_count; }

int32_t ln_graph_input(const ln_graph *graph, int32_t index) { return item(graph->inputs, graph->input_count, index); }

int32_t ln_graph_output_count(const ln_graph *graph) { return graph->output_count; }

int32_t ln_graph_output(const ln_graph *graph, int32_t index) {
  return item(graph->outputs, graph->output_count, index);
}

int32_t ln_graph_op_count(const ln_graph *graph) { return graph->op_count; }

const ln_op *ln_graph_op(const ln_graph *graph, int32_t index) {
  return index < 0 || index >= graph->op_count ? NULL : &graph->ops[index];
}

const char *ln_op_name(const ln_op *op) { return op->custom_name != NULL ? op->custom_name : op->def->name; }

bool ln_op_is_custom(const ln_op *op) { return op->custom_name != NULL; }

int32_t ln_op_version(const ln_op *op) { return op->version; }

int32_t ln_op_input_count(const ln_op *op) { return op->input_count; }

int32_t ln_op_input(const ln_op *op, int32_t index) { return item(op->inputs, op->input_count, index); }

int32_t ln_op_output_count(const ln_op *op) { return op->output_count; }

int32_t ln_op_output(const ln_op *op, int32_t index) { return item(op->outputs, op->output_count, index); }

const char *ln_op_origin(const ln_op *op) { return op->origin; }

const char *ln_op_origin_op(const ln_op *op) { return op->origin_op; }

const char *ln_model_source_kind(const ln_model *model) { return model->source_kind; }

const char *ln_model_source_name(const ln_model *model) { return model->source_name; }

int32_t ln_op_row_count(void) { return ln_op_def_count(); }

ln_status ln_op_row_get(int32_t index, ln_op_row *row) {
  const ln_op_def *def = ln_op_def_at(index);
  if (def == NULL) return LN_ERR_ARGUMENT;
  const ln_op_row all = {.name = def->name,
                         .code = def->code,
                         .custom = def->code == LN_OP_CUSTOM && (def->flags & LN_OPF_MARKER) == 0,
                         .types = def->types,
                         .kernel_not_yet = def->kernel_not_yet,
                         .gradient_not_yet = ln_op_gradient_not_yet(def),
                         .is_marker = (def->flags & LN_OPF_MARKER) != 0,
                         .alternatives = ln_op_alternatives(def)};
  return ln_struct_give(row, &all, sizeof all);
}

const char *ln_op_row_backend(int32_t index, int32_t nth) {
  const ln_op op = {.def = ln_op_def_at(index)};
  for (int32_t i = 0; op.def != NULL && nth >= 0 && i < ln_backend_count(); ++i) {
    if (ln_backend_at(i)->refuses(&op) == NULL && nth-- == 0) return ln_backend_at(i)->name;
  }
  return NULL;
}

ln_status ln_op_row_operand(int32_t row, int32_t alternative, int32_t index, ln_op_operand *operand) {
  const ln_op_def *def = ln_op_def_at(row);
  ln_op_operand all;
  if (def == NULL || !ln_op_operand_at(def, alternative, index, &all)) return LN_ERR_ARGUMENT;
  return ln_struct_give(operand, &all, sizeof all);
}

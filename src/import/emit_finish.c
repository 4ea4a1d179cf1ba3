/*
 * The end of an import: what nobody reads goes, graphs that nothing runs go, and shapes become what the file declares:
 * open dimensions -1.
 */
#include <string.h>

#include "import/emit_private.h"

ln_status ln_import_refuse_graph(void *context, const ln_op *op, int32_t *graph) {
  (void)context, (void)op, (void)graph;
  return LN_ERR_STATE;
}

/* ---- operators ---- */

static bool is_kept(const ln_op *op, const bool *used) {
  if ((op->def->flags & LN_OPF_STATEFUL) != 0 || op->output_count == 0) return true;
  if (ln_op_each_graph(op, ln_import_refuse_graph, NULL) != LN_OK && op->def->code == LN_OP_CALL_ONCE) return true;
  for (int32_t i = 0; i < op->output_count; ++i) {
    if (used[op->outputs[i]]) return true;
  }
  return false;
}

static bool drop_unused(ln_emit *e) {
  ln_graph *graph = ln_emit_graph(e);
  bool *used = ln_alloc_array((size_t)graph->tensor_count + 1, sizeof *used);
  bool *drop = ln_alloc_array((size_t)graph->op_count + 1, sizeof *drop);
  const bool good = used != NULL && drop != NULL;
  for (int32_t i = 0; good && i < graph->output_count; ++i) used[graph->outputs[i]] = true;
  for (int32_t i = graph->op_count - 1; good && i >= 0; --i) {
    const ln_op *op = &graph->ops[i];
    drop[i] = !is_kept(op, used);
    for (int32_t k = 0; !drop[i] && k < op->input_count; ++k) {
      if (op->inputs[k] >= 0) used[op->inputs[k]] = true;
    }
  }
  if (good) ln_graph_drop_ops(graph, drop);
  for (int32_t i = 0; i < graph->op_count; ++i) graph->ops[i].index = i;
  ln_free(used);
  ln_free(drop);
  return good;
}

/* ---- shapes ---- */

static void declare_shapes(ln_emit *e) {
  ln_graph *graph = ln_emit_graph(e);
  for (int32_t i = 0; i < graph->tensor_count; ++i) {
    ln_tensor *tensor = &graph->tensors[i];
    const ln_fact *fact = &e->facts[i];
    tensor->has_rank = fact->shape[0].rank > 0;
    tensor->shape = fact->shape[0];
    tensor->has_signature = false;
    for (int32_t d = 0; d < tensor->shape.rank && !fact->constant; ++d) {
      if (fact->shape[0].dims[d] == fact->shape[1].dims[d]) continue;
      tensor->shape.dims[d] = -1;
      tensor->has_signature = true;
    }
    tensor->signature = tensor->shape;
  }
}

/* ---- graphs ---- */

typedef struct graphs {
  ln_model *model;
  int32_t *to; /* [graph_count] new numbers; -1: nothing runs it */
} graphs;

static ln_status mark(void *context, const ln_op *op, int32_t *graph) {
  graphs *g = context;
  (void)op;
  if (*graph < 0 || *graph >= g->model->graph_count) return LN_ERR_MODEL;
  if (g->to[*graph] >= 0) return LN_OK;
  g->to[*graph] = 0;
  const ln_graph *called = &g->model->graphs[*graph];
  for (int32_t i = 0; i < called->op_count; ++i) LN_TRY(ln_op_each_graph(&called->ops[i], mark, context));
  return LN_OK;
}

static ln_status renumber(void *context, const ln_op *op, int32_t *graph) {
  const graphs *g = context;
  (void)op;
  *graph = g->to[*graph];
  return LN_OK;
}

static ln_status drop_graphs(ln_import *import) {
  ln_model *model = import->model;
  graphs g = {model, ln_alloc_array((size_t)model->graph_count + 1, sizeof(int32_t))};
  if (g.to == NULL) return LN_ERR_MEMORY;
  ln_status status = LN_OK;
  int32_t kept = 0, first = 0;
  for (int32_t i = 0; i < model->graph_count; ++i) g.to[i] = -1;
  status = mark(&g, NULL, &first);
  for (int32_t i = 0; status == LN_OK && i < model->signature_count; ++i)
    status = mark(&g, NULL, &model->signatures[i].graph);
  for (int32_t i = 0; i < model->graph_count; ++i) {
    if (g.to[i] < 0) continue;
    g.to[i] = kept;
    model->graphs[kept] = model->graphs[i];
    import->emits[kept] = import->emits[i];
    import->emits[kept]->graph = kept;
    ++kept;
  }
  model->graph_count = kept;
  for (int32_t i = 0; status == LN_OK && i < kept; ++i) {
    for (int32_t k = 0; k < model->graphs[i].op_count; ++k) ln_op_each_graph(&model->graphs[i].ops[k], renumber, &g);
  }
  for (int32_t i = 0; i < model->signature_count; ++i) model->signatures[i].graph = g.to[model->signatures[i].graph];
  ln_free(g.to);
  return status;
}

ln_status ln_emit_finish_model(ln_import *import) {
  if (import->status == LN_OK) ln_import_finish_state(import);
  if (import->status != LN_OK) return import->status;
  if (import->model->graph_count == 0 || import->model->signature_count == 0) {
    if (import->options->signature_count > 0)
      return ln_fail(import->err, LN_ERR_NOT_FOUND, "it has no signature \"%.80s\"", import->options->signatures[0]);
    return ln_fail(import->err, LN_ERR_MODEL, "there is nothing to convert in it");
  }
  for (int32_t i = 0; i < import->model->graph_count; ++i) {
    if (!drop_unused(import->emits[i])) return ln_fail(import->err, LN_ERR_MEMORY, "out of memory");
    declare_shapes(import->emits[i]);
  }
  const ln_status status = drop_graphs(import);
  if (status != LN_OK) return ln_fail(import->err, LN_ERR_INTERNAL, "graphs of the result do not fit together");
  for (int32_t i = 0; i < import->model->graph_count; ++i) {
    for (int32_t k = 0; k < import->model->graphs[i].tensor_count; ++k) {
      if (import->model->graphs[i].tensors[k].name == NULL) import->model->graphs[i].tensors[k].name = "";
    }
  }
  return LN_OK;
}

__attribute__((weak)) void ln_import_finish_state(ln_import *import) { (void)import; }

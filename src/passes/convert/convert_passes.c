/* Runs the list of rewrites over all graphs, again and again until nothing changes. */
#include "passes/convert/convert_passes.h"

#include "passes/convert/convert_rewrite.h"

enum { MOST_ROUNDS = 8 };

typedef struct convert_pass {
  const char *name;
  ln_status (*run)(ln_convert_context *context);
} convert_pass;

static const convert_pass passes[] = {
#define LN_CONVERT_PASS(name, what) {#name, ln_convert_pass_##name},
#include "passes/convert/convert.def"
};

/* Arity and element types of all operators: what infer and kernels rely on beside the verifier. */
static ln_status check_types(const ln_graph *graph, ln_error *err) {
  for (int32_t i = 0; i < graph->op_count; ++i) LN_TRY(ln_op_check_types(graph, &graph->ops[i], err));
  return LN_OK;
}

static ln_status run_pass(const convert_pass *pass, ln_convert_context *context) {
  context->pass.changes = 0;
  LN_TRY(pass->run(context));
  if (context->pass.changes == 0) return LN_OK;
  ln_log(LN_LOG_DEBUG, "graph %s, pass %s: %d changes", context->pass.graph->name, pass->name, context->pass.changes);
  ln_status status = ln_graph_verify(context->pass.model, context->pass.graph, context->pass.err);
  if (status == LN_OK) status = check_types(context->pass.graph, context->pass.err);
  if (status != LN_OK) ln_error_prefix(context->pass.err, "after pass %s", pass->name);
  return status;
}

static bool is_called_from_outside(const ln_model *model, int32_t graph) {
  for (int32_t i = 0; i < model->signature_count; ++i) {
    if (model->signatures[i].graph == graph) return true;
  }
  return model->signature_count == 0 && graph == 0;
}

/* Bytes of constants, each tensor's counted. */
static size_t constant_bytes(const ln_model *model) {
  size_t bytes = 0;
  for (int32_t g = 0; g < model->graph_count; ++g) {
    for (int32_t i = 0; i < model->graphs[g].tensor_count; ++i) {
      const ln_tensor *tensor = &model->graphs[g].tensors[i];
      if (ln_tensor_const_data(tensor) && !ln_size_add(bytes, tensor->bytes, &bytes)) return bytes;
    }
  }
  return bytes;
}

static ln_status run_graph(ln_model *model, int32_t index, const ln_convert_passes_options *options, size_t *grown,
                           ln_error *err) {
  ln_convert_context context = {.pass = {.model = model,
                                         .graph = &model->graphs[index],
                                         .arena = &model->arena,
                                         .grown = grown,
                                         .given = constant_bytes(model),
                                         .err = err},
                                .mutable_model = model,
                                .channels_last = options->channels_last && is_called_from_outside(model, index)};
  int32_t changes = 1;
  LN_TRY(check_types(context.pass.graph, err));
  for (int32_t round = 0; round < MOST_ROUNDS && changes > 0; ++round) {
    changes = 0;
    for (size_t i = 0; i < LN_COUNT(passes); ++i) {
      LN_TRY(run_pass(&passes[i], &context));
      changes += context.pass.changes;
    }
  }
  return LN_OK;
}

ln_status ln_convert_passes_run(ln_model *model, const ln_convert_passes_options *options, ln_error *err) {
  static const ln_convert_passes_options none = {0};
  size_t grown = 0;
  LN_TRY(ln_convert_join_graphs(model, err));
  for (int32_t i = 0; i < model->graph_count; ++i) {
    LN_TRY(run_graph(model, i, options != NULL ? options : &none, &grown, err));
  }
  return LN_OK;
}

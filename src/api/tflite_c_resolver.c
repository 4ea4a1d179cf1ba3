/*
 * Which operators a program of the TfLite C API brings or admits. Builtin operators are computed by this library's own
 * kernels, whatever kernel was registered for them: registering one admits the operator, and matters only where a
 * program asks for selected operators alone.
 */
#include <string.h>

#include "api/tflite_c.h"

void TfLiteInterpreterOptionsAddBuiltinOp(TfLiteInterpreterOptions *options, TfLiteBuiltinOperator op,
                                          const TfLiteRegistration *registration, int32_t min_version,
                                          int32_t max_version) {
  if (registration == NULL) return;
  const size_t count = (size_t)options->builtin_op_count;
  tflite_builtin_op *grown = ln_realloc_array(options->builtin_ops, count, count + 1, sizeof *grown);
  if (grown == NULL) {
    ln_tflite_report(&options->reporter, "no memory for an operator");
    return;
  }
  options->builtin_ops = grown;
  grown[options->builtin_op_count++] = (tflite_builtin_op){(int32_t)op, min_version, max_version};
}

void TfLiteInterpreterOptionsSetOpResolver(
    TfLiteInterpreterOptions *options,
    const TfLiteRegistration *(*find_builtin_op)(void *user_data, TfLiteBuiltinOperator op, int version),
    const TfLiteRegistration *(*find_custom_op)(void *user_data, const char *custom_op, int version),
    void *op_resolver_user_data) {
  options->resolver = (tflite_resolver){find_builtin_op, find_custom_op, op_resolver_user_data};
}

static bool has_custom_op(const TfLiteInterpreterOptions *options, const char *name) {
  for (int32_t i = 0; i < options->custom_op_count; ++i) {
    if (strcmp(options->custom_ops[i].name, name) == 0) return true;
  }
  return false;
}

static bool admits_builtin(const TfLiteInterpreterOptions *options, int32_t code, int32_t version) {
  const tflite_resolver *resolver = &options->resolver;
  for (int32_t i = 0; i < options->builtin_op_count; ++i) {
    const tflite_builtin_op *op = &options->builtin_ops[i];
    if (op->code == code && version >= op->min_version && version <= op->max_version) return true;
  }
  return resolver->find_builtin != NULL &&
         resolver->find_builtin(resolver->user_data, (TfLiteBuiltinOperator)code, version) != NULL;
}

/* False when memory is short. */
static bool look_up_custom(TfLiteInterpreterOptions *options, const ln_op *op) {
  const tflite_resolver *resolver = &options->resolver;
  if (resolver->find_custom == NULL || has_custom_op(options, op->custom_name)) return true;
  const TfLiteRegistration *found = resolver->find_custom(resolver->user_data, op->custom_name, op->version);
  return found == NULL || ln_tflite_add_custom_op(options, op->custom_name, found);
}

static bool resolve_op(TfLiteInterpreterOptions *options, const ln_op *op, bool selected) {
  if (op->custom_name != NULL && !look_up_custom(options, op)) {
    ln_tflite_report(&options->reporter, "no memory for an operator");
    return false;
  }
  if (!selected) return true;
  if (op->custom_name != NULL ? has_custom_op(options, op->custom_name)
                              : admits_builtin(options, op->def->code, op->version)) {
    return true;
  }
  ln_tflite_report(&options->reporter, "operator %s, version %d, is not among those registered", ln_op_name(op),
                   op->version);
  return false;
}

bool ln_tflite_resolve(TfLiteInterpreterOptions *options, const ln_model *model, bool selected) {
  for (int32_t g = 0; g < model->graph_count; ++g) {
    const ln_graph *graph = &model->graphs[g];
    for (int32_t i = 0; i < graph->op_count; ++i) {
      if (!resolve_op(options, &graph->ops[i], selected)) return false;
    }
  }
  return true;
}

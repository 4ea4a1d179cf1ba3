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
  options->resolver = (tflite_resolver){
      .find_builtin = find_builtin_op, .find_custom = find_custom_op, .user_data = op_resolver_user_data};
}

void TfLiteInterpreterOptionsSetOpResolverExternal(
    TfLiteInterpreterOptions *options, const TfLiteOperator *(*find_builtin_op)(void *user_data, int op, int version),
    const TfLiteOperator *(*find_custom_op)(void *user_data, const char *custom_op, int version),
    void *op_resolver_user_data) {
  options->resolver = (tflite_resolver){.find_builtin_external = find_builtin_op,
                                        .find_custom_external = find_custom_op,
                                        .user_data = op_resolver_user_data};
}

void TfLiteInterpreterOptionsSetOpResolverExternalWithFallback(
    TfLiteInterpreterOptions *options,
    const TfLiteOperator *(*find_builtin_op_external)(void *user_data, int op, int version),
    const TfLiteOperator *(*find_custom_op_external)(void *user_data, const char *custom_op, int version),
    const TfLiteRegistration *(*find_builtin_op)(void *user_data, TfLiteBuiltinOperator op, int version),
    const TfLiteRegistration *(*find_custom_op)(void *user_data, const char *op, int version),
    void *op_resolver_user_data) {
  options->resolver = (tflite_resolver){.find_builtin_external = find_builtin_op_external,
                                        .find_custom_external = find_custom_op_external,
                                        .find_builtin = find_builtin_op,
                                        .find_custom = find_custom_op,
                                        .user_data = op_resolver_user_data};
}

void TfLiteInterpreterOptionsSetOpResolverV3(
    TfLiteInterpreterOptions *options,
    const TfLiteRegistration_V3 *(*find_builtin_op_v3)(void *user_data, TfLiteBuiltinOperator op, int version),
    const TfLiteRegistration_V3 *(*find_custom_op_v3)(void *user_data, const char *op, int version),
    void *op_resolver_user_data) {
  options->resolver = (tflite_resolver){
      .find_builtin_v3 = find_builtin_op_v3, .find_custom_v3 = find_custom_op_v3, .user_data = op_resolver_user_data};
}

void TfLiteInterpreterOptionsSetOpResolverV2(
    TfLiteInterpreterOptions *options,
    const TfLiteRegistration_V2 *(*find_builtin_op_v2)(void *user_data, TfLiteBuiltinOperator op, int version),
    const TfLiteRegistration_V2 *(*find_custom_op_v2)(void *user_data, const char *op, int version),
    void *op_resolver_user_data) {
  options->resolver = (tflite_resolver){
      .find_builtin_v2 = find_builtin_op_v2, .find_custom_v2 = find_custom_op_v2, .user_data = op_resolver_user_data};
}

void TfLiteInterpreterOptionsSetOpResolverV1(
    TfLiteInterpreterOptions *options,
    const TfLiteRegistration_V1 *(*find_builtin_op_v1)(void *user_data, TfLiteBuiltinOperator op, int version),
    const TfLiteRegistration_V1 *(*find_custom_op_v1)(void *user_data, const char *op, int version),
    void *op_resolver_user_data) {
  options->resolver = (tflite_resolver){
      .find_builtin_v1 = find_builtin_op_v1, .find_custom_v1 = find_custom_op_v1, .user_data = op_resolver_user_data};
}

/* An older registration is the beginning of today's. */
static bool take(TfLiteRegistration *out, const void *found, size_t size) {
  if (found == NULL) return false;
  *out = (TfLiteRegistration){0};
  memcpy(out, found, size);
  return true;
}

static bool find_custom(const tflite_resolver *r, const char *name, int version, TfLiteRegistration *out) {
  const TfLiteOperator *op =
      r->find_custom_external == NULL ? NULL : r->find_custom_external(r->user_data, name, version);
  const bool bare = op != NULL && !ln_tflite_has_callbacks(op) && r->find_custom != NULL;
  if (op != NULL && !bare) {
    *out = ln_tflite_registration_of((TfLiteOperator *)(uintptr_t)op); /* never changed here */
    return true;
  }
  if (r->find_custom != NULL) return take(out, r->find_custom(r->user_data, name, version), sizeof *out);
  if (r->find_custom_v3 != NULL) {
    return take(out, r->find_custom_v3(r->user_data, name, version), sizeof(TfLiteRegistration_V3));
  }
  if (r->find_custom_v2 != NULL) {
    return take(out, r->find_custom_v2(r->user_data, name, version), sizeof(TfLiteRegistration_V2));
  }
  return r->find_custom_v1 != NULL &&
         take(out, r->find_custom_v1(r->user_data, name, version), sizeof(TfLiteRegistration_V1));
}

static bool finds_builtin(const tflite_resolver *r, int32_t code, int32_t version) {
  const TfLiteBuiltinOperator op = (TfLiteBuiltinOperator)code;
  if (r->find_builtin_external != NULL && r->find_builtin_external(r->user_data, code, version) != NULL) return true;
  if (r->find_builtin != NULL) return r->find_builtin(r->user_data, op, version) != NULL;
  if (r->find_builtin_v3 != NULL) return r->find_builtin_v3(r->user_data, op, version) != NULL;
  if (r->find_builtin_v2 != NULL) return r->find_builtin_v2(r->user_data, op, version) != NULL;
  return r->find_builtin_v1 != NULL && r->find_builtin_v1(r->user_data, op, version) != NULL;
}

static bool has_custom_op(const TfLiteInterpreterOptions *options, const char *name) {
  for (int32_t i = 0; i < options->custom_op_count; ++i) {
    if (strcmp(options->custom_ops[i].name, name) == 0) return true;
  }
  return false;
}

static bool admits_builtin(const TfLiteInterpreterOptions *options, int32_t code, int32_t version) {
  for (int32_t i = 0; i < options->builtin_op_count; ++i) {
    const tflite_builtin_op *op = &options->builtin_ops[i];
    if (op->code == code && version >= op->min_version && version <= op->max_version) return true;
  }
  return finds_builtin(&options->resolver, code, version);
}

/* False when memory is short. */
static bool look_up_custom(TfLiteInterpreterOptions *options, const ln_op *op) {
  TfLiteRegistration found;
  if (has_custom_op(options, op->custom_name)) return true;
  return !find_custom(&options->resolver, op->custom_name, op->version, &found) ||
         ln_tflite_add_custom_op(options, op->custom_name, &found);
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

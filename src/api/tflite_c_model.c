/* Versions, error reporting, models and options of the TfLite C API. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/tflite_c.h"

const char *TfLiteVersion(void) { return "2.19.0"; }

const char *TfLiteExtensionApisVersion(void) { return "1.0.0"; }

int TfLiteSchemaVersion(void) { return 3; }

/* ---- errors ---- */

void ln_tflite_report(const tflite_reporter *reporter, const char *format, ...) {
  va_list args;
  va_start(args, format);
  if (reporter->report != NULL) {
    reporter->report(reporter->user_data, format, args);
  } else {
    fputs("ERROR: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
  }
  va_end(args);
}

TfLiteStatus ln_tflite_status(const tflite_reporter *reporter, ln_status status, const ln_error *err) {
  if (status == LN_OK) return kTfLiteOk;
  ln_tflite_report(reporter, "%s", err->message);
  if (status == LN_ERR_CANCELLED) return kTfLiteCancelled;
  return status == LN_ERR_UNSUPPORTED ? kTfLiteUnresolvedOps : kTfLiteError;
}

/* ---- models ---- */

/* Takes `model`, NULL included. */
static TfLiteModel *wrap(ln_model *model, const tflite_reporter *reporter, const ln_error *err) {
  if (model == NULL) {
    ln_tflite_report(reporter, "%s", err->message);
    return NULL;
  }
  TfLiteModel *out = ln_alloc_zero(sizeof *out);
  if (out == NULL) {
    ln_model_destroy(model);
    ln_tflite_report(reporter, "no memory for a model");
    return NULL;
  }
  out->model = model;
  atomic_init(&out->references, 1);
  return out;
}

TfLiteModel *TfLiteModelCreateWithErrorReporter(const void *model_data, size_t model_size,
                                                void (*reporter)(void *user_data, const char *format, va_list args),
                                                void *user_data) {
  const tflite_reporter to = {reporter, user_data};
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  (void)ln_model_from_memory(model_data, model_size, &err, &model);
  return wrap(model, &to, &err);
}

TfLiteModel *TfLiteModelCreateFromFileWithErrorReporter(
    const char *model_path, void (*reporter)(void *user_data, const char *format, va_list args), void *user_data) {
  const tflite_reporter to = {reporter, user_data};
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  if (ln_model_open(model_path, &err, &model) != LN_OK && model_path != NULL)
    ln_error_prefix(&err, "%.200s", model_path);
  return wrap(model, &to, &err);
}

TfLiteModel *TfLiteModelCreate(const void *model_data, size_t model_size) {
  return TfLiteModelCreateWithErrorReporter(model_data, model_size, NULL, NULL);
}

TfLiteModel *TfLiteModelCreateFromFile(const char *model_path) {
  return TfLiteModelCreateFromFileWithErrorReporter(model_path, NULL, NULL);
}

void ln_tflite_model_release(TfLiteModel *model) {
  if (model == NULL || atomic_fetch_sub(&model->references, 1) > 1) return;
  ln_model_destroy(model->model);
  ln_free(model);
}

void TfLiteModelDelete(TfLiteModel *model) { ln_tflite_model_release(model); }

/* ---- options ---- */

TfLiteInterpreterOptions *TfLiteInterpreterOptionsCreate(void) {
  TfLiteInterpreterOptions *options = ln_alloc_zero(sizeof *options);
  if (options != NULL) options->threads = -1;
  return options;
}

bool ln_tflite_add_custom_op(TfLiteInterpreterOptions *options, const char *name,
                             const TfLiteRegistration *registration) {
  const size_t count = (size_t)options->custom_op_count;
  tflite_custom_op *grown = ln_realloc_array(options->custom_ops, count, count + 1, sizeof *grown);
  if (grown == NULL) return false;
  options->custom_ops = grown;
  grown[count] = (tflite_custom_op){ln_strdup(name), *registration};
  if (grown[count].name == NULL) return false;
  ++options->custom_op_count;
  return true;
}

TfLiteInterpreterOptions *TfLiteInterpreterOptionsCopy(const TfLiteInterpreterOptions *from) {
  TfLiteInterpreterOptions *copy = TfLiteInterpreterOptionsCreate();
  if (copy == NULL) return NULL;
  *copy = *from;
  copy->custom_ops = NULL;
  copy->custom_op_count = 0;
  copy->builtin_ops = NULL;
  copy->builtin_op_count = 0;
  for (int32_t i = 0; i < from->custom_op_count; ++i) {
    if (ln_tflite_add_custom_op(copy, from->custom_ops[i].name, &from->custom_ops[i].registration)) continue;
    goto no_memory;
  }
  const size_t builtins = (size_t)from->builtin_op_count;
  copy->builtin_ops = ln_alloc_array(builtins, sizeof *copy->builtin_ops);
  if (copy->builtin_ops == NULL) goto no_memory;
  copy->builtin_op_count = from->builtin_op_count;
  if (builtins > 0) memcpy(copy->builtin_ops, from->builtin_ops, builtins * sizeof *copy->builtin_ops);
  return copy;
no_memory:
  TfLiteInterpreterOptionsDelete(copy);
  return NULL;
}

void TfLiteInterpreterOptionsDelete(TfLiteInterpreterOptions *options) {
  if (options == NULL) return;
  for (int32_t i = 0; i < options->custom_op_count; ++i) ln_free(options->custom_ops[i].name);
  ln_free(options->custom_ops);
  ln_free(options->builtin_ops);
  ln_free(options);
}

void TfLiteInterpreterOptionsSetNumThreads(TfLiteInterpreterOptions *options, int32_t num_threads) {
  options->threads = num_threads;
}

void TfLiteInterpreterOptionsAddDelegate(TfLiteInterpreterOptions *options, TfLiteOpaqueDelegate *delegate) {
  if (delegate == NULL) return;
  if (options->delegate_count == TFLITE_MAX_DELEGATES) {
    ln_tflite_report(&options->reporter, "more than %d delegates: the last is left out", TFLITE_MAX_DELEGATES);
    return;
  }
  options->delegates[options->delegate_count++] = delegate;
}

void TfLiteInterpreterOptionsSetErrorReporter(TfLiteInterpreterOptions *options,
                                              void (*reporter)(void *user_data, const char *format, va_list args),
                                              void *user_data) {
  options->reporter = (tflite_reporter){reporter, user_data};
}

TfLiteStatus TfLiteInterpreterOptionsEnableCancellation(TfLiteInterpreterOptions *options, bool enable) {
  options->cancellation = enable;
  return kTfLiteOk;
}

/* Versions do not matter: a model names a custom operator, and the program says what computes it. */
void TfLiteInterpreterOptionsAddCustomOp(TfLiteInterpreterOptions *options, const char *name,
                                         const TfLiteRegistration *registration, int32_t min_version,
                                         int32_t max_version) {
  (void)min_version;
  (void)max_version;
  if (name == NULL || registration == NULL) return;
  if (!ln_tflite_add_custom_op(options, name, registration))
    ln_tflite_report(&options->reporter, "no memory for an operator");
}

void TfLiteInterpreterOptionsSetUseNNAPI(TfLiteInterpreterOptions *options, bool enable) {
  (void)options;
  (void)enable;
}

void TfLiteInterpreterOptionsSetEnableDelegateFallback(TfLiteInterpreterOptions *options, bool enable) {
  (void)options;
  (void)enable;
}

/* ---- files ---- */

void LnTfLiteInterpreterOptionsSetFiles(TfLiteInterpreterOptions *options, ln_file_access files) {
  options->files = files;
  options->files_said = true;
}

bool ln_tflite_ask_files(TfLiteInterpreterOptions *options) {
  static const char *const words[] = {[LN_FILES_GIVEN] = "given", [LN_FILES_ANY] = "any", [LN_FILES_NONE] = "none"};
  const char *said = options->files_said ? NULL : getenv("LINNET_FILES");
  if (said == NULL || said[0] == '\0') return true;
  for (int32_t i = 0; i < (int32_t)LN_COUNT(words); ++i) {
    if (strcmp(said, words[i]) != 0) continue;
    options->files = (ln_file_access)i;
    return true;
  }
  ln_tflite_report(&options->reporter, "LINNET_FILES is \"%.40s\", not \"given\", \"any\" or \"none\"", said);
  return false;
}

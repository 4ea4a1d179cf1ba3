/* Reads a source, runs the passes over what was read, and keeps both. */
#include "convert/convert.h"

#include <string.h>

#include "convert/check.h"
#include "format/format.h"
#include "linnet/model.h"
#include "optimize/optimize.h"
#include "passes/convert/convert_passes.h"

const char *ln_convert_kind(int32_t index) {
  const ln_importer *importer = ln_importer_at(index);
  return importer != NULL ? importer->name : NULL;
}

const char *ln_convert_kind_what(int32_t index) {
  const ln_importer *importer = ln_importer_at(index);
  return importer != NULL ? importer->what : NULL;
}

static ln_status choose(const ln_import_source *source, const char *from, ln_error *err, const ln_importer **out) {
  *out = from != NULL ? ln_importer_find(from) : ln_importer_recognize(source);
  if (*out != NULL) return LN_OK;
  if (from != NULL) return ln_fail(err, LN_ERR_ARGUMENT, "no kind of source is called %.40s", from);
  return ln_fail(err, LN_ERR_FORMAT, "%s is none that can be converted: %s",
                 source->is_folder ? "the folder" : "the file", "Keras, SavedModel, ONNX, StableHLO or torch.export");
}

/* The last part of a path, which may end with a slash: in the model's arena, NULL when memory is short. */
static const char *base_name(const char *path, ln_model *model) {
  size_t end = strlen(path);
  while (end > 1 && path[end - 1] == '/') --end;
  size_t begin = end;
  while (begin > 0 && path[begin - 1] != '/') --begin;
  return ln_arena_printf(&model->arena, "%.*s", (int)(end - begin < 200 ? end - begin : 200), path + begin);
}

/* The imported model as one that sessions can be made of: it is in memory alone, its constants where they are. */
static ln_status finish(ln_model *model, const ln_importer *importer, const char *path, ln_error *err) {
  for (int32_t i = 0; i < model->graph_count; ++i) ln_edit_refresh_versions(&model->graphs[i]);
  model->source_kind = importer->name;
  model->source_name = base_name(path, model);
  LN_TRY(ln_edit_compact(model, err));
  return ln_model_verify(model, err);
}

static ln_status convert(const ln_convert_options *options, ln_error *err, ln_conversion *out) {
  const ln_import_options wanted = {.signatures = options->signatures,
                                    .signature_count = options->signature_count,
                                    .shapes = options->shapes,
                                    .shape_count = options->shape_count};
  ln_model *model = NULL;
  LN_TRY(choose(&out->opened, options->from, err, &out->importer));
  LN_TRY(ln_import_run(out->importer, &out->opened, &wanted, err, &out->source));
  LN_TRY(finish(out->source, out->importer, out->opened.path, err));
  LN_TRY(ln_edit_begin(out->source, err, &model));
  model->source_kind = out->source->source_kind;
  model->source_name = out->source->source_name;
  const ln_convert_passes_options passes = {.channels_last = options->channels_last};
  ln_status status = options->without_passes ? LN_OK : ln_convert_passes_run(model, &passes, err);
  for (int32_t i = 0; i < model->graph_count; ++i) ln_edit_refresh_versions(&model->graphs[i]);
  if (status == LN_OK) status = ln_edit_compact(model, err);
  if (status == LN_OK) status = ln_edit_snapshot(model, err, &out->result);
  ln_model_destroy(model);
  return status;
}

ln_status ln_convert(const char *path, const ln_convert_options *options, ln_error *err, ln_conversion **out) {
  ln_convert_options given = LN_CONVERT_OPTIONS_INIT;
  *out = NULL;
  if (options != NULL) memcpy(&given, options, options->size < sizeof given ? options->size : sizeof given);
  ln_conversion *made = ln_alloc_zero(sizeof *made);
  if (made == NULL) return ln_fail(err, LN_ERR_MEMORY, "out of memory");
  ln_status status = ln_import_source_open(path, err, &made->opened);
  if (status == LN_OK) status = convert(&given, err, made);
  if (status == LN_OK) *out = made;
  else ln_conversion_destroy(made);
  return status;
}

void ln_conversion_destroy(ln_conversion *conversion) {
  if (conversion == NULL) return;
  ln_model_destroy(conversion->source);
  ln_model_destroy(conversion->result);
  ln_import_source_close(&conversion->opened);
  ln_free(conversion);
}

const char *ln_conversion_kind(const ln_conversion *conversion) { return conversion->importer->name; }
ln_model *ln_conversion_model(const ln_conversion *conversion) { return conversion->result; }
ln_model *ln_conversion_source(const ln_conversion *conversion) { return conversion->source; }

ln_status ln_conversion_check(ln_conversion *conversion, const char *target, ln_error *err, ln_check **out) {
  LN_TRY(ln_check_run(conversion->result, target, err, out));
  return ln_check_annotate(*out, conversion->result, err);
}

ln_status ln_conversion_save(const ln_conversion *conversion, const char *path, ln_error *err) {
  return ln_model_save(conversion->result, path, err);
}

const void *ln_conversion_data(const ln_conversion *conversion, size_t *size) {
  *size = conversion->result->map.size; /* it was read back from its own file */
  return conversion->result->map.data;
}

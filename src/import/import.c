/* The list of importers, sources, failures, and a run of one importer. */
#include "import/import.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "import/emit.h"
#include "import/importers.h"

static const ln_importer importers[] = {
#define LN_IMPORTER(name, stem, what) {name, what, ln_import_is_##stem, ln_import_##stem},
#include "import/importers.def"
};

const ln_importer *ln_importer_at(int32_t index) {
  return index < 0 || (size_t)index >= LN_COUNT(importers) ? NULL : &importers[index];
}

const ln_importer *ln_importer_find(const char *name) {
  for (size_t i = 0; i < LN_COUNT(importers); ++i) {
    if (strcmp(importers[i].name, name) == 0) return &importers[i];
  }
  return NULL;
}

const ln_importer *ln_importer_recognize(const ln_import_source *source) {
  for (size_t i = 0; i < LN_COUNT(importers); ++i) {
    if (importers[i].recognizes(source)) return &importers[i];
  }
  return NULL;
}

/* ---- sources ---- */

ln_status ln_import_source_open(const char *path, ln_error *err, ln_import_source *out) {
  struct stat info;
  *out = (ln_import_source){.path = path};
  if (stat(path, &info) != 0) return ln_fail(err, LN_ERR_IO, "no such file or folder");
  out->is_folder = S_ISDIR(info.st_mode);
  return out->is_folder ? LN_OK : ln_file_map_open(path, err, &out->map);
}

void ln_import_source_close(ln_import_source *source) {
  if (!source->is_folder) ln_file_map_close(&source->map);
  *source = (ln_import_source){0};
}

/* ---- failures ---- */

int32_t ln_import_fail(ln_import *import, ln_status status, const char *format, ...) {
  char text[sizeof import->err->message];
  va_list list;
  if (import->status != LN_OK) return -1;
  va_start(list, format);
  vsnprintf(text, sizeof text, format, list);
  va_end(list);
  for (char *c = text; *c != '\0'; ++c) { /* names come from the file: a message is one line */
    if ((unsigned char)*c < ' ' || *c == 0x7f) *c = ' ';
  }
  import->status = ln_fail(import->err, status, "%s", text);
  return -1;
}

int32_t ln_import_no_memory(ln_import *import) {
  return ln_import_fail(import, LN_ERR_MEMORY, "out of memory while the model is converted");
}

/* ---- a run ---- */

/* Emits of all graphs are in the model's arena; nothing else is to be freed. */
static ln_status try_once(const ln_importer *importer, ln_import *import) {
  import->model = ln_model_create();
  if (import->model == NULL) return ln_fail(import->err, LN_ERR_MEMORY, "out of memory");
  ln_status status = importer->read(import);
  if (status == LN_OK) status = import->status;
  if (status == LN_OK) status = ln_emit_finish_model(import);
  return status;
}

ln_status ln_import_run(const ln_importer *importer, const ln_import_source *source, const ln_import_options *options,
                        ln_error *err, ln_model **out) {
  static const ln_import_options none = {0};
  ln_error first = {LN_OK, ""};
  ln_status status = LN_OK;
  *out = NULL;
  for (int32_t attempt = 0; attempt < LN_IMPORT_ATTEMPTS; ++attempt) {
    ln_error said = {LN_OK, ""};
    ln_import import = {.source = source,
                        .options = options != NULL ? options : &none,
                        .err = &said,
                        .attempt = attempt,
                        .state_graph = -1,
                        .what = "node"};
    status = try_once(importer, &import);
    if (status == LN_OK) {
      *out = import.model;
      return LN_OK;
    }
    if (attempt == 0) first = said;
    const bool again = import.symbol_count > 0 && (status == LN_ERR_SHAPE || status == LN_ERR_MODEL);
    ln_model_destroy(import.model);
    if (!again) break;
  }
  if (err != NULL) *err = first;
  return first.status != LN_OK ? first.status : status;
}

/* What the targets of importers share: bytes as a source, read, simplified by the passes, checked and written. */
#ifndef LN_FUZZ_IMPORT_H
#define LN_FUZZ_IMPORT_H

#include "fuzz.h"
#include "import/import.h"
#include "optimize/optimize.h"
#include "passes/convert/convert_passes.h"

/* `path`: what the source is called; files beside it are looked for there. */
static inline int fuzz_import(const char *kind, const char *path, const uint8_t *bytes, size_t size) {
  const ln_importer *importer = ln_importer_find(kind);
  const ln_import_source source = {.path = path, .map = {.data = bytes, .size = size}};
  const ln_convert_passes_options passes = {.channels_last = size % 2 == 1};
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL, *written = NULL;
  (void)importer->recognizes(&source);
  ln_status status = ln_import_run(importer, &source, NULL, &err, &model);
  fuzz_check(status, &err);
  if (status != LN_OK) return 0;
  status = ln_edit_compact(model, &err);
  if (status == LN_OK) status = ln_convert_passes_run(model, &passes, &err);
  if (status == LN_OK) status = ln_edit_compact(model, &err);
  if (status == LN_OK) status = ln_edit_snapshot(model, &err, &written);
  fuzz_check(status, &err);
  ln_model_destroy(written);
  ln_model_destroy(model);
  return 0;
}

#endif

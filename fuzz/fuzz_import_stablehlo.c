/* Bytes as a StableHLO file: text, bytecode or jax.export: read, and what comes of it checked and written. */
#include "fuzz.h"
#include "import/import.h"
#include "optimize/optimize.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  const ln_importer *importer = ln_importer_find("stablehlo");
  const ln_import_source source = {.path = "model.mlir", .map = {.data = bytes, .size = size}};
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL, *written = NULL;
  (void)importer->recognizes(&source);
  ln_status status = ln_import_run(importer, &source, NULL, &err, &model);
  fuzz_check(status, &err);
  if (status != LN_OK) return 0;
  status = ln_edit_compact(model, &err);
  if (status == LN_OK) status = ln_edit_snapshot(model, &err, &written);
  fuzz_check(status, &err);
  ln_model_destroy(written);
  ln_model_destroy(model);
  return 0;
}

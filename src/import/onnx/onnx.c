/* Stands in until the importer is there. */
#include "import/importers.h"

bool ln_import_is_onnx(const ln_import_source *source) {
  (void)source;
  return false;
}

ln_status ln_import_onnx(ln_import *import) {
  ln_import_fail(import, LN_ERR_UNSUPPORTED, "not built yet");
  return import->status;
}

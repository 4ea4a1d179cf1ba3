/* The functions behind importers.def. */
#ifndef LN_IMPORT_IMPORTERS_H
#define LN_IMPORT_IMPORTERS_H

#include "import/import.h"

#define LN_IMPORTER(name, stem, what)                       \
  bool ln_import_is_##stem(const ln_import_source *source); \
  ln_status ln_import_##stem(ln_import *import);
#include "import/importers.def"

#endif

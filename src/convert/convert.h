/* A conversion from source to file: importer, passes, result; and what is proven and told of it. */
#ifndef LN_CONVERT_CONVERT_H
#define LN_CONVERT_CONVERT_H

#include "import/import.h"
#include "linnet/convert.h"

struct ln_conversion {
  const ln_importer *importer;
  ln_import_source opened; /* constants of `source` may lie in its file */
  ln_model *source;        /* before any pass */
  ln_model *result;
};

#endif

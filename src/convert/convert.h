/* A conversion from source to file: importer, passes, result; and what is proven and told of it. */
#ifndef LN_CONVERT_CONVERT_H
#define LN_CONVERT_CONVERT_H

#include "import/import.h"
#include "linnet/convert.h"

struct ln_conversion {
  const ln_importer *importer;
  ln_model *source; /* before any pass, read back from its own file: what a session can be made of */
  ln_model *result;
};

#endif

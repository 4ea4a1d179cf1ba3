/* Bytes as the description of a model from scratch; what is built is a model that can be written. */
#include <stdlib.h>

#include "fuzz.h"
#include "linnet/data.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ln_builder_options options = LN_BUILDER_OPTIONS_INIT;
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  options.weight_limit = 1 << 20;
  const ln_status status = ln_builder_from_json((const char *)data, size, &options, &err, &model);
  fuzz_check(status, &err);
  if ((status == LN_OK) != (model != NULL)) abort();
  ln_model_destroy(model);
  return 0;
}

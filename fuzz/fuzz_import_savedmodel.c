/* Bytes as the saved_model.pb of a folder without variables. */
#include "import_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  return fuzz_import("savedmodel", "no_such_folder/saved_model.pb", bytes, size);
}

FUZZ_IMPORT_MUTATOR(mutate_protobuf)

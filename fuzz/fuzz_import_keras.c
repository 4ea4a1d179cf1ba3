/* Bytes as a Keras file, .keras or .h5. */
#include "import_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) { return fuzz_import("keras", "model", bytes, size); }

FUZZ_IMPORT_MUTATOR(mutate_archive, mutate_hdf5)

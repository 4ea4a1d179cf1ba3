/* Bytes as a file of torch.export, or of weights. */
#include "import_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) { return fuzz_import("torch", "model.pt2", bytes, size); }

FUZZ_IMPORT_MUTATOR(mutate_archive)

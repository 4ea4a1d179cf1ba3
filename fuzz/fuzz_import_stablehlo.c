/* Bytes as a StableHLO file: text, bytecode or jax.export. */
#include "import_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) {
  return fuzz_import("stablehlo", "model.mlir", bytes, size);
}

FUZZ_IMPORT_MUTATOR(mutate_text)

/* Bytes as an ONNX file. */
#include "import_fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size) { return fuzz_import("onnx", "model.onnx", bytes, size); }

FUZZ_IMPORT_MUTATOR(mutate_protobuf)

/* Bytes as a .tflite file: load, look at, write, prepare and run. Damage is done to the decoded tables as well. */
#include <string.h>

#include "base/base.h"
#include "format/format.h"
#include "fuzz.h"
#include "support/build_model.h"

static void look_at(const ln_model *model) {
  char text[200];
  size_t size;
  for (int32_t i = 0; i < ln_model_metadata_count(model); ++i) {
    ln_model_metadata(model, ln_model_metadata_name(model, i), &size);
  }
  for (int32_t g = 0; g < ln_model_graph_count(model); ++g) {
    const ln_graph *graph = ln_model_graph(model, g);
    for (int32_t i = 0; i < ln_graph_op_count(graph); ++i) ln_op_attributes(ln_graph_op(graph, i), text, sizeof text);
    for (int32_t i = 0; i < ln_graph_tensor_count(graph); ++i) {
      const ln_tensor *tensor = ln_graph_tensor(graph, i);
      ln_tensor_scale(tensor, ln_tensor_scale_count(tensor) - 1);
      ln_tensor_elements(tensor);
    }
  }
}

/* What is written is read again. */
static void write_back(const ln_model *model) {
  uint8_t *bytes = NULL;
  size_t size = 0;
  ln_error err = {LN_OK, ""};
  ln_model *again = NULL;
  const ln_status status = ln_format_write(model, &err, &bytes, &size);
  fuzz_check(status, &err);
  if (status == LN_OK) fuzz_check(ln_model_from_memory(bytes, size, &err, &again), &err);
  ln_model_destroy(again);
  ln_free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL;
  ln_session *session = NULL;
  const ln_status status = ln_model_from_memory(data, size, &err, &model);
  fuzz_check(status, &err);
  if (status != LN_OK) return 0;
  look_at(model);
  if (size % 4 == 0 && size < 1 << 16) write_back(model);
  if (fuzz_session(model, &err, &session) == LN_OK && fuzz_is_short(session) && !model_has_loop(model)) {
    for (uint32_t i = 0; i < 2; ++i) {
      fuzz_fill(session, (uint32_t)size + i);
      fuzz_check(ln_session_run(session, &err), &err);
    }
  }
  ln_session_destroy(session);
  ln_model_destroy(model);
  return 0;
}

#ifdef LN_LIBFUZZER
#include "mutate_model.h"

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {
  mutate_state = seed;
  return mutate_random() % 4 == 0 ? LLVMFuzzerMutate(data, size, max_size) : mutate_model(data, size, max_size);
}

#endif

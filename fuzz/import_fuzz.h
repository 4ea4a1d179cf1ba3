/* What the targets of importers share: bytes as a source, read, simplified by the passes, checked and written. */
#ifndef LN_FUZZ_IMPORT_H
#define LN_FUZZ_IMPORT_H

#include "fuzz.h"
#include "import/import.h"
#include "optimize/optimize.h"
#include "passes/convert/convert_passes.h"

/* `path`: what the source is called; files beside it are looked for there. */
static inline int fuzz_import(const char *kind, const char *path, const uint8_t *bytes, size_t size) {
  const ln_importer *importer = ln_importer_find(kind);
  const ln_import_source source = {.path = path, .map = {.data = bytes, .size = size}};
  const ln_convert_passes_options passes = {.channels_last = size % 2 == 1};
  ln_error err = {LN_OK, ""};
  ln_model *model = NULL, *written = NULL;
  (void)importer->recognizes(&source);
  ln_status status = ln_import_run(importer, &source, NULL, &err, &model);
  fuzz_check(status, &err);
  if (status != LN_OK) return 0;
  status = ln_edit_compact(model, &err);
  if (status == LN_OK) status = ln_convert_passes_run(model, &passes, &err);
  if (status == LN_OK) status = ln_edit_compact(model, &err);
  if (status == LN_OK) status = ln_edit_snapshot(model, &err, &written);
  fuzz_check(status, &err);
  ln_model_destroy(written);
  ln_model_destroy(model);
  return 0;
}

#ifdef LN_LIBFUZZER
#include "mutate_model.h"
#include "mutate_source.h"

typedef size_t (*fuzz_mutator)(const mutate_chance *chance, uint8_t *data, size_t size, size_t max_size);

/* One to three changes, by the first of the mutators that takes the input or by libFuzzer itself. */
static inline size_t fuzz_import_mutate(const fuzz_mutator mutators[2], uint8_t *data, size_t size, size_t max_size,
                                        unsigned seed) {
  static const mutate_chance chance = {mutate_random, LLVMFuzzerMutate};
  mutate_state = seed;
  const uint32_t times = 1 + mutate_random() % 3;
  if (mutate_random() % 8 == 0) return LLVMFuzzerMutate(data, size, max_size);
  for (uint32_t i = 0; i < times; ++i) {
    size_t changed = mutators[0](&chance, data, size, max_size);
    if (changed == 0 && mutators[1] != NULL) changed = mutators[1](&chance, data, size, max_size);
    size = changed != 0 ? changed : LLVMFuzzerMutate(data, size, max_size);
  }
  return size;
}

/* The custom mutator of a target, which its file gives the mutators of its kinds of sources. */
#define FUZZ_IMPORT_MUTATOR(...)                                                                 \
  size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size, unsigned seed) {   \
    return fuzz_import_mutate((const fuzz_mutator[2]){__VA_ARGS__}, data, size, max_size, seed); \
  }
#else
#define FUZZ_IMPORT_MUTATOR(...)
#endif

#endif

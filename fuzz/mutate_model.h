/*
 * A custom mutator for inputs that hold a .tflite file, for libFuzzer's programs alone: fields of the decoded tables
 * are changed (mutate_tables.h) by numbers that follow from libFuzzer's seed.
 */
#ifndef LN_FUZZ_MUTATE_MODEL_H
#define LN_FUZZ_MUTATE_MODEL_H

#include <string.h>

#include "base/base.h"
#include "mutate_tables.h"

size_t LLVMFuzzerMutate(uint8_t *data, size_t size, size_t max_size);
__attribute__((visibility("default"))) size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max_size,
                                                                      unsigned seed);

static uint32_t mutate_state; /* set to the seed of every mutation */

static uint32_t mutate_random(void) { /* an LCG's high bits */
  mutate_state = mutate_state * 1664525u + 1013904223u;
  return mutate_state >> 8;
}

/* Changes the file in place and gives its new size; any bytes of it where it cannot be read. */
static size_t mutate_model(uint8_t *data, size_t size, size_t max_size) {
  uint8_t *out = NULL;
  size_t out_size = 0;
  if (!mutate_tables(data, size, mutate_random, &out, &out_size)) return LLVMFuzzerMutate(data, size, max_size);
  if (out_size <= max_size) {
    memcpy(data, out, out_size);
    size = out_size;
  }
  ln_free(out);
  return size;
}

#endif

/* Damage that keeps a .tflite file well-formed: changes to scalars and vectors of its tables. */
#ifndef LN_FUZZ_MUTATE_TABLES_H
#define LN_FUZZ_MUTATE_TABLES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the file at `data` (which is changed where vectors lie in it), changes one to three places drawn by `random`
 * and encodes it again. `*out` is the caller's, to ln_free. False when the file cannot be decoded or encoded.
 */
bool mutate_tables(uint8_t *data, size_t size, uint32_t (*random)(void), uint8_t **out, size_t *out_size);

#endif

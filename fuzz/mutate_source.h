/*
 * Damage that leaves an importer's source readable: fields of protobuf messages, values of JSON, words of a text, files
 * of an archive. Bytes changed anywhere seldom come past the first checks.
 */
#ifndef LN_FUZZ_MUTATE_SOURCE_H
#define LN_FUZZ_MUTATE_SOURCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Where chance comes from: a number, and bytes changed in place (libFuzzer's own way), of which it gives the size. */
typedef struct mutate_chance {
  uint32_t (*random)(void);
  size_t (*bytes)(uint8_t *data, size_t size, size_t max_size);
} mutate_chance;

/* Each changes the input in place and gives its new size; 0 where it is not of that kind, nothing was to be changed,
 * or what came out is larger than max_size: then the input is as it was. */
size_t mutate_protobuf(const mutate_chance *chance, uint8_t *data, size_t size, size_t max_size);
size_t mutate_json(const mutate_chance *chance, uint8_t *data, size_t size, size_t max_size);
size_t mutate_text(const mutate_chance *chance, uint8_t *data, size_t size, size_t max_size);
/* An archive, whose files are stored as they are afterwards, or a file of HDF5 with JSON in it. */
size_t mutate_archive(const mutate_chance *chance, uint8_t *data, size_t size, size_t max_size);
size_t mutate_hdf5(const mutate_chance *chance, uint8_t *data, size_t size, size_t max_size);

#endif

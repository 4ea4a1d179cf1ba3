/* What the files of the writer share. */
#ifndef LN_FORMAT_WRITE_H
#define LN_FORMAT_WRITE_H

#include "format/read.h"

/* As ln_format_write; buffers are put behind the flatbuffer, with 64-bit offsets, when they hold more than `limit`
 * bytes together. */
ln_status ln_format_write_limited(const ln_model *model, size_t limit, ln_error *err, uint8_t **out, size_t *size);

/* Finds or makes the file's buffer that holds `data`; `known` is the one it was read from. */
typedef ln_status ln_place_fn(void *context, const void *data, size_t size, uint32_t known, uint32_t *index);
/* What the model's metadata says of constants stored by table, to ln_free; NULL when there are none (compression.c). */
ln_status ln_write_compression(const ln_model *model, ln_arena *arena, ln_place_fn *place, void *context, ln_error *err,
                               uint8_t **out, size_t *size);
/* The name of that entry. */
const char *ln_compression_entry(void);

/* What the metadata says of where a converted model's operators come from, to ln_bytes_free; empty: nothing (source.c).
 */
ln_status ln_write_source(const ln_model *model, ln_error *err, ln_bytes *out);
/* The name of that entry. */
const char *ln_source_entry(void);

/* A zip archive that ends a file: where it begins, and what its own offsets are relative to (zip_tail.c). */
typedef struct ln_zip_tail {
  size_t begin, end;
  size_t directory, end_record; /* places in the file */
  size_t base;                  /* offsets in the archive count from here */
  uint32_t entries;
} ln_zip_tail;

/* Finds the archive of a model's associated files; false when the file ends with none. */
bool ln_zip_tail_find(const uint8_t *file, size_t size, ln_zip_tail *out);
/* Copies the archive to `out`, which will stand at `at` in a new file, its offsets made to count from that file's
 * start; false when they do not fit. */
bool ln_zip_tail_copy(const uint8_t *file, const ln_zip_tail *tail, size_t at, uint8_t *out);

#endif

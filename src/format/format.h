/*
 * .tflite files: reader, verifier and writer, all driven by the table of the schema (ir/schema.def), in three steps:
 * bytes <-> structs of schema.h (flatbuffer.c, generic) <-> the IR (read.c, write.c). Nothing in a file is believed:
 * offsets, lengths, alignment, nesting and the total work are bounded while the tables are decoded.
 */
#ifndef LN_FORMAT_H
#define LN_FORMAT_H

#include "ir/ir.h"

/* Reads a model out of `data`, which must stay while the model lives. On success the model takes over `map` (may be
 * NULL) and unmaps it when destroyed; on failure it stays with the caller. */
ln_status ln_format_read(const uint8_t *data, size_t size, ln_file_map *map, ln_error *err, ln_model **out);

/* The model as the bytes of a .tflite file; `*out` is the caller's, to ln_free. Files past 2 GiB put their buffers
 * behind the root table, with 64-bit offsets. */
ln_status ln_format_write(const ln_model *model, ln_error *err, uint8_t **out, size_t *size);

/* The generic halves (flatbuffer.c). */
/* Decodes the table at the root into a struct of `table`'s, all of it in `arena`; vectors and strings point into
 * `data` where its alignment allows, else they are copied. */
ln_status ln_flatbuffer_decode(const uint8_t *data, size_t size, ln_table_id table, ln_arena *arena, ln_error *err,
                               void **out);
/* Encodes a struct of `table`'s with a 4-byte file identifier; fields equal to their default are left out. */
ln_status ln_flatbuffer_encode(const void *object, ln_table_id table, const char *identifier, ln_error *err,
                               uint8_t **out, size_t *size);

#endif

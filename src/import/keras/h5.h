/*
 * Reading HDF5 files in memory, as much as Keras writes: groups by path, attributes of text, arrays of numbers. Written
 * for files that anyone may have made: every address and length is checked, work is bounded, links lead nowhere else.
 * The format: "HDF5 File Format Specification Version 3.0", The HDF Group.
 */
#ifndef LN_IMPORT_KERAS_H5_H
#define LN_IMPORT_KERAS_H5_H

#include "import/import.h"

typedef struct ln_h5 ln_h5;

/* An array's type and shape. */
typedef struct ln_h5_array {
  ln_type type;   /* as it is read: floats of any width are float32 */
  ln_type stored; /* as it lies in the file; floats alone: others as they are read */
  ln_shape shape;
  size_t bytes;
} ln_h5_array;

bool ln_h5_is(const void *data, size_t size);
/* `data` outlives the file. */
ln_status ln_h5_open(const void *data, size_t size, ln_error *err, ln_h5 **out);
void ln_h5_close(ln_h5 *file);

/* Paths are absolute or from the root; every part must be a hard link. */
bool ln_h5_has(const ln_h5 *file, const char *path);
bool ln_h5_is_array(const ln_h5 *file, const char *path);
/* The name of member `index` of a group, as they stand in the file; false past the last. */
bool ln_h5_member(const ln_h5 *file, const char *path, int32_t index, char *name, size_t room);
/* A text; the caller's, for ln_free; NULL without one. */
char *ln_h5_text(const ln_h5 *file, const char *path, const char *attribute);
/* Texts one behind the other, each ended by 0, also when they are spread over attribute0, attribute1, ...; the
 * caller's, for ln_free. NULL without any. */
char *ln_h5_texts(const ln_h5 *file, const char *path, const char *attribute, int32_t *count);

ln_status ln_h5_describe(const ln_h5 *file, const char *path, ln_error *err, ln_h5_array *out);
/* Into memory of array->bytes. */
ln_status ln_h5_read(const ln_h5 *file, const char *path, const ln_h5_array *array, ln_error *err, void *into);
/* Other values for an array of floats, in the place of its own in `copy`, a copy of the file's bytes. Refused where
 * they are packed or in the header. */
ln_status ln_h5_replace(const ln_h5 *file, const char *path, const float *values, ln_error *err, uint8_t *copy);

#endif

/*
 * A model: what a .tflite file says, read without copying and checked whole before the first use.
 * A model does not change once it is made and may be used by many threads and sessions at once.
 */
#ifndef LINNET_MODEL_H
#define LINNET_MODEL_H

#include "linnet/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ln_model ln_model;

/* Maps and verifies a file. `*out` is the caller's, to destroy after the last session on it. */
LN_API ln_status ln_model_open(const char *path, ln_error *err, ln_model **out);
/*
 * The same from an open file: `size` bytes (0: all that follow) from `offset`, which need not be aligned, so that a
 * model may stand inside another file. The descriptor stays the caller's and may be closed after the call.
 */
LN_API ln_status ln_model_from_fd(int fd, uint64_t offset, size_t size, ln_error *err, ln_model **out);
/* The same from memory, which must stay as it is until the model is destroyed. */
LN_API ln_status ln_model_from_memory(const void *data, size_t size, ln_error *err, ln_model **out);
/* The same from memory that is copied first. */
LN_API ln_status ln_model_from_copy(const void *data, size_t size, ln_error *err, ln_model **out);
LN_API void ln_model_destroy(ln_model *model); /* NULL is fine */

/* Writes the model as a .tflite file; nothing half-written is left behind on failure. */
LN_API ln_status ln_model_save(const ln_model *model, const char *path, ln_error *err);

LN_API const char *ln_model_description(const ln_model *model); /* "" when absent */

/* Signatures: named entry points with named inputs and outputs. Their keys stand in alphabetical order. */
LN_API int32_t ln_model_signature_count(const ln_model *model);
LN_API const char *ln_model_signature_name(const ln_model *model, int32_t index);

/* Metadata: named blobs beside the graph. `*size` may be NULL. NULL when there is none of that name or number. */
LN_API int32_t ln_model_metadata_count(const ln_model *model);
LN_API const char *ln_model_metadata_name(const ln_model *model, int32_t index);
LN_API const void *ln_model_metadata(const ln_model *model, const char *name, size_t *size);

/* The file's own bytes, for readers of what is appended to it (associated files). */
LN_API const void *ln_model_file(const ln_model *model, size_t *size);

#ifdef __cplusplus
}
#endif
#endif

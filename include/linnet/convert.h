/*
 * Converters: what Keras, TensorFlow, PyTorch, JAX and ONNX save becomes a .tflite. A library of its own
 * (linnet_convert) over liblinnet; the outside libraries it uses are optional when it is built, and a source that needs
 * a missing one is refused with LN_ERR_FEATURE. Messages do not repeat the path that the caller gave.
 */
#ifndef LINNET_CONVERT_H
#define LINNET_CONVERT_H

#include "linnet/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Outside libraries in this build: "protobuf-c 1.4.1", ...; NULL past the last one. Static storage. */
LN_API const char *ln_convert_library(int32_t index);

/* Kinds of sources as `from` takes them ("keras", ...), with a line on each; NULL past the last. Static storage. */
LN_API const char *ln_convert_kind(int32_t index);
LN_API const char *ln_convert_kind_what(int32_t index);

typedef struct ln_convert_options {
  size_t size;                   /* of this struct: LN_CONVERT_OPTIONS_INIT sets it */
  const char *from;              /* a kind; NULL: found from the content */
  const char *const *signatures; /* [signature_count] wanted; none: all */
  int32_t signature_count;
  const char *const *shapes; /* [shape_count] "NAME=1,224,224,3": dimensions that inputs get */
  int32_t shape_count;
  /* Pictures of channels first are taken and given as channels last, where nothing but a transpose reads them: the
   * interface is then not the source's. */
  bool channels_last;
  bool without_passes; /* the model as the importer made it */
} ln_convert_options;

#define LN_CONVERT_OPTIONS_INIT ((ln_convert_options){sizeof(ln_convert_options), 0, 0, 0, 0, 0, 0, 0})

/* A conversion: the source's graph as it was read and what became of it. One thread at a time. */
typedef struct ln_conversion ln_conversion;

/* Reads the file or folder at `path` and converts it. The caller's, for ln_conversion_destroy. */
LN_API ln_status ln_convert(const char *path, const ln_convert_options *options, ln_error *err, ln_conversion **out);
LN_API void ln_conversion_destroy(ln_conversion *conversion);
/* The kind that it was read as. */
LN_API const char *ln_conversion_kind(const ln_conversion *conversion);
/* The result, and the graph before any pass; they live as long as the conversion. */
LN_API const ln_model *ln_conversion_model(const ln_conversion *conversion);
LN_API const ln_model *ln_conversion_source(const ln_conversion *conversion);
/* Writes the result, whole or not at all. */
LN_API ln_status ln_conversion_save(const ln_conversion *conversion, const char *path, ln_error *err);

/* The result as a file's bytes, which live as long as the conversion. */
LN_API const void *ln_conversion_data(const ln_conversion *conversion, size_t *size);

#ifdef __cplusplus
}
#endif
#endif

/*
 * Converters: what Keras, TensorFlow, PyTorch, JAX and ONNX save becomes a .tflite. A library of its own
 * (linnet_convert) over liblinnet; the outside libraries it uses are optional when it is built, and a source that needs
 * a missing one is refused with LN_ERR_FEATURE. Messages do not repeat the path that the caller gave.
 */
#ifndef LINNET_CONVERT_H
#define LINNET_CONVERT_H

#include "linnet/check.h"
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
/* The result, and the graph before any pass; they live as long as the conversion. For sessions and to look at. */
LN_API ln_model *ln_conversion_model(const ln_conversion *conversion);
LN_API ln_model *ln_conversion_source(const ln_conversion *conversion);
/*
 * Proof: the graph as it was read and the result run side by side, every tensor kept, nothing fused, on inputs that are
 * given or made from a seed; dimensions that are left open get two sizes, signatures share their state, and what keeps
 * state runs several times. Tensors are matched by name.
 */
typedef struct ln_verify_options {
  size_t size; /* sizeof(ln_verify_options) */
  /* [input_count] "X.npy", in the order of the first signature's inputs, or "NAME=X.npy"; those that are not given are
   * made. */
  const char *const *inputs;
  int32_t input_count;
  uint64_t seed;
  /* Floats may be apart by abs_tolerance + rel_tolerance * the tensor's largest value, those that were integers by two
   * of their steps more; everything else is the same. */
  double abs_tolerance, rel_tolerance;
} ln_verify_options;

#define LN_VERIFY_OPTIONS_INIT ((ln_verify_options){sizeof(ln_verify_options), 0, 0, 1, 1e-5, 1e-4})

typedef struct ln_verification ln_verification;

/* LN_OK whether or not they agree; a failure where they could not be run. The caller's, for ln_verification_destroy. */
LN_API ln_status ln_conversion_verify(const ln_conversion *conversion, const ln_verify_options *options, ln_error *err,
                                      ln_verification **out);
LN_API void ln_verification_destroy(ln_verification *verification); /* NULL is fine */

typedef struct ln_verify_summary {
  size_t size; /* sizeof(ln_verify_summary), set by the caller */
  bool agrees;
  const char *message; /* which operator of the source is the first that parts, and how far; "" when they agree */
  int32_t signatures, runs;
  int32_t tensors; /* that were compared, outputs among them */
  double worst;    /* of outputs: how far they are apart as a part of what is allowed; at most 1 when they agree */
} ln_verify_summary;

LN_API ln_status ln_verification_summary(const ln_verification *verification, ln_verify_summary *out);

/* A tensor of the graph as it was read that has a counterpart in the result. */
typedef struct ln_verify_row {
  size_t size; /* sizeof(ln_verify_row), set by the caller */
  const char *signature;
  const char *name;          /* the tensor's */
  int32_t graph, tensor, op; /* of the model as it was read; op: that writes it */
  int32_t result_tensor;     /* in the result's graph of that signature */
  bool output, parts;
  double error, allowed, largest; /* the greatest difference, what is allowed of it, the greatest value */
} ln_verify_row;

LN_API int32_t ln_verification_rows(const ln_verification *verification);
LN_API ln_status ln_verification_row(const ln_verification *verification, int32_t index, ln_verify_row *out);

/*
 * What a target (linnet/check.h) cannot run of the result; the same is written into its metadata when it is saved. The
 * caller's, for ln_check_destroy.
 */
LN_API ln_status ln_conversion_check(ln_conversion *conversion, const char *target, ln_error *err, ln_check **out);

/* Writes the result, whole or not at all. */
LN_API ln_status ln_conversion_save(const ln_conversion *conversion, const char *path, ln_error *err);

/* The result as a file's bytes, which live as long as the conversion. */
LN_API const void *ln_conversion_data(const ln_conversion *conversion, size_t *size);

/*
 * The way back: the weights of a model that was converted and then trained, pruned, clustered or quantized, in the
 * format of its source. The source is converted again to find out which constant comes from which weight and how:
 * turned, reshaped, or scaled and shifted by a batch normalization, which stays as it is. Quantized weights are written
 * as the numbers they stand for. What is written converts to the model's constants again, which is tried before
 * anything is kept; a change that the source's weights cannot express is refused by the constant's name.
 */
typedef struct ln_export_summary {
  size_t size;              /* sizeof(ln_export_summary), set by the caller */
  int32_t weights, changed; /* of the source */
  int64_t elements;         /* that were changed */
  double largest;           /* change of an element */
  double error;             /* of what is written, converted again: the largest, as a part of its constant's largest */
} ln_export_summary;

/*
 * `like` is the source, of which `path`, a new file or folder, becomes a copy with other weights (Keras, SavedModel,
 * ONNX). `options` are those that the model was converted with (NULL: none). `out` may be NULL.
 */
LN_API ln_status ln_export(ln_model *model, const char *like, const char *path, const ln_convert_options *options,
                           ln_error *err, ln_export_summary *out);

#ifdef __cplusplus
}
#endif
#endif

/*
 * Models from scratch: layers, one after the other or by name, become a float model with named weights that are
 * initialized from a seed. Layers, their parameters and initializers carry Keras's names and mean what they mean there.
 * `linnet build --list` lists them, docs/builder.md describes the JSON form (ln_builder_read of linnet/data.h).
 */
#ifndef LINNET_BUILDER_H
#define LINNET_BUILDER_H

#include "linnet/model.h"
#include "linnet/optimize.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- what there is ---- */

typedef struct ln_builder_kind {
  size_t size;                    /* sizeof(ln_builder_kind), set by the caller */
  const char *name;               /* "Conv2D" */
  const char *stem;               /* "conv2d": what layers without a name are called */
  const char *what;               /* one line */
  int32_t least_inputs;           /* layers that it takes from */
  int32_t most_inputs;            /* 0: any number */
  const ln_parameter *parameters; /* ends with a NULL name */
} ln_builder_kind;

LN_API int32_t ln_builder_kind_count(void);
LN_API ln_status ln_builder_kind_get(int32_t index, ln_builder_kind *out); /* LN_ERR_ARGUMENT past the last */
/* Names of initializers and of activations, NULL past the last. */
LN_API const char *ln_builder_initializer(int32_t index);
LN_API const char *ln_builder_activation(int32_t index);

/* ---- building ---- */

typedef struct ln_builder ln_builder;

typedef struct ln_builder_options {
  size_t size;         /* sizeof(ln_builder_options) */
  uint64_t seed;       /* of the weights */
  int32_t batch;       /* the first dimension of every input; 0: left open */
  size_t weight_limit; /* bytes that the weights may take; 0: 2 GiB, which is the most */
  bool unfolded;       /* to be trained: every normalization and dropout stays an operator, whatever its layer says */
  const ln_model *backbone; /* the first input, "features", takes its first output; NULL: none */
} ln_builder_options;

#define LN_BUILDER_OPTIONS_INIT \
  { sizeof(ln_builder_options), 0, 0, 0, false, NULL }

typedef struct ln_layer_setting {
  const char *name, *value; /* a parameter of the layer's kind, and its value as text */
} ln_layer_setting;

/* `options` may be NULL. A builder belongs to one thread; after a call that failed it can only be destroyed. */
LN_API ln_status ln_builder_create(const ln_builder_options *options, ln_error *err, ln_builder **out);
LN_API void ln_builder_destroy(ln_builder *builder); /* NULL is fine */

/* Adds an input: `dims` are without the batch. */
LN_API ln_status ln_builder_input(ln_builder *builder, const char *name, ln_type type, int32_t rank,
                                  const int32_t *dims, ln_error *err);
/*
 * Adds a layer that takes the outputs of inputs and layers `from`; without any (`from_count` 0) that of the last one
 * added. `name` NULL: named after its kind, and one that ends with a slash is completed so. Weights are called
 * "NAME/kernel", "NAME/bias" ...
 */
LN_API ln_status ln_builder_layer(ln_builder *builder, const char *kind, const char *name, const char *const *from,
                                  int32_t from_count, const ln_layer_setting *settings, int32_t setting_count,
                                  ln_error *err);
/* The same as one text: "Conv2D name=conv1 filters=32 kernel_size=3,3 activation=relu", "Add from=a,b". */
LN_API ln_status ln_builder_add(ln_builder *builder, const char *layer, ln_error *err);
/* Makes a layer's output one of the model's; without a call the last layer's is the only one. */
LN_API ln_status ln_builder_output(ln_builder *builder, const char *layer, ln_error *err);

/* The name of the last input or layer; NULL before the first. */
LN_API const char *ln_builder_last(const ln_builder *builder);
LN_API bool ln_builder_has(const ln_builder *builder, const char *name);

/* Ends building: a verified model with the signature "serving_default", the caller's. The builder stays to be
 * destroyed. */
LN_API ln_status ln_builder_make(ln_builder *builder, ln_error *err, ln_model **out);

#ifdef __cplusplus
}
#endif
#endif

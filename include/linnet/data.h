/*
 * Samples from files, as calibration and evaluation take them (linnet/optimize.h): arrays, folders of pictures or
 * sound, data sets in IDX files. Part of linnet_io, as linnet/io.h. Messages name the file and the sample.
 */
#ifndef LINNET_DATA_H
#define LINNET_DATA_H

#include "linnet/builder.h"
#include "linnet/model.h"
#include "linnet/optimize.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ln_data ln_data;

typedef struct ln_data_options {
  size_t size;           /* sizeof(ln_data_options) */
  const char *signature; /* whose inputs are filled; NULL: the first */
  /* The class of each sample: .npy or IDX of any integers [samples], or text with a number a line. NULL: the folders'
   * names where the samples lie in folders, else none. */
  const char *labels;
  const float *normalize; /* [2] bytes become (value - normalize[0]) / normalize[1], whatever the metadata says; NULL */
  size_t cache_bytes;     /* of decoded pictures and sounds that are kept; 0: 256 MB */
} ln_data_options;

#define LN_DATA_OPTIONS_INIT \
  { sizeof(ln_data_options), NULL, NULL, NULL, 0 }

/*
 * Opens the samples at `path` for a model, which is needed during the call only; `options` may be NULL.
 *
 *   .npy, IDX            samples along the first axis, each of the input's shape (dimensions of 1 may be left out)
 *   .npz                 an array for each input, by its name; of a model with one input, its one array
 *   a folder             of pictures or of sounds, sorted by name; folders in it are classes: numbers, names among the
 *                        model's own labels, or counted in the order of their names
 *   a picture, a sound   the one sample, or the sound's windows
 *
 * Any of the first two may be packed by gzip. Values are real numbers, which inputs of integers hold by their scale and
 * zero point. Bytes (uint8) are pixels: of a float input they become (value - mean) / std as the model's metadata says;
 * where it is silent, arrays are divided by 255 if the input has a picture's shape, and pictures go to -1 .. 1, as
 * ln_image_to_tensor does. Arrays of an integer input's own type are the stored values, of any other type real ones.
 * Dimensions that the model leaves open follow the sample, the first one is 1. Pictures and sounds are decoded when a
 * sample is asked for.
 */
LN_API ln_status ln_data_open(const char *path, const ln_model *model, const ln_data_options *options, ln_error *err,
                              ln_data **out);
LN_API void ln_data_close(ln_data *data); /* NULL is fine */

/* These live as long as `data`. */
LN_API const ln_samples *ln_data_samples(const ln_data *data);
LN_API const ln_labelled *ln_data_labelled(const ln_data *data); /* NULL when there are no labels */
/* "cats/07.jpg", or "" for what has no name of its own; NULL out of range. */
LN_API const char *ln_data_sample_name(const ln_data *data, int64_t index);
/* A line to tell a person about how the samples are taken (divided by 255, say); NULL past the last. */
LN_API const char *ln_data_note(const ln_data *data, int32_t index);

/*
 * Recipes as JSON, in the form that docs/recipe.schema.json says:
 *   {"stages": [{"technique": "prune", "parameters": {"sparsity": 0.8}, "include": [], "exclude": ["^logits"],
 *                "layers": [{"select": "type:CONV_2D", "parameters": {"sparsity": 0.5}}]}]}
 * A mistake is told with its place: "stages[0].parameters.sparsity: ...". LN_ERR_FEATURE in a build without libcjson.
 * `*out` is the caller's, for ln_recipe_destroy.
 */
LN_API ln_status ln_recipe_from_json(const char *text, size_t size, ln_error *err, ln_recipe **out);
/* The same from a file ("-": standard input), which the message names. */
LN_API ln_status ln_recipe_read(const char *path, ln_error *err, ln_recipe **out);

/* A model from scratch in its JSON form (docs/builder.md); `options` may be NULL. `*out` is the caller's. */
LN_API ln_status ln_builder_from_json(const char *text, size_t size, const ln_builder_options *options, ln_error *err,
                                      ln_model **out);
/* The same from a file, whose path begins the messages. */
LN_API ln_status ln_builder_read(const char *path, const ln_builder_options *options, ln_error *err, ln_model **out);

#ifdef __cplusplus
}
#endif
#endif

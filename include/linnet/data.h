/*
 * Samples from files, as calibration and evaluation (linnet/optimize.h) and training (linnet/train.h) take them:
 * arrays, tables, folders of pictures or sound, data sets in IDX files. Part of linnet_io, as linnet/io.h. Messages
 * name the file and the sample.
 */
#ifndef LINNET_DATA_H
#define LINNET_DATA_H

#include "linnet/builder.h"
#include "linnet/model.h"
#include "linnet/optimize.h"
#include "linnet/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ln_data ln_data;

typedef struct ln_data_options {
  size_t size;           /* sizeof(ln_data_options) */
  const char *signature; /* whose inputs are filled; NULL: the first */
  /* The class of each sample: .npy or IDX of any integers [samples], text with a number a line, or a column of a table
   * by its name. NULL: the folders' names where the samples lie in folders, the array "y" or "labels" of an .npz file,
   * a table's last column where the model takes the others; else none. */
  const char *labels;
  const float *normalize; /* [2] bytes become (value - normalize[0]) / normalize[1], whatever the metadata says; NULL */
  size_t cache_bytes;     /* of decoded pictures and sounds that are kept; 0: 256 MB */
  /*
   * Labels may also be numbers of any type that the model's first output is to become (values, one a element of it;
   * those that are 1 in one place and 0 elsewhere are classes, too), or integers for each position of it [samples,
   * positions]; the samples' own file again (arrays): the output is to become the input. A folder without samples
   * among those that are classes is an error.
   */
  bool training;
  const char *weights;    /* of the samples: .npy of any numbers [samples], none below 0; NULL: 1 */
  const ln_data *classes; /* data whose names' classes are meant (training data, for validation data); NULL */
} ln_data_options;

#define LN_DATA_OPTIONS_INIT \
  { sizeof(ln_data_options), NULL, NULL, NULL, 0, false, NULL, NULL }

/*
 * Opens the samples at `path` for a model, which is needed during the call only; `options` may be NULL.
 *
 *   .npy, IDX            samples along the first axis, each of the input's shape (dimensions of 1 may be left out)
 *   .npz                 an array for each input, by its name; of a model with one input also "x", or the one array
 *   .csv, .tsv           a table: a line of names, then a sample a line, numbers in the order of the inputs' elements
 *                        (for inputs of one element, by their names where all are columns' names); fields may stand in
 *                        quotation marks (RFC 4180), commas, semicolons or tabs between them. Classes may be names
 *   a folder             of pictures or of sounds, sorted by name; folders in it are classes: numbers, names among the
 *                        model's own labels, or counted in the order of their names
 *   a picture, a sound   the one sample, or the sound's windows
 *
 * Any but folders, pictures and sounds may be packed by gzip. Values are real numbers, which inputs of integers hold by
 * their scale and zero point. Bytes (uint8) are pixels: of a float input they become (value - mean) / std as the
 * model's metadata says; where it is silent, arrays are divided by 255 if the input has a picture's shape, and pictures
 * go to -1 .. 1, as ln_image_to_tensor does. Arrays of an integer input's own type are the stored values, of any other
 * type real ones. Dimensions that the model leaves open follow the sample, the first one is 1. Pictures and sounds are
 * decoded when a sample is asked for.
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
/* The name of a class, where folders' or a column's names are the classes; NULL: it has none. */
LN_API const char *ln_data_class(const ln_data *data, int32_t index);
LN_API int32_t ln_data_class_count(const ln_data *data); /* one past the highest that has a name; 0: none has */

/* ---- for training ---- */

/* The samples with what is to be learned of each; lives as long as `data`. LN_ERR_DATA where nothing is. */
LN_API ln_status ln_data_train(ln_data *data, ln_error *err, ln_train_data *out);
/*
 * The same in two parts, `share` (0 .. 1) of the samples in `validation`: drawn by the seed, of each class alike (one
 * sample of each stays in `train`), the same whatever the machine. Both live as long as `data`.
 */
LN_API ln_status ln_data_split(ln_data *data, double share, uint64_t seed, ln_error *err, ln_train_data *train,
                               ln_train_data *validation);

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

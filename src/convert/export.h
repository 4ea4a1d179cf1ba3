/*
 * The way back: the weights of a model that was converted and then changed, written into the format that it came from.
 * export_weights.c reads and writes the floats of a source, with a row a format (export_onnx.c, export_keras.c,
 * export_savedmodel.c); export_map.c finds out which element of a converted model comes from which weight, by
 * converting the source again with weights that were moved; export.c puts it together.
 */
#ifndef LN_CONVERT_EXPORT_H
#define LN_CONVERT_EXPORT_H

#include "convert/convert.h"
#include "format/format.h"

/* ---- a source's weights ---- */

/* Floats that stand in a source's file. */
typedef struct ln_source_weight {
  const char *name;
  const char *label; /* what the framework calls it ("conv2d/kernel"); NULL: by the name. The same weight may stand in a
                        file twice, under other names */
  ln_type type;      /* as stored: LN_FLOAT32, LN_FLOAT16 or LN_FLOAT64 */
  int32_t rank;
  size_t count;
  const float *values; /* [count] */
  /* Where they lie: bytes `offset` of file `file`, an element every `stride` bytes. HDF5 goes by names instead. */
  int32_t file;
  size_t offset, stride;
} ln_source_weight;

typedef struct ln_source_weights ln_source_weights;

/* A file of the source, patched when it is written. */
typedef struct ln_source_file {
  const char *name; /* below the source's folder; NULL: the source itself */
  ln_file_map map;
} ln_source_file;

typedef struct ln_weights_format {
  const char *kind; /* an importer's name */
  ln_status (*read)(ln_source_weights *weights, ln_error *err);
  /* Writes a copy of the source to `path` with values[i], where that is not NULL, in place of weight i's. */
  ln_status (*write)(const ln_source_weights *weights, const float *const *values, const char *path, ln_error *err);
} ln_weights_format;

extern const ln_weights_format ln_weights_keras, ln_weights_onnx, ln_weights_savedmodel;

struct ln_source_weights {
  ln_arena arena;
  const ln_weights_format *format;
  const char *path;
  bool is_folder;
  ln_source_file files[64];
  int32_t file_count;
  ln_source_weight *items;
  int32_t count, capacity;
};

ln_status ln_source_weights_open(const char *path, const char *kind, ln_error *err, ln_source_weights **out);
void ln_source_weights_close(ln_source_weights *weights);
/* For formats: maps a file (NULL: the source) and gives its number. */
ln_status ln_source_weights_map(ln_source_weights *weights, const char *name, ln_error *err, int32_t *file);
/* Adds a weight whose numbers lie in a file; false when memory is short. What is none of the three types is left out,
 * as is what does not lie within the file. */
bool ln_source_weights_add(ln_source_weights *weights, const ln_source_weight *weight);
/* A copy of file `file` with the values of its weights, the caller's for ln_free; NULL when memory is short. */
uint8_t *ln_source_weights_patch(const ln_source_weights *weights, int32_t file, const float *const *values);
bool ln_source_weights_touches(const ln_source_weights *weights, int32_t file, const float *const *values);
/* What becomes of a number in the weight's type. */
float ln_source_weight_round(const ln_source_weight *weight, float value);
/* A weight's numbers at `to`, in its own type. */
void ln_source_weight_store(const ln_source_weight *weight, const float *values, uint8_t *to);

/* ---- files (export_files.c) ---- */

/* A folder of its own below TMPDIR, or /tmp; the caller's, to remove whole. */
ln_status ln_temp_folder(ln_arena *arena, ln_error *err, const char **out);
ln_status ln_folder_make(const char *path, ln_error *err);
void ln_folder_remove(const char *path);
/* Copies regular files and folders, not links, leaving out files of that name at the top. */
ln_status ln_folder_copy(const char *from, const char *to, const char *without, ln_error *err);

/* ---- which element comes from where (export_map.c) ---- */

/* A constant of floats of the converted source. */
typedef struct ln_export_slot {
  int32_t graph, op, operand; /* where it is read first */
  const ln_tensor *tensor;
  size_t first, count; /* of the map's elements */
  bool differs;        /* its wanted values are others than it has */
  bool settled;        /* it is known which weights it comes from */
} ln_export_slot;

typedef struct ln_export_map {
  ln_arena arena;
  const ln_source_weights *weights;
  const char *folder, *source_name; /* for what is converted on the way */
  const ln_convert_options *options;
  ln_export_slot *slots;
  int32_t slot_count;
  size_t elements;
  float *original, *wanted; /* [elements] as the present weights give them, and as they shall be */
  const float **values;     /* [weights->count] the present weights: at first the source's */
  size_t *owner;            /* [elements] the weights' element that it comes from; SIZE_MAX: none */
  float *factor;            /* [elements] what that is multiplied with */
  size_t *first;            /* [weights->count + 1] numbers of the weights' elements */
  bool *fixed;              /* [weights->count] it says how to convert (a bound, a scale): it is never moved */
  bool tried;               /* which are fixed is known */
} ln_export_map;

ln_status ln_export_map_open(const ln_model *converted, ln_export_map *map, ln_error *err);
/* Finds the owners of all slots that differ; LN_ERR_UNSUPPORTED, naming the first, where one has none. */
ln_status ln_export_map_solve(ln_export_map *map, ln_error *err);
/* Converts the source with these values and reads the slots: [elements]. */
ln_status ln_export_map_convert(const ln_export_map *map, const float *const *values, float *out, ln_error *err);

#endif

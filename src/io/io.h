/* What the files of src/io share: decoders behind one front, and byte order. */
#ifndef LN_IO_IO_H
#define LN_IO_IO_H

#include "base/base.h"
#include "linnet/data.h"
#include "linnet/io.h"

static inline uint16_t ln_le16(const uint8_t *p) { return (uint16_t)(p[0] | p[1] << 8); }
static inline uint32_t ln_le32(const uint8_t *p) { return (uint32_t)ln_le16(p) | (uint32_t)ln_le16(p + 2) << 16; }

/* A picture or sound this large on a side, or in bytes, is refused before memory is taken for it. */
enum { LN_IMAGE_MAX_SIDE = 32768, LN_IMAGE_MAX_PIXELS = 1 << 28, LN_SOUND_MAX_SAMPLES = 1 << 28 };

/* Checks the limits and allocates `pixels`. */
ln_status ln_image_alloc(int32_t width, int32_t height, int32_t channels, ln_error *err, ln_image *out);

ln_status ln_bmp_decode(const uint8_t *data, size_t size, ln_error *err, ln_image *out);
ln_status ln_jpeg_decode(const uint8_t *data, size_t size, ln_error *err, ln_image *out);
ln_status ln_png_decode(const uint8_t *data, size_t size, ln_error *err, ln_image *out);

/* The library behind each and its version; NULL when built without it. */
const char *ln_jpeg_library(void);
const char *ln_png_library(void);
const char *ln_sound_library(void);
const char *ln_resample_library(void);
const char *ln_zip_library(void);
const char *ln_gzip_library(void);
const char *ln_json_library(void);

/* ---- arrays and archives ---- */

/* The array where it lies in `data`, unless it has to be turned or is of strings: then it is `owned` and to be freed.
 */
ln_status ln_npy_view(const void *data, size_t size, ln_error *err, ln_array *out, bool *owned);

/* A file of a zip archive of at most `most` bytes; the caller's, for ln_free. LN_ERR_NOT_FOUND without one. */
ln_status ln_zip_read(const void *data, size_t size, const char *name, size_t most, ln_error *err, void **out,
                      size_t *out_size);
/* The same where it lies in `data`; NULL for one that is compressed or not there. */
const void *ln_zip_view(const void *data, size_t size, const char *name, size_t *out_size);
/* The name of its file `index`; false past the last and for a name that does not fit. */
bool ln_zip_name(const void *data, size_t size, int32_t index, char *name, size_t room);

bool ln_gzip_is(const void *data, size_t size);
/* The caller's, for ln_free. */
ln_status ln_gzip_unpack(const void *data, size_t size, ln_error *err, void **out, size_t *out_size);

/* ---- samples (data.c) ---- */

/* What is unpacked from an archive stays below it. */
#define LN_DATA_MAX_UNPACKED ((size_t)1 << 31)

/* A file's bytes, unpacked where it was packed by gzip. */
typedef struct ln_data_blob {
  ln_file_map map;
  void *unpacked; /* NULL: the map's own */
  const uint8_t *data;
  size_t size;
} ln_data_blob;

ln_status ln_data_blob_open(const char *path, ln_error *err, ln_data_blob *out);
void ln_data_blob_close(ln_data_blob *blob);

/* An array in a blob or in memory of its own. */
typedef struct ln_data_array {
  ln_array array;
  bool owned;
} ln_data_array;

/* .npy or IDX by its first bytes. */
ln_status ln_data_array_open(const void *data, size_t size, ln_error *err, ln_data_array *out);
void ln_data_array_close(ln_data_array *array);
/* Element `index` as a number; NaN for a type without numbers. */
double ln_data_number(const ln_array *array, size_t index);

/* How numbers of an array become an input's. */
typedef enum ln_data_rule {
  LN_DATA_REAL,   /* as they are */
  LN_DATA_PIXELS, /* (value - mean) / std */
  LN_DATA_STORED, /* the input's own integers */
  LN_DATA_FLIPPED /* the same once 128 is taken away */
} ln_data_rule;

/* An input of the model, as the file declares it, and what fills it. */
typedef struct ln_data_input {
  const char *name;
  ln_type type;
  int32_t rank;
  int32_t dims[LN_MAX_RANK]; /* -1: open */
  int32_t scale_count;
  float scale;
  int64_t zero_point;
  ln_tensor_info info; /* what pictures are normalised by, filled in where the metadata says nothing of a float input */
  ln_data_array source;
  ln_data_rule rule;
  int32_t sample_dims[LN_MAX_RANK]; /* [rank] */
  size_t elements;                  /* of a sample */
  size_t channels, channel_step;    /* the channel of element i is i / step % channels */
} ln_data_input;

/* A file of one sample: a picture or a sound. */
typedef struct ln_data_file {
  const char *path, *name;
  int32_t folder; /* it lies in; -1: none of its own */
  bool decoded;   /* and kept */
  ln_image image; /* of the model's size, or as the file has it where the model leaves it open */
  ln_sound sound; /* one channel, at the model's rate */
} ln_data_file;

/* A column of a table with what is to be learned. */
typedef struct ln_data_column {
  const char *name;
  double *numbers;    /* [samples]; NULL: there are texts */
  int32_t *ids;       /* [samples] the text of each */
  const char **texts; /* [text_count] */
  int32_t text_count;
} ln_data_column;

struct ln_data {
  ln_samples samples;
  ln_labelled labelled;
  ln_arena arena;
  const char *path;
  ln_model_info *info;
  ln_data_blob blob;
  ln_data_input *inputs; /* [input_count] */
  int32_t input_count;
  int32_t classes; /* of the model's first output; 0: not known */
  size_t outputs;  /* elements of it for a sample; 0: not known */
  ln_io_kind kind; /* of the files; LN_IO_NPY: there are arrays */
  ln_data_file *files;
  int64_t file_count;
  const char **folders; /* [folder_count] */
  int32_t folder_count;
  int64_t windows; /* of the one sound; 0: a sample each file */
  struct ln_data_cache *cache;
  int32_t *labels;     /* [samples.count, label_count]; NULL */
  int64_t label_count; /* 1 but for classes of positions */
  float *targets;      /* [samples.count, target_count]; NULL */
  int64_t target_count;
  float *weights;           /* [samples.count]; NULL */
  const char **class_names; /* [class_count]; NULL where a class has none */
  int32_t class_count;
  ln_data_column column;     /* of a table; without a name: none */
  ln_data_array label_array; /* of an archive, until labels are taken */
  const char *notes[2];
};

static inline bool ln_data_is_float(ln_type type) {
  return type == LN_FLOAT32 || type == LN_FLOAT16 || type == LN_BFLOAT16 || type == LN_FLOAT64;
}

/* What is to be learned, once the samples are there (data_labels.c, data_train.c). */
ln_status ln_data_take_labels(ln_data *data, const ln_model *model, const ln_data_options *options, ln_error *err);
/* The same from numbers of any type [samples, ...]: values, classes or both, as they fit the model's output. */
ln_status ln_data_take_targets(ln_data *data, const ln_array *array, ln_error *err);
/* What the first input is filled with. */
ln_status ln_data_take_inputs(ln_data *data, ln_error *err);
ln_status ln_data_take_weights(ln_data *data, const char *path, ln_error *err);

/* A table (data_csv.c); `labels` may name the column with what is to be learned: `*taken` says whether it does. */
bool ln_data_is_csv(const char *path);
ln_status ln_data_open_csv(ln_data *data, const char *labels, bool *taken, ln_error *err);

/* An array for each input: from the blob, whose first bytes say what it is (data_array.c). */
ln_status ln_data_open_arrays(ln_data *data, ln_error *err);
ln_status ln_data_fill_arrays(const ln_data *data, int64_t index, ln_session *session, ln_error *err);
/* Takes samples of `input` from its source. */
ln_status ln_data_take_array(ln_data *data, ln_data_input *input, ln_error *err);
/* Element `element` of sample `index` as a float input holds it. */
float ln_data_value(const ln_data_input *input, int64_t index, size_t element);
/* A folder of files, or one file (data_file.c). */
ln_status ln_data_open_files(ln_data *data, size_t cache_bytes, ln_error *err);
ln_status ln_data_fill_file(const ln_data *data, int64_t index, ln_session *session, ln_error *err);
void ln_data_close_files(ln_data *data);
/* Gives a session's input these dimensions where it has others. */
ln_status ln_data_resize(ln_session *session, int32_t index, const int32_t *dims, int32_t rank, ln_error *err);

#endif

/*
 * Files around a model: NumPy arrays, pictures, sound, labels. A library of its own (linnet_io) over liblinnet; the
 * outside libraries it uses are optional when it is built, and a call that needs a missing one says so with
 * LN_ERR_FEATURE. Messages do not repeat the path that the caller gave.
 */
#ifndef LINNET_IO_H
#define LINNET_IO_H

#include "linnet/metadata.h"
#include "linnet/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Outside libraries in this build: "libjpeg-turbo 2.1.5", ...; NULL past the last one. Static storage. */
LN_API const char *ln_io_library(int32_t index);

/* What a file is by its first bytes. */
typedef enum ln_io_kind {
  LN_IO_UNKNOWN = 0,
  LN_IO_NPY,
  LN_IO_IMAGE, /* JPEG, PNG or BMP */
  LN_IO_SOUND, /* WAV; FLAC, Ogg and AIFF with libsndfile */
  LN_IO_TEXT   /* no control characters but white space in the first kilobyte */
} ln_io_kind;

LN_API ln_status ln_io_detect(const char *path, ln_error *err, ln_io_kind *out);

/* A dense array in row-major order with its own storage: bytes of an element type, packed for 4- and 2-bit types. */
typedef struct ln_array {
  ln_type type;
  int32_t rank;
  int32_t dims[LN_MAX_RANK];
  void *data;
  size_t bytes;
} ln_array;

LN_API void ln_array_free(ln_array *array); /* a zeroed array is fine */

/*
 * .npy files, versions 1 to 3, little-endian, in C or Fortran order (the latter is transposed into C order).
 * 'S' and 'U' arrays become string arrays (UTF-8); 2-byte void ('V2') is bfloat16, as ml_dtypes writes it.
 */
LN_API ln_status ln_npy_read(const char *path, ln_error *err, ln_array *out);
LN_API ln_status ln_npy_decode(const void *data, size_t size, ln_error *err, ln_array *out);
/* Integers under 8 bits are written as int8 or uint8; strings as 'S'. `*out` is the caller's, for ln_io_free. */
LN_API ln_status ln_npy_encode(const ln_tensor *tensor, ln_error *err, void **out, size_t *size);
LN_API const char *ln_npy_dtype(ln_type type); /* the name NumPy gives to what is written: "float32", "int8" */
LN_API void ln_io_free(void *memory);

/* Writes a whole file beside its name and renames it into place, so that nothing half-written stays. */
LN_API ln_status ln_io_write(const char *path, const void *data, size_t size, ln_error *err);
/* Reads a whole file ("-": standard input) with a NUL added behind it; `*out` is the caller's, for ln_io_free. */
LN_API ln_status ln_io_read(const char *path, ln_error *err, char **out, size_t *size);

/* What the deflate method of zip files makes of the bytes at its best; -1 in a build without zlib. */
LN_API int64_t ln_io_deflated_bytes(const void *data, size_t size);

/* 8-bit pictures: rows from the top, pixels from the left, 1 (gray) or 3 (RGB) channels. */
typedef struct ln_image {
  int32_t width, height, channels;
  uint8_t *pixels; /* [height, width, channels] */
} ln_image;

/* JPEG, PNG (transparent parts over black, 16 bits become 8) or BMP (8-bit palette, 24 and 32 bits). */
LN_API ln_status ln_image_read(const char *path, ln_error *err, ln_image *out);
LN_API ln_status ln_image_decode(const void *data, size_t size, ln_error *err, ln_image *out);
LN_API void ln_image_free(ln_image *image); /* a zeroed image is fine */
/* Bilinear between pixel centres, edges repeated, no smoothing before a reduction (as most models were trained). */
LN_API ln_status ln_image_resize(const ln_image *image, int32_t width, int32_t height, ln_error *err, ln_image *out);
/* Gray by the weights 0.299 R + 0.587 G + 0.114 B, or gray repeated in three channels. */
LN_API ln_status ln_image_convert(const ln_image *image, int32_t channels, ln_error *err, ln_image *out);

/* How a tensor takes a picture. */
typedef struct ln_image_layout {
  int32_t width, height, channels; /* 0 while the model leaves it open */
  bool channels_first;
} ln_image_layout;

/* From dimensions like [1, H, W, C], [1, C, H, W] or [1, H, W]; LN_ERR_SHAPE when they hold no picture. */
LN_API ln_status ln_image_layout_of(const int32_t *dims, int32_t rank, ln_error *err, ln_image_layout *out);
/* Fills what dimensions leave open (-1) for a picture: by the metadata's default size (`info` may be NULL), else by its
 * own. */
LN_API ln_status ln_image_fit(const ln_image *image, const ln_tensor_info *info, int32_t *dims, int32_t rank,
                              ln_error *err);
/*
 * Writes a picture, resized and converted to the tensor's layout, into a tensor of floats, of bytes or of quantized
 * integers. With `info`'s normalisation real = (value - mean) / std, quantized where the tensor is; without (`info`
 * NULL, or silent on it) uint8 takes the bytes as they are, int8 the bytes less 128, and others (value - 127.5) /
 * 127.5.
 */
LN_API ln_status ln_image_to_tensor(const ln_image *image, const ln_tensor_info *info, ln_tensor *tensor,
                                    ln_error *err);

/* Sound: samples in [-1, 1), channels interleaved. */
typedef struct ln_sound {
  int32_t rate, channels;
  size_t frames;
  float *samples; /* [frames, channels] */
} ln_sound;

/* PCM WAV in every build; what else libsndfile reads where the build has it. */
LN_API ln_status ln_sound_read(const char *path, ln_error *err, ln_sound *out);
LN_API void ln_sound_free(ln_sound *sound);
LN_API void ln_sound_to_mono(ln_sound *sound); /* the mean of the channels, in place */
/* Another sampling rate; needs libsamplerate unless the rate is the same already. */
LN_API ln_status ln_sound_resample(ln_sound *sound, int32_t rate, ln_error *err);

/* Fills what dimensions of a float32 or int16 tensor leave open (-1) for a sound of one channel; LN_ERR_SHAPE when they
 * hold none. */
LN_API ln_status ln_sound_fit(const ln_sound *sound, ln_type type, int32_t *dims, int32_t rank, ln_error *err);
/* How many windows of `length` samples it has, one after the other, a last one less than half full left out; at least
 * 1. */
LN_API int64_t ln_sound_windows(const ln_sound *sound, size_t length);
/* Writes as many samples as the tensor holds, from `start` on, silence behind the end: times 32768 into integers of 16
 * bits without a scale, else as real values. */
LN_API ln_status ln_sound_to_tensor(const ln_sound *sound, size_t start, ln_tensor *tensor, ln_error *err);

/* Names of classes: a line each, or lines "12 name" (or "12: name") that give their own numbers. */
typedef struct ln_labels ln_labels;

LN_API ln_status ln_labels_read(const char *path, ln_error *err, ln_labels **out);
LN_API ln_status ln_labels_parse(const void *text, size_t size, ln_error *err, ln_labels **out);
LN_API void ln_labels_destroy(ln_labels *labels);                         /* NULL is fine */
LN_API int32_t ln_labels_count(const ln_labels *labels);                  /* one past the highest number; 0 for NULL */
LN_API const char *ln_labels_get(const ln_labels *labels, int32_t index); /* NULL when there is none of that number */

/* A file of the archive appended to a model; LN_ERR_NOT_FOUND when absent. `*out` is the caller's, for ln_io_free. */
LN_API ln_status ln_io_model_file(const ln_model *model, const char *name, ln_error *err, void **out, size_t *size);
/*
 * The labels of an output (in graph order; -1: the first labels of any output) from the model's metadata and archive.
 * LN_ERR_NOT_FOUND when it has none. `kind` (may be NULL) tells whether they name an axis or the tensor's values.
 */
LN_API ln_status ln_io_model_labels(const ln_model *model, int32_t graph, int32_t output, ln_error *err,
                                    ln_file_kind *kind, ln_labels **out);

#ifdef __cplusplus
}
#endif
#endif

/*
 * What a model's author says about it: names and descriptions, how inputs are normalised, which files (labels,
 * vocabularies) belong to it. Read from the model's TFLITE_METADATA; the files themselves stand in an archive appended
 * to the model (linnet/io.h reads them).
 */
#ifndef LINNET_METADATA_H
#define LINNET_METADATA_H

#include "linnet/model.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Owns every string and array that the calls below give. */
typedef struct ln_model_info ln_model_info;

/* LN_ERR_NOT_FOUND when the model holds no metadata of this kind. The info outlives the model. */
LN_API ln_status ln_model_info_read(const ln_model *model, ln_error *err, ln_model_info **out);
LN_API void ln_model_info_destroy(ln_model_info *info); /* NULL is fine */

/* Each is "" when absent. */
LN_API const char *ln_model_info_name(const ln_model_info *info);
LN_API const char *ln_model_info_description(const ln_model_info *info);
LN_API const char *ln_model_info_version(const ln_model_info *info);
LN_API const char *ln_model_info_author(const ln_model_info *info);
LN_API const char *ln_model_info_license(const ln_model_info *info);
LN_API const char *ln_model_info_min_parser_version(const ln_model_info *info);

typedef enum ln_content {
  LN_CONTENT_UNKNOWN = 0,
  LN_CONTENT_FEATURES = 1,
  LN_CONTENT_IMAGE = 2,
  LN_CONTENT_BOXES = 3,
  LN_CONTENT_AUDIO = 4
} ln_content;

typedef struct ln_tensor_info {
  size_t size;      /* sizeof(ln_tensor_info), set by the caller */
  const char *name; /* "" when absent, as all strings here */
  const char *description;
  ln_content content;
  int32_t color_space;    /* of an image: 0 unknown, 1 RGB, 2 grayscale */
  uint32_t default_width; /* of an image whose tensor has no fixed size; 0 unknown */
  uint32_t default_height;
  uint32_t sample_rate; /* of sound, in Hz; 0 unknown */
  uint32_t channels;
  const float *mean;  /* [mean_count] real = (value - mean) / std, one for all channels or one each */
  const float *std;   /* [std_count] */
  int32_t mean_count; /* 0 when the metadata says nothing of normalisation */
  int32_t std_count;
  bool has_threshold; /* scores below `threshold` are of low confidence */
  float threshold;
  const float *min;  /* [min_count] of the values that the tensor holds, one for all channels or one each */
  const float *max;  /* [max_count] */
  int32_t min_count; /* 0 when the metadata does not say */
  int32_t max_count;
} ln_tensor_info;

/* Inputs and outputs in the order of the graph (not of a signature's keys). */
LN_API int32_t ln_model_info_tensor_count(const ln_model_info *info, int32_t graph, bool outputs);
LN_API ln_status ln_model_info_tensor(const ln_model_info *info, int32_t graph, bool outputs, int32_t index,
                                      ln_tensor_info *out);

typedef enum ln_file_kind {
  LN_FILE_UNKNOWN = 0,
  LN_FILE_DESCRIPTIONS = 1,
  LN_FILE_AXIS_LABELS = 2,  /* line i names index i of the tensor's last axis */
  LN_FILE_VALUE_LABELS = 3, /* line i names the value i of the tensor */
  LN_FILE_SCORE_CALIBRATION = 4,
  LN_FILE_VOCABULARY = 5,
  LN_FILE_SCANN_INDEX = 6
} ln_file_kind;

LN_API const char *ln_file_kind_name(ln_file_kind kind); /* "axis labels" */

typedef struct ln_file_info {
  size_t size; /* sizeof(ln_file_info), set by the caller */
  const char *name;
  const char *description;
  const char *locale;
  ln_file_kind kind;
  int32_t graph;  /* -1: of the whole model */
  int32_t tensor; /* place among the graph's inputs or outputs; -1: of the whole graph */
  bool of_output;
} ln_file_info;

LN_API int32_t ln_model_info_file_count(const ln_model_info *info);
LN_API ln_status ln_model_info_file(const ln_model_info *info, int32_t index, ln_file_info *out);

#ifdef __cplusplus
}
#endif
#endif

/*
 * What Linnet adds to the TfLite C API: functions of libtensorflowlite_c, for programs that know whose it is. All else
 * is declared in include/tensorflow/lite/c.
 */
#ifndef LINNET_TFLITE_H
#define LINNET_TFLITE_H

#include "linnet/session.h"

#ifdef __cplusplus
extern "C" {
#endif

struct TfLiteInterpreterOptions;

/*
 * Files that the model's operators (Save, Restore and their like) may read and write. A program that does not say has
 * what the environment's LINNET_FILES says, "given", "any" or "none", and LN_FILES_GIVEN without that: a path that the
 * program passes as an input, as apps that train on the device do, needs neither.
 */
LN_API void LnTfLiteInterpreterOptionsSetFiles(struct TfLiteInterpreterOptions *options, ln_file_access files);

#ifdef __cplusplus
}
#endif
#endif

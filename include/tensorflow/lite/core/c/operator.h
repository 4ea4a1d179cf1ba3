/* The opaque form of an operator's registration. A kernel of a program's own is given as a TfLiteRegistration
 * (common.h, c_api_experimental.h). */
#ifndef TENSORFLOW_LITE_CORE_C_OPERATOR_H_
#define TENSORFLOW_LITE_CORE_C_OPERATOR_H_

#include <stdint.h>
#include <stdlib.h>

#include "tensorflow/lite/builtin_ops.h"
#include "tensorflow/lite/core/async/c/types.h"
#include "tensorflow/lite/core/c/c_api_types.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct TfLiteOperator TfLiteOperator;

#ifdef __cplusplus
}
#endif
#endif

/* What operators of ai.onnx.ml share (ops_ml.c): scores, labels, tables. */
#ifndef LN_IMPORT_ONNX_ONNX_ML_H
#define LN_IMPORT_ONNX_ONNX_ML_H

#include "import/onnx/onnx_lists.h"

/* A constant of one dimension from a list of floats, or the tensor that newer versions have in its stead; -1: none. */
int32_t ln_onnx_ml_floats(ln_onnx_node *n, const char *list, const char *tensor);
/* int64 or string [classes] of the attributes "<prefix>ints" (or int64s) and "<prefix>strings"; -1 and a failure
 * without. */
int32_t ln_onnx_ml_labels(ln_onnx_node *n, const char *ints, const char *strings);

typedef enum ln_onnx_transform {
  LN_ONNX_AS_IT_IS,
  LN_ONNX_SOFTMAX,
  LN_ONNX_LOGISTIC,
  LN_ONNX_SOFTMAX_ZERO, /* zeros stay */
  LN_ONNX_PROBIT
} ln_onnx_transform;
bool ln_onnx_ml_transform(ln_onnx_node *n, ln_onnx_transform *out);
/* float32 [n, classes]. */
int32_t ln_onnx_ml_transformed(ln_emit *e, ln_onnx_transform how, int32_t scores);

/* Sets label and scores. One score [n, 1] of two classes is the second's, which is the label where it is more than
 * `threshold`; the first has what is missing to `whole`. */
void ln_onnx_ml_classify(ln_onnx_node *n, int32_t labels, int32_t scores, ln_onnx_transform how, double threshold,
                         double whole);

#endif

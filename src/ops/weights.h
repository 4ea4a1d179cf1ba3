/* Constant weights in the plain form that products are packed from, whatever form a file keeps them in. */
#ifndef LN_OPS_WEIGHTS_H
#define LN_OPS_WEIGHTS_H

#include "ops/ops.h"

typedef struct ln_weights {
  const void *data;
  void *owned; /* freed by ln_weights_free; NULL when `data` is the tensor's own */
} ln_weights;

/*
 * Dense float or int8 values of a constant tensor [rows, columns]. Sparse tensors are made dense; int4 becomes int8, or
 * floats when it is quantized in blocks. The tensor's own data where it is in that form already.
 */
ln_status ln_weights_open(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_weights *out);
void ln_weights_free(ln_weights *weights);

#endif

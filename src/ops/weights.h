/* Weights in whatever form a file keeps them, read as the plain floats or bytes that products are packed from. */
#ifndef LN_OPS_WEIGHTS_H
#define LN_OPS_WEIGHTS_H

#include "ops/ops.h"

struct ln_weights_band;

typedef struct ln_weights {
  const ln_tensor *tensor;
  const void *data;                      /* the stored elements, dense */
  void *owned;                           /* sparse weights made dense; freed by ln_weights_close */
  struct ln_weights_band *band;          /* sparse weights of which a band of rows is dense: then `data` is NULL */
  ln_type plain;                         /* what is read: LN_FLOAT32, LN_INT8 or LN_UINT8 */
  const ln_tensor *scales, *zero_points; /* of weights quantized in blocks, which are read as floats; NULL: none */
} ln_weights;

/*
 * What a tensor's elements are read as: floats for float32, float16, bfloat16 and whatever is quantized in blocks; int8
 * for int8, int4 and int2; uint8 for uint8 and uint4.
 */
ln_type ln_weights_plain_type(const ln_tensor *tensor);
/* Of the types that an operator meets (base/selection.h): whether weights that are read as bytes may be among them. */
#define LN_WEIGHTS_IN_BYTES(types) (LN_IN(types, LN_INT8) || LN_IN(types, LN_UINT8))
/*
 * Opens weights that hold data: constants in prepare, others in run. `node` finds the scales of blocks and is named in
 * messages. Without sparsity nothing is allocated, and nothing fails that did not fail in prepare.
 */
ln_status ln_weights_open(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_weights *out);
/* The same for who reads each row once or twice, in rising order: of sparse weights only a few rows are dense at a
 * time. */
ln_status ln_weights_open_rows(const ln_node *node, const ln_tensor *tensor, ln_error *err, ln_weights *out);
void ln_weights_close(ln_weights *weights);
/* `data` is in the plain form as it is. */
bool ln_weights_is_plain(const ln_weights *weights);
/* Elements [first, first + count), in storage order, in the plain form. */
void ln_weights_read(const ln_weights *weights, size_t first, size_t count, void *to);
/* Tells forms of one constant apart: what packed weights are kept under, beside the data's address. */
int64_t ln_weights_form(const ln_weights *weights);

/*
 * All elements in the plain form. A constant that is not in it already is unpacked into the cache once; of other
 * tensors the data are NULL before the run, which gives them to ln_weights_read. LN_ERR_MEMORY is told by the caller.
 */
ln_status ln_weights_unpack(const ln_node *node, ln_prep *prep, const ln_tensor *tensor, const void **out);

#endif

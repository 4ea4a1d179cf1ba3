/* The matrices of recurrent layers, from tensors to the form that kernels/recurrent.h takes. */
#ifndef LN_OPS_RECURRENT_H
#define LN_OPS_RECURRENT_H

#include "kernels/recurrent.h"
#include "ops/ops.h"

ln_recurrent_functions ln_recurrent_functions_get(void);

/* How vectors are quantized that meet `weights`. TFLite takes the bytes of uint8 weights for int8. */
static inline ln_recurrent_mode ln_recurrent_mode_of(const ln_tensor *weights, bool asymmetric) {
  if (weights->type == LN_FLOAT32) return LN_RECURRENT_FLOAT;
  return asymmetric ? LN_RECURRENT_ASYMMETRIC : LN_RECURRENT_SYMMETRIC;
}

/* Int8 weights of the node's input must have one scale. Absent inputs and floats pass. */
ln_status ln_recurrent_check_scale(const ln_node *node, int32_t input, ln_error *err);

/* The sums of the rows of int8 weights, which vectors with a zero point need: made once when the weights are constant,
 * else in every run. */
typedef struct ln_recurrent_sums {
  int32_t *values; /* [rows]; NULL: not needed */
  bool constant;
} ln_recurrent_sums;
ln_status ln_recurrent_prepare_sums(const ln_node *node, int32_t input, ln_recurrent_mode mode, ln_prep *prep,
                                    ln_recurrent_sums *sums);

/* The matrix for this run; none when the input is absent. */
ln_recurrent_matrix ln_recurrent_bind(const ln_node *node, int32_t input, const ln_recurrent_sums *sums);

#endif

/*
 * The operator that passes/fuse_attention.c makes of two batched products with a softmax in between:
 * out = softmax(beta (scale q k + mask)) v, over inputs q [.., m, depth], k [.., depth, n], v [.., n, width] and the
 * mask (absent: none). It stands in no file: its row is here and in no list.
 */
#ifndef LN_OPS_ATTENTION_FUSED_H
#define LN_OPS_ATTENTION_FUSED_H

#include "ops/ops.h"

typedef struct ln_attention_options {
  bool k_turned, v_turned; /* k is [.., n, depth]; v is [.., width, n] */
  float scale, beta;
  /* Where the graph reshaped the scores: the shape that the mask broadcasts to, and the second product's batches. */
  bool reshaped;
  ln_shape scores, out_batch;
} ln_attention_options;

extern const ln_op_def ln_op_fused_attention;

#endif

/*
 * FULLY_CONNECTED of floats with constant weights of 4 bits in blocks: the weights stay in 4 bits, the floats become
 * 16-bit integers, block by block (kernels/matvec_i4.h).
 */
#ifndef LN_OPS_FC_BLOCKS_H
#define LN_OPS_FC_BLOCKS_H

#include "ops/ops.h"
#include "ops/weights.h"

typedef struct ln_fc_blocks {
  int32_t m, n, k, block, blocks, panels;
  size_t panel_bytes;
  const void *panels_data; /* of the cache */
  float low, high;
  size_t low_at, scales_at, starts_at; /* in node scratch, behind the high bytes: [m] vectors each */
} ln_fc_blocks;

/* Whether weights [n, k] that are open are of the kind. */
bool ln_fc_blocks_apply(const ln_weights *weights);
/* Packs the weights and asks for node scratch; LN_ERR_MEMORY is told by the caller. */
ln_status ln_fc_blocks_prepare(ln_fc_blocks *fc, ln_node *node, ln_prep *prep, const ln_weights *weights);
/* bias: [n] or NULL. */
void ln_fc_blocks_run(const ln_fc_blocks *fc, const ln_exec *exec, const float *in, const float *bias, float *out);

#endif

/* What the integer results of products with weights are scaled by: convolutions, depthwise ones, fully-connected
 * layers. */
#ifndef LN_OPS_PRODUCT_SCALES_H
#define LN_OPS_PRODUCT_SCALES_H

#include "ops/ops.h"

/* How TFLite combines the three scales: their float or double products round differently. */
typedef enum ln_scale_rule {
  LN_SCALES_PER_CHANNEL, /* double(in) * double(weights[j]) / double(out), also for one scale */
  LN_SCALES_PER_TENSOR   /* double(float(in * weights)) / double(out) */
} ln_scale_rule;

/*
 * The real multiplier of each of `channels` outputs in `arena`; weights are quantized per tensor or along `axis` of
 * `channels` elements. Fails when a scale is missing, negative or not finite, or uint8 zero points differ.
 */
ln_status ln_product_scales(const ln_node *node, ln_arena *arena, const ln_tensor *in, const ln_tensor *weights,
                            const ln_tensor *out, int32_t channels, int32_t axis, ln_scale_rule rule, ln_error *err,
                            const double **scales, int32_t *count);

#endif

/*
 * DEPTHWISE_CONV_2D of one input channel: every output channel filters the same image, which is an ordinary convolution
 * and runs as a matrix product.
 */
#ifndef LN_OPS_DEPTHWISE_PRODUCT_H
#define LN_OPS_DEPTHWISE_PRODUCT_H

#include "ops/conv_plan.h"

typedef struct ln_depthwise_product ln_depthwise_product;

/*
 * For floats and bytes with a constant filter [1, h, w, out_c] and no bias or a constant one. `shape` has in_c = 1 and
 * is countable. The result lives in prepare's arena.
 */
ln_status ln_depthwise_product_prepare(ln_node *node, ln_prep *prep, const ln_conv_shape *shape,
                                       ln_depthwise_product **out);
void ln_depthwise_product_run(const ln_depthwise_product *product, const ln_node *node, const ln_exec *exec);

#endif

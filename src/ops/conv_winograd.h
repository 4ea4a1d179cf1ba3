/*
 * CONV_2D of floats with 3x3 filters and stride 1 through Winograd's F(4x4, 3x3) (kernels/winograd.h). Tiles of the
 * image are transformed a block at a time, every one of the 36 points is a matrix product over the channels, and the
 * products are transformed back.
 */
#ifndef LN_OPS_CONV_WINOGRAD_H
#define LN_OPS_CONV_WINOGRAD_H

#include "ops/conv_plan.h"

typedef struct ln_winograd ln_winograd;

/* Whether it can be computed so. */
bool ln_winograd_fits(const ln_conv_shape *shape);
/* Of one that fits: whether it is faster than the plain product for a convolution of this shape, from measured costs.
 */
bool ln_winograd_wins(const ln_conv_shape *shape);
/* Packs the node's filter through the cache, or in each run where it is no constant; the result lives in prepare's
 * arena. LN_ERR_MEMORY untold. */
ln_status ln_winograd_prepare(ln_node *node, ln_prep *prep, const ln_conv_shape *shape, float low, float high,
                              ln_winograd **out);
ln_status ln_winograd_run(const ln_winograd *w, const ln_node *node, const ln_exec *exec);

#endif

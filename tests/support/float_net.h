/* A small network of floats for what changes models: a convolution, an inverted bottleneck and a classifier. */
#ifndef LN_TESTS_FLOAT_NET_H
#define LN_TESTS_FLOAT_NET_H

#include "ir/ir.h"
#include "linnet/optimize.h"

enum { FLOAT_NET_SIDE = 6, FLOAT_NET_CHANNELS = 8, FLOAT_NET_CLASSES = 12 };

/*
 * [1, 6, 6, 8] -> CONV_2D 3x3 to 16 -> 1x1 to 128 -> DEPTHWISE_CONV_2D 3x3 -> 1x1 to 16 -> RESHAPE -> FULLY_CONNECTED
 * to 12. All but the last two clamp as `activation` says. `spread`: channels' weights lie up to so many powers of two
 * apart. Read from a file; the caller's, for ln_model_destroy.
 */
ln_model *float_net(int32_t activation, float spread);
/* Inputs that are made from a sample's number, about -1 .. 1. */
extern const ln_samples float_net_samples;
/* The outputs of sample `index`, [FLOAT_NET_CLASSES]. */
void float_net_run(ln_model *model, int64_t index, float *out);

#endif

/* Sparse constants made dense: for DENSIFY, and for operators whose weights are sparse themselves. */
#ifndef LN_OPS_DENSIFY_H
#define LN_OPS_DENSIFY_H

#include "ops/ops.h"

/*
 * Writes the elements of `tensor`, stored in TFLite's sparse encoding, densely to `dense` (the bytes of its shape).
 * False, with *reason set, when the encoding contradicts itself or the shape.
 */
bool ln_densify(const ln_tensor *tensor, void *dense, const char **reason);

#endif

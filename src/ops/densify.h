/* Sparse constants made dense: for DENSIFY, and for operators whose weights are sparse themselves. */
#ifndef LN_OPS_DENSIFY_H
#define LN_OPS_DENSIFY_H

#include "kernels/densify.h"
#include "ops/ops.h"

/*
 * Writes the elements of `tensor`, stored in TFLite's sparse encoding, densely to `dense` (the bytes of its shape).
 * False, with *reason set, when the encoding contradicts itself or the shape.
 */
bool ln_densify(const ln_tensor *tensor, void *dense, const char **reason);

/* A sparse constant that is made dense a band of rows (elements of one or a few indices of dimension 0) at a time. */
typedef struct ln_densify_rows {
  const ln_tensor *tensor;
  ln_sparse_level levels[LN_SPARSE_LEVELS];
  int32_t level_count;
  int32_t bands;
  size_t band_bytes, band_items;
} ln_densify_rows;

/* False where the encoding is no list of rows, or contradicts the shape. */
bool ln_densify_rows_open(const ln_tensor *tensor, ln_densify_rows *out);
/* Writes one band to `dense`, band_bytes. False when the encoding contradicts itself. */
bool ln_densify_band(const ln_densify_rows *rows, int32_t band, void *dense);

#endif

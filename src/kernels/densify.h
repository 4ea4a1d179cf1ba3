/* Expanding TFLite's sparse encoding into dense rows. */
#ifndef LN_KERNELS_DENSIFY_H
#define LN_KERNELS_DENSIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "linnet/tensor.h"

enum { LN_SPARSE_LEVELS = 2 * LN_MAX_RANK };

/* A list of indices of 1, 2 (unsigned) or 4 (signed) bytes each, as the file holds it. */
typedef struct ln_sparse_list {
  const void *data;
  uint32_t count;
  int32_t width;
} ln_sparse_list;

/*
 * One level of the traversal, outermost first. Dense: every index below `extent`. Sparse: under index p of the level
 * before, the entries segments[p] .. segments[p + 1] of `indices`. An index moves the destination by `stride` bytes.
 */
typedef struct ln_sparse_level {
  bool dense;
  int32_t extent; /* indices are below it */
  size_t stride;
  ln_sparse_list segments, indices;
} ln_sparse_level;

/*
 * Copies `count` stored items of `item_bytes` to their places in `dst`, whose other bytes stay as they are. False when
 * a list contradicts the extents or does not use the stored items exactly: nothing outside dst was touched then.
 */
bool ln_k_densify(const ln_sparse_level *levels, int32_t level_count, const void *items, size_t count,
                  size_t item_bytes, void *dst);
/*
 * The same for what lies under index `band` of the outermost level, which is dense: as if dst was the whole destination
 * less band * levels[0].stride bytes.
 */
bool ln_k_densify_band(const ln_sparse_level *levels, int32_t level_count, size_t band, const void *items, size_t count,
                       size_t item_bytes, void *dst);

#endif

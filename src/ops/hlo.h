/* What StableHLO's operators share. */
#ifndef LN_OPS_HLO_H
#define LN_OPS_HLO_H

#include "kernels/binary.h"
#include "ops/move.h"

/* Output 0's shape as the file declares it, for operators whose result type says what nothing else does. */
ln_status ln_hlo_declared_shape(const ln_node *node, ln_shape *shape, ln_error *err);
/* Whether `values` are `count` different axes of a tensor of `rank`. */
bool ln_hlo_are_axes(const ln_vec_i64 *values, int32_t rank);
/* Whether `values` holds `axis`; *place is where. */
bool ln_hlo_find_axis(const ln_vec_i64 *values, int32_t axis, int32_t *place);

/* Strides, dilations and window extents are at most this, so that places fit int64. */
enum { LN_HLO_EXTENT_LIMIT = INT32_MAX };
/* An attribute of one number for each of `rank` dimensions, or absent; numbers lie within [1, LN_HLO_EXTENT_LIMIT]. */
ln_status ln_hlo_extents(const ln_node *node, const ln_vec_i64 *values, const char *name, int32_t rank,
                         int64_t out[LN_MAX_RANK], ln_error *err);
/* Paddings of a dimension, in pairs of low and high or absent; negative ones crop. */
ln_status ln_hlo_paddings(const ln_node *node, const ln_vec_i64 *values, int32_t rank, int64_t low[LN_MAX_RANK],
                          int64_t high[LN_MAX_RANK], ln_error *err);
/* Elements that `extent` of them reach over when they stand `by` apart. */
static inline int64_t ln_hlo_dilated(int64_t extent, int64_t by) { return extent == 0 ? 0 : (extent - 1) * by + 1; }

/* Element `index` of a tensor of integers; what int64 cannot hold is its greatest. */
int64_t ln_hlo_index(const ln_tensor *tensor, size_t index);

/* The vectors of numbers along dimension `index_vector_dim` of a tensor of indices; without it, each number is one. */
typedef struct ln_hlo_vectors {
  ln_shape batch; /* the other dimensions */
  size_t strides[LN_MAX_RANK];
  size_t count;   /* of vectors */
  int32_t length; /* of a vector */
  size_t step;    /* elements from one of its numbers to the next */
} ln_hlo_vectors;

/* False when there is no such dimension, or vectors are longer than LN_MAX_RANK. */
bool ln_hlo_vectors_make(const ln_shape *indices, int64_t index_vector_dim, ln_hlo_vectors *out);
/* Vector `place` scattered over the axes that `map` names; the others are 0. */
void ln_hlo_vector_read(const ln_hlo_vectors *vectors, const ln_tensor *indices, const ln_vec_i64 *map, size_t place,
                        int64_t out[LN_MAX_RANK]);

/* The kernel that computes stored values as they are, of any type that StableHLO's operators take; NULL for none. */
ln_binary_fn *ln_hlo_kernel(ln_binary_op op, ln_type type);

#endif

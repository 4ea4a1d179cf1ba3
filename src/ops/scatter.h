/* Updates joined to the places of a tensor that indices name: TensorScatter* and the scatters into variables. */
#ifndef LN_OPS_SCATTER_H
#define LN_OPS_SCATTER_H

#include "kernels/binary.h"
#include "ops/ops.h"

typedef struct ln_scatter {
  ln_tensor *to;
  const ln_tensor *indices; /* [rows, depth] int32 or int64 */
  const ln_tensor *updates; /* [rows, dimensions of `to` from `depth` on], or one value with `one_value` */
  int32_t depth;            /* coordinates of an index */
  size_t rows;
  bool one_value;
  ln_binary_fn *join; /* NULL: an update takes the place */
} ln_scatter;

/* The join of an ln_binary_op on a type; NULL when there is none. */
ln_binary_fn *ln_scatter_kernel(int32_t op, ln_type type);
/* The shapes of a tensor, of indices [.., depth] and of updates [.., rest of the tensor] go together. */
bool ln_scatter_fits(const ln_shape *tensor, const ln_shape *indices, const ln_shape *updates);
/* Shapes have been checked; fails at an index out of range, where updates before it have been made. */
ln_status ln_scatter_run(const ln_node *node, const ln_scatter *s, ln_error *err);

#endif

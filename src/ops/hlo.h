/* What StableHLO's operators share. */
#ifndef LN_OPS_HLO_H
#define LN_OPS_HLO_H

#include "ops/move.h"

/* Output 0's shape as the file declares it, for operators whose result type says what nothing else does. */
ln_status ln_hlo_declared_shape(const ln_node *node, ln_shape *shape, ln_error *err);
/* Whether `values` are `count` different axes of a tensor of `rank`. */
bool ln_hlo_are_axes(const ln_vec_i64 *values, int32_t rank);
/* Whether `values` holds `axis`; *place is where. */
bool ln_hlo_find_axis(const ln_vec_i64 *values, int32_t axis, int32_t *place);

#endif

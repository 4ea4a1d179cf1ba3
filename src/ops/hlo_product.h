/*
 * What DOT_GENERAL and CONVOLUTION share: the type that products are computed in, operands brought into it in another
 * order of dimensions, and products of what is so arranged (stablehlo_dot_general.c).
 */
#ifndef LN_OPS_HLO_PRODUCT_H
#define LN_OPS_HLO_PRODUCT_H

#include "ops/elementwise.h"
#include "ops/gemm_plan.h"
#include "ops/hlo.h"

/* What products are computed in: operands are brought to `in`, sums come as `out`. f32 for floats of 16 and 32 bits,
 * f64, c64, i64 for integers; where bytes are packed, operands of 8 bits stay as they are and sums of up to 32 are i32.
 */
typedef struct ln_hlo_compute {
  ln_number in[2], out;
  bool packed; /* gemm_plan.h multiplies it */
} ln_hlo_compute;

ln_hlo_compute ln_hlo_compute_of(const ln_node *node, bool packs_bytes);
size_t ln_hlo_number_bytes(ln_number number);
/* Plans a packed product; LN_ERR_MEMORY for sizes that overflow. */
ln_status ln_hlo_plan(ln_gemm_plan *plan, const ln_hlo_compute *compute, int32_t groups, int32_t n, int32_t segments,
                      int32_t segment_length);
/* Operands and output go together; neither operand is quantized. */
ln_status ln_hlo_check_product_types(const ln_node *node, ln_error *err);
/* The tensor's elements are such numbers as they are. */
bool ln_hlo_is_native(const ln_tensor *tensor, ln_number number);
/* Bytes of `elements` of `bytes` each, aligned; added to *total, whose old value goes to *at. False on overflow. */
bool ln_hlo_reserve(size_t *total, size_t elements, size_t bytes, size_t *at);

/* A tensor's elements as such numbers: themselves, or cast into `cast`. */
const void *ln_hlo_cast_operand(const ln_tensor *tensor, ln_number number, void *cast);

/* The elements of dimensions `axes` together; true when they are one behind another, *stride elements from one to the
 * next (1 where there is but one). */
bool ln_hlo_merge_axes(const ln_shape *shape, const int32_t *axes, int32_t count, size_t *elements, size_t *stride);
/* Whether elements lie in the order of dimensions that `order` [rank] names. */
bool ln_hlo_in_order(const ln_shape *shape, const int32_t *order);
/* Copies elements of `bytes` bytes into that order, or with `back` from it into the shape's own; dimensions in the mask
 * `reversed` are read from their end (not with `back`). */
void ln_hlo_reorder(const ln_exec *exec, const ln_shape *shape, const int32_t *order, uint32_t reversed, bool back,
                    size_t bytes, const void *from, void *to);

/* Source of a packed product's B: `data` are numbers of f32, i8 or u8. The tensor is filled in to stand for it. */
ln_weights ln_hlo_plain_weights(const void *data, ln_number number, ln_tensor *stand_in);

#endif

/* What the data-moving operators share: element sizes, byte strides, plans run on the thread pool. */
#ifndef LN_OPS_MOVE_H
#define LN_OPS_MOVE_H

#include "kernels/copy.h"
#include "ops/ops.h"

/* Bytes an element takes; 0 for types that do not come in whole bytes of a fixed number. */
size_t ln_item_bytes(const ln_tensor *tensor);
/* True when the tensor has no elements. Its shape must be known. */
bool ln_tensor_is_empty(const ln_tensor *tensor);
/* The distance in bytes between neighbours along each dimension; the tensor must not be empty. */
void ln_byte_strides(const ln_tensor *tensor, size_t strides[LN_MAX_RANK]);
/* A scalar (or one-element) int32 or int64 input; LN_INFER_LATER when not known yet. */
ln_status ln_node_int(const ln_node *node, int32_t input, int64_t *value, ln_error *err);
/* The same, as an axis of a tensor of `rank`. */
ln_status ln_node_axis(const ln_node *node, int32_t input, int32_t rank, int32_t *axis, ln_error *err);
/* The values of an index input during a run, where they are always there. */
ln_status ln_run_ints(const ln_node *node, int32_t input, int64_t *values, int32_t capacity, int32_t *count,
                      ln_error *err);
/* Simplifies the plan and runs it, big ones on several threads. */
void ln_move(const ln_exec *exec, ln_copy_plan *plan, const void *src, void *dst);
/* memcpy, big ones on several threads; none at all when both are the same memory. */
void ln_move_bytes(const ln_exec *exec, const void *src, void *dst, size_t bytes);
/* Output `index` takes the data of input `index`, which is of its type and has as many elements. */
ln_status ln_hand_on(const ln_node *node, int32_t index, ln_exec *exec);
/* Appends a dimension; false when it is negative, beyond int32 or one too many. */
bool ln_shape_push(ln_shape *shape, int64_t extent);

/* Whether a box of so many elements along each dimension of a dense tensor lies in one piece. */
bool ln_box_is_dense(const ln_shape *in, const int64_t *extents);

#endif

/* What element-wise operators share: loop nests of broadcast shapes, and work split over threads. */
#ifndef LN_OPS_ELEMENTWISE_H
#define LN_OPS_ELEMENTWISE_H

#include "kernels/convert.h"
#include "kernels/nest.h"
#include "ops/ops.h"

/* A broadcast with dimensions merged as far as all inputs allow; the innermost one is contiguous or constant. */
typedef struct ln_nest {
  int32_t rank; /* at least 1 */
  int32_t inputs;
  size_t dims[LN_NEST_RANK]; /* of the output, outermost first */
  size_t steps[LN_NEST_INPUTS]
              [LN_NEST_RANK]; /* elements that an input moves along a dimension; 0 where it is repeated */
  size_t elements;            /* of the output */
} ln_nest;

/* The inputs' shapes broadcast to `out`, which infer has made sure of; all are known. */
void ln_nest_make(ln_nest *nest, const ln_shape *out, const ln_shape *const *inputs, int32_t count);

/* Computes one block: element offsets of its beginning in each input and in the output. */
typedef void (*ln_block_task)(const void *context, const size_t *offsets, size_t out_offset, const ln_block *block);
/* Runs all blocks, split into tasks of about LN_ELEMENT_GRAIN elements. */
void ln_nest_run(const ln_nest *nest, ln_pool *pool, ln_block_task task, const void *context);
/* The output's elements [first, first + count) alone, on the caller's thread. */
void ln_nest_span(const ln_nest *nest, size_t first, size_t count, ln_block_task task, const void *context);

enum { LN_ELEMENT_GRAIN = 8192 };

/* Elements [first, first + count) of a dense array. */
typedef void (*ln_span_task)(const void *context, size_t first, size_t count);
/* Splits `count` items into tasks of `grain`. */
void ln_spans_run(ln_pool *pool, size_t count, size_t grain, ln_span_task task, const void *context);

/* A tensor's scale and zero point, checked: one positive finite scale and a zero point that its type can hold. */
ln_status ln_node_scale(const ln_node *node, const ln_tensor *tensor, ln_error *err, double *scale,
                        int32_t *zero_point);
/*
 * Fills `lut` (LN_LUT_I16 points of kernels/unary.h) with a real function of int16 values; every point is moved by half
 * of what interpolation misses in the middle of its interval.
 */
void ln_lut_i16_make(int16_t *lut, float in_scale, int32_t in_zero, float out_scale, int32_t out_zero,
                     float (*fn)(const void *context, float x), const void *context);
/* The smallest and largest value that an 8- or 16-bit integer type (or int32) stores. */
void ln_type_range(ln_type type, int32_t *low, int32_t *high);
/* The type as ln_k_cast names it, of those that CAST takes (cast.c). */
ln_number ln_number_of(ln_type type);
static inline size_t ln_type_bytes(ln_type type) { return (size_t)ln_type_bits(type) / 8; }

#endif

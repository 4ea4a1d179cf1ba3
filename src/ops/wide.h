/*
 * Tensors as doubles: operators that run once for every float type. Inputs are widened into the node's scratch before
 * their loops and outputs narrowed after them; float64 tensors are used where they stand.
 */
#ifndef LN_OPS_WIDE_H
#define LN_OPS_WIDE_H

#include "ops/ops.h"

enum { LN_WIDE_TENSORS = 8 };

/* Complex numbers are pairs of doubles. */
typedef struct ln_wide {
  const double *in[LN_WIDE_TENSORS];
  double *out[LN_WIDE_TENSORS];
  double *extra;
} ln_wide;

/* In prepare, when all shapes are known: asks for the scratch, and for `extra` doubles besides. Inputs that are no
 * numbers, or absent, are skipped. */
ln_status ln_wide_reserve(ln_node *node, ln_prep *prep, size_t extra);
/* In run. */
void ln_wide_open(const ln_node *node, const ln_exec *exec, ln_wide *wide);
void ln_wide_close(const ln_node *node, const ln_wide *wide);

/* Doubles that a tensor takes when widened; 0 for one that is used where it stands. */
size_t ln_wide_count(const ln_tensor *tensor);
/* Integers of at most 32 bits are exact as doubles, their products are not: those in 64 bits that wrap around, and what
 * arithmetic in `type` would have left of such a number. */
static inline uint64_t ln_wide_product(double x, double y) { return (uint64_t)(int64_t)x * (uint64_t)(int64_t)y; }
double ln_wide_wrap(ln_type type, uint64_t bits);
bool ln_wide_is_whole(ln_type type); /* an integer of at most 32 bits */

/* The widening itself, of `count` elements: numbers of any type to doubles and back. */
void ln_wide_load(ln_type type, const void *in, size_t count, double *out);
void ln_wide_store(ln_type type, const double *in, size_t count, void *out);

#endif
